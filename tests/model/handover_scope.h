/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Scope and properties of handover.pml, for both of its languages. */
#ifndef TESTS_MODEL_HANDOVER_SCOPE_H
#define TESTS_MODEL_HANDOVER_SCOPE_H

/* ---- scope; tests/model/run.py sets these ---- */
#ifndef NH
#define NH 2 /* hosts; 0 owns the VM first */
#endif
#ifndef NATT
#define NATT 2 /* attempts in all */
#endif
#ifndef EPOCHS
#define EPOCHS 5 /* connections of one attempt */
#endif
#ifndef QLEN
#define QLEN 4 /* messages on their way to one host; what does not fit is lost */
#endif
#ifndef CUTS
#define CUTS 0 /* connections cut: some of what is on the way arrives later, the rest never */
#endif
#ifndef LOSSES
#define LOSSES 0 /* messages lost without a cut */
#endif
#ifndef DUPS
#define DUPS 0 /* messages that arrive a second time, later */
#endif
#ifndef FAILS
#define FAILS 0 /* cancels, early deadlines, failed stores, loads, starts */
#endif
#ifndef RESTARTS
#define RESTARTS 0 /* power cycles */
#endif
#ifndef OPS
#define OPS 0 /* x-migrate-resolve and cont, never with a false word */
#endif
#ifndef LIES
#define LIES 0 /* take and take-back with all-fenced although it is not so */
#endif
#ifndef FAULTS
#define FAULTS (CUTS + LOSSES + DUPS + FAILS + RESTARTS) /* of the first five together */
#endif
#ifndef NO_STORE
#define NO_STORE 0 /* bit h: host h has no storage for its mark */
#endif

/* ---- properties: the values of bad ---- */
#define NEVER_TWO     1 /* two hosts may run the VM, and no operator lied */
#define GEN_ORDER     2 /* a gen runs after a higher one, or after the same one on another host */
#define ONE_AT_LAST   3 /* quiet, no host crashed, no device failed, no operator: not exactly one runs */
#define TOLD	      4 /* quiet, nobody runs, an image is alive: no status names the next action */
#define IMAGE_KEPT    5 /* the destination lost power before RUNNING, and the source had no image any more */
#define GIVEN_BACK    6 /* quiet, the destination never was READY: the VM has not gone on at the source */
#define ANSWER_STANDS 7 /* a record answered for by a newer connection was changed by an older one */
#define COMES_TO_REST 8 /* links are up, and a source still waits after so many connections */
#define MARKED	      9 /* GIVEN or READY, and no durable in-doubt of this attempt (where there is storage) */

#endif
