/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Every command, with good arguments and with each kind of bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/qmp/qmp_client.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *run(struct client *c, const char *command, const char *arguments)
{
	char request[1024];

	(void)snprintf(request, sizeof(request),
		arguments == NULL ? "{\"execute\": \"%s\"}" : "{\"execute\": \"%s\", \"arguments\": %s}", command,
		arguments);
	return client_send(c, request);
}

static void bad_arguments_are_named_and_reach_nobody(void **state)
{
	static const char *const inputs[][3] = {
		{ "migrate", NULL, "Parameter 'uri' is missing" },
		{ "migrate", "{}", "Parameter 'uri' is missing" },
		{ "migrate", "{\"uri\": 1}", "Invalid parameter type for 'uri', expected: string" },
		{ "migrate", "{\"uri\": null}", "Invalid parameter type for 'uri', expected: string" },
		{ "migrate", "{\"uri\": [\"tcp:1:1\"]}", "Invalid parameter type for 'uri', expected: string" },
		{ "migrate", "{\"uri\": \"x\", \"detach\": 1}",
			"Invalid parameter type for 'detach', expected: boolean" },
		{ "migrate", "{\"uri\": \"x\", \"blk\": true}", "Parameter 'blk' is unexpected" },
		{ "migrate", "{\"uri\": \"0123456789012345678901234567890123456789012345678901234567890123\"}",
			"Parameter 'uri' expects a string of at most 63 bytes" },
		{ "migrate", "{\"uri\": \"\\u0000\"}",
			"Parameter 'uri' expects a string without \\\\u0000 and half surrogate pairs" },
		{ "migrate-incoming", NULL, "Parameter 'uri' is missing" },
		{ "migrate-incoming", "{\"uri\": true}", "Invalid parameter type for 'uri', expected: string" },
		{ "migrate_cancel", "{\"x\": 1}", "Parameter 'x' is unexpected" },
		{ "stop", "{\"x\": 1}", "Parameter 'x' is unexpected" },
		{ "x-migrate-resolve", NULL, "Parameter 'action' is missing" },
		{ "x-migrate-resolve", "{\"action\": 1}", "Invalid parameter type for 'action', expected: string" },
		{ "x-migrate-resolve", "{\"action\": \"run\"}", "Parameter 'action' does not accept value 'run'" },
		{ "x-migrate-resolve", "{\"action\": \"take\", \"all-fenced\": 1}",
			"Invalid parameter type for 'all-fenced', expected: boolean" },
		{ "x-migrate-resolve", "{\"action\": \"take\", \"force\": \"true\"}",
			"Invalid parameter type for 'force', expected: boolean" },
		{ "migrate-set-parameters", "{\"downtime-limit\": \"1\"}",
			"Invalid parameter type for 'downtime-limit', expected: integer" },
		{ "migrate-set-parameters", "{\"downtime-limit\": 1.5}",
			"Invalid parameter type for 'downtime-limit', expected: integer" },
		{ "migrate-set-parameters", "{\"downtime-limit\": -1}", "Parameter 'downtime-limit' expects uint64" },
		{ "migrate-set-parameters", "{\"max-bandwidth\": 18446744073709551616}",
			"Parameter 'max-bandwidth' expects uint64" },
		{ "migrate-set-parameters", "{\"multifd-channels\": 4294967296}",
			"Parameter 'multifd-channels' expects uint32" },
		{ "migrate-set-parameters", "{\"multifd-channels\": {}}",
			"Invalid parameter type for 'multifd-channels', expected: integer" },
		{ "migrate-set-parameters", "{\"tls-hostname\": 1}",
			"Invalid parameter type for 'tls-hostname', expected: string" },
		{ "migrate-set-parameters",
			"{\"tls-authz\": \"0123456789012345678901234567890123456789012345678901234567890123\"}",
			"Parameter 'tls-authz' expects a string of at most 63 bytes" },
		{ "migrate-set-parameters", "{\"x-clock\": \"stop\"}",
			"Parameter 'x-clock' does not accept value 'stop'" },
		{ "migrate-set-parameters", "{\"x-pause-at-commit\": 1}",
			"Invalid parameter type for 'x-pause-at-commit', expected: boolean" },
		{ "migrate-set-parameters", "{\"tls-creds\": \"x\"}", "Parameter 'tls-creds' is unexpected" },
		{ "migrate-set-capabilities", NULL, "Parameter 'capabilities' is missing" },
		{ "migrate-set-capabilities", "{\"capabilities\": {}}",
			"Invalid parameter type for 'capabilities', expected: array" },
		{ "migrate-set-capabilities", "{\"capabilities\": [1]}",
			"Invalid parameter type for 'capabilities[0]', expected: object" },
		{ "migrate-set-capabilities", "{\"capabilities\": [{\"state\": true}]}",
			"Parameter 'capabilities[0].capability' is missing" },
		{ "migrate-set-capabilities", "{\"capabilities\": [{\"capability\": \"events\"}]}",
			"Parameter 'capabilities[0].state' is missing" },
		{ "migrate-set-capabilities",
			"{\"capabilities\": [{\"capability\": \"events\", \"state\": false}, {\"capability\": 1, "
			"\"state\": true}]}",
			"Invalid parameter type for 'capabilities[1].capability', expected: string" },
		{ "migrate-set-capabilities", "{\"capabilities\": [{\"capability\": \"events\", \"state\": 1}]}",
			"Invalid parameter type for 'capabilities[0].state', expected: boolean" },
		{ "migrate-set-capabilities",
			"{\"capabilities\": [{\"capability\": \"events\", \"state\": true, \"x\": 1}]}",
			"Parameter 'capabilities[0].x' is unexpected" },
		{ "migrate-set-capabilities", "{\"capabilities\": [{\"capability\": \"warp\", \"state\": true}]}",
			"Parameter 'capability' does not accept value 'warp'" },
		{ "migrate-set-capabilities",
			"{\"capabilities\": [{\"capability\": \"postcopy-ram\", \"state\": true}]}",
			"Capability 'postcopy-ram' is not supported" },
		{ "human-monitor-command", NULL, "Parameter 'command-line' is missing" },
		{ "human-monitor-command", "{\"command-line\": []}",
			"Invalid parameter type for 'command-line', expected: string" },
		{ "system_reset", NULL, "this feature or command is not currently supported" },
		{ "system_powerdown", NULL, "this feature or command is not currently supported" },
	};
	struct client *c = *state;

	for (size_t i = 0; i < COUNT(inputs); i++) {
		assert_generic_error(run(c, inputs[i][0], inputs[i][1]), inputs[i][2]);
		assert_int_equal(c->engine.calls, 0);
	}
}

