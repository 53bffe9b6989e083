/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Registers of the SMMUv3 model and the rules by which they may be written (IHI 0070 6.3). */
#include <string.h>

#include "tests/fake/smmuv3_model_priv.h"

enum {
	R_IDR0 = 0x00,
	R_IDR1 = 0x04,
	R_IDR3 = 0x0c,
	R_IDR5 = 0x14,
	R_AIDR = 0x1c,
	R_CR0 = 0x20,
	R_CR0ACK = 0x24,
	R_CR1 = 0x28,
	R_CR2 = 0x2c,
	R_GBPA = 0x44,
	R_IRQ_CTRL = 0x50,
	R_IRQ_CTRLACK = 0x54,
	R_GERROR = 0x60,
	R_GERRORN = 0x64,
	R_GERROR_IRQ_CFG0 = 0x68,
	R_STRTAB_BASE = 0x80,
	R_STRTAB_BASE_CFG = 0x88,
	R_CMDQ_BASE = 0x90,
	R_CMDQ_PROD = 0x98,
	R_CMDQ_CONS = 0x9c,
	R_EVENTQ_BASE = 0xa0,
	R_EVENTQ_IRQ_CFG0 = 0xb0,
	R_EVENTQ_PROD = 0x100a8,
	R_EVENTQ_CONS = 0x100ac,
};

#define GBPA_UPDATE BIT32(31)
#define CR0_KNOWN   (CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN | CR0_ATSCHK)

void smmu_model_reset(struct smmu_model *m, uint8_t *mem, uint8_t *seen, uint64_t base_pa, size_t bytes, uint64_t seed)
{
	*m = (struct smmu_model){
		.id = { 0x0d44101b, 0x02730010, 0x1414, 0x74, 1 },
		.pace = SMMU_MODEL_LATE,
		.delay_max = 4,
		.ack_delay = 2,
		.time_step_us = 1,
		.mem = mem,
		.seen = seen,
		.base_pa = base_pa,
		.bytes = bytes,
		.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1,
		.gbpa = 0x1000,
	};
	memcpy(seen, mem, bytes);
}

/* Acknowledges come some reads after the write. */
static void acks_polled(struct smmu_model *m)
{
	if (m->acks_deaf) {
		return;
	}
	if (m->cr0ack != m->cr0 && m->cr0_wait-- == 0) {
		m->cr0ack = m->cr0;
		model_cmdq_polled(m);
		model_events_retry(m);
	}
	if (m->irq_ctrlack != m->irq_ctrl && m->irq_wait-- == 0) {
		m->irq_ctrlack = m->irq_ctrl;
	}
	if (m->update_pending && m->gbpa_wait-- == 0) {
		m->gbpa = m->gbpa_next;
		m->update_pending = false;
	}
}

static uint32_t half(uint64_t reg, uint32_t offset)
{
	return (uint32_t)(reg >> (offset & 4 ? 32 : 0));
}

uint32_t smmu_model_read32(struct smmu_model *m, uint32_t offset)
{
	m->now_us += m->time_step_us;
	acks_polled(m);
	switch (offset) {
	case R_IDR0:
		return m->id.idr0;
	case R_IDR1:
		return m->id.idr1;
	case R_IDR3:
		return m->id.idr3;
	case R_IDR5:
		return m->id.idr5;
	case R_AIDR:
		return m->id.aidr;
	case R_CR0:
		return m->cr0;
	case R_CR0ACK:
		return m->cr0ack;
	case R_CR1:
		return m->cr1;
	case R_CR2:
		return m->cr2;
	case R_GBPA:
		return m->gbpa | (m->update_pending ? GBPA_UPDATE : 0);
	case R_IRQ_CTRL:
		return m->irq_ctrl;
	case R_IRQ_CTRLACK:
		return m->irq_ctrlack;
	case R_GERROR:
		return m->gerror;
	case R_GERRORN:
		return m->gerrorn;
	case R_STRTAB_BASE:
	case R_STRTAB_BASE + 4:
		return half(m->strtab_base, offset);
	case R_STRTAB_BASE_CFG:
		return m->strtab_cfg;
	case R_CMDQ_BASE:
	case R_CMDQ_BASE + 4:
		return half(m->cmdq_base, offset);
	case R_CMDQ_PROD:
		return m->cmdq_prod;
	case R_CMDQ_CONS:
		model_cmdq_polled(m);
		return m->cmdq_cons;
	case R_EVENTQ_BASE:
	case R_EVENTQ_BASE + 4:
		return half(m->eventq_base, offset);
	case R_EVENTQ_PROD:
		return m->eventq_prod;
	case R_EVENTQ_CONS:
		return m->eventq_cons;
	default:
		return 0;
	}
}

