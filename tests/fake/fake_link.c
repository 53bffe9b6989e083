/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_link.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/text.h"
#include "tests/fake/sha256.h"

static struct fake_link_end *peer_of(struct fake_link_end *e)
{
	return &e->link->end[1 - e->index];
}

/** Queue an event for an end. Never full in a test that keeps to the credit: the queue is a test's own bound. */
static struct fake_link_event *push(struct fake_link_end *e, enum link_event_kind kind)
{
	struct fake_link_event *ev;

	ASSERT(e->count < FAKE_LINK_EVENTS);
	ev = &e->queue[(e->head + e->count) % FAKE_LINK_EVENTS];
	e->count++;
	*ev = (struct fake_link_event){ .kind = kind, .epoch = e->link->epoch };
	return ev;
}

static void push_text(struct fake_link_end *e, enum link_event_kind kind, enum err err, const char *text)
{
	struct fake_link_event *ev = push(e, kind);

	ev->err = err;
	(void)text_copy(ev->text, sizeof(ev->text), text);
}

/** Whatever waited in this epoch is gone, frames that were told too: their buffers may still be given back. */
static void drain(struct fake_link_end *e)
{
	e->count = 0;
	for (uint32_t i = 0; i < FRAME_POOL_COUNT; i++) {
		e->frames[i].used = false;
	}
	memset(e->under_way, 0, sizeof(e->under_way));
}

static void epoch_end(struct fake_link *l)
{
	l->up = false;
	l->open = false;
	drain(&l->end[0]);
	drain(&l->end[1]);
}

void fake_link_cut(struct fake_link *l)
{
	if (!l->up) {
		return;
	}
	epoch_end(l);
	push_text(&l->end[0], LINK_LOST, ERR_LOST, "the wire was cut");
	push_text(&l->end[1], LINK_LOST, ERR_LOST, "the wire was cut");
}

void fake_link_restart(struct fake_link *l, uint32_t end)
{
	fake_link_cut(l);
	l->end[end].boot += 0x1000;
	l->end[end].remembers = false;
	l->end[end].listening = false;
	drain(&l->end[end]);
}

static enum err op_listen(void *ctx, const struct link_listen *how)
{
	struct fake_link_end *e = ctx;

	e->listening = true;
	(void)text_copy(e->allowed, sizeof(e->allowed), how->allowed_id);
	return ERR_OK;
}

static void op_unlisten(void *ctx)
{
	((struct fake_link_end *)ctx)->listening = false;
}

static void channels_start(struct fake_link *l)
{
	for (uint32_t i = 0; i < 2; i++) {
		memset(l->end[i].next, 0, sizeof(l->end[i].next));
		memset(l->end[i].chain, 0, sizeof(l->end[i].chain));
		memset(l->end[i].under_way, 0, sizeof(l->end[i].under_way));
	}
}

static enum err op_connect(void *ctx, const struct link_connect *how, const struct attempt *attempt,
	const uint8_t *hello, size_t len_bytes)
{
	struct fake_link_end *e = ctx;
	struct fake_link_end *p = peer_of(e);
	struct fake_link *l = e->link;
	struct fake_link_event *ev;

	epoch_end(l);
	if (l->down || !p->listening) {
		push_text(e, LINK_LOST, ERR_LOST, "connection refused");
		return ERR_OK;
	}
	if (!text_equal(how->peer_id, p->id) || !text_equal(p->allowed, e->id)) {
		push_text(e, LINK_REFUSED, ERR_AUTH, "the peer is another host");
		return ERR_OK;
	}
	l->attempt = *attempt;
	(void)text_copy(l->attempt.source, sizeof(l->attempt.source), e->id);
	l->attempt.source_boot = e->boot;
	l->source = e->index;
	l->epoch = 1;
	l->channel_count = how->channel_count;
	l->up = true;
	e->remembers = true;
	p->remembers = true;
	ev = push(p, LINK_HELLO);
	memcpy(ev->bytes, hello, len_bytes);
	ev->len_bytes = len_bytes;
	return ERR_OK;
}

static enum err op_reconnect(void *ctx)
{
	struct fake_link_end *e = ctx;
	struct fake_link_end *p = peer_of(e);
	struct fake_link *l = e->link;
	bool proved = e->remembers && p->remembers;

	epoch_end(l);
	if (l->down || !p->listening) {
		push_text(e, LINK_LOST, ERR_LOST, "connection refused");
		return ERR_OK;
	}
	l->epoch++;
	l->up = true;
	push(p, LINK_RESUMED)->proved = proved;
	push(e, LINK_RESUMED)->proved = proved;
	return ERR_OK;
}

static enum err op_ask(void *ctx, const struct link_connect *how, const struct attempt *attempt)
{
	(void)how;
	((struct fake_link_end *)ctx)->link->attempt = *attempt;
	return op_reconnect(ctx);
}

static enum err op_accept(void *ctx, const uint8_t *hello, size_t len_bytes)
{
	struct fake_link_end *e = ctx;
	struct fake_link *l = e->link;
	struct fake_link_event *ev;

