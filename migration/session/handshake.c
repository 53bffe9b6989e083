/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/epoch.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/fmt.h"
#include "core/base/text.h"

static void payload_hash(const struct session *s, const uint8_t *payload, size_t len_bytes, uint8_t out[HASH_BYTES])
{
	struct hash_state h;

	s->seal->hash->start(&h);
	s->seal->hash->add(&h, payload, len_bytes);
	s->seal->hash->finish(&h, out);
}

void control_say(struct session *s, struct control *c, enum message_type type, const char *text)
{
	const struct control_io io = session_control_io(s);
	const size_t len = text_len(text, REASON_BYTES - 1);
	uint8_t message[MESSAGE_HEADER_BYTES + REASON_BYTES];
	enum err err;

	message_header_write(message, (uint16_t)type, (uint32_t)len);
	memcpy(message + MESSAGE_HEADER_BYTES, text, len);
	err = control_write(c, &io, message, MESSAGE_HEADER_BYTES + len);
	if (err != ERR_OK) {
		session_log(s, LOG_DEBUG, "session: the peer is not told: %s", err_name(err));
	}
}

/* ---- ends of a handshake ---- */

static void control_part(struct session *s, struct control *c, const char *text)
{
	const struct control_io io = session_control_io(s);
	stream_id left;

	if (text != NULL && c->state >= CONTROL_HELLO) {
		control_say(s, c, MESSAGE_REFUSE, text);
	}
	if (control_close(c, &io, &left)) {
		linger_add(s, left, true);
	}
}

void handshake_drop(struct session *s, const char *text)
{
	struct control *c = session_candidate(s);

	if (c->state != CONTROL_FREE) {
		control_part(s, c, text);
		s->pending.hello = s->role == SESSION_SOURCE && s->pending.hello;
	}
}

/* The peer is not to be spoken with: tell both sides why. */
static void refuse(struct session *s, struct control *c, enum err err, const char *text)
{
	if (session_is_candidate(s, c)) {
		handshake_drop(s, text);
		epoch_note_refused(s, err, text);
	} else {
		control_part(s, c, text);
		epoch_end(s, END_REFUSED, err, text);
	}
}

/* The connection broke, or the peer broke the protocol. */
void handshake_fail(struct session *s, struct control *c, enum err err, const char *text)
{
	const struct control_io io = session_control_io(s);

	if (session_is_candidate(s, c)) {
		control_abort(c, &io);
		s->pending.hello = false;
		s->stats.strangers_refused++;
		session_log(s, LOG_INFO, "session: handshake given up: %s", text);
	} else if (s->phase == PHASE_CONNECT) {
		epoch_end(s, END_LOST, err, text);
	} else {
		epoch_fault(s, err, text);
	}
}

/* TLS said no: an alert may wait to be sent, and the reason is worth telling the operator. */
void handshake_tls_fail(struct session *s, struct control *c, enum err err)
{
	char text[REASON_BYTES];

	(void)fmt(text, sizeof(text), "TLS: %s", s->tls.ops->reason(s->tls.ctx, c->tls));
	if (err == ERR_LOST && session_is_candidate(s, c)) {
		handshake_fail(s, c, err, text);
	} else if (session_is_candidate(s, c)) {
		control_part(s, c, NULL);
		epoch_note_refused(s, err, text);
	} else if (s->phase == PHASE_CONNECT) {
		control_part(s, c, NULL);
		epoch_end(s, err == ERR_AUTH ? END_REFUSED : END_LOST, err, text);
	} else {
		epoch_end(s, END_LOST, err, text);
	}
}

/* ---- source: connect ---- */

