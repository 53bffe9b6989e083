/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/assert.h"
#include "core/base/bitmap.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "tests/sim/world.h"

#define RECORD_VCPU    1u
#define RECORD_MACHINE 2u
#define RECORD_VERSION 3u
#define RECORD_BYTES   64u /* of a vCPU */
#define BURST_MAX      512u

static const struct plan *plan_of(const struct guest *g)
{
	return &g->host->world->plan;
}

uint64_t guest_time_ns(const struct guest *g)
{
	return g->guest_ns + (g->running || g->stuck ? host_time_us(g->host) * 1000u - g->since_ns : 0);
}

/* ---- execution ---- */

void guest_dirty(struct guest *g, uint64_t page)
{
	if (g->log_on) {
		bitmap_set(g->log, page);
	}
}

static uint64_t page_to_write(struct guest *g, struct chance *c)
{
	const struct plan *p = plan_of(g);

	switch (p->pattern) {
	case GUEST_HOT:
		return (g->hot_first + chance_below(c, p->hot_pages)) % p->page_count;
	case GUEST_SEQUENTIAL:
		return g->next_page++ % p->page_count;
	case GUEST_ALL:
		return chance_below(c, p->page_count);
	default:
		return p->page_count - 1;
	}
}

static void write_word(struct guest *g)
{
	struct world *w = g->host->world;
	struct chance *c = &g->host->chance;
	uint64_t page = page_to_write(g, c), old;
	uint32_t at = (uint32_t)chance_below(c, PAGE_BYTES / 8) * 8u;
	uint64_t value = chance_one_in(c, 8) ? 0 : ledger_value(&w->ledger, g->host->index);

	memcpy(&old, g->ram + page * PAGE_BYTES + at, sizeof(old));
	memcpy(g->ram + page * PAGE_BYTES + at, &value, sizeof(value));
	guest_dirty(g, page);
	ledger_write(&w->ledger, g->host->index, page, at, old, value);
}

static void execute(struct guest *g, uint64_t writes)
{
	struct world *w = g->host->world;
	struct ledger_view views[LEDGER_HOSTS];

	if ((!g->running && !g->stuck) || g->inside) {
		return;
	}
	g->inside = true;
	if (w->ledger.seat != g->host->index || w->ledger.resumed[g->host->index]) {
		world_views(w, views);
		ledger_look(&w->ledger, g->host->index, views, "a vCPU");
	}
	for (uint32_t v = 0; v < plan_of(g)->vcpu_count; v++) {
		ledger_instruction(&w->ledger, g->host->index, v, g->counters[v], guest_time_ns(g));
		g->counters[v]++;
	}
	for (uint64_t i = 0; i < writes && i < BURST_MAX; i++) {
		write_word(g);
	}
	g->inside = false;
}

void guest_execute(struct guest *g)
{
	uint64_t us = g->host->world->now_us - g->executed_us;

	g->executed_us = g->host->world->now_us;
	if (g->running || g->stuck) {
		uint64_t scaled = plan_of(g)->writes_per_s * us + chance_below(&g->host->chance, 1000000);

		execute(g, scaled / 1000000u);
	}
}

/* vCPUs do not wait while the engine works: now and then they write in the middle of it. */
static void meanwhile(struct guest *g)
{
	if ((g->running || g->stuck) && chance_one_in(&g->host->chance, plan_of(g)->pattern == GUEST_IDLE ? 64 : 8)) {
		execute(g, 1);
	}
}

/* ---- dirty tracker ---- */

static enum err tracker_start(void *ctx)
{
	struct guest *g = ctx;

	if (world_fault(g->host->world, g->host, FAULT_HARVEST, 10)) {
		return ERR_FULL;
	}
	dma_settle(&g->host->dma);
	memset(g->log, 0, BITMAP_WORDS(plan_of(g)->page_count) * sizeof(uint64_t));
	g->log_on = true;
	meanwhile(g);
	return ERR_OK;
}

static enum err tracker_harvest(void *ctx, struct dirty_cursor *cursor, uint64_t *map)
{
	struct guest *g = ctx;
	uint64_t pages = plan_of(g)->page_count;
	uint64_t end = cursor->next_page + 64u * chance_range(&g->host->chance, 1, 16);

	dma_settle(&g->host->dma); /* what was marked is in memory before it is told */
	if (world_fault(g->host->world, g->host, FAULT_HARVEST, 20)) {
		if (chance_one_in(&g->host->chance, 4)) {
			return ERR_IO;
		}
		memset(g->log, 0, BITMAP_WORDS(pages) * sizeof(uint64_t)); /* gone for good */
		return ERR_LOST;
	}
	end = end < pages ? end : pages;
	meanwhile(g);
	for (uint64_t word = cursor->next_page / 64; word < BITMAP_WORDS(end); word++) {
		map[word] |= g->log[word];
		g->log[word] = 0;
	}
	meanwhile(g);
	cursor->next_page = end;
	return end == pages ? ERR_OK : ERR_AGAIN;
}

