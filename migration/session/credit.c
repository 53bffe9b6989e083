/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/credit.h"

#include <string.h>

#include "core/base/assert.h"

/* A peer may have a larger pool than ours; this only keeps arithmetic far from wrapping. */
#define CREDIT_WINDOW_MAX 65536u

void credit_reset(struct credit *c)
{
	memset(c, 0, sizeof(*c));
}

void credit_windows(struct credit *c, uint32_t channel_count)
{
	uint32_t given = 0;
	uint32_t ram = 0;

	ASSERT(channel_count >= 1 && channel_count <= CHANNEL_COUNT_MAX);
	for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
		c->window[i] = i < channel_count || i >= LINK_STREAM_VM ? 1 : 0;
		given += c->window[i];
	}
	while (given < FRAME_POOL_COUNT) {
		c->window[ram]++;
		ram = (ram + 1) % channel_count;
		given++;
	}
}

uint32_t credit_outstanding(const struct credit *c)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
		sum += c->limit[i] - c->used[i];
	}
	return (uint32_t)sum;
}

void credit_grant(struct credit *c, uint32_t free_count)
{
	uint32_t outstanding = credit_outstanding(c);

	/* Level by level, so that a stream without any frame comes before one that has some. */
	for (uint32_t level = 1; level <= FRAME_POOL_COUNT; level++) {
		for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
			if (outstanding >= free_count) {
				return;
			}
			if (c->window[i] >= level && c->limit[i] - c->done[i] < level) {
				c->limit[i]++;
				c->changed[i] = true;
				outstanding++;
			}
		}
	}
}

bool credit_any_changed(const struct credit *c)
{
	for (uint32_t i = 0; i < LINK_STREAM_COUNT; i++) {
		if (c->changed[i]) {
			return true;
		}
	}
	return false;
}

uint64_t credit_left(const struct credit *c, uint16_t stream)
{
	ASSERT(stream < LINK_STREAM_COUNT);
	return c->limit[stream] - c->used[stream];
}

enum err credit_raise(struct credit *c, uint16_t stream, uint64_t limit)
{
	if (stream >= LINK_STREAM_COUNT) {
		return ERR_RANGE;
	}
	if (limit < c->limit[stream] || limit - c->used[stream] > CREDIT_WINDOW_MAX) {
		return ERR_BAD_RECORD;
	}
	c->limit[stream] = limit;
	return ERR_OK;
}
