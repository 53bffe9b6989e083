/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <mbedtls/platform_util.h>

#include "core/base/bits.h"
#include "net/mbedtls/arena.h"
#include "net/mbedtls/hooks.h"

#define BYTES 4096u

static _Alignas(16) uint8_t memory[BYTES];

static void blocks_are_aligned_zeroed_and_counted(void **state)
{
	struct arena a;
	uint8_t *one, *two;

	(void)state;
	memset(memory, 0xee, sizeof(memory));
	arena_init(&a, memory, sizeof(memory));
	one = arena_calloc(&a, 3, 7);
	two = arena_calloc(&a, 1, 1);
	assert_non_null(one);
	assert_non_null(two);
	assert_int_equal((uintptr_t)one % 16, 0);
	assert_int_equal((uintptr_t)two % 16, 0);
	for (size_t i = 0; i < 21; i++) {
		assert_int_equal(one[i], 0);
	}
	assert_int_equal(a.block_count, 2);
	assert_int_equal(a.used_bytes, 32 + 16 + 16 + 16);
	arena_free(&a, one);
	arena_free(&a, two);
	arena_free(&a, NULL);
	assert_int_equal(a.block_count, 0);
	assert_int_equal(a.used_bytes, 0);
	assert_int_equal(a.peak_bytes, 80);
	/* All of it is one block again. */
	assert_non_null(arena_calloc(&a, 1, BYTES - 16));
}

static void no_room_is_null_and_nothing_changes(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, memory, sizeof(memory));
	assert_null(arena_calloc(&a, 1, BYTES));
	assert_null(arena_calloc(&a, SIZE_MAX, 2));
	assert_null(arena_calloc(&a, SIZE_MAX / 2 + 1, 2));
	assert_null(arena_calloc(&a, 1, SIZE_MAX));
	assert_null(arena_calloc(&a, 1u << 20, 1u << 20));
	assert_int_equal(a.refused_count, 5);
	assert_null(arena_calloc(&a, 0, 8));
	assert_null(arena_calloc(&a, 8, 0));
	assert_int_equal(a.block_count, 0);
	assert_non_null(arena_calloc(&a, 1, BYTES - 16));
	assert_null(arena_calloc(&a, 1, 1));
}

#define LIVE_MAX 32u

/* Random takes and gives against a plain record of what must be there. */
static void random_use_never_overlaps_and_ends_whole(void **state)
{
	struct arena a;
	uint8_t *at[LIVE_MAX] = { NULL };
	size_t len[LIVE_MAX] = { 0 };
	uint64_t r = 88172645463325252u;

	(void)state;
	arena_init(&a, memory, sizeof(memory));
	for (int round = 0; round < 20000; round++) {
		uint32_t i;

		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		i = (uint32_t)(r % LIVE_MAX);
		if (at[i] != NULL) {
			for (size_t k = 0; k < len[i]; k++) {
				assert_int_equal(at[i][k], (uint8_t)i);
			}
			arena_free(&a, at[i]);
			at[i] = NULL;
			continue;
		}
		len[i] = (size_t)(r >> 32) % 400 + 1;
		at[i] = arena_calloc(&a, 1, len[i]);
		if (at[i] != NULL) {
			assert_true(arena_holds(&a, at[i]) && arena_holds(&a, at[i] + len[i] - 1));
			memset(at[i], (int)i, len[i]);
		}
	}
	for (uint32_t i = 0; i < LIVE_MAX; i++) {
		arena_free(&a, at[i]);
	}
	assert_int_equal(a.used_bytes, 0);
	assert_non_null(arena_calloc(&a, 1, BYTES - 16));
	/* Freed bytes were zeroed. */
	arena_reset(&a);
	for (size_t i = 16; i < BYTES; i++) {
		assert_int_equal(memory[i], 0);
	}
}

static void no_environment_means_no_memory(void **state)
{
	(void)state;
	assert_null(mbedtls_hook_calloc(1, 16));
	mbedtls_hook_free(NULL);
}

/* Against the host's own calendar, over leap days and centuries. */
static void dates_are_those_of_the_gregorian_calendar(void **state)
{
	(void)state;
	for (int64_t s = -2208988800; s < 7258118400; s += 86399 * 13) {
		int64_t t = s;
		time_t host = (time_t)s;
		struct tm ours, want;

		assert_ptr_equal(mbedtls_platform_gmtime_r(&t, &ours), &ours);
		assert_non_null(gmtime_r(&host, &want));
		assert_int_equal(ours.tm_year, want.tm_year);
		assert_int_equal(ours.tm_mon, want.tm_mon);
		assert_int_equal(ours.tm_mday, want.tm_mday);
		assert_int_equal(ours.tm_hour, want.tm_hour);
		assert_int_equal(ours.tm_min, want.tm_min);
		assert_int_equal(ours.tm_sec, want.tm_sec);
		assert_int_equal(ours.tm_wday, want.tm_wday);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_aligned_zeroed_and_counted),
		cmocka_unit_test(no_room_is_null_and_nothing_changes),
		cmocka_unit_test(random_use_never_overlaps_and_ends_whole),
		cmocka_unit_test(no_environment_means_no_memory),
		cmocka_unit_test(dates_are_those_of_the_gregorian_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
