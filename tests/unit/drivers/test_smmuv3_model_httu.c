/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Access flag and dirty state in the SMMUv3 model, rule by rule (IHI 0070 3.13; Arm ARM D8.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "tests/fake/smmuv3_model_bench.h"

#define SID	 3u
#define VMID	 7u
#define ASID	 9u
#define IOVA	 UINT64_C(0x40003000)
#define S2_HA	 (UINT64_C(1) << 56)
#define S2_HD	 (UINT64_C(1) << 55)
#define S2_AFFD	 (UINT64_C(1) << 53)
#define CD_HA	 (UINT64_C(1) << 43)
#define CD_HD	 (UINT64_C(1) << 42)
#define CD_AFFD	 (UINT64_C(1) << 35)
#define F_ACCESS 0x12
#define F_PERM	 0x13

struct fixture {
	struct smmu_bench *b;
	uint64_t root, s2_root;
};

static void httu_set(struct smmu_bench *b, uint32_t httu)
{
	b->m.id.idr0 = (b->m.id.idr0 & ~MASK32(7, 6)) | httu << 6;
}

static int setup(void **state)
{
	static struct fixture fx;

	fx.b = smmu_bench_new(11);
	httu_set(fx.b, 2);
	smmu_bench_up(fx.b);
	fx.root = smmu_bench_table(fx.b);
	fx.s2_root = smmu_bench_table(fx.b);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	smmu_bench_free(fx->b);
	return 0;
}

static void stage2_stream(struct fixture *fx, uint64_t attrs, uint64_t extra)
{
	smmu_bench_map(fx->b, fx->root, IOVA, BENCH_PAGE(1), attrs, 3);
	smmu_bench_ste_s2(fx->b, SID, VMID, fx->root, extra);
	smmu_bench_command(fx->b, 0x30, 0);
	assert_true(smmu_bench_sync(fx->b));
}

static uint64_t leaf_now(struct fixture *fx)
{
	return *smmu_bench_word(fx->b, smmu_bench_leaf(fx->b, fx->root, IOVA));
}

/* One row of the rules: what lies in the leaf, which half of HTTU is on, what comes of an access. */
struct rule {
	uint64_t attrs;
	bool ha, hd, affd, write;
	uint8_t fault;
	uint64_t after;
};

#define NO_AF(attrs) ((attrs) & ~DESC_AF)

static void stage2_rules_hold_row_by_row(void **state)
{
	static const struct rule rule[] = {
		/* not managed by hardware */
		{ S2_RO, true, true, false, false, 0, S2_RO },
		{ S2_RO, true, true, false, true, F_PERM, S2_RO },
		{ S2_RW, true, true, false, true, 0, S2_RW },
		/* writable-clean, by a read and by a write */
		{ S2_CLEAN, true, true, false, false, 0, S2_CLEAN },
		{ S2_CLEAN, true, true, false, true, 0, S2_DIRTY },
		{ S2_DIRTY, true, true, false, true, 0, S2_DIRTY },
		{ S2_DIRTY, true, true, false, false, 0, S2_DIRTY },
		/* HD off: DBM says nothing; HD without HA is off */
		{ S2_CLEAN, true, false, false, true, F_PERM, S2_CLEAN },
		{ S2_CLEAN, false, true, false, true, F_PERM, S2_CLEAN },
		{ S2_CLEAN, false, false, false, true, F_PERM, S2_CLEAN },
		{ S2_DIRTY, false, false, false, true, 0, S2_DIRTY },
		/* Access flag */
		{ NO_AF(S2_RW), true, false, false, false, 0, S2_RW },
		{ NO_AF(S2_RW), true, false, false, true, 0, S2_RW },
		{ NO_AF(S2_RW), false, false, false, false, F_ACCESS, NO_AF(S2_RW) },
		{ NO_AF(S2_RW), false, false, true, false, 0, NO_AF(S2_RW) },
		{ NO_AF(S2_CLEAN), true, true, false, true, 0, S2_DIRTY },
		{ NO_AF(S2_CLEAN), true, true, false, false, 0, S2_CLEAN },
		{ NO_AF(S2_CLEAN), true, false, false, true, F_PERM, S2_CLEAN },
		{ NO_AF(S2_RO), true, true, false, true, F_PERM, S2_RO },
	};

	struct fixture *fx = *state;

	for (uint32_t i = 0; i < ARRAY_SIZE(rule); i++) {
		const struct rule *r = &rule[i];
		uint64_t value = 0;
		enum smmu_model_outcome outcome;

		stage2_stream(fx, r->attrs, (r->ha ? S2_HA : 0) | (r->hd ? S2_HD : 0) | (r->affd ? S2_AFFD : 0));
		outcome = r->write ? smmu_bench_write(fx->b, SID, IOVA, i) : smmu_bench_read(fx->b, SID, IOVA, &value);
		if (outcome != (r->fault ? SMMU_MODEL_ABORT : SMMU_MODEL_DONE) || fx->b->m.fault.type != r->fault ||
			leaf_now(fx) != (r->after | BENCH_PAGE(1) | 3)) {
			fail_msg("row %u: outcome %d fault 0x%x leaf 0x%llx", i, (int)outcome, fx->b->m.fault.type,
				(unsigned long long)leaf_now(fx));
		}
		if (r->write && r->fault == 0) {
			assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), i);
		}
	}
}

