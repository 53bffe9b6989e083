/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/dma.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/assert.h"
#include "core/base/bits.h"
#include "tests/fake/smmuv3_model_ops.h"
#include "tests/sim/world.h"

#define STREAM_BITS 5u
#define STRTAB	    0x0u
#define CMDQ	    0x1000u
#define CMDQ_LOG2   4u
#define EVENTQ	    0x2000u
#define EVENTQ_LOG2 3u
#define ROOT	    0x4000u
#define POOL	    0x6000u
#define POOL_PAGES  42u
#define TABLES	    (POOL + POOL_PAGES * 4096u) /* bytes before RAM */
#define VMID	    9u
#define PS_48_BITS  5u
#define TURNS_MAX   100000u

#define IDR0_HYP    BIT32(9)
#define IDR0_VMID16 BIT32(18)
#define IDR0_COHACC BIT32(4)
#define IDR3_RIL    BIT32(10)

static uint32_t sid_of(uint32_t device)
{
	return device * 8u + 1u; /* 00:NN.0 and the like: not next to each other */
}

/* Stage 2 tables hold addresses as the image has them: what a pointer says. */
static uint64_t base_pa(const struct dma *d)
{
	return (uint64_t)(uintptr_t)d->mem;
}

static const struct plan *plan_of(const struct dma *d)
{
	return &d->host->world->plan;
}

static void must(struct dma *d, enum err err, const char *what)
{
	if (err != ERR_OK) {
		journal_broken(&d->host->world->journal, "SMMU of %c: %s: %s, %s", "ABC"[d->host->index], what,
			err_name(err), gw_smmu_reason(&d->smmu));
	}
	if (d->model.violations != 0) {
		journal_broken(&d->host->world->journal, "SMMU of %c: %s", "ABC"[d->host->index], d -> model.violation);
	}
}

/* ---- tables ---- */

static void s2_publish(void *ctx)
{
	struct dma *d = ctx;

	smmu_model_publish(&d->model, d->mem + ROOT, TABLES - ROOT);
}

static void s2_invalidate(void *ctx, uint64_t ipa, uint64_t page_count)
{
	struct dma *d = ctx;
	enum err err = gw_smmu_tlbi_s2_ipa(&d->smmu, VMID, ipa, page_count, false);

	if (err == ERR_FULL) {
		must(d, gw_smmu_sync(&d->smmu), "SYNC");
		err = gw_smmu_tlbi_s2_ipa(&d->smmu, VMID, ipa, page_count, false);
	}
	must(d, err, "TLBI");
}

static void s2_complete(void *ctx)
{
	struct dma *d = ctx;

	must(d, gw_smmu_sync(&d->smmu), "SYNC");
}

static void tables_make(struct dma *d)
{
	static const struct s2_ops ops = { s2_publish, s2_invalidate, s2_complete, NULL };
	const struct plan *p = plan_of(d);
	struct s2_config config = {
		.root = (s2_page *)(void *)(d->mem + ROOT),
		.pool = (s2_page *)(void *)(d->mem + POOL),
		.pool_count = POOL_PAGES,
		.pages_only = true,
		.ops = &ops,
		.ops_ctx = d,
	};
	struct s2_attr attr = { .memory = S2_NORMAL, .write = true };
	uint64_t at = base_pa(d) + TABLES;

	must(d, s2_init(&d->s2, &config), "stage 2");
	for (uint32_t i = 0; i < p->region_count; i++) {
		must(d, s2_map(&d->s2, ipa(p->ram[i].first_gfn * PAGE_BYTES), pa(at), p->ram[i].page_count, attr),
			"stage 2 map");
		at += p->ram[i].page_count * PAGE_BYTES;
	}
	s2_publish(d);
}

static uint64_t iova_of(const struct dma *d, uint64_t page)
{
	const struct plan *p = plan_of(d);
	uint32_t i = 0;

	while (page >= p->ram[i].page_count) {
		page -= p->ram[i].page_count;
		i++;
	}
	return (p->ram[i].first_gfn + page) * PAGE_BYTES;
}

/* ---- power ---- */

