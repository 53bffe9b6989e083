/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** fw_cfg by DMA and by its data port; the real-time clock beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "drivers/fw_cfg/fw_cfg.h"
#include "drivers/mmio.h"
#include "drivers/pl031/pl031.h"
#include "tests/fake/fake_mmio.h"

#define BASE	   ((uintptr_t)0x09020000)
#define RTC	   ((uintptr_t)0x09010000)
#define FILE_KEY   0x21u
#define FILE_BYTES 1000u

struct fixture {
	struct fw_cfg f;
	uint8_t id[4];
	uint8_t signature[4];
	uint8_t directory[4 + 64 * 3];
	uint8_t file[FILE_BYTES];
	uint16_t key;
	uint32_t at;
	uint32_t dma_high;
	bool dma_fails, dma_hangs;
	uint32_t rtc_id0, rtc_seconds;
};

static const uint8_t *item(struct fixture *fx, uint32_t *len)
{
	switch (fx->key) {
	case 0:
		*len = sizeof(fx->signature);
		return fx->signature;
	case 1:
		*len = sizeof(fx->id);
		return fx->id;
	case 0x19:
		*len = sizeof(fx->directory);
		return fx->directory;
	case FILE_KEY:
		*len = sizeof(fx->file);
		return fx->file;
	default:
		*len = 0;
		return NULL;
	}
}

static uint8_t next_byte(struct fixture *fx)
{
	uint32_t len;
	const uint8_t *bytes = item(fx, &len);
	uint32_t at = fx->at++;

	return at < len ? bytes[at] : 0;
}

static void dma(struct fixture *fx, uint64_t addr)
{
	uint8_t *access = (uint8_t *)(uintptr_t)addr;
	uint32_t control = load_be32(access);
	uint32_t len = load_be32(access + 4);
	uint8_t *out = (uint8_t *)(uintptr_t)load_be64(access + 8);

	if (fx->dma_hangs) {
		return;
	}
	if ((control & 8) != 0) {
		fx->key = (uint16_t)(control >> 16);
		fx->at = 0;
	}
	if ((control & 4) != 0) {
		fx->at += len;
	} else if ((control & 2) != 0) {
		for (uint32_t i = 0; i < len; i++) {
			out[i] = next_byte(fx);
		}
	}
	store_be32(access, fx->dma_fails ? 1 : 0);
}

static uint64_t reg_read(void *ctx, uint64_t offset, uint32_t size_bytes)
{
	assert_int_equal(offset, 0);
	assert_int_equal(size_bytes, 1);
	return next_byte(ctx);
}

static void reg_write(void *ctx, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	struct fixture *fx = ctx;

	if (offset == 8 && size_bytes == 2) {
		fx->key = __builtin_bswap16((uint16_t)value);
		fx->at = 0;
	} else if (offset == 16 && size_bytes == 4) {
		fx->dma_high = __builtin_bswap32((uint32_t)value);
	} else if (offset == 20 && size_bytes == 4) {
		dma(fx, (uint64_t)fx->dma_high << 32 | __builtin_bswap32((uint32_t)value));
	} else {
		fail();
	}
}

static uint64_t rtc_read(void *ctx, uint64_t offset, uint32_t size_bytes)
{
	struct fixture *fx = ctx;

	(void)size_bytes;
	switch (offset) {
	case 0:
		return fx->rtc_seconds;
	case 0xfe0:
		return fx->rtc_id0;
	case 0xfe4:
		return 0x10;
	default:
		return 0;
	}
}

static void rtc_write(void *ctx, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	(void)ctx;
	(void)offset;
	(void)size_bytes;
	(void)value;
	fail();
}

static const struct fake_mmio_ops fw_ops = { reg_read, reg_write };
static const struct fake_mmio_ops rtc_ops = { rtc_read, rtc_write };

static void entry(struct fixture *fx, uint32_t n, uint32_t size, uint16_t key, const char *name)
{
	uint8_t *e = &fx->directory[4 + 64 * n];

	store_be32(e, size);
	store_be16(e + 4, key);
	memset(e + 8, 0, 56);
	memcpy(e + 8, name, strlen(name));
}

