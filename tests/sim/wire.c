/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/wire.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/sim/quick_seal.h"

#define GIVE_UP_US 5000000u /* of a connect, and of a close */
#define RETRY_US   1000000u /* of a lost SYN */
#define NEVER	   UINT64_MAX

enum { EV_CONNECT = 1, EV_ACCEPT, EV_UP, EV_BYTES, EV_FIN, EV_END, EV_RELEASE, EV_CUT, EV_FLIP };

static stream_id id_of(const struct wire_conn *c, uint32_t end)
{
	return c->number * 2u + end;
}

static struct wire_conn *conn_of(struct wire *w, stream_id s)
{
	for (uint32_t i = 0; i < w->count; i++) {
		if (w->conns[i]->number == s / 2u) {
			return w->conns[i];
		}
	}
	return NULL;
}

static bool apart(const struct wire *w, const struct wire_conn *c, uint32_t from_end)
{
	return w->apart[c->ends[from_end].party][c->ends[1 - from_end].party];
}

static uint64_t lag(struct wire *w)
{
	return w->way.latency_us + (w->way.jitter_us != 0 ? chance_below(&w->chance, w->way.jitter_us) : 0);
}

static void end_die(struct wire_end *e, enum stream_end how, uint64_t at_us)
{
	if (e->alive && (!e->end_due || at_us < e->end_us)) {
		e->end_due = true;
		e->how = how;
		e->end_us = at_us;
	}
}

/* A lent buffer goes back to its owner; what is still on the way travels on as a copy. */
static void release(struct wire *w, struct wire_conn *c, uint32_t end, struct wire_segment *s)
{
	struct wire_end *e = &c->ends[end];
	uint8_t *copy = NULL;

	if (!s->lent) {
		return;
	}
	if (quick_sum(s->bytes, s->len) != s->sum) {
		journal_violation(
			w->journal, "a lent buffer changed before it was released (connection %u)", c->number);
	}
	if (s->delivered < s->len) {
		copy = malloc(s->len);
		ASSERT(copy != NULL);
		memcpy(copy, s->bytes, s->len);
	}
	s->bytes = copy;
	s->lent = false;
	w->returned++;
	w->parties[e->party].woken = true;
	journal_event(w->journal, e->party, EV_RELEASE, c->number, s->cookie);
	e->events->released(e->owner, id_of(c, end), s->cookie);
}

static void segment_drop(struct wire_pipe *p)
{
	free(p->segments[p->first].bytes);
	p->first = (p->first + 1) % WIRE_SEGMENTS;
	p->count--;
}

/* The sender is gone: lent buffers come back at the next delivery; only what left in time still arrives. */
static void pipe_orphan(struct wire *w, struct wire_pipe *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		struct wire_segment *s = &p->segments[(p->first + i) % WIRE_SEGMENTS];

		s->ack_us = *w->now_us;
		s->acked = true;
		if (s->due_us > *w->now_us + 2u * w->way.latency_us) {
			s->due_us = NEVER; /* had not left */
		}
	}
	p->fin_told = true;
}

/* ---- stream_ops ---- */

static struct wire_listen *listen_of(struct wire_party *p, uint16_t port)
{
	for (uint32_t i = 0; i < WIRE_LISTENS; i++) {
		if (p->listens[i].used && p->listens[i].port == port) {
			return &p->listens[i];
		}
	}
	return NULL;
}

static bool full(struct wire *w)
{
	return w->way.full_one_in != 0 && chance_one_in(&w->chance, w->way.full_one_in);
}

static enum err wire_listen(void *ctx, uint16_t port, const struct stream_events *events, void *owner)
{
	struct wire_party *p = ctx;

	for (uint32_t i = 0; i < WIRE_LISTENS && listen_of(p, port) == NULL && !full(p->wire); i++) {
		if (!p->listens[i].used) {
			p->listens[i] = (struct wire_listen){ true, port, events, owner };
			return ERR_OK;
		}
	}
	return ERR_FULL;
}

static void wire_unlisten(void *ctx, uint16_t port)
{
	struct wire_listen *l = listen_of(ctx, port);

	if (l != NULL) {
		l->used = false;
	}
}

