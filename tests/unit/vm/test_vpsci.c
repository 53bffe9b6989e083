/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vm/vpsci.h"
#include "tests/unit/vm/record_walk.h"

#define RAM	      UINT64_C(0x40000000)
#define RAM_BYTES     UINT64_C(0x4000000)
#define ENTRY	      (RAM + 0x80000)
#define CPU_ON	      UINT64_C(0xc4000003)
#define CPU_OFF	      UINT64_C(0x84000002)
#define AFFINITY_INFO UINT64_C(0xc4000004)

static struct vpsci psci;
static struct vpsci_action act;

static int three_vcpus(void **state)
{
	(void)state;
	vpsci_init(&psci, 3, RAM, RAM_BYTES);
	return 0;
}

static int64_t call(uint32_t vcpu, uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t x[4] = { fn, a, b, c };

	memset(&act, 0x55, sizeof(act));
	vpsci_call(&psci, vcpu, x, &act);
	assert_true(x[1] == a && x[2] == b && x[3] == c);
	return (int64_t)x[0];
}

static void cpu_goes_on_once_and_off_again(void **state)
{
	uint64_t entry = 0, context = 0;

	(void)state;
	assert_int_equal(call(0, AFFINITY_INFO, 1, 0, 0), 1);
	assert_int_equal(call(0, CPU_ON, 1, ENTRY, 77), 0);
	assert_int_equal(act.what, VPSCI_START);
	assert_int_equal(act.target, 1);
	assert_int_equal(act.entry, ENTRY);
	assert_int_equal(act.context, 77);
	assert_int_equal(call(0, AFFINITY_INFO, 1, 0, 0), 2);
	assert_int_equal(call(0, CPU_ON, 1, ENTRY, 78), -5);
	assert_int_equal(act.what, VPSCI_NOTHING);
	assert_true(vpsci_starting(&psci, 1, &entry, &context));
	assert_false(vpsci_starting(&psci, 1, &entry, &context));
	assert_int_equal(entry, ENTRY);
	assert_int_equal(context, 77);
	assert_int_equal(call(0, AFFINITY_INFO, 1, 0, 0), 0);
	assert_int_equal(call(0, CPU_ON, 1, ENTRY, 78), -4);
	assert_int_equal(call(1, CPU_OFF, 0, 0, 0), 0);
	assert_int_equal(act.what, VPSCI_STOP);
	assert_int_equal(vpsci_power(&psci, 1), VPSCI_OFF);
	assert_int_equal(call(0, CPU_ON, 1, ENTRY, 79), 0);
}

static void bad_arguments_of_cpu_on_do_nothing(void **state)
{
	(void)state;
	assert_int_equal(call(0, CPU_ON, 3, ENTRY, 0), -2);
	assert_int_equal(call(0, CPU_ON, 0x100, ENTRY, 0), -2);
	assert_int_equal(call(0, CPU_ON, BIT64(32) | 1, ENTRY, 0), -2);
	assert_int_equal(call(0, CPU_ON, UINT64_MAX, ENTRY, 0), -2);
	assert_int_equal(call(0, CPU_ON, 1, RAM - 4, 0), -9);
	assert_int_equal(call(0, CPU_ON, 1, RAM + RAM_BYTES, 0), -9);
	assert_int_equal(call(0, CPU_ON, 1, ENTRY + 2, 0), -9);
	assert_int_equal(call(0, CPU_ON, 1, UINT64_MAX - 3, 0), -9);
	assert_int_equal(act.what, VPSCI_NOTHING);
	assert_int_equal(vpsci_power(&psci, 1), VPSCI_OFF);
	assert_int_equal(call(0, AFFINITY_INFO, 1, 1, 0), -2);
	assert_int_equal(call(0, AFFINITY_INFO, 9, 0, 0), -2);
}

