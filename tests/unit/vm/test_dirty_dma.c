/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The dirty log over a device table, all of it real but the SMMU: core/vm/stage2.c makes the tables, drivers/smmuv3 the
 * commands, and the SMMUv3 model walks, caches, and lets the device's writes land as late as it may.
 *
 * The model's memory stands at an address that is its PA too, as the tables need it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "core/base/bitmap.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"
#include "core/vm/dirty_log.h"
#include "core/vm/dma_policy.h"
#include "tests/fake/smmuv3_model_ops.h"

#define SID	   3u
#define VMID	   7u
#define PAGES	   1024u
#define RAM	   UINT64_C(0x40000000)
#define POOL	   6u
#define ROUNDS	   6u
#define SEEDS	   40u
#define PLACE	   UINT64_C(0x20000000) /* below the shadow memory of the sanitizers */
#define AT_STRTAB  0x00000u
#define AT_CMDQ	   0x10000u
#define AT_EVENTQ  0x11000u
#define AT_ROOT	   0x12000u
#define AT_POOL	   0x14000u
#define AT_DATA	   0x20000u
#define MEM_BYTES  (AT_DATA + PAGES * PAGE_BYTES)
#define PAGE_WORDS (PAGE_BYTES / 8u)

enum slip { SLIP_NONE, SLIP_NO_INVALIDATE, SLIP_NO_COMPLETE };

struct world {
	struct smmu_model m;
	struct gw_smmu smmu;
	struct s2_table s2;
	struct dirty_log log;
	struct dirty tracker;
	uint8_t *mem, *seen;
	uint64_t words[BITMAP_WORDS(PAGES)], map[BITMAP_WORDS(PAGES)];
	uint64_t copy[PAGES][PAGE_WORDS];
	uint64_t stamp;
	enum slip slip;
	uint32_t reported;
};

static struct world *now; /* arch_desc_set has no context */

uint64_t arch_desc_set(uint64_t *desc, uint64_t bits)
{
	return smmu_model_cpu_rmw(&now->m, (uintptr_t)desc, 0, bits);
}

uint64_t arch_desc_clear(uint64_t *desc, uint64_t bits)
{
	return smmu_model_cpu_rmw(&now->m, (uintptr_t)desc, bits, 0);
}

static void publish(void *ctx)
{
	struct world *w = ctx;

	smmu_model_publish(&w->m, w->mem, AT_DATA);
}

static void invalidate(void *ctx, uint64_t at, uint64_t page_count)
{
	struct world *w = ctx;

	if (w->slip != SLIP_NO_INVALIDATE) {
		assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, VMID, at, page_count, false), ERR_OK);
	}
}

static void complete(void *ctx)
{
	struct world *w = ctx;

	if (w->slip == SLIP_NO_COMPLETE) {
		(void)smmu_model_consume(
			&w->m, UINT32_MAX); /* taken from the queue, and nothing says that they had their effect */
	} else {
		assert_int_equal(gw_smmu_sync(&w->smmu), ERR_OK);
	}
}

static const struct s2_ops ops = { .publish = publish, .invalidate = invalidate, .complete = complete };

static uint64_t draw(struct world *w, uint64_t below)
{
	w->m.random ^= w->m.random << 13;
	w->m.random ^= w->m.random >> 7;
	w->m.random ^= w->m.random << 17;
	return w->m.random % below;
}

static struct world *world_new(enum dirty_backend backend, uint64_t seed)
{
	static const uint8_t httu[DIRTY_BACKEND_COUNT] = { [DIRTY_SMMU_HTTU] = 2, [DIRTY_SMMU_ACCESS] = 1 };
	struct world *w = calloc(1, sizeof(*w));
	struct gw_smmu_config config = { .ops = &smmu_model_ops,
		.pa_bits = 40,
		.stream_bits = 8,
		.strtab_bytes = 64u << 8,
		.cmdq_log2 = 5,
		.eventq_log2 = 2 };
	struct gw_smmu_s2 stream = { .vmid = VMID,
		.t0sz = S2_T0SZ,
		.sl0 = S2_SL0,
		.ps = 2,
		.hw_access = httu[backend] >= 1,
		.hw_dirty = httu[backend] >= 2 };
	struct s2_config tables = { .pool_count = POOL, .pages_only = true, .ops = &ops, .ops_ctx = w };

