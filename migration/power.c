/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/power.h"

#include "core/base/fmt.h"
#include "migration/device_plan.h"

void power_stop(struct power *p, const struct vm *vm)
{
	p->run_wanted = false;
	if (p->phase == POWER_PARKING) {
		return;
	}
	p->running = false;
	p->err = vm->ops->stop_begin(vm->ctx);
	p->phase = POWER_PARKING;
	p->failed = DEVICE_COUNT_MAX;
	p->reason[0] = '\0';
}

void power_start(struct power *p, struct device_set *devices, bool reset_failed)
{
	p->run_wanted = true;
	p->reset_failed = reset_failed;
	p->failed = DEVICE_COUNT_MAX;
	p->reason[0] = '\0';
	p->err = ERR_OK;
	if (p->phase != POWER_PARKING) { /* else when the vCPUs stand */
		device_set_goto(devices, DEVICE_RUNNING);
		p->phase = POWER_STARTING;
	}
}

static enum err steady(struct power *p, const struct host *host, enum err err)
{
	p->phase = POWER_STEADY;
	p->err = err;
	p->steady_us = host->ops->time_us(host->ctx);
	return err;
}

static enum err poll_parking(struct power *p, const struct vm *vm, struct device_set *devices, const struct host *host)
{
	enum err err = p->err != ERR_OK ? p->err : vm->ops->stop_poll(vm->ctx);

	if (err == ERR_AGAIN) {
		return err;
	}
	p->parked_us = host->ops->time_us(host->ctx);
	p->parked_ns = host->ops->time_ns(host->ctx);
	if (p->run_wanted) {
		device_set_goto(devices, DEVICE_RUNNING);
		p->err = ERR_OK;
		p->phase = POWER_STARTING;
		return ERR_AGAIN;
	}
	if (err != ERR_OK) {
		fmt(p->reason, sizeof(p->reason), "a vCPU did not stop: %s", err_name(err));
		return steady(p, host, err);
	}
	device_set_goto(devices, DEVICE_STOP);
	p->phase = POWER_STOPPING;
	return ERR_AGAIN;
}

static void fall_back(struct power *p, struct device_set *devices, enum err err)
{
	p->err = err;
	p->run_wanted = false;
	p->phase = POWER_FALLBACK;
	devices->prepared = false;
	devices->leave_failed = true;
	for (uint32_t i = 0; i < devices->count; i++) {
		struct device_run *run = &devices->run[i];

		if (run->err == ERR_OK) {
			run->target = DEVICE_STOP;
		}
	}
}

static void run_vm(struct power *p, const struct vm *vm, struct device_set *devices, const struct host *host)
{
	enum err err;

	if (p->time_owed) {
		vm->ops->time_add(vm->ctx, p->elapsed_ns + (host->ops->time_ns(host->ctx) - p->owed_since_ns));
		p->time_owed = false;
	}
	err = vm->ops->run(vm->ctx);
	if (err != ERR_OK) {
		fmt(p->reason, sizeof(p->reason), "the vCPUs did not start: %s", err_name(err));
		fall_back(p, devices, err);
		return;
	}
	p->running = true;
	(void)steady(p, host, ERR_OK);
}

/** A start failed, and the other devices stand again. */
static enum err fallen_back(struct power *p, struct device_set *devices, const struct host *host)
{
	if (!p->reset_failed || p->failed >= devices->count) {
		return steady(p, host, p->err);
	}
	for (uint32_t i = 0; i < devices->count; i++) {
		if (devices->run[i].err != ERR_OK) {
			device_chore_begin(&devices->run[i], DEVICE_CHORE_RESET);
		}
	}
	p->phase = POWER_RESETTING;
	return ERR_AGAIN;
}

enum err power_poll(struct power *p, const struct vm *vm, struct device_set *devices, const struct host *host)
{
	uint32_t failed = 0;
	enum err err;

	if (p->phase == POWER_PARKING) {
		return poll_parking(p, vm, devices, host);
	}
	if (p->phase == POWER_STEADY) {
		return p->err;
	}
	err = device_set_poll(devices, host->ops->time_us(host->ctx), &failed);
	if (err == ERR_AGAIN) {
		return err;
	}
	if (p->phase == POWER_FALLBACK) {
		return fallen_back(p, devices, host);
	}
	if (p->phase == POWER_RESETTING) {
		return steady(p, host, p->err);
	}
	if (err != ERR_OK) {
		p->failed = failed;
		device_failure(&devices->run[failed], p->phase == POWER_STOPPING ? "did not stop" : "did not start",
			p->reason);
	}
	if (p->phase == POWER_STOPPING) {
		return steady(p, host, err);
	}
	if (err != ERR_OK) {
		fall_back(p, devices, err);
	} else {
		run_vm(p, vm, devices, host);
	}
	return p->phase == POWER_STEADY ? ERR_OK : ERR_AGAIN;
}
