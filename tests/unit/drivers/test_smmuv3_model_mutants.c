/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A driver that leaves a step out is caught: the driver as it is, over operations that take
 * one step away, through one life of a stream under a device that never stops writing. The
 * unharmed driver passes the same checks for every seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "tests/fake/smmuv3_model_ops.h"

#define SEEDS	  40u
#define SID	  3u
#define SID_OTHER 5u
#define VMID	  7u
/* An input address that is also memory: where a device lands that nothing translates. */
#define VICTIM	  BENCH_PAGE(0)
#define PAGE_A	  BENCH_PAGE(1)
#define PAGE_B	  BENCH_PAGE(2)
#define PAGE_OLD  BENCH_PAGE(3)
#define PAGE_NEW  BENCH_PAGE(4)

enum harm {
	HARM_NONE = 0,
	HARM_GBPA,
	HARM_ACK,
	HARM_CFGI_ALL,
	HARM_NSNH_ALL,
	HARM_CFGI_STE,
	HARM_CFGI_BREAK,
	HARM_CFGI_MAKE,
	HARM_CFGI_L1,
	HARM_VMALL,
	HARM_S2_IPA,
	HARM_PUBLISH_STE,
	HARM_PUBLISH_COMMAND,
	HARM_ONE_PUBLISH,
	HARM_SYNC_WAIT,
	HARM_COUNT,
};

static const char *const harm_name[HARM_COUNT] = {
	[HARM_NONE] = "nothing",
	[HARM_GBPA] = "GBPA.ABORT",
	[HARM_ACK] = "wait for CR0ACK",
	[HARM_CFGI_ALL] = "CFGI_ALL at init",
	[HARM_NSNH_ALL] = "TLBI_NSNH_ALL at init",
	[HARM_CFGI_STE] = "CFGI_STE",
	[HARM_CFGI_BREAK] = "CFGI_STE after the entry was made invalid",
	[HARM_CFGI_MAKE] = "CFGI_STE after the entry was filled",
	[HARM_CFGI_L1] = "Leaf = 0 for a new level 1 descriptor",
	[HARM_VMALL] = "TLBI_S12_VMALL at attach",
	[HARM_S2_IPA] = "TLBI_S2_IPA after unmap",
	[HARM_PUBLISH_STE] = "barrier after the entry",
	[HARM_PUBLISH_COMMAND] = "barrier after the command",
	[HARM_ONE_PUBLISH] = "barrier between the entry's body and its V",
	[HARM_SYNC_WAIT] = "wait for CMD_SYNC",
};

struct life {
	struct smmu_bench *b;
	struct gw_smmu smmu;
	enum harm harm;
	const char *caught;
	bool two_level, up, poking;
	uint32_t cfgi_count, prod, cr0;
	uint64_t stamp;
	uint64_t root_a, root_b, root_old;
};

static void note(struct life *l, const char *what)
{
	if (l->caught == NULL) {
		l->caught = what;
	}
}

static uint64_t seen_word(struct life *l, uint64_t pa)
{
	uint64_t v;

	memcpy(&v, l->b->seen + (pa - BENCH_PA), 8);
	return v;
}

static bool cached_valid(struct life *l)
{
	for (uint32_t i = 0; i < SMMU_MODEL_CONFIGS_MAX; i++) {
		if (l->b->m.config[i].valid && l->b->m.config[i].sid == SID) {
			return (l->b->m.config[i].ste[0] & 1) != 0;
		}
	}
	return false;
}

/* The device writes. Which page got it; 0: none. */
static uint64_t poke(struct life *l)
{
	enum smmu_model_outcome outcome = smmu_bench_write(l->b, SID, VICTIM, ++l->stamp);

	if (seen_word(l, VICTIM) == l->stamp) {
		return VICTIM;
	}
	if (outcome == SMMU_MODEL_DONE) {
		for (uint32_t n = 1; n < 8; n++) {
			if (seen_word(l, BENCH_PAGE(n)) == l->stamp) {
				return BENCH_PAGE(n);
			}
		}
	}
	if (l->b->m.fault.type > 4 || (l->b->m.fault.type == 4 && cached_valid(l))) {
		note(l, "the SMMU read an entry that was half written");
	}
	return 0;
}

static void on_visible(struct smmu_model *m, uint64_t pa)
{
	struct life *l = m->ctx;
	uint64_t page;

	(void)pa;
	if (!l->poking) {
		return;
	}
	page = poke(l);
	if (page != 0 && page != PAGE_A && page != PAGE_B && page != PAGE_NEW) {
		note(l, "DMA reached memory that the stream never had");
	}
}

static uint32_t op_read32(void *ctx, uint32_t offset)
{
	struct life *l = ctx;
	uint32_t value = smmu_model_read32(&l->b->m, offset);

	if (l->harm == HARM_GBPA && offset == 0x44) {
		return value | BIT32(20);
	}
	if (l->harm == HARM_ACK && offset == 0x24) {
		return l->cr0;
	}
	if (l->harm == HARM_SYNC_WAIT && l->up && offset == 0x9c) {
		return l->prod;
	}
	return value;
}

