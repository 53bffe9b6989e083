/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The SMMUv3 driver, unmodified, over the model: what it promises for every SMMU there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "tests/fake/smmuv3_model_ops.h"

#define SID	 3u
#define VMID	 7u
#define IOVA	 UINT64_C(0x40000000)
#define PAGES	 40u
#define IDR0_V16 BIT32(18)

struct fixture {
	struct smmu_bench *b;
	struct gw_smmu smmu;
	struct gw_smmu_config config;
	uint64_t root;
};

static struct fixture *fixture_new(uint64_t seed)
{
	static struct fixture fx;

	fx.b = smmu_bench_new(seed);
	fx.root = smmu_bench_table(fx.b);
	fx.config = smmu_model_config(fx.b, false);
	return &fx;
}

static int setup(void **state)
{
	*state = fixture_new(5);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	smmu_bench_free(fx->b);
	return 0;
}

static struct gw_smmu_s2 s2_of(const struct fixture *fx)
{
	return (struct gw_smmu_s2){ .root_pa = fx->root, .vmid = VMID, .t0sz = 25, .sl0 = 1, .ps = 4 };
}

static void up(struct fixture *fx)
{
	assert_int_equal(gw_smmu_probe(&fx->smmu, &fx->config), ERR_OK);
	assert_int_equal(gw_smmu_init(&fx->smmu), ERR_OK);
}

static void attached(struct fixture *fx)
{
	const struct gw_smmu_s2 s2 = s2_of(fx);

	up(fx);
	assert_int_equal(gw_smmu_attach_s2(&fx->smmu, SID, &s2), ERR_OK);
}

/* Map, use, move away under invalidation by count pages at once, use again. */
static void pages_move(struct fixture *fx, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		smmu_bench_map(fx->b, fx->root, IOVA + 4096 * i, BENCH_PAGE(i), S2_RW, 3);
	}
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&fx->smmu, VMID, IOVA, count, true), ERR_OK);
	assert_int_equal(gw_smmu_sync(&fx->smmu), ERR_OK);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA + 4096 * i, 100 + i), SMMU_MODEL_DONE);
		assert_int_equal(*smmu_bench_word(fx->b, BENCH_PAGE(i)), 100 + i);
	}
	for (uint32_t i = 0; i < count; i++) {
		smmu_bench_store(fx->b, smmu_bench_leaf(fx->b, fx->root, IOVA + 4096 * i), 0);
	}
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&fx->smmu, VMID, IOVA, count, true), ERR_OK);
	assert_int_equal(gw_smmu_sync(&fx->smmu), ERR_OK);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA + 4096 * i, 1), SMMU_MODEL_ABORT);
		assert_int_equal(fx->b->m.fault.type, 0x10);
	}
}

/* Bits of the feature set in turn: RIL, two levels, Hyp, VMID16, coherent, BBML 2, at once, drawn. */
static void every_combination_of_features_comes_up_and_translates(void **state)
{
	(void)state;
	for (uint32_t set = 0; set < 256; set++) {
		struct fixture *fx = fixture_new(set + 1);
		struct smmu_model *m = &fx->b->m;

		m->id.idr3 = (set & 1 ? BIT32(10) : 0) | (set & 32 ? 2u << 11 : 0);
		m->id.idr0 &= ~(IDR0_V16 | BIT32(4) | (set & 2 ? 0 : MASK32(28, 27)));
		m->id.idr0 |= (set & 4 ? BIT32(9) : 0) | (set & 8 ? IDR0_V16 : 0) | (set & 16 ? BIT32(4) : 0);
		m->pace = set & 64 ? SMMU_MODEL_AT_ONCE : SMMU_MODEL_LATE;
		m->inval = set & 128 ? SMMU_MODEL_INVAL_DRAWN : SMMU_MODEL_INVAL_AT_SYNC;
		fx->config = smmu_model_config(fx->b, (set & 2) != 0);
		fx->config.maintains_caches = true;
		attached(fx);
		pages_move(fx, 1);
		pages_move(fx, 8);
		pages_move(fx, PAGES);
		assert_int_equal(gw_smmu_detach(&fx->smmu, SID), ERR_OK);
		assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_ABORT);
		if (m->violations != 0) {
			fail_msg("features 0x%x: %s", set, m->violation);
		}
		smmu_bench_free(fx->b);
	}
}

