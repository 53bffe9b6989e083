/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/seal_port.h"

#include <string.h>

#include <mbedtls/constant_time.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

#define HMAC_BLOCK_BYTES 64u
#define HKDF_BLOCKS_MAX	 255u

/* Mbed TLS keeps the AES round keys inside (no pointers), so a seal_state may live anywhere. */
_Static_assert(sizeof(mbedtls_gcm_context) <= SEAL_STATE_BYTES, "SEAL_STATE_BYTES in migration/session/seal.h");
_Static_assert(_Alignof(mbedtls_gcm_context) <= 16, "alignment of struct seal_state");
_Static_assert(sizeof(mbedtls_sha256_context) <= HASH_STATE_BYTES, "HASH_STATE_BYTES in migration/hash.h");
_Static_assert(_Alignof(mbedtls_sha256_context) <= 16, "alignment of struct hash_state");

static mbedtls_gcm_context *gcm_of(struct seal_state *s)
{
	return (mbedtls_gcm_context *)(void *)s->mem;
}

static mbedtls_sha256_context *sha_of(struct hash_state *h)
{
	return (mbedtls_sha256_context *)(void *)h->mem;
}

/*
 * What follows a successful setkey can fail only on lengths beyond 2^36 bytes or on wrong use,
 * which would be our own mistake.
 */
static void must(int ret)
{
	ASSERT(ret == 0);
}

/* ---- SHA-256 ---- */

static void hash_start(struct hash_state *h)
{
	mbedtls_sha256_init(sha_of(h));
	must(mbedtls_sha256_starts(sha_of(h), 0));
}

static void hash_add(struct hash_state *h, const void *bytes, size_t len_bytes)
{
	if (len_bytes != 0) {
		must(mbedtls_sha256_update(sha_of(h), bytes, len_bytes));
	}
}

static void hash_finish(struct hash_state *h, uint8_t out[HASH_BYTES])
{
	must(mbedtls_sha256_finish(sha_of(h), out));
	mbedtls_platform_zeroize(h->mem, sizeof(h->mem));
}

static const struct hash_ops sha256_ops = {
	.start = hash_start,
	.add = hash_add,
	.finish = hash_finish,
};

const struct hash_ops *hash_port_ops(void)
{
	return &sha256_ops;
}

/* ---- HMAC, RFC 2104 ---- */

struct hmac {
	struct hash_state inner;
	uint8_t outer_pad[HMAC_BLOCK_BYTES];
};

static void hmac_start(struct hmac *m, const uint8_t *key, size_t key_bytes)
{
	uint8_t block[HMAC_BLOCK_BYTES] = { 0 };

	if (key_bytes > HMAC_BLOCK_BYTES) {
		hash_start(&m->inner);
		hash_add(&m->inner, key, key_bytes);
		hash_finish(&m->inner, block);
	} else if (key_bytes != 0) {
		memcpy(block, key, key_bytes);
	}
	for (size_t i = 0; i < HMAC_BLOCK_BYTES; i++) {
		m->outer_pad[i] = block[i] ^ 0x5cu;
		block[i] ^= 0x36u;
	}
	hash_start(&m->inner);
	hash_add(&m->inner, block, sizeof(block));
	mbedtls_platform_zeroize(block, sizeof(block));
}

static void hmac_finish(struct hmac *m, uint8_t out[HASH_BYTES])
{
	uint8_t digest[HASH_BYTES];

	hash_finish(&m->inner, digest);
	hash_start(&m->inner);
	hash_add(&m->inner, m->outer_pad, sizeof(m->outer_pad));
	hash_add(&m->inner, digest, sizeof(digest));
	hash_finish(&m->inner, out);
	mbedtls_platform_zeroize(digest, sizeof(digest));
	mbedtls_platform_zeroize(m, sizeof(*m));
}

static void seal_hmac(
	const uint8_t *key, size_t key_bytes, const uint8_t *msg, size_t msg_bytes, uint8_t out[HASH_BYTES])
{
	struct hmac m;

	hmac_start(&m, key, key_bytes);
	hash_add(&m.inner, msg, msg_bytes);
	hmac_finish(&m, out);
}

/* ---- HKDF-Expand, RFC 5869, 2.3 ---- */

