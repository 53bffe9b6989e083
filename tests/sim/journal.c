/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/chance.h"

void journal_init(struct journal *j, const uint64_t *now_us, bool echo)
{
	memset(j, 0, sizeof(*j));
	j->now_us = now_us;
	j->echo = echo;
}

void journal_event(struct journal *j, uint32_t host, uint32_t kind, uint64_t a, uint64_t b)
{
	j->hash = chance_mix(j->hash ^ *j->now_us ^ (uint64_t)host << 56 ^ (uint64_t)kind << 48);
	j->hash = chance_mix(j->hash + a) ^ b * UINT64_C(0x9e3779b97f4a7c15);
	j->count++;
}

static void __attribute__((format(printf, 3, 0)))
keep(struct journal *j, uint32_t host, const char *format, va_list args)
{
	char *line = j->lines[j->line_count % JOURNAL_LINES];
	static const char names[] = "ABCD?????w";
	int at = snprintf(line, JOURNAL_BYTES, "%12.3f ms %c  ", (double)*j->now_us / 1000.0, names[host]);

	(void)vsnprintf(line + at, JOURNAL_BYTES - (size_t)at, format, args);
	j->line_count++;
	if (j->echo) {
		(void)puts(line);
	}
	for (size_t i = 0; line[i] != '\0'; i += 8) {
		uint64_t word = 0;

		memcpy(&word, line + i, strnlen(line + i, 8));
		j->hash = chance_mix(j->hash ^ word);
		if (word >> 56 == 0) {
			break;
		}
	}
}

void journal_line(struct journal *j, uint32_t host, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	keep(j, host, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 3, 0)))
violated(struct journal *j, bool excused, const char *format, va_list args)
{
	if (j->violated || j->over) {
		return;
	}
	j->over = true;
	j->violated = !excused;
	(void)vsnprintf(j->violation, sizeof(j->violation), format, args);
	journal_line(j, JOURNAL_WORLD, "%s: %.180s", excused ? "of a world with a liar" : "VIOLATION", j->violation);
}

void journal_violation(struct journal *j, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	violated(j, j->excused, format, args);
	va_end(args);
}

void journal_broken(struct journal *j, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	violated(j, false, format, args);
	va_end(args);
}

void journal_print(const struct journal *j, uint64_t lines)
{
	uint64_t first = j->line_count > JOURNAL_LINES ? j->line_count - JOURNAL_LINES : 0;

	if (j->line_count - first > lines) {
		first = j->line_count - lines;
	}
	for (uint64_t i = first; i < j->line_count; i++) {
		(void)puts(j->lines[i % JOURNAL_LINES]);
	}
}
