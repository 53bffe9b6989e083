/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The command queue (IHI 0070 3.5, 4). Indices carry a wrap bit just above them; 64-bit
 * counters beside them never wrap, so a token is a number to be reached. One slot stays free
 * for a SYNC, so that work that was queued can always be waited for.
 */
#include "core/base/assert.h"
#include "drivers/smmuv3/smmuv3_priv.h"

/* CMDQ_CONS.ERR */
static const char *const cmd_error_name[4] = { "CERROR_NONE", "CERROR_ILL", "CERROR_ABT", "CERROR_ATC_INV_SYNC" };

static uint32_t cmdq_entries(const struct gw_smmu *smmu)
{
	return 1u << smmu->config.cmdq_log2;
}

static uint64_t *cmdq_entry(const struct gw_smmu *smmu, uint32_t index)
{
	return (uint64_t *)smmu->config.cmdq + (size_t)(index & (cmdq_entries(smmu) - 1)) * (CMD_BYTES / 8);
}

/* Take over CONS. A value that lies outside what was produced is a broken SMMU. */
static void cons_update(struct gw_smmu *smmu)
{
	uint32_t mask = 2 * cmdq_entries(smmu) - 1;
	uint32_t cons = smmu_read32(smmu, SMMU_CMDQ_CONS) & mask;
	uint32_t done = (cons - smmu->cmdq_cons) & mask;

	if (done > smmu->cmdq_produced - smmu->cmdq_consumed) {
		SMMU_REASON(smmu, "SMMU CMDQ_CONS 0x%x is beyond CMDQ_PROD 0x%x", cons, smmu->cmdq_prod);
		smmu->phase = GW_SMMU_FAILED;
		return;
	}
	smmu->cmdq_consumed += done;
	smmu->cmdq_cons = cons;
}

bool smmu_cmdq_room(struct gw_smmu *smmu, uint32_t count)
{
	uint64_t used = smmu->cmdq_produced - smmu->cmdq_consumed;

	if (used + count + 1 > cmdq_entries(smmu)) {
		cons_update(smmu);
		used = smmu->cmdq_produced - smmu->cmdq_consumed;
	}
	return used + count + 1 <= cmdq_entries(smmu);
}

void smmu_cmdq_put(struct gw_smmu *smmu, uint64_t d0, uint64_t d1)
{
	uint64_t *entry = cmdq_entry(smmu, smmu->cmdq_prod);

	ASSERT(smmu->cmdq_produced - smmu->cmdq_consumed < cmdq_entries(smmu));
	entry[0] = d0;
	entry[1] = d1;
	smmu_publish(smmu, entry, CMD_BYTES);
	smmu->cmdq_prod = (smmu->cmdq_prod + 1) & (2 * cmdq_entries(smmu) - 1);
	smmu->cmdq_produced++;
	smmu->counts.commands++;
}

void smmu_cmdq_ring(struct gw_smmu *smmu)
{
	smmu_write32(smmu, SMMU_CMDQ_PROD, smmu->cmdq_prod);
}

void smmu_cmdq_sync(struct gw_smmu *smmu, struct gw_smmu_token *token)
{
	/* CS = 0: no signal, completion is CONS passing it. */
	smmu_cmdq_put(smmu, CMD_SYNC, 0);
	smmu->counts.syncs++;
	token->end = smmu->cmdq_produced;
	token->errors = smmu->counts.command_errors;
	token->deadline_us = smmu_time_us(smmu) + GW_SMMU_SYNC_TIMEOUT_US;
	smmu_cmdq_ring(smmu);
}

enum err smmu_cmdq_wait(struct gw_smmu *smmu, const struct gw_smmu_token *token)
{
	for (uint32_t i = 0; i < GW_SMMU_POLLS_MAX; i++) {
		enum err err = gw_smmu_sync_poll(smmu, token);

		if (err != ERR_AGAIN) {
			return err;
		}
	}
	SMMU_REASON(smmu, "SMMU CMD_SYNC: no end after %u polls", GW_SMMU_POLLS_MAX);
	return ERR_TIMEOUT;
}

