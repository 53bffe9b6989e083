/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The flight guest: two vCPUs that do for ever what a migration could break, check all of it,
 * and report every 200 ms of their time in one line.
 */
#ifndef TESTS_GUEST_FLIGHT_FLIGHT_H
#define TESTS_GUEST_FLIGHT_FLIGHT_H

#include "tests/guest/lib/guest.h"

#define FLIGHT_CPUS    2u

/* Pace: what each CPU does per tick decides the dirty rate (about 2.5 MB/s with these). */
#define TICK_US	       4000u
#define SET_PAGES      2048u /* 8 MiB, shared */
#define HOT_PAGES      128u  /* of these, written again and again */
#define HOT_PER_TICK   6u
#define SWEEP_PER_TICK 1u /* pages taken in turn from the whole set */

#define REPORT_US      200000u
#define STALL_US       3000000u /* anything that takes longer is lost */

#define SGI_PING       1u
#define SGI_PONG       2u

/** Each CPU's own counters; only it writes them. */
struct flight_cpu {
	uint64_t counter;
	uint64_t pages;
	uint64_t checksum_errors;
	uint64_t sgi;
	uint64_t sgi_errors;
	uint64_t timer;
	uint64_t time_errors;
	uint64_t fp_errors;
	uint64_t time_last;
	uint64_t tick_next;
	uint64_t random;
	bool ticked;
} __attribute__((aligned(64)));

extern struct flight_cpu flight_cpus[FLIGHT_CPUS];

uint64_t flight_random(uint64_t *state);
/** Keeps the first few errors for CPU 0 to print; any CPU, not from an interrupt. */
void flight_note(const char *what, uint64_t a, uint64_t b, uint64_t c);

/* pages.c */
void pages_init(void);
/** What one tick of CPU cpu writes. */
void pages_work(uint32_t cpu);

/* ball.c: SGIs to and fro between the two CPUs. */
void ball_interrupt(uint32_t cpu, uint32_t intid);
void ball_work(uint32_t cpu, uint64_t now);

/* edu.c: CPU 0 only. */
struct edu_counts {
	uint64_t done;
	uint64_t errors;
};
bool edu_init(void);
uint32_t edu_intid(void);
void edu_interrupt(void);
void edu_work(uint64_t now);
struct edu_counts edu_counts(void);

#endif
