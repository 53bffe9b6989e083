/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/vm/console.h"
#include "core/vm/vm.h"
#include "core/vm/vm_records.h"
#include "tests/fake/fake_arch.h"

#define RECORDS	  8u
#define PSTATE_AT (32u * 8u)
#define SYS_AT	  (33u * 8u + 4u)

static s2_page root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page pool[8] __attribute__((aligned(PAGE_BYTES)));
static uint8_t ram[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));
static uint64_t words[BITMAP_WORDS(PAGES_PER_BLOCK)];
static struct vm_slot vm;
static uint8_t record[RECORDS][8192];
static size_t record_len[RECORDS];

static uint64_t clock_us;
static uint32_t activated[8], activated_count;

static void irq_active_set(void *ctx, uint32_t core, uint32_t pintid, bool active)
{
	(void)ctx;
	(void)core;
	if (active) {
		activated[activated_count++ % 8] = pintid;
	}
}

static void irqs_drain(void *ctx)
{
	(void)ctx;
}

static uint64_t time_us(void *ctx)
{
	(void)ctx;
	return clock_us;
}

static const struct vm_hw_ops hw = { .irq_active_set = irq_active_set, .irqs_drain = irqs_drain, .time_us = time_us };

static void make(void)
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

	fake_arch_reset();
	memset(root, 0, sizeof(root));
	memset(pool, 0, sizeof(pool));
	activated_count = 0;
	assert_int_equal(vm_init(&vm, &cfg), ERR_OK);
	vm_reset(&vm, VM_RAM_IPA, 0);
}

static void fill(struct arch_vcpu *a, uint64_t seed)
{
	for (uint32_t i = 0; i < 31; i++) {
		a->frame.x[i] = seed * 1000 + i;
	}
	a->frame.pc = VM_RAM_IPA + seed * 4;
	a->frame.pstate = 0x60000005;
	for (uint32_t i = 0; i < SR_COUNT; i++) {
		a->sys[i] = (seed + i) << 11 & 0x7fffffff;
	}
	for (uint32_t i = 0; i < ARCH_DEBUG_PAIRS; i++) {
		a->sys[SR_DBGBCR0_EL1 + i] = ARCH_DBGBCR_BITS;
		a->sys[SR_DBGWCR0_EL1 + i] = ARCH_DBGWCR_BITS;
	}
	a->sys[SR_MDSCR_EL1] &= ~UINT64_C(1);
	a->sys[SR_CNTV_CTL_EL0] = 1;
	a->sys[SR_CSSELR_EL1] = 2;
	a->sys[SR_CNTV_CVAL_EL0] = UINT64_MAX - seed;
	for (uint32_t i = 0; i < 32; i++) {
		memset(a->fp.v[i], (int)(seed + i), 16);
	}
	a->fp.fpcr = 0x03000000;
	a->fp.fpsr = 0x08000001;
}

static void save_all(void)
{
	assert_int_equal(vm_stop_begin(&vm), ERR_OK);
	assert_int_equal(vm_stop_poll(&vm), ERR_OK);
	assert_int_equal(vm_records_count(&vm), RECORDS);
	for (uint32_t i = 0; i < RECORDS; i++) {
		assert_int_equal(vm_records_save(&vm, i, record[i], sizeof(record[i]), &record_len[i]), ERR_OK);
	}
}

static enum err load(uint32_t i, const uint8_t *bytes, size_t len, char *reason)
{
	struct vm_record_id id;

	vm_records_info(&vm, i, &id);
	return vm_records_load(&vm, &id, bytes, len, reason);
}

static void vm_with_state(void)
{
	make();
	fake_arch.pauth = true;
	fake_arch.counter = 5000;
	fill(&vm.vcpu[0].arch, 7);
	fill(&vm.vcpu[1].arch, 9);
	save_all();
}

static void what_was_saved_is_what_is_loaded(void **state)
{
	char reason[REASON_BYTES] = "";

	(void)state;
	vm_with_state();
	make();
	fake_arch.pauth = true;
	for (uint32_t i = 0; i < RECORDS; i++) {
		assert_int_equal(vm_records_complete(&vm, reason), ERR_MISMATCH);
		assert_true(reason[0] != '\0');
		assert_int_equal(load(i, record[i], record_len[i], reason), ERR_OK);
		assert_int_equal(load(i, record[i], record_len[i], reason), ERR_BAD_RECORD);
	}
	assert_int_equal(vm_records_complete(&vm, reason), ERR_OK);
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint8_t again[8192];
		size_t len;

		assert_int_equal(vm_records_save(&vm, i, again, sizeof(again), &len), ERR_OK);
		assert_int_equal(len, record_len[i]);
		assert_memory_equal(again, record[i], len);
	}
	assert_int_equal(vm.vcpu[1].arch.fp.v[31][15], 9 + 31);
	assert_int_equal(vm.vcpu[1].arch.sys[SR_CNTV_CVAL_EL0], UINT64_MAX - 9);
}

