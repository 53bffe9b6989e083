/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Every step of every hand-over, seen between the engine and its table: handover_post() is wrapped by the linker. Each
 * step must be one the table lists, from the state where that host was, and must keep the guards that docs/handover.md
 * gives in words: what a message says must have happened at the other host before.
 */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include <stdio.h>

#include "migration/handover.h"
#include "tests/sim/plan.h"
#include "tests/sim/reached.h"

/** What was reached, over many worlds; lies in memory shared by the workers. */
struct trace_sums {
	uint64_t arcs[HANDOVER_SIDE_COUNT][OWNER_COUNT][HANDOVER_EV_COUNT];
	uint64_t refused[HANDOVER_SIDE_COUNT][OWNER_COUNT][HANDOVER_EV_COUNT];
	uint64_t faults[OWNER_COUNT][FAULT_COUNT];
	struct reached reached;
};

struct world;

void trace_begin(struct world *w, struct trace_sums *sums);
/** A new run begins. */
void trace_forget(void);
/** The host whose engine is called now; UINT32_MAX: none. */
void trace_host(uint32_t host);
/** From now on every step is written there too, for tests/model/traces.py. */
void trace_write(FILE *file);
/** That host, or NULL. */
struct sim_host *trace_host_now(void);
/** A host was powered on and is in this state. */
void trace_boot(uint32_t host, enum owner owner);
/** A host lost its power. */
void trace_off(uint32_t host);
void trace_fault(enum owner owner, enum plan_fault fault);
/** True when the arc is in the table. */
bool trace_listed(enum handover_side side, enum owner state, enum handover_event event);

#endif