/* May a register be written that belongs to what `enables` of CR0 turn on? */
static bool quiet(struct smmu_model *m, uint32_t enables, const char *what, uint64_t value)
{
	if (((m->cr0 | m->cr0ack) & enables) != 0) {
		model_violation(m, what, value);
		return false;
	}
	return true;
}

static void cr0_write(struct smmu_model *m, uint32_t value)
{
	if (m->cr0 != m->cr0ack) {
		model_violation(m, "CR0 written before CR0ACK", value);
	}
	if ((value & ~(uint32_t)CR0_KNOWN) != 0) {
		model_violation(m, "CR0 field that is not there", value);
		value &= CR0_KNOWN;
	}
	if ((value & CR0_SMMUEN) != 0 && (m->strtab_base & MASK64(55, 6)) >> model_oas(m) != 0) {
		model_violation(m, "STRTAB_BASE beyond OAS", m->strtab_base);
	}
	m->cr0 = value;
	m->cr0_wait = (uint32_t)model_draw(m, (uint64_t)m->ack_delay + 1);
}

static void gbpa_write(struct smmu_model *m, uint32_t value)
{
	if (m->update_pending || (value & GBPA_UPDATE) == 0) {
		model_violation(m, "GBPA written without Update, or during one", value);
		return;
	}
	m->gbpa_next = value & ~GBPA_UPDATE;
	m->update_pending = true;
	m->gbpa_wait = (uint32_t)model_draw(m, (uint64_t)m->ack_delay + 1);
}

static void gerrorn_write(struct smmu_model *m, uint32_t value)
{
	/* Toggling what is not active is unpredictable. */
	if (((value ^ m->gerrorn) & ~(m->gerror ^ m->gerrorn)) != 0) {
		model_violation(m, "GERRORN toggles an error that is not active", value);
	}
	m->gerrorn = value;
	if (((m->gerror ^ m->gerrorn) & GERROR_CMDQ) == 0) {
		m->cmdq_cons &= ~MASK32(30, 24);
		model_cmdq_polled(m);
	}
}

static void strtab_cfg_write(struct smmu_model *m, uint32_t value)
{
	if (model_bits(m->id.idr0, 28, 27) == 0) {
		value &= ~MASK32(17, 16); /* FMT is RES0 */
	}
	if (model_bits(value, 17, 16) == 1 && model_bits(value, 10, 6) != 6 && model_bits(value, 10, 6) != 8 &&
		model_bits(value, 10, 6) != 10) {
		model_violation(m, "STRTAB_BASE_CFG.SPLIT", value);
	}
	if (model_bits(value, 5, 0) > model_bits(m->id.idr1, 5, 0)) {
		model_violation(m, "STRTAB_BASE_CFG.LOG2SIZE beyond SIDSIZE", value);
	}
	m->strtab_cfg = value;
}

static void eventq_cons_write(struct smmu_model *m, uint32_t value)
{
	m->eventq_cons = value & (BIT32(31) | MASK32(19, 0));
	model_events_retry(m);
}

