/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/plan.h"

#include <string.h>

#include "core/base/addr.h"
#include "tests/sim/rogue.h"

#define EXACT_DRAW 77u /* a sequence of chance of its own */

static const char *const names[FAULT_COUNT] = {
#define PLAN_NAME(name, text) [FAULT_##name] = text,
	PLAN_FAULTS(PLAN_NAME)
#undef PLAN_NAME
};

const char *plan_fault_name(enum plan_fault fault)
{
	return (unsigned int)fault < FAULT_COUNT ? names[fault] : "?";
}

/* One seed in five has no fault; the others draw how many kinds there are, and then each kind. */
static uint32_t draw_faults(struct chance *c)
{
	static const uint32_t one_in[] = { 20, 8, 4, 3 };
	uint32_t rare = one_in[chance_below(c, 4)];
	uint32_t faults = 0;

	if (chance_one_in(c, 5)) {
		return 0;
	}
	if (chance_one_in(c, 10)) {
		return 1u << FAULT_ROGUE; /* with nothing else to fail before the lie is told */
	}
	for (uint32_t i = 0; i < FAULT_COUNT; i++) {
		faults |= chance_one_in(c, rare) ? 1u << i : 0;
	}
	if (chance_one_in(c, 2)) { /* sure of one */
		faults |= 1u << chance_below(c, FAULT_COUNT);
	}
	return faults;
}

/* Page counts and addresses at the edges of words, chunks of 2 MiB and 32 bits. */
static void draw_ram(struct plan *p, struct chance *c)
{
	static const uint64_t edges[] = { 1, 2, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1023, 1024, 1025 };
	static const uint64_t bases[] = { 0, 0x40000, 0x100000 - 3, 0x100000, 0xffffffff, 0x100000000, 0xfffffff00 };
	uint64_t gfn = bases[chance_below(c, sizeof(bases) / sizeof(bases[0]))];

	p->region_count = (uint32_t)chance_range(c, 1, chance_one_in(c, 3) ? VM_RAM_REGIONS_MAX : 1);
	p->page_count = 0;
	for (uint32_t i = 0; i < p->region_count; i++) {
		uint64_t pages = chance_one_in(c, 3) ? edges[chance_below(c, sizeof(edges) / sizeof(edges[0]))]
						     : chance_scale(c, 1, chance_one_in(c, 16) ? 3000 : 400);

		p->ram[i] = (struct vm_ram_region){ gfn, pages };
		p->page_count += pages;
		gfn += pages + chance_below(c, 3) * chance_below(c, 5000);
		/* Regions that touch are one region for a guest; here they may. */
	}
}

/* A device reaches 40 bits of addresses: what lies above moves down, and keeps its place within 2 GiB. */
static void within_reach(struct plan *p)
{
	const struct vm_ram_region *last = &p->ram[p->region_count - 1];
	uint64_t down = p->ram[0].first_gfn & ~UINT64_C(0x7ffff);

	if (p->device_count == 0 || last->first_gfn + last->page_count <= UINT64_C(1) << 28) {
		return;
	}
	for (uint32_t i = 0; i < p->region_count; i++) {
		p->ram[i].first_gfn -= down;
	}
}

static void draw_devices(struct plan *p, struct chance *c)
{
	p->device_count = (uint32_t)chance_below(c, LEDGER_DEVICES);
	for (uint32_t i = 0; i < p->device_count; i++) {
		p->device_flags[i] = DEVICE_MIG_STOP_COPY | (chance_one_in(c, 2) ? DEVICE_MIG_P2P : 0) |
				     (chance_one_in(c, 4) ? DEVICE_MIG_PRE_COPY : 0);
		p->device_image[i] = (uint32_t)chance_scale(c, 40, 100000);
		p->device_log[i] = chance_one_in(c, 2);
	}
}

static void draw_way(struct plan *p, struct chance *c)
{
	p->way = (struct wire_way){
		.latency_us = chance_scale(c, 20, 2000),
		.rate = chance_scale(c, 20000000, 2000000000),
		.window = chance_scale(c, FRAME_BYTES, 1u << 20),
		.segments = chance_one_in(c, 6) ? (uint32_t)chance_range(c, 1, 3) : WIRE_SEGMENTS,
	};
	p->way.jitter_us = chance_below(c, p->way.latency_us);
	if (plan_has(p, FAULT_LATENCY)) {
		p->way.latency_us = chance_scale(c, 1000, 300000);
		p->way.jitter_us = chance_scale(c, 1000, 300000);
	}
	if (plan_has(p, FAULT_RATE)) {
		p->way.rate = chance_scale(c, 200000, 10000000);
	}
	p->way.split = plan_has(p, FAULT_SPLIT);
	if (plan_has(p, FAULT_STALL)) {
		p->way.stall_one_in = (uint32_t)chance_scale(c, 5, 500);
		p->way.stall_us_max = chance_scale(c, 1000, 8000000);
	}
	if (plan_has(p, FAULT_CUT)) {
		p->way.cut_one_in = (uint32_t)chance_range(c, 2, 20);
	}
	if (plan_has(p, FAULT_FLIP)) {
		p->way.flip_one_in = (uint32_t)chance_range(c, 2, 20);
	}
	p->way.full_one_in = plan_has(p, FAULT_ROOM) ? (uint32_t)chance_range(c, 2, 12) : 0;
	p->way.lose_resets = plan_has(p, FAULT_PARTITION) && chance_one_in(c, 2);
}

