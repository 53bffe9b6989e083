/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What a VM's vCPUs write, or its devices by DMA, page by page: migration/dirty.h over a stage 2 table.
 *
 * Back ends, chosen at start-up by what walks the table. For vCPUs:
 *
 * Blocks of 2 MiB are protected whole when the log starts. The first write to one faults, and that fault splits it; with no table
 * page left it is granted and logged whole. So starting and harvesting cost what was written, not what is mapped.
 *
 * hafdbs: pages carry DBM, the walker sets S2AP[1] on the first write, no exit (FEAT_HAFDBS).
 * write-protect: leaves lose S2AP[1]; the fault grants the permission *first*, sets the log bit after, with
 * release, and only then drops the stale translation. In the other order a harvest between the two would take the bit and
 * protect again, the late grant would undo the protection, and the page would stay writable and unlogged.
 *
 * For devices behind an SMMUv3 (docs/design.md, "Who wrote what"); core/vm/dma_policy.h chooses:
 *
 * smmu-httu: as hafdbs, by the SMMU's walker (IHI 0070 3.13, HTTU >= 2, STE.S2HA and S2HD).
 * smmu-access: leaves lose their Access flag and the SMMU sets it again on a read or a write (HTTU = 1, STE.S2HA). Accessed
 * is a superset of written, and costs no fault. all-mapped: every page that is mapped writable, at each harvest. A page is never
 * write-protected against a device: PCIe has no way to try a write again.
 *
 * Pages that are unmapped or protected while the log is on are in it if they may have been written; pages that come are in it.
 *
 * A harvest clears the state of a range, invalidates, waits for completion, and only then reports. A write that went through
 * the old translation is complete by then, so a reader of the page sees it; a later one is recorded anew. Writes that
 * the hypervisor makes for the guest pass no stage 2: mark them after they are made.
 */
#ifndef CORE_VM_DIRTY_LOG_H
#define CORE_VM_DIRTY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/err.h"
#include "core/vm/stage2.h"
#include "migration/dirty.h"

enum dirty_backend {
	DIRTY_HAFDBS,
	DIRTY_WRITE_PROTECT,
	DIRTY_SMMU_HTTU,
	DIRTY_SMMU_ACCESS,
	DIRTY_ALL_MAPPED,
	DIRTY_BACKEND_COUNT
};

struct dirty_log {
	struct s2_table *s2;
	enum dirty_backend backend;
	uint64_t ram_ipa;    /* multiple of 2 MiB */
	uint64_t page_count; /* multiple of 512 */
	uint64_t *log;	     /* BITMAP_WORDS(page_count): write-protect faults, marks, and what was unmapped */
	uint32_t on;	     /* atomic: tracking */
};

/**
 * log: caller's, zero, BITMAP_WORDS(page_count) words. The log becomes the table's watcher. ERR_RANGE: alignment, or a back end
 * of devices on a table with blocks.
 */
MUST_CHECK enum err dirty_log_init(struct dirty_log *d, struct s2_table *s2, enum dirty_backend backend, ipa_t ram_ipa,
	uint64_t page_count, uint64_t *log);
/** "hafdbs", "write-protect", "smmu-httu", "smmu-access", "all-mapped". */
const char *dirty_backend_name(enum dirty_backend backend);
struct dirty dirty_log_tracker(struct dirty_log *d);

/** What a permission fault on a write was. */
enum dirty_fault {
	DIRTY_FAULT_RETRY,     /* recorded and granted, or granted meanwhile: run the instruction again */
	DIRTY_FAULT_FORBIDDEN, /* the page may not be written */
};

/** On the faulting vCPU's core. */
enum dirty_fault dirty_log_fault(struct dirty_log *d, ipa_t ipa);
/** The hypervisor has written to these pages of the VM. Any core. Pages outside RAM are ignored. */
void dirty_log_mark(struct dirty_log *d, uint64_t first_page, uint64_t page_count);

#endif