static void every_truncation_is_refused_and_changes_no_register(void **state)
{
	(void)state;
	vm_with_state();
	make();
	fake_arch.pauth = true;
	for (uint32_t i = 0; i < RECORDS; i++) {
		for (size_t len = 0; len < record_len[i]; len++) {
			char reason[REASON_BYTES] = "";
			struct arch_vcpu before = vm.vcpu[0].arch;

			assert_int_not_equal(load(i, record[i], len, reason), ERR_OK);
			assert_true(reason[0] != '\0');
			assert_memory_equal(&before, &vm.vcpu[0].arch, sizeof(before));
		}
		record[i][record_len[i]] = 0;
		assert_int_not_equal(load(i, record[i], record_len[i] + 1, (char[REASON_BYTES]){ 0 }), ERR_OK);
	}
	assert_int_equal(vm.records_loaded, 0);
}

static void hostile_registers_are_refused_by_name(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		const char *name;
	} bad[] = {
		{ PSTATE_AT, 0x3C9, "PSTATE" },	   /* EL2h */
		{ PSTATE_AT, 0x3CD, "PSTATE" },	   /* EL3h */
		{ PSTATE_AT, 0x1D3, "PSTATE" },	   /* AArch32 supervisor */
		{ PSTATE_AT, 0x10, "PSTATE" },	   /* AArch32 user */
		{ PSTATE_AT, 0x2003C5, "PSTATE" }, /* software step */
		{ PSTATE_AT, UINT64_C(1) << 40 | 5, "PSTATE" },
		{ SYS_AT + 8 * SR_VBAR_EL1, 4, "VBAR_EL1" },
		{ SYS_AT + 8 * SR_CNTV_CTL_EL0, 5, "CNTV_CTL_EL0" },
		{ SYS_AT + 8 * SR_CSSELR_EL1, 32, "CSSELR_EL1" },
		{ SYS_AT + 8 * SR_DBGBCR0_EL1, 1 << 13, "DBGBCR0_EL1" },     /* HMC: also EL2 */
		{ SYS_AT + 8 * SR_DBGBCR1_EL1, 1 << 21 | 1, "DBGBCR1_EL1" }, /* BT: by context */
		{ SYS_AT + 8 * SR_DBGWCR0_EL1, 1 << 14, "DBGWCR0_EL1" },     /* SSC */
		{ SYS_AT + 8 * SR_DBGWCR1_EL1, 1 << 20, "DBGWCR1_EL1" },     /* WT: linked */
		{ SYS_AT + 8 * SR_COUNT + 512, UINT64_C(1) << 32, "FPCR" },
		{ SYS_AT + 8 * SR_COUNT + 520, UINT64_C(1) << 32, "FPSR" },
		{ 33 * 8, SR_COUNT + 1, "count" },
	};

	(void)state;
	vm_with_state();
	make();
	fake_arch.pauth = true;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char reason[REASON_BYTES] = "";
		uint8_t bytes[8192];

		memcpy(bytes, record[0], record_len[0]);
		if (bad[i].at == 33 * 8) {
			store_le32(bytes + bad[i].at, (uint32_t)bad[i].value);
		} else {
			store_le64(bytes + bad[i].at, bad[i].value);
		}
		assert_int_not_equal(load(0, bytes, record_len[0], reason), ERR_OK);
		assert_non_null(strstr(reason, bad[i].name));
	}
	fake_arch.pauth = false;
	assert_int_equal(load(0, record[0], record_len[0], (char[REASON_BYTES]){ 0 }), ERR_RANGE);
}

