/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The blackout at the source, HELD: vCPUs park, devices stop while pages go on, the last harvest, VM records, device images,
 * totals. Every step is begun and polled.
 */
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "migration/device_stream.h"
#include "migration/digest.h"
#include "migration/engine_ctx.h"
#include "migration/totals.h"

void final_begin(struct engine *e)
{
	struct source *src = &e->src;
	uint64_t now = engine_now(e);
	uint64_t ms = e->params.x_handover_timeout_ms != 0 ? e->params.x_handover_timeout_ms
							   : 4u * e->params.downtime_limit_ms;

	src->at = (struct blackout){ .begun = now };
	src->deadline_us = now + ms * 1000u;
	src->was_running = e->power.run_wanted;
	src->pre_harvested = false;
	src->bucket.rate = 0; /* no limit in the blackout */
	harvest_begin(e);
	e->link.ops->blackout(e->link.ctx, true);
	engine_set_status(e, MIG_STATUS_DEVICE);
	power_stop(&e->power, &e->vm);
	src->phase = SRC_STOP;
}

/** Devices take their time to stop: meanwhile send what the vCPUs wrote last. */
static bool pages_while_stopping(struct engine *e)
{
	enum err err;

	if (!e->src.pre_harvested) {
		err = harvest_slice(e);
		e->src.pre_harvested = err == ERR_OK;
		return true;
	}
	return e->src.ram.left != 0 && pages_slice(e) == ERR_OK;
}

static bool stop_step(struct engine *e)
{
	if (e->power.phase == POWER_STOPPING) {
		return pages_while_stopping(e);
	}
	if (e->power.phase != POWER_STEADY) {
		return false;
	}
	if (e->power.err != ERR_OK) {
		engine_fail(e, HANDOVER_EV_FAIL, "%s", e->power.reason);
		return true;
	}
	e->src.at.parked = e->power.parked_us;
	e->src.at.devices = engine_now(e);
	device_set_goto(&e->devices, DEVICE_STOP_COPY);
	harvest_begin(e);
	e->src.phase = SRC_LAST_HARVEST;
	return true;
}

/** Nothing writes any more: device logs are final too. */
static bool last_harvest_step(struct engine *e)
{
	if (harvest_slice(e) == ERR_OK) {
		e->src.phase = SRC_LAST_SEND;
	}
	return true;
}

static void records_begin(struct engine *e)
{
	enum err err = e->vm.ops->records_prepare(e->vm.ctx);

	if (err != ERR_OK) {
		engine_fail(e, HANDOVER_EV_FAIL, "the VM's interrupts could not be drained: %s", err_name(err));
		return;
	}
	records_start(&e->records, e->hash);
	e->src.phase = SRC_RECORDS;
}

static bool last_send_step(struct engine *e)
{
	if (e->src.ram.left != 0) {
		return pages_slice(e) == ERR_OK;
	}
	e->src.at.pages = engine_now(e);
	if (e->caps.x_verify_ram) {
		e->hash->start(&e->src.ram_hash);
		e->src.hash_page = 0;
		e->src.phase = SRC_VERIFY;
		return true;
	}
	records_begin(e);
	return true;
}

static bool verify_step(struct engine *e)
{
	if (engine_hash_ram(e, &e->src.ram_hash, &e->src.hash_page)) {
		e->hash->finish(&e->src.ram_hash, e->src.ram_hash_value);
		records_begin(e);
	}
	return true;
}

static bool records_step(struct engine *e)
{
	uint32_t index = e->records.count;
	enum err err = records_send(&e->records, e->hash, &e->vm, &e->link, e->scratch);

	switch (err) {
	case ERR_OK:
		return true;
	case ERR_END:
		e->src.phase = SRC_IMAGES;
		return true;
	case ERR_FULL:
	case ERR_LOST: /* the link's event tells */
	case ERR_AGAIN:
		return false;
	default:
		engine_fail(e, HANDOVER_EV_FAIL, "VM record %u could not be saved: %s", index, err_name(err));
		return true;
	}
}

static bool images_step(struct engine *e)
{
	if (!device_stream_all_sent(e)) {
		return false;
	}
	e->src.next_totals = 0;
	e->src.phase = SRC_TOTALS;
	return true;
}

static void digest_own(struct engine *e)
{
	struct digest_input in = {
		.attempt = &e->attempt,
		.hello_hash = e->hello_hash,
		.records = &e->records.hash,
		.devices = &e->devices,
		.ram = ram_totals_sum(e->src.ram.totals, e->src.ram.channel_count),
		.ram_hash = e->caps.x_verify_ram ? e->src.ram_hash_value : NULL,
	};

	digest_compute(e->hash, &e->link, &in, e->src.digest);
}

/** Totals number n: every channel's RAM, then the records, then every device. */
static bool totals_step(struct engine *e)
{
	uint32_t channels = e->src.ram.channel_count;
	uint32_t n = e->src.next_totals;
	struct totals t;
	uint8_t channel = 0;
	enum err err;

	if (n == channels + 1u + e->devices.count) {
		digest_own(e);
		e->src.at.totals = engine_now(e);
		e->src.phase = SRC_READY;
		return true;
	}
	if (n < channels) {
		channel = (uint8_t)n;
		t = totals_of_ram(channel, &e->src.ram.totals[n]);
	} else if (n == channels) {
		t = totals_of_records(&e->records, e->hash);
	} else {
		channel = (uint8_t)((n - channels - 1u) % channels);
		t = totals_of_device(n - channels - 1u, &e->devices.run[n - channels - 1u], e->hash);
	}
	err = totals_send(&t, &e->link, channel);
	if (err != ERR_OK) {
		return false; /* no room yet, or lost: the link's event tells */
	}
	e->src.next_totals++;
	return true;
}

static bool phase_step(struct engine *e)
{
	switch (e->src.phase) {
	case SRC_STOP:
		return stop_step(e);
	case SRC_LAST_HARVEST:
		return last_harvest_step(e);
	case SRC_LAST_SEND:
		return last_send_step(e);
	case SRC_VERIFY:
		return verify_step(e);
	case SRC_RECORDS:
		return records_step(e);
	case SRC_IMAGES:
		return images_step(e);
	case SRC_TOTALS:
		return totals_step(e);
	default:
		return false;
	}
}

bool final_step(struct engine *e)
{
	uint32_t failed = 0;
	bool moved = false;
	enum err err;

	if (e->src.phase > SRC_STOP && e->src.phase < SRC_TOTALS) {
		err = device_set_poll(&e->devices, engine_now(e), &failed);
		if (err != ERR_OK && err != ERR_AGAIN) {
			engine_fail_device(e, failed, "did not reach STOP_COPY");
			return true;
		}
	}
	/* Device state goes beside the last pages and the VM's records. */
	if (e->src.phase > SRC_STOP && e->src.phase < SRC_TOTALS) {
		moved = device_stream_send(e);
	}
	return phase_step(e) || moved;
}
