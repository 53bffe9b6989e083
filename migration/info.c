/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What query-migrate and its neighbours tell. */
#include <string.h>

#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/device_plan.h"
#include "migration/engine_ctx.h"

const char *migration_status_name(enum migration_status status)
{
	static const char *const names[MIG_STATUS_COUNT] = {
		[MIG_STATUS_NONE] = "none",
		[MIG_STATUS_SETUP] = "setup",
		[MIG_STATUS_CANCELLING] = "cancelling",
		[MIG_STATUS_CANCELLED] = "cancelled",
		[MIG_STATUS_ACTIVE] = "active",
		[MIG_STATUS_DEVICE] = "device",
		[MIG_STATUS_COMPLETED] = "completed",
		[MIG_STATUS_FAILED] = "failed",
	};

	return (unsigned int)status < MIG_STATUS_COUNT ? names[status] : "?";
}

static uint64_t between(uint64_t from, uint64_t to)
{
	return from != 0 && to > from ? to - from : 0;
}

static void source_times(const struct engine *e, struct migration_info *out)
{
	const struct source *src = &e->src;
	const struct blackout *at = &src->at;
	uint64_t end = src->ended_us != 0 ? src->ended_us : engine_now(e);

	out->total_ms = between(src->begun_us, end) / 1000u;
	out->setup_ms = between(src->begun_us, src->active_us) / 1000u;
	out->expected_downtime_ms = e->expected_downtime_us / 1000u;
	out->downtime_us = between(at->begun, at->running);
	out->downtime.stop = between(at->begun, at->parked);
	out->downtime.device = between(at->parked, at->devices);
	out->downtime.last_pages = between(at->devices, at->pages);
	out->downtime.vm_state = between(at->pages, at->totals);
	out->downtime.load = between(at->totals, at->ready);
	out->downtime.commit = between(at->ready, at->taken);
	out->downtime.run = between(at->taken, at->running);
}

static void source_ram(const struct engine *e, struct migration_info *out)
{
	const struct source *src = &e->src;
	struct ram_totals sum = ram_totals_sum(src->ram.totals, src->ram.channel_count);

	out->ram.remaining_bytes = src->phase == SRC_IDLE ? 0 : src->ram.left * PAGE_BYTES;
	out->ram.transferred_bytes = src->ram.bytes + out->ram.device_bytes + out->ram.vm_state_bytes;
	out->ram.normal_pages = sum.pages;
	out->ram.zero_pages = sum.zero_pages;
	out->ram.dirty_sync_count = src->dirty_syncs;
	out->ram.dirty_pages_rate = src->rounds.dirty_rate;
	out->ram.bandwidth = src->rounds.bandwidth;
	memcpy(out->rounds, src->rounds.kept, sizeof(out->rounds));
	out->round_count = src->rounds.done;
}

static void destination_info(const struct engine *e, struct migration_info *out)
{
	const struct destination *dst = &e->dst;
	struct ram_totals sum = ram_totals_sum(dst->ram.totals, dst->ram.channel_count);

	out->ram.normal_pages = sum.pages;
	out->ram.zero_pages = sum.zero_pages;
	out->ram.transferred_bytes = sum.pages * PAGE_BYTES + out->ram.device_bytes + out->ram.vm_state_bytes;
	out->total_ms = between(dst->begun_us, dst->running_us != 0 ? dst->running_us : engine_now(e)) / 1000u;
	out->downtime.load = dst->finalise_us;
	out->downtime.run = between(dst->commit_us, dst->running_us);
	if (dst->started) {
		out->downtime_us = dst->elapsed_ns / 1000u + out->downtime.run;
	}
}

