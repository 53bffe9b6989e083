/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/reached.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/fmt.h"
#include "migration/control/qmp_call.h"
#include "migration/session/channel.h"

#define BUCKETS	  4096u
#define KEY_BYTES 512u

enum kind { FORMAT, TEXT, FIELD };

struct named {
	enum kind kind;
	const char *where, *key;
};

static const struct named list[] = {
#define NAMED_ERROR(kind, where, key) { kind, where, key },
#include "tests/sim/named_errors.inc"
#undef NAMED_ERROR
};

#define LIST_COUNT (sizeof(list) / sizeof(list[0]))

_Static_assert(LIST_COUNT <= REACHED_MAX, "room for every named error");

size_t __real_vfmt(char *out, size_t cap, const char *format, va_list args);
size_t __wrap_vfmt(char *out, size_t cap, const char *format, va_list args);
size_t __wrap_fmt(char *out, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *__real_err_name(enum err err);
const char *__wrap_err_name(enum err err);

bool __real_qmp_check(struct qmp_call *call, enum err err, const char *reason);
bool __wrap_qmp_check(struct qmp_call *call, enum err err, const char *reason);
enum err __real_channel_receive(struct channel *ch, const struct channel_io *io, const uint8_t *bytes, size_t len_bytes,
	size_t *taken, uint32_t *frame, char *reason);
enum err __wrap_channel_receive(struct channel *ch, const struct channel_io *io, const uint8_t *bytes, size_t len_bytes,
	size_t *taken, uint32_t *frame, char *reason);

static struct reached *sums;
static uint16_t table[BUCKETS]; /* number + 1; 0: free */

static uint32_t hash_of(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s != '\0'; s++) {
		h = (h ^ (uint8_t)*s) * 16777619u;
	}
	return h;
}

static void table_fill(void)
{
	for (uint32_t i = 0; i < LIST_COUNT; i++) {
		uint32_t at = hash_of(list[i].key) % BUCKETS;

		while (table[at] != 0) {
			at = (at + 1) % BUCKETS;
		}
		table[at] = (uint16_t)(i + 1);
	}
}

/* The same words may be a format here and a whole text there: all of them count. */
static void mark(const char *key, bool whole)
{
	for (uint32_t at = hash_of(key) % BUCKETS; table[at] != 0; at = (at + 1) % BUCKETS) {
		const struct named *n = &list[table[at] - 1];

		if (strcmp(n->key, key) == 0 && (n->kind != FORMAT || !whole || strchr(key, '%') == NULL)) {
			sums->texts[table[at] - 1]++;
		}
	}
}

/* One conversion behind its '%': its last letter, and how many l it had; 0 letter at the end. */
static const char *conversion(const char *f, char *letter, uint32_t *longs, bool *precision)
{
	*longs = 0;
	*precision = false;
	while (*f != '\0' && strchr("0123456789-+ #.lhzj", *f) != NULL) {
		*longs += *f == 'l' || *f == 'z' || *f == 'j' ? 1 : 0;
		*precision |= *f == '.';
		f++;
	}
	*letter = *f;
	return *f == '\0' ? f : f + 1;
}

static void look(const char *format, va_list args)
{
	char key[KEY_BYTES];
	size_t len = strlen(format);
	char letter;
	uint32_t longs;
	bool precision;

	if (len >= sizeof(key)) {
		return;
	}
	mark(format, false);
	memcpy(key, format, len + 1);
	for (const char *f = strchr(format, '%'); f != NULL; f = strchr(f, '%')) {
		f = conversion(f + 1, &letter, &longs, &precision);
		if (letter == '%') {
			continue;
		}
		if (letter == 's') {
			const char *s = va_arg(args, const char *);

			if (precision || s == NULL) {
				continue;
			}
			mark(s, true);
			if (len + strlen(s) + 1 < sizeof(key)) {
				key[len] = '|';
				memcpy(key + len + 1, s, strlen(s) + 1);
				len += strlen(s) + 1;
				mark(key, true);
			}
		} else if (letter == 'p') {
			(void)va_arg(args, void *);
		} else if (longs != 0) {
			(void)va_arg(args, unsigned long long);
		} else {
			(void)va_arg(args, unsigned int);
		}
	}
}

size_t __wrap_vfmt(char *out, size_t cap, const char *format, va_list args)
{
	va_list copy;

	if (sums != NULL) {
		va_copy(copy, args);
		look(format, copy);
		va_end(copy);
	}
	return __real_vfmt(out, cap, format, args);
}

size_t __wrap_fmt(char *out, size_t cap, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
	len = __wrap_vfmt(out, cap, format, args);
	va_end(args);
	return len;
}

const char *__wrap_err_name(enum err err)
{
	reached_err(err);
	return __real_err_name(err);
}

void reached_begin(struct reached *r)
{
	if (table[hash_of(list[0].key) % BUCKETS] == 0) {
		table_fill();
	}
	sums = r;
}

void reached_err(enum err err)
{
	if (sums != NULL && (unsigned int)err < ERR_COUNT) {
		sums->errs[err]++;
	}
}

void reached_line(const char *text)
{
	if (sums != NULL) {
		mark(text, true);
	}
}

bool __wrap_qmp_check(struct qmp_call *call, enum err err, const char *reason)
{
	reached_err(err);
	return __real_qmp_check(call, err, reason);
}

enum err __wrap_channel_receive(struct channel *ch, const struct channel_io *io, const uint8_t *bytes, size_t len_bytes,
	size_t *taken, uint32_t *frame, char *reason)
{
	enum err err = __real_channel_receive(ch, io, bytes, len_bytes, taken, frame, reason);

	reached_err(err);
	return err;
}

uint32_t reached_count(void)
{
	return LIST_COUNT;
}

const char *reached_text(uint32_t number)
{
	return list[number].key;
}

const char *reached_where(uint32_t number)
{
	return list[number].where;
}

uint32_t reached_find(const char *text)
{
	for (uint32_t i = 0; i < LIST_COUNT; i++) {
		if (strcmp(list[i].key, text) == 0) {
			return i;
		}
	}
	return REACHED_MAX;
}
