/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/diff/tables.h"

#include "core/base/bits.h"

#define DESC_TABLE   UINT64_C(3)
#define DESC_ADDRESS MASK64(47, 12)
/* The smallest root: IHI 0070 5.2, STE.S2TTB and CD.TTB0, are aligned to 64 bytes at least. */
#define ROOT_MIN     UINT64_C(64)

void diff_pool_reset(struct diff_machine *m)
{
	for (uint64_t pa = DIFF_POOL; pa < m->pool_next; pa += 8) {
		if (*diff_word(m, pa) != 0) {
			diff_store(m, pa, 0);
		}
	}
	m->pool_next = DIFF_POOL;
}

uint64_t diff_pool_take(struct diff_machine *m, uint64_t bytes)
{
	uint64_t pa = (m->pool_next + bytes - 1) & ~(bytes - 1);

	if (pa + bytes > DIFF_POOL_END) {
		return 0;
	}
	m->pool_next = pa + bytes;
	return pa;
}

void diff_table_init(
	struct diff_machine *m, struct diff_table *t, uint8_t granule, uint8_t start_level, uint8_t input_bits)
{
	uint64_t bytes = UINT64_C(8) << (input_bits - diff_shift(granule, start_level));

	*t = (struct diff_table){ .granule = granule, .start_level = start_level, .input_bits = input_bits };
	t->root = diff_pool_take(m, MAX(bytes, ROOT_MIN));
}

uint64_t diff_table_map(struct diff_machine *m, const struct diff_table *t, uint64_t in, uint8_t level, uint64_t desc)
{
	uint64_t table = t->root;

	if (table == 0 || level < t->start_level || level > 3) {
		return 0;
	}
	in &= (UINT64_C(1) << t->input_bits) - 1;
	for (uint8_t l = t->start_level;; l++) {
		uint64_t index = in >> diff_shift(t->granule, l);
		uint64_t at, next;

		if (l != t->start_level) {
			index &= (UINT64_C(1) << (t->granule - 3)) - 1;
		}
		at = table + 8 * index;
		if (l == level) {
			if (*diff_word(m, at) != 0) {
				return 0;
			}
			diff_store(m, at, desc);
			return at;
		}
		if (*diff_word(m, at) == 0) {
			next = diff_pool_take(m, UINT64_C(1) << t->granule);
			if (next == 0) {
				return 0;
			}
			diff_store(m, at, next | t->next_bits | DESC_TABLE);
		}
		if ((*diff_word(m, at) & DESC_TABLE) != DESC_TABLE) {
			return 0;
		}
		table = *diff_word(m, at) & DESC_ADDRESS;
		if (table < DIFF_POOL || table >= DIFF_POOL_END) {
			return 0; /* led astray on purpose */
		}
	}
}

uint64_t diff_table_find(struct diff_machine *m, const struct diff_table *t, uint64_t in)
{
	uint64_t table = t->root;
	uint64_t at = 0;

	in &= (UINT64_C(1) << t->input_bits) - 1;
	for (uint8_t l = t->start_level; table >= DIFF_POOL && table < DIFF_POOL_END; l++) {
		uint64_t index = in >> diff_shift(t->granule, l);

		if (l != t->start_level) {
			index &= (UINT64_C(1) << (t->granule - 3)) - 1;
		}
		at = table + 8 * index;
		if (l == 3 || (*diff_word(m, at) & DESC_TABLE) != DESC_TABLE) {
			break;
		}
		table = *diff_word(m, at) & DESC_ADDRESS;
	}
	return at;
}
