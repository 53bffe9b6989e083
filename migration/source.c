/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The source of an attempt: events, actions of the hand-over, and steps outside pre-copy and blackout. */
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/engine_ctx.h"

/** The VM is back or never left: tell how the attempt ended. */
static void source_ended(struct engine *e)
{
	e->src.phase = SRC_IDLE;
	e->src.ended_us = engine_now(e);
	engine_set_status(e, e->src.end_status);
}

static void kill_attempt(struct engine *e)
{
	e->alive = false;
	e->src.deadline_us = 0;
	e->src.reconnecting = false;
	precopy_end(e);
	e->link.ops->blackout(e->link.ctx, false);
	if (e->src.phase < SRC_HARVEST) {
		source_ended(e); /* the VM runs, nothing to give back */
	} else if (e->src.phase <= SRC_SEND) {
		e->src.phase = SRC_BACK; /* devices come out of pre-copy */
		e->src.reset_tried = false;
	}
}

/** ABORT on the live connection; without one in the background if READY may stand at the destination. */
static void send_abort(struct engine *e)
{
	if (e->owner == OWNER_GIVEN) { /* recall: the attempt lives on */
		engine_send(e, CTRL_ABORT, "recalled by the operator");
		return;
	}
	if (e->connected && e->epoch != 0) {
		engine_send(e, CTRL_ABORT, e->error_desc[0] != '\0' ? e->error_desc : "cancelled by the operator");
		engine_close(e, CLOSE_ANSWER);
	} else if (e->src.phase > SRC_SEND && e->src.phase != SRC_BACK) {
		engine_close(e, CLOSE_CHASE);
	} else {
		e->link.ops->abort(e->link.ctx);
		engine_link_end(e);
	}
}

static void give_back(struct engine *e)
{
	e->src.phase = SRC_BACK;
	e->src.reset_tried = true; /* that is power_start()'s */
	if (e->src.was_running) {
		power_start(&e->power, &e->devices, true);
	} else {
		device_set_goto(&e->devices, DEVICE_STOP);
		if (e->power.phase == POWER_STEADY) {
			e->power.phase = POWER_STOPPING;
		}
	}
}

static void reconnect_later(struct engine *e)
{
	struct source *src = &e->src;

	if (e->connected) {
		e->link.ops->abort(e->link.ctx);
	}
	e->connected = false;
	e->outbox_count = 0;
	src->reconnecting = false;
	src->reconnect_us = engine_now(e) + src->backoff_us;
	src->backoff_us = MIN(src->backoff_us * 2u, (uint64_t)ENGINE_BACKOFF_MAX_US);
	src->deadline_us = 0;
}

static void end_attempt(struct engine *e)
{
	e->alive = false;
	e->src.end_status = MIG_STATUS_COMPLETED;
	source_ended(e);
	engine_close(e, CLOSE_ORDER);
}