static void draw_guest(struct plan *p, struct chance *c)
{
	uint64_t link = p->way.rate;

	p->pattern = (enum guest_pattern)chance_below(c, 4);
	p->hot_pages = chance_scale(c, 1, 32);
	if (p->max_bandwidth != 0 && p->max_bandwidth < link) {
		link = p->max_bandwidth;
	}
	/* A guest whose dirty pages a link can carry; a busy one writes what it likes. */
	p->writes_per_s = chance_scale(c, 50, link / PAGE_BYTES / 8 < 20000 ? link / PAGE_BYTES / 8 + 50 : 20000);
	if (plan_has(p, FAULT_BUSY)) {
		p->pattern = chance_one_in(c, 2) ? GUEST_ALL : GUEST_SEQUENTIAL;
		p->writes_per_s = chance_scale(c, 20000, 400000);
	}
}

static void draw_parameters(struct plan *p, struct chance *c)
{
	p->channels = (uint32_t)chance_range(c, 1, CHANNEL_COUNT_MAX);
	p->max_bandwidth = chance_one_in(c, 3) ? 0 : chance_scale(c, 10000000, 1000000000);
	p->downtime_ms = chance_scale(c, 200, 2000);
	p->link_timeout_ms = chance_scale(c, 1000, 5000);
	p->link_timeout_ms = chance_one_in(c, 8) ? chance_scale(c, 5000, 60000) : p->link_timeout_ms;
	p->handover_ms = chance_one_in(c, 4) ? chance_scale(c, 2000, 20000) : 0;
	p->verify_ram = chance_one_in(c, 3);
	p->freeze = chance_one_in(c, 4);
	p->pause_at_commit = chance_one_in(c, 12);
	p->round_min = chance_one_in(c, 3) ? (uint32_t)chance_range(c, 1, 4) : 0;
	p->round_max = chance_one_in(c, 4) ? (uint32_t)chance_range(c, 30, 200) : 0;
	if (p->faults != 0 && chance_one_in(c, 4)) { /* limits that bite */
		p->downtime_ms = chance_scale(c, 1, 200);
		p->link_timeout_ms = chance_scale(c, 100, 1000);
		p->handover_ms = chance_one_in(c, 2) ? chance_scale(c, 1, 2000) : 0;
		p->round_max = (uint32_t)chance_below(c, 20);
	}
}

static void draw_hops(struct plan *p, struct chance *c)
{
	uint32_t at = 0;

	p->host_count = chance_one_in(c, 3) ? 3 : 2;
	p->hop_count = (uint32_t)chance_range(c, 1, p->host_count == 3 ? 4 : 3);
	for (uint32_t i = 0; i < p->hop_count; i++) {
		at = p->host_count == 3 && chance_one_in(c, 2) ? (at + 2) % 3 : (at + 1) % p->host_count;
		p->hops[i] = (uint8_t)at;
	}
}

/* Sequences at the edge of a key, of 32 and of 64 bits; attempts and gens likewise. */
static void draw_numbers(struct plan *p, struct chance *c)
{
	static const uint64_t sequences[] = { (UINT64_C(1) << 20) - 4, (UINT64_C(1) << 32) - 4,
		UINT64_MAX - (UINT64_C(1) << 20) - 4, UINT64_MAX - (UINT64_C(1) << 19) };
	static const uint64_t gens[] = { UINT32_MAX - 2u, UINT64_C(1) << 63, UINT64_MAX - 4096u };

	p->sequence_base = chance_one_in(c, 3) ? sequences[chance_below(c, 4)] : 0;
	p->number_base = chance_one_in(c, 4) ? (chance_one_in(c, 2) ? INT32_MAX - 1 : UINT32_MAX - 4096u) : 0;
	p->gen_base = chance_one_in(c, 4) ? gens[chance_below(c, 3)] : 0;
}

/* Every other liar tells one exact lie. Drawn apart, so that worlds without one stay what they were. */
static void draw_exact(struct plan *p)
{
	struct chance c = chance_of(p->seed, EXACT_DRAW);

	p->exact = (uint32_t)chance_below(&c, rogue_exact_count());
	if (plan_has(p, FAULT_ROGUE) && chance_one_in(&c, 2)) {
		p->lie = ROGUE_EXACT;
	}
}

void plan_draw(struct plan *p, uint64_t seed, uint32_t allowed)
{
	struct chance c = chance_of(seed, 1);

	memset(p, 0, sizeof(*p));
	p->seed = seed;
	p->faults = draw_faults(&c) & allowed;
	draw_hops(p, &c);
	draw_ram(p, &c);
	draw_devices(p, &c);
	within_reach(p);
	draw_parameters(p, &c);
	draw_way(p, &c);
	draw_guest(p, &c);
	p->vcpu_count = (uint32_t)chance_range(&c, 1, chance_one_in(&c, 4) ? VCPU_COUNT_MAX : 2);
	p->record_bytes = (uint32_t)chance_scale(&c, 64, VM_RECORD_BYTES);
	p->arc_us = chance_scale(&c, 1, 3000);
	p->park_us = chance_scale(&c, 1, 1000);
	if (plan_has(p, FAULT_DEV_SLOW)) {
		p->arc_us = chance_scale(&c, 10000, 2000000);
	}
	p->turn_us = chance_range(&c, 5, 60);
	p->quantum_us = chance_scale(&c, 100, 1000);
	draw_numbers(p, &c);
	p->lie = (uint32_t)chance_below(&c, ROGUE_LIES);
	draw_exact(p);
	if (plan_has(p, FAULT_ROGUE) &&
		(p->lie == ROGUE_EXACT ? rogue_exact_late(p->exact)
				       : p->lie >= ROGUE_RESUME_FIRST)) { /* there must be something to go on with */
		p->faults |= (1u << FAULT_CUT | 1u << FAULT_PARTITION) & allowed;
		p->way.cut_one_in = 3;
	}
	if (p->way.stall_one_in != 0 && chance_one_in(&c, 4)) { /* longer than an answer is waited for */
		p->link_timeout_ms = 60000;
	}
}
