/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Device log (migration/dirty.h, "device-log"): the pages that the device may write, which are the
 * buffers of posted receive descriptors, and the rings where descriptors are written back.
 * A page counts from the moment it is posted, and again at every harvest until its descriptor was
 * seen to be completed: the write may come after the page was sent.
 *
 * Completion may write over the address of the buffer, so what is posted is remembered here. Doorbells
 * trap while the log is on; it begins by trapping them, then takes what is in flight as posted.
 */
#include "core/base/addr.h"
#include "core/base/bitmap.h"
#include "core/base/bytes.h"
#include "drivers/vfio/e1000e_priv.h"

#define PAGES_BITS	5u
#define PAGES_MAX	((1u << PAGES_BITS) - 1u)
#define SPLIT_BUFFERS	4u
#define SPLIT_DESCS	2u
#define HASH_MULTIPLIER UINT32_C(2654435761)
#define PAGE_NUMBER_MAX (UINT32_MAX >> PAGES_BITS)

_Static_assert((E1000E_LOG_SLOTS & (E1000E_LOG_SLOTS - 1)) == 0, "a power of two");

static void page_add(struct e1000e_log *log, uint32_t page)
{
	uint32_t at = page * HASH_MULTIPLIER / (UINT32_MAX / E1000E_LOG_SLOTS + 1);

	for (uint32_t n = 0; n < E1000E_LOG_SLOTS; n++, at = (at + 1) % E1000E_LOG_SLOTS) {
		if (log->set[at] == page + 1) {
			return;
		}
		if (log->set[at] == 0) {
			break;
		}
	}
	if (log->count == E1000E_LOG_PAGES_MAX) {
		log->lost = true;
		return;
	}
	log->set[at] = page + 1;
	log->count++;
}

static void posted_add(struct e1000e_log *log, uint32_t posted)
{
	for (uint32_t i = 0; i < (posted & PAGES_MAX); i++) {
		page_add(log, (posted >> PAGES_BITS) + i);
	}
}

/**
 * The pages of a range that the device may write; 0 when it is none of the VM's. Where it begins or ends outside
 * its RAM the SMMU lets the device write a part of it: such a guest gets no exact log.
 */
static uint32_t posted_of(struct e1000e *e, uint64_t iova, uint32_t len_bytes)
{
	const struct e1000e_host_ops *ops = e->config.ops;
	uint64_t page, ignored;
	uint32_t pages;

	if (len_bytes == 0) {
		return 0;
	}
	if (iova > UINT64_MAX - len_bytes || ops->ram_page(e->config.ctx, iova, len_bytes, &page) != ERR_OK) {
		for (uint64_t at = 0; at < len_bytes; at += PAGE_BYTES) {
			if (ops->ram_page(e->config.ctx, iova + at, 1, &ignored) == ERR_OK) {
				e->log.unsure = true;
			}
		}
		if (ops->ram_page(e->config.ctx, iova + len_bytes - 1, 1, &ignored) == ERR_OK) {
			e->log.unsure = true;
		}
		return 0;
	}
	pages = (uint32_t)(((iova & PAGE_MASK) + len_bytes + PAGE_MASK) >> PAGE_SHIFT);
	if (pages > PAGES_MAX || page > PAGE_NUMBER_MAX) {
		e->log.unsure = true;
		return 0;
	}
	return (uint32_t)page << PAGES_BITS | pages;
}

/* ---- how the guest has set up reception ---- */

struct shape {
	uint32_t descs; /* of 16 bytes, for each posted descriptor */
	uint32_t buffers;
	uint32_t len_bytes[SPLIT_BUFFERS];
};

static struct shape shape_read(const struct e1000e *e)
{
	static const uint32_t small[4] = { 2048, 1024, 512, 256 };
	/* With BSEX; the first is reserved and taken for the largest. */
	static const uint32_t large[4] = { 16384, 16384, 8192, 4096 };
	uint32_t rctl = e->rctl;
	uint32_t code = FIELD_GET(E1000E_RCTL_BSIZE, rctl);
	uint32_t flex = FIELD_GET(E1000E_RCTL_FLXBUF, rctl);
	struct shape s = { .descs = 1, .buffers = 1 };

