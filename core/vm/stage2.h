/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Stage 2 translation tables (Arm ARM D8, 4 KiB granule, 40-bit IPA): one for a VM's vCPUs, and by the same code one
 * for its devices (SMMUv3, 4 KiB leaves only).
 *
 * Portable: what the hardware has to be told goes through struct s2_ops, and descriptors are only changed by
 * single-copy-atomic stores and the atomics of core/vm/arch.h, since walkers read, and with FEAT_HAFDBS write, them at
 * any time. Structure (which tables exist, which are blocks) changes under the table's lock; a fault that hits the gap of a
 * break-before-make takes the same lock in s2_is_mapped() and is retried.
 *
 * Table pages come from a pool the caller owns. Every call first finds out whether it has enough of them, changing
 * nothing, and then cannot fail.
 */
#ifndef CORE_VM_STAGE2_H
#define CORE_VM_STAGE2_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/err.h"
#include "core/base/spinlock.h"

#define S2_IPA_BITS   40u
#define S2_ROOT_PAGES 2u /* two concatenated level 1 tables, aligned to their size */
#define S2_ENTRIES    512u
#define S2_T0SZ	      (64u - S2_IPA_BITS)
#define S2_SL0	      1u /* start at level 1 */

/* Arm ARM D8.3.2: stage 2 descriptors. */
#define S2_VALID      UINT64_C(1)
#define S2_TABLE      (UINT64_C(1) << 1) /* level 1 and 2: table; level 3: page */
#define S2_READ	      (UINT64_C(1) << 6) /* S2AP[0] */
#define S2_WRITE      (UINT64_C(1) << 7) /* S2AP[1]; the dirty state when DBM is 1 */
#define S2_ADDRESS    UINT64_C(0x0000FFFFFFFFF000)
#define S2_AF	      (UINT64_C(1) << 10) /* Access flag */
#define S2_DBM	      (UINT64_C(1) << 51)
#define S2_SOFT_WRITE (UINT64_C(1) << 55) /* software: may be written, whatever S2AP[1] says while tracking */

typedef uint64_t s2_page[S2_ENTRIES];

struct s2_ops {
	/** Stores to descriptors are seen by the walker before what follows. */
	void (*publish)(void *ctx);
	/** Drop cached translations of these pages; not complete before complete(). */
	void (*invalidate)(void *ctx, uint64_t ipa, uint64_t page_count);
	/** Earlier invalidations are complete, and no access that used the old translation is in flight. */
	void (*complete)(void *ctx);
	/** Drop one page on this core only, completely: after a fault that was granted. May be NULL for devices. */
	void (*invalidate_local)(void *ctx, uint64_t ipa);
};

/**
 * Who must know of leaves that come, go or change their permission: a dirty log. desc is the new leaf of a mapping, and what an
 * unmapped or protected leaf last said; an unmapped one may come twice, before and after its invalidation. Called with the
 * table's lock.
 */
struct s2_watch {
	void (*changed)(void *ctx, uint64_t ipa, uint64_t page_count, uint64_t desc);
	void *ctx;
};

enum s2_memory { S2_NORMAL, S2_DEVICE };

struct s2_attr {
	enum s2_memory memory;
	bool write, execute;
};

struct s2_config {
	s2_page *root; /* S2_ROOT_PAGES, aligned to their total size, zero */
	s2_page *pool; /* page-aligned, zero */
	uint32_t pool_count;
	bool pages_only; /* no blocks */
	bool fwb;	 /* MemAttr in the form of FEAT_S2FWB */
	const struct s2_ops *ops;
	void *ops_ctx;
};

struct s2_table {
	struct spinlock lock;
	struct s2_config cfg;
	struct s2_watch watch; /* changed NULL: nobody */
	uint32_t free_count;   /* pool pages that are no tables: never used, or in the list */
	uint32_t fresh;	       /* the first that was never one */
	uint32_t free_first;   /* 0: the list is empty */
};

/** ERR_RANGE: alignment. */
MUST_CHECK enum err s2_init(struct s2_table *t, const struct s2_config *cfg);
/** One watcher of a table at most, and for good. */
void s2_set_watch(struct s2_table *t, struct s2_watch watch);
/** For VTTBR_EL2.BADDR and STE.S2TTB. */
pa_t s2_root(const struct s2_table *t);

/**
 * Map pages where nothing is mapped. ERR_RANGE: not aligned, beyond the IPA space, or mapped already; ERR_FULL: no table
 * pages. On error nothing has changed.
 */
MUST_CHECK enum err s2_map(struct s2_table *t, ipa_t ipa, pa_t pa, uint64_t page_count, struct s2_attr attr);
/** Unmap what is mapped of the range, invalidated and complete on return; emptied level 3 tables are free again. ERR_FULL: a block to split and no page for it. */
MUST_CHECK enum err s2_unmap(struct s2_table *t, ipa_t ipa, uint64_t page_count);
/** Give or take the write permission of mapped pages; complete on return. ERR_FULL as s2_unmap. */
MUST_CHECK enum err s2_protect(struct s2_table *t, ipa_t ipa, uint64_t page_count, bool write);

/** Table pages that are left. */
uint32_t s2_free_pages(struct s2_table *t);
/** The block at ipa becomes 512 pages. ERR_OK also when it is no block; ERR_FULL. */
MUST_CHECK enum err s2_split(struct s2_table *t, ipa_t ipa);
/**
 * The same for a caller that holds t->lock; where the block may be written (S2_SOFT_WRITE), set and clear change its pages on the
 * way.
 */
MUST_CHECK enum err s2_split_locked(struct s2_table *t, ipa_t ipa, uint64_t set, uint64_t clear);
/** 512 pages become one block again, if they are contiguous and alike; otherwise nothing happens. */
void s2_join(struct s2_table *t, ipa_t ipa);

/** The leaf that maps ipa, or NULL. level: 2 (block) or 3. Valid until the structure changes. */
uint64_t *s2_leaf(struct s2_table *t, ipa_t ipa, uint32_t *level);
/** Takes the lock: after it a fault in a break-before-make gap may be retried when this says true. */
bool s2_is_mapped(struct s2_table *t, ipa_t ipa);

#endif
