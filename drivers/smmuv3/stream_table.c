/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The stream table and its entries (IHI 0070 3.3, 5.1, 5.2). The SMMU may read an entry at
 * any moment and caches invalid ones too, so an entry changes in two halves, each ended by
 * CFGI_STE and SYNC: made invalid, then filled with the word that holds V last.
 */
#include "core/base/assert.h"
#include "drivers/smmuv3/smmuv3_priv.h"

static const uint8_t ps_bits[7] = { 32, 36, 40, 42, 44, 48, 52 };

static bool two_level(const struct gw_smmu *smmu)
{
	return smmu->config.leaf_count != 0;
}

enum err smmu_strtab_check(struct gw_smmu *smmu)
{
	const struct gw_smmu_config *c = &smmu->config;
	uint64_t need;

	smmu->strtab_bits = c->stream_bits;
	if (two_level(smmu)) {
		if (c->stream_bits < SMMU_SPLIT_BITS || c->leaf_count > GW_SMMU_LEAVES_MAX || c->leaves == NULL ||
			smmu_pa_of(smmu, c->leaves) % GW_SMMU_LEAF_BYTES != 0) {
			SMMU_REASON(smmu, "SMMU config: %u leaf tables for %u StreamID bits, or their alignment",
				c->leaf_count, c->stream_bits);
			return ERR_RANGE;
		}
		need = UINT64_C(8) << (c->stream_bits - SMMU_SPLIT_BITS);
	} else {
		need = (uint64_t)STE_BYTES << c->stream_bits;
	}
	if (c->strtab == NULL || c->strtab_bytes < need || smmu_pa_of(smmu, c->strtab) % MAX(need, 64) != 0) {
		SMMU_REASON(smmu, "SMMU config: stream table of %zu bytes, %llu needed, or its alignment",
			c->strtab_bytes, (unsigned long long)need);
		return ERR_RANGE;
	}
	return ERR_OK;
}

void smmu_strtab_clear(struct gw_smmu *smmu)
{
	uint64_t *words = smmu->config.strtab;
	size_t count = smmu->config.strtab_bytes / 8;

	for (size_t i = 0; i < count; i++) {
		words[i] = 0;
	}
	smmu->leaves_used = 0;
	smmu_publish(smmu, words, count * 8);
}

uint32_t smmu_strtab_base_cfg(const struct gw_smmu *smmu)
{
	uint32_t cfg = FIELD_PREP(SMMU_STRTAB_BASE_CFG_LOG2SIZE, smmu->strtab_bits);

	if (two_level(smmu)) {
		cfg |= FIELD_PREP(SMMU_STRTAB_BASE_CFG_FMT, SMMU_STRTAB_BASE_CFG_FMT_TWO_LEVEL) |
		       FIELD_PREP(SMMU_STRTAB_BASE_CFG_SPLIT, SMMU_SPLIT_BITS);
	}
	return cfg;
}

/* The entry of a stream, or NULL where no leaf table holds it yet. */
static uint64_t *ste_of(const struct gw_smmu *smmu, uint32_t stream_id)
{
	uint64_t *table;

	if (!two_level(smmu)) {
		return (uint64_t *)smmu->config.strtab + (size_t)stream_id * STE_WORDS;
	}
	table = smmu->leaf_of[stream_id >> SMMU_SPLIT_BITS];
	if (table == NULL) {
		return NULL;
	}
	return table + (size_t)(stream_id & (GW_SMMU_LEAF_STREAMS - 1)) * STE_WORDS;
}

/* Hang an empty leaf table, all of it aborting, below its level 1 descriptor. */
static void leaf_add(struct gw_smmu *smmu, uint32_t stream_id)
{
	uint32_t l1 = stream_id >> SMMU_SPLIT_BITS;
	uint64_t *leaf = (uint64_t *)smmu->config.leaves + (size_t)smmu->leaves_used * (GW_SMMU_LEAF_BYTES / 8);
	uint64_t *desc = (uint64_t *)smmu->config.strtab + l1;

	ASSERT(smmu->leaves_used < smmu->config.leaf_count);
	for (size_t i = 0; i < GW_SMMU_LEAF_BYTES / 8; i++) {
		leaf[i] = 0;
	}
	smmu_publish(smmu, leaf, GW_SMMU_LEAF_BYTES);
	smmu->leaves_used++;
	smmu->leaf_of[l1] = leaf;
	smmu_store64(desc, (smmu_pa_of(smmu, leaf) & L1STD_L2PTR) | FIELD_PREP(L1STD_SPAN, SMMU_SPLIT_BITS + 1));
	smmu_publish(smmu, desc, sizeof(*desc));
}

