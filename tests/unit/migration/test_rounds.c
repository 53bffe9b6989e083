/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Bandwidth, the rate limit, and the decision that ends the rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "migration/ram.h"
#include "migration/rounds.h"

static char text[REASON_BYTES];

/** 10 MB in 100 ms of sending, and dirty pages found after 200 ms. */
static struct rounds measured(uint64_t dirty)
{
	struct rounds r;
	struct migration_round sums = { .pages = 2500, .bytes = 10000000, .dirty_after = dirty };

	rounds_start(&r, 1000000);
	rounds_end(&r, &sums, 1100000, 1200000);
	rounds_end(&r, &(struct migration_round){ .dirty_after = dirty }, 1200000, 1400000);
	return r;
}

static void bandwidth_counts_the_time_of_sending_alone(void **state)
{
	struct rounds r = measured(100);

	(void)state;
	assert_int_equal(r.bandwidth, 100000000);
	assert_int_equal(r.dirty_rate, 500);
	assert_int_equal(r.done, 2);
}

static void what_fits_the_limit_converges(void **state)
{
	struct rounds r = measured(100);
	struct migration_params p = { .downtime_limit_ms = 50 };
	struct fixed_cost cost = { .vcpu_stop_us = 1000,
		.device_stop_us = 20000,
		.device_load_us = 10000,
		.rtt_us = 1000,
		.state_bytes = 100000 };
	struct forecast f = rounds_forecast(&r, &p, 100, &cost, text);

	(void)state;
	/* 1000 + 30000 + 1500 + 1000 fixed, 409600 bytes at 100 MB/s */
	assert_int_equal(f.downtime_us, 33500 + 4096);
	assert_true(f.converged);
	p.downtime_limit_ms = 37;
	assert_false(rounds_forecast(&r, &p, 100, &cost, text).converged);
	assert_string_equal(text, "converging");
	p.downtime_limit_ms = 38;
	assert_true(rounds_forecast(&r, &p, 100, &cost, text).converged);
}

static void device_longer_than_the_limit_is_the_reason(void **state)
{
	struct rounds r = measured(1);
	struct migration_params p = { .downtime_limit_ms = 300 };
	struct fixed_cost cost = { .device_stop_us = 200000, .device_load_us = 200000 };

	(void)state;
	assert_false(rounds_forecast(&r, &p, 1, &cost, text).converged);
	assert_string_equal(text, "cannot converge, because stopping and loading alone takes 400 ms (devices 400 ms) "
				  "of downtime-limit 300 ms");
}

static void guest_faster_than_the_link_is_the_reason(void **state)
{
	struct rounds r = measured(10000); /* 50000 pages a second: 200 MB/s */
	struct migration_params p = { .downtime_limit_ms = 300 };
	struct fixed_cost cost = { 0 };

	(void)state;
	assert_false(rounds_forecast(&r, &p, 10000, &cost, text).converged);
	assert_non_null(strstr(
		text, "cannot converge, because the guest writes 200000 KiB/s and the link carries 97656 KiB/s"));
	p.avail_switchover_bandwidth = 1000000000;
	assert_true(rounds_forecast(&r, &p, 10000, &cost, text).converged);
}

static void nothing_converges_before_the_first_measurement(void **state)
{
	struct rounds r;
	struct migration_params p = { .downtime_limit_ms = 300 };
	struct fixed_cost cost = { 0 };

	(void)state;
	rounds_start(&r, 0);
	assert_false(rounds_forecast(&r, &p, 1, &cost, text).converged);
	assert_true(rounds_forecast(&r, &p, 0, &cost, text).converged);
}

static void only_the_last_rounds_are_kept(void **state)
{
	struct rounds r;

	(void)state;
	rounds_start(&r, 0);
	for (uint32_t i = 0; i < 3 * MIGRATION_ROUNDS_KEPT; i++) {
		rounds_end(&r, &(struct migration_round){ .pages = i }, i, i + 1);
	}
	assert_int_equal(r.done, 3 * MIGRATION_ROUNDS_KEPT);
	assert_int_equal(r.kept[5].pages, 2 * MIGRATION_ROUNDS_KEPT + 5);
}

static void rate_limit_holds_over_a_second(void **state)
{
	struct bucket b;
	uint64_t sent = 0;

	(void)state;
	bucket_start(&b, 1000000, 0);
	for (uint64_t us = 0; us < 1000000; us += 7) {
		if (bucket_open(&b, us)) {
			bucket_take(&b, 61000);
			sent += 61000;
		}
	}
	assert_in_range(sent, 950000, 1000000 + 100000 + 61000);
}

static void no_limit_is_always_open(void **state)
{
	struct bucket b;

	(void)state;
	bucket_start(&b, 0, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(bucket_open(&b, 0));
		bucket_take(&b, FRAME_BYTES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bandwidth_counts_the_time_of_sending_alone),
		cmocka_unit_test(what_fits_the_limit_converges),
		cmocka_unit_test(device_longer_than_the_limit_is_the_reason),
		cmocka_unit_test(guest_faster_than_the_link_is_the_reason),
		cmocka_unit_test(nothing_converges_before_the_first_measurement),
		cmocka_unit_test(only_the_last_rounds_are_kept),
		cmocka_unit_test(rate_limit_holds_over_a_second),
		cmocka_unit_test(no_limit_is_always_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