static void hello_compose(struct session *s, enum hello_kind kind, const uint8_t *bytes, size_t len_bytes,
	const uint8_t proof[HASH_BYTES])
{
	struct hello h = {
		.version_min = PROTOCOL_VERSION_MIN,
		.version_max = PROTOCOL_VERSION_MAX,
		.kind = (uint8_t)kind,
		.channel_count = kind == HELLO_NEW ? (uint8_t)s->channel_count : 0,
		.epoch = s->epoch,
		.boot = s->own_boot,
		.attempt = s->record.attempt,
		.bytes = bytes,
		.len_bytes = len_bytes,
	};
	struct writer w = writer_over(s->hello_out + MESSAGE_HEADER_BYTES, MESSAGE_PAYLOAD_MAX);

	if (proof != NULL) {
		memcpy(h.proof, proof, HASH_BYTES);
	}
	hello_write(&w, &h);
	ASSERT(!w.failed);
	message_header_write(s->hello_out, MESSAGE_HELLO, (uint32_t)w.len_bytes);
	payload_hash(s, s->hello_out + MESSAGE_HEADER_BYTES, w.len_bytes, s->transcript.source_hello);
	s->hello_out_len = MESSAGE_HEADER_BYTES + w.len_bytes;
}

enum err handshake_connect(struct session *s, enum hello_kind kind, const uint8_t *hello, size_t len_bytes)
{
	struct control *c = session_live(s);
	const uint64_t now = session_now(s);
	stream_id stream;
	enum err err;

	ASSERT(c->state == CONTROL_FREE);
	err = s->streams.ops->connect(s->streams.ctx, &s->record.how.to, &session_stream_events, s, &stream);
	if (err != ERR_OK) {
		return err;
	}
	/* A host is source or destination; who was about to come in is sent away. */
	handshake_drop(s, "this host begins a migration of its own");
	strangers_drop_all(s);
	epoch_begin(s, SESSION_SOURCE, PHASE_CONNECT, s->record.epoch);
	control_reset(c);
	c->state = CONTROL_TCP;
	c->stream = stream;
	c->addr = s->record.how.to;
	c->deadline_us = now + SESSION_HANDSHAKE_US;
	s->asked.kind = (uint8_t)kind;
	/* The engine's bytes wait in hello_in until TLS stands. */
	s->hello_in_len = len_bytes;
	if (len_bytes > 0) {
		memcpy(s->hello_in, hello, len_bytes);
	}
	return ERR_OK;
}

/* Source: TLS stands; check the peer, then hello is due. */
static void source_established(struct session *s, struct control *c)
{
	const enum hello_kind kind = (enum hello_kind)s->asked.kind;
	uint8_t proof[HASH_BYTES];
	char text[REASON_BYTES];
	enum err err;

	if (text_equal(c->peer, s->own_id)) {
		(void)fmt(text, sizeof(text), "the destination has the source's own id '%s'", s->own_id);
		refuse(s, c, ERR_AUTH, text);
		return;
	}
	if (!text_equal(c->peer, s->record.how.peer_id)) {
		(void)fmt(text, sizeof(text), "the destination is '%s', tls-hostname asks for '%s'", c->peer,
			s->record.how.peer_id);
		refuse(s, c, ERR_AUTH, text);
		return;
	}
	memset(s->transcript.source_id, 0, HOST_ID_MAX);
	memset(s->transcript.destination_id, 0, HOST_ID_MAX);
	(void)text_copy(s->transcript.source_id, HOST_ID_MAX, s->own_id);
	(void)text_copy(s->transcript.destination_id, HOST_ID_MAX, c->peer);
	if (kind == HELLO_RESUME) {
		err = keys_proof(
			&s->tls, s->seal, c->tls, s->record.secret, &s->record.attempt, s->epoch, TLS_SOURCE, proof);
		if (err != ERR_OK) {
			handshake_fail(s, c, err, "no recovery proof can be made");
			return;
		}
	}
	hello_compose(s, kind, s->hello_in, s->hello_in_len, kind == HELLO_RESUME ? proof : NULL);
	s->hello_in_len = 0;
}

/* ---- destination: authorise ---- */

static void destination_established(struct session *s, struct control *c)
{
	char text[REASON_BYTES];

	if (text_equal(c->peer, s->own_id)) {
		(void)fmt(text, sizeof(text), "the source has the destination's own id '%s'", s->own_id);
		refuse(s, c, ERR_AUTH, text);
	} else if (s->listen.allowed_id[0] == '\0') {
		(void)fmt(text, sizeof(text), "source '%s' is not allowed: tls-authz is not set", c->peer);
		refuse(s, c, ERR_AUTH, text);
	} else if (!text_equal(c->peer, s->listen.allowed_id)) {
		(void)fmt(text, sizeof(text), "source '%s' is not allowed: tls-authz names '%s'", c->peer,
			s->listen.allowed_id);
		refuse(s, c, ERR_AUTH, text);
	}
}

