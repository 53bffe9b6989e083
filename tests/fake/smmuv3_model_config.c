/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Stream table entries and context descriptors of the SMMUv3 model: fetched, remembered, judged (IHI 0070 3.3, 5). */
#include <string.h>

#include "tests/fake/smmuv3_model_priv.h"

static bool fail(struct smmu_model *m, uint8_t type, uint64_t fetch)
{
	m->fault.type = type;
	m->fault.fetch = fetch;
	return false;
}

static bool fetch8(struct smmu_model *m, uint64_t pa, uint64_t words[8])
{
	for (uint32_t i = 0; i < 8; i++) {
		if (!model_load64(m, pa + 8 * i, &words[i])) {
			return false;
		}
	}
	return true;
}

static bool l1_fetch(struct smmu_model *m, uint32_t index, uint64_t *desc)
{
	uint64_t size = UINT64_C(8) << (model_bits(m->strtab_cfg, 5, 0) - model_bits(m->strtab_cfg, 10, 6));
	uint64_t base = m->strtab_base & MASK64(55, 6) & ~(MAX(size, 64) - 1);
	uint32_t slot = m->l1_next % SMMU_MODEL_L1_MAX;

	for (uint32_t i = 0; i < SMMU_MODEL_L1_MAX; i++) {
		if (m->l1[i].valid && m->l1[i].index == index) {
			*desc = m->l1[i].desc;
			return true;
		}
	}
	if (!model_load64(m, base + UINT64_C(8) * index, desc)) {
		return fail(m, EV_STE_FETCH, base + UINT64_C(8) * index);
	}
	m->l1[slot].valid = true;
	m->l1[slot].index = index;
	m->l1[slot].desc = *desc;
	m->l1_next++;
	return true;
}

/* Where the entry lies. */
static bool ste_find(struct smmu_model *m, uint32_t sid, uint64_t *pa)
{
	uint32_t log2size = (uint32_t)MIN(model_bits(m->strtab_cfg, 5, 0), model_bits(m->id.idr1, 5, 0));
	uint32_t split = (uint32_t)model_bits(m->strtab_cfg, 10, 6);
	uint64_t desc, span;

	if ((uint64_t)sid >> log2size != 0) {
		return fail(m, EV_BAD_STREAMID, 0);
	}
	if (model_bits(m->strtab_cfg, 17, 16) == 0) {
		*pa = (m->strtab_base & MASK64(55, 6) & ~((UINT64_C(64) << log2size) - 1)) + UINT64_C(64) * sid;
		return true;
	}
	if (!l1_fetch(m, sid >> split, &desc)) {
		return false;
	}
	span = model_bits(desc, 4, 0);
	if (span == 0 || span > split + 1 || (sid & ((1u << split) - 1)) >= UINT64_C(1) << (span - 1)) {
		return fail(m, EV_BAD_STREAMID, 0);
	}
	*pa = (desc & MASK64(51, 6) & ~((UINT64_C(64) << (span - 1)) - 1)) + UINT64_C(64) * (sid & ((1u << split) - 1));
	return true;
}

bool model_ste_fetch(struct smmu_model *m, uint32_t sid, uint64_t ste[8])
{
	uint32_t slot = m->config_next % SMMU_MODEL_CONFIGS_MAX;
	uint64_t pa;

	for (uint32_t i = 0; i < SMMU_MODEL_CONFIGS_MAX; i++) {
		if (m->config[i].valid && m->config[i].sid == sid) {
			memcpy(ste, m->config[i].ste, sizeof(m->config[i].ste));
			return true;
		}
	}
	if (!ste_find(m, sid, &pa)) {
		return false;
	}
	if (!fetch8(m, pa, ste)) {
		return fail(m, EV_STE_FETCH, pa);
	}
	m->config[slot].valid = true;
	m->config[slot].sid = sid;
	memcpy(m->config[slot].ste, ste, sizeof(m->config[slot].ste));
	m->config_next++;
	return true;
}

static bool granule_ok(const struct smmu_model *m, uint8_t granule)
{
	return granule != 0 && model_bit(m->id.idr5, granule == 12 ? 4 : granule == 14 ? 5 : 6);
}

