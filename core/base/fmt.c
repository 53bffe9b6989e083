/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/fmt.h"

#include <stdbool.h>
#include <stdint.h>

#include "core/base/text.h"

#define DIGITS_MAX 20u	 /* of a uint64_t in decimal */
#define FIELD_MAX  4096u /* width and precision are cut to this */

/** Where text goes: keeps counting when the buffer is full. */
struct sink {
	char *out;
	size_t cap;
	size_t len;
};

/** One conversion: %[flags][width][.precision][length]letter */
struct spec {
	bool zero, left, plus;
	size_t width;
	size_t precision;
	bool has_precision;
	unsigned int long_count; /* 1: l z j t, 2: ll */
	char letter;
};

static void put(struct sink *s, char c)
{
	if (s->len + 1 < s->cap) {
		s->out[s->len] = c;
	}
	s->len++;
}

static void put_n(struct sink *s, char c, size_t n)
{
	while (n-- > 0) {
		put(s, c);
	}
}

static void put_field(struct sink *s, const struct spec *f, const char *text, size_t len)
{
	size_t pad = f->width > len ? f->width - len : 0;

	if (!f->left) {
		put_n(s, ' ', pad);
	}
	for (size_t i = 0; i < len; i++) {
		put(s, text[i]);
	}
	if (f->left) {
		put_n(s, ' ', pad);
	}
}

static void put_number(struct sink *s, const struct spec *f, uint64_t v, unsigned int base, bool upper, char sign)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[DIGITS_MAX];
	size_t n = 0, zeros = 0, pad, total;

	do {
		text[n++] = digits[v % base];
		v /= base;
	} while (v != 0);
	total = n + (sign != '\0' ? 1u : 0u);
	if (f->has_precision && f->precision > n) {
		zeros = f->precision - n;
	} else if (f->zero && !f->left && !f->has_precision && f->width > total) {
		zeros = f->width - total;
	}
	total += zeros;
	pad = f->width > total ? f->width - total : 0;
	if (!f->left) {
		put_n(s, ' ', pad);
	}
	if (sign != '\0') {
		put(s, sign);
	}
	put_n(s, '0', zeros);
	while (n > 0) {
		put(s, text[--n]);
	}
	if (f->left) {
		put_n(s, ' ', pad);
	}
}

static size_t parse_count(const char **at)
{
	size_t v = 0;

	while (**at >= '0' && **at <= '9') {
		v = v * 10 + (size_t)(**at - '0');
		v = v > FIELD_MAX ? FIELD_MAX : v;
		(*at)++;
	}
	return v;
}

/** va_list in a struct, so that it can be handed on by pointer on every ABI. */
struct args {
	va_list list;
};

static size_t star_count(struct args *a, bool *negative)
{
	int v = va_arg(a->list, int);

	*negative = v < 0;
	if (v < 0) {
		v = v < -(int)FIELD_MAX ? (int)FIELD_MAX : -v;
	}
	return (size_t)v > FIELD_MAX ? FIELD_MAX : (size_t)v;
}

static struct spec parse_spec(const char **at, struct args *a)
{
	struct spec f = { 0 };
	bool negative = false;

	for (;; (*at)++) {
		if (**at == '0') {
			f.zero = true;
		} else if (**at == '-') {
			f.left = true;
		} else if (**at == '+') {
			f.plus = true;
		} else if (**at != ' ' && **at != '#') {
			break;
		}
	}
	if (**at == '*') {
		f.width = star_count(a, &negative);
		f.left = f.left || negative;
		(*at)++;
	} else {
		f.width = parse_count(at);
	}
	if (**at == '.') {
		(*at)++;
		f.has_precision = true;
		if (**at == '*') {
			f.precision = star_count(a, &negative);
			f.has_precision = !negative;
			(*at)++;
		} else {
			f.precision = parse_count(at);
		}
	}
	while (**at == 'l' || **at == 'h' || **at == 'z' || **at == 'j' || **at == 't') {
		f.long_count += **at != 'h' ? 1u : 0u;
		(*at)++;
	}
	f.letter = **at;
	return f;
}

static uint64_t arg_unsigned(struct args *a, const struct spec *f)
{
	return f->long_count > 0 ? (uint64_t)va_arg(a->list, unsigned long long)
				 : (uint64_t)va_arg(a->list, unsigned int);
}

static int64_t arg_signed(struct args *a, const struct spec *f)
{
	return f->long_count > 0 ? (int64_t)va_arg(a->list, long long) : (int64_t)va_arg(a->list, int);
}

_Static_assert(sizeof(long) == sizeof(long long), "l and ll are read alike: LP64 only");

static void put_signed(struct sink *s, const struct spec *f, int64_t v)
{
	if (v < 0) {
		put_number(s, f, 0u - (uint64_t)v, 10, false, '-');
	} else {
		put_number(s, f, (uint64_t)v, 10, false, f->plus ? '+' : '\0');
	}
}

static void put_string(struct sink *s, const struct spec *f, const char *text)
{
	if (text == NULL) {
		text = "(null)";
	}
	put_field(s, f, text, text_len(text, f->has_precision ? f->precision : SIZE_MAX));
}

static void put_conversion(struct sink *s, const struct spec *f, struct args *a)
{
	char c;

	switch (f->letter) {
	case 'd':
	case 'i':
		put_signed(s, f, arg_signed(a, f));
		break;
	case 'u':
		put_number(s, f, arg_unsigned(a, f), 10, false, '\0');
		break;
	case 'x':
	case 'X':
		put_number(s, f, arg_unsigned(a, f), 16, f->letter == 'X', '\0');
		break;
	case 'p':
		put(s, '0');
		put(s, 'x');
		put_number(s, f, (uint64_t)(uintptr_t)va_arg(a->list, void *), 16, false, '\0');
		break;
	case 'c':
		c = (char)va_arg(a->list, int);
		put_field(s, f, &c, 1);
		break;
	case 's':
		put_string(s, f, va_arg(a->list, const char *));
		break;
	case '%':
		put(s, '%');
		break;
	default:
		put(s, '%');
		put(s, f->letter);
		break;
	}
}

size_t vfmt(char *out, size_t cap, const char *format, va_list list)
{
	struct sink s = { .out = out, .cap = cap, .len = 0 };
	struct args a;

	va_copy(a.list, list);
	for (const char *at = format; *at != '\0'; at++) {
		struct spec f;

		if (*at != '%') {
			put(&s, *at);
			continue;
		}
		at++;
		f = parse_spec(&at, &a);
		if (f.letter == '\0') {
			break;
		}
		put_conversion(&s, &f, &a);
	}
	va_end(a.list);
	if (cap > 0) {
		out[s.len < cap ? s.len : cap - 1] = '\0';
	}
	return s.len;
}

size_t fmt(char *out, size_t cap, const char *format, ...)
{
	va_list list;
	size_t len;

	va_start(list, format);
	len = vfmt(out, cap, format, list);
	va_end(list);
	return len;
}
