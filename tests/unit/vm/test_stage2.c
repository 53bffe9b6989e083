/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bitmap.h"
#include "tests/unit/vm/s2_mmu.h"

#define POOL 24u
#define BASE UINT64_C(0x40000000)
#define PA   UINT64_C(0x50000000)

static s2_page root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page pool[POOL] __attribute__((aligned(PAGE_BYTES)));
static struct s2_table t;
static struct mmu mmu;
static const struct s2_attr ram = { .memory = S2_NORMAL, .write = true, .execute = true };

static void make(uint32_t pool_count, bool pages_only)
{
	struct s2_config cfg = { .root = root,
		.pool = pool,
		.pool_count = pool_count,
		.pages_only = pages_only,
		.ops = &mmu_ops,
		.ops_ctx = &mmu };

	memset(root, 0, sizeof(root));
	memset(pool, 0, sizeof(pool));
	assert_int_equal(s2_init(&t, &cfg), ERR_OK);
	mmu_init(&mmu, &t, BASE, false);
}

static uint64_t leaf(uint64_t at, uint32_t *level)
{
	uint64_t *d = s2_leaf(&t, ipa(at), level);

	return d == NULL ? 0 : *d;
}

static void aligned_ram_becomes_blocks_and_ragged_ends_pages(void **state)
{
	uint32_t level;

	(void)state;
	make(POOL, false);
	assert_int_equal(
		s2_map(&t, ipa(BASE + BLOCK_BYTES - PAGE_BYTES), pa(PA + BLOCK_BYTES - PAGE_BYTES), 514, ram), ERR_OK);
	assert_int_equal(leaf(BASE + BLOCK_BYTES - PAGE_BYTES, &level) & S2_ADDRESS, PA + BLOCK_BYTES - PAGE_BYTES);
	assert_int_equal(level, 3);
	assert_int_equal(leaf(BASE + BLOCK_BYTES + 5 * PAGE_BYTES, &level) & S2_ADDRESS, PA + BLOCK_BYTES);
	assert_int_equal(level, 2);
	assert_int_equal(leaf(BASE + 2 * BLOCK_BYTES, &level) & S2_ADDRESS, PA + 2 * BLOCK_BYTES);
	assert_int_equal(level, 3);
	assert_int_equal(leaf(BASE + 2 * BLOCK_BYTES + PAGE_BYTES, &level), 0);
	assert_int_equal(leaf(BASE, &level), 0);
	/* One level 2 table, two of level 3. */
	assert_int_equal(s2_free_pages(&t), POOL - 3);
}

static void descriptor_of_normal_memory_is_what_the_manual_says(void **state)
{
	uint32_t level;

	(void)state;
	make(POOL, false);
	assert_int_equal(s2_map(&t, ipa(BASE), pa(PA), 1, ram), ERR_OK);
	assert_int_equal(leaf(BASE, &level) & ~S2_SOFT_WRITE, PA | 0x7FF);
	assert_int_equal(s2_map(&t, ipa(BASE + BLOCK_BYTES), pa(PA + BLOCK_BYTES), 512, ram), ERR_OK);
	assert_int_equal(leaf(BASE + BLOCK_BYTES, &level) & ~S2_SOFT_WRITE, (PA + BLOCK_BYTES) | 0x7FD);
	assert_int_equal(
		s2_map(&t, ipa(0x10000000), pa(0x10000000), 1, (struct s2_attr){ .memory = S2_DEVICE }), ERR_OK);
	assert_int_equal(leaf(0x10000000, &level), 0x10000000 | (UINT64_C(1) << 54) | 1 << 10 | 1 << 6 | 1 << 2 | 3);
}

static void pages_only_never_makes_a_block(void **state)
{
	uint32_t level;

	(void)state;
	make(POOL, true);
	assert_int_equal(s2_map(&t, ipa(BASE), pa(PA), 1024, ram), ERR_OK);
	assert_true(leaf(BASE, &level) != 0);
	assert_int_equal(level, 3);
	s2_join(&t, ipa(BASE));
	assert_true(leaf(BASE, &level) != 0);
	assert_int_equal(level, 3);
}

static void refused_ranges_change_nothing(void **state)
{
	static const struct {
		uint64_t ipa, pa, pages;
	} bad[] = { { BASE + 1, PA, 1 }, { BASE, PA + 1, 1 }, { UINT64_C(1) << 40, PA, 1 },
		{ (UINT64_C(1) << 40) - PAGE_BYTES, PA, 2 }, { 0, PA, UINT64_MAX / PAGE_BYTES },
		{ BASE + BLOCK_BYTES - PAGE_BYTES, PA, 2 } };

	(void)state;
	make(POOL, false);
	assert_int_equal(s2_map(&t, ipa(BASE + BLOCK_BYTES), pa(PA), 512, ram), ERR_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s2_page before[POOL];
		uint32_t free_before = s2_free_pages(&t);

		memcpy(before, pool, sizeof(pool));
		assert_int_equal(s2_map(&t, ipa(bad[i].ipa), pa(bad[i].pa), bad[i].pages, ram), ERR_RANGE);
		assert_memory_equal(before, pool, sizeof(pool));
		assert_int_equal(s2_free_pages(&t), free_before);
	}
}

