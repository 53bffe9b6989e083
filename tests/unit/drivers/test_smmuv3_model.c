/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The SMMUv3 model by registers and tables alone: entries, queues, stalls, ATS (IHI 0070). */
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
#define IDR0_ATS BIT32(10)
#define CERR(m)	 ((m)->cmdq_cons >> 24 & 0x7f)

struct fixture {
	struct smmu_bench *b;
	uint64_t root, s2_root;
};

/* Everything that can be had, stalls and ATS too. */
static int setup(void **state)
{
	static struct fixture fx;

	fx.b = smmu_bench_new(3);
	fx.b->m.id.idr0 = (fx.b->m.id.idr0 & ~(MASK32(25, 24) | BIT32(26))) | 2u << 6 | BIT32(9) | IDR0_ATS;
	fx.b->m.id.idr5 |= 8u << 16;
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

static void stream(struct fixture *fx, uint64_t attrs, uint64_t extra)
{
	smmu_bench_map(fx->b, fx->root, IOVA, BENCH_PAGE(1), attrs, 3);
	smmu_bench_ste_s2(fx->b, SID, VMID, fx->root, extra);
}

static void traffic_passes_until_gbpa_or_an_entry_says_otherwise(void **state)
{
	static const uint64_t bypass[4] = { 0x9, BIT64(44), 0, 0 };
	static const uint64_t quiet[4] = { 0x1, 0, 0, 0 };
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;
	uint64_t record[4];

	assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(1), 1), SMMU_MODEL_ABORT);
	assert_true(smmu_bench_event(fx->b, record));
	assert_int_equal(record[0], 0x04 | (uint64_t)SID << 32);
	smmu_bench_ste(fx->b, SID, bypass);
	assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(1), 2), SMMU_MODEL_DONE);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 2);
	smmu_bench_ste(fx->b, SID, quiet);
	assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(1), 3), SMMU_MODEL_ABORT);
	assert_false(smmu_bench_event(fx->b, record));
	smmu_bench_cr0(fx->b, 0);
	assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(1), 4), SMMU_MODEL_DONE);
	smmu_model_write32(m, 0x44, BIT32(31) | BIT32(20));
	while ((smmu_model_read32(m, 0x44) & BIT32(31)) != 0) {
	}
	assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(1), 5), SMMU_MODEL_ABORT);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 4);
}

static void illegal_entries_are_bad_entries(void **state)
{
	static const struct {
		uint64_t d1_set, d2_clear, d2_set, d3_set;
		uint32_t idr0_clear, idr0_set;
	} bad[] = {
		{ .d2_clear = BIT64(51) },					       /* AArch32 */
		{ .d2_set = UINT64_C(3) << 38 },				       /* SL0 */
		{ .d2_set = UINT64_C(3) << 46 },				       /* granule */
		{ .d2_clear = UINT64_C(63) << 32, .d2_set = UINT64_C(40) << 32 },      /* T0SZ */
		{ .d2_clear = UINT64_C(63) << 32, .d2_set = UINT64_C(20) << 32 },      /* T0SZ for SL0 */
		{ .d3_set = BIT64(46) },					       /* root beyond S2PS */
		{ .d2_set = BIT64(52), .idr0_clear = 3u << 21, .idr0_set = 2u << 21 }, /* big endian */
		{ .d2_set = BIT64(57), .idr0_set = 1u << 24 },			       /* stall, terminate only */
		{ .idr0_set = 2u << 24 },					       /* no stall, forced */
		{ .d2_set = BIT64(56), .idr0_clear = 3u << 6 },			       /* HA beyond HTTU */
		{ .d2_set = BIT64(56) | BIT64(55), .idr0_clear = 2u << 6, .idr0_set = 1u << 6 },
		{ .d1_set = UINT64_C(2) << 28 },	      /* split ATS without nesting */
		{ .d1_set = BIT64(25) },		      /* FWB */
		{ .idr0_clear = BIT32(0) },		      /* no stage 2 */
		{ .d2_set = 0x100, .idr0_clear = BIT32(18) }, /* 16-bit VMID */
	};
	struct fixture *fx = *state;
	const uint32_t idr0 = fx->b->m.id.idr0;

	for (uint32_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t ste[4] = { 0xd, BIT64(44) | bad[i].d1_set, 0, 0 };

		fx->b->m.id.idr0 = idr0;
		stream(fx, S2_RW, 0);
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
		ste[2] = (*smmu_bench_word(fx->b, BENCH_PA + 64 * SID + 16) & ~bad[i].d2_clear) | bad[i].d2_set;
		ste[3] = fx->root | bad[i].d3_set;
		fx->b->m.id.idr0 = (idr0 & ~bad[i].idr0_clear) | bad[i].idr0_set;
		smmu_bench_ste(fx->b, SID, ste);
		if (smmu_bench_write(fx->b, SID, IOVA, 1) != SMMU_MODEL_ABORT || fx->b->m.fault.type != 0x04) {
			fail_msg("row %u: fault 0x%x", i, fx->b->m.fault.type);
		}
	}
}