static void tracker_stop(void *ctx)
{
	((struct guest *)ctx)->log_on = false;
}

static struct dirty dirty(void *ctx)
{
	static const struct dirty_ops ops = {
		.name = "sim", .start = tracker_start, .harvest = tracker_harvest, .stop = tracker_stop
	};

	return (struct dirty){ &ops, ctx };
}

/* ---- vm_ops ---- */

/* A host that was not set up as the others. */
static void other_shape(uint32_t shape, struct vm_desc *out)
{
	switch (shape) {
	case 1:
		(void)text_copy(out->name, sizeof(out->name), "other");
		break;
	case 2:
		out->vcpu_count = out->vcpu_count == 1 ? 2 : out->vcpu_count - 1;
		break;
	case 3:
		out->timer_hz = 1000000000;
		break;
	case 4:
		out->gic_prio_bits = 7;
		break;
	case 5:
		out->id_reg_count = 1;
		break;
	case 6:
		out->id_regs[1]++;
		break;
	case 7:
		out->ram[0].first_gfn ^= UINT64_C(1) << 40;
		break;
	case 8:
		if (out->ram_region_count < VM_RAM_REGIONS_MAX && out->ram[0].page_count > 1) {
			uint32_t n = out->ram_region_count++;

			out->ram[n] =
				(struct vm_ram_region){ out->ram[n - 1].first_gfn + out->ram[n - 1].page_count + 5000,
					1 };
			out->ram[0].page_count--;
		}
		break;
	case 13:
		out->ram_region_count = 0;
		break;
	case 14:
		out->page_count++;
		break;
	default:
		break;
	}
}

static void describe(void *ctx, struct vm_desc *out)
{
	const struct plan *p = plan_of(ctx);

	*out = (struct vm_desc){
		.ram_region_count = p->region_count,
		.page_count = p->page_count,
		.vcpu_count = p->vcpu_count,
		.timer_hz = 62500000,
		.gic_lr_count = 4,
		.gic_prio_bits = 5,
		.id_regs = { 0x1122, 0x3344 },
		.id_reg_names = { "ID_AA64PFR0_EL1", "ID_AA64MMFR0_EL1" },
		.id_reg_count = 2,
	};
	memcpy(out->ram, p->ram, sizeof(out->ram));
	(void)text_copy(out->name, sizeof(out->name), "flight");
	other_shape(((struct guest *)ctx)->host->shape, out);
}

static void owner_set(void *ctx, enum owner owner)
{
	struct guest *g = ctx;
	struct world *w = g->host->world;
	struct ledger_view views[LEDGER_HOSTS];

	if (owner == g->owner) {
		return;
	}
	g->owner = owner;
	world_views(w, views);
	if (owner == OWNER_READY) {
		ledger_ready(&w->ledger, g->host->index, &views[g->host->index]);
	} else if (owner == OWNER_GIVEN) {
		ledger_given(&w->ledger, g->host->index, &views[g->host->index]);
	}
	if (owner == OWNER_LOADING && !guest_blank(g)) {
		journal_violation(&w->journal, "%c receives into RAM that was not scrubbed", "ABC"[g->host->index]);
	}
	ledger_one_runner(&w->ledger, views);
	chaos_owner_changed(w, g->host);
}

static enum vm_run_state run_state(void *ctx)
{
	const struct guest *g = ctx;

	return g->running ? VM_RUNNING : VM_PAUSED;
}

static enum err stop_begin(void *ctx)
{
	struct guest *g = ctx;

	g->stopping = true;
	g->park_us =
		g->host->world->now_us + (g->running ? chance_below(&g->host->chance, plan_of(g)->park_us + 1) : 0);
	return ERR_OK;
}

static void stand(struct guest *g)
{
	if (g->running || g->stuck) {
		g->guest_ns = guest_time_ns(g);
		g->running = false;
		g->stuck = false;
		ledger_stands(&g->host->world->ledger, g->host->index);
	}
}

static enum err stop_poll(void *ctx)
{
	struct guest *g = ctx;

	ASSERT(g->stopping);
	meanwhile(g);
	if (g->host->world->now_us < g->park_us) {
		return ERR_AGAIN;
	}
	g->stopping = false;
	if (g->running && world_fault(g->host->world, g->host, FAULT_VCPU, 3)) {
		g->stuck = true;
		g->running = false;
		return ERR_TIMEOUT;
	}
	stand(g);
	return ERR_OK;
}

