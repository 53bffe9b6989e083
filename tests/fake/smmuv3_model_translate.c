/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** From an input address to a PA, through what is remembered where it is (IHI 0070 3.17, 3.21). */
#include "tests/fake/smmuv3_model_priv.h"

static uint64_t offset_in(uint64_t addr, uint8_t size_log2)
{
	return addr & ((UINT64_C(1) << size_log2) - 1);
}

static bool may(const struct smmu_model_tlb *e, const struct model_txn *t)
{
	if (t->priv) {
		return t->write ? e->priv_w : e->priv_r;
	}
	return t->write ? e->w : e->r;
}

enum found { FOUND_NONE, FOUND_USE, FOUND_REFUSED, FOUND_CONFLICT };

/* What the TLB has to say. An entry that is writable-clean sends a write back to the tables. */
static enum found look(
	struct smmu_model *m, const struct smmu_model_tlb *key, const struct model_txn *t, struct smmu_model_tlb *hit)
{
	bool conflict;
	struct smmu_model_tlb *e = model_tlb_find(m, key, &conflict);

	if (conflict && model_bits(m->id.idr3, 12, 11) < 2) {
		return FOUND_CONFLICT;
	}
	if (e == NULL) {
		return FOUND_NONE;
	}
	*hit = *e;
	if (!may(e, t)) {
		if (m->tlb_grants_only) {
			return FOUND_NONE; /* and gives way to what the walk finds */
		}
		if (t->write && e->upgrade) {
			e->kind = SMMU_MODEL_TLB_NONE;
			return FOUND_NONE;
		}
		return t->ats || t->speculative ? FOUND_USE : FOUND_REFUSED;
	}
	m->counts.tlb_hits++;
	return FOUND_USE;
}

/* Does stage 1 of a combined entry grant this? */
static bool stage1_grants(const struct smmu_model_tlb *e, const struct model_txn *t)
{
	return e->kind == SMMU_MODEL_TLB_S12 && (e->stage1 >> ((t->priv ? 2 : 0) + (t->write ? 1 : 0)) & 1) != 0;
}

static bool refuse(struct smmu_model *m, enum found how, bool stage2, uint8_t class_code, uint64_t ipa)
{
	model_fault(m, how == FOUND_CONFLICT ? EV_TLB_CONFLICT : EV_PERMISSION);
	m->fault.stage2 = stage2;
	m->fault.class_code = class_code;
	m->fault.ipa = stage2 ? ipa : 0;
	return false;
}

static void answer(struct model_xlate *out, const struct smmu_model_tlb *e, uint64_t addr, uint64_t ipa, bool priv)
{
	out->via = *e;
	out->pa = e->out + offset_in(addr, e->size_log2);
	out->ipa = ipa;
	out->size_log2 = e->size_log2;
	out->r = priv ? e->priv_r : e->r;
	out->w = priv ? e->priv_w : e->w;
}

bool model_stage2(struct smmu_model *m, const struct model_stream *s, uint64_t ipa, const struct model_txn *t,
	uint8_t class_code, struct model_xlate *out)
{
	struct smmu_model_tlb e = { .kind = SMMU_MODEL_TLB_S2, .vmid = s->vmid, .in = ipa };
	struct model_regime g;
	struct model_leaf leaf;
	enum found found = look(m, &e, t, &e);

	if (found == FOUND_REFUSED || found == FOUND_CONFLICT) {
		return refuse(m, found, true, class_code, ipa);
	}
	if (found == FOUND_NONE) {
		(void)model_s2_regime(m, s->ste, &g); /* was legal */
		g.stream = s;
		g.class_code = class_code;
		if (!model_walk(m, &g, ipa, t, &leaf)) {
			return false;
		}
		e = (struct smmu_model_tlb){ .kind = SMMU_MODEL_TLB_S2,
			.vmid = s->vmid,
			.level = leaf.level,
			.size_log2 = leaf.size_log2,
			.r = leaf.r,
			.w = leaf.w,
			.priv_r = leaf.r,
			.priv_w = leaf.w,
			.device = leaf.device,
			.upgrade = leaf.upgrade,
			.in = ipa & ~((UINT64_C(1) << leaf.size_log2) - 1),
			.out = leaf.out };
		if (!leaf.no_cache) {
			model_tlb_add(m, &e, ipa);
		}
	}
	if (class_code == CLASS_TT && model_bit(s->ste[2], 54) && e.device) {
		return refuse(m, FOUND_REFUSED, true, class_code, ipa); /* S2PTW */
	}
	answer(out, &e, ipa, ipa, t->priv);
	return true;
}