static void stage1_stream(struct fixture *fx, uint64_t attrs, uint64_t extra)
{
	smmu_bench_map(fx->b, fx->root, IOVA, BENCH_PAGE(1), attrs, 3);
	smmu_bench_cd(fx->b, ASID, fx->root, extra);
	smmu_bench_ste_s1(fx->b, SID, VMID, 0, 0, 0);
	smmu_bench_command(fx->b, 0x30, 0);
	assert_true(smmu_bench_sync(fx->b));
}

static void stage1_rules_hold_with_the_other_polarity(void **state)
{
	static const struct rule rule[] = {
		{ S1_RO, true, true, false, true, F_PERM, S1_RO },
		{ S1_RW, true, true, false, true, 0, S1_RW },
		{ S1_CLEAN, true, true, false, false, 0, S1_CLEAN },
		{ S1_CLEAN, true, true, false, true, 0, S1_CLEAN & ~DESC_B7 },
		{ S1_CLEAN, true, false, false, true, F_PERM, S1_CLEAN },
		{ S1_CLEAN, false, true, false, true, F_PERM, S1_CLEAN },
		{ NO_AF(S1_RW), true, false, false, true, 0, S1_RW },
		{ NO_AF(S1_RW), false, false, false, false, F_ACCESS, NO_AF(S1_RW) },
		{ NO_AF(S1_RW), false, false, true, false, 0, NO_AF(S1_RW) },
		{ NO_AF(S1_CLEAN), true, true, false, true, 0, S1_CLEAN & ~DESC_B7 },
	};

	struct fixture *fx = *state;

	for (uint32_t i = 0; i < ARRAY_SIZE(rule); i++) {
		const struct rule *r = &rule[i];
		uint64_t value = 0;

		stage1_stream(fx, r->attrs, (r->ha ? CD_HA : 0) | (r->hd ? CD_HD : 0) | (r->affd ? CD_AFFD : 0));
		(void)(r->write ? smmu_bench_write(fx->b, SID, IOVA, i) : smmu_bench_read(fx->b, SID, IOVA, &value));
		assert_int_equal(fx->b->m.fault.type, r->fault);
		assert_false(fx->b->m.fault.stage2);
		assert_int_equal(leaf_now(fx), r->after | BENCH_PAGE(1) | 3);
	}
}

