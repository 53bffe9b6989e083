/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Pre-copy at the source: start of tracking, harvests, pages, and the decision that ends the rounds. */
#include "core/base/bits.h"
#include "core/base/bitmap.h"
#include "core/base/fmt.h"
#include "migration/device_stream.h"
#include "migration/engine_ctx.h"

#define VCPU_STOP_US	   2000u /* until measured */
#define RECORD_GUESS_BYTES 4096u /* until saved once */

/** Devices that walk one table may share its tracker. */
static void add_tracker(struct source *src, struct dirty tracker)
{
	for (uint32_t i = 0; i < src->tracker_count; i++) {
		if (src->trackers[i].ctx == tracker.ctx && src->trackers[i].ops == tracker.ops) {
			return;
		}
	}
	if (tracker.ops != NULL) {
		src->trackers[src->tracker_count] = tracker;
		src->tracker_count++;
	}
}

/** Trackers first, then everything is dirty: no write is lost between. */
void precopy_begin(struct engine *e)
{
	struct source *src = &e->src;
	uint64_t now = engine_now(e);

	src->tracker_count = 0;
	for (uint32_t i = 0; i <= e->devices.count; i++) { /* the VM's first */
		const struct device *dev = &e->devices.run[i - (i != 0)].dev;

		add_tracker(src, i == 0 ? e->vm.ops->dirty(e->vm.ctx) : dev->ops->log(dev->ctx));
	}
	src->tracking = true;
	for (uint32_t i = 0; i < src->tracker_count; i++) {
		enum err err = src->trackers[i].ops->start(src->trackers[i].ctx);

		if (err != ERR_OK) {
			engine_fail(e, HANDOVER_EV_FAIL, "dirty tracker %s did not start: %s",
				src->trackers[i].ops->name, err_name(err));
			return;
		}
	}
	ram_tx_start(&src->ram, e->tx_map, e->desc.page_count, e->link.ops->channel_count(e->link.ctx));
	device_stream_begin(e);
	rounds_start(&src->rounds, now);
	bucket_start(&src->bucket, e->params.max_bandwidth, now);
	src->round_payload = 0;
	src->round_totals = (struct ram_totals){ 0 };
	src->phase = SRC_SEND;
}

/** All trackers off, also those that never started: stop is idempotent. */
void precopy_end(struct engine *e)
{
	if (!e->src.tracking) {
		return;
	}
	for (uint32_t i = 0; i < e->src.tracker_count; i++) {
		e->src.trackers[i].ops->stop(e->src.trackers[i].ctx);
	}
	e->src.tracking = false;
}

void harvest_begin(struct engine *e)
{
	e->src.harvest_index = 0;
	e->src.cursor = (struct dirty_cursor){ 0 };
}

enum err harvest_slice(struct engine *e)
{
	struct source *src = &e->src;
	const struct dirty *tracker = &src->trackers[src->harvest_index];
	enum err err;

	if (src->harvest_index >= src->tracker_count) {
		return ERR_OK;
	}
	err = tracker->ops->harvest(tracker->ctx, &src->cursor, src->ram.map);
	if (err == ERR_AGAIN) {
		return err;
	}
	if (err == ERR_LOST) {
		engine_log(e, LOG_WARN, "dirty tracker %s lost its log: all pages are sent again", tracker->ops->name);
		bitmap_set_range(src->ram.map, 0, src->ram.page_count);
	} else if (err != ERR_OK) {
		engine_fail(e, HANDOVER_EV_FAIL, "dirty tracker %s failed: %s", tracker->ops->name, err_name(err));
		return err;
	}
	src->harvest_index++;
	src->cursor = (struct dirty_cursor){ 0 };
	if (src->harvest_index < src->tracker_count) {
		return ERR_AGAIN;
	}
	ram_tx_recount(&src->ram);
	src->dirty_syncs++;
	return ERR_OK;
}

enum err pages_slice(struct engine *e)
{
	struct ram_tx *ram = &e->src.ram;
	enum err worst = ERR_END;

	for (uint32_t i = 0; i < ram->channel_count; i++) {
		uint8_t channel = e->src.next_channel;
		size_t sent;
		enum err err = ram_tx_frame(ram, &e->vm, &e->link, channel, &sent);

		e->src.next_channel = (uint8_t)((channel + 1u) % ram->channel_count);
		if (err == ERR_OK) {
			bucket_take(&e->src.bucket, sent);
			return ERR_OK;
		}
		if (err == ERR_AGAIN) {
			return ERR_OK; /* looked at many chunks: that was work */
		}
		if (err == ERR_POISONED || err == ERR_RANGE || err == ERR_IO) {
			engine_fail(e, HANDOVER_EV_FAIL, "page %llu cannot be read: %s",
				(unsigned long long)ram->bad_page, err_name(err));
			return err;
		}
		if (err != ERR_END) {
			worst = ERR_FULL; /* ERR_LOST too: the link's event tells */
		}
	}
	return worst;
}

