/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/epoch.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"

#define RTT_SHIFT	   3u /* smoothing: 1/8 of each new value */
#define CREDIT_PAIR_BYTES  10u
#define CREDIT_PAYLOAD_MAX (10u + CREDIT_PAIR_BYTES * LINK_STREAM_COUNT)
#define SILENCE_FACTOR	   2u /* a PING may stay unanswered for twice the link timeout */

/* ---- channels ---- */

void traffic_open_channels(struct session *s)
{
	while (s->connect_count < s->channel_count && s->connect_count < s->joined_count + SESSION_JOINING_MAX) {
		struct channel *ch = &s->channels[s->connect_count];
		stream_id stream;
		enum err err =
			s->streams.ops->connect(s->streams.ctx, &s->record.how.to, &session_stream_events, s, &stream);

		if (err == ERR_FULL) {
			return; /* again at the next step; the deadline of JOIN ends it */
		}
		if (err != ERR_OK) {
			epoch_fault(s, err, "data channel cannot be opened");
			return;
		}
		ch->stream = stream;
		s->connect_count++;
	}
}

void traffic_connected(struct session *s, struct channel *ch)
{
	const struct channel_io io = session_channel_io(s);
	uint8_t join[FRAME_JOIN_BYTES];
	enum err err = channel_join_seal(ch, &io, s->channel_count, join);

	if (err == ERR_OK) {
		err = s->streams.ops->send_copy(s->streams.ctx, ch->stream, join, sizeof(join));
	}
	if (err != ERR_OK) {
		epoch_fault(s, err, "JOIN cannot be sent");
		return;
	}
	ch->joined = true;
	s->stats.sent_bytes += sizeof(join);
}

static void opened(struct session *s)
{
	s->phase = PHASE_OPEN;
	s->phase_deadline_us = 0;
	s->pending.open = true;
	session_log(s, LOG_INFO, "session: epoch %u open, %u channels", (unsigned)s->epoch, (unsigned)s->channel_count);
}

void traffic_joined(struct session *s)
{
	s->joined_count++;
	s->joined_due = true;
	if (s->joined_count == s->channel_count) {
		credit_windows(&s->credit, s->channel_count);
		opened(s);
	}
}

void traffic_received(struct session *s, struct channel *ch, const uint8_t *bytes, size_t len_bytes)
{
	const struct channel_io io = session_channel_io(s);
	char reason[REASON_BYTES];
	char text[REASON_BYTES];
	size_t at = 0;

	if (s->role != SESSION_DESTINATION) {
		(void)fmt(text, sizeof(text), "channel %u: bytes against its direction", (unsigned)ch->index);
		epoch_fault(s, ERR_BAD_RECORD, text);
		return;
	}
	s->stats.received_bytes += len_bytes;
	ch->progress_us = session_now(s);
	while (at < len_bytes) {
		size_t taken;
		uint32_t frame;
		enum err err = channel_receive(ch, &io, bytes + at, len_bytes - at, &taken, &frame, reason);

		if (err != ERR_OK) {
			(void)fmt(text, sizeof(text), "channel %u: %s", (unsigned)ch->index, reason);
			epoch_fault(s, err, text);
			return;
		}
		at += taken;
		if (frame != FRAME_NONE) {
			ASSERT(s->ready_count < FRAME_POOL_COUNT);
			s->ready[(s->ready_first + s->ready_count) % FRAME_POOL_COUNT] = (uint8_t)frame;
			s->ready_count++;
			s->stats.received_frames++;
		}
	}
}

/* ---- messages ---- */

static void violation(struct session *s, const char *what, uint64_t is, uint64_t expected)
{
	char text[REASON_BYTES];

	(void)fmt(text, sizeof(text), "control channel: %s is %llu, expected %llu", what, (unsigned long long)is,
		(unsigned long long)expected);
	epoch_fault(s, ERR_BAD_RECORD, text);
}

static void joined_message(struct session *s, const uint8_t *payload, size_t len_bytes)
{
	uint32_t count;

	if (len_bytes != 4) {
		violation(s, "JOINED length", len_bytes, 4);
		return;
	}
	count = load_le32(payload);
	if (s->role != SESSION_SOURCE || s->phase != PHASE_JOIN || count < s->joined_count ||
		count > s->connect_count) {
		violation(s, "JOINED count", count, s->joined_count + 1u);
		return;
	}
	s->joined_count = count;
	if (count == s->channel_count) {
		opened(s);
	}
}

