/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Keys of the session, all drawn from the TLS exporter of one control connection (RFC 8446,
 * 7.5): session id, channel secrets, recovery secret and the proofs of a later epoch.
 * docs/wire-format.md, section 6.
 */
#ifndef MIGRATION_SESSION_KEYS_H
#define MIGRATION_SESSION_KEYS_H

#include <stdint.h>

#include "core/base/err.h"
#include "migration/hash.h"
#include "migration/link.h"
#include "migration/session/seal.h"
#include "migration/session/tls.h"

#define KEYS_REKEY_SHIFT  20u /* frames under one key: 2^20 */
#define KEYS_SECRET_BYTES 32u

/** Keys of one channel in its one direction, source to destination. */
struct channel_keys {
	uint8_t secret[KEYS_SECRET_BYTES]; /* of the present generation */
	uint8_t iv[SEAL_IV_BYTES];
	uint64_t generation; /* sequence >> KEYS_REKEY_SHIFT */
	struct seal_state seal;
};

/** What both ends of a connection agree on: hashes of both hellos, and both verified ids. */
struct keys_transcript {
	uint8_t source_hello[HASH_BYTES];
	uint8_t destination_hello[HASH_BYTES];
	char source_id[HOST_ID_MAX];
	char destination_id[HOST_ID_MAX];
};

/** SHA-256 over the transcript: the context of every exporter call but the proof's. */
void keys_transcript_hash(const struct hash_ops *hash, const struct keys_transcript *t, uint8_t out[HASH_BYTES]);

MUST_CHECK enum err keys_session_id(
	const struct tls *tls, tls_id id, const uint8_t transcript[HASH_BYTES], uint64_t *out);
MUST_CHECK enum err keys_recovery(
	const struct tls *tls, tls_id id, const uint8_t transcript[HASH_BYTES], uint8_t out[KEYS_SECRET_BYTES]);
/** Keys of generation 0. On error k holds no key. */
MUST_CHECK enum err keys_channel(struct channel_keys *k, const struct tls *tls, const struct seal_ops *seal, tls_id id,
	const uint8_t transcript[HASH_BYTES], uint32_t epoch, uint8_t channel);
/**
 * Make the keys those of a sequence number, which never falls: every 2^20 frames the next
 * secret, key and IV are expanded and the old ones overwritten.
 */
MUST_CHECK enum err keys_advance(struct channel_keys *k, const struct seal_ops *seal, uint64_t sequence);
/** IV of one frame: the IV of the generation, its last 8 bytes xored with the le64 sequence. */
void keys_iv(const struct channel_keys *k, uint64_t sequence, uint8_t out[SEAL_IV_BYTES]);
void keys_wipe(struct channel_keys *k, const struct seal_ops *seal);

/** Proof that role holds the recovery secret, bound to this epoch and this connection's exporter. */
MUST_CHECK enum err keys_proof(const struct tls *tls, const struct seal_ops *seal, tls_id id,
	const uint8_t recovery[KEYS_SECRET_BYTES], const struct attempt *attempt, uint32_t epoch, enum tls_role role,
	uint8_t out[HASH_BYTES]);

/** Overwrite a secret such that the compiler keeps the store. */
void keys_forget(void *secret, size_t len_bytes);

#endif