static uint64_t draw_bits(struct chance *c, uint64_t bits)
{
	return chance_one_in(c, 2) ? bits : 0;
}

uint8_t *dma_init(struct dma *d, struct sim_host *h)
{
	struct chance c = chance_of(h->world->plan.seed, 64u + h->index);
	size_t bytes = TABLES + h->world->plan.page_count * PAGE_BYTES;
	struct smmu_model *m = &d->model;
	struct gw_smmu_config config;

	d->host = h;
	d->updating = DMA_DEVICES;
	d->flight_count = 0;
	d->mem = aligned_alloc(65536, ROUND_UP(bytes, 65536));
	d->seen = aligned_alloc(65536, ROUND_UP(bytes, 65536));
	ASSERT(d->mem != NULL && d->seen != NULL);
	memset(d->mem, 0, bytes);
	if (h->world->plan.device_count == 0) {
		return d->mem + TABLES;
	}
	smmu_model_reset(m, d->mem, d->seen, base_pa(d), bytes, chance_u64(&c) | 1u);
	m->id.idr0 &= ~(uint32_t)(IDR0_HYP | IDR0_VMID16 | IDR0_COHACC);
	m->id.idr0 |= (uint32_t)(draw_bits(&c, IDR0_HYP) | draw_bits(&c, IDR0_VMID16) | draw_bits(&c, IDR0_COHACC));
	m->id.idr5 = (m->id.idr5 & ~7u) | PS_48_BITS;
	m->id.idr3 = (uint32_t)draw_bits(&c, IDR3_RIL);
	m->pace = chance_one_in(&c, 4) ? SMMU_MODEL_AT_ONCE : SMMU_MODEL_LATE;
	m->inval = chance_one_in(&c, 2) ? SMMU_MODEL_INVAL_DRAWN : SMMU_MODEL_INVAL_AT_SYNC;
	m->delay_max = (uint32_t)chance_range(&c, 1, 20);
	m->ack_delay = (uint32_t)chance_below(&c, 20);
	m->hold_writes = chance_one_in(&c, 2);
	m->time_step_us = 1;
	config = (struct gw_smmu_config){
		.ops = &smmu_model_ops,
		.ctx = m,
		.maintains_caches = true,
		.pa_bits = 48,
		.stream_bits = STREAM_BITS,
		.strtab = d->mem + STRTAB,
		.strtab_bytes = 64u << STREAM_BITS,
		.cmdq = d->mem + CMDQ,
		.cmdq_log2 = CMDQ_LOG2,
		.eventq = d->mem + EVENTQ,
		.eventq_log2 = EVENTQ_LOG2,
	};
	must(d, gw_smmu_probe(&d->smmu, &config), "probe");
	must(d, gw_smmu_init(&d->smmu), "init");
	tables_make(d);
	return d->mem + TABLES;
}

void dma_free(struct dma *d)
{
	free(d->mem);
	free(d->seen);
	d->mem = NULL;
	d->seen = NULL;
}

/* ---- writes that land ---- */

static bool in_flight(const struct dma *d, const struct dma_flight *f)
{
	const uint64_t pa = base_pa(d) + TABLES + f->page * PAGE_BYTES + f->at;

	for (uint32_t i = 0; d->model.hold_writes && i < SMMU_MODEL_FLIGHT_MAX; i++) {
		const struct smmu_model_flight *m = &d->model.flight[i];

		if (m->busy && m->pa == pa && memcmp(m->data, &f->value, sizeof(f->value)) == 0) {
			return true;
		}
	}
	return false;
}

/* What has reached memory is what the ledger has to know. */
static void landed(struct dma *d)
{
	struct ledger *l = &d->host->world->ledger;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < d->flight_count; i++) {
		if (in_flight(d, &d->flights[i])) {
			d->flights[kept++] = d->flights[i];
		} else {
			ledger_landed(l, d->host->index, d->flights[i].page, d->flights[i].at, d->flights[i].value);
		}
	}
	d->flight_count = kept;
}