static void credit_message(struct session *s, const uint8_t *payload, size_t len_bytes)
{
	struct reader r = reader_over(payload, len_bytes);
	const uint64_t messages = read_le64(&r);
	const uint16_t count = read_le16(&r);

	if (r.failed || r.left_bytes != (size_t)count * CREDIT_PAIR_BYTES) {
		violation(s, "CREDIT length", len_bytes, 10u + (uint64_t)count * CREDIT_PAIR_BYTES);
		return;
	}
	if (messages < s->out_limit || messages > s->out_sent + CTRL_QUEUE_COUNT) {
		violation(s, "CREDIT for messages", messages, s->out_limit);
		return;
	}
	s->out_limit = messages;
	for (uint16_t i = 0; i < count; i++) {
		const uint16_t stream = read_le16(&r);
		const uint64_t limit = read_le64(&r);

		if (s->role != SESSION_SOURCE || credit_raise(&s->credit, stream, limit) != ERR_OK) {
			violation(s, "CREDIT limit", limit, stream < LINK_STREAM_COUNT ? s->credit.limit[stream] : 0);
			return;
		}
	}
}

static void pong_message(struct session *s, uint64_t value)
{
	const uint64_t now = session_now(s);
	uint64_t rtt;

	if (!s->ping_wait || value != s->ping_sent_us) {
		return; /* not the one that is awaited */
	}
	s->ping_wait = false;
	rtt = now - s->ping_sent_us;
	if (s->stats.rtt_us == 0) {
		s->stats.rtt_us = rtt;
	} else if (rtt >= s->stats.rtt_us) {
		s->stats.rtt_us += (rtt - s->stats.rtt_us) >> RTT_SHIFT;
	} else {
		s->stats.rtt_us -= (s->stats.rtt_us - rtt) >> RTT_SHIFT;
	}
}

static void engine_message(struct session *s, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	s->in_received++;
	if (s->in_received > s->in_told || mailbox_put(&s->inbox, type, payload, len_bytes) != ERR_OK) {
		violation(s, "message number", s->in_received, s->in_told);
	}
}

void traffic_message(struct session *s, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	char peer_text[REASON_BYTES];
	char text[REASON_BYTES];

	s->stats.received_bytes += MESSAGE_HEADER_BYTES + len_bytes;
	switch (type) {
	case MESSAGE_REFUSE:
		message_text_read(payload, len_bytes, text);
		epoch_end(s, END_REFUSED, ERR_REFUSED, text);
		return;
	case MESSAGE_FAULT:
		message_text_read(payload, len_bytes, peer_text);
		(void)fmt(text, sizeof(text), "the peer ended it: %s", peer_text);
		epoch_end(s, END_LOST, ERR_LOST, text);
		return;
	case MESSAGE_JOINED:
		joined_message(s, payload, len_bytes);
		return;
	case MESSAGE_CREDIT:
		credit_message(s, payload, len_bytes);
		return;
	case MESSAGE_PING:
	case MESSAGE_PONG:
		if (len_bytes != 8) {
			violation(s, "PING length", len_bytes, 8);
		} else if (type == MESSAGE_PING) {
			s->pong_value = load_le64(payload);
			s->pong_due = true;
		} else {
			pong_message(s, load_le64(payload));
		}
		return;
	case MESSAGE_BYE:
		s->bye_received = true;
		s->bye_due = true;
		if (s->finish_deadline_us == 0) {
			s->finish_deadline_us = session_now(s) + s->link_timeout_us;
		}
		return;
	default:
		break;
	}
	if (type > MESSAGE_ENGINE_MAX || s->bye_received) {
		violation(s, "message type", type, MESSAGE_ENGINE_MAX);
		return;
	}
	engine_message(s, type, payload, len_bytes);
}

/* ---- sending ---- */

static enum err say(struct session *s, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	const struct control_io io = session_control_io(s);
	uint8_t message[MESSAGE_HEADER_BYTES + CREDIT_PAYLOAD_MAX];
	enum err err;

	ASSERT(len_bytes <= CREDIT_PAYLOAD_MAX);
	message_header_write(message, type, (uint32_t)len_bytes);
	if (len_bytes > 0) {
		memcpy(message + MESSAGE_HEADER_BYTES, payload, len_bytes);
	}
	err = control_write(session_live(s), &io, message, MESSAGE_HEADER_BYTES + len_bytes);
	if (err == ERR_OK) {
		s->stats.sent_bytes += MESSAGE_HEADER_BYTES + len_bytes;
	}
	return err;
}

