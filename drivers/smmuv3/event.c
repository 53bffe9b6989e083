/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The event queue and its records (IHI 0070 7.2, 7.3). */
#include "drivers/smmuv3/smmuv3_priv.h"

/* Which fields a record has beyond the StreamID. */
enum event_shape { SHAPE_SID, SHAPE_ADDR, SHAPE_FETCH, SHAPE_WALK, SHAPE_FULL };

struct event_kind {
	const char *name;
	enum event_shape shape;
};

static const struct event_kind event_kind[] = {
	[0x01] = { "F_UUT", SHAPE_ADDR },
	[0x02] = { "C_BAD_STREAMID", SHAPE_SID },
	[0x03] = { "F_STE_FETCH", SHAPE_FETCH },
	[0x04] = { "C_BAD_STE", SHAPE_SID },
	[0x05] = { "F_BAD_ATS_TREQ", SHAPE_ADDR },
	[0x06] = { "F_STREAM_DISABLED", SHAPE_SID },
	[0x07] = { "F_TRANSL_FORBIDDEN", SHAPE_ADDR },
	[0x08] = { "C_BAD_SUBSTREAMID", SHAPE_SID },
	[0x09] = { "F_CD_FETCH", SHAPE_FETCH },
	[0x0a] = { "C_BAD_CD", SHAPE_SID },
	[0x0b] = { "F_WALK_EABT", SHAPE_WALK },
	[0x10] = { "F_TRANSLATION", SHAPE_FULL },
	[0x11] = { "F_ADDR_SIZE", SHAPE_FULL },
	[0x12] = { "F_ACCESS", SHAPE_FULL },
	[0x13] = { "F_PERMISSION", SHAPE_FULL },
	[0x20] = { "F_TLB_CONFLICT", SHAPE_ADDR },
	[0x21] = { "F_CFG_CONFLICT", SHAPE_ADDR },
	[0x24] = { "E_PAGE_REQUEST", SHAPE_ADDR },
	[0x25] = { "F_VMS_FETCH", SHAPE_FETCH },
};

static const char *const class_name[4] = { "CD fetch", "table walk", "input address", "-" };

void gw_smmu_event_decode(const uint64_t raw[4], struct gw_smmu_event *out)
{
	uint8_t type = (uint8_t)FIELD_GET(EVENT0_TYPE, raw[0]);
	enum event_shape shape = SHAPE_SID;

	*out = (struct gw_smmu_event){ .type = type, .name = "unknown", .class_name = "-", .class_code = 3 };
	for (uint32_t i = 0; i < 4; i++) {
		out->raw[i] = raw[i];
	}
	out->stream_id = (uint32_t)FIELD_GET(EVENT0_SID, raw[0]);
	if (type < ARRAY_SIZE(event_kind) && event_kind[type].name != NULL) {
		out->name = event_kind[type].name;
		shape = event_kind[type].shape;
	}
	if (shape == SHAPE_SID) {
		return;
	}
	out->has_addr = true;
	if (shape == SHAPE_FETCH) {
		out->addr = raw[3] & EVENT3_FETCH;
		out->read = true;
		return;
	}
	out->addr = raw[2];
	out->read = (raw[1] & EVENT1_RNW) != 0;
	if (shape == SHAPE_ADDR) {
		return;
	}
	out->stage2 = (raw[1] & EVENT1_S2) != 0;
	out->class_code = (uint8_t)FIELD_GET(EVENT1_CLASS, raw[1]);
	out->class_name = class_name[out->class_code];
	if (shape == SHAPE_FULL) {
		out->stalled = (raw[1] & EVENT1_STALL) != 0;
		out->has_ipa = out->stage2;
		out->ipa = out->stage2 ? raw[3] & EVENT3_IPA : 0;
	}
}

enum err gw_smmu_event_next(struct gw_smmu *smmu, struct gw_smmu_event *out)
{
	uint32_t entries = 1u << smmu->config.eventq_log2;
	uint32_t mask = 2 * entries - 1;
	uint32_t prod;
	uint32_t used;
	const uint64_t *record;
	uint64_t raw[4];

	if (smmu->phase != GW_SMMU_UP) {
		return ERR_AGAIN;
	}
	prod = smmu_read32(smmu, SMMU_EVENTQ_PROD);
	if (((prod ^ smmu->eventq_cons) & SMMU_EVENTQ_OVFLG) != 0) {
		smmu->eventq_cons ^= SMMU_EVENTQ_OVFLG;
		smmu->counts.event_overflows++;
		smmu_write32(smmu, SMMU_EVENTQ_CONS, smmu->eventq_cons);
		return ERR_LOST;
	}
	used = (prod - smmu->eventq_cons) & mask;
	if (used == 0 || used > entries) {
		return ERR_AGAIN;
	}
	record =
		(const uint64_t *)smmu->config.eventq + (size_t)(smmu->eventq_cons & (entries - 1)) * (EVENT_BYTES / 8);
	smmu_acquire(smmu, record, EVENT_BYTES);
	for (uint32_t i = 0; i < 4; i++) {
		raw[i] = record[i];
	}
	smmu->eventq_cons = (smmu->eventq_cons & SMMU_EVENTQ_OVFLG) | ((smmu->eventq_cons + 1) & mask);
	/* The record is ours before the SMMU may write over it. */
	smmu_publish(smmu, raw, sizeof(raw));
	smmu_write32(smmu, SMMU_EVENTQ_CONS, smmu->eventq_cons);
	smmu->counts.events++;
	gw_smmu_event_decode(raw, out);
	return ERR_OK;
}
