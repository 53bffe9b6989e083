/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The arcs that no simulated world reaches (tests/sim/unreached.def) are walked here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "migration/handover.h"
#include "tests/unit/migration/pair.h"

struct arc {
	enum handover_side side;
	enum owner state;
	enum handover_event event;
	enum owner next;
	const char *why;
};

static const struct arc arcs[] = {
#define UNREACHED_ARC(side, state, event, next, why)                                                                   \
	{ HANDOVER_##side, OWNER_##state, HANDOVER_EV_##event, OWNER_##next, why },
#include "tests/sim/unreached.def"
	{ HANDOVER_SRC, OWNER_OWN, HANDOVER_EV_CONVERGED, OWNER_PREPARING,
		"one that is reached, so that there is always one" },
};

static bool sends(const enum handover_action actions[HANDOVER_ACTIONS_MAX], enum handover_action wanted)
{
	for (uint32_t i = 0; i < HANDOVER_ACTIONS_MAX; i++) {
		if (actions[i] == wanted) {
			return true;
		}
	}
	return false;
}

static void every_arc_leads_where_the_list_says(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(arcs) / sizeof(arcs[0]); i++) {
		enum handover_action actions[HANDOVER_ACTIONS_MAX];
		enum owner owner = arcs[i].state;

		assert_int_equal(handover_post(arcs[i].side, &owner, arcs[i].event, actions), ERR_OK);
		assert_int_equal(owner, arcs[i].next);
		assert_true(arcs[i].why[0] != '\0');
		/* Whoever gives an attempt up says so, or has nobody left to say it to. */
		if (arcs[i].side == HANDOVER_SRC && arcs[i].next == OWNER_OWN && arcs[i].state != OWNER_UNKNOWN) {
			assert_true(sends(actions, HANDOVER_DO_KILL_ATTEMPT));
		}
		/* A question is always answered. */
		if (arcs[i].side == HANDOVER_DST &&
			(arcs[i].event == HANDOVER_EV_COMMIT || arcs[i].event == HANDOVER_EV_ABORT ||
				arcs[i].event == HANDOVER_EV_STATUS)) {
			assert_true(
				sends(actions, HANDOVER_DO_SEND_UNKNOWN) || sends(actions, HANDOVER_DO_SEND_TAKEN) ||
				sends(actions, HANDOVER_DO_SEND_DECLINED) || sends(actions, HANDOVER_DO_SEND_READY));
		}
	}
}

static void what_no_monitor_says_is_refused_by_the_engine_too(void **state)
{
	static struct pair p;
	struct resolve how = { .action = (enum resolve_action)(RESOLVE_ASK + 1) };
	struct migration_params params;
	char reason[REASON_BYTES] = "";

	(void)state;
	pair_init(&p, false);
	assert_int_equal(engine_resolve(&p.node[0].engine, &how, reason), ERR_RANGE);
	assert_string_equal(reason, "unknown action");
	engine_params_get(&p.node[0].engine, &params);
	memset(params.tls_hostname, 'a', sizeof(params.tls_hostname));
	assert_int_equal(engine_params_set(&p.node[0].engine, &params, reason), ERR_RANGE);
	assert_string_equal(reason, "a host id has at most 63 characters");
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_arc_leads_where_the_list_says),
		cmocka_unit_test(what_no_monitor_says_is_refused_by_the_engine_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
