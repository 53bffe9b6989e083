/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Stage 1, substreams, nesting and two-level stream tables in the SMMUv3 model (IHI 0070 3.3, 5.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "tests/fake/smmuv3_model_bench.h"

#define SID	3u
#define VMID	7u
#define ASID	9u
#define IOVA	UINT64_C(0x40003000)
#define CD_PA	(BENCH_PA + BENCH_CD)
#define NO_SSID SMMU_MODEL_NO_SSID

struct fixture {
	struct smmu_bench *b;
	uint64_t root, s2_root;
};

static int setup(void **state)
{
	static struct fixture fx;

	fx.b = smmu_bench_new(17);
	fx.b->m.id.idr0 = (fx.b->m.id.idr0 & ~(MASK32(25, 24) | BIT32(26))) | 2u << 6 | BIT32(10);
	fx.b->m.id.idr1 |= 4u << 6;
	fx.b->m.id.idr5 |= 8u << 16;
	smmu_bench_up(fx.b);
	fx.root = smmu_bench_table(fx.b);
	fx.s2_root = smmu_bench_table(fx.b);
	smmu_bench_map(fx.b, fx.root, IOVA, BENCH_PAGE(1), S1_RW, 3);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	smmu_bench_free(fx->b);
	return 0;
}

static void stage1_stream(struct fixture *fx, uint64_t flip)
{
	smmu_bench_cd(fx->b, ASID, fx->root, flip);
	smmu_bench_ste_s1(fx->b, SID, VMID, 0, 0, 0);
}

static void illegal_contexts_are_bad_contexts(void **state)
{
	/* Bits turned over in word 0 of a good CD, and what IDR0 changes to. */
	static const struct {
		uint64_t flip;
		uint32_t idr0_clear, idr0_set;
	} bad[] = {
		{ BIT64(31), 0, 0 },	     /* V */
		{ BIT64(41), 0, 0 },	     /* AA64 */
		{ 25 ^ 40, 0, 0 },	     /* T0SZ */
		{ UINT64_C(3) << 6, 0, 0 },  /* TG0 */
		{ BIT64(44), 0, 1u << 24 },  /* stall, terminate only */
		{ 0, 0, 2u << 24 },	     /* no stall, forced */
		{ BIT64(46), 0, BIT32(26) }, /* RAZ/WI, abort only */
		{ BIT64(43), 3u << 6, 0 },   /* HA beyond HTTU */
		{ BIT64(30), 0, 0 },	     /* second half on, without a granule */
		{ BIT64(15), 0, 0 },	     /* big endian, little only */
	};
	struct fixture *fx = *state;
	const uint32_t idr0 = fx->b->m.id.idr0;

	stage1_stream(fx, 0);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
	for (uint32_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fx->b->m.id.idr0 = (idr0 & ~bad[i].idr0_clear) | bad[i].idr0_set;
		stage1_stream(fx, bad[i].flip);
		if (smmu_bench_write(fx->b, SID, IOVA, 1) != SMMU_MODEL_ABORT || fx->b->m.fault.type != 0x0a) {
			fail_msg("row %u: fault 0x%x", i, fx->b->m.fault.type);
		}
	}
}

static void a_stage_1_fault_aborts_or_vanishes_and_is_told_or_not(void **state)
{
	struct fixture *fx = *state;
	uint64_t record[4], value = 7;

	for (uint32_t n = 0; n < 4; n++) {
		/* R and A are set in a good CD. */
		stage1_stream(fx, (n & 1 ? BIT64(45) : 0) | (n & 2 ? BIT64(46) : 0));
		assert_int_equal(
			smmu_bench_write(fx->b, SID, IOVA + 4096, 1), n & 2 ? SMMU_MODEL_RAZ_WI : SMMU_MODEL_ABORT);
		assert_int_equal(smmu_bench_event(fx->b, record), (n & 1) == 0);
	}
	assert_int_equal(smmu_bench_read(fx->b, SID, IOVA + 4096, &value), SMMU_MODEL_RAZ_WI);
	assert_int_equal(value, 0);
}

static void a_changed_context_is_not_seen_before_cfgi_cd(void **state)
{
	struct fixture *fx = *state;
	uint64_t other = smmu_bench_table(fx->b);

	smmu_bench_map(fx->b, other, IOVA, BENCH_PAGE(2), S1_RW, 3);
	stage1_stream(fx, 0);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
	smmu_bench_store(fx->b, CD_PA + 8, other);
	smmu_bench_command(fx->b, 0x30, 0);
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 2), SMMU_MODEL_DONE);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 2);
	smmu_bench_command(fx->b, 0x05 | (uint64_t)SID << 32, 1);
	smmu_bench_command(fx->b, 0x30, 0);
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 3), SMMU_MODEL_DONE);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(2)), 3);
}

