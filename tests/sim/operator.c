/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The operator: moves the VM from host to host, does foolish but harmless things on the way, and when the faults are over
 * does what next-action asks, never with a false word about fencing.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/sim/console.h"
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

#define HOP_US	   60000000u  /* of one migration, before the operator gives up */
#define ASKED_US   30000000u  /* a source in doubt has had its answer by then, if its peer listens */
#define PEACE_US   45000000u  /* all resolves itself by then, if it can */
#define RESOLVE_US 150000000u /* and by then with the operator's help */

static const char *const ids[LEDGER_HOSTS] = { "alpha", "beta", "gamma" };

static struct engine *engine_of(struct world *w, uint32_t host)
{
	return &w->hosts[host].gw->engine;
}

static void say(struct world *w, uint32_t host, const char *what, enum err err, const char *reason)
{
	journal_line(&w->journal, host, "> %s%s%s", what, err == ERR_OK ? "" : ": ", err == ERR_OK ? "" : reason);
	w->hosts[host].wake_us = w->now_us;
}

/* ---- commands ---- */

static enum err command(struct world *w, uint32_t host, const char *what)
{
	char reason[REASON_BYTES] = "";
	enum err err = console_command(w, host, what, NULL, reason);

	say(w, host, what, err, reason);
	return err;
}

static enum err resolve(struct world *w, uint32_t host, enum resolve_action action, bool force, const char *what)
{
	static const char *const words[] = { "recall", "discard", "take", "take-back", "ask" };
	bool fenced = action == RESOLVE_TAKE || action == RESOLVE_TAKE_BACK;
	bool other = fenced && host_owner(&w->hosts[host]) != OWNER_TAKEN; /* another image than has run goes on */
	char arguments[96], reason[REASON_BYTES] = "";
	enum err err;

	if (other) {
		w->ledger.fall_back[host] = true; /* cleared if it is refused */
	}
	(void)snprintf(arguments, sizeof(arguments), "{\"action\": \"%s\"%s%s}", words[action],
		fenced ? ", \"all-fenced\": true" : "", force ? ", \"force\": true" : "");
	err = console_command(w, host, "x-migrate-resolve", arguments, reason);
	if (other) {
		w->ledger.fall_back[host] = err == ERR_OK;
		w->ledger.resumed[host] = true;
		w->op.took |= err == ERR_OK;
	}
	say(w, host, what, err, reason);
	return err;
}

/* A host that listens for another source is told to stop that first. */
static void listen_for(struct world *w, uint32_t host, uint32_t peer)
{
	struct migration_params params;

	engine_params_get(engine_of(w, host), &params);
	if (engine_of(w, host)->incoming && strcmp(params.tls_authz, ids[peer]) != 0) {
		(void)command(w, host, "migrate_cancel");
	}
}

static void set_parameters(struct world *w, uint32_t host, uint32_t peer, bool peace)
{
	struct engine *e = engine_of(w, host);
	const struct plan *p = &w->plan;
	struct migration_params params;
	char reason[REASON_BYTES] = "";
	enum err err;

	engine_params_get(e, &params);
	params.max_bandwidth = peace ? 0 : p->max_bandwidth;
	params.downtime_limit_ms = peace ? 20000 : p->downtime_ms;
	params.multifd_channels = p->channels;
	params.x_link_timeout_ms = peace ? 3000 : p->link_timeout_ms;
	params.x_handover_timeout_ms = peace ? 0 : p->handover_ms;
	params.x_clock_freeze = p->freeze;
	params.x_round_max = peace ? 0 : p->round_max;
	params.x_round_min = peace ? 0 : p->round_min;
	params.x_pause_at_commit = p->pause_at_commit;
	(void)text_copy(params.tls_hostname, sizeof(params.tls_hostname), ids[peer]);
	(void)text_copy(params.tls_authz, sizeof(params.tls_authz), ids[peer]);
	err = console_parameters(w, host, &params, p->verify_ram, reason);
	if (err != ERR_OK) {
		say(w, host, "migrate-set-parameters", err, reason);
	}
}

static enum err incoming(struct world *w, uint32_t host)
{
	char reason[REASON_BYTES] = "";
	enum err err;

