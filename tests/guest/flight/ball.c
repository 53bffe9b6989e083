/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Each CPU serves a ball: PING with a number to the other one, which answers with PONG from its interrupt handler. One
 * SGI of a kind is under way at a time, so each one sent is one received: a repeat and a loss both show.
 */
#include "tests/guest/flight/flight.h"

struct ball {
	uint64_t sent;	   /* server: number of the last PING */
	uint64_t returned; /* receiver: number of the last PONG */
	uint64_t taken;	   /* receiver: last PING it has seen */
	uint64_t since;	   /* server: when it was sent */
	uint64_t repeats;  /* server, in the interrupt: PONGs without a PING */
	uint64_t bad;	   /* receiver, in the interrupt: PINGs out of order */
	bool away;	   /* server waits for PONG */
} __attribute__((aligned(64)));

static struct ball balls[FLIGHT_CPUS]; /* by server */

static void ping_received(uint32_t cpu)
{
	struct ball *b = &balls[1 - cpu];
	uint64_t n = __atomic_load_n(&b->sent, __ATOMIC_ACQUIRE);

	if (n != b->taken + 1) {
		b->bad++;
	}
	b->taken = n;
	__atomic_store_n(&b->returned, n, __ATOMIC_RELEASE);
	gic_send_sgi(SGI_PONG, 1 - cpu);
}

static void pong_received(uint32_t cpu)
{
	struct ball *b = &balls[cpu];

	if (!b->away || __atomic_load_n(&b->returned, __ATOMIC_ACQUIRE) != b->sent) {
		b->repeats++;
	}
	b->away = false;
}

void ball_interrupt(uint32_t cpu, uint32_t intid)
{
	flight_cpus[cpu].sgi++;
	if (intid == SGI_PING) {
		ping_received(cpu);
	} else {
		pong_received(cpu);
	}
}

/* Interrupts are masked. */
void ball_work(uint32_t cpu, uint64_t now)
{
	struct flight_cpu *c = &flight_cpus[cpu];
	struct ball *b = &balls[cpu];
	uint64_t errors = b->repeats + balls[1 - cpu].bad;

	if (b->away && now - b->since > timer_ticks_of_us(STALL_US)) {
		flight_note("SGI lost: from cpu, number, answered", cpu, b->sent, b->returned);
		c->sgi_errors++;
		b->away = false;
	}
	if (errors != 0) {
		flight_note("SGI out of order: cpu, PONGs, PINGs", cpu, b->repeats, balls[1 - cpu].bad);
		c->sgi_errors += errors;
		b->repeats = 0;
		balls[1 - cpu].bad = 0;
	}
	if (!b->away) {
		b->since = now;
		b->away = true;
		__atomic_store_n(&b->sent, b->sent + 1, __ATOMIC_RELEASE);
		gic_send_sgi(SGI_PING, 1 - cpu);
	}
}
