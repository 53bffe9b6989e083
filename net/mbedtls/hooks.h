/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What Mbed TLS asks of its platform: memory, time, randomness. Its hooks carry no context, so
 * the environment of the caller is entered around every call into the library: one pointer, which is
 * the only state here. All callers of one image run on one service core.
 */
#ifndef NET_MBEDTLS_HOOKS_H
#define NET_MBEDTLS_HOOKS_H

#include <stdint.h>

#include "core/base/err.h"
#include "net/mbedtls/arena.h"

struct mbedtls_env {
	struct arena *arena;  /* where calloc takes from */
	struct arena *shared; /* blocks of this one may be freed too; NULL if none */
	/** Cryptographic randomness. */
	enum err (*random)(void *ctx, uint8_t *out, size_t len_bytes);
	/** Seconds since 1970-01-01 UTC. */
	enum err (*wall_clock)(void *ctx, int64_t *unix_s);
	void *ctx;
};

/** Enter an environment, borrowed until the matching leave. Not nested. */
void mbedtls_env_enter(const struct mbedtls_env *env);
void mbedtls_env_leave(void);

#endif
