/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Exceptions that EL2 gives to a loaded guest, as the hardware would take them to EL1: Arm ARM D1.3.5. */
#include "arch/aarch64/features.h"
#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"

#define ESR_EC		MASK64(31, 26)
#define ESR_IL		BIT64(25)
#define EC_UNKNOWN	0x00u
#define EC_IABT_LOWER	0x20u
#define EC_IABT_SAME	0x21u
#define EC_DABT_LOWER	0x24u
#define EC_DABT_SAME	0x25u
#define DFSC_EXTERNAL	0x10u

#define PSTATE_MODE	MASK64(3, 0)
#define PSTATE_EL0T	0x0u
#define PSTATE_EL1T	0x4u
#define PSTATE_EL1H	0x5u
#define PSTATE_DAIF	MASK64(9, 6)
#define PSTATE_SSBS	BIT64(12)
#define PSTATE_PAN	BIT64(22)
#define PSTATE_DIT	BIT64(24)
#define PSTATE_TCO	BIT64(25)
#define PSTATE_NZCV	MASK64(31, 28)
#define SCTLR_SPAN	BIT64(23)
#define SCTLR_DSSBS	BIT64(44)
#define MMFR1_PAN_SHIFT 20u

static uint64_t vector_offset(uint64_t pstate)
{
	switch (pstate & PSTATE_MODE) {
	case PSTATE_EL0T:
		return 0x400;
	case PSTATE_EL1T:
		return 0x000;
	default:
		return 0x200;
	}
}

static void take_to_el1(struct arch_vcpu *v, uint64_t esr)
{
	uint64_t sctlr = SYSREG_READ(sctlr_el1);
	uint64_t old = v->frame.pstate;
	uint64_t now = (old & (PSTATE_NZCV | PSTATE_DIT | PSTATE_TCO | PSTATE_PAN)) | PSTATE_DAIF | PSTATE_EL1H;

	if (id_field(SYSREG_READ(id_aa64mmfr1_el1), MMFR1_PAN_SHIFT) != 0 && (sctlr & SCTLR_SPAN) == 0) {
		now |= PSTATE_PAN;
	}
	now |= (sctlr & SCTLR_DSSBS) != 0 ? PSTATE_SSBS : 0;
	SYSREG_WRITE(esr_el1, esr);
	SYSREG_WRITE(elr_el1, v->frame.pc);
	SYSREG_WRITE(spsr_el1, old);
	v->frame.pc = SYSREG_READ(vbar_el1) + vector_offset(old);
	v->frame.pstate = now;
}

void arch_inject_undefined(struct arch_vcpu *v)
{
	take_to_el1(v, FIELD_PREP(ESR_EC, EC_UNKNOWN) | ESR_IL);
}

void arch_inject_abort(struct arch_vcpu *v, uint64_t far, bool instruction)
{
	bool lower = (v->frame.pstate & PSTATE_MODE) == PSTATE_EL0T;
	uint64_t ec = instruction ? (lower ? EC_IABT_LOWER : EC_IABT_SAME) : (lower ? EC_DABT_LOWER : EC_DABT_SAME);

	SYSREG_WRITE(far_el1, far);
	take_to_el1(v, FIELD_PREP(ESR_EC, ec) | ESR_IL | DFSC_EXTERNAL);
}
