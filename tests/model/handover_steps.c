/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* handover.pml, steps: messages are obeyed, what was begun ends, deadlines. After handover_world.c. */

/* ---- messages: to a destination ---- */

static int receiving(int h, int a)
{
	return now.adst[a] == h && (now.rec[a] == LOADING || now.rec[a] == READY);
}

static void hello(int h, int a, int e)
{
	int l = now.last[h];
	int ok = now.agen[a] > now.seen[h];

	ok &= l == 0 || now.asrc[l] != now.asrc[a] || now.aboot[l] != now.aboot[a] || a > l;
	ok &= now.s[h] == NONE || (now.s[h] == GONE && !now.image[h] && !now.scrubbing[h]);
	for (int b = 1; b <= now.natt; b++) {
		ok &= !(now.adst[b] == h && now.rec[b] == TAKEN);
		ok &= !(receiving(h, b) && (now.asrc[b] != now.asrc[a] || b == a));
	}
	if (!ok) {
		TELL("    %c refuses the hello\n", NAME(h));
		put_message(now.asrc[a], M_REFUSED, a, e);
		CONN(a, e) = CONN(a, e) == LIVE ? CLOSED : CONN(a, e);
		return;
	}
	for (int b = 1; b <= now.natt; b++) {
		if (receiving(h, b)) {
			post_dst(h, b, EV_NEWER);
		}
	}
	now.last[h] = (uchar)a;
	now.edst[a] = (uchar)e;
	now.gdst[a] = 0;
	post_dst(h, a, EV_HELLO);
	send(h, M_HELLO_OK, a);
}

/* COMMIT, ABORT, STATUS: of a record, or of an attempt that is not, or not any more, known. */
static void question(int h, int a, int event)
{
	if (now.rec[a] != NONE) {
		post_dst(h, a, event);
	} else {
		post_from(DST, h, a, NONE, now.agen[a] <= now.took[h] ? EV_OLD_QUESTION : event);
	}
}

/* A discard without force: the image goes, and the source has said that it has one. */
static void kept(int h, int a)
{
	int src = now.asrc[a];

	if (now.rec[a] == READY && now.cur[src] == a && (now.s[src] == HELD || now.s[src] == GIVEN) &&
		!now.image[src]) {
		broken(IMAGE_KEPT);
	}
	post_dst(h, a, EV_KEPT);
}

static void to_destination(int h, int a, int type)
{
	switch (type) {
	case M_RESUME:
		if (now.rec[a] != NONE) {
			post_dst(h, a, now.rec[a] == LOADING ? EV_LOST : EV_RESUMED);
		}
		send(h, M_RESUMED, a);
		break;
	case M_PREPARE:
		if (now.rec[a] != NONE) {
			post_dst(h, a, EV_PREPARE);
		}
		break;
	case M_TOTALS:
		if (now.rec[a] == LOADING && (now.flags[a] & PREPARED_SENT)) {
			post_dst(h, a, EV_LOADED);
		}
		break;
	case M_COMMIT:
		question(h, a, EV_COMMIT);
		break;
	case M_ABORT:
		question(h, a, EV_ABORT);
		break;
	case M_STATUS:
		question(h, a, EV_STATUS);
		break;
	case M_KEPT:
		if (now.flags[a] & DISCARD_ASKED) {
			kept(h, a);
		}
		break;
	case M_UNKNOWN:
		if (now.rec[a] != NONE) {
			post_dst(h, a, EV_UNKNOWN);
		}
		break;
	case M_RETIRED:
		if (now.rec[a] == NONE && now.agen[a] <= now.took[h]) {
			post_from(DST, h, a, NONE, EV_RETIRED);
		} else if (now.rec[a] == OWN || (now.rec[a] == TAKEN && (now.flags[a] & RUNNING_SENT))) {
			post_dst(h, a, EV_RETIRED);
		}
		break;
	default:
		break;
	}
}

static void take_as_destination(int h, int a, int e, int type)
{
	int before = now.rec[a];

	if (type == M_HELLO) {
		hello(h, a, e);
		return;
	}
	if (e > now.edst[a] && (type == M_RESUME || type == M_ABORT || type == M_STATUS)) {
		now.flags[a] &= (uchar)~DISCARD_ASKED;
		now.edst[a] = (uchar)e; /* fence the older ones, then answer */
		now.gdst[a] = 0;
	}
#ifndef BUG_NO_FENCE
	if (e != now.edst[a]) {
		TELL("    fenced\n");
		return;
	}
#endif
	to_destination(h, a, type);
	if (now.rec[a] != before && e != now.edst[a]) {
		broken(ANSWER_STANDS);
	}
}

/* ---- messages: to a source ---- */

static void on_ready(int h, int a)
{
	post_src(h, a, now.s[h] == GIVEN && now.recall[h] ? EV_RECALL : EV_READY_EQUAL);
}

