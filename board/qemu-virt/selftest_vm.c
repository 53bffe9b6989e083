/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <string.h>

#include "arch/aarch64/core.h"
#include "arch/aarch64/timer.h"
#include "board/qemu-virt/selftest_vm.h"
#include "core/base/assert.h"
#include "core/base/bitmap.h"
#include "core/base/bits.h"
#include "core/base/text.h"
#include "core/vm/console.h"

#define RECORDS_CYCLES	   60u
#define RECORDS_MAX	   16u
#define RECORD_BYTES	   8192u
#define RUN_US		   30000u
#define SETTLE_US	   1000000u
#define DIRTY_PASSES	   3u
#define DIRTY_ROUNDS	   12u
#define COPY_PAGES_AT_ONCE 256u
/* Host RAM that nothing else uses: above the image, below device tree and initrd. */
#define SHADOW_BASE	   0x42000000ull
#define SHADOW_BYTES	   0x05000000ull
#define PAGES_MAX	   (SHADOW_BYTES / PAGE_BYTES)

enum phase { IDLE, SETTLE, RUN, STOP, COPY, HARVEST, LAST_STOP, LAST_HARVEST, COMPARE };

static struct {
	const char *name;
	struct slot *slot;
	struct vm vm;
	struct dirty tracker;
	enum phase phase;
	uint64_t until_us;
	uint32_t cycle, round;
	uint64_t page;
	uint64_t copied;
	uint64_t start_us, slice_us, stop_us; /* the longest each */
	struct dirty_cursor cursor;
	uint64_t map[BITMAP_WORDS(PAGES_MAX)];
	uint8_t record[RECORDS_MAX][RECORD_BYTES];
	size_t record_len[RECORDS_MAX];
	uint8_t again[RECORD_BYTES];
} test;

/** A frame that reaches below the stack, as a runaway recursion would. */
static void overrun_stack(void)
{
	uint64_t below = core_self()->stack_top - STACK_SERVICE_BYTES + 16;

	__asm__ volatile("mov sp, %0\n\tstp xzr, xzr, [sp, #-32]!" ::"r"(below) : "memory");
}

bool selftest_vm_begin(struct slot *s, const char *name)
{
	if (text_equal(name, "panic")) {
		console_flush();
		ASSERT(s == NULL);
	}
	if (text_equal(name, "guard")) {
		console_flush();
		overrun_stack();
	}
	if (!text_equal(name, "records") && !text_equal(name, "dirty")) {
		return false;
	}
	if (s->vm.linked_count != 0) {
		console_line("godwit: selftest %s failed: it knows nothing of devices, set slot.device=0", name);
		return true;
	}
	if (s->vm.page_count > PAGES_MAX) {
		console_line("godwit: selftest %s failed: %llu pages are more than it can hold", name,
			(unsigned long long)s->vm.page_count);
		return true;
	}
	test.name = name;
	test.slot = s;
	test.vm = vm_interface(&s->vm);
	test.tracker = test.vm.ops->dirty(test.vm.ctx);
	test.until_us = timer_now_us() + SETTLE_US;
	test.phase = SETTLE;
	return true;
}

static void fail(const char *what, uint64_t value, enum err err)
{
	console_line(
		"godwit: selftest %s failed: %s %llu: %s", test.name, what, (unsigned long long)value, err_name(err));
	test.phase = IDLE;
}

/* ---- records ---- */

static bool records_save(void)
{
	uint32_t count = test.vm.ops->record_count(test.vm.ctx);

	if (count > RECORDS_MAX) {
		fail("records", count, ERR_RANGE);
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		enum err err =
			test.vm.ops->record_save(test.vm.ctx, i, test.record[i], RECORD_BYTES, &test.record_len[i]);

		if (err != ERR_OK) {
			fail("save of record", i, err);
			return false;
		}
	}
	return true;
}

static bool records_load(void)
{
	char reason[REASON_BYTES] = "";
	enum err err;

	for (uint32_t i = 0; i < test.vm.ops->record_count(test.vm.ctx); i++) {
		struct vm_record_id id;

		test.vm.ops->record_info(test.vm.ctx, i, &id);
		err = test.vm.ops->record_load(test.vm.ctx, &id, test.record[i], test.record_len[i], reason);
		if (err != ERR_OK) {
			console_line("godwit: %s", reason);
			fail("load of record", i, err);
			return false;
		}
	}
	err = test.vm.ops->records_complete(test.vm.ctx, reason);
	if (err != ERR_OK) {
		console_line("godwit: %s", reason);
		fail("records_complete", 0, err);
		return false;
	}
	return true;
}

static bool records_compare(void)
{
	for (uint32_t i = 0; i < test.vm.ops->record_count(test.vm.ctx); i++) {
		size_t len = 0;
		enum err err = test.vm.ops->record_save(test.vm.ctx, i, test.again, RECORD_BYTES, &len);

		if (err != ERR_OK || len != test.record_len[i] || memcmp(test.again, test.record[i], len) != 0) {
			fail("what was loaded differs in record", i, err);
			return false;
		}
	}
	return true;
}

static void records_cycle(void)
{
	enum err err = test.vm.ops->records_prepare(test.vm.ctx);

	if (err != ERR_OK) {
		fail("records_prepare in cycle", test.cycle, err);
		return;
	}
	if (!records_save()) {
		return;
	}
	vm_reset(&test.slot->vm, VM_RAM_IPA, 0);
	if (!records_load() || !records_compare()) {
		return;
	}
	err = test.vm.ops->run(test.vm.ctx);
	if (err != ERR_OK) {
		fail("run in cycle", test.cycle, err);
		return;
	}
	test.cycle++;
	if (test.cycle == RECORDS_CYCLES) {
		console_line("godwit: selftest records ok: %u times saved, forgotten, loaded", test.cycle);
		test.phase = IDLE;
		return;
	}
	test.until_us = timer_now_us() + RUN_US;
	test.phase = RUN;
}

