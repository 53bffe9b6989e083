/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Accepts the trace of a simulated run, or does not: the steps of its hosts, one after the other, are taken by the table of
 * migration/handover.def alone. A step that the table does not list in the state where the host then is, another next state than
 * the trace tells, a message that no action has sent, an answer from a record that no step made, or two hosts that may run
 * the VM, is an error. tests/model/traces.py makes trace_steps.h of a trace and runs spin.
 */
#include "trace_names.h"

#define HOSTS 3

/* Owner state of each host; what was sent, taken and voided of each attempt. */
byte own[HOSTS];
int sent[ATTEMPTS];
bit taken[ATTEMPTS];
bit voided[ATTEMPTS];
byte next;

#include "trace_steps.h"

/* A message is obeyed that an action of the table has sent. */
inline must_be_sent(event, attempt)
{
	assert(NEED(event) == 0 || (sent[attempt] & NEED(event)) != 0)
}

#define HANDOVER_ARC(side, state, event, to, a1, a2, a3, a4)					\
	:: (td == SIDE_##side && from == OWNER_##state && te == EV_##event) ->			\
		next = OWNER_##to;								\
		sent[ta] = sent[ta] | DO_##a1 | DO_##a2 | DO_##a3 | DO_##a4

inline table(td, from, te, ta)
{
	if
#include "migration/handover.def"
	:: else -> assert(false)
	fi
}

#define MAY_RUN(o) (o == OWNER_OWN || o == OWNER_PREPARING || o == OWNER_TAKEN)

active proctype replay()
{
	short i;
	byte host, event, attempt, from;

	trace_load();
	do
	:: i < STEPS -> d_step {
		host = t_host[i];
		event = t_event[i];
		attempt = t_attempt[i];
		if
		:: t_kind[i] == BOOT ->
			own[host] = t_next[i]
		:: t_kind[i] == STEP ->
			from = own[host];
			if
			/* The new attempt has no record yet. */
			:: from == OWNER_VOID && event == EV_HELLO -> from = OWNER_NONE
			:: else -> skip
			fi;
			must_be_sent(event, attempt);
			table(t_side[i], from, event, attempt);
			own[host] = next;
			assert(next == t_next[i]);
			if
			:: t_side[i] == SIDE_DST && next == OWNER_VOID ->
				assert(!taken[attempt]);
				voided[attempt] = 1
			:: t_side[i] == SIDE_DST && (next == OWNER_TAKEN || event == EV_TAKE) ->
				assert(!voided[attempt]);
				taken[attempt] = 1
			:: else -> skip
			fi
		:: t_kind[i] == ANSWER ->
			from = t_next[i];
			assert(from != OWNER_VOID || voided[attempt]);
			assert(from != OWNER_OWN || taken[attempt]);
			must_be_sent(event, attempt);
			table(SIDE_DST, from, event, attempt);
			assert(next == from)
		fi;
		assert((MAY_RUN(own[0]) -> 1 : 0) + (MAY_RUN(own[1]) -> 1 : 0) + (MAY_RUN(own[2]) -> 1 : 0) <= 1);
		i++
		}
	:: else -> break
	od;
	printf("accepted\n")
}
