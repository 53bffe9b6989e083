/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bitmap.h"
#include "core/vm/dirty_log.h"
#include "tests/unit/vm/s2_mmu.h"

#define PAGES 2048u
#define POOL  8u
#define BASE  UINT64_C(0x40000000)
#define PA    UINT64_C(0x50000000)

static s2_page root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page pool[POOL] __attribute__((aligned(PAGE_BYTES)));
static uint64_t words[BITMAP_WORDS(PAGES)];

struct world {
	struct s2_table s2;
	struct mmu mmu;
	struct dirty_log log;
	struct dirty tracker;
	uint32_t version[PAGES]; /* the guest's RAM: one number a page */
	uint64_t map[BITMAP_WORDS(PAGES)];
	uint64_t seed;
};

static void make(struct world *w, enum dirty_backend backend, uint32_t pool_count)
{
	struct s2_config cfg = {
		.root = root, .pool = pool, .pool_count = pool_count, .ops = &mmu_ops, .ops_ctx = &w->mmu
	};

	memset(root, 0, sizeof(root));
	memset(pool, 0, sizeof(pool));
	memset(words, 0, sizeof(words));
	memset(w, 0, sizeof(*w));
	assert_int_equal(s2_init(&w->s2, &cfg), ERR_OK);
	mmu_init(&w->mmu, &w->s2, BASE, backend == DIRTY_HAFDBS);
	assert_int_equal(s2_map(&w->s2, ipa(BASE), pa(PA), PAGES,
				 (struct s2_attr){ .memory = S2_NORMAL, .write = true, .execute = true }),
		ERR_OK);
	assert_int_equal(dirty_log_init(&w->log, &w->s2, backend, ipa(BASE), PAGES, words), ERR_OK);
	w->tracker = dirty_log_tracker(&w->log);
	w->seed = 88172645463325252u;
}

static uint64_t roll(struct world *w)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed;
}

/** The guest writes, faults included, as a vCPU's core would. */
static void guest_write(struct world *w, uint64_t page)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < 4; i++) {
		switch (mmu_access(&w->mmu, BASE + page * PAGE_BYTES, true, &at)) {
		case MMU_OK:
			assert_int_equal(at, PA + page * PAGE_BYTES);
			w->version[page]++;
			return;
		case MMU_PERMISSION:
			assert_int_equal(dirty_log_fault(&w->log, ipa(BASE + page * PAGE_BYTES)), DIRTY_FAULT_RETRY);
			break;
		case MMU_TRANSLATION:
			fail_msg("page %u is not mapped", (unsigned)page);
		}
	}
	fail_msg("page %u faults for ever", (unsigned)page);
}

static void harvest(struct world *w)
{
	struct dirty_cursor cursor = { 0 };
	enum err err;

	memset(w->map, 0, sizeof(w->map));
	do {
		err = w->tracker.ops->harvest(w->tracker.ctx, &cursor, w->map);
	} while (err == ERR_AGAIN);
	assert_int_equal(err, ERR_OK);
}

static void backends(void (*fact)(enum dirty_backend backend))
{
	fact(DIRTY_HAFDBS);
	fact(DIRTY_WRITE_PROTECT);
}

static void written_once(enum dirty_backend backend)
{
	struct world w;

	make(&w, backend, POOL);
	guest_write(&w, 3);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	guest_write(&w, 0);
	guest_write(&w, 511);
	guest_write(&w, 512);
	guest_write(&w, PAGES - 1);
	harvest(&w);
	assert_int_equal(bitmap_count(w.map, 0, PAGES), 4);
	assert_true(bitmap_test(w.map, 0) && bitmap_test(w.map, 511) && bitmap_test(w.map, 512) &&
		    bitmap_test(w.map, PAGES - 1));
	harvest(&w);
	assert_int_equal(bitmap_count(w.map, 0, PAGES), 0);
}

static void written_pages_are_reported_once_and_no_others(void **state)
{
	(void)state;
	backends(written_once);
}

static void written_again(enum dirty_backend backend)
{
	struct world w;

	make(&w, backend, POOL);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	for (uint32_t i = 0; i < 5; i++) {
		guest_write(&w, 77);
		guest_write(&w, 77);
		harvest(&w);
		assert_true(bitmap_test(w.map, 77));
		assert_int_equal(bitmap_count(w.map, 0, PAGES), 1);
	}
}