void handshake_tls_step(struct session *s, struct control *c)
{
	const struct control_io io = session_control_io(s);
	enum err err = s->tls.ops->step(s->tls.ctx, c->tls);

	if (err != ERR_OK && err != ERR_AGAIN) {
		handshake_tls_fail(s, c, err);
		return;
	}
	if (control_flush(c, &io) != ERR_OK) {
		handshake_fail(s, c, ERR_LOST, "the connection broke in the handshake");
		return;
	}
	if (err == ERR_AGAIN) {
		return;
	}
	err = s->tls.ops->peer_id(s->tls.ctx, c->tls, c->peer);
	if (err != ERR_OK) {
		refuse(s, c, ERR_AUTH, "the peer has no host id");
		return;
	}
	c->state = CONTROL_HELLO;
	if (session_is_candidate(s, c)) {
		destination_established(s, c);
	} else {
		source_established(s, c);
	}
}

bool handshake_admit(struct session *s, stream_id stream, const struct net_addr *addr, uint64_t now_us)
{
	const struct control_io io = session_control_io(s);
	struct control *c = session_candidate(s);

	if (c->state != CONTROL_FREE) {
		return false;
	}
	control_reset(c);
	if (control_open(c, &io, TLS_DESTINATION) != ERR_OK) {
		return false;
	}
	c->stream = stream;
	c->addr = *addr;
	c->deadline_us = now_us + SESSION_HANDSHAKE_US;
	return true;
}

/* ---- destination: hello ---- */

static void hello_new(struct session *s, struct control *c)
{
	c->state = CONTROL_DECIDE;
	s->pending.hello = true;
}

/* The candidate becomes the live control channel; what was live before is gone. */
static void promote(struct session *s)
{
	epoch_fence(s);
	s->live = 1u - s->live;
	session_live(s)->state = CONTROL_UP;
	session_live(s)->deadline_us = 0;
}

static void hello_resume(struct session *s, struct control *c, const struct hello *h)
{
	const bool same = s->record.known && attempt_equal(&h->attempt, &s->record.attempt);
	struct resumed answer = { .version = PROTOCOL_VERSION_MAX, .epoch = h->epoch, .boot = s->own_boot };
	uint8_t proof[HASH_BYTES];
	char text[REASON_BYTES];
	struct writer w;
	enum err err;

	if (s->phase != PHASE_DOWN && !same) {
		(void)fmt(text, sizeof(text), "attempt %u: this host is receiving attempt %u",
			(unsigned)h->attempt.number, (unsigned)s->record.attempt.number);
		refuse(s, c, ERR_REFUSED, text);
		return;
	}
	if (h->kind == HELLO_RESUME && same && s->record.has_secret) {
		if (h->epoch <= s->record.epoch) {
			(void)fmt(text, sizeof(text), "epoch %u is stale, the last was %u", (unsigned)h->epoch,
				(unsigned)s->record.epoch);
			refuse(s, c, ERR_REFUSED, text);
			return;
		}
		err = keys_proof(&s->tls, s->seal, c->tls, s->record.secret, &h->attempt, h->epoch, TLS_SOURCE, proof);
		if (err != ERR_OK || !s->seal->equal(proof, h->proof, HASH_BYTES)) {
			(void)fmt(text, sizeof(text), "recovery proof of epoch %u does not verify", (unsigned)h->epoch);
			refuse(s, c, ERR_AUTH, text);
			return;
		}
		err = keys_proof(&s->tls, s->seal, c->tls, s->record.secret, &h->attempt, h->epoch, TLS_DESTINATION,
			answer.proof);
		if (err != ERR_OK) {
			refuse(s, c, err, "no recovery proof can be made");
			return;
		}
		answer.proved = true;
		s->record.epoch = h->epoch;
	}
	/* Verified: fence first, then answer. */
	promote(s);
	epoch_begin(s, SESSION_DESTINATION, PHASE_CONTROL, h->epoch);
	s->asked = *h;
	s->peer_boot = h->boot;
	w = writer_over(s->hello_out + MESSAGE_HEADER_BYTES, MESSAGE_PAYLOAD_MAX);
	resumed_write(&w, &answer);
	message_header_write(s->hello_out, MESSAGE_RESUMED, (uint32_t)w.len_bytes);
	s->hello_out_len = MESSAGE_HEADER_BYTES + w.len_bytes;
	s->pending.resumed = true;
	s->pending.proved = answer.proved;
}

