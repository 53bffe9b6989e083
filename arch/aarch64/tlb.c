/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Stage 2 invalidation (Arm ARM D8.17): by IPA, then everything of stage 1 and combined that may hold a copy. */
#include "arch/aarch64/features.h"
#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"

#define VTTBR_VMID     MASK64(63, 48)
#define TLBI_IPA       MASK64(35, 0) /* IPA[47:12] */
#define RANGE_BASE     MASK64(36, 0)
#define RANGE_NUM      MASK64(43, 39)
#define RANGE_SCALE    MASK64(45, 44)
#define RANGE_TG_4K    FIELD_PREP(MASK64(47, 46), 1)
#define SOME_PAGES_MAX 64u /* SCALE 0: (NUM + 1) * 2; more pages than this: the whole VMID at once */

/** TLBI works on the current VMID: the VM's, for as long as it takes. Returns what was there. */
static uint64_t space_enter(const struct arch_space *space)
{
	uint64_t old = SYSREG_READ(vttbr_el2);

	if (old != space->vttbr) {
		SYSREG_WRITE(vttbr_el2, space->vttbr);
		isb();
	}
	return old;
}

static void space_leave(const struct arch_space *space, uint64_t old)
{
	if (old != space->vttbr) {
		SYSREG_WRITE(vttbr_el2, old);
		isb();
	}
}

static void publish(void *ctx)
{
	(void)ctx;
	__asm__ volatile("dsb ishst" ::: "memory");
}

static void invalidate(void *ctx, uint64_t ipa, uint64_t page_count)
{
	const struct arch_space *space = ctx;
	uint64_t old = space_enter(space);
	uint64_t page = ipa / PAGE_BYTES;

	if (page_count > SOME_PAGES_MAX) {
		__asm__ volatile("tlbi vmalls12e1is" ::: "memory");
	} else if (has_tlb_range() && page_count > 1 && page_count % 2 == 0) {
		uint64_t arg = FIELD_PREP(RANGE_BASE, page) | FIELD_PREP(RANGE_NUM, page_count / 2 - 1) |
			       FIELD_PREP(RANGE_SCALE, 0) | RANGE_TG_4K;

		/* TLBI RIPAS2E1IS, Xt */
		__asm__ volatile("sys #4, c8, c0, #2, %0" ::"r"(arg) : "memory");
	} else {
		for (uint64_t i = 0; i < page_count; i++) {
			__asm__ volatile("tlbi ipas2e1is, %0" ::"r"((page + i) & TLBI_IPA) : "memory");
		}
	}
	dsb_ish();
	space_leave(space, old);
}

static void complete(void *ctx)
{
	const struct arch_space *space = ctx;
	uint64_t old = space_enter(space);

	dsb_ish();
	__asm__ volatile("tlbi vmalle1is" ::: "memory");
	dsb_ish();
	isb();
	space_leave(space, old);
}

static void invalidate_local(void *ctx, uint64_t ipa)
{
	const struct arch_space *space = ctx;
	uint64_t old = space_enter(space);

	/* The grant is visible to this core's walker before it may walk again. */
	__asm__ volatile("dsb nshst" ::: "memory");
	__asm__ volatile("tlbi ipas2e1, %0" ::"r"(ipa / PAGE_BYTES & TLBI_IPA) : "memory");
	dsb_nsh();
	__asm__ volatile("tlbi vmalle1" ::: "memory");
	dsb_nsh();
	isb();
	space_leave(space, old);
}

const struct s2_ops arch_s2_ops = {
	.publish = publish,
	.invalidate = invalidate,
	.complete = complete,
	.invalidate_local = invalidate_local,
};

void arch_space_init(struct arch_space *space, pa_t root, uint16_t vmid)
{
	uint64_t old;

	space->vttbr = root.v | FIELD_PREP(VTTBR_VMID, vmid);
	/* Nothing of an earlier use of this VMID. */
	old = space_enter(space);
	__asm__ volatile("tlbi vmalls12e1is" ::: "memory");
	dsb_ish();
	isb();
	space_leave(space, old);
}

bool arch_has_fwb(void)
{
	return has_fwb();
}

bool arch_has_hafdbs(void)
{
	return has_hafdbs() && has_lse();
}

/*
 * FEAT_HAFDBS implies FEAT_LSE. One atomic instruction, as the walker's own update is one, cannot be starved by it; the
 * exclusives serve CPUs whose walkers do not write.
 */
uint64_t arch_desc_set(uint64_t *desc, uint64_t bits)
{
	uint64_t old;

	if (!has_lse()) {
		return __atomic_fetch_or(desc, bits, __ATOMIC_ACQ_REL);
	}
	__asm__ volatile(".arch_extension lse\n\tldsetal %1, %0, [%2]" : "=r"(old) : "r"(bits), "r"(desc) : "memory");
	return old;
}

uint64_t arch_desc_clear(uint64_t *desc, uint64_t bits)
{
	uint64_t old;

	if (!has_lse()) {
		return __atomic_fetch_and(desc, ~bits, __ATOMIC_ACQ_REL);
	}
	__asm__ volatile(".arch_extension lse\n\tldclral %1, %0, [%2]" : "=r"(old) : "r"(bits), "r"(desc) : "memory");
	return old;
}
