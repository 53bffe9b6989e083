/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/session.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/session/epoch.h"

/* ---- start ---- */

/* Identity and boot number; both may come late (entropy, credentials). */
static enum err identify(struct session *s)
{
	uint8_t boot[8];
	enum err err = ERR_OK;

	if (s->own_known) {
		return ERR_OK;
	}
	err = s->tls.ops->own_id(s->tls.ctx, s->own_id);
	if (err != ERR_OK) {
		return ERR_UNSUPPORTED;
	}
	if (s->own_boot == 0) {
		err = s->host.ops->random(s->host.ctx, boot, sizeof(boot));
		if (err != ERR_OK) {
			return ERR_UNSUPPORTED;
		}
		s->own_boot = load_le64(boot);
	}
	s->own_known = true;
	return ERR_OK;
}

enum err session_init(struct session *s, const struct session_config *config)
{
	s->host = config->host;
	s->streams = config->streams;
	s->tls = config->tls;
	s->seal = config->seal;
	s->link_timeout_us = SESSION_LINK_US;
	s->blackout_timeout_us = SESSION_BLACKOUT_US;
	s->own_boot = 0;
	s->own_known = false;
	s->role = SESSION_IDLE;
	s->phase = PHASE_DOWN;
	s->epoch = 0;
	s->channel_count = 0;
	s->listening = false;
	s->live = 0;
	memset(&s->record, 0, sizeof(s->record));
	memset(&s->pending, 0, sizeof(s->pending));
	memset(&s->stats, 0, sizeof(s->stats));
	memset(&s->asked, 0, sizeof(s->asked));
	memset(s->channels, 0, sizeof(s->channels));
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		channel_reset(&s->channels[i], (uint8_t)i, 0, 0);
	}
	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		s->strangers[i].stream = STREAM_NONE;
	}
	for (uint32_t i = 0; i < SESSION_LINGER_MAX; i++) {
		s->lingers[i].stream = STREAM_NONE;
	}
	control_reset(&s->controls[0]);
	control_reset(&s->controls[1]);
	frame_pool_init(&s->pool);
	s->inbox.first = 0;
	s->inbox.count = 0;
	s->outbox.first = 0;
	s->outbox.count = 0;
	s->message_lent = false;
	s->ready_first = 0;
	s->ready_count = 0;
	s->hello_out_len = 0;
	credit_reset(&s->credit);
	return identify(s);
}

void session_set_timeouts(struct session *s, uint64_t link_us, uint64_t blackout_us)
{
	s->link_timeout_us = link_us != 0 ? link_us : s->link_timeout_us;
	s->blackout_timeout_us = blackout_us != 0 ? blackout_us : s->blackout_timeout_us;
}

/* ---- link_ops: connecting ---- */

static void op_unlisten(void *ctx)
{
	struct session *s = ctx;

	if (s->listening) {
		s->streams.ops->unlisten(s->streams.ctx, s->listen.port);
		s->listening = false;
		strangers_drop_all(s);
		handshake_drop(s, "the destination no longer listens");
	}
}

static enum err op_listen(void *ctx, const struct link_listen *how)
{
	struct session *s = ctx;
	enum err err = identify(s);

	if (err != ERR_OK) {
		return err;
	}
	if (s->listening && s->listen.port == how->port) {
		s->listen = *how;
		return ERR_OK;
	}
	op_unlisten(s);
	err = s->streams.ops->listen(s->streams.ctx, how->port, &session_stream_events, s);
	if (err == ERR_OK) {
		s->listen = *how;
		s->listening = true;
	}
	return err;
}

static enum err connect_check(struct session *s, const struct link_connect *how)
{
	enum err err = identify(s);

	if (err != ERR_OK) {
		return err;
	}
	if (s->phase != PHASE_DOWN) {
		return ERR_BAD_STATE;
	}
	if (how->channel_count < 1 || how->channel_count > CHANNEL_COUNT_MAX || how->peer_id[0] == '\0') {
		return ERR_RANGE;
	}
	return ERR_OK;
}

static void record_forget(struct session *s)
{
	keys_forget(&s->record.secret, sizeof(s->record.secret));
	s->record.has_secret = false;
	s->record.known = false;
}

/* The attempt of a source's record; source and boot are ours unless an old attempt is asked about. */
static void record_begin(
	struct session *s, const struct link_connect *how, const struct attempt *attempt, uint32_t epoch)
{
	epoch_fence(s);
	record_forget(s);
	s->record.known = true;
	s->record.attempt = *attempt;
	s->record.how = *how;
	s->record.epoch = epoch;
	s->channel_count = how->channel_count;
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		channel_reset(&s->channels[i], (uint8_t)i, 0, epoch);
	}
}

