/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/vm/mmio.h"

static struct mmio_space space;
static uint64_t last_offset, last_value;
static uint32_t last_vcpu;

static enum err dev_read(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t *value)
{
	(void)size_bytes;
	last_offset = offset;
	last_vcpu = vcpu;
	*value = *(uint64_t *)ctx;
	return offset == 0x10 ? ERR_RANGE : ERR_OK;
}

static enum err dev_write(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	(void)ctx;
	(void)vcpu;
	(void)size_bytes;
	last_offset = offset;
	last_value = value;
	return ERR_OK;
}

static uint64_t content = UINT64_C(0x1122334455667788);

static int one_region(void **state)
{
	(void)state;
	mmio_init(&space);
	assert_int_equal(mmio_add(&space, 0x1000, 0x100, dev_read, dev_write, &content), ERR_OK);
	return 0;
}

static void access_reaches_the_region_it_falls_in(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_int_equal(mmio_read(&space, 3, 0x10f8, 8, &value), ERR_OK);
	assert_int_equal(last_offset, 0xf8);
	assert_int_equal(last_vcpu, 3);
	assert_true(value == content);
	assert_int_equal(mmio_read(&space, 0, 0x10ff, 1, &value), ERR_OK);
	assert_int_equal(value, 0x88);
	assert_int_equal(mmio_write(&space, 0, 0x1002, 2, UINT64_MAX), ERR_OK);
	assert_int_equal(last_value, 0xffff);
}

static void access_outside_or_across_the_end_finds_nothing(void **state)
{
	uint64_t value = 7;

	(void)state;
	assert_int_equal(mmio_read(&space, 0, 0xfff, 1, &value), ERR_RANGE);
	assert_int_equal(mmio_read(&space, 0, 0xffc, 8, &value), ERR_RANGE);
	assert_int_equal(mmio_read(&space, 0, 0x1100, 1, &value), ERR_RANGE);
	assert_int_equal(mmio_read(&space, 0, 0x10fd, 4, &value), ERR_RANGE);
	assert_int_equal(mmio_read(&space, 0, UINT64_MAX, 8, &value), ERR_RANGE);
	assert_int_equal(mmio_write(&space, 0, UINT64_MAX - 3, 8, 0), ERR_RANGE);
	assert_int_equal(mmio_read(&space, 0, 0x1010, 4, &value), ERR_RANGE); /* the handler's */
	assert_int_equal(value, 7);
}

static void odd_sizes_are_refused(void **state)
{
	uint64_t value;

	(void)state;
	for (uint32_t size = 0; size < 256; size++) {
		bool good = size == 1 || size == 2 || size == 4 || size == 8;

		assert_int_equal(mmio_read(&space, 0, 0x1000, (uint8_t)size, &value), good ? ERR_OK : ERR_BAD_RECORD);
	}
}

static void overlapping_and_wrapping_regions_are_refused(void **state)
{
	(void)state;
	assert_int_equal(mmio_add(&space, 0x10ff, 1, dev_read, dev_write, &content), ERR_RANGE);
	assert_int_equal(mmio_add(&space, 0xf00, 0x101, dev_read, dev_write, &content), ERR_RANGE);
	assert_int_equal(mmio_add(&space, 0, 0x10000, dev_read, dev_write, &content), ERR_RANGE);
	assert_int_equal(mmio_add(&space, 0x5000, 0, dev_read, dev_write, &content), ERR_RANGE);
	assert_int_equal(mmio_add(&space, UINT64_MAX - 1, 16, dev_read, dev_write, &content), ERR_RANGE);
	assert_int_equal(mmio_add(&space, 0x1100, 0x100, dev_read, dev_write, &content), ERR_OK);
}

static void full_table_says_so_and_removed_entries_are_used_again(void **state)
{
	uint64_t value;

	(void)state;
	for (uint64_t i = 1; i < MMIO_REGIONS_MAX; i++) {
		assert_int_equal(mmio_add(&space, 0x1000 + i * 0x1000, 16, dev_read, dev_write, &content), ERR_OK);
	}
	assert_int_equal(mmio_add(&space, 0x100000, 16, dev_read, dev_write, &content), ERR_FULL);
	assert_int_equal(mmio_remove(&space, 0x1001), ERR_RANGE);
	assert_int_equal(mmio_remove(&space, 0x1000), ERR_OK);
	assert_int_equal(mmio_remove(&space, 0x1000), ERR_RANGE);
	assert_int_equal(mmio_read(&space, 0, 0x1000, 4, &value), ERR_RANGE);
	assert_int_equal(mmio_add(&space, 0x100000, 16, dev_read, dev_write, &content), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, one_region)
		TEST(access_reaches_the_region_it_falls_in),
		TEST(access_outside_or_across_the_end_finds_nothing),
		TEST(odd_sizes_are_refused),
		TEST(overlapping_and_wrapping_regions_are_refused),
		TEST(full_table_says_so_and_removed_entries_are_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
