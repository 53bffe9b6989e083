/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What a step of handover.pml does. Included by the verifier that spin writes: now.* is the state declared there.
 *
 * -DBUG_... puts one mistake in, each of which must be found: see tests/model/run.py.
 */
#include <stdio.h>
#include <string.h>

#include "tests/model/handover_scope.h"

extern int readtrail; /* a trail is played again: tell it */
#define TELL(...)                                                                                                      \
	do {                                                                                                           \
		if (readtrail) {                                                                                       \
			printf(__VA_ARGS__);                                                                           \
		}                                                                                                      \
	} while (0)

/* ---- the table ---- */

#define NONE 0 /* the verifier has a name NONE of its own, further down */
enum state { OWN = 1, PREPARING, HELD, GIVEN, GONE, LOADING, READY, VOID, TAKEN, UNKNOWN, STATES };
static const char *const state_names[STATES] = { "NONE", "OWN", "PREPARING", "HELD", "GIVEN", "GONE", "LOADING",
	"READY", "VOID", "TAKEN", "UNKNOWN" };

enum side { SRC, DST };

enum event {
#define HANDOVER_EVENT(name) EV_##name,
#include "migration/handover.def"
	EVENTS,
};

static const char *const event_names[EVENTS] = {
#define HANDOVER_EVENT(name) #name,
#include "migration/handover.def"
};

enum action {
	DO_NONE,
#define HANDOVER_ACTION(name) DO_##name,
#include "migration/handover.def"
};

