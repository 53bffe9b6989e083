/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/trace.h"

#include <string.h>

#include "tests/sim/world.h"

#define ATTEMPTS 64u

enum err __real_handover_post(enum handover_side side, enum owner *state, enum handover_event event,
	enum handover_action actions[HANDOVER_ACTIONS_MAX]);
enum err __wrap_handover_post(enum handover_side side, enum owner *state, enum handover_event event,
	enum handover_action actions[HANDOVER_ACTIONS_MAX]);

/** What is known of an attempt, whoever did it. */
struct attempt_facts {
	uint64_t random;
	bool prepare, prepared, given, dead, voided, taken, started, scrubbed, settled;
};

struct listed {
	enum handover_side side;
	enum owner state, next;
	enum handover_event event;
};

static const struct listed table[] = {
#define HANDOVER_ARC(side, state, event, next, a1, a2, a3, a4)                                                         \
	{ HANDOVER_##side, OWNER_##state, OWNER_##next, HANDOVER_EV_##event },
#include "migration/handover.def"
};

/* One world at a time in a process. */
static struct world *world;
static struct trace_sums *sums;
static uint32_t host_now;
static FILE *written;
static enum owner states[LEDGER_HOSTS];
static struct attempt_facts attempts[ATTEMPTS];
static uint32_t attempt_next;
static uint64_t last_void[LEDGER_HOSTS], last_taken[LEDGER_HOSTS]; /* since its power-on; 0: none */

void trace_begin(struct world *w, struct trace_sums *s)
{
	world = w;
	sums = s;
	reached_begin(&s->reached);
	trace_forget();
}

void trace_write(FILE *file)
{
	written = file;
}

/* Names as in handover.def. */
static const char *state_name(enum owner owner)
{
	static const char *const names[OWNER_COUNT] = { "NONE", "OWN", "PREPARING", "HELD", "GIVEN", "GONE", "LOADING",
		"READY", "VOID", "TAKEN", "UNKNOWN" };

	return names[owner];
}

void trace_off(uint32_t host)
{
	if (written != NULL) {
		(void)fprintf(written, "B %u NONE\n", host);
	}
}

void trace_forget(void)
{
	host_now = UINT32_MAX;
	memset(attempts, 0, sizeof(attempts));
	attempt_next = 0;
}

void trace_host(uint32_t host)
{
	host_now = host;
}

struct sim_host *trace_host_now(void)
{
	return world != NULL && host_now < LEDGER_HOSTS ? &world->hosts[host_now] : NULL;
}

void trace_boot(uint32_t host, enum owner owner)
{
	if (written != NULL) {
		(void)fprintf(written, "B %u %s\n", host, state_name(owner));
	}
	states[host] = owner;
	last_void[host] = 0;
	last_taken[host] = 0;
}

void trace_fault(enum owner owner, enum plan_fault fault)
{
	sums->faults[owner][fault]++;
}

static const struct listed *find(enum handover_side side, enum owner state, enum handover_event event)
{
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].side == side && table[i].state == state && table[i].event == event) {
			return &table[i];
		}
	}
	return NULL;
}

bool trace_listed(enum handover_side side, enum owner state, enum handover_event event)
{
	return find(side, state, event) != NULL;
}

static struct attempt_facts *facts_of(uint64_t random)
{
	for (uint32_t i = 0; i < ATTEMPTS; i++) {
		if (attempts[i].random == random) {
			return &attempts[i];
		}
	}
	attempts[attempt_next % ATTEMPTS] = (struct attempt_facts){ .random = random };
	return &attempts[attempt_next++ % ATTEMPTS];
}

static void must(bool holds, const char *what)
{
	if (!holds) {
		journal_violation(&world->journal, "hand-over of %c: %s", "ABC"[host_now], what);
	}
}

static bool marked(const struct sim_host *h, uint64_t random)
{
	return !h->store.present || (h->store.mark.kind == MARK_IN_DOUBT && h->store.mark.attempt_random == random);
}

/* The guards at the source, by what happened elsewhere. */
static void guard_source(enum owner from, enum handover_event event, enum owner to, struct attempt_facts *f)
{
	const struct sim_host *h = &world->hosts[host_now];

	switch (event) {
	case HANDOVER_EV_STORED:
		must(marked(h, f->random), "PREPARE is sent and the own mark is not in-doubt");
		f->prepare = true;
		break;
	case HANDOVER_EV_PREPARED:
		must(f->prepared, "PREPARED is obeyed and was never said");
		must(!f->dead, "PREPARED of a dead attempt is obeyed");
		break;
	case HANDOVER_EV_READY_EQUAL:
		must(!f->dead, "READY of a dead attempt is obeyed");
		f->given = true;
		break;
	case HANDOVER_EV_DECLINED:
		must(from != OWNER_GIVEN || f->voided,
			"the VM comes back and the destination has not voided the attempt");
		must(from != OWNER_GIVEN || !f->taken, "the VM comes back and the destination has taken it");
		must(from != OWNER_UNKNOWN || (f->voided && !f->taken),
			"a source in doubt goes on and its attempt is not void");
		if (from == OWNER_UNKNOWN) {
			host_vm_begin(&world->hosts[host_now]);
		}
		break;
	case HANDOVER_EV_TAKEN:
		must(f->taken, "TAKEN is obeyed and was never true");
		break;
	case HANDOVER_EV_RUNNING:
		must(f->started, "RUNNING is obeyed and the VM was never started");
		break;
	case HANDOVER_EV_SCRUBBED:
		f->scrubbed = true;
		must(guest_blank(&world->hosts[host_now].guest), "RETIRED is sent and RAM holds something");
		break;
	case HANDOVER_EV_SETTLED:
		must(f->settled, "SETTLED is obeyed and was never said");
		break;
	default:
		break;
	}
	if (to == OWNER_OWN && from != OWNER_OWN) {
		f->dead = true;
	}
}

