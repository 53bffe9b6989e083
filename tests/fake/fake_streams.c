/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_streams.h"

#include <string.h>

#include "core/base/assert.h"

#define SPLIT_BUF 65536u

static uint64_t checksum_of(const uint8_t *bytes, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++) {
		sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	}
	return sum;
}

/* An id is the number of the connection and the end; numbers are never used again. */
static stream_id id_of(const struct fake_conn *c, uint32_t end)
{
	return c->number * 2 + end;
}

static struct fake_conn *conn_of(struct fake_net *n, stream_id s)
{
	for (uint32_t i = 0; i < FAKE_CONNS_MAX; i++) {
		if (n->conns[i].state != FAKE_CONN_FREE && n->conns[i].number == s / 2) {
			return &n->conns[i];
		}
	}
	return NULL;
}

static struct fake_listener *listener_of(struct fake_net *n, uint32_t party, uint16_t port)
{
	for (uint32_t i = 0; i < FAKE_LISTENERS_MAX; i++) {
		if (n->listeners[i].used && n->listeners[i].party == party && n->listeners[i].port == port) {
			return &n->listeners[i];
		}
	}
	return NULL;
}

/* ---- faults ---- */

/* Bytes of a direction that may still arrive before a rule stops it, and which rule. */
static uint64_t fault_limit(const struct fake_net *n, const struct fake_conn *c, uint32_t dir, enum fake_fault *fault)
{
	uint64_t limit = UINT64_MAX;

	for (uint32_t i = 0; i < n->rule_count; i++) {
		const struct fake_rule *r = &n->rules[i];

		if ((r->conn == c->number || r->conn == FAKE_ANY_CONN) && (uint32_t)r->dir == dir &&
			r->fault != FAKE_FLIP && r->at < limit) {
			limit = r->at;
			*fault = r->fault;
		}
	}
	return limit;
}

static void fault_flip(
	const struct fake_net *n, const struct fake_conn *c, uint32_t dir, uint64_t at, uint8_t *bytes, size_t len)
{
	for (uint32_t i = 0; i < n->rule_count; i++) {
		const struct fake_rule *r = &n->rules[i];

		if (r->fault == FAKE_FLIP && (r->conn == c->number || r->conn == FAKE_ANY_CONN) &&
			(uint32_t)r->dir == dir && r->at >= at && r->at < at + len) {
			bytes[r->at - at] ^= r->mask;
		}
	}
}

void fake_net_rule(struct fake_net *n, const struct fake_rule *rule)
{
	ASSERT(n->rule_count < FAKE_RULES_MAX);
	n->rules[n->rule_count++] = *rule;
}

void fake_net_clear_rules(struct fake_net *n)
{
	n->rule_count = 0;
}

/* ---- ends ---- */

static void end_die(struct fake_end *e, enum stream_end how, uint64_t at_us)
{
	if (e->alive && (!e->ended_due || at_us < e->ended_us)) {
		e->ended_due = true;
		e->ended_how = how;
		e->ended_us = at_us;
	}
}

/* Undelivered bytes are lost; their buffers come back at the next poll. */
static void pipe_drop(struct fake_pipe *p, uint64_t now_us)
{
	for (uint32_t i = 0; i < p->count; i++) {
		struct fake_segment *s = &p->segments[(p->first + i) % FAKE_SEGMENTS_MAX];

		s->delivered = s->len;
		s->ack_due_us = s->ack_due_us == 0 || s->ack_due_us > now_us ? now_us : s->ack_due_us;
	}
	p->fin_told = true;
}

static bool conn_reset(struct fake_net *n, struct fake_conn *c)
{
	pipe_drop(&c->pipes[0], n->now_us);
	pipe_drop(&c->pipes[1], n->now_us);
	end_die(&c->ends[0], STREAM_END_RESET, n->now_us);
	end_die(&c->ends[1], STREAM_END_RESET, n->now_us);
	return true;
}

static bool pipe_idle(const struct fake_pipe *p)
{
	return p->count == 0;
}