static void engines_refusal_is_the_error(void **state)
{
	static const char *const commands[][2] = {
		{ "migrate", "{\"uri\": \"tcp:10.0.0.2:4444\"}" },
		{ "migrate-incoming", "{\"uri\": \"tcp:0:4444\"}" },
		{ "migrate_cancel", NULL },
		{ "stop", NULL },
		{ "cont", NULL },
		{ "x-migrate-resolve", "{\"action\": \"recall\"}" },
		{ "migrate-set-parameters", "{\"downtime-limit\": 1}" },
		{ "migrate-set-capabilities", "{\"capabilities\": []}" },
	};
	struct client *c = *state;

	c->engine.answer = ERR_REFUSED;
	for (size_t i = 0; i < COUNT(commands); i++) {
		char word[64];

		c->engine.answer_reason = "owner is 'gone'";
		assert_generic_error(run(c, commands[i][0], commands[i][1]), "owner is 'gone'");
		c->engine.answer_reason = NULL;
		(void)snprintf(word, sizeof(word), "%s", err_name(ERR_REFUSED));
		assert_generic_error(run(c, commands[i][0], commands[i][1]), word);
		assert_string_equal(run(c, "query-name", NULL), "{\"return\": {\"name\": \"flight\"}}\r\n");
	}
}

