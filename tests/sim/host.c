/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A host: its clock, log, randomness and mark store, and its power. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bitmap.h"
#include "tests/sim/console.h"
#include "tests/sim/rogue.h"
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

#define GATE_TURNS_MAX 100000u

static const char *const ids[LEDGER_HOSTS] = { "alpha", "beta", "gamma" };

uint64_t host_time_us(const struct sim_host *h)
{
	uint64_t d = h->world->now_us - h->boot_us;

	return h->clock_us + d + (uint64_t)((int64_t)d * h->ppm / 1000000);
}

static uint64_t time_us(void *ctx)
{
	return host_time_us(ctx);
}

static uint64_t time_ns(void *ctx)
{
	return host_time_us(ctx) * 1000u;
}

static void log_line(void *ctx, enum log_level level, const char *line)
{
	struct sim_host *h = ctx;

	reached_line(line);
	if (level != LOG_DEBUG || h->world->journal.echo) {
		journal_line(&h->world->journal, h->index, "%s", line);
	}
}

static enum err randomness(void *ctx, uint8_t *out, size_t len_bytes)
{
	struct sim_host *h = ctx;

	if (world_fault(h->world, h, FAULT_RANDOM, 4)) {
		return ERR_IO;
	}
	for (size_t i = 0; i < len_bytes; i++) {
		out[i] = (uint8_t)chance_u64(&h->chance);
	}
	return ERR_OK;
}

static enum err mark_load(void *ctx, const char *vm, struct owner_mark *out)
{
	struct sim_host *h = ctx;

	(void)vm;
	if (world_fault(h->world, h, FAULT_MARK_LOAD, 3)) {
		return ERR_IO;
	}
	*out = h->store.mark;
	return ERR_OK;
}

static enum err mark_store_begin(void *ctx, const char *vm, const struct owner_mark *mark)
{
	struct sim_host *h = ctx;
	struct world *w = h->world;
	uint64_t us = chance_scale(&h->chance, 10, 2000);

	(void)vm;
	if (h->store.busy) {
		journal_violation(&w->journal, "%c begins to store a mark while one is being stored", "ABC"[h->index]);
	}
	if (world_fault(w, h, FAULT_STORE_FAIL, 8)) {
		return ERR_IO;
	}
	if (world_fault(w, h, FAULT_STORE_SLOW, 2)) {
		us = chance_scale(&h->chance, 1000, 15000000);
	}
	h->store.storing = *mark;
	h->store.busy = true;
	h->store.done_us = w->now_us + us;
	return ERR_OK;
}

static enum err mark_store_poll(void *ctx, const char *vm)
{
	struct sim_host *h = ctx;

	(void)vm;
	if (!h->store.busy) {
		return ERR_OK;
	}
	if (h->world->now_us < h->store.done_us) {
		return ERR_AGAIN;
	}
	h->store.busy = false;
	if (world_fault(h->world, h, FAULT_STORE_FAIL, 4)) {
		if (chance_one_in(&h->chance, 2)) {
			h->store.mark = h->store.storing; /* it did get there */
		}
		return ERR_IO;
	}
	h->store.mark = h->store.storing;
	return ERR_OK;
}

static void quit(void *ctx)
{
	(void)ctx;
}

struct host host_ops_of(struct sim_host *h)
{
	static const struct host_ops plain = {
		.time_us = time_us, .time_ns = time_ns, .log = log_line, .random = randomness, .quit = quit
	};
	static const struct host_ops stored = {
		.time_us = time_us,
		.time_ns = time_ns,
		.log = log_line,
		.random = randomness,
		.mark_load = mark_load,
		.mark_store_begin = mark_store_begin,
		.mark_store_poll = mark_store_poll,
		.quit = quit,
	};

	return (struct host){ h->store.present ? &stored : &plain, h };
}

enum owner host_owner(const struct sim_host *h)
{
	return h->powered ? gw_owner(h->gw) : OWNER_NONE;
}

static void clock_set(struct sim_host *h)
{
	h->boot_us = h->world->now_us;
	h->clock_us = 1000000u + chance_below(&h->chance, chance_one_in(&h->chance, 2) ? 1000u : UINT64_C(1) << 40);
	h->ppm = plan_has(&h->world->plan, FAULT_CLOCK) ? (int64_t)chance_below(&h->chance, 400001) - 200000 : 0;
}

