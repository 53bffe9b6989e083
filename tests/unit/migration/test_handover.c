/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The hand-over table, walked whole, and what docs/handover.md promises of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "migration/handover.h"

static const enum handover_side sides[] = { HANDOVER_SRC, HANDOVER_DST };

static bool has(const struct handover_arc *arc, enum handover_action action)
{
	for (uint32_t i = 0; i < HANDOVER_ACTIONS_MAX; i++) {
		if (arc->actions[i] == action) {
			return true;
		}
	}
	return false;
}

/** Call check for every arc there is. */
static void walk(
	void (*check)(enum handover_side, enum owner, enum handover_event, enum owner, const struct handover_arc *))
{
	for (uint32_t s = 0; s < 2; s++) {
		for (int state = 0; state < OWNER_COUNT; state++) {
			for (int ev = 0; ev < HANDOVER_EV_COUNT; ev++) {
				const struct handover_arc *arc =
					handover_arc(sides[s], (enum owner)state, (enum handover_event)ev);

				if (arc != NULL) {
					check(sides[s], (enum owner)state, (enum handover_event)ev,
						(enum owner)(arc->next_plus_one - 1), arc);
				}
			}
		}
	}
}

static void unlisted_event_changes_nothing(void **state)
{
	(void)state;
	for (uint32_t s = 0; s < 2; s++) {
		for (int from = 0; from < OWNER_COUNT; from++) {
			for (int ev = 0; ev < HANDOVER_EV_COUNT; ev++) {
				enum handover_action actions[HANDOVER_ACTIONS_MAX];
				enum owner owner = (enum owner)from;
				bool listed = handover_arc(sides[s], owner, (enum handover_event)ev) != NULL;
				enum err err = handover_post(sides[s], &owner, (enum handover_event)ev, actions);

				assert_int_equal(err, listed ? ERR_OK : ERR_NO_ARC);
				if (!listed) {
					assert_int_equal(owner, from);
					assert_int_equal(actions[0], HANDOVER_DO_NONE);
				}
			}
		}
	}
}

static void check_given(
	enum handover_side side, enum owner from, enum handover_event ev, enum owner to, const struct handover_arc *arc)
{
	(void)arc;
	if (side == HANDOVER_SRC && from == OWNER_GIVEN && to != OWNER_GIVEN) {
		assert_true((ev == HANDOVER_EV_TAKEN && to == OWNER_GONE) ||
			    (ev == HANDOVER_EV_DECLINED && to == OWNER_OWN) ||
			    (ev == HANDOVER_EV_TAKE_BACK && to == OWNER_OWN));
	}
	if (side == HANDOVER_SRC && from == OWNER_GONE && to != OWNER_GONE) {
		assert_int_equal(ev, HANDOVER_EV_TAKE_BACK);
	}
}

static void only_the_destinations_answer_or_a_fenced_operator_leaves_given(void **state)
{
	(void)state;
	walk(check_given);
	assert_null(handover_arc(HANDOVER_SRC, OWNER_GIVEN, HANDOVER_EV_CANCEL));
}

static void check_declined(
	enum handover_side side, enum owner from, enum handover_event ev, enum owner to, const struct handover_arc *arc)
{
	(void)from;
	(void)ev;
	if (side == HANDOVER_DST && has(arc, HANDOVER_DO_SEND_DECLINED)) {
		assert_int_equal(to, OWNER_VOID);
	}
	if (side == HANDOVER_DST && from == OWNER_VOID) {
		assert_int_equal(to, OWNER_VOID);
	}
	if (side == HANDOVER_DST && (from == OWNER_TAKEN || from == OWNER_OWN)) {
		assert_false(has(arc, HANDOVER_DO_SEND_DECLINED) || has(arc, HANDOVER_DO_SEND_UNKNOWN));
	}
}

static void declined_is_said_in_void_alone_and_void_never_leaves(void **state)
{
	(void)state;
	walk(check_declined);
}

static void check_run(
	enum handover_side side, enum owner from, enum handover_event ev, enum owner to, const struct handover_arc *arc)
{
	(void)ev;
	if (has(arc, HANDOVER_DO_START_VM) || has(arc, HANDOVER_DO_GIVE_BACK)) {
		assert_true(owner_may_run(to));
	}
	if (has(arc, HANDOVER_DO_SEND_COMMIT)) {
		assert_int_equal(to, OWNER_GIVEN);
	}
	if (has(arc, HANDOVER_DO_SEND_RETIRED) && from != OWNER_UNKNOWN) {
		assert_true(from == OWNER_GONE && ev == HANDOVER_EV_SCRUBBED);
	}
	if (side == HANDOVER_SRC && from != to && to == OWNER_OWN) {
		assert_int_equal(arc->actions[0], HANDOVER_DO_KILL_ATTEMPT);
	}
	if (has(arc, HANDOVER_DO_SCRUB)) {
		assert_false(owner_may_run(to));
	}
}