static void irq_ctrl_write(struct smmu_model *m, uint32_t value)
{
	if (m->irq_ctrl != m->irq_ctrlack) {
		model_violation(m, "IRQ_CTRL written before IRQ_CTRLACK", value);
	}
	m->irq_ctrl = value & 7;
	m->irq_wait = (uint32_t)model_draw(m, (uint64_t)m->ack_delay + 1);
}

static void irq_cfg_write(struct smmu_model *m, uint64_t *reg, uint32_t enable, uint64_t value)
{
	if (((m->irq_ctrl | m->irq_ctrlack) & enable) != 0) {
		model_violation(m, "IRQ_CFG0 written while enabled", value);
		return;
	}
	*reg = value;
}

void smmu_model_write32(struct smmu_model *m, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case R_CR0:
		cr0_write(m, value);
		break;
	case R_CR1:
		if (quiet(m, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN, "CR1 while in use", value)) {
			m->cr1 = value;
		}
		break;
	case R_CR2:
		if (quiet(m, CR0_SMMUEN, "CR2 while SMMUEN", value)) {
			m->cr2 = value;
		}
		break;
	case R_GBPA:
		gbpa_write(m, value);
		break;
	case R_IRQ_CTRL:
		irq_ctrl_write(m, value);
		break;
	case R_GERRORN:
		gerrorn_write(m, value);
		break;
	case R_STRTAB_BASE_CFG:
		if (quiet(m, CR0_SMMUEN, "STRTAB_BASE_CFG while SMMUEN", value)) {
			strtab_cfg_write(m, value);
		}
		break;
	case R_CMDQ_PROD:
		m->cmdq_prod = value & MASK32(19, 0);
		if (m->pace == SMMU_MODEL_AT_ONCE) {
			model_cmdq_polled(m);
		}
		break;
	case R_CMDQ_CONS:
		if (quiet(m, CR0_CMDQEN, "CMDQ_CONS while CMDQEN", value)) {
			m->cmdq_cons = value & MASK32(19, 0);
		}
		break;
	case R_EVENTQ_PROD:
		if (quiet(m, CR0_EVENTQEN, "EVENTQ_PROD while EVENTQEN", value)) {
			m->eventq_prod = value & (BIT32(31) | MASK32(19, 0));
		}
		break;
	case R_EVENTQ_CONS:
		eventq_cons_write(m, value);
		break;
	default:
		model_violation(m, "write of a register that is not there, or read-only", offset);
		break;
	}
}

static void queue_base_write(struct smmu_model *m, uint64_t *reg, uint32_t enable, uint32_t log2_max, uint64_t value)
{
	if (!quiet(m, enable, "queue base while enabled", value)) {
		return;
	}
	if ((value & 31) > log2_max) {
		model_violation(m, "queue larger than IDR1 allows", value);
	}
	if ((value & MASK64(55, 5)) >> model_oas(m) != 0) {
		model_violation(m, "queue base beyond OAS", value);
	}
	*reg = value;
}

void smmu_model_write64(struct smmu_model *m, uint32_t offset, uint64_t value)
{
	switch (offset) {
	case R_STRTAB_BASE:
		if (quiet(m, CR0_SMMUEN, "STRTAB_BASE while SMMUEN", value)) {
			m->strtab_base = value;
		}
		break;
	case R_CMDQ_BASE:
		queue_base_write(m, &m->cmdq_base, CR0_CMDQEN, (uint32_t)model_bits(m->id.idr1, 25, 21), value);
		break;
	case R_EVENTQ_BASE:
		queue_base_write(m, &m->eventq_base, CR0_EVENTQEN, (uint32_t)model_bits(m->id.idr1, 20, 16), value);
		break;
	case R_GERROR_IRQ_CFG0:
		irq_cfg_write(m, &m->gerror_irq_cfg0, 1, value);
		break;
	case R_EVENTQ_IRQ_CFG0:
		irq_cfg_write(m, &m->eventq_irq_cfg0, 4, value);
		break;
	default:
		model_violation(m, "64-bit write of a register that is not there", offset);
		break;
	}
}
