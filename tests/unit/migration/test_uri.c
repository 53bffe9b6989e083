/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/limits.h"
#include "migration/uri.h"

static void a_numeric_address_and_port_are_taken(void **state)
{
	static const uint8_t ip[4] = { 10, 7, 0, 2 };
	char reason[REASON_BYTES];
	struct net_addr a;

	(void)state;
	assert_int_equal(uri_parse("tcp:10.7.0.2:4444", &a, false, reason), ERR_OK);
	assert_memory_equal(a.ip, ip, sizeof(ip));
	assert_int_equal(a.port, 4444);
}

static void a_listener_may_leave_the_address_open(void **state)
{
	static const char *const open[] = { "tcp:0:4444", "tcp::4444", "tcp:[::]:4444", "tcp:0.0.0.0:4444" };
	char reason[REASON_BYTES];
	struct net_addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		assert_int_equal(uri_parse(open[i], &a, true, reason), ERR_OK);
		assert_int_not_equal(uri_parse(open[i], &a, false, reason), ERR_OK);
	}
}

static void what_names_no_host_is_refused(void **state)
{
	static const char *const bad[] = { "", "tcp:", "unix:x", "tcp:10.7.0.2", "tcp:10.7.0.2:0", "tcp:10.7.0.2:65536",
		"tcp:10.7.0:1", "tcp:10.7.0.256:1", "tcp:host:1", "tcp:224.0.0.1:1", "tcp:255.255.255.255:1",
		"tcp:10.7.0.2:x" };
	char reason[REASON_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct net_addr a;

		reason[0] = '\0';
		assert_int_not_equal(uri_parse(bad[i], &a, false, reason), ERR_OK);
		assert_int_not_equal(reason[0], '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_numeric_address_and_port_are_taken),
		cmocka_unit_test(a_listener_may_leave_the_address_open),
		cmocka_unit_test(what_names_no_host_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