	if (engine_of(w, host)->incoming) {
		return ERR_OK;
	}
	err = console_command(w, host, "migrate-incoming", "{\"uri\": \"tcp:0:4444\"}", reason);
	say(w, host, "migrate-incoming", err, reason);
	return err;
}

static enum err migrate(struct world *w, uint32_t from, uint32_t to)
{
	char arguments[48], reason[REASON_BYTES] = "";
	enum err err;

	(void)snprintf(arguments, sizeof(arguments), "{\"uri\": \"tcp:10.0.0.%u:4444\"}", to + 1u);
	err = console_command(w, from, "migrate", arguments, reason);
	say(w, from, "migrate", err, reason);
	return err;
}

/* ---- what the operator sees ---- */

static bool at_work(struct world *w, uint32_t host)
{
	const struct engine *e = engine_of(w, host);

	return e->role == ROLE_SOURCE && (e->alive || e->src.phase != SRC_IDLE || e->closing != CLOSE_NONE);
}

static uint32_t owner_host(struct world *w)
{
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		if (w->hosts[i].powered && host_owner(&w->hosts[i]) == OWNER_OWN) {
			return i;
		}
	}
	return LEDGER_NOBODY;
}

static bool device_broken(struct world *w, uint32_t host)
{
	for (uint32_t i = 0; i < w->plan.device_count; i++) {
		if (engine_of(w, host)->devices.run[i].now == DEVICE_ERROR) {
			return true;
		}
	}
	return false;
}

/* A host that is in doubt with another attempt than this one may be told that it is void, and go on. */
static bool may_go_on(const struct owner_mark *mark, const struct engine *here)
{
	return mark->kind == MARK_IN_DOUBT && mark->source && mark->attempt_random != here->attempt.random;
}

/*
 * Is it true that every other host is off, or does not own the VM and will never start it by itself? The
 * operator of this world sees everything.
 */
static bool all_fenced(struct world *w, uint32_t host)
{
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		const struct sim_host *h = &w->hosts[i];
		enum owner owner = host_owner(h);

		if (i == host) {
			continue;
		}
		if (!h->powered && (!h->store.present || (h->store.mark.kind != MARK_HOME &&
								 !may_go_on(&h->store.mark, engine_of(w, host))))) {
			continue; /* off, and will not start it */
		}
		if (owner == OWNER_UNKNOWN && may_go_on(&h->store.mark, engine_of(w, host))) {
			return false;
		}
		if (h->powered && owner == OWNER_GIVEN && host_owner(&w->hosts[host]) == OWNER_READY &&
			h->gw->engine.attempt.random == engine_of(w, host)->attempt.random) {
			continue; /* it runs the VM on DECLINED alone, and that will not come */
		}
		if (!h->powered || (owner != OWNER_NONE && owner != OWNER_VOID && owner != OWNER_UNKNOWN &&
					   !(owner == OWNER_GONE && !at_work(w, i)))) {
			return false;
		}
	}
	return true;
}

static void check_info(struct world *w, uint32_t from)
{
	struct migration_info info;
	uint64_t pages = w->plan.page_count, real = w->ledger.blackout_us;

	console_query(w, from);
	console_listen(w, from);
	if (engine_of(w, from)->src.ask_until_us != 0) {
		return; /* it restarted on the way, and learnt how it ended */
	}
	engine_info(engine_of(w, from), &info);
	if (info.ram.total_bytes != pages * PAGE_BYTES) {
		journal_violation(&w->journal, "query-migrate: total is %llu bytes, the VM has %llu",
			(unsigned long long)info.ram.total_bytes, (unsigned long long)pages * PAGE_BYTES);
	}
	if (info.ram.normal_pages + info.ram.zero_pages < pages ||
		info.ram.transferred_bytes < info.ram.normal_pages * PAGE_BYTES || info.ram.remaining_bytes != 0) {
		journal_violation(&w->journal,
			"query-migrate: %llu pages and %llu zero pages of %llu, %llu bytes, %llu remain",
			(unsigned long long)info.ram.normal_pages, (unsigned long long)info.ram.zero_pages,
			(unsigned long long)pages, (unsigned long long)info.ram.transferred_bytes,
			(unsigned long long)info.ram.remaining_bytes);
	}
	if (w->plan.faults == 0 && !w->plan.pause_at_commit) {
		uint64_t slack = 20000u + 4 * (w->plan.way.latency_us + w->plan.way.jitter_us) + 2 * w->plan.quantum_us;

		w->blackouts++;
		w->over_limit += real > w->plan.downtime_ms * 1000u ? 1 : 0;
		w->blackout_us_max = real > w->blackout_us_max ? real : w->blackout_us_max;
		if (info.downtime_us > real + slack || real > info.downtime_us + slack) {
			journal_violation(&w->journal, "query-migrate: downtime is %llu us, the guest stood %llu us",
				(unsigned long long)info.downtime_us, (unsigned long long)real);
		}
	}
}