static enum err op_connect(void *ctx, const struct link_connect *how, const struct attempt *attempt,
	const uint8_t *hello, size_t len_bytes)
{
	struct session *s = ctx;
	enum err err = connect_check(s, how);

	if (err != ERR_OK) {
		return err;
	}
	if (len_bytes > MESSAGE_HELLO_MAX || attempt->vm[0] == '\0') {
		return ERR_RANGE;
	}
	record_begin(s, how, attempt, 1);
	(void)text_copy(s->record.attempt.source, HOST_ID_MAX, s->own_id);
	s->record.attempt.source_boot = s->own_boot;
	return handshake_connect(s, HELLO_NEW, hello, len_bytes);
}

static enum err op_reconnect(void *ctx)
{
	struct session *s = ctx;

	if (!s->record.known || s->role != SESSION_SOURCE) {
		return ERR_BAD_STATE;
	}
	epoch_fence(s);
	s->record.epoch++;
	return handshake_connect(s, s->record.has_secret ? HELLO_RESUME : HELLO_STATUS, NULL, 0);
}

static enum err op_ask(void *ctx, const struct link_connect *how, const struct attempt *attempt)
{
	struct session *s = ctx;
	enum err err = connect_check(s, how);

	if (err != ERR_OK) {
		return err;
	}
	if (attempt->vm[0] == '\0') {
		return ERR_RANGE;
	}
	record_begin(s, how, attempt, 0);
	(void)text_copy(s->record.attempt.source, HOST_ID_MAX, s->own_id);
	return handshake_connect(s, HELLO_STATUS, NULL, 0);
}

static enum err op_accept(void *ctx, const uint8_t *hello, size_t len_bytes)
{
	struct session *s = ctx;

	if (s->phase == PHASE_DECIDE) {
		s->phase = PHASE_JOIN;
		s->phase_deadline_us = session_now(s) + SESSION_JOIN_US;
		traffic_open_channels(s);
		return s->phase == PHASE_JOIN ? ERR_OK : ERR_LOST;
	}
	if (s->role == SESSION_SOURCE && s->phase != PHASE_DOWN) {
		return ERR_BAD_STATE;
	}
	if (len_bytes > MESSAGE_HELLO_MAX) {
		return ERR_RANGE;
	}
	return handshake_accept(s, hello, len_bytes);
}

static void op_refuse(void *ctx, const char *reason)
{
	struct session *s = ctx;

	if (s->phase == PHASE_DECIDE) {
		const struct control_io io = session_control_io(s);
		stream_id left;

		control_say(s, session_live(s), MESSAGE_REFUSE, reason);
		if (control_close(session_live(s), &io, &left)) {
			linger_add(s, left, true);
		}
		/* What was closed in order outlives the fence. */
		epoch_end(s, END_FINISHED, ERR_OK, reason);
		s->pending.finished = false;
	} else {
		handshake_drop(s, reason);
	}
}

/* ---- link_ops: events ---- */

static void op_poll(void *ctx, struct link_event *out)
{
	struct session *s = ctx;
	const uint64_t now = session_now(s);

	if (s->message_lent) {
		s->message_lent = false;
		mailbox_drop(&s->inbox);
		s->in_consumed++;
	}
	strangers_step(s, now);
	conversation_step(s, now);
	traffic_step(s, now);
	linger_step(s, now);
	memset(out, 0, sizeof(*out));
	out->epoch = s->epoch;
	link_event_take(s, out);
}

/* ---- link_ops: control messages and frames ---- */

static enum err op_send(void *ctx, uint16_t type, const uint8_t *bytes, size_t len_bytes)
{
	struct session *s = ctx;
	enum err err;

	if (session_live(s)->state != CONTROL_UP || s->phase == PHASE_DOWN || s->bye_due) {
		return ERR_LOST;
	}
	if (type > MESSAGE_ENGINE_MAX || len_bytes > MESSAGE_PAYLOAD_MAX) {
		return ERR_RANGE;
	}
	err = mailbox_put(&s->outbox, type, bytes, len_bytes);
	return err;
}

static bool op_control_idle(void *ctx)
{
	struct session *s = ctx;
	const struct control_io io = session_control_io(s);

	return s->outbox.count == 0 && s->hello_out_len == 0 && control_flushed(session_live(s), &io);
}

static bool frame_possible(const struct session *s, uint16_t stream, uint8_t channel)
{
	return s->role == SESSION_SOURCE && s->phase == PHASE_OPEN && !s->bye_due && channel < s->channel_count &&
	       stream < LINK_STREAM_COUNT && (stream >= LINK_STREAM_VM || stream == channel);
}

static uint32_t op_frame_space(void *ctx, uint16_t stream, uint8_t channel)
{
	struct session *s = ctx;
	uint64_t left;

	if (!frame_possible(s, stream, channel) || s->channels[channel].sealing) {
		return 0;
	}
	left = credit_left(&s->credit, stream);
	return left < s->pool.free_count ? (uint32_t)left : s->pool.free_count;
}