/* Output bits of a PS or IPS code, no more than the SMMU has. */
static uint8_t output_bits(const struct smmu_model *m, uint64_t code)
{
	static const uint8_t bits[8] = { 32, 36, 40, 42, 44, 48, 48, 48 };

	return MIN(bits[code], model_oas(m));
}

static bool endian_ok(const struct smmu_model *m, bool big)
{
	uint64_t endian = model_bits(m->id.idr0, 22, 21);

	return big ? endian == 0 || endian == 3 : endian != 3;
}

/* Stage 2 of an entry; false: ILLEGAL. */
bool model_s2_regime(const struct smmu_model *m, const uint64_t ste[8], struct model_regime *g)
{
	static const uint8_t granule[4] = { 12, 16, 14, 0 };
	uint64_t sl0 = model_bits(ste[2], 39, 38);
	uint64_t t0sz = model_bits(ste[2], 37, 32);
	uint8_t ias = model_ias(m);
	uint8_t stride;
	int top;

	*g = (struct model_regime){
		.granule = granule[model_bits(ste[2], 47, 46)],
		.input_bits = (uint8_t)(64 - t0sz),
		.output_bits = output_bits(m, model_bits(ste[2], 50, 48)),
		.stage2 = true,
		.ha = model_bit(ste[2], 56),
		.hd = model_bit(ste[2], 55) && model_bit(ste[2], 56),
		.affd = model_bit(ste[2], 53),
	};
	if (!granule_ok(m, g->granule) || sl0 == 3 || t0sz > 39 || t0sz < 16 || g->input_bits > ias) {
		return false;
	}
	stride = (uint8_t)(g->granule - 3);
	g->start_level = (uint8_t)((g->granule == 12 ? 2 : 3) - sl0);
	if (g->start_level == 0 && g->granule != 12) {
		return false;
	}
	/* One entry at least, and no more than 16 tables side by side, at the start level. */
	top = g->input_bits - (g->granule + stride * (3 - g->start_level));
	if (top < 1 || top > stride + (g->start_level == 0 ? 0 : 4)) {
		return false;
	}
	g->ttb = ste[3] & MASK64(55, 4);
	if (g->ttb >> g->output_bits != 0) {
		return false;
	}
	g->ttb &= ~((UINT64_C(8) << top) - 1);
	return true;
}

static bool httu_ok(const struct smmu_model *m, bool ha, bool hd)
{
	uint64_t httu = model_bits(m->id.idr0, 7, 6);

	return (!ha || httu >= 1) && (!hd || httu >= 2);
}

static bool s2_legal(const struct smmu_model *m, const uint64_t ste[8])
{
	uint64_t stall_model = model_bits(m->id.idr0, 25, 24);
	struct model_regime g;

	return model_bit(ste[2], 51) && model_bit(m->id.idr0, 3) && model_s2_regime(m, ste, &g) &&
	       endian_ok(m, model_bit(ste[2], 52)) && !(model_bit(ste[2], 57) ? stall_model == 1 : stall_model == 2) &&
	       httu_ok(m, model_bit(ste[2], 56), model_bit(ste[2], 55)) &&
	       !(model_bit(ste[1], 25) && !model_bit(m->id.idr3, 8)) &&
	       !(!model_bit(m->id.idr0, 18) && model_bits(ste[2], 15, 8) != 0);
}

/* 5.2: what makes an entry ILLEGAL. */
static bool ste_legal(const struct smmu_model *m, const uint64_t ste[8])
{
	uint64_t config = model_bits(ste[0], 3, 1);
	uint64_t eats = model_bits(ste[1], 29, 28);
	bool s1 = config >= 4 && model_bit(config, 0);
	bool s2 = config >= 4 && model_bit(config, 1);

	if ((s1 && !model_bit(m->id.idr0, 1)) || (s2 && !model_bit(m->id.idr0, 0))) {
		return false;
	}
	if (s2 && !s2_legal(m, ste)) {
		return false;
	}
	if (s1 && (model_bits(ste[0], 63, 59) > model_bits(m->id.idr1, 10, 6) ||
			  (model_bits(ste[0], 63, 59) != 0 && model_bits(ste[0], 5, 4) != 0))) {
		return false; /* two-level CD tables: IDR0.CD2L is 0 here */
	}
	if (s1 && !s2 && model_bits(ste[1], 31, 30) == 2 && !model_bit(m->id.idr0, 9)) {
		return false;
	}
	if (s1 && model_bit(ste[1], 27) && model_bits(m->id.idr0, 25, 24) != 0) {
		return false; /* S1STALLD */
	}
	if (model_bit(m->id.idr0, 10) && eats == 2) {
		return s1 && s2 && !model_bit(ste[2], 57) && !model_bit(m->id.idr0, 11) &&
		       (m->cr0ack & CR0_ATSCHK) != 0;
	}
	return true; /* 3 is as 0 without DPT, and without ATS nobody looks */
}