/* ---- hops ---- */

static void phase(struct world *w, enum operator_phase next, uint64_t after_us)
{
	w->op.phase = next;
	for (uint32_t i = 0; i < w->plan.host_count && next == OP_DONE; i++) {
		w->op.taken_for_ever |= host_owner(&w->hosts[i]) == OWNER_TAKEN;
	}
	w->op.since_us = w->now_us;
	w->op.next_us = w->now_us + after_us;
}

static void hop_over(struct world *w)
{
	w->op.hop++;
	phase(w, w->op.hop == w->plan.hop_count || w->op.gave_up ? OP_QUIET : OP_HOP,
		chance_scale(&w->chance, 1000, 500000));
}

static void give_up(struct world *w, const char *why)
{
	if (w->plan.faults == 0) {
		journal_violation(&w->journal, "without any fault: %s", why);
	}
	journal_line(&w->journal, JOURNAL_WORLD, "the operator gives up: %s", why);
	hop_over(w);
}

/* Before anything was set: refused, and by name. */
static void hasty(struct world *w, uint32_t host)
{
	struct migration_params now;

	if (host_owner(&w->hosts[host]) == OWNER_UNKNOWN) {
		(void)resolve(w, host, RESOLVE_ASK, false, "ask");
	}
	engine_params_get(engine_of(w, host), &now);
	if (now.tls_hostname[0] == '\0' && now.tls_authz[0] == '\0' &&
		(migrate(w, host, (host + 1u) % w->plan.host_count) == ERR_OK || incoming(w, host) == ERR_OK)) {
		journal_violation(&w->journal, "%c migrates with whoever comes", "ABC"[host]);
	}
}

static void hop_begin(struct world *w)
{
	struct operator* op = & w->op;

	if (chance_one_in(&w->chance, 40)) {
		uint32_t any = (uint32_t)chance_below(&w->chance, w->plan.host_count);

		if (w->hosts[any].powered) {
			console_nonsense(w, any);
			hasty(w, any);
		}
	}
	op->from = owner_host(w);
	if (op->from == LEDGER_NOBODY || at_work(w, op->from)) {
		if (w->now_us - op->since_us > 20000000u) {
			give_up(w, "no host owns the VM");
		}
		return;
	}
	op->to = w->plan.hops[op->hop];
	if (op->to == op->from) {
		op->to = (op->to + 1u) % w->plan.host_count;
	}
	if (!engine_of(w, op->from)->power.run_wanted && w->now_us - op->since_us < 1000000u) {
		(void)command(w, op->from, "cont");
	}
	if (!w->hosts[op->to].powered) {
		return;
	}
	if (host_owner(&w->hosts[op->to]) == OWNER_UNKNOWN) {
		(void)resolve(w, op->to, RESOLVE_DISCARD, false, "discard");
	}
	listen_for(w, op->to, op->from);
	set_parameters(w, op->to, op->from, false);
	if (incoming(w, op->to) != ERR_OK) {
		if (w->now_us - op->since_us > 10000000u) {
			give_up(w, "the destination does not listen");
		}
		return;
	}
	phase(w, OP_MIGRATE, chance_scale(&w->chance, 10, 20000));
}

static void hop_migrate(struct world *w)
{
	struct operator* op = & w->op;

	if (!w->hosts[op->from].powered) {
		phase(w, OP_HOP, 1000);
		return;
	}
	set_parameters(w, op->from, op->to, false);
	if (migrate(w, op->from, op->to) != ERR_OK) {
		op->refused++;
		give_up(w, "migrate is refused");
		return;
	}
	op->attempts++;
	op->to_boots = w->hosts[op->to].boots;
	phase(w, OP_WAIT, 1000);
}

