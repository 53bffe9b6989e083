/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The cases over the SMMUv3 model: the same lines as the board prints for the same seed.
 *
 *	host smmu|walk SEED FIRST COUNT [IDR0 IDR1 IDR3 IDR5 AIDR]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/diff/smmu_case.h"
#include "tests/diff/walk_run.h"
#include "tests/fake/smmuv3_model.h"

#define WALK_SID   8u
#define WALK_VMID  1u
#define HTTU_FULL  (UINT32_C(2) << 6)
#define SEED_MODEL 1u

struct host {
	struct smmu_model model;
	uint32_t buffer[DIFF_DEVICES];
	uint32_t prod; /* of the command queue, for walks */
	uint8_t *mem, *seen;
};

static uint32_t reg_read(void *ctx, uint32_t offset)
{
	return smmu_model_read32(&((struct host *)ctx)->model, offset);
}

static void reg_write(void *ctx, uint32_t offset, uint32_t value)
{
	smmu_model_write32(&((struct host *)ctx)->model, offset, value);
}

static void reg_write64(void *ctx, uint32_t offset, uint64_t value)
{
	smmu_model_write64(&((struct host *)ctx)->model, offset, value);
}

static void dma(void *ctx, uint32_t device, uint64_t iova, bool to_memory)
{
	static const uint32_t sids[DIFF_DEVICES] = DIFF_SIDS;
	struct host *h = ctx;

	/* An abort is silent: the device's buffer, or memory, stays as it was. */
	(void)smmu_model_access(
		&h->model, sids[device], SMMU_MODEL_NO_SSID, iova, sizeof(h->buffer[0]), to_memory, &h->buffer[device]);
}

static void publish(void *ctx, uint64_t pa, uint32_t len)
{
	struct host *h = ctx;

	smmu_model_publish(&h->model, h->mem + (pa - DIFF_PA), len);
}

static void update(void *ctx, uint64_t pa, uint64_t clear, uint64_t set)
{
	(void)smmu_model_cpu_rmw(&((struct host *)ctx)->model, pa, clear, set);
}

/* ---- stage 2 of a CPU: a stream of the model with the same regime ---- */

static void store(struct host *h, uint64_t pa, uint64_t value)
{
	memcpy(h->mem + (pa - DIFF_PA), &value, sizeof(value));
	publish(h, pa, sizeof(value));
}

static void command(struct host *h, uint64_t d0, uint64_t d1)
{
	uint64_t at = DIFF_CMDQ + 16u * (h->prod & ((1u << DIFF_CMDQ_LOG2) - 1));

	store(h, at, d0);
	store(h, at + 8, d1);
	h->prod = (h->prod + 1) & ((2u << DIFF_CMDQ_LOG2) - 1);
	reg_write(h, 0x98, h->prod);
}

static void sync(struct host *h)
{
	command(h, 0x46, 0);
}

static void walk_begin(void *ctx, const struct diff_regime *r)
{
	struct host *h = ctx;
	uint64_t tg = r->granule == 12 ? 0 : r->granule == 16 ? 1 : 2;
	uint64_t sl0 = (uint64_t)((r->granule == 12 ? 2 : 3) - r->start_level);
	uint64_t ste = DIFF_STRTAB + 64 * WALK_SID;

	store(h, ste, 0xd);
	store(h, ste + 8, BIT64(44));
	store(h, ste + 16,
		WALK_VMID | (uint64_t)(64 - r->input_bits) << 32 | sl0 << 38 | UINT64_C(1) << 40 | UINT64_C(1) << 42 |
			UINT64_C(3) << 44 | tg << 46 | (uint64_t)r->ps << 48 | BIT64(51) | (r->hd ? BIT64(55) : 0) |
			(r->ha ? BIT64(56) : 0) | BIT64(58));
	store(h, ste + 24, r->root);
	command(h, 0x04, 31);
	command(h, 0x30, 0);
	sync(h);
}

