/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Rings, and the transmit context in force, which no register tells. It is what the last
 * context descriptor said that the device has taken. While doorbells trap each posted descriptor is looked
 * at; what came before is looked for in the ring, backwards from the head: descriptors stay there
 * until the guest writes over them.
 *
 * The places right behind the tail may hold descriptors that the guest has written and not
 * yet posted. A context there counts only if a report of completion behind it shows that the device was past it;
 * otherwise it is not known whether an older one is in force.
 */
#include "core/base/bytes.h"
#include "drivers/vfio/e1000e_priv.h"

#define CHUNK	     32u   /* descriptors read at a time */
#define REPLAY_DESCS 8u	   /* the shortest ring there is */
#define REPLAY_POLLS 1000u /* reads of the head: a descriptor takes less than one */

struct e1000e_ring e1000e_ring_read(const struct e1000e *e, uint32_t regs)
{
	return (struct e1000e_ring){
		.base = (uint64_t)e1000e_reg(e, regs + E1000E_RING_BAH) << 32 |
			(e1000e_reg(e, regs + E1000E_RING_BAL) & ~(E1000E_DESC_BYTES - 1)),
		.count = (e1000e_reg(e, regs + E1000E_RING_LEN) & E1000E_RING_LEN_BITS) / E1000E_DESC_BYTES,
		.head = e1000e_reg(e, regs + E1000E_RING_HEAD),
		.tail = e1000e_reg(e, regs + E1000E_RING_TAIL),
	};
}

static enum err desc_read(const struct e1000e *e, const struct e1000e_ring *r, uint32_t at, uint8_t *out)
{
	return e->config.ops->ram_read(
		e->config.ctx, r->base + (uint64_t)at * E1000E_DESC_BYTES, out, E1000E_DESC_BYTES);
}

static bool is_context(const uint8_t *desc)
{
	uint32_t word = load_le32(desc + 8);

	return (word & E1000E_TX_DEXT) != 0 && FIELD_GET(E1000E_TX_DTYP, word) == E1000E_TX_DTYP_CONTEXT;
}

static bool is_zero(const uint8_t *desc)
{
	return (load_le64(desc) | load_le64(desc + 8)) == 0;
}

static bool is_segmentation(const uint8_t *desc)
{
	return (load_le32(desc + 8) & E1000E_TX_TSE) != 0;
}

/** Kept without what would report its completion. */
static void context_copy(uint8_t *out, const uint8_t *desc)
{
	for (uint32_t i = 0; i < 8; i++) {
		out[i] = desc[i];
	}
	store_le32(out + 8, load_le32(desc + 8) & ~(E1000E_TX_RS | E1000E_TX_IDE));
	store_le32(out + 12, load_le32(desc + 12) & ~UINT32_C(0xff));
}

/** The newest of its kind goes to the end. */
static void context_add(struct e1000e_context *c, const uint8_t *desc)
{
	if (c->count > 0 && is_segmentation(c->desc[c->count - 1]) == is_segmentation(desc)) {
		c->count--;
	} else if (c->count == E1000E_CONTEXTS_MAX) {
		context_copy(c->desc[0], c->desc[1]);
		c->count--;
	}
	context_copy(c->desc[c->count], desc);
	c->count++;
	c->state = E1000E_CONTEXT_KNOWN;
}

struct scan {
	const struct e1000e_ring *ring;
	bool report_seen, report_done; /* of the reports passed, the one nearest to where the scan is */
	bool extended, unused, doubt;
	uint8_t found[E1000E_CONTEXTS_MAX][E1000E_DESC_BYTES]; /* newest first */
	uint32_t count;
};

static void scan_desc(struct scan *s, uint32_t at, const uint8_t *desc)
{
	uint32_t word = load_le32(desc + 8);
	bool sure = e1000e_ring_distance(s->ring, s->ring->tail, at) >= MIN(E1000E_UNPOSTED_MAX, s->ring->count / 2) ||
		    (s->report_seen && s->report_done);

	if (is_zero(desc)) {
		s->unused = true; /* the device came this far, and not around: what is beyond it never took */
		return;
	}
	s->extended |= (word & E1000E_TX_DEXT) != 0;
	if (is_context(desc)) {
		bool again = s->count > 0 && is_segmentation(s->found[0]) == is_segmentation(desc);

		if (sure && !again && s->count < E1000E_CONTEXTS_MAX) {
			context_copy(s->found[s->count], desc);
			s->count++;
		}
		s->doubt |= !sure;
	} else if ((word & E1000E_TX_RS) != 0) {
		s->report_seen = true;
		s->report_done = (load_le32(desc + 12) & E1000E_TX_DD) != 0;
	}
}

