/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The generator: what a case for two SMMUv3s is made of (IHI 0070 3.3, 5; Arm ARM D8.3). */
#include "core/base/bits.h"
#include "tests/diff/smmu_case.h"

/* Not RAM, not a device, on the board and in the model, and below 2^40. */
#define NOWHERE	      UINT64_C(0x3000000000)
#define SPLIT	      6u
#define CONFIG_BYPASS 4u
#define PS_44	      4u
#define PS_CODES      6u /* of 8; QEMU ends itself at the others */
#define DESC_AF	      BIT64(10)
#define DESC_AP1      BIT64(6)
#define DESC_B7	      BIT64(7)
#define DESC_DBM      BIT64(51)
#define DESC_CONT     BIT64(52)
#define S1_LEAF	      (UINT64_C(3) << 8 | BIT64(11))
#define S2_LEAF	      (UINT64_C(0x3c) | UINT64_C(3) << 8)
#define ADDRESS_TRIES 12u

const char *const smmu_odd_name[ODD_COUNT] = {
#define X(id, name) [ODD_##id] = (name),
	SMMU_ODDITIES(X)
#undef X
};

static const uint8_t ps_bits[8] = { 32, 36, 40, 42, 44, 48, 48, 48 };

static uint64_t draw(struct smmu_case *c, uint64_t below)
{
	return diff_draw(&c->draw, below);
}

static bool one_in(struct smmu_case *c, uint64_t n)
{
	return diff_one_in(&c->draw, n);
}

static uint8_t granule_draw(struct smmu_case *c)
{
	static const uint8_t of[8] = { 12, 12, 12, 12, 14, 14, 16, 16 };

	return of[draw(c, ARRAY_SIZE(of))];
}

/* ---- stages ---- */

/* Start level and input size of stage 2 that belong together; enough input for the arena where asked. */
static void s2_shape(struct smmu_case *c, uint8_t *granule, uint8_t *level, uint8_t *input_bits, uint8_t least)
{
	*granule = granule_draw(c);
	*level = (uint8_t)((*granule == 12 ? 0 : 1) + draw(c, 3));
	for (;; *level = (uint8_t)(*level - 1)) {
		uint8_t shift = diff_shift(*granule, *level);
		/* Up to 16 tables side by side, but no root of 256 KiB or more. */
		bool concat = c->odd == ODD_S2_CONCAT && *level != 0;
		uint8_t side = concat ? 4 : 0;
		uint8_t lo = MAX((uint8_t)(shift + (concat ? *granule - 2 : 1)), least);
		uint8_t hi = MIN(MIN((uint8_t)(shift + *granule - 3 + side), 44), (uint8_t)(shift + 14));

		if (lo <= hi) {
			*input_bits = (uint8_t)(lo + draw(c, hi - lo + 1u));
			return;
		}
		if (*level == (*granule == 12 ? 0 : 1)) {
			*granule = 12;
			*level = 3;
		}
	}
}

static uint64_t attributes_draw(struct smmu_case *c, bool stage2)
{
	uint64_t desc = stage2 ? S2_LEAF : S1_LEAF | DESC_AP1;

	desc |= one_in(c, 8) ? 0 : DESC_AF;
	desc |= one_in(c, 4) ? DESC_DBM : 0;
	desc |= one_in(c, 4) ? BIT64(54) : 0;
	if (stage2) {
		static const uint8_t ap[8] = { 3, 3, 3, 3, 3, 1, 2, 0 };

		return desc | (uint64_t)ap[draw(c, ARRAY_SIZE(ap))] << 6;
	}
	return desc | (one_in(c, 4) ? DESC_B7 : 0);
}

static uint64_t leaf_type(uint8_t level)
{
	return level == 3 ? 3 : 1;
}

/* Where a leaf may point: into the data, or as a block around it. */
static uint64_t data_draw(struct smmu_case *c, uint8_t size_log2)
{
	uint64_t size = UINT64_C(1) << size_log2;

	if (size >= DIFF_DATA_BYTES) {
		return DIFF_DATA & ~(size - 1);
	}
	return DIFF_DATA + size * draw(c, DIFF_DATA_BYTES >> size_log2);
}

