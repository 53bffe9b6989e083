/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Table walks of the SMMUv3 model, both stages, with Access flag and dirty state (Arm ARM D8; IHI 0070 3.13). */
#include "tests/fake/smmuv3_model_priv.h"

/* A descriptor that changes under an update is read again; so often at most. */
#define UPDATE_TRIES_MAX 16u

void model_fault(struct smmu_model *m, uint8_t type)
{
	m->fault.type = type;
}

static bool walk_fail(struct smmu_model *m, const struct model_regime *g, uint8_t type, uint64_t va)
{
	model_fault(m, type);
	m->fault.stage2 = g->stage2;
	m->fault.class_code = g->class_code;
	if (g->stage2) {
		m->fault.ipa = va;
	}
	return false;
}

/* PA of a stage 1 descriptor: an IPA first where nested. write: the SMMU is about to update it. */
static bool desc_locate(struct smmu_model *m, const struct model_regime *g, uint64_t at, bool write, uint64_t *pa)
{
	const struct model_txn t = { .addr = at, .write = write, .priv = true };
	struct model_xlate x;

	*pa = at;
	if (g->stage2 || !g->stream->s2) {
		return true;
	}
	if (!model_stage2(m, g->stream, at, &t, CLASS_TT, &x)) {
		m->fault.walk_write = write;
		return false;
	}
	*pa = x.pa;
	return true;
}

static bool desc_read(struct smmu_model *m, const struct model_regime *g, uint64_t at, uint64_t *pa, uint64_t *desc)
{
	m->counts.walks++;
	if (!desc_locate(m, g, at, false, pa)) {
		return false;
	}
	if (!model_load64(m, *pa, desc)) {
		model_fault(m, EV_WALK_EABT);
		m->fault.stage2 = g->stage2;
		m->fault.class_code = CLASS_TT;
		m->fault.fetch = *pa;
		return false;
	}
	return true;
}

/* Permissions of a leaf as they stand, and whether a write may turn it dirty. */
static void perms(
	const struct model_regime *g, uint64_t desc, bool table_ro, bool table_no_el0, struct model_leaf *leaf)
{
	bool dbm = g->hd && model_bit(desc, 51);

	if (g->stage2) {
		leaf->r = leaf->priv_r = model_bit(desc, 6);
		leaf->w = leaf->priv_w = model_bit(desc, 7);
		leaf->upgrade = dbm && !leaf->w;
		leaf->device = model_bits(desc, 5, 4) == 0;
		return;
	}
	leaf->priv_r = true;
	leaf->priv_w = !model_bit(desc, 7) && !table_ro;
	leaf->r = g->el2 || (model_bit(desc, 6) && !table_no_el0);
	leaf->w = leaf->priv_w && leaf->r;
	leaf->upgrade = dbm && model_bit(desc, 7) && !table_ro;
	leaf->global = !g->el2 && !model_bit(desc, 11);
}

/* Contiguous hint: what the TLB keeps is the whole group. */
static uint8_t group_log2(const struct model_regime *g, uint8_t level)
{
	if (g->granule == 12) {
		return 4;
	}
	return g->granule == 14 && level == 3 ? 7 : 5;
}

enum step { STEP_OK, STEP_AGAIN, STEP_FAULT };

/* Access flag and dirty state as this access needs them; the descriptor afterwards lies in *desc. */
static enum step leaf_update(struct smmu_model *m, const struct model_regime *g, const struct model_txn *t, uint64_t va,
	uint64_t at, uint64_t pa, bool permitted, uint64_t *desc, const struct model_leaf *leaf)
{
	uint64_t want = *desc;
	bool is_write = t->write && !t->speculative;
	bool old_af = model_bit(*desc, 10);

	if (!old_af && !g->ha) {
		if (g->affd) {
			return STEP_OK;
		}
		(void)walk_fail(m, g, EV_ACCESS, va);
		return STEP_FAULT;
	}
	want |= BIT64(10);
	if (is_write && permitted && leaf->upgrade) {
		want = g->stage2 ? want | BIT64(7) : want & ~BIT64(7);
	}
	if (want == *desc) {
		return STEP_OK;
	}
	/* An update of stage 1 is a write to the page that holds the table. */
	if (!g->stage2 && !desc_locate(m, g, at, true, &pa)) {
		return STEP_FAULT;
	}
	if (!model_cas(m, pa, *desc, want)) {
		return STEP_AGAIN;
	}
	m->counts.access_updates += !old_af;
	m->counts.dirty_updates += ((want ^ *desc) & BIT64(7)) != 0;
	*desc = want;
	return STEP_OK;
}