static void commands_reach_the_engine(void **state)
{
	struct client *c = *state;

	assert_string_equal(run(c, "migrate", "{\"uri\": \"tcp:10.0.0.2:4444\", \"detach\": true}"), RETURN_EMPTY);
	assert_string_equal(c->engine.last, "migrate");
	assert_string_equal(c->engine.uri, "tcp:10.0.0.2:4444");
	assert_string_equal(run(c, "migrate-incoming", "{\"uri\": \"tcp:0:4444\"}"), RETURN_EMPTY);
	assert_string_equal(c->engine.last, "incoming");
	assert_string_equal(c->engine.uri, "tcp:0:4444");
	assert_string_equal(run(c, "migrate_cancel", NULL), RETURN_EMPTY);
	assert_string_equal(c->engine.last, "cancel");
	assert_string_equal(run(c, "stop", "{}"), RETURN_EMPTY);
	assert_string_equal(c->engine.last, "stop");
	assert_string_equal(run(c, "cont", NULL), RETURN_EMPTY);
	assert_string_equal(c->engine.last, "cont");
}

static void resolve_takes_each_action(void **state)
{
	static const char *const words[] = { "recall", "discard", "take", "take-back", "ask" };
	static const enum resolve_action actions[] = { RESOLVE_RECALL, RESOLVE_DISCARD, RESOLVE_TAKE, RESOLVE_TAKE_BACK,
		RESOLVE_ASK };
	struct client *c = *state;

	for (size_t i = 0; i < COUNT(words); i++) {
		char arguments[128];

		(void)snprintf(arguments, sizeof(arguments), "{\"action\": \"%s\"}", words[i]);
		assert_string_equal(run(c, "x-migrate-resolve", arguments), RETURN_EMPTY);
		assert_int_equal(c->engine.resolve.action, actions[i]);
		assert_false(c->engine.resolve.all_fenced);
		assert_false(c->engine.resolve.force);
		(void)snprintf(arguments, sizeof(arguments),
			"{\"action\": \"%s\", \"all-fenced\": true, \"force\": true}", words[i]);
		assert_string_equal(run(c, "x-migrate-resolve", arguments), RETURN_EMPTY);
		assert_true(c->engine.resolve.all_fenced);
		assert_true(c->engine.resolve.force);
	}
}

static void parameters_are_set_together_and_told(void **state)
{
	struct client *c = *state;

	assert_string_equal(run(c, "query-migrate-parameters", NULL),
		"{\"return\": {\"max-bandwidth\": 134217728, \"avail-switchover-bandwidth\": 0, \"downtime-limit\": "
		"300, "
		"\"multifd-channels\": 2, \"tls-hostname\": \"\", \"tls-authz\": \"\", \"x-link-timeout\": 3000, "
		"\"x-handover-timeout\": 0, \"x-clock\": \"follow\", \"x-round-max\": 0, \"x-round-min\": 0, "
		"\"x-pause-at-commit\": false}}\r\n");
	assert_string_equal(
		run(c, "migrate-set-parameters",
			"{\"max-bandwidth\": 18446744073709551615, \"avail-switchover-bandwidth\": 1, "
			"\"downtime-limit\": 2, "
			"\"multifd-channels\": 4294967295, \"tls-hostname\": \"beta\", \"tls-authz\": \"alpha\", "
			"\"x-link-timeout\": 4, "
			"\"x-handover-timeout\": 5, \"x-clock\": \"freeze\", \"x-round-max\": 6, \"x-round-min\": 7, "
			"\"x-pause-at-commit\": true}"),
		RETURN_EMPTY);
	assert_int_equal(c->engine.calls, 1);
	assert_string_equal(run(c, "query-migrate-parameters", NULL),
		"{\"return\": {\"max-bandwidth\": 18446744073709551615, \"avail-switchover-bandwidth\": 1, "
		"\"downtime-limit\": 2, "
		"\"multifd-channels\": 4294967295, \"tls-hostname\": \"beta\", \"tls-authz\": \"alpha\", "
		"\"x-link-timeout\": 4, "
		"\"x-handover-timeout\": 5, \"x-clock\": \"freeze\", \"x-round-max\": 6, \"x-round-min\": 7, "
		"\"x-pause-at-commit\": true}}\r\n");
	/* what is not named stays; null clears a name */
	assert_string_equal(
		run(c, "migrate-set-parameters", "{\"tls-hostname\": null, \"x-clock\": \"follow\"}"), RETURN_EMPTY);
	assert_string_equal(c->engine.params.tls_hostname, "");
	assert_string_equal(c->engine.params.tls_authz, "alpha");
	assert_int_equal(c->engine.params.x_round_min, 7);
	assert_false(c->engine.params.x_clock_freeze);
	/* one bad value, and nothing is set */
	(void)run(c, "migrate-set-parameters", "{\"downtime-limit\": 9, \"x-clock\": \"bad\"}");
	assert_int_equal(c->engine.params.downtime_limit_ms, 2);
}

