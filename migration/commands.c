/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What operators ask for: migrate, migrate-incoming, cancel, stop, cont, x-migrate-resolve, quit. */
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/engine_ctx.h"
#include "migration/uri.h"

static enum err refuse(char *reason, enum err err, const char *text)
{
	fmt(reason, REASON_BYTES, "%s", text);
	return err;
}

/** Own hello from the VM and devices as they are now. */
static enum err hello_prepare(struct engine *e, char *reason)
{
	enum err err = ERR_OK;

	geometry_make(&e->geometry, &e->desc);
	for (uint32_t i = 0; err == ERR_OK && i < e->devices.count; i++) {
		err = geometry_add_device(&e->geometry, &e->devices.run[i].desc);
		e->geometry.devices[i].load_us =
			(uint32_t)MIN(device_way_us(&e->devices.run[i], DEVICE_WAY_LOAD), UINT32_MAX);
	}
	if (err == ERR_OK) {
		err = geometry_encode(&e->geometry, e->hello, sizeof(e->hello), &e->hello_bytes);
	}
	return err == ERR_OK ? ERR_OK : refuse(reason, err, "the description of the VM does not fit into a hello");
}

/** What an earlier attempt, in either role, still held on the link goes. */
static void earlier_attempt_ends(struct engine *e)
{
	if (e->incoming) {
		e->link.ops->unlisten(e->link.ctx);
		e->incoming = false;
	}
	if (e->connected || e->closing != CLOSE_NONE) {
		e->link.ops->abort(e->link.ctx);
	}
	engine_link_end(e);
	e->alive = false;
	e->dst.phase = DST_IDLE;
	e->src.phase = SRC_IDLE;
}

static enum err migrate_check(const struct engine *e, char *reason)
{
	if (source_busy(e)) {
		return refuse(reason, ERR_BAD_STATE, "There's a migration process in progress");
	}
	if (e->owner != OWNER_OWN) {
		fmt(reason, REASON_BYTES, "only the owner may migrate VM %s: this host is %s", e->desc.name,
			owner_name(e->owner));
		return ERR_BAD_STATE;
	}
	if (device_set_blocker(&e->devices, 0, reason)) {
		return ERR_UNSUPPORTED;
	}
	if (e->params.tls_hostname[0] == '\0') {
		return refuse(reason, ERR_BAD_STATE, "set tls-hostname to the host id of the destination first");
	}
	for (uint32_t i = 0; i < e->devices.count; i++) {
		if (e->devices.run[i].now == DEVICE_ERROR) {
			fmt(reason, REASON_BYTES, "device %s is in ERROR", e->devices.run[i].desc.id);
			return ERR_IO;
		}
	}
	return ERR_OK;
}

static void source_start(struct engine *e, const struct link_connect *how)
{
	struct migration_params *p = &e->params;

	e->src = (struct source){ .phase = SRC_HELLO,
		.connect = *how,
		.backoff_us = ENGINE_BACKOFF_MIN_US,
		.begun_us = engine_now(e),
		.end_status = MIG_STATUS_FAILED };
	e->role = ROLE_SOURCE;
	e->alive = true;
	e->epoch = 0;
	e->proved = false;
	e->error_desc[0] = '\0';
	e->forecast[0] = '\0';
	e->expected_downtime_us = 0;
	(void)text_copy(e->peer, sizeof(e->peer), p->tls_hostname);
	engine_set_status(e, MIG_STATUS_SETUP);
}

enum err engine_migrate(struct engine *e, const char *uri, char *reason)
{
	struct link_connect how = { .channel_count = e->params.multifd_channels };
	struct attempt attempt = { .number = e->number_last + 1, .gen = e->gen + 1 };
	uint8_t random[8];
	enum err err = uri_parse(uri, &how.to, false, reason);

	err = err != ERR_OK ? err : migrate_check(e, reason);
	err = err != ERR_OK ? err : hello_prepare(e, reason);
	if (err != ERR_OK) {
		return err;
	}
	attempt.source_boot = e->link.ops->boot(e->link.ctx);
	if (attempt.source_boot == 0 || e->host.ops->random(e->host.ctx, random, sizeof(random)) != ERR_OK) {
		return refuse(reason, ERR_IO, "this host has no source of randomness, or no identity");
	}
	earlier_attempt_ends(e);
	attempt.random = load_le64(random);
	(void)text_copy(attempt.vm, sizeof(attempt.vm), e->desc.name);
	(void)text_copy(how.peer_id, sizeof(how.peer_id), e->params.tls_hostname);
	err = e->link.ops->connect(e->link.ctx, &how, &attempt, e->hello, e->hello_bytes);
	if (err != ERR_OK) {
		fmt(reason, REASON_BYTES, "no connection could be begun: %s", err_name(err));
		return err;
	}
	e->attempt = attempt;
	e->number_last = attempt.number;
	source_start(e, &how);
	return ERR_OK;
}

