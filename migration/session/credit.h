/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Credit: how many frames of a stream may ever have been sent, as a limit that only grows.
 * Each unit stands for one free frame at the destination. docs/wire-format.md, section 5.
 */
#ifndef MIGRATION_SESSION_CREDIT_H
#define MIGRATION_SESSION_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "migration/link.h"

struct credit {
	uint64_t limit[LINK_STREAM_COUNT]; /* frames granted since the epoch began */
	uint64_t used[LINK_STREAM_COUNT];  /* frames sent, or at the destination received */
	uint64_t done[LINK_STREAM_COUNT];  /* destination: frames placed */
	uint8_t window[LINK_STREAM_COUNT]; /* destination: limit - done is kept here, 0 for streams without use */
	bool changed[LINK_STREAM_COUNT];   /* destination: limit not yet told */
};

/** All zero: nothing granted, nothing used. */
void credit_reset(struct credit *c);
/**
 * Destination: windows for an epoch. Every stream gets one frame, what is left of the pool
 * goes to the RAM streams in turn.
 */
void credit_windows(struct credit *c, uint32_t channel_count);
/** Destination: turn free frames into grants, the streams that have least first. */
void credit_grant(struct credit *c, uint32_t free_count);
/** Destination: grants not yet used; each has a free frame behind it. */
uint32_t credit_outstanding(const struct credit *c);
bool credit_any_changed(const struct credit *c);
/** Frames that may still be sent or received on a stream. */
uint64_t credit_left(const struct credit *c, uint16_t stream);
/**
 * Source: a limit told by the peer. ERR_RANGE for a stream that does not exist; ERR_BAD_RECORD for a limit
 * that falls, or that the peer's pool cannot stand behind.
 */
MUST_CHECK enum err credit_raise(struct credit *c, uint16_t stream, uint64_t limit);

#endif