static void capabilities_are_set_together_and_told(void **state)
{
	struct client *c = *state;

	assert_non_null(strstr(run(c, "query-migrate-capabilities", NULL),
		"{\"return\": [{\"state\": true, \"capability\": \"events\"}, {\"state\": true, \"capability\": "
		"\"multifd\"}, "
		"{\"state\": false, \"capability\": \"switchover-ack\"}, {\"state\": false, \"capability\": "
		"\"x-verify-ram\"}, {\"state\": false, \"capability\": \"xbzrle\"}, "));
	assert_string_equal(run(c, "migrate-set-capabilities", "{\"capabilities\": []}"), RETURN_EMPTY);
	assert_string_equal(run(c, "migrate-set-capabilities",
				    "{\"capabilities\": [{\"capability\": \"events\", \"state\": false}, {\"state\": "
				    "true, \"capability\": \"x-verify-ram\"}, "
				    "{\"capability\": \"postcopy-ram\", \"state\": false}]}"),
		RETURN_EMPTY);
	assert_false(c->engine.caps.events);
	assert_true(c->engine.caps.multifd);
	assert_true(c->engine.caps.x_verify_ram);
}

static void plain_queries_answer_like_qemu(void **state)
{
	struct client *c = *state;

	assert_string_equal(run(c, "query-version", NULL), "{\"return\": {\"qemu\": {\"micro\": 2, \"minor\": 0, "
							   "\"major\": 10}, \"package\": \"godwit 0.1\"}}\r\n");
	assert_string_equal(
		run(c, "query-status", NULL), "{\"return\": {\"status\": \"running\", \"running\": true}}\r\n");
	assert_string_equal(run(c, "query-cpus-fast", NULL),
		"{\"return\": [{\"cpu-index\": 0, \"qom-path\": \"/slot/cpu[0]\", \"thread-id\": 1, \"target\": "
		"\"aarch64\", "
		"\"x-halted\": false}, {\"cpu-index\": 1, \"qom-path\": \"/slot/cpu[1]\", \"thread-id\": 2, "
		"\"target\": \"aarch64\", "
		"\"x-halted\": true}]}\r\n");
	assert_string_equal(run(c, "human-monitor-command", "{\"command-line\": \"info status\"}"),
		"{\"return\": \"VM status: running\\n\"}\r\n");
}

static void every_listed_command_exists(void **state)
{
	struct client *c = *state;
	char list[QMP_REPLY_BYTES];
	uint32_t count = 0;

	(void)snprintf(list, sizeof(list), "%s", run(c, "query-commands", NULL));
	for (char *at = strstr(list, "\"name\": \""); at != NULL; at = strstr(at, "\"name\": \"")) {
		char *end;

		at += strlen("\"name\": \"");
		end = strchr(at, '"');
		assert_non_null(end);
		*end = 0;
		if (strcmp(at, "qmp_capabilities") != 0) {
			assert_null(strstr(run(c, at, NULL), "CommandNotFound"));
		}
		at = end + 1;
		count++;
	}
	assert_int_equal(count, 21);
}

