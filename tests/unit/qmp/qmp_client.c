/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/unit/qmp/qmp_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void collect(struct client *c)
{
	size_t len = strlen(c->text);

	len += qmp_output(&c->qmp, (uint8_t *)c->text + len, sizeof(c->text) - 1 - len);
	c->text[len] = 0;
}

const char *client_send_bytes(struct client *c, const char *bytes, size_t len)
{
	size_t taken = 0;

	c->text[0] = 0;
	while (taken < len) {
		size_t now = qmp_input(&c->qmp, (const uint8_t *)bytes + taken, len - taken);

		assert_true(now > 0);
		taken += now;
		collect(c);
	}
	return c->text;
}

const char *client_send(struct client *c, const char *text)
{
	return client_send_bytes(c, text, strlen(text));
}

const char *client_events(struct client *c, uint64_t wall_us)
{
	c->text[0] = 0;
	qmp_step(&c->qmp, wall_us);
	collect(c);
	return c->text;
}

int client_setup_greeted(void **state)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return -1;
	}
	fake_engine_init(&c->engine);
	qmp_open(&c->qmp, &c->engine);
	collect(c);
	*state = c;
	return 0;
}

int client_setup(void **state)
{
	struct client *c;

	if (client_setup_greeted(state) != 0) {
		return -1;
	}
	c = *state;
	return strcmp(client_send(c, "{\"execute\": \"qmp_capabilities\"}"), RETURN_EMPTY);
}

int client_teardown(void **state)
{
	free(*state);
	return 0;
}

void assert_generic_error(const char *reply, const char *desc)
{
	char expected[1024];

	(void)snprintf(
		expected, sizeof(expected), "{\"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}}\r\n", desc);
	assert_string_equal(reply, expected);
}