static void draw_faults(struct wire *w, struct wire_conn *c)
{
	for (uint32_t i = 0; i < 2; i++) {
		c->pipes[i].cut_at = NEVER;
		c->pipes[i].flip_at = NEVER;
	}
	if (w->way.cut_one_in != 0 && chance_one_in(&w->chance, w->way.cut_one_in)) {
		c->pipes[chance_below(&w->chance, 2)].cut_at = chance_scale(&w->chance, 1, 1u << 21);
	}
	if (w->way.flip_one_in != 0 && chance_one_in(&w->chance, w->way.flip_one_in)) {
		struct wire_pipe *p = &c->pipes[chance_below(&w->chance, 2)];

		/* JOIN and the first header are as good a target as all the rest. */
		p->flip_at = chance_one_in(&w->chance, 2) ? chance_below(&w->chance, 120)
							  : chance_scale(&w->chance, 1, 1u << 20);
		p->flip_mask = (uint8_t)(1u << chance_below(&w->chance, 8));
	}
}

static enum err wire_connect(
	void *ctx, const struct net_addr *to, const struct stream_events *events, void *owner, stream_id *out)
{
	struct wire_party *p = ctx;
	struct wire *w = p->wire;
	struct wire_conn *c;

	if (w->count == WIRE_CONNS || full(w)) {
		return chance_one_in(&w->chance, 2) ? ERR_FULL : ERR_IO;
	}
	c = calloc(1, sizeof(*c));
	ASSERT(c != NULL);
	w->conns[w->count++] = c;
	c->state = WIRE_SYN;
	c->number = w->made++;
	c->port = to->port;
	c->due_us = *w->now_us + lag(w);
	c->give_up_us = *w->now_us + GIVE_UP_US;
	c->ends[0] = (struct wire_end){ .party = p->index, .events = events, .owner = owner, .alive = true };
	c->ends[1] = (struct wire_end){ .party = (to->ip[3] - 1u) % WIRE_PARTIES };
	draw_faults(w, c);
	journal_event(w->journal, p->index, EV_CONNECT, c->number, c->ends[1].party);
	*out = id_of(c, 0);
	return ERR_OK;
}

static enum err put(
	struct wire_party *party, stream_id id, const uint8_t *bytes, size_t len, bool lent, uint32_t cookie)
{
	struct wire *w = party->wire;
	struct wire_conn *c = conn_of(w, id);
	struct wire_end *e = c != NULL ? &c->ends[id % 2u] : NULL;
	struct wire_pipe *p = c != NULL ? &c->pipes[id % 2u] : NULL;
	struct wire_segment *s;
	uint64_t *free_us, now = *w->now_us;

	ASSERT(len > 0 && len <= FRAME_BYTES);
	if (e == NULL || !e->alive || e->end_due || e->closing || e->party != party->index || c->state == WIRE_SYN) {
		return ERR_LOST;
	}
	if (p->queued == 0 && full(w)) {
		return chance_one_in(&w->chance, 2) ? ERR_FULL : ERR_LOST;
	}
	if (p->count >= w->way.segments || p->queued - p->acked + len > w->way.window) {
		return ERR_FULL;
	}
	if (p->queued == p->acked) {
		p->progress_us = now;
	}
	s = &p->segments[(p->first + p->count) % WIRE_SEGMENTS];
	*s = (struct wire_segment){ .len = len, .lent = lent, .cookie = cookie };
	if (lent) {
		s->bytes = (uint8_t *)(uintptr_t)bytes;
		s->sum = quick_sum(bytes, len);
		w->lent++;
	} else {
		s->bytes = malloc(len);
		ASSERT(s->bytes != NULL);
		memcpy(s->bytes, bytes, len);
	}
	free_us = &w->free_us[party->index][c->ends[1 - id % 2u].party];
	*free_us = (*free_us > now ? *free_us : now) + len * 1000000u / w->way.rate;
	s->due_us = *free_us + lag(w);
	if (w->way.stall_one_in != 0 && chance_one_in(&w->chance, w->way.stall_one_in)) {
		s->due_us += chance_scale(&w->chance, 100, w->way.stall_us_max);
		w->stalls++;
	}
	s->due_us = s->due_us > p->last_due_us ? s->due_us : p->last_due_us;
	p->last_due_us = s->due_us;
	p->count++;
	p->queued += len;
	w->bytes += len;
	return ERR_OK;
}

static enum err wire_send(void *ctx, stream_id s, const uint8_t *bytes, size_t len_bytes, uint32_t cookie)
{
	return put(ctx, s, bytes, len_bytes, true, cookie);
}

static enum err wire_send_copy(void *ctx, stream_id s, const uint8_t *bytes, size_t len_bytes)
{
	ASSERT(len_bytes <= 8192);
	return put(ctx, s, bytes, len_bytes, false, 0);
}

