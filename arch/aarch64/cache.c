/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/cache.h"
#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"

/* Arm ARM D24.2.34: CTR_EL0. */
#define CTR_DMINLINE MASK64(19, 16)
#define CTR_IDC	     BIT64(28)
#define CTR_DIC	     BIT64(29)

static uint64_t line_bytes(void)
{
	return 4u << FIELD_GET(CTR_DMINLINE, SYSREG_READ(ctr_el0));
}

void cache_clean(uintptr_t at, size_t len_bytes)
{
	uint64_t line = line_bytes();

	for (uintptr_t p = ROUND_DOWN(at, line); p < at + len_bytes; p += line) {
		__asm__ volatile("dc cvac, %0" ::"r"(p) : "memory");
	}
	dsb_sy();
}

void cache_clean_invalidate(uintptr_t at, size_t len_bytes)
{
	uint64_t line = line_bytes();

	for (uintptr_t p = ROUND_DOWN(at, line); p < at + len_bytes; p += line) {
		__asm__ volatile("dc civac, %0" ::"r"(p) : "memory");
	}
	dsb_sy();
}

void cache_clean_unification(uintptr_t at, size_t len_bytes)
{
	uint64_t line = line_bytes();

	if ((SYSREG_READ(ctr_el0) & CTR_IDC) == 0) {
		for (uintptr_t p = ROUND_DOWN(at, line); p < at + len_bytes; p += line) {
			__asm__ volatile("dc cvau, %0" ::"r"(p) : "memory");
		}
	}
	dsb_ish();
}

void cache_invalidate_instructions(void)
{
	dsb_ish();
	if ((SYSREG_READ(ctr_el0) & CTR_DIC) == 0) {
		__asm__ volatile("ic ialluis" ::: "memory");
		dsb_ish();
	}
	isb();
}