void source_action(struct engine *e, enum handover_action action)
{
	uint64_t now = engine_now(e);

	switch (action) {
	case HANDOVER_DO_STORE_IN_DOUBT:
		e->src.store_done = false;
		break;
	case HANDOVER_DO_STORE_AWAY:
		e->src.phase = SRC_GONE;
		e->src.at.taken = now;
		e->src.deadline_us = now + ENGINE_GONE_US;
		e->link.ops->blackout(e->link.ctx, false);
		break;
	case HANDOVER_DO_CLEAR_MARK:
		e->gen = 0;
		mark_put(&e->marks, &(struct owner_mark){ .kind = MARK_NONE });
		e->link.ops->abort(e->link.ctx);
		engine_link_end(e);
		e->src.phase = SRC_IDLE;
		e->role = ROLE_NONE;
		break;
	case HANDOVER_DO_STOP_VM:
		final_begin(e);
		break;
	case HANDOVER_DO_SEND_COMMIT:
		e->src.phase = SRC_GIVEN;
		e->src.at.ready = e->src.at.ready == 0 ? now : e->src.at.ready;
		e->src.deadline_us = now + ENGINE_GIVEN_US;
		break;
	case HANDOVER_DO_SEND_ABORT:
		send_abort(e);
		break;
	case HANDOVER_DO_SEND_STATUS:
		e->src.deadline_us = now + (e->owner == OWNER_GONE ? ENGINE_GONE_US : ENGINE_GIVEN_US);
		break;
	case HANDOVER_DO_SEND_RETIRED:
		e->src.deadline_us = now + ENGINE_GONE_US;
		break;
	case HANDOVER_DO_KILL_ATTEMPT:
		kill_attempt(e);
		break;
	case HANDOVER_DO_GIVE_BACK:
		give_back(e);
		break;
	case HANDOVER_DO_RECONNECT:
		reconnect_later(e);
		break;
	case HANDOVER_DO_SCRUB:
		if (e->src.at.running == 0) {
			e->src.at.running = now;
		}
		e->src.running_seen = true;
		e->src.deadline_us = 0;
		e->src.phase = SRC_SCRUB;
		precopy_end(e);
		break;
	case HANDOVER_DO_END_ATTEMPT:
		end_attempt(e);
		break;
	case HANDOVER_DO_RAISE_GEN:
		e->gen += 2;
		break;
	case HANDOVER_DO_TELL_OPERATOR:
		e->src.peer_ready = e->message.type == CTRL_READY;
		if (!e->src.peer_ready) { /* else it may change, and is asked again */
			e->src.peer_unknown = true;
			e->src.deadline_us = 0;
		}
		engine_log(e, LOG_WARN, "hand-over: %s %s attempt %u%s", e->peer,
			e->src.peer_ready ? "has the image of" : "knows nothing of", e->attempt.number,
			e->owner == OWNER_UNKNOWN ? "" : ": the image is kept here");
		break;
	default:
		break;
	}
}

/* ---- events ---- */

static void on_hello(struct engine *e, const struct link_event *ev)
{
	struct geometry peer;
	struct hash_state h;
	enum err err;

	if (e->src.phase != SRC_HELLO) {
		e->link.ops->refuse(e->link.ctx, "a hello was not expected");
		return;
	}
	(void)text_copy(e->peer, sizeof(e->peer), ev->peer);
	e->epoch = ev->epoch;
	e->connected = true;
	err = geometry_decode(ev->bytes, ev->len_bytes, &peer, e->reason);
	if (err == ERR_OK) {
		err = geometry_compare(&e->geometry, &peer, e->reason);
	}
	if (err != ERR_OK) {
		e->link.ops->refuse(e->link.ctx, e->reason);
		e->connected = false;
		engine_fail(e, HANDOVER_EV_REFUSED, "%s", e->reason);
		engine_link_end(e);
		return;
	}
	for (uint32_t i = 0; i < e->devices.count; i++) {
		e->devices.run[i].peer_load_us = peer.devices[i].load_us;
	}
	e->hash->start(&h);
	e->hash->add(&h, e->hello, e->hello_bytes);
	e->hash->add(&h, ev->bytes, ev->len_bytes);
	e->hash->finish(&h, e->hello_hash);
	err = e->link.ops->accept(e->link.ctx, e->hello, e->hello_bytes);
	if (err != ERR_OK) {
		engine_fail(e, HANDOVER_EV_FAIL, "the data channels could not be opened: %s", err_name(err));
		return;
	}
	e->src.phase = SRC_OPEN;
}

static void on_open(struct engine *e, const struct link_event *ev)
{
	if (e->src.phase != SRC_OPEN) {
		return;
	}
	e->epoch = ev->epoch;
	e->connected = true;
	e->proved = true;
	precopy_begin(e);
}

