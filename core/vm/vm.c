/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/text.h"
#include "core/vm/console.h"
#include "core/vm/vm.h"

#define PPI_VIRTUAL_TIMER 27u

/* ---- the flags that vCPUs look at ---- */

/** What the operator and the hand-over say, whatever the guest itself waits for. */
static bool let_run(const struct vm_slot *vm)
{
	return __atomic_load_n(&vm->paused, __ATOMIC_SEQ_CST) == 0 &&
	       owner_may_run((enum owner)__atomic_load_n(&vm->owner, __ATOMIC_SEQ_CST));
}

bool vm_may_run(const struct vm_slot *vm)
{
	return let_run(vm) && __atomic_load_n(&vm->reset_asked, __ATOMIC_SEQ_CST) == 0;
}

enum vm_run_state vm_state(const struct vm_slot *vm)
{
	uint32_t state = __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);

	if (state == VM_SHUTDOWN || state == VM_INTERNAL_ERROR) {
		return (enum vm_run_state)state;
	}
	return let_run(vm) ? VM_RUNNING : VM_PAUSED;
}

static void kick_all(struct vm_slot *vm)
{
	for (uint32_t i = 0; i < vm->cfg.vcpu_count; i++) {
		arch_kick(vm->vcpu[i].core);
	}
}

static void end(struct vm_slot *vm, enum vm_run_state state)
{
	__atomic_store_n(&vm->state, (uint32_t)state, __ATOMIC_RELEASE);
	__atomic_store_n(&vm->paused, 1u, __ATOMIC_SEQ_CST);
	kick_all(vm);
}

void vm_shut_down(struct vm_slot *vm)
{
	end(vm, VM_SHUTDOWN);
}

void vm_fail(struct vm_slot *vm, const char *why)
{
	console_line("vm %s: stopped: %s", vm->name, why);
	end(vm, VM_INTERNAL_ERROR);
}

void vm_reset_ask(struct vm_slot *vm)
{
	__atomic_store_n(&vm->reset_asked, 1u, __ATOMIC_SEQ_CST);
	kick_all(vm);
}

void vm_owner_set(struct vm_slot *vm, enum owner owner)
{
	__atomic_store_n(&vm->owner, (uint32_t)owner, __ATOMIC_SEQ_CST);
	/* Whoever is in the guest has to look again. */
	kick_all(vm);
}

/**
 * A parked vCPU that is kicked looks up for a moment (vcpu.c: unpark) and lies down again, so this is for the end of a stop
 * only; afterwards vm->stopped says it.
 */
static bool all_parked(const struct vm_slot *vm)
{
	for (uint32_t i = 0; i < vm->cfg.vcpu_count; i++) {
		if (!vcpu_is_parked(&vm->vcpu[i])) {
			return false;
		}
	}
	return true;
}

bool vm_is_stopped(const struct vm_slot *vm)
{
	return vm->stopped;
}

/* ---- stop and run ---- */

enum err vm_reset_poll(struct vm_slot *vm)
{
	if (__atomic_load_n(&vm->reset_asked, __ATOMIC_SEQ_CST) == 0) {
		return ERR_END;
	}
	if (!let_run(vm) || vm->stopping || !all_parked(vm)) {
		return ERR_AGAIN;
	}
	__atomic_store_n(&vm->paused, 1u, __ATOMIC_SEQ_CST);
	vm->stopped = true;
	return ERR_OK;
}

enum err vm_stop_begin(struct vm_slot *vm)
{
	__atomic_store_n(&vm->paused, 1u, __ATOMIC_SEQ_CST);
	vm->stop_deadline_us = vm->cfg.hw->time_us(vm->cfg.hw_ctx) + VM_STOP_TIMEOUT_US;
	vm->stopping = true;
	kick_all(vm);
	return ERR_OK;
}