static void wire_close(void *ctx, stream_id id)
{
	struct wire_party *party = ctx;
	struct wire *w = party->wire;
	struct wire_conn *c = conn_of(w, id);
	struct wire_end *e = c != NULL ? &c->ends[id % 2u] : NULL;

	if (e == NULL || !e->alive || e->closing) {
		return;
	}
	e->closing = true;
	c->pipes[id % 2u].fin_queued = true;
	c->pipes[id % 2u].fin_us = *w->now_us + lag(w);
	end_die(e, STREAM_END_TIMEOUT, *w->now_us + GIVE_UP_US);
}

static void wire_abort(void *ctx, stream_id id)
{
	struct wire_party *party = ctx;
	struct wire *w = party->wire;
	struct wire_conn *c = conn_of(w, id);
	uint32_t end = id % 2u;

	if (c == NULL || !c->ends[end].alive) {
		return;
	}
	c->ends[end].alive = false;
	pipe_orphan(w, &c->pipes[end]);
	if (!w->way.lose_resets && !apart(w, c, end)) {
		end_die(&c->ends[1 - end], STREAM_END_RESET, *w->now_us + lag(w));
	}
}

static void wire_pending(void *ctx, stream_id id, uint32_t *unacked_bytes, uint64_t *stalled_us)
{
	struct wire_party *party = ctx;
	const struct wire_conn *c = conn_of(party->wire, id);
	const struct wire_pipe *p;

	*unacked_bytes = 0;
	*stalled_us = 0;
	if (c != NULL) {
		p = &c->pipes[id % 2u];
		*unacked_bytes = (uint32_t)(p->queued - p->acked);
		*stalled_us = *unacked_bytes > 0 ? *party->wire->now_us - p->progress_us : 0;
	}
}

static const struct stream_ops ops = {
	.listen = wire_listen,
	.unlisten = wire_unlisten,
	.connect = wire_connect,
	.send = wire_send,
	.send_copy = wire_send_copy,
	.close = wire_close,
	.abort = wire_abort,
	.pending = wire_pending,
};

/* ---- delivery ---- */

static void wake(struct wire *w, uint32_t party)
{
	w->parties[party].woken = true;
}

static void deliver_syn(struct wire *w, struct wire_conn *c)
{
	struct wire_party *to = &w->parties[c->ends[1].party];
	struct wire_listen *l = listen_of(to, c->port);
	const struct net_addr from = wire_addr(c->ends[0].party, (uint16_t)(40000u + c->number % 20000u));

	if (!c->ends[0].alive) {
		return;
	}
	if (*w->now_us >= c->give_up_us) {
		c->ends[0].end_due = true; /* also when a reset is on its way */
		c->ends[0].how = STREAM_END_TIMEOUT;
		c->ends[0].end_us = *w->now_us;
		return;
	}
	if (*w->now_us < c->due_us || c->ends[0].end_due) {
		return;
	}
	if (apart(w, c, 0) || apart(w, c, 1) || to->dead) {
		c->due_us = *w->now_us + RETRY_US;
		return;
	}
	if (l == NULL) {
		end_die(&c->ends[0], STREAM_END_RESET, *w->now_us + lag(w));
		c->due_us = NEVER;
		return;
	}
	c->ends[1].events = l->events;
	c->ends[1].owner = l->owner;
	c->ends[1].alive = true;
	c->state = WIRE_ACCEPTED;
	c->due_us = *w->now_us + lag(w);
	wake(w, to->index);
	journal_event(w->journal, to->index, EV_ACCEPT, c->number, 0);
	if (!l->events->accepted(l->owner, id_of(c, 1), &from)) {
		c->ends[1].alive = false;
		end_die(&c->ends[0], STREAM_END_RESET, *w->now_us + lag(w));
	}
}

static void keep_for_replay(struct wire *w, const struct wire_conn *c, const uint8_t *bytes, size_t len)
{
	const struct wire_pipe *p = &c->pipes[0];

	if (p->delivered == 0 && bytes[0] != 0x16 && c->ends[0].party != WIRE_STRANGER) {
		w->kept_conn = c->number;
		w->kept_bytes = 0;
	}
	if (w->kept_conn == c->number && w->kept_bytes == p->delivered && w->kept_bytes < WIRE_KEEP) {
		size_t n = len < WIRE_KEEP - w->kept_bytes ? len : WIRE_KEEP - w->kept_bytes;

		memcpy(w->kept + w->kept_bytes, bytes, n);
		w->kept_bytes += n;
	}
}

