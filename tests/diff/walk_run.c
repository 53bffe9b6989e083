/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/diff/walk_run.h"

#include "core/base/bits.h"

#define LEAVES_MAX  10u
#define STEPS_MIN   16u
#define STEPS_MORE  24u
#define ATTRS	    (UINT64_C(0x3c) | UINT64_C(3) << 8)
#define DESC_R	    BIT64(6)
#define DESC_W	    BIT64(7)
#define DESC_AF	    BIT64(10)
#define DESC_DBM    BIT64(51)
#define OUTPUT	    MASK64(47, 12)
/* A walker's own cache may be direct-mapped by page: no two leaves of a case share this part of their page number. */
#define COLOURS	    64u
#define STUB_COLOUR (WALK_STUB_IPA / 4096 % COLOURS)
#define NUMBER_SALT UINT64_C(0x3a1c)
#define MAGIC	    UINT64_C(0xd1ff000000000000)

struct leaf {
	uint64_t ipa;
	uint64_t at;
	uint64_t mask; /* bits of the descriptor that must be equal in the end */
	uint8_t level;
	uint8_t size_log2;
};

struct walk_case {
	uint64_t number;
	struct diff_draw draw;
	struct diff_regime regime;
	struct diff_table table;
	bool pages; /* all leaves are of 4 KiB: invalidation by IPA hits one and no other */
	struct leaf leaf[LEAVES_MAX];
	uint32_t count;
	uint64_t colours;
};

static uint64_t draw(struct walk_case *c, uint64_t below)
{
	return diff_draw(&c->draw, below);
}

static void shape(struct walk_case *c, struct diff_machine *m)
{
	static const struct {
		uint8_t granule, level, bits_min, bits_max;
	} shapes[] = {
		{ 12, 0, 40, 44 },
		{ 12, 1, 32, 43 },
		{ 12, 2, 27, 34 },
		{ 12, 1, 39, 39 },
		{ 14, 1, 37, 44 },
		{ 14, 2, 30, 40 },
		{ 16, 1, 43, 44 },
		{ 16, 2, 32, 43 },
	};
	static const uint8_t ps[4] = { 0, 2, 4, 4 };
	uint64_t i = draw(c, ARRAY_SIZE(shapes));

	diff_table_init(m, &c->table, shapes[i].granule, shapes[i].level,
		(uint8_t)(shapes[i].bits_min + draw(c, shapes[i].bits_max - shapes[i].bits_min + 1u)));
	c->regime = (struct diff_regime){ .root = c->table.root,
		.granule = c->table.granule,
		.start_level = c->table.start_level,
		.input_bits = c->table.input_bits,
		.ps = ps[draw(c, ARRAY_SIZE(ps))] };
	switch (draw(c, 8)) {
	case 0:
		break;
	case 1:
	case 2:
		c->regime.ha = true;
		break;
	default:
		c->regime.ha = true;
		c->regime.hd = true;
		break;
	}
	c->pages = c->regime.granule == 12 && diff_one_in(&c->draw, 2);
}

static uint64_t attributes_draw(struct walk_case *c)
{
	static const uint64_t ap[8] = { DESC_R | DESC_W, DESC_R | DESC_W, DESC_R, DESC_R, DESC_R, DESC_R, DESC_W, 0 };

	return ATTRS | ap[draw(c, ARRAY_SIZE(ap))] | (diff_one_in(&c->draw, 4) ? 0 : DESC_DBM) |
	       (diff_one_in(&c->draw, 3) ? 0 : DESC_AF);
}

