/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"

/* The C library is the oracle: same text, same length. */
#define SAME(...)                                                                                                      \
	do {                                                                                                           \
		char want[256], got[256];                                                                              \
		int n = snprintf(want, sizeof(want), __VA_ARGS__);                                                     \
		assert_int_equal(fmt(got, sizeof(got), __VA_ARGS__), (size_t)n);                                       \
		assert_string_equal(got, want);                                                                        \
	} while (0)

static void conversions_agree_with_the_c_library(void **state)
{
	(void)state;
	SAME("plain");
	SAME("%d %i %u", -5, 7, 9u);
	SAME("%5d|%-5d|%05d|%+d", 42, 42, -42, 42);
	SAME("%x %X %08x %lx %llx", 0xbeefu, 0xbeefu, 0x12u, 0xffffffffffUL, ~0ULL);
	SAME("%s|%10s|%-10s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
	SAME("%c%c%%", 'a', 'b');
	SAME("%lld %lu %zu", (long long)INT64_MIN, ~0UL, (size_t)77);
	SAME("%.5d|%8.3u|%-8.3x|%*d", 12, 7u, 0xau, 6, 3);
	SAME("%02x:%02x", 1u, 255u);
}

static void output_is_cut_and_terminated_at_every_capacity(void **state)
{
	static const char whole[] = "value=1234 name=godwit";

	(void)state;
	for (size_t cap = 0; cap < sizeof(whole) + 2; cap++) {
		char out[64];

		memset(out, 0x7f, sizeof(out));
		assert_int_equal(fmt(out, cap, "value=%d name=%s", 1234, "godwit"), sizeof(whole) - 1);
		if (cap > 0) {
			assert_int_equal(out[MIN(cap - 1, sizeof(whole) - 1)], 0);
			assert_memory_equal(out, whole, MIN(cap - 1, sizeof(whole) - 1));
		}
		assert_int_equal(out[cap > sizeof(whole) ? sizeof(whole) : cap], 0x7f);
	}
}

static void null_string_and_unknown_letter_are_harmless(void **state)
{
	char out[32];
	const char *volatile none = NULL;
	const char *odd = "%q %";

	(void)state;
	fmt(out, sizeof(out), "%s", none);
	assert_string_equal(out, "(null)");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	fmt(out, sizeof(out), odd);
#pragma GCC diagnostic pop
	assert_string_equal(out, "%q ");
}

static void numbers_are_read_whole_or_refused(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t value;
	} cases[] = {
		{ "0", true, 0 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "0xffffffffffffffff", true, UINT64_MAX },
		{ "0x10000000000000000", false, 0 },
		{ "", false, 0 },
		{ "0x", false, 0 },
		{ "12a", false, 0 },
		{ "-1", false, 0 },
		{ " 1", false, 0 },
		{ "0X1f", true, 31 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 99;

		assert_int_equal(text_to_u64(cases[i].text, strlen(cases[i].text), &v), cases[i].ok);
		assert_int_equal(v, cases[i].ok ? cases[i].value : 99);
	}
}

static void a_copy_that_does_not_fit_is_cut_and_told(void **state)
{
	char out[4];

	(void)state;
	assert_true(text_copy(out, sizeof(out), "abc"));
	assert_false(text_copy(out, sizeof(out), "abcd"));
	assert_string_equal(out, "abc");
	assert_false(text_copy(out, 0, "x"));
	assert_true(text_equal("a", "a"));
	assert_false(text_equal("a", "ab"));
	assert_int_equal(text_len("abc", 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversions_agree_with_the_c_library),
		cmocka_unit_test(output_is_cut_and_terminated_at_every_capacity),
		cmocka_unit_test(null_string_and_unknown_letter_are_harmless),
		cmocka_unit_test(numbers_are_read_whole_or_refused),
		cmocka_unit_test(a_copy_that_does_not_fit_is_cut_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
