/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/assert.h"
#include "core/base/bitmap.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/device_plan.h"
#include "tests/sim/quick_seal.h"
#include "tests/sim/reached.h"
#include "tests/sim/world.h"

#define IMAGE_HEAD   40u
#define IMAGE_MAGIC  0x67616467u
#define RECORD_MAGIC 0x65727067u
#define RECORD_HEAD  8u
#define RECORD_FILL  0x5au
#define DIRT_WRITES  16u
#define DMA_PAGES    4u
#define WORKS_PER_S  2000u

static const struct plan *plan_of(const struct gadget *d)
{
	return &d->host->world->plan;
}

static bool acts_in(enum device_state s)
{
	return s == DEVICE_RUNNING || s == DEVICE_RUNNING_P2P || s == DEVICE_PRE_COPY || s == DEVICE_PRE_COPY_P2P;
}

bool gadget_active(const struct gadget *d)
{
	return d->enabled && acts_in(d->now);
}

static void device_write(struct gadget *d)
{
	struct world *w = d->host->world;
	struct guest *g = &d->host->guest;
	struct ledger_view views[LEDGER_HOSTS];
	uint64_t page = (d->index * 7u + d->writes % DMA_PAGES) % plan_of(d)->page_count, value;
	uint32_t at = (uint32_t)(d->writes % 512u) * 8u;

	if (w->ledger.seat != d->host->index || w->ledger.resumed[d->host->index]) {
		world_views(w, views);
		ledger_look(&w->ledger, d->host->index, views, "a device");
	}
	ledger_dma(&w->ledger, d->host->index, d->index, d->writes);
	d->writes++;
	d->dirt += device_state_saving(d->now) ? 1 : 0;
	value = ledger_value(&w->ledger, d->host->index);
	if (!dma_write(&d->host->dma, d->index, page, at, value)) {
		journal_violation(&w->journal, "device %u on %c is kept from memory while it runs", d->index,
			"ABC"[d->host->index]);
	}
	if (plan_of(d)->device_log[d->index]) {
		if (d->log_on) {
			bitmap_set(d->log, page);
		}
	} else {
		guest_dirty(g, page);
	}
}

void gadget_work(struct gadget *d)
{
	uint64_t us = d->host->world->now_us - d->worked_us;
	uint64_t n;

	d->worked_us = d->host->world->now_us;
	if (!gadget_active(d)) {
		if (chance_one_in(&d->host->chance, 16) && d->host->dma.updating == DMA_DEVICES && !d->arc_open) {
			dma_stray(&d->host->dma, d->index);
		}
		return;
	}
	if (!dma_open(&d->host->dma, d->index)) {
		return; /* its stream is being attached */
	}
	n = (us * WORKS_PER_S + chance_below(&d->host->chance, 1000000)) / 1000000u;
	for (uint64_t i = 0; i < n && i < 16; i++) {
		device_write(d);
	}
}

static void describe(void *ctx, struct device_desc *out)
{
	const struct gadget *d = ctx;

	*out = d->desc;
	if (d->host->shape == 9) {
		out->device_id++;
	} else if (d->host->shape == 10) {
		out->state_version++;
	} else if (d->host->shape == 18) {
		out->peer_group = 1;
	} else if (d->host->shape == 16) {
		out->mig_flags = 0;
	} else if (d->host->shape == 12) {
		(void)text_copy(out->type, sizeof(out->type), "other");
	}
}

/* ---- arcs ---- */

static enum err state_begin(void *ctx, enum device_state to)
{
	struct gadget *d = ctx;
	struct world *w = d->host->world;