static void op_write32(void *ctx, uint32_t offset, uint32_t value)
{
	struct life *l = ctx;

	if (l->harm == HARM_GBPA && offset == 0x44) {
		return;
	}
	if (offset == 0x20) {
		l->cr0 = value;
		if (poke(l) != 0) {
			note(l, "DMA during bring-up");
		}
	}
	if (offset == 0x98) {
		l->prod = value;
	}
	smmu_model_write32(&l->b->m, offset, value);
}

static void op_write64(void *ctx, uint32_t offset, uint64_t value)
{
	struct life *l = ctx;

	smmu_model_write64(&l->b->m, offset, value);
}

/* Does this harm take the command away? */
static bool command_gone(struct life *l, uint64_t op)
{
	switch (l->harm) {
	case HARM_CFGI_ALL:
		return op == 0x04;
	case HARM_NSNH_ALL:
		return op == 0x30;
	case HARM_CFGI_STE:
		return op == 0x03;
	case HARM_CFGI_BREAK:
		return op == 0x03 && l->cfgi_count++ % 2 == 0;
	case HARM_CFGI_MAKE:
		return op == 0x03 && l->cfgi_count++ % 2 == 1;
	case HARM_VMALL:
		return op == 0x28;
	case HARM_S2_IPA:
		return op == 0x2a;
	default:
		return false;
	}
}

static void op_publish(void *ctx, const void *mem, size_t len_bytes)
{
	struct life *l = ctx;
	uint64_t pa = smmu_model_pa(&l->b->m, mem);

	if (pa >= BENCH_PA + BENCH_CMDQ && pa < BENCH_PA + BENCH_EVENTQ) {
		uint64_t *entry = smmu_bench_word(l->b, pa);

		if (command_gone(l, entry[0] & 0xff)) {
			entry[0] = 0x46;
			entry[1] = 0;
		}
		if (l->harm == HARM_CFGI_L1 && (entry[0] & 0xff) == 0x03) {
			entry[1] |= 1;
		}
		if (l->harm == HARM_PUBLISH_COMMAND && l->up) {
			return;
		}
	} else if (l->up && pa != 0) {
		bool body = len_bytes == 64 && *smmu_bench_word(l->b, pa) == seen_word(l, pa);

		if (l->harm == HARM_PUBLISH_STE || (l->harm == HARM_ONE_PUBLISH && body)) {
			return;
		}
		if (l->harm == HARM_ONE_PUBLISH && len_bytes == 8) {
			len_bytes = 64;
		}
	}
	smmu_model_publish(&l->b->m, mem, len_bytes);
}

static void op_acquire(void *ctx, const void *mem, size_t len_bytes)
{
	struct life *l = ctx;

	smmu_model_acquire(&l->b->m, mem, len_bytes);
}

static uint64_t op_time_us(void *ctx)
{
	struct life *l = ctx;

	/* A wait that never ends ends soon. */
	return l->b->m.now_us += 100;
}

static uint64_t op_pa_of(void *ctx, const void *mem)
{
	struct life *l = ctx;

	return smmu_model_pa(&l->b->m, mem);
}

static const struct gw_smmu_ops harmed_ops = { op_read32, op_write32, op_write64, op_publish, op_acquire, op_time_us,
	op_pa_of };

/* Someone was here before: an entry that lets SID through, and translations of VMID. */
static void firmware(struct life *l)
{
	struct smmu_bench *b = l->b;
	static const uint64_t bypass[4] = { 0x9, UINT64_C(1) << 44, 0, 0 };

	l->root_old = smmu_bench_table(b);
	smmu_bench_map(b, l->root_old, VICTIM, PAGE_OLD, S2_RW, 3);
	smmu_bench_up(b);
	smmu_bench_ste(b, SID, bypass);
	smmu_bench_ste_s2(b, SID_OTHER, VMID, l->root_old, 0);
	assert_int_equal(smmu_bench_write(b, SID, VICTIM, 1), SMMU_MODEL_DONE);
	assert_int_equal(smmu_bench_write(b, SID_OTHER, VICTIM, 1), SMMU_MODEL_DONE);
	smmu_bench_cr0(b, 0);
	assert_int_equal(b->m.violations, 0);
}

static void step_init(struct life *l)
{
	struct gw_smmu_config config = smmu_model_config(l->b, l->two_level);

	config.ops = &harmed_ops;
	config.ctx = l;
	if (gw_smmu_probe(&l->smmu, &config) != ERR_OK || gw_smmu_init(&l->smmu) != ERR_OK) {
		note(l, "init");
		return;
	}
	for (uint32_t i = 0; i < SMMU_MODEL_TLB_MAX; i++) {
		if (l->b->m.tlb[i].kind != SMMU_MODEL_TLB_NONE) {
			note(l, "translations of an earlier owner");
		}
	}
	if (poke(l) != 0) {
		note(l, "DMA of a stream that was never attached");
	}
	l->up = true;
}