static void vm_is_started_only_where_it_may_run(void **state)
{
	(void)state;
	walk(check_run);
}

/* Where an arc has both. */
static const struct {
	enum handover_action first, then;
} orders[] = {
	{ HANDOVER_DO_RAISE_GEN, HANDOVER_DO_STORE_HOME },
	{ HANDOVER_DO_STORE_HOME, HANDOVER_DO_START_VM },
	{ HANDOVER_DO_STORE_AWAY, HANDOVER_DO_SCRUB },
	{ HANDOVER_DO_SEND_ABORT, HANDOVER_DO_STORE_HOME },
	{ HANDOVER_DO_SEND_ABORT, HANDOVER_DO_GIVE_BACK },
	{ HANDOVER_DO_SEND_TAKEN, HANDOVER_DO_SEND_RUNNING },
	{ HANDOVER_DO_SEND_TAKEN, HANDOVER_DO_START_VM },
	{ HANDOVER_DO_SEND_DECLINED, HANDOVER_DO_SCRUB },
	{ HANDOVER_DO_SCRUB, HANDOVER_DO_CLEAR_MARK },
	{ HANDOVER_DO_HOLD_VM, HANDOVER_DO_TELL_OPERATOR },
};

static int place(const struct handover_arc *arc, enum handover_action action)
{
	for (int i = 0; i < (int)HANDOVER_ACTIONS_MAX; i++) {
		if (arc->actions[i] == action) {
			return i;
		}
	}
	return -1;
}

static void check_order(
	enum handover_side side, enum owner from, enum handover_event ev, enum owner to, const struct handover_arc *arc)
{
	bool ended = false;

	(void)side;
	(void)from;
	(void)ev;
	(void)to;
	assert_true(place(arc, HANDOVER_DO_KILL_ATTEMPT) <= 0);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (has(arc, orders[i].first) && has(arc, orders[i].then)) {
			assert_true(place(arc, orders[i].first) < place(arc, orders[i].then));
		}
	}
	for (uint32_t i = 0; i < HANDOVER_ACTIONS_MAX; i++) {
		assert_false(ended && arc->actions[i] != HANDOVER_DO_NONE);
		ended = arc->actions[i] == HANDOVER_DO_NONE;
	}
}

static void actions_of_an_arc_come_in_their_order(void **state)
{
	(void)state;
	walk(check_order);
}

static uint32_t arcs;

static void count(
	enum handover_side side, enum owner from, enum handover_event ev, enum owner to, const struct handover_arc *arc)
{
	(void)side;
	(void)from;
	(void)ev;
	(void)to;
	(void)arc;
	arcs++;
}

static void every_line_of_the_table_is_an_arc_of_its_own(void **state)
{
	uint32_t lines = 0;

	(void)state;
#define HANDOVER_ARC(side, state, event, next, a1, a2, a3, a4) lines++;
#include "migration/handover.def"
	arcs = 0;
	walk(count);
	assert_int_equal(arcs, lines);
}

static void names_are_there(void **state)
{
	(void)state;
	for (int ev = 0; ev < HANDOVER_EV_COUNT; ev++) {
		assert_true(strlen(handover_event_name((enum handover_event)ev)) > 1);
	}
	for (int a = 0; a < HANDOVER_DO_COUNT; a++) {
		assert_true(strlen(handover_action_name((enum handover_action)a)) > 1);
	}
	assert_string_equal(handover_event_name((enum handover_event)999), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unlisted_event_changes_nothing),
		cmocka_unit_test(only_the_destinations_answer_or_a_fenced_operator_leaves_given),
		cmocka_unit_test(declined_is_said_in_void_alone_and_void_never_leaves),
		cmocka_unit_test(vm_is_started_only_where_it_may_run),
		cmocka_unit_test(actions_of_an_arc_come_in_their_order),
		cmocka_unit_test(every_line_of_the_table_is_an_arc_of_its_own),
		cmocka_unit_test(names_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
