/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/limits.h"
#include "core/vm/arch.h"
#include "core/vm/vcpu_check.h"

/* SPSR_EL2, Arm ARM C5.2.19: N, Z, C, V; TCO, DIT, UAO, PAN; IL; ALLINT, SSBS, BTYPE; D, A, I, F. SS with a software step only. */
#define PSTATE_FIELDS  (MASK64(31, 28) | MASK64(25, 22) | BIT64(20) | MASK64(13, 6))
#define PSTATE_SS      BIT64(21)
#define MDSCR_SS       BIT64(0)
#define PSTATE_AARCH32 BIT64(4)
#define PSTATE_MODE    MASK64(3, 0)
#define PSTATE_EL0T    0x0u
#define PSTATE_EL1T    0x4u
#define PSTATE_EL1H    0x5u

/** System registers with bits that are reserved, or not ours to take, on every CPU that we show to guests. */
static const struct {
	enum arch_sysreg reg;
	uint64_t reserved;
	const char *name;
} reserved[] = {
	{ SR_CNTV_CTL_EL0, ~MASK64(1, 0), "CNTV_CTL_EL0" },
	{ SR_VBAR_EL1, MASK64(10, 0), "VBAR_EL1" },
	{ SR_CPACR_EL1, ~MASK64(31, 0), "CPACR_EL1" },
	{ SR_CSSELR_EL1, ~MASK64(4, 0), "CSSELR_EL1" },
	{ SR_CNTKCTL_EL1, ~MASK64(31, 0), "CNTKCTL_EL1" },
	{ SR_CONTEXTIDR_EL1, ~MASK64(31, 0), "CONTEXTIDR_EL1" },
	{ SR_MDSCR_EL1, ~MASK64(31, 0), "MDSCR_EL1" },
	{ SR_DBGBCR0_EL1, ~ARCH_DBGBCR_BITS, "DBGBCR0_EL1" },
	{ SR_DBGBCR1_EL1, ~ARCH_DBGBCR_BITS, "DBGBCR1_EL1" },
	{ SR_DBGWCR0_EL1, ~ARCH_DBGWCR_BITS, "DBGWCR0_EL1" },
	{ SR_DBGWCR1_EL1, ~ARCH_DBGWCR_BITS, "DBGWCR1_EL1" },
};

static enum err refuse(char *reason, const char *name, const char *what, uint64_t value)
{
	(void)fmt(reason, REASON_BYTES, "vCPU record: %s has %s: 0x%llx", name, what, (unsigned long long)value);
	return ERR_RANGE;
}

static enum err pstate_check(uint64_t pstate, bool stepping, char *reason)
{
	uint64_t mode = pstate & PSTATE_MODE;
	uint64_t fields = PSTATE_FIELDS | PSTATE_MODE | (stepping ? PSTATE_SS : 0);

	if ((pstate & PSTATE_AARCH32) != 0) {
		return refuse(reason, "PSTATE", "AArch32 state", pstate);
	}
	if (mode != PSTATE_EL0T && mode != PSTATE_EL1T && mode != PSTATE_EL1H) {
		return refuse(reason, "PSTATE", "a mode that is not EL0 or EL1", pstate);
	}
	if ((pstate & ~fields) != 0) {
		return refuse(reason, "PSTATE", "reserved bits", pstate);
	}
	return ERR_OK;
}

enum err vcpu_check(const struct arch_vcpu *v, char *reason)
{
	enum err err = pstate_check(v->frame.pstate, (v->sys[SR_MDSCR_EL1] & MDSCR_SS) != 0, reason);

	if (err != ERR_OK) {
		return err;
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		uint64_t value = v->sys[reserved[i].reg];

		if ((value & reserved[i].reserved) != 0) {
			return refuse(reason, reserved[i].name, "reserved bits", value);
		}
	}
	if ((v->fp.fpcr >> 32) != 0) {
		return refuse(reason, "FPCR", "reserved bits", v->fp.fpcr);
	}
	if ((v->fp.fpsr >> 32) != 0) {
		return refuse(reason, "FPSR", "reserved bits", v->fp.fpsr);
	}
	for (uint32_t i = SR_APIAKEYLO_EL1; !arch_has_pauth() && i <= SR_APGAKEYHI_EL1; i++) {
		if (v->sys[i] != 0) {
			return refuse(
				reason, "AP*Key_EL1", "a key, and this CPU has no pointer authentication", v->sys[i]);
		}
	}
	return ERR_OK;
}
