/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Shared by the files of the SMMUv3 driver only. */
#ifndef DRIVERS_SMMUV3_SMMUV3_PRIV_H
#define DRIVERS_SMMUV3_SMMUV3_PRIV_H

#include "core/base/fmt.h"
#include "drivers/smmuv3/smmuv3.h"
#include "drivers/smmuv3/smmuv3_regs.h"

#define SMMU_SPLIT_BITS 8u

static inline uint32_t smmu_read32(const struct gw_smmu *smmu, uint32_t offset)
{
	return smmu->config.ops->read32(smmu->config.ctx, offset);
}

static inline void smmu_write32(const struct gw_smmu *smmu, uint32_t offset, uint32_t value)
{
	smmu->config.ops->write32(smmu->config.ctx, offset, value);
}

static inline void smmu_write64(const struct gw_smmu *smmu, uint32_t offset, uint64_t value)
{
	smmu->config.ops->write64(smmu->config.ctx, offset, value);
}

static inline void smmu_publish(const struct gw_smmu *smmu, const void *mem, size_t len_bytes)
{
	smmu->config.ops->publish(smmu->config.ctx, mem, len_bytes);
}

static inline void smmu_acquire(const struct gw_smmu *smmu, const void *mem, size_t len_bytes)
{
	smmu->config.ops->acquire(smmu->config.ctx, mem, len_bytes);
}

static inline uint64_t smmu_time_us(const struct gw_smmu *smmu)
{
	return smmu->config.ops->time_us(smmu->config.ctx);
}

static inline uint64_t smmu_pa_of(const struct gw_smmu *smmu, const void *mem)
{
	if (smmu->config.ops->pa_of == NULL) {
		return (uint64_t)(uintptr_t)mem;
	}
	return smmu->config.ops->pa_of(smmu->config.ctx, mem);
}

/** Write a word of a structure that the SMMU may be reading: one 64-bit store. */
static inline void smmu_store64(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

#define SMMU_REASON(smmu, ...) ((void)fmt((smmu)->reason, sizeof((smmu)->reason), __VA_ARGS__))

/** cmdq.c: room for count commands and one SYNC after them? */
bool smmu_cmdq_room(struct gw_smmu *smmu, uint32_t count);
/** Put one command; the caller has asked for room. Not seen by the SMMU before smmu_cmdq_ring. */
void smmu_cmdq_put(struct gw_smmu *smmu, uint64_t d0, uint64_t d1);
/** Publish what was put. */
void smmu_cmdq_ring(struct gw_smmu *smmu);
/** SYNC after what was put, in the slot that smmu_cmdq_room keeps; rings. */
void smmu_cmdq_sync(struct gw_smmu *smmu, struct gw_smmu_token *token);
/** Spin on a token, bounded. */
enum err smmu_cmdq_wait(struct gw_smmu *smmu, const struct gw_smmu_token *token) MUST_CHECK;

/** stream_table.c: bytes of the table that the config asks for, and its register value. */
enum err smmu_strtab_check(struct gw_smmu *smmu) MUST_CHECK;
void smmu_strtab_clear(struct gw_smmu *smmu);
uint32_t smmu_strtab_base_cfg(const struct gw_smmu *smmu);

#endif
