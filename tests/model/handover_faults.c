/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* handover.pml, faults and the operator. After handover_steps.c. */

/* ---- faults ---- */

static int fault(uchar *budget)
{
	return *budget > 0 && now.faults > 0;
}

static void spend(uchar *budget)
{
	(*budget)--;
	now.faults--;
}

static void lose(int h, int i)
{
	spend(&now.losses);
	TELL("%s to %c is lost\n", message_names[now.mt[h * QLEN + i]], NAME(h));
	drop_message(h, i);
}

static void take_twice(int h, int i)
{
	int type = now.mt[h * QLEN + i];
	int c = now.mc[h * QLEN + i];

	spend(&now.dups);
	TELL("doubled:\n");
	drop_message(h, i);
	now.mt[h * QLEN + now.mn[h]] = (uchar)type;
	now.mc[h * QLEN + now.mn[h]] = (uchar)c;
	now.mn[h]++;
	obey(h, type, c);
}

static int can_cut(int h)
{
	int a = now.cur[h];

	return a != 0 && now.esrc[a] != 0 && CONN(a, now.esrc[a]) == LIVE && fault(&now.cuts);
}

static void cut(int h)
{
	int a = now.cur[h];

	spend(&now.cuts);
	TELL("attempt %d, epoch %d is cut\n", a, now.esrc[a]);
	CONN(a, now.esrc[a]) = CUT;
}

static int can_cancel(int h)
{
	return now.cur[h] != 0 && (now.s[h] == OWN || now.s[h] == PREPARING || now.s[h] == HELD) && fault(&now.fails);
}

static int can_hurry(int h)
{
	return now.cur[h] != 0 && (now.s[h] == GIVEN || now.s[h] == GONE) && now.nep[now.cur[h]] < EPOCHS &&
	       fault(&now.fails);
}

static void fail_source(int h, int event)
{
	spend(&now.fails);
	TELL("%c: %s\n", NAME(h), event_names[event]);
#ifdef BUG_GIVEN_TIMEOUT
	if (now.s[h] == GIVEN) {
		now.s[h] = OWN;
		now.cur[h] = 0;
		start(h, OF_SOURCE);
		return;
	}
#endif
	post_src(h, now.cur[h], event);
}

static int can_differ(int h)
{
	int a = now.cur[h];

	return a != 0 && now.s[h] == HELD && can_take(h, 0) && now.mt[h * QLEN] == M_READY &&
	       now.mc[h * QLEN] == a * 16 + now.esrc[a] && fault(&now.fails);
}

static void ready_differs(int h)
{
	spend(&now.fails);
	TELL("%c hears READY with another digest\n", NAME(h));
	drop_message(h, 0);
	post_src(h, now.cur[h], EV_READY_DIFFERS);
}

static int can_fail_load(int h, int a)
{
	return a <= now.natt && now.adst[a] == h && now.rec[a] == LOADING && fault(&now.fails);
}

static void fail_load(int h, int a)
{
	spend(&now.fails);
	TELL("%c fails to load\n", NAME(h));
	post_dst(h, a, EV_FAIL);
}

static void fail_store(int h, int result)
{
	spend(&now.fails);
	store_end(h, result);
}

static void fail_start(int h)
{
	spend(&now.fails);
	start_end(h, 0);
}

static void boot_on_mark(int h)
{
	int g = now.mg[h];

	now.bk[h] = now.mk[h] == MARK_IN_DOUBT ? MARK_NONE : now.mk[h];
	now.bg[h] = now.mk[h] == MARK_IN_DOUBT ? 0 : (uchar)g;
	now.ba[h] = now.mk[h] == MARK_AWAY ? now.ma[h] : 0;
#ifdef BUG_MARK_WITHOUT_GEN
	g = 1;
#endif
	now.told[h] = TOLD_OTHER;
	if (now.ma[h] != 0 && now.asrc[now.ma[h]] == h) { /* it was the source: the peer is asked */
		now.cur[h] = now.ma[h];
		now.told[h] = 0;
	}
	switch (now.mk[h]) {
	case MARK_HOME:
		now.s[h] = OWN;
		now.gen[h] = now.seen[h] = (uchar)g;
		now.told[h] = 0;
		start(h, OF_SOURCE);
		break;
	case MARK_IN_DOUBT:
		now.s[h] = UNKNOWN;
		now.gen[h] = now.seen[h] = (uchar)(g - 1);
		break;
	case MARK_AWAY:
		now.s[h] = UNKNOWN;
		now.gen[h] = now.seen[h] = (uchar)g;
		break;
	default:
		now.s[h] = NONE;
		now.gen[h] = now.seen[h] = 0;
		break;
	}
	if (now.cur[h] != 0) {
		post_src(h, now.cur[h], EV_LOST); /* asks at once */
	}
}

