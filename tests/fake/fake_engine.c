/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_engine.h"

#include <stdio.h>
#include <string.h>

#include "core/base/fmt.h"

void fake_engine_init(struct engine *e)
{
	memset(e, 0, sizeof(*e));
	e->params.downtime_limit_ms = 300;
	e->params.multifd_channels = 2;
	e->params.max_bandwidth = 134217728;
	e->params.x_link_timeout_ms = 3000;
	e->caps.multifd = true;
	e->caps.events = true;
	e->run_state = VM_RUNNING;
	e->info.owner = OWNER_OWN;
	e->info.gen = 1;
	e->last = "";
}

void fake_engine_note(struct engine *e, enum engine_event event, uint64_t value)
{
	if (e->note_count < FAKE_NOTES_MAX) {
		e->notes[e->note_count++] = (struct engine_note){ .event = event, .value = value };
	}
}

void fake_engine_fill(struct engine *e, uint64_t number, uint32_t rounds)
{
	struct migration_info *info = &e->info;

	info->status = MIG_STATUS_COMPLETED;
	info->owner = OWNER_GONE;
	info->total_ms = info->setup_ms = info->expected_downtime_ms = info->downtime_us = number;
	info->downtime.stop = info->downtime.device = info->downtime.last_pages = info->downtime.vm_state = number;
	info->downtime.load = info->downtime.commit = info->downtime.run = number;
	info->ram.total_bytes = info->ram.transferred_bytes = info->ram.remaining_bytes = number;
	info->ram.normal_pages = info->ram.zero_pages = info->ram.duplicate_pages = number;
	info->ram.dirty_sync_count = info->ram.dirty_pages_rate = info->ram.bandwidth = number;
	info->ram.device_bytes = info->ram.vm_state_bytes = info->gen = number;
	info->round_count = rounds;
	for (uint32_t i = 0; i < MIGRATION_ROUNDS_KEPT; i++) {
		info->rounds[i] = (struct migration_round){ number, number, number, number, number };
	}
	memset(info->peer, 'p', sizeof(info->peer) - 1);
	memset(info->error_desc, '"', sizeof(info->error_desc) - 1);
	memset(info->next_action, '\\', sizeof(info->next_action) - 1);
	memset(info->forecast, 1, sizeof(info->forecast) - 1);
}

static enum err answer(struct engine *e, const char *what, char *reason)
{
	e->calls++;
	e->last = what;
	if (e->answer != ERR_OK && e->answer_reason != NULL) {
		(void)snprintf(reason, REASON_BYTES, "%s", e->answer_reason);
	}
	return e->answer;
}

const char *migration_status_name(enum migration_status status)
{
	static const char *const names[MIG_STATUS_COUNT] = {
		"none",
		"setup",
		"cancelling",
		"cancelled",
		"active",
		"device",
		"completed",
		"failed",
	};

	return names[status];
}

enum err engine_migrate(struct engine *e, const char *uri, char *reason)
{
	(void)snprintf(e->uri, sizeof(e->uri), "%s", uri);
	return answer(e, "migrate", reason);
}

enum err engine_incoming(struct engine *e, const char *uri, char *reason)
{
	(void)snprintf(e->uri, sizeof(e->uri), "%s", uri);
	return answer(e, "incoming", reason);
}

enum err engine_cancel(struct engine *e, char *reason)
{
	return answer(e, "cancel", reason);
}

enum err engine_vm_stop(struct engine *e, char *reason)
{
	e->run_state = VM_PAUSED;
	return answer(e, "stop", reason);
}

enum err engine_vm_cont(struct engine *e, char *reason)
{
	return answer(e, "cont", reason);
}

enum err engine_resolve(struct engine *e, const struct resolve *how, char *reason)
{
	e->resolve = *how;
	return answer(e, "resolve", reason);
}

void engine_params_get(const struct engine *e, struct migration_params *out)
{
	*out = e->params;
}

enum err engine_params_set(struct engine *e, const struct migration_params *params, char *reason)
{
	enum err err = answer(e, "params", reason);

	if (err == ERR_OK) {
		e->params = *params;
	}
	return err;
}

void engine_caps_get(const struct engine *e, struct migration_caps *out)
{
	*out = e->caps;
}

enum err engine_caps_set(struct engine *e, const struct migration_caps *caps, char *reason)
{
	enum err err = answer(e, "caps", reason);

	if (err == ERR_OK) {
		e->caps = *caps;
	}
	return err;
}

void engine_info(const struct engine *e, struct migration_info *out)
{
	*out = e->info;
}

bool engine_blocker(const struct engine *e, uint32_t n, char *reason)
{
	if (n >= e->blockers) {
		return false;
	}
	(void)fmt(reason, REASON_BYTES, "device %u cannot migrate", n);
	return true;
}

bool engine_device(const struct engine *e, uint32_t k, struct engine_device *out)
{
	static const struct device_desc desc = { .id = "0000:00:01.0", .type = "fake" };

	*out = (struct engine_device){
		.desc = &desc, .state = "PRE_COPY", .bytes = 70, .precopy_bytes = 60, .restarts = 1
	};
	return k < e->devices;
}

enum vm_run_state engine_run_state(const struct engine *e)
{
	return e->run_state;
}

uint32_t engine_cpus(const struct engine *e, struct vm_cpu_info *out, uint32_t max)
{
	(void)e;
	for (uint32_t i = 0; i < 2 && i < max; i++) {
		out[i] = (struct vm_cpu_info){ .index = i, .core = i + 1, .halted = i == 1 };
	}
	return 2;
}

void engine_vm_desc(const struct engine *e, struct vm_desc *out)
{
	(void)e;
	*out = (struct vm_desc){
		.name = "flight", .vcpu_count = 2, .timer_hz = 62500000, .ram_region_count = 1, .page_count = 16384
	};
}

bool engine_take_note(struct engine *e, struct engine_note *out)
{
	if (e->note_count == 0) {
		return false;
	}
	*out = e->notes[0];
	e->note_count--;
	memmove(e->notes, e->notes + 1, e->note_count * sizeof(e->notes[0]));
	return true;
}

void engine_quit(struct engine *e)
{
	e->calls++;
	e->last = "quit";
}

void engine_vm_event(struct engine *e, enum vm_run_state what)
{
	e->run_state = what;
}