	s.len_bytes[0] = (rctl & E1000E_RCTL_BSEX) != 0 ? large[code] : small[code];
	if (flex != 0) {
		s.len_bytes[0] = MAX(s.len_bytes[0], flex * 1024u);
	}
	if (FIELD_GET(E1000E_RCTL_DTYP, rctl) != 0 && (e1000e_reg(e, E1000E_RFCTL) & E1000E_RFCTL_EXTEN) != 0) {
		uint32_t psrctl = e1000e_reg(e, E1000E_PSRCTL);

		s = (struct shape){ .descs = SPLIT_DESCS, .buffers = SPLIT_BUFFERS };
		s.len_bytes[0] = FIELD_GET(E1000E_PSRCTL_BSIZE0, psrctl) * 128u;
		s.len_bytes[1] = FIELD_GET(E1000E_PSRCTL_BSIZE1, psrctl) * 1024u;
		s.len_bytes[2] = FIELD_GET(E1000E_PSRCTL_BSIZE2, psrctl) * 1024u;
		s.len_bytes[3] = FIELD_GET(E1000E_PSRCTL_BSIZE3, psrctl) * 1024u;
	}
	return s;
}

/** Pages that hold descriptors [from, to) of a ring, from below to. */
static void ring_pages_add(struct e1000e *e, const struct e1000e_ring *r, uint32_t from, uint32_t to)
{
	uint64_t first = r->base + (uint64_t)from * E1000E_DESC_BYTES;
	uint64_t len_bytes = (uint64_t)(to - from) * E1000E_DESC_BYTES;
	uint64_t pages = ((first & PAGE_MASK) + len_bytes + PAGE_MASK) >> PAGE_SHIFT;

	for (uint64_t i = 0; i < pages; i++) {
		uint64_t page;

		if (e->config.ops->ram_page(e->config.ctx, (first & ~(uint64_t)PAGE_MASK) + i * PAGE_BYTES, 1, &page) ==
			ERR_OK) {
			page_add(&e->log, (uint32_t)page);
		}
	}
}

void e1000e_log_ring(struct e1000e *e, const struct e1000e_ring *r, uint32_t from, uint32_t to)
{
	if (!e->log.on || from == to || from >= r->count || to >= r->count) {
		return;
	}
	if (from <= to) {
		ring_pages_add(e, r, from, to);
	} else {
		ring_pages_add(e, r, from, r->count);
		ring_pages_add(e, r, 0, to);
	}
}

/** One descriptor was posted: remember its buffers. */
static void desc_posted(struct e1000e *e, uint32_t q, uint32_t at, const struct shape *s)
{
	const struct e1000e_ring *r = &e->rx[q];
	uint8_t desc[SPLIT_DESCS * E1000E_DESC_BYTES];

	if (e->config.ops->ram_read(e->config.ctx, r->base + (uint64_t)at * E1000E_DESC_BYTES, desc,
		    s->descs * E1000E_DESC_BYTES) != ERR_OK) {
		return; /* nor can the device read it */
	}
	e->log.posted[q][at][1] = 0;
	for (uint32_t b = 0; b < s->buffers; b++) {
		uint32_t posted = posted_of(e, load_le64(desc + 8u * b), s->len_bytes[b]);

		/* Two in the first half, two in the second, which belongs to the same descriptor. */
		e->log.posted[q][at + b / 2][b % 2] = posted;
		posted_add(&e->log, posted);
	}
}

void e1000e_log_rx_posted(struct e1000e *e, uint32_t q, uint32_t tail)
{
	struct e1000e_ring *r = &e->rx[q];
	struct shape s;

	if (!e->log.on || r->count == 0 || tail >= r->count || r->tail >= r->count) {
		r->tail = tail;
		return;
	}
	s = shape_read(e);
	if (r->count > E1000E_RING_MAX || r->count % s.descs != 0 || r->tail % s.descs != 0 || tail % s.descs != 0) {
		e->log.unsure = true;
		r->tail = tail;
		return;
	}
	e1000e_log_ring(e, r, r->tail, tail);
	for (uint32_t n = 0; n < E1000E_RING_MAX && r->tail != tail; n++) {
		desc_posted(e, q, r->tail, &s);
		r->tail = (r->tail + s.descs) % r->count;
	}
}

