/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Work for a Linux guest that is moved: load CPUS MEGABYTES. On each CPU a process computes, in integer and floating point
 * registers, what it knows the result of; one writes memory and reads back what it wrote; one sleeps for 5 ms at a time,
 * each time on the next CPU, and looks at the clocks; one debugs another (debug.c). Twice a second a line tells how far they are:
 *
 *	report n=3 cpu=812 mem=4500 timer=97 moves=96 debug=20 mono_ms=4123 real_ms=4123 late_ms=2 cpu_errors=0 ...
 *
 * cpu: turns of the slowest CPU, mem: pages, timer: sleeps, moves: changes of its CPU. late_ms is the longest sleep of the timer process beyond its 5 ms, since the last line: a guest's view of a blackout.
 */
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "tests/linux/debug.h"
#include "tests/linux/sys.h"

#define CPUS_MAX	8u
#define PAGE_WORDS	512u
#define MIB_WORDS	(256u * PAGE_WORDS)
#define WRITE_PAUSE_NS	2000000u
#define PAGES_AT_ONCE	32u
#define TICK_NS		5000000u
#define REPORT_NS	500000000u
#define ROUNDS_PER_TURN 2000u
#define BUSY_NS		10000000u /* then idle for as long: half of every CPU, or an emulator has no time for its host */
#define IDLE_NS_MAX	20000000u
#define TURNS_MAX	10000u
#define LINE_BYTES	256u
#define CLOCK_APART_NS	1000000u /* CLOCK_REALTIME and CLOCK_MONOTONIC go together: nobody sets the time */

/** Shared by all processes. Each number has one writer; late_ns the reporter also takes. */
struct counts {
	uint64_t cpu[CPUS_MAX], mem, timer, moves, late_ns;
	uint64_t debug;
	uint64_t cpu_errors[CPUS_MAX], mem_errors, time_errors, debug_errors;
};

void program(long argc, char **argv);