static struct diff_fault walk_access(void *ctx, uint64_t ipa, bool write, uint64_t *value)
{
	struct host *h = ctx;
	enum smmu_model_outcome outcome =
		smmu_model_access(&h->model, WALK_SID, SMMU_MODEL_NO_SSID, ipa, sizeof(*value), write, value);

	/* Nobody reads the records here. */
	reg_write(h, 0x100ac, reg_read(h, 0x100a8));
	if (outcome == SMMU_MODEL_DONE) {
		return (struct diff_fault){ 0 };
	}
	if (h->model.fault.type == 0) {
		return (struct diff_fault){ .type = UINT8_MAX };
	}
	return (struct diff_fault){ .type = h->model.fault.type, .level = h->model.fault.level };
}

static void walk_invalidate(void *ctx, uint64_t ipa)
{
	command(ctx, 0x2a | (uint64_t)WALK_VMID << 32, ipa & MASK64(51, 12));
	sync(ctx);
}

static void walk_invalidate_all(void *ctx)
{
	command(ctx, 0x28 | (uint64_t)WALK_VMID << 32, 0);
	sync(ctx);
}

static void line(void *ctx, const char *text)
{
	(void)ctx;
	(void)puts(text);
}

static const struct diff_ops ops = {
	.reg_read = reg_read,
	.reg_write = reg_write,
	.reg_write64 = reg_write64,
	.dma = dma,
	.publish = publish,
	.update = update,
	.walk_begin = walk_begin,
	.walk_access = walk_access,
	.walk_invalidate = walk_invalidate,
	.walk_invalidate_all = walk_invalidate_all,
	.line = line,
};

static void walk_init(struct host *h)
{
	/* As QEMU's CPU keeps its translations. */
	h->model.tlb_pages = true;
	h->model.tlb_grants_only = true;
	h->model.id.idr0 |= HTTU_FULL;
}

int main(int argc, char **argv)
{
	struct host h = { 0 };
	struct diff_machine m = { .ops = &ops, .ctx = &h, .pool_next = DIFF_POOL };
	uint64_t seed, first, count;
	bool walk;

	if (argc != 5 && argc != 10) {
		(void)fprintf(stderr, "host smmu|walk SEED FIRST COUNT [IDR0 IDR1 IDR3 IDR5 AIDR]\n");
		return 2;
	}
	walk = strcmp(argv[1], "walk") == 0;
	seed = strtoull(argv[2], NULL, 0);
	first = strtoull(argv[3], NULL, 0);
	count = strtoull(argv[4], NULL, 0);
	h.mem = calloc(1, DIFF_BYTES);
	h.seen = calloc(1, DIFF_BYTES);
	if (h.mem == NULL || h.seen == NULL) {
		free(h.mem);
		free(h.seen);
		return 2;
	}
	m.mem = h.mem;
	smmu_model_reset(&h.model, h.mem, h.seen, DIFF_PA, DIFF_BYTES, SEED_MODEL);
	h.model.pace = SMMU_MODEL_AT_ONCE;
	h.model.ack_delay = 0;
	if (argc == 10) {
		h.model.id = (struct smmu_model_id){ (uint32_t)strtoul(argv[5], NULL, 0),
			(uint32_t)strtoul(argv[6], NULL, 0), (uint32_t)strtoul(argv[7], NULL, 0),
			(uint32_t)strtoul(argv[8], NULL, 0), (uint32_t)strtoul(argv[9], NULL, 0) };
	}
	if (walk) {
		walk_init(&h);
	}
	smmu_run_begin(&m);
	if (walk) {
		reg_write(&h, 0x88, 4);
		reg_write(&h, 0x20, 0xd);
		(void)reg_read(&h, 0x24);
		walk_run_begin(&m);
	}
	if (!walk) {
		smmu_run_cases(&m, seed, first, count);
	}
	for (uint64_t n = first; walk && n < first + count; n++) {
		walk_run_case(&m, seed, n);
	}
	if (h.model.violations != 0) {
		(void)printf("x %u violations: %s\n", h.model.violations, h.model.violation);
	}
	free(h.mem);
	free(h.seen);
	return 0;
}