void dma_settle(struct dma *d)
{
	enum err err;

	if (d->flight_count == 0) {
		return;
	}
	err = gw_smmu_tlbi_vmid(&d->smmu, VMID);
	if (err == ERR_FULL) {
		must(d, gw_smmu_sync(&d->smmu), "SYNC");
		err = gw_smmu_tlbi_vmid(&d->smmu, VMID);
	}
	must(d, err, "TLBI");
	must(d, gw_smmu_sync(&d->smmu), "SYNC");
	landed(d);
	if (d->flight_count != 0) {
		journal_broken(&d->host->world->journal, "SMMU of %c: %u writes are in flight behind a SYNC",
			"ABC"[d->host->index], d -> flight_count);
	}
}

bool dma_write(struct dma *d, uint32_t device, uint64_t page, uint32_t at, uint64_t value)
{
	enum smmu_model_outcome outcome;

	if (d->flight_count == DMA_FLIGHTS - 1u) {
		dma_settle(d);
	}
	outcome = smmu_model_access(
		&d->model, sid_of(device), SMMU_MODEL_NO_SSID, iova_of(d, page) + at, sizeof(value), true, &value);
	if (outcome != SMMU_MODEL_DONE) {
		d->aborts++;
		return false;
	}
	d->writes++;
	d->flights[d->flight_count++] = (struct dma_flight){ device, page, value, at };
	if (!d->model.hold_writes || d->flight_count == DMA_FLIGHTS / 2u) {
		landed(d);
	}
	return true;
}

/* ---- gate ---- */

bool dma_open(const struct dma *d, uint32_t device)
{
	return gw_smmu_attached(&d->smmu, sid_of(device));
}

enum err dma_gate(struct dma *d, uint32_t device, bool open)
{
	const struct gw_smmu_s2 s2 = {
		.root_pa = s2_root(&d->s2).v, .vmid = VMID, .t0sz = S2_T0SZ, .sl0 = S2_SL0, .ps = PS_48_BITS
	};
	enum err err;

	if (d->updating == DMA_DEVICES) {
		if (dma_open(d, device) == open) {
			return ERR_OK;
		}
		err = open ? gw_smmu_attach_s2_begin(&d->smmu, sid_of(device), &s2)
			   : gw_smmu_detach_begin(&d->smmu, sid_of(device));
		if (err == ERR_FULL) {
			must(d, gw_smmu_sync(&d->smmu), "SYNC");
			return ERR_AGAIN;
		}
		must(d, err, open ? "attach" : "detach");
		d->updating = device;
		d->attaching = open;
	}
	err = gw_smmu_update_poll(&d->smmu);
	landed(d);
	if (err == ERR_AGAIN) {
		return ERR_AGAIN;
	}
	must(d, err, "update");
	if (d->updating != device || d->attaching != open) {
		d->updating = DMA_DEVICES; /* somebody else's is done: now ours */
		return ERR_AGAIN;
	}
	d->updating = DMA_DEVICES;
	return ERR_OK;
}

void dma_stray(struct dma *d, uint32_t device)
{
	struct world *w = d->host->world;
	uint64_t page = chance_below(&d->host->chance, plan_of(d)->page_count), garbage = UINT64_C(0xdeadbeefdeadbeef);
	struct gw_smmu_event event;
	uint32_t events = 0;
	enum err err;

	if (smmu_model_access(&d->model, sid_of(device), SMMU_MODEL_NO_SSID, iova_of(d, page), sizeof(garbage), true,
		    &garbage) != SMMU_MODEL_ABORT) {
		journal_violation(&w->journal,
			"device %u on %c writes to memory while it is stopped or the VM is elsewhere", device,
			"ABC"[d->host->index]);
	}
	d->aborts++;
	do {
		err = gw_smmu_event_next(&d->smmu, &event);
		if (err == ERR_OK && event.stream_id != sid_of(device)) {
			journal_violation(&w->journal, "SMMU of %c: a fault of stream %u, it was device %u",
				"ABC"[d->host->index], event.stream_id, device);
		}
	} while ((err == ERR_OK || err == ERR_LOST) && events++ < TURNS_MAX);
	if (events == 0) {
		journal_violation(
			&w->journal, "SMMU of %c: the abort of device %u is not told", "ABC"[d->host->index], device);
	}
	must(d, ERR_OK, "");
}