	assert_non_null(w);
	now = w;
	w->mem = mmap((void *)(uintptr_t)PLACE, MEM_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(w->mem, (void *)(uintptr_t)PLACE);
	w->seen = calloc(1, MEM_BYTES);
	assert_non_null(w->seen);
	smmu_model_reset(&w->m, w->mem, w->seen, PLACE, MEM_BYTES, seed);
	w->m.id.idr0 |= (uint32_t)httu[backend] << 6;
	w->m.inval = seed % 2 == 0 ? SMMU_MODEL_INVAL_AT_SYNC : SMMU_MODEL_INVAL_DRAWN;
	w->m.hold_writes = true;
	tables.root = (s2_page *)(void *)(w->mem + AT_ROOT);
	tables.pool = (s2_page *)(void *)(w->mem + AT_POOL);
	assert_int_equal(s2_init(&w->s2, &tables), ERR_OK);
	config.ctx = &w->m;
	config.strtab = w->mem + AT_STRTAB;
	config.cmdq = w->mem + AT_CMDQ;
	config.eventq = w->mem + AT_EVENTQ;
	assert_int_equal(gw_smmu_probe(&w->smmu, &config), ERR_OK);
	assert_int_equal(gw_smmu_init(&w->smmu), ERR_OK);
	assert_int_equal(s2_map(&w->s2, ipa(RAM), pa(PLACE + AT_DATA), PAGES,
				 (struct s2_attr){ .memory = S2_NORMAL, .write = true }),
		ERR_OK);
	assert_int_equal(dirty_log_init(&w->log, &w->s2, backend, ipa(RAM), PAGES, w->words), ERR_OK);
	stream.root_pa = s2_root(&w->s2).v;
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, SID, &stream), ERR_OK);
	w->tracker = dirty_log_tracker(&w->log);
	return w;
}

static void world_free(struct world *w)
{
	assert_int_equal(w->m.violations, 0);
	assert_int_equal(munmap(w->mem, MEM_BYTES), 0);
	free(w->seen);
	free(w);
}

static uint64_t *ram_page(struct world *w, uint64_t page)
{
	return (uint64_t *)(void *)(w->mem + AT_DATA + page * PAGE_BYTES);
}

static enum smmu_model_outcome dma_write(struct world *w, uint64_t page)
{
	uint64_t value = ++w->stamp;

	return smmu_model_access(
		&w->m, SID, SMMU_MODEL_NO_SSID, RAM + page * PAGE_BYTES + 8 * draw(w, PAGE_WORDS), 8, true, &value);
}

static void dma_read(struct world *w, uint64_t page)
{
	uint64_t value;

	assert_int_equal(smmu_model_access(&w->m, SID, SMMU_MODEL_NO_SSID, RAM + page * PAGE_BYTES, 8, false, &value),
		SMMU_MODEL_DONE);
}

/** Mostly a few pages, so that cached translations are met. */
static void device_runs(struct world *w, uint32_t writes)
{
	for (uint32_t i = 0; i < writes; i++) {
		assert_int_equal(dma_write(w, draw(w, 4) != 0 ? draw(w, 12) * 85u : draw(w, PAGES)), SMMU_MODEL_DONE);
	}
}

static void harvest(struct world *w, uint32_t writes_between)
{
	struct dirty_cursor cursor = { 0 };
	enum err err;

	memset(w->map, 0, sizeof(w->map));
	do {
		err = w->tracker.ops->harvest(w->tracker.ctx, &cursor, w->map);
		device_runs(w, writes_between);
	} while (err == ERR_AGAIN);
	assert_int_equal(err, ERR_OK);
	w->reported = 0;
	for (uint32_t page = 0; page < PAGES; page++) {
		if (bitmap_test(w->map, page)) {
			memcpy(w->copy[page], ram_page(w, page), PAGE_BYTES);
			w->reported++;
		}
	}
}

