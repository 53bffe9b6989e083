/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/epoch.h"

#include <stdarg.h>
#include <string.h>

#include "core/base/fmt.h"
#include "core/base/text.h"

void session_log(struct session *s, enum log_level level, const char *format, ...)
{
	char line[REASON_BYTES + 64];
	va_list args;

	va_start(args, format);
	(void)vfmt(line, sizeof(line), format, args);
	va_end(args);
	s->host.ops->log(s->host.ctx, level, line);
}

void epoch_begin(struct session *s, enum session_role role, enum session_phase phase, uint32_t epoch)
{
	const uint64_t now = session_now(s);

	s->role = role;
	s->phase = phase;
	s->epoch = epoch;
	s->joined_count = 0;
	s->connect_count = 0;
	s->blackout = false;
	s->hello_out_len = 0;
	mailbox_clear(&s->inbox);
	mailbox_clear(&s->outbox);
	s->message_lent = false;
	s->out_sent = 0;
	s->out_limit = CTRL_QUEUE_COUNT;
	s->in_received = 0;
	s->in_consumed = 0;
	s->in_told = CTRL_QUEUE_COUNT;
	credit_reset(&s->credit);
	s->ready_first = 0;
	s->ready_count = 0;
	s->joined_due = false;
	s->pong_due = false;
	s->bye_due = false;
	s->bye_sent = false;
	s->bye_received = false;
	s->ping_wait = false;
	s->ping_next_us = now;
	s->finish_deadline_us = 0;
	s->stall_check_us = now;
	s->pending.resumed = false;
	s->pending.open = false;
	s->pending.hello = false;
	s->pending.finished = false;
	s->pending.lost = false;
	s->pending.refused = false;
	s->stats.epochs++;
}

enum err epoch_keys(struct session *s)
{
	struct control *c = session_live(s);
	uint8_t transcript[HASH_BYTES];
	enum err err;

	keys_transcript_hash(s->seal->hash, &s->transcript, transcript);
	err = keys_session_id(&s->tls, c->tls, transcript, &s->session_id);
	if (err == ERR_OK) {
		err = keys_recovery(&s->tls, c->tls, transcript, s->record.secret);
	}
	for (uint32_t i = 0; err == ERR_OK && i < s->channel_count; i++) {
		channel_reset(&s->channels[i], (uint8_t)i, s->session_id, s->epoch);
		err = keys_channel(&s->channels[i].keys, &s->tls, s->seal, c->tls, transcript, s->epoch, (uint8_t)i);
	}
	s->record.has_secret = err == ERR_OK;
	return err;
}

/* Keys, frames and queues of an epoch that is over. Chains and totals stay readable. */
static void epoch_wipe(struct session *s)
{
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		struct channel *ch = &s->channels[i];

		keys_wipe(&ch->keys, s->seal);
		ch->stream = STREAM_NONE;
		ch->sealing = false;
		ch->unsent_count = 0;
		ch->frame = FRAME_NONE;
		ch->have_bytes = 0;
	}
	frame_pool_fence(&s->pool);
	s->ready_count = 0;
	s->hello_out_len = 0;
	mailbox_clear(&s->outbox);
	s->phase = PHASE_DOWN;
	s->blackout = false;
}

static void channels_abort(struct session *s)
{
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		if (s->channels[i].stream != STREAM_NONE) {
			s->streams.ops->abort(s->streams.ctx, s->channels[i].stream);
			s->channels[i].stream = STREAM_NONE;
		}
	}
}

void epoch_fence(struct session *s)
{
	const struct control_io io = session_control_io(s);

	for (uint32_t i = 0; i < SESSION_LINGER_MAX; i++) {
		if (s->lingers[i].stream != STREAM_NONE) {
			s->streams.ops->abort(s->streams.ctx, s->lingers[i].stream);
			s->lingers[i].stream = STREAM_NONE;
		}
	}
	control_abort(session_live(s), &io);
	channels_abort(s);
	epoch_wipe(s);
	mailbox_clear(&s->inbox);
	s->message_lent = false;
	s->pending.resumed = false;
	s->pending.open = false;
	s->pending.finished = false;
	s->pending.lost = false;
	if (s->role == SESSION_SOURCE) {
		s->pending.hello = false;
	}
}