	if (d->arc_open) {
		return ERR_BAD_STATE;
	}
	if (!device_arc_direct(d->desc.mig_flags, d->now, to)) {
		journal_broken(&w->journal, "device %u on %c is asked to go from %s to %s", d->index,
			"ABC"[d->host->index], device_state_name(d->now), device_state_name(to));
		return ERR_NO_ARC;
	}
	d->arc_fault = FAULT_COUNT;
	if (world_fault(w, d->host, FAULT_DEV_REFUSE, 12)) {
		d->failed = true;
		return ERR_IO;
	}
	if (world_fault(w, d->host, FAULT_DEV_FAIL, 12)) {
		d->arc_fault = FAULT_DEV_FAIL;
	} else if (world_fault(w, d->host, FAULT_DEV_ERROR, 12)) {
		d->arc_fault = FAULT_DEV_ERROR;
	} else if (d->now == DEVICE_RESUMING && world_fault(w, d->host, FAULT_DEV_IMAGE, 2)) {
		d->arc_fault = FAULT_DEV_IMAGE;
	}
	d->arc_open = true;
	d->to = to;
	d->arc_us = w->now_us + chance_below(&d->host->chance, plan_of(d)->arc_us + 1);
	return ERR_OK;
}

static void image_make(struct gadget *d)
{
	d->len = MAX(plan_of(d)->device_image[d->index], IMAGE_HEAD);
	for (size_t i = IMAGE_HEAD; i < d->len; i++) {
		d->image[i] = (uint8_t)(i * 13u + d->writes);
	}
	store_le32(d->image, IMAGE_MAGIC);
	store_le32(d->image + 4, d->index);
	store_le64(d->image + 8, d->writes);
	store_le64(d->image + 16, d->enabled);
	store_le64(d->image + 24, d->len);
	store_le64(d->image + 32, quick_sum(d->image + IMAGE_HEAD, d->len - IMAGE_HEAD));
}

static bool image_valid(const struct gadget *d)
{
	return d->at >= IMAGE_HEAD && load_le32(d->image) == IMAGE_MAGIC && load_le32(d->image + 4) == d->index &&
	       load_le64(d->image + 24) == d->at &&
	       load_le64(d->image + 32) == quick_sum(d->image + IMAGE_HEAD, d->at - IMAGE_HEAD);
}

static enum err arrive(struct gadget *d)
{
	struct world *w = d->host->world;
	uint64_t opened = d->transfer.now;

	if (d->arc_fault != FAULT_COUNT) {
		d->failed = true;
		if (d->arc_fault != FAULT_DEV_FAIL) {
			d->now = DEVICE_ERROR;
			d->transfer.now = 0;
		}
		return ERR_IO;
	}
	if (d->now == DEVICE_RESUMING) {
		if (d->at == 0 && d->record_at == 0) { /* nothing was loaded: back to where it was */
			device_transfer_arc(&d->transfer, d->now, d->to);
			d->now = d->to;
			return ERR_OK;
		}
		if (!image_valid(d)) {
			d->failed = true;
			d->transfer.now = 0;
			d->now = DEVICE_ERROR;
			return ERR_BAD_RECORD;
		}
		d->writes = load_le64(d->image + 8);
		d->enabled = load_le64(d->image + 16) != 0;
	}
	if (gadget_active(d) && d->to == DEVICE_STOP) {
		ledger_stands(&w->ledger, d->host->index);
	}
	device_transfer_arc(&d->transfer, d->now, d->to);
	d->now = d->to;
	d->worked_us = w->now_us;
	if (d->to == DEVICE_STOP_COPY) {
		image_make(d);
	}
	if (d->to == DEVICE_STOP_COPY || d->to == DEVICE_RESUMING) {
		d->at = 0;
	}
	if (d->transfer.now != opened && d->transfer.now != 0) {
		d->record_at = d->record_len = 0;
		d->initial_left = d->to == DEVICE_STOP_COPY ? 0 : plan_of(d)->device_image[d->index] % 5000u;
		d->dirt = 0;
		d->loaded_us = 0;
	}
	return ERR_OK;
}

static enum err state_poll(void *ctx, enum device_state *now)
{
	struct gadget *d = ctx;
	enum err err = ERR_OK;

