/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A CPU's stage 2 as far as these tests need one: a walker with FEAT_HAFDBS, and a TLB that keeps what it has read until it is
 * told otherwise, so that a missing or early invalidation shows.
 */
#ifndef TESTS_UNIT_VM_S2_MMU_H
#define TESTS_UNIT_VM_S2_MMU_H

#include <stdbool.h>
#include <stdint.h>

#include "core/vm/stage2.h"

#define MMU_TLB_ENTRIES 4096u

enum mmu_result { MMU_OK, MMU_TRANSLATION, MMU_PERMISSION };

struct mmu {
	struct s2_table *s2;
	bool hafdbs;
	struct {
		bool valid,
			combined_only; /* combined_only: the stage 2 part was dropped by IPA, the combined one lives on */
		uint64_t desc;	       /* leaf, as last walked */
		uint64_t *at;
		uint32_t level;
	} tlb[MMU_TLB_ENTRIES]; /* by page from base */
	uint64_t base;
	uint32_t completions, invalidations;
	bool published;	      /* since the last completion */
	uint32_t unpublished; /* invalidations with no barrier before them */
};

extern const struct s2_ops mmu_ops;
void mmu_init(struct mmu *m, struct s2_table *s2, uint64_t base, bool hafdbs);
/** One access of the guest's; pa is where it went. */
enum mmu_result mmu_access(struct mmu *m, uint64_t ipa, bool write, uint64_t *pa);

#endif
