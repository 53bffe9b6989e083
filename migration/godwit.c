/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/godwit.h"

#include <string.h>

#include "core/base/text.h"

enum err gw_init(struct gw *g, const struct gw_config *config, char *reason)
{
	struct session_config session = { config->host, config->streams, config->tls, config->seal };
	struct engine_config engine = {
		.host = config->host,
		.vm = config->vm,
		.devices = config->devices,
		.device_count = config->device_count,
		.hash = config->seal->hash,
		.bitmap = config->bitmap,
		.bitmap_words = config->bitmap_words,
		.own = config->own,
		.autostart = config->autostart,
	};
	enum err err;

	memset(g, 0, sizeof(*g));
	(void)text_copy(g->slot, sizeof(g->slot), config->slot);
	/* Without randomness or identity there is a VM to run all the same: migrate and listen say so later. */
	err = session_init(&g->session, &session);
	if (err != ERR_OK) {
		config->host.ops->log(config->host.ctx, LOG_WARN, "session: no randomness or no identity yet");
	}
	engine.link = session_link(&g->session);
	err = engine_init(&g->engine, &engine, reason);
	if (err == ERR_OK) {
		engine_log(&g->engine, LOG_INFO, "slot %s: VM %s, owner %s, gen %llu", g->slot, g->engine.desc.name,
			owner_name(g->engine.owner), (unsigned long long)g->engine.gen);
	}
	return err;
}

static void timeouts_follow(struct gw *g)
{
	uint64_t ms = g->engine.params.x_link_timeout_ms;

	if (ms != g->link_timeout_ms) {
		g->link_timeout_ms = ms;
		session_set_timeouts(&g->session, ms * 1000u, ms * 100u); /* a tenth in the blackout */
	}
}

uint64_t gw_step(struct gw *g, uint32_t budget_us)
{
	timeouts_follow(g);
	return engine_step(&g->engine, budget_us);
}

void gw_qmp_open(struct gw *g)
{
	qmp_open(&g->qmp, &g->engine);
	g->qmp_open = true;
}

size_t gw_qmp_input(struct gw *g, const uint8_t *bytes, size_t len_bytes)
{
	return g->qmp_open ? qmp_input(&g->qmp, bytes, len_bytes) : len_bytes;
}

size_t gw_qmp_output(struct gw *g, uint64_t wall_us, uint8_t *out, size_t cap_bytes)
{
	if (!g->qmp_open) {
		return 0;
	}
	qmp_step(&g->qmp, wall_us);
	return qmp_output(&g->qmp, out, cap_bytes);
}

size_t gw_monitor_line(struct gw *g, const char *line, char *out, size_t cap_bytes)
{
	return monitor_line(&g->engine, line, out, cap_bytes);
}

enum owner gw_owner(const struct gw *g)
{
	return g->engine.owner;
}

void gw_vm_event(struct gw *g, enum vm_run_state what)
{
	engine_vm_event(&g->engine, what);
}