static uint64_t input_draw(struct smmu_case *c, const struct smmu_stage *s, uint8_t size_log2)
{
	uint64_t places = UINT64_C(1) << (s->table.input_bits - size_log2);
	uint64_t near = draw(c, MIN(places, 4));

	switch (draw(c, 3)) {
	case 0:
		return near << size_log2;
	case 1:
		return (places - 1 - near) << size_log2;
	default:
		/* One region of the case's own, so that leaves share tables. */
		return ((c->number * UINT64_C(0x9e3779b9) + near) & (places - 1)) << size_log2;
	}
}

static void map_add(
	struct smmu_case *c, struct diff_machine *m, struct smmu_stage *s, uint64_t in, uint64_t out, uint8_t level)
{
	bool stage2 = s == &c->s2;
	uint64_t desc = attributes_draw(c, stage2);
	struct smmu_map *map = &s->map[s->count];

	if (s->count == SMMU_CASE_MAPS_MAX) {
		return;
	}
	if (ps_bits[s->ps] < 48 && one_in(c, 12)) {
		out |= BIT64(ps_bits[s->ps]);
	}
	desc |= out | (one_in(c, 12) ? 0 : leaf_type(level));
	*map = (struct smmu_map){
		.in = in, .out = out, .level = level, .size_log2 = diff_shift(s->table.granule, level)
	};
	map->at = diff_table_map(m, &s->table, in, level, desc);
	if (map->at != 0) {
		s->count++;
	}
}

static uint8_t level_draw(struct smmu_case *c, const struct smmu_stage *s)
{
	uint8_t top = s->table.granule == 12 ? 1 : 2;
	uint8_t low = MAX(top, s->table.start_level);

	return one_in(c, 2) ? 3 : (uint8_t)(low + draw(c, 4u - low));
}

static void maps_draw(struct smmu_case *c, struct diff_machine *m, struct smmu_stage *s)
{
	uint32_t wanted = (uint32_t)(s->table.granule == 16 ? 2 + draw(c, 3) : 3 + draw(c, 6));

	for (uint32_t i = 0; i < wanted; i++) {
		uint8_t level = level_draw(c, s);
		uint8_t size_log2 = diff_shift(s->table.granule, level);
		uint64_t out = data_draw(c, size_log2);

		if (s == &c->s1 && c->s2.count > 0 && !one_in(c, 8)) {
			/* An IPA that stage 2 knows, or one beside it. */
			const struct smmu_map *behind = &c->s2.map[draw(c, c->s2.count)];
			uint64_t room = behind->size_log2 > size_log2 ? BIT64(behind->size_log2 - size_log2) : 1;

			out = (behind->in & ~(BIT64(size_log2) - 1)) + (draw(c, room) << size_log2);
			if (behind->size_log2 > size_log2 && one_in(c, 2)) {
				/* Where the block reaches the data. */
				uint64_t at = behind->out < DIFF_DATA ? DIFF_DATA - behind->out : 0;

				out = (behind->in + at) & ~(BIT64(size_log2) - 1);
			}
		}
		map_add(c, m, s, input_draw(c, s, size_log2), out, level);
	}
}

/* Nested: tables and CDs lie at IPAs equal to their PAs. */
static void identity_map(struct smmu_case *c, struct diff_machine *m, bool pages)
{
	const struct diff_table *t = &c->s2.table;
	uint8_t level = pages || t->start_level == 3 ? 3 : 2;
	uint64_t size = BIT64(diff_shift(t->granule, level));
	const uint64_t rw = S2_LEAF | DESC_AF | DESC_AP1 | DESC_B7;

	for (uint64_t pa = DIFF_PA & ~(size - 1); pa < DIFF_POOL_END; pa += size) {
		(void)diff_table_map(m, t, pa, level, pa | rw | leaf_type(level));
	}
}

