/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/device_run.h"

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "migration/device_plan.h"

enum err device_set_init(struct device_set *set, const struct device *devices, uint32_t count, char *reason)
{
	*set = (struct device_set){ 0 };
	if (count > DEVICE_COUNT_MAX) {
		fmt(reason, REASON_BYTES, "%u devices, at most %u", count, DEVICE_COUNT_MAX);
		return ERR_RANGE;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct device_run *run = &set->run[i];

		run->dev = devices[i];
		run->dev.ops->describe(run->dev.ctx, &run->desc);
		run->desc.id[sizeof(run->desc.id) - 1] = '\0';
		run->desc.type[sizeof(run->desc.type) - 1] = '\0';
		if (run->dev.ops->state_poll(run->dev.ctx, &run->now) != ERR_OK) {
			run->err = ERR_IO;
		}
		run->target = run->now;
		if (!device_flags_valid(run->desc.mig_flags)) {
			fmt(reason, REASON_BYTES, "device %s (%s) cannot migrate: flags 0x%x", run->desc.id,
				run->desc.type, run->desc.mig_flags);
			return ERR_UNSUPPORTED;
		}
	}
	set->count = count;
	return ERR_OK;
}

void device_set_goto(struct device_set *set, enum device_state target)
{
	for (uint32_t i = 0; i < set->count; i++) {
		set->run[i].target = target;
		set->run[i].err = ERR_OK;
		set->run[i].begun_us = 0;
	}
}

static enum err chore_begin(struct device_run *run, enum device_chore chore)
{
	return chore == DEVICE_CHORE_RESET ? run->dev.ops->reset_begin(run->dev.ctx)
					   : run->dev.ops->scrub_begin(run->dev.ctx);
}

void device_chore_begin(struct device_run *run, enum device_chore chore)
{
	run->err = chore_begin(run, chore);
	run->chore = run->err == ERR_OK ? chore : DEVICE_CHORE_NONE;
	run->target = chore == DEVICE_CHORE_RESET ? DEVICE_RUNNING : DEVICE_STOP;
}

void device_set_chore(struct device_set *set, enum device_chore chore)
{
	for (uint32_t i = 0; i < set->count; i++) {
		device_chore_begin(&set->run[i], chore);
	}
}

/** The arc that was begun is over: note how long the long ones took. */
static void arc_measured(struct device_run *run, uint64_t now_us)
{
	if (run->begun_us == 0) {
		return; /* another state was asked for while it was under way */
	}
	if (run->target == DEVICE_STOP && (run->now == DEVICE_STOP)) {
		run->stop_us = now_us - run->begun_us;
	}
	if (run->target == DEVICE_RUNNING && run->now == DEVICE_RUNNING) {
		run->load_us = now_us - run->begun_us;
	}
}

static void poll_chore(struct device_run *run, uint64_t now_us)
{
	const struct device_ops *ops = run->dev.ops;
	enum device_state now = run->now;
	enum err err;

	switch (run->chore) {
	case DEVICE_CHORE_ARC:
		err = ops->state_poll(run->dev.ctx, &now);
		break;
	case DEVICE_CHORE_RESET:
		err = ops->reset_poll(run->dev.ctx);
		now = err == ERR_OK ? DEVICE_RUNNING : now;
		break;
	case DEVICE_CHORE_SCRUB:
		err = ops->scrub_poll(run->dev.ctx);
		now = err == ERR_OK ? DEVICE_STOP : now;
		break;
	default:
		return;
	}
	if (err == ERR_AGAIN) {
		return;
	}
	if (err != ERR_OK && run->chore != DEVICE_CHORE_ARC) {
		(void)ops->state_poll(run->dev.ctx, &now); /* a failed reset or scrub: only the device knows where it is */
	}
	run->now = now;
	run->err = err;
	if (err == ERR_OK && run->chore == DEVICE_CHORE_ARC) {
		arc_measured(run, now_us);
	}
	run->chore = DEVICE_CHORE_NONE;
}

static void begin_next_arc(struct device_run *run, uint64_t now_us)
{
	enum device_state next = device_plan_next(run->desc.mig_flags, run->now, run->target);

	if (next == DEVICE_ERROR) {
		run->err = ERR_NO_ARC;
		return;
	}
	run->err = run->dev.ops->state_begin(run->dev.ctx, next);
	if (run->err == ERR_OK) {
		run->chore = DEVICE_CHORE_ARC;
		run->begun_us = run->begun_us == 0 ? now_us : run->begun_us;
	}
}

/** True while the device is neither where it should be nor stuck. */
static bool device_poll(struct device_run *run, uint64_t now_us)
{
	poll_chore(run, now_us);
	if (run->chore == DEVICE_CHORE_NONE && run->err == ERR_OK && run->now != run->target) {
		begin_next_arc(run, now_us);
	}
	return run->chore != DEVICE_CHORE_NONE || (run->err == ERR_OK && run->now != run->target);
}

enum err device_set_poll(struct device_set *set, uint64_t now_us, uint32_t *failed)
{
	bool under_way = false;
	enum err err = ERR_OK;

	for (uint32_t i = 0; i < set->count; i++) {
		under_way |= device_poll(&set->run[i], now_us);
		if (set->run[i].err != ERR_OK && err == ERR_OK) {
			err = set->run[i].err;
			*failed = i;
		}
	}
	return under_way ? ERR_AGAIN : err;
}

void device_image_start(struct device_run *run, const struct hash_ops *hash)
{
	run->image_bytes = 0;
	run->image_done = false;
	hash->start(&run->hash);
}

void device_image_add(struct device_run *run, const struct hash_ops *hash, const uint8_t *bytes, size_t len_bytes)
{
	run->image_bytes += len_bytes;
	hash->add(&run->hash, bytes, len_bytes);
}

uint64_t device_set_stop_us(const struct device_set *set)
{
	uint64_t us = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		us = MAX(us, set->run[i].stop_us != 0 ? set->run[i].stop_us : set->run[i].desc.stop_us);
	}
	return us;
}

uint64_t device_set_load_us(const struct device_set *set)
{
	uint64_t us = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		us = MAX(us, set->run[i].load_us != 0 ? set->run[i].load_us : (uint64_t)set->run[i].desc.load_us);
	}
	return us;
}
