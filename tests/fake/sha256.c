/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/sha256.h"

#include <string.h>

#include "core/base/bytes.h"

#define BLOCK 64u

struct sha {
	uint32_t h[8];
	uint64_t len;
	uint8_t block[BLOCK];
};

_Static_assert(sizeof(struct sha) <= HASH_STATE_BYTES, "hash state");

static const uint32_t round_constant[64] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

static uint32_t ror(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

static void compress(struct sha *s)
{
	uint32_t w[64];
	uint32_t v[8];

	for (unsigned i = 0; i < 16; i++) {
		w[i] = load_be32(s->block + 4 * i);
	}
	for (unsigned i = 16; i < 64; i++) {
		const uint32_t a = ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ (w[i - 15] >> 3);
		const uint32_t b = ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ (w[i - 2] >> 10);

		w[i] = w[i - 16] + a + w[i - 7] + b;
	}
	memcpy(v, s->h, sizeof(v));
	for (unsigned i = 0; i < 64; i++) {
		const uint32_t s1 = ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25);
		const uint32_t ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
		const uint32_t t1 = v[7] + s1 + ch + round_constant[i] + w[i];
		const uint32_t s0 = ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22);
		const uint32_t maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + s0 + maj;
	}
	for (unsigned i = 0; i < 8; i++) {
		s->h[i] += v[i];
	}
}

static void sha_start(struct hash_state *h)
{
	static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
		0x1f83d9ab, 0x5be0cd19 };
	struct sha *s = (void *)h->mem;

	memcpy(s->h, initial, sizeof(initial));
	s->len = 0;
}

static void sha_add(struct hash_state *h, const void *bytes, size_t len_bytes)
{
	struct sha *s = (void *)h->mem;
	const uint8_t *in = bytes;

	while (len_bytes > 0) {
		const size_t at = s->len % BLOCK;
		const size_t part = len_bytes < BLOCK - at ? len_bytes : BLOCK - at;

		memcpy(s->block + at, in, part);
		s->len += part;
		in += part;
		len_bytes -= part;
		if (s->len % BLOCK == 0) {
			compress(s);
		}
	}
}

static void sha_finish(struct hash_state *h, uint8_t out[HASH_BYTES])
{
	static const uint8_t pad[BLOCK] = { 0x80 };
	struct sha *s = (void *)h->mem;
	const uint64_t bits = s->len * 8;
	const size_t at = s->len % BLOCK;
	uint8_t tail[8];

	sha_add(h, pad, at < 56 ? 56 - at : 120 - at);
	store_be64(tail, bits);
	sha_add(h, tail, sizeof(tail));
	for (unsigned i = 0; i < 8; i++) {
		store_be32(out + 4 * i, s->h[i]);
	}
}

const struct hash_ops fake_sha256 = { sha_start, sha_add, sha_finish };

void fake_sha256_of(const void *bytes, size_t len_bytes, uint8_t out[HASH_BYTES])
{
	struct hash_state h = { { 0 } };

	sha_start(&h);
	sha_add(&h, bytes, len_bytes);
	sha_finish(&h, out);
}
