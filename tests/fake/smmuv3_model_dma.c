/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** DMA of devices through the SMMUv3 model: bursts, what stalls, what is in flight (IHI 0070 3.12). */
#include <string.h>

#include "tests/fake/smmuv3_model_priv.h"

enum verdict { GO, END_ABORT, END_QUIET, END_STALL };

/* 3.12: what becomes of a fault, and whether it is told. */
static enum verdict judge(struct smmu_model *m, const struct model_stream *s, const struct model_txn *t)
{
	const struct smmu_model_fault *f = &m->fault;
	bool translation = f->type >= EV_TRANSLATION && f->type <= EV_PERMISSION;
	bool record, stall;

	if (f->type == 0) {
		return END_ABORT;
	}
	if (f->type == EV_BAD_STREAMID && !model_bit(m->cr2, 1)) {
		return END_ABORT; /* RECINVSID */
	}
	if (!translation) {
		model_event(m, s, t, UINT16_MAX);
		return END_ABORT;
	}
	if (!f->stage2 && !s->s1) {
		model_event(m, s, t, UINT16_MAX); /* 3.4: no CD that could say otherwise */
		return END_ABORT;
	}
	stall = f->stage2 ? model_bit(s->ste[2], 57) : model_bit(s->cd[0], 44);
	record = f->stage2 ? model_bit(s->ste[2], 58) : model_bit(s->cd[0], 45);
	if (stall) {
		return END_STALL;
	}
	if (record) {
		model_event(m, s, t, UINT16_MAX);
	}
	return f->stage2 || model_bit(s->cd[0], 46) ? END_ABORT : END_QUIET;
}

static enum smmu_model_outcome stall_begin(struct smmu_model *m, const struct model_stream *s,
	const struct model_txn *t, uint32_t len, const uint8_t *data)
{
	uint32_t max = MIN(SMMU_MODEL_STALLS_MAX, (uint32_t)model_bits(m->id.idr5, 31, 16));

	for (uint32_t i = 0; i < max; i++) {
		struct smmu_model_stall *st = &m->stall[i];

		if (st->held || st->answered || st->queued) {
			continue;
		}
		*st = (struct smmu_model_stall){
			.held = true, .sid = s->sid, .ssid = s->ssid, .addr = t->addr, .len = len, .write = t->write
		};
		if (t->write) {
			memcpy(st->data, data, len);
		}
		m->stag = (uint16_t)i;
		model_event(m, s, t, (uint16_t)i);
		return SMMU_MODEL_STALL;
	}
	/* The interface would wait; to a test that is an abort it did not plan. */
	model_violation(m, "more stalls than IDR5.STALL_MAX", max);
	return SMMU_MODEL_ABORT;
}

static enum smmu_model_outcome data_move(struct smmu_model *m, uint32_t sid, const struct smmu_model_tlb *via,
	uint64_t pa, uint32_t len, bool write, uint8_t *data)
{
	struct smmu_model_flight *f = NULL;

	if (!write || !m->hold_writes) {
		return model_copy(m, pa, data, len, write) ? SMMU_MODEL_DONE : SMMU_MODEL_ABORT;
	}
	for (uint32_t i = 0; i < SMMU_MODEL_FLIGHT_MAX && f == NULL; i++) {
		f = m->flight[i].busy ? NULL : &m->flight[i];
	}
	if (f == NULL) {
		model_flights_land(m);
		f = &m->flight[0];
	}
	*f = (struct smmu_model_flight){ .busy = true, .sid = sid, .pa = pa, .len = len };
	if (via != NULL) {
		f->via = *via;
	}
	memcpy(f->data, data, len);
	return SMMU_MODEL_DONE;
}

/* SMMUEN = 0: GBPA decides. False: it is over, by an abort. */
static bool global_bypass(const struct smmu_model *m)
{
	return !model_bit(m->gbpa, 20);
}

enum smmu_model_outcome model_burst(struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, uint32_t len,
	bool write, uint8_t *data, uint16_t *again)
{
	struct model_txn t = { .addr = iova, .write = write };
	struct model_stream s;
	struct model_xlate x = { .pa = iova };
	bool bypass = false;
	enum verdict verdict = GO;

	m->fault = (struct smmu_model_fault){ .addr = iova };
	if ((m->cr0ack & CR0_SMMUEN) == 0) {
		return global_bypass(m) ? data_move(m, sid, NULL, iova, len, write, data) : SMMU_MODEL_ABORT;
	}
	if (!model_stream_find(m, sid, ssid, &t, &s, &bypass)) {
		verdict = judge(m, &s, &t);
	} else if (bypass) {
		verdict = model_input_fits(m, &s, &t) ? GO : judge(m, &s, &t);
	} else {
		t.priv = model_bits(s.ste[1], 49, 48) == 3;
		if (!model_translate(m, &s, &t, &x)) {
			verdict = judge(m, &s, &t);
		}
	}
	switch (verdict) {
	case GO:
		return data_move(m, sid, bypass ? NULL : &x.via, x.pa, len, write, data);
	case END_QUIET:
		if (!write) {
			memset(data, 0, len);
		}
		return SMMU_MODEL_RAZ_WI;
	case END_STALL:
		if (again != NULL) {
			/* A retry that faults again keeps its tag. */
			model_event(m, &s, &t, *again);
			return SMMU_MODEL_STALL;
		}
		return stall_begin(m, &s, &t, len, data);
	default:
		return SMMU_MODEL_ABORT;
	}
}