static enum err run(void *ctx)
{
	struct guest *g = ctx;

	if (!owner_may_run(g->owner)) {
		return ERR_REFUSED;
	}
	if (g->running) {
		return ERR_OK;
	}
	if (world_fault(g->host->world, g->host, FAULT_VCPU,
		    g->owner == OWNER_OWN && g->host->gw->engine.role == ROLE_DESTINATION ? 2 : 5)) {
		return ERR_IO;
	}
	g->since_ns = g->stuck ? g->since_ns : host_time_us(g->host) * 1000u;
	g->running = true;
	g->stuck = false;
	g->executed_us = g->host->world->now_us;
	execute(g, 1);
	return ERR_OK;
}

static enum err page_borrow(void *ctx, uint64_t page, enum page_use use, uint8_t **bytes)
{
	struct guest *g = ctx;

	if (page >= plan_of(g)->page_count) {
		journal_broken(&g->host->world->journal, "page %llu of %llu is asked for", (unsigned long long)page,
			(unsigned long long)plan_of(g)->page_count);
		return ERR_RANGE;
	}
	if (page == g->poisoned) {
		return ERR_POISONED;
	}
	if (use == PAGE_READ) {
		meanwhile(g);
	} else if (owner_may_run(g->owner) || g->running) {
		journal_broken(&g->host->world->journal, "page %llu is written by the engine while %c owns the VM",
			(unsigned long long)page, "ABC"[g->host->index]);
	}
	g->borrowed++;
	*bytes = g->ram + page * PAGE_BYTES;
	return ERR_OK;
}

static void page_return(void *ctx, uint64_t page, enum page_use use)
{
	struct guest *g = ctx;

	ASSERT(g->borrowed != 0);
	g->borrowed--;
	if (use == PAGE_WRITE) {
		guest_dirty(g, page);
	} else {
		meanwhile(g);
	}
}

static uint32_t record_count(void *ctx)
{
	return plan_of(ctx)->vcpu_count + 1u;
}

static void record_info(void *ctx, uint32_t index, struct vm_record_id *out)
{
	bool vcpu = index < plan_of(ctx)->vcpu_count;

	*out = (struct vm_record_id){ vcpu ? RECORD_VCPU : RECORD_MACHINE, (uint16_t)(vcpu ? index : 0),
		RECORD_VERSION };
}

static enum err records_prepare(void *ctx)
{
	struct guest *g = ctx;

	ASSERT(!g->running && !g->stuck);
	return world_fault(g->host->world, g->host, FAULT_RECORD, 10) ? ERR_TIMEOUT : ERR_OK;
}

static void fill(uint8_t *out, size_t len, uint64_t value)
{
	for (size_t i = 0; i < len; i++) {
		out[i] = (uint8_t)(i * 7u + value);
	}
}

static enum err record_save(void *ctx, uint32_t index, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct guest *g = ctx;
	bool vcpu = index < plan_of(g)->vcpu_count;
	uint64_t value = vcpu ? g->counters[index] : g->guest_ns;
	size_t len = vcpu ? RECORD_BYTES : plan_of(g)->record_bytes;

	ASSERT(!g->running && cap_bytes >= len);
	if (world_fault(g->host->world, g->host, FAULT_RECORD, 20)) {
		return ERR_IO;
	}
	fill(out, len, value);
	store_le64(out, value);
	*len_bytes = len;
	return ERR_OK;
}

static enum err record_load(
	void *ctx, const struct vm_record_id *id, const uint8_t *bytes, size_t len_bytes, char *reason)
{
	struct guest *g = ctx;
	const struct plan *p = plan_of(g);
	bool vcpu = id->type == RECORD_VCPU;
	uint32_t bit = vcpu ? id->instance : p->vcpu_count;
	uint64_t value;

	if (world_fault(g->host->world, g->host, FAULT_RECORD, 20)) {
		fmt(reason, REASON_BYTES, "record %u.%u: injected", id->type, id->instance);
		return ERR_BAD_RECORD;
	}
	if ((!vcpu && id->type != RECORD_MACHINE) || id->version != RECORD_VERSION ||
		id->instance >= (vcpu ? p->vcpu_count : 1u) || (g->staged >> bit & 1u) != 0 ||
		len_bytes != (vcpu ? RECORD_BYTES : p->record_bytes)) {
		journal_violation(&g->host->world->journal, "VM record %u.%u of %zu bytes arrives", id->type,
			id->instance, len_bytes);
		return ERR_BAD_RECORD;
	}
	value = load_le64(bytes);
	for (size_t i = 8; i < len_bytes; i++) {
		if (bytes[i] != (uint8_t)(i * 7u + value)) {
			journal_violation(&g->host->world->journal, "VM record %u.%u is not what was saved", id->type,
				id->instance);
			return ERR_BAD_RECORD;
		}
	}
	if (vcpu) {
		g->staged_counters[id->instance] = value;
	} else {
		g->staged_ns = value;
	}
	g->staged |= 1u << bit;
	return ERR_OK;
}

