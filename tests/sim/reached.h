/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Which named errors the engines gave. The list is made from the sources by tests/sim/named_errors.py; fmt(), vfmt() and
 * err_name() are wrapped by the linker, so that no text is missed, whoever asked for it and wherever it went.
 */
#ifndef TESTS_SIM_REACHED_H
#define TESTS_SIM_REACHED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define REACHED_MAX 384u

struct reached {
	uint64_t texts[REACHED_MAX]; /* by number of the named error */
	uint64_t errs[ERR_COUNT];
};

/** Count here from now on; NULL: nowhere. */
void reached_begin(struct reached *r);
/** An enum err that was given as a value and not as a text. */
void reached_err(enum err err);

/** A whole text that went through no format. */
void reached_line(const char *text);

/** Named errors by number, below reached_count(). */
uint32_t reached_count(void);
/** The text or format; where it stands in the sources. */
const char *reached_text(uint32_t number);
const char *reached_where(uint32_t number);
/** Number of a text or format, or REACHED_MAX. */
uint32_t reached_find(const char *text);

#endif
