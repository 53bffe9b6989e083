/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* System register accesses that trap (EC 0x18): what each reads and what a write does. Arm ARM D24. */
#include "arch/aarch64/debug.h"
#include "arch/aarch64/id_regs.h"
#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"

#define ISS_OP0			     MASK64(21, 20)
#define ISS_OP2			     MASK64(19, 17)
#define ISS_OP1			     MASK64(16, 14)
#define ISS_CRN			     MASK64(13, 10)
#define ISS_RT			     MASK64(9, 5)
#define ISS_CRM			     MASK64(4, 1)
#define ISS_READ		     BIT64(0)
#define RT_ZERO			     31u

#define REG(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

#define OSLSR_UNLOCKED		     0x8u /* OS lock implemented, not locked */

static uint32_t reg_of(uint64_t esr)
{
	return REG((uint32_t)FIELD_GET(ISS_OP0, esr), (uint32_t)FIELD_GET(ISS_OP1, esr),
		(uint32_t)FIELD_GET(ISS_CRN, esr), (uint32_t)FIELD_GET(ISS_CRM, esr),
		(uint32_t)FIELD_GET(ISS_OP2, esr));
}

/** A breakpoint or watchpoint register that the guest has: its place in the record, or SR_COUNT. */
static enum arch_sysreg debug_reg(uint32_t reg)
{
	return (reg & ~0x7Fu) == REG(2u, 0u, 0u, 0u, 0u) ? debug_reg_at(reg >> 3 & 0xFu, reg & 7u) : SR_COUNT;
}

static enum arch_sysreg_do read(struct arch_vcpu *v, uint32_t reg, uint64_t *value)
{
	enum arch_sysreg debug = debug_reg(reg);
	uint32_t crm = reg >> 3 & 0xFu;
	uint32_t op2 = reg & 7u;

	*value = 0;
	if (debug != SR_COUNT) {
		*value = v->sys[debug];
		return ARCH_SYSREG_DONE;
	}
	if ((reg & ~0x7Fu) == REG(3u, 0u, 0u, 0u, 0u) && crm >= 1 && crm <= 7) {
		*value = id_reg_presented(crm, op2);
		return ARCH_SYSREG_DONE;
	}
	switch (reg) {
	case REG(2u, 0u, 0u, 2u, 2u): /* MDSCR_EL1 */
		*value = v->sys[SR_MDSCR_EL1];
		return ARCH_SYSREG_DONE;
	case REG(2u, 0u, 1u, 1u, 4u): /* OSLSR_EL1 */
		*value = OSLSR_UNLOCKED;
		return ARCH_SYSREG_DONE;
	case REG(3u, 0u, 1u, 0u, 1u): /* ACTLR_EL1 */
		return ARCH_SYSREG_DONE;
	case REG(3u, 3u, 14u, 0u, 1u): /* CNTPCT_EL0: the guest's one counter is the virtual one */
	case REG(3u, 3u, 14u, 0u, 5u): /* CNTPCTSS_EL0 */
		isb();
		*value = SYSREG_READ(cntvct_el0);
		return ARCH_SYSREG_DONE;
	default:
		break;
	}
	/* Other debug registers read as zero; op1 3 are those of EL0. */
	if (reg >> 14 == 2 && ((reg >> 11 & 7u) == 0 || (reg >> 11 & 7u) == 3)) {
		return ARCH_SYSREG_DONE;
	}
	return ARCH_SYSREG_UNDEFINED;
}

static enum arch_sysreg_do write(struct arch_vcpu *v, uint32_t reg, uint64_t value)
{
	enum arch_sysreg debug = debug_reg(reg);

	if (debug != SR_COUNT) {
		v->sys[debug] = debug_value(debug, value);
		debug_load(v);
		return ARCH_SYSREG_DONE;
	}
	switch (reg) {
	case REG(2u, 0u, 0u, 2u, 2u): /* MDSCR_EL1 */
		v->sys[SR_MDSCR_EL1] = value & UINT32_MAX;
		debug_load(v);
		return ARCH_SYSREG_DONE;
	case REG(3u, 0u, 1u, 0u, 1u): /* ACTLR_EL1 */
		return ARCH_SYSREG_DONE;
	case REG(3u, 0u, 12u, 11u, 5u): /* ICC_SGI1R_EL1 */
		return ARCH_SYSREG_SGI;
	case REG(3u, 0u, 12u, 11u, 6u): /* ICC_ASGI1R_EL1: no other security state */
	case REG(3u, 0u, 12u, 11u, 7u): /* ICC_SGI0R_EL1: Group 0 is not offered */
		return ARCH_SYSREG_DONE;
	case REG(3u, 0u, 12u, 11u, 1u): /* ICC_DIR_EL1 */
		return ARCH_SYSREG_DIR;
	default:
		break;
	}
	if (reg >> 14 == 2 && ((reg >> 11 & 7u) == 0 || (reg >> 11 & 7u) == 3)) {
		return ARCH_SYSREG_DONE;
	}
	return ARCH_SYSREG_UNDEFINED;
}

enum arch_sysreg_do arch_sysreg_access(struct arch_vcpu *v, uint64_t esr, uint64_t *value)
{
	uint32_t rt = (uint32_t)FIELD_GET(ISS_RT, esr);
	enum arch_sysreg_do what;

	if ((esr & ISS_READ) == 0) {
		*value = rt == RT_ZERO ? 0 : v->frame.x[rt];
		return write(v, reg_of(esr), *value);
	}
	what = read(v, reg_of(esr), value);
	if (what == ARCH_SYSREG_DONE && rt != RT_ZERO) {
		v->frame.x[rt] = *value;
	}
	return what;
}