static void step_attach(struct life *l, uint64_t root, uint64_t page)
{
	const struct gw_smmu_s2 s2 = { .root_pa = root, .vmid = VMID, .t0sz = 25, .sl0 = 1, .ps = 4 };

	l->poking = true;
	if (gw_smmu_attach_s2(&l->smmu, SID, &s2) != ERR_OK) {
		note(l, "attach");
	}
	l->poking = false;
	if (poke(l) != page) {
		note(l, "DMA of an attached stream lands elsewhere");
	}
}

/* The page moves: unmapped, forgotten, mapped again. */
static void step_remap(struct life *l)
{
	uint64_t leaf = smmu_bench_leaf(l->b, l->root_b, VICTIM);

	smmu_bench_store(l->b, leaf, 0);
	if (gw_smmu_tlbi_s2_ipa(&l->smmu, VMID, VICTIM, 1, true) != ERR_OK || gw_smmu_sync(&l->smmu) != ERR_OK) {
		note(l, "TLBI");
	}
	if (smmu_bench_write(l->b, SID, VICTIM, ++l->stamp) == SMMU_MODEL_DONE) {
		note(l, "DMA to a page that was unmapped");
	}
	smmu_bench_store(l->b, leaf, PAGE_NEW | S2_RW | 3);
	if (gw_smmu_tlbi_s2_ipa(&l->smmu, VMID, VICTIM, 1, true) != ERR_OK || gw_smmu_sync(&l->smmu) != ERR_OK) {
		note(l, "TLBI");
	}
	if (poke(l) != PAGE_NEW) {
		note(l, "DMA lands on the page of before");
	}
}

static void step_detach(struct life *l)
{
	if (gw_smmu_detach(&l->smmu, SID) != ERR_OK) {
		note(l, "detach");
	}
	if (poke(l) != 0) {
		note(l, "DMA of a stream that was detached");
	}
}

/* One life of a stream; what caught the driver, NULL for nothing. */
static const char *live(enum harm harm, bool two_level, uint64_t seed)
{
	struct life l = { .b = smmu_bench_new(seed), .harm = harm, .two_level = two_level, .stamp = seed << 32 };

	l.b->m.inval = seed % 2 == 0 ? SMMU_MODEL_INVAL_AT_SYNC : SMMU_MODEL_INVAL_DRAWN;
	l.b->m.ack_delay = (uint32_t)(seed % 16);
	firmware(&l);
	memset(l.b->mem + BENCH_STRTAB, 0xff, 64u << BENCH_STRTAB_LOG2); /* as RAM is found */
	smmu_bench_publish(l.b, BENCH_PA, 64u << BENCH_STRTAB_LOG2);
	l.root_a = smmu_bench_table(l.b);
	l.root_b = smmu_bench_table(l.b);
	smmu_bench_map(l.b, l.root_a, VICTIM, PAGE_A, S2_RW, 3);
	smmu_bench_map(l.b, l.root_b, VICTIM, PAGE_B, S2_RW, 3);
	l.b->m.ctx = &l;
	l.b->m.on_visible = on_visible;
	step_init(&l);
	if (l.caught == NULL) {
		step_attach(&l, l.root_a, PAGE_A);
	}
	if (l.caught == NULL) {
		step_attach(&l, l.root_b, PAGE_B);
	}
	if (l.caught == NULL) {
		step_remap(&l);
	}
	if (l.caught == NULL) {
		step_detach(&l);
	}
	if (l.caught == NULL && l.b->m.violations != 0) {
		l.caught = "a register was written when it must not be";
	}
	smmu_bench_free(l.b);
	return l.caught;
}

static void the_driver_as_it_is_passes_for_every_seed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		for (uint32_t two_level = 0; two_level < 2; two_level++) {
			const char *caught = live(HARM_NONE, two_level != 0, seed);

			if (caught != NULL) {
				fail_msg("seed %u, %u levels: %s", (unsigned)seed, two_level + 1, caught);
			}
		}
	}
}

static void a_driver_that_misses_a_step_is_caught(void **state)
{
	(void)state;
	for (uint32_t harm = HARM_NONE + 1; harm < HARM_COUNT; harm++) {
		const char *first = NULL;
		uint32_t times = 0;

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			const char *caught = live((enum harm)harm, harm == HARM_CFGI_L1, seed);

			times += caught != NULL;
			first = first != NULL ? first : caught;
		}
		print_message(
			"without %-45s %2u of %u: %s\n", harm_name[harm], times, SEEDS, first != NULL ? first : "-");
		assert_true(times > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_driver_as_it_is_passes_for_every_seed),
		cmocka_unit_test(a_driver_that_misses_a_step_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
