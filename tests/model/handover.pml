/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The hand-over (docs/handover.md) as a model: hosts, attempts between them, any number of connections of an attempt at
 * once, marks in storage, restarts, an operator, and everything that can go wrong, each from a budget.
 *
 * The transitions and their ordered actions are not written here: they are those of migration/handover.def, the file
 * that migration/handover.c is made of. What a message, an action, a restart does stands in handover_world.c and the
 * three files after it; here are the state, and who may do what at any moment. docs/models.md tells what is covered
 * and what is not.
 *
 * One step posts one event, or takes one message, and is atomic.
 */

#include "handover_scope.h"

byte bad;

/* ---- hosts ---- */
byte s[NH];			/* owner state outside any record */
byte cur[NH];			/* attempt that this host is the source of and obeys */
byte accepted[NH];		/* the destination answered hello */
byte recall[NH];		/* asked by the operator */
byte told[NH];			/* query-migrate names the next action */
byte runs[NH];
byte starting[NH];		/* devices on their way to RUNNING: attempt, or NATT + 1 for the source's own */
byte scrubbing[NH];
byte image[NH];			/* a whole memory image of the VM is here */
byte gen[NH];			/* of the VM this host owns, or last owned */
byte seen[NH];			/* highest gen run or stored here */
byte took[NH];			/* highest gen taken here since power-on */
byte last[NH];			/* last attempt that came in */
byte boot[NH];			/* power cycles so far */

/* the owner mark: durable; being stored; to be stored next; what CLEAR_MARK goes back to */
byte mk[NH]; byte mg[NH]; byte ma[NH];
byte busy[NH]; byte pk[NH]; byte pg[NH]; byte pa[NH];
byte queued[NH]; byte xk[NH]; byte xg[NH]; byte xa[NH];
byte bk[NH]; byte bg[NH]; byte ba[NH];

/* ---- attempts, from 1 ---- */
byte natt;
byte asrc[NATT + 1]; byte adst[NATT + 1]; byte agen[NATT + 1]; byte aboot[NATT + 1];
byte rec[NATT + 1];		/* record at the destination */
byte flags[NATT + 1];		/* of that record */
byte nep[NATT + 1];		/* connections so far */
byte esrc[NATT + 1]; byte edst[NATT + 1];	/* the one obeyed at each end, 0: none */
byte gsrc[NATT + 1]; byte gdst[NATT + 1];	/* ... and it was seen to end */
byte conn[(NATT + 1) * (EPOCHS + 1)];		/* live, closed in order, or cut */

/* ---- messages on their way to a host, in order within one connection ---- */
byte mn[NH];
byte mt[NH * QLEN]; byte mc[NH * QLEN];		/* type; attempt * 16 + epoch */

/* ---- what may still go wrong, and what has ---- */
byte cuts = CUTS, losses = LOSSES, dups = DUPS, fails = FAILS, restarts = RESTARTS, ops = OPS, lies = LIES, faults = FAULTS;
byte crashed;			/* bit per host */
byte broke;			/* a device or vCPU did not start */
byte resolved;			/* the operator took, took back or discarded */
byte lied;
byte was_ready;			/* bit per attempt: READY was sent once */
byte top_gen = 1, top_host;	/* highest gen that ever ran, and where */

c_decl {
\#define H (((P0 *)_this)->h)
}
c_code {
\#include "tests/model/handover_world.c"
\#include "tests/model/handover_steps.c"
\#include "tests/model/handover_faults.c"
\#include "tests/model/handover_check.c"
}

#define STEP(can, does) :: d_step {					\
		c_expr { can } -> c_code { does; settle(); };		\
		assert(bad != NEVER_TWO);				\
		assert(bad != GEN_ORDER);				\
		assert(bad != ONE_AT_LAST);				\
		assert(bad != TOLD);					\
		assert(bad != IMAGE_KEPT);				\
		assert(bad != GIVEN_BACK);				\
		assert(bad != ANSWER_STANDS);				\
		assert(bad != COMES_TO_REST);				\
		assert(bad != MARKED)				\
	}