/* Stage 1, and stage 2 behind it where the stream has both: one combined entry. */
static bool stage1(
	struct smmu_model *m, const struct model_stream *s, const struct model_txn *t, struct model_xlate *out)
{
	struct smmu_model_tlb e = { .kind = s->s2 ? SMMU_MODEL_TLB_S12 : SMMU_MODEL_TLB_S1,
		.el2 = s->el2,
		.vmid = s->el2 ? 0 : s->vmid,
		.asid = s->asid,
		.in = t->addr };
	uint64_t va = t->addr;
	struct model_regime g;
	struct model_leaf leaf;
	struct model_xlate x = { 0 };
	enum found found = look(m, &e, t, &e);
	uint64_t ipa;

	if (found == FOUND_REFUSED && stage1_grants(&e, t)) {
		return refuse(m, found, true, CLASS_IN, e.ipa + offset_in(t->addr, e.size_log2));
	}
	if (found == FOUND_REFUSED || found == FOUND_CONFLICT) {
		return refuse(m, found, false, CLASS_IN, 0);
	}
	if (found == FOUND_USE) {
		answer(out, &e, t->addr, 0, t->priv);
		return true;
	}
	if (!model_s1_regime(s, &va, &g)) {
		model_fault(m, EV_TRANSLATION);
		m->fault.class_code = CLASS_IN;
		return false;
	}
	g.output_bits = MIN(g.output_bits, model_oas(m));
	if (!model_walk(m, &g, va, t, &leaf)) {
		return false;
	}
	ipa = leaf.out + offset_in(va, leaf.size_log2);
	e = (struct smmu_model_tlb){ .kind = s->s2 ? SMMU_MODEL_TLB_S12 : SMMU_MODEL_TLB_S1,
		.el2 = s->el2,
		.global = leaf.global,
		.vmid = s->el2 ? 0 : s->vmid,
		.asid = s->asid,
		.level = leaf.level,
		.size_log2 = leaf.size_log2,
		.r = leaf.r,
		.w = leaf.w,
		.priv_r = leaf.priv_r,
		.priv_w = leaf.priv_w,
		.upgrade = leaf.upgrade,
		.out = leaf.out };
	if (s->s2) {
		if (!model_stage2(m, s, ipa, t, CLASS_IN, &x)) {
			return false;
		}
		e.size_log2 = MIN(leaf.size_log2, x.size_log2);
		e.ipa = ipa & ~((UINT64_C(1) << e.size_log2) - 1);
		e.stage1 = (uint8_t)(leaf.r | (leaf.w || (leaf.upgrade && leaf.r)) << 1 | leaf.priv_r << 2 |
				     (leaf.priv_w || leaf.upgrade) << 3);
		e.upgrade = (leaf.upgrade && (x.w || x.via.upgrade)) || (x.via.upgrade && leaf.priv_w);
		e.r = e.r && x.r;
		e.w = e.w && x.w;
		e.priv_r = e.priv_r && x.r;
		e.priv_w = e.priv_w && x.w;
		e.out = x.pa & ~((UINT64_C(1) << e.size_log2) - 1);
	}
	e.in = t->addr & ~((UINT64_C(1) << e.size_log2) - 1);
	e.whole_log2 = leaf.size_log2;
	if (!leaf.no_cache) {
		model_tlb_add(m, &e, t->addr);
	}
	answer(out, &e, t->addr, ipa, t->priv);
	return true;
}

bool model_input_fits(struct smmu_model *m, const struct model_stream *s, const struct model_txn *t)
{
	uint8_t bits = s->s2 ? model_ias(m) : model_oas(m);

	if (s->s1 || t->addr >> bits == 0) {
		return true;
	}
	model_fault(m, EV_ADDR_SIZE);
	m->fault.class_code = CLASS_IN;
	return false;
}

bool model_translate(
	struct smmu_model *m, const struct model_stream *s, const struct model_txn *t, struct model_xlate *out)
{
	bool ok = model_input_fits(m, s, t) &&
		  (s->s1 && !t->nested_only ? stage1(m, s, t, out) : model_stage2(m, s, t->addr, t, CLASS_IN, out));

	m->fault.addr = t->addr;
	return ok;
}
