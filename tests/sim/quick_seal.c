/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/quick_seal.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "tests/fake/null_seal.h"
#include "tests/sim/chance.h"

struct quick {
	uint64_t key[4];
	bool keyed, open;
	uint64_t stream, tag, at;
	uint8_t tail[8]; /* ciphertext of the word that is not yet whole */
};

_Static_assert(sizeof(struct quick) <= SEAL_STATE_BYTES, "seal state");

static enum err quick_key(struct seal_state *s, const uint8_t key[SEAL_KEY_BYTES])
{
	struct quick *q = (void *)s->mem;

	memset(q, 0, sizeof(*q));
	for (unsigned i = 0; i < 4; i++) {
		q->key[i] = load_le64(key + 8 * i);
	}
	q->keyed = true;
	return ERR_OK;
}

static void word_in(struct quick *q, uint64_t word)
{
	q->tag = (q->tag ^ word) * UINT64_C(0x9fb21c651e98df25);
	q->tag ^= q->tag >> 29;
}

static enum err quick_begin(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes)
{
	struct quick *q = (void *)s->mem;

	ASSERT(q->keyed && !q->open);
	q->stream = chance_mix(chance_mix(q->key[0] ^ load_le64(iv)) ^ q->key[1] ^ load_le32(iv + 8));
	q->tag = chance_mix(q->stream ^ q->key[2]);
	for (size_t i = 0; i < aad_bytes; i++) {
		word_in(q, aad[i] + 1u);
	}
	q->at = 0;
	q->open = true;
	return ERR_OK;
}

static uint64_t stream_word(const struct quick *q, uint64_t word)
{
	return (q->stream + word * UINT64_C(0x9e3779b97f4a7c15)) ^ q->key[3];
}

/* Ciphertext is what is authenticated; in may be out. */
static void quick_work(struct quick *q, uint8_t *out, const uint8_t *in, size_t len, bool sealing)
{
	size_t i = 0;

	while (i < len) {
		if (q->at % 8 == 0 && len - i >= 8) {
			uint64_t from = load_le64(in + i);
			uint64_t to = from ^ stream_word(q, q->at / 8);

			store_le64(out + i, to);
			word_in(q, sealing ? to : from);
			i += 8;
			q->at += 8;
			continue;
		}
		uint8_t from = in[i];
		uint8_t to = from ^ (uint8_t)(stream_word(q, q->at / 8) >> q->at % 8 * 8);

		out[i] = to;
		q->tail[q->at % 8] = sealing ? to : from;
		q->at++;
		i++;
		if (q->at % 8 == 0) {
			word_in(q, load_le64(q->tail));
		}
	}
}

static void quick_bytes(struct seal_state *s, uint8_t *out, const uint8_t *in, size_t len_bytes)
{
	quick_work((void *)s->mem, out, in, len_bytes, true);
}

static void quick_end(struct seal_state *s, uint8_t tag[SEAL_TAG_BYTES])
{
	struct quick *q = (void *)s->mem;

	ASSERT(q->open);
	for (uint64_t i = 0; i < q->at % 8; i++) {
		word_in(q, q->tail[i] + 257u);
	}
	word_in(q, q->at);
	store_le64(tag, chance_mix(q->tag));
	store_le64(tag + 8, chance_mix(q->tag + 1));
	q->open = false;
}

static enum err quick_open(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes,
	uint8_t *bytes, size_t len_bytes, const uint8_t tag[SEAL_TAG_BYTES])
{
	struct quick *q = (void *)s->mem;
	uint8_t expected[SEAL_TAG_BYTES];

	if (quick_begin(s, iv, aad, aad_bytes) != ERR_OK) {
		return ERR_AUTH;
	}
	quick_work(q, bytes, bytes, len_bytes, false);
	quick_end(s, expected);
	if (memcmp(expected, tag, SEAL_TAG_BYTES) != 0) {
		memset(bytes, 0, len_bytes);
		return ERR_AUTH;
	}
	return ERR_OK;
}

/* ---- the engine's hash: words too, however they are cut ---- */

struct quick_hash {
	uint64_t lane[4], len, tail;
};

_Static_assert(sizeof(struct quick_hash) <= HASH_STATE_BYTES, "hash state");

static void hash_start(struct hash_state *h)
{
	struct quick_hash *q = (void *)h->mem;

	*q = (struct quick_hash){ .lane = { 1, 2, 3, 4 } };
}

static void hash_word(struct quick_hash *q, uint64_t word)
{
	uint64_t *lane = &q->lane[q->len / 8 % 4];

	*lane = (*lane ^ word) * UINT64_C(0x9fb21c651e98df25);
	*lane ^= *lane >> 29;
}

static void hash_add(struct hash_state *h, const void *bytes, size_t len_bytes)
{
	struct quick_hash *q = (void *)h->mem;
	const uint8_t *in = bytes;

	while (len_bytes > 0) {
		if (q->len % 8 == 0 && len_bytes >= 8) {
			hash_word(q, load_le64(in));
			q->len += 8;
			in += 8;
			len_bytes -= 8;
			continue;
		}
		q->tail = q->len % 8 == 0 ? *in : q->tail | (uint64_t)*in << q->len % 8 * 8;
		if (q->len % 8 == 7) {
			hash_word(q, q->tail);
		}
		q->len++;
		in++;
		len_bytes--;
	}
}

static void hash_finish(struct hash_state *h, uint8_t out[HASH_BYTES])
{
	struct quick_hash *q = (void *)h->mem;
	uint64_t all = q->len ^ (q->len % 8 != 0 ? chance_mix(q->tail) : 0);

	for (uint32_t i = 0; i < 4; i++) {
		all = chance_mix(all + q->lane[i]);
	}
	for (uint32_t i = 0; i < 4; i++) {
		store_le64(out + 8 * i, chance_mix(all + i));
	}
}

const struct seal_ops *quick_seal(void)
{
	static const struct hash_ops hash = { hash_start, hash_add, hash_finish };
	static struct seal_ops ops;

	ops = null_seal; /* HMAC and HKDF are the real ones */
	ops.hash = &hash;
	ops.name = "quick";
	ops.key = quick_key;
	ops.begin = quick_begin;
	ops.bytes = quick_bytes;
	ops.end = quick_end;
	ops.open = quick_open;
	return &ops;
}

uint64_t quick_sum(const uint8_t *bytes, size_t len_bytes)
{
	uint64_t sum = len_bytes;
	size_t i = 0;

	for (; i + 8 <= len_bytes; i += 8) {
		sum = (sum ^ load_le64(bytes + i)) * UINT64_C(0x9fb21c651e98df25);
		sum ^= sum >> 29;
	}
	for (; i < len_bytes; i++) {
		sum = (sum ^ bytes[i]) * UINT64_C(0x9fb21c651e98df25);
	}
	return sum;
}
