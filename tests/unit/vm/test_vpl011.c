/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/vm/mmio.h"
#include "core/vm/vpl011.h"
#include "tests/unit/vm/record_walk.h"

#define REG(offset) (VPL011_BASE + (offset))
#define DR	    REG(0x00)
#define FR	    REG(0x18)
#define IMSC	    REG(0x38)
#define RIS	    REG(0x3c)
#define MIS	    REG(0x40)
#define ICR	    REG(0x44)
#define INT_RX	    0x10u
#define INT_TX	    0x20u

static struct uart {
	struct vpl011 dev;
	struct mmio_space mmio;
	char text[4096];
	size_t len_bytes;
	uint32_t lines;
	bool level;
} here, there;

static void sink(void *ctx, const char *line, size_t len_bytes)
{
	struct uart *u = ctx;

	assert_int_equal(strlen(line), len_bytes);
	assert_true(u->len_bytes + len_bytes + 2 <= sizeof(u->text));
	memcpy(u->text + u->len_bytes, line, len_bytes);
	u->len_bytes += len_bytes;
	u->text[u->len_bytes++] = '|';
	u->text[u->len_bytes] = '\0';
	u->lines++;
}

static void irq(void *ctx, bool level)
{
	struct uart *u = ctx;

	assert_true(u->level != level);
	u->level = level;
}

static void put(struct uart *u, const char *text)
{
	for (; *text != '\0'; text++) {
		assert_int_equal(mmio_write(&u->mmio, 0, DR, 4, (uint8_t)*text), ERR_OK);
	}
}

static uint32_t get(struct uart *u, uint64_t at)
{
	uint64_t value = 0;

	assert_int_equal(mmio_read(&u->mmio, 0, at, 4, &value), ERR_OK);
	return (uint32_t)value;
}

static void set(struct uart *u, uint64_t at, uint32_t value)
{
	assert_int_equal(mmio_write(&u->mmio, 0, at, 4, value), ERR_OK);
}

static int two_uarts(void **state)
{
	struct uart *both[] = { &here, &there };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		memset(both[i], 0, sizeof(*both[i]));
		mmio_init(&both[i]->mmio);
		vpl011_init(&both[i]->dev, sink, both[i], irq, both[i]);
		assert_int_equal(vpl011_map(&both[i]->dev, &both[i]->mmio), ERR_OK);
	}
	return 0;
}

static void text_comes_out_by_lines(void **state)
{
	(void)state;
	put(&here, "one\r\ntwo\n\nthr");
	assert_string_equal(here.text, "one|two||");
	put(&here, "ee\n");
	assert_string_equal(here.text, "one|two||three|");
}

static void long_line_comes_out_in_pieces(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < VPL011_LINE_MAX + 1; i++) {
		put(&here, "x");
	}
	assert_int_equal(here.lines, 1);
	put(&here, "\n");
	assert_int_equal(here.lines, 2);
	assert_int_equal(strlen(here.text), VPL011_LINE_MAX + 1 + 2);
}

static void save(void *ctx, struct writer *w)
{
	vpl011_save(&((struct uart *)ctx)->dev, w);
}

static enum err load(void *ctx, struct reader *r, char *reason)
{
	return vpl011_load(&((struct uart *)ctx)->dev, r, reason);
}

static void unfinished_line_and_input_move(void **state)
{
	const struct record_codec c = { save, load, &here };
	uint8_t bytes[RECORD_WALK_BYTES];
	char reason[REASON_BYTES];
	struct reader r;

	(void)state;
	put(&here, "half a li");
	set(&here, IMSC, INT_RX);
	assert_int_equal(vpl011_input(&here.dev, (const uint8_t *)"ab", 2), 2);
	assert_true(here.level);
	r = reader_over(bytes, record_save(&c, bytes));
	assert_int_equal(vpl011_load(&there.dev, &r, reason), ERR_OK);
	assert_true(there.level);
	put(&there, "ne\n");
	assert_string_equal(there.text, "half a line|");
	assert_int_equal(get(&there, DR), 'a');
	assert_true(there.level);
	assert_int_equal(get(&there, DR), 'b');
	assert_false(there.level);
}

static void input_interrupts_until_it_is_read(void **state)
{
	uint8_t bytes[VPL011_INPUT_MAX + 5] = "hello";

	(void)state;
	assert_int_equal(get(&here, FR) & 0x10, 0x10); /* receive FIFO empty */
	assert_int_equal(vpl011_input(&here.dev, bytes, sizeof(bytes)), VPL011_INPUT_MAX);
	assert_int_equal(get(&here, FR) & 0x50, 0x40); /* full */
	assert_false(here.level);
	set(&here, IMSC, INT_RX);
	assert_true(here.level);
	assert_int_equal(get(&here, MIS), INT_RX);
	for (uint32_t i = 0; i < VPL011_INPUT_MAX; i++) {
		assert_true(here.level);
		assert_int_equal(get(&here, DR), bytes[i]);
	}
	assert_false(here.level);
	assert_int_equal(get(&here, DR), 0);
}

static void transmit_interrupt_follows_mask_and_clear(void **state)
{
	(void)state;
	set(&here, IMSC, INT_TX);
	assert_false(here.level);
	put(&here, "x");
	assert_true(here.level);
	assert_int_equal(get(&here, RIS), INT_TX);
	set(&here, ICR, INT_TX);
	assert_false(here.level);
}

static void identity_is_a_pl011(void **state)
{
	static const uint8_t id[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(get(&here, REG(0xfe0 + 4 * i)), id[i]);
	}
}

static void every_register_keeps_what_it_can_hold(void **state)
{
	const struct record_codec c = { save, load, &here };

	(void)state;
	for (uint64_t at = REG(4); at < REG(0x1000); at += 4) {
		set(&here, at, UINT32_MAX);
		(void)get(&here, at);
	}
	assert_true(record_walk(&c, 1) > 100); /* what the guest can write, a record can hold */
}

static void reset_lowers_the_line_and_drops_text(void **state)
{
	(void)state;
	set(&here, IMSC, INT_TX);
	put(&here, "gone");
	vpl011_reset(&here.dev);
	assert_false(here.level);
	put(&here, "new\n");
	assert_string_equal(here.text, "new|");
}

static void wrong_accesses_are_refused(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(mmio_read(&here.mmio, 0, DR, 8, &value), ERR_BAD_RECORD);
	assert_int_equal(mmio_write(&here.mmio, 0, DR + 1, 1, 0), ERR_BAD_RECORD);
	assert_int_equal(mmio_write(&here.mmio, 0, DR, 1, '\n'), ERR_OK);
}

static void damaged_records_are_refused_or_taken_as_given(void **state)
{
	const struct record_codec c = { save, load, &here };

	(void)state;
	put(&here, "unfinished");
	set(&here, IMSC, INT_RX | INT_TX);
	assert_int_equal(vpl011_input(&here.dev, (const uint8_t *)"xyz", 3), 3);
	assert_true(record_walk(&c, 1) > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, two_uarts)
		TEST(text_comes_out_by_lines),
		TEST(long_line_comes_out_in_pieces),
		TEST(unfinished_line_and_input_move),
		TEST(input_interrupts_until_it_is_read),
		TEST(transmit_interrupt_follows_mask_and_clear),
		TEST(identity_is_a_pl011),
		TEST(every_register_keeps_what_it_can_hold),
		TEST(reset_lowers_the_line_and_drops_text),
		TEST(wrong_accesses_are_refused),
		TEST(damaged_records_are_refused_or_taken_as_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
