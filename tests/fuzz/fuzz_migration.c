/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Two honest hosts migrate while a third, without credentials of the two, connects as it likes, and the network
 * splits every byte stream anywhere; steps may also cut, flip and stall.
 *
 * What must hold: never two runners. And with splits alone, and strangers that come once frames flow, the
 * migration completes: strangers cannot stop it.
 */
#include <string.h>

#include "tests/fuzz/host.h"
#include "tests/fuzz/puppet.h"

static struct {
	struct fake_net net;
	struct fuzz_host to, from; /* parties 0 and 2 */
	struct puppet puppet;	   /* party 1 */
	bool harmed;		   /* something happened that may end the attempt */
	uint64_t splits;
} w, fresh;
static bool is_ready;

static void on_message(struct puppet *p, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	(void)p;
	(void)type;
	(void)payload;
	(void)len_bytes;
}

static void run(uint32_t steps, uint64_t step_us)
{
	static const size_t pieces[] = { 0, 7, 33, 47, 48, 64, 1000, 1460, 4096, 1, 20000, 31, 32, 0, 0, 0 };

	for (uint32_t i = 0; i < steps; i++) {
		w.net.now_us += step_us;
		w.net.split_max = pieces[w.splits % 16];
		w.splits = w.splits << 60 | w.splits >> 4;
		fake_net_poll(&w.net, 1);
		puppet_poll(&w.puppet);
		host_step(&w.to, &w.net, 0);
		host_step(&w.from, &w.net, 2);
		HOLDS(!w.to.vm.running || !w.from.vm.running);
		HOLDS(!owner_may_run(gw_owner(&w.to.gw)) || !owner_may_run(gw_owner(&w.from.gw)) || w.to.has_take ||
			w.from.has_take);
	}
}

static void start(void)
{
	host_start(&w.to, &w.net, 0, "beta", false);
	host_start(&w.from, &w.net, 2, "alpha", true);
	host_ask_ok(&w.to, "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"tls-authz\":\"alpha\"}}\n");
	host_ask_ok(&w.from, "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"tls-hostname\":\"beta\"}}\n");
	host_ask_ok(&w.to, "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"tcp:0:4444\"}}\n");
	puppet_init(&w.puppet, &w.net, 1, "mallory", TLS_SOURCE);
	w.puppet.on_message = on_message;
	run(4, 100);
	host_ask_ok(&w.from, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.1:4444\"}}\n");
}

static void reset(void)
{
	if (!is_ready) {
		fake_net_init(&w.net);
		start();
		fresh = w;
		is_ready = true;
	}
	w = fresh;
	memset(w.to.vm.ram, 0, (size_t)HOST_PAGES * PAGE_BYTES);
	memset(w.from.vm.ram, 0, (size_t)HOST_PAGES * PAGE_BYTES);
}

static void stranger(const struct step *s)
{
	uint8_t bytes[256];
	uint32_t n = puppet_stranger(&w.puppet);

	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(s->d >> (i % 8 * 8));
	}
	if (s->a % 4 == 0) {
		/* As near to a JOIN as one can come without the key. */
		const struct frame_header head = { .type = FRAME_JOIN,
			.channel = s->a / 4 % 8,
			.stream = s->a / 4 % 8,
			.epoch = 1,
			.len_bytes = 8,
			.session = w.to.gw.session.session_id };

		frame_header_write(&head, bytes);
	} else if (s->a % 4 == 1) {
		bytes[0] = 0x16;
	}
	w.harmed = w.harmed || w.to.gw.session.phase != PHASE_OPEN;
	run(1 + s->c % 4, 100);
	puppet_bytes(&w.puppet, w.puppet.strangers[n], bytes, 1u + s->b % sizeof(bytes));
}

static void fault(const struct step *s)
{
	w.harmed = true;
	if (w.net.rule_count < FAKE_RULES_MAX) {
		fake_net_rule(&w.net, &(struct fake_rule){ .fault = (enum fake_fault)(s->a % 4),
					      .conn = s->a / 4 % 4 == 3 ? FAKE_ANY_CONN : s->a / 4 % 4,
					      .dir = (enum fake_dir)(s->a / 16 % 2),
					      .at = s->d % 200000u,
					      .mask = (uint8_t)(1u << s->a % 8) });
	}
}

static void do_step(const struct step *s)
{
	static const uint64_t waits[] = { 50, 200, 1000, 5000 };

	switch (s->op % 8) {
	case 0:
	case 1:
		w.splits = s->d;
		run(1u + s->a % 32u, waits[s->b % ARRAY_SIZE(waits)]);
		break;
	case 2:
	case 3:
		stranger(s);
		break;
	case 4:
		/* Good credentials, but not those that may come in. */
		w.harmed = w.harmed || w.to.gw.session.phase != PHASE_OPEN;
		(void)snprintf(w.puppet.fake.own.id, HOST_ID_MAX, "%s", s->a % 4 == 3 ? "beta" : "mallory");
		puppet_connect(&w.puppet);
		break;
	case 5:
		fault(s);
		break;
	case 6:
		fake_net_clear_rules(&w.net);
		break;
	default:
		w.harmed = true;
		if (s->a % 4 == 3) {
			w.net.down = !w.net.down;
		} else {
			host_operator(s->a % 2 == 0 ? &w.to : &w.from, s->b % 14u);
		}
		break;
	}
	run(1, 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct step s;

	reset();
	for (uint32_t n = 0; program_step(data, size, n, &s); n++) {
		do_step(&s);
	}
	w.net.down = false;
	w.splits = 0;
	fake_net_clear_rules(&w.net);
	puppet_leave(&w.puppet);
	run(400, 200);
	run(100, 10000);
	run(45, 1000000);
	if (!w.harmed) {
		HOLDS(w.to.vm.running && gw_owner(&w.to.gw) == OWNER_OWN && gw_owner(&w.from.gw) == OWNER_GONE);
	}
	host_at_rest(&w.to);
	host_at_rest(&w.from);
	return 0;
}
