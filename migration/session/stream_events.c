/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the streams tell: each event goes to the connection it belongs to, or to nobody. */
#include "migration/session/epoch.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/fmt.h"

static struct control *control_find(struct session *s, stream_id stream)
{
	for (uint32_t i = 0; i < 2; i++) {
		if (s->controls[i].state != CONTROL_FREE && s->controls[i].stream == stream) {
			return &s->controls[i];
		}
	}
	return NULL;
}

static struct channel *channel_find(struct session *s, stream_id stream)
{
	for (uint32_t i = 0; i < s->channel_count; i++) {
		if (s->channels[i].stream == stream) {
			return &s->channels[i];
		}
	}
	return NULL;
}

static void on_connected(void *owner, stream_id stream)
{
	struct session *s = owner;
	const struct control_io io = session_control_io(s);
	struct control *c = control_find(s, stream);
	struct channel *ch = channel_find(s, stream);

	if (c != NULL && c->state == CONTROL_TCP) {
		if (control_open(c, &io, TLS_SOURCE) != ERR_OK) {
			epoch_end(s, END_LOST, ERR_UNSUPPORTED,
				"TLS cannot begin: no clock, entropy, credentials or room");
		}
	} else if (ch != NULL && s->role == SESSION_SOURCE && !ch->joined) {
		traffic_connected(s, ch);
	}
}

static bool on_accepted(void *owner, stream_id stream, const struct net_addr *peer)
{
	struct session *s = owner;

	if (!s->listening || (s->role == SESSION_SOURCE && s->phase != PHASE_DOWN)) {
		return false;
	}
	if (s->blackout && memcmp(peer->ip, session_live(s)->addr.ip, sizeof(peer->ip)) != 0) {
		s->stats.strangers_refused++;
		return false;
	}
	return stranger_admit(s, stream, peer);
}

static void on_received(void *owner, stream_id stream, const uint8_t *bytes, size_t len_bytes)
{
	struct session *s = owner;
	struct control *c = control_find(s, stream);
	struct channel *ch = channel_find(s, stream);
	struct session_stranger *x = stranger_find(s, stream);

	if (c != NULL) {
		conversation_received(s, c, bytes, len_bytes);
	} else if (ch != NULL) {
		traffic_received(s, ch, bytes, len_bytes);
	} else if (x != NULL) {
		stranger_received(s, x, bytes, len_bytes);
	}
}

static void on_released(void *owner, stream_id stream, uint32_t cookie)
{
	struct session *s = owner;

	(void)stream;
	ASSERT(cookie < FRAME_POOL_COUNT);
	ASSERT(s->pool.frames[cookie].state == FRAME_SENT);
	frame_free(&s->pool, cookie);
}

static void channel_ended(struct session *s, struct channel *ch, enum stream_end how)
{
	char text[REASON_BYTES];

	if (s->bye_sent || s->bye_received) {
		if (how == STREAM_END_FIN) {
			s->streams.ops->close(s->streams.ctx, ch->stream);
		}
		ch->stream = STREAM_NONE;
		return;
	}
	(void)fmt(text, sizeof(text), "channel %u: %s %u bytes into frame sequence %llu", (unsigned)ch->index,
		how == STREAM_END_FIN	    ? "closed"
		: how == STREAM_END_TIMEOUT ? "no answer,"
					    : "reset",
		(unsigned)ch->have_bytes, (unsigned long long)ch->next);
	if (how != STREAM_END_FIN) {
		ch->stream = STREAM_NONE;
	}
	epoch_fault(s, ERR_LOST, text);
}

static void on_ended(void *owner, stream_id stream, enum stream_end how)
{
	struct session *s = owner;
	struct control *c = control_find(s, stream);
	struct channel *ch = channel_find(s, stream);
	struct session_stranger *x = stranger_find(s, stream);

	if (c != NULL) {
		conversation_ended(s, c, how);
	} else if (ch != NULL) {
		channel_ended(s, ch, how);
	} else if (x != NULL) {
		if (how == STREAM_END_FIN) {
			stranger_drop(s, x, "closed before it said anything");
		}
		x->stream = STREAM_NONE;
	} else {
		linger_ended(s, stream, how);
	}
}

const struct stream_events session_stream_events = {
	.connected = on_connected,
	.accepted = on_accepted,
	.received = on_received,
	.released = on_released,
	.ended = on_ended,
};
