/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Every decoder of the engine: round trip, every truncation, every field that can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/addr.h"
#include "core/base/bytes.h"
#include "core/base/text.h"
#include "migration/ctrl.h"
#include "migration/geometry.h"
#include "migration/ram.h"
#include "migration/totals.h"
#include "migration/uri.h"

static char reason[REASON_BYTES];

/** The first len bytes in memory of exactly that size, so that a read beyond is seen. */
static uint8_t *exact(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

/* ---- control messages ---- */

static struct ctrl message_of(uint16_t type)
{
	struct ctrl m = {
		.type = type, .number = 7, .source_boot = 0x1122334455667788u, .random = 42, .gen = 9, .epoch = 3
	};

	if (type == CTRL_READY || type == CTRL_COMMIT) {
		memset(m.digest, 0x5a, sizeof(m.digest));
		m.time = 123456789;
	}
	m.boot = type == CTRL_READY ? 77 : 0;
	m.time = type == CTRL_RUNNING ? 5 : m.time;
	m.flags = type == CTRL_PREPARE ? CTRL_FLAG_VERIFY_RAM : type == CTRL_COMMIT ? CTRL_FLAG_WAS_RUNNING : 0;
	if (type == CTRL_ABORT || type == CTRL_DECLINED) {
		(void)text_copy(m.text, sizeof(m.text), "because");
	}
	return m;
}

static void every_message_survives_its_encoding(void **state)
{
	(void)state;
	for (uint32_t type = CTRL_FIRST; type < CTRL_END; type++) {
		struct ctrl m = message_of(type), out;
		uint8_t bytes[CTRL_BYTES_MAX];
		size_t len = ctrl_encode(&m, bytes);

		memset(&out, 0, sizeof(out));
		assert_int_equal(ctrl_decode(type, bytes, len, &out), ERR_OK);
		assert_memory_equal(&out, &m, sizeof(m));
	}
}

static void every_truncation_of_every_message_is_refused(void **state)
{
	(void)state;
	for (uint32_t type = CTRL_FIRST; type < CTRL_END; type++) {
		struct ctrl m = message_of(type), out, untouched;
		uint8_t bytes[CTRL_BYTES_MAX + 1];
		size_t len = ctrl_encode(&m, bytes);

		memset(&out, 0x77, sizeof(out));
		untouched = out;
		for (size_t n = 0; n <= len + 1; n++) {
			uint8_t *copy = exact(bytes, n);

			if (n != len) {
				assert_int_equal(ctrl_decode(type, copy, n, &out), ERR_BAD_RECORD);
				assert_memory_equal(&out, &untouched, sizeof(out));
			}
			free(copy);
		}
	}
}

static void message_with_unknown_type_flag_or_reserved_bits_is_refused(void **state)
{
	struct ctrl m = message_of(CTRL_COMMIT), out;
	uint8_t bytes[CTRL_BYTES_MAX];
	size_t len = ctrl_encode(&m, bytes);

	(void)state;
	assert_int_equal(ctrl_decode(CTRL_END, bytes, len, &out), ERR_UNSUPPORTED);
	assert_int_equal(ctrl_decode(1, bytes, len, &out), ERR_UNSUPPORTED);
	bytes[len - 1] = 0x80;
	assert_int_equal(ctrl_decode(CTRL_COMMIT, bytes, len, &out), ERR_BAD_RECORD);
	bytes[len - 1] = 0;
	bytes[32] = 1; /* reserved word */
	assert_int_equal(ctrl_decode(CTRL_COMMIT, bytes, len, &out), ERR_BAD_RECORD);
}

static void text_of_the_peer_is_made_printable(void **state)
{
	struct ctrl m = message_of(CTRL_ABORT), out;
	uint8_t bytes[CTRL_BYTES_MAX];
	size_t len = ctrl_encode(&m, bytes);

	(void)state;
	bytes[len - 1] = 0x1b;
	assert_int_equal(ctrl_decode(CTRL_ABORT, bytes, len, &out), ERR_OK);
	assert_string_equal(out.text, "becaus?");
	bytes[len - 4] = 0x1f;
	bytes[len - 3] = ' ';
	bytes[len - 2] = '~';
	bytes[len - 1] = 0x7f;
	assert_int_equal(ctrl_decode(CTRL_ABORT, bytes, len, &out), ERR_OK);
	assert_string_equal(out.text, "bec? ~?");
}

/* With room for the final zero, and not one byte more. */
static void text_of_the_peer_is_as_long_as_a_reason_at_most(void **state)
{
	struct ctrl m = message_of(CTRL_ABORT), out;
	uint8_t bytes[CTRL_BYTES_MAX + REASON_BYTES];
	size_t text = ctrl_encode(&m, bytes) - strlen(m.text);

	(void)state;
	memset(bytes + text, 'x', REASON_BYTES);
	store_le16(bytes + text - 2, REASON_BYTES - 1);
	assert_int_equal(ctrl_decode(CTRL_ABORT, bytes, text + REASON_BYTES - 1, &out), ERR_OK);
	assert_int_equal(strlen(out.text), REASON_BYTES - 1);
	store_le16(bytes + text - 2, REASON_BYTES);
	assert_int_equal(ctrl_decode(CTRL_ABORT, bytes, text + REASON_BYTES, &out), ERR_BAD_RECORD);
}

/* ---- geometry ---- */

static struct geometry geometry_here(void)
{
	struct vm_desc vm = { .ram = { { 0x40000, 1024 }, { 0x80000, 512 } },
		.ram_region_count = 2,
		.page_count = 1536,
		.vcpu_count = 2,
		.timer_hz = 62500000,
		.gic_lr_count = 4,
		.gic_prio_bits = 5,
		.id_regs = { 1, 2 },
		.id_reg_names = { "ID_AA64PFR0_EL1", "ID_AA64MMFR0_EL1" },
		.id_reg_count = 2,
		.name = "flight" };
	struct device_desc d = {
		.id = "0000:00:01.0", .type = "edu", .vendor_id = 0x1234, .device_id = 0x11e8, .state_version = 3
	};
	struct geometry g;

	geometry_make(&g, &vm);
	assert_int_equal(geometry_add_device(&g, &d), ERR_OK);
	return g;
}

static size_t geometry_bytes(const struct geometry *g, uint8_t out[GEOMETRY_BYTES_MAX])
{
	size_t len = 0;

	assert_int_equal(geometry_encode(g, out, GEOMETRY_BYTES_MAX, &len), ERR_OK);
	return len;
}

/** What the other side says about this geometry. */
static enum err geometry_verdict(const struct geometry *peer)
{
	struct geometry own = geometry_here(), decoded;
	uint8_t bytes[GEOMETRY_BYTES_MAX];
	size_t len = geometry_bytes(peer, bytes);

	reason[0] = '\0';
	assert_int_equal(geometry_decode(bytes, len, &decoded, reason), ERR_OK);
	return geometry_compare(&own, &decoded, reason);
}

static void equal_geometry_is_accepted(void **state)
{
	struct geometry g = geometry_here();

	(void)state;
	assert_int_equal(geometry_verdict(&g), ERR_OK);
	g.vm.gic_lr_count = 16; /* informative */
	assert_int_equal(geometry_verdict(&g), ERR_OK);
}

#define DIFFERS(change, text)                                                                                          \
	do {                                                                                                           \
		struct geometry g = geometry_here();                                                                   \
                                                                                                                       \
		change;                                                                                                \
		assert_int_equal(geometry_verdict(&g), ERR_MISMATCH);                                                  \
		assert_string_equal(reason, text);                                                                     \
	} while (0)

static void each_difference_is_named_with_both_values(void **state)
{
	(void)state;
	DIFFERS(g.vm.name[0] = 'l', "VM name: peer has llight, this host flight");
	DIFFERS(g.vm.ram_region_count = 1, "RAM regions: peer has 1, this host 2");
	DIFFERS(g.vm.ram[1].first_gfn++, "RAM region 1 first page: peer has 524289, this host 524288");
	DIFFERS(g.vm.ram[0].page_count = 2048, "RAM region 0 pages: peer has 2048, this host 1024");
	DIFFERS(g.vm.vcpu_count = 4, "vCPUs: peer has 4, this host 2");
	DIFFERS(g.vm.timer_hz = 1000000000, "timer frequency: peer has 1000000000, this host 62500000");
	DIFFERS(g.vm.gic_prio_bits = 4, "GIC priority bits: peer has 4, this host 5");
	DIFFERS(g.vm.id_regs[1] = 0xf, "ID_AA64MMFR0_EL1: peer has 0xf, this host 0x2");
	DIFFERS(g.vm.id_reg_count = 1, "ID registers: peer has 1, this host 2");
	DIFFERS(g.devices[0].id[11] = '1', "device 0: peer has edu at 0000:00:01.1, this host edu at 0000:00:01.0");
	DIFFERS(g.devices[0].type[0] = 'x', "device 0: peer has xdu at 0000:00:01.0, this host edu at 0000:00:01.0");
	DIFFERS(g.devices[0].vendor_id = 1, "device 0000:00:01.0: peer has 0001:11e8, this host 1234:11e8");
	DIFFERS(g.devices[0].state_version = 4, "device 0000:00:01.0 (edu) state version: peer has 4, this host 3");
	DIFFERS(g.device_count = 0, "devices: peer has 0, this host 1");
	DIFFERS(g.limits.page_bytes = 65536, "page size: peer has 65536, this host 4096");
	DIFFERS(g.limits.frame_bytes = 1, "frame size: peer has 1, this host 64512");
	DIFFERS(g.limits.frame_pages = 1, "pages in a frame: peer has 1, this host 15");
	DIFFERS(g.limits.frame_entries = 1, "entries in a frame: peer has 1, this host 240");
	DIFFERS(g.limits.record_bytes = 1, "record size: peer has 1, this host 32768");
}

static void other_protocol_version_is_refused_by_name(void **state)
{
	struct geometry g = geometry_here(), out;
	uint8_t bytes[GEOMETRY_BYTES_MAX];
	size_t len;

	(void)state;
	g.protocol_lowest = 5;
	g.protocol_highest = 6;
	len = geometry_bytes(&g, bytes);
	assert_int_equal(geometry_decode(bytes, len, &out, reason), ERR_MISMATCH);
	assert_string_equal(reason, "engine protocol: peer speaks 5 to 6, this host 1 to 1");
}

static void every_truncation_of_geometry_is_refused(void **state)
{
	struct geometry g = geometry_here(), out, untouched, own = g;
	uint8_t bytes[GEOMETRY_BYTES_MAX];
	size_t len = geometry_bytes(&g, bytes);

	(void)state;
	memset(&out, 0x77, sizeof(out));
	untouched = out;
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = exact(bytes, n);
		enum err err = geometry_decode(copy, n, &out, reason);

		free(copy);
		if (err == ERR_OK) { /* cut between two records, the rest optional: it must then differ or be whole */
			err = geometry_compare(&own, &out, reason);
			assert_true(n + 8 == len ? err == ERR_OK : err != ERR_OK);
			out = untouched;
		} else {
			assert_memory_equal(&out, &untouched, sizeof(out));
		}
	}
}

