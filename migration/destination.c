/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The destination of an attempt: events, actions of the hand-over, and what each phase waits for. */
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/device_stream.h"
#include "migration/digest.h"
#include "migration/engine_ctx.h"
#include "migration/receive.h"

static void record_set(struct attempt_record *r, const struct attempt *a)
{
	*r = (struct attempt_record){
		.valid = true, .source_boot = a->source_boot, .random = a->random, .gen = a->gen, .number = a->number
	};
}

static bool record_is(const struct attempt_record *r, const struct ctrl *m)
{
	return r->valid && r->source_boot == m->source_boot && r->random == m->random && r->number == m->number &&
	       r->gen == m->gen;
}

/** Accept the hello: devices to RESUMING, data channels. */
static void load_begin(struct engine *e)
{
	struct destination *dst = &e->dst;
	struct hash_state h = dst->waiting_hello;

	e->hash->add(&h, e->hello, e->hello_bytes);
	e->hash->finish(&h, e->hello_hash);
	dst->scrub_needed = true;
	dst->scrub.begun = false;
	dst->flags = 0;
	dst->prepared_sent = false;
	dst->finalise_begun = false;
	dst->started = false;
	dst->hold = false;
	dst->discard = false;
	dst->only = false;
	dst->totals_seen = 0;
	dst->queued = 0;
	dst->begun_us = engine_now(e);
	dst->phase = DST_OPEN;
	device_set_goto(&e->devices, DEVICE_RESUMING);
	engine_set_status(e, MIG_STATUS_SETUP);
	/* An action posts nothing itself: destination_step() tells. */
	dst->accept_err = e->link.ops->accept(e->link.ctx, e->hello, e->hello_bytes);
}

static void start_vm(struct engine *e)
{
	struct destination *dst = &e->dst;

	if (e->owner == OWNER_TAKEN) {
		e->gen = e->attempt.gen;
	}
	e->gen_seen = MAX(e->gen_seen, e->gen);
	e->gen_taken = MAX(e->gen_taken, e->gen);
	record_set(&dst->taken_record, &e->attempt);
	dst->scrub_needed = false;
	e->link.ops->blackout(e->link.ctx, false);
	e->power.time_owed = (dst->flags & CTRL_FLAG_CLOCK_FREEZE) == 0;
	e->power.elapsed_ns = dst->elapsed_ns;
	e->power.owed_since_ns = e->host.ops->time_ns(e->host.ctx);
	e->guest_state = VM_RUNNING;
	dst->phase = DST_PAUSED;
	if (e->owner == OWNER_TAKEN && e->params.x_pause_at_commit) {
		dst->hold = true; /* until cont */
	} else if ((dst->flags & CTRL_FLAG_WAS_RUNNING) != 0 || e->owner == OWNER_OWN) {
		dst->phase = DST_START;
		power_start(&e->power, &e->devices, false);
	}
}

/** Everything of a dead attempt goes: frames, image, RAM. The answer to the source was queued before. */
static void void_begin(struct engine *e)
{
	struct destination *dst = &e->dst;

	e->alive = false;
	record_set(&dst->void_record, &e->attempt);
	receive_drop(e);
	dst->phase = DST_LISTEN;
	dst->scrub_needed = true;
	dst->scrub.begun = false;
	e->link.ops->blackout(e->link.ctx, false);
	engine_set_status(e, MIG_STATUS_FAILED);
	if (e->connected) {
		engine_close(e, CLOSE_ANSWER);
	}
}

static void held_by_device(struct engine *e)
{
	e->dst.phase = DST_STUCK;
	engine_set_error(e, "%s", e->power.reason);
}

void destination_action(struct engine *e, enum handover_action action)
{
	switch (action) {
	case HANDOVER_DO_LOAD:
		load_begin(e);
		break;
	case HANDOVER_DO_CLEAR_MARK:
		mark_put(&e->marks, &e->marks.base);
		break;
	case HANDOVER_DO_SEND_PREPARED:
		e->dst.prepared_sent = true;
		e->link.ops->blackout(e->link.ctx, true);
		break;
	case HANDOVER_DO_SEND_READY:
		e->dst.phase = DST_READY;
		break;
	case HANDOVER_DO_SEND_STATUS:
		e->dst.discard = true;
		break;
	case HANDOVER_DO_TELL_OPERATOR:
		e->dst.discard = false;
		e->dst.only |= e->owner == OWNER_READY;
		break;
	case HANDOVER_DO_START_VM:
		start_vm(e);
		break;
	case HANDOVER_DO_SCRUB:
		void_begin(e);
		break;
	case HANDOVER_DO_RAISE_GEN:
		e->gen = e->attempt.gen + 2;
		break;
	case HANDOVER_DO_HOLD_VM:
		held_by_device(e); /* power fell back to STOP by itself */
		break;
	default:
		break;
	}
}