static void conn_collect(struct fake_conn *c)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct fake_end *e = &c->ends[i];

		/* Closed by both sides and everything heard: the id dies without a word. */
		if (e->alive && e->closing && e->fin_seen && c->pipes[i].fin_told && pipe_idle(&c->pipes[i])) {
			e->alive = false;
		}
	}
	if (!c->ends[0].alive && !c->ends[1].alive && pipe_idle(&c->pipes[0]) && pipe_idle(&c->pipes[1]) &&
		(c->state == FAKE_CONN_UP || !c->ends[0].alive)) {
		c->state = FAKE_CONN_FREE;
	}
}

/* ---- stream_ops ---- */

static enum err net_listen(void *ctx, uint16_t port, const struct stream_events *events, void *owner)
{
	struct fake_party *p = ctx;

	if (listener_of(p->net, p->index, port) != NULL) {
		return ERR_FULL;
	}
	for (uint32_t i = 0; i < FAKE_LISTENERS_MAX; i++) {
		struct fake_listener *l = &p->net->listeners[i];

		if (!l->used) {
			*l = (struct fake_listener){ true, p->index, port, events, owner };
			return ERR_OK;
		}
	}
	return ERR_FULL;
}

static void net_unlisten(void *ctx, uint16_t port)
{
	struct fake_party *p = ctx;
	struct fake_listener *l = listener_of(p->net, p->index, port);

	if (l != NULL) {
		l->used = false;
	}
}

static enum err net_connect(
	void *ctx, const struct net_addr *to, const struct stream_events *events, void *owner, stream_id *out)
{
	struct fake_party *p = ctx;
	struct fake_net *n = p->net;
	struct fake_conn *c = NULL;

	for (uint32_t i = 0; i < FAKE_CONNS_MAX && c == NULL; i++) {
		c = n->conns[i].state == FAKE_CONN_FREE ? &n->conns[i] : NULL;
	}
	if (c == NULL) {
		return ERR_FULL;
	}
	memset(c, 0, sizeof(*c));
	c->state = FAKE_CONN_SYN;
	c->number = n->made++;
	c->port = to->port;
	c->due_us = n->now_us + n->latency_us;
	c->ends[0] = (struct fake_end){ .party = p->index, .events = events, .owner = owner, .alive = true };
	c->ends[1] = (struct fake_end){ .party = to->ip[3] - 1u };
	*out = id_of(c, 0);
	return ERR_OK;
}

static enum err pipe_put(
	struct fake_net *n, struct fake_pipe *p, const uint8_t *bytes, size_t len, bool by_ref, uint32_t cookie)
{
	struct fake_segment *s;

	if (p->count == FAKE_SEGMENTS_MAX || p->queued - p->acked + len > n->window) {
		return ERR_FULL;
	}
	if (!by_ref) {
		/* One run without wrapping; room is found again when all has been acknowledged. */
		if (p->copy_used == 0) {
			p->copy_first = 0;
		}
		if (p->copy_first + p->copy_used + len > FAKE_COPY_BYTES) {
			return ERR_FULL;
		}
		memcpy(p->copy + p->copy_first + p->copy_used, bytes, len);
		bytes = p->copy + p->copy_first + p->copy_used;
		p->copy_used += len;
	}
	if (p->queued == p->acked) {
		p->progress_us = n->now_us;
	}
	s = &p->segments[(p->first + p->count) % FAKE_SEGMENTS_MAX];
	*s = (struct fake_segment){ .bytes = bytes,
		.len = len,
		.by_ref = by_ref,
		.cookie = cookie,
		.checksum = by_ref ? checksum_of(bytes, len) : 0,
		.due_us = n->now_us + n->latency_us };
	p->count++;
	p->queued += len;
	return ERR_OK;
}

static enum err net_put(
	struct fake_party *p, stream_id s, const uint8_t *bytes, size_t len, bool by_ref, uint32_t cookie)
{
	struct fake_conn *c = conn_of(p->net, s);
	struct fake_end *e = c != NULL ? &c->ends[s % 2] : NULL;

	ASSERT(len > 0);
	if (e == NULL || !e->alive || e->ended_due || e->closing || e->party != p->index) {
		return ERR_LOST;
	}
	return pipe_put(p->net, &c->pipes[s % 2], bytes, len, by_ref, cookie);
}

static enum err net_send(void *ctx, stream_id s, const uint8_t *bytes, size_t len_bytes, uint32_t cookie)
{
	ASSERT(len_bytes <= FRAME_BYTES);
	return net_put(ctx, s, bytes, len_bytes, true, cookie);
}

