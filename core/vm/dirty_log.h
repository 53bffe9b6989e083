/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What a VM's vCPUs write, page by page: migration/dirty.h over the VM's stage 2 table.
 *
 * Two back ends, chosen at start-up by what the CPU has:
 *
 * hafdbs: leaves carry DBM, the walker sets S2AP[1] on the first write, no exit (FEAT_HAFDBS).
 * write-protect: leaves lose S2AP[1]; the fault grants the permission *first*, sets the log bit after, with
 * release, and only then drops the stale translation. In the other order a harvest between the two would take the bit and
 * protect again, the late grant would undo the protection, and the page would stay writable and unlogged.
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

enum dirty_backend { DIRTY_HAFDBS, DIRTY_WRITE_PROTECT };

struct dirty_log {
	struct s2_table *s2;
	enum dirty_backend backend;
	uint64_t ram_ipa;    /* multiple of 2 MiB */
	uint64_t page_count; /* multiple of 512 */
	uint64_t *log;	     /* BITMAP_WORDS(page_count): write-protect faults, and marks in both back ends */
	uint32_t on;	     /* atomic: tracking */
};

/** log: caller's, zero, BITMAP_WORDS(page_count) words. ERR_RANGE: alignment. */
MUST_CHECK enum err dirty_log_init(struct dirty_log *d, struct s2_table *s2, enum dirty_backend backend, ipa_t ram_ipa,
	uint64_t page_count, uint64_t *log);
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