static void what_is_missing_is_refused_by_name_and_nothing_is_written(void **state)
{
	static const struct {
		uint32_t idr0_clear, idr0_set, idr1_clear, idr5_clear;
		const char *name;
	} lack[] = {
		{ BIT32(0), 0, 0, 0, "IDR0.S2P" },
		{ MASK32(3, 2), 0, 0, 0, "IDR0.TTF" },
		{ 0, MASK32(22, 21), 0, 0, "TTENDIAN" },
		{ MASK32(25, 24), 2u << 24, 0, 0, "STALL_MODEL" },
		{ BIT32(4), 0, 0, 0, "COHACC" },
		{ 0, 0, MASK32(5, 0), 0, "SIDSIZE" },
		{ 0, 0, MASK32(25, 21), 0, "CMDQS" },
		{ 0, 0, MASK32(20, 16), 0, "EVENTQS" },
		{ 0, 0, 0, BIT32(4), "GRAN4K" },
		{ 0, 0, 0, MASK32(2, 0), "OAS" },
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(lack); i++) {
		struct fixture *fx = fixture_new(1);
		struct smmu_model *m = &fx->b->m;

		m->id.idr0 = (m->id.idr0 & ~lack[i].idr0_clear) | lack[i].idr0_set;
		m->id.idr1 &= ~lack[i].idr1_clear;
		m->id.idr5 &= ~lack[i].idr5_clear;
		assert_int_equal(gw_smmu_probe(&fx->smmu, &fx->config), ERR_UNSUPPORTED);
		assert_non_null(strstr(gw_smmu_reason(&fx->smmu), lack[i].name));
		assert_int_equal(m->strtab_base | m->cmdq_base | m->cr0 | m->cr1 | m->gbpa_next, 0);
		smmu_bench_free(fx->b);
	}
}

/* Every T0SZ, SL0, PS and OAS: what the driver takes is no bad entry to the SMMU. */
static void a_geometry_that_the_driver_takes_is_legal(void **state)
{
	uint32_t taken = 0;

	(void)state;
	for (uint32_t oas = 2; oas < 7; oas++) {
		struct fixture *fx = fixture_new(oas);

		fx->b->m.id.idr5 = (fx->b->m.id.idr5 & ~7u) | oas;
		fx->b->m.pace = SMMU_MODEL_AT_ONCE;
		up(fx);
		/* Aligned for 16 tables side by side. */
		fx->root = BENCH_PA + BENCH_POOL + 0x10000;
		for (uint32_t n = 0; n < 64 * 4 * 8; n++) {
			struct gw_smmu_s2 s2 = s2_of(fx);

			s2.t0sz = (uint8_t)(n & 63);
			s2.sl0 = (uint8_t)(n >> 6 & 3);
			s2.ps = (uint8_t)(n >> 8);
			if (gw_smmu_attach_s2(&fx->smmu, SID, &s2) != ERR_OK) {
				continue;
			}
			taken++;
			(void)smmu_bench_write(fx->b, SID, 0, 1);
			assert_int_equal(fx->b->m.fault.type, 0x10);
		}
		smmu_bench_free(fx->b);
	}
	assert_true(taken > 50);
}

