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
		set->count = i + 1;
		if (run->desc.enable == DEVICE_ENABLE_ON && device_set_blocker(set, 0, reason)) {
			return ERR_UNSUPPORTED;
		}
	}
	return ERR_OK;
}

static bool peers_need_p2p(const struct device_run *a, const struct device_run *b)
{
	return a->desc.peer_group != 0 && a->desc.peer_group == b->desc.peer_group &&
	       (a->desc.mig_flags & b->desc.mig_flags & DEVICE_MIG_P2P) == 0;
}

bool device_set_blocker(const struct device_set *set, uint32_t n, char *reason)
{
	for (uint32_t i = 0; i < set->count; i++) {
		const struct device_run *a = &set->run[i];
		bool off = a->desc.enable == DEVICE_ENABLE_OFF;

		if ((off || !device_flags_valid(a->desc.mig_flags)) && n-- == 0) {
			fmt(reason, REASON_BYTES, "device %s (%s) cannot migrate: flags 0x%x%s", a->desc.id,
				a->desc.type, a->desc.mig_flags, off ? ", enable-migration is off" : "");
			return true;
		}
		for (uint32_t k = 0; k < i; k++) {
			if (peers_need_p2p(a, &set->run[k]) && n-- == 0) {
				fmt(reason, REASON_BYTES, "devices %s and %s reach each other and do not both have P2P",
					set->run[k].desc.id, a->desc.id);
				return true;
			}
		}
	}
	return false;
}

void device_set_goto(struct device_set *set, enum device_state target)
{
	set->prepared = false;
	set->leave_failed = false;
	for (uint32_t i = 0; i < set->count; i++) {
		struct device_run *run = &set->run[i];
		bool keep = target == DEVICE_STOP && (run->now == DEVICE_PRE_COPY || run->now == DEVICE_PRE_COPY_P2P);

		run->target = keep ? DEVICE_STOP_COPY : target;
		run->err = ERR_OK;
	}
}

static __attribute__((noinline)) enum err chore_begin(struct device_run *run, enum device_chore chore)
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
		(void)ops->state_poll(
			run->dev.ctx, &now); /* a failed reset or scrub: only the device knows where it is */
	}
	if (err == ERR_OK && run->chore == DEVICE_CHORE_ARC) {
		run->arc_us[run->now][run->arc_to] = (uint32_t)MIN(MAX(now_us - run->arc_begun_us, 1u), UINT32_MAX);
	}
	run->now = now;
	run->err = err;
	run->transfer = ops->transfer(run->dev.ctx);
	run->chore = DEVICE_CHORE_NONE;
}

/** Nothing is under way here, yet the transfer is another one: the device was reset. Only it knows where it is now. */
static void poll_lost(struct device_run *run)
{
	const struct device_ops *ops = run->dev.ops;
	uint64_t transfer = ops->transfer(run->dev.ctx);

	if (transfer == run->transfer) {
		return;
	}
	run->err = ops->state_poll(run->dev.ctx, &run->now);
	run->transfer = transfer;
	run->lost++;
	if (run->lost > DEVICE_LOST_MAX && run->err == ERR_OK) {
		run->err = ERR_LOST;
	}
}

static void begin_next_arc(struct device_run *run, enum device_state to, uint64_t now_us)
{
	enum device_state next = device_plan_next(run->desc.mig_flags, run->now, to);

	/* What is refused as a whole is not begun either. */
	if (next == DEVICE_ERROR || device_plan_next(run->desc.mig_flags, run->now, run->target) == DEVICE_ERROR) {
		run->err = ERR_NO_ARC;
		return;
	}
	run->err = run->dev.ops->state_begin(run->dev.ctx, next);
	if (run->err == ERR_OK) {
		run->chore = DEVICE_CHORE_ARC;
		run->arc_to = next;
		run->arc_begun_us = now_us;
	}
}

/** True while the device is under way. */
static bool device_poll(struct device_run *run, bool prepared, uint64_t now_us)
{
	enum device_state to;

	if (run->chore != DEVICE_CHORE_NONE) {
		poll_chore(run, now_us);
	} else if (run->err == ERR_OK) {
		poll_lost(run);
	}
	to = prepared ? run->target : device_plan_prepare(run->desc.mig_flags, run->now, run->target);
	if (run->chore == DEVICE_CHORE_NONE && run->err == ERR_OK && run->now != to) {
		begin_next_arc(run, to, now_us);
	}
	return run->chore != DEVICE_CHORE_NONE;
}

enum err device_set_poll(struct device_set *set, uint64_t now_us, uint32_t *failed)
{
	bool under_way = false, there = true;
	enum err err = ERR_OK;

	for (uint32_t i = 0; i < set->count; i++) {
		struct device_run *run = &set->run[i];

		under_way |= device_poll(run, set->prepared, now_us);
		there &= run->now == run->target || run->err != ERR_OK;
		if (run->err != ERR_OK && err == ERR_OK) {
			err = run->err;
			*failed = i;
		}
	}
	if (under_way) {
		return ERR_AGAIN;
	}
	if (!set->prepared && (err == ERR_OK || set->leave_failed)) {
		set->prepared = true;
		return there ? err : ERR_AGAIN;
	}
	return err;
}

uint64_t device_way_us(const struct device_run *run, enum device_way way)
{
	enum device_state from = way == DEVICE_WAY_STOP ? run->now : DEVICE_RESUMING;
	enum device_state to = way == DEVICE_WAY_STOP ? DEVICE_STOP_COPY : DEVICE_RUNNING;
	uint64_t us = 0;

	if (way == DEVICE_WAY_LOAD_THERE && run->peer_load_us != 0) {
		return run->peer_load_us;
	}
	while (from != to) { /* a plan has fewer hops than there are states */
		enum device_state next = device_plan_next(run->desc.mig_flags, from, to);

		if (next == DEVICE_ERROR || run->arc_us[from][next] == 0) {
			return way == DEVICE_WAY_STOP ? run->desc.stop_us : run->desc.load_us;
		}
		us += run->arc_us[from][next];
		from = next;
	}
	return us;
}

void device_failure(const struct device_run *run, const char *what, char *reason)
{
	fmt(reason, REASON_BYTES, "device %s (%s) %s: %s", run->desc.id, run->desc.type, what,
		run->dev.ops->last_error(run->dev.ctx));
}