static enum err hello_send(struct session *s)
{
	const struct control_io io = session_control_io(s);
	enum err err = ERR_OK;

	if (s->hello_out_len > 0) {
		err = control_write(session_live(s), &io, s->hello_out, s->hello_out_len);
		if (err == ERR_OK) {
			s->stats.sent_bytes += s->hello_out_len;
			s->hello_out_len = 0;
		}
	}
	return err;
}

static enum err joined_send(struct session *s)
{
	uint8_t count[4];
	enum err err = ERR_OK;

	if (s->joined_due) {
		store_le32(count, s->joined_count);
		err = say(s, MESSAGE_JOINED, count, sizeof(count));
		s->joined_due = err != ERR_OK;
	}
	return err;
}

/* One message for all that changed; alone for the messages' own limit when half of it is used. */
static enum err credit_send(struct session *s)
{
	const uint64_t messages = s->in_consumed + CTRL_QUEUE_COUNT;
	const bool frames = credit_any_changed(&s->credit);
	uint8_t payload[CREDIT_PAYLOAD_MAX];
	struct writer w = writer_over(payload, sizeof(payload));
	uint16_t count = 0;
	enum err err;

	if (!frames && messages - s->in_told < CTRL_QUEUE_COUNT / 2) {
		return ERR_OK;
	}
	for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
		count += s->credit.changed[i] ? 1 : 0;
	}
	write_le64(&w, messages);
	write_le16(&w, count);
	for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
		if (s->credit.changed[i]) {
			write_le16(&w, (uint16_t)i);
			write_le64(&w, s->credit.limit[i]);
		}
	}
	ASSERT(!w.failed);
	err = say(s, MESSAGE_CREDIT, payload, w.len_bytes);
	if (err == ERR_OK) {
		s->in_told = messages;
		memset(s->credit.changed, 0, sizeof(s->credit.changed));
	}
	return err;
}

static enum err ping_send(struct session *s, uint64_t now_us)
{
	uint8_t value[8];
	enum err err = ERR_OK;

	if (s->pong_due) {
		store_le64(value, s->pong_value);
		err = say(s, MESSAGE_PONG, value, sizeof(value));
		s->pong_due = err != ERR_OK;
	}
	if (err == ERR_OK && !s->ping_wait && now_us >= s->ping_next_us) {
		store_le64(value, now_us);
		err = say(s, MESSAGE_PING, value, sizeof(value));
		if (err == ERR_OK) {
			s->ping_wait = true;
			s->ping_sent_us = now_us;
			s->ping_next_us = now_us + (s->blackout ? SESSION_PING_BLACKOUT_US : SESSION_PING_US);
		}
	}
	return err;
}

static enum err mail_send(struct session *s)
{
	const struct control_io io = session_control_io(s);
	const struct mail *mail = mailbox_front(&s->outbox);
	enum err err = ERR_OK;

	while (mail != NULL && s->out_sent < s->out_limit) {
		err = control_write(session_live(s), &io, mail->bytes, mail->len_bytes);
		if (err != ERR_OK) {
			return err;
		}
		s->stats.sent_bytes += mail->len_bytes;
		s->out_sent++;
		mailbox_drop(&s->outbox);
		mail = mailbox_front(&s->outbox);
	}
	if (mail == NULL && s->bye_due && !s->bye_sent) {
		err = say(s, MESSAGE_BYE, NULL, 0);
		s->bye_sent = err == ERR_OK;
	}
	return err;
}

static enum err control_send(struct session *s, uint64_t now_us)
{
	const struct control_io io = session_control_io(s);
	enum err err = control_flush(session_live(s), &io);

	if (err == ERR_OK) {
		err = hello_send(s);
	}
	if (err == ERR_OK) {
		err = joined_send(s);
	}
	if (err == ERR_OK) {
		err = credit_send(s);
	}
	if (err == ERR_OK) {
		err = mail_send(s);
	}
	if (err == ERR_OK && !s->bye_sent) {
		err = ping_send(s, now_us);
	}
	return err;
}

static enum err frames_send(struct session *s)
{
	const struct channel_io io = session_channel_io(s);

