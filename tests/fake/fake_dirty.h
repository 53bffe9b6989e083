/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** A dirty tracker over a bitmap the test owns, harvested in slices of a given length. */
#ifndef TESTS_FAKE_FAKE_DIRTY_H
#define TESTS_FAKE_FAKE_DIRTY_H

#include <stdbool.h>

#include "migration/dirty.h"

struct fake_dirty {
	uint64_t *log; /* page_count bits */
	uint64_t page_count;
	uint64_t slice_pages; /* pages of one harvest call; a multiple of 64 */
	bool on;
	uint32_t starts, stops, harvests;
	enum err start_err;   /* answer of start() */
	enum err harvest_err; /* answer of the next harvest(), once */
};

void fake_dirty_init(struct fake_dirty *d, uint64_t *log, uint64_t page_count);
/** A write: recorded only while tracking is on. */
void fake_dirty_mark(struct fake_dirty *d, uint64_t page);
struct dirty fake_dirty(struct fake_dirty *d);

#endif
