/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Hidden: EL2 and EL3, AArch32, SVE, SME, MTE, RAS, MPAM, AMU, PMU, SPE, TRBE, BRBE, trace, LOR, nested virtualization, and
 * whatever needs HCRX_EL2 or a newer EL1 register that the vCPU record does not carry. What stays needs
 * nothing of EL2, or EL2 saves it. Arm ARM D24.2, by register.
 */
#include "arch/aarch64/id_regs.h"
#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"
#include "migration/vm.h"

#define F(shift) (UINT64_C(0xF) << (shift))
#define CAPS_MAX 3u

struct id_cap {
	uint8_t shift;
	uint8_t max; /* unsigned field, at most this */
};

struct id_reg {
	const char *name;
	uint8_t crm, op2;
	uint64_t keep;		     /* fields of the host that show */
	uint64_t fixed;		     /* OR-ed in where keep is 0 */
	struct id_cap cap[CAPS_MAX]; /* max 0 ends */
};

static const struct id_reg id_regs[] = {
	{ "ID_AA64PFR0_EL1", 4, 0,
		/* FP, AdvSIMD, GIC, DIT, CSV2, CSV3. EL0 and EL1: AArch64 only. */
		.keep = F(16) | F(20) | F(24) | F(48) | F(56) | F(60), .fixed = 0x11, .cap = { { 24, 1 }, { 56, 1 } } },
	{ "ID_AA64PFR1_EL1", 4, 1, /* BT, SSBS */ .keep = F(0) | F(4) },
	{ "ID_AA64DFR0_EL1", 5, 0,
		/* DebugVer 6, two breakpoints, two watchpoints: the least there can be; accesses trap and do nothing. */
		.fixed = 0x6 | 1u << 12 | 1u << 20 },
	{ "ID_AA64ISAR0_EL1", 6, 0,
		/* All but TME (24). */
		.keep = ~(F(0) | F(24)) },
	{ "ID_AA64ISAR1_EL1", 6, 1,
		/* All but XS (56) and LS64 (60): HCRX_EL2. */
		.keep = ~(F(56) | F(60)) },
	{ "ID_AA64ISAR2_EL1", 6, 2,
		/* RPRES, GPA3, APA3, BC, PAC_frac. */
		.keep = F(4) | F(8) | F(12) | F(20) | F(24) },
	{ "ID_AA64MMFR0_EL1", 7, 0,
		/* PARange up to our 40-bit IPA, ASIDBits, BigEnd, SNSMem, BigEndEL0, TGran16, TGran64, TGran4. */
		.keep = F(0) | F(4) | F(8) | F(12) | F(16) | F(20) | F(24) | F(28), .cap = { { 0, 2 } } },
	{ "ID_AA64MMFR1_EL1", 7, 1,
		/* HAFDBS, HPDS, PAN, ETS, AFP, nTLBPA. */
		.keep = F(0) | F(12) | F(20) | F(36) | F(44) | F(48), .cap = { { 0, 2 } } },
	{ "ID_AA64MMFR2_EL1", 7, 2,
		/* CnP, UAO, LSM, VARange, CCIDX, ST, AT, IDS, TTL, BBM, E0PD. */
		.keep = F(0) | F(4) | F(8) | F(16) | F(20) | F(28) | F(32) | F(36) | F(48) | F(52) | F(60) },
};

static uint64_t host_value(uint32_t crm, uint32_t op2)
{
	switch (crm << 3 | op2) {
	case 4 << 3 | 0:
		return SYSREG_READ(id_aa64pfr0_el1);
	case 4 << 3 | 1:
		return SYSREG_READ(id_aa64pfr1_el1);
	case 6 << 3 | 0:
		return SYSREG_READ(id_aa64isar0_el1);
	case 6 << 3 | 1:
		return SYSREG_READ(id_aa64isar1_el1);
	case 6 << 3 | 2:
		return SYSREG_READ(ID_AA64ISAR2_EL1);
	case 7 << 3 | 0:
		return SYSREG_READ(id_aa64mmfr0_el1);
	case 7 << 3 | 1:
		return SYSREG_READ(id_aa64mmfr1_el1);
	case 7 << 3 | 2:
		return SYSREG_READ(ID_AA64MMFR2_EL1);
	default:
		return 0;
	}
}

static uint64_t present(const struct id_reg *r)
{
	uint64_t value = (host_value(r->crm, r->op2) & r->keep) | r->fixed;

	for (uint32_t i = 0; i < CAPS_MAX && r->cap[i].max != 0; i++) {
		uint64_t field = value >> r->cap[i].shift & 0xF;

		if (field > r->cap[i].max) {
			value = (value & ~F(r->cap[i].shift)) | (uint64_t)r->cap[i].max << r->cap[i].shift;
		}
	}
	return value;
}

uint64_t id_reg_presented(uint32_t crm, uint32_t op2)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(id_regs); i++) {
		if (id_regs[i].crm == crm && id_regs[i].op2 == op2) {
			return present(&id_regs[i]);
		}
	}
	return 0;
}

static void add(struct vm_desc *out, const char *name, uint64_t value)
{
	if (out->id_reg_count < VM_ID_REGS_MAX) {
		out->id_regs[out->id_reg_count] = value;
		out->id_reg_names[out->id_reg_count] = name;
		out->id_reg_count++;
	}
}

void arch_id_describe(struct vm_desc *out)
{
	out->id_reg_count = 0;
	/* Errata workarounds and maintenance loops of the guest hang on these, and they do not trap. */
	add(out, "MIDR_EL1", SYSREG_READ(midr_el1));
	add(out, "REVIDR_EL1", SYSREG_READ(revidr_el1));
	add(out, "AIDR_EL1", SYSREG_READ(aidr_el1));
	add(out, "CTR_EL0", SYSREG_READ(ctr_el0));
	add(out, "DCZID_EL0", SYSREG_READ(dczid_el0));
	add(out, "CLIDR_EL1", SYSREG_READ(clidr_el1));
	for (uint32_t i = 0; i < ARRAY_SIZE(id_regs); i++) {
		add(out, id_regs[i].name, present(&id_regs[i]));
	}
}
