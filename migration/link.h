/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The link between two engines: one authenticated control channel and some sealed data
 * channels, in epochs. Implemented by migration/session/ alone (and by a fake in tests).
 * docs/wire-format.md has the bytes.
 *
 * The engine polls events and never waits. Payload pointers of an event stay valid until
 * the next poll, frames until they are given back.
 */
#ifndef MIGRATION_LINK_H
#define MIGRATION_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/hash.h"
#include "migration/session/stream.h"

/** One migrate (docs/handover.md, Names). */
struct attempt {
	char source[HOST_ID_MAX];
	uint64_t source_boot;
	uint32_t number;
	uint64_t random;
	uint64_t gen; /* offered */
	char vm[VM_NAME_MAX];
};

/** Credited streams: RAM of channel c, the VM's records, device k. */
#define LINK_STREAM_RAM(c)    ((uint16_t)(c))
#define LINK_STREAM_VM	      ((uint16_t)CHANNEL_COUNT_MAX)
#define LINK_STREAM_DEVICE(k) ((uint16_t)(CHANNEL_COUNT_MAX + 1u + (k)))
#define LINK_STREAM_COUNT     (CHANNEL_COUNT_MAX + 1u + DEVICE_COUNT_MAX)

/** Frame types; JOIN is the session's own, the rest is the engine's (docs/wire-format.md, 4). */
enum frame_type {
	FRAME_JOIN = 1,
	FRAME_RAM = 2,
	FRAME_VM_RECORD = 3,
	FRAME_DEVICE = 4,
	FRAME_TOTALS = 5, /* authenticated end of a channel's or device's stream */
};

enum link_event_kind {
	LINK_NONE = 0,
	/** A hello was read. Destination: of a new attempt, epoch 1. Source: the destination's answer. Answer with accept() or refuse(). */
	LINK_HELLO,
	/** All data channels have joined; frames may flow. */
	LINK_OPEN,
	/** One control message of this epoch. */
	LINK_MESSAGE,
	/** One authenticated frame, next in its channel's order. Give it back with frame_done(). */
	LINK_FRAME,
	/**
	 * A control connection of a later epoch stands: source after reconnect(), destination
	 * after the peer's. All connections of older epochs are fenced. proved: the recovery
	 * proof verified on both sides; otherwise only STATUS may be asked and answered.
	 */
	LINK_RESUMED,
	/** The peer refused (hello or authorisation); text says why. The connection is over. */
	LINK_REFUSED,
	/** The epoch is over: connection, timeout, wrong byte ...; text says why. */
	LINK_LOST,
	/** The peer closed in order after finish(). */
	LINK_FINISHED,
};

struct link_event {
	enum link_event_kind kind;
	enum err err;		       /* LOST, REFUSED */
	const char *text;	       /* LOST, REFUSED */
	const struct attempt *attempt; /* HELLO and RESUMED at the destination */
	const char *peer;	       /* HELLO, RESUMED: verified host id */
	uint64_t peer_boot;	       /* HELLO, RESUMED */
	bool proved;		       /* RESUMED */
	uint32_t epoch;
	uint16_t type;	      /* MESSAGE: enum ctrl_type; FRAME: enum frame_type */
	uint16_t stream;      /* FRAME */
	uint8_t channel;      /* FRAME */
	const uint8_t *bytes; /* HELLO, MESSAGE, FRAME payload */
	size_t len_bytes;
	uint32_t frame; /* FRAME: handle for frame_done() */
};

/** A frame being sealed; on the caller's stack or in its context. */
struct link_tx {
	uint32_t frame;
	uint8_t channel;
	size_t at, len_bytes;
};

struct link_connect {
	struct net_addr to;
	char peer_id[HOST_ID_MAX]; /* required identity of the destination (tls-hostname) */
	uint32_t channel_count;	   /* data channels, 1 .. CHANNEL_COUNT_MAX */
};

struct link_listen {
	uint16_t port;
	char allowed_id[HOST_ID_MAX]; /* the source that may come (tls-authz); empty: refuse all */
};

