/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Whole migrations between two engines over the fake link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "tests/unit/migration/pair.h"

static struct pair pair;

static int setup(void **state)
{
	(void)state;
	pair_init(&pair, false);
	pair.node[0].host.echo = pair.node[1].host.echo = getenv("ECHO") != NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_free(&pair);
	return 0;
}

static void running_vm_moves(void **state)
{
	struct migration_info info;

	(void)state;
	pair_migrate(&pair, 0);
	engine_info(&pair.node[0].engine, &info);
	assert_true(info.round_count >= 3);
	assert_true(info.ram.zero_pages > 0 && info.ram.normal_pages > 1000);
	assert_true(info.downtime_us > 0);
	assert_int_equal(info.downtime_us, info.downtime.stop + info.downtime.device + info.downtime.last_pages +
						   info.downtime.vm_state + info.downtime.load + info.downtime.commit +
						   info.downtime.run);
	assert_string_equal(info.error_desc, "");
}

static void vm_moves_there_and_back_again_ten_times(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		pair_migrate(&pair, i % 2);
		assert_int_equal(pair.node[1 - i % 2].engine.gen, i + 2);
	}
}

static void mismatch_is_refused_at_hello_and_the_listener_stays(void **state)
{
	(void)state;
	pair.node[0].engine.desc.vcpu_count = 3;
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
	assert_non_null(strstr(pair.node[0].engine.error_desc, "vCPUs: peer has 3, this host 2"));
	assert_non_null(strstr(pair.node[1].engine.error_desc, "vCPUs: peer has 3, this host 2"));
	assert_int_equal(pair.node[1].engine.owner, OWNER_NONE);
	pair_assert_runs(&pair, 0);
	pair.node[0].engine.desc.vcpu_count = 2;
	pair_migrate(&pair, 0);
}

static void one_and_eight_channels_carry_a_vm(void **state)
{
	struct migration_params params;
	char reason[REASON_BYTES];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		engine_params_get(&pair.node[i].engine, &params);
		params.multifd_channels = i == 0 ? CHANNEL_COUNT_MAX : 1;
		assert_int_equal(engine_params_set(&pair.node[i].engine, &params, reason), ERR_OK);
		pair_migrate(&pair, i);
	}
}

static void paused_vm_that_is_cancelled_in_held_stays_paused(void **state)
{
	char reason[REASON_BYTES];

	(void)state;
	assert_int_equal(engine_vm_stop(&pair.node[0].engine, reason), ERR_OK);
	pair_begin(&pair, 0);
	while (pair.node[0].engine.owner != OWNER_HELD) {
		pair_step(&pair);
	}
	pair_run(&pair, 20);
	assert_int_equal(engine_cancel(&pair.node[0].engine, reason), ERR_OK);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_CANCELLED);
	assert_int_equal(pair.node[0].engine.owner, OWNER_OWN);
	assert_false(pair.node[0].vm.running);
	assert_int_equal(engine_run_state(&pair.node[0].engine), VM_PAUSED);
	assert_int_equal(engine_vm_cont(&pair.node[0].engine, reason), ERR_OK);
	pair_run(&pair, 50);
	pair_assert_runs(&pair, 0);
}

static void commands_are_refused_where_they_do_not_belong(void **state)
{
	char reason[REASON_BYTES];
	struct engine *alpha = &pair.node[0].engine, *beta = &pair.node[1].engine;
	struct migration_params params;
	struct migration_caps caps = { .multifd = false };

	(void)state;
	assert_int_equal(engine_incoming(alpha, "tcp:0:4444", reason), ERR_BAD_STATE);
	assert_int_equal(engine_migrate(beta, "tcp:10.0.0.1:4444", reason), ERR_BAD_STATE);
	assert_int_equal(engine_vm_cont(beta, reason), ERR_REFUSED);
	assert_int_equal(engine_cancel(alpha, reason), ERR_OK);
	assert_int_equal(engine_caps_set(alpha, &caps, reason), ERR_UNSUPPORTED);
	engine_params_get(alpha, &params);
	params.multifd_channels = 9;
	assert_int_equal(engine_params_set(alpha, &params, reason), ERR_RANGE);
	params.multifd_channels = 2;
	params.tls_hostname[0] = '\0';
	assert_int_equal(engine_params_set(alpha, &params, reason), ERR_OK);
	assert_int_equal(engine_migrate(alpha, "tcp:10.0.0.2:4444", reason), ERR_BAD_STATE);
	assert_non_null(strstr(reason, "tls-hostname"));
	for (int action = RESOLVE_RECALL; action <= RESOLVE_ASK; action++) {
		struct resolve how = { .action = (enum resolve_action)action, .all_fenced = true, .force = true };

		assert_int_equal(engine_resolve(alpha, &how, reason), ERR_BAD_STATE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mismatch_is_refused_at_hello_and_the_listener_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(one_and_eight_channels_carry_a_vm, setup, teardown),
		cmocka_unit_test_setup_teardown(paused_vm_that_is_cancelled_in_held_stays_paused, setup, teardown),
		cmocka_unit_test_setup_teardown(commands_are_refused_where_they_do_not_belong, setup, teardown),
		cmocka_unit_test_setup_teardown(running_vm_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(vm_moves_there_and_back_again_ten_times, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
