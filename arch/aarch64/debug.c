/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/debug.h"

#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"

#define DEBUG_OP2_FIRST 4u /* DBGBVR; then DBGBCR, DBGWVR, DBGWCR */
#define DBGBCR_BT	MASK64(23, 20)
#define DBGWCR_WT	BIT64(20)

/* MDSCR_EL1. What else a guest writes stays in the record. */
#define MDSCR_SS	BIT64(0)
#define MDSCR_KDE	BIT64(13)
#define MDSCR_MDE	BIT64(15)
#define MDSCR_GUEST	(MDSCR_SS | MDSCR_KDE | MDSCR_MDE)

enum arch_sysreg debug_reg_at(uint32_t crm, uint32_t op2)
{
	static const enum arch_sysreg first[] = { SR_DBGBVR0_EL1, SR_DBGBCR0_EL1, SR_DBGWVR0_EL1, SR_DBGWCR0_EL1 };

	if (crm >= ARCH_DEBUG_PAIRS || op2 < DEBUG_OP2_FIRST || op2 - DEBUG_OP2_FIRST >= ARRAY_SIZE(first)) {
		return SR_COUNT;
	}
	return (enum arch_sysreg)(first[op2 - DEBUG_OP2_FIRST] + crm);
}

uint64_t debug_value(enum arch_sysreg sr, uint64_t value)
{
	if (sr >= SR_DBGBCR0_EL1 && sr < SR_DBGBCR0_EL1 + ARCH_DEBUG_PAIRS) {
		/* Another kind of breakpoint (BT) than of an address is not enabled. */
		return value & ((value & DBGBCR_BT) == 0 ? ARCH_DBGBCR_BITS : 0);
	}
	if (sr >= SR_DBGWCR0_EL1 && sr < SR_DBGWCR0_EL1 + ARCH_DEBUG_PAIRS) {
		return value & ((value & DBGWCR_WT) == 0 ? ARCH_DBGWCR_BITS : 0);
	}
	return value;
}

#define REG_LOAD(name, reg) SYSREG_WRITE(reg, v->sys[SR_##name]);

void debug_load(const struct arch_vcpu *v)
{
	ARCH_DEBUG_REGS(REG_LOAD)
	SYSREG_WRITE(mdscr_el1, v->sys[SR_MDSCR_EL1] & MDSCR_GUEST);
	isb();
}

void debug_off(void)
{
	SYSREG_WRITE(mdscr_el1, 0);
	SYSREG_WRITE(oslar_el1, 0); /* locked by reset */
	isb();
}