/* Stage 1 for one half of the VA space; va loses its tag byte. False: no translation there. */
bool model_s1_regime(const struct model_stream *s, uint64_t *va, struct model_regime *g)
{
	static const uint8_t granule0[4] = { 12, 16, 14, 0 };
	static const uint8_t granule1[4] = { 0, 14, 12, 16 };
	static const uint8_t ips[8] = { 32, 36, 40, 42, 44, 48, 48, 48 };
	const uint64_t *cd = s->cd;
	bool high = !s->el2 && model_bit(*va, 55);
	unsigned at = high ? 16 : 0;
	uint8_t stride;

	*g = (struct model_regime){
		.granule = (high ? granule1 : granule0)[model_bits(cd[0], at + 7, at + 6)],
		.input_bits = (uint8_t)(64 - model_bits(cd[0], at + 5, at)),
		.output_bits = ips[model_bits(cd[0], 34, 32)],
		.ttb = cd[high ? 2 : 1] & MASK64(55, 4),
		.ha = model_bit(cd[0], 43),
		.hd = model_bit(cd[0], 42) && model_bit(cd[0], 43),
		.affd = model_bit(cd[0], 35),
		.had = model_bit(cd[high ? 2 : 1], 1),
		.el2 = s->el2,
		.stream = s,
		.class_code = CLASS_IN,
	};
	if (model_bit(cd[0], high ? 39 : 38)) {
		*va = high ? *va | MASK64(63, 56) : *va & MASK64(55, 0); /* TBI */
	}
	if (model_bit(cd[0], at + 14) || *va >> g->input_bits != (high ? UINT64_MAX >> g->input_bits : 0)) {
		return false; /* EPD, or out of range */
	}
	stride = (uint8_t)(g->granule - 3);
	g->start_level = (uint8_t)(3 - (g->input_bits - g->granule - 1) / stride);
	*va &= (UINT64_C(1) << g->input_bits) - 1;
	return true;
}

static bool cd_legal(const struct smmu_model *m, const struct model_stream *s)
{
	const uint64_t *cd = s->cd;
	uint64_t stall_model = model_bits(m->id.idr0, 25, 24);
	static const uint8_t granule0[4] = { 12, 16, 14, 0 };
	static const uint8_t granule1[4] = { 0, 14, 12, 16 };

	if (!model_bit(cd[0], 31) || !model_bit(cd[0], 41) || !httu_ok(m, model_bit(cd[0], 43), model_bit(cd[0], 42))) {
		return false;
	}
	if ((model_bit(cd[0], 44) && (stall_model == 1 || model_bit(s->ste[1], 27))) ||
		(!model_bit(cd[0], 44) && stall_model == 2)) {
		return false;
	}
	if (!endian_ok(m, model_bit(cd[0], 15))) {
		return false;
	}
	if (!model_bit(cd[0], 46) && model_bit(m->id.idr0, 26)) {
		return false; /* TERM_MODEL 1 wants A = 1 */
	}
	for (unsigned high = 0; high < (s->el2 ? 1u : 2u); high++) {
		unsigned at = high * 16;
		uint64_t tsz = model_bits(cd[0], at + 5, at);
		uint64_t tg = model_bits(cd[0], at + 7, at + 6);

		if (model_bit(cd[0], at + 14)) {
			continue;
		}
		if (tsz < 16 || tsz > 39 || !granule_ok(m, high ? granule1[tg] : granule0[tg]) ||
			(cd[1 + high] & MASK64(55, 4)) >> output_bits(m, model_bits(cd[0], 34, 32)) != 0) {
			return false;
		}
	}
	return true;
}

