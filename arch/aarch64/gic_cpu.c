/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/gic_cpu.h"
#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"
#include "core/vm/vgic.h"

#define ICC_SRE_ALL	 0xFu
#define ICC_PMR_ALL	 0xFFu
#define ICC_CTLR_EOIMODE BIT64(1)
#define ICC_IAR_INTID	 MASK64(23, 0)
#define ICC_SGI1R_AFF3	 MASK64(55, 48)
#define ICC_SGI1R_RS	 MASK64(47, 44)
#define ICC_SGI1R_AFF2	 MASK64(39, 32)
#define ICC_SGI1R_INTID	 MASK64(27, 24)
#define ICC_SGI1R_AFF1	 MASK64(23, 16)
#define ICH_VTR_LISTREGS MASK64(4, 0)
#define ICH_VTR_PREBITS	 MASK64(28, 26)
#define ICH_VTR_PRIBITS	 MASK64(31, 29)

#define LR_CASES(X)	 X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define ICH_LR0_EL2	 S3_4_C12_C12_0
#define ICH_LR1_EL2	 S3_4_C12_C12_1
#define ICH_LR2_EL2	 S3_4_C12_C12_2
#define ICH_LR3_EL2	 S3_4_C12_C12_3
#define ICH_LR4_EL2	 S3_4_C12_C12_4
#define ICH_LR5_EL2	 S3_4_C12_C12_5
#define ICH_LR6_EL2	 S3_4_C12_C12_6
#define ICH_LR7_EL2	 S3_4_C12_C12_7
#define ICH_LR8_EL2	 S3_4_C12_C13_0
#define ICH_LR9_EL2	 S3_4_C12_C13_1
#define ICH_LR10_EL2	 S3_4_C12_C13_2
#define ICH_LR11_EL2	 S3_4_C12_C13_3
#define ICH_LR12_EL2	 S3_4_C12_C13_4
#define ICH_LR13_EL2	 S3_4_C12_C13_5
#define ICH_LR14_EL2	 S3_4_C12_C13_6
#define ICH_LR15_EL2	 S3_4_C12_C13_7

enum err gic_cpu_init(void)
{
	SYSREG_WRITE(ICC_SRE_EL2, ICC_SRE_ALL);
	isb();
	if ((SYSREG_READ(ICC_SRE_EL2) & 1u) == 0) {
		return ERR_UNSUPPORTED;
	}
	SYSREG_WRITE(ICC_SRE_EL1, 7);
	SYSREG_WRITE(ICC_PMR_EL1, ICC_PMR_ALL);
	SYSREG_WRITE(ICC_BPR1_EL1, 0);
	SYSREG_WRITE(ICC_CTLR_EL1, ICC_CTLR_EOIMODE);
	SYSREG_WRITE(ICC_IGRPEN1_EL1, 1);
	isb();
	gic_virtual_off();
	return ERR_OK;
}

uint32_t gic_cpu_ack(void)
{
	uint32_t intid = (uint32_t)(SYSREG_READ(ICC_IAR1_EL1) & ICC_IAR_INTID);

	/* What the device or core wrote before it raised the interrupt is seen by what follows. */
	dsb_sy();
	return intid;
}

void gic_cpu_drop(uint32_t intid)
{
	SYSREG_WRITE(ICC_EOIR1_EL1, intid);
	isb();
}

void gic_cpu_deactivate(uint32_t intid)
{
	SYSREG_WRITE(ICC_DIR_EL1, intid);
	isb();
}

void gic_cpu_sgi(uint64_t mpidr, uint32_t intid)
{
	uint64_t aff0 = mpidr & 0xFFu;
	uint64_t value = FIELD_PREP(ICC_SGI1R_AFF3, mpidr >> 32) | FIELD_PREP(ICC_SGI1R_AFF2, mpidr >> 16 & 0xFFu) |
			 FIELD_PREP(ICC_SGI1R_AFF1, mpidr >> 8 & 0xFFu) | FIELD_PREP(ICC_SGI1R_RS, aff0 / 16) |
			 FIELD_PREP(ICC_SGI1R_INTID, intid) | BIT64(aff0 % 16);

	__asm__ volatile("dsb ishst" ::: "memory");
	SYSREG_WRITE(ICC_SGI1R_EL1, value);
	isb();
}

uint32_t gic_lr_count(void)
{
	return (uint32_t)FIELD_GET(ICH_VTR_LISTREGS, SYSREG_READ(ICH_VTR_EL2)) + 1u;
}

uint32_t gic_priority_bits(void)
{
	return (uint32_t)FIELD_GET(ICH_VTR_PRIBITS, SYSREG_READ(ICH_VTR_EL2)) + 1u;
}

static void lr_write(uint32_t n, uint64_t value)
{
	switch (n) {
#define LR_WRITE_CASE(i)                                                                                               \
	case i:                                                                                                        \
		SYSREG_WRITE(ICH_LR##i##_EL2, value);                                                                  \
		break;
		LR_CASES(LR_WRITE_CASE)
	default:
		break;
	}
}

static uint64_t lr_read(uint32_t n)
{
	switch (n) {
#define LR_READ_CASE(i)                                                                                                \
	case i:                                                                                                        \
		return SYSREG_READ(ICH_LR##i##_EL2);
		LR_CASES(LR_READ_CASE)
	default:
		return 0;
	}
}

void gic_virtual_load(const struct vgic_lrs *lrs)
{
	for (uint32_t i = 0; i < lrs->lr_count; i++) {
		lr_write(i, lrs->lr[i]);
	}
	SYSREG_WRITE(ICC_SRE_EL1, lrs->cpu.sre);
	SYSREG_WRITE(ICH_VMCR_EL2, lrs->cpu.vmcr);
	SYSREG_WRITE(ICH_AP0R0_EL2, lrs->cpu.ap0r0);
	SYSREG_WRITE(ICH_AP1R0_EL2, lrs->cpu.ap1r0);
	SYSREG_WRITE(ICH_HCR_EL2, lrs->hcr);
	isb();
}

void gic_virtual_save(struct vgic_lrs *lrs)
{
	for (uint32_t i = 0; i < lrs->lr_count; i++) {
		lrs->lr[i] = lr_read(i);
	}
	lrs->hcr = (uint32_t)SYSREG_READ(ICH_HCR_EL2);
	lrs->cpu.vmcr = SYSREG_READ(ICH_VMCR_EL2);
	lrs->cpu.ap0r0 = (uint32_t)SYSREG_READ(ICH_AP0R0_EL2);
	lrs->cpu.ap1r0 = (uint32_t)SYSREG_READ(ICH_AP1R0_EL2);
	lrs->cpu.sre = (uint32_t)SYSREG_READ(ICC_SRE_EL1);
	/* Off while EL2 works: no maintenance interrupt for what has just been folded back. */
	SYSREG_WRITE(ICH_HCR_EL2, 0);
	isb();
}

void gic_virtual_off(void)
{
	for (uint32_t i = 0; i < gic_lr_count(); i++) {
		lr_write(i, 0);
	}
	SYSREG_WRITE(ICH_HCR_EL2, 0);
	isb();
}
