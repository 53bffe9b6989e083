/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Bring-up in the order of IHI 0070 6.3 and its write rules: an acknowledge before the next step. */
#include "drivers/smmuv3/smmuv3_priv.h"

static enum err reg_wait(struct gw_smmu *smmu, const char *name, uint32_t offset, uint32_t mask, uint32_t value)
{
	uint64_t start_us = smmu_time_us(smmu);

	for (uint32_t i = 0; i < GW_SMMU_POLLS_MAX; i++) {
		if ((smmu_read32(smmu, offset) & mask) == value) {
			return ERR_OK;
		}
		if (smmu_time_us(smmu) - start_us > GW_SMMU_ACK_TIMEOUT_US) {
			break;
		}
	}
	SMMU_REASON(smmu, "SMMU %s: 0x%08x after %u us, 0x%08x expected", name, smmu_read32(smmu, offset) & mask,
		GW_SMMU_ACK_TIMEOUT_US, value);
	return ERR_TIMEOUT;
}

static enum err cr0_write(struct gw_smmu *smmu, uint32_t value)
{
	smmu->cr0 = value;
	smmu_write32(smmu, SMMU_CR0, value);
	return reg_wait(smmu, "CR0ACK", SMMU_CR0ACK, SMMU_CR0_FIELDS, value);
}

static enum err irq_ctrl_write(struct gw_smmu *smmu, uint32_t value)
{
	smmu_write32(smmu, SMMU_IRQ_CTRL, value);
	return reg_wait(smmu, "IRQ_CTRLACK", SMMU_IRQ_CTRLACK, SMMU_IRQ_CTRL_FIELDS, value);
}

/* Before all else, so that traffic aborts while SMMUEN is 0, now and whenever it is cleared. */
static enum err bypass_close(struct gw_smmu *smmu)
{
	enum err err = reg_wait(smmu, "GBPA.Update", SMMU_GBPA, SMMU_GBPA_UPDATE, 0);
	uint32_t value;

	if (err != ERR_OK) {
		return err;
	}
	value = smmu_read32(smmu, SMMU_GBPA) | SMMU_GBPA_ABORT | SMMU_GBPA_UPDATE;
	smmu_write32(smmu, SMMU_GBPA, value);
	return reg_wait(smmu, "GBPA", SMMU_GBPA, SMMU_GBPA_UPDATE | SMMU_GBPA_ABORT, SMMU_GBPA_ABORT);
}

static void tables_set(struct gw_smmu *smmu)
{
	const uint32_t cr1 = FIELD_PREP(SMMU_CR1_QUEUE_IC, SMMU_CR1_WB) | FIELD_PREP(SMMU_CR1_QUEUE_OC, SMMU_CR1_WB) |
			     FIELD_PREP(SMMU_CR1_QUEUE_SH, SMMU_CR1_ISH) | FIELD_PREP(SMMU_CR1_TABLE_IC, SMMU_CR1_WB) |
			     FIELD_PREP(SMMU_CR1_TABLE_OC, SMMU_CR1_WB) | FIELD_PREP(SMMU_CR1_TABLE_SH, SMMU_CR1_ISH);

	smmu_write32(smmu, SMMU_CR1, cr1);
	/* PTM: broadcast TLBI of the CPUs is not for us; devices have tables and VMIDs of their own. */
	smmu_write32(smmu, SMMU_CR2, SMMU_CR2_RECINVSID | SMMU_CR2_PTM);
	smmu_strtab_clear(smmu);
	smmu_write64(smmu, SMMU_STRTAB_BASE,
		(smmu_pa_of(smmu, smmu->config.strtab) & SMMU_STRTAB_BASE_ADDR) | SMMU_STRTAB_BASE_RA);
	smmu_write32(smmu, SMMU_STRTAB_BASE_CFG, smmu_strtab_base_cfg(smmu));
}

