/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/err.h"

#include "core/base/bits.h"

static const char *const names[ERR_COUNT] = {
	[ERR_OK] = "ok",
	[ERR_AGAIN] = "not finished",
	[ERR_FULL] = "full",
	[ERR_RANGE] = "out of range",
	[ERR_BAD_RECORD] = "bad record",
	[ERR_BAD_STATE] = "bad state",
	[ERR_NO_ARC] = "no such arc",
	[ERR_UNSUPPORTED] = "unsupported",
	[ERR_MISMATCH] = "mismatch",
	[ERR_AUTH] = "authentication failed",
	[ERR_TIMEOUT] = "timeout",
	[ERR_LOST] = "lost",
	[ERR_IO] = "input/output error",
	[ERR_POISONED] = "poisoned page",
	[ERR_CANCELLED] = "cancelled",
	[ERR_REFUSED] = "refused",
	[ERR_END] = "end",
};

const char *err_name(enum err err)
{
	if ((unsigned int)err >= ERR_COUNT || names[err] == NULL) {
		return "unknown error";
	}
	return names[err];
}
