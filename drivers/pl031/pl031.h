/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Arm PrimeCell PL031 real-time clock (DDI 0224): seconds since 1970. */
#ifndef DRIVERS_PL031_PL031_H
#define DRIVERS_PL031_PL031_H

#include <stdint.h>

#include "core/base/err.h"

struct pl031 {
	uintptr_t base;
};

/** ERR_UNSUPPORTED: no PL031 there, or one that was never set (0). Nothing is written. */
enum err pl031_init(struct pl031 *rtc, uintptr_t base) MUST_CHECK;
uint32_t pl031_seconds(const struct pl031 *rtc);

#endif
