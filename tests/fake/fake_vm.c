/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_vm.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"

#define RECORD_VERSION 1u

static uint64_t mix(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/** Give an injected error once. */
static enum err once(enum err *err)
{
	enum err e = *err;

	*err = ERR_OK;
	return e;
}

static uint8_t *page_at(const struct fake_vm *vm, uint64_t page)
{
	return vm->ram + page * PAGE_BYTES;
}

static void describe(void *ctx, struct vm_desc *out)
{
	*out = ((struct fake_vm *)ctx)->desc;
}

static void owner_set(void *ctx, enum owner owner)
{
	((struct fake_vm *)ctx)->owner = owner;
}

static enum vm_run_state run_state(void *ctx)
{
	return ((struct fake_vm *)ctx)->running ? VM_RUNNING : VM_PAUSED;
}

static enum err stop_begin(void *ctx)
{
	struct fake_vm *vm = ctx;

	vm->stopping = true;
	vm->stop_left = vm->running ? vm->stop_polls : 0;
	return ERR_OK;
}

static enum err stop_poll(void *ctx)
{
	struct fake_vm *vm = ctx;
	enum err err;

	ASSERT(vm->stopping);
	if (vm->stop_left != 0) {
		vm->stop_left--;
		return ERR_AGAIN;
	}
	vm->stopping = false;
	err = once(&vm->stop_err);
	if (err == ERR_OK) {
		vm->stops += vm->running ? 1 : 0;
		vm->running = false;
	}
	return err;
}

static enum err run(void *ctx)
{
	struct fake_vm *vm = ctx;
	enum err err = once(&vm->run_err);

	if (!owner_may_run(vm->owner)) {
		return ERR_REFUSED;
	}
	if (err == ERR_OK) {
		vm->runs += vm->running ? 0 : 1;
		vm->running = true;
	}
	return err;
}

static enum err page_borrow(void *ctx, uint64_t page, enum page_use use, uint8_t **bytes)
{
	struct fake_vm *vm = ctx;

	(void)use;
	if (page >= FAKE_VM_PAGES) {
		return ERR_RANGE;
	}
	if (page == vm->poisoned_page) {
		return ERR_POISONED;
	}
	vm->borrows++;
	*bytes = page_at(vm, page);
	return ERR_OK;
}

static void page_return(void *ctx, uint64_t page, enum page_use use)
{
	struct fake_vm *vm = ctx;

	ASSERT(vm->borrows != 0 && page < FAKE_VM_PAGES);
	vm->borrows--;
	if (use == PAGE_WRITE) {
		fake_dirty_mark(&vm->dirty, page);
	}
}

static uint32_t record_count(void *ctx)
{
	(void)ctx;
	return FAKE_VM_RECORDS;
}

static void record_info(void *ctx, uint32_t index, struct vm_record_id *out)
{
	(void)ctx;
	*out = (struct vm_record_id){ .type = 1, .instance = (uint16_t)index, .version = RECORD_VERSION };
}

static enum err records_prepare(void *ctx)
{
	struct fake_vm *vm = ctx;

	ASSERT(!vm->running);
	return once(&vm->prepare_err);
}

static enum err record_save(void *ctx, uint32_t index, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct fake_vm *vm = ctx;

	ASSERT(!vm->running && index < FAKE_VM_RECORDS && cap_bytes >= FAKE_VM_RECORD_BYTES);
	memcpy(out, vm->records[index], FAKE_VM_RECORD_BYTES);
	*len_bytes = FAKE_VM_RECORD_BYTES;
	return once(&vm->save_err);
}

static enum err record_load(
	void *ctx, const struct vm_record_id *id, const uint8_t *bytes, size_t len_bytes, char *reason)
{
	struct fake_vm *vm = ctx;
	enum err err = once(&vm->load_err);

	if (err != ERR_OK) {
		fmt(reason, REASON_BYTES, "record %u.%u: injected", id->type, id->instance);
		return err;
	}
	if (id->type != 1 || id->version != RECORD_VERSION || id->instance >= FAKE_VM_RECORDS) {
		fmt(reason, REASON_BYTES, "record type %u version %u is unknown", id->type, id->version);
		return ERR_UNSUPPORTED;
	}
	if (len_bytes != FAKE_VM_RECORD_BYTES || (vm->loaded & (1u << id->instance)) != 0) {
		fmt(reason, REASON_BYTES, "record %u has %zu bytes", id->instance, len_bytes);
		return ERR_BAD_RECORD;
	}
	memcpy(vm->records[id->instance], bytes, len_bytes);
	vm->loaded |= 1u << id->instance;
	return ERR_OK;
}

static enum err records_complete(void *ctx, char *reason)
{
	struct fake_vm *vm = ctx;
	enum err err = once(&vm->complete_err);

	if (err != ERR_OK || vm->loaded != (1u << FAKE_VM_RECORDS) - 1u) {
		fmt(reason, REASON_BYTES, "records 0x%x are here", vm->loaded);
		return err != ERR_OK ? err : ERR_MISMATCH;
	}
	vm->loaded = 0;
	return ERR_OK;
}

static void time_add(void *ctx, uint64_t elapsed_ns)
{
	((struct fake_vm *)ctx)->time_added_ns += elapsed_ns;
}

static enum err scrub_begin(void *ctx)
{
	struct fake_vm *vm = ctx;

	ASSERT(!vm->running);
	vm->scrub_page = 0;
	vm->scrubbing = true;
	vm->scrubs++;
	return ERR_OK;
}

static enum err scrub_poll(void *ctx)
{
	struct fake_vm *vm = ctx;

	ASSERT(vm->scrubbing);
	for (uint32_t i = 0; i < 512 && vm->scrub_page < FAKE_VM_PAGES; i++) {
		memset(page_at(vm, vm->scrub_page), 0, PAGE_BYTES);
		vm->scrub_page++;
	}
	if (vm->scrub_page < FAKE_VM_PAGES) {
		return ERR_AGAIN;
	}
	memset(vm->records, 0, sizeof(vm->records));
	vm->loaded = 0;
	vm->scrubbing = false;
	return ERR_OK;
}

static uint32_t cpu_info(void *ctx, struct vm_cpu_info *out, uint32_t max)
{
	const struct fake_vm *vm = ctx;
	uint32_t i;

	for (i = 0; i < vm->desc.vcpu_count && i < max; i++) {
		out[i] = (struct vm_cpu_info){ .index = i, .core = i + 1, .halted = !vm->running };
	}
	return i;
}

static struct dirty dirty(void *ctx)
{
	return fake_dirty(&((struct fake_vm *)ctx)->dirty);
}

struct vm fake_vm(struct fake_vm *vm)
{
	static const struct vm_ops ops = {
		.describe = describe,
		.owner_set = owner_set,
		.run_state = run_state,
		.stop_begin = stop_begin,
		.stop_poll = stop_poll,
		.run = run,
		.page_borrow = page_borrow,
		.page_return = page_return,
		.record_count = record_count,
		.record_info = record_info,
		.records_prepare = records_prepare,
		.record_save = record_save,
		.record_load = record_load,
		.records_complete = records_complete,
		.time_add = time_add,
		.scrub_begin = scrub_begin,
		.scrub_poll = scrub_poll,
		.cpu_info = cpu_info,
		.dirty = dirty,
	};

	return (struct vm){ .ops = &ops, .ctx = vm };
}

static void shape(struct vm_desc *desc)
{
	*desc = (struct vm_desc){
		.ram = { { 0x40000, 1024 }, { 0x80000, 512 } },
		.ram_region_count = 2,
		.page_count = FAKE_VM_PAGES,
		.vcpu_count = 2,
		.timer_hz = 62500000,
		.gic_lr_count = 4,
		.gic_prio_bits = 5,
		.id_regs = { 0x1122, 0x3344 },
		.id_reg_names = { "ID_AA64PFR0_EL1", "ID_AA64MMFR0_EL1" },
		.id_reg_count = 2,
	};
	(void)text_copy(desc->name, sizeof(desc->name), "flight");
}

void fake_vm_init(struct fake_vm *vm, uint64_t seed, bool blank)
{
	memset(vm, 0, sizeof(*vm));
	vm->ram = aligned_alloc(PAGE_BYTES, (size_t)FAKE_VM_PAGES * PAGE_BYTES);
	ASSERT(vm->ram != NULL);
	memset(vm->ram, 0, (size_t)FAKE_VM_PAGES * PAGE_BYTES);
	vm->seed = seed;
	vm->poisoned_page = UINT64_MAX;
	vm->stop_polls = 3;
	shape(&vm->desc);
	fake_dirty_init(&vm->dirty, vm->log, FAKE_VM_PAGES);
	if (blank) {
		return;
	}
	for (uint64_t page = 0; page < FAKE_VM_PAGES; page++) {
		if (page % 4 != 3) {
			store_le64(page_at(vm, page) + page % 4000, mix(&vm->seed) | 1);
		}
	}
	for (uint32_t i = 0; i < FAKE_VM_RECORDS; i++) {
		memset(vm->records[i], (int)(0x10 + i), FAKE_VM_RECORD_BYTES);
	}
	store_le64(vm->records[0], 1);
}

void fake_vm_free(struct fake_vm *vm)
{
	free(vm->ram);
	vm->ram = NULL;
}

uint64_t fake_vm_counter(const struct fake_vm *vm)
{
	return load_le64(vm->records[0]);
}

void fake_vm_guest(struct fake_vm *vm, uint32_t count)
{
	uint64_t counter = fake_vm_counter(vm);

	if (!vm->running) {
		return;
	}
	store_le64(vm->records[0], counter + 1);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t r = mix(&vm->seed);
		uint64_t page = r % 200; /* its working set */

		store_le64(page_at(vm, page) + (r >> 32) % (PAGE_BYTES - 8), r % 5 == 0 ? 0 : r);
		fake_dirty_mark(&vm->dirty, page);
	}
}

void fake_vm_poke(struct fake_vm *vm, uint64_t page, uint64_t value)
{
	store_le64(page_at(vm, page), value);
}

bool fake_vm_ram_equal(const struct fake_vm *a, const struct fake_vm *b)
{
	return memcmp(a->ram, b->ram, (size_t)FAKE_VM_PAGES * PAGE_BYTES) == 0;
}

bool fake_vm_ram_blank(const struct fake_vm *vm)
{
	for (size_t i = 0; i < (size_t)FAKE_VM_PAGES * PAGE_BYTES; i++) {
		if (vm->ram[i] != 0) {
			return false;
		}
	}
	return true;
}