static void status_word_follows_owner(void **state)
{
	static const char *const words[OWNER_COUNT] = {
		[OWNER_NONE] = "inmigrate",
		[OWNER_OWN] = "paused",
		[OWNER_PREPARING] = "paused",
		[OWNER_HELD] = "finish-migrate",
		[OWNER_GIVEN] = "finish-migrate",
		[OWNER_GONE] = "postmigrate",
		[OWNER_LOADING] = "inmigrate",
		[OWNER_READY] = "inmigrate",
		[OWNER_VOID] = "inmigrate",
		[OWNER_TAKEN] = "paused",
		[OWNER_UNKNOWN] = "paused",
	};
	struct client *c = *state;
	char expected[128];

	c->engine.run_state = VM_PAUSED;
	for (int owner = 0; owner < OWNER_COUNT; owner++) {
		c->engine.info.owner = (enum owner)owner;
		(void)snprintf(expected, sizeof(expected), "{\"return\": {\"status\": \"%s\", \"running\": false}}\r\n",
			words[owner]);
		assert_string_equal(run(c, "query-status", NULL), expected);
	}
	c->engine.run_state = VM_SHUTDOWN;
	assert_non_null(strstr(run(c, "query-status", NULL), "\"shutdown\""));
	c->engine.run_state = VM_INTERNAL_ERROR;
	assert_non_null(strstr(run(c, "query-status", NULL), "\"internal-error\""));
}

static void reset_of_a_vm_that_is_away_is_refused_by_owner(void **state)
{
	struct client *c = *state;

	c->engine.info.owner = OWNER_GIVEN;
	assert_generic_error(run(c, "system_reset", NULL), "This host may not run the VM: owner is 'given'");
}

static void migration_is_told_with_qemus_fields(void **state)
{
	static const char *const parts[] = {
		"{\"return\": {\"status\": \"active\", \"owner\": \"own\", \"peer\": \"beta\", \"gen\": 1, ",
		"\"total-time\": 10, \"setup-time\": 2, \"expected-downtime\": 7, \"ram\": {\"total\": 67108864, ",
		"\"transferred\": 1000, \"remaining\": 500, \"duplicate\": 3, \"normal\": 4, \"normal-bytes\": 16384, ",
		"\"dirty-pages-rate\": 9, \"mbps\": 8, \"dirty-sync-count\": 2, ",
		"\"page-size\": 4096, ",
		"\"vfio\": {\"transferred\": 77}",
		"\"x-forecast\": \"converging\"",
		"\"x-downtime\": {\"stop-us\": 0, ",
		/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one part, on three lines */
		"\"x-round-count\": 2, \"x-rounds\": [{\"round\": 0, \"pages\": 1, \"zero\": 2, \"bytes\": 3, \"us\": "
		"4, \"dirty\": 5}, "
		"{\"round\": 1, \"pages\": 6, \"zero\": 7, \"bytes\": 8, \"us\": 9, \"dirty\": 10}]}}\r\n",
	};
	struct client *c = *state;
	struct migration_info *info = &c->engine.info;
	const char *reply;

	reply = run(c, "query-migrate", NULL);
	assert_memory_equal(reply, "{\"return\": {\"status\": \"none\", ", 30);
	assert_null(strstr(reply, "\"downtime\""));
	assert_null(strstr(reply, "error-desc"));
	assert_null(strstr(reply, "next-action"));

	info->status = MIG_STATUS_ACTIVE;
	(void)snprintf(info->peer, sizeof(info->peer), "beta");
	(void)snprintf(info->forecast, sizeof(info->forecast), "converging");
	info->total_ms = 10;
	info->setup_ms = 2;
	info->expected_downtime_ms = 7;
	info->ram.total_bytes = 67108864;
	info->ram.transferred_bytes = 1000;
	info->ram.remaining_bytes = 500;
	info->ram.zero_pages = 3;
	info->ram.normal_pages = 4;
	info->ram.dirty_pages_rate = 9;
	info->ram.bandwidth = 1000000;
	info->ram.dirty_sync_count = 2;
	info->ram.device_bytes = 77;
	info->round_count = 2;
	info->rounds[0] = (struct migration_round){ 1, 2, 3, 4, 5 };
	info->rounds[1] = (struct migration_round){ 6, 7, 8, 9, 10 };
	reply = run(c, "query-migrate", NULL);
	for (size_t i = 0; i < COUNT(parts); i++) {
		if (strstr(reply, parts[i]) == NULL) {
			fail_msg("no %s in %s", parts[i], reply);
		}
	}
}

