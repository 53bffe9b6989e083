/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The event queue and the global errors of the SMMUv3 model (IHI 0070 3.5, 7.2 to 7.5). */
#include <string.h>

#include "tests/fake/smmuv3_model_priv.h"

#define OVFLG BIT32(31)

static uint32_t queue_log2(const struct smmu_model *m)
{
	return MIN((uint32_t)(m->eventq_base & 31), (uint32_t)model_bits(m->id.idr1, 20, 16));
}

void model_gerror(struct smmu_model *m, uint32_t bits)
{
	/* An error that is active stays so. */
	m->gerror ^= bits & ~(m->gerror ^ m->gerrorn);
	if ((m->irq_ctrlack & 1) != 0) {
		m->counts.gerror_irqs++;
	}
}

/* False: full. Empty to not empty is an interrupt. */
static bool put(struct smmu_model *m, const uint64_t record[4])
{
	uint32_t log2 = queue_log2(m);
	uint32_t mask = (2u << log2) - 1;
	uint32_t used = (m->eventq_prod - m->eventq_cons) & mask;
	uint64_t pa;

	if (used >= 1u << log2) {
		return false;
	}
	pa = (m->eventq_base & MASK64(55, 5) & ~((UINT64_C(32) << log2) - 1)) +
	     UINT64_C(32) * (m->eventq_prod & ((1u << log2) - 1));
	for (uint32_t i = 0; i < 4; i++) {
		if (!model_store64(m, pa + 8 * i, record[i])) {
			model_gerror(m, GERROR_EVENTQ_ABT);
			m->counts.lost_events++;
			return true;
		}
	}
	m->eventq_prod = (m->eventq_prod & OVFLG) | ((m->eventq_prod + 1) & mask);
	m->counts.events++;
	if (used == 0 && (m->irq_ctrlack & 4) != 0) {
		m->counts.evtq_irqs++;
	}
	return true;
}

void model_event_raw(struct smmu_model *m, const uint64_t record[4], bool stall)
{
	bool wait = (m->cr0ack & CR0_EVENTQEN) == 0 || !put(m, record);

	if (!wait) {
		return;
	}
	if (stall) {
		/* Never lost: written when there is room. */
		uint16_t stag = (uint16_t)record[1];

		memcpy(m->stall[stag].record, record, sizeof(m->stall[stag].record));
		m->stall[stag].queued = true;
		return;
	}
	m->counts.lost_events++;
	if ((m->cr0ack & CR0_EVENTQEN) != 0 && ((m->eventq_prod ^ m->eventq_cons) & OVFLG) == 0) {
		m->eventq_prod ^= OVFLG;
	}
}

void model_events_retry(struct smmu_model *m)
{
	if ((m->cr0ack & CR0_EVENTQEN) == 0) {
		return;
	}
	for (uint32_t i = 0; i < SMMU_MODEL_STALLS_MAX; i++) {
		if (m->stall[i].queued && put(m, m->stall[i].record)) {
			m->stall[i].queued = false;
		}
	}
}

static bool has_input(uint8_t type)
{
	return type == EV_BAD_ATS_TREQ || type == EV_TRANSL_FORBIDDEN || type == EV_WALK_EABT ||
	       type == EV_TLB_CONFLICT;
}

/* Record m->fault; stag is UINT16_MAX where nothing stalls. */
void model_event(struct smmu_model *m, const struct model_stream *s, const struct model_txn *t, uint16_t stag)
{
	const struct smmu_model_fault *f = &m->fault;
	uint64_t record[4] = { f->type, 0, 0, 0 };
	bool full = f->type >= EV_TRANSLATION && f->type <= EV_PERMISSION;

	record[0] |= (uint64_t)s->sid << 32;
	if (s->ssid != SMMU_MODEL_NO_SSID) {
		record[0] |= BIT64(11) | (uint64_t)(s->ssid & 0xfffff) << 12;
	}
	if (full || has_input(f->type)) {
		record[1] |= t->write ? 0 : BIT64(35);
		record[1] |= t->priv ? BIT64(33) : 0;
		record[2] = f->addr;
	}
	if (full || f->type == EV_WALK_EABT) {
		record[1] |= f->stage2 ? BIT64(39) : 0;
		record[1] |= (uint64_t)f->class_code << 40;
		record[1] |= f->class_code == CLASS_TT && !f->walk_write ? BIT64(44) : 0;
	}
	if (full && f->stage2) {
		record[3] = f->ipa & MASK64(51, 12);
	}
	if (f->type == EV_STE_FETCH || f->type == EV_CD_FETCH || f->type == EV_WALK_EABT) {
		record[3] = f->fetch & MASK64(51, 3);
	}
	if (full && stag != UINT16_MAX) {
		record[1] |= BIT64(31) | stag;
	}
	m->fault.recorded = true;
	model_event_raw(m, record, stag != UINT16_MAX);
}
