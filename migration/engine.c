/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The engine as a whole: start, step, posting to the hand-over, sending, notes. */
#include <stdarg.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/engine_ctx.h"

void engine_log(struct engine *e, enum log_level level, const char *format, ...)
{
	char line[REASON_BYTES];
	va_list args;

	va_start(args, format);
	(void)vfmt(line, sizeof(line), format, args);
	va_end(args);
	e->host.ops->log(e->host.ctx, level, line);
}

/** Room for one more: the oldest pass goes first, else the oldest of all. The newest status is never dropped. */
static void notes_make_room(struct engine *e)
{
	uint32_t victim = 0;

	for (uint32_t i = 0; i < e->note_count; i++) {
		if (e->notes[i].event == ENGINE_EV_PASS) {
			victim = i;
			break;
		}
	}
	memmove(&e->notes[victim], &e->notes[victim + 1], (e->note_count - victim - 1) * sizeof(e->notes[0]));
	e->note_count--;
}

void engine_note(struct engine *e, enum engine_event event, uint64_t value)
{
	if (e->note_count == ENGINE_NOTES_MAX) {
		notes_make_room(e);
	}
	e->notes[e->note_count] = (struct engine_note){ .event = event, .value = value };
	e->note_count++;
}

bool engine_take_note(struct engine *e, struct engine_note *out)
{
	if (e->note_count == 0) {
		return false;
	}
	*out = e->notes[0];
	memmove(&e->notes[0], &e->notes[1], (e->note_count - 1) * sizeof(e->notes[0]));
	e->note_count--;
	return true;
}

void engine_set_status(struct engine *e, enum migration_status status)
{
	if (e->status != status) {
		e->status = status;
		engine_log(e, LOG_INFO, "migration: status %s, owner %s", migration_status_name(status),
			owner_name(e->owner));
		engine_note(e, ENGINE_EV_STATUS, (uint64_t)status);
	}
}

void engine_set_error(struct engine *e, const char *format, ...)
{
	va_list args;

	if (e->error_desc[0] != '\0') {
		return;
	}
	va_start(args, format);
	(void)vfmt(e->error_desc, sizeof(e->error_desc), format, args);
	va_end(args);
	engine_log(e, LOG_ERROR, "migration: %s", e->error_desc);
}

static const uint16_t says[HANDOVER_DO_COUNT] = {
	[HANDOVER_DO_SEND_PREPARE] = CTRL_PREPARE,
	[HANDOVER_DO_SEND_PREPARED] = CTRL_PREPARED,
	[HANDOVER_DO_SEND_READY] = CTRL_READY,
	[HANDOVER_DO_SEND_COMMIT] = CTRL_COMMIT,
	[HANDOVER_DO_SEND_TAKEN] = CTRL_TAKEN,
	[HANDOVER_DO_SEND_RUNNING] = CTRL_RUNNING,
	[HANDOVER_DO_SEND_RETIRED] = CTRL_RETIRED,
	[HANDOVER_DO_SEND_SETTLED] = CTRL_SETTLED,
	[HANDOVER_DO_SEND_DECLINED] = CTRL_DECLINED,
	[HANDOVER_DO_SEND_STATUS] = CTRL_STATUS,
	[HANDOVER_DO_SEND_UNKNOWN] = CTRL_UNKNOWN,
	[HANDOVER_DO_SEND_KEPT] = CTRL_KEPT,
};

static const uint8_t stores[HANDOVER_DO_COUNT] = {
	[HANDOVER_DO_STORE_IN_DOUBT] = MARK_IN_DOUBT,
	[HANDOVER_DO_STORE_HOME] = MARK_HOME,
	[HANDOVER_DO_STORE_AWAY] = MARK_AWAY,
};

uint16_t engine_says(enum handover_action action)
{
	return says[action];
}

/** What is particular to a side first, then the message or mark that is the same for both. */
static void action_do(struct engine *e, enum handover_side side, enum handover_action action)
{
	if (action == HANDOVER_DO_NONE) {
		return;
	}
	if (side == HANDOVER_SRC) {
		source_action(e, action);
	} else {
		destination_action(e, action);
	}
	if (stores[action] != MARK_NONE) {
		engine_store_mark(e, (enum mark_kind)stores[action]);
	}
	if (says[action] != 0 && (action != HANDOVER_DO_SEND_RUNNING || e->dst.started)) {
		engine_send(e, says[action], e->error_desc[0] != '\0' ? e->error_desc : "aborted by the source");
	}
}

