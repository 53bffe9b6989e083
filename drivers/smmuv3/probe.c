/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What this SMMU is, and whether that is enough (IHI 0070 6.3.1 to 6.3.6). */
#include "drivers/smmuv3/smmuv3_priv.h"

/* IDR5.OAS and STE.S2PS: bits of an output address. */
static const uint8_t oas_bits[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };

static void features_read(struct gw_smmu *smmu)
{
	struct gw_smmu_features *f = &smmu->features;

	f->idr0 = smmu_read32(smmu, SMMU_IDR0);
	f->idr1 = smmu_read32(smmu, SMMU_IDR1);
	f->idr3 = smmu_read32(smmu, SMMU_IDR3);
	f->idr5 = smmu_read32(smmu, SMMU_IDR5);
	f->aidr = smmu_read32(smmu, SMMU_AIDR);
	f->stream_bits = (uint8_t)FIELD_GET(SMMU_IDR1_SIDSIZE, f->idr1);
	f->oas_bits = oas_bits[FIELD_GET(SMMU_IDR5_OAS, f->idr5)];
	f->coherent = (f->idr0 & SMMU_IDR0_COHACC) != 0;
	f->two_level = FIELD_GET(SMMU_IDR0_ST_LEVEL, f->idr0) == SMMU_IDR0_ST_LEVEL_TWO;
	f->range_inval = (f->idr3 & SMMU_IDR3_RIL) != 0;
	f->broadcast_tlb = (f->idr0 & SMMU_IDR0_BTM) != 0;
	f->vmid16 = (f->idr0 & SMMU_IDR0_VMID16) != 0;
	f->fwb = (f->idr3 & SMMU_IDR3_FWB) != 0;
	f->hyp = (f->idr0 & SMMU_IDR0_HYP) != 0;
	/* Updates by hardware need the walk to be coherent; without it there are none (A11). */
	f->httu = f->coherent ? (uint8_t)FIELD_GET(SMMU_IDR0_HTTU, f->idr0) : 0;
}

static enum err hardware_check(struct gw_smmu *smmu)
{
	const struct gw_smmu_features *f = &smmu->features;
	const struct gw_smmu_config *c = &smmu->config;