static int setup(void **state)
{
	struct fixture *fx = aligned_alloc(_Alignof(struct fixture), sizeof(struct fixture));

	memset(fx, 0, sizeof(*fx));
	memcpy(fx->signature, "QEMU", 4);
	fx->id[0] = 3;
	store_be32(fx->directory, 3);
	entry(fx, 0, 5, 0x20, "etc/other");
	entry(fx, 1, FILE_BYTES, FILE_KEY, "opt/godwit/config");
	/* a name that fills its field, without an end */
	entry(fx, 2, 7, 0x22, "opt/0123456789012345678901234567890123456789012345678901");
	for (uint32_t i = 0; i < FILE_BYTES; i++) {
		fx->file[i] = (uint8_t)(i * 7);
	}
	fx->rtc_id0 = 0x31;
	fx->rtc_seconds = 1700000000;
	fake_mmio_reset();
	fake_mmio_map(BASE, 0x18, &fw_ops, fx);
	fake_mmio_map(RTC, 0x1000, &rtc_ops, fx);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void a_file_is_found_and_read_by_dma_and_by_port(void **state)
{
	struct fixture *fx = *state;

	for (uint32_t dma_bit = 0; dma_bit < 2; dma_bit++) {
		struct fw_cfg_file file;
		uint8_t out[FILE_BYTES + 1];

		fx->id[0] = (uint8_t)(1 | dma_bit << 1);
		assert_int_equal(fw_cfg_init(&fx->f, BASE), ERR_OK);
		assert_int_equal(fx->f.dma, dma_bit);
		assert_int_equal(fw_cfg_find(&fx->f, "opt/godwit/config", &file), ERR_OK);
		assert_int_equal(file.len_bytes, FILE_BYTES);
		out[FILE_BYTES] = 0xee;
		assert_int_equal(fw_cfg_read(&fx->f, &file, out, FILE_BYTES), ERR_OK);
		assert_memory_equal(out, fx->file, FILE_BYTES);
		assert_int_equal(out[FILE_BYTES], 0xee);
		assert_int_equal(fw_cfg_read_at(&fx->f, &file, 990, out, 10), ERR_OK);
		assert_memory_equal(out, &fx->file[990], 10);
	}
}

static void sizes_are_checked_before_anything_is_read(void **state)
{
	struct fixture *fx = *state;
	struct fw_cfg_file file;
	uint8_t out[FILE_BYTES];

	assert_int_equal(fw_cfg_init(&fx->f, BASE), ERR_OK);
	assert_int_equal(fw_cfg_find(&fx->f, "opt/godwit/config", &file), ERR_OK);
	memset(out, 0x55, sizeof(out));
	assert_int_equal(fw_cfg_read(&fx->f, &file, out, FILE_BYTES - 1), ERR_FULL);
	assert_int_equal(out[0], 0x55);
	assert_int_equal(fw_cfg_read_at(&fx->f, &file, 1000, out, 1), ERR_RANGE);
	assert_int_equal(fw_cfg_read_at(&fx->f, &file, 1001, out, 0), ERR_RANGE);
	assert_int_equal(fw_cfg_read_at(&fx->f, &file, 1, out, UINT32_MAX), ERR_RANGE);
}

static void a_name_that_is_not_there_is_the_end(void **state)
{
	struct fixture *fx = *state;
	struct fw_cfg_file file;

	assert_int_equal(fw_cfg_init(&fx->f, BASE), ERR_OK);
	assert_int_equal(fw_cfg_find(&fx->f, "opt/godwit/conf", &file), ERR_END);
	assert_int_equal(fw_cfg_find(&fx->f, "", &file), ERR_END);
	store_be32(fx->directory, FW_CFG_FILES_MAX + 1);
	assert_int_equal(fw_cfg_find(&fx->f, "opt/godwit/config", &file), ERR_BAD_RECORD);
}

static void a_transfer_that_fails_or_hangs_is_an_error(void **state)
{
	struct fixture *fx = *state;
	struct fw_cfg_file file;

	assert_int_equal(fw_cfg_init(&fx->f, BASE), ERR_OK);
	fx->dma_fails = true;
	assert_int_equal(fw_cfg_find(&fx->f, "opt/godwit/config", &file), ERR_IO);
	fx->dma_fails = false;
	fx->dma_hangs = true;
	assert_int_equal(fw_cfg_find(&fx->f, "opt/godwit/config", &file), ERR_IO);
}

static void something_else_at_the_address_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct pl031 rtc;

	fx->signature[3] = 'X';
	assert_int_equal(fw_cfg_init(&fx->f, BASE), ERR_UNSUPPORTED);
	fx->rtc_id0 = 0x30;
	assert_int_equal(pl031_init(&rtc, RTC), ERR_UNSUPPORTED);
}

static void the_clock_tells_seconds_and_a_clock_never_set_is_none(void **state)
{
	struct fixture *fx = *state;
	struct pl031 rtc;

	assert_int_equal(pl031_init(&rtc, RTC), ERR_OK);
	assert_int_equal(pl031_seconds(&rtc), 1700000000);
	fx->rtc_seconds = 0;
	assert_int_equal(pl031_init(&rtc, RTC), ERR_UNSUPPORTED);
}

struct clock_ctx {
	uint64_t now_us, step_us;
};

static uint64_t clock_us(void *ctx)
{
	struct clock_ctx *c = ctx;

	return c->now_us += c->step_us;
}

static void polling_ends_by_time_and_by_count(void **state)
{
	struct clock_ctx c = { 0, 1 };
	const struct mmio_clock clock = { clock_us, &c };

	(void)state;
	assert_int_equal(mmio_poll32(RTC, UINT32_MAX, 1700000000, 100, &clock), ERR_OK);
	assert_int_equal(mmio_poll32(RTC, 0xff, 0, 100, &clock), ERR_OK);
	assert_int_equal(mmio_poll32(RTC, UINT32_MAX, 0, 100, &clock), ERR_TIMEOUT);
	assert_in_range(c.now_us, 100, 200);
	c.step_us = 0; /* a clock that stands still */
	assert_int_equal(mmio_poll32(RTC, UINT32_MAX, 0, 100, &clock), ERR_TIMEOUT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_is_found_and_read_by_dma_and_by_port),
		CASE(sizes_are_checked_before_anything_is_read),
		CASE(a_name_that_is_not_there_is_the_end),
		CASE(a_transfer_that_fails_or_hangs_is_an_error),
		CASE(something_else_at_the_address_is_refused),
		CASE(the_clock_tells_seconds_and_a_clock_never_set_is_none),
		CASE(polling_ends_by_time_and_by_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