enum err engine_post(struct engine *e, enum handover_side side, enum handover_event event)
{
	enum handover_action actions[HANDOVER_ACTIONS_MAX];
	enum owner before = e->owner;
	enum err err = handover_post(side, &e->owner, event, actions);

	if (err != ERR_OK) {
		return err;
	}
	if (e->owner != before) {
		e->vm.ops->owner_set(e->vm.ctx, e->owner);
		engine_log(e, LOG_INFO, "hand-over: %s, %s: %s (attempt %u, gen %llu)", owner_name(before),
			handover_event_name(event), owner_name(e->owner), e->attempt.number,
			(unsigned long long)e->attempt.gen);
	}
	for (uint32_t i = 0; i < HANDOVER_ACTIONS_MAX; i++) {
		action_do(e, side, actions[i]);
	}
	return ERR_OK;
}

/** Does this event end an attempt that its operator has to be told of? Otherwise the hand-over goes on without it. */
static bool fatal(const struct engine *e, enum handover_event event)
{
	uint32_t always = BIT32(OWNER_PREPARING) | BIT32(OWNER_HELD) | BIT32(OWNER_LOADING) |
			  (e->role == ROLE_SOURCE ? BIT32(OWNER_OWN) : 0);

	return (always & BIT32(e->owner)) != 0 || (e->owner == OWNER_READY && event != HANDOVER_EV_LOST) ||
	       (e->owner == OWNER_UNKNOWN && event == HANDOVER_EV_DECLINED);
}

void engine_fail(struct engine *e, enum handover_event event, const char *format, ...)
{
	enum handover_side side = e->role == ROLE_DESTINATION ? HANDOVER_DST : HANDOVER_SRC;
	char text[REASON_BYTES];
	va_list args;

	va_start(args, format);
	(void)vfmt(text, sizeof(text), format, args);
	va_end(args);
	if (handover_arc(side, e->owner, event) == NULL || !e->alive) {
		engine_log(e, LOG_WARN, "migration: %s (%s in %s: ignored)", text, handover_event_name(event),
			owner_name(e->owner));
		return;
	}
	if (fatal(e, event)) {
		engine_set_error(e, "%s", text);
		e->src.end_status = MIG_STATUS_FAILED;
	} else {
		engine_log(e, LOG_WARN, "migration: %s", text);
	}
	(void)engine_post(e, side, event);
}

void engine_fail_device(struct engine *e, uint32_t k, const char *what)
{
	device_failure(&e->devices.run[k], what, e->reason);
	engine_fail(e, HANDOVER_EV_FAIL, "%s", e->reason);
}

void engine_send(struct engine *e, uint16_t type, const char *text)
{
	struct ctrl *m;

	if (!e->connected) {
		return; /* whoever reconnects asks STATUS first */
	}
	if (e->outbox_count == ENGINE_OUTBOX_MAX) {
		engine_log(e, LOG_WARN, "hand-over: no room to send %s", ctrl_name(type));
		return; /* as lost on the way: deadlines and STATUS repair it */
	}
	m = &e->outbox[e->outbox_count];
	*m = (struct ctrl){ .type = type,
		.number = e->attempt.number,
		.source_boot = e->attempt.source_boot,
		.random = e->attempt.random,
		.gen = e->attempt.gen,
		.epoch = e->epoch };
	if (text != NULL) {
		(void)text_copy(m->text, sizeof(m->text), text);
	}
	e->outbox_count++;
}

/** Values that are right only at the moment of sending. */
static void message_complete(struct engine *e, struct ctrl *m)
{
	switch (m->type) {
	case CTRL_PREPARE:
		m->flags = e->caps.x_verify_ram ? CTRL_FLAG_VERIFY_RAM : 0;
		break;
	case CTRL_READY:
		m->boot = e->link.ops->boot(e->link.ctx);
		memcpy(m->digest, e->dst.digest, HASH_BYTES);
		m->time = e->dst.finalise_us;
		break;
	case CTRL_COMMIT:
		memcpy(m->digest, e->src.digest, HASH_BYTES);
		m->time = e->host.ops->time_ns(e->host.ctx) - e->power.parked_ns;
		m->flags = (e->src.was_running ? CTRL_FLAG_WAS_RUNNING : 0) |
			   (e->params.x_clock_freeze ? CTRL_FLAG_CLOCK_FREEZE : 0);
		break;
	case CTRL_SWITCHOVER_ACK:
		m->time = e->initials;
		break;
	case CTRL_RUNNING:
		m->time = e->dst.running_us > e->dst.commit_us ? e->dst.running_us - e->dst.commit_us : 0;
		break;
	default:
		break;
	}
}