static void note_end(struct session *s, enum epoch_end_kind kind, enum err err, const char *text)
{
	s->pending.resumed = false;
	s->pending.open = false;
	if (s->role == SESSION_SOURCE) {
		s->pending.hello = false;
	}
	switch (kind) {
	case END_LOST:
		s->pending.lost = true;
		s->pending.lost_err = err;
		(void)text_copy(s->pending.lost_text, REASON_BYTES, text);
		break;
	case END_REFUSED:
		s->pending.refused = true;
		s->pending.refused_err = err;
		(void)text_copy(s->pending.refused_text, REASON_BYTES, text);
		break;
	case END_FINISHED:
		s->pending.finished = true;
		break;
	}
	session_log(s, kind == END_FINISHED ? LOG_INFO : LOG_WARN, "session: epoch %u is over: %s", (unsigned)s->epoch,
		text);
}

void epoch_end(struct session *s, enum epoch_end_kind kind, enum err err, const char *text)
{
	const struct control_io io = session_control_io(s);
	stream_id left;

	if (s->phase == PHASE_DOWN) {
		return;
	}
	note_end(s, kind, err, text);
	if (kind == END_FINISHED) {
		for (uint32_t i = 0; i < s->channel_count; i++) {
			if (s->channels[i].stream != STREAM_NONE) {
				s->streams.ops->close(s->streams.ctx, s->channels[i].stream);
				linger_add(s, s->channels[i].stream, true);
				s->channels[i].stream = STREAM_NONE;
			}
		}
		if (control_close(session_live(s), &io, &left)) {
			linger_add(s, left, true);
		}
	} else {
		control_abort(session_live(s), &io);
		channels_abort(s);
	}
	epoch_wipe(s);
}

void epoch_fault(struct session *s, enum err err, const char *text)
{
	const struct control_io io = session_control_io(s);
	struct control *c = session_live(s);
	stream_id left;

	if (s->phase == PHASE_DOWN) {
		return;
	}
	/* The data streams stay until the peer has read why, so that a reset does not overtake the reason. */
	if (c->state == CONTROL_UP && !c->fin) {
		control_say(s, c, MESSAGE_FAULT, text);
		if (control_close(c, &io, &left)) {
			linger_add(s, left, true);
		}
		for (uint32_t i = 0; i < s->channel_count; i++) {
			if (s->channels[i].stream != STREAM_NONE) {
				linger_add(s, s->channels[i].stream, false);
				s->channels[i].stream = STREAM_NONE;
			}
		}
	}
	epoch_end(s, END_LOST, err, text);
}

void epoch_note_refused(struct session *s, enum err err, const char *text)
{
	s->stats.strangers_refused++;
	session_log(s, LOG_WARN, "session: refused: %s", text);
	if (s->phase == PHASE_DOWN) {
		s->pending.refused = true;
		s->pending.refused_err = err;
		(void)text_copy(s->pending.refused_text, REASON_BYTES, text);
	}
}

void linger_add(struct session *s, stream_id stream, bool closed)
{
	for (uint32_t i = 0; i < SESSION_LINGER_MAX; i++) {
		if (s->lingers[i].stream == STREAM_NONE) {
			s->lingers[i].stream = stream;
			s->lingers[i].closed = closed;
			s->lingers[i].deadline_us = session_now(s) + SESSION_LINGER_US;
			return;
		}
	}
	s->streams.ops->abort(s->streams.ctx, stream);
}

void linger_ended(struct session *s, stream_id stream, enum stream_end how)
{
	for (uint32_t i = 0; i < SESSION_LINGER_MAX; i++) {
		if (s->lingers[i].stream == stream) {
			if (how == STREAM_END_FIN && !s->lingers[i].closed) {
				s->streams.ops->abort(s->streams.ctx, stream);
			}
			s->lingers[i].stream = STREAM_NONE;
		}
	}
}

void linger_step(struct session *s, uint64_t now_us)
{
	for (uint32_t i = 0; i < SESSION_LINGER_MAX; i++) {
		if (s->lingers[i].stream != STREAM_NONE && now_us >= s->lingers[i].deadline_us) {
			s->streams.ops->abort(s->streams.ctx, s->lingers[i].stream);
			s->lingers[i].stream = STREAM_NONE;
		}
	}
}
