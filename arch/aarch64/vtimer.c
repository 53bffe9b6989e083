/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The virtual timer where the guest's counter is ahead of the host's: CNTVOFF_EL2 is then negative, which the
 * architecture allows (Arm ARM D12.2: all arithmetic is modulo 2^64) and which is the usual case on a host that was switched
 * on after the guest. QEMU 10.0 computes the next event as CVAL + CNTVOFF, takes the carry for "never", and does not
 * fire. The condition itself is computed rightly whenever the timer is written.
 *
 * So, for a negative offset only, EL2's own timer on this core watches: at the moment the guest's timer is due, and at least
 * once in each slice while the guest runs and may set its timer without an exit. Hardware fires by itself before that,
 * and then finds nothing left to do here.
 */
#include <stdint.h>

#include "arch/aarch64/sysreg.h"
#include "arch/aarch64/timer.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"

#define SLICE_US	1000u

/* CNTV_CTL_EL0 */
#define CTL_ENABLE	BIT64(0)
#define CTL_IMASK	BIT64(1)
#define CTL_ISTATUS	BIT64(2)

static bool armed(uint64_t ctl)
{
	return (ctl & (CTL_ENABLE | CTL_IMASK | CTL_ISTATUS)) == CTL_ENABLE;
}

void arch_vtimer_watch(bool waiting)
{
	uint64_t offset = SYSREG_READ(cntvoff_el2);
	uint64_t now, due;

	if ((int64_t)offset >= 0) {
		return;
	}
	now = timer_count();
	due = SYSREG_READ(cntv_cval_el0) + offset;
	if (!armed(SYSREG_READ(cntv_ctl_el0))) {
		if (waiting) {
			timer_alarm_off();
			return;
		}
		due = UINT64_MAX;
	}
	timer_alarm_at(waiting ? due : MIN(due, now + timer_ns_to_ticks(SLICE_US * 1000u, timer_hz())));
}

void arch_vtimer_look(void)
{
	uint64_t ctl = SYSREG_READ(cntv_ctl_el0);

	timer_alarm_off();
	if (armed(ctl)) {
		/* The write makes the condition be computed anew. */
		SYSREG_WRITE(cntv_ctl_el0, ctl & ~CTL_ENABLE);
		SYSREG_WRITE(cntv_ctl_el0, ctl);
		isb();
	}
}