static void more_than_the_id_register_offers_is_a_bad_entry(void **state)
{
	struct fixture *fx = *state;

	for (uint32_t httu = 0; httu < 3; httu++) {
		httu_set(fx->b, httu);
		stage2_stream(fx, S2_RW, S2_HA);
		(void)smmu_bench_write(fx->b, SID, IOVA, 1);
		assert_int_equal(fx->b->m.fault.type, httu < 1 ? 0x04 : 0);
		stage2_stream(fx, S2_RW, S2_HA | S2_HD);
		(void)smmu_bench_write(fx->b, SID, IOVA, 1);
		assert_int_equal(fx->b->m.fault.type, httu < 2 ? 0x04 : 0);
		stage1_stream(fx, S1_RW, CD_HA | CD_HD);
		(void)smmu_bench_write(fx->b, SID, IOVA, 1);
		assert_int_equal(fx->b->m.fault.type, httu < 2 ? 0x0a : 0);
	}
}

static void a_cached_dirty_entry_sets_no_second_bit_until_it_is_invalidated(void **state)
{
	struct fixture *fx = *state;
	uint64_t leaf;

	stage2_stream(fx, S2_CLEAN, S2_HA | S2_HD);
	leaf = smmu_bench_leaf(fx->b, fx->root, IOVA);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
	assert_true((smmu_model_cpu_rmw(&fx->b->m, leaf, DESC_B7, 0) & DESC_B7) != 0);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 2), SMMU_MODEL_DONE);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 2);
	assert_int_equal(leaf_now(fx) & DESC_B7, 0); /* written, and not told */
	smmu_bench_command(fx->b, 0x2a | (uint64_t)VMID << 32, IOVA | 1);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 3), SMMU_MODEL_DONE);
	assert_int_equal(leaf_now(fx) & DESC_B7, 0); /* no SYNC yet */
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 4), SMMU_MODEL_DONE);
	assert_true((leaf_now(fx) & DESC_B7) != 0);
}

static void invalidation_of_stage_1_leaves_stage_2_entries(void **state)
{
	struct fixture *fx = *state;

	stage2_stream(fx, S2_CLEAN, S2_HA | S2_HD);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
	(void)smmu_model_cpu_rmw(&fx->b->m, smmu_bench_leaf(fx->b, fx->root, IOVA), DESC_B7, 0);
	smmu_bench_command(fx->b, 0x10 | (uint64_t)VMID << 32, 0);
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 2), SMMU_MODEL_DONE);
	assert_int_equal(leaf_now(fx) & DESC_B7, 0);
}

static void a_clean_entry_cached_by_a_read_goes_back_for_a_write(void **state)
{
	struct fixture *fx = *state;
	uint64_t value;

	stage2_stream(fx, S2_CLEAN, S2_HA | S2_HD);
	assert_int_equal(smmu_bench_read(fx->b, SID, IOVA, &value), SMMU_MODEL_DONE);
	assert_int_equal(leaf_now(fx) & DESC_B7, 0);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 2), SMMU_MODEL_DONE);
	assert_true((leaf_now(fx) & DESC_B7) != 0);
}

static void a_stale_read_only_entry_ends_a_write_that_the_table_allows(void **state)
{
	struct fixture *fx = *state;
	uint64_t value;

	stage2_stream(fx, S2_RO, S2_HA | S2_HD);
	assert_int_equal(smmu_bench_read(fx->b, SID, IOVA, &value), SMMU_MODEL_DONE);
	(void)smmu_model_cpu_rmw(&fx->b->m, smmu_bench_leaf(fx->b, fx->root, IOVA), 0, DESC_B7);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 2), SMMU_MODEL_ABORT);
	assert_int_equal(fx->b->m.fault.type, F_PERM);
	smmu_bench_command(fx->b, 0x28 | (uint64_t)VMID << 32, 0);
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 2), SMMU_MODEL_DONE);
}

static void speculation_sets_the_access_flag_and_nothing_else(void **state)
{
	struct fixture *fx = *state;

	stage2_stream(fx, NO_AF(S2_CLEAN), S2_HA | S2_HD);
	smmu_bench_command(fx->b, 0x02 | (uint64_t)SID << 32, IOVA);
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(leaf_now(fx), S2_CLEAN | BENCH_PAGE(1) | 3);
}

