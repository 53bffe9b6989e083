/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/arch.h"
#include "core/vm/console.h"
#include "core/vm/trap.h"
#include "core/vm/vcpu.h"
#include "core/vm/vm.h"

#define PPI_MAINTENANCE	  25u
#define PPI_HYP_TIMER	  26u
#define PPI_VIRTUAL_TIMER 27u
#define IRQS_AT_ONCE_MAX  64u /* acknowledged in one go, before the guest or the caller gets its turn */

void vcpu_init(struct vcpu *v, struct vm_slot *vm, uint32_t index, uint32_t core)
{
	*v = (struct vcpu){ .vm = vm, .index = index, .core = core, .parked = 1 };
	arch_vcpu_reset(&v->arch, 0, 0);
}

bool vcpu_is_parked(const struct vcpu *v)
{
	return __atomic_load_n(&v->parked, __ATOMIC_SEQ_CST) != 0;
}

/* ---- physical interrupts of a vCPU's core ---- */

/** vm_config.timer_check_us: not 0 if this vCPU's timer has to be looked after now. */
static uint32_t timer_check_us(const struct vcpu *v)
{
	return v->loaded && v->vm->cntvoff >> 63 != 0 ? v->vm->cfg.timer_check_us : 0;
}

static void timer_check(struct vcpu *v)
{
	uint32_t period_us = timer_check_us(v);

	arch_alarm_off(); /* level: quiet before it is deactivated */
	if (period_us != 0) {
		arch_virtual_timer_check(v->vm->cntvoff);
		arch_alarm_in_us(period_us);
	}
}

static void irq_one(struct vcpu *v, uint32_t intid)
{
	arch_irq_drop(intid);
	if (intid == PPI_HYP_TIMER) {
		timer_check(v);
		arch_irq_deactivate(intid);
		return;
	}
	if (intid == PPI_VIRTUAL_TIMER && v->loaded) {
		/* Stays active until the guest deactivates vINTID 27 through a list register: level, so no storm meanwhile. */
		if (vgic_set_pending(&v->vm->vgic, v->index, intid) == ERR_OK) {
			return;
		}
	}
	/* A kick has done its work by the exit; a maintenance interrupt, by the sync after it. */
	arch_irq_deactivate(intid);
	if (!arch_irq_is_kick(intid) && intid != PPI_MAINTENANCE && intid != PPI_VIRTUAL_TIMER) {
		console_line("vcpu %u: unexpected interrupt %u", v->index, intid);
	}
}

static void irqs_take(struct vcpu *v)
{
	for (uint32_t i = 0; i < IRQS_AT_ONCE_MAX; i++) {
		uint32_t intid = arch_irq_ack();

		if (intid >= ARCH_IRQ_NONE) {
			break;
		}
		irq_one(v, intid);
	}
}

/* ---- parked ---- */

static void park(struct vcpu *v)
{
	if (v->loaded) {
		arch_vcpu_save(&v->arch);
		arch_alarm_off();
		arch_virq_off();
		v->loaded = false;
	}
	__atomic_store_n(&v->parked, 1u, __ATOMIC_SEQ_CST);
	arch_wfi();
	irqs_take(v);
}

/** PSCI CPU_ON for this vCPU came: begin anew. */
static void start(struct vcpu *v)
{
	uint64_t entry, context;

	if (vpsci_starting(&v->vm->vpsci, v->index, &entry, &context)) {
		vgic_cpu_reset(&v->vm->vgic, v->index);
		arch_vcpu_reset(&v->arch, entry, context);
	}
}

/**
 * Leave the parked state, unless the VM may not run. The store of parked comes before the look at the VM's flags, and the
 * stopper sets its flag before it looks at parked: one of the two sees the other.
 */
static bool unpark(struct vcpu *v)
{
	if (!vm_may_run(v->vm) || vpsci_power(&v->vm->vpsci, v->index) == VPSCI_OFF) {
		return false;
	}
	__atomic_store_n(&v->parked, 0u, __ATOMIC_SEQ_CST);
	if (!vm_may_run(v->vm)) {
		return false;
	}
	start(v);
	arch_vcpu_load(&v->arch, &v->vm->space, v->index, v->vm->cntvoff);
	v->loaded = true;
	if (timer_check_us(v) != 0) {
		timer_check(v);
	}
	return true;
}

/* ---- running ---- */

static void wait_for_interrupt(struct vcpu *v)
{
	__atomic_store_n(&v->halted, 1u, __ATOMIC_RELAXED);
	/* Ends by an interrupt for the guest or a stop; a kick comes with both. */
	while (vm_may_run(v->vm) && !vgic_pending(&v->vm->vgic, v->index)) {
		arch_wfi();
		irqs_take(v);
		vm_kick_pending(v->vm);
	}
	__atomic_store_n(&v->halted, 0u, __ATOMIC_RELAXED);
}

/** Once into the guest and back; true while it may go on. */
static bool turn(struct vcpu *v)
{
	struct vgic *vgic = &v->vm->vgic;
	struct arch_exit exit;
	enum trap_next next;

	vgic_flush(vgic, v->index, &v->lrs);
	arch_virq_load(&v->lrs);
	arch_vcpu_enter(&v->arch, &exit);
	arch_virq_save(&v->lrs);
	vgic_sync(vgic, v->index, &v->lrs);
	v->exit_count++;
	if (exit.kind == ARCH_EXIT_IRQ || exit.kind == ARCH_EXIT_FIQ) {
		irqs_take(v);
		next = TRAP_GO_ON;
	} else {
		next = trap_handle(v, &exit);
	}
	vm_kick_pending(v->vm);
	if (next == TRAP_WAIT) {
		wait_for_interrupt(v);
	}
	return next != TRAP_PARK;
}

_Noreturn void vcpu_run(struct vcpu *v)
{
	v->lrs.lr_count = arch_virq_lr_count();
	for (;;) {
		if (unpark(v)) {
			while (vm_may_run(v->vm) && turn(v)) {
			}
		}
		park(v);
	}
}