static void guard_destination(enum owner from, enum handover_event event, enum owner to, struct attempt_facts *f)
{
	const struct sim_host *h = &world->hosts[host_now];

	switch (event) {
	case HANDOVER_EV_PREPARE:
		must(f->prepare, "PREPARE is obeyed and was never said");
		break;
	case HANDOVER_EV_STORED:
		if (from == OWNER_LOADING) {
			must(marked(h, f->random), "PREPARED is sent and the own mark is not in-doubt");
			f->prepared = true;
		} else {
			f->settled = true;
		}
		break;
	case HANDOVER_EV_STORE_FAILED:
	case HANDOVER_EV_RETIRED:
		f->settled |= from == OWNER_OWN;
		must(event != HANDOVER_EV_RETIRED || f->scrubbed, "RETIRED is obeyed and the source was not scrubbed");
		break;
	case HANDOVER_EV_STARTED:
		f->started = true;
		break;
	case HANDOVER_EV_COMMIT:
		must(f->given, "COMMIT is obeyed and the source never gave the VM away");
		must(from != OWNER_READY || !f->voided, "a void attempt is taken");
		break;
	default:
		break;
	}
	if (to == OWNER_VOID) {
		must(!f->taken, "an attempt that was taken is voided");
		f->voided = true;
		last_void[host_now] = f->random;
	}
	if (to == OWNER_TAKEN || (from == OWNER_READY && to == OWNER_OWN)) {
		f->taken = true;
		last_taken[host_now] = f->random;
	}
}

/* What was voided or taken last is never denied. */
static void guard_answer(const struct sim_host *h, enum owner record, enum handover_event event)
{
	uint64_t random = h->gw->engine.message.random;

	must(random == 0 || random != last_void[host_now] || record == OWNER_VOID, "a void attempt is denied");
	must(random == 0 || random != last_taken[host_now] || record == OWNER_OWN || record == OWNER_TAKEN ||
			event == HANDOVER_EV_OLD_QUESTION,
		"an attempt that was taken is denied");
	facts_of(random)->settled |= event == HANDOVER_EV_RETIRED;
	must(record != OWNER_VOID || facts_of(random)->voided, "an attempt is declined that was never void");
}

enum err __wrap_handover_post(enum handover_side side, enum owner *state, enum handover_event event,
	enum handover_action actions[HANDOVER_ACTIONS_MAX])
{
	const enum owner from = *state;
	enum err err = __real_handover_post(side, state, event, actions);
	const struct listed *listed = find(side, from, event);
	struct sim_host *h;

	if (world == NULL || host_now >= LEDGER_HOSTS) {
		return err;
	}
	h = &world->hosts[host_now];
	reached_err(err);
	if (err != ERR_OK) {
		sums->refused[side][from][event]++;
		must(listed == NULL && *state == from, "an arc of the table was refused");
		return err;
	}
	sums->arcs[side][from][event]++;
	must(listed != NULL && listed->next == *state, "a step that the table does not list");
	if (state != &h->gw->engine.owner) {
		journal_line(&world->journal, host_now, "  answers %s by its record %s", handover_event_name(event),
			owner_name(from));
		guard_answer(h, from, event);
		if (written != NULL) {
			(void)fprintf(written, "A %u %u %s %s\n", host_now,
				(uint32_t)(facts_of(h->gw->engine.message.random) - attempts),
				handover_event_name(event), state_name(from));
		}
		return err; /* an old attempt is answered from its record */
	}
	must(from == states[host_now] || (from == OWNER_NONE && states[host_now] == OWNER_VOID),
		"a step from a state that no step led to");
	states[host_now] = *state;
	journal_line(&world->journal, host_now, "%s %s: %s -> %s", side == HANDOVER_SRC ? "SRC" : "DST",
		handover_event_name(event), owner_name(from), owner_name(*state));
	if (written != NULL) {
		(void)fprintf(written, "S %u %s %u %s %s\n", host_now, side == HANDOVER_SRC ? "SRC" : "DST",
			(uint32_t)(facts_of(h->gw->engine.attempt.random) - attempts), handover_event_name(event),
			state_name(*state));
	}
	if (side == HANDOVER_SRC) {
		guard_source(from, event, *state, facts_of(h->gw->engine.attempt.random));
	} else {
		guard_destination(from, event, *state, facts_of(h->gw->engine.attempt.random));
	}
	return err;
}