/* IHI 0070 3.4: such an input is a stage 1 fault, though there is no stage 1 and nothing that could keep it quiet. */
static void an_input_beyond_the_address_size_is_a_stage_1_fault(void **state)
{
	static const uint64_t bypass[4] = { 0x9, BIT64(44), 0, 0 };
	struct fixture *fx = *state;
	uint64_t record[4];

	for (uint32_t i = 0; i < 2; i++) {
		if (i == 0) {
			smmu_bench_ste(fx->b, SID, bypass);
		} else {
			stream(fx, S2_RW, 0);
		}
		assert_int_equal(smmu_bench_write(fx->b, SID, BIT64(44) + IOVA, 1), SMMU_MODEL_ABORT);
		assert_true(smmu_bench_event(fx->b, record));
		assert_int_equal(record[0] & 0xff, 0x11);
		assert_true((record[1] & BIT64(39)) == 0);
		assert_int_equal(record[1] >> 40 & 3, 2);
		assert_int_equal(record[2], BIT64(44) + IOVA);
		assert_int_equal(record[3], 0);
	}
}

static void ats_fields_of_an_entry_are_ignored_without_ats(void **state)
{
	struct fixture *fx = *state;

	for (uint64_t eats = 0; eats < 4; eats++) {
		uint64_t ste[4] = { 0xd, BIT64(44) | eats << 28, 0, fx->root };

		fx->b->m.id.idr0 &= ~IDR0_ATS;
		stream(fx, S2_RW, 0);
		ste[2] = *smmu_bench_word(fx->b, BENCH_PA + 64 * SID + 16);
		smmu_bench_ste(fx->b, SID, ste);
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
	}
}

/* A block is one entry to an invalidation, in whatever parts it is kept (Arm ARM D8.16). */
static void a_block_kept_in_parts_goes_as_a_whole(void **state)
{
	struct fixture *fx = *state;
	uint64_t block = UINT64_C(0x80000000);

	fx->b->m.tlb_pages = true;
	smmu_bench_map(fx->b, fx->root, IOVA & ~MASK64(20, 0), block, S2_RW, 2);
	smmu_bench_ste_s2(fx->b, SID, VMID, fx->root, 0);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(i) - block + (IOVA & ~MASK64(20, 0)), 1),
			SMMU_MODEL_DONE);
	}
	smmu_bench_store(fx->b, smmu_bench_leaf(fx->b, fx->root, IOVA), 0);
	assert_int_equal(
		smmu_bench_write(fx->b, SID, BENCH_PAGE(1) - block + (IOVA & ~MASK64(20, 0)), 2), SMMU_MODEL_DONE);
	assert_int_equal(
		smmu_bench_write(fx->b, SID, BENCH_PAGE(2) - block + (IOVA & ~MASK64(20, 0)), 2), SMMU_MODEL_ABORT);
	smmu_bench_command(fx->b, 0x2a | (uint64_t)VMID << 32, IOVA & ~MASK64(20, 0));
	assert_true(smmu_bench_sync(fx->b));
	assert_int_equal(
		smmu_bench_write(fx->b, SID, BENCH_PAGE(1) - block + (IOVA & ~MASK64(20, 0)), 3), SMMU_MODEL_ABORT);
}