/** The VM's start or stop ended; called for both roles. */
void destination_power_done(struct engine *e, enum err err)
{
	struct destination *dst = &e->dst;

	if (e->role != ROLE_DESTINATION || dst->phase != DST_START) {
		return;
	}
	if (err != ERR_OK) {
		(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_START_FAILED);
		engine_set_status(e, MIG_STATUS_FAILED);
		return;
	}
	dst->running_us = engine_now(e);
	dst->started = true;
	dst->phase = DST_RUNNING;
	(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_STARTED);
	e->error_desc[0] = '\0';
	engine_set_status(e, MIG_STATUS_COMPLETED);
}

/* ---- hello ---- */

static bool may_receive(const struct engine *e)
{
	return e->owner == OWNER_NONE || e->owner == OWNER_VOID || (e->owner == OWNER_GONE && e->src.scrubbed);
}

/** Why this attempt may not come in, by name. ERR_OK: it may. */
static enum err attempt_check(struct engine *e, const struct attempt *a, const char *peer)
{
	const struct attempt_record *last = &e->dst.last_number;
	bool newer = (e->owner == OWNER_LOADING || e->owner == OWNER_READY) && text_equal(peer, e->peer);

	if (!text_equal(a->vm, e->desc.name)) {
		fmt(e->reason, REASON_BYTES, "VM name: peer has %s, this host %s", a->vm, e->desc.name);
		return ERR_MISMATCH;
	}
	if (!may_receive(e) && !newer) {
		fmt(e->reason, REASON_BYTES, "this host cannot receive %s: owner is %s, gen %llu", e->desc.name,
			owner_name(e->owner), (unsigned long long)e->gen);
		return ERR_REFUSED;
	}
	if (a->gen <= e->gen_seen) {
		fmt(e->reason, REASON_BYTES, "gen: offered %llu, this host has had %llu", (unsigned long long)a->gen,
			(unsigned long long)e->gen_seen);
		return ERR_REFUSED;
	}
	if (last->valid && last->source_boot == a->source_boot && a->number <= last->number) {
		fmt(e->reason, REASON_BYTES, "attempt number: offered %u, last was %u", a->number, last->number);
		return ERR_REFUSED;
	}
	return ERR_OK;
}

static void new_attempt(struct engine *e)
{
	struct destination *dst = &e->dst;

	e->attempt = dst->waiting;
	e->epoch = dst->waiting_epoch;
	(void)text_copy(e->peer, sizeof(e->peer), dst->waiting_peer);
	record_set(&dst->last_number, &e->attempt);
	e->alive = true;
	e->connected = true;
	e->proved = true;
	e->closing = CLOSE_NONE;
	e->outbox_count = 0;
	e->error_desc[0] = '\0';
	e->forecast[0] = '\0';
	if (e->owner == OWNER_VOID) {
		e->owner = OWNER_NONE; /* the new attempt has no record yet; that of the old one stays VOID */
	}
	(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_HELLO);
}

static void on_hello(struct engine *e, const struct link_event *ev)
{
	struct destination *dst = &e->dst;
	struct geometry peer;
	enum err err = attempt_check(e, ev->attempt, ev->peer);

	if (err == ERR_OK) {
		err = geometry_decode(ev->bytes, ev->len_bytes, &peer, e->reason);
	}
	if (err == ERR_OK) {
		err = geometry_compare(&e->geometry, &peer, e->reason);
	}
	if (err != ERR_OK) {
		engine_log(e, LOG_WARN, "incoming: %s refused: %s", ev->peer, e->reason);
		e->link.ops->refuse(e->link.ctx, e->reason);
		if (!e->alive) {
			(void)text_copy(e->error_desc, sizeof(e->error_desc), e->reason);
		}
		return;
	}
	if (e->owner == OWNER_LOADING || e->owner == OWNER_READY) {
		e->connected = false; /* the old connections are fenced */
		engine_fail(e, HANDOVER_EV_NEWER, "%s began a newer attempt, number %u", ev->peer, ev->attempt->number);
	}
	e->closing = CLOSE_NONE;
	dst->waiting = *ev->attempt;
	dst->waiting_epoch = ev->epoch;
	(void)text_copy(dst->waiting_peer, sizeof(dst->waiting_peer), ev->peer);
	e->hash->start(&dst->waiting_hello);
	e->hash->add(&dst->waiting_hello, ev->bytes, ev->len_bytes);
	dst->phase = DST_CLEAN;
}

