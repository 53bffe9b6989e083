/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/device_plan.h"

#define P2P	 DEVICE_MIG_P2P
#define PRE_COPY DEVICE_MIG_PRE_COPY
#define BOTH	 (DEVICE_MIG_P2P | DEVICE_MIG_PRE_COPY)

/** A direct arc exists when the device has all of needs and nothing of skips. */
struct device_arc {
	uint8_t from, to, needs, skips;
};

static const struct device_arc direct[] = {
	{ DEVICE_RUNNING, DEVICE_STOP, 0, P2P },
	{ DEVICE_STOP, DEVICE_RUNNING, 0, P2P },
	{ DEVICE_RUNNING, DEVICE_RUNNING_P2P, P2P, 0 },
	{ DEVICE_RUNNING_P2P, DEVICE_RUNNING, P2P, 0 },
	{ DEVICE_RUNNING_P2P, DEVICE_STOP, P2P, 0 },
	{ DEVICE_STOP, DEVICE_RUNNING_P2P, P2P, 0 },
	{ DEVICE_STOP, DEVICE_STOP_COPY, 0, 0 },
	{ DEVICE_STOP_COPY, DEVICE_STOP, 0, 0 },
	{ DEVICE_STOP, DEVICE_RESUMING, 0, 0 },
	{ DEVICE_RESUMING, DEVICE_STOP, 0, 0 },
	{ DEVICE_RUNNING, DEVICE_PRE_COPY, PRE_COPY, 0 },
	{ DEVICE_PRE_COPY, DEVICE_RUNNING, PRE_COPY, 0 },
	{ DEVICE_PRE_COPY, DEVICE_STOP_COPY, PRE_COPY, P2P },
	{ DEVICE_PRE_COPY, DEVICE_PRE_COPY_P2P, BOTH, 0 },
	{ DEVICE_PRE_COPY_P2P, DEVICE_PRE_COPY, BOTH, 0 },
	{ DEVICE_PRE_COPY_P2P, DEVICE_STOP_COPY, BOTH, 0 },
	{ DEVICE_PRE_COPY_P2P, DEVICE_RUNNING_P2P, BOTH, 0 },
	{ DEVICE_RUNNING_P2P, DEVICE_PRE_COPY_P2P, BOTH, 0 },
};

#define DIRECT_COUNT (sizeof(direct) / sizeof(direct[0]))

bool device_flags_valid(uint32_t mig_flags)
{
	return (mig_flags & DEVICE_MIG_STOP_COPY) != 0 && (mig_flags & ~(DEVICE_MIG_STOP_COPY | BOTH)) == 0;
}

bool device_state_offered(uint32_t mig_flags, enum device_state state)
{
	switch (state) {
	case DEVICE_ERROR:
	case DEVICE_RUNNING:
		return true;
	case DEVICE_STOP:
	case DEVICE_STOP_COPY:
	case DEVICE_RESUMING:
		return (mig_flags & DEVICE_MIG_STOP_COPY) != 0;
	case DEVICE_RUNNING_P2P:
		return (mig_flags & P2P) != 0;
	case DEVICE_PRE_COPY:
		return (mig_flags & PRE_COPY) != 0;
	case DEVICE_PRE_COPY_P2P:
		return (mig_flags & BOTH) == BOTH;
	default:
		return false;
	}
}

static bool arc_in_force(const struct device_arc *arc, uint32_t mig_flags)
{
	return (mig_flags & arc->needs) == arc->needs && (mig_flags & arc->skips) == 0;
}

bool device_arc_direct(uint32_t mig_flags, enum device_state from, enum device_state to)
{
	if (!device_flags_valid(mig_flags)) {
		return false;
	}
	for (uint32_t i = 0; i < DIRECT_COUNT; i++) {
		if (direct[i].from == from && direct[i].to == to) {
			return arc_in_force(&direct[i], mig_flags);
		}
	}
	return false;
}

static bool saving(enum device_state s)
{
	return s == DEVICE_PRE_COPY || s == DEVICE_PRE_COPY_P2P || s == DEVICE_STOP_COPY;
}

enum device_state device_plan_next(uint32_t mig_flags, enum device_state from, enum device_state to)
{
	uint8_t hops[DEVICE_STATE_COUNT] = { 0 }; /* 1 + arcs left to the target; 0: not reached */
	bool inside = saving(from) && saving(to); /* the walk may then cross saving states, and nothing else */

	if (!device_flags_valid(mig_flags) || !device_state_offered(mig_flags, from) ||
		!device_state_offered(mig_flags, to) || from == DEVICE_ERROR || to == DEVICE_ERROR) {
		return DEVICE_ERROR;
	}
	if (from == to) {
		return to;
	}
	hops[to] = 1;
	/* Backwards from the target, one more arc each time: at most DEVICE_STATE_COUNT levels. */
	for (uint8_t level = 1; level < DEVICE_STATE_COUNT; level++) {
		for (uint32_t i = 0; i < DIRECT_COUNT; i++) {
			enum device_state a = (enum device_state)direct[i].from;
			enum device_state b = (enum device_state)direct[i].to;

			if (!arc_in_force(&direct[i], mig_flags) || hops[b] != level || hops[a] != 0) {
				continue;
			}
			if (a == from) {
				return b;
			}
			if (saving(a) == inside) {
				hops[a] = (uint8_t)(level + 1);
			}
		}
	}
	return DEVICE_ERROR;
}

const char *device_state_name(enum device_state state)
{
	static const char *const names[DEVICE_STATE_COUNT] = { "ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING",
		"RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P" };

	return (unsigned int)state < DEVICE_STATE_COUNT ? names[state] : "?";
}
