/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Types only: the registers of one vCPU, as core/vm embeds and migrates them. */
#ifndef ARCH_AARCH64_VCPU_REGS_H
#define ARCH_AARCH64_VCPU_REGS_H

#include <stdint.h>

/** What guest_enter() moves: layout.h has the offsets. */
struct arch_frame {
	uint64_t x[31];
	uint64_t pc;
	uint64_t pstate;
};

/*
 * EL1 and EL0 system registers that belong to the guest while its core runs it: enumerator, assembler name. The order is
 * that of the vCPU record (docs/wire-format.md): append only.
 */
#define ARCH_SYSREGS(X)                                                                                                \
	X(SP_EL0, sp_el0)                                                                                              \
	X(SP_EL1, sp_el1)                                                                                              \
	X(ELR_EL1, elr_el1)                                                                                            \
	X(SPSR_EL1, spsr_el1)                                                                                          \
	X(TTBR0_EL1, ttbr0_el1)                                                                                        \
	X(TTBR1_EL1, ttbr1_el1)                                                                                        \
	X(TCR_EL1, tcr_el1)                                                                                            \
	X(MAIR_EL1, mair_el1)                                                                                          \
	X(AMAIR_EL1, amair_el1)                                                                                        \
	X(CONTEXTIDR_EL1, contextidr_el1)                                                                              \
	X(PAR_EL1, par_el1)                                                                                            \
	X(CPACR_EL1, cpacr_el1)                                                                                        \
	X(VBAR_EL1, vbar_el1)                                                                                          \
	X(CSSELR_EL1, csselr_el1)                                                                                      \
	X(TPIDR_EL0, tpidr_el0)                                                                                        \
	X(TPIDRRO_EL0, tpidrro_el0)                                                                                    \
	X(TPIDR_EL1, tpidr_el1)                                                                                        \
	X(CNTKCTL_EL1, cntkctl_el1)                                                                                    \
	X(ESR_EL1, esr_el1)                                                                                            \
	X(FAR_EL1, far_el1)                                                                                            \
	X(AFSR0_EL1, afsr0_el1)                                                                                        \
	X(AFSR1_EL1, afsr1_el1)                                                                                        \
	X(SCTLR_EL1, sctlr_el1)

/* FEAT_PAuth only; zero where the CPU has none. */
#define ARCH_PAUTH_REGS(X)                                                                                             \
	X(APIAKEYLO_EL1, APIAKEYLO_EL1)                                                                                \
	X(APIAKEYHI_EL1, APIAKEYHI_EL1)                                                                                \
	X(APIBKEYLO_EL1, APIBKEYLO_EL1)                                                                                \
	X(APIBKEYHI_EL1, APIBKEYHI_EL1)                                                                                \
	X(APDAKEYLO_EL1, APDAKEYLO_EL1)                                                                                \
	X(APDAKEYHI_EL1, APDAKEYHI_EL1)                                                                                \
	X(APDBKEYLO_EL1, APDBKEYLO_EL1)                                                                                \
	X(APDBKEYHI_EL1, APDBKEYHI_EL1)                                                                                \
	X(APGAKEYLO_EL1, APGAKEYLO_EL1)                                                                                \
	X(APGAKEYHI_EL1, APGAKEYHI_EL1)

/* Two breakpoints and two watchpoints, the least there can be; ID_AA64DFR0_EL1 shows no more. */
#define ARCH_DEBUG_REGS(X)                                                                                             \
	X(DBGBVR0_EL1, dbgbvr0_el1)                                                                                    \
	X(DBGBVR1_EL1, dbgbvr1_el1)                                                                                    \
	X(DBGBCR0_EL1, dbgbcr0_el1)                                                                                    \
	X(DBGBCR1_EL1, dbgbcr1_el1)                                                                                    \
	X(DBGWVR0_EL1, dbgwvr0_el1)                                                                                    \
	X(DBGWVR1_EL1, dbgwvr1_el1)                                                                                    \
	X(DBGWCR0_EL1, dbgwcr0_el1)                                                                                    \
	X(DBGWCR1_EL1, dbgwcr1_el1)
#define ARCH_DEBUG_PAIRS	    2u

/*
 * What a guest can set of them: address breakpoints and watchpoints of EL1 and EL0 (SSC and HMC 0), not linked. Which
 * breakpoints know contexts differs from host to host.
 */
#define ARCH_DBGBCR_BITS	    UINT64_C(0x000001e7) /* BAS 8:5, PMC 2:1, E 0 */
#define ARCH_DBGWCR_BITS	    UINT64_C(0x1f001fff) /* MASK 28:24, BAS 12:5, LSC 4:3, PAC 2:1, E 0 */

#define ARCH_SYSREG_ENUM(name, reg) SR_##name,
enum arch_sysreg {
	ARCH_SYSREGS(ARCH_SYSREG_ENUM) ARCH_PAUTH_REGS(ARCH_SYSREG_ENUM)
	/* Not moved by name: the timer, and what EL2 keeps on behalf of a guest that it traps. */
	SR_CNTV_CTL_EL0,
	SR_CNTV_CVAL_EL0,
	SR_MDSCR_EL1,
	ARCH_DEBUG_REGS(ARCH_SYSREG_ENUM) SR_COUNT,
};

struct arch_fp {
	uint8_t v[32][16];
	uint64_t fpcr;
	uint64_t fpsr;
} __attribute__((aligned(16)));

struct arch_vcpu {
	struct arch_frame frame;
	uint64_t sys[SR_COUNT];
	struct arch_fp fp;
};

#endif
