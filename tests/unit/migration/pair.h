/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Two hosts, alpha and beta, with an engine each, over a fake link; and the one rule that is checked after every step. */
#ifndef TESTS_UNIT_MIGRATION_PAIR_H
#define TESTS_UNIT_MIGRATION_PAIR_H

#include "migration/engine_ctx.h"
#include "tests/fake/fake_device.h"
#include "tests/fake/fake_host.h"
#include "tests/fake/fake_link.h"
#include "tests/fake/fake_vm.h"

#define PAIR_DEVICES   2u
#define PAIR_STEPS_MAX 400000u

struct node {
	struct fake_host host;
	struct fake_vm vm;
	struct fake_device device[PAIR_DEVICES];
	uint64_t bitmap[ENGINE_BITMAP_WORDS(FAKE_VM_PAGES)];
	struct engine engine;
	uint32_t notes[8]; /* count per enum engine_event */
	uint64_t last_status;
};

struct pair {
	uint64_t now_us;
	struct fake_link link;
	struct node node[2];
	uint32_t mig_flags;   /* of both devices; 0: the first without, the second with P2P */
	uint32_t guest_pages; /* written in each step by a running guest */
	bool stores;	      /* hosts have storage */
	uint64_t steps;
	void (*between)(struct pair *p); /* called after each half of a step; may be NULL */
	bool lied;			 /* an operator asserted fencing that was not true: the rule is off */
};

/** alpha owns a running VM, beta is empty. Parameters are set so that a migration may begin. */
void pair_init(struct pair *p, bool stores);
/** The same, with devices of these features. */
void pair_init_features(struct pair *p, uint32_t mig_flags);
void pair_free(struct pair *p);
/** One small step of everything; asserts that at most one VM runs, and only where its owner state allows. */
void pair_step(struct pair *p);
/** Step until done() or PAIR_STEPS_MAX; returns whether it came. */
bool pair_until(struct pair *p, bool (*done)(const struct pair *p));
void pair_run(struct pair *p, uint32_t steps);
/** beta listens, alpha migrates (or the other way round). Asserts that both commands succeed. */
void pair_begin(struct pair *p, uint32_t from);

bool pair_settled(const struct pair *p); /* both engines have nothing under way */
bool pair_runs_at(const struct pair *p, uint32_t node);
/** Migrate and assert that all went right. */
void pair_migrate(struct pair *p, uint32_t from);
/** The VM runs at that node with its device, as before. */
void pair_assert_runs(struct pair *p, uint32_t node);
/** That node is empty, clean, and can receive. */
void pair_assert_empty(struct pair *p, uint32_t node);
enum migration_status pair_status(const struct pair *p, uint32_t node);
/** The host of that node restarts. */
void pair_restart(struct pair *p, uint32_t node, bool own);

#endif