/* A foolish moment. */
static void meddle(struct world *w)
{
	uint32_t host = (uint32_t)chance_below(&w->chance, w->plan.host_count);

	if (!w->hosts[host].powered) {
		return;
	}
	if (plan_has(&w->plan, FAULT_STOP_CONT) && chance_one_in(&w->chance, 20)) {
		trace_fault(host_owner(&w->hosts[host]), FAULT_STOP_CONT);
		if (chance_one_in(&w->chance, 2)) {
			(void)command(w, host, "stop");
		} else {
			(void)command(w, host, "cont");
		}
	}
	if (plan_has(&w->plan, FAULT_CANCEL) && chance_one_in(&w->chance, 40)) {
		trace_fault(host_owner(&w->hosts[host]), FAULT_CANCEL);
		operator_meddles(w, host);
	}
}

void operator_meddles(struct world *w, uint32_t host)
{
	enum owner owner = host_owner(&w->hosts[host]);

	if (!w->hosts[host].powered) {
		return;
	}
	if ((owner == OWNER_READY || owner == OWNER_TAKEN) && all_fenced(w, host) && chance_one_in(&w->chance, 2)) {
		(void)resolve(w, host, RESOLVE_TAKE, false, "take, all-fenced");
		return;
	}
	if (owner == OWNER_UNKNOWN && chance_one_in(&w->chance, 2)) {
		(void)resolve(w, host, RESOLVE_ASK, false, "ask");
		return;
	}
	if ((owner == OWNER_GIVEN || owner == OWNER_GONE) && at_work(w, host) && all_fenced(w, host) &&
		chance_one_in(&w->chance, 2)) {
		(void)resolve(w, host, RESOLVE_TAKE_BACK, false, "take-back, all-fenced");
		return;
	}
	switch (chance_below(&w->chance, 8)) {
	case 0:
	case 1:
		(void)command(w, host, "migrate_cancel");
		break;
	case 5: /* takes one host for another */
		listen_for(w, host, (host + 2u) % w->plan.host_count);
		set_parameters(w, host, (host + 2u) % w->plan.host_count, false);
		(void)incoming(w, host);
		if (chance_one_in(&w->chance, 3)) {
			char reason[REASON_BYTES];

			(void)console_command(w, host, "migrate-incoming", "{\"uri\": \"tcp:0:4444\"}", reason);
		}
		break;
	case 6:
		set_parameters(w, host, (uint32_t)chance_below(&w->chance, w->plan.host_count), false);
		break;
	case 7:
		console_query(w, host);
		console_listen(w, host);
		break;
	case 2:
		(void)resolve(w, host, RESOLVE_RECALL, false, "recall");
		break;
	case 3:
		(void)resolve(w, host, RESOLVE_DISCARD, chance_one_in(&w->chance, 2), "discard");
		break;
	default:
		(void)migrate(w, host, (host + 1u) % w->plan.host_count);
		break;
	}
}

/* A VM that was held at COMMIT, or that some device held back, is told to go on. */
static void go_on(struct world *w)
{
	if (w->now_us < w->op.cont_us) {
		return;
	}
	w->op.cont_us = w->now_us + 700000u;
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		const struct engine *e = w->hosts[i].powered ? engine_of(w, i) : NULL;

		if (e != NULL && e->owner == OWNER_TAKEN &&
			((e->dst.phase == DST_PAUSED && e->dst.hold) || e->dst.phase == DST_STUCK)) {
			(void)command(w, i, "cont");
		}
	}
}

/* A destination that was restarted in the middle: it may be told to forget and to listen again. */
static void listen_again(struct world *w)
{
	struct operator* op = & w->op;
	enum owner owner = host_owner(&w->hosts[op->to]);

	if (!w->hosts[op->to].powered || w->hosts[op->to].boots == op->to_boots || !chance_one_in(&w->chance, 3)) {
		return;
	}
	if (owner == OWNER_UNKNOWN) {
		(void)resolve(w, op->to, RESOLVE_DISCARD, false, "discard");
	} else if (owner == OWNER_NONE && !engine_of(w, op->to)->incoming) {
		set_parameters(w, op->to, op->from, false);
		(void)incoming(w, op->to);
	}
}