static void every_shortage_of_tables_is_seen_before_anything_changes(void **state)
{
	/* 3 GiB apart: own level 2 tables; ragged: two level 3 tables. */
	static const struct {
		uint64_t ipa, pages;
		uint32_t need;
	} maps[] = { { BASE + PAGE_BYTES, 1024, 3 }, { BASE, 512, 1 }, { 0x3FFFFF000, 2, 4 },
		{ 0x3FFE00000, 1024, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		for (uint32_t n = 0; n < maps[i].need; n++) {
			make(n, false);
			assert_int_equal(s2_map(&t, ipa(maps[i].ipa), pa(PA), maps[i].pages, ram), ERR_FULL);
			for (size_t k = 0; k < sizeof(root) / sizeof(uint64_t); k++) {
				assert_int_equal(((uint64_t *)root)[k], 0);
			}
			assert_int_equal(s2_free_pages(&t), n);
		}
		make(maps[i].need, false);
		assert_int_equal(
			s2_map(&t, ipa(maps[i].ipa), pa(maps[i].ipa % BLOCK_BYTES + PA), maps[i].pages, ram), ERR_OK);
		assert_int_equal(s2_free_pages(&t), 0);
	}
}

static void split_keeps_every_translation_and_join_restores_the_block(void **state)
{
	uint32_t level;
	uint64_t block, at;

	(void)state;
	make(2, false);
	assert_int_equal(s2_map(&t, ipa(BASE), pa(PA), 512, ram), ERR_OK);
	block = leaf(BASE, &level);
	assert_int_equal(mmu_access(&mmu, BASE + 7 * PAGE_BYTES, true, &at), MMU_OK);
	assert_int_equal(s2_split(&t, ipa(BASE + 3 * PAGE_BYTES)), ERR_OK);
	assert_false(mmu.tlb[7].valid); /* break-before-make */
	for (uint64_t i = 0; i < 512; i++) {
		assert_int_equal(leaf(BASE + i * PAGE_BYTES, &level), (block | 2) + i * PAGE_BYTES);
		assert_int_equal(level, 3);
	}
	assert_int_equal(s2_split(&t, ipa(BASE)), ERR_OK);
	assert_int_equal(s2_free_pages(&t), 0);
	assert_int_equal(mmu_access(&mmu, BASE + 9 * PAGE_BYTES, true, &at), MMU_OK);
	s2_join(&t, ipa(BASE));
	assert_int_equal(leaf(BASE, &level), block);
	assert_int_equal(level, 2);
	assert_false(mmu.tlb[9].valid);
	assert_int_equal(s2_free_pages(&t), 1);
}

static void split_changes_the_pages_of_a_writable_block_on_the_way(void **state)
{
	uint32_t level;

	(void)state;
	make(POOL, false);
	assert_int_equal(s2_map(&t, ipa(BASE), pa(PA), 512, ram), ERR_OK);
	assert_int_equal(
		s2_map(&t, ipa(BASE + BLOCK_BYTES), pa(PA + BLOCK_BYTES), 512, (struct s2_attr){ .memory = S2_NORMAL }),
		ERR_OK);
	spin_lock(&t.lock);
	assert_int_equal(s2_split_locked(&t, ipa(BASE + 5 * PAGE_BYTES), S2_DBM, S2_WRITE), ERR_OK);
	assert_int_equal(s2_split_locked(&t, ipa(BASE + BLOCK_BYTES), S2_DBM, S2_WRITE), ERR_OK);
	spin_unlock(&t.lock);
	for (uint64_t i = 0; i < 2 * 512; i++) {
		uint64_t desc = leaf(BASE + i * PAGE_BYTES, &level);

		/* Read-only is not for tracking. */
		assert_int_equal(desc & (S2_DBM | S2_WRITE), i < 512 ? S2_DBM : 0);
		assert_int_equal(desc & S2_ADDRESS, PA + i * PAGE_BYTES);
		assert_int_equal(level, 3);
	}
}

static void join_leaves_unequal_pages_alone(void **state)
{
	uint32_t level;

	(void)state;
	make(POOL, false);
	assert_int_equal(s2_map(&t, ipa(BASE), pa(PA), 512, ram), ERR_OK);
	assert_int_equal(s2_protect(&t, ipa(BASE + 5 * PAGE_BYTES), 1, false), ERR_OK);
	s2_join(&t, ipa(BASE));
	assert_int_equal(leaf(BASE + 5 * PAGE_BYTES, &level) & (S2_WRITE | S2_SOFT_WRITE), 0);
	assert_int_equal(level, 3);
	assert_int_equal(s2_protect(&t, ipa(BASE + 5 * PAGE_BYTES), 1, true), ERR_OK);
	s2_join(&t, ipa(BASE));
	assert_true(leaf(BASE, &level) != 0);
	assert_int_equal(level, 2);
}

static void unmapping_part_of_a_block_splits_it_and_drops_the_rest_of_nothing(void **state)
{
	uint64_t at;
	uint32_t level;

	(void)state;
	make(POOL, false);
	assert_int_equal(s2_map(&t, ipa(BASE), pa(PA), 1536, ram), ERR_OK);
	assert_int_equal(mmu_access(&mmu, BASE + 600 * PAGE_BYTES, true, &at), MMU_OK);
	assert_int_equal(s2_unmap(&t, ipa(BASE + 500 * PAGE_BYTES), 600), ERR_OK);
	for (uint64_t i = 0; i < 1536; i++) {
		bool mapped = i < 500 || i >= 1100;

		assert_int_equal(leaf(BASE + i * PAGE_BYTES, &level) != 0, mapped);
		assert_int_equal(s2_is_mapped(&t, ipa(BASE + i * PAGE_BYTES)), mapped);
		assert_int_equal(mmu_access(&mmu, BASE + i * PAGE_BYTES, true, &at), mapped ? MMU_OK : MMU_TRANSLATION);
		if (mapped) {
			assert_int_equal(at, PA + i * PAGE_BYTES);
		}
	}
}

static void pages_mapped_and_unmapped_all_over_leave_the_pool_as_it_was(void **state)
{
	(void)state;
	make(3, false);
	for (uint64_t i = 0; i < 300; i++) {
		uint64_t at = 0x10000000 + i * BLOCK_BYTES;

		assert_int_equal(s2_map(&t, ipa(at + PAGE_BYTES), pa(PA), 255, ram), ERR_OK);
		assert_int_equal(s2_free_pages(&t), 1);
		assert_int_equal(s2_unmap(&t, ipa(at + PAGE_BYTES), 200), ERR_OK);
		assert_int_equal(s2_free_pages(&t), 1);
		assert_int_equal(s2_unmap(&t, ipa(at), 512), ERR_OK);
		assert_int_equal(s2_free_pages(&t), 2);
	}
}

static void protecting_without_a_table_for_the_split_is_refused(void **state)
{
	uint64_t at;

	(void)state;
	make(1, false);
	assert_int_equal(s2_map(&t, ipa(BASE), pa(PA), 1024, ram), ERR_OK);
	assert_int_equal(s2_protect(&t, ipa(BASE + PAGE_BYTES), 1, false), ERR_FULL);
	assert_int_equal(mmu_access(&mmu, BASE + PAGE_BYTES, true, &at), MMU_OK);
	assert_int_equal(s2_protect(&t, ipa(BASE), 512, false), ERR_OK);
	assert_int_equal(mmu_access(&mmu, BASE + PAGE_BYTES, true, &at), MMU_PERMISSION);
	assert_int_equal(mmu_access(&mmu, BASE + BLOCK_BYTES, true, &at), MMU_OK);
}

static void addresses_beyond_the_space_are_not_mapped(void **state)
{
	uint32_t level;

	(void)state;
	make(POOL, false);
	assert_null(s2_leaf(&t, ipa(UINT64_C(1) << 40), &level));
	assert_null(s2_leaf(&t, ipa(UINT64_MAX), &level));
	assert_false(s2_is_mapped(&t, ipa(UINT64_MAX)));
	assert_int_equal(s2_split(&t, ipa(UINT64_MAX)), ERR_RANGE);
	s2_join(&t, ipa(UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligned_ram_becomes_blocks_and_ragged_ends_pages),
		cmocka_unit_test(descriptor_of_normal_memory_is_what_the_manual_says),
		cmocka_unit_test(pages_only_never_makes_a_block),
		cmocka_unit_test(refused_ranges_change_nothing),
		cmocka_unit_test(every_shortage_of_tables_is_seen_before_anything_changes),
		cmocka_unit_test(split_keeps_every_translation_and_join_restores_the_block),
		cmocka_unit_test(split_changes_the_pages_of_a_writable_block_on_the_way),
		cmocka_unit_test(join_leaves_unequal_pages_alone),
		cmocka_unit_test(unmapping_part_of_a_block_splits_it_and_drops_the_rest_of_nothing),
		cmocka_unit_test(pages_mapped_and_unmapped_all_over_leave_the_pool_as_it_was),
		cmocka_unit_test(protecting_without_a_table_for_the_split_is_refused),
		cmocka_unit_test(addresses_beyond_the_space_are_not_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