static void commands_run_in_order_and_only_when_let(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;

	stream(fx, S2_RW, 0);
	m->pace = SMMU_MODEL_HELD;
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
	smmu_bench_store(fx->b, smmu_bench_leaf(fx->b, fx->root, IOVA), 0);
	smmu_bench_command(fx->b, 0x28 | (uint64_t)VMID << 32, 0);
	smmu_bench_command(fx->b, 0x46, 0);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 2), SMMU_MODEL_DONE);
	assert_int_equal(smmu_model_consume(m, 1), 1);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 3), SMMU_MODEL_DONE);
	assert_int_equal(smmu_model_consume(m, 1), 1);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 4), SMMU_MODEL_ABORT);
	assert_int_equal(smmu_model_consume(m, 1), 0);
}

static void a_command_that_is_not_published_is_not_what_runs(void **state)
{
	struct fixture *fx = *state;

	*smmu_bench_word(fx->b, BENCH_PA + BENCH_CMDQ + 16 * fx->b->cmdq_prod) = 0x46;
	fx->b->m.pace = SMMU_MODEL_HELD;
	smmu_model_write32(&fx->b->m, 0x98, fx->b->cmdq_prod + 1);
	assert_int_equal(smmu_model_consume(&fx->b->m, 1), 0);
	assert_int_equal(CERR(&fx->b->m), 1);
}

static void commands_that_do_not_exist_stop_the_queue_until_acknowledged(void **state)
{
	static const struct {
		uint64_t d0, d1;
		uint32_t idr0_clear, idr0_set;
	} bad[] = {
		{ 0x00, 0, 0, 0 }, { 0x07, 0, 0, 0 }, { 0xff, 0, 0, 0 }, { 0x46 | 3u << 12, 0, 0, 0 }, /* SYNC: CS */
		{ 0x30 | 1u << 10, 0, 0, 0 },							       /* Secure */
		{ 0x20, 0, BIT32(9), 0 },							       /* EL2 */
		{ 0x28, 0, BIT32(0), 0 },							       /* stage 2 */
		{ 0x10, 0, BIT32(1), 0 },							       /* stage 1 */
		{ 0x40, 0, IDR0_ATS, 0 },							       /* ATC_INV */
		{ 0x41, 0, BIT32(16), 0 },							       /* PRI_RESP */
		{ 0x44, 0, 0, 1u << 24 },							       /* RESUME */
		{ 0x2a, 1u << 10, 0, 0 }, /* range of nothing */
	};
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;
	const uint32_t idr0 = m->id.idr0;

	m->pace = SMMU_MODEL_HELD;
	for (uint32_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t at = m->cmdq_cons;

		m->id.idr0 = (idr0 & ~bad[i].idr0_clear) | bad[i].idr0_set;
		smmu_bench_command(fx->b, bad[i].d0, bad[i].d1);
		assert_false(smmu_bench_sync(fx->b));
		assert_int_equal(CERR(m), 1);
		assert_int_equal(m->cmdq_cons & MASK32(19, 0), at);
		assert_int_equal(m->gerror ^ m->gerrorn, 1);
		/* A SYNC in its place, and on it goes. */
		smmu_bench_store(fx->b, BENCH_PA + BENCH_CMDQ + 16 * (at & 31), 0x46);
		smmu_model_write32(m, 0x64, m->gerror);
		(void)smmu_model_consume(m, UINT32_MAX);
		assert_int_equal(m->cmdq_cons, fx->b->cmdq_prod);
	}
	assert_int_equal(m->violations, 0);
}

static void a_queue_outside_memory_is_an_abort(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;

	stream(fx, S2_RW, 0);
	m->poison_lo = BENCH_PA + BENCH_CMDQ;
	m->poison_hi = m->poison_lo + 0x2000;
	assert_false(smmu_bench_sync(fx->b));
	assert_int_equal(CERR(m), 2);
	(void)smmu_bench_write(fx->b, SID, IOVA + 4096, 1);
	assert_int_equal(m->gerror ^ m->gerrorn, 1 | 4);
}

static void a_full_event_queue_drops_and_says_so_once(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;
	uint64_t record[4];

	stream(fx, S2_RW, 0);
	for (uint32_t i = 0; i < 7; i++) {
		(void)smmu_bench_write(fx->b, SID, IOVA + 4096 * (i + 1), 1);
	}
	assert_int_equal(m->eventq_prod >> 31, 1);
	assert_int_equal(m->counts.lost_events, 3);
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(smmu_bench_event(fx->b, record));
		assert_int_equal(record[2], IOVA + 4096 * (i + 1));
	}
	assert_false(smmu_bench_event(fx->b, record));
	smmu_model_write32(m, 0x100ac, m->eventq_prod);
	(void)smmu_bench_write(fx->b, SID, IOVA + 4096, 1);
	assert_true(smmu_bench_event(fx->b, record));
	assert_int_equal(m->eventq_prod >> 31, m->eventq_cons >> 31);
}