static void take_as_source(int h, int a, int e, int type)
{
#ifdef BUG_DECLINED_OF_ANY
	if (type == M_DECLINED && now.cur[h] != 0) {
		a = now.cur[h];
		e = now.esrc[a];
	}
#endif
#ifdef BUG_PREPARED_AFTER_CANCEL
	if (type == M_PREPARED && now.cur[h] == 0 && now.s[h] == OWN) {
		now.s[h] = PREPARING;
		now.cur[h] = (uchar)a;
	}
#endif
	if (a != now.cur[h] || e != now.esrc[a]) {
		TELL("    %s\n", a != now.cur[h] ? "of a dead attempt" : "fenced");
		return;
	}
	switch (type) {
	case M_HELLO_OK:
		now.accepted[h] = now.s[h] == OWN;
		break;
	case M_REFUSED:
		post_src(h, a, EV_REFUSED);
		break;
	case M_RESUMED:
		post_src(h, a, EV_RESUMED);
		break;
	case M_PREPARED:
		post_src(h, a, EV_PREPARED);
		break;
	case M_READY:
		on_ready(h, a);
		break;
	case M_TAKEN:
		post_src(h, a, EV_TAKEN);
#ifdef BUG_RETIRED_BEFORE_RUNNING
		if (now.s[h] == GONE) {
			post_src(h, a, EV_RUNNING);
		}
#endif
		break;
	case M_RUNNING:
		post_src(h, a, EV_RUNNING);
		break;
	case M_SETTLED:
		if (!now.image[h] && !now.scrubbing[h]) {
			post_src(h, a, EV_SETTLED);
		}
		break;
	case M_STATUS:
		post_src(h, a, EV_STATUS);
		break;
	case M_DECLINED:
		if (now.s[h] != UNKNOWN || now.mk[h] == MARK_IN_DOUBT) {
			post_src(h, a, EV_DECLINED);
		}
		break;
	case M_UNKNOWN:
#ifdef BUG_UNKNOWN_IS_HOME
		if (now.s[h] == UNKNOWN && now.mk[h] == MARK_IN_DOUBT) {
			post_src(h, a, EV_DECLINED);
			break;
		}
#endif
#ifdef BUG_UNKNOWN_ENDS_IT
		if (now.s[h] == GIVEN) {
			now.s[h] = GONE;
			now.cur[h] = 0;
			break;
		}
#endif
		post_src(h, a, EV_UNKNOWN);
		break;
	default:
		break;
	}
}

static int can_take(int h, int i)
{
	int c = now.mc[h * QLEN + i];

	return i < now.mn[h] && message_of(h, c / 16, c % 16) == i;
}

static void obey(int h, int type, int c)
{
	TELL("%c hears %s (attempt %d, epoch %d)\n", NAME(h), message_names[type], c / 16, c % 16);
	if (now.adst[c / 16] == h) {
		take_as_destination(h, c / 16, c % 16, type);
	} else {
		take_as_source(h, c / 16, c % 16, type);
	}
}

static void take(int h, int i)
{
	int type = now.mt[h * QLEN + i];
	int c = now.mc[h * QLEN + i];

	drop_message(h, i);
	obey(h, type, c);
}

/* ---- steps of the world ---- */

static int can_migrate(int h, int to)
{
#ifdef RING
	if (to != (h + 1) % NH) {
		return 0;
	}
#endif
	return to != h && now.s[h] == OWN && now.runs[h] && now.cur[h] == 0 && now.natt < NATT;
}

static void migrate(int h, int to)
{
	int a = ++now.natt;

	now.asrc[a] = (uchar)h;
	now.adst[a] = (uchar)to;
	now.agen[a] = now.gen[h] + 1;
	now.aboot[a] = now.boot[h];
	now.cur[h] = (uchar)a;
	now.told[h] = 0;
	TELL("%c migrates to %c: attempt %d, gen %d\n", NAME(h), NAME(to), a, now.agen[a]);
	open_epoch(a);
	send(h, M_HELLO, a);
}

static int can_converge(int h)
{
	return now.s[h] == OWN && now.cur[h] != 0 && now.accepted[h];
}

static void converge(int h)
{
	TELL("%c has converged\n", NAME(h));
	post_src(h, now.cur[h], EV_CONVERGED);
}