enum err vm_stop_poll(struct vm_slot *vm)
{
	if (!vm->stopped && !all_parked(vm)) {
		if (vm->stopping && vm->cfg.hw->time_us(vm->cfg.hw_ctx) > vm->stop_deadline_us) {
			vm->stopping = false;
			return ERR_TIMEOUT;
		}
		return ERR_AGAIN;
	}
	vm->stopping = false;
	vm->stopped = true;
	if (!vm->counter_stopped) {
		/* Read after all have parked: no vCPU has seen a later value. */
		vm->counter = arch_counter() - vm->cntvoff;
		vm->counter_add = 0;
		vm->counter_stopped = true;
	}
	return ERR_OK;
}

/** Interrupts that a guest has taken, or is to take, through a hardware-linked list register are active physically. */
static void hw_active_set_held(struct vm_slot *vm)
{
	uint32_t cursor = 0;
	struct vgic_hw hw;

	while (vgic_hw_active(&vm->vgic, &cursor, &hw)) {
		uint32_t core = hw.vcpu < vm->cfg.vcpu_count ? vm->vcpu[hw.vcpu].core : 0;

		vm->cfg.hw->irq_active_set(vm->cfg.hw_ctx, core, hw.pintid, true);
	}
}

void vm_hw_active_sync(struct vm_slot *vm)
{
	for (uint32_t i = 0; i < vm->linked_count; i++) {
		vm->cfg.hw->irq_active_set(vm->cfg.hw_ctx, 0, vm->linked[i].pintid, false);
	}
	for (uint32_t i = 0; i < vm->cfg.vcpu_count; i++) {
		vm->cfg.hw->irq_active_set(vm->cfg.hw_ctx, vm->vcpu[i].core, PPI_VIRTUAL_TIMER, false);
	}
	hw_active_set_held(vm);
}

enum err vm_run(struct vm_slot *vm)
{
	uint32_t state = __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);

	if (!owner_may_run((enum owner)__atomic_load_n(&vm->owner, __ATOMIC_SEQ_CST))) {
		return ERR_REFUSED;
	}
	if (state == VM_SHUTDOWN || state == VM_INTERNAL_ERROR || vm->scrubbing) {
		return ERR_BAD_STATE;
	}
	if (__atomic_load_n(&vm->paused, __ATOMIC_SEQ_CST) == 0) {
		return ERR_OK;
	}
	if (!vm->stopped && !all_parked(vm)) {
		return ERR_BAD_STATE; /* a stop has begun and not ended */
	}
	if (!vm->counter_stopped) {
		vm->counter = arch_counter() - vm->cntvoff;
		vm->counter_add = 0;
	}
	vm->cntvoff = arch_counter() - (vm->counter + vm->counter_add);
	vm->counter_stopped = false;
	vm->stopped = false;
	vm->stopping = false;
	hw_active_set_held(vm);
	arch_instructions_changed();
	__atomic_store_n(&vm->paused, 0u, __ATOMIC_SEQ_CST);
	kick_all(vm);
	return ERR_OK;
}

/* ---- interrupts ---- */

void vm_kick_pending(struct vm_slot *vm)
{
	uint32_t mask = vgic_kicks_take(&vm->vgic);
	uint32_t self = arch_core_index();

	for (uint32_t i = 0; mask != 0 && i < vm->cfg.vcpu_count; i++) {
		if ((mask >> i & 1u) != 0 && vm->vcpu[i].core != self) {
			arch_kick(vm->vcpu[i].core);
		}
	}
}

enum err vm_irq_link(struct vm_slot *vm, uint32_t intid, uint32_t pintid)
{
	enum err err;

	for (uint32_t i = 0; i < vm->linked_count; i++) {
		if (vm->linked[i].intid == intid) {
			return ERR_OK;
		}
	}
	if (vm->linked_count == VM_IRQ_LINKS_MAX) {
		return ERR_FULL;
	}
	err = vgic_link_hw(&vm->vgic, intid, pintid);
	if (err == ERR_OK) {
		vm->linked[vm->linked_count].intid = intid;
		vm->linked[vm->linked_count].pintid = pintid;
		vm->linked_count++;
	}
	return err;
}