/* One piece in one direction; false when nothing is due. */
static bool deliver_piece(struct wire *w, struct wire_conn *c, uint32_t dir)
{
	static uint8_t piece[FRAME_BYTES];
	struct wire_pipe *p = &c->pipes[dir];
	struct wire_end *to = &c->ends[1 - dir];
	struct wire_segment *s = NULL;
	size_t len;

	for (uint32_t i = 0; i < p->count && s == NULL; i++) {
		s = &p->segments[(p->first + i) % WIRE_SEGMENTS];
		s = s->delivered < s->len ? s : NULL;
	}
	if (s == NULL || *w->now_us < s->due_us || apart(w, c, dir) || w->parties[to->party].dead) {
		return false;
	}
	if (to->end_due && *w->now_us >= to->end_us) {
		return false;
	}
	len = s->len - s->delivered;
	if (w->way.split && chance_one_in(&w->chance, 2)) {
		len = chance_one_in(&w->chance, 3) ? 1 : chance_range(&w->chance, 1, len);
	}
	if (p->cut_at <= p->delivered) {
		w->cuts++;
		p->cut_at = NEVER;
		journal_event(w->journal, to->party, EV_CUT, c->number, p->delivered);
		pipe_orphan(w, &c->pipes[0]);
		pipe_orphan(w, &c->pipes[1]);
		for (uint32_t i = 0; i < 2; i++) {
			for (uint32_t k = 0; k < c->pipes[i].count; k++) {
				c->pipes[i].segments[(c->pipes[i].first + k) % WIRE_SEGMENTS].due_us = NEVER;
			}
			end_die(&c->ends[i], STREAM_END_RESET, *w->now_us);
		}
		return false;
	}
	len = len < p->cut_at - p->delivered ? len : (size_t)(p->cut_at - p->delivered);
	memcpy(piece, s->bytes + s->delivered, len);
	if (p->flip_at >= p->delivered && p->flip_at < p->delivered + len) {
		piece[p->flip_at - p->delivered] ^= p->flip_mask;
		w->flips++;
		journal_event(w->journal, to->party, EV_FLIP, c->number, p->flip_at);
	}
	if (dir == 0) {
		keep_for_replay(w, c, piece, len);
	}
	s->delivered += len;
	p->delivered += len;
	if (s->delivered == s->len && !s->acked) {
		s->ack_us = *w->now_us + lag(w);
		s->ack_us = s->ack_us > p->last_ack_us ? s->ack_us : p->last_ack_us; /* in order */
		p->last_ack_us = s->ack_us;
		s->acked = true;
	}
	if (!to->alive || to->events == NULL) {
		end_die(&c->ends[dir], STREAM_END_RESET, *w->now_us + lag(w)); /* nobody knows this connection here */
		return true;
	}
	wake(w, to->party);
	journal_event(w->journal, to->party, EV_BYTES, c->number, len);
	to->events->received(to->owner, id_of(c, 1 - dir), piece, len);
	return true;
}

static bool pipe_delivered(const struct wire_pipe *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct wire_segment *s = &p->segments[(p->first + i) % WIRE_SEGMENTS];

		if (s->delivered < s->len && s->due_us != NEVER) {
			return false;
		}
	}
	return true;
}

static void deliver_fin(struct wire *w, struct wire_conn *c, uint32_t dir)
{
	struct wire_pipe *p = &c->pipes[dir];
	struct wire_end *to = &c->ends[1 - dir];

	if (!p->fin_queued || p->fin_told || !to->alive || *w->now_us < p->fin_us || !pipe_delivered(p) ||
		apart(w, c, dir) || w->parties[to->party].dead) {
		return;
	}
	p->fin_told = true;
	to->fin_seen = true;
	if (to->closing && to->how == STREAM_END_TIMEOUT) {
		to->end_due = false;
	}
	wake(w, to->party);
	journal_event(w->journal, to->party, EV_FIN, c->number, 0);
	to->events->ended(to->owner, id_of(c, 1 - dir), STREAM_END_FIN);
}

