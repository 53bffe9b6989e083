/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Stands in for arch/aarch64/mmio.c: register windows served by fakes. An access outside
 * every window ends the test. Barriers are counted, and told to one listener.
 */
#ifndef TESTS_FAKE_FAKE_MMIO_H
#define TESTS_FAKE_FAKE_MMIO_H

#include <stdint.h>

#define FAKE_MMIO_WINDOWS_MAX 16u

struct fake_mmio_ops {
	uint64_t (*read)(void *ctx, uint64_t offset, uint32_t size_bytes);
	void (*write)(void *ctx, uint64_t offset, uint32_t size_bytes, uint64_t value);
};

/** Forget all windows and counts. */
void fake_mmio_reset(void);
/** Serve [base, base + size_bytes). ops and ctx stay in use until fake_mmio_reset(). */
void fake_mmio_map(uintptr_t base, uint64_t size_bytes, const struct fake_mmio_ops *ops, void *ctx);
/** Called at each barrier, or NULL. */
void fake_mmio_on_barrier(void (*fn)(void *ctx), void *ctx);
/** Accesses and barriers since the reset. */
uint64_t fake_mmio_reads(void);
uint64_t fake_mmio_writes(void);
uint64_t fake_mmio_barriers(void);

#endif