/* Four CDs, of which 0 and 1 are filled; dss says what comes without a SubstreamID. */
static void substreams(struct fixture *fx, uint64_t dss)
{
	const uint64_t ste[4] = { 0xb | CD_PA | UINT64_C(2) << 59, BIT64(44) | 0xd4 | dss, VMID, 0 };
	uint64_t other = smmu_bench_table(fx->b);

	smmu_bench_map(fx->b, other, IOVA, BENCH_PAGE(2), S1_RW, 3);
	smmu_bench_cd(fx->b, ASID, fx->root, 0);
	smmu_bench_store(fx->b, CD_PA + 64 + 8, other);
	smmu_bench_store(fx->b, CD_PA + 64, *smmu_bench_word(fx->b, CD_PA) + BIT64(48));
	smmu_bench_ste(fx->b, SID, ste);
}

static uint8_t ssid_write(struct fixture *fx, uint32_t ssid, uint64_t value)
{
	(void)smmu_model_access(&fx->b->m, SID, ssid, IOVA, 8, true, &value);
	return fx->b->m.fault.type;
}

static void substreams_have_contexts_of_their_own(void **state)
{
	struct fixture *fx = *state;

	substreams(fx, 0);
	assert_int_equal(ssid_write(fx, 0, 10), 0);
	assert_int_equal(ssid_write(fx, 1, 11), 0);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 10);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(2)), 11);
	assert_int_equal(ssid_write(fx, 2, 12), 0x0a);
	assert_int_equal(ssid_write(fx, 4, 12), 0x08);
	assert_int_equal(ssid_write(fx, NO_SSID, 12), 0x06);
	substreams(fx, 2);
	assert_int_equal(ssid_write(fx, NO_SSID, 13), 0);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 13);
	assert_int_equal(ssid_write(fx, 0, 14), 0x06);
	stage1_stream(fx, 0);
	assert_int_equal(ssid_write(fx, 1, 14), 0x08);
}

static void nested(struct fixture *fx, uint64_t eats)
{
	for (uint32_t page = 0; page < BENCH_BYTES / 4096; page++) {
		smmu_bench_map(fx->b, fx->s2_root, BENCH_PA + 4096 * page, BENCH_PA + 4096 * page, S2_CLEAN, 3);
	}
	smmu_bench_cd(fx->b, ASID, fx->root, 0);
	smmu_bench_ste_s1(fx->b, SID, VMID, fx->s2_root, eats << 28, BIT64(55) | BIT64(56));
}

static void a_context_outside_stage_2_is_a_stage_2_fault_of_class_cd(void **state)
{
	struct fixture *fx = *state;
	uint64_t record[4];

	nested(fx, 0);
	smmu_bench_store(fx->b, smmu_bench_leaf(fx->b, fx->s2_root, CD_PA), 0);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_ABORT);
	assert_true(smmu_bench_event(fx->b, record));
	assert_int_equal(record[0] & 0xff, 0x10);
	assert_true((record[1] & BIT64(39)) != 0);
	assert_int_equal(record[1] >> 40 & 3, 0);
	assert_int_equal(record[3] & MASK64(51, 12), CD_PA);
}

/* A write that a combined entry refuses is a fault of the stage that refuses it, as after a walk. */
static void a_refusal_by_the_tlb_names_the_stage(void **state)
{
	struct fixture *fx = *state;
	uint64_t record[4], value;

	for (uint32_t stage = 1; stage <= 2; stage++) {
		nested(fx, 0);
		smmu_bench_map(fx->b, fx->root, IOVA, BENCH_PAGE(1), stage == 1 ? S1_RO : S1_RW, 3);
		smmu_bench_store(fx->b, smmu_bench_leaf(fx->b, fx->s2_root, BENCH_PAGE(1)),
			BENCH_PAGE(1) | (stage == 2 ? S2_RO : S2_RW) | 3);
		smmu_bench_command(fx->b, 0x30, 0);
		assert_true(smmu_bench_sync(fx->b));
		assert_int_equal(smmu_bench_read(fx->b, SID, IOVA + 8, &value), SMMU_MODEL_DONE);
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA + 8, 1), SMMU_MODEL_ABORT);
		assert_true(smmu_bench_event(fx->b, record));
		assert_int_equal(record[0] & 0xff, 0x13);
		assert_int_equal(record[1] >> 39 & 1, stage == 2);
		assert_int_equal(record[3] & MASK64(51, 12), stage == 2 ? BENCH_PAGE(1) : 0);
	}
}

