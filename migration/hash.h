/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** SHA-256 behind an ops table, so that the engine needs no crypto library. Implemented by net/ (mbedTLS). */
#ifndef MIGRATION_HASH_H
#define MIGRATION_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_BYTES	 32u
#define HASH_STATE_BYTES 160u

/** Caller-owned running hash; opaque. */
struct hash_state {
	_Alignas(16) uint8_t mem[HASH_STATE_BYTES];
};

struct hash_ops {
	void (*start)(struct hash_state *h);
	void (*add)(struct hash_state *h, const void *bytes, size_t len_bytes);
	/** The state may be copied before, to read a running value. */
	void (*finish)(struct hash_state *h, uint8_t out[HASH_BYTES]);
};

#endif
