/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/stream_table.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

/* A stream_id is generation << ID_INDEX_BITS | index. */
#define ID_INDEX_BITS 8u
#define ID_INDEX_MASK (BIT32(ID_INDEX_BITS) - 1u)
_Static_assert(STREAM_COUNT_MAX < ID_INDEX_MASK, "STREAM_NONE is no id");
_Static_assert(FRAME_BYTES <= UINT16_MAX, "one tcp_write for a frame");
_Static_assert(MEMP_NUM_TCP_PCB >= STREAM_COUNT_MAX + TCP_DEFAULT_LISTEN_BACKLOG * LISTENER_COUNT_MAX,
	"a connection for every stream and every half-open one");

#define HALF_OPEN_CHECK_US 100000u

static uint64_t now_us(const struct stream_table *t)
{
	return t->host.ops->time_us(t->host.ctx);
}

/* ---- the table ---- */

static stream_id id_of(const struct stream *s)
{
	return (uint32_t)(s->generation << ID_INDEX_BITS) | (uint32_t)(s - s->table->streams);
}

/** The live stream of an id, or NULL. */
static struct stream *find(struct stream_table *t, stream_id id)
{
	uint32_t index = id & ID_INDEX_MASK;
	struct stream *s;

	if (index >= STREAM_COUNT_MAX) {
		return NULL;
	}
	s = &t->streams[index];
	if ((s->state != STREAM_STATE_CONNECTING && s->state != STREAM_STATE_OPEN) || id_of(s) != id) {
		return NULL;
	}
	return s;
}

static struct stream *take(struct stream_table *t, struct tcp_pcb *pcb, const struct stream_events *events, void *owner)
{
	for (uint32_t i = 0; i < STREAM_COUNT_MAX; i++) {
		struct stream *s = &t->streams[i];

		if (s->state == STREAM_STATE_FREE) {
			uint32_t generation = (s->generation + 1u) & (UINT32_MAX >> ID_INDEX_BITS);

			*s = (struct stream){
				.table = t,
				.generation = generation,
				.pcb = pcb,
				.events = events,
				.owner = owner,
				.progress_us = now_us(t),
			};
			return s;
		}
	}
	return NULL;
}

static void free_if_drained(struct stream *s)
{
	if (s->state == STREAM_STATE_DEAD && s->send_count == 0 && !s->tell_ended && !s->tell_fin) {
		s->state = STREAM_STATE_FREE;
	}
}

/* ---- buffers sent by reference ---- */

/** First sequence number that a queued segment of the connection covers; everything before has been let go. */
static uint32_t oldest_held(const struct tcp_pcb *pcb)
{
	uint32_t oldest = pcb->snd_lbb;

	/* A repeated segment goes back to unsent, so either queue may have the older one; each is in order. */
	if (pcb->unsent != NULL) {
		uint32_t seq = lwip_ntohl(pcb->unsent->tcphdr->seqno);

		oldest = TCP_SEQ_LT(seq, oldest) ? seq : oldest;
	}
	if (pcb->unacked != NULL) {
		uint32_t seq = lwip_ntohl(pcb->unacked->tcphdr->seqno);

		oldest = TCP_SEQ_LT(seq, oldest) ? seq : oldest;
	}
	return oldest;
}

static void let_go(struct stream *s)
{
	uint32_t oldest = s->pcb != NULL ? oldest_held(s->pcb) : 0;
	uint64_t queued = s->table->nic.ops->tx_queued(s->table->nic.ctx);

	for (uint32_t i = 0; i < s->send_count; i++) {
		struct stream_send *send = &s->sends[(s->send_first + i) % STREAM_QUEUE_COUNT];

		if (send->let_go) {
			continue;
		}
		if (s->pcb != NULL && TCP_SEQ_GT(send->end_seq, oldest)) {
			return;
		}
		send->let_go = true;
		send->done_at = queued;
	}
}

static void release(struct stream *s, uint64_t done)
{
	let_go(s);
	for (uint32_t n = s->send_count; n != 0; n--) {
		const struct stream_send send = s->sends[s->send_first];

		if (!send.let_go || send.done_at > done) {
			break;
		}
		s->send_first = (s->send_first + 1u) % STREAM_QUEUE_COUNT;
		s->send_count--;
		if (send.copied_bytes != 0) {
			s->copy_count--;
			s->copied_bytes -= send.copied_bytes;
		} else {
			s->events->released(s->owner, id_of(s), send.cookie);
		}
	}
}

