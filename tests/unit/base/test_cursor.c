/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/cursor.h"
#include "core/base/err.h"
#include "core/base/owner.h"
#include "core/base/ring.h"

static size_t write_all(uint8_t *out, size_t cap, bool *failed)
{
	struct writer w = writer_over(out, cap);

	write_u8(&w, 0x11);
	write_le16(&w, 0x2233);
	write_le32(&w, 0x44556677);
	write_le64(&w, UINT64_C(0x8899aabbccddeeff));
	write_bytes(&w, (const uint8_t *)"xyz", 3);
	*failed = w.failed;
	return w.len_bytes;
}

static void what_is_written_is_read_back(void **state)
{
	uint8_t buf[18], copy[3] = { 0 };
	bool failed;
	struct reader r, sub;

	(void)state;
	assert_int_equal(write_all(buf, sizeof(buf), &failed), 18);
	assert_false(failed);
	r = reader_over(buf, sizeof(buf));
	assert_int_equal(read_u8(&r), 0x11);
	assert_int_equal(read_le16(&r), 0x2233);
	assert_int_equal(read_le32(&r), 0x44556677);
	assert_true(read_le64(&r) == UINT64_C(0x8899aabbccddeeff));
	sub = read_sub(&r, 3);
	read_copy(&sub, copy, 3);
	assert_memory_equal(copy, "xyz", 3);
	assert_false(r.failed || sub.failed);
	assert_int_equal(r.left_bytes, 0);
}

static void every_truncation_fails_and_stays_failed(void **state)
{
	uint8_t buf[18];
	bool failed;

	(void)state;
	for (size_t cap = 0; cap < sizeof(buf); cap++) {
		struct reader r;
		uint8_t copy = 0x55;

		assert_true(write_all(buf, cap, &failed) <= cap);
		assert_true(failed);
		r = reader_over(buf, cap);
		(void)read_bytes(&r, sizeof(buf));
		assert_true(r.failed);
		assert_int_equal(read_u8(&r), 0);
		assert_null(read_bytes(&r, 0));
		read_copy(&r, &copy, 1);
		assert_int_equal(copy, 0x55);
		assert_true(read_sub(&r, 0).failed);
	}
}

static void big_endian_helpers_store_the_high_byte_first(void **state)
{
	uint8_t b[8];

	(void)state;
	store_be64(b, UINT64_C(0x0102030405060708));
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(b[i], i + 1);
	}
	assert_true(load_be64(b) == UINT64_C(0x0102030405060708));
	assert_int_equal(load_be32(b), 0x01020304);
	assert_int_equal(load_be16(b), 0x0102);
}

static void a_ring_holds_its_capacity_in_order_across_the_index_wrap(void **state)
{
	struct ring r;
	uint32_t slot, produced = 0, consumed = 0;

	(void)state;
	ring_init(&r, 4);
	r.head = r.tail = UINT32_MAX - 1; /* indices wrap during the test */
	produced = consumed = r.head;
	for (unsigned int step = 0; step < 64; step++) {
		while (ring_space(&r, &slot)) {
			assert_int_equal(slot, produced++ & 3u);
			ring_produce(&r);
		}
		assert_int_equal(ring_used(&r), 4);
		for (unsigned int n = 0; n <= step % 4; n++) {
			assert_true(ring_front(&r, &slot));
			assert_int_equal(slot, consumed++ & 3u);
			ring_consume(&r);
		}
	}
	while (ring_front(&r, &slot)) {
		ring_consume(&r);
	}
	assert_int_equal(ring_used(&r), 0);
}

static void only_own_preparing_and_taken_may_run(void **state)
{
	unsigned int allowed = 0;

	(void)state;
	for (unsigned int o = 0; o < OWNER_COUNT; o++) {
		assert_non_null(owner_name((enum owner)o));
		allowed |= owner_may_run((enum owner)o) ? 1u << o : 0;
	}
	assert_int_equal(allowed, 1u << OWNER_OWN | 1u << OWNER_PREPARING | 1u << OWNER_TAKEN);
	assert_string_equal(owner_name(OWNER_COUNT), "invalid");
}

static void every_error_has_a_name(void **state)
{
	(void)state;
	for (unsigned int e = 0; e < ERR_COUNT; e++) {
		assert_string_not_equal(err_name((enum err)e), "unknown error");
	}
	assert_string_equal(err_name(ERR_COUNT), "unknown error");
}

static void fields_are_masked_and_shifted(void **state)
{
	(void)state;
	assert_int_equal(FIELD_GET(MASK32(17, 16), 0x20000u), 2);
	assert_int_equal(FIELD_PREP(MASK32(17, 16), 7u), 0x30000u);
	assert_true(FIELD_PREP(MASK64(63, 62), UINT64_C(1)) == BIT64(62));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(every_truncation_fails_and_stays_failed),
		cmocka_unit_test(big_endian_helpers_store_the_high_byte_first),
		cmocka_unit_test(a_ring_holds_its_capacity_in_order_across_the_index_wrap),
		cmocka_unit_test(only_own_preparing_and_taken_may_run),
		cmocka_unit_test(every_error_has_a_name),
		cmocka_unit_test(fields_are_masked_and_shifted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