/* ---- messages and other events ---- */

/** In the words of the attempt that was asked about. */
static void answer(struct engine *e, const struct ctrl *m, uint16_t type)
{
	if (type == 0 || e->outbox_count == ENGINE_OUTBOX_MAX) {
		return;
	}
	e->outbox[e->outbox_count] = (struct ctrl){ .type = type,
		.number = m->number,
		.source_boot = m->source_boot,
		.random = m->random,
		.gen = m->gen,
		.epoch = e->epoch,
		.text = "this attempt is void here" };
	e->outbox_count++;
}

/** A question about another attempt than the current one: its record answers, by the same table, and nothing changes. */
static void answer_by_record(struct engine *e, const struct ctrl *m)
{
	enum owner record = record_is(&e->dst.void_record, m)	 ? OWNER_VOID
			    : record_is(&e->dst.taken_record, m) ? OWNER_OWN
								 : OWNER_NONE;
	enum handover_action actions[HANDOVER_ACTIONS_MAX];
	enum handover_event event;

	switch (m->type) {
	case CTRL_COMMIT:
		event = HANDOVER_EV_COMMIT;
		break;
	case CTRL_ABORT:
		event = HANDOVER_EV_ABORT;
		break;
	case CTRL_STATUS:
		event = HANDOVER_EV_STATUS;
		break;
	case CTRL_RETIRED:
		event = HANDOVER_EV_RETIRED;
		break;
	default:
		return;
	}
	if (record == OWNER_NONE && e->gen_taken != 0 && m->gen <= e->gen_taken) {
		event = event == HANDOVER_EV_RETIRED ? event : HANDOVER_EV_OLD_QUESTION;
	} else if (record == OWNER_NONE && event == HANDOVER_EV_RETIRED) {
		return;
	}
	engine_log(e, LOG_INFO, "hand-over: %s of attempt %u, gen %llu, whose record is %s", ctrl_name(m->type),
		m->number, (unsigned long long)m->gen, owner_name(record));
	if (handover_post(HANDOVER_DST, &record, event, actions) == ERR_OK) {
		for (uint32_t i = 0; i < HANDOVER_ACTIONS_MAX; i++) {
			answer(e, m, engine_says(actions[i]));
		}
	}
}

static void on_commit(struct engine *e, const struct ctrl *m)
{
	struct link_stats stats = { 0 };

	if (e->owner == OWNER_READY) {
		if (!e->proved || memcmp(m->digest, e->dst.digest, HASH_BYTES) != 0) {
			engine_log(e, LOG_WARN, "hand-over: COMMIT refused: %s",
				e->proved ? "another digest" : "epoch without proof");
			return;
		}
		e->link.ops->stats(e->link.ctx, &stats);
		e->dst.flags |= m->flags;
		e->dst.elapsed_ns = m->time + stats.rtt_us * 500u;
		e->dst.commit_us = engine_now(e);
	}
	(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_COMMIT);
}

static void on_retired(struct engine *e)
{
	if (e->owner == OWNER_TAKEN && !e->dst.started) {
		engine_log(e, LOG_WARN, "hand-over: RETIRED before RUNNING ignored");
		return;
	}
	(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_RETIRED);
}