static void a_write_against_the_rules_is_noticed_and_void(void **state)
{
	static const uint32_t narrow[] = { 0x28, 0x2c, 0x88, 0x9c, 0x100a8, 0x44 };
	static const uint32_t wide[] = { 0x80, 0x90, 0xa0 };
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;

	for (uint32_t i = 0; i < ARRAY_SIZE(narrow); i++) {
		uint32_t before = smmu_model_read32(m, narrow[i]);

		smmu_model_write32(m, narrow[i], before ^ 0x40);
		assert_int_equal(m->violations, i + 1);
		assert_int_equal(smmu_model_read32(m, narrow[i]), before);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(wide); i++) {
		smmu_model_write64(m, wide[i], 0);
		assert_int_equal(m->violations, ARRAY_SIZE(narrow) + i + 1);
		assert_int_not_equal(smmu_model_read32(m, wide[i]), 0);
	}
}

static void a_stalled_write_waits_and_a_retry_sees_the_new_table(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;
	uint64_t record[4];

	stream(fx, S2_RO, BIT64(57));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 0x55), SMMU_MODEL_STALL);
	assert_true(smmu_bench_event(fx->b, record));
	assert_true((record[1] & BIT64(31)) != 0);
	assert_int_equal(record[1] & 0xffff, m->stag);
	assert_int_equal(smmu_model_stall_result(m, m->stag, NULL), SMMU_MODEL_STALL);
	smmu_bench_command(fx->b, 0x44 | (uint64_t)(SID + 1) << 32, m->stag); /* another's tag */
	(void)smmu_bench_sync(fx->b);
	assert_int_equal(smmu_model_stall_result(m, m->stag, NULL), SMMU_MODEL_STALL);
	smmu_bench_map(fx->b, fx->root, IOVA, BENCH_PAGE(1), S2_RW, 3);
	smmu_bench_command(fx->b, 0x28 | (uint64_t)VMID << 32, 0);
	(void)smmu_bench_sync(fx->b);
	smmu_bench_command(fx->b, 0x44 | 1u << 12 | (uint64_t)SID << 32, m->stag);
	(void)smmu_bench_sync(fx->b);
	assert_int_equal(smmu_model_stall_result(m, m->stag, NULL), SMMU_MODEL_DONE);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 0x55);
}

static void a_stalled_transaction_can_be_ended_either_way(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;

	stream(fx, S2_RO, BIT64(57));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_STALL);
	smmu_bench_command(fx->b, 0x44 | (uint64_t)SID << 32, m->stag);
	(void)smmu_bench_sync(fx->b);
	assert_int_equal(smmu_model_stall_result(m, m->stag, NULL), SMMU_MODEL_RAZ_WI);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_STALL);
	smmu_bench_command(fx->b, 0x45 | (uint64_t)SID << 32, 0);
	(void)smmu_bench_sync(fx->b);
	assert_int_equal(smmu_model_stall_result(m, m->stag, NULL), SMMU_MODEL_ABORT);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 0);
}

static void the_record_of_a_stall_waits_for_room(void **state)
{
	struct fixture *fx = *state;
	uint64_t record[4];
	uint32_t stalled = 0;

	stream(fx, S2_RO, BIT64(57));
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, i), SMMU_MODEL_STALL);
	}
	for (; smmu_bench_event(fx->b, record); stalled++) {
	}
	assert_int_equal(stalled, 6);
	assert_int_equal(fx->b->m.eventq_prod >> 31, 0);
}

/* ATS through stage 2 with dirty state; EATS = 1 in word 1. */
static void ats_stream(struct fixture *fx, uint64_t attrs, uint64_t eats)
{
	uint64_t ste[4] = { 0xd, BIT64(44) | eats << 28, 0, fx->root };

	stream(fx, attrs, BIT64(55) | BIT64(56));
	ste[2] = *smmu_bench_word(fx->b, BENCH_PA + 64 * SID + 16);
	smmu_bench_ste(fx->b, SID, ste);
}

