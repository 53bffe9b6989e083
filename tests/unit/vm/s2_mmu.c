/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <string.h>

#include "core/base/assert.h"
#include "tests/unit/vm/s2_mmu.h"

void mmu_init(struct mmu *m, struct s2_table *s2, uint64_t base, bool hafdbs)
{
	memset(m, 0, sizeof(*m));
	m->s2 = s2;
	m->base = base;
	m->hafdbs = hafdbs;
}

static void publish(void *ctx)
{
	((struct mmu *)ctx)->published = true;
}

static void invalidate(void *ctx, uint64_t ipa, uint64_t page_count)
{
	struct mmu *m = ctx;

	m->invalidations++;
	m->unpublished += m->published ? 0 : 1;
	for (uint64_t i = 0; i < page_count; i++) {
		uint64_t page = (ipa - m->base) / PAGE_BYTES + i;

		if (page < MMU_TLB_ENTRIES) {
			m->tlb[page].combined_only = true;
		}
	}
}

static void complete(void *ctx)
{
	struct mmu *m = ctx;

	m->completions++;
	m->published = false;
	for (uint32_t i = 0; i < MMU_TLB_ENTRIES; i++) {
		if (m->tlb[i].combined_only) {
			m->tlb[i].valid = false;
			m->tlb[i].combined_only = false;
		}
	}
}

static void invalidate_local(void *ctx, uint64_t ipa)
{
	publish(ctx); /* a barrier of its own */
	invalidate(ctx, ipa, 1);
	complete(ctx);
}

const struct s2_ops mmu_ops = {
	.publish = publish, .invalidate = invalidate, .complete = complete, .invalidate_local = invalidate_local
};

enum mmu_result mmu_access(struct mmu *m, uint64_t ipa, bool write, uint64_t *pa)
{
	uint64_t page = (ipa - m->base) / PAGE_BYTES;
	uint64_t size;

	ASSERT(page < MMU_TLB_ENTRIES);
	if (!m->tlb[page].valid) {
		m->tlb[page].at = s2_leaf(m->s2, (ipa_t){ ipa }, &m->tlb[page].level);
		if (m->tlb[page].at == NULL) {
			return MMU_TRANSLATION;
		}
		m->tlb[page].desc = *m->tlb[page].at;
		m->tlb[page].valid = true;
	}
	if (write && (m->tlb[page].desc & S2_WRITE) == 0) {
		if (!m->hafdbs || (m->tlb[page].desc & S2_DBM) == 0) {
			return MMU_PERMISSION;
		}
		/* The hardware checks that its copy is not stale before it writes. */
		if (*m->tlb[page].at != m->tlb[page].desc) {
			m->tlb[page].valid = false;
			return mmu_access(m, ipa, write, pa);
		}
		*m->tlb[page].at |= S2_WRITE;
		m->tlb[page].desc |= S2_WRITE;
	}
	size = m->tlb[page].level == 3 ? PAGE_BYTES : BLOCK_BYTES;
	*pa = (m->tlb[page].desc & S2_ADDRESS) + ipa % size;
	return MMU_OK;
}