/* ---- what lwIP calls ---- */

/** lwIP and the stream part: no callback comes any more, and the pcb is not ours to touch. */
static void detach(struct stream *s)
{
	if (s->pcb != NULL) {
		tcp_arg(s->pcb, NULL);
		tcp_recv(s->pcb, NULL);
		tcp_sent(s->pcb, NULL);
		tcp_err(s->pcb, NULL);
		s->pcb = NULL;
	}
	let_go(s);
}

static void forget_received(struct stream *s)
{
	struct stream_table *t = s->table;

	for (uint32_t i = 0; i < t->received_count; i++) {
		if (t->received[i].stream == s && t->received[i].p != NULL) {
			(void)pbuf_free(t->received[i].p);
			t->received[i].p = NULL;
		}
	}
}

/** The id dies. What was lent is released later. */
static void die(struct stream *s)
{
	forget_received(s);
	s->state = STREAM_STATE_DEAD;
	s->tell_connected = s->tell_accepted = s->tell_fin = s->tell_ended = false;
	free_if_drained(s);
}

static void reset(struct stream *s)
{
	struct tcp_pcb *pcb = s->pcb;

	if (pcb != NULL) {
		tcp_arg(pcb, NULL);
		tcp_err(pcb, NULL);
		tcp_abort(pcb); /* frees its segments, and it */
		s->pcb = NULL;
	}
	let_go(s);
}

static void note(struct stream *s)
{
	s->table->pending = true;
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct stream *s = arg;
	struct stream_table *t;

	(void)err;
	if (s == NULL) {
		if (p != NULL) {
			(void)pbuf_free(p);
		}
		return LWIP_ERR_OK;
	}
	t = s->table;
	if (p == NULL) {
		s->fin_came = true;
		s->tell_fin = true;
		note(s);
		return LWIP_ERR_OK;
	}
	if (t->received_count == RECEIVED_COUNT_MAX) {
		return LWIP_ERR_MEM; /* lwIP keeps it and offers it again */
	}
	/* The session takes all there is before lwIP runs again: the window never closes. */
	tcp_recved(pcb, p->tot_len);
	t->received[t->received_count].stream = s;
	t->received[t->received_count].p = p;
	t->received_count++;
	note(s);
	return LWIP_ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct stream *s = arg;

	(void)pcb;
	(void)len;
	if (s != NULL) {
		s->progress_us = now_us(s->table);
	}
	return LWIP_ERR_OK;
}

static void on_error(void *arg, err_t err)
{
	struct stream *s = arg;

	if (s == NULL) {
		return;
	}
	s->pcb = NULL; /* lwIP has freed it, or is about to */
	let_go(s);
	if (err == LWIP_ERR_CLSD) {
		s->closing = true; /* both ends are through: not an error */
	} else {
		s->tell_ended = true;
		s->how = err == LWIP_ERR_RST ? STREAM_END_RESET : STREAM_END_TIMEOUT;
	}
	note(s);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct stream *s = arg;

	(void)pcb;
	(void)err;
	if (s != NULL) {
		s->state = STREAM_STATE_OPEN;
		s->progress_us = now_us(s->table);
		s->tell_connected = true;
		note(s);
	}
	return LWIP_ERR_OK;
}

static void attach(struct stream *s)
{
	tcp_arg(s->pcb, s);
	tcp_recv(s->pcb, on_received);
	tcp_sent(s->pcb, on_sent);
	tcp_err(s->pcb, on_error);
	tcp_nagle_disable(s->pcb);
}

static struct net_addr remote_of(const struct tcp_pcb *pcb)
{
	struct net_addr a = { .port = pcb->remote_port };

	memcpy(a.ip, &pcb->remote_ip.addr, sizeof(a.ip));
	return a;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct listener *l = arg;
	struct stream *s;

