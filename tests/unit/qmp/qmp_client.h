/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** A QMP connection under test with the fake engine behind it, and the text it answers. */
#ifndef TESTS_UNIT_QMP_CLIENT_H
#define TESTS_UNIT_QMP_CLIENT_H

#include "migration/control/monitor.h"
#include "tests/fake/fake_engine.h"

#define GREETING                                                                                                       \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "                             \
	"\"package\": \"godwit 0.1\"}, \"capabilities\": []}}\r\n"
#define RETURN_EMPTY "{\"return\": {}}\r\n"

struct client {
	struct qmp qmp;
	struct engine engine;
	char text[4u * QMP_REPLY_BYTES]; /* all that came since the last send */
};

/** cmocka setup and teardown: a fresh client that has negotiated. */
int client_setup(void **state);
int client_setup_greeted(void **state);
int client_teardown(void **state);

/** Give len bytes, all of which must be taken, and collect what comes. */
const char *client_send_bytes(struct client *c, const char *bytes, size_t len);
/** The same for a string. */
const char *client_send(struct client *c, const char *text);
/** Events and what else is there. */
const char *client_events(struct client *c, uint64_t wall_us);

/** The reply must be this error of class GenericError. */
void assert_generic_error(const char *reply, const char *desc);

#endif