/** Rounds under a writing device, the device at rest, a last harvest: pages that the copy has wrong. */
static uint32_t pages_lost(enum dirty_backend backend, enum slip slip, uint64_t seed)
{
	struct world *w = world_new(backend, seed);
	uint32_t lost = 0;

	device_runs(w, 30);
	assert_int_equal(w->tracker.ops->start(w->tracker.ctx), ERR_OK);
	memcpy(w->copy, w->mem + AT_DATA, sizeof(w->copy));
	w->slip = slip;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		device_runs(w, 40);
		harvest(w, 10);
	}
	harvest(w, 0); /* the device is at rest */
	w->slip = SLIP_NONE;
	smmu_model_land(&w->m);
	for (uint32_t page = 0; page < PAGES; page++) {
		lost += memcmp(w->copy[page], ram_page(w, page), PAGE_BYTES) != 0;
	}
	w->tracker.ops->stop(w->tracker.ctx);
	device_runs(w, 5);
	world_free(w);
	return lost;
}

static void no_dma_write_is_lost_by_any_tracker(void **state)
{
	static const enum dirty_backend all[] = { DIRTY_SMMU_HTTU, DIRTY_SMMU_ACCESS, DIRTY_ALL_MAPPED };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(all); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			uint32_t lost = pages_lost(all[i], SLIP_NONE, seed);

			if (lost != 0) {
				fail_msg(
					"%s, seed %u: %u pages lost", dirty_backend_name(all[i]), (unsigned)seed, lost);
			}
		}
	}
}

static void a_harvest_without_its_invalidation_or_its_sync_loses_writes(void **state)
{
	static const enum dirty_backend traced[] = { DIRTY_SMMU_HTTU, DIRTY_SMMU_ACCESS };
	uint32_t lost[2][3] = { { 0 } };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(traced); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			lost[i][SLIP_NO_INVALIDATE] += pages_lost(traced[i], SLIP_NO_INVALIDATE, seed) != 0;
			lost[i][SLIP_NO_COMPLETE] += pages_lost(traced[i], SLIP_NO_COMPLETE, seed) != 0;
		}
		print_message("%s: of %u seeds, %u lose without TLBI, %u without SYNC\n", dirty_backend_name(traced[i]),
			SEEDS, lost[i][SLIP_NO_INVALIDATE], lost[i][SLIP_NO_COMPLETE]);
		assert_true(lost[i][SLIP_NO_INVALIDATE] > 0 && lost[i][SLIP_NO_COMPLETE] > 0);
	}
}

static void dirty_state_reports_what_was_written_and_no_more(void **state)
{
	struct world *w = world_new(DIRTY_SMMU_HTTU, 1);

	(void)state;
	assert_int_equal(w->tracker.ops->start(w->tracker.ctx), ERR_OK);
	dma_read(w, 9);
	assert_int_equal(dma_write(w, 5), SMMU_MODEL_DONE);
	assert_int_equal(dma_write(w, 700), SMMU_MODEL_DONE);
	harvest(w, 0);
	assert_int_equal(w->reported, 2);
	assert_true(bitmap_test(w->map, 5) && bitmap_test(w->map, 700));
	harvest(w, 0);
	assert_int_equal(w->reported, 0);
	world_free(w);
}

static void access_flags_report_what_was_read_too_and_never_fault(void **state)
{
	struct world *w = world_new(DIRTY_SMMU_ACCESS, 1);

	(void)state;
	assert_int_equal(w->tracker.ops->start(w->tracker.ctx), ERR_OK);
	dma_read(w, 9);
	assert_int_equal(dma_write(w, 5), SMMU_MODEL_DONE);
	harvest(w, 0);
	assert_int_equal(w->reported, 2);
	harvest(w, 0);
	assert_int_equal(w->reported, 0);
	world_free(w);
}