	if (d->arc_open) {
		if (d->host->world->now_us < d->arc_us) {
			return ERR_AGAIN;
		}
		/* Its stream is attached before it acts, and detached with all its writes landed before it stands. */
		if (d->arc_fault != FAULT_DEV_FAIL &&
			dma_gate(&d->host->dma, d->index,
				d->arc_fault == FAULT_COUNT && d->enabled && acts_in(d->to)) == ERR_AGAIN) {
			return ERR_AGAIN;
		}
		d->arc_open = false;
		err = arrive(d);
	}
	*now = d->now;
	return err;
}

static uint64_t transfer(void *ctx)
{
	return ((struct gadget *)ctx)->transfer.now;
}

/* ---- image ---- */

/** A record of what is left of the initial bytes, or of what the device did since. */
static enum err record_make(struct gadget *d)
{
	if (d->initial_left == 0 && d->dirt < DIRT_WRITES) {
		return ERR_AGAIN;
	}
	d->record_initial = d->initial_left != 0;
	d->dirt -= d->record_initial ? 0 : DIRT_WRITES;
	d->record_len =
		d->initial_left == 0 ? sizeof(d->record) / 2 : MIN(d->initial_left + RECORD_HEAD, sizeof(d->record));
	d->record_at = 0;
	d->initial_left -= MIN(d->initial_left, d->record_len - RECORD_HEAD);
	store_le32(d->record, RECORD_MAGIC);
	store_le32(d->record + 4, (uint32_t)d->record_len);
	memset(d->record + RECORD_HEAD, RECORD_FILL, d->record_len - RECORD_HEAD);
	return ERR_OK;
}

static enum err image_read(void *ctx, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct gadget *d = ctx;
	bool early = d->record_at != d->record_len;
	size_t len;

	ASSERT(device_state_saving(d->now) && !d->arc_open);
	if (world_fault(d->host->world, d->host, FAULT_DEV_ERROR, d->now == DEVICE_STOP_COPY ? 20 : 500)) {
		return ERR_IO;
	}
	if (chance_one_in(&d->host->chance, 8)) {
		reached_err(ERR_AGAIN);
		return ERR_AGAIN;
	}
	if (!early && d->now != DEVICE_STOP_COPY) {
		if (record_make(d) != ERR_OK) {
			return ERR_AGAIN;
		}
		early = true;
	}
	len = early ? d->record_len - d->record_at : d->len - d->at;
	len = MIN(cap_bytes, len);
	if (len == 0) {
		reached_err(ERR_END);
		return ERR_END;
	}
	len = chance_one_in(&d->host->chance, 4) ? chance_range(&d->host->chance, 1, len) : len;
	memcpy(out, early ? d->record + d->record_at : d->image + d->at, len);
	*(early ? &d->record_at : &d->at) += len;
	*len_bytes = len;
	return ERR_OK;
}

/** Bytes go to the record until they turn out to be the image; a whole record is looked at and forgotten. */
static enum err bytes_place(struct gadget *d, const uint8_t *bytes, size_t len)
{
	while (len != 0) {
		size_t want = d->record_at < RECORD_HEAD ? RECORD_HEAD : load_le32(d->record + 4);
		size_t n = MIN(len, d->at != 0 ? len : want - d->record_at);

		if (d->at != 0) {
			if (n > MAX(plan_of(d)->device_image[d->index], IMAGE_HEAD) - d->at) {
				return ERR_BAD_RECORD;
			}
			memcpy(d->image + d->at, bytes, n);
			d->at += n;
		} else {
			memcpy(d->record + d->record_at, bytes, n);
			d->record_at += n;
		}
		bytes += n;
		len -= n;
		if (d->at == 0 && d->record_at == RECORD_HEAD && load_le32(d->record) != RECORD_MAGIC) {
			memcpy(d->image, d->record, RECORD_HEAD);
			d->at = RECORD_HEAD;
		} else if (d->at == 0 && d->record_at >= RECORD_HEAD && d->record_at == load_le32(d->record + 4)) {
			for (size_t i = RECORD_HEAD; i < d->record_at; i++) {
				if (d->record[i] != RECORD_FILL) {
					return ERR_BAD_RECORD;
				}
			}
			d->record_at = 0;
		} else if (d->at == 0 && d->record_at >= RECORD_HEAD && load_le32(d->record + 4) > sizeof(d->record)) {
			return ERR_BAD_RECORD;
		}
	}
	return ERR_OK;
}