static void dirty_state_is_taken_where_the_id_register_offers_it_only(void **state)
{
	struct fixture *fx = *state;
	struct gw_smmu_s2 s2 = s2_of(fx);

	s2.hw_access = s2.hw_dirty = true;
	for (uint32_t httu = 0; httu < 4; httu++) {
		fx->b->m.id.idr0 = (fx->b->m.id.idr0 & ~MASK32(7, 6)) | httu << 6;
		up(fx);
		assert_int_equal(gw_smmu_attach_s2(&fx->smmu, SID, &s2), httu < 2 ? ERR_UNSUPPORTED : ERR_OK);
		if (httu >= 2) {
			smmu_bench_map(fx->b, fx->root, IOVA, BENCH_PAGE(1), S2_CLEAN, 3);
			assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_DONE);
			assert_true((*smmu_bench_word(fx->b, smmu_bench_leaf(fx->b, fx->root, IOVA)) & DESC_B7) != 0);
			assert_int_equal(gw_smmu_detach(&fx->smmu, SID), ERR_OK);
		}
	}
}

static void faults_are_told_with_their_addresses(void **state)
{
	struct fixture *fx = *state;
	struct gw_smmu_event event;

	attached(fx);
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA + 0x2010, 1), SMMU_MODEL_ABORT);
	assert_int_equal(gw_smmu_event_next(&fx->smmu, &event), ERR_OK);
	assert_string_equal(event.name, "F_TRANSLATION");
	assert_int_equal(event.stream_id, SID);
	assert_true(event.stage2 && event.has_ipa && !event.read && !event.stalled);
	assert_int_equal(event.addr, IOVA + 0x2010);
	assert_int_equal(event.ipa, IOVA + 0x2000);
	(void)smmu_bench_write(fx->b, SID + 1, IOVA, 1);
	assert_int_equal(gw_smmu_event_next(&fx->smmu, &event), ERR_OK);
	assert_string_equal(event.name, "C_BAD_STE");
	(void)smmu_bench_write(fx->b, 1u << BENCH_STRTAB_LOG2, IOVA, 1);
	assert_int_equal(gw_smmu_event_next(&fx->smmu, &event), ERR_OK);
	assert_string_equal(event.name, "C_BAD_STREAMID");
	assert_int_equal(gw_smmu_event_next(&fx->smmu, &event), ERR_AGAIN);
}

static void lost_records_are_told_once_and_the_rest_are_kept(void **state)
{
	struct fixture *fx = *state;
	struct gw_smmu_event event;

	attached(fx);
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < (1u << BENCH_EVENTQ_LOG2) + 3; i++) {
			(void)smmu_bench_write(fx->b, SID, IOVA + 4096 * i, 1);
		}
		assert_int_equal(gw_smmu_event_next(&fx->smmu, &event), ERR_LOST);
		for (uint32_t i = 0; i < 1u << BENCH_EVENTQ_LOG2; i++) {
			assert_int_equal(gw_smmu_event_next(&fx->smmu, &event), ERR_OK);
			assert_int_equal(event.addr, IOVA + 4096 * i);
		}
		assert_int_equal(gw_smmu_event_next(&fx->smmu, &event), ERR_AGAIN);
	}
}

static void records_are_read_as_the_smmu_wrote_them_without_coherency(void **state)
{
	struct fixture *fx = *state;
	struct gw_smmu_event event;

	fx->b->m.id.idr0 &= ~BIT32(4);
	fx->config.maintains_caches = true;
	attached(fx);
	(void)smmu_bench_write(fx->b, SID, IOVA, 1);
	assert_int_equal(fx->b->mem[BENCH_EVENTQ], 0); /* the CPU's view is an old one */
	assert_int_equal(gw_smmu_event_next(&fx->smmu, &event), ERR_OK);
	assert_string_equal(event.name, "F_TRANSLATION");
}