static bool outbox_step(struct engine *e)
{
	uint8_t bytes[CTRL_BYTES_MAX];
	size_t len;
	enum err err;

	if (e->outbox_count == 0) {
		return false;
	}
	message_complete(e, &e->outbox[0]);
	len = ctrl_encode(&e->outbox[0], bytes);
	err = e->link.ops->send(e->link.ctx, e->outbox[0].type, bytes, len);
	if (err == ERR_FULL || err == ERR_AGAIN) {
		return false;
	}
	engine_log(e, LOG_DEBUG, "hand-over: %s %s", ctrl_name(e->outbox[0].type), err == ERR_OK ? "sent" : "lost");
	memmove(&e->outbox[0], &e->outbox[1], (e->outbox_count - 1) * sizeof(e->outbox[0]));
	e->outbox_count--;
	return true;
}

bool engine_attempt_is(const struct engine *e, const struct ctrl *m)
{
	return m->number == e->attempt.number && m->source_boot == e->attempt.source_boot &&
	       m->random == e->attempt.random && m->gen == e->attempt.gen;
}

void engine_store_mark(struct engine *e, enum mark_kind kind)
{
	struct owner_mark mark = { .kind = kind, .gen = e->gen };

	if (kind != MARK_HOME) {
		mark.gen = e->attempt.gen;
		mark.source = e->role == ROLE_SOURCE;
		mark.attempt_number = e->attempt.number;
		mark.attempt_random = e->attempt.random;
		mark.source_boot = e->attempt.source_boot;
		(void)text_copy(mark.peer, sizeof(mark.peer), e->peer);
		if (mark.source) {
			mark.peer_addr = e->src.connect.to;
		}
	}
	if (kind != MARK_IN_DOUBT) { /* an offered gen that is never run may be offered again */
		e->gen_seen = MAX(e->gen_seen, mark.gen);
	}
	mark_put(&e->marks, &mark);
}

void engine_link_end(struct engine *e)
{
	e->closing = CLOSE_NONE;
	e->connected = false;
	e->outbox_count = 0;
	e->link.ops->blackout(e->link.ctx, false);
	e->link.ops->forget(e->link.ctx);
}

void engine_close(struct engine *e, enum close_phase how)
{
	uint64_t now = engine_now(e);

	e->closing = how;
	e->close_deadline_us = now + ENGINE_CLOSE_US;
	if (how == CLOSE_ORDER) {
		e->link.ops->finish(e->link.ctx);
	}
	if (how == CLOSE_CHASE) {
		e->chase_until_us = now + ENGINE_CHASE_US;
		e->src.backoff_us = ENGINE_BACKOFF_MIN_US;
		e->src.reconnect_us = now + e->src.backoff_us;
		e->src.reconnecting = false;
	}
}

static bool closing_step(struct engine *e)
{
	if (e->closing == CLOSE_NONE || e->closing == CLOSE_CHASE || engine_now(e) < e->close_deadline_us) {
		return false;
	}
	e->link.ops->abort(e->link.ctx);
	engine_link_end(e);
	return true;
}

static bool mark_poll(struct engine *e)
{
	enum mark_kind kind;
	enum err err;
	enum handover_event event;
	bool current; /* a slow store may end after its attempt did */

	if (!mark_step(&e->marks, &e->host, e->desc.name, &kind, &err)) {
		return false;
	}
	event = err == ERR_OK ? HANDOVER_EV_STORED : HANDOVER_EV_STORE_FAILED;
	current = kind == MARK_IN_DOUBT ? e->marks.storing.attempt_random == e->attempt.random
					: e->marks.storing.gen == e->gen;
	if (err != ERR_OK) {
		engine_log(e, LOG_ERROR, "hand-over: the owner mark was not stored: %s", err_name(err));
	}
	if (!current) {
		return true;
	}
	if (kind == MARK_IN_DOUBT && e->owner == OWNER_PREPARING) {
		if (err == ERR_OK) {
			e->src.store_done = true;
			(void)engine_post(e, HANDOVER_SRC, event);
		} else {
			engine_fail(e, event, "this host could not store its owner mark: %s", err_name(err));
		}
	} else if (kind == MARK_IN_DOUBT && e->owner == OWNER_LOADING) {
		if (err == ERR_OK) {
			(void)engine_post(e, HANDOVER_DST, event);
		} else {
			engine_fail(e, event, "this host could not store its owner mark: %s", err_name(err));
		}
	} else if (kind == MARK_HOME && e->owner == OWNER_OWN && e->role == ROLE_DESTINATION) {
		(void)engine_post(e, HANDOVER_DST, event);
	}
	return true;
}