/** Backwards from the head to the tail, once around at most. */
static enum err ring_scan(const struct e1000e *e, struct scan *s)
{
	const struct e1000e_ring *r = s->ring;
	uint32_t left = r->count - e1000e_ring_distance(r, r->head, r->tail);
	uint32_t end = r->head; /* exclusive */
	uint8_t chunk[CHUNK * E1000E_DESC_BYTES];

	left = MIN(left, E1000E_RING_MAX);
	for (uint32_t n = 0;
		n <= E1000E_RING_MAX && left > 0 && s->count < E1000E_CONTEXTS_MAX && !s->doubt && !s->unused; n++) {
		uint32_t len;

		end = end == 0 ? r->count : end;
		len = MIN(MIN(end, CHUNK), left);
		if (e->config.ops->ram_read(e->config.ctx, r->base + (uint64_t)(end - len) * E1000E_DESC_BYTES, chunk,
			    len * E1000E_DESC_BYTES) != ERR_OK) {
			return ERR_RANGE;
		}
		for (uint32_t i = len; i > 0 && !s->doubt && !s->unused; i--) {
			scan_desc(s, end - len + i - 1, chunk + (i - 1) * E1000E_DESC_BYTES);
		}
		end -= len;
		left -= len;
	}
	return ERR_OK;
}

/** What the ring tells of the context in force at its head. */
static void context_find(const struct e1000e *e, const struct e1000e_ring *r, struct e1000e_context *c)
{
	struct scan s = { .ring = r };

	if (r->count == 0 || !e1000e_ring_sound(r) || ring_scan(e, &s) != ERR_OK) {
		/* No ring that the device could have taken a context from. */
		c->state = E1000E_CONTEXT_NONE;
		return;
	}
	for (uint32_t i = s.count; i > 0; i--) {
		context_add(c, s.found[i - 1]);
	}
	/*
	 * None found, and nothing was written over: not once around yet, or a driver that speaks legacy descriptors, to
	 * which contexts mean nothing.
	 */
	if (s.count == 0 && !s.doubt && (s.unused || (!s.extended && r->count <= E1000E_RING_MAX))) {
		c->state = E1000E_CONTEXT_NONE;
	}
}

void e1000e_tx_arm(struct e1000e *e, uint32_t q)
{
	struct e1000e_ring *r = &e->tx[q];
	uint32_t tail;

	*r = e1000e_ring_read(e, E1000E_TX_RING(q));
	if (e->context[q].state == E1000E_CONTEXT_UNKNOWN) {
		context_find(e, r, &e->context[q]);
	}
	tail = r->tail;
	r->tail = r->head;
	e1000e_tx_posted(e, q, tail);
}

void e1000e_tx_posted(struct e1000e *e, uint32_t q, uint32_t tail)
{
	struct e1000e_ring *r = &e->tx[q];

	if (r->count == 0 || tail >= r->count || r->tail >= r->count) {
		r->tail = tail;
		return;
	}
	/* A longer ring than this is taken up by the scan when the transmitter has stopped. */
	for (uint32_t n = 0; n < E1000E_RING_MAX && r->tail != tail; n++) {
		uint8_t desc[E1000E_DESC_BYTES];

		if (desc_read(e, r, r->tail, desc) == ERR_OK && is_context(desc)) {
			context_add(&e->context[q], desc);
			e->counts.contexts++;
		}
		r->tail = e1000e_ring_step(r, r->tail);
	}
	r->tail = tail;
}

/** Where the frame begins of which the device has taken the first fragments only; the head if there is none. */
static enum err frame_begin(struct e1000e *e, uint32_t q, uint32_t *begin)
{
	const struct e1000e_ring *r = &e->tx[q];
	uint32_t at = r->head;

