/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* handover.pml, guards of the steps and the properties. After handover_faults.c. */

/* ---- guards: one word each, since spin reads no calls in a c_expr ---- */

#define CAN_TAKE_0	can_take(H, 0)
#define CAN_TAKE_1	can_take(H, 1)
#define CAN_TAKE_2	can_take(H, 2)
#define CAN_TAKE_3	can_take(H, 3)
#define CAN_LOSE_0	(can_take(H, 0) && fault(&now.losses))
#define CAN_LOSE_1	(can_take(H, 1) && fault(&now.losses))
#define CAN_LOSE_2	(can_take(H, 2) && fault(&now.losses))
#define CAN_LOSE_3	(can_take(H, 3) && fault(&now.losses))
#define CAN_DOUBLE_0	(can_take(H, 0) && fault(&now.dups))
#define CAN_DOUBLE_1	(can_take(H, 1) && fault(&now.dups))
#define CAN_MIGRATE_0	can_migrate(H, 0)
#define CAN_MIGRATE_1	can_migrate(H, 1)
#define CAN_MIGRATE_2	can_migrate(H, 2)
#define CAN_CONVERGE	can_converge(H)
#define CAN_STORE	now.busy[H]
#define CAN_START	now.starting[H]
#define CAN_SCRUB	now.scrubbing[H]
#define CAN_HEAR_END_1	can_hear_end(H, 1)
#define CAN_HEAR_END_2	can_hear_end(H, 2)
#define CAN_HEAR_END_3	can_hear_end(H, 3)
#define CAN_CLOSE_1	can_close(H, 1)
#define CAN_CLOSE_2	can_close(H, 2)
#define CAN_CLOSE_3	can_close(H, 3)
#define CAN_TICK	can_tick(H)
#define CAN_CUT		can_cut(H)
#define CAN_CANCEL	can_cancel(H)
#define CAN_HURRY	can_hurry(H)
#define CAN_DIFFER	can_differ(H)
#define CAN_FAIL_LOAD_1 can_fail_load(H, 1)
#define CAN_FAIL_LOAD_2 can_fail_load(H, 2)
#define CAN_FAIL_LOAD_3 can_fail_load(H, 3)
#define CAN_FAIL_STORE	(now.busy[H] && !(NO_STORE >> H & 1) && fault(&now.fails))
#define CAN_FAIL_START	(now.starting[H] && fault(&now.fails))
#define CAN_RESTART	fault(&now.restarts)
#define CAN_RECALL	(now.ops && now.s[H] == GIVEN && !now.recall[H])
#define CAN_TAKE_BACK	(now.ops && can_take_back(H) && fenced(H, now.cur[H]))
#define CAN_CONT	(now.ops && unstarted(H))
#define CAN_FORGET	(now.ops && now.s[H] == UNKNOWN)
#define CAN_EMPTY	(now.ops && now.cur[H] != 0 && now.s[H] == GONE && !now.scrubbing[H])
#define CAN_ASK		(now.ops && now.cur[H] != 0 && now.s[H] == UNKNOWN && now.told[H] && now.nep[now.cur[H]] < EPOCHS)
#define CAN_ASK_DISCARD                                                                                                \
	(now.ops && now.natt >= 1 && now.adst[1] == H && now.rec[1] == READY && CONN(1, now.edst[1]) == LIVE &&        \
		!(now.flags[1] & DISCARD_ASKED))
#define CAN_DISCARD_1 (now.ops && now.natt >= 1 && receiving(H, 1))
#define CAN_DISCARD_2 (now.ops && now.natt >= 2 && receiving(H, 2))
#define CAN_TAKE_VM_1 (now.ops && can_take_vm(H, 1) && fenced(H, 1))
#define CAN_TAKE_VM_2 (now.ops && can_take_vm(H, 2) && fenced(H, 2))
#define CAN_LIE_BACK  (now.lies && can_take_back(H))
#define CAN_LIE_TAKE  (now.lies && can_take_vm(H, 1))

/* ---- properties that are looked at after every step ---- */

