/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/owner.h"

#include "core/base/bits.h"

static const char *const names[OWNER_COUNT] = {
	[OWNER_NONE] = "none",
	[OWNER_OWN] = "own",
	[OWNER_PREPARING] = "preparing",
	[OWNER_HELD] = "held",
	[OWNER_GIVEN] = "given",
	[OWNER_GONE] = "gone",
	[OWNER_LOADING] = "loading",
	[OWNER_READY] = "ready",
	[OWNER_VOID] = "void",
	[OWNER_TAKEN] = "taken",
	[OWNER_UNKNOWN] = "unknown",
};

bool owner_may_run(enum owner owner)
{
	return owner == OWNER_OWN || owner == OWNER_PREPARING || owner == OWNER_TAKEN;
}

const char *owner_name(enum owner owner)
{
	return (unsigned int)owner < OWNER_COUNT ? names[owner] : "invalid";
}