/** STOP and RESUME are told when the VM really stands or runs. */
static void tell_run_state(struct engine *e)
{
	if (e->power.running != e->reported_running && (e->power.running || e->power.phase != POWER_PARKING)) {
		e->reported_running = e->power.running;
		engine_note(e, e->power.running ? ENGINE_EV_RESUME : ENGINE_EV_STOP, 0);
	}
}

static bool power_step(struct engine *e)
{
	enum power_phase before = e->power.phase;
	enum err err;

	if (before == POWER_STEADY) {
		return false;
	}
	err = power_poll(&e->power, &e->vm, &e->devices, &e->host);
	tell_run_state(e);
	if (err == ERR_AGAIN) {
		return e->power.phase != before;
	}
	e->device_fault = err != ERR_OK;
	if (err != ERR_OK) {
		engine_log(e, LOG_ERROR, "VM: %s", e->power.reason);
	}
	destination_power_done(e, err);
	return true;
}

static bool link_step(struct engine *e)
{
	struct link_event ev = { .kind = LINK_NONE };

	e->link.ops->poll(e->link.ctx, &ev);
	if (ev.kind == LINK_NONE) {
		return false;
	}
	if (e->role == ROLE_SOURCE) {
		source_event(e, &ev);
	} else if (e->role == ROLE_DESTINATION) {
		destination_event(e, &ev);
	} else if (ev.kind == LINK_FRAME) {
		e->link.ops->frame_done(e->link.ctx, ev.frame);
	} else if (ev.kind == LINK_HELLO) {
		e->link.ops->refuse(e->link.ctx, "this host is not waiting for a VM");
	}
	return true;
}

/** One slice of each thing that may be under way. True when something moved. */
static bool step_once(struct engine *e)
{
	bool moved = link_step(e);

	moved |= power_step(e);
	moved |= mark_poll(e);
	moved |= source_step(e);
	moved |= destination_step(e);
	moved |= outbox_step(e);
	moved |= closing_step(e);
	return moved;
}

static uint64_t next_step_us(const struct engine *e)
{
	uint64_t now = engine_now(e);

	if (e->power.phase != POWER_STEADY || e->marks.busy || source_polling(e) || destination_polling(e)) {
		return now + ENGINE_POLL_US;
	}
	if (e->role == ROLE_NONE || (e->role == ROLE_SOURCE && !source_busy(e) && e->closing == CLOSE_NONE)) {
		return now + ENGINE_IDLE_US;
	}
	return now + ENGINE_LINK_POLL_US;
}

uint64_t engine_step(struct engine *e, uint32_t budget_us)
{
	uint64_t end = engine_now(e) + budget_us;

	for (uint32_t turn = 0; turn < ENGINE_TURNS_MAX; turn++) {
		if (!step_once(e)) {
			return next_step_us(e);
		}
		if (engine_now(e) >= end) {
			break;
		}
	}
	return 0;
}

bool engine_hash_ram(struct engine *e, struct hash_state *h, uint64_t *page)
{
	for (uint32_t i = 0; i < 4 && *page < e->desc.page_count; i++) {
		uint8_t *bytes;

		/* A page that cannot be read was refused before. */
		if (e->vm.ops->page_borrow(e->vm.ctx, *page, PAGE_READ, &bytes) == ERR_OK) {
			e->hash->add(h, bytes, PAGE_BYTES);
			e->vm.ops->page_return(e->vm.ctx, *page, PAGE_READ);
		}
		(*page)++;
	}
	return *page >= e->desc.page_count;
}

static enum err check_shape(const struct engine *e, const struct engine_config *config, char *reason)
{
	uint64_t sum = 0;

	if (e->desc.ram_region_count == 0 || e->desc.ram_region_count > VM_RAM_REGIONS_MAX) {
		fmt(reason, REASON_BYTES, "%u RAM regions, 1 to %u are possible", e->desc.ram_region_count,
			VM_RAM_REGIONS_MAX);
		return ERR_RANGE;
	}
	for (uint32_t i = 0; i < e->desc.ram_region_count; i++) {
		sum += e->desc.ram[i].page_count;
	}
	if (sum != e->desc.page_count || sum == 0 || e->desc.id_reg_count > VM_ID_REGS_MAX) {
		fmt(reason, REASON_BYTES, "VM of %llu pages, its regions have %llu",
			(unsigned long long)e->desc.page_count, (unsigned long long)sum);
		return ERR_RANGE;
	}
	if (config->bitmap_words < ENGINE_BITMAP_WORDS(sum)) {
		fmt(reason, REASON_BYTES, "bitmap memory: %zu words, %llu are needed", config->bitmap_words,
			(unsigned long long)ENGINE_BITMAP_WORDS(sum));
		return ERR_RANGE;
	}
	return ERR_OK;
}

