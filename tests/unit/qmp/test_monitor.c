/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migration/control/monitor.h"
#include "tests/fake/fake_engine.h"

static struct engine engine;
static char text[MONITOR_TEXT_BYTES];

static const char *say(const char *line)
{
	size_t len = monitor_line(&engine, line, text, sizeof(text));

	assert_int_equal(len, strlen(text));
	return text;
}

static int setup(void **state)
{
	(void)state;
	fake_engine_init(&engine);
	return 0;
}

static void help_names_every_command(void **state)
{
	static const char *const names[] = { "help", "info", "migrate ", "migrate_incoming", "migrate_cancel", "stop",
		"cont", "quit" };

	(void)state;
	(void)say("help");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_non_null(strstr(text, names[i]));
	}
	assert_non_null(strstr(say("?"), "migrate_cancel"));
}

static void empty_line_says_nothing(void **state)
{
	(void)state;
	assert_string_equal(say(""), "");
	assert_string_equal(say(" \t\r\n"), "");
}

static void unknown_and_misused_commands_are_told(void **state)
{
	(void)state;
	assert_string_equal(say("fly south"), "unknown command: 'fly'\n");
	assert_string_equal(say("migrate"), "migrate: usage: migrate [-d] tcp:ADDRESS:PORT\n");
	assert_string_equal(say("stop now"), "stop: usage: stop \n");
	assert_string_equal(say("info"), "info migrate|vm|status|version\n");
	assert_string_equal(say("info weather"), "info migrate|vm|status|version\n");
	assert_string_equal(say("a b c d e"), "too many words, or one too long\n");
	assert_int_equal(engine.calls, 0);
}

static void commands_reach_the_engine(void **state)
{
	(void)state;
	assert_string_equal(say("migrate -d tcp:10.0.0.2:4444\r"), "");
	assert_string_equal(engine.uri, "tcp:10.0.0.2:4444");
	assert_string_equal(say("migrate tcp:10.0.0.3:4444"), "");
	assert_string_equal(engine.uri, "tcp:10.0.0.3:4444");
	assert_string_equal(say("migrate_incoming tcp:0:1"), "");
	assert_string_equal(engine.last, "incoming");
	assert_string_equal(say("migrate_cancel"), "");
	assert_string_equal(engine.last, "cancel");
	assert_string_equal(say("s"), "");
	assert_string_equal(engine.last, "stop");
	assert_string_equal(say("cont"), "");
	assert_string_equal(engine.last, "cont");
	assert_string_equal(say("q"), "");
	assert_string_equal(engine.last, "quit");
	engine.answer = ERR_REFUSED;
	engine.answer_reason = "owner is 'gone'";
	assert_string_equal(say("cont"), "Error: owner is 'gone'\n");
}

static void info_tells_state(void **state)
{
	(void)state;
	assert_string_equal(say("info status"), "VM status: running\n");
	assert_string_equal(say("info migrate"), "Migration status: none\nowner: own\n");
	assert_string_equal(say("info vm"),
		"VM flight: running, owner own, gen 1\nRAM 64 MiB in 1 regions, timer 62500000 Hz, 2 vCPUs\n"
		"CPU #0: core 1\nCPU #1: core 2 (halted)\n");
	engine.run_state = VM_PAUSED;
	engine.info.owner = OWNER_GONE;
	assert_string_equal(say("info status"), "VM status: paused (postmigrate)\n");
	fake_engine_fill(&engine, 5, 2);
	assert_non_null(strstr(say("info migrate"), "downtime: 5 us\n"));
	assert_non_null(strstr(say("info version"), "godwit"));
}

static void answers_are_cut_to_any_size(void **state)
{
	static const char *const lines[] = { "help", "info migrate", "info vm", "unknown", "" };

	(void)state;
	fake_engine_fill(&engine, UINT64_MAX, 64);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (size_t cap = 0; cap < 1500; cap += cap < 70 ? 1 : 97) {
			char *out = malloc(cap == 0 ? 1 : cap);
			size_t len;

			assert_non_null(out);
			len = monitor_line(&engine, lines[i], out, cap);
			assert_true(cap == 0 ? len == 0 : len < cap);
			assert_true(len == 0 || out[len - 1] == '\n');
			free(out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(help_names_every_command, setup),
		cmocka_unit_test_setup(empty_line_says_nothing, setup),
		cmocka_unit_test_setup(unknown_and_misused_commands_are_told, setup),
		cmocka_unit_test_setup(commands_reach_the_engine, setup),
		cmocka_unit_test_setup(info_tells_state, setup),
		cmocka_unit_test_setup(answers_are_cut_to_any_size, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