static void on_current(struct engine *e, const struct ctrl *m)
{
	switch (m->type) {
	case CTRL_PREPARE:
		e->dst.flags |= m->flags & CTRL_FLAG_VERIFY_RAM;
		(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_PREPARE);
		break;
	case CTRL_COMMIT:
		on_commit(e, m);
		break;
	case CTRL_ABORT:
		engine_fail(e, HANDOVER_EV_ABORT, "source: %s", m->text);
		break;
	case CTRL_STATUS:
		(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_STATUS);
		break;
	case CTRL_RETIRED:
		on_retired(e);
		break;
	case CTRL_KEPT:
		if (e->dst.discard) {
			engine_fail(e, HANDOVER_EV_KEPT, "discarded by the operator: the source has the VM");
		}
		break;
	case CTRL_UNKNOWN:
		(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_UNKNOWN);
		break;
	default:
		engine_log(e, LOG_WARN, "hand-over: %s is not for a destination", ctrl_name(m->type));
		break;
	}
}

static void on_message(struct engine *e, const struct link_event *ev)
{
	struct ctrl *m = &e->message;
	enum err err = ctrl_decode(ev->type, ev->bytes, ev->len_bytes, m);

	if (err != ERR_OK) {
		engine_fail(e, HANDOVER_EV_FAIL, "the source sent a malformed message: type %u, %zu bytes", ev->type,
			ev->len_bytes);
		return;
	}
	if (m->epoch != e->epoch) {
		engine_log(e, LOG_WARN, "hand-over: %s of epoch %u ignored", ctrl_name(m->type), m->epoch);
		return;
	}
	if (e->alive && engine_attempt_is(e, m)) {
		on_current(e, m);
	} else {
		answer_by_record(e, m);
	}
}

static void on_open(struct engine *e, const struct link_event *ev)
{
	if (e->dst.phase != DST_OPEN) {
		return;
	}
	e->epoch = ev->epoch;
	receive_begin(e);
	e->dst.phase = DST_LOAD;
	engine_set_status(e, MIG_STATUS_ACTIVE);
}

static void on_lost(struct engine *e, const struct link_event *ev)
{
	const char *text = ev->text != NULL ? ev->text : "the connection was lost";

	if (ev->kind == LINK_REFUSED && (!e->alive || e->owner != OWNER_LOADING)) {
		/* A newcomer, not the peer of the attempt. */
		engine_log(e, LOG_WARN, "incoming: refused: %s", text);
		if (!e->alive) {
			(void)text_copy(e->error_desc, sizeof(e->error_desc), text);
		}
		return;
	}
	e->connected = false;
	e->dst.discard = false;
	e->outbox_count = 0;
	receive_drop(e);
	if (e->dst.phase == DST_CLEAN) {
		return; /* of the attempt before; if the hello that waits is gone too, accept() says so */
	}
	if (!e->alive) {
		engine_link_end(e);
		return;
	}
	engine_fail(e, ev->kind == LINK_REFUSED ? HANDOVER_EV_REFUSED : HANDOVER_EV_LOST, "%s", text);
	if (!e->alive) {
		engine_link_end(e);
	}
}

/** The old epoch was fenced, perhaps without a word: its frames are gone, and with them an image half loaded. */
static void on_resumed(struct engine *e, const struct link_event *ev)
{
	receive_drop(e);
	e->dst.discard = false; /* an answer to it is lost */
	e->connected = true;
	e->closing = CLOSE_NONE;
	e->outbox_count = 0;
	e->epoch = ev->epoch;
	e->proved = ev->proved;
	if (e->owner == OWNER_LOADING) {
		engine_fail(e, HANDOVER_EV_LOST, "the data channels were lost while loading");
	} else if (e->alive) {
		(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_RESUMED);
	}
}

/** The source closed in order: after SETTLED there is nothing left to say. */
static void on_finished(struct engine *e, const struct link_event *ev)
{
	if (e->owner == OWNER_OWN && e->alive) {
		e->alive = false;
		e->incoming = false;
		e->dst.phase = DST_IDLE;
		e->link.ops->unlisten(e->link.ctx);
		engine_link_end(e);
		e->role = ROLE_NONE;
		return;
	}
	on_lost(e, ev);
}

void destination_event(struct engine *e, const struct link_event *ev)
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
		receive_frame(e, ev);
		break;
	case LINK_RESUMED:
		on_resumed(e, ev);
		break;
	case LINK_FINISHED:
		on_finished(e, ev);
		break;
	case LINK_REFUSED:
	case LINK_LOST:
		on_lost(e, ev);
		break;
	default:
		break;
	}
}

/* ---- steps ---- */

/** Devices and RAM of a dead attempt. True when something moved. */
static bool scrub_step(struct engine *e)
{
	bool moved = false;

	e->dst.scrub_needed = !scrub_slice(e, &e->dst.scrub, &moved);
	return moved;
}

