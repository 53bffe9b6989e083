/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vm/trap.h"
#include "core/vm/vm.h"
#include "tests/fake/fake_arch.h"

#define ESR_HVC	     (UINT64_C(0x16) << 26)
#define ESR_SMC	     (UINT64_C(0x17) << 26)
#define SYSTEM_RESET UINT64_C(0x84000009)
#define SYSTEM_OFF   UINT64_C(0x84000008)
#define AT	     (VM_RAM_IPA + 0x1000)

static s2_page root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page pool[8] __attribute__((aligned(PAGE_BYTES)));
static uint8_t ram[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));
static uint64_t words[BITMAP_WORDS(PAGES_PER_BLOCK)];
static struct vm_slot vm;

static void irq_active_set(void *ctx, uint32_t core, uint32_t pintid, bool active)
{
	(void)ctx;
	(void)core;
	(void)pintid;
	(void)active;
}

static void irqs_drain(void *ctx)
{
	(void)ctx;
}

static uint64_t time_us(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct vm_hw_ops hw = { .irq_active_set = irq_active_set, .irqs_drain = irqs_drain, .time_us = time_us };

/** A VM of two vCPUs that runs, both of them in the guest. */
static int running(void **state)
{
	struct vm_config cfg = { .name = "one",
		.vcpu_count = 2,
		.first_core = 1,
		.ram = pa((uintptr_t)ram),
		.ram_bytes = sizeof(ram),
		.vmid = 1,
		.s2_root = root,
		.s2_pool = pool,
		.s2_pool_count = 8,
		.dirty_words = words,
		.hw = &hw };

	(void)state;
	fake_arch_reset();
	memset(root, 0, sizeof(root));
	memset(pool, 0, sizeof(pool));
	assert_int_equal(vm_init(&vm, &cfg), ERR_OK);
	vm_reset(&vm, VM_RAM_IPA, 0);
	vm_owner_set(&vm, OWNER_OWN);
	assert_int_equal(vm_run(&vm), ERR_OK);
	for (uint32_t i = 0; i < 2; i++) {
		vm.vcpu[i].parked = 0;
	}
	return 0;
}

/** A call of vCPU 0; an HVC has moved the PC, a trapped SMC has not. */
static enum trap_next call(uint64_t esr, uint64_t function)
{
	struct arch_exit exit = { .kind = ARCH_EXIT_SYNC, .esr = esr };
	struct vcpu *v = &vm.vcpu[0];

	v->arch.frame.pc = esr == ESR_HVC ? AT + 4 : AT;
	v->arch.frame.x[0] = function;
	return trap_handle(v, &exit);
}

static void all_park(void)
{
	vm.vcpu[0].parked = 1;
	vm.vcpu[1].parked = 1;
}

static void guest_is_reset_when_its_vcpus_are_parked(void **state)
{
	(void)state;
	assert_int_equal(vm_reset_poll(&vm), ERR_END);
	memset(fake_arch.kicks, 0, sizeof(fake_arch.kicks));
	assert_int_equal(call(ESR_HVC, SYSTEM_RESET), TRAP_PARK);
	assert_true(fake_arch.kicks[1] > 0 && fake_arch.kicks[2] > 0);
	assert_false(vm_may_run(&vm));
	assert_int_equal(vm_state(&vm), VM_RUNNING); /* nobody has paused it */
	assert_int_equal(vm_reset_poll(&vm), ERR_AGAIN);
	vm.vcpu[0].parked = 1;
	assert_int_equal(vm_reset_poll(&vm), ERR_AGAIN);
	all_park();
	assert_int_equal(vm_reset_poll(&vm), ERR_OK);
	assert_true(vm_is_stopped(&vm));
	vm_reset(&vm, VM_RAM_IPA + 8, 77);
	assert_int_equal(vm_run(&vm), ERR_OK);
	assert_true(vm_may_run(&vm));
	assert_int_equal(vm_reset_poll(&vm), ERR_END);
	assert_int_equal(vm.vcpu[0].arch.frame.pc, VM_RAM_IPA + 8);
	assert_int_equal(vm.vcpu[0].arch.frame.x[0], 77);
}

static void call_is_made_again_by_a_guest_that_moved_before_its_reset(void **state)
{
	static const uint64_t ways[] = { ESR_HVC, ESR_SMC };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(ways); i++) {
		running(NULL);
		assert_int_equal(call(ways[i], SYSTEM_RESET), TRAP_PARK);
		assert_int_equal(vm.vcpu[0].arch.frame.pc, AT);
		assert_int_equal(vm.vcpu[0].arch.frame.x[0], SYSTEM_RESET);
	}
}

static void paused_vm_is_not_reset_before_it_runs_again(void **state)
{
	(void)state;
	assert_int_equal(call(ESR_HVC, SYSTEM_RESET), TRAP_PARK);
	assert_int_equal(vm_stop_begin(&vm), ERR_OK);
	all_park();
	assert_int_equal(vm_reset_poll(&vm), ERR_AGAIN);
	assert_int_equal(vm_stop_poll(&vm), ERR_OK);
	assert_int_equal(vm_reset_poll(&vm), ERR_AGAIN);
	assert_int_equal(vm_state(&vm), VM_PAUSED);
	/* The attempt failed, the VM goes on here: now. */
	assert_int_equal(vm_run(&vm), ERR_OK);
	assert_false(vm_may_run(&vm));
	assert_int_equal(vm_reset_poll(&vm), ERR_OK);
}

static void vm_that_was_given_away_is_not_reset_here(void **state)
{
	(void)state;
	assert_int_equal(call(ESR_HVC, SYSTEM_RESET), TRAP_PARK);
	all_park();
	vm_owner_set(&vm, OWNER_GIVEN);
	assert_int_equal(vm_reset_poll(&vm), ERR_AGAIN);
	vm_owner_set(&vm, OWNER_GONE);
	assert_int_equal(vm_reset_poll(&vm), ERR_AGAIN);
}

static void power_off_is_no_reset(void **state)
{
	(void)state;
	assert_int_equal(call(ESR_HVC, SYSTEM_OFF), TRAP_PARK);
	all_park();
	assert_int_equal(vm_reset_poll(&vm), ERR_END);
	assert_int_equal(vm_state(&vm), VM_SHUTDOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(guest_is_reset_when_its_vcpus_are_parked, running),
		cmocka_unit_test_setup(call_is_made_again_by_a_guest_that_moved_before_its_reset, running),
		cmocka_unit_test_setup(paused_vm_is_not_reset_before_it_runs_again, running),
		cmocka_unit_test_setup(vm_that_was_given_away_is_not_reset_here, running),
		cmocka_unit_test_setup(power_off_is_no_reset, running),
	};

	return cmocka_run_group_tests_name("vm_reset", tests, NULL, NULL);
}