static void geometry_records_that_are_malformed_are_refused(void **state)
{
	struct geometry g = geometry_here(), out;
	uint8_t bytes[GEOMETRY_BYTES_MAX];
	size_t len = geometry_bytes(&g, bytes);

	(void)state;
	store_le16(bytes + len, 0x8077); /* unknown, mandatory */
	store_le16(bytes + len + 2, 0);
	assert_int_equal(geometry_decode(bytes, len + 4, &out, reason), ERR_UNSUPPORTED);
	store_le16(bytes + len, 0x0077); /* unknown, may be skipped */
	assert_int_equal(geometry_decode(bytes, len + 4, &out, reason), ERR_OK);
	store_le16(bytes + len, 0x8003); /* a second count of vCPUs */
	store_le16(bytes + len + 2, 4);
	store_le32(bytes + len + 4, 2);
	assert_int_equal(geometry_decode(bytes, len + 8, &out, reason), ERR_BAD_RECORD);
	bytes[0] ^= 1;
	assert_int_equal(geometry_decode(bytes, len, &out, reason), ERR_BAD_RECORD);
	for (size_t i = 0; i < len; i++) { /* any one byte: an answer, never more */
		(void)geometry_bytes(&g, bytes);
		bytes[i] ^= 0xff;
		(void)!geometry_decode(bytes, len, &out, reason);
	}
}

