/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "net/seal_port.h"

/** Hexadecimal text to bytes; returns their number. */
static size_t unhex(uint8_t *out, const char *text)
{
	size_t len = strlen(text) / 2;

	for (size_t i = 0; i < 2 * len; i++) {
		uint8_t digit = (uint8_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);

		out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
	}
	return len;
}

struct gcm_vector {
	const char *key, *iv, *aad, *plain, *cipher, *tag;
};

/* McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13 to 16 (256-bit keys). */
static const struct gcm_vector gcm_vectors[] = {
	{ "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "", "",
		"530f8afbc74536b9a963b4f1c4cb738b" },
	{ "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
		"00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
		"d0d1c8a799996bf0265b98b5d48ab919" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed"
		"f5aa0de657ba637b391aafd255",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e"
		"6393ba7a0abcc9f662898015ad",
		"b094dac5d93471bdec1a502270e3cc6c" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
		"feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed"
		"f5aa0de657ba637b39",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e"
		"6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b" },
};

static void published_vectors_seal_and_open(void **state)
{
	const struct seal_ops *seal = seal_port_ops();

	(void)state;
	assert_string_equal(seal->name, "aes-256-gcm");
	for (size_t v = 0; v < ARRAY_SIZE(gcm_vectors); v++) {
		struct seal_state s;
		uint8_t key[32], iv[12], aad[64], plain[64], cipher[64], want[64], want_tag[16], tag[16];
		size_t len, aad_len;

		(void)unhex(key, gcm_vectors[v].key);
		(void)unhex(iv, gcm_vectors[v].iv);
		aad_len = unhex(aad, gcm_vectors[v].aad);
		len = unhex(plain, gcm_vectors[v].plain);
		(void)unhex(want, gcm_vectors[v].cipher);
		(void)unhex(want_tag, gcm_vectors[v].tag);
		assert_int_equal(seal->key(&s, key), ERR_OK);
		assert_int_equal(seal->begin(&s, iv, aad, aad_len), ERR_OK);
		seal->bytes(&s, cipher, plain, len);
		seal->end(&s, tag);
		assert_memory_equal(cipher, want, len);
		assert_memory_equal(tag, want_tag, sizeof(tag));
		assert_int_equal(seal->open(&s, iv, aad, aad_len, cipher, len, tag), ERR_OK);
		assert_memory_equal(cipher, plain, len);
		seal->wipe(&s);
	}
}

static uint64_t random_state = 0x123456789abcdefu;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 9;
}

#define LONG_BYTES 20000u

static void pieces_of_any_length_make_the_same_frame(void **state)
{
	static uint8_t plain[LONG_BYTES], whole[LONG_BYTES], pieces[LONG_BYTES];
	const struct seal_ops *seal = seal_port_ops();
	const uint8_t key[32] = { 7 }, iv[12] = { 9 }, aad[32] = { 3 };

	(void)state;
	for (size_t i = 0; i < LONG_BYTES; i++) {
		plain[i] = (uint8_t)next_random();
	}
	for (int round = 0; round < 40; round++) {
		size_t len = round == 0 ? 0 : (size_t)(next_random() % LONG_BYTES);
		uint8_t whole_tag[16], piece_tag[16];
		struct seal_state s;

		assert_int_equal(seal->key(&s, key), ERR_OK);
		assert_int_equal(seal->begin(&s, iv, aad, sizeof(aad)), ERR_OK);
		seal->bytes(&s, whole, plain, len);
		seal->end(&s, whole_tag);
		assert_int_equal(seal->begin(&s, iv, aad, sizeof(aad)), ERR_OK);
		for (size_t at = 0; at < len;) {
			size_t n = (size_t)(next_random() % (round % 2 == 0 ? 40 : 4200));

			n = MIN(n, len - at);
			seal->bytes(&s, pieces + at, plain + at, n);
			at += n;
		}
		seal->end(&s, piece_tag);
		assert_memory_equal(whole, pieces, len);
		assert_memory_equal(whole_tag, piece_tag, sizeof(whole_tag));
		seal->wipe(&s);
	}
}

static void one_wrong_bit_opens_nothing(void **state)
{
	const struct seal_ops *seal = seal_port_ops();
	const uint8_t key[32] = { 1 }, zero[100] = { 0 };
	uint8_t plain[100], sealed[100], tag[16];
	struct seal_state s;

	(void)state;
	memset(plain, 'p', sizeof(plain));
	assert_int_equal(seal->key(&s, key), ERR_OK);
	/* A bit of the tag, the ciphertext, the associated data, the IV. */
	for (uint32_t bit = 0; bit < 8 * (16 + 100 + 32 + 12); bit += 3) {
		uint8_t bytes[160];
		uint8_t *iv = bytes + 148, *aad = bytes + 116;

		memset(bytes, 0x21, sizeof(bytes));
		assert_int_equal(seal->begin(&s, iv, aad, 32), ERR_OK);
		seal->bytes(&s, sealed, plain, sizeof(plain));
		seal->end(&s, tag);
		memcpy(bytes, tag, 16);
		memcpy(bytes + 16, sealed, 100);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(seal->open(&s, iv, aad, 32, bytes + 16, 100, bytes), ERR_AUTH);
		assert_memory_equal(bytes + 16, zero, 100);
	}
	seal->wipe(&s);
}

