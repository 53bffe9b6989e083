/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** PL031 real-time clock (Arm DDI 0224): seconds since 1970-01-01 UTC, as the board was set. */
#ifndef DRIVERS_PL031_PL031_H
#define DRIVERS_PL031_PL031_H

#include <stdint.h>

#include "core/base/err.h"

struct pl031 {
	uintptr_t base;
};

/** ERR_UNSUPPORTED: the PrimeCell identification is not a PL031's. */
MUST_CHECK enum err pl031_init(struct pl031 *r, uintptr_t base);
uint32_t pl031_seconds(const struct pl031 *r);

#endif
