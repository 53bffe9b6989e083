/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** A host for tests: a clock the test sets, seeded randomness, a kept log, an owner mark that can fail. */
#ifndef TESTS_FAKE_HOST_H
#define TESTS_FAKE_HOST_H

#include <stdbool.h>

#include "migration/host.h"

#define FAKE_LOG_LINES 64u
#define FAKE_LOG_BYTES 256u

struct fake_host {
	const uint64_t *now_us; /* shared with the other parties and the network */
	uint64_t seed;
	bool no_random;
	bool echo;				  /* print the log */
	const char *name;			  /* printed before it */
	char log[FAKE_LOG_LINES][FAKE_LOG_BYTES]; /* line n is at n % FAKE_LOG_LINES */
	uint32_t log_count;

	bool has_store;
	struct owner_mark mark; /* durable: survives a restart of the rest */
	struct owner_mark storing;
	bool store_busy;
	uint64_t store_done_us;
	uint64_t store_us;   /* how long a store takes */
	uint32_t store_fail; /* this many stores fail from now on */
	bool quit;
};

/** now_us is kept by reference. Randomness depends on seed alone. */
void fake_host_init(struct fake_host *h, const uint64_t *now_us, uint64_t seed, const char *name);
struct host fake_host(struct fake_host *h);
/** Did any kept log line contain this text? */
bool fake_host_logged(const struct fake_host *h, const char *text);

#endif
