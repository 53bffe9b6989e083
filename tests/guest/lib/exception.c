/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/guest/lib/guest.h"

#define INTID_SPECIAL 1020u

/* start.S; number: entry of the vector table, 4 to 7 are the current EL with SP_EL1. */
void guest_exception(struct guest_frame *frame, uint64_t number);

static void interrupt(void)
{
	uint32_t intid = (uint32_t)SYSREG_READ(ICC_IAR1_EL1);

	__asm__ volatile("isb" ::: "memory");
	if (intid < INTID_SPECIAL) {
		guest_interrupt(intid);
		SYSREG_WRITE(ICC_EOIR1_EL1, intid);
		__asm__ volatile("isb" ::: "memory");
	}
}

void guest_exception(struct guest_frame *frame, uint64_t number)
{
	uint64_t esr = SYSREG_READ(ESR_EL1), far = SYSREG_READ(FAR_EL1);

	if (number % 4 == VECTOR_IRQ) {
		interrupt();
		return;
	}
	if (number / 4 == 1 && guest_fault(frame, (enum guest_vector)(number % 4), esr)) {
		return;
	}
	print("panic cpu=%u vector=%u esr=0x%llx far=0x%llx elr=0x%llx", cpu_index(), (unsigned)number,
		(unsigned long long)esr, (unsigned long long)far, (unsigned long long)frame->elr);
	psci_system_off();
}