static void rx_arm(struct e1000e *e, uint32_t q)
{
	struct e1000e_ring *r = &e->rx[q];
	uint32_t tail;

	*r = e1000e_ring_read(e, E1000E_RX_RING(q));
	tail = r->tail;
	if (e1000e_ring_sound(r)) {
		r->tail = r->head;
	}
	e1000e_log_rx_posted(e, q, tail);
}

void e1000e_log_arm(struct e1000e *e)
{
	e->log.unsure = false;
	for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
		rx_arm(e, q);
		if (e1000e_ring_sound(&e->tx[q])) {
			e1000e_log_ring(e, &e->tx[q], e->tx[q].head, e->tx[q].tail);
		}
	}
}

/* ---- harvest ---- */

/** What is still posted counts again. The head moves on after the data: reading it pushes posted writes ahead of the answer. */
static void carry_over(struct e1000e *e, uint32_t q)
{
	struct e1000e_ring *rx = &e->rx[q], *tx = &e->tx[q];
	uint32_t rx_head = e1000e_reg(e, E1000E_RX_RING(q) + E1000E_RING_HEAD);
	uint32_t tx_head = e1000e_reg(e, E1000E_TX_RING(q) + E1000E_RING_HEAD);

	if (tx->count != 0 && tx_head < tx->count) {
		tx->head = tx_head;
		e1000e_log_ring(e, tx, tx->head, tx->tail);
	}
	if (rx->count == 0 || rx_head >= rx->count || rx->tail >= rx->count || rx->count > E1000E_RING_MAX) {
		return;
	}
	rx->head = rx_head;
	e1000e_log_ring(e, rx, rx->head, rx->tail);
	for (uint32_t n = 0, at = rx->head; n < E1000E_RING_MAX && at != rx->tail; n++) {
		posted_add(&e->log, e->log.posted[q][at][0]);
		posted_add(&e->log, e->log.posted[q][at][1]);
		at = e1000e_ring_step(rx, at);
	}
}

static void set_clear(struct e1000e_log *log)
{
	for (uint32_t i = 0; i < E1000E_LOG_SLOTS; i++) {
		log->set[i] = 0;
	}
	log->count = 0;
	log->lost = false;
}

static enum err log_start(void *ctx)
{
	struct e1000e *e = ctx;
	enum err err;

	spin_lock(&e->lock);
	set_clear(&e->log);
	e->log.on = true;
	err = e1000e_traps_update(e);
	if (err == ERR_OK) {
		e1000e_log_arm(e);
	} else {
		e->log.on = false;
	}
	spin_unlock(&e->lock);
	return err;
}

static enum err log_harvest(void *ctx, struct dirty_cursor *cursor, uint64_t *map)
{
	struct e1000e *e = ctx;
	enum err err = ERR_OK;

	(void)cursor;
	spin_lock(&e->lock);
	if (!e->log.on) {
		spin_unlock(&e->lock);
		return ERR_LOST;
	}
	for (uint32_t i = 0; i < E1000E_LOG_SLOTS; i++) {
		if (e->log.set[i] != 0) {
			bitmap_set(map, e->log.set[i] - 1);
		}
	}
	if (e->log.lost || e->log.unsure) {
		err = ERR_LOST;
	}
	set_clear(&e->log);
	for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
		carry_over(e, q);
	}
	spin_unlock(&e->lock);
	return err;
}

static void log_stop(void *ctx)
{
	struct e1000e *e = ctx;

	spin_lock(&e->lock);
	e->log.on = false;
	/* Accesses that still trap are served all the same. */
	(void)!e1000e_traps_update(e);
	spin_unlock(&e->lock);
}

const struct dirty_ops e1000e_dirty_ops = {
	.name = "device-log",
	.start = log_start,
	.harvest = log_harvest,
	.stop = log_stop,
};