static void pages_unmapped_while_the_log_is_on_are_reported_if_they_were_written(void **state)
{
	struct world *w = world_new(DIRTY_SMMU_HTTU, 1);

	(void)state;
	assert_int_equal(w->tracker.ops->start(w->tracker.ctx), ERR_OK);
	assert_int_equal(dma_write(w, 5), SMMU_MODEL_DONE);
	assert_int_equal(s2_unmap(&w->s2, ipa(RAM + 4 * PAGE_BYTES), 2), ERR_OK);
	assert_int_not_equal(dma_write(w, 5), SMMU_MODEL_DONE);
	harvest(w, 0);
	assert_int_equal(w->reported, 1);
	assert_true(bitmap_test(w->map, 5));
	world_free(w);
}

/** The SMMU's update of a descriptor, decided before it was made invalid, lands when it is invalid already. */
static void late_update(struct smmu_model *m, uint64_t at)
{
	uint64_t *leaf = (uint64_t *)(uintptr_t)at;

	if ((*leaf & S2_VALID) == 0 && *leaf != 0) {
		smmu_model_cpu_rmw(m, at, 0, S2_WRITE);
	}
}

static uint64_t watched_leaf;

static void complete_with_a_late_update(void *ctx)
{
	late_update(&((struct world *)ctx)->m, watched_leaf);
	complete(ctx);
}

static void a_write_recorded_between_unmap_and_its_invalidation_is_reported(void **state)
{
	static const struct s2_ops late = {
		.publish = publish, .invalidate = invalidate, .complete = complete_with_a_late_update
	};
	struct world *w = world_new(DIRTY_SMMU_HTTU, 1);
	uint32_t level;

	(void)state;
	assert_int_equal(w->tracker.ops->start(w->tracker.ctx), ERR_OK);
	watched_leaf = (uintptr_t)s2_leaf(&w->s2, ipa(RAM + 4 * PAGE_BYTES), &level);
	w->s2.cfg.ops = &late;
	assert_int_equal(s2_unmap(&w->s2, ipa(RAM + 4 * PAGE_BYTES), 1), ERR_OK);
	w->s2.cfg.ops = &ops;
	harvest(w, 0);
	assert_int_equal(w->reported, 1);
	assert_true(bitmap_test(w->map, 4));
	assert_int_equal(s2_map(&w->s2, ipa(RAM + 4 * PAGE_BYTES), pa(PLACE + AT_DATA + 4 * PAGE_BYTES), 1,
				 (struct s2_attr){ .memory = S2_NORMAL, .write = true }),
		ERR_OK);
	world_free(w);
}

static void pages_mapped_while_the_log_is_on_are_reported_and_tracked_from_then_on(void **state)
{
	struct world *w = world_new(DIRTY_SMMU_HTTU, 1);

	(void)state;
	assert_int_equal(s2_unmap(&w->s2, ipa(RAM + 4 * PAGE_BYTES), 1), ERR_OK);
	assert_int_equal(w->tracker.ops->start(w->tracker.ctx), ERR_OK);
	assert_int_equal(s2_map(&w->s2, ipa(RAM + 4 * PAGE_BYTES), pa(PLACE + AT_DATA + 4 * PAGE_BYTES), 1,
				 (struct s2_attr){ .memory = S2_NORMAL, .write = true }),
		ERR_OK);
	harvest(w, 0);
	assert_int_equal(w->reported, 1);
	harvest(w, 0);
	assert_int_equal(w->reported, 0);
	assert_int_equal(dma_write(w, 4), SMMU_MODEL_DONE);
	harvest(w, 0);
	assert_int_equal(w->reported, 1);
	world_free(w);
}

static void all_mapped_reports_every_writable_page_each_time(void **state)
{
	struct world *w = world_new(DIRTY_ALL_MAPPED, 1);

	(void)state;
	assert_int_equal(s2_protect(&w->s2, ipa(RAM), 3, false), ERR_OK);
	assert_int_equal(w->tracker.ops->start(w->tracker.ctx), ERR_OK);
	harvest(w, 0);
	assert_int_equal(w->reported, PAGES - 3);
	harvest(w, 0);
	assert_int_equal(w->reported, PAGES - 3);
	world_free(w);
}

