/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The owner mark in flash, over a model of two Intel-set chips that behaves as the data sheet says: a write can only clear bits,
 * commands take some polls, and the power may go before any access.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "board/qemu-virt/mark_flash.h"
#include "core/base/bytes.h"
#include "tests/fake/fake_mmio.h"

#define BASE	    0x04000000u
#define BLOCK_BYTES 0x2000u
#define BLOCKS	    4u
#define VM	    "vm0"
#define POLLS_MAX   10000u

static struct chips {
	uint8_t array[BLOCKS * BLOCK_BYTES];
	uint32_t mode; /* last command */
	uint32_t status;
	uint32_t busy_polls, busy_left;
	uint32_t fail_status; /* put into the status of the next command */
	uint64_t power_left;  /* writes until the power goes; 0: never */
	bool off, absent;
} chips;

static struct mark_flash m;
static uint64_t now_us;

static uint32_t query_byte(uint64_t word)
{
	static const uint8_t table[] = { [0x10] = 'Q',
		[0x11] = 'R',
		[0x12] = 'Y',
		[0x13] = 1,
		[0x2c] = 1,
		[0x2d] = BLOCKS - 1,
		[0x2f] = (BLOCK_BYTES / 2 / 256) & 0xff,
		[0x30] = BLOCK_BYTES / 2 / 256 >> 8 };

	return word < sizeof(table) ? table[word] * 0x10001u : 0;
}

static uint64_t chips_read(void *ctx, uint64_t at, uint32_t size_bytes)
{
	(void)ctx;
	assert_int_equal(size_bytes, 4);
	if (chips.absent) {
		return 0;
	}
	if (chips.mode == 0x98) {
		return query_byte(at / 4);
	}
	if (chips.mode != 0xff) {
		if (chips.busy_left > 0) {
			chips.busy_left--;
			return 0;
		}
		return chips.status | 0x00800080u;
	}
	return load_le32(chips.array + at);
}

static void chips_write(void *ctx, uint64_t at, uint32_t size_bytes, uint64_t value)
{
	uint8_t *p = chips.array + at;

	(void)ctx;
	assert_int_equal(size_bytes, 4);
	if (chips.off || (chips.power_left != 0 && --chips.power_left == 0)) {
		chips.off = true;
		return;
	}
	if (chips.mode == 0x40) { /* data */
		store_le32(p, load_le32(p) & (uint32_t)value);
		chips.mode = 0x70;
		chips.busy_left = chips.busy_polls;
		chips.status |= chips.fail_status;
	} else if (chips.mode == 0x20) {
		assert_int_equal(value, 0x00d000d0u);
		p = chips.array + at / BLOCK_BYTES * BLOCK_BYTES;
		memset(p, 0xff, chips.power_left == 1 ? 5 : BLOCK_BYTES); /* the last breath: half erased */
		chips.mode = 0x70;
		chips.busy_left = chips.busy_polls;
	} else if (value == 0x00500050u) {
		chips.status = 0;
	} else {
		assert_int_equal(value >> 16, value & 0xffff);
		chips.mode = value & 0xff;
	}
}

static void power_on(void)
{
	static const struct fake_mmio_ops ops = { chips_read, chips_write };

	chips.off = false;
	chips.power_left = 0;
	chips.mode = 0xff;
	chips.busy_left = 0;
	fake_mmio_reset();
	fake_mmio_map(BASE, sizeof(chips.array), &ops, NULL);
}

static int setup(void **state)
{
	(void)state;
	memset(&chips, 0, sizeof(chips));
	memset(chips.array, 0xff, sizeof(chips.array));
	chips.busy_polls = 2;
	power_on();
	assert_int_equal(mark_flash_open(&m, BASE, VM), ERR_OK);
	return 0;
}

