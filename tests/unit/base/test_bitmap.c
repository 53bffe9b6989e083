/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/bitmap.h"

#define BITS (3u * 64u + 7u)

struct map {
	uint64_t words[BITMAP_WORDS(BITS) + 1];
};

static void check(const struct map *m, const bool *want)
{
	for (size_t i = 0; i < BITS; i++) {
		assert_int_equal(bitmap_test(m->words, i), want[i]);
	}
	assert_int_equal(m->words[BITMAP_WORDS(BITS)], 0);
}

static void every_range_sets_clears_and_counts_its_own_bits_only(void **state)
{
	(void)state;
	for (size_t first = 0; first < BITS; first++) {
		for (size_t count = 0; first + count <= BITS; count++) {
			struct map m = { 0 };
			bool want[BITS] = { false };

			bitmap_set_range(m.words, first, count);
			for (size_t i = first; i < first + count; i++) {
				want[i] = true;
			}
			check(&m, want);
			assert_int_equal(bitmap_count(m.words, 0, BITS), count);
			assert_int_equal(bitmap_count(m.words, first, count), count);
			assert_int_equal(bitmap_next_set(m.words, 0, BITS), count == 0 ? BITS : first);
			bitmap_clear_range(m.words, first, count);
			memset(want, 0, sizeof(want));
			check(&m, want);
		}
	}
}

static void next_set_walks_each_bit_once_and_stops_at_the_end(void **state)
{
	struct map m = { 0 };
	size_t seen = 0, at = 0;

	(void)state;
	for (size_t i = 0; i < BITS; i += 13) {
		bitmap_set(m.words, i);
	}
	while ((at = bitmap_next_set(m.words, at, BITS)) < BITS) {
		assert_int_equal(at, seen * 13);
		seen++;
		at++;
	}
	assert_int_equal(seen, (BITS + 12) / 13);
	assert_int_equal(bitmap_next_set(m.words, 14, 20), 20);
}

static void taking_a_word_leaves_it_empty(void **state)
{
	struct map m = { 0 };

	(void)state;
	bitmap_set_atomic(m.words, 65);
	bitmap_set_atomic(m.words, 127);
	assert_true(bitmap_take_word_atomic(m.words, 1) == (UINT64_C(2) | UINT64_C(1) << 63));
	assert_true(bitmap_take_word_atomic(m.words, 1) == 0);
	bitmap_set(m.words, 3);
	bitmap_clear(m.words, 3);
	assert_int_equal(bitmap_count(m.words, 0, BITS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_range_sets_clears_and_counts_its_own_bits_only),
		cmocka_unit_test(next_set_walks_each_bit_once_and_stops_at_the_end),
		cmocka_unit_test(taking_a_word_leaves_it_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
