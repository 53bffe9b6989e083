/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The world switch: EL1 of this core to and from memory, and what EL2 traps. Arm ARM D24.2; E2H is 0. */
#include <stddef.h>

#include "arch/aarch64/debug.h"
#include "arch/aarch64/features.h"
#include "arch/aarch64/layout.h"
#include "arch/aarch64/sysreg.h"
#include "arch/aarch64/traps.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"

_Static_assert(offsetof(struct arch_frame, pc) == FRAME_PC, "layout.h disagrees with struct arch_frame");
_Static_assert(offsetof(struct arch_frame, pstate) == FRAME_PSTATE, "layout.h disagrees with struct arch_frame");
_Static_assert(sizeof(((struct arch_fp *)0)->v) == 512, "fpsimd.S disagrees with struct arch_fp");

#define PSTATE_EL1H_MASKED 0x3C5u
#define SCTLR_EL1_RESET	   0x30D00800u
#define VMPIDR_RES1	   BIT64(31)

/* HCR_EL2 */
#define HCR_VM		   BIT64(0)
#define HCR_SWIO	   BIT64(1)
#define HCR_PTW		   BIT64(2)
#define HCR_FMO		   BIT64(3)
#define HCR_IMO		   BIT64(4)
#define HCR_AMO		   BIT64(5)
#define HCR_FB		   BIT64(9)
#define HCR_BSU		   BIT64(10) /* 1: inner shareable */
#define HCR_TWI		   BIT64(13)
#define HCR_TID3	   BIT64(18)
#define HCR_TSC		   BIT64(19)
#define HCR_TIDCP	   BIT64(20)
#define HCR_TACR	   BIT64(21)
#define HCR_RW		   BIT64(31)
/* A core without a guest: what comes physically is EL2's. */
#define HCR_HOST	   (HCR_RW | HCR_AMO | HCR_IMO | HCR_FMO)
#define HCR_TLOR	   BIT64(35)
#define HCR_TERR	   BIT64(36)
#define HCR_TEA		   BIT64(37)
#define HCR_APK		   BIT64(40)
#define HCR_API		   BIT64(41)
#define HCR_FWB		   BIT64(46)

/* CPTR_EL2 */
#define CPTR_RES1	   0x33FFu /* TZ (8) and TSM (12) among them: SVE and SME trap where they exist */
#define CPTR_TTA	   BIT64(20)
#define CPTR_TAM	   BIT64(30)

/* MDCR_EL2 */
#define MDCR_HPMN	   MASK64(4, 0)
#define MDCR_TPMCR	   BIT64(5)
#define MDCR_TPM	   BIT64(6)
#define MDCR_TDA	   BIT64(9)
#define MDCR_TDOSA	   BIT64(10)
#define MDCR_TDRA	   BIT64(11)
#define MDCR_TPMS	   BIT64(14)
#define MDCR_TTRF	   BIT64(19)
#define PMCR_N		   MASK64(15, 11)

/* VTCR_EL2 */
#define VTCR_T0SZ	   MASK64(5, 0)
#define VTCR_SL0	   MASK64(7, 6)
#define VTCR_WB_INNER	   (BIT64(8) | BIT64(10) | FIELD_PREP(MASK64(13, 12), 3))
#define VTCR_PS		   MASK64(18, 16)
#define VTCR_VS		   BIT64(19)
#define VTCR_HA		   BIT64(21)
#define VTCR_HD		   BIT64(22)
#define VTCR_RES1	   BIT64(31)
#define PS_40_BITS	   2u

#define CNTV_CTL_VALID	   MASK64(1, 0) /* ENABLE, IMASK; ISTATUS is read-only */

void fpsimd_save(struct arch_fp *fp);
void fpsimd_restore(const struct arch_fp *fp);
uint64_t guest_enter(struct arch_frame *frame);

static uint64_t hcr_guest(void)
{
	uint64_t hcr = HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU | HCR_TWI |
		       HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW;

	hcr |= has_lor() ? HCR_TLOR : 0;
	hcr |= has_ras() ? HCR_TERR | HCR_TEA : 0;
	hcr |= has_pauth() ? HCR_APK | HCR_API : 0;
	hcr |= has_fwb() ? HCR_FWB : 0;
	return hcr;
}

static uint64_t mdcr_guest(void)
{
	uint64_t mdcr = MDCR_TDA | MDCR_TDOSA | MDCR_TDRA;

	if (has_pmu()) {
		mdcr |= MDCR_TPM | MDCR_TPMCR | FIELD_PREP(MDCR_HPMN, FIELD_GET(PMCR_N, SYSREG_READ(pmcr_el0)));
	}
	mdcr |= has_spe() ? MDCR_TPMS : 0;
	mdcr |= has_trf() ? MDCR_TTRF : 0;
	return mdcr;
}