	if ((f->idr0 & SMMU_IDR0_S2P) == 0) {
		SMMU_REASON(smmu, "SMMU has no stage 2: IDR0.S2P = 0 (IDR0 0x%08x)", f->idr0);
		return ERR_UNSUPPORTED;
	}
	if ((FIELD_GET(SMMU_IDR0_TTF, f->idr0) & SMMU_IDR0_TTF_AARCH64) == 0) {
		SMMU_REASON(smmu, "SMMU has no AArch64 tables: IDR0.TTF = %u", FIELD_GET(SMMU_IDR0_TTF, f->idr0));
		return ERR_UNSUPPORTED;
	}
	if (FIELD_GET(SMMU_IDR0_TTENDIAN, f->idr0) == SMMU_IDR0_TTENDIAN_BIG) {
		SMMU_REASON(smmu, "SMMU walks big-endian tables only: IDR0.TTENDIAN = 3");
		return ERR_UNSUPPORTED;
	}
	if (FIELD_GET(SMMU_IDR0_STALL_MODEL, f->idr0) == SMMU_IDR0_STALL_MODEL_FORCED) {
		SMMU_REASON(smmu, "SMMU stalls every fault, PCIe cannot: IDR0.STALL_MODEL = 2");
		return ERR_UNSUPPORTED;
	}
	if (!f->coherent && !c->maintains_caches) {
		SMMU_REASON(smmu, "SMMU accesses are not coherent: IDR0.COHACC = 0");
		return ERR_UNSUPPORTED;
	}
	if ((f->idr5 & SMMU_IDR5_GRAN4K) == 0) {
		SMMU_REASON(smmu, "SMMU has no 4 KiB granule: IDR5.GRAN4K = 0 (IDR5 0x%08x)", f->idr5);
		return ERR_UNSUPPORTED;
	}
	if (f->oas_bits < c->pa_bits) {
		SMMU_REASON(smmu, "SMMU output size: IDR5.OAS gives %u bits, %u needed", f->oas_bits, c->pa_bits);
		return ERR_UNSUPPORTED;
	}
	if (f->stream_bits < c->stream_bits) {
		SMMU_REASON(smmu, "SMMU StreamIDs: IDR1.SIDSIZE = %u, %u needed", f->stream_bits, c->stream_bits);
		return ERR_UNSUPPORTED;
	}
	if ((f->idr1 & (SMMU_IDR1_QUEUES_PRESET | SMMU_IDR1_TABLES_PRESET)) != 0) {
		SMMU_REASON(smmu, "SMMU fixes its own queues or tables: IDR1.*_PRESET (IDR1 0x%08x)", f->idr1);
		return ERR_UNSUPPORTED;
	}
	if (c->cmdq_log2 > FIELD_GET(SMMU_IDR1_CMDQS, f->idr1)) {
		SMMU_REASON(smmu, "SMMU command queue: IDR1.CMDQS = %u, %u needed", FIELD_GET(SMMU_IDR1_CMDQS, f->idr1),
			c->cmdq_log2);
		return ERR_UNSUPPORTED;
	}
	if (c->eventq_log2 > FIELD_GET(SMMU_IDR1_EVENTQS, f->idr1)) {
		SMMU_REASON(smmu, "SMMU event queue: IDR1.EVENTQS = %u, %u needed",
			FIELD_GET(SMMU_IDR1_EVENTQS, f->idr1), c->eventq_log2);
		return ERR_UNSUPPORTED;
	}
	if (c->leaf_count != 0 && !f->two_level) {
		SMMU_REASON(smmu, "SMMU has no two-level stream table: IDR0.ST_LEVEL = 0");
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

static bool aligned_to(const struct gw_smmu *smmu, const void *mem, uint64_t bytes)
{
	return mem != NULL && smmu_pa_of(smmu, mem) % bytes == 0;
}

static enum err memory_check(struct gw_smmu *smmu)
{
	const struct gw_smmu_config *c = &smmu->config;

	if (c->cmdq_log2 < 2 || c->cmdq_log2 > 19 || !aligned_to(smmu, c->cmdq, (uint64_t)CMD_BYTES << c->cmdq_log2)) {
		SMMU_REASON(smmu, "SMMU config: command queue of 2^%u entries, or its alignment", c->cmdq_log2);
		return ERR_RANGE;
	}
	if (c->eventq_log2 < 1 || c->eventq_log2 > 19 ||
		!aligned_to(smmu, c->eventq, (uint64_t)EVENT_BYTES << c->eventq_log2)) {
		SMMU_REASON(smmu, "SMMU config: event queue of 2^%u entries, or its alignment", c->eventq_log2);
		return ERR_RANGE;
	}
	if (c->stream_bits > GW_SMMU_STREAM_BITS_MAX) {
		SMMU_REASON(smmu, "SMMU config: %u StreamID bits, at most %u", c->stream_bits, GW_SMMU_STREAM_BITS_MAX);
		return ERR_RANGE;
	}
	return smmu_strtab_check(smmu);
}

enum err gw_smmu_probe(struct gw_smmu *smmu, const struct gw_smmu_config *config)
{
	enum err err;

	*smmu = (struct gw_smmu){ .config = *config };
	features_read(smmu);
	err = memory_check(smmu);
	if (err != ERR_OK) {
		return err;
	}
	err = hardware_check(smmu);
	if (err != ERR_OK) {
		return err;
	}
	smmu->phase = GW_SMMU_PROBED;
	return ERR_OK;
}

const char *gw_smmu_reason(const struct gw_smmu *smmu)
{
	return smmu->reason;
}
