/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Framing, negotiation, errors, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/qmp/qmp_client.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOO_LONG     "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON token size limit exceeded\"}}\r\n"

static void greeting_is_qemus(void **state)
{
	struct client *c = *state;

	assert_string_equal(c->text, GREETING);
}

static void nothing_but_negotiation_is_taken_first(void **state)
{
	struct client *c = *state;

	assert_string_equal(client_send(c, "{\"execute\": \"query-status\"}"),
		"{\"error\": {\"class\": \"CommandNotFound\", "
		"\"desc\": \"Expecting capabilities negotiation with 'qmp_capabilities'\"}}\r\n");
	assert_generic_error(
		client_send(c, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"oob\"]}}"),
		"Parameter 'enable' expects an empty list: no capability is offered");
	assert_generic_error(client_send(c, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": 1}}"),
		"Invalid parameter type for 'enable', expected: array");
	assert_generic_error(client_send(c, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"x\": 1}}"),
		"Parameter 'x' is unexpected");
	fake_engine_note(&c->engine, ENGINE_EV_STOP, 0);
	assert_string_equal(client_events(c, 1), "");
	assert_int_equal(c->qmp.events_dropped, 1);
	assert_string_equal(
		client_send(c, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": []}}"), RETURN_EMPTY);
	assert_string_equal(client_send(c, "{\"execute\": \"qmp_capabilities\"}"),
		"{\"error\": {\"class\": \"CommandNotFound\", "
		"\"desc\": \"Capabilities negotiation is already complete, command ignored\"}}\r\n");
}

static void input_that_is_no_command_is_answered(void **state)
{
	static const char *const inputs[][2] = {
		{ "[]", "QMP input must be a JSON object" },
		{ "\"text\"", "QMP input must be a JSON object" },
		{ "42\n", "QMP input must be a JSON object" },
		{ "true ", "QMP input must be a JSON object" },
		{ "garbage\n", "JSON parse error, invalid keyword" },
		{ "}\n", "JSON parse error, expecting value" },
		{ "{\"a\": [}\n", "JSON parse error, expecting value" },
		{ "[{\"a\": 1]\n", "JSON parse error, expecting value" },
		{ "{\"execute\" 1}", "JSON parse error, missing : in object pair" },
		{ "{}", "QMP input lacks member 'execute'" },
		{ "{\"execute\": 1}", "QMP input member 'execute' must be a string" },
		{ "{\"execute\": {}}", "QMP input member 'execute' must be a string" },
		{ "{\"execute\": \"stop\", \"arguments\": []}", "QMP input member 'arguments' must be an object" },
		{ "{\"execute\": \"stop\", \"argument\": {}}", "QMP input member 'argument' is unexpected" },
		{ "{\"exec-oob\": \"stop\"}", "QMP input member 'exec-oob' is unexpected" },
		{ "{\"execute\": \"stop\n", "JSON parse error, invalid character" },
		{ "\x01\n", "JSON parse error, invalid character" },
		{ "{\xff}\n", "JSON parse error, invalid character" },
	};
	struct client *c = *state;

	for (size_t i = 0; i < COUNT(inputs); i++) {
		assert_generic_error(client_send(c, inputs[i][0]), inputs[i][1]);
		assert_int_equal(c->engine.calls, 0);
		/* and the connection is as before */
		assert_string_equal(
			client_send(c, "{\"execute\": \"query-name\"}"), "{\"return\": {\"name\": \"flight\"}}\r\n");
	}
}

static void unknown_command_is_named(void **state)
{
	struct client *c = *state;

	assert_string_equal(client_send(c, "{\"execute\": \"foo\", \"id\": 7}"),
		"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command foo has not been found\"}, "
		"\"id\": 7}\r\n");
	assert_string_equal(client_send(c, "{\"execute\": \"f\\\"\\u00e4\\n\"}"),
		"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command f\\\"\\u00e4\\n has not been "
		"found\"}}\r\n");
}

