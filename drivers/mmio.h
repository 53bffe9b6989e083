/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Access to device registers, and the barriers that go with devices that read memory.
 *
 * Functions, not macros: the image links arch/aarch64/mmio.c, host tests link
 * tests/fake/fake_mmio.c, and the driver objects are the same for both. Each access is one
 * single-copy-atomic load or store of the named width, in program order with the other
 * accesses to the same device (Device-nGnRE), little-endian. Addresses must be naturally
 * aligned.
 */
#ifndef DRIVERS_MMIO_H
#define DRIVERS_MMIO_H

#include <stdint.h>

#include "core/base/err.h"

uint8_t mmio_read8(uintptr_t addr);
uint16_t mmio_read16(uintptr_t addr);
uint32_t mmio_read32(uintptr_t addr);
uint64_t mmio_read64(uintptr_t addr);
void mmio_write8(uintptr_t addr, uint8_t value);
void mmio_write16(uintptr_t addr, uint16_t value);
void mmio_write32(uintptr_t addr, uint32_t value);
void mmio_write64(uintptr_t addr, uint64_t value);

/** All earlier accesses of this CPU have completed, to memory and to devices (DSB SY). */
void mmio_complete(void);
/** Stores to memory before it are seen by a device before any store after it (DMB OSHST). */
void mmio_wmb(void);
/** Loads before it are done before any load after it: after an index, before the data (DMB OSHLD). */
void mmio_rmb(void);
/** Stores before it are seen before loads after it are done: publish an index, then read a flag (DMB OSH). */
void mmio_mb(void);

/** Where a bounded wait takes its time from. */
struct mmio_clock {
	uint64_t (*time_us)(void *ctx); /* monotonic */
	void *ctx;
};

/** Reads of one register in a poll, whatever the clock says: a clock that stands still ends too. */
#define MMIO_POLL_READS_MAX 10000000u

/**
 * Read addr until (value read & mask) == value. For bring-up only: it spins.
 *
 * @return ERR_OK; ERR_TIMEOUT after timeout_us.
 */
enum err mmio_poll32(
	uintptr_t addr, uint32_t mask, uint32_t value, uint64_t timeout_us, const struct mmio_clock *clock) MUST_CHECK;

#endif