static void page_written_after_its_harvest_is_reported_again(void **state)
{
	(void)state;
	backends(written_again);
}

/** A shadow that copies what each slice reports equals the guest's RAM after the last harvest: no write is lost. */
static void shadowed(enum dirty_backend backend)
{
	static struct world w;
	static uint32_t shadow[PAGES];

	make(&w, backend, POOL);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	memcpy(shadow, w.version, sizeof(shadow));
	for (uint32_t round = 0; round < 50; round++) {
		struct dirty_cursor cursor = { 0 };
		bool last = round == 49;
		enum err err;

		memset(w.map, 0, sizeof(w.map));
		do {
			err = w.tracker.ops->harvest(w.tracker.ctx, &cursor, w.map);
			for (uint32_t i = 0; !last && i < 100; i++) {
				guest_write(&w, roll(&w) % 3 == 0 ? roll(&w) % PAGES : roll(&w) % 40);
			}
			/* Pages of reported ranges may be read now. */
			for (uint64_t p = bitmap_next_set(w.map, 0, PAGES); p < PAGES;
				p = bitmap_next_set(w.map, p + 1, PAGES)) {
				shadow[p] = w.version[p];
				bitmap_clear(w.map, p);
			}
			for (uint32_t i = 0; !last && i < 10; i++) {
				guest_write(&w, roll(&w) % PAGES);
			}
			if (roll(&w) % 4 == 0 && !last) {
				uint64_t page = roll(&w) % PAGES;

				w.version[page]++; /* the hypervisor writes, then marks */
				dirty_log_mark(&w.log, page, 1);
			}
		} while (err == ERR_AGAIN);
		assert_int_equal(err, ERR_OK);
	}
	assert_memory_equal(shadow, w.version, sizeof(shadow));
	w.tracker.ops->stop(w.tracker.ctx);
	assert_int_equal(w.mmu.unpublished, 0); /* or a walk brings the old descriptor back after its invalidation */
}

static void shadow_of_reported_pages_ends_equal_to_ram(void **state)
{
	(void)state;
	backends(shadowed);
}

static void stopped(enum dirty_backend backend)
{
	struct world w;
	uint32_t level, free_before;

	make(&w, backend, POOL);
	free_before = s2_free_pages(&w.s2);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_BAD_STATE);
	guest_write(&w, 5);
	w.tracker.ops->stop(w.tracker.ctx);
	w.tracker.ops->stop(w.tracker.ctx);
	assert_int_equal(s2_free_pages(&w.s2), free_before);
	for (uint64_t page = 0; page < PAGES; page += PAGES_PER_BLOCK) {
		uint64_t *leaf = s2_leaf(&w.s2, ipa(BASE + page * PAGE_BYTES), &level);

		assert_non_null(leaf);
		assert_int_equal(level, 2);
		assert_int_equal(*leaf & (S2_WRITE | S2_DBM), S2_WRITE);
	}
	for (uint64_t page = 0; page < PAGES; page++) {
		guest_write(&w, page);
	}
	assert_int_equal(w.tracker.ops->harvest(w.tracker.ctx, &(struct dirty_cursor){ 0 }, w.map), ERR_LOST);
	/* And it can begin again, clean. */
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	harvest(&w);
	assert_int_equal(bitmap_count(w.map, 0, PAGES), 0);
}

static void stop_gives_blocks_and_permissions_back(void **state)
{
	(void)state;
	backends(stopped);
}

static uint32_t level_of(struct world *w, uint64_t page)
{
	uint32_t level;

	assert_non_null(s2_leaf(&w->s2, ipa(BASE + page * PAGE_BYTES), &level));
	return level;
}

static void split_by_writes(enum dirty_backend backend)
{
	struct world w;

	make(&w, backend, POOL);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	for (uint64_t page = 0; page < PAGES; page += PAGES_PER_BLOCK) {
		assert_int_equal(level_of(&w, page), 2);
	}
	guest_write(&w, 600);
	assert_int_equal(level_of(&w, 0), 2);
	assert_int_equal(level_of(&w, 600), 3);
	assert_int_equal(level_of(&w, 1024), 2);
	harvest(&w);
	assert_int_equal(bitmap_count(w.map, 0, PAGES), 1);
}