static void guest_under_its_own_debugger_is_taken(void **state)
{
	char reason[REASON_BYTES] = "";

	(void)state;
	vm_with_state();
	make();
	fake_arch.pauth = true;
	store_le64(record[0] + PSTATE_AT, 0x2003C5);
	assert_int_equal(load(0, record[0], record_len[0], reason), ERR_RANGE); /* PSTATE.SS without MDSCR_EL1.SS */
	store_le64(record[0] + SYS_AT + 8 * SR_MDSCR_EL1, 1);
	assert_int_equal(load(0, record[0], record_len[0], reason), ERR_OK);
	assert_int_equal(vm.vcpu[0].arch.frame.pstate, 0x2003C5);
	assert_int_equal(vm.vcpu[0].arch.sys[SR_DBGWCR1_EL1], ARCH_DBGWCR_BITS);
}

static void unknown_records_and_versions_are_refused_by_name(void **state)
{
	char reason[REASON_BYTES] = "";

	(void)state;
	vm_with_state();
	make();
	assert_int_equal(vm_records_load(&vm, &(struct vm_record_id){ VM_RECORD_VCPU, 2, VM_VCPU_VERSION }, record[0],
				 record_len[0], reason),
		ERR_RANGE);
	assert_int_equal(vm_records_load(&vm, &(struct vm_record_id){ 77, 0, 1 }, record[0], record_len[0], reason),
		ERR_UNSUPPORTED);
	assert_int_equal(vm_records_load(&vm, &(struct vm_record_id){ VM_RECORD_VCPU, 0, VM_VCPU_VERSION + 1 },
				 record[0], record_len[0], reason),
		ERR_UNSUPPORTED);
	assert_non_null(strstr(reason, "version 3"));
}

static void another_timer_frequency_is_refused(void **state)
{
	char reason[REASON_BYTES] = "";

	(void)state;
	vm_with_state();
	make();
	fake_arch.counter_hz = 1000000000;
	assert_int_equal(load(4, record[4], record_len[4], reason), ERR_RANGE);
	assert_non_null(strstr(reason, "62500000"));
}

static void guest_time_goes_on_from_the_stop_by_what_is_added(void **state)
{
	struct vm iface;

	(void)state;
	make();
	vm_owner_set(&vm, OWNER_OWN);
	fake_arch.counter = 1000;
	assert_int_equal(vm_run(&vm), ERR_OK);
	assert_int_equal(fake_arch.counter - vm.cntvoff, 0);
	fake_arch.counter = 7000;
	save_all();
	make();
	iface = vm_interface(&vm);
	vm_owner_set(&vm, OWNER_OWN);
	assert_int_equal(load(4, record[4], record_len[4], (char[REASON_BYTES]){ 0 }), ERR_OK);
	fake_arch.counter = 100;
	iface.ops->time_add(iface.ctx, 16000); /* 1000 ticks of 62.5 MHz */
	assert_int_equal(vm_run(&vm), ERR_OK);
	assert_int_equal(fake_arch.counter - vm.cntvoff, 6000 + 1000);
}

static void only_an_owner_runs(void **state)
{
	(void)state;
	make();
	for (enum owner o = OWNER_NONE; o < OWNER_COUNT; o++) {
		vm_owner_set(&vm, o);
		assert_false(vm_may_run(&vm));
		assert_int_equal(vm_run(&vm), owner_may_run(o) ? ERR_OK : ERR_REFUSED);
		assert_int_equal(vm_may_run(&vm), owner_may_run(o));
		assert_int_equal(vm_state(&vm), owner_may_run(o) ? VM_RUNNING : VM_PAUSED);
		assert_int_equal(vm_stop_begin(&vm), ERR_OK);
		assert_int_equal(vm_stop_poll(&vm), ERR_OK);
	}
	vm_owner_set(&vm, OWNER_OWN);
	assert_int_equal(vm_run(&vm), ERR_OK);
	vm_owner_set(&vm, OWNER_GIVEN);
	assert_false(vm_may_run(&vm));
}

static void core_that_does_not_park_is_reported_in_time(void **state)
{
	(void)state;
	make();
	vm_owner_set(&vm, OWNER_OWN);
	assert_int_equal(vm_run(&vm), ERR_OK);
	vm.vcpu[1].parked = 0;
	assert_int_equal(vm_stop_begin(&vm), ERR_OK);
	assert_int_equal(vm_stop_poll(&vm), ERR_AGAIN);
	clock_us += VM_STOP_TIMEOUT_US;
	assert_int_equal(vm_stop_poll(&vm), ERR_AGAIN);
	clock_us++;
	assert_int_equal(vm_stop_poll(&vm), ERR_TIMEOUT);
	assert_int_equal(vm_run(&vm), ERR_BAD_STATE);
	vm.vcpu[1].parked = 1;
	assert_int_equal(vm_stop_poll(&vm), ERR_OK);
	assert_int_equal(vm_run(&vm), ERR_OK);
}