	for (uint32_t i = 0; i < s->channel_count; i++) {
		enum err err = channel_send(&s->channels[i], &io, &s->stats.sent_bytes);

		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/* ---- deadlines ---- */

/* A stream that has bytes under way and no progress; false when it was the end of the epoch. */
static bool stall_ok(struct session *s, stream_id stream, const char *what, unsigned index)
{
	const uint64_t max = s->blackout ? s->blackout_timeout_us : s->link_timeout_us;
	char text[REASON_BYTES];
	uint32_t unacked = 0;
	uint64_t stalled = 0;

	if (stream == STREAM_NONE) {
		return true;
	}
	s->streams.ops->pending(s->streams.ctx, stream, &unacked, &stalled);
	s->stats.unacked_bytes += unacked;
	if (unacked == 0 || stalled < max) {
		return true;
	}
	(void)fmt(text, sizeof(text), "%s %u: %u bytes unacknowledged for %llu ms", what, index, (unsigned)unacked,
		(unsigned long long)(stalled / 1000u));
	epoch_fault(s, ERR_TIMEOUT, text);
	return false;
}

/* A frame that began must go on: a changed length would otherwise wait for ever. */
static bool partial_ok(struct session *s, const struct channel *ch, uint64_t now_us)
{
	const uint64_t max = s->blackout ? s->blackout_timeout_us : s->link_timeout_us;
	char text[REASON_BYTES];

	if (ch->have_bytes == 0 || now_us - ch->progress_us < max) {
		return true;
	}
	(void)fmt(text, sizeof(text), "channel %u: frame sequence %llu stops after %u bytes", (unsigned)ch->index,
		(unsigned long long)ch->next, (unsigned)ch->have_bytes);
	epoch_fault(s, ERR_TIMEOUT, text);
	return false;
}

static bool progress_ok(struct session *s, uint64_t now_us)
{
	if (now_us < s->stall_check_us) {
		return true;
	}
	s->stall_check_us = now_us + SESSION_STALL_CHECK_US;
	s->stats.unacked_bytes = 0;
	if (!stall_ok(s, session_live(s)->stream, "control channel", 0)) {
		return false;
	}
	for (uint32_t i = 0; i < s->channel_count; i++) {
		if (!stall_ok(s, s->channels[i].stream, "channel", i) || !partial_ok(s, &s->channels[i], now_us)) {
			return false;
		}
	}
	return true;
}

static bool deadlines_ok(struct session *s, uint64_t now_us)
{
	char text[REASON_BYTES];

	if (s->phase == PHASE_JOIN && s->phase_deadline_us != 0 && now_us >= s->phase_deadline_us) {
		(void)fmt(text, sizeof(text), "%u of %u data channels joined within %u ms", (unsigned)s->joined_count,
			(unsigned)s->channel_count, SESSION_JOIN_US / 1000u);
		epoch_fault(s, ERR_TIMEOUT, text);
		return false;
	}
	if (s->ping_wait && now_us - s->ping_sent_us >= SILENCE_FACTOR * s->link_timeout_us) {
		(void)fmt(text, sizeof(text), "no answer to PING for %llu ms",
			(unsigned long long)((now_us - s->ping_sent_us) / 1000u));
		epoch_fault(s, ERR_TIMEOUT, text);
		return false;
	}
	return progress_ok(s, now_us);
}

static void finish_step(struct session *s, uint64_t now_us)
{
	const struct control_io io = session_control_io(s);
	const bool drained = s->inbox.count == 0 && s->ready_count == 0 && !s->pending.open && !s->pending.resumed;

	if (s->bye_sent && s->bye_received && drained && control_flushed(session_live(s), &io)) {
		epoch_end(s, END_FINISHED, ERR_OK, "finished");
	} else if (s->finish_deadline_us != 0 && now_us >= s->finish_deadline_us && drained) {
		epoch_end(s, END_FINISHED, ERR_OK, "finished, without the peer's BYE");
	}
}

void traffic_step(struct session *s, uint64_t now_us)
{
	enum err err;

	if (session_live(s)->state != CONTROL_UP) {
		return;
	}
	if (s->role == SESSION_DESTINATION && s->phase == PHASE_OPEN) {
		credit_grant(&s->credit, s->pool.free_count);
	}
	if (s->role == SESSION_SOURCE && s->phase == PHASE_JOIN) {
		traffic_open_channels(s);
	}
	if (s->phase == PHASE_DOWN) {
		return;
	}
	err = control_send(s, now_us);
	if (err != ERR_OK && err != ERR_FULL) {
		epoch_end(s, END_LOST, ERR_LOST, "control channel: the connection broke");
		return;
	}
	if (s->phase == PHASE_OPEN && frames_send(s) != ERR_OK) {
		epoch_fault(s, ERR_LOST, "data channel: the connection broke");
		return;
	}
	if (deadlines_ok(s, now_us)) {
		finish_step(s, now_us);
	}
}
