/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The command queue of the SMMUv3 model: in order, late, and void of effect before a SYNC (IHI 0070 3.5, 4). */
#include "tests/fake/smmuv3_model_priv.h"

enum {
	OP_PREFETCH_CONFIG = 0x01,
	OP_PREFETCH_ADDR = 0x02,
	OP_CFGI_STE = 0x03,
	OP_CFGI_ALL = 0x04,
	OP_CFGI_CD = 0x05,
	OP_CFGI_CD_ALL = 0x06,
	OP_TLBI_NH_ALL = 0x10,
	OP_TLBI_NH_VAA = 0x13,
	OP_TLBI_EL2_ALL = 0x20,
	OP_TLBI_EL2_VAA = 0x23,
	OP_TLBI_S12_VMALL = 0x28,
	OP_TLBI_S2_IPA = 0x2a,
	OP_TLBI_NSNH_ALL = 0x30,
	OP_ATC_INV = 0x40,
	OP_PRI_RESP = 0x41,
	OP_RESUME = 0x44,
	OP_STALL_TERM = 0x45,
	OP_SYNC = 0x46,
};

enum { CERROR_NONE = 0, CERROR_ILL = 1, CERROR_ABT = 2, CERROR_ATC_INV_SYNC = 3 };

static uint32_t log2_entries(const struct smmu_model *m)
{
	return MIN((uint32_t)(m->cmdq_base & 31), (uint32_t)model_bits(m->id.idr1, 25, 21));
}

static bool is_range_op(uint32_t op)
{
	return op == 0x12 || op == 0x13 || op == 0x22 || op == 0x23 || op == OP_TLBI_S2_IPA;
}

/* TG with NUM, SCALE and TTL zero is reserved; a 4K range with TTL 1 or 2 starts at such a block. */
static bool range_ok(struct smmu_model *m, uint64_t d0, uint64_t d1)
{
	uint64_t tg = model_bits(d1, 11, 10);
	uint64_t ttl = model_bits(d1, 9, 8);

	if (!model_bit(m->id.idr3, 10)) {
		if (tg != 0 || ttl != 0 || model_bits(d0, 16, 12) != 0 || model_bits(d0, 24, 20) != 0) {
			model_violation(m, "range fields without IDR3.RIL", d0);
		}
		return true;
	}
	if (tg == 0) {
		return true;
	}
	if (ttl == 0 && model_bits(d0, 16, 12) == 0 && model_bits(d0, 24, 20) == 0) {
		return false;
	}
	if (tg == 1 && ((ttl == 2 && model_bits(d1, 20, 12) != 0) || (ttl == 1 && model_bits(d1, 29, 12) != 0))) {
		model_violation(m, "range not aligned to its TTL", d1);
	}
	return true;
}

/* Does this SMMU know the command? */
static bool legal(struct smmu_model *m, uint64_t d0, uint64_t d1)
{
	uint32_t op = (uint32_t)(d0 & 0xff);
	uint32_t idr0 = m->id.idr0;
	bool s1 = model_bit(idr0, 1);
	bool s2 = model_bit(idr0, 0);
	bool ok;

	if (model_bit(d0, 10)) {
		return false; /* SSec */
	}
	switch (op) {
	case OP_PREFETCH_CONFIG:
	case OP_PREFETCH_ADDR:
	case OP_CFGI_STE:
	case OP_CFGI_ALL:
	case OP_TLBI_NSNH_ALL:
		return true;
	case OP_CFGI_CD:
	case OP_CFGI_CD_ALL:
		return s1;
	case OP_SYNC:
		return model_bits(d0, 13, 12) != 3;
	case OP_TLBI_S12_VMALL:
	case OP_TLBI_S2_IPA:
		ok = s2;
		break;
	case OP_ATC_INV:
		return model_bit(idr0, 10);
	case OP_PRI_RESP:
		return model_bit(idr0, 16);
	case OP_RESUME:
	case OP_STALL_TERM:
		return model_bits(idr0, 25, 24) != 1;
	default:
		if (op >= OP_TLBI_NH_ALL && op <= OP_TLBI_NH_VAA) {
			ok = s1;
		} else {
			ok = op >= OP_TLBI_EL2_ALL && op <= OP_TLBI_EL2_VAA && model_bit(idr0, 9);
		}
		break;
	}
	return ok && (!is_range_op(op) || range_ok(m, d0, d1));
}

static void pending_apply(struct smmu_model *m)
{
	for (uint32_t i = 0; i < m->pending_count; i++) {
		model_invalidate(m, m->pending[i].d0, m->pending[i].d1);
	}
	m->pending_count = 0;
}