static enum err seal_hkdf_expand(
	const uint8_t prk[HASH_BYTES], const uint8_t *info, size_t info_bytes, uint8_t *out, size_t out_bytes)
{
	uint8_t t[HASH_BYTES];
	uint8_t index = 0;

	if (out_bytes > HKDF_BLOCKS_MAX * HASH_BYTES) {
		return ERR_RANGE;
	}
	for (size_t at = 0; at < out_bytes; at += HASH_BYTES) {
		struct hmac m;

		index++;
		hmac_start(&m, prk, HASH_BYTES);
		if (at != 0) {
			hash_add(&m.inner, t, sizeof(t));
		}
		hash_add(&m.inner, info, info_bytes);
		hash_add(&m.inner, &index, 1);
		hmac_finish(&m, t);
		memcpy(out + at, t, MIN(out_bytes - at, sizeof(t)));
	}
	mbedtls_platform_zeroize(t, sizeof(t));
	return ERR_OK;
}

/* ---- AES-256-GCM ---- */

static enum err seal_key(struct seal_state *s, const uint8_t key[SEAL_KEY_BYTES])
{
	mbedtls_gcm_init(gcm_of(s));
	if (mbedtls_gcm_setkey(gcm_of(s), MBEDTLS_CIPHER_ID_AES, key, SEAL_KEY_BYTES * 8) != 0) {
		mbedtls_platform_zeroize(s->mem, sizeof(s->mem));
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

static enum err gcm_begin(struct seal_state *s, int mode, const uint8_t *iv, const uint8_t *aad, size_t aad_bytes)
{
	if (mbedtls_gcm_starts(gcm_of(s), mode, iv, SEAL_IV_BYTES) != 0) {
		return ERR_RANGE;
	}
	if (aad_bytes != 0 && mbedtls_gcm_update_ad(gcm_of(s), aad, aad_bytes) != 0) {
		return ERR_RANGE;
	}
	return ERR_OK;
}

static enum err seal_begin(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes)
{
	return gcm_begin(s, MBEDTLS_GCM_ENCRYPT, iv, aad, aad_bytes);
}

static void seal_bytes(struct seal_state *s, uint8_t *out, const uint8_t *in, size_t len_bytes)
{
	size_t written = 0;

	if (len_bytes == 0) {
		return;
	}
	must(mbedtls_gcm_update(gcm_of(s), in, len_bytes, out, len_bytes, &written));
	ASSERT(written == len_bytes);
}

static void seal_end(struct seal_state *s, uint8_t tag[SEAL_TAG_BYTES])
{
	size_t written = 0;

	must(mbedtls_gcm_finish(gcm_of(s), NULL, 0, &written, tag, SEAL_TAG_BYTES));
}

/*
 * Mbed TLS authenticates while it decrypts, in one pass; when the tag is wrong the bytes are
 * wiped before anybody sees them (SP 800-38D, 7.2: FAIL returns no plaintext).
 */
static enum err seal_open(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes,
	uint8_t *bytes, size_t len_bytes, const uint8_t tag[SEAL_TAG_BYTES])
{
	uint8_t want[SEAL_TAG_BYTES];
	size_t written = 0;
	enum err err = gcm_begin(s, MBEDTLS_GCM_DECRYPT, iv, aad, aad_bytes);

	if (err == ERR_OK && len_bytes != 0 &&
		mbedtls_gcm_update(gcm_of(s), bytes, len_bytes, bytes, len_bytes, &written) != 0) {
		err = ERR_RANGE;
	}
	if (err == ERR_OK && mbedtls_gcm_finish(gcm_of(s), NULL, 0, &written, want, sizeof(want)) != 0) {
		err = ERR_RANGE;
	}
	if (err == ERR_OK && mbedtls_ct_memcmp(want, tag, sizeof(want)) != 0) {
		err = ERR_AUTH;
	}
	if (err != ERR_OK && len_bytes != 0) {
		mbedtls_platform_zeroize(bytes, len_bytes);
	}
	return err;
}

static void seal_wipe(struct seal_state *s)
{
	mbedtls_platform_zeroize(s->mem, sizeof(s->mem));
}

static int seal_equal(const uint8_t *a, const uint8_t *b, size_t len_bytes)
{
	return mbedtls_ct_memcmp(a, b, len_bytes) == 0;
}

static const struct seal_ops aes_256_gcm_ops = {
	.name = "aes-256-gcm",
	.key = seal_key,
	.begin = seal_begin,
	.bytes = seal_bytes,
	.end = seal_end,
	.open = seal_open,
	.wipe = seal_wipe,
	.hmac = seal_hmac,
	.hkdf_expand = seal_hkdf_expand,
	.equal = seal_equal,
	.hash = &sha256_ops,
};

const struct seal_ops *seal_port_ops(void)
{
	return &aes_256_gcm_ops;
}
