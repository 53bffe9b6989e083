/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/bytes.h"
#include "migration/session/mailbox.h"
#include "migration/session/message.h"

static const struct hello hello_good = {
	.version_min = 1,
	.version_max = 1,
	.kind = HELLO_NEW,
	.channel_count = 2,
	.epoch = 1,
	.boot = 5,
	.attempt = { .source = "alpha", .source_boot = 5, .number = 3, .random = 4, .gen = 6, .vm = "guest" },
	.bytes = (const uint8_t *)"engine",
	.len_bytes = 6,
};

static size_t hello_bytes(const struct hello *h, uint8_t *out)
{
	struct writer w = writer_over(out, MESSAGE_PAYLOAD_MAX);

	hello_write(&w, h);
	assert_false(w.failed);
	return w.len_bytes;
}

static void hello_is_read_as_written(void **state)
{
	uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	char reason[REASON_BYTES];
	struct hello out;
	const size_t len = hello_bytes(&hello_good, bytes);

	(void)state;
	assert_int_equal(hello_read(bytes, len, &out, reason), ERR_OK);
	assert_true(attempt_equal(&out.attempt, &hello_good.attempt));
	assert_int_equal(out.boot, 5);
	assert_int_equal(out.len_bytes, 6);
	assert_memory_equal(out.bytes, "engine", 6);
}

static void every_truncation_of_a_hello_is_refused_and_writes_nothing(void **state)
{
	uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	const size_t len = hello_bytes(&hello_good, bytes);
	struct hello untouched;

	(void)state;
	memset(&untouched, 0x5a, sizeof(untouched));
	for (size_t cut = 0; cut < len; cut++) {
		struct hello out = untouched;
		char reason[REASON_BYTES];

		assert_int_equal(hello_read(bytes, cut, &out, reason), ERR_BAD_RECORD);
		assert_memory_equal(&out, &untouched, sizeof(out));
	}
}

static void a_hello_with_a_wrong_field_is_refused_by_name(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum err err;
		const char *text;
	} wrong[] = {
		{ 0, 2, ERR_BAD_RECORD, "version" }, /* min above max */
		{ 2, 0, ERR_BAD_RECORD, "kind is 0" },
		{ 2, 4, ERR_BAD_RECORD, "kind is 4" },
		{ 2, HELLO_RESUME, ERR_BAD_RECORD, "channel count is 2" },
		{ 3, 0, ERR_BAD_RECORD, "channel count is 0" },
		{ 3, 9, ERR_BAD_RECORD, "channel count is 9" },
		{ 4, 2, ERR_BAD_RECORD, "epoch is 2" },
		{ 44, 0, ERR_BAD_RECORD, "name" },
		{ 45, 0x07, ERR_BAD_RECORD, "name" },
		{ 60, 'x', ERR_BAD_RECORD, "name" }, /* after the final zero */
		{ 108, 0, ERR_BAD_RECORD, "name" },
		{ 172, 7, ERR_BAD_RECORD, "length" },
		{ 172, 5, ERR_BAD_RECORD, "length" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t bytes[MESSAGE_PAYLOAD_MAX];
		const size_t len = hello_bytes(&hello_good, bytes);
		char reason[REASON_BYTES] = "";
		struct hello out;

		bytes[wrong[i].at] = wrong[i].value;
		assert_int_equal(hello_read(bytes, len, &out, reason), wrong[i].err);
		assert_non_null(strstr(reason, wrong[i].text));
	}
}

static void another_version_is_refused_naming_both_ranges(void **state)
{
	struct hello h = hello_good;
	uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	char reason[REASON_BYTES];
	struct hello out;

	(void)state;
	h.version_min = 2;
	h.version_max = 3;
	assert_int_equal(hello_read(bytes, hello_bytes(&h, bytes), &out, reason), ERR_UNSUPPORTED);
	assert_non_null(strstr(reason, "source speaks 2 to 3, destination 1 to 1"));
	/* Whatever follows the two bytes in another version. */
	assert_int_equal(hello_read(bytes, 2, &out, reason), ERR_UNSUPPORTED);
	h.version_min = 1;
	assert_int_equal(hello_read(bytes, hello_bytes(&h, bytes), &out, reason), ERR_OK);
}

