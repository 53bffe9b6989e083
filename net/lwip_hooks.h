/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What lwIP asks of its platform: the time, initial sequence numbers, random numbers. Like lwIP
 * itself this is one per image.
 */
#ifndef NET_LWIP_HOOKS_H
#define NET_LWIP_HOOKS_H

#include <stdint.h>

#include "core/base/err.h"
#include "migration/host.h"

/** Draw the key of this boot. ERR_UNSUPPORTED or ERR_IO without randomness. host is borrowed for ever. */
enum err lwip_hooks_start(const struct host *host) MUST_CHECK;

/** Invariants of lwIP found broken since start; 0 is right. */
uint32_t lwip_hooks_assert_count(void);

#endif