static void pending_add(struct smmu_model *m, uint64_t d0, uint64_t d1)
{
	if (m->inval == SMMU_MODEL_INVAL_DRAWN && model_draw(m, 2) == 0) {
		model_invalidate(m, d0, d1);
		return;
	}
	if (m->pending_count == SMMU_MODEL_PENDING_MAX) {
		pending_apply(m); /* early is allowed */
	}
	m->pending[m->pending_count].d0 = d0;
	m->pending[m->pending_count++].d1 = d1;
}

static uint32_t sync_run(struct smmu_model *m, uint64_t d0, uint64_t d1)
{
	uint64_t signal = model_bits(d0, 13, 12);
	bool timed_out = m->atc_timed_out;

	pending_apply(m);
	model_updates_show(m);
	m->counts.syncs++;
	if (timed_out) {
		m->atc_timed_out = false;
		return CERROR_ATC_INV_SYNC;
	}
	if (signal == 1) {
		if (model_bit(m->id.idr0, 13) && (d1 & MASK64(51, 2)) != 0) {
			(void)model_store32(m, d1 & MASK64(51, 2), (uint32_t)(d0 >> 32));
		} else {
			m->counts.sync_irqs++;
		}
	}
	return CERROR_NONE;
}

static uint32_t run(struct smmu_model *m, uint64_t d0, uint64_t d1)
{
	uint32_t sid = (uint32_t)(d0 >> 32);
	uint32_t ssid = model_bit(d0, 11) ? (uint32_t)model_bits(d0, 31, 12) : SMMU_MODEL_NO_SSID;
	uint64_t ste[8];

	if (!legal(m, d0, d1)) {
		return CERROR_ILL;
	}
	switch (d0 & 0xff) {
	case OP_SYNC:
		return sync_run(m, d0, d1);
	case OP_PREFETCH_CONFIG:
		(void)model_ste_fetch(m, sid, ste);
		break;
	case OP_PREFETCH_ADDR:
		smmu_model_prefetch(m, sid, ssid, d1 & MASK64(63, 12));
		break;
	case OP_RESUME:
		model_resume(m, sid, (uint16_t)d1, model_bit(d0, 12), model_bit(d0, 13));
		break;
	case OP_STALL_TERM:
		model_stall_term(m, sid);
		break;
	case OP_PRI_RESP:
		break;
	case OP_ATC_INV:
		if (m->atc_deaf) {
			m->atc_timed_out = true;
			break;
		}
		pending_add(m, d0, d1);
		break;
	default:
		pending_add(m, d0, d1);
		break;
	}
	return CERROR_NONE;
}

uint32_t smmu_model_consume(struct smmu_model *m, uint32_t count)
{
	uint32_t log2 = log2_entries(m);
	uint32_t mask = (2u << log2) - 1;
	uint32_t done = 0;

	for (; done < count; done++) {
		uint64_t pa = (m->cmdq_base & MASK64(55, 5) & ~((UINT64_C(16) << log2) - 1)) +
			      UINT64_C(16) * (m->cmdq_cons & ((1u << log2) - 1));
		uint32_t used = (m->cmdq_prod - m->cmdq_cons) & mask;
		uint32_t error;
		uint64_t d0, d1;

		if ((m->cr0ack & CR0_CMDQEN) == 0 || ((m->gerror ^ m->gerrorn) & GERROR_CMDQ) != 0 || used == 0) {
			break;
		}
		if (used > 1u << log2) {
			model_violation(m, "CMDQ_PROD beyond a full queue", m->cmdq_prod);
			break;
		}
		error = model_load64(m, pa, &d0) && model_load64(m, pa + 8, &d1) ? run(m, d0, d1) : CERROR_ABT;
		if (error != CERROR_NONE) {
			m->cmdq_cons |= error << 24;
			model_gerror(m, GERROR_CMDQ);
			break;
		}
		m->cmdq_cons = (m->cmdq_cons + 1) & mask;
		m->counts.commands++;
	}
	return done;
}

void model_cmdq_polled(struct smmu_model *m)
{
	switch (m->pace) {
	case SMMU_MODEL_HELD:
		break;
	case SMMU_MODEL_AT_ONCE:
		(void)smmu_model_consume(m, UINT32_MAX);
		break;
	case SMMU_MODEL_LATE:
		if (m->cmd_wait == 0) {
			(void)smmu_model_consume(m, 1);
			m->cmd_wait = (uint32_t)model_draw(m, (uint64_t)m->delay_max + 1);
		} else {
			m->cmd_wait--;
		}
		break;
	}
}
