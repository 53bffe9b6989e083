/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * One data channel: at the source frames are sealed in place and handed to the stream, at the
 * destination any split of the bytes is put together, checked and opened.
 * docs/wire-format.md, section 4.
 */
#ifndef MIGRATION_SESSION_CHANNEL_H
#define MIGRATION_SESSION_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "migration/session/credit.h"
#include "migration/session/frame.h"
#include "migration/session/keys.h"
#include "migration/session/stream.h"

struct channel {
	uint8_t index;
	bool joined; /* source: JOIN sent; destination: JOIN verified */
	stream_id stream;
	uint64_t session;
	uint32_t epoch;
	struct channel_keys keys;
	uint64_t next;	 /* sequence to be sealed, or to be received */
	uint64_t placed; /* destination: sequence to be done */
	uint8_t chain[HASH_BYTES];
	bool sealing;			  /* source: between begin and end */
	uint8_t unsent[FRAME_POOL_COUNT]; /* source: sealed frames that wait for the stream */
	uint32_t unsent_first, unsent_count;
	uint8_t head[FRAME_HEADER_BYTES]; /* destination: header being received */
	uint32_t have_bytes;		  /* destination: bytes of the present frame, header included */
	uint32_t frame;			  /* destination: frame being filled, or FRAME_NONE */
	uint64_t progress_us;		  /* destination: when the last byte came */
};

/** What a channel works with; borrowed for a call. */
struct channel_io {
	const struct streams *streams;
	const struct seal_ops *seal;
	struct frame_pool *pool;
	struct credit *credit;
};

/** Without stream, next sequence 0 (JOIN). Keys are set by keys_channel(). */
void channel_reset(struct channel *ch, uint8_t index, uint64_t session, uint32_t epoch);

/** Seal JOIN: sequence 0. */
MUST_CHECK enum err channel_join_seal(
	struct channel *ch, const struct channel_io *io, uint32_t channel_count, uint8_t out[FRAME_JOIN_BYTES]);
/** Verify JOIN; on ERR_OK the channel expects sequence 1, on error nothing has changed and reason says why. */
MUST_CHECK enum err channel_join_open(struct channel *ch, const struct channel_io *io, uint32_t channel_count,
	uint8_t join[FRAME_JOIN_BYTES], char *reason);

/** Source: as link_ops.frame_begin, frame_bytes, frame_end. */
MUST_CHECK enum err channel_frame_begin(struct channel *ch, const struct channel_io *io, uint16_t stream,
	enum frame_type type, size_t len_bytes, uint32_t *frame);
void channel_frame_bytes(struct channel *ch, const struct channel_io *io, uint32_t frame, size_t at,
	const uint8_t *bytes, size_t len_bytes);
void channel_frame_end(struct channel *ch, const struct channel_io *io, uint32_t frame);
/** Hand sealed frames to the stream, in order, until it is full. ERR_LOST. */
MUST_CHECK enum err channel_send(struct channel *ch, const struct channel_io *io, uint64_t *sent_bytes);

/**
 * Destination: consume bytes up to the end of one frame.
 *
 * @param taken  bytes consumed, at least 1 unless len_bytes is 0.
 * @param frame  a verified frame (READY), or FRAME_NONE.
 *
 * @return ERR_OK; any error is the end of the epoch and reason (REASON_BYTES) names the field.
 */
MUST_CHECK enum err channel_receive(struct channel *ch, const struct channel_io *io, const uint8_t *bytes,
	size_t len_bytes, size_t *taken, uint32_t *frame, char *reason);
/** Destination: a frame of this channel is placed: extend the chain, free the buffer. */
void channel_frame_placed(struct channel *ch, const struct channel_io *io, uint32_t frame);

#endif