void traps_init(void)
{
	uint64_t vtcr = VTCR_RES1 | FIELD_PREP(VTCR_T0SZ, S2_T0SZ) | FIELD_PREP(VTCR_SL0, S2_SL0) | VTCR_WB_INNER |
			FIELD_PREP(VTCR_PS, PS_40_BITS);

	vtcr |= has_vmid16() ? VTCR_VS : 0;
	vtcr |= arch_has_hafdbs() ? VTCR_HA | VTCR_HD : 0;
	SYSREG_WRITE(vtcr_el2, vtcr);
	SYSREG_WRITE(vttbr_el2, 0);
	SYSREG_WRITE(hcr_el2, HCR_HOST);
	SYSREG_WRITE(sctlr_el1, SCTLR_EL1_RESET);
	SYSREG_WRITE(cptr_el2, CPTR_RES1 | (has_trace() ? CPTR_TTA : 0) | (has_amu() ? CPTR_TAM : 0));
	SYSREG_WRITE(mdcr_el2, mdcr_guest());
	SYSREG_WRITE(hstr_el2, 0);
	/* EL1 physical counter and timer trap: their values are this host's. */
	SYSREG_WRITE(cnthctl_el2, 0);
	SYSREG_WRITE(cntvoff_el2, 0);
	SYSREG_WRITE(cntv_ctl_el0, 0);
	SYSREG_WRITE(cntp_ctl_el0, 0);
	SYSREG_WRITE(cnthp_ctl_el2, 0);
	SYSREG_WRITE(vpidr_el2, SYSREG_READ(midr_el1));
	debug_off();
	if (has_hcx()) {
		SYSREG_WRITE(HCRX_EL2, 0);
	}
	if (has_fgt()) {
		/* The n-bits trap at 0 what guests are not shown (SME, POE, PIE ...); the others trap at 1. */
		SYSREG_WRITE(HFGRTR_EL2, 0);
		SYSREG_WRITE(HFGWTR_EL2, 0);
		SYSREG_WRITE(HFGITR_EL2, 0);
		SYSREG_WRITE(HDFGRTR_EL2, 0);
		SYSREG_WRITE(HDFGWTR_EL2, 0);
	}
	isb();
}

void arch_vcpu_reset(struct arch_vcpu *v, uint64_t entry, uint64_t x0)
{
	*v = (struct arch_vcpu){ 0 };
	v->frame.x[0] = x0;
	v->frame.pc = entry;
	v->frame.pstate = PSTATE_EL1H_MASKED;
	v->sys[SR_SCTLR_EL1] = SCTLR_EL1_RESET;
}

#define REG_LOAD(name, reg) SYSREG_WRITE(reg, v->sys[SR_##name]);
#define REG_SAVE(name, reg) v->sys[SR_##name] = SYSREG_READ(reg);

void arch_vcpu_load(const struct arch_vcpu *v, const struct arch_space *space, uint32_t index, uint64_t cntvoff)
{
	/*
	 * Stage 2 first: from the moment the guest's stage 1 is on (SCTLR_EL1 is the last of the list), speculative walks of it
	 * must not take its addresses for physical ones.
	 */
	SYSREG_WRITE(vttbr_el2, space->vttbr);
	SYSREG_WRITE(hcr_el2, hcr_guest());
	SYSREG_WRITE(vmpidr_el2, VMPIDR_RES1 | index);
	SYSREG_WRITE(cntvoff_el2, cntvoff);
	isb();
	ARCH_SYSREGS(REG_LOAD)
	if (has_pauth()) {
		ARCH_PAUTH_REGS(REG_LOAD)
	}
	debug_load(v);
	fpsimd_restore(&v->fp);
	/* The compare value first: an enabled timer with an old one would fire. */
	SYSREG_WRITE(cntv_cval_el0, v->sys[SR_CNTV_CVAL_EL0]);
	SYSREG_WRITE(cntv_ctl_el0, v->sys[SR_CNTV_CTL_EL0] & CNTV_CTL_VALID);
	/* Translations that speculation made of this VMID while the registers were mixed, or that an earlier VM left. */
	isb();
	__asm__ volatile("tlbi vmalle1" ::: "memory");
	dsb_nsh();
	isb();
}

void arch_vcpu_save(struct arch_vcpu *v)
{
	v->sys[SR_CNTV_CTL_EL0] = SYSREG_READ(cntv_ctl_el0) & CNTV_CTL_VALID;
	v->sys[SR_CNTV_CVAL_EL0] = SYSREG_READ(cntv_cval_el0);
	SYSREG_WRITE(cntv_ctl_el0, 0);
	debug_off();
	ARCH_SYSREGS(REG_SAVE)
	if (has_pauth()) {
		ARCH_PAUTH_REGS(REG_SAVE)
	}
	fpsimd_save(&v->fp);
	/* Stage 1 off before stage 2 goes: see arch_vcpu_load. */
	SYSREG_WRITE(sctlr_el1, SCTLR_EL1_RESET);
	isb();
	SYSREG_WRITE(hcr_el2, HCR_HOST);
	SYSREG_WRITE(vttbr_el2, 0);
	/* All of this vCPU's stores, table-walk updates among them, are complete before others are told it has stopped. */
	dsb_sy();
	isb();
}

void arch_vcpu_enter(struct arch_vcpu *v, struct arch_exit *exit)
{
	exit->kind = (enum arch_exit_kind)guest_enter(&v->frame);
	exit->esr = SYSREG_READ(esr_el2);
	exit->far = SYSREG_READ(far_el2);
	exit->hpfar = SYSREG_READ(hpfar_el2);
}

bool arch_has_pauth(void)
{
	return has_pauth();
}