static enum err cmdq_start(struct gw_smmu *smmu)
{
	smmu->cmdq_prod = 0;
	smmu->cmdq_cons = 0;
	smmu_write64(smmu, SMMU_CMDQ_BASE,
		(smmu_pa_of(smmu, smmu->config.cmdq) & SMMU_Q_BASE_ADDR) | SMMU_Q_BASE_RAWA | smmu->config.cmdq_log2);
	smmu_write32(smmu, SMMU_CMDQ_PROD, 0);
	smmu_write32(smmu, SMMU_CMDQ_CONS, 0);
	return cr0_write(smmu, SMMU_CR0_CMDQEN);
}

/* Nothing that the SMMU may have cached under an earlier owner survives. */
static enum err caches_drop(struct gw_smmu *smmu)
{
	struct gw_smmu_token token;

	smmu_cmdq_put(smmu, CMD_CFGI_ALL, CMD1_CFGI_ALL_RANGE);
	smmu_cmdq_put(smmu, CMD_TLBI_NSNH_ALL, 0);
	if (smmu->features.hyp) {
		/* The smallest queue holds three commands and the SYNC. */
		smmu_cmdq_put(smmu, CMD_TLBI_EL2_ALL, 0);
	}
	smmu_cmdq_sync(smmu, &token);
	return smmu_cmdq_wait(smmu, &token);
}

static enum err eventq_start(struct gw_smmu *smmu)
{
	smmu->eventq_cons = 0;
	smmu_write64(smmu, SMMU_EVENTQ_BASE,
		(smmu_pa_of(smmu, smmu->config.eventq) & SMMU_Q_BASE_ADDR) | SMMU_Q_BASE_RAWA |
			smmu->config.eventq_log2);
	smmu_write32(smmu, SMMU_EVENTQ_PROD, 0);
	smmu_write32(smmu, SMMU_EVENTQ_CONS, 0);
	return cr0_write(smmu, smmu->cr0 | SMMU_CR0_EVENTQEN);
}

static enum err interrupts_start(struct gw_smmu *smmu)
{
	/* Zero address: the wires, edge-triggered pulses, and no MSI. */
	if ((smmu->features.idr0 & SMMU_IDR0_MSI) != 0) {
		smmu_write64(smmu, SMMU_GERROR_IRQ_CFG0, 0);
		smmu_write64(smmu, SMMU_EVENTQ_IRQ_CFG0, 0);
	}
	smmu_write32(smmu, SMMU_GERRORN, smmu_read32(smmu, SMMU_GERROR) & SMMU_GERROR_FIELDS);
	return irq_ctrl_write(smmu, SMMU_IRQ_CTRL_GERROR | SMMU_IRQ_CTRL_EVENTQ);
}

enum err gw_smmu_init(struct gw_smmu *smmu)
{
	enum err err;

	if (smmu->phase != GW_SMMU_PROBED) {
		SMMU_REASON(smmu, "SMMU init without a successful probe");
		return ERR_BAD_STATE;
	}
	smmu->phase = GW_SMMU_FAILED;
	err = bypass_close(smmu);
	if (err != ERR_OK) {
		return err;
	}
	err = cr0_write(smmu, 0);
	if (err != ERR_OK) {
		return err;
	}
	err = irq_ctrl_write(smmu, 0);
	if (err != ERR_OK) {
		return err;
	}
	tables_set(smmu);
	err = cmdq_start(smmu);
	if (err != ERR_OK) {
		return err;
	}
	err = caches_drop(smmu);
	if (err != ERR_OK) {
		return err;
	}
	err = eventq_start(smmu);
	if (err != ERR_OK) {
		return err;
	}
	err = interrupts_start(smmu);
	if (err != ERR_OK) {
		return err;
	}
	err = cr0_write(smmu, smmu->cr0 | SMMU_CR0_SMMUEN);
	if (err != ERR_OK) {
		return err;
	}
	smmu->phase = GW_SMMU_UP;
	return ERR_OK;
}
