/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Two whole libgodwit instances, session and QMP included, over fake streams, TLS and seal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migration/godwit.h"
#include "tests/fake/fake_device.h"
#include "tests/fake/fake_host.h"
#include "tests/fake/fake_streams.h"
#include "tests/fake/fake_tls.h"
#include "tests/fake/null_seal.h"

#define STEP_US	  20u
#define STEPS_MAX 4000000u

struct side {
	struct fake_host host;
	struct fake_tls tls;
	struct fake_vm vm;
	struct fake_device device;
	uint64_t bitmap[GW_BITMAP_WORDS(FAKE_VM_PAGES)];
	struct gw gw;
	char reply[65536];
	size_t reply_bytes;
};

static struct fake_net net;
static struct side sides[2];
static uint64_t step_us;

static void side_start(uint32_t n)
{
	static const char *const names[2] = { "alpha", "beta" };
	struct side *s = &sides[n];
	struct device device;
	struct gw_config config;
	char reason[REASON_BYTES];

	fake_host_init(&s->host, &net.now_us, 31 + n, names[n]);
	s->host.echo = getenv("ECHO") != NULL;
	fake_tls_init(&s->tls, names[n], "ca", 31 + n);
	fake_vm_init(&s->vm, 9 + n, n == 1);
	fake_device_init(&s->device, "0000:00:01.0", DEVICE_MIG_STOP_COPY, &s->vm, 1000);
	s->device.enabled = n == 0;
	device = fake_device(&s->device);
	config = (struct gw_config){
		.slot = "slot0",
		.host = fake_host(&s->host),
		.vm = fake_vm(&s->vm),
		.devices = &device,
		.device_count = 1,
		.streams = fake_net_streams(&net, n),
		.tls = fake_tls(&s->tls),
		.seal = &null_seal,
		.bitmap = s->bitmap,
		.bitmap_words = GW_BITMAP_WORDS(FAKE_VM_PAGES),
		.own = n == 0,
		.autostart = true,
	};
	if (gw_init(&s->gw, &config, reason) != ERR_OK) {
		fail_msg("gw_init: %s", reason);
	}
	gw_qmp_open(&s->gw);
}