/* The CD at an IPA (nested) or PA. */
static bool cd_fetch(struct smmu_model *m, struct model_stream *s, uint32_t index)
{
	uint64_t at = (s->ste[0] & MASK64(55, 6)) + UINT64_C(64) * index;
	uint32_t slot = m->cds_next % SMMU_MODEL_CDS_MAX;
	struct model_xlate x = { .pa = at };
	/* Fetches of CDs never mark a page dirty. */
	const struct model_txn read = { .addr = at, .priv = true };

	for (uint32_t i = 0; i < SMMU_MODEL_CDS_MAX; i++) {
		if (m->cds[i].valid && m->cds[i].sid == s->sid && m->cds[i].ssid == index) {
			memcpy(s->cd, m->cds[i].cd, sizeof(s->cd));
			return true;
		}
	}
	if (s->s2 && !model_stage2(m, s, at, &read, CLASS_CD, &x)) {
		return false;
	}
	if (!fetch8(m, x.pa, s->cd)) {
		return fail(m, EV_CD_FETCH, x.pa);
	}
	m->cds[slot].valid = true;
	m->cds[slot].sid = s->sid;
	m->cds[slot].ssid = index;
	memcpy(m->cds[slot].cd, s->cd, sizeof(s->cd));
	m->cds_next++;
	return true;
}

/* 3.3, 5.2: which CD a SubstreamID, or none, leads to. skip: stage 1 is bypassed. */
static bool cd_choose(struct smmu_model *m, struct model_stream *s, uint32_t *index, bool *skip)
{
	uint64_t cd_max = model_bits(s->ste[0], 63, 59);
	uint64_t dss = model_bits(s->ste[1], 1, 0);

	*index = 0;
	*skip = false;
	if (s->ssid != SMMU_MODEL_NO_SSID) {
		if (!s->s1 || cd_max == 0 || s->ssid >> cd_max != 0) {
			return fail(m, EV_BAD_SUBSTREAMID, 0);
		}
		if (dss == 2 && s->ssid == 0) {
			return fail(m, EV_STREAM_DISABLED, 0);
		}
		*index = s->ssid;
		return true;
	}
	if (s->s1 && cd_max != 0) {
		if (dss == 0) {
			return fail(m, EV_STREAM_DISABLED, 0);
		}
		*skip = dss == 1;
	}
	return true;
}

bool model_stream_find(struct smmu_model *m, uint32_t sid, uint32_t ssid, const struct model_txn *t,
	struct model_stream *out, bool *bypass)
{
	uint64_t config;
	uint32_t index;
	bool skip;

	*bypass = false;
	*out = (struct model_stream){ .sid = sid, .ssid = ssid };
	if (!model_ste_fetch(m, sid, out->ste)) {
		return false;
	}
	config = model_bits(out->ste[0], 3, 1);
	if (!model_bit(out->ste[0], 0) || (config >= 4 && !ste_legal(m, out->ste))) {
		return fail(m, EV_BAD_STE, 0);
	}
	if (config < 4) {
		m->fault.type = 0; /* aborts, and nobody is told */
		return false;
	}
	out->s1 = model_bit(config, 0);
	out->s2 = model_bit(config, 1);
	out->vmid = model_bit(m->id.idr0, 0) ? (uint16_t)out->ste[2] : 0;
	out->el2 = out->s1 && !out->s2 && model_bits(out->ste[1], 31, 30) == 2;
	out->eats = model_bit(m->id.idr0, 10) ? (uint8_t)(model_bits(out->ste[1], 29, 28) % 3) : 0;
	if (t->nested_only) {
		return true;
	}
	if (!cd_choose(m, out, &index, &skip)) {
		return false;
	}
	if (skip) {
		out->s1 = false;
	}
	if (out->s1) {
		if (!cd_fetch(m, out, index)) {
			return false;
		}
		if (!cd_legal(m, out)) {
			return fail(m, EV_BAD_CD, 0);
		}
		out->asid = (uint16_t)(out->cd[0] >> 48);
		if (!model_bit(m->id.idr0, 12)) {
			out->asid &= 0xff;
		}
	}
	*bypass = !out->s1 && !out->s2;
	return true;
}