static void next_action(const struct engine *e, char *out)
{
	out[0] = '\0';
	switch (e->owner) {
	case OWNER_GIVEN:
		if (e->src.peer_unknown) {
			fmt(out, REASON_BYTES,
				"%s restarted and knows nothing of this VM; the image is kept here: fence %s, then "
				"x-migrate-resolve take-back with all-fenced",
				e->peer, e->peer);
		} else if (!e->connected) {
			fmt(out, REASON_BYTES,
				"%s may run the VM: restore the link and it resolves itself (x-migrate-resolve recall "
				"is "
				"safe), or fence %s and take-back",
				e->peer, e->peer);
		}
		break;
	case OWNER_GONE:
		if (e->alive && !e->src.running_seen && e->src.peer_unknown) {
			fmt(out, REASON_BYTES,
				"%s took the VM and restarted; the image is kept here: fence %s, then take-back with "
				"all-fenced, or discard with force",
				e->peer, e->peer);
		} else if (e->alive && e->src.peer_unknown) {
			fmt(out, REASON_BYTES, "%s restarted after the VM ran there; nothing is left here: discard",
				e->peer);
		} else if (e->alive && !e->connected) {
			fmt(out, REASON_BYTES, "%s has the VM: restore the link, so that the attempt can be settled",
				e->peer);
		}
		break;
	case OWNER_READY:
		if (e->dst.only) {
			fmt(out, REASON_BYTES,
				"%s restarted and has no image: this is the only one: x-migrate-resolve take "
				"(all-fenced), or "
				"discard with force",
				e->peer);
		} else if (!e->connected) {
			fmt(out, REASON_BYTES,
				"restore the link to %s; only if it is off for good: x-migrate-resolve take "
				"(all-fenced) "
				"or discard",
				e->peer);
		}
		break;
	case OWNER_TAKEN:
		if (e->dst.phase == DST_STUCK) {
			fmt(out, REASON_BYTES, "%.90s: repair it and cont, or take-back on %s", e->power.reason,
				e->peer);
		} else if (e->dst.hold) {
			fmt(out, REASON_BYTES, "the VM is held at COMMIT: cont");
		} else if (!e->connected) {
			fmt(out, REASON_BYTES,
				"the VM is here; %s has not confirmed that it gave it up: restore the link; only if it "
				"never "
				"will: take with all-fenced",
				e->peer);
		}
		break;
	case OWNER_UNKNOWN:
		fmt(out, REASON_BYTES, "this host restarted while the VM was in doubt with %.40s, %s", e->peer,
			e->src.peer_ready ? "which has its only image: there x-migrate-resolve take, then ask here"
			: source_asks(e)  ? "which is being asked"
			: !e->alive	  ? "which had it: find its owner, then x-migrate-resolve discard here"
			: e->src.peer_unknown
				? "which knows nothing of it: find its owner, then discard here"
				: "which does not answer: x-migrate-resolve ask when it does, or discard");
		break;
	case OWNER_OWN:
		if (e->device_fault) {
			fmt(out, REASON_BYTES, "%.120s; it was reset: check the device, then cont", e->power.reason);
		}
		break;
	default:
		break;
	}
	if (out[0] == '\0' && e->scrub_fault) {
		fmt(out, REASON_BYTES, "something of VM %s may be left on this host, see error-desc: reset it",
			e->desc.name);
	}
}

void engine_info(const struct engine *e, struct migration_info *out)
{
	memset(out, 0, sizeof(*out));
	out->status = e->status;
	out->owner = e->owner;
	out->incoming = e->incoming && e->owner != OWNER_OWN;
	out->gen = e->gen;
	(void)text_copy(out->peer, sizeof(out->peer), e->peer);
	(void)text_copy(out->error_desc, sizeof(out->error_desc), e->error_desc);
	(void)text_copy(out->forecast, sizeof(out->forecast), e->forecast);
	next_action(e, out->next_action);
	out->ram.total_bytes = e->desc.page_count * PAGE_BYTES;
	for (uint32_t i = 0; i < e->devices.count; i++) {
		out->ram.device_bytes += e->devices.run[i].stream.image_bytes;
	}
	out->ram.vm_state_bytes = e->records.bytes;
	if (e->role == ROLE_DESTINATION || (e->role == ROLE_NONE && e->dst.running_us > e->src.begun_us)) {
		destination_info(e, out);
	} else if (e->src.begun_us != 0) {
		source_times(e, out);
		source_ram(e, out);
	}
}

bool engine_blocker(const struct engine *e, uint32_t n, char *reason)
{
	return device_set_blocker(&e->devices, n, reason);
}

bool engine_device(const struct engine *e, uint32_t k, struct engine_device *out)
{
	const struct device_run *run = &e->devices.run[k];

	if (k >= e->devices.count) {
		return false;
	}
	out->desc = &run->desc;
	out->state = device_state_name(run->now);
	out->bytes = run->stream.image_bytes;
	out->precopy_bytes = run->stream.precopy_bytes;
	out->restarts = run->stream.restarts;
	return true;
}

enum vm_run_state engine_run_state(const struct engine *e)
{
	if (e->guest_state == VM_SHUTDOWN || e->guest_state == VM_INTERNAL_ERROR) {
		return e->guest_state;
	}
	if (e->device_fault) {
		return VM_INTERNAL_ERROR;
	}
	return e->power.running ? VM_RUNNING : VM_PAUSED;
}

uint32_t engine_cpus(const struct engine *e, struct vm_cpu_info *out, uint32_t max)
{
	return e->vm.ops->cpu_info(e->vm.ctx, out, max);
}

void engine_vm_desc(const struct engine *e, struct vm_desc *out)
{
	*out = e->desc;
}
