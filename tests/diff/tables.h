/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Translation tables of a case, of any granule, in the arena's pool. */
#ifndef TESTS_DIFF_TABLES_H
#define TESTS_DIFF_TABLES_H

#include "tests/diff/machine.h"

struct diff_table {
	uint64_t root; /* 0: the pool had no room */
	uint8_t granule;
	uint8_t start_level;
	uint8_t input_bits;
	uint64_t next_bits; /* set in each table descriptor */
};

/** log2 of what one descriptor of a level maps. */
static inline uint8_t diff_shift(uint8_t granule, uint8_t level)
{
	return (uint8_t)(granule + (granule - 3) * (3 - level));
}

/** The pool is empty again, and all zero. */
void diff_pool_reset(struct diff_machine *m);
/** Zeroed memory, aligned to its size, which is a power of two; 0: no room. */
uint64_t diff_pool_take(struct diff_machine *m, uint64_t bytes);

/** A root with as many entries as its start level has: tables side by side, or a part of one. */
void diff_table_init(
	struct diff_machine *m, struct diff_table *t, uint8_t granule, uint8_t start_level, uint8_t input_bits);

/**
 * Store a leaf descriptor; tables down to its level are made.
 *
 * @return PA of the descriptor; 0: no room, or something else is mapped there.
 */
uint64_t diff_table_map(struct diff_machine *m, const struct diff_table *t, uint64_t in, uint8_t level, uint64_t desc);

/** PA of the last descriptor on an address's way; 0: none. */
uint64_t diff_table_find(struct diff_machine *m, const struct diff_table *t, uint64_t in);

#endif