static void store_end(int h, int result)
{
	int kind = now.pk[h], g = now.pg[h], a = now.pa[h];
	int event = result == STORE_OK ? EV_STORED : EV_STORE_FAILED;

	TELL("%c has stored %s(%d)%s\n", NAME(h), mark_names[kind], g,
		result == STORE_OK    ? ""
		: result == STORE_NOT ? ": failed"
				      : ": failed, but durable");
	if (result != STORE_NOT && !(NO_STORE >> h & 1)) {
		now.mk[h] = (uchar)kind;
		now.mg[h] = (uchar)g;
		now.ma[h] = kind == MARK_IN_DOUBT || kind == MARK_AWAY ? (uchar)a : 0;
	}
#ifdef BUG_BASE_WHEN_DURABLE
	if (result == STORE_OK && kind != MARK_IN_DOUBT) {
		now.bk[h] = (uchar)kind;
		now.bg[h] = (uchar)g;
		now.ba[h] = kind == MARK_AWAY ? (uchar)a : 0;
	}
#endif
	now.busy[h] = now.queued[h];
	now.pk[h] = now.xk[h];
	now.pg[h] = now.xg[h];
	now.pa[h] = now.xa[h];
	now.queued[h] = now.xk[h] = now.xg[h] = now.xa[h] = 0;
#ifdef BUG_STORED_OF_ANY
	if (kind == MARK_IN_DOUBT && now.s[h] == PREPARING) {
		a = now.cur[h];
	}
#endif
	if (kind == MARK_IN_DOUBT && now.asrc[a] == h && now.cur[h] == a) {
		post_src(h, a, event);
	} else if (kind == MARK_IN_DOUBT && now.adst[a] == h && now.rec[a] != NONE) {
		post_dst(h, a, event);
	} else if (kind == MARK_HOME && a != 0 && now.rec[a] == OWN) {
		post_dst(h, a, event);
	}
}

static void start_end(int h, int ok)
{
	int what = now.starting[h];

	now.starting[h] = 0;
	TELL("%c %s\n", NAME(h), ok ? "runs" : "did not start");
	now.runs[h] = (uchar)ok;
	now.broke |= !ok;
	if (what != OF_SOURCE) {
		now.flags[what] |= ok ? STARTED : 0;
		post_dst(h, what, ok ? EV_STARTED : EV_START_FAILED);
	}
}

/* The connection of a dead attempt: ABORT has been answered, or is not waited for any longer. */
static int can_close(int h, int a)
{
	return a <= now.natt && now.asrc[a] == h && now.cur[h] != a && now.esrc[a] != 0 && CONN(a, now.esrc[a]) == LIVE;
}

static void close_dead(int h, int a)
{
	TELL("%c closes attempt %d, epoch %d\n", NAME(h), a, now.esrc[a]);
	CONN(a, now.esrc[a]) = CLOSED;
}

static void scrub_end(int h)
{
	TELL("%c has scrubbed\n", NAME(h));
	now.scrubbing[h] = 0;
	if (now.cur[h] != 0) {
		post_src(h, now.cur[h], EV_SCRUBBED);
	}
}

/* The end of a connection that was cut may be seen before what it still had to bring, which is then lost. */
static int ended(int h, int a, int e, int heard)
{
	return e != 0 && !heard && CONN(a, e) != LIVE && (CONN(a, e) == CUT || message_of(h, a, e) < 0);
}

static int can_hear_end(int h, int a)
{
	if (a > now.natt) {
		return 0;
	}
	if (now.asrc[a] == h) {
		return now.cur[h] == a && arcs[SRC][now.s[h]][EV_LOST].listed && ended(h, a, now.esrc[a], now.gsrc[a]);
	}
	return now.adst[a] == h && (receiving(h, a) || now.rec[a] == TAKEN) && ended(h, a, now.edst[a], now.gdst[a]);
}

static void hear_end(int h, int a)
{
	int source = now.asrc[a] == h;
	int e = source ? now.esrc[a] : now.edst[a];
	int i;

	TELL("%c sees the end of attempt %d, epoch %d\n", NAME(h), a, e);
	while ((i = message_of(h, a, e)) >= 0) {
		drop_message(h, i);
	}
	if (source) {
		now.gsrc[a] = 1;
		post_src(h, a, EV_LOST);
	} else {
		now.gdst[a] = 1;
		now.flags[a] &= (uchar)~DISCARD_ASKED;
		post_dst(h, a, EV_LOST);
	}
}

/* Nothing moves any more but by deadlines, faults or people. */
static int quiet(void)
{
	for (int h = 0; h < NH; h++) {
		if (now.mn[h] != 0 || now.busy[h] || now.starting[h] != 0 || now.scrubbing[h] || can_converge(h)) {
			return 0;
		}
		for (int a = 1; a <= now.natt; a++) {
			if (can_hear_end(h, a) || can_close(h, a)) {
				return 0;
			}
		}
	}
	return 1;
}

/* A deadline of this host would change something. */
static int waits(int h)
{
	int a = now.cur[h];

	if (a == 0 || (now.told[h] & TOLD_UNKNOWN)) {
		return 0;
	}
	/* The destination has told its operator that the VM did not start. */
	return !(now.s[h] == GONE && (now.rec[a] == TAKEN || now.rec[a] == OWN) && !(now.flags[a] & STARTED));
}

static int can_tick(int h)
{
	return waits(h) &&
	       (now.nep[now.cur[h]] < EPOCHS || now.s[h] == OWN || now.s[h] == PREPARING || now.s[h] == HELD) &&
	       quiet();
}

static void tick(int h)
{
	int a = now.cur[h];

	TELL("%c: deadline\n", NAME(h));
#ifdef BUG_GIVEN_TIMEOUT
	if (now.s[h] == GIVEN) {
		now.s[h] = OWN;
		now.cur[h] = 0;
		start(h, OF_SOURCE);
		return;
	}
#endif
	post_src(h, a, EV_DEADLINE);
}