static struct owner_mark mark_of(enum mark_kind kind, uint64_t gen)
{
	return (struct owner_mark){ .kind = kind,
		.gen = gen,
		.source = true,
		.attempt_number = 7,
		.attempt_random = 0x0123456789abcdef,
		.source_boot = 0xfedcba9876543210,
		.peer_addr = { { 10, 7, 0, 2 }, 4444 },
		.peer = "beta" };
}

static enum err store(enum mark_kind kind, uint64_t gen)
{
	struct owner_mark mark = mark_of(kind, gen);
	enum err err = mark_flash_begin(&m, VM, &mark, now_us);

	for (uint32_t i = 0; i < POLLS_MAX && (err == ERR_OK || err == ERR_AGAIN); i++) {
		now_us += 100;
		err = mark_flash_poll(&m, now_us);
		if (err != ERR_AGAIN) {
			return err;
		}
	}
	return err;
}

static void assert_same(const struct owner_mark *a, const struct owner_mark *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->gen, b->gen);
	assert_int_equal(a->source, b->source);
	assert_int_equal(a->attempt_number, b->attempt_number);
	assert_int_equal(a->attempt_random, b->attempt_random);
	assert_int_equal(a->source_boot, b->source_boot);
	assert_memory_equal(a->peer_addr.ip, b->peer_addr.ip, 4);
	assert_int_equal(a->peer_addr.port, b->peer_addr.port);
	assert_string_equal(a->peer, b->peer);
}

static void what_was_stored_is_there_after_a_restart(void **state)
{
	struct owner_mark wanted;

	(void)state;
	assert_int_equal(m.mark.kind, MARK_NONE);
	for (uint64_t gen = 1; gen < 6; gen++) {
		wanted = mark_of(gen % 2 == 0 ? MARK_AWAY : MARK_IN_DOUBT, gen);
		assert_int_equal(store(wanted.kind, gen), ERR_OK);
		assert_same(&m.mark, &wanted);
		power_on();
		assert_int_equal(mark_flash_open(&m, BASE, VM), ERR_OK);
		assert_same(&m.mark, &wanted);
		assert_int_equal(m.sequence, gen);
	}
}

static void power_cut_before_any_access_leaves_the_old_mark_or_the_new_one(void **state)
{
	uint64_t cut, olds = 0, news = 0;

	for (cut = 1; cut < 1000; cut++) {
		enum err err;
		struct owner_mark old = mark_of(MARK_HOME, 4), new = mark_of(MARK_IN_DOUBT, 5);

		(void)setup(state);
		assert_int_equal(store(MARK_AWAY, 3), ERR_OK);
		assert_int_equal(store(MARK_HOME, 4), ERR_OK);
		chips.power_left = cut;
		err = store(MARK_IN_DOUBT, 5);
		if (!chips.off) {
			assert_int_equal(err, ERR_OK);
			break;
		}
		power_on();
		assert_int_equal(mark_flash_open(&m, BASE, VM), ERR_OK);
		assert_same(&m.mark, m.mark.gen == 5 ? &new : &old);
		assert_true(err != ERR_OK || m.mark.gen == 5);
		olds += m.mark.gen == 4;
		news += m.mark.gen == 5;
		assert_int_equal(store(MARK_AWAY, 6), ERR_OK); /* and the next one gets there */
		assert_int_equal(m.mark.gen, 6);
	}
	assert_true(cut > 150 && cut < 1000);
	assert_true(olds > 100 && news > 0);
}

static void power_cut_in_the_very_first_store_leaves_none(void **state)
{
	for (uint64_t cut = 1; cut < 80; cut++) {
		(void)setup(state);
		memset(chips.array, 0, sizeof(chips.array)); /* a new file */
		chips.power_left = cut;
		assert_int_not_equal(store(MARK_HOME, 1), ERR_OK);
		power_on();
		assert_int_equal(mark_flash_open(&m, BASE, VM), ERR_OK);
		assert_int_equal(m.mark.kind, MARK_NONE);
	}
}

