/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Numbered, untrusted byte streams below the session. Implemented by net/ (lwIP) and by
 * the simulator, which both call the events below from their own poll, never from
 * inside a stream_ops call.
 */
#ifndef MIGRATION_SESSION_STREAM_H
#define MIGRATION_SESSION_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"

typedef uint32_t stream_id;
#define STREAM_NONE UINT32_MAX

struct net_addr {
	uint8_t ip[4]; /* IPv4, network order */
	uint16_t port;
};

enum stream_end { STREAM_END_FIN, STREAM_END_RESET, STREAM_END_TIMEOUT, STREAM_END_LOCAL };

/** Implemented by the session; owner is what was given to listen or connect. */
struct stream_events {
	/** connect() succeeded. */
	void (*connected)(void *owner, stream_id s);
	/** A connection came to the listener: return false to have it reset. */
	bool (*accepted)(void *owner, stream_id s, const struct net_addr *peer);
	/** Bytes arrived; all are consumed before the return (bounded by what was granted). */
	void (*received)(void *owner, stream_id s, const uint8_t *bytes, size_t len_bytes);
	/** The buffer sent with this cookie is no longer referenced by anyone below. */
	void (*released)(void *owner, stream_id s, uint32_t cookie);
	/** FIN received (after all bytes), reset, or gone; after any end but FIN the id is dead. */
	void (*ended)(void *owner, stream_id s, enum stream_end how);
};

struct stream_ops {
	enum err (*listen)(void *ctx, uint16_t port, const struct stream_events *events, void *owner);
	void (*unlisten)(void *ctx, uint16_t port);
	enum err (*connect)(
		void *ctx, const struct net_addr *to, const struct stream_events *events, void *owner, stream_id *out);
	/**
	 * Queue bytes by reference: they stay untouched by the caller until released(cookie), which
	 * comes exactly once for every accepted send, also after abort(). len <= FRAME_BYTES.
	 * ERR_FULL: nothing was queued, try later. ERR_LOST.
	 */
	enum err (*send)(void *ctx, stream_id s, const uint8_t *bytes, size_t len_bytes, uint32_t cookie);
	/** As send, but copied before the return (control channel; len <= 8 KiB). */
	enum err (*send_copy)(void *ctx, stream_id s, const uint8_t *bytes, size_t len_bytes);
	/** FIN after what is queued; the id dies when the peer's FIN came too or on timeout. */
	void (*close)(void *ctx, stream_id s);
	/** Reset now; the id is dead; ended() is not called; released() still is. */
	void (*abort)(void *ctx, stream_id s);
	/** Bytes sent and not acknowledged, and microseconds since the last progress (0 when none wait). */
	void (*pending)(void *ctx, stream_id s, uint32_t *unacked_bytes, uint64_t *stalled_us);
};

struct streams {
	const struct stream_ops *ops;
	void *ctx;
};

#endif
