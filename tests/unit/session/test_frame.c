/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "migration/link.h"
#include "migration/session/frame.h"

static const struct frame_header expected = {
	.type = FRAME_RAM,
	.channel = 3,
	.stream = 3,
	.epoch = 9,
	.session = 0x0102030405060708u,
	.sequence = 77,
};

static struct frame_header good(void)
{
	struct frame_header h = expected;

	h.len_bytes = 4096;
	return h;
}

static void header_is_read_as_written(void **state)
{
	const struct frame_header h = good();
	uint8_t bytes[FRAME_HEADER_BYTES];
	char reason[REASON_BYTES];
	struct frame_header out;

	(void)state;
	frame_header_write(&h, bytes);
	assert_int_equal(bytes[0], 'G');
	assert_int_equal(bytes[1], 'W');
	assert_int_equal(frame_header_read(bytes, &expected, &out, reason), ERR_OK);
	assert_int_equal(out.len_bytes, 4096);
	assert_int_equal(out.sequence, 77);
	assert_int_equal(out.stream, 3);
}

static void refused(const struct frame_header *h, enum err err, const char *text)
{
	const struct frame_header untouched = { .len_bytes = 0xabcd };
	struct frame_header out = untouched;
	uint8_t bytes[FRAME_HEADER_BYTES];
	char reason[REASON_BYTES] = "";

	frame_header_write(h, bytes);
	assert_int_equal(frame_header_read(bytes, &expected, &out, reason), err);
	assert_non_null(strstr(reason, text));
	assert_memory_equal(&out, &untouched, sizeof(out));
}

static void each_wrong_field_is_refused_by_name_value_and_expectation(void **state)
{
	struct frame_header h;

	(void)state;
	h = good();
	h.type = FRAME_JOIN;
	refused(&h, ERR_BAD_RECORD, "type is 1");
	h.type = FRAME_TOTALS + 1;
	refused(&h, ERR_BAD_RECORD, "type is 6");
	h = good();
	h.channel = 2;
	refused(&h, ERR_BAD_RECORD, "stream is 3, expected 2");
	h.stream = LINK_STREAM_VM;
	refused(&h, ERR_MISMATCH, "channel is 2, expected 3");
	h = good();
	h.stream = LINK_STREAM_COUNT;
	refused(&h, ERR_BAD_RECORD, "stream is 17, at most 16");
	h = good();
	h.epoch = 8;
	refused(&h, ERR_MISMATCH, "epoch is 8, expected 9");
	h = good();
	h.session ^= 1;
	refused(&h, ERR_MISMATCH, "session is");
	h = good();
	h.sequence = 76;
	refused(&h, ERR_MISMATCH, "sequence is 76, expected 77");
	h.sequence = 78;
	refused(&h, ERR_MISMATCH, "sequence is 78, expected 77");
	h = good();
	h.len_bytes = FRAME_PAYLOAD_MAX + 1;
	refused(&h, ERR_BAD_RECORD, "length is 64465, at most 64464");
	h.len_bytes = UINT32_MAX;
	refused(&h, ERR_BAD_RECORD, "length is");
}

static void every_bit_of_a_header_but_length_and_free_types_matters(void **state)
{
	const struct frame_header h = good();

	(void)state;
	for (size_t bit = 0; bit < FRAME_HEADER_BYTES * 8; bit++) {
		uint8_t bytes[FRAME_HEADER_BYTES];
		char reason[REASON_BYTES];
		struct frame_header out;
		enum err err;

		frame_header_write(&h, bytes);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		err = frame_header_read(bytes, &expected, &out, reason);
		/* Type among the engine's, and a shorter or slightly longer payload, are for the tag to find. */
		if (bit / 8 == 3 || (bit / 8 >= 12 && bit / 8 < 16) || (bit / 8 >= 6 && bit / 8 < 8)) {
			continue;
		}
		assert_int_not_equal(err, ERR_OK);
	}
}

static void pool_gives_each_frame_once_and_fences_what_is_inside(void **state)
{
	static struct frame_pool pool;
	uint32_t frames[FRAME_POOL_COUNT];

	(void)state;
	frame_pool_init(&pool);
	for (uint32_t i = 0; i < FRAME_POOL_COUNT; i++) {
		frames[i] = frame_take(&pool, FRAME_FILLING);
		assert_int_not_equal(frames[i], FRAME_NONE);
		for (uint32_t k = 0; k < i; k++) {
			assert_int_not_equal(frames[i], frames[k]);
		}
	}
	assert_int_equal(frame_take(&pool, FRAME_SEALING), FRAME_NONE);
	pool.frames[0].state = FRAME_SENT;
	pool.frames[1].state = FRAME_LENT;
	pool.frames[2].state = FRAME_SEALING;
	pool.frames[3].state = FRAME_READY;
	frame_pool_fence(&pool);
	assert_int_equal(pool.free_count, FRAME_POOL_COUNT - 3);
	assert_true(pool.frames[0].orphan && pool.frames[1].orphan && pool.frames[2].orphan);
	frame_free(&pool, 0);
	frame_free(&pool, 1);
	frame_free(&pool, 2);
	assert_int_equal(pool.free_count, FRAME_POOL_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_read_as_written),
		cmocka_unit_test(each_wrong_field_is_refused_by_name_value_and_expectation),
		cmocka_unit_test(every_bit_of_a_header_but_length_and_free_types_matters),
		cmocka_unit_test(pool_gives_each_frame_once_and_fences_what_is_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
