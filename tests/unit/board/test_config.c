/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "board/qemu-virt/config.h"
#include "core/base/bits.h"

static enum err parse(struct board_config *out, const char *text, char *reason)
{
	reason[0] = '\0';
	return config_parse(out, (const uint8_t *)text, strlen(text), reason);
}

static void every_key_is_read(void **state)
{
	struct board_config c;
	char reason[REASON_BYTES];
	static const uint8_t ip[4] = { 10, 0, 0, 1 }, mask[4] = { 255, 255, 0, 0 };

	(void)state;
	assert_int_equal(
		parse(&c,
			"# board one\nhost.id=alpha\nnet.ip=10.0.0.1\nnet.mask=255.255.0.0\n\nslot.name=web\n"
			"slot.ram-mib=32\nslot.vcpus=1\nslot.device=0\nautostart=1\nmark.flash=1\nselftest=smmu",
			reason),
		ERR_OK);
	assert_string_equal(c.host_id, "alpha");
	assert_memory_equal(c.ip, ip, 4);
	assert_memory_equal(c.mask, mask, 4);
	assert_string_equal(c.slot_name, "web");
	assert_int_equal(c.slot_ram_mib, 32);
	assert_int_equal(c.slot_vcpus, 1);
	assert_int_equal(c.slot_devices, 0);
	assert_true(c.autostart);
	assert_true(c.mark_flash);
	assert_string_equal(c.selftest, "smmu");
}

static void an_empty_file_gives_the_defaults(void **state)
{
	struct board_config c, d;
	char reason[REASON_BYTES];

	(void)state;
	config_default(&d);
	assert_int_equal(parse(&c, "", reason), ERR_OK);
	assert_memory_equal(&c, &d, sizeof(c));
	assert_false(d.autostart);
}

static void bad_lines_are_refused_by_line_key_and_value(void **state)
{
	static const struct {
		const char *text;
		const char *reason;
	} cases[] = {
		{ "a\n", "config line 1: no '=' in 'a'" },
		{ "\nslot.cpus=2", "config line 2: unknown key 'slot.cpus'" },
		{ "net.ip=10.0.0", "config line 1: net.ip does not take '10.0.0'" },
		{ "net.ip=10.0.0.256", "config line 1: net.ip does not take '10.0.0.256'" },
		{ "net.ip=10.0.0.1.2", "config line 1: net.ip does not take '10.0.0.1.2'" },
		{ "slot.vcpus=9", "config line 1: slot.vcpus does not take '9'" },
		{ "slot.vcpus=", "config line 1: slot.vcpus does not take ''" },
		{ "slot.ram-mib=63", "config line 1: slot.ram-mib does not take '63'" },
		{ "autostart=yes", "config line 1: autostart does not take 'yes'" },
		{ "selftest=a-name-longer-than-sixteen",
			"config line 1: selftest does not take 'a-name-longer-than-sixteen'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct board_config c;
		char reason[REASON_BYTES];

		assert_int_not_equal(parse(&c, cases[i].text, reason), ERR_OK);
		assert_string_equal(reason, cases[i].reason);
	}
}

static void an_overlong_line_is_refused(void **state)
{
	struct board_config c;
	char reason[REASON_BYTES], line[300];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(parse(&c, line, reason), ERR_BAD_RECORD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(bad_lines_are_refused_by_line_key_and_value),
		cmocka_unit_test(an_overlong_line_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
