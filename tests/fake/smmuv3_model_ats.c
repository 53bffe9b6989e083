/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Address translation services of the SMMUv3 model: requests, and the cache of a device (IHI 0070 3.9). */
#include "tests/fake/smmuv3_model_priv.h"

enum smmu_model_outcome smmu_model_ats_request(
	struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, bool no_write, struct smmu_model_atc *out)
{
	struct model_txn t = { .addr = iova, .write = !no_write, .ats = true };
	struct model_stream s;
	struct model_xlate x;
	bool bypass;

	*out = (struct smmu_model_atc){ .sid = sid, .ssid = ssid };
	m->fault = (struct smmu_model_fault){ .addr = iova };
	if ((m->cr0ack & CR0_SMMUEN) == 0) {
		return SMMU_MODEL_ABORT;
	}
	if (!model_stream_find(m, sid, ssid, &t, &s, &bypass)) {
		if (m->fault.type != 0 && (m->fault.type != EV_BAD_STREAMID || model_bit(m->cr2, 1))) {
			model_event(m, &s, &t, UINT16_MAX);
		}
		return SMMU_MODEL_ABORT;
	}
	if (s.eats == 0 || bypass) {
		model_fault(m, EV_BAD_ATS_TREQ);
		model_event(m, &s, &t, UINT16_MAX);
		return SMMU_MODEL_ABORT;
	}
	/* Not to be had is an answer, not an event. */
	if (!model_translate(m, &s, &t, &x)) {
		m->fault.type = 0;
		return SMMU_MODEL_DONE;
	}
	out->valid = true;
	out->size_log2 = x.size_log2;
	out->in = iova & ~((UINT64_C(1) << x.size_log2) - 1);
	out->out = (s.eats == 2 ? x.ipa : x.pa) & ~((UINT64_C(1) << x.size_log2) - 1);
	out->r = x.r;
	/* Asked without write, or clean: no write. Asked with it, the walk has made it dirty. */
	out->w = !no_write && (x.w || (s.eats == 2 && x.via.upgrade));
	m->atc[m->atc_next] = *out;
	m->atc_next = (m->atc_next + 1) % SMMU_MODEL_ATC_MAX;
	return SMMU_MODEL_DONE;
}

static struct smmu_model_atc *atc_find(struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, bool write)
{
	for (uint32_t i = 0; i < SMMU_MODEL_ATC_MAX; i++) {
		struct smmu_model_atc *e = &m->atc[i];

		if (e->valid && e->sid == sid && e->ssid == ssid && iova >> e->size_log2 == e->in >> e->size_log2 &&
			(write ? e->w : e->r)) {
			return e;
		}
	}
	return NULL;
}

enum smmu_model_outcome smmu_model_ats_access(
	struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, uint32_t len, bool write, void *data)
{
	uint8_t *at = data;
	enum smmu_model_outcome outcome = SMMU_MODEL_DONE;

	while (len > 0 && outcome == SMMU_MODEL_DONE) {
		uint32_t part = MIN(len, SMMU_MODEL_BURST_BYTES - (uint32_t)(iova % SMMU_MODEL_BURST_BYTES));
		struct smmu_model_atc *e = atc_find(m, sid, ssid, iova, write);
		struct smmu_model_atc answer;

		if (e == NULL) {
			outcome = smmu_model_ats_request(m, sid, ssid, iova, !write, &answer);
			if (outcome != SMMU_MODEL_DONE || (write ? !answer.w : !answer.r)) {
				return SMMU_MODEL_ABORT;
			}
			e = &answer;
		}
		outcome = smmu_model_translated(
			m, sid, e->out + (iova & ((UINT64_C(1) << e->size_log2) - 1)), part, write, at);
		at += part;
		iova += part;
		len -= part;
	}
	return outcome;
}
