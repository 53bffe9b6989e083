/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Bytes, ends and deadlines of both control connections; what a message means is decided elsewhere. */
#include "migration/session/epoch.h"

#include "core/base/fmt.h"

static void dispatch(struct session *s, struct control *c, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	if (session_is_candidate(s, c)) {
		handshake_candidate_message(s, type, payload, len_bytes);
	} else if (c->state == CONTROL_HELLO) {
		handshake_source_message(s, type, payload, len_bytes);
	} else {
		traffic_message(s, type, payload, len_bytes);
	}
}

void conversation_drain(struct session *s, struct control *c)
{
	const struct control_io io = session_control_io(s);
	char text[REASON_BYTES];

	for (uint32_t turn = 0; turn < CONTROL_TURNS_MAX; turn++) {
		struct message_header head;
		const uint8_t *payload;
		enum err err;

		if (c->state < CONTROL_HELLO) {
			return;
		}
		err = control_next(c, &head, &payload, text);
		if (err == ERR_OK) {
			const tls_id tls = c->tls;

			dispatch(s, c, head.type, payload, head.len_bytes);
			if (c->state == CONTROL_FREE || c->tls != tls) {
				return;
			}
			control_consume(c, &head);
			continue;
		}
		if (err != ERR_AGAIN) {
			handshake_fail(s, c, err, text);
			return;
		}
		err = control_fill(c, &io);
		if (err == ERR_AGAIN) {
			return;
		}
		if (err == ERR_END) {
			if (!session_is_candidate(s, c) && (s->bye_sent || s->bye_received)) {
				return;
			}
			handshake_fail(s, c, ERR_LOST, "the peer closed the control channel");
			return;
		}
		if (err != ERR_OK) {
			handshake_tls_fail(s, c, err);
			return;
		}
	}
}

void conversation_received(struct session *s, struct control *c, const uint8_t *bytes, size_t len_bytes)
{
	const struct control_io io = session_control_io(s);
	const tls_id tls = c->tls;
	size_t at = 0;
	uint32_t idle = 0;

	/* Every turn takes at least a byte, or is one of the few that only advance the handshake. */
	while (at < len_bytes && idle < CONTROL_IDLE_MAX) {
		size_t taken;
		enum err err = control_push(c, &io, bytes + at, len_bytes - at, &taken);

		if (err != ERR_OK && err != ERR_FULL) {
			handshake_tls_fail(s, c, err);
			return;
		}
		at += taken;
		idle = taken == 0 ? idle + 1 : 0;
		if (c->state == CONTROL_TLS && taken == 0) {
			handshake_tls_step(s, c);
		}
		if (c->state >= CONTROL_HELLO) {
			conversation_drain(s, c);
		}
		if (c->state == CONTROL_FREE || c->tls != tls) {
			return;
		}
	}
	if (at < len_bytes) {
		handshake_fail(s, c, ERR_FULL, "more bytes than the control channel takes");
	}
}

void conversation_ended(struct session *s, struct control *c, enum stream_end how)
{
	char text[REASON_BYTES];

	if (how == STREAM_END_FIN) {
		const tls_id tls = c->tls;

		c->fin = true;
		if (c->tls != TLS_NONE) {
			s->tls.ops->push_eof(s->tls.ctx, c->tls);
		}
		if (c->state == CONTROL_TLS) {
			handshake_tls_step(s, c);
		}
		if (c->state >= CONTROL_HELLO) {
			conversation_drain(s, c);
		}
		if (c->state == CONTROL_FREE || c->tls != tls) {
			return;
		}
		if (c->state == CONTROL_TLS) {
			return; /* more steps may name the reason; the deadline ends it */
		}
	} else {
		c->stream = STREAM_NONE; /* dead */
		c->fin = true;
	}
	if (!session_is_candidate(s, c) && (s->bye_sent || s->bye_received)) {
		epoch_end(s, END_FINISHED, ERR_OK, "closed");
		return;
	}
	if (c->state == CONTROL_TCP) {
		(void)fmt(text, sizeof(text), "cannot connect to %u.%u.%u.%u:%u: %s", c->addr.ip[0], c->addr.ip[1],
			c->addr.ip[2], c->addr.ip[3], (unsigned)c->addr.port,
			how == STREAM_END_TIMEOUT ? "no answer" : "refused");
	} else {
		(void)fmt(text, sizeof(text), "control channel: %s",
			how == STREAM_END_FIN	    ? "closed by the peer without goodbye"
			: how == STREAM_END_TIMEOUT ? "no answer from the peer"
						    : "reset");
	}
	handshake_fail(s, c, ERR_LOST, text);
}

static void control_step(struct session *s, struct control *c, uint64_t now_us)
{
	char text[REASON_BYTES];

	if (c->state == CONTROL_FREE) {
		return;
	}
	if (c->deadline_us != 0 && now_us >= c->deadline_us) {
		(void)fmt(text, sizeof(text), "handshake not done within %u ms", SESSION_HANDSHAKE_US / 1000u);
		if (session_is_candidate(s, c) && c->state == CONTROL_DECIDE) {
			handshake_drop(s, text);
		} else {
			handshake_fail(s, c, ERR_TIMEOUT, text);
		}
		return;
	}
	if (c->state == CONTROL_TLS) {
		handshake_tls_step(s, c);
	}
	if (c->state >= CONTROL_HELLO) {
		conversation_drain(s, c);
	}
}

void conversation_step(struct session *s, uint64_t now_us)
{
	const struct control_io io = session_control_io(s);
	struct control *c;

	control_step(s, session_candidate(s), now_us);
	control_step(s, session_live(s), now_us);
	c = session_live(s);
	if (c->state == CONTROL_HELLO && s->hello_out_len > 0) {
		enum err err = control_write(c, &io, s->hello_out, s->hello_out_len);

		if (err == ERR_OK) {
			s->hello_out_len = 0;
		} else if (err != ERR_FULL) {
			handshake_fail(s, c, ERR_LOST, "the connection broke at hello");
		}
	}
	/* What the stream did not take at once. A live one that is UP is flushed with its traffic. */
	for (uint32_t i = 0; i < 2; i++) {
		c = &s->controls[i];
		if ((session_is_candidate(s, c) ? c->state != CONTROL_FREE : c->state == CONTROL_HELLO) &&
			control_flush(c, &io) != ERR_OK) {
			handshake_fail(s, c, ERR_LOST, "the connection broke in the handshake");
		}
	}
}