static void key_can_be_replaced_and_wiped(void **state)
{
	const struct seal_ops *seal = seal_port_ops();
	const uint8_t one[32] = { 1 }, two[32] = { 2 }, iv[12] = { 0 };
	uint8_t a[16], b[16], zero[SEAL_STATE_BYTES] = { 0 };
	struct seal_state s;

	(void)state;
	assert_int_equal(seal->key(&s, one), ERR_OK);
	assert_int_equal(seal->begin(&s, iv, NULL, 0), ERR_OK);
	seal->end(&s, a);
	assert_int_equal(seal->key(&s, two), ERR_OK);
	assert_int_equal(seal->begin(&s, iv, NULL, 0), ERR_OK);
	seal->end(&s, b);
	assert_memory_not_equal(a, b, sizeof(a));
	seal->wipe(&s);
	assert_memory_equal(s.mem, zero, sizeof(zero));
}

/* FIPS 180-4 examples; a running value is read through a copy. */
static void sha256_of_published_messages(void **state)
{
	const struct hash_ops *hash = hash_port_ops();
	const char *long_text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	struct hash_state h, copy;
	uint8_t want[32], got[32];

	(void)state;
	hash->start(&h);
	hash->add(&h, "abc", 3);
	copy = h;
	hash->finish(&copy, got);
	(void)unhex(want, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_memory_equal(got, want, 32);
	hash->add(&h, NULL, 0);
	hash->add(&h, long_text + 3, strlen(long_text) - 3);
	hash->finish(&h, got);
	hash->start(&h);
	hash->add(&h, "abc", 3);
	hash->add(&h, long_text + 3, strlen(long_text) - 3);
	hash->finish(&h, want);
	assert_memory_equal(got, want, 32);
	hash->start(&h);
	hash->add(&h, long_text, strlen(long_text));
	hash->finish(&h, got);
	(void)unhex(want, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_memory_equal(got, want, 32);
}

/* RFC 4231, test cases 1, 2 and 6. */
static void hmac_of_published_messages(void **state)
{
	const struct seal_ops *seal = seal_port_ops();
	uint8_t key[131], want[32], got[32];

	(void)state;
	memset(key, 0x0b, 20);
	seal->hmac(key, 20, (const uint8_t *)"Hi There", 8, got);
	(void)unhex(want, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_memory_equal(got, want, 32);
	seal->hmac((const uint8_t *)"Jefe", 4, (const uint8_t *)"what do ya want for nothing?", 28, got);
	(void)unhex(want, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_memory_equal(got, want, 32);
	memset(key, 0xaa, 131);
	seal->hmac(key, 131, (const uint8_t *)"Test Using Larger Than Block-Size Key - Hash Key First", 54, got);
	(void)unhex(want, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	assert_memory_equal(got, want, 32);
}

/* RFC 5869, A.1 and A.3: the expand step. */
static void hkdf_expand_of_published_vectors(void **state)
{
	const struct seal_ops *seal = seal_port_ops();
	uint8_t prk[32], info[10], want[42], got[42];

	(void)state;
	(void)unhex(prk, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	(void)unhex(info, "f0f1f2f3f4f5f6f7f8f9");
	(void)unhex(want, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	assert_int_equal(seal->hkdf_expand(prk, info, 10, got, 42), ERR_OK);
	assert_memory_equal(got, want, 42);
	(void)unhex(prk, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
	(void)unhex(want, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
	assert_int_equal(seal->hkdf_expand(prk, NULL, 0, got, 42), ERR_OK);
	assert_memory_equal(got, want, 42);
	assert_int_equal(seal->hkdf_expand(prk, NULL, 0, got, 255 * 32 + 1), ERR_RANGE);
}

static void comparison_sees_every_bit(void **state)
{
	const struct seal_ops *seal = seal_port_ops();
	uint8_t a[33] = { 0 }, b[33] = { 0 };

	(void)state;
	assert_int_equal(seal->equal(a, b, sizeof(a)), 1);
	for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(seal->equal(a, b, sizeof(a)), 0);
		b[bit / 8] = 0;
	}
	assert_int_equal(seal->equal(a, b, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_seal_and_open),
		cmocka_unit_test(pieces_of_any_length_make_the_same_frame),
		cmocka_unit_test(one_wrong_bit_opens_nothing),
		cmocka_unit_test(key_can_be_replaced_and_wiped),
		cmocka_unit_test(sha256_of_published_messages),
		cmocka_unit_test(hmac_of_published_messages),
		cmocka_unit_test(hkdf_expand_of_published_vectors),
		cmocka_unit_test(comparison_sees_every_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