static void s2_build(struct smmu_case *c, struct diff_machine *m, bool nested)
{
	uint8_t granule, level, input_bits;
	static const uint8_t ps[8] = { 0, 2, 3, 4, 4, 4, 5, 4 };

	s2_shape(c, &granule, &level, &input_bits, nested ? 32 : 25);
	c->s2.on = true;
	c->s2.ps = ps[draw(c, ARRAY_SIZE(ps))];
	if (ps_bits[c->s2.ps] < input_bits) {
		c->s2.ps = PS_44; /* less is ODD_STE_PS */
	}
	diff_table_init(m, &c->s2.table, granule, level, input_bits);
	if (nested) {
		identity_map(c, m, c->odd == ODD_NEST_CD || c->odd == ODD_NEST_TABLE || one_in(c, 2));
	}
	maps_draw(c, m, &c->s2);
}

static void s1_build(struct smmu_case *c, struct diff_machine *m)
{
	uint8_t granule = granule_draw(c);
	uint8_t input_bits = (uint8_t)(25 + draw(c, 24));
	uint8_t level = (uint8_t)(3 - (input_bits - granule - 1) / (granule - 3));
	static const uint8_t ps[8] = { 0, 2, 3, 4, 4, 4, 5, 4 };

	c->s1.on = true;
	c->s1.high = one_in(c, 4);
	c->s1.ps = ps[draw(c, ARRAY_SIZE(ps))];
	diff_table_init(m, &c->s1.table, granule, level, input_bits);
	if (c->odd == ODD_PTE_APTABLE || c->odd == ODD_PTE_HAD) {
		c->s1.table.next_bits = (1 + draw(c, 3)) << 61;
	}
	maps_draw(c, m, &c->s1);
}

/* ---- descriptors that are odd ---- */

static void odd_leaf(struct smmu_case *c, struct diff_machine *m, struct smmu_stage *s)
{
	struct smmu_map *map = &s->map[draw(c, s->count)];
	uint64_t desc = *diff_word(m, map->at);
	uint64_t top;

	switch (c->odd) {
	case ODD_PTE_AP1:
		desc &= ~DESC_AP1;
		break;
	case ODD_PTE_CONT:
	case ODD_PTE_CONT_ODD:
		/* The hint on one member of a group whose others are not mapped. */
		desc |= DESC_CONT;
		break;
	case ODD_PTE_RESERVED:
		if (map->level != 3) {
			return;
		}
		desc = (desc & ~UINT64_C(3)) | 1;
		break;
	case ODD_PTE_IGNORED:
		desc |= (1 + draw(c, 15)) << 55;
		break;
	case ODD_PTE_BLOCK:
		/* A block at the root's level, where that is one of tables only. */
		top = diff_shift(s->table.granule, s->table.start_level);
		map->at = s->table.root + 8 * ((map->in & (BIT64(s->table.input_bits) - 1)) >> top);
		if (s->table.start_level > (s->table.granule == 12 ? 0 : 1)) {
			return;
		}
		desc = attributes_draw(c, s == &c->s2) | DESC_AF | 1;
		break;
	case ODD_PTE_TABLE_OA:
	case ODD_PTE_TABLE_BUS:
		top = diff_shift(s->table.granule, s->table.start_level);
		map->at = s->table.root + 8 * ((map->in & (BIT64(s->table.input_bits) - 1)) >> top);
		if (s->table.start_level == 3 || ps_bits[s->ps] >= 48) {
			return;
		}
		if (c->odd == ODD_PTE_TABLE_BUS && s == &c->s1 && c->s2.on) {
			return; /* an IPA, which may lead anywhere */
		}
		desc = 3 | (c->odd == ODD_PTE_TABLE_OA ? BIT64(ps_bits[s->ps]) : NOWHERE);
		break;
	default:
		return;
	}
	diff_store(m, map->at, desc);
}