static void downtime_and_errors_are_told_when_there_are_any(void **state)
{
	struct client *c = *state;
	const char *reply;

	c->engine.info.status = MIG_STATUS_COMPLETED;
	c->engine.info.downtime_us = 1001;
	c->engine.info.downtime.commit = 17;
	reply = run(c, "query-migrate", NULL);
	assert_non_null(strstr(reply, "\"downtime\": 2, "));
	assert_non_null(strstr(reply, "\"commit-us\": 17, "));
	assert_non_null(strstr(reply, "\"total-us\": 1001}"));
	c->engine.info.status = MIG_STATUS_FAILED;
	(void)snprintf(c->engine.info.error_desc, REASON_BYTES, "ram size: 64 MiB here, 32 MiB there");
	(void)snprintf(c->engine.info.next_action, REASON_BYTES, "x-migrate-resolve");
	reply = run(c, "query-migrate", NULL);
	assert_non_null(strstr(reply, "\"error-desc\": \"ram size: 64 MiB here, 32 MiB there\""));
	assert_non_null(strstr(reply, "\"next-action\": \"x-migrate-resolve\""));
}

static void rounds_are_bounded_by_the_reply_newest_first_kept(void **state)
{
	struct client *c = *state;

	for (uint32_t rounds = 0; rounds < 200; rounds += 7) {
		const char *reply;
		char last[32];

		fake_engine_fill(&c->engine, UINT64_MAX, rounds);
		reply = run(c, "query-migrate", NULL);
		assert_memory_equal(reply, "{\"return\": ", 11);
		assert_true(strlen(reply) <= QMP_REPLY_BYTES);
		assert_string_equal(reply + strlen(reply) - 5, "]}}\r\n");
		(void)snprintf(last, sizeof(last), "{\"round\": %u, ", rounds - 1);
		if (rounds > 0) {
			assert_non_null(strstr(reply, last));
		}
		fake_engine_fill(&c->engine, 100, rounds);
		reply = run(c, "query-migrate", NULL);
		assert_true(strlen(reply) <= QMP_REPLY_BYTES);
	}
}

#define READY(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)

static void reasons_against_a_migration_and_devices_are_told(void **state)
{
	struct client *c = *state;

	assert_null(strstr(run(c, "query-migrate", NULL), "blocked-reasons"));
	c->engine.blockers = 2;
	c->engine.devices = 1;
	assert_non_null(strstr(run(c, "query-migrate", NULL),
		"\"blocked-reasons\": [\"device 0 cannot migrate\", \"device 1 cannot migrate\"]"));
	assert_non_null(strstr(run(c, "query-migrate", NULL), "\"x-devices\": [{\"id\": \"0000:00:01.0\", \"type\": "
							      "\"fake\", \"state\": \"PRE_COPY\", \"bytes\": 70, "
							      "\"precopy-bytes\": 60, \"restarts\": 1}]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		READY(bad_arguments_are_named_and_reach_nobody),
		READY(engines_refusal_is_the_error),
		READY(commands_reach_the_engine),
		READY(resolve_takes_each_action),
		READY(parameters_are_set_together_and_told),
		READY(capabilities_are_set_together_and_told),
		READY(reasons_against_a_migration_and_devices_are_told),
		READY(plain_queries_answer_like_qemu),
		READY(every_listed_command_exists),
		READY(status_word_follows_owner),
		READY(reset_of_a_vm_that_is_away_is_refused_by_owner),
		READY(migration_is_told_with_qemus_fields),
		READY(downtime_and_errors_are_told_when_there_are_any),
		READY(rounds_are_bounded_by_the_reply_newest_first_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