static void hello_received(struct session *s, struct control *c, const uint8_t *payload, size_t len_bytes)
{
	char text[REASON_BYTES];
	struct hello h;
	enum err err = hello_read(payload, len_bytes, &h, text);

	if (err != ERR_OK) {
		refuse(s, c, err, text);
		return;
	}
	if (!text_equal(h.attempt.source, c->peer)) {
		(void)fmt(
			text, sizeof(text), "hello names source '%s', its certificate '%s'", h.attempt.source, c->peer);
		refuse(s, c, ERR_AUTH, text);
		return;
	}
	if (h.kind == HELLO_STATUS || h.kind == HELLO_RESUME) {
		hello_resume(s, c, &h);
		return;
	}
	if (h.attempt.source_boot != h.boot) {
		refuse(s, c, ERR_BAD_RECORD, "hello: a new attempt of another boot than its sender's");
		return;
	}
	payload_hash(s, payload, len_bytes, s->asked_hash);
	memcpy(s->hello_in, h.bytes, h.len_bytes);
	s->hello_in_len = h.len_bytes;
	h.bytes = s->hello_in;
	s->asked = h;
	hello_new(s, c);
}

void handshake_candidate_message(struct session *s, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	struct control *c = session_candidate(s);
	char text[REASON_BYTES];

	if (type == MESSAGE_REFUSE) {
		message_text_read(payload, len_bytes, text);
		handshake_drop(s, NULL);
		epoch_note_refused(s, ERR_REFUSED, text);
	} else if (type == MESSAGE_HELLO && c->state == CONTROL_HELLO) {
		hello_received(s, c, payload, len_bytes);
	} else {
		(void)fmt(text, sizeof(text), "control message type is %u, expected %u", (unsigned)type,
			(unsigned)MESSAGE_HELLO);
		refuse(s, c, ERR_BAD_RECORD, text);
	}
}

enum err handshake_accept(struct session *s, const uint8_t *hello, size_t len_bytes)
{
	struct control *c = session_candidate(s);
	struct answer answer = {
		.version = PROTOCOL_VERSION_MAX,
		.channel_count = s->asked.channel_count,
		.epoch = 1,
		.boot = s->own_boot,
		.bytes = hello,
		.len_bytes = len_bytes,
	};
	struct writer w;
	enum err err;

	if (c->state != CONTROL_DECIDE) {
		return ERR_LOST;
	}
	promote(s);
	c = session_live(s);
	epoch_begin(s, SESSION_DESTINATION, PHASE_JOIN, 1);
	s->phase_deadline_us = session_now(s) + SESSION_JOIN_US;
	s->channel_count = s->asked.channel_count;
	s->peer_boot = s->asked.boot;
	s->record.known = true;
	s->record.attempt = s->asked.attempt;
	s->record.epoch = 1;
	w = writer_over(s->hello_out + MESSAGE_HEADER_BYTES, MESSAGE_PAYLOAD_MAX);
	answer_write(&w, &answer);
	ASSERT(!w.failed);
	message_header_write(s->hello_out, MESSAGE_ANSWER, (uint32_t)w.len_bytes);
	s->hello_out_len = MESSAGE_HEADER_BYTES + w.len_bytes;
	memcpy(s->transcript.source_hello, s->asked_hash, HASH_BYTES);
	payload_hash(s, s->hello_out + MESSAGE_HEADER_BYTES, w.len_bytes, s->transcript.destination_hello);
	memset(s->transcript.source_id, 0, HOST_ID_MAX);
	memset(s->transcript.destination_id, 0, HOST_ID_MAX);
	(void)text_copy(s->transcript.source_id, HOST_ID_MAX, c->peer);
	(void)text_copy(s->transcript.destination_id, HOST_ID_MAX, s->own_id);
	err = epoch_keys(s);
	if (err != ERR_OK) {
		epoch_fence(s);
	}
	return err;
}

