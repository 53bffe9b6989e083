/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The session: implements migration/link.h over streams, TLS and a seal. Plain C without I/O or
 * waiting; everything lies in the caller's struct session. docs/wire-format.md is its specification.
 *
 * Events of the streams may come between two calls of link_ops.poll; they only note what happened.
 * Handshakes, deadlines and sending advance in poll.
 *
 * What the engine sees, beyond migration/link.h:
 *  - An epoch fenced by RESUMED, accept(), reconnect() or abort() ends without LOST or REFUSED.
 *  - Messages that had arrived are delivered before LOST, frames are not.
 *  - At the destination REFUSED tells of a newcomer, only while no epoch is live; listening goes on.
 *  - A stream of frames that is not used costs one frame of the pool; see credit_windows().
 *  - BYE is answered by itself: both sides get FINISHED when one of them called finish().
 */
#ifndef MIGRATION_SESSION_SESSION_H
#define MIGRATION_SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/host.h"
#include "migration/link.h"
#include "migration/session/channel.h"
#include "migration/session/control.h"
#include "migration/session/credit.h"
#include "migration/session/frame.h"
#include "migration/session/keys.h"
#include "migration/session/mailbox.h"
#include "migration/session/message.h"
#include "migration/session/seal.h"
#include "migration/session/stream.h"
#include "migration/session/tls.h"

/* Deadlines, microseconds; docs/wire-format.md, section 8. */
#define SESSION_HANDSHAKE_US	 20000000u /* from TCP to the peer's hello */
#define SESSION_JOIN_US		 10000000u /* from accept() until every channel has joined */
#define SESSION_STRANGER_US	 5000000u  /* from TCP to the whole JOIN, or the first byte of TLS */
#define SESSION_LINGER_US	 500000u   /* from FAULT or BYE to the reset of what is left */
#define SESSION_LINK_US		 3000000u  /* default of x-link-timeout */
#define SESSION_BLACKOUT_US	 300000u   /* default of the link timeout in the blackout */
#define SESSION_PING_US		 1000000u
#define SESSION_PING_BLACKOUT_US 50000u
#define SESSION_STALL_CHECK_US	 10000u

#define SESSION_LINGER_MAX	 (CHANNEL_COUNT_MAX + 4u)
#define SESSION_JOINING_MAX	 2u /* data connections of the source that wait for JOINED */

struct session_config {
	struct host host;
	struct streams streams;
	struct tls tls;
	const struct seal_ops *seal;
};

enum session_role { SESSION_IDLE = 0, SESSION_SOURCE, SESSION_DESTINATION };

enum session_phase {
	PHASE_DOWN = 0, /* no live epoch */
	PHASE_CONNECT,	/* source: TCP, TLS, hello */
	PHASE_DECIDE,	/* source: the answer lies with the engine */
	PHASE_JOIN,	/* data channels are joining */
	PHASE_OPEN,	/* frames flow */
	PHASE_CONTROL,	/* a later epoch: control channel alone */
};

/** What is kept of an attempt across epochs, until forget(). */
struct session_record {
	bool known;
	bool has_secret;
	struct attempt attempt;
	uint32_t epoch; /* highest so far */
	uint8_t secret[KEYS_SECRET_BYTES];
	struct link_connect how; /* source */
};

/** A connection that has proved nothing yet. */
struct session_stranger {
	stream_id stream; /* STREAM_NONE: free */
	struct net_addr addr;
	uint64_t since_us;
	size_t len_bytes;
	uint8_t bytes[FRAME_JOIN_BYTES];
};

/** A stream whose end is being waited for. */
struct session_linger {
	stream_id stream; /* STREAM_NONE: free */
	bool closed;	  /* by us: a FIN of the peer is its end */
	uint64_t deadline_us;
};

/** Events not yet told. */
struct session_pending {
	bool resumed, open, hello, finished, lost, refused;
	bool proved;
	enum err lost_err, refused_err;
	char lost_text[REASON_BYTES];
	char refused_text[REASON_BYTES];
};

/** Caller-owned; about FRAME_POOL_COUNT * FRAME_BYTES + 100 KiB. */
struct session {
	struct host host;
	struct streams streams;
	struct tls tls;
	const struct seal_ops *seal;
	uint64_t link_timeout_us, blackout_timeout_us;
	char own_id[HOST_ID_MAX];
	uint64_t own_boot;
	bool own_known; /* own_id and own_boot are there */

	enum session_role role;
	enum session_phase phase;
	uint32_t epoch; /* of the live epoch, or of the last */
	uint64_t session_id;
	uint32_t channel_count;
	uint32_t joined_count;	/* destination: verified JOINs; source: as told by JOINED */
	uint32_t connect_count; /* source: data connections begun */
	bool blackout;
	uint64_t phase_deadline_us; /* CONNECT, JOIN */

	bool listening;
	struct link_listen listen;
	struct session_record record;

	/* Control channels: the live one, and at a destination the one in its handshake. */
	struct control controls[2];
	uint32_t live;
	struct keys_transcript transcript;
	struct hello asked; /* hello of the candidate, or of the live epoch */
	uint8_t asked_hash[HASH_BYTES];
	uint64_t peer_boot;
	uint8_t hello_in[MESSAGE_HELLO_MAX];
	size_t hello_in_len;
	uint8_t hello_out[CTRL_MSG_BYTES];
	size_t hello_out_len; /* a message to be sent before all others, 0 for none */

	struct mailbox inbox, outbox;
	bool message_lent;	      /* the front of inbox is with the engine */
	uint64_t out_sent, out_limit; /* engine messages */
	uint64_t in_received, in_consumed, in_told;

	struct channel channels[CHANNEL_COUNT_MAX];
	struct frame_pool pool;
	struct credit credit;
	uint8_t ready[FRAME_POOL_COUNT];
	uint32_t ready_first, ready_count;

	bool joined_due, pong_due, bye_due, bye_sent, bye_received;
	bool ping_wait; /* a PONG is awaited */
	uint64_t pong_value, ping_sent_us, ping_next_us;
	uint64_t finish_deadline_us;
	uint64_t stall_check_us;

	struct session_stranger strangers[STRANGERS_MAX];
	struct session_linger lingers[SESSION_LINGER_MAX];

	struct session_pending pending;
	struct link_stats stats;

	/* What the pointers of the last event point at. */
	char event_text[REASON_BYTES];
	struct attempt event_attempt;
	char event_peer[HOST_ID_MAX];
};

/**
 * Make an idle session. The ops and contexts of config are kept by reference and must outlive it.
 *
 * @return ERR_OK; ERR_UNSUPPORTED when the host has no randomness or TLS no identity yet: connect
 *         and listen will try again and refuse likewise.
 */
enum err session_init(struct session *s, const struct session_config *config);

/** The link of this session, for the engine. */
struct link session_link(struct session *s);

/** x-link-timeout and its value in the blackout, microseconds; 0 keeps what is set. */
void session_set_timeouts(struct session *s, uint64_t link_us, uint64_t blackout_us);

#endif
