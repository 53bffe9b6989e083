/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/guest/lib/guest.h"

#define CTL_ENABLE 1u

void timer_arm(uint64_t at)
{
	SYSREG_WRITE(CNTV_CVAL_EL0, at);
	SYSREG_WRITE(CNTV_CTL_EL0, CTL_ENABLE);
	__asm__ volatile("isb");
}

void timer_disarm(void)
{
	SYSREG_WRITE(CNTV_CTL_EL0, 0);
	__asm__ volatile("isb");
}

uint64_t timer_ticks_of_us(uint64_t us)
{
	return counter_hz() * us / 1000000u;
}