static void hop_wait(struct world *w)
{
	struct operator* op = & w->op;
	struct migration_info info;

	if (!w->hosts[op->from].powered || engine_of(w, op->from)->role != ROLE_SOURCE) {
		give_up(w, "the source was powered off");
		return;
	}
	meddle(w);
	go_on(w);
	listen_again(w);
	engine_info(engine_of(w, op->from), &info);
	if (!at_work(w, op->from)) {
		if (info.status == MIG_STATUS_COMPLETED) {
			op->completed++;
			check_info(w, op->from);
			hop_over(w);
			return;
		}
		op->failed += info.status == MIG_STATUS_FAILED ? 1 : 0;
		op->cancelled += info.status == MIG_STATUS_CANCELLED ? 1 : 0;
		give_up(w, info.error_desc[0] != '\0' ? info.error_desc : migration_status_name(info.status));
		return;
	}
	if (host_owner(&w->hosts[op->from]) == OWNER_GONE && engine_of(w, op->from)->src.scrubbed &&
		w->now_us - op->since_us > 20000000u) {
		give_up(w, "RETIRED is not answered");
		return;
	}
	if (w->now_us - op->since_us > HOP_US) {
		(void)command(w, op->from, "migrate_cancel");
		op->gave_up = true;
		give_up(w, "it takes too long");
		return;
	}
	op->next_us = w->now_us + chance_scale(&w->chance, 500, 20000);
}

/* ---- peace ---- */

static void peace_begin(struct world *w)
{
	w->quiet = true;
	chaos_end(w);
	journal_line(&w->journal, JOURNAL_WORLD, "the faults are over");
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		if (w->hosts[i].powered && at_work(w, i) && host_owner(&w->hosts[i]) != OWNER_GIVEN &&
			host_owner(&w->hosts[i]) != OWNER_GONE) {
			(void)command(w, i, "migrate_cancel");
		}
	}
	phase(w, OP_RESOLVE, 1000);
}

/** Nothing will change here without somebody doing something. */
static bool settled(struct world *w, uint32_t i)
{
	enum owner owner = host_owner(&w->hosts[i]);
	const struct engine *e;

	if (!w->hosts[i].powered) {
		return false;
	}
	e = engine_of(w, i);
	if (owner == OWNER_GONE && e->src.scrubbed && w->now_us - w->op.since_us > 10000000u) {
		return true; /* RETIRED goes unheard: its destination restarted; nothing is missing here */
	}
	if (owner == OWNER_UNKNOWN && w->now_us - w->op.since_us > ASKED_US) {
		return true; /* it asks in vain */
	}
	if (at_work(w, i) || e->power.phase != POWER_STEADY || e->marks.busy || e->marks.queued) {
		return false;
	}
	return owner == OWNER_OWN || owner == OWNER_NONE || owner == OWNER_VOID || owner == OWNER_GONE ||
	       owner == OWNER_UNKNOWN;
}

/** Does some host still hold the VM as it is, or as it was given away? */
static bool image_alive(struct world *w)
{
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		enum owner owner = host_owner(&w->hosts[i]);

		if (w->hosts[i].powered &&
			(owner_may_run(owner) || owner == OWNER_HELD || owner == OWNER_GIVEN ||
				(owner == OWNER_GONE && at_work(w, i) && !engine_of(w, i)->src.scrubbed) ||
				owner == OWNER_READY)) {
			return true;
		}
	}
	return false;
}

/** Somebody must be told what to do. */
static void check_told(struct world *w)
{
	bool told = false;
	uint32_t waits = LEDGER_NOBODY;

	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		struct migration_info info;
		enum owner owner = host_owner(&w->hosts[i]);

		if (!w->hosts[i].powered) {
			continue;
		}
		engine_info(engine_of(w, i), &info);
		told |= info.next_action[0] != '\0'; /* also by one that waits for nothing itself */
		if (settled(w, i)) {
			continue;
		}
		waits = i;
		if (owner == OWNER_PREPARING || owner == OWNER_HELD || owner == OWNER_LOADING) {
			journal_violation(&w->journal, "%c is still %s %u s after the last fault", "ABC"[i],
				owner_name(owner), PEACE_US / 1000000u);
		}
		journal_line(&w->journal, i, "next-action (%s): %s", owner_name(owner), info.next_action);
	}
	if (waits != LEDGER_NOBODY && !told) {
		journal_violation(&w->journal, "%c is %s, and no next-action is named", "ABC"[waits],
			owner_name(host_owner(&w->hosts[waits])));
	}
}

