/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** System register access, barriers, and the names that an Armv8.0 assembler does not know. */
#ifndef ARCH_AARCH64_SYSREG_H
#define ARCH_AARCH64_SYSREG_H

#include <stdint.h>

#define SYSREG_STR_(x) #x
#define SYSREG_STR(x)  SYSREG_STR_(x)

#define SYSREG_READ(name)                                                                                              \
	__extension__({                                                                                                \
		uint64_t sysreg_r_;                                                                                    \
		__asm__ volatile("mrs %0, " SYSREG_STR(name) : "=r"(sysreg_r_)::"memory");                             \
		sysreg_r_;                                                                                             \
	})

#define SYSREG_WRITE(name, value)                                                                                      \
	do {                                                                                                           \
		uint64_t sysreg_v_ = (value);                                                                          \
		__asm__ volatile("msr " SYSREG_STR(name) ", %0" ::"r"(sysreg_v_) : "memory");                          \
	} while (0)

/* Beyond Armv8.0, by encoding: Arm ARM D24. */
#define ID_AA64PFR2_EL1	 S3_0_C0_C4_2
#define ID_AA64ZFR0_EL1	 S3_0_C0_C4_4
#define ID_AA64SMFR0_EL1 S3_0_C0_C4_5
#define ID_AA64ISAR2_EL1 S3_0_C0_C6_2
#define ID_AA64MMFR2_EL1 S3_0_C0_C7_2
#define ID_AA64MMFR3_EL1 S3_0_C0_C7_3
#define APIAKEYLO_EL1	 S3_0_C2_C1_0
#define APIAKEYHI_EL1	 S3_0_C2_C1_1
#define APIBKEYLO_EL1	 S3_0_C2_C1_2
#define APIBKEYHI_EL1	 S3_0_C2_C1_3
#define APDAKEYLO_EL1	 S3_0_C2_C2_0
#define APDAKEYHI_EL1	 S3_0_C2_C2_1
#define APDBKEYLO_EL1	 S3_0_C2_C2_2
#define APDBKEYHI_EL1	 S3_0_C2_C2_3
#define APGAKEYLO_EL1	 S3_0_C2_C3_0
#define APGAKEYHI_EL1	 S3_0_C2_C3_1
#define HCRX_EL2	 S3_4_C1_C2_2
#define HFGRTR_EL2	 S3_4_C1_C1_4
#define HFGWTR_EL2	 S3_4_C1_C1_5
#define HFGITR_EL2	 S3_4_C1_C1_6
#define HDFGRTR_EL2	 S3_4_C3_C1_4
#define HDFGWTR_EL2	 S3_4_C3_C1_5
#define HAFGRTR_EL2	 S3_4_C3_C1_6

/* GICv3 CPU interface and its virtual side: IHI 0069, chapter 12. */
#define ICC_PMR_EL1	 S3_0_C4_C6_0
#define ICC_IAR1_EL1	 S3_0_C12_C12_0
#define ICC_EOIR1_EL1	 S3_0_C12_C12_1
#define ICC_DIR_EL1	 S3_0_C12_C11_1
#define ICC_SGI1R_EL1	 S3_0_C12_C11_5
#define ICC_BPR1_EL1	 S3_0_C12_C12_3
#define ICC_CTLR_EL1	 S3_0_C12_C12_4
#define ICC_SRE_EL1	 S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1	 S3_0_C12_C12_7
#define ICC_SRE_EL2	 S3_4_C12_C9_5
#define ICH_AP0R0_EL2	 S3_4_C12_C8_0
#define ICH_AP0R1_EL2	 S3_4_C12_C8_1
#define ICH_AP0R2_EL2	 S3_4_C12_C8_2
#define ICH_AP0R3_EL2	 S3_4_C12_C8_3
#define ICH_AP1R0_EL2	 S3_4_C12_C9_0
#define ICH_AP1R1_EL2	 S3_4_C12_C9_1
#define ICH_AP1R2_EL2	 S3_4_C12_C9_2
#define ICH_AP1R3_EL2	 S3_4_C12_C9_3
#define ICH_HCR_EL2	 S3_4_C12_C11_0
#define ICH_VTR_EL2	 S3_4_C12_C11_1
#define ICH_MISR_EL2	 S3_4_C12_C11_2
#define ICH_EISR_EL2	 S3_4_C12_C11_3
#define ICH_ELRSR_EL2	 S3_4_C12_C11_5
#define ICH_VMCR_EL2	 S3_4_C12_C11_7

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

static inline void dsb_sy(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

static inline void dsb_ish(void)
{
	__asm__ volatile("dsb ish" ::: "memory");
}

static inline void dsb_nsh(void)
{
	__asm__ volatile("dsb nsh" ::: "memory");
}

#endif
