/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/vm/mmio.h"
#include "core/vm/vpl031.h"
#include "tests/unit/vm/record_walk.h"

#define RTCDR	 (VPL031_BASE + 0x000)
#define RTCMR	 (VPL031_BASE + 0x004)
#define RTCLR	 (VPL031_BASE + 0x008)
#define RTCCR	 (VPL031_BASE + 0x00c)
#define RTCIMSC	 (VPL031_BASE + 0x010)
#define RTCRIS	 (VPL031_BASE + 0x014)
#define POWER_ON 1700000000u

static struct vpl031 rtc;
static struct mmio_space mmio;
static uint64_t counter;

static uint64_t seconds(void *ctx)
{
	(void)ctx;
	return counter;
}

static int a_clock(void **state)
{
	(void)state;
	counter = 0;
	mmio_init(&mmio);
	vpl031_init(&rtc, seconds, NULL);
	vpl031_reset(&rtc, POWER_ON);
	assert_int_equal(vpl031_map(&rtc, &mmio), ERR_OK);
	return 0;
}

static uint32_t get(uint64_t at)
{
	uint64_t value = 0;

	assert_int_equal(mmio_read(&mmio, 0, at, 4, &value), ERR_OK);
	return (uint32_t)value;
}

static void set(uint64_t at, uint32_t value)
{
	assert_int_equal(mmio_write(&mmio, 0, at, 4, value), ERR_OK);
}

static void time_goes_on_with_the_guests_counter(void **state)
{
	(void)state;
	assert_int_equal(get(RTCDR), POWER_ON);
	counter = 86400;
	assert_int_equal(get(RTCDR), POWER_ON + 86400);
	set(RTCLR, 5);
	assert_int_equal(get(RTCDR), 5);
	counter += 7;
	assert_int_equal(get(RTCDR), 12);
	set(RTCLR, UINT32_MAX);
	counter += 2;
	assert_int_equal(get(RTCDR), 1); /* 32 bits, and round again */
}

static void registers_are_those_of_a_pl031_without_alarm(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(
		get(VPL031_BASE + 0xfe0) | get(VPL031_BASE + 0xfe4) << 8 | get(VPL031_BASE + 0xfe8) << 16, 0x041031);
	assert_int_equal(get(VPL031_BASE + 0xffc), 0xb1);
	assert_int_equal(get(RTCCR), 1);
	set(RTCCR, 0);
	assert_int_equal(get(RTCCR), 1);
	set(RTCIMSC, UINT32_MAX);
	assert_int_equal(get(RTCIMSC), 1);
	set(RTCMR, get(RTCDR));
	assert_int_equal(get(RTCMR), POWER_ON);
	assert_int_equal(get(RTCRIS), 0);
	assert_int_equal(get(VPL031_BASE + 0x800), 0);
	assert_int_not_equal(mmio_read(&mmio, 0, RTCDR, 8, &value), ERR_OK);
	assert_int_not_equal(mmio_read(&mmio, 0, RTCDR + 1, 2, &value), ERR_OK);
	assert_int_not_equal(mmio_write(&mmio, 0, RTCLR, 8, 1), ERR_OK);
}

static void save(void *ctx, struct writer *w)
{
	vpl031_save(ctx, w);
}

static enum err load(void *ctx, struct reader *r, char *reason)
{
	return vpl031_load(ctx, r, reason);
}

static void time_moves_with_the_record(void **state)
{
	const struct record_codec c = { save, load, &rtc };
	uint8_t bytes[RECORD_WALK_BYTES];
	char reason[REASON_BYTES];
	struct reader r;
	size_t len;

	(void)state;
	counter = 100;
	set(RTCMR, 77);
	set(RTCIMSC, 1);
	len = record_save(&c, bytes);
	vpl031_reset(&rtc, 0); /* another host, whose clock says something else */
	r = reader_over(bytes, len);
	assert_int_equal(vpl031_load(&rtc, &r, reason), ERR_OK);
	assert_int_equal(get(RTCDR), POWER_ON + 100);
	assert_int_equal(get(RTCMR), 77);
	assert_int_equal(get(RTCIMSC), 1);
}

static void every_truncation_is_refused(void **state)
{
	const struct record_codec c = { save, load, &rtc };

	(void)state;
	/* 31 bits of RTCIMSC cannot be set. */
	assert_int_equal(record_walk(&c, 1), 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(time_goes_on_with_the_guests_counter, a_clock),
		cmocka_unit_test_setup(registers_are_those_of_a_pl031_without_alarm, a_clock),
		cmocka_unit_test_setup(time_moves_with_the_record, a_clock),
		cmocka_unit_test_setup(every_truncation_is_refused, a_clock),
	};

	return cmocka_run_group_tests_name("vpl031", tests, NULL, NULL);
}
