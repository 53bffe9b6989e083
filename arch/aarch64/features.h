/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What this CPU has, asked of its ID registers each time: nothing to initialise, and every core answers for itself. */
#ifndef ARCH_AARCH64_FEATURES_H
#define ARCH_AARCH64_FEATURES_H

#include <stdbool.h>

#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"

static inline uint64_t id_field(uint64_t reg, uint32_t shift)
{
	return reg >> shift & 0xFu;
}

static inline bool has_pauth(void)
{
	uint64_t isar1 = SYSREG_READ(id_aa64isar1_el1);

	/* APA, API; APA3 in ISAR2. */
	return id_field(isar1, 4) != 0 || id_field(isar1, 8) != 0 || id_field(SYSREG_READ(ID_AA64ISAR2_EL1), 12) != 0;
}

static inline bool has_lse(void)
{
	return id_field(SYSREG_READ(id_aa64isar0_el1), 20) >= 2;
}

static inline bool has_tlb_range(void)
{
	return id_field(SYSREG_READ(id_aa64isar0_el1), 56) >= 2;
}

static inline bool has_fwb(void)
{
	return id_field(SYSREG_READ(ID_AA64MMFR2_EL1), 40) >= 1;
}

/** Access flag and dirty state by hardware, at stage 2. */
static inline bool has_hafdbs(void)
{
	return id_field(SYSREG_READ(id_aa64mmfr1_el1), 0) >= 2;
}

static inline bool has_vmid16(void)
{
	return id_field(SYSREG_READ(id_aa64mmfr1_el1), 4) == 2;
}

static inline bool has_lor(void)
{
	return id_field(SYSREG_READ(id_aa64mmfr1_el1), 16) != 0;
}

static inline bool has_hcx(void)
{
	return id_field(SYSREG_READ(id_aa64mmfr1_el1), 40) != 0;
}

static inline bool has_fgt(void)
{
	return id_field(SYSREG_READ(id_aa64mmfr0_el1), 56) != 0;
}

static inline bool has_ras(void)
{
	return id_field(SYSREG_READ(id_aa64pfr0_el1), 28) != 0;
}

static inline bool has_amu(void)
{
	return id_field(SYSREG_READ(id_aa64pfr0_el1), 44) != 0;
}

static inline bool has_trace(void)
{
	return id_field(SYSREG_READ(id_aa64dfr0_el1), 4) != 0;
}

static inline bool has_pmu(void)
{
	uint64_t ver = id_field(SYSREG_READ(id_aa64dfr0_el1), 8);

	return ver != 0 && ver != 0xF;
}

static inline bool has_spe(void)
{
	return id_field(SYSREG_READ(id_aa64dfr0_el1), 32) != 0;
}

static inline bool has_trf(void)
{
	return id_field(SYSREG_READ(id_aa64dfr0_el1), 40) != 0;
}

#endif
