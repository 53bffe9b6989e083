/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * One contract for every tracker of written pages: stage 2 dirty state or write protection,
 * SMMU HTTU, a device's own log, or "everything". The engine takes the union.
 *
 * Page numbers are indices into the VM's RAM as the engine counts it: the pages of
 * vm_desc.ram[0], then of ram[1], ... (vm_desc.page_count in all).
 */
#ifndef MIGRATION_DIRTY_H
#define MIGRATION_DIRTY_H

#include <stdint.h>

#include "core/base/err.h"

/** Where a harvest stands; zeroed by the caller to begin one. */
struct dirty_cursor {
	uint64_t next_page;
	uint32_t phase; /* private to the tracker */
	uint32_t spare;
};

struct dirty_ops {
	const char *name; /* "hafdbs", "write-protect", "smmu-httu", "device-log", "all" */
	/** Begin tracking. All writes after the return are recorded. ERR_FULL (tables), ERR_IO. */
	enum err (*start)(void *ctx);
	/**
	 * Do one bounded slice (at most about 50 us): for a range of pages clear the dirty
	 * state, invalidate, wait for completion, and only then OR the range's dirty pages
	 * into map (one bit per page of the VM). A page may be read for sending only after
	 * its range was reported.
	 *
	 * @return ERR_AGAIN: a slice is done, call again with the same cursor.
	 *         ERR_OK: the whole VM has been harvested once.
	 *         ERR_LOST: the log overflowed or failed; the caller treats all as dirty.
	 */
	enum err (*harvest)(void *ctx, struct dirty_cursor *cursor, uint64_t *map);
	/** End tracking; never fails; idempotent. */
	void (*stop)(void *ctx);
};

struct dirty {
	const struct dirty_ops *ops;
	void *ctx;
};

#endif
