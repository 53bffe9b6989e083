/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The arcs and named errors that no simulated world reaches (tests/sim/unreached.def) are walked here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "migration/handover.h"
#include "migration/ram.h"
#include "migration/receive.h"
#include "migration/totals.h"
#include "migration/vmstate.h"
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

/* ---- what the session refuses before the engine sees it ---- */

#define OTHER_TYPE (FRAME_TOTALS + 1u)

static struct pair pair;
static struct engine *const beta = &pair.node[1].engine;

static bool loading(const struct pair *p)
{
	return p->node[1].engine.owner == OWNER_LOADING && p->node[1].engine.dst.phase == DST_LOAD;
}

/* beta is given this frame as its link would give it; the attempt ends with that reason. */
static void frame_ends_the_attempt(struct link_event ev, const char *reason)
{
	pair_init(&pair, false);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, loading));
	assert_int_equal(beta->dst.queued, 0);
	receive_frame(beta, &ev);
	assert_true(receive_step(beta));
	assert_non_null(strstr(beta->error_desc, reason));
	pair_free(&pair);
}

static void a_frame_of_an_unknown_type_ends_the_attempt(void **state)
{
	(void)state;
	frame_ends_the_attempt(
		(struct link_event){ .kind = LINK_FRAME, .type = OTHER_TYPE }, "frame type 6 is unknown");
}

static void totals_of_another_channel_end_the_attempt(void **state)
{
	static uint8_t totals[TOTALS_BYTES];

	(void)state;
	frame_ends_the_attempt((struct link_event){ .kind = LINK_FRAME,
				       .type = FRAME_TOTALS,
				       .channel = 1,
				       .bytes = totals,
				       .len_bytes = sizeof(totals) },
		"totals of channel 0 on channel 1");
}

static void a_ram_frame_of_a_channel_that_is_not_there_is_refused(void **state)
{
	static uint64_t received[ENGINE_BITMAP_WORDS(FAKE_VM_PAGES)];
	static struct ram_rx rx;
	struct vm vm = fake_vm(&pair.node[0].vm);
	const uint8_t frame[4] = { 0 };
	char reason[REASON_BYTES] = "";

	(void)state;
	ram_rx_start(&rx, received, FAKE_VM_PAGES, 2);
	assert_int_equal(ram_rx_place(&rx, &vm, 2, frame, sizeof(frame), reason), ERR_RANGE);
	assert_string_equal(reason, "RAM frame: channel 2 of 2");
}

static void no_more_vm_records_than_the_limit_are_loaded(void **state)
{
	static uint8_t frame[VMSTATE_HEAD_BYTES];
	struct vm vm = fake_vm(&pair.node[0].vm);
	struct records_sum sum = { .count = VM_RECORDS_MAX };
	char reason[REASON_BYTES] = "";

	(void)state;
	assert_int_equal(records_load(&sum, beta->hash, &vm, frame, sizeof(frame), reason), ERR_RANGE);
	assert_string_equal(reason, "more than 32 VM records");
	assert_int_equal(sum.count, VM_RECORDS_MAX);
}

static void a_frame_from_the_destination_ends_the_attempt(void **state)
{
	struct engine *alpha = &pair.node[0].engine;
	const struct link_event ev = { .kind = LINK_FRAME };

	(void)state;
	pair_init(&pair, false);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, loading));
	source_event(alpha, &ev);
	assert_string_equal(alpha->error_desc, "the destination sent a frame");
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, 0);
	pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_arc_leads_where_the_list_says),
		cmocka_unit_test(what_no_monitor_says_is_refused_by_the_engine_too),
		cmocka_unit_test(a_frame_of_an_unknown_type_ends_the_attempt),
		cmocka_unit_test(totals_of_another_channel_end_the_attempt),
		cmocka_unit_test(a_ram_frame_of_a_channel_that_is_not_there_is_refused),
		cmocka_unit_test(no_more_vm_records_than_the_limit_are_loaded),
		cmocka_unit_test(a_frame_from_the_destination_ends_the_attempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
