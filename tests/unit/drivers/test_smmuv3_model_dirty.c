/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Read-and-clear of stage 2 dirty state through the driver, against devices that write at
 * every step: no write is lost in the copy, and a collector that leaves a step out loses one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "tests/fake/smmuv3_model_ops.h"

#define SID    3u
#define VMID   7u
#define IOVA   UINT64_C(0x40000000)
#define PAGES  24u
#define ROUNDS 12u
#define SEEDS  60u

enum slip {
	SLIP_NONE = 0,
	SLIP_NO_TLBI,
	SLIP_NO_SYNC,
	SLIP_COPY_FIRST,
	SLIP_PLAIN_STORE,
	SLIP_NO_LAST_SYNC,
	SLIP_NO_PUBLISH,
	SLIP_COUNT,
};

static const char *const slip_name[SLIP_COUNT] = {
	[SLIP_NONE] = "nothing",
	[SLIP_NO_TLBI] = "TLBI after the clear",
	[SLIP_NO_SYNC] = "SYNC before the copy",
	[SLIP_COPY_FIRST] = "the copy after the TLBI",
	[SLIP_PLAIN_STORE] = "the atomic clear",
	[SLIP_NO_LAST_SYNC] = "SYNC before the last look",
	[SLIP_NO_PUBLISH] = "the barrier behind the command",
};

struct log {
	struct smmu_bench *b;
	struct gw_smmu smmu;
	enum slip slip;
	uint64_t root, stamp;
	uint64_t copy[PAGES][512];
	bool dirty[PAGES];
};

static uint64_t draw(struct log *l, uint64_t below)
{
	/* The model's source of chance, so that one seed makes one run. */
	l->b->m.random ^= l->b->m.random << 13;
	l->b->m.random ^= l->b->m.random >> 7;
	l->b->m.random ^= l->b->m.random << 17;
	return l->b->m.random % below;
}

static void device(struct log *l, uint32_t writes)
{
	for (uint32_t i = 0; i < writes; i++) {
		uint64_t at = IOVA + 4096 * draw(l, PAGES) + 8 * draw(l, 512);

		assert_int_equal(smmu_bench_write(l->b, SID, at, ++l->stamp), SMMU_MODEL_DONE);
	}
}

static uint64_t leaf_of(struct log *l, uint32_t page)
{
	return smmu_bench_leaf(l->b, l->root, IOVA + UINT64_C(4096) * page);
}

static void copy_dirty(struct log *l)
{
	for (uint32_t page = 0; page < PAGES; page++) {
		if (l->dirty[page]) {
			memcpy(l->copy[page], smmu_bench_word(l->b, BENCH_PAGE(page)), 4096);
		}
	}
}

/* The device writes between the load and the store of a clear that is no atomic. */
static void clear_plainly(struct log *l, uint64_t leaf)
{
	uint64_t old = *smmu_bench_word(l->b, leaf);

	smmu_bench_store(l->b, leaf, old & ~DESC_B7);
}

static void collect(struct log *l, bool last)
{
	memset(l->dirty, 0, sizeof(l->dirty));
	for (uint32_t page = 0; page < PAGES; page++) {
		uint64_t leaf = leaf_of(l, page);
		bool looked = (*smmu_bench_word(l->b, leaf) & DESC_B7) != 0;

		if (last) {
			l->dirty[page] = looked;
			continue;
		}
		if (l->slip == SLIP_PLAIN_STORE) {
			/* Load, device, store: what the SMMU sets in between goes under. */
			device(l, 1);
			clear_plainly(l, leaf);
			l->dirty[page] = looked;
		} else {
			l->dirty[page] = (smmu_model_cpu_rmw(&l->b->m, leaf, DESC_B7, 0) & DESC_B7) != 0;
		}
		device(l, (uint32_t)draw(l, 2));
	}
	if (last) {
		copy_dirty(l);
		return;
	}
	if (l->slip == SLIP_COPY_FIRST) {
		copy_dirty(l);
	}
	if (l->slip != SLIP_NO_TLBI) {
		assert_int_equal(gw_smmu_tlbi_s2_ipa(&l->smmu, VMID, IOVA, PAGES, true), ERR_OK);
	}
	device(l, (uint32_t)draw(l, 8));
	if (l->slip != SLIP_NO_SYNC) {
		assert_int_equal(gw_smmu_sync(&l->smmu), ERR_OK);
	}
	device(l, (uint32_t)draw(l, 8));
	if (l->slip != SLIP_COPY_FIRST) {
		copy_dirty(l);
	}
}