void vm_irq_deliver(struct vm_slot *vm, uint32_t intid)
{
	if (vgic_set_pending(&vm->vgic, 0, intid) != ERR_OK) {
		console_line("vm %s: interrupt %u is not one of the guest's", vm->name, intid);
	}
	vm_kick_pending(vm);
}

static void hw_deactivate(void *ctx, uint32_t vcpu, uint32_t pintid)
{
	struct vm_slot *vm = ctx;
	uint32_t core = vcpu < vm->cfg.vcpu_count ? vm->vcpu[vcpu].core : 0;

	vm->cfg.hw->irq_active_set(vm->cfg.hw_ctx, core, pintid, false);
}

/* ---- RAM ---- */

bool vm_ram_page(const struct vm_slot *vm, uint64_t at, uint64_t *page)
{
	if (at < VM_RAM_IPA || at - VM_RAM_IPA >= vm->page_count * PAGE_BYTES) {
		return false;
	}
	*page = (at - VM_RAM_IPA) / PAGE_BYTES;
	return true;
}

uint8_t *vm_page(const struct vm_slot *vm, uint64_t page)
{
	return (uint8_t *)(uintptr_t)(vm->cfg.ram.v + page * PAGE_BYTES);
}

uint8_t *vm_ram_span(const struct vm_slot *vm, uint64_t at, uint64_t len_bytes)
{
	uint64_t first, last;

	if (len_bytes == 0 || at + len_bytes < at || !vm_ram_page(vm, at, &first) ||
		!vm_ram_page(vm, at + len_bytes - 1, &last)) {
		return NULL;
	}
	return (uint8_t *)(uintptr_t)(vm->cfg.ram.v + (at - VM_RAM_IPA));
}

void vm_ram_written(struct vm_slot *vm, uint64_t at, uint64_t len_bytes)
{
	uint64_t first = (at - VM_RAM_IPA) / PAGE_BYTES;
	uint64_t last = (at + len_bytes - 1 - VM_RAM_IPA) / PAGE_BYTES;

	ASSERT(last < vm->page_count);
	arch_page_written(vm_page(vm, first), (last - first + 1) * PAGE_BYTES);
	dirty_log_mark(&vm->dirty, first, last - first + 1);
}

enum err vm_ram_write(struct vm_slot *vm, uint64_t at, const uint8_t *bytes, size_t len_bytes)
{
	uint8_t *ram = vm_ram_span(vm, at, len_bytes);

	if (len_bytes == 0) {
		return ERR_OK;
	}
	if (ram == NULL) {
		return ERR_RANGE;
	}
	memcpy(ram, bytes, len_bytes);
	vm_ram_written(vm, at, len_bytes);
	return ERR_OK;
}

/* ---- making one ---- */

/** A guest's line on the operator's terminal: printable ASCII, so that it cannot pass for anything else (0x9b is CSI). */
static void uart_line(void *ctx, const char *line, size_t len_bytes)
{
	char clean[VPL011_LINE_MAX + 1];
	size_t n = MIN(len_bytes, (size_t)VPL011_LINE_MAX);

	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		bool control = (uint8_t)line[i] < 0x20 || (uint8_t)line[i] > 0x7e;

		clean[i] = control ? '.' : line[i];
	}
	clean[n] = '\0';
	console_line("guest: %s", clean);
}

static void uart_irq(void *ctx, bool level)
{
	struct vm_slot *vm = ctx;

	ASSERT(vgic_set_level(&vm->vgic, 0, VPL011_INTID, level) == ERR_OK);
	vm_kick_pending(vm);
}

static uint64_t guest_seconds(void *ctx)
{
	const struct vm_slot *vm = ctx;

	return (arch_counter() - vm->cntvoff) / arch_counter_hz();
}

static enum err machine_init(struct vm_slot *vm)
{
	enum err err;

