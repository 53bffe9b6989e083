/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Bitmaps over caller-owned uint64_t words; bit n is word n / 64, bit n % 64.
 * The plain calls are for one owner; the _atomic ones may race with each other.
 */
#ifndef CORE_BASE_BITMAP_H
#define CORE_BASE_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

bool bitmap_test(const uint64_t *map, size_t bit);
void bitmap_set(uint64_t *map, size_t bit);
void bitmap_clear(uint64_t *map, size_t bit);
/** Set or clear [first, first + count). */
void bitmap_set_range(uint64_t *map, size_t first, size_t count);
void bitmap_clear_range(uint64_t *map, size_t first, size_t count);
/** First set bit in [from, end), or end. */
size_t bitmap_next_set(const uint64_t *map, size_t from, size_t end);
/** Set bits in [first, first + count). */
size_t bitmap_count(const uint64_t *map, size_t first, size_t count);

/** Sets with release order: what was written before is seen by whoever takes the bit. */
void bitmap_set_atomic(uint64_t *map, size_t bit);
/** Fetches and clears one whole word with acquire order. */
uint64_t bitmap_take_word_atomic(uint64_t *map, size_t word);

#endif