static void quiet_publish(void *ctx, const void *mem, size_t len_bytes)
{
	(void)ctx;
	(void)mem;
	(void)len_bytes;
}

static void begin(struct log *l, uint64_t seed)
{
	struct gw_smmu_config config;
	struct gw_smmu_s2 s2 = { .vmid = VMID, .t0sz = 25, .sl0 = 1, .ps = 4, .hw_access = true, .hw_dirty = true };

	l->b = smmu_bench_new(seed);
	l->b->m.id.idr0 |= 2u << 6;
	l->b->m.id.idr3 = seed % 3 == 0 ? 0 : l->b->m.id.idr3;
	l->b->m.inval = seed % 2 == 0 ? SMMU_MODEL_INVAL_AT_SYNC : SMMU_MODEL_INVAL_DRAWN;
	l->b->m.hold_writes = true;
	l->b->m.hold_updates = true;
	l->root = smmu_bench_table(l->b);
	for (uint32_t page = 0; page < PAGES; page++) {
		smmu_bench_map(l->b, l->root, IOVA + 4096 * page, BENCH_PAGE(page), S2_CLEAN, 3);
	}
	config = smmu_model_config(l->b, false);
	s2.root_pa = l->root;
	assert_int_equal(gw_smmu_probe(&l->smmu, &config), ERR_OK);
	assert_int_equal(gw_smmu_init(&l->smmu), ERR_OK);
	assert_int_equal(gw_smmu_attach_s2(&l->smmu, SID, &s2), ERR_OK);
}

/* One migration's worth of rounds. Pages whose copy is not their memory. */
static uint32_t lost(enum slip slip, uint64_t seed)
{
	static struct log l;
	static struct gw_smmu_ops deaf;
	uint32_t count = 0;

	memset(&l, 0, sizeof(l));
	l.slip = slip;
	begin(&l, seed);
	if (slip == SLIP_NO_PUBLISH) {
		/* Old commands lie in the queue, and are what the SMMU reads. */
		deaf = smmu_model_ops;
		deaf.publish = quiet_publish;
		for (uint32_t i = 0; i < 1u << BENCH_CMDQ_LOG2; i++) {
			smmu_bench_store(l.b, BENCH_PA + BENCH_CMDQ + 16 * i, 0x46);
		}
		l.smmu.config.ops = &deaf;
	}
	for (uint32_t round = 0; round < ROUNDS; round++) {
		device(&l, 20);
		collect(&l, false);
	}
	device(&l, 20);
	/* The device is at rest: its writes are where it sent them. */
	if (slip != SLIP_NO_LAST_SYNC) {
		assert_int_equal(gw_smmu_tlbi_vmid(&l.smmu, VMID), ERR_OK);
		assert_int_equal(gw_smmu_sync(&l.smmu), ERR_OK);
	}
	collect(&l, true);
	smmu_model_land(&l.b->m);
	for (uint32_t page = 0; page < PAGES; page++) {
		count += memcmp(l.copy[page], smmu_bench_word(l.b, BENCH_PAGE(page)), 4096) != 0;
	}
	assert_int_equal(l.b->m.violations, 0);
	smmu_bench_free(l.b);
	return count;
}

static void no_write_is_lost_by_the_algorithm_as_written(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint32_t count = lost(SLIP_NONE, seed);

		if (count != 0) {
			fail_msg("seed %u: %u pages differ", (unsigned)seed, count);
		}
	}
}

static void a_collector_that_misses_a_step_loses_writes(void **state)
{
	(void)state;
	for (uint32_t slip = SLIP_NONE + 1; slip < SLIP_COUNT; slip++) {
		uint32_t seeds = 0;

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			seeds += lost((enum slip)slip, seed) != 0;
		}
		print_message("without %-32s %2u of %u seeds lose a write\n", slip_name[slip], seeds, SEEDS);
		assert_true(seeds > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_write_is_lost_by_the_algorithm_as_written),
		cmocka_unit_test(a_collector_that_misses_a_step_loses_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
