/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Who owns the VM, as this host sees it (docs/handover.md), and the one rule of who may
 * run it. The engine computes the state, the hypervisor guards every vCPU entry with it.
 */
#ifndef CORE_BASE_OWNER_H
#define CORE_BASE_OWNER_H

#include <stdbool.h>

enum owner {
	OWNER_NONE = 0, /* no VM here, nothing begun */
	OWNER_OWN,
	OWNER_PREPARING,
	OWNER_HELD,
	OWNER_GIVEN,
	OWNER_GONE,
	OWNER_LOADING,
	OWNER_READY,
	OWNER_VOID,
	OWNER_TAKEN,
	OWNER_UNKNOWN, /* booted on a mark that is in doubt or away */
	OWNER_COUNT,
};

/** True in OWN, PREPARING and TAKEN and nowhere else. */
bool owner_may_run(enum owner owner);

/** QMP word: none, own, preparing, held, given, gone, loading, ready, void, taken, unknown. */
const char *owner_name(enum owner owner);

#endif
