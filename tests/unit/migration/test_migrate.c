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
		info.downtime.vm_state + info.downtime.load + info.downtime.commit + info.downtime.run);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(running_vm_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(vm_moves_there_and_back_again_ten_times, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
