/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fuzz/host.h"

#include <string.h>

#include "tests/fake/null_seal.h"
#include "tests/fuzz/input.h"

static const char *const commands[] = {
	"{\"execute\":\"query-migrate\"}\n",
	"{\"execute\":\"migrate_cancel\"}\n",
	"{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"tcp:0:4444\"}}\n",
	"{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.1:4444\"}}\n",
	"{\"execute\":\"stop\"}\n",
	"{\"execute\":\"cont\"}\n",
	"{\"execute\":\"x-migrate-resolve\",\"arguments\":{\"action\":\"recall\"}}\n",
	"{\"execute\":\"x-migrate-resolve\",\"arguments\":{\"action\":\"discard\",\"force\":true}}\n",
	"{\"execute\":\"x-migrate-resolve\",\"arguments\":{\"action\":\"discard\"}}\n",
	"{\"execute\":\"x-migrate-resolve\",\"arguments\":{\"action\":\"take\"}}\n",
	"{\"execute\":\"x-migrate-resolve\",\"arguments\":{\"action\":\"take-back\"}}\n",
	"{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"multifd-channels\":8,\"x-link-timeout\":200}}\n",
	("{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":"
	 "[{\"capability\":\"x-verify-ram\",\"state\":true}]}}\n"),
	"{\"execute\":\"query-status\"}\n",
	/* From here on the operator has asserted what gives ownership without the peer. */
	"{\"execute\":\"x-migrate-resolve\",\"arguments\":{\"action\":\"take\",\"all-fenced\":true}}\n",
	"{\"execute\":\"x-migrate-resolve\",\"arguments\":{\"action\":\"take-back\",\"all-fenced\":true}}\n",
};

#define COMMAND_TAKE 14u

void host_start(struct fuzz_host *h, struct fake_net *net, uint32_t n, const char *name, bool own)
{
	struct device device;
	struct gw_config config;
	char reason[REASON_BYTES];

	fake_host_init(&h->host, &net->now_us, 31 + n, name);
	h->host.echo = getenv("ECHO") != NULL;
	fake_tls_init(&h->tls, name, "ca", 31 + n);
	fake_vm_init(&h->vm, 9 + n, true);
	/* Small, so that many inputs are tried: two chunks, one of them cut short by a region's end. */
	h->vm.desc.ram[0].page_count = HOST_PAGES - 40;
	h->vm.desc.ram[1].page_count = 40;
	h->vm.desc.page_count = HOST_PAGES;
	fake_device_init(&h->device, "0000:00:01.0", DEVICE_MIG_STOP_COPY, &h->vm, 500);
	h->device.enabled = own;
	device = fake_device(&h->device);
	config = (struct gw_config){
		.slot = "slot0",
		.host = fake_host(&h->host),
		.vm = fake_vm(&h->vm),
		.devices = &device,
		.device_count = 1,
		.streams = fake_net_streams(net, n),
		.tls = fake_tls(&h->tls),
		.seal = &null_seal,
		.bitmap = h->bitmap,
		.bitmap_words = GW_BITMAP_WORDS(FAKE_VM_PAGES),
		.own = own,
		.autostart = own,
	};
	HOLDS(gw_init(&h->gw, &config, reason) == ERR_OK);
	h->owner_before = gw_owner(&h->gw);
	gw_qmp_open(&h->gw);
	host_ask_ok(h, "{\"execute\":\"qmp_capabilities\"}\n");
}

static void replies_take(struct fuzz_host *h)
{
	size_t room = sizeof(h->reply) - 1 - h->reply_bytes;

	if (room < 256) {
		h->reply_bytes = 0;
		room = sizeof(h->reply) - 1;
	}
	h->reply_bytes += gw_qmp_output(&h->gw, *h->host.now_us, (uint8_t *)h->reply + h->reply_bytes, room);
	HOLDS(h->reply_bytes < sizeof(h->reply));
	h->reply[h->reply_bytes] = '\0';
}

void host_ask(struct fuzz_host *h, const char *command)
{
	size_t len = strlen(command), at = 0;

	replies_take(h);
	h->reply_bytes = 0;
	for (uint32_t turn = 0; turn < 100 && at < len; turn++) {
		at += gw_qmp_input(&h->gw, (const uint8_t *)command + at, len - at);
		(void)gw_step(&h->gw, 0);
		replies_take(h);
	}
	HOLDS(at == len);
	(void)gw_step(&h->gw, 0);
	replies_take(h);
}

void host_ask_ok(struct fuzz_host *h, const char *command)
{
	host_ask(h, command);
	if (strstr(h->reply, "\"return\"") == NULL || strstr(h->reply, "\"error\"") != NULL) {
		(void)fprintf(stderr, "%s: %s\n", command, h->reply);
		abort();
	}
}

void host_operator(struct fuzz_host *h, uint32_t which)
{
	uint32_t n = which % ARRAY_SIZE(commands);

	h->has_take = h->has_take || n >= COMMAND_TAKE;
	host_ask(h, commands[n]);
}

static void pool_holds(const struct frame_pool *pool)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < FRAME_POOL_COUNT; i++) {
		count += pool->frames[i].state == FRAME_FREE ? 1 : 0;
	}
	HOLDS(count == pool->free_count);
}

static bool knows(const struct session *s, stream_id id)
{
	bool known = s->controls[0].stream == id || s->controls[1].stream == id;

	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		known = known || s->channels[i].stream == id;
	}
	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		known = known || s->strangers[i].stream == id;
	}
	for (uint32_t i = 0; i < SESSION_LINGER_MAX; i++) {
		known = known || s->lingers[i].stream == id;
	}
	return known;
}

/* None is left open that the session no longer knows: what was fenced is gone. */
static void connections_hold(const struct session *s, const struct fake_net *net, uint32_t n)
{
	for (uint32_t i = 0; i < FAKE_CONNS_MAX; i++) {
		const struct fake_conn *c = &net->conns[i];

		for (uint32_t end = 0; end < 2 && c->state != FAKE_CONN_FREE; end++) {
			const struct fake_end *e = &c->ends[end];

			if (e->party == n && e->alive && !e->closing && e->events != NULL) {
				HOLDS(knows(s, c->number * 2 + end));
			}
		}
	}
}

void host_step(struct fuzz_host *h, struct fake_net *net, uint32_t n)
{
	fake_vm_guest(&h->vm, 1);
	fake_device_work(&h->device);
	fake_net_poll(net, n);
	(void)gw_step(&h->gw, 100);
	replies_take(h);
	HOLDS(!h->vm.running || owner_may_run(gw_owner(&h->gw)) || h->vm.stopping);
	HOLDS(!fake_device_active(&h->device) || !h->device.enabled || owner_may_run(gw_owner(&h->gw)) ||
		gw_owner(&h->gw) == OWNER_HELD);
	HOLDS(h->vm.owner == gw_owner(&h->gw));
	HOLDS(!net->tampered);
	connections_hold(&h->gw.session, net, n);
	pool_holds(&h->gw.session.pool);
}

void host_at_rest(const struct fuzz_host *h)
{
	const struct session *s = &h->gw.session;

	HOLDS(h->vm.borrows == 0);
	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		HOLDS(s->strangers[i].stream == STREAM_NONE);
	}
	for (uint32_t i = 0; i < SESSION_LINGER_MAX; i++) {
		HOLDS(s->lingers[i].stream == STREAM_NONE);
	}
	HOLDS(h->tls.opened - h->tls.freed <= 1);
}