	if (err != LWIP_ERR_OK || pcb == NULL || l == NULL || l->pcb == NULL) {
		return LWIP_ERR_VAL; /* lwIP resets it */
	}
	s = take(l->table, pcb, l->events, l->owner);
	if (s == NULL) {
		l->table->refused_count++;
		return LWIP_ERR_MEM;
	}
	/* Half-open ones may be evicted for our own connections; an accepted one may not. */
	tcp_setprio(pcb, TCP_PRIO_NORMAL);
	attach(s);
	s->state = STREAM_STATE_OPEN;
	s->peer = remote_of(pcb);
	s->tell_accepted = true;
	l->table->accepted_count++;
	note(s);
	return LWIP_ERR_OK;
}

/* ---- telling the session ---- */

static void tell_beginning(struct stream *s)
{
	if (s->tell_connected) {
		s->tell_connected = false;
		s->events->connected(s->owner, id_of(s));
	}
	if (s->tell_accepted) {
		s->tell_accepted = false;
		if (!s->events->accepted(s->owner, id_of(s), &s->peer) && find(s->table, id_of(s)) == s) {
			reset(s);
			die(s);
		}
	}
}

static void tell_received(struct stream_table *t)
{
	/* lwIP does not run meanwhile, so nothing is added; an event may abort streams of later pieces. */
	for (uint32_t i = 0; i < t->received_count; i++) {
		struct stream *s = t->received[i].stream;
		struct pbuf *p = t->received[i].p;

		t->received[i].p = NULL;
		if (p == NULL) {
			continue;
		}
		for (const struct pbuf *q = p; q != NULL && s->state == STREAM_STATE_OPEN; q = q->next) {
			if (q->len != 0) {
				s->events->received(s->owner, id_of(s), q->payload, q->len);
			}
		}
		(void)pbuf_free(p);
	}
	t->received_count = 0;
}

static void tell_end(struct stream *s)
{
	stream_id id = id_of(s);

	if (s->tell_fin) {
		s->tell_fin = false;
		s->events->ended(s->owner, id, STREAM_END_FIN);
	}
	if (s->tell_ended) {
		enum stream_end how = s->how;

		die(s);
		s->events->ended(s->owner, id, how);
	}
	if (find(s->table, id) == s && s->closing && (s->pcb == NULL || s->pcb->state == TIME_WAIT)) {
		detach(s);
		die(s);
	}
}

/** A closed connection in TIME_WAIT may be freed by lwIP without a word: part with it before lwIP runs again. */
static void part_with_closed(struct stream_table *t)
{
	for (uint32_t i = 0; i < STREAM_COUNT_MAX; i++) {
		struct stream *s = &t->streams[i];

		if (s->closing && s->pcb != NULL && s->pcb->state == TIME_WAIT) {
			detach(s);
			note(s);
		}
	}
}

void stream_table_deliver(struct stream_table *t)
{
	part_with_closed(t);
	if (!t->pending) {
		return;
	}
	t->pending = false;
	for (uint32_t i = 0; i < STREAM_COUNT_MAX; i++) {
		tell_beginning(&t->streams[i]);
	}
	tell_received(t);
	for (uint32_t i = 0; i < STREAM_COUNT_MAX; i++) {
		struct stream *s = &t->streams[i];

		if (s->state == STREAM_STATE_OPEN || s->state == STREAM_STATE_CONNECTING) {
			tell_end(s);
		}
	}
}

/* ---- time ---- */

/** Connections that never completed their handshake: lwIP would keep them for 20 s of the listener's backlog. */
static void drop_half_open(struct stream_table *t, uint64_t now)
{
	const struct tcp_pcb *pcb = tcp_active_pcbs;

	if (now < t->half_open_check_us) {
		return;
	}
	t->half_open_check_us = now + HALF_OPEN_CHECK_US;
	for (uint32_t i = 0; i < MEMP_NUM_TCP_PCB && pcb != NULL; i++) {
		const struct tcp_pcb *next = pcb->next;

		if (pcb->state == SYN_RCVD && tcp_ticks - pcb->tmr > HALF_OPEN_TIMEOUT_MS / TCP_SLOW_INTERVAL) {
			tcp_abort((struct tcp_pcb *)(uintptr_t)pcb);
		}
		pcb = next;
	}
}