static void check_at_rest(void)
{
	int running = 0, images = 0, named = 0;

	for (int h = 0; h < NH; h++) {
		running += now.runs[h];
		images += now.image[h];
		named |= now.told[h] || now.s[h] == UNKNOWN || (may_run(h) && !now.runs[h]);
		if ((now.s[h] == HELD || now.s[h] == GIVEN) && !(now.was_ready >> now.cur[h] & 1)) {
			broken(GIVEN_BACK);
		}
		if (waits(h)) {
			broken(COMES_TO_REST);
			return;
		}
	}
	for (int a = 1; a <= now.natt; a++) {
		named |= now.rec[a] == READY;
	}
	if (!now.crashed && !now.broke && !now.resolved && running != 1) {
		broken(ONE_AT_LAST);
	}
	if (running == 0 && images > 0 && !named) {
		broken(TOLD);
	}
}

static int in_doubt(int h, int a)
{
	return (NO_STORE >> h & 1) || (now.mk[h] == MARK_IN_DOUBT && now.ma[h] == a);
}

/* Whether anything that is still to come can depend on this attempt. */
static int forgotten(int a)
{
	int src = now.asrc[a];

	if (now.cur[src] == a || now.esrc[a] != 0 || now.rec[a] == LOADING || now.rec[a] == READY ||
		now.rec[a] == TAKEN) {
		return 0;
	}
	for (int h = 0; h < NH; h++) {
		if (now.ma[h] == a || now.ba[h] == a || (now.busy[h] && now.pa[h] == a) ||
			(now.queued[h] && now.xa[h] == a) || now.starting[h] == a) {
			return 0;
		}
		for (int i = 0; i < now.mn[h]; i++) {
			if (now.mc[h * QLEN + i] / 16 == a) {
				return 0;
			}
		}
	}
	return 1;
}

/* States that differ only in what nothing depends on are one. */
static void forget(void)
{
	for (int h = 0; h < NH; h++) {
		int hello = 0;

		for (int i = 0; i < now.mn[h]; i++) {
			hello |= now.mt[h * QLEN + i] == M_HELLO;
		}
		if (!hello) {
			now.last[h] = 0; /* later attempts have higher numbers */
		}
		if ((now.s[h] == NONE && !may_run(h) && now.starting[h] == 0) ||
			(now.s[h] == UNKNOWN && now.cur[h] == 0)) {
			now.gen[h] = 0;
		}
	}
	for (int a = 1; a <= now.natt; a++) {
		if (now.cur[now.asrc[a]] != a && CONN(a, now.esrc[a]) != LIVE) {
			now.esrc[a] = now.gsrc[a] = 0;
		}
		if (forgotten(a)) {
			now.rec[a] = NONE;
			now.flags[a] = now.nep[a] = now.edst[a] = now.gdst[a] = 0;
			now.was_ready &= (uchar) ~(1 << a);
			for (int e = 1; e <= EPOCHS; e++) {
				CONN(a, e) = 0;
			}
		}
	}
}

static void settle(void)
{
	int may = 0;

	forget();

	for (int h = 0; h < NH; h++) {
		may += may_run(h);
		if (now.s[h] == GIVEN && !in_doubt(h, now.cur[h])) {
			broken(MARKED);
		}
	}
	for (int a = 1; a <= now.natt; a++) {
		if (now.rec[a] == READY && !in_doubt(now.adst[a], a)) {
			broken(MARKED);
		}
	}
	if (may > 1 && !now.lied) {
		broken(NEVER_TWO);
	}
	if (!now.lied && quiet()) {
		for (int h = 0; h < NH; h++) {
			if (can_tick(h)) {
				return;
			}
		}
		check_at_rest();
	}
}

static void begin(void)
{
	now.s[0] = OWN;
	now.runs[0] = now.image[0] = now.gen[0] = now.seen[0] = 1;
	now.bk[0] = MARK_HOME;
	now.bg[0] = 1;
	if (!(NO_STORE & 1)) {
		now.mk[0] = MARK_HOME;
		now.mg[0] = 1;
	}
}

#undef NONE
