/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The planner of the VFIO v2 state machine, for all states and the four valid sets of flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "migration/device_plan.h"

#define S    DEVICE_MIG_STOP_COPY
#define FULL (DEVICE_MIG_STOP_COPY | DEVICE_MIG_P2P | DEVICE_MIG_PRE_COPY)

static const uint32_t sets[] = { S, S | DEVICE_MIG_P2P, S | DEVICE_MIG_PRE_COPY, FULL };

static void each_set_has_its_number_of_direct_arcs(void **state)
{
	static const uint32_t wanted[] = { 6, 8, 9, 15 };

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t n = 0;

		for (int a = 0; a < DEVICE_STATE_COUNT; a++) {
			for (int b = 0; b < DEVICE_STATE_COUNT; b++) {
				n += device_arc_direct(sets[i], (enum device_state)a, (enum device_state)b) ? 1 : 0;
			}
		}
		assert_int_equal(n, wanted[i]);
	}
}

static void first_hops_of_the_full_set_are_those_of_vfio(void **state)
{
	enum {
		E = DEVICE_ERROR,
		ST = DEVICE_STOP,
		R = DEVICE_RUNNING,
		SC = DEVICE_STOP_COPY,
		RS = DEVICE_RESUMING,
		RP = DEVICE_RUNNING_P2P,
		PC = DEVICE_PRE_COPY,
		PP = DEVICE_PRE_COPY_P2P
	};
	static const int to[] = { ST, R, SC, RS, RP, PC, PP };
	static const int table[][8] = {
		{ ST, ST, RP, SC, RS, RP, RP, RP },
		{ R, RP, R, RP, RP, RP, PC, RP },
		{ SC, ST, ST, SC, ST, ST, E, E },
		{ RS, ST, ST, ST, RS, ST, ST, ST },
		{ RP, ST, R, ST, ST, RP, R, PP },
		{ PC, R, R, PP, R, R, PC, PP },
		{ PP, RP, RP, SC, RP, RP, PC, PP },
		{ E, E, E, E, E, E, E, E },
	};

	(void)state;
	for (size_t row = 0; row < 8; row++) {
		for (size_t col = 0; col < 7; col++) {
			enum device_state next =
				device_plan_next(FULL, (enum device_state)table[row][0], (enum device_state)to[col]);

			if ((int)next != table[row][col + 1]) {
				fail_msg("%s to %s: next is %s", device_state_name((enum device_state)table[row][0]),
					device_state_name((enum device_state)to[col]), device_state_name(next));
			}
		}
	}
}

static void every_plan_ends_at_its_target_over_direct_arcs(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		for (int from = 0; from < DEVICE_STATE_COUNT; from++) {
			for (int to = 0; to < DEVICE_STATE_COUNT; to++) {
				enum device_state at = (enum device_state)from;
				enum device_state next = device_plan_next(sets[i], at, (enum device_state)to);
				uint32_t hops = 0;

				if (next == DEVICE_ERROR) {
					continue;
				}
				while (at != (enum device_state)to) {
					next = device_plan_next(sets[i], at, (enum device_state)to);
					assert_true(device_arc_direct(sets[i], at, next));
					at = next;
					hops++;
					assert_true(hops < DEVICE_STATE_COUNT);
				}
			}
		}
	}
}

static void states_and_sets_that_are_not_offered_are_refused(void **state)
{
	(void)state;
	assert_int_equal(device_plan_next(S, DEVICE_RUNNING, DEVICE_PRE_COPY), DEVICE_ERROR);
	assert_int_equal(device_plan_next(S, DEVICE_RUNNING, DEVICE_RUNNING_P2P), DEVICE_ERROR);
	assert_int_equal(device_plan_next(S | DEVICE_MIG_PRE_COPY, DEVICE_RUNNING, DEVICE_PRE_COPY_P2P), DEVICE_ERROR);
	assert_int_equal(device_plan_next(DEVICE_MIG_P2P, DEVICE_RUNNING, DEVICE_STOP), DEVICE_ERROR);
	assert_int_equal(device_plan_next(S, DEVICE_RUNNING, DEVICE_ERROR), DEVICE_ERROR);
	assert_int_equal(device_plan_next(S, DEVICE_RUNNING, (enum device_state)77), DEVICE_ERROR);
	assert_false(device_flags_valid(0));
	assert_false(device_flags_valid(S | 8u));
	assert_string_equal(device_state_name((enum device_state)9), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_set_has_its_number_of_direct_arcs),
		cmocka_unit_test(first_hops_of_the_full_set_are_those_of_vfio),
		cmocka_unit_test(every_plan_ends_at_its_target_over_direct_arcs),
		cmocka_unit_test(states_and_sets_that_are_not_offered_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
