/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_dirty.h"

#include <string.h>

#include "core/base/bitmap.h"
#include "core/base/bits.h"

static enum err start(void *ctx)
{
	struct fake_dirty *d = ctx;

	if (d->start_err != ERR_OK) {
		return d->start_err;
	}
	memset(d->log, 0, BITMAP_WORDS(d->page_count) * sizeof(*d->log));
	d->on = true;
	d->starts++;
	return ERR_OK;
}

static enum err harvest(void *ctx, struct dirty_cursor *cursor, uint64_t *map)
{
	struct fake_dirty *d = ctx;
	uint64_t end = MIN(cursor->next_page + d->slice_pages, d->page_count);
	enum err err = d->harvest_err;

	d->harvest_err = ERR_OK;
	if (err != ERR_OK) {
		return err;
	}
	for (uint64_t w = cursor->next_page / 64; w < BITMAP_WORDS(end); w++) {
		map[w] |= d->log[w];
		d->log[w] = 0;
	}
	cursor->next_page = end;
	d->harvests += end == d->page_count ? 1 : 0;
	return end == d->page_count ? ERR_OK : ERR_AGAIN;
}

static void stop(void *ctx)
{
	struct fake_dirty *d = ctx;

	d->stops += d->on ? 1 : 0;
	d->on = false;
}

void fake_dirty_init(struct fake_dirty *d, uint64_t *log, uint64_t page_count)
{
	*d = (struct fake_dirty){ .log = log, .page_count = page_count, .slice_pages = 256 };
}

void fake_dirty_mark(struct fake_dirty *d, uint64_t page)
{
	if (d->on) {
		bitmap_set(d->log, page);
	}
}

struct dirty fake_dirty(struct fake_dirty *d)
{
	static const struct dirty_ops ops = { .name = "fake", .start = start, .harvest = harvest, .stop = stop };

	return (struct dirty){ .ops = &ops, .ctx = d };
}