static const struct arc {
	uchar listed, next, actions[4];
} arcs[2][STATES][EVENTS] = {
#define HANDOVER_ARC(side, state, event, next, a1, a2, a3, a4)                                                         \
	[side][state][EV_##event] = { 1, next, { DO_##a1, DO_##a2, DO_##a3, DO_##a4 } },
#include "migration/handover.def"
};

/* Which arcs were walked, told at the end. */
static unsigned long walked[2][STATES][EVENTS];

__attribute__((destructor)) static void tell_walked(void)
{
	for (int side = 0; side < 2 && !readtrail; side++) {
		for (int st = 0; st < STATES; st++) {
			for (int ev = 0; ev < EVENTS; ev++) {
				if (arcs[side][st][ev].listed) {
					printf("arc %s %s %s %lu\n", side == SRC ? "SRC" : "DST", state_names[st],
						event_names[ev], walked[side][st][ev]);
				}
			}
		}
	}
}

/* ---- messages and connections ---- */

enum message {
	M_HELLO,
	M_HELLO_OK,
	M_REFUSED,
	M_RESUME,
	M_RESUMED,
	M_PREPARE,
	M_PREPARED,
	M_TOTALS, /* the last pages, device and vCPU state, and the totals */
	M_READY,
	M_COMMIT,
	M_TAKEN,
	M_RUNNING,
	M_RETIRED,
	M_SETTLED,
	M_ABORT,
	M_DECLINED,
	M_STATUS,
	M_UNKNOWN,
	M_KEPT
};
static const char *const message_names[] = { "HELLO", "HELLO_OK", "REFUSED", "RESUME", "RESUMED", "PREPARE", "PREPARED",
	"TOTALS", "READY", "COMMIT", "TAKEN", "RUNNING", "RETIRED", "SETTLED", "ABORT", "DECLINED", "STATUS", "UNKNOWN",
	"KEPT" };

enum connection { LIVE, CLOSED, CUT };
enum mark { MARK_NONE, MARK_HOME, MARK_IN_DOUBT, MARK_AWAY };
static const char *const mark_names[] = { "none", "home", "in-doubt", "away" };
enum record_flag { PREPARED_SENT = 1, STARTED = 2, RUNNING_SENT = 4, DISCARD_ASKED = 8 };
enum store_result { STORE_OK, STORE_NOT, STORE_UNSURE }; /* UNSURE: said to have failed, and yet durable */
enum operation { OP_RECALL, OP_TAKE_BACK, OP_CONT, OP_FORGET, OP_DISCARD, OP_TAKE, OP_EMPTY, OP_ASK, OP_ASK_DISCARD };
enum told { TOLD_OTHER = 1, TOLD_UNKNOWN = 2 }; /* the second: the peer has answered that it knows nothing */
#define OF_SOURCE  (NATT + 1)			/* in starting[] */
#define CONN(a, e) now.conn[(a) * (EPOCHS + 1) + (e)]
#define NAME(h)	   ('A' + (h))

/* The gravest of them is kept; -DONLY=n looks at one alone. */
static void broken(int property)
{
#ifdef ONLY
	if (property != ONLY) {
		return;
	}
#endif
	if (now.bad == 0 || property < now.bad) {
		now.bad = (uchar)property;
	}
}

static void put_message(int to, int type, int a, int e)
{
	int n = now.mn[to];

	if (CONN(a, e) != LIVE || n == QLEN) {
		TELL("    %s lost\n", message_names[type]);
		return;
	}
	now.mt[to * QLEN + n] = (uchar)type;
	now.mc[to * QLEN + n] = (uchar)(a * 16 + e);
	now.mn[to]++;
	TELL("    %c sends %s (attempt %d, epoch %d)\n", NAME(now.asrc[a] == to ? now.adst[a] : now.asrc[a]),
		message_names[type], a, e);
}

static void send(int h, int type, int a)
{
	int source = now.asrc[a] == h;
	int e = source ? now.esrc[a] : now.edst[a];

	if (e != 0) {
		put_message(source ? now.adst[a] : now.asrc[a], type, a, e);
	}
}

static void drop_message(int h, int i)
{
	int at = h * QLEN;

	now.mn[h]--;
	for (; i < now.mn[h]; i++) {
		now.mt[at + i] = now.mt[at + i + 1];
		now.mc[at + i] = now.mc[at + i + 1];
	}
	now.mt[at + i] = 0;
	now.mc[at + i] = 0;
}

static int message_of(int h, int a, int e)
{
	for (int i = 0; i < now.mn[h]; i++) {
		if (now.mc[h * QLEN + i] == a * 16 + e) {
			return i;
		}
	}
	return -1;
}

static void open_epoch(int a)
{
	if (now.esrc[a] != 0 && CONN(a, now.esrc[a]) == LIVE) {
		CONN(a, now.esrc[a]) = CUT;
	}
	if (now.nep[a] == EPOCHS) {
		now.esrc[a] = 0;
		return;
	}
	now.nep[a]++;
	now.esrc[a] = now.nep[a];
	now.gsrc[a] = 0;
}

/* ---- owning and running ---- */

static int may_run(int h)
{
	int may = now.s[h] == OWN || now.s[h] == PREPARING;

	for (int a = 1; a <= now.natt; a++) {
		may |= now.adst[a] == h && now.rec[a] == TAKEN;
	}
	return may;
}

/* The VM goes on at h with gen[h]: what & is the attempt, or OF_SOURCE. */
static void start(int h, int what)
{
	int g = now.gen[h];

	TELL("    %c starts gen %d\n", NAME(h), g);
	if (!now.lied && (g < now.top_gen || (g == now.top_gen && h != now.top_host))) {
		broken(GEN_ORDER);
	}
	if (g >= now.top_gen) {
		now.top_gen = (uchar)g;
		now.top_host = (uchar)h;
	}
	now.seen[h] = g > now.seen[h] ? (uchar)g : now.seen[h];
	now.starting[h] = (uchar)what;
	now.image[h] = 1;
}

/* ---- the owner mark ---- */

static void put_mark(int h, int kind, int g, int a)
{
#ifndef BUG_BASE_WHEN_DURABLE
	if (kind != MARK_IN_DOUBT) {
		now.bk[h] = (uchar)kind;
		now.bg[h] = (uchar)g;
		now.ba[h] = kind == MARK_AWAY ? (uchar)a : 0;
	}
#endif
	if (kind != MARK_IN_DOUBT && g > now.seen[h]) {
		now.seen[h] = (uchar)g;
	}
	if (now.busy[h]) {
		now.queued[h] = 1;
		now.xk[h] = (uchar)kind;
		now.xg[h] = (uchar)g;
		now.xa[h] = (uchar)a;
	} else {
		now.busy[h] = 1;
		now.pk[h] = (uchar)kind;
		now.pg[h] = (uchar)g;
		now.pa[h] = (uchar)a;
	}
}

/* ---- actions ---- */

static void abort_attempt(int h, int a, int from)
{
	if (now.s[h] == GIVEN) { /* recall: only an answer ends it */
		send(h, M_ABORT, a);
		return;
	}
	if (now.esrc[a] == 0 || now.gsrc[a] || CONN(a, now.esrc[a]) != LIVE) {
		if (from != HELD) {
			return;
		}
		open_epoch(a); /* in the background */
	}
	send(h, M_ABORT, a); /* the connection waits for an answer, for a bounded time: close_dead() */
}

static void act(int side, int h, int a, int action, int from)
{
	switch (action) {
	case DO_SEND_PREPARE:
		send(h, M_PREPARE, a);
		break;
	case DO_SEND_PREPARED:
		now.flags[a] |= PREPARED_SENT;
		send(h, M_PREPARED, a);
		break;
	case DO_SEND_READY:
		now.image[h] = 1;
		now.was_ready |= (uchar)(1 << a);
		send(h, M_READY, a);
		break;
	case DO_SEND_COMMIT:
		send(h, M_COMMIT, a);
		break;
	case DO_SEND_TAKEN:
		send(h, M_TAKEN, a);
		break;
	case DO_SEND_RUNNING:
		if (now.flags[a] & STARTED) {
			now.flags[a] |= RUNNING_SENT;
			send(h, M_RUNNING, a);
		}
		break;
	case DO_SEND_RETIRED:
		send(h, M_RETIRED, a);
		break;
	case DO_SEND_SETTLED:
		send(h, M_SETTLED, a);
		break;
	case DO_SEND_ABORT:
		abort_attempt(h, a, from);
		break;
	case DO_SEND_DECLINED:
		send(h, M_DECLINED, a);
		break;
	case DO_SEND_STATUS:
		now.flags[a] |= side == DST ? DISCARD_ASKED : 0;
		send(h, M_STATUS, a);
		break;
	case DO_SEND_KEPT:
		send(h, M_KEPT, a);
		break;
	case DO_SEND_UNKNOWN:
#ifdef BUG_DECLINE_UNKNOWN
		send(h, M_DECLINED, a);
#else
		send(h, M_UNKNOWN, a);
#endif
		break;
	case DO_STORE_IN_DOUBT:
		put_mark(h, MARK_IN_DOUBT, now.agen[a], a);
#ifdef BUG_PREPARE_BEFORE_MARK
		if (side == SRC) {
			send(h, M_PREPARE, a);
		}
#endif
		break;
	case DO_STORE_HOME:
		put_mark(h, MARK_HOME, now.gen[h], side == DST ? a : 0);
		break;
	case DO_STORE_AWAY:
		put_mark(h, MARK_AWAY, now.agen[a], a);
		break;
	case DO_CLEAR_MARK:
		if (side == SRC) {
			put_mark(h, MARK_NONE, 0, 0);
		} else {
			put_mark(h, now.bk[h], now.bg[h], now.ba[h]);
		}
		break;
	case DO_KILL_ATTEMPT:
		now.cur[h] = 0;
		now.accepted[h] = 0;
		now.recall[h] = 0;
		break;
	case DO_STOP_VM:
		now.runs[h] = 0;
		send(h, M_TOTALS, a);
#ifdef BUG_COMMIT_BEFORE_READY
		now.s[h] = GIVEN;
		send(h, M_COMMIT, a);
#endif
		break;
	case DO_GIVE_BACK:
#ifdef BUG_HELD_STAYS_STOPPED
		if (from == HELD) {
			break;
		}
#endif
		start(h, OF_SOURCE);
		break;
	case DO_RECONNECT:
		open_epoch(a);
		send(h, M_RESUME, a);
		break;
	case DO_LOAD:
		now.image[h] = 0;
		now.flags[a] = 0;
		break;
	case DO_START_VM:
		for (int b = 1; b < a; b++) { /* one such record is kept */
			if (now.adst[b] == h && now.rec[b] == OWN) {
				now.rec[b] = NONE;
				now.flags[b] = 0;
			}
		}
		if (from != READY || now.s[h] != OWN) {
			now.gen[h] = now.agen[a];
		}
		now.took[h] = now.gen[h] > now.took[h] ? now.gen[h] : now.took[h];
		start(h, a);
		break;
	case DO_HOLD_VM:
		now.runs[h] = 0;
		break;
	case DO_SCRUB:
		now.image[h] = 0;
		now.scrubbing[h] = side == SRC;
		break;
	case DO_END_ATTEMPT:
		now.cur[h] = 0;
		now.accepted[h] = 0;
		break;
	case DO_RAISE_GEN:
#ifdef BUG_RESTART_KEEPS_GEN
		if (side == SRC && from == UNKNOWN) {
			break;
		}
#endif
		now.gen[h] = (uchar)((side == SRC ? now.gen[h] : now.agen[a]) + 2);
		break;
	case DO_TELL_OPERATOR:
		now.told[h] |= side == SRC ? TOLD_UNKNOWN : TOLD_OTHER;
		now.flags[a] &= side == DST ? (uchar)~DISCARD_ASKED : 0xff;
		break;
	default:
		break;
	}
}

/* ---- posting an event ---- */

static void enter_record(int h, int a, int from, int next)
{
	now.rec[a] = (uchar)next;
	if (from == next) {
		return;
	}
	if (next == LOADING) {
		now.s[h] = NONE;
		now.cur[h] = 0;
		now.told[h] = 0;
	}
	if (next == OWN) {
		now.s[h] = OWN;
		now.told[h] = 0;
	}
	if (next != VOID) {
		return;
	}
	for (int b = 1; b <= now.natt; b++) { /* one such record per source is kept */
		if (b != a && now.adst[b] == h && now.asrc[b] == now.asrc[a] && now.rec[b] == VOID) {
			now.rec[b] = NONE;
			now.flags[b] = 0;
		}
	}
}

static void post_from(int side, int h, int a, int from, int event)
{
	const struct arc *arc = &arcs[side][from][event];

#ifdef BUG_READY_IS_MUTE
	if (side == DST && from == READY && event == EV_STATUS) {
		return;
	}
#endif
	if (!arc->listed) {
		TELL("    %c %s: %s is not listed\n", NAME(h), state_names[from], event_names[event]);
		return;
	}
	walked[side][from][event]++;
	TELL("    %c %s, %s: %s (attempt %d)\n", NAME(h), state_names[from], event_names[event], state_names[arc->next],
		a);
	if (side == SRC) {
		now.s[h] = arc->next;
	} else {
		enter_record(h, a, from, arc->next);
	}
	for (int i = 0; i < 4; i++) {
		act(side, h, a, arc->actions[i], from);
	}
}

static void post_src(int h, int a, int event)
{
	post_from(SRC, h, a, now.s[h], event);
}

static void post_dst(int h, int a, int event)
{
	post_from(DST, h, a, now.rec[a] != NONE ? now.rec[a] : now.s[h] == GONE ? GONE : NONE, event);
}
