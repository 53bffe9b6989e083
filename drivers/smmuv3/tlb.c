/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Invalidation of stage 2 translations (IHI 0070 4.4). */
#include "core/base/addr.h"
#include "drivers/smmuv3/smmuv3_priv.h"

/* Without RIL: single pages up to here, the whole VMID beyond. */
#define TLBI_PAGES_MAX	     8u
/* With RIL: pages that SCALE 0 to 3 reach; one command for each non-zero digit in base 32. */
#define TLBI_RANGE_DIGITS    4u
#define TLBI_RANGE_PAGES_MAX (1u << (5u * TLBI_RANGE_DIGITS))

static uint32_t range_command_count(uint64_t page_count)
{
	uint32_t count = 0;

	for (uint32_t digit = 0; digit < TLBI_RANGE_DIGITS; digit++) {
		count += ((page_count >> (5 * digit)) & 31) != 0;
	}
	return count;
}

static void range_put(struct gw_smmu *smmu, uint64_t d0, uint64_t d1, uint64_t addr, uint64_t page_count)
{
	for (uint32_t digit = 0; digit < TLBI_RANGE_DIGITS; digit++) {
		uint64_t scale = 5 * digit;
		uint64_t num = (page_count >> scale) & 31;

		if (num == 0) {
			continue;
		}
		if (num == 1 && scale == 0) {
			/* TG with NUM, SCALE and TTL zero is reserved: one page is no range. */
			smmu_cmdq_put(smmu, d0, d1 | (addr & CMD1_IPA));
		} else {
			smmu_cmdq_put(smmu, d0 | FIELD_PREP(CMD0_NUM, num - 1) | FIELD_PREP(CMD0_SCALE, scale),
				d1 | FIELD_PREP(CMD1_TG, CMD1_TG_4K) | (addr & CMD1_IPA));
		}
		addr += (num << scale) * PAGE_BYTES;
	}
}

enum err gw_smmu_tlbi_s2_ipa(struct gw_smmu *smmu, uint16_t vmid, uint64_t ipa, uint64_t page_count, bool leaf_only)
{
	uint64_t d0 = CMD_TLBI_S2_IPA | FIELD_PREP(CMD0_VMID, vmid);
	uint64_t d1 = leaf_only ? CMD1_LEAF : 0;
	uint64_t limit = smmu->features.range_inval ? TLBI_RANGE_PAGES_MAX - 1 : TLBI_PAGES_MAX;

	if (smmu->phase != GW_SMMU_UP) {
		return ERR_BAD_STATE;
	}
	if (page_count == 0 || (ipa & PAGE_MASK) != 0 || (ipa & ~CMD1_IPA) != 0 ||
		page_count > (BIT64(52) - ipa) / PAGE_BYTES) {
		return ERR_RANGE;
	}
	if (page_count > limit) {
		return gw_smmu_tlbi_vmid(smmu, vmid);
	}
	if (smmu->features.range_inval) {
		if (!smmu_cmdq_room(smmu, range_command_count(page_count))) {
			return ERR_FULL;
		}
		range_put(smmu, d0, d1, ipa, page_count);
	} else {
		if (!smmu_cmdq_room(smmu, (uint32_t)page_count)) {
			return ERR_FULL;
		}
		for (uint64_t i = 0; i < page_count; i++) {
			smmu_cmdq_put(smmu, d0, d1 | ((ipa + i * PAGE_BYTES) & CMD1_IPA));
		}
	}
	smmu_cmdq_ring(smmu);
	return ERR_OK;
}

enum err gw_smmu_tlbi_vmid(struct gw_smmu *smmu, uint16_t vmid)
{
	if (smmu->phase != GW_SMMU_UP) {
		return ERR_BAD_STATE;
	}
	if (!smmu_cmdq_room(smmu, 1)) {
		return ERR_FULL;
	}
	smmu_cmdq_put(smmu, CMD_TLBI_S12_VMALL | FIELD_PREP(CMD0_VMID, vmid), 0);
	smmu_cmdq_ring(smmu);
	return ERR_OK;
}