static void id_of_any_kind_comes_back(void **state)
{
	static const char *const ids[] = { "1", "\"x\"", "null", "true", "-1.5e3", "{\"a\": [1, {\"b\": \"\\n\"}]}",
		"[]", "\"\xc3\xa4\"" };
	struct client *c = *state;

	for (size_t i = 0; i < COUNT(ids); i++) {
		char request[256], expected[256];

		(void)snprintf(request, sizeof(request), "{\"id\": %s, \"execute\": \"stop\"}", ids[i]);
		(void)snprintf(expected, sizeof(expected), "{\"return\": {}, \"id\": %s}\r\n", ids[i]);
		assert_string_equal(client_send(c, request), expected);
	}
	assert_string_equal(
		client_send(c, "{\"id\": [1,\r\n2], \"execute\": \"stop\"}"), "{\"return\": {}, \"id\": [1,  2]}\r\n");
}

static void longest_id_still_fits_every_reply(void **state)
{
	struct client *c = *state;
	char request[QMP_LINE_BYTES + 1];
	int head = snprintf(request, sizeof(request), "{\"execute\": \"query-migrate\", \"id\": \"");
	const char *reply;

	memset(request + head, 'i', sizeof(request) - (size_t)head - 3);
	memcpy(request + sizeof(request) - 3, "\"}", 3);
	fake_engine_fill(&c->engine, UINT64_MAX, 64);
	reply = client_send(c, request);
	assert_memory_equal(reply, "{\"return\": {\"status\"", 20);
	assert_non_null(strstr(reply, "iii\"}\r\n"));
	assert_true(strlen(reply) <= QMP_REPLY_BYTES);
}

static void object_may_come_in_any_pieces(void **state)
{
	static const char text[] = "\r\n  {\n \"execute\"\n:\n\"query-name\",\r\n\"id\":\n{\"}\": \"\\\"{\"}\n}\n";
	struct client *c = *state;

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		char first[64];

		(void)snprintf(first, sizeof(first), "%s", client_send_bytes(c, text, cut));
		(void)client_send_bytes(c, text + cut, sizeof(text) - 1 - cut);
		assert_int_equal(strlen(first) + strlen(c->text),
			strlen("{\"return\": {\"name\": \"flight\"}, \"id\": {\"}\": \"\\\"{\"}}\r\n"));
	}
	for (size_t at = 0; at + 1 < sizeof(text); at++) {
		const char *reply = client_send_bytes(c, text + at, 1);

		if (at == sizeof(text) - 3) {
			assert_string_equal(
				reply, "{\"return\": {\"name\": \"flight\"}, \"id\": {\"}\": \"\\\"{\"}}\r\n");
		} else {
			assert_string_equal(reply, "");
		}
	}
}

static void several_objects_may_come_at_once(void **state)
{
	struct client *c = *state;

	assert_string_equal(client_send(c, "{\"execute\":\"stop\"}{\"execute\":\"cont\"}{}x{\"execute\":\"stop\"}"),
		RETURN_EMPTY RETURN_EMPTY
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input lacks member 'execute'\"}}\r\n"
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, invalid "
		"keyword\"}}\r\n" RETURN_EMPTY);
}

static void every_truncation_waits_and_a_broken_line_recovers(void **state)
{
	static const char text[] =
		"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:10.0.0.2:4444\"}, \"id\": 1}";
	struct client *c = *state;

	for (size_t len = 0; len + 1 < sizeof(text); len++) {
		const char *reply;

		assert_string_equal(client_send_bytes(c, text, len), "");
		/* A byte that is never JSON ends whatever was begun. */
		reply = client_send(c, "\x01\n");
		assert_generic_error(reply, "JSON parse error, invalid character");
		assert_string_equal(client_send(c, "{\"execute\": \"stop\"}"), RETURN_EMPTY);
	}
	assert_string_equal(client_send(c, text), "{\"return\": {}, \"id\": 1}\r\n");
}