void stream_table_poll(struct stream_table *t, bool retry)
{
	uint64_t now = now_us(t);
	uint64_t done = t->nic.ops->tx_done(t->nic.ctx);

	drop_half_open(t, now);
	for (uint32_t i = 0; i < STREAM_COUNT_MAX; i++) {
		struct stream *s = &t->streams[i];

		if (s->state == STREAM_STATE_FREE) {
			continue;
		}
		if (retry && s->pcb != NULL) {
			(void)tcp_output(s->pcb);
		}
		if (s->closing && now >= s->close_deadline_us && find(t, id_of(s)) == s) {
			reset(s);
			s->tell_ended = true;
			s->how = STREAM_END_TIMEOUT;
			note(s);
		}
		if (s->send_count != 0) {
			release(s, done);
		}
		free_if_drained(s);
	}
	stream_table_deliver(t);
}

/* ---- operations ---- */

static struct tcp_pcb *new_pcb(void)
{
	struct tcp_pcb *pcb = tcp_new();

	if (pcb != NULL) {
		ip_set_option(pcb, SOF_REUSEADDR);
	}
	return pcb;
}

static struct listener *find_listener(struct stream_table *t, uint16_t port)
{
	for (uint32_t i = 0; i < LISTENER_COUNT_MAX; i++) {
		if (t->listeners[i].pcb != NULL && t->listeners[i].port == port) {
			return &t->listeners[i];
		}
	}
	return NULL;
}

static struct listener *free_listener(struct stream_table *t)
{
	for (uint32_t i = 0; i < LISTENER_COUNT_MAX; i++) {
		if (t->listeners[i].pcb == NULL) {
			return &t->listeners[i];
		}
	}
	return NULL;
}

static enum err op_listen(void *ctx, uint16_t port, const struct stream_events *events, void *owner)
{
	struct stream_table *t = ctx;
	struct listener *l = free_listener(t);
	struct tcp_pcb *pcb, *listening;
	err_t err;

	if (port == 0) {
		return ERR_RANGE;
	}
	if (find_listener(t, port) != NULL) {
		return ERR_BAD_STATE;
	}
	pcb = l != NULL ? new_pcb() : NULL;
	if (pcb == NULL) {
		return ERR_FULL;
	}
	tcp_setprio(pcb, TCP_PRIO_MIN);
	if (tcp_bind(pcb, IP4_ADDR_ANY, port) != LWIP_ERR_OK) {
		tcp_abort(pcb);
		return ERR_BAD_STATE;
	}
	listening = tcp_listen_with_backlog_and_err(pcb, TCP_DEFAULT_LISTEN_BACKLOG, &err);
	if (listening == NULL) {
		tcp_abort(pcb);
		return ERR_FULL;
	}
	*l = (struct listener){ .table = t, .pcb = listening, .port = port, .events = events, .owner = owner };
	tcp_arg(listening, l);
	tcp_accept(listening, on_accept);
	return ERR_OK;
}

static void op_unlisten(void *ctx, uint16_t port)
{
	struct listener *l = find_listener(ctx, port);

	if (l != NULL) {
		(void)tcp_close(l->pcb); /* never fails for a listener */
		l->pcb = NULL;
	}
}

static enum err op_connect(
	void *ctx, const struct net_addr *to, const struct stream_events *events, void *owner, stream_id *out)
{
	struct stream_table *t = ctx;
	struct tcp_pcb *pcb = new_pcb();
	struct stream *s = pcb != NULL ? take(t, pcb, events, owner) : NULL;
	ip4_addr_t ip;

	if (s == NULL) {
		if (pcb != NULL) {
			tcp_abort(pcb);
		}
		return ERR_FULL;
	}
	attach(s);
	s->peer = *to;
	s->state = STREAM_STATE_CONNECTING;
	memcpy(&ip.addr, to->ip, sizeof(ip.addr));
	if (tcp_connect(pcb, &ip, to->port, on_connected) != LWIP_ERR_OK) {
		reset(s);
		die(s);
		return ERR_LOST;
	}
	*out = id_of(s);
	return ERR_OK;
}

/** Common to both ways of sending: the bytes go to TCP, and their end into the stream's queue. */
static enum err send(struct stream *s, const uint8_t *bytes, size_t len_bytes, uint8_t flags, struct stream_send entry)
{
	bool idle;