static void a_refused_command_fails_the_update_and_the_queue_goes_on(void **state)
{
	struct fixture *fx = *state;
	const struct gw_smmu_s2 s2 = s2_of(fx);
	enum err err = ERR_AGAIN;

	up(fx);
	fx->b->m.pace = SMMU_MODEL_HELD;
	assert_int_equal(gw_smmu_attach_s2_begin(&fx->smmu, SID, &s2), ERR_OK);
	smmu_bench_store(fx->b, BENCH_PA + BENCH_CMDQ + 16 * (fx->b->m.cmdq_cons & 31), 0xee);
	fx->b->m.pace = SMMU_MODEL_LATE;
	for (uint32_t i = 0; i < 1000 && err == ERR_AGAIN; i++) {
		err = gw_smmu_update_poll(&fx->smmu);
	}
	assert_int_equal(err, ERR_IO);
	assert_non_null(strstr(gw_smmu_reason(&fx->smmu), "CERROR_ILL"));
	assert_false(gw_smmu_attached(&fx->smmu, SID));
	assert_int_equal(gw_smmu_attach_s2(&fx->smmu, SID, &s2), ERR_OK);
	pages_move(fx, 1);
	assert_int_equal(fx->b->m.violations, 0);
}

static void an_smmu_that_never_answers_is_given_up(void **state)
{
	struct fixture *fx = *state;

	up(fx);
	fx->b->m.pace = SMMU_MODEL_HELD;
	fx->b->m.time_step_us = 1000;
	assert_int_equal(gw_smmu_sync(&fx->smmu), ERR_TIMEOUT);
	smmu_bench_free(fx->b);
	fx = fixture_new(1);
	fx->b->m.acks_deaf = true;
	fx->b->m.time_step_us = 1000;
	assert_int_equal(gw_smmu_probe(&fx->smmu, &fx->config), ERR_OK);
	assert_int_equal(gw_smmu_init(&fx->smmu), ERR_TIMEOUT);
}

static void a_full_command_queue_refuses_and_takes_again(void **state)
{
	struct fixture *fx = *state;
	uint32_t taken = 0;

	attached(fx);
	fx->b->m.pace = SMMU_MODEL_HELD;
	while (taken < 1000 && gw_smmu_tlbi_vmid(&fx->smmu, VMID) == ERR_OK) {
		taken++;
	}
	assert_in_range(taken, (1u << BENCH_CMDQ_LOG2) - 2, (1u << BENCH_CMDQ_LOG2) - 1);
	fx->b->m.pace = SMMU_MODEL_LATE;
	assert_int_equal(gw_smmu_sync(&fx->smmu), ERR_OK);
	pages_move(fx, PAGES);
	assert_int_equal(fx->b->m.violations, 0);
}

/* What one set of ID fields offers, and what is asked of it. */
struct offer {
	bool coherent, fwb, vmid16;
	uint32_t httu;
};
struct wish {
	bool access, dirty, fwb;
	uint16_t vmid;
};

/* The name under which a wish is refused; NULL: it is granted. */
static const char *refusal(const struct offer *o, const struct wish *w)
{
	uint32_t needed = w->dirty ? 2 : w->access ? 1 : 0;

	if (w->vmid > 255 && !o->vmid16) {
		return "IDR0.VMID16";
	}
	if (w->fwb && !o->fwb) {
		return "IDR3.FWB";
	}
	if (w->dirty && !w->access) {
		return "HTTU"; /* dirty state without the Access flag is reserved */
	}
	if (o->httu < needed) {
		return "IDR0.HTTU";
	}
	return needed != 0 && !o->coherent ? "IDR0.COHACC" : NULL;
}

/* A write to a writable-clean page, and a read of one without its Access flag, do what was asked for and no more. */
static void check_used(struct fixture *fx, const struct wish *w)
{
	const uint64_t clean = IOVA, old = IOVA + 4096;
	uint64_t value, desc;

	smmu_bench_map(fx->b, fx->root, clean, BENCH_PAGE(0), S2_CLEAN, 3);
	smmu_bench_map(fx->b, fx->root, old, BENCH_PAGE(1), S2_CLEAN & ~DESC_AF, 3);
	assert_int_equal(smmu_bench_write(fx->b, SID, clean, 1), w->dirty ? SMMU_MODEL_DONE : SMMU_MODEL_ABORT);
	assert_int_equal(fx->b->m.fault.type, w->dirty ? 0 : 0x13);
	desc = *smmu_bench_word(fx->b, smmu_bench_leaf(fx->b, fx->root, clean));
	assert_int_equal((desc & DESC_B7) != 0, w->dirty);
	assert_int_equal(smmu_bench_read(fx->b, SID, old, &value), w->access ? SMMU_MODEL_DONE : SMMU_MODEL_ABORT);
	assert_int_equal(fx->b->m.fault.type, w->access ? 0 : 0x12);
	desc = *smmu_bench_word(fx->b, smmu_bench_leaf(fx->b, fx->root, old));
	assert_int_equal((desc & DESC_AF) != 0, w->access);
	assert_int_equal((desc & DESC_B7) != 0, 0);
}