/* Power cycle: what is volatile goes, a store under way is as it was before, the mark decides. */
static void restart(int h)
{
	spend(&now.restarts);
	TELL("%c restarts on %s(%d)\n", NAME(h), mark_names[now.mk[h]], now.mg[h]);
	now.runs[h] = now.image[h] = now.starting[h] = now.scrubbing[h] = 0;
	now.cur[h] = now.accepted[h] = now.recall[h] = now.took[h] = now.last[h] = 0;
	now.busy[h] = now.queued[h] = now.pk[h] = now.pg[h] = now.pa[h] = now.xk[h] = now.xg[h] = now.xa[h] = 0;
	now.boot[h]++;
	for (int a = 1; a <= now.natt; a++) {
		if (now.adst[a] == h) {
			int src = now.asrc[a];

			if ((receiving(h, a) || (now.rec[a] == TAKEN && !(now.flags[a] & RUNNING_SENT))) &&
				now.cur[src] == a && !(now.crashed >> src & 1) && !now.image[src] && !now.lied) {
				broken(IMAGE_KEPT);
			}
			now.rec[a] = NONE;
			now.flags[a] = 0;
			now.edst[a] = now.gdst[a] = 0;
		}
		if (now.asrc[a] == h) {
			now.esrc[a] = now.gsrc[a] = 0;
		}
		for (int e = 1; e <= now.nep[a] && (now.adst[a] == h || now.asrc[a] == h); e++) {
			CONN(a, e) = CUT; /* what this host had sent may still arrive */
		}
	}
	while (now.mn[h] > 0) {
		drop_message(h, 0);
	}
	now.crashed |= (uchar)(1 << h);
	boot_on_mark(h);
}

/* ---- the operator ---- */

static int cur_of(int h)
{
	return now.cur[h];
}

static int can_take_back(int h)
{
	return now.cur[h] != 0 && (now.s[h] == GIVEN || (now.s[h] == GONE && now.image[h] && !now.scrubbing[h]));
}

static int can_take_vm(int h, int a)
{
	return a <= now.natt && now.adst[a] == h && (now.rec[a] == READY || now.rec[a] == TAKEN);
}

/* What all-fenced asserts: every other host does not own the VM, and does not start it by itself. */
static int fenced(int h, int a)
{
	for (int o = 0; o < NH; o++) {
		int given = now.s[o] == GIVEN && now.cur[o] == a; /* it waits for this host's word */

		if (o == h) {
			continue;
		}
		if (may_run(o) || now.runs[o] || now.starting[o] != 0 || now.mk[o] == MARK_HOME ||
			(now.busy[o] && now.pk[o] == MARK_HOME) || (now.queued[o] && now.xk[o] == MARK_HOME)) {
			return 0;
		}
		if (now.s[o] != NONE && now.s[o] != UNKNOWN && now.s[o] != GONE && !given) {
			return 0;
		}
#ifndef BUG_DOUBT_IS_FENCED
		if (now.s[o] == UNKNOWN && now.mk[o] == MARK_IN_DOUBT && now.cur[o] != 0 && now.cur[o] != a) {
			return 0; /* it may hear DECLINED of that one, and go on */
		}
#endif
		for (int b = 1; b <= now.natt; b++) {
			/* ready is not fenced: a COMMIT may be on its way to it */
			if (now.adst[b] == o && (receiving(o, b) || now.rec[b] == TAKEN)) {
				return 0;
			}
		}
		if (now.adst[a] == o && now.rec[a] == OWN) {
			return 0;
		}
	}
	return 1;
}

static int unstarted(int h)
{
	return may_run(h) && !now.runs[h] && now.starting[h] == 0;
}

static void operate(int h, int a, int op)
{
	static const char *const names[] = { "recall", "take-back", "cont", "discard (after a restart)", "discard",
		"take", "discard (what is left of a VM that is gone)", "ask", "discard (the source is asked)" };

	now.ops -= now.ops > 0;
	now.resolved |= op == OP_TAKE_BACK || op == OP_TAKE || op == OP_DISCARD || op == OP_EMPTY || op == OP_FORGET;
	if (op == OP_TAKE_BACK || (op == OP_TAKE && now.rec[a] == READY)) {
		now.top_gen = 0; /* the prompt says that this image may be an older one than has run */
	}
	TELL("operator at %c: %s\n", NAME(h), names[op]);
	switch (op) {
	case OP_RECALL:
		now.recall[h] = 1;
		now.told[h] = 0;
		post_src(h, a, EV_RECALL);
		break;
	case OP_TAKE_BACK:
		CONN(a, now.esrc[a]) = CUT;
		now.told[h] = 0;
		post_src(h, a, EV_TAKE_BACK);
		break;
	case OP_CONT:
		a = OF_SOURCE;
		for (int b = 1; b <= now.natt; b++) {
			a = now.adst[b] == h && now.rec[b] == TAKEN ? b : a;
		}
		now.starting[h] = (uchar)a;
		break;
	case OP_FORGET:
		post_from(SRC, h, 0, UNKNOWN, EV_DISCARD);
		break;
	case OP_EMPTY:
		CONN(a, now.esrc[a]) = CUT;
		post_src(h, a, EV_DISCARD);
		break;
	case OP_ASK_DISCARD:
		now.resolved = 1;
		post_dst(h, a, EV_ASK);
		break;
	case OP_ASK:
		now.told[h] = 0;
		post_src(h, a, EV_ASK);
		break;
	case OP_DISCARD:
		post_dst(h, a, EV_DISCARD);
		break;
	default:
		post_dst(h, a, EV_TAKE);
		break;
	}
}

static void lie(int h, int a, int op)
{
	now.lies--;
#ifndef BUG_LIE
	now.lied = 1;
#endif
	operate(h, a, op);
}