static void oversized_line_is_one_error_and_the_connection_stays(void **state)
{
	struct client *c = *state;
	char line[5000];
	int head = snprintf(line, sizeof(line), "{\"execute\": \"stop\", \"id\": \"");

	memset(line + head, 'x', sizeof(line) - (size_t)head);
	memcpy(line + sizeof(line) - 3, "\"}\n", 3);
	assert_string_equal(client_send_bytes(c, line, sizeof(line)), TOO_LONG);
	assert_string_equal(client_send(c, "{\"execute\": \"stop\"}"), RETURN_EMPTY);
	/* the same without any bracket, and byte by byte */
	memset(line, 'y', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_string_equal(client_send_bytes(c, line, sizeof(line)), TOO_LONG);
	for (size_t i = 0; i < sizeof(line); i++) {
		const char *reply = client_send_bytes(c, line + i, 1);

		assert_string_equal(reply, i == QMP_LINE_BYTES ? TOO_LONG : "");
	}
	assert_string_equal(client_send(c, "{\"execute\": \"stop\"}"), RETURN_EMPTY);
}

static void deep_nesting_is_bounded(void **state)
{
	struct client *c = *state;
	char deep[JSON_DEPTH_MAX + 3];

	memset(deep, '[', sizeof(deep));
	deep[sizeof(deep) - 2] = '\n';
	deep[sizeof(deep) - 1] = 0;
	assert_generic_error(client_send(c, deep), "JSON nesting depth limit exceeded");
	assert_string_equal(client_send(c, "{\"execute\": \"stop\"}"), RETURN_EMPTY);
}

static void random_bytes_never_harm(void **state)
{
	static const char alphabet[] = "{}[]\":,\\ \n0123456789-truefalsnullexecutestop\x01\xff";
	struct client *c = *state;
	uint32_t seed = 12345;

	for (int i = 0; i < 200000; i++) {
		char byte;

		seed = seed * 1664525u + 1013904223u;
		byte = (seed >> 28) == 0 ? (char)(seed >> 8) : alphabet[(seed >> 8) % (sizeof(alphabet) - 1)];
		(void)client_send_bytes(c, &byte, 1);
	}
	(void)client_send(c, "\x01\n");
	assert_string_equal(client_send(c, "{\"execute\": \"stop\"}"), RETURN_EMPTY);
}

static void full_output_stops_input_and_loses_nothing(void **state)
{
	static const char request[] = "{\"execute\": \"query-commands\"}";
	struct client *c = *state;
	uint8_t out[QMP_REPLY_BYTES];
	size_t sent = 0, got = 0, one, rounds = 0;

	one = strlen(client_send(c, request));
	while (sent < 100 * (sizeof(request) - 1)) {
		size_t at = sent % (sizeof(request) - 1);
		size_t taken = qmp_input(&c->qmp, (const uint8_t *)request + at, sizeof(request) - 1 - at);

		sent += taken;
		if (taken == 0) {
			assert_int_equal(qmp_input(&c->qmp, (const uint8_t *)request, 1), 0);
			got += qmp_output(&c->qmp, out, 100);
			rounds++;
		}
	}
	for (size_t n = 1; n > 0; got += n) {
		n = qmp_output(&c->qmp, out, sizeof(out));
	}
	assert_int_equal(got, 100 * one);
	assert_true(rounds > 0);
}

static void events_carry_time_and_data(void **state)
{
	struct client *c = *state;

	fake_engine_note(&c->engine, ENGINE_EV_STOP, 0);
	fake_engine_note(&c->engine, ENGINE_EV_RESUME, 0);
	fake_engine_note(&c->engine, ENGINE_EV_STATUS, MIG_STATUS_ACTIVE);
	fake_engine_note(&c->engine, ENGINE_EV_PASS, 3);
	fake_engine_note(&c->engine, ENGINE_EV_NONE, 3);
	fake_engine_note(&c->engine, ENGINE_EV_STATUS, MIG_STATUS_COUNT);
	fake_engine_note(&c->engine, ENGINE_EV_SHUTDOWN, 0);
#define TIME "{\"timestamp\": {\"seconds\": 1700000000, \"microseconds\": 42}, "
	assert_string_equal(client_events(c, 1700000000000042),
		TIME "\"event\": \"STOP\"}\r\n" TIME "\"event\": \"RESUME\"}\r\n" TIME
		     "\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}}\r\n" TIME
		     "\"event\": \"MIGRATION_PASS\", \"data\": {\"pass\": 3}}\r\n" TIME
		     "\"event\": \"MIGRATION\", \"data\": {\"status\": \"none\"}}\r\n" TIME
		     "\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-shutdown\"}}\r\n");
}

static void quit_makes_shutdown_the_operators(void **state)
{
	struct client *c = *state;

	assert_string_equal(client_send(c, "{\"execute\": \"quit\"}"), RETURN_EMPTY);
	assert_string_equal(c->engine.last, "quit");
	fake_engine_note(&c->engine, ENGINE_EV_SHUTDOWN, 0);
	assert_non_null(strstr(client_events(c, 0), "\"data\": {\"guest\": false, \"reason\": \"host-qmp-quit\"}}"));
}

static void events_capability_switches_migration_events_off(void **state)
{
	struct client *c = *state;

	c->engine.caps.events = false;
	fake_engine_note(&c->engine, ENGINE_EV_STATUS, MIG_STATUS_ACTIVE);
	fake_engine_note(&c->engine, ENGINE_EV_PASS, 1);
	assert_string_equal(client_events(c, 0), "");
	assert_int_equal(c->engine.note_count, 0);
	fake_engine_note(&c->engine, ENGINE_EV_STOP, 0);
	assert_non_null(strstr(client_events(c, 0), "STOP"));
}

static void events_wait_with_the_engine_while_output_is_full(void **state)
{
	static const char request[] = "{\"execute\": \"query-commands\"}";
	struct client *c = *state;
	uint8_t out[2u * QMP_REPLY_BYTES];
	uint32_t left = 0, told = 0;

	/* Fill first with replies, then with events. */
	while (qmp_input(&c->qmp, (const uint8_t *)request, sizeof(request) - 1) == sizeof(request) - 1) {
	}
	while (left == 0 && told < 1000) {
		fake_engine_note(&c->engine, ENGINE_EV_PASS, told++);
		qmp_step(&c->qmp, 0);
		left = c->engine.note_count;
	}
	assert_int_equal(left, 1);
	qmp_step(&c->qmp, 0);
	assert_int_equal(c->engine.note_count, 1);
	(void)qmp_output(&c->qmp, out, sizeof(out));
	assert_non_null(strstr(client_events(c, 0), "MIGRATION_PASS"));
	assert_int_equal(c->engine.note_count, 0);
	assert_int_equal(c->qmp.events_dropped, 0);
}

static void output_comes_in_any_pieces(void **state)
{
	struct client *c = *state;
	char whole[256];
	size_t len = 0;

	(void)client_send(c, "");
	assert_int_equal(qmp_input(&c->qmp, (const uint8_t *)"{\"execute\":\"stop\"}", 18), 18);
	while (len < sizeof(whole) - 1 && qmp_output(&c->qmp, (uint8_t *)whole + len, 1) == 1) {
		len++;
	}
	whole[len] = 0;
	assert_string_equal(whole, RETURN_EMPTY);
	assert_int_equal(qmp_output(&c->qmp, (uint8_t *)whole, 0), 0);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, client_setup_greeted, client_teardown)
#define READY(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(greeting_is_qemus),
		FRESH(nothing_but_negotiation_is_taken_first),
		READY(input_that_is_no_command_is_answered),
		READY(unknown_command_is_named),
		READY(id_of_any_kind_comes_back),
		READY(longest_id_still_fits_every_reply),
		READY(object_may_come_in_any_pieces),
		READY(several_objects_may_come_at_once),
		READY(every_truncation_waits_and_a_broken_line_recovers),
		READY(oversized_line_is_one_error_and_the_connection_stays),
		READY(deep_nesting_is_bounded),
		READY(random_bytes_never_harm),
		READY(full_output_stops_input_and_loses_nothing),
		READY(events_carry_time_and_data),
		READY(quit_makes_shutdown_the_operators),
		READY(events_capability_switches_migration_events_off),
		READY(events_wait_with_the_engine_while_output_is_full),
		READY(output_comes_in_any_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
