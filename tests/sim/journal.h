/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What happened, in order: a hash of everything, the last lines to be shown, and the first violation. */
#ifndef TESTS_SIM_JOURNAL_H
#define TESTS_SIM_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_LINES 512u
#define JOURNAL_BYTES 240u
#define JOURNAL_WORLD 9u /* in place of a host: the world itself */

struct journal {
	const uint64_t *now_us;
	uint64_t hash;
	uint64_t count;
	bool echo; /* print each line as it comes */
	char lines[JOURNAL_LINES][JOURNAL_BYTES];
	uint64_t line_count;
	bool excused; /* somebody lies: violations end the run and are not counted */
	bool over;    /* ended by one */
	bool violated;
	char violation[JOURNAL_BYTES];
};

void journal_init(struct journal *j, const uint64_t *now_us, bool echo);
/** Into the hash only. */
void journal_event(struct journal *j, uint32_t host, uint32_t kind, uint64_t a, uint64_t b);
/** A line, into the hash too. */
void journal_line(struct journal *j, uint32_t host, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** A property does not hold. The first one counts. */
void journal_violation(struct journal *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Holds whoever lies. */
void journal_broken(struct journal *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The last lines, at most so many. */
void journal_print(const struct journal *j, uint64_t lines);

#endif