static int setup(void **state)
{
	(void)state;
	memset(sides, 0, sizeof(sides));
	fake_net_init(&net);
	step_us = STEP_US;
	side_start(0);
	side_start(1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_free(&sides[0].vm);
	fake_vm_free(&sides[1].vm);
	assert_false(net.tampered);
	return 0;
}

static void step(void)
{
	net.now_us += step_us;
	for (uint32_t n = 0; n < 2; n++) {
		struct side *s = &sides[n];

		fake_vm_guest(&s->vm, 1);
		fake_device_work(&s->device);
		fake_net_poll(&net, n);
		(void)gw_step(&s->gw, 0);
		s->reply_bytes += gw_qmp_output(&s->gw, net.now_us, (uint8_t *)s->reply + s->reply_bytes,
			sizeof(s->reply) - 1 - s->reply_bytes);
		s->reply[s->reply_bytes] = '\0';
	}
	assert_false(sides[0].vm.running && sides[1].vm.running);
}

static void run(uint32_t steps)
{
	for (uint32_t i = 0; i < steps; i++) {
		step();
	}
}

/** Send one command; the text that came since. */
static const char *ask(uint32_t n, const char *command)
{
	struct side *s = &sides[n];
	size_t len = strlen(command), at = 0;

	s->reply_bytes = 0;
	while (at < len) {
		at += gw_qmp_input(&s->gw, (const uint8_t *)command + at, len - at);
		step();
	}
	run(2);
	return s->reply;
}

static void ask_ok(uint32_t n, const char *command)
{
	const char *reply = ask(n, command);

	if (strstr(reply, "\"error\"") != NULL || strstr(reply, "\"return\"") == NULL) {
		fail_msg("%s: %s", command, reply);
	}
}

static bool answers(uint32_t n, const char *command, const char *text)
{
	for (uint32_t i = 0; i < STEPS_MAX / 500; i++) {
		if (strstr(ask(n, command), text) != NULL) {
			return true;
		}
		run(500);
	}
	return false;
}

static void prepare(uint32_t n)
{
	char command[256];

	ask_ok(n, "{\"execute\":\"qmp_capabilities\"}\n");
	(void)snprintf(command, sizeof(command),
		"{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"tls-hostname\":\"%s\",\"tls-authz\":\"%s\","
		"\"max-bandwidth\":0,\"multifd-channels\":2}}\n",
		n == 0 ? "beta" : "alpha", n == 0 ? "beta" : "alpha");
	ask_ok(n, command);
}

static void migrate(uint32_t from)
{
	uint64_t counter = fake_vm_counter(&sides[from].vm);

	ask_ok(1 - from, "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"tcp:0:4444\"}}\n");
	ask_ok(from, from == 0 ? "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.2:4444\"}}\n"
			       : "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.1:4444\"}}\n");
	if (!answers(from, "{\"execute\":\"query-migrate\"}\n", "\"status\": \"completed\"")) {
		fail_msg("source: %s", sides[from].reply);
	}
	assert_int_equal(gw_owner(&sides[from].gw), OWNER_GONE);
	assert_int_equal(gw_owner(&sides[1 - from].gw), OWNER_OWN);
	assert_true(sides[1 - from].vm.running);
	assert_true(fake_vm_counter(&sides[1 - from].vm) > counter);
	assert_true(fake_vm_ram_blank(&sides[from].vm));
	run(40000);
}

static void vm_moves_there_and_back_by_qmp_over_the_whole_session(void **state)
{
	(void)state;
	run(10);
	prepare(0);
	prepare(1);
	for (uint32_t i = 0; i < 6; i++) {
		migrate(i % 2);
	}
}

static void cut_connection_before_commit_leaves_the_vm_running_at_the_source(void **state)
{
	(void)state;
	run(10);
	prepare(0);
	prepare(1);
	for (uint64_t at = 2000; at < 3000000; at += 400000) {
		uint64_t counter = fake_vm_counter(&sides[0].vm);

		/* The third connection of this attempt is a data channel. */
		fake_net_rule(&net,
			&(struct fake_rule){ .fault = FAKE_CUT, .conn = net.made + 1, .dir = FAKE_FORWARD, .at = at });
		if (!sides[1].gw.engine.incoming) {
			ask_ok(1, "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"tcp:0:4444\"}}\n");
		}
		ask_ok(0, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.2:4444\"}}\n");
		if (!answers(0, "{\"execute\":\"query-migrate\"}\n", "\"status\": \"failed\"")) {
			fail_msg("source: %s", sides[0].reply);
		}
		assert_true(sides[0].vm.running);
		assert_int_equal(gw_owner(&sides[0].gw), OWNER_OWN);
		fake_net_clear_rules(&net);
		run(100000);
		assert_true(fake_vm_counter(&sides[0].vm) > counter);
		assert_true(fake_vm_ram_blank(&sides[1].vm));
	}
	/* And the destination can receive at once. */
	ask_ok(0, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.2:4444\"}}\n");
	assert_true(answers(0, "{\"execute\":\"query-migrate\"}\n", "\"status\": \"completed\""));
}

static void flipped_bit_on_any_connection_leaves_the_vm_running_at_the_source(void **state)
{
	(void)state;
	run(10);
	prepare(0);
	prepare(1);
	ask_ok(1, "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"tcp:0:4444\"}}\n");
	for (uint32_t i = 0; i < 9; i++) {
		fake_net_rule(&net, &(struct fake_rule){ .fault = FAKE_FLIP,
					    .conn = net.made + i % 3,
					    .dir = FAKE_FORWARD,
					    .at = i % 3 == 0 ? 300 + i * 20 : 300 + i * 97,
					    .mask = (uint8_t)(1u << i % 8) });
		ask_ok(0, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.2:4444\"}}\n");
		if (!answers(0, "{\"execute\":\"query-migrate\"}\n", "\"status\": \"failed\"")) {
			fail_msg("%u: source: %s", i, sides[0].reply);
		}
		assert_true(sides[0].vm.running);
		fake_net_clear_rules(&net);
		run(100000);
		assert_true(fake_vm_ram_blank(&sides[1].vm));
	}
	ask_ok(0, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.2:4444\"}}\n");
	assert_true(answers(0, "{\"execute\":\"query-migrate\"}\n", "\"status\": \"completed\""));
}

static void network_that_fails_around_commit_resolves_itself_when_it_is_back(void **state)
{
	static const enum owner when[] = { OWNER_PREPARING, OWNER_HELD, OWNER_GIVEN, OWNER_GONE };

	(void)state;
	run(10);
	prepare(0);
	prepare(1);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t from = sides[0].vm.running ? 0 : 1;
		bool moved;

		if (!sides[1 - from].gw.engine.incoming) {
			ask_ok(1 - from, "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"tcp:0:4444\"}}\n");
		}
		ask_ok(from, from == 0 ? "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.2:4444\"}}\n"
				       : "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.0.1:4444\"}}\n");
		for (uint32_t n = 0; n < STEPS_MAX && gw_owner(&sides[from].gw) != when[i]; n++) {
			step();
		}
		assert_int_equal(gw_owner(&sides[from].gw), when[i]);
		net.down = true;
		step_us = 500;
		run(20000); /* 10 s */
		step_us = STEP_US;
		net.down = false;
		moved = !answers(from, "{\"execute\":\"query-migrate\"}\n", "\"status\": \"failed\"") ||
			when[i] == OWNER_GONE;
		step_us = 200;
		run(50000);
		step_us = STEP_US;
		if (when[i] == OWNER_PREPARING || when[i] == OWNER_HELD) {
			assert_false(moved);
		}
		assert_true(sides[0].vm.running != sides[1].vm.running);
		assert_int_equal(gw_owner(&sides[sides[0].vm.running ? 0 : 1].gw), OWNER_OWN);
		assert_true(fake_vm_ram_blank(&sides[sides[0].vm.running ? 1 : 0].vm));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			flipped_bit_on_any_connection_leaves_the_vm_running_at_the_source, setup, teardown),
		cmocka_unit_test_setup_teardown(
			network_that_fails_around_commit_resolves_itself_when_it_is_back, setup, teardown),
		cmocka_unit_test_setup_teardown(vm_moves_there_and_back_by_qmp_over_the_whole_session, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cut_connection_before_commit_leaves_the_vm_running_at_the_source, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