/** One thing that next-action asks for. */
static void help(struct world *w)
{
	go_on(w);
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		enum owner owner = host_owner(&w->hosts[i]);

		if (!w->hosts[i].powered) {
			continue;
		}
		if (owner == OWNER_TAKEN && device_broken(w, i) && !w->hosts[i].guest.running) {
			journal_line(&w->journal, i, "> a device cannot be repaired: power cycle, then take-back");
			host_power_off(&w->hosts[i]);
			w->hosts[i].on_us = w->now_us + 1000000u;
			return;
		}
		if (owner == OWNER_GIVEN && owner_host(w) != LEDGER_NOBODY && !engine_of(w, i)->connected &&
			chance_one_in(&w->chance, 8)) {
			/* The VM was taken by word, and moved on: nobody listens for this attempt any more. */
			journal_line(&w->journal, i, "> the image here is an old one: power cycle, then discard");
			host_power_off(&w->hosts[i]);
			w->hosts[i].on_us = w->now_us + 1000000u;
			return;
		}
		if ((owner == OWNER_GIVEN || (owner == OWNER_GONE && at_work(w, i))) && all_fenced(w, i) &&
			!engine_of(w, i)->src.running_seen) {
			(void)resolve(w, i, RESOLVE_TAKE_BACK, false, "take-back, all-fenced");
			return;
		}
		if (owner == OWNER_GONE && engine_of(w, i)->alive && engine_of(w, i)->src.running_seen &&
			engine_of(w, i)->src.peer_unknown) {
			(void)resolve(w, i, RESOLVE_DISCARD, false, "discard");
			return;
		}
		if (owner == OWNER_UNKNOWN && engine_of(w, i)->alive && !source_asks(engine_of(w, i)) &&
			chance_one_in(&w->chance, 4)) {
			(void)resolve(w, i, RESOLVE_ASK, false, "ask");
			return;
		}
		if ((owner == OWNER_READY || (owner == OWNER_TAKEN && !engine_of(w, i)->connected)) &&
			all_fenced(w, i)) {
			w->op.taken_by_word |= owner == OWNER_TAKEN;
			(void)resolve(w, i, RESOLVE_TAKE, false, "take, all-fenced");
			return;
		}
		if (owner == OWNER_READY && owner_host(w) != LEDGER_NOBODY) {
			(void)resolve(w, i, RESOLVE_DISCARD, true, "discard, force");
			return;
		}
	}
}

static void peace_resolve(struct world *w)
{
	struct operator* op = & w->op;
	uint64_t us = w->now_us - op->since_us;
	uint32_t owner = owner_host(w);
	bool all = true;

	op->next_us = w->now_us + 20000;
	for (uint32_t i = 0; i < w->plan.host_count; i++) {
		all &= settled(w, i);
	}
	if (all && owner == LEDGER_NOBODY && !image_alive(w)) {
		bool off = false;

		for (uint32_t i = 0; i < w->plan.host_count; i++) {
			off |= w->hosts[i].boots > 1;
		}
		if (!off) {
			journal_violation(&w->journal, "the VM is lost, and no host lost its power");
		}
		journal_line(&w->journal, JOURNAL_WORLD, "the VM went with the power");
		phase(w, OP_DONE, 0);
		return;
	}
	if (all && owner != LEDGER_NOBODY) {
		const struct engine *e = engine_of(w, owner);

		if (e->power.running || e->guest_state != VM_RUNNING || us > PEACE_US) {
			phase(w, OP_LAST, 100000);
			return;
		}
		(void)command(w, owner, "cont");
		op->next_us = w->now_us + 200000;
		return;
	}
	if (us <= PEACE_US - 1000000u || op->asked) {
		go_on(w); /* but not just before the question is asked */
	}
	if (us > PEACE_US && !op->asked) {
		op->asked = true;
		check_told(w);
	}
	if (us > PEACE_US) {
		op->next_us = w->now_us + 500000;
		help(w);
	}
	if (us > RESOLVE_US) {
		journal_violation(&w->journal, "not resolved in %u s: owner states %s, %s, %s", RESOLVE_US / 1000000u,
			owner_name(host_owner(&w->hosts[0])), owner_name(host_owner(&w->hosts[1])),
			owner_name(host_owner(&w->hosts[2])));
	}
}