static void calls_of_32_bits_see_32_bits(void **state)
{
	(void)state;
	assert_int_equal(call(0, 0x84000003, BIT64(40) | 1, BIT64(63) | ENTRY, BIT64(50) | 9), 0);
	assert_int_equal(act.target, 1);
	assert_int_equal(act.entry, ENTRY);
	assert_int_equal(act.context, 9);
	assert_int_equal(call(0, BIT64(35) | 0x84000000, 0, 0, 0), 0x10001);
}

static void versions_and_features_are_told(void **state)
{
	static const uint64_t present[] = { 0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003, 0xc4000003,
		0x84000004, 0xc4000004, 0x84000006, 0x84000008, 0x84000009, 0x8400000a, 0x80000000 };

	(void)state;
	assert_int_equal(call(0, 0x84000000, 0, 0, 0), 0x10001);
	assert_int_equal(call(0, 0x80000000, 0, 0, 0), 0x10001);
	assert_int_equal(call(0, 0x84000006, 0, 0, 0), 2);
	assert_int_equal(call(0, 0x80000001, 0x80000001, 0, 0), 0);
	assert_int_equal(call(0, 0x80000001, 0x80008000, 0, 0), -1);
	for (size_t i = 0; i < ARRAY_SIZE(present); i++) {
		assert_int_equal(call(0, 0x8400000a, present[i], 0, 0), 0);
	}
	assert_int_equal(call(0, 0x8400000a, 0x84000012, 0, 0), -1);
}

static void unknown_functions_give_minus_one(void **state)
{
	static const uint64_t unknown[] = { 0, 1, 0x84000005, 0x84000007, 0xc4000008, 0x84000014, 0x8400001f,
		0xffffffff, 0x82000000, 0xc6000000, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		assert_int_equal(call(0, unknown[i], 1, ENTRY, 0), -1);
		assert_int_equal(act.what, VPSCI_NOTHING);
	}
}

static void suspend_waits_and_the_system_goes_off(void **state)
{
	(void)state;
	assert_int_equal(call(1, 0xc4000001, 0, 0, 0), 0);
	assert_int_equal(act.what, VPSCI_WAIT);
	(void)call(0, 0x84000008, 0, 0, 0);
	assert_int_equal(act.what, VPSCI_SYSTEM_OFF);
	(void)call(0, 0x84000009, 0, 0, 0);
	assert_int_equal(act.what, VPSCI_SYSTEM_RESET);
}

static void save(void *ctx, struct writer *w)
{
	vpsci_save(ctx, w);
}

static enum err load(void *ctx, struct reader *r, char *reason)
{
	return vpsci_load(ctx, r, reason);
}

static void power_states_move(void **state)
{
	const struct record_codec c = { save, load, &psci };
	uint8_t bytes[RECORD_WALK_BYTES];
	char reason[REASON_BYTES];
	uint64_t entry, context;
	struct reader r;

	(void)state;
	assert_int_equal(call(0, CPU_ON, 2, ENTRY, 5), 0);
	r = reader_over(bytes, record_save(&c, bytes));
	vpsci_init(&psci, 3, RAM, RAM_BYTES);
	assert_int_equal(vpsci_load(&psci, &r, reason), ERR_OK);
	assert_int_equal(vpsci_power(&psci, 1), VPSCI_OFF);
	assert_true(vpsci_starting(&psci, 2, &entry, &context));
	assert_int_equal(entry, ENTRY);
	assert_int_equal(context, 5);
}

static void damaged_records_are_refused_or_taken_as_given(void **state)
{
	const struct record_codec c = { save, load, &psci };

	(void)state;
	assert_int_equal(call(0, CPU_ON, 1, ENTRY, 77), 0);
	assert_true(record_walk(&c, 1) > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, three_vcpus)
		TEST(cpu_goes_on_once_and_off_again),
		TEST(bad_arguments_of_cpu_on_do_nothing),
		TEST(calls_of_32_bits_see_32_bits),
		TEST(versions_and_features_are_told),
		TEST(unknown_functions_give_minus_one),
		TEST(suspend_waits_and_the_system_goes_off),
		TEST(power_states_move),
		TEST(damaged_records_are_refused_or_taken_as_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