static enum err image_write(void *ctx, const uint8_t *bytes, size_t len_bytes, size_t *taken, char *reason)
{
	struct gadget *d = ctx;
	size_t len = chance_one_in(&d->host->chance, 4) ? chance_range(&d->host->chance, 0, len_bytes) : len_bytes;

	ASSERT(d->now == DEVICE_RESUMING && !d->arc_open);
	if (world_fault(d->host->world, d->host, FAULT_DEV_IMAGE, 10)) {
		fmt(reason, REASON_BYTES, "device %s: image is not understood (injected)", d->desc.id);
		return ERR_BAD_RECORD;
	}
	if (bytes_place(d, bytes, len) != ERR_OK) {
		journal_violation(&d->host->world->journal, "device %u: its state is not what it was", d->index);
		fmt(reason, REASON_BYTES, "device %s: another image", d->desc.id);
		return ERR_BAD_RECORD;
	}
	if (world_fault(d->host->world, d->host, FAULT_DEV_ERROR, 30)) {
		d->transfer.now = 0; /* somebody reset it in the middle: what was written is worth nothing */
		d->failed = true;
	}
	*taken = len;
	return ERR_OK;
}

static enum err initial_loaded(void *ctx, char *reason)
{
	struct gadget *d = ctx;

	if (world_fault(d->host->world, d->host, FAULT_DEV_IMAGE, 10)) {
		fmt(reason, REASON_BYTES, "device %s: initial state does not fit (injected)", d->desc.id);
		return ERR_MISMATCH;
	}
	if (d->loaded_us == 0) {
		d->loaded_us = d->host->world->now_us + chance_below(&d->host->chance, plan_of(d)->arc_us + 1) + 1;
	}
	return d->host->world->now_us < d->loaded_us ? ERR_AGAIN : ERR_OK;
}

static enum err data_size(void *ctx, uint64_t *bytes)
{
	struct gadget *d = ctx;

	*bytes = plan_of(d)->device_image[d->index];
	return ERR_OK;
}

static enum err precopy_info(void *ctx, uint64_t *initial_bytes, uint64_t *dirty_bytes)
{
	struct gadget *d = ctx;

	if (d->now != DEVICE_PRE_COPY && d->now != DEVICE_PRE_COPY_P2P) {
		return ERR_BAD_STATE;
	}
	*initial_bytes = d->initial_left + (d->record_initial ? d->record_len - d->record_at : 0);
	*dirty_bytes = d->dirt / DIRT_WRITES * (sizeof(d->record) / 2);
	return ERR_OK;
}

static const char *last_error(void *ctx)
{
	(void)ctx;
	return "injected";
}

/* ---- device log ---- */

static enum err log_start(void *ctx)
{
	struct gadget *d = ctx;

	if (world_fault(d->host->world, d->host, FAULT_HARVEST, 20)) {
		return ERR_IO;
	}
	dma_settle(&d->host->dma);
	memset(d->log, 0, BITMAP_WORDS(plan_of(d)->page_count) * sizeof(uint64_t));
	d->log_on = true;
	return ERR_OK;
}

static enum err log_harvest(void *ctx, struct dirty_cursor *cursor, uint64_t *map)
{
	struct gadget *d = ctx;

	(void)cursor;
	dma_settle(&d->host->dma);
	if (world_fault(d->host->world, d->host, FAULT_HARVEST, 20)) {
		memset(d->log, 0, BITMAP_WORDS(plan_of(d)->page_count) * sizeof(uint64_t));
		return ERR_LOST;
	}
	for (uint64_t word = 0; word < BITMAP_WORDS(plan_of(d)->page_count); word++) {
		map[word] |= d->log[word];
		d->log[word] = 0;
	}
	return ERR_OK;
}

static void log_stop(void *ctx)
{
	((struct gadget *)ctx)->log_on = false;
}