static void split_ats_keeps_stage_2_in_the_path(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;
	uint64_t leaf, value = 1;

	nested(fx, 2);
	leaf = smmu_bench_leaf(fx->b, fx->s2_root, BENCH_PAGE(1));
	assert_int_equal(smmu_model_ats_access(m, SID, NO_SSID, IOVA, 8, true, &value), SMMU_MODEL_DONE);
	assert_true((smmu_model_cpu_rmw(m, leaf, DESC_B7, 0) & DESC_B7) != 0);
	smmu_bench_command(fx->b, 0x28 | (uint64_t)VMID << 32, 0);
	assert_true(smmu_bench_sync(fx->b));
	/* The device's entry is an IPA: the next write is told without ATC_INV. */
	value = 2;
	assert_int_equal(smmu_model_ats_access(m, SID, NO_SSID, IOVA, 8, true, &value), SMMU_MODEL_DONE);
	assert_true((*smmu_bench_word(fx->b, leaf) & DESC_B7) != 0);
	smmu_bench_store(fx->b, leaf, 0);
	smmu_bench_command(fx->b, 0x28 | (uint64_t)VMID << 32, 0);
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(smmu_model_ats_access(m, SID, NO_SSID, IOVA, 8, true, &value), SMMU_MODEL_ABORT);
}

static void a_two_level_table_serves_what_its_spans_cover(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;
	uint64_t leaf = BENCH_PA + BENCH_LEAVES;
	static const struct {
		uint64_t span;
		uint32_t sid;
		uint8_t fault;
	} row[] = {
		{ 0, 0x40, 0x02 },
		{ 1, 0x40, 0 },
		{ 1, 0x41, 0x02 },
		{ 7, 0x40, 0 },
		{ 7, 0x7f, 0x04 },
		{ 8, 0x40, 0x02 },
		{ 7, 0x80, 0x02 },
		{ 7, 0x100, 0x02 },
	};

	smmu_bench_cr0(fx->b, 8);
	smmu_model_write32(m, 0x88, 8 | 6u << 6 | 1u << 16);
	smmu_bench_cr0(fx->b, 0xd);
	smmu_bench_store(fx->b, leaf, 0x9);
	for (uint32_t i = 0; i < ARRAY_SIZE(row); i++) {
		smmu_bench_store(fx->b, BENCH_PA + BENCH_STRTAB + 8, leaf | row[i].span);
		smmu_bench_command(fx->b, 0x04, 31);
		assert_true(smmu_bench_sync(fx->b));
		(void)smmu_bench_write(fx->b, row[i].sid, BENCH_PAGE(1), 1);
		if (m->fault.type != row[i].fault) {
			fail_msg("row %u: fault 0x%x", i, m->fault.type);
		}
	}
	assert_int_equal(m->violations, 0);
}

static void tables_that_cannot_be_read_are_told_by_address(void **state)
{
	struct fixture *fx = *state;
	uint64_t record[4];
	uint64_t at[3];
	static const uint8_t type[3] = { 0x03, 0x09, 0x0b };

	stage1_stream(fx, 0);
	at[0] = BENCH_PA + BENCH_STRTAB + 64 * SID;
	at[1] = CD_PA;
	at[2] = smmu_bench_leaf(fx->b, fx->root, IOVA);
	for (uint32_t i = 0; i < 3; i++) {
		smmu_bench_command(fx->b, 0x04, 31);
		smmu_bench_command(fx->b, 0x30, 0);
		assert_true(smmu_bench_sync(fx->b));
		fx->b->m.poison_lo = at[i];
		fx->b->m.poison_hi = at[i] + 8;
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_ABORT);
		assert_true(smmu_bench_event(fx->b, record));
		assert_int_equal(record[0] & 0xff, type[i]);
		assert_int_equal(record[3] & MASK64(51, 3), at[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(illegal_contexts_are_bad_contexts),
		T(a_stage_1_fault_aborts_or_vanishes_and_is_told_or_not),
		T(a_changed_context_is_not_seen_before_cfgi_cd),
		T(substreams_have_contexts_of_their_own),
		T(a_context_outside_stage_2_is_a_stage_2_fault_of_class_cd),
		T(a_refusal_by_the_tlb_names_the_stage),
		T(split_ats_keeps_stage_2_in_the_path),
		T(a_two_level_table_serves_what_its_spans_cover),
		T(tables_that_cannot_be_read_are_told_by_address),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
