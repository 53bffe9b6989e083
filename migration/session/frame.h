/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Frames of the data channels: the 32-byte header, and the pool all frame buffers come
 * from. docs/wire-format.md, section 4.
 */
#ifndef MIGRATION_SESSION_FRAME_H
#define MIGRATION_SESSION_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"

#define FRAME_MAGIC	   0x5747u /* bytes 'G' 'W'; a TLS record begins with 0x16 */
#define FRAME_VERSION	   1u
#define FRAME_NONE	   UINT32_MAX

#define FRAME_JOIN_PAYLOAD 8u
#define FRAME_JOIN_BYTES   (FRAME_HEADER_BYTES + FRAME_JOIN_PAYLOAD + FRAME_TAG_BYTES)

struct frame_header {
	uint8_t type; /* enum frame_type */
	uint8_t channel;
	uint16_t stream;
	uint32_t epoch;
	uint32_t len_bytes; /* of the payload, without the tag */
	uint64_t session;
	uint64_t sequence;
};

void frame_header_write(const struct frame_header *h, uint8_t out[FRAME_HEADER_BYTES]);

/**
 * Decode a header and hold it against what may come next on its channel: session, epoch,
 * channel and sequence of expected must be met, and type JOIN if and only if expected says JOIN.
 *
 * @param reason  REASON_BYTES bytes; on error names the field, its value and what was expected.
 *
 * @return ERR_OK; ERR_BAD_RECORD (magic, version, reserved, type, stream, length) or
 *         ERR_MISMATCH (the rest). On error out is unchanged.
 * Format: docs/wire-format.md, section 4.1.
 */
MUST_CHECK enum err frame_header_read(const uint8_t in[FRAME_HEADER_BYTES], const struct frame_header *expected,
	struct frame_header *out, char *reason);

enum frame_state {
	FRAME_FREE = 0,
	FRAME_SEALING, /* source: between begin and end */
	FRAME_QUEUED,  /* source: sealed, the stream has not taken it yet */
	FRAME_SENT,    /* source: referenced by the stream until released */
	FRAME_FILLING, /* destination: header accepted, bytes are coming */
	FRAME_READY,   /* destination: verified, not yet told to the engine */
	FRAME_LENT,    /* destination: with the engine until frame_done() */
};

/** One buffer: header, payload and tag lie in bytes as on the wire. */
struct frame {
	_Alignas(64) uint8_t bytes[FRAME_BYTES];
	struct frame_header head;
	enum frame_state state;
	bool orphan; /* its epoch is over: back to FREE at the next step */
};

/** Owned by the session; serves sending or receiving, whichever the session does. */
struct frame_pool {
	struct frame frames[FRAME_POOL_COUNT];
	uint32_t free_count;
};

void frame_pool_init(struct frame_pool *p);
/** A free frame in the given state, or FRAME_NONE. */
uint32_t frame_take(struct frame_pool *p, enum frame_state state);
void frame_free(struct frame_pool *p, uint32_t frame);
/**
 * An epoch is over. What nobody outside the session references is free at once; frames with the
 * engine or the stream become orphans, freed when they come back.
 */
void frame_pool_fence(struct frame_pool *p);

#endif