static void only_blocks_that_are_written_are_split(void **state)
{
	(void)state;
	backends(split_by_writes);
}

static void short_of_tables(enum dirty_backend backend)
{
	struct world w;

	/* One level 2 table is taken, one is left for a split. */
	make(&w, backend, 2);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	guest_write(&w, 1);
	guest_write(&w, 600);
	guest_write(&w, 601);
	assert_int_equal(level_of(&w, 1), 3);
	assert_int_equal(level_of(&w, 600), 2);
	harvest(&w);
	assert_int_equal(bitmap_count(w.map, 0, PAGES), 1 + PAGES_PER_BLOCK);
	assert_true(bitmap_test(w.map, 512) && bitmap_test(w.map, 1023));
	harvest(&w);
	assert_int_equal(bitmap_count(w.map, 0, PAGES), 0);
	guest_write(&w, 700);
	harvest(&w);
	assert_int_equal(bitmap_count(w.map, 0, PAGES), PAGES_PER_BLOCK);
}

static void without_tables_a_written_block_is_reported_whole(void **state)
{
	(void)state;
	backends(short_of_tables);
}

static void forbidden_page_stays_forbidden(void **state)
{
	struct world w;
	uint64_t at;

	(void)state;
	make(&w, DIRTY_WRITE_PROTECT, POOL);
	assert_int_equal(s2_protect(&w.s2, ipa(BASE + 9 * PAGE_BYTES), 1, false), ERR_OK);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	assert_int_equal(dirty_log_fault(&w.log, ipa(BASE + 9 * PAGE_BYTES)), DIRTY_FAULT_FORBIDDEN);
	assert_int_equal(mmu_access(&w.mmu, BASE + 9 * PAGE_BYTES, true, &at), MMU_PERMISSION);
	w.tracker.ops->stop(w.tracker.ctx);
	assert_int_equal(dirty_log_fault(&w.log, ipa(BASE + 9 * PAGE_BYTES)), DIRTY_FAULT_FORBIDDEN);
}

/** RAM that is mapped by pages already when tracking begins, so that no split invalidates anything, and cached as writable. */
static void pages_before(enum dirty_backend backend)
{
	struct world w;

	make(&w, backend, POOL);
	for (uint64_t page = 0; page < PAGES; page += PAGES_PER_BLOCK) {
		assert_int_equal(s2_split(&w.s2, ipa(BASE + page * PAGE_BYTES)), ERR_OK);
	}
	guest_write(&w, 3);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	guest_write(&w, 3);
	guest_write(&w, 600);
	harvest(&w);
	assert_true(bitmap_test(w.map, 3));
	assert_int_equal(bitmap_count(w.map, 0, PAGES), 2);
}

static void what_was_pages_before_is_tracked_too(void **state)
{
	(void)state;
	backends(pages_before);
}

static void cursor_that_cannot_be_is_refused(void **state)
{
	struct world w;
	struct dirty_cursor cursor = { .next_page = 5 };

	(void)state;
	make(&w, DIRTY_HAFDBS, POOL);
	assert_int_equal(w.tracker.ops->start(w.tracker.ctx), ERR_OK);
	assert_int_equal(w.tracker.ops->harvest(w.tracker.ctx, &cursor, w.map), ERR_RANGE);
	cursor.next_page = PAGES + 512;
	assert_int_equal(w.tracker.ops->harvest(w.tracker.ctx, &cursor, w.map), ERR_RANGE);
	dirty_log_mark(&w.log, PAGES, 1);
	dirty_log_mark(&w.log, PAGES - 1, UINT64_MAX);
	harvest(&w);
	assert_int_equal(bitmap_count(w.map, 0, PAGES), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_pages_are_reported_once_and_no_others),
		cmocka_unit_test(page_written_after_its_harvest_is_reported_again),
		cmocka_unit_test(shadow_of_reported_pages_ends_equal_to_ram),
		cmocka_unit_test(stop_gives_blocks_and_permissions_back),
		cmocka_unit_test(only_blocks_that_are_written_are_split),
		cmocka_unit_test(without_tables_a_written_block_is_reported_whole),
		cmocka_unit_test(forbidden_page_stays_forbidden),
		cmocka_unit_test(what_was_pages_before_is_tracked_too),
		cmocka_unit_test(cursor_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