static bool finalise_step(struct engine *e)
{
	struct destination *dst = &e->dst;
	uint32_t failed = 0;
	enum err err;

	if (!dst->finalise_begun) {
		dst->finalise_begun = true;
		if (device_stream_intact(e) != ERR_OK) {
			engine_fail(e, HANDOVER_EV_FAIL, "%s", e->reason);
			return true;
		}
		e->reason[0] = '\0';
		err = e->vm.ops->records_complete(e->vm.ctx, e->reason);
		if (err != ERR_OK) {
			engine_fail(e, HANDOVER_EV_FAIL, "VM records: %s", e->reason);
			return true;
		}
		device_set_goto(&e->devices, DEVICE_STOP);
	}
	err = device_set_poll(&e->devices, engine_now(e), &failed);
	if (err == ERR_AGAIN) {
		return false;
	}
	if (err != ERR_OK) {
		engine_fail_device(e, failed, "refused its image");
		return true;
	}
	dst->finalise_us = engine_now(e) - dst->load_begun_us;
	receive_digest(e);
	(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_LOADED);
	return true;
}

static bool verify_step(struct engine *e)
{
	if (engine_hash_ram(e, &e->dst.ram_hash, &e->dst.hash_page)) {
		e->hash->finish(&e->dst.ram_hash, e->dst.ram_hash_value);
		e->dst.phase = DST_FINALISE;
	}
	return true;
}

static bool load_step(struct engine *e)
{
	uint32_t failed = 0;
	enum err err = device_set_poll(&e->devices, engine_now(e), &failed);
	bool moved;

	if (err != ERR_OK && err != ERR_AGAIN) {
		engine_fail_device(e, failed, "cannot receive");
		return true;
	}
	if (e->dst.phase == DST_OPEN) {
		return false;
	}
	moved = receive_step(e);
	moved = (e->dst.phase == DST_LOAD && device_stream_load_step(e)) || moved;
	if (e->dst.phase == DST_LOAD && receive_page_missing(e)) {
		engine_fail(e, HANDOVER_EV_FAIL, "%llu of %llu pages never came",
			(unsigned long long)(e->dst.ram.page_count - e->dst.ram.received_count),
			(unsigned long long)e->dst.ram.page_count);
		return true;
	}
	if (e->dst.phase == DST_LOAD && e->dst.prepared_sent && receive_all_here(e)) {
		e->dst.load_begun_us = engine_now(e);
		e->dst.hash_page = 0;
		e->hash->start(&e->dst.ram_hash);
		e->dst.phase = (e->dst.flags & CTRL_FLAG_VERIFY_RAM) != 0 ? DST_VERIFY : DST_FINALISE;
		moved = true;
	}
	return moved;
}

bool destination_step(struct engine *e)
{
	struct destination *dst = &e->dst;

	if (e->role != ROLE_DESTINATION) {
		return false;
	}
	if (dst->accept_err != ERR_OK) {
		enum err err = dst->accept_err;

		dst->accept_err = ERR_OK;
		engine_fail(e, HANDOVER_EV_FAIL, "the hello could not be answered: %s", err_name(err));
		return true;
	}
	switch (dst->phase) {
	case DST_LISTEN:
		return dst->scrub_needed && scrub_step(e);
	case DST_CLEAN:
		if (dst->scrub_needed) {
			return scrub_step(e);
		}
		new_attempt(e);
		return true;
	case DST_OPEN:
	case DST_LOAD:
		return load_step(e);
	case DST_VERIFY:
		return verify_step(e);
	case DST_FINALISE:
		return finalise_step(e);
	case DST_PAUSED:
		if (!dst->hold) { /* it was paused at the source: it stays so, and this host answers for it */
			dst->running_us = engine_now(e);
			dst->started = true;
			dst->phase = DST_RUNNING;
			(void)engine_post(e, HANDOVER_DST, HANDOVER_EV_STARTED);
			engine_set_status(e, MIG_STATUS_COMPLETED);
			return true;
		}
		return false;
	default:
		return false;
	}
}

bool destination_polling(const struct engine *e)
{
	return e->role == ROLE_DESTINATION &&
	       (e->dst.scrub_needed || (e->dst.phase >= DST_CLEAN && e->dst.phase < DST_READY));
}
