/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Intel 82574L at the level of its registers: rings with tail doorbells, three shapes of receive descriptors,
 * transmit contexts, interrupt causes and their delays in virtual time, MDIC, EERD, statistics that reading
 * clears. Served through tests/fake/fake_mmio. Written from the manual and from what was measured on QEMU 10.
 *
 * As in the model, work is done inside the write of the doorbell; hold_tx makes it stay undone, as a slow wire does.
 */
#ifndef TESTS_FAKE_FAKE_E1000E_H
#define TESTS_FAKE_FAKE_E1000E_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_E1000E_BAR_BYTES	0x20000u
#define FAKE_E1000E_FRAME_BYTES 16384u

/** What is inside for each transmit queue, and nowhere to be read. */
struct fake_e1000e_tx {
	uint8_t context[2][16]; /* without and with segmentation */
	uint8_t frame[FAKE_E1000E_FRAME_BYTES];
	uint32_t len;
};

struct fake_e1000e {
	/* Set by the test. */
	const uint64_t *now_us;
	uint8_t *(*memory)(void *ctx, uint64_t iova, uint64_t len_bytes); /* NULL: fault */
	void (*wrote)(void *ctx, uint64_t iova, uint64_t len_bytes);	  /* may be NULL */
	/** A frame left. context: that in force, if the frame uses one, else NULL. May be NULL. */
	void (*sent)(void *ctx, uint32_t queue, const uint8_t *frame, uint32_t len, const uint8_t *context);
	void *ctx;
	bool bus_master, intx_enabled; /* the physical COMMAND register */
	bool tidv_reads;	       /* TIDV can be read, as on hardware */
	bool hold_tx;		       /* nothing is sent */
	bool reset_hangs;
	uint32_t deaf_register; /* takes no write; 0: none */
	uint32_t receive_queue;

	/* Inside. */
	uint32_t reg[FAKE_E1000E_BAR_BYTES / 4];
	uint32_t tidv;
	uint16_t phy[32], eeprom[64];
	struct fake_e1000e_tx tx[2];
	uint32_t delayed; /* causes put off */
	uint64_t delayed_until_us;

	/* Counted. */
	uint64_t faults, frames_sent, frames_received, resets, writes;
};

void fake_e1000e_init(struct fake_e1000e *f, const uint64_t *now_us, const uint8_t mac[6]);
/** Serve its registers at base (call after fake_mmio_reset). */
void fake_e1000e_map(struct fake_e1000e *f, uintptr_t base);
/** A frame from the wire. False: nothing took it. */
bool fake_e1000e_receive(struct fake_e1000e *f, const uint8_t *frame, uint32_t len);
/** Send what is posted, and let what is due happen. */
void fake_e1000e_update(struct fake_e1000e *f);
/** The wire. */
bool fake_e1000e_intx(struct fake_e1000e *f);
/** As the guest does where it does not trap. */
uint32_t fake_e1000e_get(struct fake_e1000e *f, uint32_t offset);
void fake_e1000e_set(struct fake_e1000e *f, uint32_t offset, uint32_t value);

#endif
