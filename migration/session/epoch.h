/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The parts of the session among themselves: epochs (epoch.c), handshakes (handshake.c), control connections
 * (conversation.c), strangers (stranger.c) and what flows when an epoch stands (traffic.c).
 */
#ifndef MIGRATION_SESSION_EPOCH_H
#define MIGRATION_SESSION_EPOCH_H

#include "migration/session/session.h"

/* ---- stream_events.c ---- */

extern const struct stream_events session_stream_events;

/* ---- link_events.c ---- */

/** Fill out with the oldest thing to tell; out is LINK_NONE before. */
void link_event_take(struct session *s, struct link_event *out);

/* ---- epoch.c ---- */

static inline struct control *session_live(struct session *s)
{
	return &s->controls[s->live];
}

static inline struct control *session_candidate(struct session *s)
{
	return &s->controls[1u - s->live];
}

static inline bool session_is_candidate(const struct session *s, const struct control *c)
{
	return c != &s->controls[s->live];
}

static inline struct control_io session_control_io(const struct session *s)
{
	return (struct control_io){ &s->streams, &s->tls };
}

static inline struct channel_io session_channel_io(struct session *s)
{
	return (struct channel_io){ &s->streams, s->seal, &s->pool, &s->credit };
}

static inline uint64_t session_now(const struct session *s)
{
	return s->host.ops->time_us(s->host.ctx);
}

void session_log(struct session *s, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Counters and queues of a new epoch; its control channel is the live one. */
void epoch_begin(struct session *s, enum session_role role, enum session_phase phase, uint32_t epoch);
/** Session id, channel keys and (epoch 1) the recovery secret, once both hellos are known. */
MUST_CHECK enum err epoch_keys(struct session *s);
/** Abort every connection of the live epoch and drop what is queued, without an event. */
void epoch_fence(struct session *s);

enum epoch_end_kind { END_LOST, END_REFUSED, END_FINISHED };
/** The live epoch is over: note the event. text is copied. */
void epoch_end(struct session *s, enum epoch_end_kind kind, enum err err, const char *text);
/** As epoch_end(LOST), telling the peer why first. text may not lie in s->pending. */
void epoch_fault(struct session *s, enum err err, const char *text);
/** Note a refused newcomer, unless an epoch is live. */
void epoch_note_refused(struct session *s, enum err err, const char *text);
/** Keep a stream until its end comes or the linger deadline passes. */
void linger_add(struct session *s, stream_id stream, bool closed);
void linger_ended(struct session *s, stream_id stream, enum stream_end how);
void linger_step(struct session *s, uint64_t now_us);

/* ---- handshake.c ---- */

/** Source: begin the control connection of an epoch. */
MUST_CHECK enum err handshake_connect(struct session *s, enum hello_kind kind, const uint8_t *hello, size_t len_bytes);
/** One bounded step of TLS; then the peer is checked. */
void handshake_tls_step(struct session *s, struct control *c);
/** The connection broke, or the peer broke the protocol. */
void handshake_fail(struct session *s, struct control *c, enum err err, const char *text);
/** TLS said no: an alert may wait to be sent, and its reason is worth telling the operator. */
void handshake_tls_fail(struct session *s, struct control *c, enum err err);
/** Destination: a TLS connection begins; c takes the stream. False when there is no room. */
bool handshake_admit(struct session *s, stream_id stream, const struct net_addr *addr, uint64_t now_us);
/** Messages before the epoch stands. */
void handshake_candidate_message(struct session *s, uint16_t type, const uint8_t *payload, size_t len_bytes);
void handshake_source_message(struct session *s, uint16_t type, const uint8_t *payload, size_t len_bytes);
/** Destination: the engine accepts the candidate's hello. */
MUST_CHECK enum err handshake_accept(struct session *s, const uint8_t *hello, size_t len_bytes);
/** Close the candidate, with a REFUSE when text is not NULL. */
void handshake_drop(struct session *s, const char *text);
/** REFUSE or FAULT, best effort. */
void control_say(struct session *s, struct control *c, enum message_type type, const char *text);

/* ---- conversation.c ---- */

/** One bounded step of both control connections, and their deadlines. */
void conversation_step(struct session *s, uint64_t now_us);
/** Bytes and ends of a control connection. */
void conversation_received(struct session *s, struct control *c, const uint8_t *bytes, size_t len_bytes);
void conversation_ended(struct session *s, struct control *c, enum stream_end how);
/** Read and dispatch what TLS has. */
void conversation_drain(struct session *s, struct control *c);

/* ---- stranger.c ---- */

bool stranger_admit(struct session *s, stream_id stream, const struct net_addr *addr);
struct session_stranger *stranger_find(struct session *s, stream_id stream);
void stranger_received(struct session *s, struct session_stranger *x, const uint8_t *bytes, size_t len_bytes);
void stranger_drop(struct session *s, struct session_stranger *x, const char *why);
void strangers_step(struct session *s, uint64_t now_us);
void strangers_drop_all(struct session *s);

/* ---- traffic.c ---- */

/** A message of the live epoch. */
void traffic_message(struct session *s, uint16_t type, const uint8_t *payload, size_t len_bytes);
/** Bytes of a joined data channel. */
void traffic_received(struct session *s, struct channel *ch, const uint8_t *bytes, size_t len_bytes);
/** Source: open data connections, as many as may wait at once. */
void traffic_open_channels(struct session *s);
/** Source: a data connection stands; send JOIN. */
void traffic_connected(struct session *s, struct channel *ch);
/** Destination: a channel has joined. */
void traffic_joined(struct session *s);
/** Send what is due, keep the deadlines. */
void traffic_step(struct session *s, uint64_t now_us);

#endif
