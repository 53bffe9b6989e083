/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Joins the driver to the SMMUv3 model. */
#include "tests/fake/smmuv3_model_ops.h"

static uint32_t op_read32(void *ctx, uint32_t offset)
{
	return smmu_model_read32(ctx, offset);
}

static void op_write32(void *ctx, uint32_t offset, uint32_t value)
{
	smmu_model_write32(ctx, offset, value);
}

static void op_write64(void *ctx, uint32_t offset, uint64_t value)
{
	smmu_model_write64(ctx, offset, value);
}

static void op_publish(void *ctx, const void *mem, size_t len_bytes)
{
	smmu_model_publish(ctx, mem, len_bytes);
}

static void op_acquire(void *ctx, const void *mem, size_t len_bytes)
{
	smmu_model_acquire(ctx, mem, len_bytes);
}

static uint64_t op_time_us(void *ctx)
{
	struct smmu_model *m = ctx;

	m->now_us += m->time_step_us;
	return m->now_us;
}

static uint64_t op_pa_of(void *ctx, const void *mem)
{
	return smmu_model_pa(ctx, mem);
}

const struct gw_smmu_ops smmu_model_ops = { op_read32, op_write32, op_write64, op_publish, op_acquire, op_time_us,
	op_pa_of };

struct gw_smmu_config smmu_model_config(struct smmu_bench *b, bool two_level)
{
	struct gw_smmu_config config = {
		.ops = &smmu_model_ops,
		.ctx = &b->m,
		.pa_bits = 40,
		.stream_bits = BENCH_STRTAB_LOG2,
		.strtab = b->mem + BENCH_STRTAB,
		.strtab_bytes = 64u << BENCH_STRTAB_LOG2,
		.cmdq = b->mem + BENCH_CMDQ,
		.cmdq_log2 = BENCH_CMDQ_LOG2,
		.eventq = b->mem + BENCH_EVENTQ,
		.eventq_log2 = BENCH_EVENTQ_LOG2,
	};

	if (two_level) {
		config.stream_bits = 10;
		config.strtab_bytes = 64;
		config.leaves = b->mem + BENCH_LEAVES;
		config.leaf_count = 2;
	}
	return config;
}