/* All members of a group of pages side by side, as the contiguous hint promises. */
static void odd_group(struct smmu_case *c, struct diff_machine *m, struct smmu_stage *s)
{
	uint8_t log2 = s->table.granule == 12 ? 4 : s->table.granule == 14 ? 7 : 5;
	uint64_t size = BIT64(s->table.granule);
	uint64_t in = input_draw(c, s, (uint8_t)(s->table.granule + log2));
	uint64_t desc = attributes_draw(c, s == &c->s2) | DESC_AF | DESC_CONT | 3;
	uint64_t out = DIFF_DATA;

	if (s == &c->s1 && c->s2.on) {
		return;
	}
	for (uint64_t i = 0; i < BIT64(log2); i++) {
		uint64_t at = diff_table_map(m, &s->table, in + i * size, 3, (out + i * size) | desc);

		if (at != 0 && s->count < SMMU_CASE_MAPS_MAX && i < 4 && out + i * size < DIFF_DATA + DIFF_DATA_BYTES) {
			s->map[s->count++] = (struct smmu_map){ .in = in + i * size,
				.out = out + i * size,
				.at = at,
				.level = 3,
				.size_log2 = s->table.granule };
		}
	}
}

/* Nested: stage 2 does not let the CD, or a table of stage 1, be read. */
static void odd_nested(struct smmu_case *c, struct diff_machine *m)
{
	uint64_t page = c->odd == ODD_NEST_CD ? DIFF_CD : c->s1.table.root;
	uint64_t at, desc;

	if (!c->s1.on || !c->s2.on) {
		return;
	}
	if (c->odd == ODD_NEST_TABLE && one_in(c, 2)) {
		page = DIFF_POOL + draw(c, m->pool_next - DIFF_POOL);
	}
	at = diff_table_find(m, &c->s2.table, page);
	desc = *diff_word(m, at);
	switch (draw(c, 5)) {
	case 0:
		desc = 0;
		break;
	case 1:
		desc &= ~(DESC_AP1 | DESC_B7);
		break;
	case 2:
		desc &= ~DESC_AF;
		break;
	case 3:
		desc &= ~DESC_B7; /* a walk only reads */
		break;
	default:
		desc |= ps_bits[c->s2.ps] < 48 ? BIT64(ps_bits[c->s2.ps]) : 0;
		break;
	}
	diff_store(m, at, desc);
}

static void odd_tables(struct smmu_case *c, struct diff_machine *m)
{
	struct smmu_stage *s = c->s1.on && (!c->s2.on || one_in(c, 2)) ? &c->s1 : &c->s2;

	if (c->odd == ODD_PTE_AP1) {
		s = &c->s1;
	}
	if (s->on && c->odd == ODD_PTE_CONT) {
		odd_group(c, m, s);
	} else if (s->on && s->count > 0) {
		odd_leaf(c, m, s);
	}
	if (c->odd == ODD_NEST_CD || c->odd == ODD_NEST_TABLE) {
		odd_nested(c, m);
	}
}

/* ---- stream table entry and context descriptor ---- */

static uint64_t tg_code(uint8_t granule)
{
	return granule == 12 ? 0 : granule == 16 ? 1 : 2;
}

static void ste_build(struct smmu_case *c)
{
	const struct diff_table *t = &c->s2.table;
	uint64_t sl0 = (uint64_t)((t->granule == 12 ? 2 : 3) - t->start_level);

	c->ste[0] = 1 | (uint64_t)c->config << 1;
	c->ste[1] = UINT64_C(1) << 44 | draw(c, 2) << 49 | draw(c, 2) << 40;
	c->ste[2] = c->vmid;
	if (c->s1.on) {
		c->ste[0] |= DIFF_CD;
		c->ste[1] |= 0xd4;
	}
	if (c->s2.on) {
		c->ste[2] |= (uint64_t)(64 - t->input_bits) << 32 | sl0 << 38 | UINT64_C(1) << 40 | UINT64_C(1) << 42 |
			     UINT64_C(3) << 44 | tg_code(t->granule) << 46 | (uint64_t)c->s2.ps << 48 | BIT64(51) |
			     draw(c, 2) << 53 | (one_in(c, 8) ? 0 : BIT64(58));
		c->ste[3] = t->root;
	}
}

