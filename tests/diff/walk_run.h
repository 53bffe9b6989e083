/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Access flag and dirty state of stage 2: drawn descriptors, accesses, changes by software and
 * invalidations, on a CPU's walker or on the SMMUv3 model with HTTU.
 */
#ifndef TESTS_DIFF_WALK_RUN_H
#define TESTS_DIFF_WALK_RUN_H

#include "tests/diff/tables.h"

/** IPA of the page from which a guest runs on the board; its 64 KiB are mapped in every case. */
#define WALK_STUB_IPA UINT64_C(0x7f000)

/** What a guest runs, in DIFF_STUB: at 0 a load of x1 from x0, at 8 a store, each with HVC behind it. */
void walk_run_begin(struct diff_machine *m);
/** One case: build, run, print. */
void walk_run_case(struct diff_machine *m, uint64_t seed, uint64_t number);

#endif