static enum err op_frame_begin(
	void *ctx, struct link_tx *tx, uint16_t stream, uint8_t channel, enum frame_type type, size_t len_bytes)
{
	struct session *s = ctx;
	const struct channel_io io = session_channel_io(s);
	enum err err;

	tx->frame = FRAME_NONE;
	if (s->phase != PHASE_OPEN) {
		return ERR_LOST;
	}
	if (!frame_possible(s, stream, channel) || len_bytes > FRAME_PAYLOAD_MAX || type < FRAME_RAM ||
		type > FRAME_TOTALS || s->channels[channel].sealing) {
		return ERR_RANGE;
	}
	err = channel_frame_begin(&s->channels[channel], &io, stream, type, len_bytes, &tx->frame);
	if (err == ERR_LOST) {
		epoch_fault(s, ERR_LOST, "frames cannot be sealed");
	}
	if (err == ERR_OK) {
		tx->channel = channel;
		tx->at = 0;
		tx->len_bytes = len_bytes;
	}
	return err;
}

/* False when its epoch ended meanwhile: nothing is sealed any more. */
static bool tx_alive(const struct session *s, const struct link_tx *tx)
{
	return tx->frame < FRAME_POOL_COUNT && s->pool.frames[tx->frame].state == FRAME_SEALING &&
	       !s->pool.frames[tx->frame].orphan;
}

static void op_frame_bytes(void *ctx, struct link_tx *tx, const uint8_t *bytes, size_t len_bytes)
{
	struct session *s = ctx;
	const struct channel_io io = session_channel_io(s);

	if (tx_alive(s, tx)) {
		channel_frame_bytes(&s->channels[tx->channel], &io, tx->frame, tx->at, bytes, len_bytes);
		tx->at += len_bytes;
	}
}

static void op_frame_end(void *ctx, struct link_tx *tx)
{
	struct session *s = ctx;
	const struct channel_io io = session_channel_io(s);
	struct channel *ch = &s->channels[tx->channel];

	if (tx->frame >= FRAME_POOL_COUNT) {
		return;
	}
	if (!tx_alive(s, tx)) {
		if (s->pool.frames[tx->frame].state == FRAME_SEALING) {
			frame_free(&s->pool, tx->frame);
		}
		tx->frame = FRAME_NONE;
		return;
	}
	ASSERT(tx->at == tx->len_bytes);
	channel_frame_end(ch, &io, tx->frame);
	tx->frame = FRAME_NONE;
	s->stats.sent_frames++;
	if (channel_send(ch, &io, &s->stats.sent_bytes) != ERR_OK) {
		epoch_fault(s, ERR_LOST, "data channel: the connection broke");
	}
}

static void op_frame_done(void *ctx, uint32_t frame)
{
	struct session *s = ctx;
	const struct channel_io io = session_channel_io(s);

	ASSERT(frame < FRAME_POOL_COUNT && s->pool.frames[frame].state == FRAME_LENT);
	if (s->pool.frames[frame].orphan) {
		frame_free(&s->pool, frame);
	} else {
		channel_frame_placed(&s->channels[s->pool.frames[frame].head.channel], &io, frame);
	}
}

static void op_channel_digest(void *ctx, uint8_t channel, uint64_t *next, uint8_t chain[HASH_BYTES])
{
	struct session *s = ctx;
	const struct channel *ch;

	ASSERT(channel < CHANNEL_COUNT_MAX);
	ch = &s->channels[channel];
	*next = s->role == SESSION_SOURCE ? ch->next : ch->placed;
	memcpy(chain, ch->chain, HASH_BYTES);
}

static uint32_t op_channel_count(void *ctx)
{
	const struct session *s = ctx;

	return s->channel_count;
}

/* ---- link_ops: the end ---- */

static void op_blackout(void *ctx, bool on)
{
	struct session *s = ctx;

	s->blackout = on && s->phase != PHASE_DOWN;
	if (s->blackout) {
		s->ping_next_us = session_now(s);
	}
}

static void op_abort(void *ctx)
{
	struct session *s = ctx;

	epoch_fence(s);
	s->pending.refused = false;
}

static void op_finish(void *ctx)
{
	struct session *s = ctx;

	if (s->phase == PHASE_DOWN) {
		s->pending.finished = !s->pending.lost && !s->pending.refused;
	} else if (s->phase == PHASE_CONNECT || s->phase == PHASE_DECIDE) {
		epoch_fence(s);
		s->pending.finished = true;
	} else if (!s->bye_due) {
		s->bye_due = true;
		s->finish_deadline_us = session_now(s) + s->link_timeout_us;
	}
}

static void op_forget(void *ctx)
{
	record_forget(ctx);
}

static uint64_t op_boot(void *ctx)
{
	struct session *s = ctx;

	(void)identify(s); /* 0 without randomness or identity: then connect and listen refuse */
	return s->own_boot;
}

static void op_stats(void *ctx, struct link_stats *out)
{
	const struct session *s = ctx;

	*out = s->stats;
}

static const struct link_ops session_link_ops = {
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

struct link session_link(struct session *s)
{
	return (struct link){ &session_link_ops, s };
}