enum err engine_incoming(struct engine *e, const char *uri, char *reason)
{
	struct net_addr addr;
	struct link_listen how;
	enum err err = uri_parse(uri, &addr, true, reason);

	err = err != ERR_OK ? err : hello_prepare(e, reason);
	if (err != ERR_OK) {
		return err;
	}
	if (e->incoming) {
		return refuse(reason, ERR_BAD_STATE, "this host is already waiting for a VM");
	}
	if (e->owner != OWNER_NONE && e->owner != OWNER_VOID && !(e->owner == OWNER_GONE && e->src.scrubbed)) {
		fmt(reason, REASON_BYTES, "this host cannot receive VM %s: owner is %s", e->desc.name,
			owner_name(e->owner));
		return ERR_BAD_STATE;
	}
	if (device_set_blocker(&e->devices, 0, reason)) {
		return ERR_UNSUPPORTED;
	}
	if (e->params.tls_authz[0] == '\0') {
		return refuse(reason, ERR_BAD_STATE, "set tls-authz to the host id of the source first");
	}
	if (e->role == ROLE_SOURCE) {
		earlier_attempt_ends(e);
	}
	how.port = addr.port;
	(void)text_copy(how.allowed_id, sizeof(how.allowed_id), e->params.tls_authz);
	err = e->link.ops->listen(e->link.ctx, &how);
	if (err != ERR_OK) {
		fmt(reason, REASON_BYTES, "port %u cannot be listened to: %s", addr.port, err_name(err));
		return err;
	}
	e->dst.phase = DST_LISTEN;
	e->dst.listen = how;
	e->dst.queued = 0;
	e->role = ROLE_DESTINATION;
	e->incoming = true;
	e->error_desc[0] = '\0';
	engine_set_status(e, MIG_STATUS_SETUP);
	return ERR_OK;
}

enum err engine_cancel(struct engine *e, char *reason)
{
	if (e->role == ROLE_DESTINATION && e->incoming && e->dst.phase == DST_LISTEN && !e->dst.scrub_needed) {
		earlier_attempt_ends(e); /* it only listens: another source may be named then */
		e->role = ROLE_NONE;
		engine_set_status(e, MIG_STATUS_CANCELLED);
		return ERR_OK;
	}
	if (e->role != ROLE_SOURCE || !e->alive) {
		return ERR_OK;
	}
	if (handover_arc(HANDOVER_SRC, e->owner, HANDOVER_EV_CANCEL) == NULL) {
		fmt(reason, REASON_BYTES, "the hand-over is past its point of no return: owner is %s",
			owner_name(e->owner));
		return ERR_REFUSED;
	}
	engine_set_status(e, MIG_STATUS_CANCELLING);
	e->src.end_status = MIG_STATUS_CANCELLED;
	(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_CANCEL);
	return ERR_OK;
}

enum err engine_vm_stop(struct engine *e, char *reason)
{
	if (!owner_may_run(e->owner)) {
		fmt(reason, REASON_BYTES, "VM %s is not this host's to stop: owner is %s", e->desc.name,
			owner_name(e->owner));
		return ERR_REFUSED;
	}
	if (e->role == ROLE_DESTINATION && e->dst.phase == DST_START) {
		return refuse(reason, ERR_BAD_STATE, "the VM is just arriving");
	}
	if (e->power.run_wanted) {
		power_stop(&e->power, &e->vm);
	}
	return ERR_OK;
}

enum err engine_vm_cont(struct engine *e, char *reason)
{
	bool arriving = e->role == ROLE_DESTINATION && (e->dst.phase == DST_PAUSED || e->dst.phase == DST_STUCK);

	if (!owner_may_run(e->owner)) {
		fmt(reason, REASON_BYTES, "VM %s may not run on this host: owner is %s", e->desc.name,
			owner_name(e->owner));
		return ERR_REFUSED;
	}
	if (e->guest_state == VM_SHUTDOWN || e->guest_state == VM_INTERNAL_ERROR) {
		return refuse(reason, ERR_BAD_STATE, "Resetting the Virtual Machine is required");
	}
	if (e->power.run_wanted) {
		return ERR_OK;
	}
	if (arriving) {
		e->dst.phase = DST_START;
		e->dst.hold = false;
	}
	power_start(&e->power, &e->devices, !arriving);
	return ERR_OK;
}