	mmio_init(&vm->mmio);
	vgic_init(&vm->vgic, vm->cfg.vcpu_count, hw_deactivate, vm);
	vpl011_init(&vm->uart, uart_line, vm, uart_irq, vm);
	vpl031_init(&vm->rtc, guest_seconds, vm);
	vpci_init(&vm->pci, vm->cfg.pci, vm->cfg.pci_ctx);
	vpsci_init(&vm->vpsci, vm->cfg.vcpu_count, VM_RAM_IPA, vm->cfg.ram_bytes);
	err = vgic_map(&vm->vgic, &vm->mmio);
	if (err == ERR_OK) {
		err = vpl011_map(&vm->uart, &vm->mmio);
	}
	if (err == ERR_OK) {
		err = vpl031_map(&vm->rtc, &vm->mmio);
	}
	if (err == ERR_OK) {
		err = vpci_map(&vm->pci, &vm->mmio);
	}
	if (err == ERR_OK) {
		err = vgic_link_hw(&vm->vgic, PPI_VIRTUAL_TIMER, PPI_VIRTUAL_TIMER);
	}
	return err;
}

static enum err memory_init(struct vm_slot *vm)
{
	const struct vm_config *cfg = &vm->cfg;
	struct s2_config s2 = {
		.root = cfg->s2_root,
		.pool = cfg->s2_pool,
		.pool_count = cfg->s2_pool_count,
		.fwb = arch_has_fwb(),
		.ops = &arch_s2_ops,
		.ops_ctx = &vm->space,
	};
	enum dirty_backend backend =
		arch_has_hafdbs() && !cfg->force_write_protect ? DIRTY_HAFDBS : DIRTY_WRITE_PROTECT;
	enum err err = s2_init(&vm->s2, &s2);

	if (err != ERR_OK) {
		return err;
	}
	arch_space_init(&vm->space, s2_root(&vm->s2), cfg->vmid);
	err = s2_map(&vm->s2, ipa(VM_RAM_IPA), cfg->ram, vm->page_count,
		(struct s2_attr){ .memory = S2_NORMAL, .write = true, .execute = true });
	if (err != ERR_OK) {
		return err;
	}
	return dirty_log_init(&vm->dirty, &vm->s2, backend, ipa(VM_RAM_IPA), vm->page_count, cfg->dirty_words);
}

enum err vm_init(struct vm_slot *vm, const struct vm_config *cfg)
{
	enum err err;

	if (cfg->vcpu_count == 0 || cfg->vcpu_count > VCPU_COUNT_MAX || cfg->vmid == 0 || cfg->ram_bytes == 0 ||
		cfg->ram_bytes % BLOCK_BYTES != 0 || cfg->ram.v % BLOCK_BYTES != 0) {
		return ERR_RANGE;
	}
	memset(vm, 0, sizeof(*vm));
	vm->cfg = *cfg;
	vm->page_count = cfg->ram_bytes / PAGE_BYTES;
	vm->paused = 1;
	vm->stopped = true;
	vm->state = VM_PAUSED;
	vm->owner = OWNER_NONE;
	(void)text_copy(vm->name, sizeof(vm->name), cfg->name);
	for (uint32_t i = 0; i < cfg->vcpu_count; i++) {
		vcpu_init(&vm->vcpu[i], vm, i, cfg->first_core + i);
	}
	err = memory_init(vm);
	if (err != ERR_OK) {
		return err;
	}
	return machine_init(vm);
}

void vm_reset(struct vm_slot *vm, uint64_t entry, uint64_t x0)
{
	vgic_reset(&vm->vgic);
	vpl011_reset(&vm->uart);
	vpl031_reset(&vm->rtc, vm->cfg.hw->wall_s == NULL ? 0 : (uint32_t)vm->cfg.hw->wall_s(vm->cfg.hw_ctx));
	vpci_reset(&vm->pci);
	vpsci_reset(&vm->vpsci);
	for (uint32_t i = 0; i < vm->cfg.vcpu_count; i++) {
		arch_vcpu_reset(&vm->vcpu[i].arch, entry, x0);
	}
	vm->counter = 0;
	vm->counter_add = 0;
	vm->counter_stopped = true;
	vm->records_loaded = 0;
	__atomic_store_n(&vm->state, (uint32_t)VM_PAUSED, __ATOMIC_RELEASE);
	__atomic_store_n(&vm->reset_asked, 0u, __ATOMIC_SEQ_CST);
}