static uint64_t get(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void set(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static void say(const char *text, size_t len_bytes)
{
	(void)sys_call(SYS_write, 1, (long)text, (long)len_bytes, 0, 0, 0);
}

_Noreturn static void fail(const char *text)
{
	say(text, text_len(text, LINE_BYTES));
	sys_exit(1);
}

static uint64_t next_random(uint64_t x)
{
	return x * 6364136223846793005u + 1442695040888963407u;
}

/* ---- one process each ---- */

/** The same numbers every time; the floating point part lies in V registers over many interrupts. */
static uint64_t compute(void)
{
	uint64_t x = 1;
	double sum = 0.0;
	union {
		double d;
		uint64_t u;
	} bits;

	__asm__ volatile("" : "+r"(x)); /* or it would be computed once, or by the compiler */
	for (uint32_t i = 0; i < ROUNDS_PER_TURN; i++) {
		x = next_random(x);
		sum = sum * 0.75 + (double)(x >> 40);
	}
	bits.d = sum;
	return x ^ bits.u;
}

_Noreturn static void cpu_process(struct counts *c, uint32_t cpu)
{
	uint64_t want = compute();

	if (sys_pin(cpu) != 0) {
		fail("load: a CPU is not on line\n");
	}
	for (;;) {
		uint64_t began = sys_now_ns(CLOCK_MONOTONIC), now = began;

		for (uint32_t i = 0; i < TURNS_MAX && now - began < BUSY_NS; i++) {
			set(&c->cpu_errors[cpu], get(&c->cpu_errors[cpu]) + (compute() != want ? 1u : 0u));
			set(&c->cpu[cpu], get(&c->cpu[cpu]) + 1);
			now = sys_now_ns(CLOCK_MONOTONIC);
		}
		sys_sleep_ns(now - began < IDLE_NS_MAX ? now - began : IDLE_NS_MAX);
	}
}

static uint64_t word_of(uint64_t pass, uint64_t page)
{
	return next_random(pass << 32 | page);
}

/** Reads back what the last pass left in a page, and writes this pass's. */
static uint64_t page_turn(uint64_t *page, uint64_t index, uint64_t pass)
{
	uint64_t errors = 0;

	for (uint32_t i = 0; i < PAGE_WORDS; i++) {
		errors += page[i] != (pass == 0 ? 0 : word_of(pass - 1, index) + i) ? 1u : 0u;
		page[i] = word_of(pass, index) + i;
	}
	return errors;
}

_Noreturn static void mem_process(struct counts *c, uint64_t words)
{
	long at = sys_memory(words * sizeof(uint64_t), MAP_PRIVATE);
	uint64_t pages = words / PAGE_WORDS;

	if (at < 0) {
		fail("load: no memory\n");
	}
	for (uint64_t pass = 0;; pass++) {
		for (uint64_t page = 0; page < pages; page++) {
			uint64_t errors = page_turn((uint64_t *)at + page * PAGE_WORDS, page, pass);

			set(&c->mem_errors, get(&c->mem_errors) + errors);
			set(&c->mem, pass * pages + page + 1);
			if (page % PAGES_AT_ONCE == PAGES_AT_ONCE - 1) {
				sys_sleep_ns(WRITE_PAUSE_NS);
			}
		}
	}
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

_Noreturn static void timer_process(struct counts *c, uint32_t cpus)
{
	uint64_t before = sys_now_ns(CLOCK_MONOTONIC);
	uint64_t offset = sys_now_ns(CLOCK_REALTIME) - before;

	for (uint64_t n = 1;; n++) {
		uint64_t now, real;

		sys_sleep_ns(TICK_NS);
		real = sys_now_ns(CLOCK_REALTIME);
		now = sys_now_ns(CLOCK_MONOTONIC);
		if (now < before + TICK_NS || now < real - offset ||
			apart(now, real - offset) > CLOCK_APART_NS + (now - before)) {
			set(&c->time_errors, get(&c->time_errors) + 1);
		}
		if (now - before - TICK_NS > get(&c->late_ns)) {
			set(&c->late_ns, now - before - TICK_NS);
		}
		set(&c->timer, n);
		if (sys_pin(n % cpus) == 0) {
			set(&c->moves, get(&c->moves) + 1);
		}
		before = sys_now_ns(CLOCK_MONOTONIC);
	}
}

/* ---- the first process ---- */

static void report(struct counts *c, uint32_t cpus, uint64_t n)
{
	char line[LINE_BYTES];
	uint64_t cpu = UINT64_MAX, cpu_errors = 0;
	uint64_t late_ns = __atomic_exchange_n(&c->late_ns, 0, __ATOMIC_RELAXED);
	size_t len;

	for (uint32_t i = 0; i < cpus; i++) {
		cpu = get(&c->cpu[i]) < cpu ? get(&c->cpu[i]) : cpu;
		cpu_errors += get(&c->cpu_errors[i]);
	}
	len = fmt(line, sizeof(line),
		"report n=%llu cpu=%llu mem=%llu timer=%llu moves=%llu debug=%llu mono_ms=%llu real_ms=%llu "
		"late_ms=%llu cpu_errors=%llu "
		"mem_errors=%llu time_errors=%llu debug_errors=%llu\n",
		(unsigned long long)n, (unsigned long long)cpu, (unsigned long long)get(&c->mem),
		(unsigned long long)get(&c->timer), (unsigned long long)get(&c->moves),
		(unsigned long long)get(&c->debug), (unsigned long long)(sys_now_ns(CLOCK_MONOTONIC) / 1000000u),
		(unsigned long long)(sys_now_ns(CLOCK_REALTIME) / 1000000u), (unsigned long long)(late_ns / 1000000u),
		(unsigned long long)cpu_errors, (unsigned long long)get(&c->mem_errors),
		(unsigned long long)get(&c->time_errors), (unsigned long long)get(&c->debug_errors));
	say(line, len < sizeof(line) ? len : sizeof(line) - 1);
}

static uint64_t argument(long argc, char **argv, long i, uint64_t max)
{
	uint64_t value = 0;

	if (i >= argc || !text_to_u64(argv[i], text_len(argv[i], LINE_BYTES), &value) || value == 0 || value > max) {
		fail("usage: load CPUS MEGABYTES\n");
	}
	return value;
}

void program(long argc, char **argv)
{
	uint32_t cpus = (uint32_t)argument(argc, argv, 1, CPUS_MAX);
	uint64_t words = argument(argc, argv, 2, 1024u) * MIB_WORDS;
	struct counts *c = (struct counts *)sys_memory(sizeof(*c), MAP_SHARED);

	if ((long)c < 0) {
		fail("load: no memory\n");
	}
	for (uint32_t i = 0; i < cpus; i++) {
		if (sys_fork() == 0) {
			cpu_process(c, i);
		}
	}
	if (sys_fork() == 0) {
		mem_process(c, words);
	}
	if (sys_fork() == 0) {
		timer_process(c, cpus);
	}
	if (sys_fork() == 0) {
		debug_process(&c->debug, &c->debug_errors);
	}
	for (uint64_t n = 1;; n++) {
		sys_sleep_ns(REPORT_NS);
		report(c, cpus, n);
	}
}
