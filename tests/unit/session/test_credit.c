/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "migration/session/credit.h"

static void windows_give_every_stream_a_frame_and_use_the_whole_pool(void **state)
{
	(void)state;
	for (uint32_t channels = 1; channels <= CHANNEL_COUNT_MAX; channels++) {
		struct credit c;
		uint32_t sum = 0;

		credit_reset(&c);
		credit_windows(&c, channels);
		for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
			if (i < channels || i >= LINK_STREAM_VM) {
				assert_true(c.window[i] >= 1);
			} else {
				assert_int_equal(c.window[i], 0);
			}
			sum += c.window[i];
		}
		assert_int_equal(sum, FRAME_POOL_COUNT);
	}
}

static void grants_never_exceed_the_free_frames_and_starved_streams_come_first(void **state)
{
	(void)state;
	for (uint32_t free_count = 0; free_count <= FRAME_POOL_COUNT; free_count++) {
		struct credit c;
		uint32_t streams = 0;

		credit_reset(&c);
		credit_windows(&c, 2);
		credit_grant(&c, free_count);
		assert_int_equal(credit_outstanding(&c), free_count);
		for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
			streams += c.limit[i] > 0;
			assert_true(c.limit[i] <= c.window[i]);
		}
		assert_int_equal(streams, free_count < 11 ? free_count : 11);
	}
}

static void a_placed_frame_is_granted_again_to_its_own_stream(void **state)
{
	struct credit c;

	(void)state;
	credit_reset(&c);
	credit_windows(&c, 1);
	credit_grant(&c, FRAME_POOL_COUNT);
	for (uint32_t round = 0; round < 1000; round++) {
		const uint16_t stream = LINK_STREAM_DEVICE(round % DEVICE_COUNT_MAX);

		assert_int_equal(credit_left(&c, stream), 1);
		c.used[stream]++;
		credit_grant(&c, FRAME_POOL_COUNT - 1);
		assert_int_equal(credit_left(&c, stream), 0);
		c.done[stream]++;
		credit_grant(&c, FRAME_POOL_COUNT);
		assert_int_equal(credit_outstanding(&c), FRAME_POOL_COUNT);
	}
}

static void a_limit_that_falls_jumps_or_names_no_stream_is_refused(void **state)
{
	struct credit c;

	(void)state;
	credit_reset(&c);
	assert_int_equal(credit_raise(&c, 0, 5), ERR_OK);
	assert_int_equal(credit_raise(&c, 0, 5), ERR_OK);
	assert_int_equal(credit_raise(&c, 0, 4), ERR_BAD_RECORD);
	assert_int_equal(credit_raise(&c, 0, UINT64_MAX), ERR_BAD_RECORD);
	assert_int_equal(credit_raise(&c, LINK_STREAM_COUNT, 1), ERR_RANGE);
	assert_int_equal(credit_raise(&c, UINT16_MAX, 1), ERR_RANGE);
	assert_int_equal(credit_left(&c, 0), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_give_every_stream_a_frame_and_use_the_whole_pool),
		cmocka_unit_test(grants_never_exceed_the_free_frames_and_starved_streams_come_first),
		cmocka_unit_test(a_placed_frame_is_granted_again_to_its_own_stream),
		cmocka_unit_test(a_limit_that_falls_jumps_or_names_no_stream_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