static void cd_build(struct smmu_case *c)
{
	static const uint8_t tg1[3] = { 2, 3, 1 };
	const struct diff_table *t = &c->s1.table;
	uint64_t tsz = (uint64_t)(64 - t->input_bits);
	uint64_t half = tsz | UINT64_C(1) << 8 | UINT64_C(1) << 10 | UINT64_C(3) << 12;

	c->tbi = one_in(c, 4);
	if (c->s1.high) {
		c->cd[0] =
			(half | (uint64_t)tg1[tg_code(t->granule)] << 6) << 16 | BIT64(14) | (c->tbi ? BIT64(39) : 0);
		c->cd[2] = t->root;
	} else {
		c->cd[0] = half | tg_code(t->granule) << 6 | BIT64(30) | (c->tbi ? BIT64(38) : 0);
		c->cd[1] = t->root;
	}
	c->cd[0] |= BIT64(31) | (uint64_t)c->s1.ps << 32 | draw(c, 2) << 35 | BIT64(41) |
		    (one_in(c, 8) ? 0 : BIT64(45)) | BIT64(46) | BIT64(47) | (uint64_t)c->asid << 48;
	c->cd[3] = 0xff;
	if (c->odd == ODD_PTE_HAD) {
		c->cd[c->s1.high ? 2 : 1] |= BIT64(1);
	}
}

/* A value below an end, and never the old one, in a field of a word. */
static void field_other(struct smmu_case *c, uint64_t *word, uint64_t mask, uint64_t below)
{
	uint64_t old = FIELD_GET(mask, *word);
	uint64_t value = draw(c, below);

	*word = (*word & ~mask) | FIELD_PREP(mask, value == old ? old ^ 1 : value);
}

static void odd_ste(struct smmu_case *c)
{
	switch (c->odd) {
	case ODD_STE_INVALID:
		c->ste[0] &= ~UINT64_C(1);
		break;
	case ODD_STE_CONFIG:
		c->ste[0] = (c->ste[0] & ~UINT64_C(0xe)) | (1 + draw(c, 3)) << 1;
		break;
	case ODD_STE_STRW:
		c->ste[1] |= UINT64_C(2) << 30;
		break;
	case ODD_STE_CDMAX:
		c->ste[0] |= (1 + draw(c, 31)) << 59;
		break;
	case ODD_STE_STALLD:
		c->ste[1] |= BIT64(27);
		break;
	case ODD_STE_EATS:
		c->ste[1] |= (1 + draw(c, 3)) << 28;
		break;
	case ODD_STE_S2S:
		c->ste[2] |= BIT64(57);
		break;
	case ODD_STE_S2HA:
		c->ste[2] |= BIT64(56);
		break;
	case ODD_STE_S2HD:
		c->ste[2] |= BIT64(56) | BIT64(55);
		break;
	case ODD_STE_ENDIAN:
		c->ste[2] |= BIT64(52);
		break;
	case ODD_STE_TG:
		c->ste[2] |= UINT64_C(3) << 46;
		break;
	case ODD_STE_PS:
		field_other(c, &c->ste[2], MASK64(50, 48), PS_CODES);
		break;
	case ODD_STE_T0SZ:
		field_other(c, &c->ste[2], MASK64(37, 32), 64);
		break;
	case ODD_STE_SL0:
		field_other(c, &c->ste[2], MASK64(39, 38), 4);
		break;
	case ODD_STE_TTB:
		c->ste[3] |= BIT64(44 + draw(c, 4));
		break;
	case ODD_STE_FWB:
		c->ste[1] |= BIT64(25);
		break;
	case ODD_STE_PTW:
		c->ste[2] |= BIT64(54);
		break;
	case ODD_CD_BUS:
		c->ste[0] = (c->ste[0] & ~MASK64(55, 6)) | NOWHERE;
		break;
	default:
		break;
	}
}