static enum err records_complete(void *ctx, char *reason)
{
	struct guest *g = ctx;

	if (world_fault(g->host->world, g->host, FAULT_RECORD, 10) ||
		g->staged != (2u << plan_of(g)->vcpu_count) - 1u) {
		fmt(reason, REASON_BYTES, "records 0x%x are here", g->staged);
		return ERR_MISMATCH;
	}
	memcpy(g->counters, g->staged_counters, sizeof(g->counters));
	g->guest_ns = g->staged_ns;
	g->staged = 0;
	return ERR_OK;
}

static void time_add(void *ctx, uint64_t elapsed_ns)
{
	struct guest *g = ctx;

	if (elapsed_ns > UINT64_C(86400000000000)) {
		journal_violation(
			&g->host->world->journal, "guest time is to go on by %llu ns", (unsigned long long)elapsed_ns);
	}
	g->guest_ns += elapsed_ns;
}

static enum err scrub_begin(void *ctx)
{
	struct guest *g = ctx;

	if (g->running || g->stuck || owner_may_run(g->owner)) {
		journal_violation(&g->host->world->journal, "a VM that runs on %c is scrubbed", "ABC"[g->host->index]);
	}
	g->scrub_page = 0;
	g->scrubbing = true;
	return ERR_OK;
}

static enum err scrub_poll(void *ctx)
{
	struct guest *g = ctx;
	uint64_t left = plan_of(g)->page_count - g->scrub_page;
	uint64_t slice = left < 256 ? left : 256;

	ASSERT(g->scrubbing);
	memset(g->ram + g->scrub_page * PAGE_BYTES, 0, slice * PAGE_BYTES);
	g->scrub_page += slice;
	if (slice < left) {
		return ERR_AGAIN;
	}
	memset(g->counters, 0, sizeof(g->counters));
	g->staged = 0;
	g->guest_ns = 0;
	g->poisoned = UINT64_MAX; /* its page was replaced */
	g->scrubbing = false;
	return ERR_OK;
}

static uint32_t cpu_info(void *ctx, struct vm_cpu_info *out, uint32_t max)
{
	const struct guest *g = ctx;
	uint32_t i;

	for (i = 0; i < plan_of(g)->vcpu_count && i < max; i++) {
		out[i] = (struct vm_cpu_info){ .index = i, .core = i + 1, .halted = !g->running };
	}
	return i;
}

struct vm guest_vm(struct guest *g)
{
	static const struct vm_ops ops = {
		.describe = describe,
		.owner_set = owner_set,
		.run_state = run_state,
		.stop_begin = stop_begin,
		.stop_poll = stop_poll,
		.run = run,
		.page_borrow = page_borrow,
		.page_return = page_return,
		.record_count = record_count,
		.record_info = record_info,
		.records_prepare = records_prepare,
		.record_save = record_save,
		.record_load = record_load,
		.records_complete = records_complete,
		.time_add = time_add,
		.scrub_begin = scrub_begin,
		.scrub_poll = scrub_poll,
		.cpu_info = cpu_info,
		.dirty = dirty,
	};

	return (struct vm){ &ops, g };
}

bool guest_blank(const struct guest *g)
{
	uint64_t words = plan_of(g)->page_count * (PAGE_BYTES / 8);
	const uint64_t *word = (const void *)g->ram;

	for (uint64_t i = 0; i < words; i++) {
		if (word[i] != 0) {
			return false;
		}
	}
	return true;
}

void guest_begin(struct guest *g)
{
	for (uint64_t page = 0; page < plan_of(g)->page_count; page++) {
		if (chance_below(&g->host->chance, 4) != 3) {
			uint64_t value = chance_u64(&g->host->chance) | 1u;

			memcpy(g->ram + page * PAGE_BYTES + page % 500 * 8, &value, sizeof(value));
		}
	}
	g->hot_first = chance_below(&g->host->chance, plan_of(g)->page_count);
}

void guest_init(struct guest *g, struct sim_host *h)
{
	*g = (struct guest){ .host = h, .poisoned = UINT64_MAX };
	g->ram = dma_init(&h->dma, h);
	g->log = calloc(BITMAP_WORDS(h->world->plan.page_count), sizeof(uint64_t));
	ASSERT(g->log != NULL);
}

void guest_free(struct guest *g)
{
	dma_free(&g->host->dma);
	free(g->log);
	g->ram = NULL;
	g->log = NULL;
}