static void every_truncation_of_answer_and_resumed_is_refused(void **state)
{
	const struct answer a = {
		.version = 1, .channel_count = 2, .epoch = 1, .boot = 9, .bytes = (const uint8_t *)"xyz", .len_bytes = 3
	};
	const struct resumed m = { .version = 1, .proved = true, .epoch = 4, .boot = 9 };
	uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	char reason[REASON_BYTES];
	struct answer answer;
	struct resumed resumed;
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	answer_write(&w, &a);
	assert_int_equal(answer_read(bytes, w.len_bytes, &answer, reason), ERR_OK);
	assert_int_equal(answer.len_bytes, 3);
	for (size_t cut = 0; cut < w.len_bytes; cut++) {
		assert_int_equal(answer_read(bytes, cut, &answer, reason), ERR_BAD_RECORD);
	}
	bytes[0] = 2;
	assert_int_equal(answer_read(bytes, w.len_bytes, &answer, reason), ERR_BAD_RECORD);
	w = writer_over(bytes, sizeof(bytes));
	resumed_write(&w, &m);
	assert_int_equal(resumed_read(bytes, w.len_bytes, &resumed, reason), ERR_OK);
	assert_true(resumed.proved);
	for (size_t cut = 0; cut < w.len_bytes; cut++) {
		assert_int_equal(resumed_read(bytes, cut, &resumed, reason), ERR_BAD_RECORD);
	}
	assert_int_equal(resumed_read(bytes, w.len_bytes + 1, &resumed, reason), ERR_BAD_RECORD);
	bytes[1] = 2;
	assert_int_equal(resumed_read(bytes, w.len_bytes, &resumed, reason), ERR_BAD_RECORD);
}

static void a_header_above_the_limit_or_with_reserved_bits_is_refused(void **state)
{
	uint8_t bytes[MESSAGE_HEADER_BYTES];
	struct message_header out;
	char reason[REASON_BYTES];

	(void)state;
	message_header_write(bytes, 7, MESSAGE_PAYLOAD_MAX);
	assert_int_equal(message_header_read(bytes, &out, reason), ERR_OK);
	assert_int_equal(out.type, 7);
	message_header_write(bytes, 7, MESSAGE_PAYLOAD_MAX + 1);
	assert_int_equal(message_header_read(bytes, &out, reason), ERR_BAD_RECORD);
	assert_non_null(strstr(reason, "4089"));
	message_header_write(bytes, 7, 0);
	bytes[7] = 1;
	assert_int_equal(message_header_read(bytes, &out, reason), ERR_BAD_RECORD);
}

static void text_of_a_peer_is_cut_and_made_printable(void **state)
{
	uint8_t in[300];
	char out[REASON_BYTES];

	(void)state;
	memset(in, 'a', sizeof(in));
	in[0] = 0x1b;
	in[1] = 0;
	message_text_read(in, sizeof(in), out);
	assert_int_equal(strlen(out), REASON_BYTES - 1);
	assert_memory_equal(out, "??a", 3);
	message_text_read(in, 0, out);
	assert_string_equal(out, "");
}

static void mailbox_keeps_order_is_bounded_and_spares_the_front_when_cleared(void **state)
{
	static struct mailbox m;
	const struct mail *front;

	(void)state;
	for (unsigned round = 0; round < 3 * MAILBOX_SLOTS; round++) {
		for (uint8_t i = 0; i < CTRL_QUEUE_COUNT; i++) {
			assert_int_equal(mailbox_put(&m, i, &i, 1), ERR_OK);
		}
		assert_int_equal(mailbox_put(&m, 0, NULL, 0), ERR_FULL);
		for (uint32_t i = 0; i < round % CTRL_QUEUE_COUNT; i++) {
			assert_int_equal(mailbox_front(&m)->bytes[MESSAGE_HEADER_BYTES], i);
			mailbox_drop(&m);
		}
		front = mailbox_front(&m);
		mailbox_clear(&m);
		assert_null(mailbox_front(&m));
		for (uint8_t i = 0; i < CTRL_QUEUE_COUNT; i++) {
			uint8_t other = 0xee;

			assert_int_equal(mailbox_put(&m, 9, &other, 1), ERR_OK);
		}
		assert_int_equal(front->bytes[MESSAGE_HEADER_BYTES], round % CTRL_QUEUE_COUNT);
		mailbox_clear(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_is_read_as_written),
		cmocka_unit_test(every_truncation_of_a_hello_is_refused_and_writes_nothing),
		cmocka_unit_test(a_hello_with_a_wrong_field_is_refused_by_name),
		cmocka_unit_test(another_version_is_refused_naming_both_ranges),
		cmocka_unit_test(every_truncation_of_answer_and_resumed_is_refused),
		cmocka_unit_test(a_header_above_the_limit_or_with_reserved_bits_is_refused),
		cmocka_unit_test(text_of_a_peer_is_cut_and_made_printable),
		cmocka_unit_test(mailbox_keeps_order_is_bounded_and_spares_the_front_when_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