enum smmu_model_outcome smmu_model_access(
	struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, uint32_t len, bool write, void *data)
{
	uint8_t *at = data;
	enum smmu_model_outcome outcome = SMMU_MODEL_DONE;

	while (len > 0 && outcome == SMMU_MODEL_DONE) {
		/* No burst crosses 64 bytes, so none crosses a page. */
		uint32_t part = MIN(len, SMMU_MODEL_BURST_BYTES - (uint32_t)(iova % SMMU_MODEL_BURST_BYTES));

		outcome = model_burst(m, sid, ssid, iova, part, write, at, NULL);
		at += part;
		iova += part;
		len -= part;
	}
	return outcome;
}

void smmu_model_prefetch(struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova)
{
	const struct model_txn t = { .addr = iova, .speculative = true };
	struct smmu_model_fault kept = m->fault;
	struct model_stream s;
	struct model_xlate x;
	bool bypass;

	if ((m->cr0ack & CR0_SMMUEN) != 0 && model_stream_find(m, sid, ssid, &t, &s, &bypass) && !bypass) {
		(void)model_translate(m, &s, &t, &x);
	}
	m->fault = kept;
}

void smmu_model_land(struct smmu_model *m)
{
	model_flights_land(m);
	model_updates_show(m);
}

static void stall_end(struct smmu_model_stall *st, enum smmu_model_outcome outcome)
{
	st->held = false;
	st->queued = false;
	st->answered = true;
	st->outcome = outcome;
}

void model_resume(struct smmu_model *m, uint32_t sid, uint16_t stag, bool retry, bool abort)
{
	struct smmu_model_stall *st = stag < SMMU_MODEL_STALLS_MAX ? &m->stall[stag] : NULL;
	enum smmu_model_outcome outcome;

	/* A tag that does not stall, or of another stream, is nobody's. */
	if (st == NULL || !st->held || st->sid != sid) {
		return;
	}
	if (!retry) {
		stall_end(st, abort ? SMMU_MODEL_ABORT : SMMU_MODEL_RAZ_WI);
		return;
	}
	outcome = model_burst(m, st->sid, st->ssid, st->addr, st->len, st->write, st->data, &stag);
	if (outcome != SMMU_MODEL_STALL) {
		stall_end(st, outcome);
	}
}

void model_stall_term(struct smmu_model *m, uint32_t sid)
{
	for (uint32_t i = 0; i < SMMU_MODEL_STALLS_MAX; i++) {
		if (m->stall[i].held && m->stall[i].sid == sid) {
			stall_end(&m->stall[i], SMMU_MODEL_ABORT);
		}
	}
}

enum smmu_model_outcome smmu_model_stall_result(struct smmu_model *m, uint16_t stag, void *data)
{
	struct smmu_model_stall *st = &m->stall[stag % SMMU_MODEL_STALLS_MAX];

	if (!st->answered) {
		return SMMU_MODEL_STALL;
	}
	if (data != NULL && !st->write && st->outcome != SMMU_MODEL_ABORT) {
		memcpy(data, st->data, st->len);
	}
	st->answered = false;
	return st->outcome;
}

enum smmu_model_outcome smmu_model_translated(
	struct smmu_model *m, uint32_t sid, uint64_t addr, uint32_t len, bool write, void *data)
{
	struct model_txn t = { .addr = addr, .write = write, .nested_only = true };
	struct model_stream s;
	struct model_xlate x = { .pa = addr };
	bool bypass;

	m->fault = (struct smmu_model_fault){ .addr = addr };
	if ((m->cr0ack & CR0_SMMUEN) == 0) {
		return global_bypass(m) ? data_move(m, sid, NULL, addr, len, write, data) : SMMU_MODEL_ABORT;
	}
	if ((m->cr0ack & CR0_ATSCHK) == 0) {
		/* Nobody looks: it goes through as it is. */
		return data_move(m, sid, NULL, addr, len, write, data);
	}
	if (!model_stream_find(m, sid, SMMU_MODEL_NO_SSID, &t, &s, &bypass)) {
		(void)judge(m, &s, &t);
		return SMMU_MODEL_ABORT;
	}
	if (s.eats == 0) {
		model_fault(m, EV_TRANSL_FORBIDDEN);
		model_event(m, &s, &t, UINT16_MAX);
		return SMMU_MODEL_ABORT;
	}
	if (s.eats == 2 && !model_translate(m, &s, &t, &x)) {
		(void)judge(m, &s, &t);
		return SMMU_MODEL_ABORT;
	}
	return data_move(m, sid, s.eats == 2 ? &x.via : NULL, x.pa, len, write, data);
}