static void odd_cd(struct smmu_case *c)
{
	unsigned at = c->s1.high ? 16 : 0;

	switch (c->odd) {
	case ODD_CD_INVALID:
		c->cd[0] &= ~BIT64(31);
		break;
	case ODD_CD_AA32:
		c->cd[0] &= ~BIT64(41);
		break;
	case ODD_CD_A:
		c->cd[0] &= ~BIT64(46);
		break;
	case ODD_CD_S:
		c->cd[0] |= BIT64(44);
		break;
	case ODD_CD_HA:
		c->cd[0] |= BIT64(43);
		break;
	case ODD_CD_HD:
		c->cd[0] |= BIT64(43) | BIT64(42);
		break;
	case ODD_CD_TG:
		c->cd[0] = (c->cd[0] & ~(UINT64_C(3) << (at + 6))) | (c->s1.high ? 0 : UINT64_C(3) << 6);
		break;
	case ODD_CD_TSZ:
		field_other(c, &c->cd[0], UINT64_C(0x3f) << at, 64);
		break;
	case ODD_CD_IPS:
		field_other(c, &c->cd[0], MASK64(34, 32), PS_CODES);
		break;
	case ODD_CD_TTB:
		c->cd[c->s1.high ? 2 : 1] |= BIT64(44 + draw(c, 4));
		break;
	case ODD_CD_ENDIAN:
		c->cd[0] |= BIT64(15);
		break;
	case ODD_CD_EPD:
		c->cd[0] |= BIT64(14) | BIT64(30);
		break;
	case ODD_CD_PAN:
		c->cd[0] |= BIT64(36) | BIT64(37) | BIT64(40);
		break;
	default:
		break;
	}
}

/* ---- the stream table ---- */

static void strtab_build(struct smmu_case *c, struct diff_machine *m)
{
	uint32_t index = c->sid >> SPLIT;
	uint32_t span = SPLIT + 1;
	uint64_t leaf = DIFF_LEAVES + (uint64_t)DIFF_LEAF_BYTES * index;

	for (uint64_t pa = DIFF_STRTAB; pa < DIFF_CMDQ; pa += 8) {
		if (*diff_word(m, pa) != 0) {
			diff_store(m, pa, 0);
		}
	}
	c->recinvsid = !one_in(c, 4);
	if (!c->two_level) {
		uint32_t log2 = (uint32_t)(7 + draw(c, 2));

		if (c->odd == ODD_SID_BEYOND) {
			log2 = (uint32_t)draw(c, 4); /* at most 8 entries: no device is among them */
		}
		c->strtab_cfg = log2;
		c->ste_pa = DIFF_STRTAB + UINT64_C(64) * c->sid;
		return;
	}
	c->strtab_cfg = (uint32_t)(c->odd == ODD_SID_BEYOND ? draw(c, 4) : 7 + draw(c, 3)) | SPLIT << 6 | 1u << 16;
	if (c->odd == ODD_SID_SPAN0) {
		span = 0;
	} else if (c->odd == ODD_SID_SPAN_SHORT) {
		span = (uint32_t)(1 + draw(c, 3)); /* at most 4 entries: no device is among them */
	} else if (c->odd == ODD_SID_SPAN_WIDE) {
		span = (uint32_t)(SPLIT + 2 + draw(c, 4));
	} else {
		span -= (uint32_t)((c->sid & 63) < 32 && one_in(c, 2));
	}
	if (c->odd == ODD_STE_BUS) {
		leaf = NOWHERE;
	}
	diff_store(m, DIFF_STRTAB + UINT64_C(8) * index, leaf | span);
	c->ste_pa = DIFF_LEAVES + (uint64_t)DIFF_LEAF_BYTES * index + UINT64_C(64) * (c->sid & 63);
}