/* Software changes the leaf between the SMMU's look and its update. */
static void unmap_under_update(struct smmu_model *m, uint64_t pa, uint64_t old)
{
	(void)old;
	m->on_update = NULL;
	(void)smmu_model_cpu_rmw(m, pa, 1, 0);
}

static void an_update_never_revives_a_leaf_that_was_unmapped_meanwhile(void **state)
{
	struct fixture *fx = *state;

	stage2_stream(fx, S2_CLEAN, S2_HA | S2_HD);
	fx->b->m.on_update = unmap_under_update;
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 2), SMMU_MODEL_ABORT);
	assert_int_equal(fx->b->m.fault.type, 0x10);
	assert_int_equal(leaf_now(fx), (S2_CLEAN | BENCH_PAGE(1) | 3) & ~UINT64_C(1));
}

static void a_block_is_dirty_as_a_whole(void **state)
{
	struct fixture *fx = *state;

	smmu_bench_map(fx->b, fx->root, 0x80000000, 0x80000000, S2_CLEAN, 2);
	smmu_bench_ste_s2(fx->b, SID, VMID, fx->root, S2_HA | S2_HD);
	assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(5), 1), SMMU_MODEL_DONE);
	assert_int_equal(
		*smmu_bench_word(fx->b, smmu_bench_leaf(fx->b, fx->root, 0x80000000)), S2_DIRTY | 0x80000000 | 1);
}

static void a_contiguous_group_shows_its_writes_on_one_member_only(void **state)
{
	struct fixture *fx = *state;
	uint32_t dirty = 0;

	for (uint32_t i = 0; i < 16; i++) {
		smmu_bench_map(fx->b, fx->root, 0x40000000 + 4096 * i, BENCH_PAGE(16 + i), S2_CLEAN | BIT64(52), 3);
	}
	smmu_bench_ste_s2(fx->b, SID, VMID, fx->root, S2_HA | S2_HD);
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(smmu_bench_write(fx->b, SID, 0x40000000 + 4096 * i, i), SMMU_MODEL_DONE);
		assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(16 + i)), i);
	}
	for (uint32_t i = 0; i < 16; i++) {
		uint64_t leaf = smmu_bench_leaf(fx->b, fx->root, 0x40000000 + 4096 * i);

		dirty += (*smmu_bench_word(fx->b, leaf) & DESC_B7) != 0;
	}
	assert_int_equal(dirty, 1);
}

/* Nested: memory lies at its own IPA; tables on clean pages. */
static void nested_stream(struct fixture *fx, uint64_t attrs, uint64_t cd_extra)
{
	for (uint32_t page = 0; page < BENCH_BYTES / 4096; page++) {
		smmu_bench_map(fx->b, fx->s2_root, BENCH_PA + 4096 * page, BENCH_PA + 4096 * page, S2_CLEAN, 3);
	}
	smmu_bench_map(fx->b, fx->root, IOVA, BENCH_PAGE(1), attrs, 3);
	smmu_bench_cd(fx->b, ASID, fx->root, cd_extra);
	smmu_bench_ste_s1(fx->b, SID, VMID, fx->s2_root, 0, S2_HA | S2_HD);
}

static uint64_t s2_leaf(struct fixture *fx, uint64_t ipa)
{
	return *smmu_bench_word(fx->b, smmu_bench_leaf(fx->b, fx->s2_root, ipa));
}

static void an_update_of_stage_1_dirties_the_page_of_its_table(void **state)
{
	struct fixture *fx = *state;
	uint64_t leaf, value;

	nested_stream(fx, S1_CLEAN, CD_HA | CD_HD);
	leaf = smmu_bench_leaf(fx->b, fx->root, IOVA);
	assert_int_equal(smmu_bench_read(fx->b, SID, IOVA, &value), SMMU_MODEL_DONE);
	assert_int_equal(s2_leaf(fx, leaf) & DESC_B7, 0); /* walks read */
	assert_int_equal(s2_leaf(fx, BENCH_PA + BENCH_CD) & DESC_B7, 0);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 5), SMMU_MODEL_DONE);
	assert_true((s2_leaf(fx, leaf) & DESC_B7) != 0);
	assert_true((s2_leaf(fx, BENCH_PAGE(1)) & DESC_B7) != 0);
	assert_int_equal(s2_leaf(fx, fx->root) & DESC_B7, 0);
	assert_int_equal(s2_leaf(fx, BENCH_PA + BENCH_CD) & DESC_B7, 0);
}