/*
 * IPA bits that a start level serves with the 4 KiB granule: one table, or up to 16 of them
 * side by side (Arm ARM, D8.2). Returns the bytes of the start level, 0 for no such pair.
 */
static uint64_t start_table_bytes(uint8_t t0sz, uint8_t sl0)
{
	static const struct {
		uint8_t lo, hi, resolved;
	} level[3] = {
		{ 25, 34, 21 }, /* level 2 */
		{ 31, 43, 30 }, /* level 1 */
		{ 40, 48, 39 }, /* level 0 */
	};
	uint32_t bits = 64u - t0sz;

	if (t0sz > 39 || sl0 > 2 || bits < level[sl0].lo || bits > level[sl0].hi) {
		return 0;
	}
	return UINT64_C(8) << (bits - level[sl0].resolved);
}

/** Widest input of stage 2 (IHI 0070, 3.4): as the output, but at least AArch32's 40 bits where those tables exist too. */
static uint32_t input_bits_max(const struct gw_smmu_features *f)
{
	bool aarch32 = (FIELD_GET(SMMU_IDR0_TTF, f->idr0) & SMMU_IDR0_TTF_AARCH32) != 0;

	return aarch32 ? MAX(f->oas_bits, 40u) : f->oas_bits;
}

static enum err s2_check(struct gw_smmu *smmu, const struct gw_smmu_s2 *s2)
{
	const struct gw_smmu_features *f = &smmu->features;
	uint64_t bytes = start_table_bytes(s2->t0sz, s2->sl0);

