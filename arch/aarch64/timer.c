/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/timer.h"
#include "arch/aarch64/sysreg.h"

#define NS_PER_S     1000000000u

/* CNTHP_CTL_EL2 */
#define TIMER_ENABLE 1u

uint64_t timer_count(void)
{
	isb();
	return SYSREG_READ(cntpct_el0);
}

uint64_t timer_hz(void)
{
	uint64_t hz = SYSREG_READ(cntfrq_el0);

	return hz == 0 ? 1 : hz;
}

uint64_t timer_ticks_to_ns(uint64_t ticks, uint64_t hz)
{
	return ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz;
}

uint64_t timer_ns_to_ticks(uint64_t ns, uint64_t hz)
{
	return ns / NS_PER_S * hz + ns % NS_PER_S * hz / NS_PER_S;
}

uint64_t timer_now_ns(void)
{
	return timer_ticks_to_ns(timer_count(), timer_hz());
}

uint64_t timer_now_us(void)
{
	return timer_now_ns() / 1000u;
}

void timer_alarm_at(uint64_t count)
{
	SYSREG_WRITE(cnthp_cval_el2, count);
	SYSREG_WRITE(cnthp_ctl_el2, TIMER_ENABLE);
	isb();
}

void timer_alarm_in_us(uint64_t us)
{
	timer_alarm_at(timer_count() + timer_ns_to_ticks(us * 1000u, timer_hz()));
}

void timer_alarm_off(void)
{
	SYSREG_WRITE(cnthp_ctl_el2, 0);
	isb();
}