static void scrub_zeroes_ram_and_resets_the_machine(void **state)
{
	struct vm iface;
	enum err err;

	(void)state;
	vm_with_state();
	iface = vm_interface(&vm);
	memset(ram, 0x5A, sizeof(ram));
	assert_int_equal(iface.ops->scrub_begin(iface.ctx), ERR_OK);
	assert_int_equal(vm_run(&vm), ERR_REFUSED);
	do {
		err = iface.ops->scrub_poll(iface.ctx);
	} while (err == ERR_AGAIN);
	assert_int_equal(err, ERR_OK);
	for (size_t i = 0; i < sizeof(ram); i++) {
		assert_int_equal(ram[i], 0);
	}
	assert_int_equal(vm.vcpu[1].arch.frame.x[3], 0);
	assert_int_equal(vm.vcpu[1].arch.fp.v[4][4], 0);
}

static void pages_are_lent_within_ram_only_and_marked_after_a_write(void **state)
{
	struct dirty tracker;
	struct vm iface;
	uint8_t *bytes;
	uint64_t map[BITMAP_WORDS(PAGES_PER_BLOCK)] = { 0 };

	(void)state;
	make();
	iface = vm_interface(&vm);
	tracker = iface.ops->dirty(iface.ctx);
	assert_int_equal(tracker.ops->start(tracker.ctx), ERR_OK);
	assert_int_equal(iface.ops->page_borrow(iface.ctx, PAGES_PER_BLOCK, PAGE_READ, &bytes), ERR_RANGE);
	assert_int_equal(iface.ops->page_borrow(iface.ctx, 3, PAGE_WRITE, &bytes), ERR_OK);
	assert_ptr_equal(bytes, ram + 3 * PAGE_BYTES);
	iface.ops->page_return(iface.ctx, 3, PAGE_WRITE);
	assert_int_equal(tracker.ops->harvest(tracker.ctx, &(struct dirty_cursor){ 0 }, map), ERR_OK);
	assert_int_equal(map[0], 8);
	assert_int_equal(vm_ram_write(&vm, VM_RAM_IPA + sizeof(ram) - 1, (const uint8_t *)"ab", 2), ERR_RANGE);
	assert_int_equal(vm_ram_write(&vm, UINT64_MAX, (const uint8_t *)"ab", 2), ERR_RANGE);
	assert_int_equal(vm_ram_write(&vm, VM_RAM_IPA - 1, (const uint8_t *)"ab", 2), ERR_RANGE);
	tracker.ops->stop(tracker.ctx);
}

static size_t terminal_write(void *ctx, const uint8_t *bytes, size_t len_bytes)
{
	char *text = ctx;
	size_t at = strlen(text);

	for (size_t i = 0; i < len_bytes; i++) {
		text[at + i] = (char)bytes[i];
	}
	text[at + len_bytes] = '\0';
	return len_bytes;
}

static void line_of_a_guest_is_printable_on_the_terminal(void **state)
{
	static const uint8_t line[] = "a\x1b[2J\x9b"
				      "1m\0\x7f\xff"
				      "b\n";
	static char text[2u * CONSOLE_RING_BYTES];

	(void)state;
	make();
	console_init(terminal_write, text);
	console_flush();
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		assert_int_equal(mmio_write(&vm.mmio, 0, VPL011_BASE, 4, line[i]), ERR_OK);
	}
	console_flush();
	console_init(NULL, NULL);
	assert_string_equal(text, "guest: a.[2J.1m...b\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_saved_is_what_is_loaded),
		cmocka_unit_test(every_truncation_is_refused_and_changes_no_register),
		cmocka_unit_test(hostile_registers_are_refused_by_name),
		cmocka_unit_test(guest_under_its_own_debugger_is_taken),
		cmocka_unit_test(unknown_records_and_versions_are_refused_by_name),
		cmocka_unit_test(another_timer_frequency_is_refused),
		cmocka_unit_test(guest_time_goes_on_from_the_stop_by_what_is_added),
		cmocka_unit_test(only_an_owner_runs),
		cmocka_unit_test(core_that_does_not_park_is_reported_in_time),
		cmocka_unit_test(scrub_zeroes_ram_and_resets_the_machine),
		cmocka_unit_test(pages_are_lent_within_ram_only_and_marked_after_a_write),
		cmocka_unit_test(line_of_a_guest_is_printable_on_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