void host_vm_begin(struct sim_host *h)
{
	struct ledger_view views[LEDGER_HOSTS];

	guest_begin(&h->guest);
	for (uint32_t i = 0; i < h->world->plan.device_count; i++) {
		h->gadgets[i].enabled = true;
		for (uint32_t turn = 0; turn < GATE_TURNS_MAX && dma_gate(&h->dma, i, true) == ERR_AGAIN; turn++) {
		}
	}
	world_views(h->world, views);
	ledger_begin(&h->world->ledger, h->index, views);
}

void host_power_on(struct sim_host *h)
{
	struct world *w = h->world;
	struct device devices[DEVICE_COUNT_MAX + 1u];
	struct gw_config config;
	char reason[REASON_BYTES];
	bool first = h->boots == 0;

	h->boots++;
	h->powered = true;
	h->chance = chance_of(w->plan.seed, 16u + h->index * 1024u + h->boots);
	clock_set(h);
	fake_tls_init(&h->tls, ids[h->index], "ca", chance_u64(&h->chance));
	h->cert = h->tls.own;
	h->cert_us = 0;
	h->shape = h->index != 0 && first && world_fault(w, h, FAULT_SHAPE, 2)
			   ? (uint32_t)chance_range(&h->chance, 1, 18)
			   : 0;
	guest_init(&h->guest, h);
	for (uint32_t i = 0; i < w->plan.device_count; i++) {
		gadget_init(&h->gadgets[i], h, i);
		devices[i] = gadget_device(&h->gadgets[i]);
	}
	for (uint32_t i = w->plan.device_count; i <= DEVICE_COUNT_MAX; i++) {
		devices[i] = gadget_device(&h->gadgets[0]);
	}
	h->bitmap = calloc(GW_BITMAP_WORDS(w->plan.page_count), sizeof(uint64_t));
	h->gw = malloc(sizeof(*h->gw));
	ASSERT(h->bitmap != NULL && h->gw != NULL);
	wire_power_on(&w->wire, h->index);
	config = (struct gw_config){
		.slot = ids[h->index],
		.host = host_ops_of(h),
		.vm = guest_vm(&h->guest),
		.devices = devices,
		.device_count = h->shape == 17 && w->plan.device_count > 0
					? DEVICE_COUNT_MAX + 1u
					: w->plan.device_count - (h->shape == 11 && w->plan.device_count > 0 ? 1u : 0),
		.streams = wire_streams(&w->wire, h->index),
		.tls = rogue_tls(fake_tls(&h->tls)),
		.seal = rogue_seal(),
		.bitmap = h->bitmap,
		.bitmap_words = GW_BITMAP_WORDS(w->plan.page_count) - (h->shape == 15 ? 1u : 0),
		.own = first && h->index == 0 && !h->store.present,
		.autostart = true,
	};
	trace_host(h->index);
	if (gw_init(h->gw, &config, reason) != ERR_OK) {
		trace_host(UINT32_MAX);
		journal_line(&w->journal, h->index, "does not come up: %.150s", reason);
		if (!plan_has(&w->plan, FAULT_MARK_LOAD) && h->shape <= 12) {
			journal_violation(&w->journal, "gw_init: %.150s", reason);
		}
		host_power_off(h);
		h->on_us = w->now_us + chance_scale(&h->chance, 1000, 5000000);
		return;
	}
	h->gw->engine.number_last = h->gw->engine.number_last == 0 ? w->plan.number_base : h->gw->engine.number_last;
	trace_boot(h->index, gw_owner(h->gw));
	trace_host(UINT32_MAX);
	console_open(w, h->index);
	if (gw_owner(h->gw) == OWNER_OWN) {
		host_vm_begin(h);
	}
	h->wake_us = w->now_us;
	journal_line(&w->journal, h->index, "power on: owner %s, gen %llu", owner_name(gw_owner(h->gw)),
		(unsigned long long)h->gw->engine.gen);
}

void host_power_off(struct sim_host *h)
{
	struct world *w = h->world;

	trace_off(h->index);
	journal_line(&w->journal, h->index, "power off in %s", owner_name(gw_owner(h->gw)));
	wire_power_off(&w->wire, h->index);
	h->lost_vm = w->ledger.seat == h->index;
	h->powered = false;
	if (h->store.busy) { /* two slots and a CRC: the new mark is there, or the old one still is */
		h->store.busy = false;
		if (chance_one_in(&h->chance, 2)) {
			h->store.mark = h->store.storing;
		}
	}
	guest_free(&h->guest);
	for (uint32_t i = 0; i < w->plan.device_count; i++) {
		gadget_free(&h->gadgets[i]);
	}
	free(h->bitmap);
	free(h->gw);
	h->gw = NULL;
	ledger_power_off(&w->ledger, h->index);
}