	if (bytes == 0) {
		SMMU_REASON(smmu, "stage 2: T0SZ %u with SL0 %u is not possible", s2->t0sz, s2->sl0);
		return ERR_RANGE;
	}
	if (64u - s2->t0sz > input_bits_max(f)) {
		SMMU_REASON(smmu, "stage 2: T0SZ %u is %u input bits, the SMMU takes %u", s2->t0sz, 64u - s2->t0sz,
			input_bits_max(f));
		return ERR_RANGE;
	}
	if (s2->ps >= ARRAY_SIZE(ps_bits) || ps_bits[s2->ps] > f->oas_bits) {
		SMMU_REASON(smmu, "stage 2: PS %u is beyond the SMMU's %u output bits", s2->ps, f->oas_bits);
		return ERR_RANGE;
	}
	if (s2->root_pa % MAX(bytes, 64) != 0 || (s2->root_pa & ~STE3_S2TTB) != 0 ||
		s2->root_pa >> ps_bits[s2->ps] != 0) {
		SMMU_REASON(smmu, "stage 2: root 0x%llx, alignment %llu and %u bits needed",
			(unsigned long long)s2->root_pa, (unsigned long long)bytes, ps_bits[s2->ps]);
		return ERR_RANGE;
	}
	if (s2->vmid > 255 && !f->vmid16) {
		SMMU_REASON(smmu, "stage 2: VMID %u, but IDR0.VMID16 = 0", s2->vmid);
		return ERR_RANGE;
	}
	if (s2->fwb && !f->fwb) {
		SMMU_REASON(smmu, "stage 2: forced write-back, but IDR3.FWB = 0");
		return ERR_UNSUPPORTED;
	}
	if ((s2->hw_access && f->httu < 1) || (s2->hw_dirty && (f->httu < 2 || !s2->hw_access))) {
		SMMU_REASON(smmu,
			"stage 2: hardware access flag %u, dirty state %u, but IDR0.HTTU = %u, IDR0.COHACC = %u",
			s2->hw_access, s2->hw_dirty, FIELD_GET(SMMU_IDR0_HTTU, f->idr0), f->coherent);
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

static void ste_fill(uint64_t ste[STE_WORDS], const struct gw_smmu_s2 *s2)
{
	ste[0] = STE0_V | FIELD_PREP(STE0_CONFIG, STE0_CONFIG_S2);
	/* EATS 0: a translated request would bypass stage 2. */
	ste[1] = FIELD_PREP(STE1_SHCFG, STE1_SHCFG_INCOMING) | (s2->fwb ? STE1_S2FWB : 0);
	ste[2] = FIELD_PREP(STE2_S2VMID, s2->vmid) | FIELD_PREP(STE2_S2T0SZ, s2->t0sz) |
		 FIELD_PREP(STE2_S2SL0, s2->sl0) | FIELD_PREP(STE2_S2IR0, STE2_S2WALK_WB) |
		 FIELD_PREP(STE2_S2OR0, STE2_S2WALK_WB) | FIELD_PREP(STE2_S2SH0, STE2_S2SH0_ISH) |
		 FIELD_PREP(STE2_S2TG, STE2_S2TG_4K) | FIELD_PREP(STE2_S2PS, s2->ps) | STE2_S2AA64 | STE2_S2R |
		 (s2->hw_access ? STE2_S2HA : 0) | (s2->hw_dirty ? STE2_S2HD : 0);
	ste[3] = s2->root_pa & STE3_S2TTB;
	for (uint32_t i = 4; i < STE_WORDS; i++) {
		ste[i] = 0;
	}
}

static void cfgi_ste(struct gw_smmu *smmu, uint32_t stream_id, bool leaf_only)
{
	smmu_cmdq_put(smmu, CMD_CFGI_STE | FIELD_PREP(CMD0_SID, stream_id), leaf_only ? CMD1_LEAF : 0);
}

static enum err update_check(struct gw_smmu *smmu, uint32_t stream_id)
{
	if (smmu->phase != GW_SMMU_UP || smmu->update.phase != GW_SMMU_UPDATE_IDLE) {
		SMMU_REASON(smmu, "SMMU is not up, or another update is under way");
		return ERR_BAD_STATE;
	}
	if (stream_id >> smmu->strtab_bits != 0) {
		SMMU_REASON(smmu, "StreamID 0x%x is outside the stream table of %u bits", stream_id, smmu->strtab_bits);
		return ERR_RANGE;
	}
	return ERR_OK;
}

/* First half: the entry is invalid, and nobody remembers what it was. */
static void update_break(struct gw_smmu *smmu)
{
	uint32_t stream_id = smmu->update.stream_id;
	bool leaf_only = true;
	uint64_t *ste = ste_of(smmu, stream_id);

	if (ste == NULL) {
		/* A new level 1 descriptor: the invalidation has to reach that level too. */
		leaf_add(smmu, stream_id);
		leaf_only = false;
	} else {
		smmu_store64(&ste[0], 0);
		smmu_publish(smmu, ste, STE_BYTES);
	}
	cfgi_ste(smmu, stream_id, leaf_only);
	if (smmu->update.attach) {
		/* The VMID may have had another life. */
		smmu_cmdq_put(smmu, CMD_TLBI_S12_VMALL | FIELD_PREP(CMD0_VMID, smmu->update.s2.vmid), 0);
	}
	smmu_cmdq_sync(smmu, &smmu->update.token);
	smmu->update.phase = GW_SMMU_UPDATE_BREAK;
}

/* Second half: everything but the word with V, then that word, each published before the next. */
static void update_make(struct gw_smmu *smmu)
{
	uint64_t value[STE_WORDS];
	uint64_t *ste = ste_of(smmu, smmu->update.stream_id);

	ASSERT(ste != NULL);
	ste_fill(value, &smmu->update.s2);
	for (uint32_t i = 1; i < STE_WORDS; i++) {
		smmu_store64(&ste[i], value[i]);
	}
	smmu_publish(smmu, ste, STE_BYTES);
	smmu_store64(&ste[0], value[0]);
	smmu_publish(smmu, ste, sizeof(ste[0]));
	cfgi_ste(smmu, smmu->update.stream_id, true);
	smmu_cmdq_sync(smmu, &smmu->update.token);
	smmu->update.phase = GW_SMMU_UPDATE_MAKE;
}

enum err gw_smmu_attach_s2_begin(struct gw_smmu *smmu, uint32_t stream_id, const struct gw_smmu_s2 *s2)
{
	enum err err = update_check(smmu, stream_id);

	if (err != ERR_OK) {
		return err;
	}
	err = s2_check(smmu, s2);
	if (err != ERR_OK) {
		return err;
	}
	if (ste_of(smmu, stream_id) == NULL && smmu->leaves_used == smmu->config.leaf_count) {
		SMMU_REASON(smmu, "StreamID 0x%x: all %u leaf tables are in use", stream_id, smmu->config.leaf_count);
		return ERR_FULL;
	}
	if (!smmu_cmdq_room(smmu, 2)) {
		return ERR_FULL;
	}
	smmu->update.stream_id = stream_id;
	smmu->update.attach = true;
	smmu->update.s2 = *s2;
	update_break(smmu);
	return ERR_OK;
}

enum err gw_smmu_detach_begin(struct gw_smmu *smmu, uint32_t stream_id)
{
	enum err err = update_check(smmu, stream_id);

	if (err != ERR_OK) {
		return err;
	}
	if (!smmu_cmdq_room(smmu, 2)) {
		return ERR_FULL;
	}
	smmu->update.stream_id = stream_id;
	smmu->update.attach = false;
	if (ste_of(smmu, stream_id) == NULL) {
		/* Never had an entry; there is nothing to forget but the poll is owed its SYNC. */
		smmu_cmdq_sync(smmu, &smmu->update.token);
		smmu->update.phase = GW_SMMU_UPDATE_BREAK;
		return ERR_OK;
	}
	update_break(smmu);
	return ERR_OK;
}

enum err gw_smmu_update_poll(struct gw_smmu *smmu)
{
	enum err err;

	if (smmu->update.phase == GW_SMMU_UPDATE_IDLE) {
		return ERR_BAD_STATE;
	}
	err = gw_smmu_sync_poll(smmu, &smmu->update.token);
	if (err == ERR_AGAIN) {
		return ERR_AGAIN;
	}
	if (err == ERR_OK && smmu->update.phase == GW_SMMU_UPDATE_BREAK && smmu->update.attach) {
		if (!smmu_cmdq_room(smmu, 1)) {
			return ERR_AGAIN;
		}
		update_make(smmu);
		return ERR_AGAIN;
	}
	if (err != ERR_OK && smmu->update.attach) {
		/* Not to be trusted: abort. Whoever waits is told. */
		uint64_t *ste = ste_of(smmu, smmu->update.stream_id);

		ASSERT(ste != NULL);
		smmu_store64(&ste[0], 0);
		smmu_publish(smmu, ste, STE_BYTES);
	}
	smmu->update.phase = GW_SMMU_UPDATE_IDLE;
	return err;
}

static enum err update_wait(struct gw_smmu *smmu)
{
	for (uint32_t i = 0; i < GW_SMMU_POLLS_MAX; i++) {
		enum err err = gw_smmu_update_poll(smmu);

		if (err != ERR_AGAIN) {
			return err;
		}
	}
	SMMU_REASON(
		smmu, "SMMU update of StreamID 0x%x: no end after %u polls", smmu->update.stream_id, GW_SMMU_POLLS_MAX);
	smmu->update.phase = GW_SMMU_UPDATE_IDLE;
	return ERR_TIMEOUT;
}

enum err gw_smmu_attach_s2(struct gw_smmu *smmu, uint32_t stream_id, const struct gw_smmu_s2 *s2)
{
	enum err err = gw_smmu_attach_s2_begin(smmu, stream_id, s2);

	return err == ERR_OK ? update_wait(smmu) : err;
}

enum err gw_smmu_detach(struct gw_smmu *smmu, uint32_t stream_id)
{
	enum err err = gw_smmu_detach_begin(smmu, stream_id);

	return err == ERR_OK ? update_wait(smmu) : err;
}

bool gw_smmu_attached(const struct gw_smmu *smmu, uint32_t stream_id)
{
	const uint64_t *ste;

	if (smmu->phase == GW_SMMU_DOWN || stream_id >> smmu->strtab_bits != 0) {
		return false;
	}
	ste = ste_of(smmu, stream_id);
	return ste != NULL && (ste[0] & STE0_V) != 0 &&
	       (smmu->update.phase == GW_SMMU_UPDATE_IDLE || smmu->update.stream_id != stream_id);
}