static struct dirty log_of(void *ctx)
{
	static const struct dirty_ops ops = {
		.name = "sim-device", .start = log_start, .harvest = log_harvest, .stop = log_stop
	};
	struct gadget *d = ctx;

	return plan_of(d)->device_log[d->index] ? (struct dirty){ &ops, d } : (struct dirty){ NULL, NULL };
}

/* ---- reset, scrub ---- */

static enum err chore_begin(struct gadget *d)
{
	d->arc_open = false;
	d->transfer.now = 0;
	d->chore_us = d->host->world->now_us + chance_below(&d->host->chance, plan_of(d)->arc_us + 1);
	return ERR_OK;
}

static enum err chore_poll(struct gadget *d, enum device_state after, bool reset)
{
	struct world *w = d->host->world;

	if (w->now_us < d->chore_us || dma_gate(&d->host->dma, d->index, false) == ERR_AGAIN) {
		return ERR_AGAIN;
	}
	if (world_fault(w, d->host, FAULT_DEV_ERROR, 20)) {
		d->now = DEVICE_ERROR;
		d->failed = true;
		return ERR_IO;
	}
	if (reset) {
		if (w->ledger.seat != d->host->index && owner_may_run(d->host->guest.owner)) {
			struct ledger_view views[LEDGER_HOSTS]; /* the VM came here paused */

			world_views(w, views);
			ledger_look(&w->ledger, d->host->index, views, "a reset");
		}
		ledger_device_reset(&w->ledger, d->host->index, d->index, d->failed);
	} else if (gadget_active(d) && w->ledger.seat == d->host->index && owner_may_run(d->host->guest.owner)) {
		journal_violation(
			&w->journal, "device %u is scrubbed while %c owns the VM", d->index, "ABC"[d->host->index]);
	}
	d->enabled = false;
	d->writes = 0;
	d->failed = false;
	d->at = 0;
	d->now = after;
	return ERR_OK;
}

static enum err reset_begin(void *ctx)
{
	return chore_begin(ctx);
}

static enum err reset_poll(void *ctx)
{
	return chore_poll(ctx, DEVICE_RUNNING, true);
}

static enum err scrub_poll(void *ctx)
{
	return chore_poll(ctx, DEVICE_STOP, false);
}

struct device gadget_device(struct gadget *d)
{
	static const struct device_ops ops = {
		.describe = describe,
		.state_begin = state_begin,
		.state_poll = state_poll,
		.transfer = transfer,
		.read = image_read,
		.write = image_write,
		.data_size = data_size,
		.precopy_info = precopy_info,
		.initial_loaded = initial_loaded,
		.last_error = last_error,
		.log = log_of,
		.reset_begin = reset_begin,
		.reset_poll = reset_poll,
		.scrub_begin = reset_begin,
		.scrub_poll = scrub_poll,
	};

	return (struct device){ &ops, d };
}

void gadget_init(struct gadget *d, struct sim_host *h, uint32_t index)
{
	const struct plan *p = &h->world->plan;

	*d = (struct gadget){ .host = h, .index = index, .now = DEVICE_RUNNING };
	fmt(d->desc.id, sizeof(d->desc.id), "0000:00:%02x.0", index + 1);
	(void)text_copy(d->desc.type, sizeof(d->desc.type), "gadget");
	d->desc.vendor_id = 0x1234;
	d->desc.device_id = (uint16_t)(0x11e8 + index);
	d->desc.state_version = 1;
	d->desc.mig_flags = p->device_flags[index];
	d->desc.stop_us = (uint32_t)p->arc_us * 2u;
	d->desc.load_us = (uint32_t)p->arc_us * 2u;
	d->image = malloc(MAX(p->device_image[index], IMAGE_HEAD));
	d->log = calloc(BITMAP_WORDS(p->page_count), sizeof(uint64_t));
	ASSERT(d->image != NULL && d->log != NULL);
}

void gadget_free(struct gadget *d)
{
	free(d->image);
	free(d->log);
	d->image = NULL;
	d->log = NULL;
}