static void a_table_with_blocks_is_not_for_devices(void **state)
{
	struct world *w = world_new(DIRTY_SMMU_HTTU, 1);
	struct s2_table blocks = w->s2;
	struct dirty_log log;

	(void)state;
	blocks.cfg.pages_only = false;
	assert_int_equal(dirty_log_init(&log, &blocks, DIRTY_SMMU_HTTU, ipa(RAM), PAGES, w->words), ERR_RANGE);
	world_free(w);
}

/* ---- who is chosen ---- */

static void the_best_tracker_that_is_there_is_chosen_by_name(void **state)
{
	static const struct {
		struct dma_tracker_facts facts;
		const char *wish, *name; /* NULL: refused */
		const char *reason;
	} cases[] = {
		{ { .httu = 0, .coherent = true, .device_log = true }, "auto", "device-log", NULL },
		{ { .httu = 3, .coherent = true, .device_log = true }, "auto", "device-log", NULL },
		{ { .httu = 3, .coherent = true }, "auto", "smmu-httu", NULL },
		{ { .httu = 2, .coherent = true }, "auto", "smmu-httu", NULL },
		{ { .httu = 1, .coherent = true }, "auto", "smmu-access", NULL },
		{ { .httu = 2, .coherent = false }, "auto", "all-mapped", NULL },
		{ { .httu = 1, .coherent = false }, "auto", "all-mapped", NULL },
		{ { .httu = 0, .coherent = true }, "auto", "all-mapped", NULL },
		{ { .httu = 2, .coherent = true, .device_log = true }, "smmu-access", "smmu-access", NULL },
		{ { .httu = 2, .coherent = true, .device_log = true }, "all-mapped", "all-mapped", NULL },
		{ { .httu = 2, .coherent = true }, "device-log", NULL,
			"DMA tracker device-log: the device's driver has no log" },
		{ { .httu = 1, .coherent = true }, "smmu-httu", NULL,
			"DMA tracker smmu-httu: the SMMU records no dirty state (IDR0.HTTU below 2)" },
		{ { .httu = 0, .coherent = true }, "smmu-access", NULL,
			"DMA tracker smmu-access: the SMMU records no Access flag (IDR0.HTTU is 0)" },
		{ { .httu = 2 }, "smmu-httu", NULL,
			"DMA tracker smmu-httu: the SMMU's walks are not coherent (IDR0.COHACC is 0), so its updates "
			"may be lost" },
		{ { .httu = 2, .coherent = true }, "hafdbs", NULL, "DMA tracker: no tracker is named hafdbs" },
		{ { .httu = 2, .coherent = true }, "", NULL, "DMA tracker: no tracker is named " },
	};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dma_tracker_choice choice;
		char reason[REASON_BYTES];
		enum err err = dma_tracker_choose(&cases[i].facts, cases[i].wish, &choice, reason);

		if (cases[i].name != NULL) {
			assert_int_equal(err, ERR_OK);
			assert_string_equal(dma_tracker_name(&choice), cases[i].name);
			assert_int_equal(choice.hw_dirty, !choice.device_log && choice.backend == DIRTY_SMMU_HTTU);
		} else {
			assert_int_not_equal(err, ERR_OK);
			assert_string_equal(reason, cases[i].reason);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_dma_write_is_lost_by_any_tracker),
		cmocka_unit_test(a_harvest_without_its_invalidation_or_its_sync_loses_writes),
		cmocka_unit_test(dirty_state_reports_what_was_written_and_no_more),
		cmocka_unit_test(access_flags_report_what_was_read_too_and_never_fault),
		cmocka_unit_test(pages_unmapped_while_the_log_is_on_are_reported_if_they_were_written),
		cmocka_unit_test(a_write_recorded_between_unmap_and_its_invalidation_is_reported),
		cmocka_unit_test(pages_mapped_while_the_log_is_on_are_reported_and_tracked_from_then_on),
		cmocka_unit_test(all_mapped_reports_every_writable_page_each_time),
		cmocka_unit_test(a_table_with_blocks_is_not_for_devices),
		cmocka_unit_test(the_best_tracker_that_is_there_is_chosen_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