/* Nothing was queued, no entry is valid, and the device reaches nothing. */
static void check_refused(struct fixture *fx, uint64_t commands, const char *name)
{
	assert_non_null(strstr(gw_smmu_reason(&fx->smmu), name));
	assert_int_equal(fx->smmu.counts.commands, commands);
	assert_false(gw_smmu_attached(&fx->smmu, SID));
	assert_int_equal(smmu_bench_write(fx->b, SID, IOVA, 1), SMMU_MODEL_ABORT);
}

static void every_offer_of_the_id_registers_is_used_as_asked_or_refused_by_name(void **state)
{
	uint32_t granted = 0, refused = 0;

	(void)state;
	for (uint32_t set = 0; set < 512; set++) {
		const struct offer o = { set & 1, set >> 1 & 1, set >> 2 & 1, set >> 3 & 3 };
		const struct wish w = { set >> 5 & 1, set >> 6 & 1, set >> 7 & 1, set >> 8 & 1 ? 300 : VMID };
		const char *name = refusal(&o, &w);
		struct fixture *fx = fixture_new(set + 1);
		struct gw_smmu_s2 s2 = s2_of(fx);
		uint64_t commands;
		enum err err;

		fx->b->m.id.idr0 &= ~(IDR0_V16 | BIT32(4) | MASK32(7, 6));
		fx->b->m.id.idr0 |= (o.coherent ? BIT32(4) : 0) | (o.vmid16 ? IDR0_V16 : 0) | o.httu << 6;
		fx->b->m.id.idr3 |= o.fwb ? BIT32(8) : 0;
		fx->config.maintains_caches = true;
		up(fx);
		s2.hw_access = w.access;
		s2.hw_dirty = w.dirty;
		s2.fwb = w.fwb;
		s2.vmid = w.vmid;
		commands = fx->smmu.counts.commands;
		err = gw_smmu_attach_s2(&fx->smmu, SID, &s2);
		if (err != (name == NULL ? ERR_OK : w.vmid > 255 && !o.vmid16 ? ERR_RANGE : ERR_UNSUPPORTED)) {
			fail_msg("set 0x%x: %d, wanted %s", set, (int)err, name == NULL ? "to be used" : name);
		}
		if (name == NULL) {
			check_used(fx, &w);
			granted++;
		} else {
			check_refused(fx, commands, name);
			refused++;
		}
		assert_int_equal(fx->b->m.violations, 0);
		smmu_bench_free(fx->b);
	}
	assert_int_equal(granted + refused, 512);
	assert_int_not_equal(granted, 0);
	assert_int_not_equal(refused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		cmocka_unit_test(every_combination_of_features_comes_up_and_translates),
		cmocka_unit_test(what_is_missing_is_refused_by_name_and_nothing_is_written),
		cmocka_unit_test(a_geometry_that_the_driver_takes_is_legal),
		cmocka_unit_test(every_offer_of_the_id_registers_is_used_as_asked_or_refused_by_name),
		T(dirty_state_is_taken_where_the_id_register_offers_it_only),
		T(faults_are_told_with_their_addresses),
		T(lost_records_are_told_once_and_the_rest_are_kept),
		T(records_are_read_as_the_smmu_wrote_them_without_coherency),
		T(a_refused_command_fails_the_update_and_the_queue_goes_on),
		T(an_smmu_that_never_answers_is_given_up),
		T(a_full_command_queue_refuses_and_takes_again),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
