/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/smmuv3_mmio.h"

static uint32_t reg_read32(void *ctx, uint32_t offset)
{
	const struct smmuv3_mmio *m = ctx;

	return mmio_read32(m->base + offset);
}

static void reg_write32(void *ctx, uint32_t offset, uint32_t value)
{
	const struct smmuv3_mmio *m = ctx;

	mmio_write32(m->base + offset, value);
}

static void reg_write64(void *ctx, uint32_t offset, uint64_t value)
{
	const struct smmuv3_mmio *m = ctx;

	mmio_write64(m->base + offset, value);
}

/* Coherent: being complete is being seen. */
static void publish(void *ctx, const void *mem, size_t len_bytes)
{
	(void)ctx;
	(void)mem;
	(void)len_bytes;
	mmio_complete();
}

static void acquire(void *ctx, const void *mem, size_t len_bytes)
{
	(void)ctx;
	(void)mem;
	(void)len_bytes;
	mmio_rmb();
}

static uint64_t time_us(void *ctx)
{
	const struct smmuv3_mmio *m = ctx;

	return m->clock.time_us(m->clock.ctx);
}

const struct gw_smmu_ops smmuv3_mmio_ops = {
	.read32 = reg_read32,
	.write32 = reg_write32,
	.write64 = reg_write64,
	.publish = publish,
	.acquire = acquire,
	.time_us = time_us,
	.pa_of = NULL,
};