/* ---- source: answers ---- */

static void answer_received(struct session *s, const uint8_t *payload, size_t len_bytes)
{
	struct control *c = session_live(s);
	char text[REASON_BYTES];
	struct answer a;
	enum err err = answer_read(payload, len_bytes, &a, text);

	if (err == ERR_OK && (a.epoch != s->epoch || a.channel_count != s->channel_count)) {
		(void)fmt(text, sizeof(text), "answer names epoch %u and %u channels, expected %u and %u",
			(unsigned)a.epoch, (unsigned)a.channel_count, (unsigned)s->epoch, (unsigned)s->channel_count);
		err = ERR_MISMATCH;
	}
	if (err != ERR_OK) {
		refuse(s, c, err, text);
		return;
	}
	payload_hash(s, payload, len_bytes, s->transcript.destination_hello);
	memcpy(s->hello_in, a.bytes, a.len_bytes);
	s->hello_in_len = a.len_bytes;
	s->peer_boot = a.boot;
	err = epoch_keys(s);
	if (err != ERR_OK) {
		handshake_fail(s, c, err, "no channel keys can be derived");
		return;
	}
	c->state = CONTROL_UP;
	c->deadline_us = 0;
	s->phase = PHASE_DECIDE;
	s->pending.hello = true;
}

static void resumed_received(struct session *s, const uint8_t *payload, size_t len_bytes)
{
	struct control *c = session_live(s);
	const bool asked_proof = s->asked.kind == HELLO_RESUME;
	uint8_t proof[HASH_BYTES];
	char text[REASON_BYTES];
	struct resumed m;
	enum err err = resumed_read(payload, len_bytes, &m, text);

	if (err == ERR_OK && (m.epoch != s->epoch || (m.proved && !asked_proof))) {
		(void)fmt(text, sizeof(text), "resumed names epoch %u, expected %u", (unsigned)m.epoch,
			(unsigned)s->epoch);
		err = ERR_MISMATCH;
	}
	if (err == ERR_OK && m.proved) {
		err = keys_proof(&s->tls, s->seal, c->tls, s->record.secret, &s->record.attempt, s->epoch,
			TLS_DESTINATION, proof);
		if (err != ERR_OK || !s->seal->equal(proof, m.proof, HASH_BYTES)) {
			(void)fmt(text, sizeof(text), "recovery proof of '%s' does not verify", c->peer);
			err = ERR_AUTH;
		}
	}
	if (err != ERR_OK) {
		handshake_fail(s, c, err, text);
		return;
	}
	c->state = CONTROL_UP;
	c->deadline_us = 0;
	s->phase = PHASE_CONTROL;
	s->peer_boot = m.boot;
	s->pending.resumed = true;
	s->pending.proved = m.proved;
}

void handshake_source_message(struct session *s, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	struct control *c = session_live(s);
	const uint16_t expected = s->asked.kind == HELLO_NEW ? MESSAGE_ANSWER : MESSAGE_RESUMED;
	char text[REASON_BYTES];

	if (type == MESSAGE_REFUSE) {
		message_text_read(payload, len_bytes, text);
		epoch_end(s, END_REFUSED, ERR_REFUSED, text);
	} else if (type != expected) {
		(void)fmt(text, sizeof(text), "control message type is %u, expected %u", (unsigned)type,
			(unsigned)expected);
		refuse(s, c, ERR_BAD_RECORD, text);
	} else if (s->hello_out_len > 0) {
		refuse(s, c, ERR_BAD_RECORD, "an answer before hello");
	} else if (type == MESSAGE_ANSWER) {
		answer_received(s, payload, len_bytes);
	} else {
		resumed_received(s, payload, len_bytes);
	}
}
