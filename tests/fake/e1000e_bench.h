/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A host with an e1000e under test: the fake device, the driver, the VM's RAM, and what a guest's driver does: rings of
 * its own, doorbells that trap or do not, as the driver has asked the board.
 *
 * For unit tests, the fuzzer and the conformance suite.
 */
#ifndef TESTS_FAKE_E1000E_BENCH_H
#define TESTS_FAKE_E1000E_BENCH_H

#include "core/base/addr.h"
#include "drivers/vfio/e1000e.h"
#include "tests/fake/fake_e1000e.h"

#define BENCH_RAM_BASE	   UINT64_C(0x40000000)
#define BENCH_RAM_PAGES	   256u
#define BENCH_SCRATCH_IOVA UINT64_C(0x3f000000)
#define BENCH_REGS(n)	   ((uintptr_t)0x10000000 + (uintptr_t)(n)*0x100000)

/* Where the guest has its rings: a page each; and buffers of a page from there on. */
#define BENCH_TX_RING	   (BENCH_RAM_BASE + 0 * PAGE_BYTES)
#define BENCH_RX_RING	   (BENCH_RAM_BASE + 1 * PAGE_BYTES)
#define BENCH_TX_BUFFERS   (BENCH_RAM_BASE + 8 * PAGE_BYTES)
#define BENCH_RX_BUFFERS   (BENCH_RAM_BASE + 64 * PAGE_BYTES)
#define BENCH_DESCS	   64u

struct e1000e_bench {
	struct fake_e1000e dev;
	struct e1000e e;
	struct device device;
	uint64_t *now_us;
	uint8_t ram[BENCH_RAM_PAGES * PAGE_BYTES];
	uint8_t scratch[PAGE_BYTES];
	bool wrote[BENCH_RAM_PAGES]; /* by DMA, since the test cleared it */
	uint32_t traps;
	bool isolated, trap_fails;
};

/** A device with the guest's COMMAND on, at BENCH_REGS(n). False when e1000e_init fails. */
bool e1000e_bench_init(struct e1000e_bench *b, uint32_t n, uint64_t *now_us);
/** An access of the guest. ERR_OK unless it trapped and was refused. */
enum err e1000e_bench_write(struct e1000e_bench *b, uint32_t offset, uint32_t value);
enum err e1000e_bench_read(struct e1000e_bench *b, uint32_t offset, uint32_t *value);
/** Both rings, BENCH_DESCS long and zero, everything enabled, all interrupts unmasked. */
void e1000e_bench_open(struct e1000e_bench *b);
/** A descriptor into the transmit ring, unposted. */
void e1000e_bench_tx_desc(struct e1000e_bench *b, uint32_t at, uint64_t low, uint32_t word, uint32_t status);
/** A receive descriptor that gives the device the page'th buffer, unposted. */
void e1000e_bench_rx_desc(struct e1000e_bench *b, uint32_t at, uint64_t iova);
uint8_t *e1000e_bench_ram(struct e1000e_bench *b, uint64_t iova);

#endif
