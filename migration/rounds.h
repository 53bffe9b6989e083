/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Pre-copy rounds: what was sent, what was dirtied meanwhile, and whether the rest fits into the downtime limit.
 *
 * The decision is QEMU's (remaining <= bandwidth * downtime limit), with the fixed costs taken off the limit first:
 * stopping vCPUs and devices, reading and loading their state, the round trips of the hand-over.
 */
#ifndef MIGRATION_ROUNDS_H
#define MIGRATION_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/engine.h"

/* A round that fits into the buffers of both ends says little of the bandwidth. */
#define ROUND_MEASURE_BYTES (2u * FRAME_POOL_COUNT * FRAME_BYTES)

struct rounds {
	struct migration_round kept[MIGRATION_ROUNDS_KEPT];
	uint32_t done;
	uint64_t begun_us;
	uint64_t bandwidth;  /* bytes per second, measured; 0 until then */
	uint64_t dirty_rate; /* pages per second, of the last round */
};

/** What the blackout costs beside RAM. */
struct fixed_cost {
	uint64_t vcpu_stop_us, device_stop_us, device_load_us, rtt_us;
	uint64_t state_bytes; /* device images and VM records */
};

struct forecast {
	bool converged;
	uint64_t downtime_us;
};

void rounds_start(struct rounds *r, uint64_t now_us);
/**
 * A round is over: its sums and what was found dirty after it.
 *
 * @param sent_us  When its last page was handed to the link.
 */
void rounds_end(struct rounds *r, const struct migration_round *sums, uint64_t sent_us, uint64_t now_us);

/**
 * Would it fit now?
 *
 * @param left_pages  Dirty pages not sent.
 * @param text        REASON_BYTES: "converging", or "cannot converge, because ...".
 */
struct forecast rounds_forecast(const struct rounds *r, const struct migration_params *params, uint64_t left_pages,
	const struct fixed_cost *cost, char *text);

#endif
