/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What the engine and the session ask of the host they run on: time, wall clock,
 * randomness, log and the owner mark. Implemented by board/ and by the simulator.
 */
#ifndef MIGRATION_HOST_H
#define MIGRATION_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/session/stream.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum mark_kind { MARK_NONE = 0, MARK_HOME, MARK_IN_DOUBT, MARK_AWAY };

/** The VM's owner record in the host's storage (docs/handover.md, marks). */
struct owner_mark {
	enum mark_kind kind;
	uint64_t gen; /* home: of this host; in-doubt, away: as offered */
	/* in-doubt and away: the attempt, and its other host */
	bool source; /* this host was the source, and asks the peer when it boots */
	uint32_t attempt_number;
	uint64_t attempt_random;
	uint64_t source_boot;
	struct net_addr peer_addr; /* source only: where the peer listens */
	char peer[HOST_ID_MAX];
};

/** All calls return at once. No pointer is kept past a call. */
struct host_ops {
	/** Monotonic microseconds since an arbitrary start. */
	uint64_t (*time_us)(void *ctx);
	/** Nanoseconds of the same clock, for the blackout. */
	uint64_t (*time_ns)(void *ctx);
	/** One line without newline. */
	void (*log)(void *ctx, enum log_level level, const char *line);
	/** Cryptographic randomness; ERR_UNSUPPORTED or ERR_IO when there is none. */
	enum err (*random)(void *ctx, uint8_t *out, size_t len_bytes);
	/** Both NULL on a host without storage. Load: ERR_OK with MARK_NONE for a blank store; ERR_IO. */
	enum err (*mark_load)(void *ctx, const char *vm, struct owner_mark *out);
	/** Begin storing; one at a time per VM. Poll: ERR_AGAIN, ERR_OK (durable), ERR_IO. */
	enum err (*mark_store_begin)(void *ctx, const char *vm, const struct owner_mark *mark);
	enum err (*mark_store_poll)(void *ctx, const char *vm);
	/** QMP quit: end this host (power off) when convenient. */
	void (*quit)(void *ctx);
};

struct host {
	const struct host_ops *ops;
	void *ctx;
};

#endif