	*begin = at;
	if (r->count == 0 || r->head != r->tail) {
		return ERR_OK;
	}
	for (uint32_t n = 0; n < E1000E_FRAGMENTS_MAX; n++) {
		uint8_t desc[E1000E_DESC_BYTES];
		uint32_t word;

		at = at == 0 ? r->count - 1 : at - 1;
		if (desc_read(e, r, at, desc) != ERR_OK) {
			return ERR_OK;
		}
		word = load_le32(desc + 8);
		if (is_context(desc) || (word & E1000E_TX_EOP) != 0 || (word & E1000E_TX_LENGTH) == 0) {
			return ERR_OK;
		}
		*begin = at;
	}
	E1000E_ERROR(e, "e1000e %s: transmit ring %u: a frame of more than %u fragments is not finished", e->config.id,
		q, E1000E_FRAGMENTS_MAX);
	return ERR_UNSUPPORTED;
}

enum err e1000e_tx_settle(struct e1000e *e, uint32_t q)
{
	struct e1000e_context *c = &e->context[q];

	e->tx[q] = e1000e_ring_read(e, E1000E_TX_RING(q));
	if (!e1000e_ring_sound(&e->tx[q])) {
		E1000E_ERROR(e, "e1000e %s: transmit ring %u of %u descriptors: head %u, tail %u", e->config.id, q,
			e->tx[q].count, e->tx[q].head, e->tx[q].tail);
		return ERR_UNSUPPORTED;
	}
	if (e->tx[q].head != e->tx[q].tail) {
		/* The guest has the transmitter off: what it posted is not in force. */
		*c = (struct e1000e_context){ .state = E1000E_CONTEXT_UNKNOWN };
	}
	if (c->state == E1000E_CONTEXT_UNKNOWN) {
		context_find(e, &e->tx[q], c);
	}
	if (c->state == E1000E_CONTEXT_UNKNOWN) {
		E1000E_ERROR(e, "e1000e %s: the transmit context in force on queue %u was overwritten in its ring",
			e->config.id, q);
		return ERR_UNSUPPORTED;
	}
	return frame_begin(e, q, &e->tx_resume[q]);
}

enum err e1000e_tx_replay(struct e1000e *e, uint32_t q, const struct e1000e_context *c)
{
	const uint32_t regs = E1000E_TX_RING(q);
	uint32_t head = 0;

	if (c->count == 0) {
		return ERR_OK;
	}
	for (uint32_t i = 0; i < REPLAY_DESCS * E1000E_DESC_BYTES; i++) {
		e->config.scratch[i] =
			i < c->count * E1000E_DESC_BYTES ? c->desc[i / E1000E_DESC_BYTES][i % E1000E_DESC_BYTES] : 0;
	}
	/* What the device will read must be in memory before it is told. */
	mmio_wmb();
	e1000e_reg_set(e, regs + E1000E_RING_BAL, (uint32_t)e->config.scratch_iova);
	e1000e_reg_set(e, regs + E1000E_RING_BAH, (uint32_t)(e->config.scratch_iova >> 32));
	e1000e_reg_set(e, regs + E1000E_RING_LEN, REPLAY_DESCS * E1000E_DESC_BYTES);
	e1000e_reg_set(e, regs + E1000E_RING_HEAD, 0);
	e1000e_reg_set(e, regs + E1000E_RING_TAIL, 0);
	e1000e_reg_set(e, E1000E_TCTL, E1000E_TCTL_EN);
	e1000e_reg_set(e, regs + E1000E_RING_TAIL, c->count);
	for (uint32_t n = 0; n < REPLAY_POLLS && head != c->count; n++) {
		head = e1000e_reg(e, regs + E1000E_RING_HEAD);
	}
	e1000e_reg_set(e, E1000E_TCTL, 0);
	for (uint32_t i = 0; i < REPLAY_DESCS * E1000E_DESC_BYTES; i++) {
		e->config.scratch[i] = 0;
	}
	if (head != c->count) {
		E1000E_ERROR(e, "e1000e %s: queue %u took %u of %u transmit contexts", e->config.id, q, head, c->count);
		return ERR_IO;
	}
	return ERR_OK;
}
