/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The thin rest of core/vm/arch.h: where core/vm's words meet those of this folder. */
#include "arch/aarch64/cache.h"
#include "arch/aarch64/core.h"
#include "arch/aarch64/features.h"
#include "arch/aarch64/gic_cpu.h"
#include "arch/aarch64/sysreg.h"
#include "arch/aarch64/timer.h"
#include "core/vm/arch.h"

#define SGI_KICK 0u

uint32_t arch_core_index(void)
{
	return core_self()->index;
}

void arch_wfi(void)
{
	core_wfi();
}

void arch_kick(uint32_t core)
{
	gic_cpu_sgi(core_at(core)->mpidr, SGI_KICK);
}

uint32_t arch_irq_ack(void)
{
	return gic_cpu_ack();
}

void arch_irq_drop(uint32_t intid)
{
	gic_cpu_drop(intid);
}

void arch_irq_deactivate(uint32_t intid)
{
	gic_cpu_deactivate(intid);
}

bool arch_irq_is_kick(uint32_t intid)
{
	return intid == SGI_KICK;
}

/*
 * The guest may map a page Non-cacheable, or run with its MMU off; EL2 always maps it write-back. Before we read: clean and
 * invalidate, so that no line of ours that is older than memory answers. After we write: the same, so that a guest that
 * reads past the caches sees it. FWB makes every guest access write-back, and this unnecessary.
 */
void arch_page_read(const uint8_t *page, size_t len_bytes)
{
	if (!has_fwb()) {
		cache_clean_invalidate((uintptr_t)page, len_bytes);
	}
}

void arch_page_written(const uint8_t *page, size_t len_bytes)
{
	if (!has_fwb()) {
		cache_clean_invalidate((uintptr_t)page, len_bytes); /* to the point of unification on the way */
	} else {
		cache_clean_unification((uintptr_t)page, len_bytes);
	}
}

void arch_instructions_changed(void)
{
	cache_invalidate_instructions();
}

uint64_t arch_counter(void)
{
	return timer_count();
}

uint64_t arch_counter_hz(void)
{
	return timer_hz();
}

void arch_alarm_in_us(uint64_t us)
{
	timer_alarm_in_us(us);
}

void arch_alarm_off(void)
{
	timer_alarm_off();
}

void arch_virtual_timer_check(uint64_t cntvoff)
{
	SYSREG_WRITE(cntvoff_el2, cntvoff);
	isb();
}

void arch_virq_load(const struct vgic_lrs *lrs)
{
	gic_virtual_load(lrs);
}

void arch_virq_save(struct vgic_lrs *lrs)
{
	gic_virtual_save(lrs);
}

void arch_virq_off(void)
{
	gic_virtual_off();
}

uint32_t arch_virq_lr_count(void)
{
	return gic_lr_count();
}

uint32_t arch_virq_priority_bits(void)
{
	return gic_priority_bits();
}