/*
 * The SMMU stopped at the entry CONS names. It becomes a SYNC, which does no harm, and the
 * queue goes on once GERRORN agrees; whoever waits for a token begun before learns of it.
 */
static void cmdq_repair(struct gw_smmu *smmu)
{
	uint32_t cons = smmu_read32(smmu, SMMU_CMDQ_CONS);
	uint32_t code = FIELD_GET(SMMU_CMDQ_CONS_ERR, cons);
	uint64_t *entry = cmdq_entry(smmu, cons);

	SMMU_REASON(smmu, "SMMU refused command 0x%016llx 0x%016llx: %s", (unsigned long long)entry[0],
		(unsigned long long)entry[1], code < ARRAY_SIZE(cmd_error_name) ? cmd_error_name[code] : "unknown");
	entry[0] = CMD_SYNC;
	entry[1] = 0;
	smmu_publish(smmu, entry, CMD_BYTES);
	smmu->counts.command_errors++;
}

uint32_t gw_smmu_gerror_service(struct gw_smmu *smmu)
{
	uint32_t gerror = smmu_read32(smmu, SMMU_GERROR) & SMMU_GERROR_FIELDS;
	uint32_t active = gerror ^ (smmu_read32(smmu, SMMU_GERRORN) & SMMU_GERROR_FIELDS);

	if (active == 0) {
		return 0;
	}
	smmu->counts.global_errors++;
	if ((active & SMMU_GERROR_CMDQ_ERR) != 0) {
		cmdq_repair(smmu);
	}
	if ((active & SMMU_GERROR_EVENTQ_ABT) != 0) {
		/* A record could not be written (QEMU's model says so where the architecture toggles OVFLG). */
		smmu->counts.event_overflows++;
	}
	if ((active & SMMU_GERROR_SFM) != 0) {
		/* Service failure mode: all traffic ends, and only a reset leads out. */
		SMMU_REASON(smmu, "SMMU is in service failure mode: GERROR 0x%x", gerror);
		smmu->phase = GW_SMMU_FAILED;
	}
	smmu_write32(smmu, SMMU_GERRORN, gerror);
	return active;
}

enum err gw_smmu_sync_begin(struct gw_smmu *smmu, struct gw_smmu_token *token)
{
	if (smmu->phase != GW_SMMU_UP) {
		return ERR_BAD_STATE;
	}
	if (!smmu_cmdq_room(smmu, 0)) {
		return ERR_FULL;
	}
	smmu_cmdq_sync(smmu, token);
	return ERR_OK;
}

enum err gw_smmu_sync_poll(struct gw_smmu *smmu, const struct gw_smmu_token *token)
{
	enum gw_smmu_phase before = smmu->phase;

	if (smmu->cmdq_consumed < token->end) {
		(void)gw_smmu_gerror_service(smmu);
		cons_update(smmu);
	}
	if (smmu->phase == GW_SMMU_FAILED && before != GW_SMMU_FAILED) {
		return ERR_IO;
	}
	if (smmu->counts.command_errors != token->errors) {
		return ERR_IO;
	}
	if (smmu->cmdq_consumed >= token->end) {
		return ERR_OK;
	}
	if (smmu_time_us(smmu) > token->deadline_us) {
		SMMU_REASON(smmu, "SMMU CMD_SYNC: not done after %u us, CMDQ_PROD 0x%x CMDQ_CONS 0x%x",
			GW_SMMU_SYNC_TIMEOUT_US, smmu->cmdq_prod, smmu->cmdq_cons);
		return ERR_TIMEOUT;
	}
	return ERR_AGAIN;
}

enum err gw_smmu_sync(struct gw_smmu *smmu)
{
	struct gw_smmu_token token;
	enum err err = gw_smmu_sync_begin(smmu, &token);

	return err == ERR_OK ? smmu_cmdq_wait(smmu, &token) : err;
}