void smmu_case_build(struct smmu_case *c, struct diff_machine *m, uint64_t seed, uint64_t number, uint32_t idr0)
{
	static const uint8_t configs[16] = { 0, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7 };
	static const uint32_t sids[DIFF_DEVICES] = DIFF_SIDS;

	*c = (struct smmu_case){ .number = number,
		.draw = diff_draw_begin(seed, number),
		.idr0 = idr0,
		.two_level = smmu_case_two_level(number) };
	c->config = configs[draw(c, ARRAY_SIZE(configs))];
	c->odd = one_in(c, 2) ? (enum smmu_odd)draw(c, ODD_COUNT) : ODD_NONE;
	c->device = (uint32_t)draw(c, DIFF_DEVICES);
	c->sid = sids[c->device];
	/* S1-only streams own a VMID too, where there is a stage 2. */
	c->vmid = (idr0 & 1) != 0 ? (uint16_t)(1 + draw(c, 3)) : 0;
	c->asid = (uint16_t)(1 + draw(c, 3));
	diff_pool_reset(m);
	if (c->config >= CONFIG_BYPASS && (c->config & 2) != 0) {
		s2_build(c, m, (c->config & 1) != 0);
	}
	if (c->config >= CONFIG_BYPASS && (c->config & 1) != 0) {
		s1_build(c, m);
	}
	odd_tables(c, m);
	ste_build(c);
	cd_build(c);
	odd_ste(c);
	odd_cd(c);
	strtab_build(c, m);
	for (uint32_t i = 0; i < 8; i++) {
		diff_store(m, DIFF_CD + 8 * i, c->cd[i]);
		diff_store(m, c->ste_pa + 8 * i, c->ste[i]);
	}
}

/* ---- addresses ---- */

static const struct smmu_map *map_of(const struct smmu_stage *s, uint64_t in)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (in - s->map[i].in < BIT64(s->map[i].size_log2)) {
			return &s->map[i];
		}
	}
	return NULL;
}

/* Where an address would lead if every leaf were valid; false: nowhere. */
static bool leads(const struct smmu_case *c, uint64_t in, uint64_t *pa)
{
	const struct smmu_stage *const stages[2] = { &c->s1, &c->s2 };

	for (uint32_t i = 0; i < 2; i++) {
		const struct smmu_map *map;

		if (!stages[i]->on) {
			continue;
		}
		map = map_of(stages[i], in);
		if (map == NULL) {
			*pa = in;
			return i == 1 && c->s1.on && in >= DIFF_PA && in < DIFF_PA + DIFF_BYTES; /* identity */
		}
		in = map->out + (in - map->in);
	}
	*pa = in;
	return true;
}

static bool in_data(uint64_t pa)
{
	return (pa & UINT32_MAX) >= DIFF_DATA && (pa & UINT32_MAX) < DIFF_DATA + DIFF_DATA_BYTES;
}

/* The part of a leaf of the first stage that leads into data, as inputs; false: none. */
static bool target(struct smmu_case *c, const struct smmu_stage *s, uint64_t *lo, uint64_t *hi)
{
	const struct smmu_map *map = &s->map[draw(c, s->count)];
	uint64_t out_lo = map->out, out_hi = map->out + BIT64(map->size_log2);
	uint64_t want_lo = DIFF_DATA | (map->out & ~(uint64_t)UINT32_MAX);
	uint64_t want_hi = want_lo + DIFF_DATA_BYTES;

	if (s == &c->s1 && c->s2.on) {
		const struct smmu_map *behind;
		uint64_t data_lo, data_hi;

		if (c->s2.count == 0) {
			return false;
		}
		behind = &c->s2.map[draw(c, c->s2.count)];
		data_lo = MAX(behind->out & UINT32_MAX, DIFF_DATA) - (behind->out & UINT32_MAX);
		data_hi = MIN((behind->out & UINT32_MAX) + BIT64(behind->size_log2), DIFF_DATA + DIFF_DATA_BYTES) -
			  (behind->out & UINT32_MAX);
		want_lo = behind->in + data_lo;
		want_hi = behind->in + data_hi;
	}
	out_lo = MAX(out_lo, want_lo);
	out_hi = MIN(out_hi, want_hi);
	*lo = map->in + (out_lo - map->out);
	*hi = map->in + (out_hi - map->out);
	return out_lo < out_hi;
}

