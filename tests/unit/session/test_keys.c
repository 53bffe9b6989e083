/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "migration/session/keys.h"
#include "tests/fake/fake_tls.h"
#include "tests/fake/null_seal.h"
#include "tests/fake/sha256.h"

/* An exporter that is a function of label and context alone. */
static enum err plain_exporter(void *ctx, tls_id tls, const char *label, const uint8_t *context, size_t context_bytes,
	uint8_t *out, size_t out_bytes)
{
	uint8_t block[HASH_BYTES];
	struct hash_state h;

	(void)tls;
	fake_sha256.start(&h);
	fake_sha256.add(&h, ctx, 1);
	fake_sha256.add(&h, label, strlen(label));
	fake_sha256.add(&h, context, context_bytes);
	fake_sha256.finish(&h, block);
	memcpy(out, block, out_bytes);
	return ERR_OK;
}

static const struct tls_ops plain_ops = { .exporter = plain_exporter };
static uint8_t connection_one = 1;
static uint8_t connection_two = 2;
static const struct tls one = { &plain_ops, &connection_one };
static const struct tls two = { &plain_ops, &connection_two };
static const uint8_t transcript[HASH_BYTES] = { 42 };

static void stand_in_hash_and_derivations_are_the_real_ones(void **state)
{
	/* FIPS 180-4 "abc"; RFC 4231, 4.3; RFC 5869, A.1. */
	static const uint8_t abc[4] = { 0xba, 0x78, 0x16, 0xbf };
	static const uint8_t jefe[4] = { 0x5b, 0xdc, 0xc1, 0x46 };
	static const uint8_t prk[HASH_BYTES] = { 0x07, 0x77, 0x09, 0x36, 0x2c, 0x2e, 0x32, 0xdf, 0x0d, 0xdc, 0x3f, 0x0d,
		0xc4, 0x7b, 0xba, 0x63, 0x90, 0xb6, 0xc7, 0x3b, 0xb5, 0x0f, 0x9c, 0x31, 0x22, 0xec, 0x84, 0x4a, 0xd7,
		0xc2, 0xb3, 0xe5 };
	static const uint8_t info[10] = { 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9 };
	uint8_t out[HASH_BYTES];
	uint8_t okm[44];

	(void)state;
	fake_sha256_of("abc", 3, out);
	assert_memory_equal(out, abc, 4);
	null_seal.hmac((const uint8_t *)"Jefe", 4, (const uint8_t *)"what do ya want for nothing?", 28, out);
	assert_memory_equal(out, jefe, 4);
	assert_int_equal(null_seal.hkdf_expand(prk, info, sizeof(info), okm, 42), ERR_OK);
	assert_int_equal(okm[0], 0x3c);
	assert_int_equal(okm[41], 0x65);
}

static void channels_epochs_and_connections_have_different_keys(void **state)
{
	struct channel_keys k[4];

	(void)state;
	assert_int_equal(keys_channel(&k[0], &one, &null_seal, 0, transcript, 1, 0), ERR_OK);
	assert_int_equal(keys_channel(&k[1], &one, &null_seal, 0, transcript, 1, 1), ERR_OK);
	assert_int_equal(keys_channel(&k[2], &one, &null_seal, 0, transcript, 2, 0), ERR_OK);
	assert_int_equal(keys_channel(&k[3], &two, &null_seal, 0, transcript, 1, 0), ERR_OK);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned j = 0; j < i; j++) {
			assert_memory_not_equal(k[i].secret, k[j].secret, KEYS_SECRET_BYTES);
			assert_memory_not_equal(k[i].iv, k[j].iv, SEAL_IV_BYTES);
		}
	}
}

static void key_and_iv_change_every_2_to_the_20_frames_and_the_old_secret_is_gone(void **state)
{
	struct channel_keys k;
	struct channel_keys old;

	(void)state;
	assert_int_equal(keys_channel(&k, &one, &null_seal, 0, transcript, 1, 0), ERR_OK);
	old = k;
	assert_int_equal(keys_advance(&k, &null_seal, (1u << 20) - 1), ERR_OK);
	assert_memory_equal(&k, &old, sizeof(k));
	assert_int_equal(keys_advance(&k, &null_seal, 1u << 20), ERR_OK);
	assert_int_equal(k.generation, 1);
	assert_memory_not_equal(k.secret, old.secret, KEYS_SECRET_BYTES);
	assert_memory_not_equal(k.iv, old.iv, SEAL_IV_BYTES);
	assert_memory_not_equal(&k.seal, &old.seal, sizeof(k.seal));
	assert_int_equal(keys_advance(&k, &null_seal, 2u << 20), ERR_OK);
	assert_int_equal(k.generation, 2);
}

static void no_two_sequence_numbers_share_an_iv(void **state)
{
	struct channel_keys k;
	uint8_t iv[64][SEAL_IV_BYTES];

	(void)state;
	assert_int_equal(keys_channel(&k, &one, &null_seal, 0, transcript, 1, 0), ERR_OK);
	for (unsigned i = 0; i < 64; i++) {
		keys_iv(&k, UINT64_C(1) << i, iv[i]);
		for (unsigned j = 0; j < i; j++) {
			assert_memory_not_equal(iv[i], iv[j], SEAL_IV_BYTES);
		}
	}
}

static void a_proof_is_bound_to_role_epoch_attempt_connection_and_secret(void **state)
{
	const struct attempt attempt = { .number = 1, .random = 2 };
	const struct attempt other = { .number = 1, .random = 3 };
	uint8_t secret[KEYS_SECRET_BYTES] = { 1 };
	uint8_t p[6][HASH_BYTES];

	(void)state;
	assert_int_equal(keys_proof(&one, &null_seal, 0, secret, &attempt, 2, TLS_SOURCE, p[0]), ERR_OK);
	assert_int_equal(keys_proof(&one, &null_seal, 0, secret, &attempt, 2, TLS_DESTINATION, p[1]), ERR_OK);
	assert_int_equal(keys_proof(&one, &null_seal, 0, secret, &attempt, 3, TLS_SOURCE, p[2]), ERR_OK);
	assert_int_equal(keys_proof(&two, &null_seal, 0, secret, &attempt, 2, TLS_SOURCE, p[3]), ERR_OK);
	assert_int_equal(keys_proof(&one, &null_seal, 0, secret, &other, 2, TLS_SOURCE, p[4]), ERR_OK);
	secret[31] = 1;
	assert_int_equal(keys_proof(&one, &null_seal, 0, secret, &attempt, 2, TLS_SOURCE, p[5]), ERR_OK);
	for (unsigned i = 0; i < 6; i++) {
		for (unsigned j = 0; j < i; j++) {
			assert_memory_not_equal(p[i], p[j], HASH_BYTES);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stand_in_hash_and_derivations_are_the_real_ones),
		cmocka_unit_test(channels_epochs_and_connections_have_different_keys),
		cmocka_unit_test(key_and_iv_change_every_2_to_the_20_frames_and_the_old_secret_is_gone),
		cmocka_unit_test(no_two_sequence_numbers_share_an_iv),
		cmocka_unit_test(a_proof_is_bound_to_role_epoch_attempt_connection_and_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