/* ---- RAM frames ---- */

#define PAGES	 3000u
#define CHANNELS 2u

static uint8_t ram_bytes[FRAME_PAYLOAD_MAX + 64];

/** count entries from page first on; those in zero_mask are zero pages. */
static size_t ram_frame(uint64_t first, uint32_t count, uint32_t zero_mask)
{
	size_t len = 4 + 8u * (size_t)count;

	store_le32(ram_bytes, count);
	for (uint32_t i = 0; i < count; i++) {
		bool zero = (zero_mask & (1u << (i % 32))) != 0;

		store_le64(ram_bytes + 4 + 8u * (size_t)i, (first + i) | (zero ? RAM_ENTRY_ZERO : 0));
	}
	for (uint32_t i = 0; i < count; i++) {
		if ((zero_mask & (1u << (i % 32))) == 0) {
			memset(ram_bytes + len, (int)(i + 1), PAGE_BYTES);
			len += PAGE_BYTES;
		}
	}
	return len;
}

static enum err ram_read(size_t len, uint32_t channel)
{
	static struct ram_list list;
	uint8_t *copy = exact(ram_bytes, len);
	enum err err = ram_list_read(&list, copy, len, PAGES, channel, CHANNELS, reason);

	free(copy);
	return err;
}

static void ram_frame_is_read(void **state)
{
	(void)state;
	assert_int_equal(ram_read(ram_frame(0, 5, 0x2), 0), ERR_OK);
	assert_int_equal(ram_read(ram_frame(512, 15, 0), 1), ERR_OK);
	assert_int_equal(ram_read(ram_frame(1024, FRAME_PAGE_ENTRIES_MAX, 0xffffffffu), 0), ERR_OK);
}

