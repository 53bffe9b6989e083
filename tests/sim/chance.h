/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** All chance of a simulated world comes from one 64-bit seed, through streams that do not disturb each other. */
#ifndef TESTS_SIM_CHANCE_H
#define TESTS_SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/assert.h"

struct chance {
	uint64_t state;
};

static inline uint64_t chance_mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

/** A stream of its own for each purpose. */
static inline struct chance chance_of(uint64_t seed, uint64_t purpose)
{
	return (struct chance){ chance_mix(seed + purpose * UINT64_C(0x9e3779b97f4a7c15)) };
}

static inline uint64_t chance_u64(struct chance *c)
{
	c->state += UINT64_C(0x9e3779b97f4a7c15);
	return chance_mix(c->state);
}

/** 0 .. below - 1; below > 0. */
static inline uint64_t chance_below(struct chance *c, uint64_t below)
{
	ASSERT(below > 0);
	return chance_u64(c) % below;
}

/** low .. high. */
static inline uint64_t chance_range(struct chance *c, uint64_t low, uint64_t high)
{
	return low + chance_below(c, high - low + 1);
}

/** True once in n. */
static inline bool chance_one_in(struct chance *c, uint64_t n)
{
	return chance_below(c, n) == 0;
}

/** low .. high, every order of magnitude alike. */
static inline uint64_t chance_scale(struct chance *c, uint64_t low, uint64_t high)
{
	uint64_t steps = 0;

	for (uint64_t v = high; v / 2 >= low && v > 1; v /= 2) {
		steps++;
	}
	for (steps = chance_below(c, steps + 1); steps > 0; steps--) {
		high /= 2;
	}
	return high > low ? chance_range(c, low, high) : low;
}

#endif
