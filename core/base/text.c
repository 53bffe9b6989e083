/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/text.h"

size_t text_len(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0') {
		n++;
	}
	return n;
}

bool text_equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool text_copy(char *out, size_t cap, const char *s)
{
	size_t n = 0;

	if (cap == 0) {
		return false;
	}
	while (n + 1 < cap && s[n] != '\0') {
		out[n] = s[n];
		n++;
	}
	out[n] = '\0';
	return s[n] == '\0';
}

/** Value of one digit, or 255. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9') {
		return (unsigned int)(c - '0');
	}
	if (c >= 'a' && c <= 'f') {
		return (unsigned int)(c - 'a') + 10u;
	}
	if (c >= 'A' && c <= 'F') {
		return (unsigned int)(c - 'A') + 10u;
	}
	return 255u;
}

bool text_to_u64(const char *s, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	unsigned int base = 10;
	size_t i = 0;

	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		i = 2;
	}
	if (i == len) {
		return false;
	}
	for (; i < len; i++) {
		unsigned int d = digit_value(s[i]);

		if (d >= base || v > (UINT64_MAX - d) / base) {
			return false;
		}
		v = v * base + d;
	}
	*out = v;
	return true;
}