static void every_truncation_of_a_ram_frame_is_refused(void **state)
{
	size_t len = ram_frame(0, 5, 0x2);

	(void)state;
	for (size_t n = 0; n < len; n += n < 64 || n + 64 > len ? 1 : 61) {
		assert_int_equal(ram_read(n, 0), ERR_BAD_RECORD);
	}
	assert_int_equal(ram_read(len + 1, 0), ERR_BAD_RECORD);
}

static void page_outside_the_vm_or_its_channel_is_refused(void **state)
{
	size_t len;

	(void)state;
	len = ram_frame(PAGES - 1, 1, 1);
	assert_int_equal(ram_read(len, 1), ERR_OK);
	len = ram_frame(PAGES, 1, 1);
	assert_int_equal(ram_read(len, 1), ERR_RANGE);
	assert_string_equal(reason, "RAM frame: page 3000, the VM has 3000");
	len = ram_frame(0, 1, 1);
	store_le64(ram_bytes + 4, UINT64_C(1) << 62);
	assert_int_equal(ram_read(len, 0), ERR_RANGE);
	len = ram_frame(512, 1, 1);
	assert_int_equal(ram_read(len, 0), ERR_RANGE);
	assert_string_equal(reason, "RAM frame: page 512 on channel 0 of 2");
}

static void page_named_twice_in_a_frame_is_refused(void **state)
{
	size_t len = ram_frame(5, 2, 3);

	(void)state;
	store_le64(ram_bytes + 12, 5 | RAM_ENTRY_ZERO);
	assert_int_equal(ram_read(len, 0), ERR_BAD_RECORD);
	store_le64(ram_bytes + 12, 4 | RAM_ENTRY_ZERO);
	assert_int_equal(ram_read(len, 0), ERR_BAD_RECORD);
}

static void counts_beyond_the_limits_are_refused(void **state)
{
	(void)state;
	assert_int_equal(ram_read(ram_frame(0, 0, 0), 0), ERR_BAD_RECORD);
	assert_int_equal(ram_read(ram_frame(0, FRAME_PAGE_ENTRIES_MAX + 1, 0xffffffffu), 0), ERR_BAD_RECORD);
	(void)ram_frame(0, 15, 0);
	store_le32(ram_bytes, 0xffffffffu);
	assert_int_equal(ram_read(FRAME_PAYLOAD_MAX, 0), ERR_BAD_RECORD);
	/* Sixteen contents do not fit a frame; claim them in a long payload. */
	store_le32(ram_bytes, 16);
	for (uint32_t i = 0; i < 16; i++) {
		store_le64(ram_bytes + 4 + 8u * (size_t)i, i);
	}
	assert_int_equal(ram_read(FRAME_PAYLOAD_MAX, 0), ERR_BAD_RECORD);
}