static void a_device_cache_outlives_the_tlb_until_atc_inv(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model *m = &fx->b->m;
	uint64_t leaf, value = 1;

	ats_stream(fx, S2_CLEAN, 1);
	leaf = smmu_bench_leaf(fx->b, fx->root, IOVA);
	assert_int_equal(smmu_model_ats_access(m, SID, SMMU_MODEL_NO_SSID, IOVA, 8, true, &value), SMMU_MODEL_DONE);
	assert_true((smmu_model_cpu_rmw(m, leaf, DESC_B7, 0) & DESC_B7) != 0);
	smmu_bench_command(fx->b, 0x28 | (uint64_t)VMID << 32, 0);
	(void)smmu_bench_sync(fx->b);
	value = 2;
	assert_int_equal(smmu_model_ats_access(m, SID, SMMU_MODEL_NO_SSID, IOVA, 8, true, &value), SMMU_MODEL_DONE);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 2);
	assert_int_equal(*smmu_bench_word(fx->b, leaf) & DESC_B7, 0); /* nobody was asked */
	smmu_bench_command(fx->b, 0x40 | (uint64_t)SID << 32, 52);
	(void)smmu_bench_sync(fx->b);
	assert_int_equal(smmu_model_ats_access(m, SID, SMMU_MODEL_NO_SSID, IOVA, 8, true, &value), SMMU_MODEL_DONE);
	assert_true((*smmu_bench_word(fx->b, leaf) & DESC_B7) != 0);
}

static void a_request_without_write_leaves_the_page_clean(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model_atc answer;

	ats_stream(fx, S2_CLEAN, 1);
	assert_int_equal(
		smmu_model_ats_request(&fx->b->m, SID, SMMU_MODEL_NO_SSID, IOVA, true, &answer), SMMU_MODEL_DONE);
	assert_true(answer.r && !answer.w);
	assert_int_equal(*smmu_bench_word(fx->b, smmu_bench_leaf(fx->b, fx->root, IOVA)) & DESC_B7, 0);
	assert_int_equal(smmu_model_ats_request(&fx->b->m, SID, SMMU_MODEL_NO_SSID, IOVA + 4096, false, &answer),
		SMMU_MODEL_DONE);
	assert_false(answer.valid || answer.r || answer.w);
	/* Nor is more granted than was asked for. */
	smmu_bench_map(fx->b, fx->root, IOVA + 8192, BENCH_PAGE(2), S2_RW, 3);
	assert_int_equal(smmu_model_ats_request(&fx->b->m, SID, SMMU_MODEL_NO_SSID, IOVA + 8192, true, &answer),
		SMMU_MODEL_DONE);
	assert_true(answer.r && !answer.w);
}

static void ats_that_is_off_is_refused_and_told(void **state)
{
	struct fixture *fx = *state;
	struct smmu_model_atc answer;
	uint64_t record[4], value = 1;

	stream(fx, S2_RW, 0);
	assert_int_equal(
		smmu_model_ats_request(&fx->b->m, SID, SMMU_MODEL_NO_SSID, IOVA, false, &answer), SMMU_MODEL_ABORT);
	assert_true(smmu_bench_event(fx->b, record));
	assert_int_equal(record[0] & 0xff, 0x05);
	assert_int_equal(smmu_model_translated(&fx->b->m, SID, BENCH_PAGE(1), 8, true, &value), SMMU_MODEL_ABORT);
	assert_true(smmu_bench_event(fx->b, record));
	assert_int_equal(record[0] & 0xff, 0x07);
	assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(1)), 0);
}

static void an_endpoint_that_does_not_answer_fails_the_sync(void **state)
{
	struct fixture *fx = *state;

	ats_stream(fx, S2_RW, 1);
	fx->b->m.atc_deaf = true;
	smmu_bench_command(fx->b, 0x40 | (uint64_t)SID << 32, 52);
	assert_false(smmu_bench_sync(fx->b));
	assert_int_equal(CERR(&fx->b->m), 3);
}