static enum err net_send_copy(void *ctx, stream_id s, const uint8_t *bytes, size_t len_bytes)
{
	ASSERT(len_bytes <= 8192);
	return net_put(ctx, s, bytes, len_bytes, false, 0);
}

static void net_close(void *ctx, stream_id s)
{
	struct fake_party *p = ctx;
	struct fake_conn *c = conn_of(p->net, s);
	struct fake_end *e = c != NULL ? &c->ends[s % 2] : NULL;

	if (e == NULL || !e->alive || e->closing) {
		return;
	}
	e->closing = true;
	c->pipes[s % 2].fin_queued = true;
	c->pipes[s % 2].fin_due_us = p->net->now_us + p->net->latency_us;
	end_die(e, STREAM_END_TIMEOUT, p->net->now_us + p->net->timeout_us);
}

static void net_abort(void *ctx, stream_id s)
{
	struct fake_party *p = ctx;
	struct fake_conn *c = conn_of(p->net, s);
	struct fake_end *e = c != NULL ? &c->ends[s % 2] : NULL;

	if (e == NULL || !e->alive) {
		return;
	}
	e->alive = false;
	pipe_drop(&c->pipes[0], p->net->now_us);
	pipe_drop(&c->pipes[1], p->net->now_us);
	if (p->net->lose_resets) {
		return;
	}
	end_die(&c->ends[1 - s % 2], STREAM_END_RESET, p->net->now_us + p->net->latency_us);
}

static void net_pending(void *ctx, stream_id s, uint32_t *unacked_bytes, uint64_t *stalled_us)
{
	struct fake_party *p = ctx;
	const struct fake_conn *c = conn_of(p->net, s);
	const struct fake_pipe *pipe;

	*unacked_bytes = 0;
	*stalled_us = 0;
	if (c == NULL) {
		return;
	}
	pipe = &c->pipes[s % 2];
	*unacked_bytes = (uint32_t)(pipe->queued - pipe->acked);
	if (*unacked_bytes > 0) {
		*stalled_us = p->net->now_us - pipe->progress_us;
	}
}

static const struct stream_ops ops = {
	.listen = net_listen,
	.unlisten = net_unlisten,
	.connect = net_connect,
	.send = net_send,
	.send_copy = net_send_copy,
	.close = net_close,
	.abort = net_abort,
	.pending = net_pending,
};

/* ---- poll ---- */

static void poll_connect(struct fake_net *n, struct fake_conn *c, uint32_t party)
{
	if (c->state == FAKE_CONN_SYN && c->ends[1].party == party && n->now_us >= c->due_us && !n->down) {
		const struct fake_listener *l = listener_of(n, party, c->port);
		const struct net_addr from = fake_net_addr(c->ends[0].party, (uint16_t)(40000u + c->number));

		if (l == NULL || !c->ends[0].alive) {
			end_die(&c->ends[0], STREAM_END_RESET, n->now_us + n->latency_us);
			return;
		}
		c->ends[1].events = l->events;
		c->ends[1].owner = l->owner;
		c->ends[1].alive = true;
		c->state = FAKE_CONN_ACCEPTED;
		c->due_us = n->now_us + n->latency_us;
		if (!l->events->accepted(l->owner, id_of(c, 1), &from)) {
			c->ends[1].alive = false;
			end_die(&c->ends[0], STREAM_END_RESET, n->now_us + n->latency_us);
		}
	}
	if (c->state == FAKE_CONN_SYN && c->ends[0].party == party && n->now_us >= c->due_us + n->timeout_us) {
		end_die(&c->ends[0], STREAM_END_TIMEOUT, n->now_us);
	}
	if (c->state == FAKE_CONN_ACCEPTED && c->ends[0].party == party && n->now_us >= c->due_us && !n->down &&
		c->ends[0].alive && !c->ends[0].ended_due) {
		c->state = FAKE_CONN_UP;
		c->ends[0].events->connected(c->ends[0].owner, id_of(c, 0));
	}
}

