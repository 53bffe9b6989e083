/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What the SMMUv3 model remembers, and what makes it forget (IHI 0070 3.17, 4.3 to 4.5). */
#include "tests/fake/smmuv3_model_priv.h"

/* What one TLBI reaches. */
struct reach {
	uint8_t kinds; /* bit per smmu_model_tlb_kind */
	bool el2;
	bool any_vmid;
	bool by_asid;
	bool by_addr;
	uint16_t vmid, asid;
	uint64_t lo, len;
	uint8_t level; /* 0: any */
};

#define PAGE_LOG2 12u
#define KINDS_S1  (1u << SMMU_MODEL_TLB_S1 | 1u << SMMU_MODEL_TLB_S12)
#define KINDS_S2  (1u << SMMU_MODEL_TLB_S2)

static bool same_tag(const struct smmu_model_tlb *e, const struct smmu_model_tlb *key)
{
	return e->kind == key->kind && e->el2 == key->el2 && e->vmid == key->vmid &&
	       (e->kind == SMMU_MODEL_TLB_S2 || e->global || e->asid == key->asid);
}

struct smmu_model_tlb *model_tlb_find(struct smmu_model *m, const struct smmu_model_tlb *key, bool *conflict)
{
	struct smmu_model_tlb *hit = NULL;

	*conflict = false;
	for (uint32_t i = 0; i < SMMU_MODEL_TLB_MAX; i++) {
		struct smmu_model_tlb *e = &m->tlb[i];

		if (e->kind == SMMU_MODEL_TLB_NONE || !same_tag(e, key) ||
			key->in >> e->size_log2 != e->in >> e->size_log2) {
			continue;
		}
		if (hit != NULL) {
			*conflict = true;
			continue;
		}
		hit = e;
	}
	return hit;
}

void model_tlb_add(struct smmu_model *m, const struct smmu_model_tlb *e, uint64_t addr)
{
	struct smmu_model_tlb *place = NULL;
	struct smmu_model_tlb key = *e;
	bool conflict;

	if (m->tlb_grants_only) {
		key.in = addr;
		place = model_tlb_find(m, &key, &conflict);
	}
	for (uint32_t i = 0; i < SMMU_MODEL_TLB_MAX && place == NULL; i++) {
		if (m->tlb[i].kind == SMMU_MODEL_TLB_NONE) {
			place = &m->tlb[i];
		}
	}
	if (place == NULL) {
		place = &m->tlb[m->tlb_next];
		m->tlb_next = (m->tlb_next + 1) % SMMU_MODEL_TLB_MAX;
	}
	*place = *e;
	place->whole_log2 = MAX(e->whole_log2, e->size_log2);
	if (m->tlb_pages && e->size_log2 > PAGE_LOG2) {
		uint64_t part = addr & ((UINT64_C(1) << e->size_log2) - 1) & ~((UINT64_C(1) << PAGE_LOG2) - 1);

		place->in += part;
		place->ipa += part;
		place->out += part;
		place->size_log2 = PAGE_LOG2;
	}
}

static bool reached(const struct smmu_model_tlb *e, const struct reach *r)
{
	uint64_t lo;

	if ((r->kinds >> e->kind & 1) == 0 || e->el2 != r->el2 || (!r->any_vmid && !r->el2 && e->vmid != r->vmid)) {
		return false;
	}
	if (r->by_asid && (e->global ? !r->by_addr : e->asid != r->asid)) {
		return false;
	}
	if (!r->by_addr) {
		return true;
	}
	if (r->level != 0 && e->level != r->level) {
		return false;
	}
	/* One leaf is one entry to an invalidation, however it is kept (Arm ARM D8.16). */
	lo = e->in & ~((UINT64_C(1) << e->whole_log2) - 1);
	return lo < r->lo + r->len && r->lo < lo + (UINT64_C(1) << e->whole_log2);
}

static void flight_land(struct smmu_model *m, struct smmu_model_flight *f)
{
	f->busy = false;
	(void)model_copy(m, f->pa, f->data, f->len, true);
}

void model_flights_land(struct smmu_model *m)
{
	for (uint32_t i = 0; i < SMMU_MODEL_FLIGHT_MAX; i++) {
		if (m->flight[i].busy) {
			flight_land(m, &m->flight[i]);
		}
	}
}

static void tlb_drop(struct smmu_model *m, const struct reach *r)
{
	for (uint32_t i = 0; i < SMMU_MODEL_TLB_MAX; i++) {
		if (m->tlb[i].kind != SMMU_MODEL_TLB_NONE && reached(&m->tlb[i], r)) {
			m->tlb[i].kind = SMMU_MODEL_TLB_NONE;
		}
	}
	for (uint32_t i = 0; i < SMMU_MODEL_FLIGHT_MAX; i++) {
		if (m->flight[i].busy && reached(&m->flight[i].via, r)) {
			flight_land(m, &m->flight[i]);
		}
	}
}

