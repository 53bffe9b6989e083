/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/handover.h"

#include <stddef.h>

#include "core/base/assert.h"

#define ARC(next, a1, a2, a3, a4)                                                                                      \
	{                                                                                                              \
		OWNER_##next + 1,                                                                                      \
		{                                                                                                      \
			HANDOVER_DO_##a1, HANDOVER_DO_##a2, HANDOVER_DO_##a3, HANDOVER_DO_##a4                         \
		}                                                                                                      \
	}

static const struct handover_arc arcs[HANDOVER_SIDE_COUNT][OWNER_COUNT][HANDOVER_EV_COUNT] = {
#define HANDOVER_ARC(side, state, event, next, a1, a2, a3, a4)                                                         \
	[HANDOVER_##side][OWNER_##state][HANDOVER_EV_##event] = ARC(next, a1, a2, a3, a4),
#include "migration/handover.def"
};

static const char *const event_names[HANDOVER_EV_COUNT] = {
#define HANDOVER_EVENT(name) [HANDOVER_EV_##name] = #name,
#include "migration/handover.def"
};

static const char *const action_names[HANDOVER_DO_COUNT] = {
	[HANDOVER_DO_NONE] = "NONE",
#define HANDOVER_ACTION(name) [HANDOVER_DO_##name] = #name,
#include "migration/handover.def"
};

const struct handover_arc *handover_arc(enum handover_side side, enum owner state, enum handover_event event)
{
	const struct handover_arc *arc;

	ASSERT((unsigned int)side < HANDOVER_SIDE_COUNT);
	ASSERT((unsigned int)state < OWNER_COUNT);
	ASSERT((unsigned int)event < HANDOVER_EV_COUNT);
	arc = &arcs[side][state][event];
	return arc->next_plus_one == 0 ? NULL : arc;
}

enum err handover_post(enum handover_side side, enum owner *state, enum handover_event event,
	enum handover_action actions[HANDOVER_ACTIONS_MAX])
{
	const struct handover_arc *arc = handover_arc(side, *state, event);

	for (uint32_t i = 0; i < HANDOVER_ACTIONS_MAX; i++) {
		actions[i] = arc == NULL ? HANDOVER_DO_NONE : (enum handover_action)arc->actions[i];
	}
	if (arc == NULL) {
		return ERR_NO_ARC;
	}
	*state = (enum owner)(arc->next_plus_one - 1);
	return ERR_OK;
}

const char *handover_event_name(enum handover_event event)
{
	return (unsigned int)event < HANDOVER_EV_COUNT ? event_names[event] : "?";
}

const char *handover_action_name(enum handover_action action)
{
	return (unsigned int)action < HANDOVER_DO_COUNT ? action_names[action] : "?";
}
