/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/null_seal.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "tests/fake/sha256.h"

#define HMAC_BLOCK 64u

struct null_state {
	uint64_t key[4];
	bool keyed, open;
	uint64_t stream; /* keystream of the message */
	uint64_t tag[2];
	uint64_t at;
};

_Static_assert(sizeof(struct null_state) <= SEAL_STATE_BYTES, "seal state");

static uint64_t mix(uint64_t v)
{
	v ^= v >> 32;
	v *= UINT64_C(0xd6e8feb86659fd93);
	v ^= v >> 32;
	v *= UINT64_C(0xd6e8feb86659fd93);
	return v ^ v >> 32;
}

static void tag_byte(struct null_state *n, uint8_t byte)
{
	n->tag[0] = mix(n->tag[0] ^ byte) + n->at;
	n->tag[1] = mix(n->tag[1] + n->tag[0]);
	n->at++;
}

static uint8_t stream_byte(const struct null_state *n, uint64_t at)
{
	return (uint8_t)(mix(n->stream + at / 8) >> at % 8 * 8);
}

static enum err null_key(struct seal_state *s, const uint8_t key[SEAL_KEY_BYTES])
{
	struct null_state *n = (void *)s->mem;

	memset(n, 0, sizeof(*n));
	for (unsigned i = 0; i < 4; i++) {
		n->key[i] = load_le64(key + 8 * i);
	}
	n->keyed = true;
	return ERR_OK;
}

static enum err null_begin(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes)
{
	struct null_state *n = (void *)s->mem;

	ASSERT(n->keyed && !n->open);
	n->stream = mix(mix(n->key[0] ^ load_le64(iv)) ^ n->key[1] ^ load_le32(iv + 8));
	n->tag[0] = mix(n->stream ^ n->key[2]);
	n->tag[1] = mix(n->stream ^ n->key[3]);
	n->at = 0;
	for (size_t i = 0; i < aad_bytes; i++) {
		tag_byte(n, aad[i]);
	}
	n->at = 0;
	n->open = true;
	return ERR_OK;
}

static void null_bytes(struct seal_state *s, uint8_t *out, const uint8_t *in, size_t len_bytes)
{
	struct null_state *n = (void *)s->mem;

	ASSERT(n->open);
	for (size_t i = 0; i < len_bytes; i++) {
		out[i] = in[i] ^ stream_byte(n, n->at);
		tag_byte(n, out[i]);
	}
}

static void null_end(struct seal_state *s, uint8_t tag[SEAL_TAG_BYTES])
{
	struct null_state *n = (void *)s->mem;

	ASSERT(n->open);
	store_le64(tag, mix(n->tag[0] ^ n->at));
	store_le64(tag + 8, n->tag[1]);
	n->open = false;
}

static int null_equal(const uint8_t *a, const uint8_t *b, size_t len_bytes)
{
	uint8_t diff = 0;

	for (size_t i = 0; i < len_bytes; i++) {
		diff |= a[i] ^ b[i];
	}
	return diff == 0;
}

static enum err null_open(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes,
	uint8_t *bytes, size_t len_bytes, const uint8_t tag[SEAL_TAG_BYTES])
{
	struct null_state *n = (void *)s->mem;
	uint8_t expected[SEAL_TAG_BYTES];

	if (null_begin(s, iv, aad, aad_bytes) != ERR_OK) {
		return ERR_AUTH;
	}
	for (size_t i = 0; i < len_bytes; i++) {
		const uint8_t plain = bytes[i] ^ stream_byte(n, n->at);

		tag_byte(n, bytes[i]);
		bytes[i] = plain;
	}
	null_end(s, expected);
	if (!null_equal(expected, tag, SEAL_TAG_BYTES)) {
		memset(bytes, 0, len_bytes);
		return ERR_AUTH;
	}
	return ERR_OK;
}

static void null_wipe(struct seal_state *s)
{
	memset(s, 0, sizeof(*s));
}

static void null_hmac(
	const uint8_t *key, size_t key_bytes, const uint8_t *msg, size_t msg_bytes, uint8_t out[HASH_BYTES])
{
	uint8_t pad[HMAC_BLOCK];
	uint8_t block[HMAC_BLOCK] = { 0 };
	uint8_t inner[HASH_BYTES];
	struct hash_state h;

	if (key_bytes > HMAC_BLOCK) {
		fake_sha256_of(key, key_bytes, block);
	} else {
		memcpy(block, key, key_bytes);
	}
	for (unsigned i = 0; i < HMAC_BLOCK; i++) {
		pad[i] = block[i] ^ 0x36;
	}
	fake_sha256.start(&h);
	fake_sha256.add(&h, pad, HMAC_BLOCK);
	fake_sha256.add(&h, msg, msg_bytes);
	fake_sha256.finish(&h, inner);
	for (unsigned i = 0; i < HMAC_BLOCK; i++) {
		pad[i] = block[i] ^ 0x5c;
	}
	fake_sha256.start(&h);
	fake_sha256.add(&h, pad, HMAC_BLOCK);
	fake_sha256.add(&h, inner, HASH_BYTES);
	fake_sha256.finish(&h, out);
}

static enum err null_expand(
	const uint8_t prk[HASH_BYTES], const uint8_t *info, size_t info_bytes, uint8_t *out, size_t out_bytes)
{
	uint8_t msg[HASH_BYTES + 128 + 1];
	uint8_t block[HASH_BYTES] = { 0 };
	size_t have = 0;
	size_t at = 0;

	ASSERT(info_bytes <= 128 && out_bytes <= 255u * HASH_BYTES);
	for (uint8_t i = 1; at < out_bytes; i++) {
		const size_t part = out_bytes - at < HASH_BYTES ? out_bytes - at : HASH_BYTES;

		memcpy(msg, block, have);
		memcpy(msg + have, info, info_bytes);
		msg[have + info_bytes] = i;
		null_hmac(prk, HASH_BYTES, msg, have + info_bytes + 1, block);
		have = HASH_BYTES;
		memcpy(out + at, block, part);
		at += part;
	}
	return ERR_OK;
}

const struct seal_ops null_seal = {
	.name = "null",
	.key = null_key,
	.begin = null_begin,
	.bytes = null_bytes,
	.end = null_end,
	.open = null_open,
	.wipe = null_wipe,
	.hmac = null_hmac,
	.hkdf_expand = null_expand,
	.equal = null_equal,
	.hash = &fake_sha256,
};
