/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The hand-over of docs/handover.md as a table: events, ordered actions, and the one function that moves through it. */
#ifndef MIGRATION_HANDOVER_H
#define MIGRATION_HANDOVER_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/owner.h"

enum handover_side { HANDOVER_SRC, HANDOVER_DST, HANDOVER_SIDE_COUNT };

enum handover_event {
#define HANDOVER_EVENT(name) HANDOVER_EV_##name,
#include "migration/handover.def"
	HANDOVER_EV_COUNT,
};

enum handover_action {
	HANDOVER_DO_NONE = 0,
#define HANDOVER_ACTION(name) HANDOVER_DO_##name,
#include "migration/handover.def"
	HANDOVER_DO_COUNT,
};

#define HANDOVER_ACTIONS_MAX 4u

/** One arc. Zero in next_plus_one means that there is none. */
struct handover_arc {
	uint8_t next_plus_one;
	uint8_t actions[HANDOVER_ACTIONS_MAX];
};

/** The arc out of a state, or NULL. */
const struct handover_arc *handover_arc(enum handover_side side, enum owner state, enum handover_event event);

/**
 * Move *state along the arc of an event, and say what to do there.
 *
 * @param state    Changed on ERR_OK only.
 * @param actions  Filled with the arc's actions in order, padded with HANDOVER_DO_NONE.
 *
 * @return ERR_OK; ERR_NO_ARC when the event is not listed for this state: nothing has changed.
 */
enum err handover_post(enum handover_side side, enum owner *state, enum handover_event event,
	enum handover_action actions[HANDOVER_ACTIONS_MAX]) MUST_CHECK;

/** Names as in the table, for logs. Never NULL. */
const char *handover_event_name(enum handover_event event);
const char *handover_action_name(enum handover_action action);

#endif
