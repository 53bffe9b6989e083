/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/device_plan.h"

#define P2P		  DEVICE_MIG_P2P
#define PRE_COPY	  DEVICE_MIG_PRE_COPY
#define BOTH		  (DEVICE_MIG_P2P | DEVICE_MIG_PRE_COPY)

/* The four valid feature sets, as bits: the flags without STOP_COPY are the bit's number, twice. */
#define SET_OF(mig_flags) (1u << (((mig_flags)&BOTH) >> 1))
#define S		  SET_OF(0)
#define SP		  SET_OF(P2P)
#define SC		  SET_OF(PRE_COPY)
#define SPC		  SET_OF(BOTH)

struct device_arc {
	uint8_t from, to;
	uint8_t sets; /* in which this arc is direct */
};

/* one column per feature set */
/* clang-format off */
static const struct device_arc direct[] = {
	{ DEVICE_RUNNING,	DEVICE_STOP,		S |	 SC	  },
	{ DEVICE_STOP,		DEVICE_RUNNING,		S |	 SC	  },
	{ DEVICE_RUNNING,	DEVICE_RUNNING_P2P,	    SP |      SPC },
	{ DEVICE_RUNNING_P2P,	DEVICE_RUNNING,		    SP |      SPC },
	{ DEVICE_RUNNING_P2P,	DEVICE_STOP,		    SP |      SPC },
	{ DEVICE_STOP,		DEVICE_RUNNING_P2P,	    SP |      SPC },
	{ DEVICE_STOP,		DEVICE_STOP_COPY,	S | SP | SC | SPC },
	{ DEVICE_STOP_COPY,	DEVICE_STOP,		S | SP | SC | SPC },
	{ DEVICE_STOP,		DEVICE_RESUMING,	S | SP | SC | SPC },
	{ DEVICE_RESUMING,	DEVICE_STOP,		S | SP | SC | SPC },
	{ DEVICE_RUNNING,	DEVICE_PRE_COPY,		 SC | SPC },
	{ DEVICE_PRE_COPY,	DEVICE_RUNNING,			 SC | SPC },
	{ DEVICE_PRE_COPY,	DEVICE_STOP_COPY,		 SC	  },
	{ DEVICE_PRE_COPY,	DEVICE_PRE_COPY_P2P,		      SPC },
	{ DEVICE_PRE_COPY_P2P,	DEVICE_PRE_COPY,		      SPC },
	{ DEVICE_PRE_COPY_P2P,	DEVICE_STOP_COPY,		      SPC },
	{ DEVICE_PRE_COPY_P2P,	DEVICE_RUNNING_P2P,		      SPC },
	{ DEVICE_RUNNING_P2P,	DEVICE_PRE_COPY_P2P,		      SPC },
};
/* clang-format on */

#define DIRECT_COUNT (sizeof(direct) / sizeof(direct[0]))

bool device_flags_valid(uint32_t mig_flags)
{
	return (mig_flags & DEVICE_MIG_STOP_COPY) != 0 && (mig_flags & ~(DEVICE_MIG_STOP_COPY | BOTH)) == 0;
}

bool device_state_offered(uint32_t mig_flags, enum device_state state)
{
	static const uint8_t needs[DEVICE_STATE_COUNT] = {
		[DEVICE_STOP] = DEVICE_MIG_STOP_COPY,
		[DEVICE_STOP_COPY] = DEVICE_MIG_STOP_COPY,
		[DEVICE_RESUMING] = DEVICE_MIG_STOP_COPY,
		[DEVICE_RUNNING_P2P] = P2P,
		[DEVICE_PRE_COPY] = PRE_COPY,
		[DEVICE_PRE_COPY_P2P] = BOTH,
	};

	return (unsigned int)state < DEVICE_STATE_COUNT && (mig_flags & needs[state]) == needs[state];
}

static bool arc_in_force(const struct device_arc *arc, uint32_t mig_flags)
{
	return (arc->sets & SET_OF(mig_flags)) != 0;
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

enum device_state device_plan_next(uint32_t mig_flags, enum device_state from, enum device_state to)
{
	uint8_t hops[DEVICE_STATE_COUNT] = { 0 }; /* 1 + arcs left to the target; 0: not reached */
	bool inside = device_state_saving(from) &&
		      device_state_saving(to); /* the walk may then cross saving states, and nothing else */

	if (!device_flags_valid(mig_flags) || !device_state_offered(mig_flags, from) ||
		!device_state_offered(mig_flags, to) || from == DEVICE_ERROR || to == DEVICE_ERROR) {
		return DEVICE_ERROR;
	}
	if (from == to) {
		return to;
	}
	hops[to] = 1;
	/* Backwards from the target, one more arc each time: at most DEVICE_STATE_COUNT levels. */
	for (uint32_t level = 1; level < DEVICE_STATE_COUNT; level++) {
		for (uint32_t i = 0; i < DIRECT_COUNT; i++) {
			enum device_state a = (enum device_state)direct[i].from;
			enum device_state b = (enum device_state)direct[i].to;

			if (!arc_in_force(&direct[i], mig_flags) || hops[b] != level || hops[a] != 0) {
				continue;
			}
			if (a == from) {
				return b;
			}
			if (device_state_saving(a) == inside) {
				hops[a] = (uint8_t)(level + 1);
			}
		}
	}
	return DEVICE_ERROR;
}

enum device_state device_plan_prepare(uint32_t mig_flags, enum device_state now, enum device_state to)
{
	bool stops = to == DEVICE_STOP || to == DEVICE_STOP_COPY || to == DEVICE_RESUMING;

	if ((mig_flags & P2P) == 0) {
		return now;
	}
	switch (now) {
	case DEVICE_RUNNING:
		return stops ? DEVICE_RUNNING_P2P : now;
	case DEVICE_PRE_COPY:
		return to == DEVICE_STOP_COPY ? DEVICE_PRE_COPY_P2P : stops ? DEVICE_RUNNING_P2P : now;
	case DEVICE_STOP:
	case DEVICE_STOP_COPY:
	case DEVICE_RESUMING:
		return stops ? now : DEVICE_RUNNING_P2P;
	default:
		return now;
	}
}

const char *device_state_name(enum device_state state)
{
	static const char *const names[DEVICE_STATE_COUNT] = { "ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING",
		"RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P" };

	return (unsigned int)state < DEVICE_STATE_COUNT ? names[state] : "?";
}