static void leaf_add(struct walk_case *c, struct diff_machine *m)
{
	static const uint8_t ps_bits[8] = { 32, 36, 40, 42, 44, 48, 48, 48 };
	uint8_t top = MAX(c->regime.granule == 12 ? 1 : 2, c->regime.start_level);
	uint8_t level = c->pages || diff_one_in(&c->draw, 2) ? 3 : (uint8_t)(top + draw(c, 4u - top));
	uint8_t size_log2 = diff_shift(c->regime.granule, level);
	uint64_t size = BIT64(size_log2);
	uint64_t ipa = draw(c, BIT64(c->regime.input_bits - size_log2)) << size_log2;
	uint64_t out = size >= DIFF_DATA_BYTES ? DIFF_DATA & ~(size - 1)
					       : DIFF_DATA + size * draw(c, DIFF_DATA_BYTES >> size_log2);
	uint64_t desc = attributes_draw(c) | (diff_one_in(&c->draw, 12) ? 0 : level == 3 ? 3 : 1);
	struct leaf *leaf = &c->leaf[c->count];
	/* An access goes to the first page of data in the leaf. */
	uint64_t inside = out < DIFF_DATA ? DIFF_DATA - out : 0;

	if (diff_one_in(&c->draw, 2)) {
		/* Close together, so that leaves share tables. */
		ipa &= MASK64(20, 0) | ~(size - 1) >> 1;
		ipa = (ipa & MASK64(24, 0) & ~(size - 1));
	}
	for (uint32_t i = 0; i < COLOURS && size_log2 == 12 && (c->colours >> (ipa / 4096 % COLOURS) & 1) != 0; i++) {
		ipa += 4096;
	}
	if ((c->colours >> ((ipa + inside) / 4096 % COLOURS) & 1) != 0 || ipa >> c->regime.input_bits != 0) {
		return;
	}
	if (ps_bits[c->regime.ps] < 44 && diff_one_in(&c->draw, 16)) {
		desc |= BIT64(ps_bits[c->regime.ps]);
	}
	*leaf = (struct leaf){ .ipa = ipa + inside, .mask = UINT64_MAX, .level = level, .size_log2 = size_log2 };
	leaf->at = diff_table_map(m, &c->table, ipa, level, out | desc);
	if (leaf->at == 0) {
		return;
	}
	c->colours |= BIT64(leaf->ipa / 4096 % COLOURS);
	c->count++;
}

static void build(struct walk_case *c, struct diff_machine *m, uint64_t seed, uint64_t number)
{
	uint64_t granule;

	*c = (struct walk_case){ .number = number, .draw = diff_draw_begin(seed ^ NUMBER_SALT, number) };
	diff_pool_reset(m);
	shape(c, m);
	granule = BIT64(c->regime.granule);
	c->colours = BIT64(STUB_COLOUR);
	(void)diff_table_map(m, &c->table, WALK_STUB_IPA & ~(granule - 1), 3,
		(DIFF_STUB & ~(granule - 1)) | ATTRS | DESC_R | DESC_AF | 3);
	for (uint32_t i = 0; i < LEAVES_MAX; i++) {
		leaf_add(c, m);
	}
	diff_line(m, "d %llu granule=%u level=%u bits=%u ps=%u ha=%u hd=%u pages=%u leaves=%u",
		(unsigned long long)number, c->regime.granule, c->regime.start_level, c->regime.input_bits,
		c->regime.ps, c->regime.ha, c->regime.hd, c->pages, c->count);
}

static void words_mark(struct diff_machine *m, uint64_t offset)
{
	for (uint64_t page = 0; page < DIFF_PAGES; page++) {
		uint64_t pa = DIFF_DATA + 4096 * page + offset;

		diff_store(m, pa, pa);
	}
}

static uint64_t words_find(struct diff_machine *m, uint64_t offset, uint64_t value)
{
	for (uint64_t page = 0; page < DIFF_PAGES; page++) {
		uint64_t pa = DIFF_DATA + 4096 * page + offset;

		if (*(volatile uint64_t *)diff_word(m, pa) == value) {
			return pa;
		}
	}
	return 0;
}