static void range_decode(const struct smmu_model *m, uint64_t d0, uint64_t d1, uint64_t addr, struct reach *r)
{
	static const uint8_t shift[4] = { 12, 12, 14, 16 };
	uint64_t tg = model_bits(d1, 11, 10);

	r->by_addr = true;
	r->lo = addr;
	r->len = 4096;
	if (!model_bit(m->id.idr3, 10) || tg == 0) {
		return;
	}
	r->lo = addr & ~((UINT64_C(1) << shift[tg]) - 1);
	r->len = (model_bits(d0, 16, 12) + 1) << (model_bits(d0, 24, 20) + shift[tg]);
	r->level = (uint8_t)model_bits(d1, 9, 8);
}

static void tlbi(struct smmu_model *m, uint32_t op, uint64_t d0, uint64_t d1)
{
	struct reach r = {
		.kinds = KINDS_S1,
		.el2 = (op & 0xf0) == 0x20 && op < 0x28,
		.vmid = (uint16_t)(d0 >> 32),
		.asid = (uint16_t)(d0 >> 48),
	};

	if (!model_bit(m->id.idr0, 18)) {
		r.vmid &= 0xff;
	}
	switch (op) {
	case 0x11:
	case 0x21:
		r.by_asid = true;
		break;
	case 0x12:
	case 0x22:
		r.by_asid = true;
		range_decode(m, d0, d1, d1 & MASK64(63, 12), &r);
		break;
	case 0x13:
	case 0x23:
		range_decode(m, d0, d1, d1 & MASK64(63, 12), &r);
		break;
	case 0x28:
		r.kinds = KINDS_S1 | KINDS_S2;
		break;
	case 0x2a:
		r.kinds = KINDS_S2;
		range_decode(m, d0, d1, d1 & MASK64(51, 12), &r);
		break;
	case 0x30:
		r.kinds = KINDS_S1 | KINDS_S2;
		r.any_vmid = true;
		break;
	default:
		break;
	}
	tlb_drop(m, &r);
}

/* CFGI_STE and its range; CDs fetched through an entry go with it. */
static void cfgi_ste(struct smmu_model *m, uint32_t first, uint64_t count, bool l1_too)
{
	uint32_t split = (uint32_t)model_bits(m->strtab_cfg, 10, 6);

	for (uint32_t i = 0; i < SMMU_MODEL_CONFIGS_MAX; i++) {
		if (m->config[i].valid && m->config[i].sid - (uint64_t)first < count) {
			m->config[i].valid = false;
		}
	}
	for (uint32_t i = 0; i < SMMU_MODEL_CDS_MAX; i++) {
		if (m->cds[i].valid && m->cds[i].sid - (uint64_t)first < count) {
			m->cds[i].valid = false;
		}
	}
	for (uint32_t i = 0; l1_too && i < SMMU_MODEL_L1_MAX; i++) {
		uint64_t lo = (uint64_t)m->l1[i].index << split;

		if (m->l1[i].valid && lo < first + count && first < lo + (UINT64_C(1) << split)) {
			m->l1[i].valid = false;
		}
	}
}

static void cfgi_cd(struct smmu_model *m, uint32_t sid, uint32_t ssid, bool all)
{
	for (uint32_t i = 0; i < SMMU_MODEL_CDS_MAX; i++) {
		if (m->cds[i].valid && m->cds[i].sid == sid && (all || m->cds[i].ssid == ssid)) {
			m->cds[i].valid = false;
		}
	}
}

static void atc_inv(struct smmu_model *m, uint64_t d0, uint64_t d1)
{
	uint32_t size = (uint32_t)model_bits(d1, 5, 0);
	uint64_t len = size >= 52 ? 0 : UINT64_C(4096) << size;
	uint64_t lo = len == 0 ? 0 : d1 & MASK64(63, 12) & ~(len - 1);

	for (uint32_t i = 0; i < SMMU_MODEL_ATC_MAX; i++) {
		struct smmu_model_atc *e = &m->atc[i];
		uint32_t ssid = model_bit(d0, 11) ? (uint32_t)model_bits(d0, 31, 12) : SMMU_MODEL_NO_SSID;

		if (!e->valid || e->sid != (uint32_t)(d0 >> 32) || (!model_bit(d0, 9) && e->ssid != ssid)) {
			continue;
		}
		if (len == 0 || (e->in < lo + len && lo < e->in + (UINT64_C(1) << e->size_log2))) {
			e->valid = false;
		}
	}
}

void model_invalidate(struct smmu_model *m, uint64_t d0, uint64_t d1)
{
	uint32_t op = (uint32_t)(d0 & 0xff);
	uint32_t sid = (uint32_t)(d0 >> 32);
	uint32_t range = (uint32_t)model_bits(d1, 4, 0);

	switch (op) {
	case 0x03:
		cfgi_ste(m, sid, 1, !model_bit(d1, 0));
		break;
	case 0x04:
		if (range == 31) {
			cfgi_ste(m, 0, UINT64_C(1) << 32, true);
		} else {
			cfgi_ste(m, sid & ~(uint32_t)((UINT64_C(2) << range) - 1), UINT64_C(2) << range, true);
		}
		break;
	case 0x05:
	case 0x06:
		cfgi_cd(m, sid, (uint32_t)model_bits(d0, 31, 12), op == 0x06);
		break;
	case 0x40:
		atc_inv(m, d0, d1);
		break;
	default:
		tlbi(m, op, d0, d1);
		break;
	}
}