	if (!l->up) {
		return ERR_LOST;
	}
	if (e->index == l->source) {
		l->open = true;
		channels_start(l);
		push(e, LINK_OPEN);
		push(peer_of(e), LINK_OPEN);
		return ERR_OK;
	}
	ev = push(peer_of(e), LINK_HELLO);
	memcpy(ev->bytes, hello, len_bytes);
	ev->len_bytes = len_bytes;
	return ERR_OK;
}

static void op_refuse(void *ctx, const char *reason)
{
	struct fake_link_end *e = ctx;

	epoch_end(e->link);
	push_text(peer_of(e), LINK_REFUSED, ERR_REFUSED, reason);
}

static void tell(struct fake_link_end *e, struct link_event *out)
{
	struct fake_link *l = e->link;
	struct fake_link_event *ev = &e->told;

	*out = (struct link_event){ .kind = ev->kind,
		.err = ev->err,
		.text = ev->text,
		.attempt = &l->attempt,
		.peer = peer_of(e)->id,
		.peer_boot = peer_of(e)->boot,
		.proved = ev->proved,
		.epoch = ev->epoch,
		.type = ev->type,
		.bytes = ev->bytes,
		.len_bytes = ev->len_bytes };
	if (ev->kind == LINK_FRAME) {
		const struct fake_frame *f = &e->frames[ev->frame];

		out->type = f->type;
		out->stream = f->stream;
		out->channel = f->channel;
		out->bytes = f->bytes;
		out->len_bytes = f->len_bytes;
		out->frame = ev->frame;
	}
}

/** True when the event that was to be told is lost to the fault. */
static bool fault_hits(struct fake_link *l, struct fake_link_end *e)
{
	struct fake_link_event *ev = &e->queue[e->head];

	if (l->delivered != l->fault_at || l->fault == FAULT_NONE) {
		return false;
	}
	l->delivered++;
	if (l->fault == FAULT_FLIP && ev->len_bytes != 0) {
		ev->bytes[ev->len_bytes / 2] ^= 0x10;
		return false;
	}
	l->down = l->stay_down;
	fake_link_cut(l);
	return true;
}

static void op_poll(void *ctx, struct link_event *out)
{
	struct fake_link_end *e = ctx;

	*out = (struct link_event){ .kind = LINK_NONE };
	if (e->count == 0 || fault_hits(e->link, e)) {
		return;
	}
	e->told = e->queue[e->head];
	e->head = (e->head + 1) % FAKE_LINK_EVENTS;
	e->count--;
	e->link->delivered++;
	tell(e, out);
}

static enum err op_send(void *ctx, uint16_t type, const uint8_t *bytes, size_t len_bytes)
{
	struct fake_link_end *e = ctx;
	struct fake_link_event *ev;

	if (!e->link->up) {
		return ERR_LOST;
	}
	if (peer_of(e)->count >= FAKE_LINK_EVENTS - 8u) {
		return ERR_FULL;
	}
	ASSERT(len_bytes <= CTRL_MSG_BYTES);
	ev = push(peer_of(e), LINK_MESSAGE);
	ev->type = type;
	memcpy(ev->bytes, bytes, len_bytes);
	ev->len_bytes = len_bytes;
	return ERR_OK;
}

static bool op_control_idle(void *ctx)
{
	(void)ctx;
	return true;
}

static uint32_t free_frame(const struct fake_link_end *p)
{
	uint32_t i = 0;

	while (i < FRAME_POOL_COUNT && p->frames[i].used) {
		i++;
	}
	return i;
}

static uint32_t op_frame_space(void *ctx, uint16_t stream, uint8_t channel)
{
	struct fake_link_end *e = ctx;

	ASSERT(stream < LINK_STREAM_COUNT && channel < CHANNEL_COUNT_MAX);
	if (!e->link->open || e->under_way[stream] >= FAKE_LINK_WINDOW || free_frame(peer_of(e)) == FRAME_POOL_COUNT ||
		peer_of(e)->count >= FAKE_LINK_EVENTS - 16u) {
		return 0;
	}
	return FAKE_LINK_WINDOW - e->under_way[stream];
}

static enum err op_frame_begin(
	void *ctx, struct link_tx *tx, uint16_t stream, uint8_t channel, enum frame_type type, size_t len_bytes)
{
	struct fake_link_end *e = ctx;
	struct fake_frame *f;

	if (!e->link->open) {
		return ERR_LOST;
	}
	if (op_frame_space(ctx, stream, channel) == 0) {
		return ERR_FULL;
	}
	ASSERT(len_bytes != 0 && len_bytes <= FRAME_PAYLOAD_MAX && channel < e->link->channel_count);
	f = &e->link->tx[e->index][channel];
	ASSERT(!f->used);
	f->used = true;
	f->type = (uint16_t)type;
	f->stream = stream;
	f->channel = channel;
	f->len_bytes = len_bytes;
	*tx = (struct link_tx){ .channel = channel, .len_bytes = len_bytes };
	e->under_way[stream]++;
	return ERR_OK;
}