static void two_sizes_at_once_are_a_conflict_below_bbml_2(void **state)
{
	struct fixture *fx = *state;

	for (uint32_t bbml = 0; bbml < 3; bbml++) {
		uint64_t table = smmu_bench_table(fx->b);

		fx->b->m.id.idr3 = bbml << 11 | BIT32(10);
		smmu_bench_map(fx->b, table, BENCH_PAGE(1), BENCH_PAGE(1), S2_RW, 3);
		smmu_bench_ste_s2(fx->b, SID, (uint16_t)(20 + bbml), table, 0);
		assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(1), 1), SMMU_MODEL_DONE);
		smmu_bench_map(fx->b, table, 0x80000000, 0x80000000, S2_RW, 2);
		assert_int_equal(smmu_bench_write(fx->b, SID, BENCH_PAGE(2), 1), SMMU_MODEL_DONE);
		(void)smmu_bench_write(fx->b, SID, BENCH_PAGE(1), 2);
		assert_int_equal(fx->b->m.fault.type, bbml < 2 ? 0x20 : 0);
	}
}

static void stage_1_entries_go_by_asid_and_by_address(void **state)
{
	/* Does the command reach an entry of VMID, ASID, IOVA that is not global? */
	static const struct {
		uint64_t d0, d1;
		bool reaches;
	} row[] = {
		{ 0x11 | (uint64_t)VMID << 32 | (uint64_t)ASID << 48, 0, true },
		{ 0x11 | (uint64_t)VMID << 32 | (uint64_t)(ASID + 1) << 48, 0, false },
		{ 0x12 | (uint64_t)VMID << 32 | (uint64_t)ASID << 48, IOVA, true },
		{ 0x12 | (uint64_t)VMID << 32 | (uint64_t)ASID << 48, IOVA + 4096, false },
		{ 0x13 | (uint64_t)VMID << 32, IOVA, true },
		{ 0x13 | (uint64_t)(VMID + 1) << 32, IOVA, false },
		{ 0x12 | (uint64_t)VMID << 32 | (uint64_t)ASID << 48 | 3u << 12, 1u << 10 | (IOVA - 3 * 4096), true },
		{ 0x12 | (uint64_t)VMID << 32 | (uint64_t)ASID << 48 | 2u << 12, 1u << 10 | (IOVA - 3 * 4096), false },
		{ 0x2a | (uint64_t)VMID << 32, IOVA, false },
		{ 0x20, 0, false },
		{ 0x10 | (uint64_t)VMID << 32, 0, true },
		{ 0x28 | (uint64_t)VMID << 32, 0, true },
		{ 0x30, 0, true },
	};
	struct fixture *fx = *state;

	smmu_bench_cd(fx->b, ASID, fx->root, 0);
	smmu_bench_ste_s1(fx->b, SID, VMID, 0, 0, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(row); i++) {
		smmu_bench_map(fx->b, fx->root, IOVA, BENCH_PAGE(1), S1_RW, 3);
		smmu_bench_command(fx->b, 0x30, 0);
		(void)smmu_bench_sync(fx->b);
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
		smmu_bench_store(fx->b, smmu_bench_leaf(fx->b, fx->root, IOVA), 0);
		smmu_bench_command(fx->b, row[i].d0, row[i].d1);
		assert_true(smmu_bench_sync(fx->b));
		if ((smmu_bench_write(fx->b, SID, IOVA, 2) == SMMU_MODEL_ABORT) != row[i].reaches) {
			fail_msg("row %u", i);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(traffic_passes_until_gbpa_or_an_entry_says_otherwise),
		T(illegal_entries_are_bad_entries),
		T(an_input_beyond_the_address_size_is_a_stage_1_fault),
		T(ats_fields_of_an_entry_are_ignored_without_ats),
		T(a_block_kept_in_parts_goes_as_a_whole),
		T(commands_run_in_order_and_only_when_let),
		T(a_command_that_is_not_published_is_not_what_runs),
		T(commands_that_do_not_exist_stop_the_queue_until_acknowledged),
		T(a_queue_outside_memory_is_an_abort),
		T(a_full_event_queue_drops_and_says_so_once),
		T(a_write_against_the_rules_is_noticed_and_void),
		T(a_stalled_write_waits_and_a_retry_sees_the_new_table),
		T(a_stalled_transaction_can_be_ended_either_way),
		T(the_record_of_a_stall_waits_for_room),
		T(a_device_cache_outlives_the_tlb_until_atc_inv),
		T(a_request_without_write_leaves_the_page_clean),
		T(ats_that_is_off_is_refused_and_told),
		T(an_endpoint_that_does_not_answer_fails_the_sync),
		T(two_sizes_at_once_are_a_conflict_below_bbml_2),
		T(stage_1_entries_go_by_asid_and_by_address),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