proctype host(byte h)
{
end:	do
	/* the i-th message on the way; of one connection in order, of several in any order */
	STEP(CAN_TAKE_0, take(H, 0))
	STEP(CAN_TAKE_1, take(H, 1))
	STEP(CAN_TAKE_2, take(H, 2))
	STEP(CAN_TAKE_3, take(H, 3))
#if LOSSES
	STEP(CAN_LOSE_0, lose(H, 0))
	STEP(CAN_LOSE_1, lose(H, 1))
	STEP(CAN_LOSE_2, lose(H, 2))
	STEP(CAN_LOSE_3, lose(H, 3))
#endif
#if DUPS
	STEP(CAN_DOUBLE_0, take_twice(H, 0))
	STEP(CAN_DOUBLE_1, take_twice(H, 1))
#endif

	/* migrate, to each other host */
	STEP(CAN_MIGRATE_0, migrate(H, 0))
	STEP(CAN_MIGRATE_1, migrate(H, 1))
#if NH > 2
	STEP(CAN_MIGRATE_2, migrate(H, 2))
#endif
	STEP(CAN_CONVERGE, converge(H))

	/* what an action began */
	STEP(CAN_STORE, store_end(H, STORE_OK))
	STEP(CAN_START, start_end(H, 1))
	STEP(CAN_SCRUB, scrub_end(H))

	/* a connection is seen to end; nothing moves any more, and a deadline ends the wait */
	STEP(CAN_HEAR_END_1, hear_end(H, 1))
#if NATT > 1
	STEP(CAN_HEAR_END_2, hear_end(H, 2))
#endif
#if NATT > 2
	STEP(CAN_HEAR_END_3, hear_end(H, 3))
#endif
	STEP(CAN_CLOSE_1, close_dead(H, 1))
#if NATT > 1
	STEP(CAN_CLOSE_2, close_dead(H, 2))
#endif
#if NATT > 2
	STEP(CAN_CLOSE_3, close_dead(H, 3))
#endif
	STEP(CAN_TICK, tick(H))

	/* faults */
#if CUTS
	STEP(CAN_CUT, cut(H))
#endif
#if FAILS
	STEP(CAN_CANCEL, fail_source(H, EV_CANCEL))
	STEP(CAN_CANCEL, fail_source(H, EV_FAIL))
	STEP(CAN_HURRY, fail_source(H, EV_DEADLINE))
	STEP(CAN_DIFFER, ready_differs(H))
	STEP(CAN_FAIL_LOAD_1, fail_load(H, 1))
#if NATT > 1
	STEP(CAN_FAIL_LOAD_2, fail_load(H, 2))
#endif
#if NATT > 2
	STEP(CAN_FAIL_LOAD_3, fail_load(H, 3))
#endif
	STEP(CAN_FAIL_STORE, fail_store(H, STORE_NOT))
	STEP(CAN_FAIL_STORE, fail_store(H, STORE_UNSURE))
	STEP(CAN_FAIL_START, fail_start(H))
#endif
#if RESTARTS
	STEP(CAN_RESTART, restart(H))
#endif

	/* the operator */
#if OPS
	STEP(CAN_RECALL, operate(H, cur_of(H), OP_RECALL))
	STEP(CAN_TAKE_BACK, operate(H, cur_of(H), OP_TAKE_BACK))
	STEP(CAN_CONT, operate(H, 0, OP_CONT))
	STEP(CAN_FORGET, operate(H, 0, OP_FORGET))
	STEP(CAN_EMPTY, operate(H, cur_of(H), OP_EMPTY))
	STEP(CAN_ASK, operate(H, cur_of(H), OP_ASK))
	STEP(CAN_ASK_DISCARD, operate(H, 1, OP_ASK_DISCARD))
	STEP(CAN_DISCARD_1, operate(H, 1, OP_DISCARD))
	STEP(CAN_TAKE_VM_1, operate(H, 1, OP_TAKE))
#if NATT > 1
	STEP(CAN_DISCARD_2, operate(H, 2, OP_DISCARD))
	STEP(CAN_TAKE_VM_2, operate(H, 2, OP_TAKE))
#endif
#endif
#if LIES
	STEP(CAN_LIE_BACK, lie(H, cur_of(H), OP_TAKE_BACK))
	STEP(CAN_LIE_TAKE, lie(H, 1, OP_TAKE))
#endif
	od
}

init
{
	atomic {
		c_code { begin(); };
		run host(0);
		run host(1);
#if NH > 2
		run host(2)
#endif
	}
}
