/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The owner mark on its way to the host's storage, one at a time and the newest last (docs/handover.md, marks). */
#ifndef MIGRATION_MARK_H
#define MIGRATION_MARK_H

#include <stdbool.h>

#include "migration/host.h"

struct mark_store {
	struct owner_mark
		base; /* last one put that was not in-doubt, durable or not yet; what CLEAR_MARK goes back to */
	struct owner_mark storing, next;
	bool busy, queued;
};

/** Store a mark after what is under way; replaces one that still waits. */
void mark_put(struct mark_store *m, const struct owner_mark *mark);
/**
 * Move on. True when a store ended: kind says of what, *result how. A host without storage has everything stored at
 * once.
 */
bool mark_step(struct mark_store *m, const struct host *host, const char *vm, enum mark_kind *kind, enum err *result);

#endif