static enum err resolve_event(
	struct engine *e, const struct resolve *how, enum handover_side *side, enum handover_event *event, char *reason)
{
	*side = how->action == RESOLVE_TAKE ||
				(how->action == RESOLVE_DISCARD && e->owner != OWNER_UNKNOWN && e->owner != OWNER_GONE)
			? HANDOVER_DST
			: HANDOVER_SRC;
	switch (how->action) {
	case RESOLVE_RECALL:
		*event = HANDOVER_EV_RECALL;
		return ERR_OK;
	case RESOLVE_DISCARD:
		*event = HANDOVER_EV_DISCARD;
		if (e->owner == OWNER_READY && !how->force) {
			*event = HANDOVER_EV_ASK; /* the source first: this may be the last image */
			return e->connected && !e->dst.only
				       ? ERR_OK
				       : refuse(reason, ERR_REFUSED,
						 "this may be the last image, and the source cannot tell: "
						 "look there (query-migrate), then repeat with force");
		}
		if (e->owner == OWNER_GONE && !e->alive) {
			return refuse(reason, ERR_BAD_STATE, "nothing is left to discard");
		}
		if (e->owner == OWNER_GONE && !e->src.running_seen && !how->force) {
			return refuse(reason, ERR_REFUSED,
				"this may be the last image: the destination has not said that the VM runs; repeat "
				"with "
				"force");
		}
		return ERR_OK;
	case RESOLVE_ASK:
		*event = HANDOVER_EV_ASK;
		return e->alive || e->owner != OWNER_UNKNOWN
			       ? ERR_OK
			       : refuse(reason, ERR_BAD_STATE, "the owner mark names nobody to ask");
	case RESOLVE_TAKE:
		*event = HANDOVER_EV_TAKE;
		break;
	case RESOLVE_TAKE_BACK:
		*event = HANDOVER_EV_TAKE_BACK;
		if (e->owner == OWNER_GONE && e->src.running_seen) {
			return refuse(reason, ERR_REFUSED, "the VM runs at the destination and was scrubbed here");
		}
		break;
	default:
		return refuse(reason, ERR_RANGE, "unknown action");
	}
	if (!how->all_fenced) {
		fmt(reason, REASON_BYTES,
			"needs all-fenced: %s, and every other host that had this VM, must be off or never start it "
			"again",
			e->peer);
		return ERR_REFUSED;
	}
	return ERR_OK;
}

enum err engine_resolve(struct engine *e, const struct resolve *how, char *reason)
{
	enum handover_side side;
	enum handover_event event;
	enum err err = resolve_event(e, how, &side, &event, reason);

	if (err == ERR_OK && handover_arc(side, e->owner, event) == NULL) {
		fmt(reason, REASON_BYTES, "not possible while owner is %s", owner_name(e->owner));
		err = ERR_BAD_STATE;
	}
	if (err != ERR_OK) {
		return err;
	}
	engine_log(e, LOG_WARN, "operator: x-migrate-resolve %s, all-fenced %u, force %u (owner %s, attempt %u)",
		handover_event_name(event), how->all_fenced, how->force, owner_name(e->owner), e->attempt.number);
	if (how->action == RESOLVE_RECALL) {
		e->src.recall = true;
	} else if (how->action == RESOLVE_ASK) {
		e->src.peer_unknown = false;
		e->src.ask_until_us = engine_now(e) + ENGINE_ASK_US;
		e->src.backoff_us = ENGINE_BACKOFF_MIN_US;
	} else if (e->owner != OWNER_TAKEN && event != HANDOVER_EV_ASK) {
		engine_set_error(e, "resolved by the operator: %s", handover_event_name(event));
	}
	if (e->owner != OWNER_UNKNOWN) {
		e->src.end_status =
			e->owner == OWNER_GONE && e->src.running_seen ? MIG_STATUS_COMPLETED : MIG_STATUS_FAILED;
	}
	(void)engine_post(e, side, event);
	if (how->action == RESOLVE_TAKE_BACK) {
		e->link.ops->abort(e->link.ctx);
		engine_link_end(e);
	}
	return ERR_OK;
}

void engine_quit(struct engine *e)
{
	e->host.ops->quit(e->host.ctx);
}

void engine_vm_event(struct engine *e, enum vm_run_state what)
{
	if (what != VM_SHUTDOWN && what != VM_INTERNAL_ERROR) {
		return;
	}
	e->guest_state = what;
	e->power.run_wanted = false;
	e->power.running = false;
	e->reported_running = false;
	engine_note(e, what == VM_SHUTDOWN ? ENGINE_EV_SHUTDOWN : ENGINE_EV_STOP, 0);
	if (source_busy(e)) {
		engine_fail(e, HANDOVER_EV_FAIL, what == VM_SHUTDOWN ? "the guest powered off" : "the guest crashed");
	}
}