static void invalidation_by_ipa_leaves_combined_entries(void **state)
{
	struct fixture *fx = *state;
	uint64_t leaf;

	nested_stream(fx, S1_RW, 0);
	leaf = smmu_bench_leaf(fx->b, fx->s2_root, BENCH_PAGE(1));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 5), SMMU_MODEL_DONE);
	(void)smmu_model_cpu_rmw(&fx->b->m, leaf, DESC_B7, 0);
	smmu_bench_command(fx->b, 0x2a | (uint64_t)VMID << 32, BENCH_PAGE(1) | 1);
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 6), SMMU_MODEL_DONE);
	assert_int_equal(s2_leaf(fx, BENCH_PAGE(1)) & DESC_B7, 0); /* lost to the log */
	smmu_bench_command(fx->b, 0x10 | (uint64_t)VMID << 32, 0);
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 7), SMMU_MODEL_DONE);
	assert_true((s2_leaf(fx, BENCH_PAGE(1)) & DESC_B7) != 0);
}

static void a_stage_2_fault_of_a_stage_1_walk_says_so(void **state)
{
	struct fixture *fx = *state;
	uint64_t record[4];

	nested_stream(fx, S1_CLEAN, CD_HA | CD_HD);
	/* The table's page is read-only to the guest: reading it is fine, an update is not. */
	smmu_bench_map(fx->b, fx->s2_root, smmu_bench_leaf(fx->b, fx->root, IOVA) & ~UINT64_C(4095),
		smmu_bench_leaf(fx->b, fx->root, IOVA) & ~UINT64_C(4095), S2_RO, 3);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 5), SMMU_MODEL_ABORT);
	assert_true(smmu_bench_event(fx->b, record));
	assert_int_equal(record[0] & 0xff, F_PERM);
	assert_true((record[1] & BIT64(39)) != 0);
	assert_int_equal(record[1] >> 40 & 3, 1); /* a table walk */
	assert_int_equal(record[2], IOVA);
	assert_int_equal(record[3] & MASK64(51, 12), smmu_bench_leaf(fx->b, fx->root, IOVA) & ~UINT64_C(4095));
}

static void updates_are_seen_by_plain_loads_after_a_sync(void **state)
{
	struct fixture *fx = *state;

	stage2_stream(fx, S2_CLEAN, S2_HA | S2_HD);
	fx->b->m.hold_updates = true;
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 5), SMMU_MODEL_DONE);
	assert_int_equal(leaf_now(fx) & DESC_B7, 0);
	assert_true(smmu_bench_sync(fx->b));
	assert_true((leaf_now(fx) & DESC_B7) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(stage2_rules_hold_row_by_row),
		T(stage1_rules_hold_with_the_other_polarity),
		T(more_than_the_id_register_offers_is_a_bad_entry),
		T(a_cached_dirty_entry_sets_no_second_bit_until_it_is_invalidated),
		T(invalidation_of_stage_1_leaves_stage_2_entries),
		T(a_clean_entry_cached_by_a_read_goes_back_for_a_write),
		T(a_stale_read_only_entry_ends_a_write_that_the_table_allows),
		T(speculation_sets_the_access_flag_and_nothing_else),
		T(an_update_never_revives_a_leaf_that_was_unmapped_meanwhile),
		T(a_block_is_dirty_as_a_whole),
		T(a_contiguous_group_shows_its_writes_on_one_member_only),
		T(an_update_of_stage_1_dirties_the_page_of_its_table),
		T(invalidation_by_ipa_leaves_combined_entries),
		T(a_stage_2_fault_of_a_stage_1_walk_says_so),
		T(updates_are_seen_by_plain_loads_after_a_sync),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
