/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Sealing of frames (AEAD with 256-bit keys, 96-bit IVs, 128-bit tags) and the key
 * derivations of the session. Implemented by net/ (mbedTLS) and, under tests/ only, by
 * a null seal. Nothing allocates after start-up.
 */
#ifndef MIGRATION_SESSION_SEAL_H
#define MIGRATION_SESSION_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "migration/hash.h"

#define SEAL_KEY_BYTES	 32u
#define SEAL_IV_BYTES	 12u
#define SEAL_TAG_BYTES	 16u
#define SEAL_STATE_BYTES 1024u

/** One keyed AEAD with at most one message under way; caller-owned, opaque. */
struct seal_state {
	_Alignas(16) uint8_t mem[SEAL_STATE_BYTES];
};

struct seal_ops {
	const char *name; /* "aes-256-gcm" */
	/** Set (or replace) the key. ERR_UNSUPPORTED, ERR_FULL. */
	enum err (*key)(struct seal_state *s, const uint8_t key[SEAL_KEY_BYTES]);
	/** Encrypt one message: begin, bytes in any number of pieces of any length, end. */
	enum err (*begin)(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes);
	void (*bytes)(struct seal_state *s, uint8_t *out, const uint8_t *in, size_t len_bytes);
	void (*end)(struct seal_state *s, uint8_t tag[SEAL_TAG_BYTES]);
	/** Verify, then decrypt in place. ERR_AUTH leaves no plaintext behind. */
	enum err (*open)(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes,
		uint8_t *bytes, size_t len_bytes, const uint8_t tag[SEAL_TAG_BYTES]);
	/** Forget the key, surely. */
	void (*wipe)(struct seal_state *s);

	/** HMAC-SHA-256 (RFC 2104) and HKDF-Expand with SHA-256 (RFC 5869, 2.3; len <= 255 * 32). */
	void (*hmac)(
		const uint8_t *key, size_t key_bytes, const uint8_t *msg, size_t msg_bytes, uint8_t out[HASH_BYTES]);
	enum err (*hkdf_expand)(
		const uint8_t prk[HASH_BYTES], const uint8_t *info, size_t info_bytes, uint8_t *out, size_t out_bytes);
	/** Constant-time comparison: 1 when equal. */
	int (*equal)(const uint8_t *a, const uint8_t *b, size_t len_bytes);

	const struct hash_ops *hash;
};

#endif