static void deliver_release(struct wire *w, struct wire_conn *c, uint32_t dir)
{
	struct wire_pipe *p = &c->pipes[dir];

	for (uint32_t i = 0; i < p->count; i++) {
		struct wire_segment *s = &p->segments[(p->first + i) % WIRE_SEGMENTS];

		if (!s->acked || *w->now_us < s->ack_us || (apart(w, c, 1 - dir) && c->ends[dir].alive)) {
			break;
		}
		if (!s->counted) {
			s->counted = true;
			p->acked += s->len;
			p->progress_us = *w->now_us;
			release(w, c, dir, s);
		}
	}
	while (p->count > 0) {
		const struct wire_segment *s = &p->segments[p->first];

		if (!s->counted || (s->delivered < s->len && s->due_us != NEVER)) {
			return;
		}
		segment_drop(p);
	}
}

static void deliver_end(struct wire *w, struct wire_conn *c, uint32_t end)
{
	struct wire_end *e = &c->ends[end];

	if (!e->alive || !e->end_due || *w->now_us < e->end_us || w->parties[e->party].dead ||
		(e->how == STREAM_END_RESET && apart(w, c, 1 - end))) {
		return;
	}
	e->alive = false;
	pipe_orphan(w, &c->pipes[end]);
	wake(w, e->party);
	journal_event(w->journal, e->party, EV_END, c->number, e->how);
	e->events->ended(e->owner, id_of(c, end), e->how);
	if (e->how == STREAM_END_TIMEOUT && c->state == WIRE_UP) {
		end_die(&c->ends[1 - end], STREAM_END_RESET, *w->now_us + lag(w));
	}
}

/* Closed by both sides and everything heard: the id dies without a word. */
static void settle(struct wire_conn *c)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct wire_end *e = &c->ends[i];

		if (e->alive && e->closing && e->fin_seen && c->pipes[i].fin_told && c->pipes[i].count == 0) {
			e->alive = false;
		}
	}
}

static void deliver_conn(struct wire *w, struct wire_conn *c)
{
	if (c->state == WIRE_SYN) {
		deliver_syn(w, c);
	}
	if (c->state == WIRE_ACCEPTED && *w->now_us >= c->due_us && !apart(w, c, 1)) {
		c->state = WIRE_UP;
		if (c->ends[0].alive && !c->ends[0].end_due) {
			wake(w, c->ends[0].party);
			journal_event(w->journal, c->ends[0].party, EV_UP, c->number, 0);
			c->ends[0].events->connected(c->ends[0].owner, id_of(c, 0));
		}
	}
	for (uint32_t dir = 0; dir < 2; dir++) {
		while (c->state == WIRE_UP && deliver_piece(w, c, dir)) {
		}
		deliver_fin(w, c, dir);
		deliver_end(w, c, dir);
	}
	deliver_release(w, c, 0);
	deliver_release(w, c, 1);
	settle(c);
}

static void conn_free(struct wire_conn *c)
{
	for (uint32_t i = 0; i < 2; i++) {
		while (c->pipes[i].count > 0) {
			if (c->pipes[i].segments[c->pipes[i].first].lent) {
				c->pipes[i].segments[c->pipes[i].first].bytes = NULL;
			}
			segment_drop(&c->pipes[i]);
		}
	}
	free(c);
}

static bool conn_over(const struct wire_conn *c)
{
	if (c->ends[0].alive || c->ends[1].alive) {
		return false;
	}
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t k = 0; k < c->pipes[i].count; k++) {
			if (c->pipes[i].segments[(c->pipes[i].first + k) % WIRE_SEGMENTS].lent) {
				return false;
			}
		}
	}
	return true;
}