static void op_frame_bytes(void *ctx, struct link_tx *tx, const uint8_t *bytes, size_t len_bytes)
{
	struct fake_link_end *e = ctx;

	ASSERT(tx->at + len_bytes <= tx->len_bytes);
	memcpy(e->link->tx[e->index][tx->channel].bytes + tx->at, bytes, len_bytes);
	tx->at += len_bytes;
}

/** Stands for the chain over tags: SHA-256 over chain, head and payload. */
static void chain_extend(struct fake_link_end *e, const struct fake_frame *f)
{
	struct hash_state h;
	uint8_t head[5] = { (uint8_t)f->type, 0, (uint8_t)f->stream, 0, f->channel };

	fake_sha256.start(&h);
	fake_sha256.add(&h, e->chain[f->channel], HASH_BYTES);
	fake_sha256.add(&h, head, sizeof(head));
	fake_sha256.add(&h, f->bytes, f->len_bytes < 256 ? f->len_bytes : 256);
	fake_sha256.finish(&h, e->chain[f->channel]);
	e->next[f->channel]++;
}

static void op_frame_end(void *ctx, struct link_tx *tx)
{
	struct fake_link_end *e = ctx;
	struct fake_link_end *p = peer_of(e);
	struct fake_frame *f = &e->link->tx[e->index][tx->channel];
	uint32_t slot = free_frame(p);

	ASSERT(tx->at == tx->len_bytes && f->used && slot < FRAME_POOL_COUNT);
	memcpy(&p->frames[slot], f, sizeof(*f));
	f->used = false;
	chain_extend(e, f);
	e->stats.sent_bytes += f->len_bytes;
	e->stats.sent_frames++;
	push(p, LINK_FRAME)->frame = slot;
}

static void op_frame_done(void *ctx, uint32_t frame)
{
	struct fake_link_end *e = ctx;
	struct fake_frame *f = &e->frames[frame];

	ASSERT(frame < FRAME_POOL_COUNT);
	if (!f->used) {
		return; /* of an epoch that ended */
	}
	chain_extend(e, f);
	f->used = false;
	peer_of(e)->under_way[f->stream]--;
	e->stats.received_frames++;
}

static void op_channel_digest(void *ctx, uint8_t channel, uint64_t *next, uint8_t chain[HASH_BYTES])
{
	struct fake_link_end *e = ctx;

	*next = e->next[channel];
	memcpy(chain, e->chain[channel], HASH_BYTES);
}

static uint32_t op_channel_count(void *ctx)
{
	return ((struct fake_link_end *)ctx)->link->channel_count;
}

static void op_blackout(void *ctx, bool on)
{
	((struct fake_link_end *)ctx)->blackout = on;
}

static void op_abort(void *ctx)
{
	struct fake_link_end *e = ctx;
	if (!e->link->up) {
		drain(e);
		return;
	}
	epoch_end(e->link);
	push_text(peer_of(e), LINK_LOST, ERR_LOST, "reset by the peer");
}

static void op_finish(void *ctx)
{
	struct fake_link_end *e = ctx;
	bool was = e->link->up;

	if (was) {
		e->link->up = false;
		e->link->open = false;
		push(peer_of(e), LINK_FINISHED);
	}
	push(e, LINK_FINISHED);
}

static void op_forget(void *ctx)
{
	((struct fake_link_end *)ctx)->remembers = false;
}

static uint64_t op_boot(void *ctx)
{
	return ((struct fake_link_end *)ctx)->boot;
}

static void op_stats(void *ctx, struct link_stats *out)
{
	*out = ((struct fake_link_end *)ctx)->stats;
}

void fake_link_init(struct fake_link *l)
{
	memset(l, 0, sizeof(*l));
	l->fault_at = UINT64_MAX;
	l->channel_count = 1;
	for (uint32_t i = 0; i < 2; i++) {
		l->end[i].link = l;
		l->end[i].index = i;
		l->end[i].boot = 0xb0070 + i;
		l->end[i].stats.rtt_us = 100;
		(void)text_copy(l->end[i].id, sizeof(l->end[i].id), i == 0 ? "alpha" : "beta");
	}
}

struct link fake_link(struct fake_link *l, uint32_t end)
{
	static const struct link_ops ops = {
		.listen = op_listen,
		.unlisten = op_unlisten,
		.connect = op_connect,
		.reconnect = op_reconnect,
		.ask = op_ask,
		.accept = op_accept,
		.refuse = op_refuse,
		.poll = op_poll,
		.send = op_send,
		.control_idle = op_control_idle,
		.frame_space = op_frame_space,
		.frame_begin = op_frame_begin,
		.frame_bytes = op_frame_bytes,
		.frame_end = op_frame_end,
		.frame_done = op_frame_done,
		.channel_digest = op_channel_digest,
		.channel_count = op_channel_count,
		.blackout = op_blackout,
		.abort = op_abort,
		.finish = op_finish,
		.forget = op_forget,
		.boot = op_boot,
		.stats = op_stats,
	};

	return (struct link){ .ops = &ops, .ctx = &l->end[end] };
}
