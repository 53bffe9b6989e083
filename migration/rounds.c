/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/rounds.h"

#include "core/base/addr.h"
#include "core/base/bits.h"
#include "core/base/fmt.h"

#define US_PER_S 1000000u

void rounds_start(struct rounds *r, uint64_t now_us)
{
	*r = (struct rounds){ .begun_us = now_us };
}

void rounds_end(struct rounds *r, const struct migration_round *sums, uint64_t sent_us, uint64_t now_us)
{
	struct migration_round *kept = &r->kept[r->done % MIGRATION_ROUNDS_KEPT];
	uint64_t us = MAX(now_us - r->begun_us, UINT64_C(1));

	*kept = *sums;
	kept->us = us;
	if (sums->bytes >= ROUND_MEASURE_BYTES || (r->bandwidth == 0 && sums->bytes != 0)) {
		r->bandwidth = sums->bytes * US_PER_S / MAX(sent_us - r->begun_us, UINT64_C(1));
	}
	r->dirty_rate = sums->dirty_after * US_PER_S / us;
	r->done++;
	r->begun_us = now_us;
}

static uint64_t transfer_us(uint64_t bytes, uint64_t bandwidth)
{
	return bandwidth == 0 ? UINT64_C(3600) * US_PER_S : bytes * US_PER_S / bandwidth;
}

static void explain(const struct rounds *r, uint64_t limit_us, uint64_t fixed_us, uint64_t bandwidth,
	const struct fixed_cost *cost, char *text)
{
	uint64_t dirty_bytes = r->dirty_rate * PAGE_BYTES;

	if (fixed_us >= limit_us) {
		fmt(text, REASON_BYTES,
			"cannot converge, because stopping and loading alone takes %llu ms (devices %llu ms) of "
			"downtime-limit %llu ms",
			(unsigned long long)fixed_us / 1000u,
			(unsigned long long)(cost->device_stop_us + cost->device_load_us) / 1000u,
			(unsigned long long)limit_us / 1000u);
	} else if (r->done > 1 && dirty_bytes >= bandwidth) {
		fmt(text, REASON_BYTES,
			"cannot converge, because the guest writes %llu KiB/s and the link carries %llu KiB/s",
			(unsigned long long)dirty_bytes / 1024u, (unsigned long long)bandwidth / 1024u);
	} else {
		fmt(text, REASON_BYTES, "converging");
	}
}

struct forecast rounds_forecast(const struct rounds *r, const struct migration_params *params, uint64_t left_pages,
	const struct fixed_cost *cost, char *text)
{
	uint64_t bandwidth =
		params->avail_switchover_bandwidth != 0 ? params->avail_switchover_bandwidth : r->bandwidth;
	uint64_t limit_us = params->downtime_limit_ms * 1000u;
	/* PREPARED lies before the stop; READY, COMMIT and TAKEN make one and a half round trips. */
	uint64_t fixed_us = cost->vcpu_stop_us + cost->device_stop_us + cost->device_load_us + cost->rtt_us * 3u / 2u +
			    transfer_us(cost->state_bytes, bandwidth == 0 ? UINT64_MAX : bandwidth);
	struct forecast f = { 0 };

	f.downtime_us = fixed_us + (left_pages == 0 ? 0 : transfer_us(left_pages * PAGE_BYTES, bandwidth));
	f.converged = f.downtime_us <= limit_us;
	if (f.converged) {
		fmt(text, REASON_BYTES, "converging");
	} else {
		explain(r, limit_us, fixed_us, bandwidth, cost, text);
	}
	return f;
}
