/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <string.h>

#include "core/vm/arch.h"
#include "migration/vm.h"
#include "tests/fake/fake_arch.h"

struct fake_arch fake_arch;

void fake_arch_reset(void)
{
	memset(&fake_arch, 0, sizeof(fake_arch));
	fake_arch.counter_hz = 62500000;
}

uint32_t arch_core_index(void)
{
	return 0;
}

void arch_wfi(void)
{
}

void arch_kick(uint32_t core)
{
	fake_arch.kicks[core % 16]++;
}

uint32_t arch_irq_ack(void)
{
	uint32_t first = fake_arch.irq_pending[0];

	if (fake_arch.irq_count == 0) {
		return 1023;
	}
	fake_arch.irq_count--;
	memmove(&fake_arch.irq_pending[0], &fake_arch.irq_pending[1], sizeof(uint32_t) * 15);
	return first;
}

void arch_irq_drop(uint32_t intid)
{
	fake_arch.dropped[fake_arch.dropped_count++ % 16] = intid;
}

void arch_irq_deactivate(uint32_t intid)
{
	fake_arch.deactivated[fake_arch.deactivated_count++ % 16] = intid;
}

bool arch_irq_is_kick(uint32_t intid)
{
	return intid == 0;
}

uint64_t arch_desc_set(uint64_t *desc, uint64_t bits)
{
	return __atomic_fetch_or(desc, bits, __ATOMIC_SEQ_CST);
}

uint64_t arch_desc_clear(uint64_t *desc, uint64_t bits)
{
	return __atomic_fetch_and(desc, ~bits, __ATOMIC_SEQ_CST);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void nothing_range(void *ctx, uint64_t ipa, uint64_t page_count)
{
	(void)ctx;
	(void)ipa;
	(void)page_count;
}

const struct s2_ops arch_s2_ops = { .publish = nothing, .invalidate = nothing_range, .complete = nothing };

void arch_space_init(struct arch_space *space, pa_t root, uint16_t vmid)
{
	space->vttbr = root.v | (uint64_t)vmid << 48;
}

bool arch_has_fwb(void)
{
	return fake_arch.fwb;
}

bool arch_has_hafdbs(void)
{
	return fake_arch.hafdbs;
}

bool arch_has_pauth(void)
{
	return fake_arch.pauth;
}

void arch_page_read(const uint8_t *page, size_t len_bytes)
{
	(void)page;
	(void)len_bytes;
}

void arch_page_written(const uint8_t *page, size_t len_bytes)
{
	(void)page;
	(void)len_bytes;
}

void arch_instructions_changed(void)
{
}

uint64_t arch_counter(void)
{
	return fake_arch.counter;
}

uint64_t arch_counter_hz(void)
{
	return fake_arch.counter_hz;
}

void arch_alarm_in_us(uint64_t us)
{
	(void)us;
}

void arch_virtual_timer_check(uint64_t cntvoff)
{
	(void)cntvoff;
}

void arch_alarm_off(void)
{
}

void arch_vcpu_reset(struct arch_vcpu *v, uint64_t entry, uint64_t x0)
{
	memset(v, 0, sizeof(*v));
	v->frame.pc = entry;
	v->frame.x[0] = x0;
	v->frame.pstate = 0x3C5;
}

void arch_vcpu_load(const struct arch_vcpu *v, const struct arch_space *space, uint32_t index, uint64_t cntvoff)
{
	(void)v;
	(void)space;
	(void)index;
	(void)cntvoff;
}

void arch_vcpu_save(struct arch_vcpu *v)
{
	(void)v;
}

void arch_vcpu_enter(struct arch_vcpu *v, struct arch_exit *exit)
{
	(void)v;
	memset(exit, 0, sizeof(*exit));
}

enum err arch_fault_ipa(const struct arch_exit *exit, uint64_t *ipa)
{
	*ipa = (exit->hpfar >> 4) << 12 | (exit->far & 0xFFF);
	return ERR_OK;
}

void arch_inject_undefined(struct arch_vcpu *v)
{
	v->sys[SR_ESR_EL1] = 0x02000000;
}

void arch_inject_abort(struct arch_vcpu *v, uint64_t far, bool instruction)
{
	v->sys[SR_FAR_EL1] = far;
	v->sys[SR_ESR_EL1] = instruction ? 0x86000010 : 0x96000010;
}

enum arch_sysreg_do arch_sysreg_access(struct arch_vcpu *v, uint64_t esr, uint64_t *value)
{
	(void)v;
	(void)esr;
	*value = 0;
	return ARCH_SYSREG_UNDEFINED;
}

void arch_virq_load(const struct vgic_lrs *lrs)
{
	(void)lrs;
}

void arch_virq_save(struct vgic_lrs *lrs)
{
	(void)lrs;
}

void arch_virq_off(void)
{
}

uint32_t arch_virq_lr_count(void)
{
	return 4;
}

uint32_t arch_virq_priority_bits(void)
{
	return 5;
}

void arch_id_describe(struct vm_desc *out)
{
	out->id_reg_count = 0;
}