/* ---- totals ---- */

static void totals_of_another_length_or_with_reserved_bits_are_refused(void **state)
{
	uint8_t bytes[TOTALS_BYTES + 1] = { 0 };
	struct totals t;

	(void)state;
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		assert_int_equal(totals_read(bytes, n, &t), n == TOTALS_BYTES ? ERR_OK : ERR_BAD_RECORD);
	}
	bytes[2] = 1;
	assert_int_equal(totals_read(bytes, TOTALS_BYTES, &t), ERR_BAD_RECORD);
}

static void differing_totals_are_named(void **state)
{
	struct totals a = { .stream = 1, .count = 3, .amount = 40, .zero = 5 }, b = a;

	(void)state;
	assert_int_equal(totals_compare(&a, &b, reason), ERR_OK);
	b.amount = 39;
	assert_int_equal(totals_compare(&a, &b, reason), ERR_MISMATCH);
	assert_string_equal(reason, "totals of stream 1: pages: 40 were sent, 39 came");
	b = a;
	b.hash[31] = 1;
	assert_int_equal(totals_compare(&a, &b, reason), ERR_MISMATCH);
}

/* ---- uri ---- */

static void uri_is_numeric_tcp(void **state)
{
	static const char *const bad[] = { "", "tcp:", "tcp:1.2.3.4", "tcp:1.2.3.4:", "tcp:1.2.3.4:0",
		"tcp:1.2.3.4:65536", "tcp:1.2.3:4444", "tcp:1.2.3.4.5:4444", "tcp:1.2.3.256:4444", "tcp:1..3.4:4444",
		"tcp:host:4444", "unix:/x", "tcp:1.2.3.4:44x4", "tcp:0:4444", "tcp:1.2.3.4444:1", "exec:reboot",
		"tcp:1.2.3.4:99999999999999999999",
		"tcp:1.2.3.4:44444444444444444444444444444444444444444444444444444444444444" };
	struct net_addr addr = { { 9, 9, 9, 9 }, 9 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (uri_parse(bad[i], &addr, false, reason) == ERR_OK) {
			fail_msg("'%s' was taken", bad[i]);
		}
		assert_int_equal(addr.port, 9);
	}
	assert_int_equal(uri_parse("tcp:10.0.0.2:4444", &addr, false, reason), ERR_OK);
	assert_int_equal(addr.ip[0], 10);
	assert_int_equal(addr.ip[3], 2);
	assert_int_equal(addr.port, 4444);
	assert_int_equal(uri_parse("tcp:0:4445", &addr, true, reason), ERR_OK);
	assert_int_equal(uri_parse("tcp::4445", &addr, true, reason), ERR_OK);
	assert_int_equal(uri_parse("tcp:[::]:4445", &addr, true, reason), ERR_OK);
	assert_int_equal(addr.port, 4445);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_survives_its_encoding),
		cmocka_unit_test(every_truncation_of_every_message_is_refused),
		cmocka_unit_test(message_with_unknown_type_flag_or_reserved_bits_is_refused),
		cmocka_unit_test(text_of_the_peer_is_made_printable),
		cmocka_unit_test(text_of_the_peer_is_as_long_as_a_reason_at_most),
		cmocka_unit_test(equal_geometry_is_accepted),
		cmocka_unit_test(each_difference_is_named_with_both_values),
		cmocka_unit_test(other_protocol_version_is_refused_by_name),
		cmocka_unit_test(every_truncation_of_geometry_is_refused),
		cmocka_unit_test(geometry_records_that_are_malformed_are_refused),
		cmocka_unit_test(ram_frame_is_read),
		cmocka_unit_test(every_truncation_of_a_ram_frame_is_refused),
		cmocka_unit_test(page_outside_the_vm_or_its_channel_is_refused),
		cmocka_unit_test(page_named_twice_in_a_frame_is_refused),
		cmocka_unit_test(counts_beyond_the_limits_are_refused),
		cmocka_unit_test(totals_of_another_length_or_with_reserved_bits_are_refused),
		cmocka_unit_test(differing_totals_are_named),
		cmocka_unit_test(uri_is_numeric_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
