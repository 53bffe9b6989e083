/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/psci.h"

#define PSCI_CPU_ON	0xC4000003u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SUCCESS	0
#define PSCI_ALREADY_ON (-4)
#define PSCI_ON_PENDING (-5)

int64_t smc_call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	register uint64_t x3 __asm__("x3") = a3;

	/* SMCCC 1.0 lets the callee clobber x4 to x17. */
	__asm__ volatile("smc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
			 "memory", "cc");
	return (int64_t)x0;
}

enum err psci_cpu_on(uint64_t mpidr, uint64_t entry_pa, uint64_t context)
{
	int64_t r = smc_call(PSCI_CPU_ON, mpidr, entry_pa, context);

	/* Return values are 32-bit signed for a 32-bit error space. */
	switch ((int32_t)r) {
	case PSCI_SUCCESS:
		return ERR_OK;
	case PSCI_ALREADY_ON:
	case PSCI_ON_PENDING:
		return ERR_BAD_STATE;
	default:
		return ERR_IO;
	}
}

_Noreturn void psci_system_off(void)
{
	(void)smc_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;) {
		__asm__ volatile("wfi");
	}
}
