/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/sim/trace.h"

#define STEPS_MAX	4000000u
#define ZERO_STEPS_MAX	2000000u /* of one host on end: it says there is work, for ever */
#define CONSERVED_EVERY 7u	 /* steps: a prime, so that no rhythm hides */
#define SIM_US_MAX	3600000000u

bool world_fault(struct world *w, struct sim_host *h, enum plan_fault fault, uint32_t one_in)
{
	if (w->quiet || !plan_has(&w->plan, fault) || !chance_one_in(&w->chance, one_in)) {
		return false;
	}
	journal_line(&w->journal, h->index, "* %s", plan_fault_name(fault));
	trace_fault(h->guest.owner, fault);
	return true;
}

void world_views(const struct world *w, struct ledger_view views[LEDGER_HOSTS])
{
	for (uint32_t i = 0; i < LEDGER_HOSTS; i++) {
		const struct sim_host *h = &w->hosts[i];
		struct ledger_view *v = &views[i];

		*v = (struct ledger_view){ .powered = h->powered };
		if (!h->powered) {
			continue;
		}
		v->vcpus_run = h->guest.running || h->guest.stuck;
		v->may_run = owner_may_run(h->guest.owner);
		v->gen = h->gw->engine.gen;
		v->ram = h->guest.ram;
		v->guest_ns = guest_time_ns(&h->guest);
		memcpy(v->counters, h->guest.counters, sizeof(v->counters));
		for (uint32_t k = 0; k < w->plan.device_count; k++) {
			v->devices[k] = (struct ledger_device){ h->gadgets[k].enabled, h->gadgets[k].writes };
			v->devices_run |= gadget_active(&h->gadgets[k]);
		}
	}
}

static void world_begin(struct world *w, uint64_t seed, uint32_t allowed, bool echo)
{
	const struct plan *p = &w->plan;

	memset(w, 0, sizeof(*w));
	trace_forget();
	w->now_us = 1000000;
	journal_init(&w->journal, &w->now_us, echo);
	plan_draw(&w->plan, seed, allowed);
	w->chance = chance_of(seed, 3);
	wire_init(&w->wire, &w->now_us, &w->journal, seed);
	w->wire.way = p->way;
	ledger_init(&w->ledger, &w->journal, p->page_count, p->vcpu_count, p->device_count);
	w->chaos_every_us = chance_scale(&w->chance, 20000, 5000000);
	w->late_one_in = (uint32_t)chance_range(&w->chance, 1, 8);
	w->chaos_host = LEDGER_NOBODY;
	w->chaos_us = w->now_us + chance_below(&w->chance, w->chaos_every_us);
	for (uint32_t i = 0; i < p->host_count; i++) {
		struct sim_host *h = &w->hosts[i];

		h->world = w;
		h->index = i;
		h->chance = chance_of(seed, 8u + i);
		h->store.present = !plan_has(p, FAULT_NO_STORE) || chance_one_in(&w->chance, 2);
		if (i == 0) {
			h->store.mark = (struct owner_mark){ .kind = MARK_HOME, .gen = 1 + p->gen_base };
		}
	}
	for (uint32_t i = 0; i < p->host_count; i++) {
		host_power_on(&w->hosts[i]);
	}
	operator_init(w);
}

static void world_end(struct world *w)
{
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		if (w->hosts[i].powered) {
			host_power_off(&w->hosts[i]);
		}
	}
	if (w->wire.lent != w->wire.returned) {
		journal_violation(&w->journal, "%llu buffers were lent, %llu were given back",
			(unsigned long long)w->wire.lent, (unsigned long long)w->wire.returned);
	}
	wire_free(&w->wire);
	ledger_free(&w->ledger);
}

/* Is the engine of this host at work, so that time there is worth small steps? */
static bool attentive(const struct sim_host *h)
{
	const struct engine *e = &h->gw->engine;

	return (e->role == ROLE_SOURCE && e->alive && e->owner != OWNER_GONE) || e->power.phase != POWER_STEADY;
}

static uint64_t guest_next_us(const struct sim_host *h)
{
	if (!h->guest.running && !h->guest.stuck) {
		return UINT64_MAX;
	}
	return h->guest.executed_us + (attentive(h) ? h->world->plan.quantum_us : 20000u);
}

static void host_step(struct sim_host *h)
{
	struct world *w = h->world;
	uint64_t want, now;

	w->wire.parties[h->index].woken = false;
	trace_host(h->index);
	want = gw_step(h->gw, 0);
	trace_host(UINT32_MAX);
	now = host_time_us(h);
	w->steps++;
	if (w->steps % CONSERVED_EVERY == 0) {
		world_conserved(w, h->index);
	}
	if (h->guest.borrowed != 0) {
		journal_broken(&w->journal, "%u pages are still borrowed after a step of %c", h->guest.borrowed,
			"ABC"[h->index]);
	}
	if (want == 0) {
		h->wake_us = w->now_us + w->plan.turn_us;
		h->zero_steps++;
		if (h->zero_steps > ZERO_STEPS_MAX) {
			journal_broken(
				&w->journal, "%c has had work at once for %u steps", "ABC"[h->index], ZERO_STEPS_MAX);
		}
		return;
	}
	h->zero_steps = 0;
	h->wake_us = want <= now ? w->now_us + w->plan.turn_us
				 : w->now_us + 1 + (want - now) * 1000000u / (uint64_t)(1000000 + h->ppm);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void advance(struct world *w)
{
	uint64_t next = earlier(wire_next_us(&w->wire), earlier(w->op.next_us, chaos_next_us(w)));

	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		if (w->hosts[i].powered) {
			next = earlier(next, earlier(w->hosts[i].wake_us, guest_next_us(&w->hosts[i])));
		} else {
			next = earlier(next, w->hosts[i].on_us);
		}
	}
	w->turns_here = next > w->now_us ? 0 : w->turns_here + 1;
	w->now_us = next > w->now_us ? next : w->now_us;
	if (w->turns_here > 100000u) {
		journal_broken(&w->journal, "the simulator's clock stands still");
	}
}

static void turn(struct world *w)
{
	advance(w);
	wire_deliver(&w->wire);
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		struct sim_host *h = &w->hosts[i];

		if (!h->powered) {
			if (w->now_us >= h->on_us) {
				host_power_on(h);
			}
			continue;
		}
		if (guest_next_us(h) <= w->now_us) {
			guest_execute(&h->guest);
			for (uint32_t k = 0; k < w->plan.device_count; k++) {
				gadget_work(&h->gadgets[k]);
			}
		}
		if (w->wire.parties[i].woken || h->wake_us <= w->now_us) {
			host_step(h);
		}
	}
	if (chaos_next_us(w) <= w->now_us) {
		chaos_step(w);
	}
	if (w->op.next_us <= w->now_us) {
		operator_step(w);
	}
}

bool world_run(struct world *w, uint64_t seed, uint32_t allowed, bool echo)
{
	world_begin(w, seed, allowed, echo);
	while (!w->journal.over && w->op.phase != OP_DONE) {
		turn(w);
		if (w->steps > STEPS_MAX || w->now_us > SIM_US_MAX) {
			journal_violation(&w->journal, "no end: %llu steps, %llu s, phase %u",
				(unsigned long long)w->steps, (unsigned long long)(w->now_us / 1000000u), w->op.phase);
		}
	}
	world_end(w);
	return !w->journal.violated;
}