static uint64_t address_draw(struct smmu_case *c, const struct smmu_stage *s)
{
	uint64_t lo, hi;

	switch (draw(c, 12)) {
	case 0: /* beside a leaf */
		lo = s->map[draw(c, s->count)].in;
		return lo - 4;
	case 1: {
		const struct smmu_map *map = &s->map[draw(c, s->count)];

		return map->in + BIT64(map->size_log2);
	}
	case 2: /* anywhere */
		return draw(c, BIT64(s->table.input_bits)) & ~UINT64_C(3);
	case 3: /* beyond the input size */
		return BIT64(s->table.input_bits + draw(c, 64u - s->table.input_bits)) + draw(c, 2) * 4096;
	default:
		break;
	}
	if (!target(c, s, &lo, &hi)) {
		return s->map[draw(c, s->count)].in;
	}
	switch (draw(c, 4)) {
	case 0:
		return lo;
	case 1:
		return hi - 4;
	default:
		return lo + 4 * draw(c, (hi - lo) / 4);
	}
}

bool smmu_case_address(struct smmu_case *c, uint64_t *iova)
{
	const struct smmu_stage *s = c->s1.on ? &c->s1 : &c->s2;
	uint64_t pa;

	if (!s->on) {
		*iova = DIFF_DATA + 4 * draw(c, DIFF_DATA_BYTES / 4);
		return true;
	}
	for (uint32_t i = 0; i < ADDRESS_TRIES && s->count > 0; i++) {
		uint64_t in = address_draw(c, s);

		if (leads(c, in, &pa) && !in_data(pa)) {
			continue;
		}
		*iova = in;
		if (s->high && in >> s->table.input_bits == 0) {
			*iova |= ~(BIT64(s->table.input_bits) - 1);
		}
		if (c->tbi && s == &c->s1 && one_in(c, 2)) {
			*iova ^= draw(c, 256) << 56;
		}
		return true;
	}
	return false;
}

/* The leaves behind an address; NULL where there is none. */
static void leaves_of(
	const struct smmu_case *c, uint64_t iova, const struct smmu_map **first, const struct smmu_map **second)
{
	uint64_t in = iova;

	*first = *second = NULL;
	if (c->s1.on) {
		in &= BIT64(c->s1.table.input_bits) - 1;
		*first = map_of(&c->s1, in);
		if (*first == NULL) {
			return;
		}
		in = (*first)->out + (in - (*first)->in);
	}
	if (c->s2.on) {
		*second = map_of(&c->s2, in);
	}
}

bool smmu_case_again(const struct smmu_case *c, uint64_t iova)
{
	uint64_t in = c->s1.on ? iova & (BIT64(c->s1.table.input_bits) - 1) : iova;
	uint64_t pa;

	return !leads(c, in, &pa) || in_data(pa);
}

unsigned smmu_case_change(struct smmu_case *c, struct diff_machine *m, struct smmu_map *changed)
{
	struct smmu_stage *s = c->s1.on && (!c->s2.on || one_in(c, 2)) ? &c->s1 : &c->s2;
	const struct smmu_map *first, *second, *behind;
	struct smmu_map *map;
	uint64_t desc;

	if (!s->on || s->count == 0) {
		return 0;
	}
	leaves_of(c, c->last, &first, &second);
	behind = s == &c->s1 ? first : second;
	map = c->last != 0 && behind != NULL ? &s->map[behind - s->map] : &s->map[draw(c, s->count)];
	desc = *diff_word(m, map->at);
	switch (draw(c, 5)) {
	case 0:
		desc ^= 1; /* valid, or not */
		break;
	case 1:
		desc ^= DESC_B7;
		break;
	case 2:
		desc ^= DESC_AF;
		break;
	case 3:
		desc ^= s == &c->s2 ? DESC_AP1 : DESC_B7;
		break;
	default:
		if (s == &c->s1 && c->s2.on) {
			desc ^= 1;
			break;
		}
		map->out = data_draw(c, map->size_log2);
		desc = (desc & ~MASK64(47, 12)) | map->out;
		break;
	}
	diff_store(m, map->at, desc);
	*changed = *map;
	return s == &c->s1 ? 1 : 2;
}