static void on_ready(struct engine *e, const struct ctrl *m)
{
	bool equal = memcmp(m->digest, e->src.digest, HASH_BYTES) == 0;

	if (e->owner == OWNER_HELD) {
		if (e->src.phase != SRC_READY) {
			engine_fail(e, HANDOVER_EV_READY_DIFFERS, "READY came before everything was sent");
		} else if (!equal) {
			engine_fail(e, HANDOVER_EV_READY_DIFFERS, "the digest of READY differs from what was sent");
		} else {
			(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_READY_EQUAL);
		}
		return;
	}
	if (e->owner == OWNER_UNKNOWN) { /* what it would have to be equal to is gone */
		(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_READY_EQUAL);
		return;
	}
	if (e->owner != OWNER_GIVEN || !e->proved || !equal) {
		engine_log(e, LOG_WARN, "hand-over: READY ignored (owner %s, digest %s)", owner_name(e->owner),
			equal ? "equal" : "differs");
		return;
	}
	e->src.peer_unknown = false;
	(void)engine_post(e, HANDOVER_SRC, e->src.recall ? HANDOVER_EV_RECALL : HANDOVER_EV_READY_EQUAL);
}

static void on_declined(struct engine *e, const struct ctrl *m)
{
	bool asked;

	if (!e->alive) {
		if (e->closing == CLOSE_ANSWER || e->closing == CLOSE_CHASE) {
			engine_close(e, CLOSE_ORDER);
		}
		return;
	}
	if (e->owner == OWNER_GIVEN) {
		engine_set_error(e,
			e->src.recall ? "recalled by the operator" : "the destination declined after COMMIT: %s",
			m->text);
		e->src.end_status = e->src.recall ? MIG_STATUS_CANCELLED : MIG_STATUS_FAILED;
		(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_DECLINED);
		engine_close(e, CLOSE_ORDER);
		return;
	}
	if (e->owner == OWNER_UNKNOWN && e->marks.base.kind == MARK_AWAY) {
		engine_log(e, LOG_ERROR, "hand-over: %s took the VM and now declines it: ignored", e->peer);
		return;
	}
	asked = e->owner == OWNER_UNKNOWN;
	engine_fail(e, HANDOVER_EV_DECLINED, "destination: %s", m->text);
	if (asked) {
		engine_close(e, CLOSE_ORDER);
	}
}

static void on_taken(struct engine *e)
{
	e->src.peer_unknown = false;
	e->src.backoff_us = ENGINE_BACKOFF_MIN_US;
	(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_TAKEN);
}

static void on_message(struct engine *e, const struct link_event *ev)
{
	struct ctrl *m = &e->message;
	enum err err = ctrl_decode(ev->type, ev->bytes, ev->len_bytes, m);

	if (err != ERR_OK) {
		engine_fail(e, HANDOVER_EV_FAIL, "the destination sent a malformed message: type %u, %zu bytes",
			ev->type, ev->len_bytes);
		return;
	}
	if (!engine_attempt_is(e, m) || m->epoch != e->epoch) {
		engine_log(e, LOG_WARN, "hand-over: %s of attempt %u, epoch %u ignored", ctrl_name(m->type), m->number,
			m->epoch);
		return;
	}
	if (!e->alive && m->type != CTRL_DECLINED && m->type != CTRL_UNKNOWN) {
		return; /* of a dead attempt */
	}
	switch (m->type) {
	case CTRL_PREPARED:
		if (e->src.store_done) {
			(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_PREPARED);
		}
		break;
	case CTRL_READY:
		on_ready(e, m);
		break;
	case CTRL_STATUS:
		(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_STATUS);
		break;
	case CTRL_TAKEN:
		on_taken(e);
		break;
	case CTRL_RUNNING:
		(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_RUNNING);
		break;
	case CTRL_SWITCHOVER_ACK:
		e->initials_acked = m->time;
		break;
	case CTRL_SETTLED:
		if (e->src.scrubbed) {
			(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_SETTLED);
		}
		break;
	case CTRL_DECLINED:
		on_declined(e, m);
		break;
	case CTRL_UNKNOWN:
		if (!e->alive) {
			engine_close(e, CLOSE_ORDER);
		} else {
			(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_UNKNOWN);
		}
		break;
	default:
		engine_log(e, LOG_WARN, "hand-over: %s is not for a source", ctrl_name(m->type));
		break;
	}
}