struct link_stats {
	uint64_t sent_bytes, received_bytes; /* sealed frames and control, without TCP */
	uint64_t sent_frames, received_frames;
	uint64_t rtt_us; /* smoothed, 0 until measured */
	uint64_t unacked_bytes;
	uint32_t epochs;
	uint32_t strangers_refused;
};

struct link_ops {
	/** Destination: begin or stop listening. Listening goes on through refusals and lost epochs. */
	enum err (*listen)(void *ctx, const struct link_listen *how);
	void (*unlisten)(void *ctx);
	/**
	 * Source: begin epoch 1 of an attempt: TCP, TLS, hello. The session fills attempt->source and
	 * source_boot; hello bytes (<= CTRL_MSG_BYTES - 512) are copied.
	 */
	enum err (*connect)(void *ctx, const struct link_connect *how, const struct attempt *attempt,
		const uint8_t *hello, size_t len_bytes);
	/** Source: begin the next epoch of the same attempt, control channel only. Ends in RESUMED or LOST. */
	enum err (*reconnect)(void *ctx);
	/** Source after its own restart: ask the peer about an attempt (RESUMED with proved false). */
	enum err (*ask)(void *ctx, const struct link_connect *how, const struct attempt *attempt);

	/** Answer to LINK_HELLO. Destination: hello is its own. Source: ignored; data channels are opened. */
	enum err (*accept)(void *ctx, const uint8_t *hello, size_t len_bytes);
	/** Refuse by name; reason reaches the peer. */
	void (*refuse)(void *ctx, const char *reason);

	/** Next event, or LINK_NONE. Also advances the session; call often. */
	void (*poll)(void *ctx, struct link_event *out);

	/** Queue one control message, in order. ERR_FULL, ERR_LOST. */
	enum err (*send)(void *ctx, uint16_t type, const uint8_t *bytes, size_t len_bytes);
	/** True when every queued control byte has been handed to the stream. */
	bool (*control_idle)(void *ctx);

	/** Frames that could be begun now on this stream and channel: credit and free frames. */
	uint32_t (*frame_space)(void *ctx, uint16_t stream, uint8_t channel);
	/**
	 * Seal one frame: begin takes a frame, one credit of the stream and the channel's next
	 * sequence number; bytes are encrypted into the frame as they are added; end sends it.
	 * len_bytes is the exact payload length. ERR_FULL before anything is taken; ERR_LOST.
	 * Between begin and end no other frame of the same channel may be begun.
	 */
	enum err (*frame_begin)(void *ctx, struct link_tx *tx, uint16_t stream, uint8_t channel, enum frame_type type,
		size_t len_bytes);
	void (*frame_bytes)(void *ctx, struct link_tx *tx, const uint8_t *bytes, size_t len_bytes);
	void (*frame_end)(void *ctx, struct link_tx *tx);

	/**
	 * The frame of a LINK_FRAME event is placed: extend the channel's placed chain, give
	 * the buffer back and grant its credit again. Frames of a channel are done in order.
	 */
	void (*frame_done)(void *ctx, uint32_t frame);

	/**
	 * Source: what was sent on a channel; destination: what was placed. next is the next
	 * sequence number; chain is SHA-256 over the tags in order (chain = H(chain | tag)).
	 */
	void (*channel_digest)(void *ctx, uint8_t channel, uint64_t *next, uint8_t chain[HASH_BYTES]);
	uint32_t (*channel_count)(void *ctx);

	/** From stop to TAKEN: pings every 50 ms and the short link timeout. */
	void (*blackout)(void *ctx, bool on);
	/** End the epoch now on all connections; no goodbye. Keys of data channels are wiped. */
	void (*abort)(void *ctx);
	/** Close in order after what is queued; LINK_FINISHED when the peer did so too (or on its deadline). */
	void (*finish)(void *ctx);
	/** Forget the attempt: recovery secret and records of it. */
	void (*forget)(void *ctx);
	uint64_t (*boot)(void *ctx); /* own boot id */
	void (*stats)(void *ctx, struct link_stats *out);
};

struct link {
	const struct link_ops *ops;
	void *ctx;
};

#endif