/** In peace one more migration must succeed. */
static void last_begin(struct world *w)
{
	struct operator* op = & w->op;
	const struct engine *e;

	op->from = owner_host(w);
	op->to = (op->from + 1u) % w->plan.host_count;
	e = engine_of(w, op->from);
	if (!e->power.running || device_broken(w, op->from) || device_broken(w, op->to)) {
		journal_line(
			&w->journal, JOURNAL_WORLD, "no last migration: the VM does not run, or a device is broken");
		phase(w, OP_DONE, 0);
		return;
	}
	if (host_owner(&w->hosts[op->to]) == OWNER_UNKNOWN) {
		(void)resolve(w, op->to, RESOLVE_DISCARD, false, "discard");
		op->next_us = w->now_us + 200000;
		return;
	}
	listen_for(w, op->to, op->from);
	for (uint32_t i = 0; i < 2; i++) {
		set_parameters(w, i == 0 ? op->from : op->to, i == 0 ? op->to : op->from, true);
	}
	if (incoming(w, op->to) != ERR_OK || migrate(w, op->from, op->to) != ERR_OK) {
		journal_violation(
			&w->journal, "in peace a migration from %c to %c cannot begin", "ABC"[op->from], "ABC"[op->to]);
		return;
	}
	op->attempts++;
	op->last_tries++;
	op->next_us = w->now_us + 10000;
}

static void last_step(struct world *w)
{
	struct operator* op = & w->op;
	struct migration_info info;

	op->next_us = w->now_us + 10000;
	if (op->last_tries == 0 || op->retry) {
		op->retry = false;
		last_begin(w);
		return;
	}
	go_on(w);
	if (at_work(w, op->from) || host_owner(&w->hosts[op->to]) == OWNER_TAKEN) {
		if (w->now_us - op->since_us > HOP_US) {
			journal_violation(&w->journal, "in peace a migration does not end: %s and %s; %s",
				owner_name(host_owner(&w->hosts[op->from])), owner_name(host_owner(&w->hosts[op->to])),
				engine_of(w, op->from)->forecast);
		}
		return;
	}
	engine_info(engine_of(w, op->from), &info);
	if (info.status == MIG_STATUS_FAILED && op->last_tries < 3 && host_owner(&w->hosts[op->from]) == OWNER_OWN) {
		/* A handshake that a power loss left half done may take 20 s to end. */
		journal_line(&w->journal, JOURNAL_WORLD, "once more, later: %s", info.error_desc);
		op->failed++;
		op->retry = true;
		op->next_us = w->now_us + 25000000u;
		op->since_us = op->next_us;
		return;
	}
	if (info.status != MIG_STATUS_COMPLETED || host_owner(&w->hosts[op->to]) != OWNER_OWN) {
		journal_violation(&w->journal, "in peace a migration %s: %s", migration_status_name(info.status),
			info.error_desc);
	}
	op->completed++;
	check_info(w, op->from);
	phase(w, OP_DONE, 0);
}

void operator_init(struct world *w)
{
	w->op = (struct operator){ 0 };
	phase(w, OP_HOP, chance_scale(&w->chance, 100, 50000));
}

void operator_step(struct world *w)
{
	switch (w->op.phase) {
	case OP_HOP:
		w->op.next_us = w->now_us + 5000;
		hop_begin(w);
		break;
	case OP_MIGRATE:
		hop_migrate(w);
		break;
	case OP_WAIT:
		hop_wait(w);
		break;
	case OP_QUIET:
		peace_begin(w);
		break;
	case OP_RESOLVE:
		peace_resolve(w);
		break;
	case OP_LAST:
		last_step(w);
		break;
	default:
		break;
	}
}