/** Booted on in-doubt or away: nothing starts, and a source asks the peer what became of the attempt. */
static void ask_peer(struct engine *e, const struct engine_config *config, const struct owner_mark *mark)
{
	uint64_t now = engine_now(e);

	e->owner = OWNER_UNKNOWN;
	(void)text_copy(e->peer, sizeof(e->peer), mark->peer);
	if (!mark->source) {
		return;
	}
	e->attempt.source_boot = mark->source_boot;
	e->attempt.number = mark->attempt_number;
	e->attempt.random = mark->attempt_random;
	e->attempt.gen = mark->gen;
	(void)text_copy(e->attempt.vm, sizeof(e->attempt.vm), e->desc.name);
	e->src.phase = SRC_GIVEN;
	e->src.connect.to = mark->peer_addr;
	e->src.connect.channel_count = 1;
	(void)text_copy(e->src.connect.peer_id, sizeof(e->src.connect.peer_id), mark->peer);
	e->src.was_running = config->autostart;
	e->src.backoff_us = ENGINE_BACKOFF_MIN_US;
	e->src.begun_us = now;
	e->src.ask_until_us = now + ENGINE_ASK_US;
	e->src.end_status = MIG_STATUS_FAILED;
	e->role = ROLE_SOURCE;
	e->alive = true;
}

/** Who owns the VM at power-on: the mark says, else the configuration. */
static enum err owner_at_boot(struct engine *e, const struct engine_config *config, char *reason)
{
	struct owner_mark mark = { .kind = MARK_NONE };
	enum err err = ERR_OK;

	if (e->host.ops->mark_load != NULL) {
		err = e->host.ops->mark_load(e->host.ctx, e->desc.name, &mark);
	}
	if (err != ERR_OK) {
		fmt(reason, REASON_BYTES, "the owner mark of %s cannot be read: %s", e->desc.name, err_name(err));
		return err;
	}
	e->marks.base = mark;
	e->gen = mark.gen;
	switch (mark.kind) {
	case MARK_IN_DOUBT:
		e->gen = mark.gen - (mark.gen != 0 ? 1 : 0); /* the offer was the owner's gen + 1 */
		e->marks.base = (struct owner_mark){ .kind = MARK_NONE };
		ask_peer(e, config, &mark);
		break;
	case MARK_AWAY:
		ask_peer(e, config, &mark);
		break;
	case MARK_HOME:
		e->owner = OWNER_OWN;
		break;
	default:
		e->owner = config->own ? OWNER_OWN : OWNER_NONE;
		e->gen = config->own ? 1 : 0;
		break;
	}
	e->gen_seen = e->gen;
	return ERR_OK;
}

enum err engine_init(struct engine *e, const struct engine_config *config, char *reason)
{
	enum err err;

	memset(e, 0, sizeof(*e));
	reason[0] = '\0';
	e->host = config->host;
	e->vm = config->vm;
	e->link = config->link;
	e->hash = config->hash;
	e->power.failed = DEVICE_COUNT_MAX;
	params_default(&e->params);
	e->caps = (struct migration_caps){ .multifd = true, .events = true };
	e->vm.ops->describe(e->vm.ctx, &e->desc);
	e->desc.name[VM_NAME_MAX - 1] = '\0';
	err = check_shape(e, config, reason);
	if (err == ERR_OK) {
		err = device_set_init(&e->devices, config->devices, config->device_count, reason);
	}
	if (err == ERR_OK) {
		err = owner_at_boot(e, config, reason);
	}
	if (err != ERR_OK) {
		return err;
	}
	e->tx_map = config->bitmap;
	e->rx_map = config->bitmap + BITMAP_WORDS(e->desc.page_count);
	e->vm.ops->owner_set(e->vm.ctx, e->owner);
	e->guest_state = VM_RUNNING;
	e->power.running = owner_may_run(e->owner) && e->vm.ops->run_state(e->vm.ctx) == VM_RUNNING;
	e->power.run_wanted = e->power.running;
	e->reported_running = e->power.running;
	if (e->owner == OWNER_OWN && config->autostart && !e->power.running) {
		power_start(&e->power, &e->devices, true);
	}
	return ERR_OK;
}
