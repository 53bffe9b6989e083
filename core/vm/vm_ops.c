/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* migration/vm.h over a slot: what the engine may ask of a VM. Service core only. */
#include <string.h>

#include "core/base/bits.h"
#include "core/base/text.h"
#include "core/vm/vm.h"
#include "core/vm/vm_records.h"

#define NS_PER_S	    UINT64_C(1000000000)
#define SCRUB_PAGES_AT_ONCE 64u

static void describe(void *ctx, struct vm_desc *out)
{
	const struct vm_slot *vm = ctx;

	memset(out, 0, sizeof(*out));
	(void)text_copy(out->name, sizeof(out->name), vm->name);
	out->ram[0].first_gfn = VM_RAM_IPA / PAGE_BYTES;
	out->ram[0].page_count = vm->page_count;
	out->ram_region_count = 1;
	out->page_count = vm->page_count;
	out->vcpu_count = vm->cfg.vcpu_count;
	out->timer_hz = arch_counter_hz();
	out->gic_lr_count = arch_virq_lr_count();
	out->gic_prio_bits = arch_virq_priority_bits();
	arch_id_describe(out);
}

static void owner_set(void *ctx, enum owner owner)
{
	vm_owner_set(ctx, owner);
}

static enum vm_run_state run_state(void *ctx)
{
	return vm_state(ctx);
}

static enum err stop_begin(void *ctx)
{
	return vm_stop_begin(ctx);
}

static enum err stop_poll(void *ctx)
{
	return vm_stop_poll(ctx);
}

static enum err run(void *ctx)
{
	return vm_run(ctx);
}

static enum err page_borrow(void *ctx, uint64_t page, enum page_use use, uint8_t **bytes)
{
	struct vm_slot *vm = ctx;

	if (page >= vm->page_count) {
		return ERR_RANGE;
	}
	*bytes = vm_page(vm, page);
	if (use == PAGE_READ) {
		arch_page_read(*bytes, PAGE_BYTES);
	}
	return ERR_OK;
}

static void page_return(void *ctx, uint64_t page, enum page_use use)
{
	struct vm_slot *vm = ctx;

	if (page < vm->page_count && use == PAGE_WRITE) {
		arch_page_written(vm_page(vm, page), PAGE_BYTES);
		dirty_log_mark(&vm->dirty, page, 1);
	}
}

static uint32_t record_count(void *ctx)
{
	return vm_records_count(ctx);
}

static void record_info(void *ctx, uint32_t index, struct vm_record_id *out)
{
	vm_records_info(ctx, index, out);
}

/** What devices raised before they stopped is the guest's: taken now, while its vCPUs are parked, it is in the vGIC's record. */
static enum err records_prepare(void *ctx)
{
	struct vm_slot *vm = ctx;

	if (!vm_is_stopped(vm)) {
		return ERR_BAD_STATE;
	}
	vm->cfg.hw->irqs_drain(vm->cfg.hw_ctx);
	return ERR_OK;
}

static enum err record_save(void *ctx, uint32_t index, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	return vm_records_save(ctx, index, out, cap_bytes, len_bytes);
}

static enum err record_load(
	void *ctx, const struct vm_record_id *id, const uint8_t *bytes, size_t len_bytes, char *reason)
{
	return vm_records_load(ctx, id, bytes, len_bytes, reason);
}

static enum err records_complete(void *ctx, char *reason)
{
	return vm_records_complete(ctx, reason);
}

static void time_add(void *ctx, uint64_t elapsed_ns)
{
	struct vm_slot *vm = ctx;
	uint64_t hz = arch_counter_hz();

	vm->counter_add = elapsed_ns / NS_PER_S * hz + elapsed_ns % NS_PER_S * hz / NS_PER_S;
}

static enum err scrub_begin(void *ctx)
{
	struct vm_slot *vm = ctx;
	struct dirty tracker = dirty_log_tracker(&vm->dirty);

	if (vm_may_run(vm) || !vm_is_stopped(vm)) {
		return ERR_BAD_STATE;
	}
	tracker.ops->stop(tracker.ctx);
	vm->scrub_page = 0;
	vm->scrubbing = true;
	return ERR_OK;
}

static enum err scrub_poll(void *ctx)
{
	struct vm_slot *vm = ctx;
	uint64_t n;

	if (!vm->scrubbing) {
		return ERR_OK;
	}
	n = MIN((uint64_t)SCRUB_PAGES_AT_ONCE, vm->page_count - vm->scrub_page);
	memset(vm_page(vm, vm->scrub_page), 0, n * PAGE_BYTES);
	arch_page_written(vm_page(vm, vm->scrub_page), n * PAGE_BYTES);
	vm->scrub_page += n;
	if (vm->scrub_page < vm->page_count) {
		return ERR_AGAIN;
	}
	vm_reset(vm, VM_RAM_IPA, 0);
	vm->scrubbing = false;
	return ERR_OK;
}

static uint32_t cpu_info(void *ctx, struct vm_cpu_info *out, uint32_t max)
{
	struct vm_slot *vm = ctx;
	uint32_t n = MIN(max, vm->cfg.vcpu_count);

	for (uint32_t i = 0; i < n; i++) {
		const struct vcpu *v = &vm->vcpu[i];

		out[i].index = i;
		out[i].core = v->core;
		out[i].halted =
			__atomic_load_n(&v->halted, __ATOMIC_RELAXED) != 0 || vpsci_power(&vm->vpsci, i) == VPSCI_OFF;
	}
	return n;
}

static struct dirty dirty(void *ctx)
{
	struct vm_slot *vm = ctx;

	return dirty_log_tracker(&vm->dirty);
}

static const struct vm_ops slot_ops = {
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

struct vm vm_interface(struct vm_slot *vm)
{
	return (struct vm){ .ops = &slot_ops, .ctx = vm };
}
