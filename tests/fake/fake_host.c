/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_host.h"

#include <stdio.h>
#include <string.h>

static uint64_t host_time_us(void *ctx)
{
	const struct fake_host *h = ctx;

	return *h->now_us;
}

static uint64_t host_time_ns(void *ctx)
{
	return host_time_us(ctx) * 1000u;
}

static void host_log(void *ctx, enum log_level level, const char *line)
{
	struct fake_host *h = ctx;

	(void)snprintf(h->log[h->log_count % FAKE_LOG_LINES], FAKE_LOG_BYTES, "%s", line);
	h->log_count++;
	if (h->echo) {
		(void)fprintf(stderr, "%10.3f ms %s %d: %s\n", (double)*h->now_us / 1000.0, h->name, (int)level, line);
	}
}

static enum err host_random(void *ctx, uint8_t *out, size_t len_bytes)
{
	struct fake_host *h = ctx;

	if (h->no_random) {
		return ERR_UNSUPPORTED;
	}
	for (size_t i = 0; i < len_bytes; i++) {
		h->seed ^= h->seed << 13;
		h->seed ^= h->seed >> 7;
		h->seed ^= h->seed << 17;
		out[i] = (uint8_t)(h->seed >> 24);
	}
	return ERR_OK;
}

static enum err host_mark_load(void *ctx, const char *vm, struct owner_mark *out)
{
	const struct fake_host *h = ctx;

	(void)vm;
	*out = h->mark;
	return ERR_OK;
}

static enum err host_mark_begin(void *ctx, const char *vm, const struct owner_mark *mark)
{
	struct fake_host *h = ctx;

	(void)vm;
	if (h->store_busy) {
		return ERR_BAD_STATE;
	}
	h->storing = *mark;
	h->store_busy = true;
	h->store_done_us = *h->now_us + h->store_us;
	return ERR_OK;
}

static enum err host_mark_poll(void *ctx, const char *vm)
{
	struct fake_host *h = ctx;

	(void)vm;
	if (h->store_busy && *h->now_us < h->store_done_us) {
		return ERR_AGAIN;
	}
	if (h->store_busy) {
		h->store_busy = false;
		if (h->store_fail > 0) {
			h->store_fail--;
			return ERR_IO;
		}
		h->mark = h->storing;
	}
	return ERR_OK;
}

static void host_quit(void *ctx)
{
	struct fake_host *h = ctx;

	h->quit = true;
}

static const struct host_ops ops_plain = {
	.time_us = host_time_us,
	.time_ns = host_time_ns,
	.log = host_log,
	.random = host_random,
	.quit = host_quit,
};

static const struct host_ops ops_store = {
	.time_us = host_time_us,
	.time_ns = host_time_ns,
	.log = host_log,
	.random = host_random,
	.mark_load = host_mark_load,
	.mark_store_begin = host_mark_begin,
	.mark_store_poll = host_mark_poll,
	.quit = host_quit,
};

void fake_host_init(struct fake_host *h, const uint64_t *now_us, uint64_t seed, const char *name)
{
	memset(h, 0, sizeof(*h));
	h->now_us = now_us;
	h->seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	h->name = name;
}

struct host fake_host(struct fake_host *h)
{
	return (struct host){ h->has_store ? &ops_store : &ops_plain, h };
}

bool fake_host_logged(const struct fake_host *h, const char *text)
{
	const uint32_t kept = h->log_count < FAKE_LOG_LINES ? h->log_count : FAKE_LOG_LINES;

	for (uint32_t i = 0; i < kept; i++) {
		if (strstr(h->log[i], text) != NULL) {
			return true;
		}
	}
	return false;
}
