/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Compiler and platform as lwIP wants to know them: GCC or clang, freestanding, little-endian. */
#ifndef NET_LWIP_ARCH_CC_H
#define NET_LWIP_ARCH_CC_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif

#define LWIP_NO_UNISTD_H 1
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX /* sys/types.h has the type, so lwIP need not make one */
#endif
#define LWIP_NO_CTYPE_H 1

uint32_t lwip_hook_random(void);
void lwip_hook_assert(void);

#define LWIP_RAND()		      lwip_hook_random()

/*
 * lwIP's own invariants. What a peer sends must not stop the host, so a broken one is counted and
 * lwIP goes on; struct transport_stats shows the count, and the tests want it to be 0.
 */
#define LWIP_PLATFORM_ASSERT(message) lwip_hook_assert()
#define LWIP_PLATFORM_DIAG(message)                                                                                    \
	do {                                                                                                           \
	} while (0)

#endif