static bool allowed(const struct model_leaf *leaf, const struct model_txn *t)
{
	bool read_ok = t->priv ? leaf->priv_r : leaf->r;
	bool write_ok = t->priv ? leaf->priv_w : leaf->w;

	if (t->write && leaf->upgrade) {
		write_ok = true;
		/* Unprivileged writes to what only privilege may read stay refused. */
		if (!t->priv && !leaf->r && leaf->priv_r) {
			write_ok = false;
		}
	}
	return t->write ? write_ok : read_ok;
}

static bool leaf_take(struct smmu_model *m, const struct model_regime *g, uint64_t va, const struct model_txn *t,
	uint64_t at, uint64_t pa, uint64_t *desc, bool table_ro, bool table_no_el0, struct model_leaf *leaf,
	bool *again)
{
	enum step step;
	bool ok;

	*again = false;
	perms(g, *desc, table_ro, table_no_el0, leaf);
	ok = allowed(leaf, t);
	/* The Access flag goes before permission. */
	step = leaf_update(m, g, t, va, at, pa, ok, desc, leaf);
	if (step != STEP_OK) {
		*again = step == STEP_AGAIN;
		return false;
	}
	if (!ok && !t->ats && !t->speculative) {
		perms(g, *desc, table_ro, table_no_el0, leaf);
		return walk_fail(m, g, EV_PERMISSION, va);
	}
	perms(g, *desc, table_ro, table_no_el0, leaf);
	return true;
}

static bool is_leaf(const struct model_regime *g, uint8_t level, uint64_t desc, bool *bad)
{
	bool block_ok = g->granule == 12 ? level == 1 || level == 2 : level == 2;

	*bad = !model_bit(desc, 0) || (!model_bit(desc, 1) && !(level < 3 && block_ok));
	return level == 3 || !model_bit(desc, 1);
}

bool model_walk(struct smmu_model *m, const struct model_regime *g, uint64_t va, const struct model_txn *t,
	struct model_leaf *leaf)
{
	uint8_t stride = (uint8_t)(g->granule - 3);
	uint64_t table = g->ttb;
	bool table_ro = false;
	bool table_no_el0 = false;
	uint32_t tries = 0;

	*leaf = (struct model_leaf){ 0 };
	if (va >> g->input_bits != 0) {
		return walk_fail(m, g, EV_TRANSLATION, va);
	}
	for (uint8_t level = g->start_level; level <= 3;) {
		uint8_t shift = (uint8_t)(g->granule + stride * (3 - level));
		/* The start level may be wider than one table. */
		uint64_t index = level == g->start_level ? va >> shift : va >> shift & ((1u << stride) - 1);
		uint64_t at = table + 8 * index;
		uint64_t pa, desc, out;
		bool bad, again;

		if (!desc_read(m, g, at, &pa, &desc)) {
			return false;
		}
		m->fault.level = level;
		if (!is_leaf(g, level, desc, &bad) && !bad) {
			table = desc & MASK64(47, 12) & ~((UINT64_C(1) << g->granule) - 1);
			if (table >> g->output_bits != 0) {
				return walk_fail(m, g, EV_ADDR_SIZE, va);
			}
			if (!g->stage2 && !g->had) {
				table_ro = table_ro || model_bit(desc, 62);
				table_no_el0 = table_no_el0 || model_bit(desc, 61);
			}
			level++;
			continue;
		}
		if (bad) {
			return walk_fail(m, g, EV_TRANSLATION, va);
		}
		out = desc & MASK64(47, 12) & ~((UINT64_C(1) << shift) - 1);
		if (out >> g->output_bits != 0) {
			return walk_fail(m, g, EV_ADDR_SIZE, va);
		}
		if (!leaf_take(m, g, va, t, at, pa, &desc, table_ro, table_no_el0, leaf, &again)) {
			if (again && ++tries < UPDATE_TRIES_MAX) {
				continue;
			}
			if (again) {
				(void)walk_fail(m, g, EV_WALK_EABT, va);
			}
			return false;
		}
		leaf->level = level;
		leaf->size_log2 = shift;
		leaf->out = out;
		leaf->no_cache = !model_bit(desc, 10) || (level < 3 && model_bit(desc, 16));
		if (model_bit(desc, 52)) {
			leaf->size_log2 = (uint8_t)(shift + group_log2(g, level));
			leaf->out &= ~((UINT64_C(1) << leaf->size_log2) - 1);
		}
		return true;
	}
	return walk_fail(m, g, EV_TRANSLATION, va);
}