/* One piece of the oldest segment that has bytes left; false when nothing is due. */
static bool deliver_piece(struct fake_net *n, struct fake_conn *c, uint32_t dir)
{
	static uint8_t piece[SPLIT_BUF];
	struct fake_pipe *p = &c->pipes[dir];
	struct fake_end *to = &c->ends[1 - dir];
	enum fake_fault fault = FAKE_CUT;
	const uint64_t limit = fault_limit(n, c, dir, &fault);

	for (uint32_t i = 0; i < p->count; i++) {
		struct fake_segment *s = &p->segments[(p->first + i) % FAKE_SEGMENTS_MAX];
		size_t len = s->len - s->delivered;

		if (len == 0) {
			continue;
		}
		if (n->now_us < s->due_us) {
			return false;
		}
		if (p->delivered >= limit) {
			if (fault == FAKE_CUT) {
				conn_reset(n, c);
			} else if (fault == FAKE_FIN) {
				pipe_drop(p, n->now_us);
				p->fin_told = to->fin_seen;
				p->fin_queued = true;
				p->fin_due_us = n->now_us;
			}
			return false;
		}
		len = len < SPLIT_BUF ? len : SPLIT_BUF;
		len = n->split_max != 0 && len > n->split_max ? n->split_max : len;
		len = len > limit - p->delivered ? (size_t)(limit - p->delivered) : len;
		memcpy(piece, s->bytes + s->delivered, len);
		fault_flip(n, c, dir, p->delivered, piece, len);
		s->delivered += len;
		p->delivered += len;
		s->ack_due_us = n->now_us + n->latency_us;
		to->events->received(to->owner, id_of(c, 1 - dir), piece, len);
		return true;
	}
	return false;
}

static bool pipe_empty(const struct fake_pipe *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct fake_segment *s = &p->segments[(p->first + i) % FAKE_SEGMENTS_MAX];

		if (s->delivered < s->len) {
			return false;
		}
	}
	return true;
}

static void poll_receive(struct fake_net *n, struct fake_conn *c, uint32_t end)
{
	struct fake_end *e = &c->ends[end];
	struct fake_pipe *p = &c->pipes[1 - end];

	while (e->alive && !n->down && !(e->ended_due && n->now_us >= e->ended_us) && deliver_piece(n, c, 1 - end)) {
	}
	if (e->alive && !n->down && p->fin_queued && !p->fin_told && pipe_empty(p) && n->now_us >= p->fin_due_us) {
		p->fin_told = true;
		e->fin_seen = true;
		if (e->closing) {
			e->ended_due = false;
		}
		e->events->ended(e->owner, id_of(c, end), STREAM_END_FIN);
	}
}

static void poll_release(struct fake_net *n, struct fake_conn *c, uint32_t end)
{
	struct fake_end *e = &c->ends[end];
	struct fake_pipe *p = &c->pipes[end];

	while (p->count > 0) {
		const struct fake_segment s = p->segments[p->first];

		if (s.delivered < s.len || n->now_us < s.ack_due_us) {
			return;
		}
		p->first = (p->first + 1) % FAKE_SEGMENTS_MAX;
		p->count--;
		p->acked += s.len;
		p->progress_us = n->now_us;
		if (s.by_ref) {
			n->tampered = n->tampered || checksum_of(s.bytes, s.len) != s.checksum;
			e->events->released(e->owner, id_of(c, end), s.cookie);
		} else {
			p->copy_first += s.len;
			p->copy_used -= s.len;
		}
	}
}

static void poll_ended(struct fake_net *n, struct fake_conn *c, uint32_t end)
{
	struct fake_end *e = &c->ends[end];

	if (e->alive && e->ended_due && n->now_us >= e->ended_us && !(n->down && e->ended_how == STREAM_END_RESET)) {
		e->alive = false;
		pipe_drop(&c->pipes[end], n->now_us);
		e->events->ended(e->owner, id_of(c, end), e->ended_how);
		if (e->ended_how == STREAM_END_TIMEOUT && c->state == FAKE_CONN_UP) {
			end_die(&c->ends[1 - end], STREAM_END_RESET, n->now_us + n->latency_us);
		}
	}
}