	if (s->closing || s->pcb == NULL) {
		return ERR_LOST;
	}
	if (s->state == STREAM_STATE_CONNECTING) {
		return ERR_FULL;
	}
	idle = s->pcb->snd_lbb == s->pcb->lastack;
	switch (tcp_write(s->pcb, bytes, (u16_t)len_bytes, flags)) {
	case LWIP_ERR_OK:
		break;
	case LWIP_ERR_MEM:
		return ERR_FULL;
	default:
		return ERR_LOST;
	}
	if (idle) {
		s->progress_us = now_us(s->table);
	}
	entry.end_seq = s->pcb->snd_lbb;
	s->sends[(s->send_first + s->send_count) % STREAM_QUEUE_COUNT] = entry;
	s->send_count++;
	(void)tcp_output(s->pcb); /* what the NIC cannot take now is sent by a later poll */
	return ERR_OK;
}

static enum err op_send(void *ctx, stream_id id, const uint8_t *bytes, size_t len_bytes, uint32_t cookie)
{
	struct stream *s = find(ctx, id);

	if (s == NULL) {
		return ERR_LOST;
	}
	if (len_bytes == 0 || len_bytes > FRAME_BYTES) {
		return ERR_RANGE;
	}
	if (s->send_count - s->copy_count == STREAM_SEND_COUNT_MAX) {
		return ERR_FULL;
	}
	return send(s, bytes, len_bytes, 0, (struct stream_send){ .cookie = cookie });
}

static enum err op_send_copy(void *ctx, stream_id id, const uint8_t *bytes, size_t len_bytes)
{
	struct stream *s = find(ctx, id);
	enum err err;

	if (s == NULL) {
		return ERR_LOST;
	}
	if (len_bytes == 0 || len_bytes > STREAM_COPY_BYTES_MAX) {
		return ERR_RANGE;
	}
	if (s->copy_count == STREAM_COPY_COUNT_MAX || s->copied_bytes + len_bytes > STREAM_COPIED_BYTES_MAX) {
		return ERR_FULL;
	}
	err = send(
		s, bytes, len_bytes, TCP_WRITE_FLAG_COPY, (struct stream_send){ .copied_bytes = (uint32_t)len_bytes });
	if (err == ERR_OK) {
		s->copy_count++;
		s->copied_bytes += (uint32_t)len_bytes;
	}
	return err;
}

static void op_abort(void *ctx, stream_id id)
{
	struct stream *s = find(ctx, id);

	if (s != NULL) {
		reset(s);
		die(s);
	}
}

static void op_close(void *ctx, stream_id id)
{
	struct stream *s = find(ctx, id);

	if (s == NULL || s->closing) {
		return;
	}
	if (s->state == STREAM_STATE_CONNECTING) {
		op_abort(ctx, id);
		return;
	}
	s->closing = true;
	s->close_deadline_us = now_us(s->table) + STREAM_CLOSE_TIMEOUT_US;
	/* Only our half: bytes of the peer still arrive. lwIP tries again by itself when it has no memory for the FIN. */
	if (s->pcb == NULL || tcp_shutdown(s->pcb, 0, 1) != LWIP_ERR_OK) {
		note(s);
	}
}

static void op_pending(void *ctx, stream_id id, uint32_t *unacked_bytes, uint64_t *stalled_us)
{
	const struct stream *s = find(ctx, id);

	*unacked_bytes = 0;
	*stalled_us = 0;
	if (s == NULL || s->pcb == NULL || s->state != STREAM_STATE_OPEN) {
		return;
	}
	*unacked_bytes = s->pcb->snd_lbb - s->pcb->lastack;
	if (*unacked_bytes != 0) {
		*stalled_us = now_us(s->table) - s->progress_us;
	}
}

static const struct stream_ops ops = {
	.listen = op_listen,
	.unlisten = op_unlisten,
	.connect = op_connect,
	.send = op_send,
	.send_copy = op_send_copy,
	.close = op_close,
	.abort = op_abort,
	.pending = op_pending,
};

const struct stream_ops *stream_table_ops(void)
{
	return &ops;
}

void stream_table_init(struct stream_table *t, const struct host *host, const struct nic *nic)
{
	memset(t, 0, sizeof(*t));
	t->host = *host;
	t->nic = *nic;
	for (uint32_t i = 0; i < STREAM_COUNT_MAX; i++) {
		t->streams[i].table = t;
	}
}
