/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stddef.h>

#include "tests/guest/flight/flight.h"

#define FP_SEED	  UINT64_C(0xf10a7000)
#define NOTES_MAX 24u

struct note {
	const char *what;
	uint64_t a, b, c;
};

_Static_assert(FLIGHT_CPUS == 2, "the other CPU is 1 - cpu");

struct flight_cpu flight_cpus[FLIGHT_CPUS];

static struct note notes[NOTES_MAX];
static uint32_t notes_made, notes_printed;
static uint64_t time_shared; /* the latest time any CPU has seen */
static uint64_t reports;
static bool secondary_ready;

uint64_t flight_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

void flight_note(const char *what, uint64_t a, uint64_t b, uint64_t c)
{
	uint32_t n = __atomic_fetch_add(&notes_made, 1, __ATOMIC_RELAXED);

	if (n < NOTES_MAX) {
		notes[n] = (struct note){ NULL, a, b, c };
		__atomic_store_n(&notes[n].what, what, __ATOMIC_RELEASE);
	}
}

static void notes_print(void)
{
	while (notes_printed < NOTES_MAX) {
		struct note *n = &notes[notes_printed];
		const char *what = __atomic_load_n(&n->what, __ATOMIC_ACQUIRE);

		if (what == NULL) {
			return;
		}
		print("error %s: 0x%llx 0x%llx 0x%llx", what, (unsigned long long)n->a, (unsigned long long)n->b,
			(unsigned long long)n->c);
		notes_printed++;
	}
}

bool guest_fault(struct guest_frame *frame, enum guest_vector vector, uint64_t esr)
{
	(void)frame;
	(void)vector;
	(void)esr;
	return false;
}

void guest_interrupt(uint32_t intid)
{
	uint32_t cpu = cpu_index();

	if (intid == TIMER_INTID) {
		flight_cpus[cpu].timer++;
		flight_cpus[cpu].ticked = true;
		timer_disarm();
	} else if (intid == SGI_PING || intid == SGI_PONG) {
		ball_interrupt(cpu, intid);
	} else if (intid == edu_intid()) {
		edu_interrupt();
	}
}

/* Never backwards: not on this CPU, and not behind what another one has seen before. */
static uint64_t time_check(struct flight_cpu *c)
{
	uint64_t shared = __atomic_load_n(&time_shared, __ATOMIC_ACQUIRE);
	uint64_t now = virtual_counter();

	if (now < c->time_last || now < shared) {
		c->time_errors++;
		flight_note("time went back: own, shared, now", c->time_last, shared, now);
	}
	c->time_last = now;
	while (shared < now &&
		!__atomic_compare_exchange_n(&time_shared, &shared, now, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
		/* another CPU moved it on */
	}
	return now;
}

static void report(void)
{
	const struct flight_cpu *a = &flight_cpus[0], *b = &flight_cpus[1];
	struct edu_counts edu = edu_counts();

	notes_print();
	print("report n=%llu counter0=%llu counter1=%llu pages=%llu checksum_errors=%llu dma_done=%llu dma_errors=%llu "
	      "sgi=%llu sgi_errors=%llu timer=%llu time_errors=%llu fp_errors=%llu",
		(unsigned long long)reports, (unsigned long long)a->counter, (unsigned long long)b->counter,
		(unsigned long long)(a->pages + b->pages),
		(unsigned long long)(a->checksum_errors + b->checksum_errors), (unsigned long long)edu.done,
		(unsigned long long)edu.errors, (unsigned long long)(a->sgi + b->sgi),
		(unsigned long long)(a->sgi_errors + b->sgi_errors), (unsigned long long)(a->timer + b->timer),
		(unsigned long long)(a->time_errors + b->time_errors),
		(unsigned long long)(a->fp_errors + b->fp_errors));
	reports++;
}

static void fp_work(uint32_t cpu)
{
	uint64_t wrong = fp_check(FP_SEED + cpu);

	if (wrong != 0) {
		flight_cpus[cpu].fp_errors += wrong;
		flight_note("FP registers: cpu, wrong", cpu, wrong, 0);
		fp_fill(FP_SEED + cpu);
	}
}

/* A CPU whose counter stands still has lost its timer interrupt, or is not run at all. */
static void other_check(uint32_t cpu, uint64_t now)
{
	static uint64_t counter_seen[FLIGHT_CPUS], since[FLIGHT_CPUS];
	uint64_t counter = __atomic_load_n(&flight_cpus[1 - cpu].counter, __ATOMIC_RELAXED);

	if (counter != counter_seen[cpu] || since[cpu] == 0) {
		counter_seen[cpu] = counter;
		since[cpu] = now;
	} else if (now - since[cpu] > timer_ticks_of_us(STALL_US)) {
		flight_cpus[cpu].time_errors++;
		flight_note("a CPU stands still: seen by, counter", cpu, counter, 0);
		since[cpu] = now;
	}
}

static void tick(uint32_t cpu, uint64_t now)
{
	pages_work(cpu);
	ball_work(cpu, now);
	other_check(cpu, now);
	flight_cpus[cpu].ticked = false;
	timer_arm(now + timer_ticks_of_us(TICK_US));
}

/* Interrupts are masked but in one place, so that nothing is missed between the last look and WFI. */
static void work(uint32_t cpu)
{
	struct flight_cpu *c = &flight_cpus[cpu];
	uint64_t report_at = 0;

	for (;;) {
		uint64_t now = time_check(c);

		__atomic_store_n(&c->counter, c->counter + 1, __ATOMIC_RELAXED);
		fp_work(cpu);
		if (c->ticked) {
			tick(cpu, now);
		}
		if (cpu == 0) {
			edu_work(now);
			if (now >= report_at) {
				report();
				report_at = now + timer_ticks_of_us(REPORT_US);
			}
		}
		wait_for_interrupt();
		irq_unmask();
		__asm__ volatile("isb" ::: "memory");
		irq_mask();
	}
}

static void cpu_begin(uint32_t cpu)
{
	gic_init_cpu();
	gic_enable_private(SGI_PING);
	gic_enable_private(SGI_PONG);
	gic_enable_private(TIMER_INTID);
	flight_cpus[cpu].random = cpu + 1;
	fp_fill(FP_SEED + cpu);
	timer_arm(virtual_counter());
}

void guest_secondary(uint64_t cpu)
{
	cpu_begin((uint32_t)cpu);
	__atomic_store_n(&secondary_ready, true, __ATOMIC_RELEASE);
	work((uint32_t)cpu);
}

void guest_main(uint64_t cpu)
{
	uint64_t result;

	uart_init();
	gic_init_distributor();
	pages_init();
	print("flight: %u KiB working set, timer at %llu Hz", SET_PAGES * 4u, (unsigned long long)counter_hz());
	if (edu_init()) {
		gic_enable_spi(edu_intid(), 0);
		print("flight: edu, INTID %u", edu_intid());
	} else {
		print("flight: no edu");
	}
	cpu_begin((uint32_t)cpu);
	result = psci_cpu_on(1);
	if (result != 0) {
		print("panic CPU_ON gave %lld", (long long)result);
		psci_system_off();
	}
	while (!__atomic_load_n(&secondary_ready, __ATOMIC_ACQUIRE)) {
		/* its redistributor would drop an SGI now */
	}
	work((uint32_t)cpu);
}