void fake_net_poll(struct fake_net *n, uint32_t party)
{
	if (n->parties[party].dead) {
		return;
	}
	for (uint32_t i = 0; i < FAKE_CONNS_MAX; i++) {
		struct fake_conn *c = &n->conns[i];

		if (c->state == FAKE_CONN_FREE) {
			continue;
		}
		poll_connect(n, c, party);
		for (uint32_t end = 0; end < 2; end++) {
			if (c->ends[end].party == party && c->ends[end].events != NULL) {
				if (c->state == FAKE_CONN_UP || end == 1) {
					poll_receive(n, c, end);
				}
				poll_ended(n, c, end);
				poll_release(n, c, end);
			}
		}
		conn_collect(c);
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t fake_net_next_us(const struct fake_net *n)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < FAKE_CONNS_MAX; i++) {
		const struct fake_conn *c = &n->conns[i];

		if (c->state == FAKE_CONN_FREE) {
			continue;
		}
		if (c->state != FAKE_CONN_UP) {
			next = earlier(next, c->due_us);
		}
		for (uint32_t end = 0; end < 2; end++) {
			const struct fake_pipe *p = &c->pipes[end];

			if (c->ends[end].alive && c->ends[end].ended_due) {
				next = earlier(next, c->ends[end].ended_us);
			}
			if (p->fin_queued && !p->fin_told) {
				next = earlier(next, p->fin_due_us);
			}
			for (uint32_t k = 0; k < p->count; k++) {
				const struct fake_segment *s = &p->segments[(p->first + k) % FAKE_SEGMENTS_MAX];

				next = earlier(next, s->delivered < s->len ? s->due_us : s->ack_due_us);
			}
		}
	}
	return next;
}

void fake_net_power_off(struct fake_net *n, uint32_t party)
{
	n->parties[party].dead = true;
	for (uint32_t i = 0; i < FAKE_LISTENERS_MAX; i++) {
		if (n->listeners[i].party == party) {
			n->listeners[i].used = false;
		}
	}
	for (uint32_t i = 0; i < FAKE_CONNS_MAX; i++) {
		for (uint32_t end = 0; end < 2; end++) {
			struct fake_conn *c = &n->conns[i];

			if (c->state != FAKE_CONN_FREE && c->ends[end].party == party) {
				c->ends[end].alive = false;
				c->ends[end].events = NULL;
				c->pipes[end].count = 0;
			}
		}
	}
}

void fake_net_power_on(struct fake_net *n, uint32_t party)
{
	n->parties[party].dead = false;
	for (uint32_t i = 0; i < FAKE_CONNS_MAX; i++) {
		struct fake_conn *c = &n->conns[i];

		if (c->state == FAKE_CONN_UP && (c->ends[0].party == party || c->ends[1].party == party)) {
			end_die(&c->ends[c->ends[0].party == party ? 1 : 0], STREAM_END_RESET,
				n->now_us + n->latency_us);
		}
	}
}

/* ---- set-up ---- */

void fake_net_init(struct fake_net *n)
{
	memset(n, 0, sizeof(*n));
	n->now_us = 1000000;
	n->latency_us = 100;
	n->window = 256 * 1024;
	n->timeout_us = 5000000;
	for (uint32_t i = 0; i < FAKE_PARTIES_MAX; i++) {
		n->parties[i].net = n;
		n->parties[i].index = i;
	}
}

struct streams fake_net_streams(struct fake_net *n, uint32_t party)
{
	ASSERT(party < FAKE_PARTIES_MAX);
	return (struct streams){ &ops, &n->parties[party] };
}

struct net_addr fake_net_addr(uint32_t party, uint16_t port)
{
	return (struct net_addr){ { 10, 0, 0, (uint8_t)(party + 1) }, port };
}

uint64_t fake_net_delivered(const struct fake_net *n, uint32_t conn, enum fake_dir dir)
{
	for (uint32_t i = 0; i < FAKE_CONNS_MAX; i++) {
		if (n->conns[i].state != FAKE_CONN_FREE && n->conns[i].number == conn) {
			return n->conns[i].pipes[dir].delivered;
		}
	}
	return 0;
}

uint32_t fake_net_alive(const struct fake_net *n)
{
	uint32_t alive = 0;

	for (uint32_t i = 0; i < FAKE_CONNS_MAX; i++) {
		alive += n->conns[i].state != FAKE_CONN_FREE;
	}
	return alive;
}
