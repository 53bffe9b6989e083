/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** RAM and devices of a VM that is no longer this host's are emptied, in either role. */
#ifndef MIGRATION_SCRUB_H
#define MIGRATION_SCRUB_H

#include <stdbool.h>

struct engine;

/** Zeroed: not begun. */
struct scrub {
	bool begun, ram_done;
};

/**
 * One slice. True when nothing is left to do; what could not be emptied has then been said (engine.scrub_fault).
 *
 * @param moved  Set when something was done, else left alone.
 */
bool scrub_slice(struct engine *e, struct scrub *s, bool *moved);

#endif
