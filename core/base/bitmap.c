/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/bitmap.h"

#include "core/base/bits.h"

#define WORD_BITS 64u

/** Bits [first, first + count) of one word; count is 1 .. 64 - first. */
static uint64_t word_mask(size_t first, size_t count)
{
	return (UINT64_MAX >> (WORD_BITS - count)) << first;
}

bool bitmap_test(const uint64_t *map, size_t bit)
{
	return (map[bit / WORD_BITS] >> (bit % WORD_BITS) & 1u) != 0;
}

void bitmap_set(uint64_t *map, size_t bit)
{
	map[bit / WORD_BITS] |= BIT64(bit % WORD_BITS);
}

void bitmap_clear(uint64_t *map, size_t bit)
{
	map[bit / WORD_BITS] &= ~BIT64(bit % WORD_BITS);
}

void bitmap_set_range(uint64_t *map, size_t first, size_t count)
{
	while (count > 0) {
		size_t n = MIN(count, WORD_BITS - first % WORD_BITS);

		map[first / WORD_BITS] |= word_mask(first % WORD_BITS, n);
		first += n;
		count -= n;
	}
}

void bitmap_clear_range(uint64_t *map, size_t first, size_t count)
{
	while (count > 0) {
		size_t n = MIN(count, WORD_BITS - first % WORD_BITS);

		map[first / WORD_BITS] &= ~word_mask(first % WORD_BITS, n);
		first += n;
		count -= n;
	}
}

size_t bitmap_next_set(const uint64_t *map, size_t from, size_t end)
{
	while (from < end) {
		uint64_t rest = map[from / WORD_BITS] >> (from % WORD_BITS);

		if (rest != 0) {
			from += (size_t)__builtin_ctzll(rest);
			return MIN(from, end);
		}
		from = ROUND_DOWN(from, WORD_BITS) + WORD_BITS;
	}
	return end;
}

/** Set bits of one word, without a library call (the cross compiler has no popcount instruction in general registers). */
static size_t word_count(uint64_t v)
{
	v -= (v >> 1) & UINT64_C(0x5555555555555555);
	v = (v & UINT64_C(0x3333333333333333)) + ((v >> 2) & UINT64_C(0x3333333333333333));
	v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (size_t)((v * UINT64_C(0x0101010101010101)) >> 56);
}

size_t bitmap_count(const uint64_t *map, size_t first, size_t count)
{
	size_t total = 0;

	while (count > 0) {
		size_t n = MIN(count, WORD_BITS - first % WORD_BITS);

		total += word_count(map[first / WORD_BITS] & word_mask(first % WORD_BITS, n));
		first += n;
		count -= n;
	}
	return total;
}

void bitmap_set_atomic(uint64_t *map, size_t bit)
{
	(void)__atomic_fetch_or(&map[bit / WORD_BITS], BIT64(bit % WORD_BITS), __ATOMIC_RELEASE);
}

uint64_t bitmap_take_word_atomic(uint64_t *map, size_t word)
{
	return __atomic_exchange_n(&map[word], 0, __ATOMIC_ACQ_REL);
}