static void on_lost(struct engine *e, const struct link_event *ev)
{
	bool refused = ev->kind == LINK_REFUSED;

	e->connected = false;
	e->outbox_count = 0;
	if (e->closing == CLOSE_CHASE) {
		e->src.reconnecting = false;
		e->src.reconnect_us = engine_now(e) + e->src.backoff_us;
		e->src.backoff_us = MIN(e->src.backoff_us * 2u, (uint64_t)ENGINE_BACKOFF_MAX_US);
		return;
	}
	if (e->closing != CLOSE_NONE) {
		engine_link_end(e);
		return;
	}
	if (!e->alive) {
		return;
	}
	engine_fail(e, refused ? HANDOVER_EV_REFUSED : HANDOVER_EV_LOST, "%s%s",
		refused ? "the destination refused: " : "", ev->text == NULL ? "the connection was lost" : ev->text);
	if (!e->alive && e->closing == CLOSE_NONE) {
		engine_link_end(e);
	}
}

static void on_resumed(struct engine *e, const struct link_event *ev)
{
	e->connected = true;
	e->epoch = ev->epoch;
	e->proved = ev->proved;
	e->src.reconnecting = false;
	if (e->closing == CLOSE_CHASE) {
		engine_send(e, ev->proved ? CTRL_ABORT : CTRL_STATUS, e->error_desc);
		return;
	}
	(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_RESUMED);
}

void source_event(struct engine *e, const struct link_event *ev)
{
	switch (ev->kind) {
	case LINK_HELLO:
		on_hello(e, ev);
		break;
	case LINK_OPEN:
		on_open(e, ev);
		break;
	case LINK_MESSAGE:
		on_message(e, ev);
		break;
	case LINK_FRAME:
		e->link.ops->frame_done(e->link.ctx, ev->frame);
		engine_fail(e, HANDOVER_EV_FAIL, "the destination sent a frame");
		break;
	case LINK_RESUMED:
		on_resumed(e, ev);
		break;
	case LINK_REFUSED:
	case LINK_LOST:
		on_lost(e, ev);
		break;
	case LINK_FINISHED:
		if (e->closing == CLOSE_NONE) {
			on_lost(e, ev);
		} else {
			engine_link_end(e);
		}
		break;
	default:
		break;
	}
}

/* ---- steps ---- */

/** Where the VM runs, or was paused in pre-copy, its devices go on without a transfer. */
static bool devices_back(struct engine *e)
{
	uint32_t failed = 0;
	enum err err;

	for (uint32_t k = 0; k < e->devices.count; k++) {
		e->devices.run[k].target = e->power.running ? DEVICE_RUNNING : DEVICE_STOP;
	}
	err = device_set_poll(&e->devices, engine_now(e), &failed);
	if (err == ERR_AGAIN) {
		return false;
	}
	if (err != ERR_OK && !e->src.reset_tried) { /* as QEMU: better a device that was reset than none */
		e->src.reset_tried = true;
		engine_log(
			e, LOG_ERROR, "device %s did not leave pre-copy and is reset", e->devices.run[failed].desc.id);
		device_chore_begin(&e->devices.run[failed], DEVICE_CHORE_RESET);
		return false;
	}
	return true;
}

static bool back_step(struct engine *e)
{
	if (e->power.phase != POWER_STEADY || (e->power.err == ERR_OK && !devices_back(e))) {
		return false;
	}
	if (e->power.err != ERR_OK) {
		/* The VM stays paused with that device named; the reason of the attempt stays the first one. */
		engine_log(e, LOG_ERROR, "VM %s stays paused: %s", e->desc.name, e->power.reason);
		engine_set_error(e, "%s", e->power.reason);
	}
	source_ended(e);
	return true;
}