static void cost(struct engine *e, struct fixed_cost *out)
{
	struct link_stats stats = { 0 };

	e->link.ops->stats(e->link.ctx, &stats);
	*out = (struct fixed_cost){
		.vcpu_stop_us = e->src.at.parked > e->src.at.begun ? e->src.at.parked - e->src.at.begun : VCPU_STOP_US,
		.rtt_us = stats.rtt_us,
		.state_bytes = e->records.bytes != 0
				       ? e->records.bytes
				       : (uint64_t)e->vm.ops->record_count(e->vm.ctx) * RECORD_GUESS_BYTES,
	};
	for (uint32_t i = 0; i < e->devices.count; i++) {
		const struct device_run *run = &e->devices.run[i];
		uint64_t bytes = 0;

		/* Devices stop, and load, at the same time. */
		out->device_stop_us = MAX(out->device_stop_us, device_way_us(run, DEVICE_WAY_STOP));
		out->device_load_us = MAX(out->device_load_us, device_way_us(run, DEVICE_WAY_LOAD_THERE));
		if (run->dev.ops->data_size(run->dev.ctx, &bytes) == ERR_OK) {
			out->state_bytes += bytes;
		}
	}
}

static void round_over(struct engine *e)
{
	struct source *src = &e->src;
	struct ram_totals sum = ram_totals_sum(src->ram.totals, src->ram.channel_count);
	struct migration_round round = {
		.pages = sum.pages - src->round_totals.pages,
		.zero_pages = sum.zero_pages - src->round_totals.zero_pages,
		.bytes = src->ram.bytes - src->round_payload,
		.dirty_after = src->ram.left,
	};

	rounds_end(&src->rounds, &round, MAX(src->sent_us, src->rounds.begun_us), engine_now(e));
	src->sent_us = 0;
	src->round_totals = sum;
	src->round_payload = src->ram.bytes;
	engine_note(e, ENGINE_EV_PASS, src->rounds.done);
}

static void decide(struct engine *e)
{
	struct source *src = &e->src;
	struct fixed_cost fixed;
	struct forecast f;

	cost(e, &fixed);
	f = rounds_forecast(&src->rounds, &e->params, src->ram.left, &fixed, e->forecast);
	e->expected_downtime_us = f.downtime_us;
	if (f.converged && device_stream_may_stop(e) && src->rounds.done >= e->params.x_round_min) {
		src->deadline_us = engine_now(e) + ENGINE_PREPARE_US;
		(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_CONVERGED);
		return;
	}
	if (e->params.x_round_max != 0 && src->rounds.done >= e->params.x_round_max) {
		engine_fail(e, HANDOVER_EV_FAIL, "no convergence in %u rounds: %s", src->rounds.done, e->forecast);
	}
}

bool precopy_harvest_step(struct engine *e)
{
	enum err err = harvest_slice(e);

	if (err == ERR_OK) {
		round_over(e);
		e->src.phase = SRC_SEND;
		decide(e);
	}
	return true;
}

/** A round ends when its pages are out; while PREPARING, what comes after is left to the blackout. */
static bool round_may_end(const struct engine *e)
{
	return e->owner == OWNER_OWN && engine_now(e) - e->src.rounds.begun_us >= ENGINE_ROUND_PAUSE_US;
}

/** Devices that have PRE_COPY enter it while the VM runs, and again whenever they fell out of it. True when something moved. */
static bool devices_step(struct engine *e)
{
	uint32_t failed = 0;
	enum err err;

	if (e->power.phase != POWER_STEADY) {
		return false; /* whoever stops or starts the VM has the devices */
	}
	for (uint32_t k = 0; k < e->devices.count && e->power.running; k++) {
		struct device_run *run = &e->devices.run[k];

		run->target = (run->desc.mig_flags & DEVICE_MIG_PRE_COPY) != 0 ? DEVICE_PRE_COPY : DEVICE_RUNNING;
	}
	err = device_set_poll(&e->devices, engine_now(e), &failed);
	if (err != ERR_OK && err != ERR_AGAIN) {
		engine_fail_device(e, failed, "did not enter PRE_COPY");
		return true;
	}
	if (err == ERR_OK && e->status == MIG_STATUS_SETUP) { /* as QEMU: setup ends in PRE_COPY */
		e->src.active_us = engine_now(e);
		engine_set_status(e, MIG_STATUS_ACTIVE);
	}
	return bucket_open(&e->src.bucket, engine_now(e)) && device_stream_send(e);
}

static bool pages_step(struct engine *e)
{
	enum err err;

	if (e->src.ram.left == 0) {
		e->src.sent_us = e->src.sent_us == 0 ? engine_now(e) : e->src.sent_us;
		if (!round_may_end(e)) {
			return false;
		}
		harvest_begin(e);
		e->src.phase = SRC_HARVEST;
		return true;
	}
	if (!bucket_open(&e->src.bucket, engine_now(e))) {
		return false;
	}
	err = pages_slice(e);
	return err == ERR_OK;
}

bool precopy_send_step(struct engine *e)
{
	bool moved = devices_step(e);

	return (e->src.phase == SRC_SEND && pages_step(e)) || moved;
}