/* ---- dirty ---- */

static void page_copy(uint64_t page)
{
	uint8_t *bytes;

	if (test.vm.ops->page_borrow(test.vm.ctx, page, PAGE_READ, &bytes) == ERR_OK) {
		memcpy((uint8_t *)(uintptr_t)(SHADOW_BASE + page * PAGE_BYTES), bytes, PAGE_BYTES);
		test.vm.ops->page_return(test.vm.ctx, page, PAGE_READ);
		test.copied++;
	}
}

static void copy_reported(void)
{
	uint64_t end = test.slot->vm.page_count;

	for (size_t p = bitmap_next_set(test.map, 0, end); p < end; p = bitmap_next_set(test.map, p + 1, end)) {
		page_copy(p);
		bitmap_clear(test.map, p);
	}
}

static void dirty_start(void)
{
	uint64_t began_us = timer_now_us();
	enum err err = test.tracker.ops->start(test.tracker.ctx);

	test.start_us = MAX(test.start_us, timer_now_us() - began_us);
	if (err != ERR_OK) {
		fail("start of the tracker in pass", test.cycle, err);
		return;
	}
	test.page = 0;
	test.round = 0;
	test.phase = COPY;
}

static void dirty_copy(void)
{
	for (uint32_t i = 0; i < COPY_PAGES_AT_ONCE && test.page < test.slot->vm.page_count; i++) {
		page_copy(test.page);
		test.page++;
	}
	if (test.page == test.slot->vm.page_count) {
		memset(&test.cursor, 0, sizeof(test.cursor));
		test.phase = HARVEST;
	}
}

static void dirty_harvest(void)
{
	uint64_t began_us = timer_now_us();
	enum err err = test.tracker.ops->harvest(test.tracker.ctx, &test.cursor, test.map);

	test.slice_us = MAX(test.slice_us, timer_now_us() - began_us);
	copy_reported();
	if (err == ERR_AGAIN) {
		return;
	}
	if (err != ERR_OK) {
		fail("harvest in round", test.round, err);
		return;
	}
	memset(&test.cursor, 0, sizeof(test.cursor));
	if (test.phase == LAST_HARVEST) {
		test.page = 0;
		test.phase = COMPARE;
		return;
	}
	test.round++;
	if (test.round == DIRTY_ROUNDS) {
		test.phase = test.vm.ops->stop_begin(test.vm.ctx) == ERR_OK ? LAST_STOP : IDLE;
	}
}

static void dirty_compare(void)
{
	uint64_t began_us;

	for (uint32_t i = 0; i < COPY_PAGES_AT_ONCE && test.page < test.slot->vm.page_count; i++, test.page++) {
		if (memcmp((uint8_t *)(uintptr_t)(SHADOW_BASE + test.page * PAGE_BYTES),
			    vm_page(&test.slot->vm, test.page), PAGE_BYTES) != 0) {
			fail("a write was lost in page", test.page, ERR_LOST);
			return;
		}
	}
	if (test.page < test.slot->vm.page_count) {
		return;
	}
	began_us = timer_now_us();
	test.tracker.ops->stop(test.tracker.ctx);
	test.stop_us = MAX(test.stop_us, timer_now_us() - began_us);
	if (test.vm.ops->run(test.vm.ctx) != ERR_OK) {
		fail("run in pass", test.cycle, ERR_BAD_STATE);
		return;
	}
	test.cycle++;
	if (test.cycle == DIRTY_PASSES) {
		console_line("godwit: selftest dirty ok: %s, %u rounds, %llu pages copied; longest start %llu us, "
			     "harvest %llu us, stop %llu us",
			test.tracker.ops->name, DIRTY_PASSES * DIRTY_ROUNDS, (unsigned long long)test.copied,
			(unsigned long long)test.start_us, (unsigned long long)test.slice_us,
			(unsigned long long)test.stop_us);
		test.phase = IDLE;
		return;
	}
	test.until_us = timer_now_us() + RUN_US;
	test.phase = RUN;
}

/* ---- both ---- */

static void stopping(void)
{
	enum err err = test.vm.ops->stop_poll(test.vm.ctx);

	if (err == ERR_AGAIN) {
		return;
	}
	if (err != ERR_OK) {
		fail("stop in cycle", test.cycle, err);
	} else if (test.phase == STOP) {
		records_cycle();
	} else {
		test.phase = LAST_HARVEST;
	}
}

bool selftest_vm_step(void)
{
	switch (test.phase) {
	case IDLE:
		return false;
	case SETTLE:
	case RUN:
		if (timer_now_us() < test.until_us) {
			break;
		}
		if (text_equal(test.name, "dirty")) {
			dirty_start();
		} else {
			test.phase = test.vm.ops->stop_begin(test.vm.ctx) == ERR_OK ? STOP : IDLE;
		}
		break;
	case STOP:
	case LAST_STOP:
		stopping();
		break;
	case COPY:
		dirty_copy();
		break;
	case HARVEST:
	case LAST_HARVEST:
		dirty_harvest();
		break;
	case COMPARE:
		dirty_compare();
		break;
	}
	return test.phase != IDLE;
}
