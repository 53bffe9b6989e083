/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/keys.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"

#define LABEL_SESSION		 "EXPORTER-godwit-session"
#define LABEL_CHANNEL		 "EXPORTER-godwit-channel"
#define LABEL_RECOVERY		 "EXPORTER-godwit-recovery"
#define LABEL_PROOF		 "EXPORTER-godwit-proof"

#define DIRECTION_TO_DESTINATION 0u

/* HKDF-Expand infos, without the final zero. */
static const uint8_t info_key[12] = { 'g', 'o', 'd', 'w', 'i', 't', '/', '1', ' ', 'k', 'e', 'y' };
static const uint8_t info_next[13] = { 'g', 'o', 'd', 'w', 'i', 't', '/', '1', ' ', 'n', 'e', 'x', 't' };
static const uint8_t info_proof[14] = { 'g', 'o', 'd', 'w', 'i', 't', '/', '1', ' ', 'p', 'r', 'o', 'o', 'f' };

void keys_forget(void *secret, size_t len_bytes)
{
	memset(secret, 0, len_bytes);
	__asm__ volatile("" : : "r"(secret) : "memory");
}

void keys_transcript_hash(const struct hash_ops *hash, const struct keys_transcript *t, uint8_t out[HASH_BYTES])
{
	struct hash_state h;

	hash->start(&h);
	hash->add(&h, t->source_hello, HASH_BYTES);
	hash->add(&h, t->destination_hello, HASH_BYTES);
	hash->add(&h, t->source_id, HOST_ID_MAX);
	hash->add(&h, t->destination_id, HOST_ID_MAX);
	hash->finish(&h, out);
}

enum err keys_session_id(const struct tls *tls, tls_id id, const uint8_t transcript[HASH_BYTES], uint64_t *out)
{
	uint8_t bytes[8];
	enum err err = tls->ops->exporter(tls->ctx, id, LABEL_SESSION, transcript, HASH_BYTES, bytes, sizeof(bytes));

	if (err == ERR_OK) {
		*out = load_le64(bytes);
	}
	return err;
}

enum err keys_recovery(
	const struct tls *tls, tls_id id, const uint8_t transcript[HASH_BYTES], uint8_t out[KEYS_SECRET_BYTES])
{
	return tls->ops->exporter(tls->ctx, id, LABEL_RECOVERY, transcript, HASH_BYTES, out, KEYS_SECRET_BYTES);
}

/* Key and IV of the present secret. */
static enum err keys_expand(struct channel_keys *k, const struct seal_ops *seal)
{
	uint8_t okm[SEAL_KEY_BYTES + SEAL_IV_BYTES];
	enum err err = seal->hkdf_expand(k->secret, info_key, sizeof(info_key), okm, sizeof(okm));

	if (err == ERR_OK) {
		memcpy(k->iv, okm + SEAL_KEY_BYTES, SEAL_IV_BYTES);
		err = seal->key(&k->seal, okm);
	}
	keys_forget(okm, sizeof(okm));
	return err;
}

enum err keys_channel(struct channel_keys *k, const struct tls *tls, const struct seal_ops *seal, tls_id id,
	const uint8_t transcript[HASH_BYTES], uint32_t epoch, uint8_t channel)
{
	uint8_t context[HASH_BYTES + 6];
	enum err err;

	memcpy(context, transcript, HASH_BYTES);
	store_le32(context + HASH_BYTES, epoch);
	context[HASH_BYTES + 4] = channel;
	context[HASH_BYTES + 5] = DIRECTION_TO_DESTINATION;
	k->generation = 0;
	err = tls->ops->exporter(tls->ctx, id, LABEL_CHANNEL, context, sizeof(context), k->secret, KEYS_SECRET_BYTES);
	if (err == ERR_OK) {
		err = keys_expand(k, seal);
	}
	if (err != ERR_OK) {
		keys_forget(k->secret, sizeof(k->secret));
	}
	return err;
}

enum err keys_advance(struct channel_keys *k, const struct seal_ops *seal, uint64_t sequence)
{
	uint8_t next[KEYS_SECRET_BYTES];
	enum err err;

	if (sequence >> KEYS_REKEY_SHIFT == k->generation) {
		return ERR_OK;
	}
	ASSERT(sequence >> KEYS_REKEY_SHIFT == k->generation + 1);
	err = seal->hkdf_expand(k->secret, info_next, sizeof(info_next), next, sizeof(next));
	if (err != ERR_OK) {
		return err;
	}
	memcpy(k->secret, next, sizeof(next));
	keys_forget(next, sizeof(next));
	k->generation++;
	return keys_expand(k, seal);
}

void keys_iv(const struct channel_keys *k, uint64_t sequence, uint8_t out[SEAL_IV_BYTES])
{
	uint8_t count[8];

	store_le64(count, sequence);
	memcpy(out, k->iv, SEAL_IV_BYTES);
	for (size_t i = 0; i < sizeof(count); i++) {
		out[SEAL_IV_BYTES - sizeof(count) + i] ^= count[i];
	}
}

void keys_wipe(struct channel_keys *k, const struct seal_ops *seal)
{
	seal->wipe(&k->seal);
	keys_forget(k->secret, sizeof(k->secret));
	keys_forget(k->iv, sizeof(k->iv));
}

enum err keys_proof(const struct tls *tls, const struct seal_ops *seal, tls_id id,
	const uint8_t recovery[KEYS_SECRET_BYTES], const struct attempt *attempt, uint32_t epoch, enum tls_role role,
	uint8_t out[HASH_BYTES])
{
	uint8_t context[8 + 4 + 4];
	uint8_t msg[sizeof(info_proof) + 1 + 4 + HASH_BYTES];
	uint8_t *at = msg;
	enum err err;

	store_le64(context, attempt->random);
	store_le32(context + 8, attempt->number);
	store_le32(context + 12, epoch);
	memcpy(at, info_proof, sizeof(info_proof));
	at += sizeof(info_proof);
	*at++ = role == TLS_SOURCE ? 1 : 2;
	store_le32(at, epoch);
	at += 4;
	err = tls->ops->exporter(tls->ctx, id, LABEL_PROOF, context, sizeof(context), at, HASH_BYTES);
	if (err == ERR_OK) {
		seal->hmac(recovery, KEYS_SECRET_BYTES, msg, sizeof(msg), out);
	}
	keys_forget(msg, sizeof(msg));
	return err;
}
