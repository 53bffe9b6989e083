/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * RAM on its way: which pages are still to be sent, RAM frames, and placing them (docs/wire-format.md, section 7).
 *
 * Payload of a RAM frame: le32 count; count entries of le64 page index | RAM_ENTRY_ZERO; then PAGE_BYTES of contents for
 * each entry without the flag, in order. A page always travels on channel (page >> 9) modulo the channels,
 * so that within a channel the newest copy wins.
 */
#ifndef MIGRATION_RAM_H
#define MIGRATION_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/link.h"
#include "migration/vm.h"

#define RAM_ENTRY_ZERO	(UINT64_C(1) << 63)
#define RAM_CHUNK_SHIFT 9u /* pages of one chunk stay on one channel */
#define RAM_CHUNK_PAGES (1u << RAM_CHUNK_SHIFT)
#define RAM_SCAN_CHUNKS 256u /* chunks looked at in one call */

/** Sums of one channel, compared by TOTALS. */
struct ram_totals {
	uint64_t frames, pages, zero_pages; /* pages: with contents */
};

/** One parsed or gathered page list. */
struct ram_list {
	uint32_t count;
	uint32_t content_count;
	uint64_t entry[FRAME_PAGE_ENTRIES_MAX];
	const uint8_t *content[FRAME_PAGES_MAX]; /* borrowed from the VM, or inside the frame */
};

/** Bytes per second, at most a tenth of a second at once. */
struct bucket {
	uint64_t rate;	/* 0: no limit */
	int64_t tokens; /* negative: a frame was larger than what was left */
	uint64_t filled_us;
};

void bucket_start(struct bucket *b, uint64_t rate, uint64_t now_us);
/** True when something may be sent now. */
bool bucket_open(struct bucket *b, uint64_t now_us);
void bucket_take(struct bucket *b, uint64_t bytes);

/** Source. The map is lent by the caller for the length of the attempt. */
struct ram_tx {
	uint64_t *map; /* pages to send */
	uint64_t page_count;
	uint64_t left; /* bits set in map */
	uint32_t channel_count;
	uint64_t next_chunk[CHANNEL_COUNT_MAX]; /* of those that are this channel's */
	struct ram_totals totals[CHANNEL_COUNT_MAX];
	uint64_t bytes; /* payload */
	struct ram_list list;
	uint64_t bad_page; /* of the last error */
};

/** Everything is dirty. */
void ram_tx_start(struct ram_tx *tx, uint64_t *map, uint64_t page_count, uint32_t channel_count);
/** A harvest changed the map. */
void ram_tx_recount(struct ram_tx *tx);
/**
 * Send one frame on a channel if there is a page for it and room in the link.
 *
 * @param sent_bytes  Payload bytes sent, 0 when nothing was.
 * @return ERR_OK: sent; ERR_END: this channel has no page left; ERR_FULL: the link has no room; ERR_AGAIN: looked at
 *         RAM_SCAN_CHUNKS chunks without finding one; ERR_POISONED or ERR_RANGE: bad_page; ERR_LOST. On an
 *         error no page has lost its bit.
 */
enum err ram_tx_frame(struct ram_tx *tx, const struct vm *vm, const struct link *link, uint8_t channel,
	size_t *sent_bytes) MUST_CHECK;
/** Destination's and source's sums over all channels. */
struct ram_totals ram_totals_sum(const struct ram_totals *totals, uint32_t channel_count);

/** Destination. */
struct ram_rx {
	uint64_t *received; /* page was named at least once */
	uint64_t page_count;
	uint64_t received_count;
	uint32_t channel_count;
	struct ram_totals totals[CHANNEL_COUNT_MAX];
	struct ram_list list;
};

void ram_rx_start(struct ram_rx *rx, uint64_t *received, uint64_t page_count, uint32_t channel_count);
/**
 * Check a whole frame, then place it. Nothing is written unless all of it is right.
 *
 * @return ERR_OK; ERR_BAD_RECORD (lengths, counts, flags, order), ERR_RANGE (page outside the VM or on another
 *         channel's chunk): reason says which; ERR_POISONED: this host's page cannot be written.
 */
enum err ram_rx_place(struct ram_rx *rx, const struct vm *vm, uint8_t channel, const uint8_t *bytes, size_t len_bytes,
	char *reason) MUST_CHECK;

/** Parse the list of one frame; the checks of ram_rx_place without the VM. */
enum err ram_list_read(struct ram_list *list, const uint8_t *bytes, size_t len_bytes, uint64_t page_count,
	uint32_t channel, uint32_t channel_count, char *reason) MUST_CHECK;

/** First non-zero word ends it. bytes are 8-byte aligned. */
bool page_is_zero(const uint8_t *bytes);

#endif
