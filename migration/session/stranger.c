/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/epoch.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"

#define TLS_HANDSHAKE_RECORD 0x16u /* RFC 8446, 5.1: first byte of every ClientHello */
#define JOIN_CHANNEL_AT	     4u	   /* docs/wire-format.md, section 4.1 */

static struct session_stranger *oldest(struct session *s)
{
	struct session_stranger *x = &s->strangers[0];

	for (uint32_t i = 1; i < STRANGERS_MAX; i++) {
		if (s->strangers[i].since_us < x->since_us) {
			x = &s->strangers[i];
		}
	}
	return x;
}

struct session_stranger *stranger_find(struct session *s, stream_id stream)
{
	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		if (s->strangers[i].stream == stream) {
			return &s->strangers[i];
		}
	}
	return NULL;
}

void stranger_drop(struct session *s, struct session_stranger *x, const char *why)
{
	session_log(s, LOG_INFO, "session: stranger %u.%u.%u.%u:%u closed: %s", x->addr.ip[0], x->addr.ip[1],
		x->addr.ip[2], x->addr.ip[3], (unsigned)x->addr.port, why);
	s->stats.strangers_refused++;
	s->streams.ops->abort(s->streams.ctx, x->stream);
	x->stream = STREAM_NONE;
}

/* A newcomer pushes out the one that has been silent longest: an honest peer needs one round trip. */
bool stranger_admit(struct session *s, stream_id stream, const struct net_addr *addr)
{
	struct session_stranger *x = stranger_find(s, STREAM_NONE);

	if (x == NULL) {
		x = oldest(s);
		stranger_drop(s, x, "too many");
	}
	x->stream = stream;
	x->addr = *addr;
	x->since_us = session_now(s);
	x->len_bytes = 0;
	return true;
}

static void join_received(struct session *s, struct session_stranger *x)
{
	const struct channel_io io = session_channel_io(s);
	const uint8_t index = x->bytes[JOIN_CHANNEL_AT];
	char reason[REASON_BYTES];

	if (s->role != SESSION_DESTINATION || s->phase == PHASE_DOWN || s->phase == PHASE_CONTROL) {
		stranger_drop(s, x, "no epoch to join");
	} else if (index >= s->channel_count) {
		stranger_drop(s, x, "JOIN of a channel that does not exist");
	} else if (channel_join_open(&s->channels[index], &io, s->channel_count, x->bytes, reason) != ERR_OK) {
		stranger_drop(s, x, reason);
	} else {
		s->channels[index].stream = x->stream;
		x->stream = STREAM_NONE;
		traffic_joined(s);
	}
}

void stranger_received(struct session *s, struct session_stranger *x, const uint8_t *bytes, size_t len_bytes)
{
	const stream_id stream = x->stream;
	size_t part;

	if (len_bytes == 0) {
		return;
	}
	if (x->len_bytes == 0 && bytes[0] == TLS_HANDSHAKE_RECORD) {
		if (!handshake_admit(s, stream, &x->addr, session_now(s))) {
			stranger_drop(s, x, "another handshake is under way");
			return;
		}
		x->stream = STREAM_NONE;
		conversation_received(s, session_candidate(s), bytes, len_bytes);
		return;
	}
	if (x->len_bytes == 0 && bytes[0] != (FRAME_MAGIC & 0xff)) {
		stranger_drop(s, x, "neither TLS nor JOIN");
		return;
	}
	part = MIN(len_bytes, FRAME_JOIN_BYTES - x->len_bytes);
	memcpy(x->bytes + x->len_bytes, bytes, part);
	x->len_bytes += part;
	if (x->len_bytes < FRAME_JOIN_BYTES) {
		return;
	}
	join_received(s, x);
	if (part < len_bytes) {
		for (uint32_t i = 0; i < s->channel_count; i++) {
			if (s->channels[i].stream == stream) {
				traffic_received(s, &s->channels[i], bytes + part, len_bytes - part);
				return;
			}
		}
	}
}

void strangers_step(struct session *s, uint64_t now_us)
{
	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		struct session_stranger *x = &s->strangers[i];

		if (x->stream != STREAM_NONE && now_us - x->since_us >= SESSION_STRANGER_US) {
			stranger_drop(s, x, "nothing said in time");
		}
	}
}

void strangers_drop_all(struct session *s)
{
	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		if (s->strangers[i].stream != STREAM_NONE) {
			stranger_drop(s, &s->strangers[i], "the listener closes");
		}
	}
}
