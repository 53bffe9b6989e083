/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Shared by the files of the e1000e driver only. The caller of all of these holds the lock. */
#ifndef DRIVERS_VFIO_E1000E_PRIV_H
#define DRIVERS_VFIO_E1000E_PRIV_H

#include "core/base/fmt.h"
#include "drivers/mmio.h"
#include "drivers/vfio/e1000e.h"

#define E1000E_ERROR(e, ...) ((void)fmt((e)->error, sizeof((e)->error), __VA_ARGS__))

static inline uint32_t e1000e_reg(const struct e1000e *e, uint32_t offset)
{
	return mmio_read32(e->config.regs + offset);
}

static inline void e1000e_reg_set(const struct e1000e *e, uint32_t offset, uint32_t value)
{
	mmio_write32(e->config.regs + offset, value);
}

static inline uint64_t e1000e_time_us(const struct e1000e *e)
{
	return e->config.ops->time_us(e->config.ctx);
}

/* ---- e1000e_ring.c: rings and transmit contexts ---- */

/** Base, length, head and tail, from the device. regs: E1000E_RX_RING or E1000E_TX_RING. */
struct e1000e_ring e1000e_ring_read(const struct e1000e *e, uint32_t regs);
/** Descriptors from a to b in ring order. */
static inline uint32_t e1000e_ring_distance(const struct e1000e_ring *r, uint32_t a, uint32_t b)
{
	return b >= a ? b - a : b + r->count - a;
}
static inline uint32_t e1000e_ring_step(const struct e1000e_ring *r, uint32_t at)
{
	return at + 1 == r->count ? 0 : at + 1;
}
/** Head and tail lie inside. */
static inline bool e1000e_ring_sound(const struct e1000e_ring *r)
{
	return r->count == 0 || (r->head < r->count && r->tail < r->count);
}
/** Begin to follow the transmit ring of queue q: look for the context in force, take what is in flight as posted. */
void e1000e_tx_arm(struct e1000e *e, uint32_t q);
/** The guest posts descriptors up to tail: contexts among them are the newest. Before the device is told. */
void e1000e_tx_posted(struct e1000e *e, uint32_t q, uint32_t tail);
/** The transmitter is disabled: what is in force, where to resume. ERR_UNSUPPORTED, with e->error. */
enum err e1000e_tx_settle(struct e1000e *e, uint32_t q) MUST_CHECK;
/** The device is reset, disabled: give it the contexts of queue q through the scratch page. ERR_IO, with e->error. */
enum err e1000e_tx_replay(struct e1000e *e, uint32_t q, const struct e1000e_context *c) MUST_CHECK;

/* ---- e1000e_log.c ---- */

/** Everything traps: what the device may write from now on is what its rings hold, taken as posted. */
void e1000e_log_arm(struct e1000e *e);
/** The guest posts receive descriptors up to tail. Before the device is told. */
void e1000e_log_rx_posted(struct e1000e *e, uint32_t q, uint32_t tail);
/** Pages of the ring between two places will be written back. */
void e1000e_log_ring(struct e1000e *e, const struct e1000e_ring *r, uint32_t from, uint32_t to);
extern const struct dirty_ops e1000e_dirty_ops;

/* ---- e1000e_mmio.c ---- */

/** Trap what must trap now. ERR_IO: the board could not. */
enum err e1000e_traps_update(struct e1000e *e) MUST_CHECK;
/** Read all statistics, which clears them, into the part that is kept here. */
void e1000e_stats_take(struct e1000e *e, uint32_t out[E1000E_STATS_COUNT]);

/* ---- e1000e_image.c ---- */

/** Header and EEPROM block, the beginning of every image. */
enum err e1000e_image_begin(struct e1000e *e) MUST_CHECK;
/** State of the stopped device into e->image, whose beginning stays. */
enum err e1000e_image_save(struct e1000e *e) MUST_CHECK;
/** Check e->image whole: nothing of the device is touched. */
enum err e1000e_image_check(struct e1000e *e) MUST_CHECK;
/** As much of it as has arrived: the EEPROM, when it is whole. */
enum err e1000e_image_check_initial(struct e1000e *e) MUST_CHECK;
/** Load e->image, which was checked, into a device that was just reset, and look that it took. */
enum err e1000e_image_load(struct e1000e *e) MUST_CHECK;
struct image_ident e1000e_ident(const struct e1000e *e);

/* ---- e1000e_table.c: the registers that are plainly saved and restored ---- */

struct e1000e_entry {
	uint32_t offset;
	uint32_t count; /* consecutive words */
	uint32_t bits;	/* that may be set in an image */
	uint32_t off;	/* bits kept off while the device is stopped */
	bool verify;	/* reads back as written */
};

extern const struct e1000e_entry e1000e_table[];
extern const uint32_t e1000e_table_count;
extern const uint8_t e1000e_phy_table[E1000E_PHY_COUNT];

/** Word of the table's image that holds the register at offset. */
uint32_t e1000e_table_at(uint32_t offset);
/** One PHY access over MDIC. ERR_IO: it did not end, or with an error. */
enum err e1000e_phy_read(const struct e1000e *e, uint32_t reg, uint32_t *value) MUST_CHECK;
enum err e1000e_phy_write(const struct e1000e *e, uint32_t reg, uint32_t value) MUST_CHECK;
enum err e1000e_eeprom_read(const struct e1000e *e, uint32_t word, uint32_t *value) MUST_CHECK;

#endif