static void access(struct walk_case *c, struct diff_machine *m, uint32_t step)
{
	struct leaf *leaf = &c->leaf[draw(c, c->count)];
	bool write = diff_one_in(&c->draw, 2);
	uint64_t offset = 8 * draw(c, 512);
	uint64_t ipa = (leaf->ipa & ~UINT64_C(4095)) + offset;
	uint64_t value = MAGIC | step;
	uint64_t pa = 0;
	uint64_t before = *(volatile uint64_t *)diff_word(m, leaf->at);
	struct diff_fault fault;

	if (diff_one_in(&c->draw, 16)) {
		/* Where nothing is mapped, or something else. */
		ipa ^= BIT64(12 + draw(c, c->regime.input_bits - 12u));
		for (uint32_t i = 0; i < c->count; i++) {
			if ((ipa ^ c->leaf[i].ipa) >> c->leaf[i].size_log2 == 0) {
				return;
			}
		}
		if ((ipa ^ WALK_STUB_IPA) >> 16 == 0) {
			return;
		}
	}
	words_mark(m, offset);
	fault = m->ops->walk_access(m->ctx, ipa, write, &value);
	if (fault.type == 0) {
		pa = write ? words_find(m, offset, value) : value;
	}
	/* Whether an access that is refused sets the Access flag is left open (Arm ARM D8.5.2). */
	if (fault.type == 0x13 && c->regime.ha && (before & DESC_AF) == 0) {
		leaf->mask &= ~DESC_AF;
	}
	diff_line(m, "a %llu.%u %s ipa=%llx pa=%llx fault=%x level=%u desc=%llx", (unsigned long long)c->number, step,
		write ? "w" : "r", (unsigned long long)ipa, (unsigned long long)pa, fault.type, fault.level,
		(unsigned long long)(*(volatile uint64_t *)diff_word(m, leaf->at) & leaf->mask));
}

/* A clean page, an untouched one, another permission: with the invalidation behind it, or without. */
static void change(struct walk_case *c, struct diff_machine *m)
{
	struct leaf *leaf = &c->leaf[draw(c, c->count)];
	uint64_t desc = *(volatile uint64_t *)diff_word(m, leaf->at);

	switch (draw(c, 6)) {
	case 0:
	case 1:
	case 2:
		if ((desc & DESC_DBM) != 0) {
			m->ops->update(m->ctx, leaf->at, DESC_W, 0);
		}
		break;
	case 3:
		m->ops->update(m->ctx, leaf->at, DESC_AF, 0);
		leaf->mask |= DESC_AF;
		break;
	case 4:
		m->ops->update(m->ctx, leaf->at, 0, DESC_W);
		break;
	default:
		m->ops->update(m->ctx, leaf->at, desc & DESC_DBM, ~desc & DESC_DBM);
		break;
	}
	switch (draw(c, 3)) {
	case 0:
		break;
	case 1:
		if (c->pages) {
			m->ops->walk_invalidate(m->ctx, leaf->ipa);
			break;
		}
		m->ops->walk_invalidate_all(m->ctx);
		break;
	default:
		m->ops->walk_invalidate_all(m->ctx);
		break;
	}
}

void walk_run_begin(struct diff_machine *m)
{
	diff_pool_reset(m);
	diff_store(m, DIFF_STUB, UINT64_C(0xd4000002f9400001));	    /* ldr x1, [x0]; hvc #0 */
	diff_store(m, DIFF_STUB + 8, UINT64_C(0xd4000002f9000001)); /* str x1, [x0]; hvc #0 */
}

void walk_run_case(struct diff_machine *m, uint64_t seed, uint64_t number)
{
	struct walk_case c;
	uint32_t steps;

	build(&c, m, seed, number);
	if (c.count == 0) {
		return;
	}
	m->ops->walk_begin(m->ctx, &c.regime);
	steps = (uint32_t)(STEPS_MIN + draw(&c, STEPS_MORE));
	for (uint32_t step = 0; step < steps; step++) {
		if (draw(&c, 4) == 0) {
			change(&c, m);
		} else {
			access(&c, m, step);
		}
	}
	for (uint32_t i = 0; i < c.count; i++) {
		diff_line(m, "f %llu ipa=%llx desc=%llx", (unsigned long long)number, (unsigned long long)c.leaf[i].ipa,
			(unsigned long long)(*(volatile uint64_t *)diff_word(m, c.leaf[i].at) & c.leaf[i].mask));
	}
}