static void any_changed_bit_is_found_and_the_other_record_counts(void **state)
{
	for (uint32_t bit = 0; bit < MARK_RECORD_BYTES * 8; bit++) {
		(void)setup(state);
		assert_int_equal(store(MARK_AWAY, 3), ERR_OK);
		assert_int_equal(store(MARK_HOME, 4), ERR_OK);
		chips.array[BLOCK_BYTES + bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(mark_flash_open(&m, BASE, VM), ERR_OK);
		assert_int_equal(m.mark.kind, MARK_AWAY);
		chips.array[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(mark_flash_open(&m, BASE, VM), ERR_IO); /* nobody knows who owns the VM */
	}
}

static void refusing_or_silent_chips_end_a_store_in_bounded_time(void **state)
{
	static const uint32_t faults[] = { 0x00000010, 0x00100000, 0x00020000, 0x00000008 };
	uint64_t begun;

	for (uint32_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		(void)setup(state);
		assert_int_equal(store(MARK_HOME, 1), ERR_OK);
		chips.fail_status = faults[i];
		assert_int_equal(store(MARK_AWAY, 2), ERR_IO);
		chips.fail_status = 0;
		assert_int_equal(m.mark.kind, MARK_HOME);
		assert_int_equal(store(MARK_AWAY, 2), ERR_OK);
	}
	chips.busy_polls = UINT32_MAX;
	begun = now_us;
	assert_int_equal(mark_flash_begin(&m, VM, &m.mark, now_us), ERR_OK);
	assert_int_equal(mark_flash_begin(&m, VM, &m.mark, now_us), ERR_BAD_STATE);
	while (mark_flash_poll(&m, now_us) == ERR_AGAIN) {
		now_us += 100000;
		assert_true(now_us - begun <= 2 * CFI_FLASH_ERASE_US);
	}
	assert_int_equal(m.phase, MARK_FLASH_IDLE);
	assert_int_equal(m.mark.kind, MARK_AWAY);
}

static void write_that_does_not_take_is_found_by_reading_back(void **state)
{
	(void)state;
	assert_int_equal(store(MARK_HOME, 1), ERR_OK);
	/* Worn out: a bit stays 0. The model only clears bits, so it is cleared between erase and write. */
	assert_int_equal(mark_flash_begin(&m, VM, &(struct owner_mark){ .kind = MARK_AWAY, .gen = 2 }, now_us), ERR_OK);
	chips.array[BLOCK_BYTES] = 0;
	for (uint32_t i = 0; i < POLLS_MAX && m.phase != MARK_FLASH_IDLE; i++) {
		enum err err = mark_flash_poll(&m, ++now_us);

		assert_true(err == ERR_AGAIN || err == ERR_IO);
	}
	assert_int_equal(m.phase, MARK_FLASH_IDLE);
	assert_int_equal(m.mark.kind, MARK_HOME);
}

static void other_vm_and_no_flash_are_refused(void **state)
{
	(void)state;
	assert_int_equal(store(MARK_HOME, 1), ERR_OK);
	assert_int_equal(mark_flash_open(&m, BASE, "other"), ERR_MISMATCH);
	chips.absent = true;
	assert_int_equal(mark_flash_open(&m, BASE, VM), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_stored_is_there_after_a_restart, setup),
		cmocka_unit_test_setup(power_cut_before_any_access_leaves_the_old_mark_or_the_new_one, setup),
		cmocka_unit_test_setup(power_cut_in_the_very_first_store_leaves_none, setup),
		cmocka_unit_test_setup(any_changed_bit_is_found_and_the_other_record_counts, setup),
		cmocka_unit_test_setup(refusing_or_silent_chips_end_a_store_in_bounded_time, setup),
		cmocka_unit_test_setup(write_that_does_not_take_is_found_by_reading_back, setup),
		cmocka_unit_test_setup(other_vm_and_no_flash_are_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