void wire_deliver(struct wire *w)
{
	uint32_t kept = 0;
	const uint32_t count = w->count; /* connections begun meanwhile wait for the next time */

	for (uint32_t i = 0; i < count; i++) {
		deliver_conn(w, w->conns[i]);
	}
	for (uint32_t i = 0; i < w->count; i++) {
		if (conn_over(w->conns[i])) {
			conn_free(w->conns[i]);
		} else {
			w->conns[kept++] = w->conns[i];
		}
	}
	w->count = kept;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t wire_next_us(const struct wire *w)
{
	uint64_t next = NEVER;

	for (uint32_t i = 0; i < w->count; i++) {
		const struct wire_conn *c = w->conns[i];

		if (c->state == WIRE_SYN && c->ends[0].alive) {
			next = earlier(next, earlier(c->ends[0].end_due ? NEVER : c->due_us, c->give_up_us));
		} else if (c->state == WIRE_ACCEPTED && !apart(w, c, 1)) {
			next = earlier(next, c->due_us);
		}
		for (uint32_t end = 0; end < 2; end++) {
			const struct wire_end *e = &c->ends[end];
			const struct wire_pipe *p = &c->pipes[end];
			const bool to_dead = w->parties[c->ends[1 - end].party].dead;

			if (e->alive && e->end_due && !w->parties[e->party].dead &&
				!(e->how == STREAM_END_RESET && apart(w, c, 1 - end))) {
				next = earlier(next, e->end_us);
			}
			if (p->fin_queued && !p->fin_told && c->ends[1 - end].alive && !apart(w, c, end) && !to_dead &&
				pipe_delivered(p)) {
				next = earlier(next, p->fin_us);
			}
			for (uint32_t k = 0, waiting = 0, unacked = 0; k < p->count; k++) {
				const struct wire_segment *s = &p->segments[(p->first + k) % WIRE_SEGMENTS];

				if (s->delivered < s->len && s->due_us != NEVER && waiting == 0) {
					waiting = 1;
					if (c->state == WIRE_UP && !apart(w, c, end) && !to_dead &&
						!(c->ends[1 - end].end_due && c->ends[1 - end].end_us <= *w->now_us)) {
						next = earlier(next, s->due_us);
					}
				}
				if (!s->counted && unacked == 0 && !(apart(w, c, 1 - end) && e->alive)) {
					unacked = 1;
					next = earlier(next, s->acked ? s->ack_us : NEVER);
				}
			}
		}
	}
	return next;
}

/* ---- faults from outside ---- */

void wire_power_off(struct wire *w, uint32_t party)
{
	w->parties[party].dead = true;
	memset(w->parties[party].listens, 0, sizeof(w->parties[party].listens));
	for (uint32_t i = 0; i < w->count; i++) {
		struct wire_conn *c = w->conns[i];

		for (uint32_t end = 0; end < 2; end++) {
			struct wire_pipe *p = &c->pipes[end];

			if (c->ends[end].party != party) {
				continue;
			}
			for (uint32_t k = 0; k < p->count; k++) {
				struct wire_segment *s = &p->segments[(p->first + k) % WIRE_SEGMENTS];

				if (s->lent) {
					uint8_t *copy = malloc(s->len);

					ASSERT(copy != NULL);
					memcpy(copy, s->bytes, s->len);
					s->bytes = copy;
					s->lent = false;
					s->counted = true;
					w->returned++;
				}
			}
			pipe_orphan(w, p);
			c->ends[end].alive = false;
			c->ends[end].events = NULL;
		}
	}
}

void wire_power_on(struct wire *w, uint32_t party)
{
	w->parties[party].dead = false;
}

void wire_cut(struct wire *w, uint32_t party, bool all)
{
	uint32_t seen = 0, chosen = w->count != 0 ? (uint32_t)chance_below(&w->chance, w->count) : 0;

	for (uint32_t i = 0; i < w->count; i++) {
		struct wire_conn *c = w->conns[(i + chosen) % w->count];

		if ((c->ends[0].party == party || c->ends[1].party == party) && (all || seen == 0)) {
			seen++;
			w->cuts++;
			for (uint32_t end = 0; end < 2; end++) {
				end_die(&c->ends[end], STREAM_END_RESET, *w->now_us + lag(w));
			}
		}
	}
}

void wire_heal(struct wire *w)
{
	w->way.cut_one_in = w->way.flip_one_in = w->way.stall_one_in = w->way.full_one_in = 0;
	w->way.segments = WIRE_SEGMENTS;
	w->way.lose_resets = false;
	memset(w->apart, 0, sizeof(w->apart));
	for (uint32_t i = 0; i < w->count; i++) {
		for (uint32_t k = 0; k < 2; k++) {
			w->conns[i]->pipes[k].cut_at = NEVER;
			w->conns[i]->pipes[k].flip_at = NEVER;
		}
	}
}

void wire_init(struct wire *w, const uint64_t *now_us, struct journal *journal, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->now_us = now_us;
	w->journal = journal;
	w->chance = chance_of(seed, 2);
	w->kept_conn = UINT32_MAX;
	for (uint32_t i = 0; i < WIRE_PARTIES; i++) {
		w->parties[i].wire = w;
		w->parties[i].index = i;
	}
}

void wire_free(struct wire *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		conn_free(w->conns[i]);
	}
	w->count = 0;
}

struct streams wire_streams(struct wire *w, uint32_t party)
{
	return (struct streams){ &ops, &w->parties[party] };
}

struct net_addr wire_addr(uint32_t party, uint16_t port)
{
	return (struct net_addr){ { 10, 0, 0, (uint8_t)(party + 1) }, port };
}