static bool scrub_step(struct engine *e)
{
	struct source *src = &e->src;
	bool moved = false;

	if (!src->scrubbed && !scrub_slice(e, &src->scrub, &moved)) { /* a second RUNNING finds it done */
		return moved;
	}
	src->scrubbed = true;
	src->phase = SRC_RETIRED;
	if (e->alive) {
		(void)engine_post(e, HANDOVER_SRC, HANDOVER_EV_SCRUBBED);
		return true;
	}
	source_ended(e); /* the operator gave the attempt up */
	e->link.ops->abort(e->link.ctx);
	engine_link_end(e);
	return true;
}

/** GIVEN, GONE, UNKNOWN, or an ABORT in the background: bring up the next epoch when it is time. */
static bool reconnect_step(struct engine *e)
{
	struct source *src = &e->src;
	bool wanted = e->closing == CLOSE_CHASE || source_asks(e) ||
		      (e->alive && (e->owner == OWNER_GIVEN || e->owner == OWNER_GONE));
	uint64_t now = engine_now(e);
	enum err err;

	if (!wanted || e->connected || src->reconnecting || now < src->reconnect_us) {
		return false;
	}
	if (e->closing == CLOSE_CHASE && now >= e->chase_until_us) {
		engine_log(e, LOG_WARN, "hand-over: %s was not told that attempt %u is dead; the next one will",
			e->peer, e->attempt.number);
		engine_link_end(e);
		return true;
	}
	err = e->owner == OWNER_UNKNOWN ? e->link.ops->ask(e->link.ctx, &src->connect, &e->attempt)
					: e->link.ops->reconnect(e->link.ctx);
	if (err == ERR_OK) {
		src->reconnecting = true;
	} else {
		src->reconnect_us = now + src->backoff_us;
		src->backoff_us = MIN(src->backoff_us * 2u, (uint64_t)ENGINE_BACKOFF_MAX_US);
	}
	return true;
}

bool source_asks(const struct engine *e)
{
	return e->alive && e->owner == OWNER_UNKNOWN && !e->src.peer_unknown && engine_now(e) < e->src.ask_until_us;
}

static bool deadline_step(struct engine *e)
{
	if (e->src.deadline_us == 0 || engine_now(e) < e->src.deadline_us || !e->alive) {
		return false;
	}
	e->src.deadline_us = 0;
	engine_fail(e, HANDOVER_EV_DEADLINE, "the hand-over did not end in time (owner %s, phase %u)",
		owner_name(e->owner), e->src.phase);
	return true;
}

bool source_step(struct engine *e)
{
	bool moved;

	if (e->role != ROLE_SOURCE) {
		return false;
	}
	/* Both steps are taken, whatever the first one did. */
	moved = deadline_step(e);
	moved = reconnect_step(e) || moved;
	switch (e->src.phase) {
	case SRC_HARVEST:
		return precopy_harvest_step(e) || moved;
	case SRC_SEND:
		return precopy_send_step(e) || moved;
	case SRC_STOP:
	case SRC_LAST_HARVEST:
	case SRC_LAST_SEND:
	case SRC_VERIFY:
	case SRC_RECORDS:
	case SRC_IMAGES:
	case SRC_TOTALS:
		return final_step(e) || moved;
	case SRC_BACK:
		return back_step(e) || moved;
	case SRC_SCRUB:
		return scrub_step(e) || moved;
	default:
		return moved;
	}
}

bool source_busy(const struct engine *e)
{
	return e->role == ROLE_SOURCE && (e->alive || e->src.phase != SRC_IDLE);
}

bool source_polling(const struct engine *e)
{
	return e->role == ROLE_SOURCE && e->src.phase >= SRC_HARVEST && e->src.phase != SRC_READY &&
	       e->src.phase != SRC_GIVEN && e->src.phase != SRC_GONE && e->src.phase != SRC_RETIRED;
}
