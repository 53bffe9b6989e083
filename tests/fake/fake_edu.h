/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * QEMU's edu, in virtual time: a transfer happens in one piece 100 ms after its start, a
 * factorial takes as long as it is told. Served through tests/fake/fake_mmio.
 *
 * Like the model it stands for, it runs beyond its buffer when asked to; here that is counted.
 */
#ifndef TESTS_FAKE_FAKE_EDU_H
#define TESTS_FAKE_FAKE_EDU_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_EDU_BUFFER_BYTES 4096u
#define FAKE_EDU_TRANSFER_US  100000u

struct fake_edu {
	/* Set by the test. */
	const uint64_t *now_us;
	uint8_t *(*memory)(void *ctx, uint64_t iova, uint64_t len_bytes); /* NULL: fault */
	void *ctx;
	uint64_t compute_us;	       /* how long a factorial takes */
	uint64_t irq_lag_us;	       /* from its end to its interrupt */
	bool bus_master, intx_enabled; /* the physical COMMAND register */

	/* Registers. */
	uint32_t id, inverse, factorial, status, irq_status;
	uint64_t dma_src, dma_dst, dma_count, dma_cmd;
	uint8_t buffer[FAKE_EDU_BUFFER_BYTES];

	/* Inside. */
	uint64_t dma_end_us, compute_end_us, irq_at_us;
	bool irq_due;

	/* Counted. */
	uint64_t overruns, faults, dropped, starts;
};

void fake_edu_init(struct fake_edu *f, const uint64_t *now_us);
/** Serve its registers at base (call after fake_mmio_reset). */
void fake_edu_map(struct fake_edu *f, uintptr_t base);
/** Let everything that is due happen. */
void fake_edu_update(struct fake_edu *f);
/** The wire. */
bool fake_edu_intx(struct fake_edu *f);

#endif
