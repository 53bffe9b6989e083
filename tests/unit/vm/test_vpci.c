/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vm/mmio.h"
#include "core/vm/vpci.h"
#include "tests/unit/vm/record_walk.h"

#define EDU	      VPCI_BDF(1, 0)
#define NIC	      VPCI_BDF(2, 0)
#define CFG(bdf, reg) (VPCI_ECAM_BASE + ((uint64_t)(bdf) << 12) + (reg))
#define EDU_BAR_BYTES 0x100000u
#define BAR0	      0x10u
#define NOWHERE	      UINT64_C(0)

static struct bus {
	struct vpci dev;
	struct mmio_space mmio;
	uint64_t at[256][VPCI_BARS]; /* what the ops have said */
	uint16_t command[256];
	uint32_t calls;
	bool level;
} here, there;

static void bar_map(void *ctx, uint16_t bdf, uint32_t bar, uint64_t ipa, uint64_t size_bytes)
{
	struct bus *b = ctx;

	assert_int_equal(b->at[bdf][bar], NOWHERE);
	assert_true(ipa >= VPCI_WINDOW_BASE && ipa + size_bytes <= VPCI_WINDOW_END && ipa % size_bytes == 0);
	b->at[bdf][bar] = ipa;
	b->calls++;
}

static void bar_unmap(void *ctx, uint16_t bdf, uint32_t bar, uint64_t ipa, uint64_t size_bytes)
{
	struct bus *b = ctx;

	(void)size_bytes;
	assert_int_equal(b->at[bdf][bar], ipa);
	b->at[bdf][bar] = NOWHERE;
	b->calls++;
}

static void command(void *ctx, uint16_t bdf, uint16_t value)
{
	struct bus *b = ctx;

	assert_int_not_equal(b->command[bdf], value);
	b->command[bdf] = value;
	b->calls++;
}

static bool intx_level(void *ctx, uint16_t bdf)
{
	return bdf == EDU && ((struct bus *)ctx)->level;
}

static const struct vpci_ops ops = { bar_map, bar_unmap, command, intx_level };

static const struct vpci_function edu = {
	.bdf = EDU,
	.vendor_id = 0x1234,
	.device_id = 0x11e8,
	.subsystem_vendor_id = 0x1af4,
	.subsystem_id = 0x1100,
	.class_revision = 0x00ff0010,
	.bar_bytes = { EDU_BAR_BYTES },
	.intx_pin = 1,
};

static const struct vpci_function nic = {
	.bdf = NIC,
	.vendor_id = 0x8086,
	.device_id = 0x10d3,
	.class_revision = 0x02000000,
	.bar_bytes = { 0x20000, 0, 0, 0x4000 },
	.intx_pin = 1,
};

static void bus_init(struct bus *b)
{
	memset(b, 0, sizeof(*b));
	mmio_init(&b->mmio);
	vpci_init(&b->dev, &ops, b);
	assert_int_equal(vpci_add_function(&b->dev, &edu), ERR_OK);
	assert_int_equal(vpci_add_function(&b->dev, &nic), ERR_OK);
	assert_int_equal(vpci_map(&b->dev, &b->mmio), ERR_OK);
}

static int two_buses(void **state)
{
	(void)state;
	bus_init(&here);
	bus_init(&there);
	return 0;
}

static uint32_t get(uint64_t at, uint8_t size_bytes)
{
	uint64_t value = 0;

	assert_int_equal(mmio_read(&here.mmio, 0, at, size_bytes, &value), ERR_OK);
	return (uint32_t)value;
}

static void set(uint64_t at, uint8_t size_bytes, uint32_t value)
{
	assert_int_equal(mmio_write(&here.mmio, 0, at, size_bytes, value), ERR_OK);
}

static void identity_reads_by_bytes_halves_and_words(void **state)
{
	(void)state;
	assert_int_equal(get(CFG(EDU, 0), 4), 0x11e81234);
	assert_int_equal(get(CFG(EDU, 2), 2), 0x11e8);
	assert_int_equal(get(CFG(EDU, 1), 1), 0x12);
	assert_int_equal(get(CFG(EDU, 8), 4), 0x00ff0010);
	assert_int_equal(get(CFG(EDU, 0x2c), 4), 0x11001af4);
	assert_int_equal(get(CFG(EDU, 0x3d), 1), 1);
	assert_int_equal(get(CFG(EDU, 0x34), 1), 0);
	assert_int_equal(get(CFG(EDU, 0x0e), 1), 0);
	assert_int_equal(get(CFG(0, 8), 4), 0x06000000);
}

static void absent_functions_read_all_ones_and_ignore_writes(void **state)
{
	(void)state;
	assert_int_equal(get(CFG(VPCI_BDF(3, 0), 0), 4), UINT32_MAX);
	assert_int_equal(get(CFG(VPCI_BDF(1, 1), 0), 2), 0xffff);
	assert_int_equal(get(CFG(0x100 | EDU, 0), 4), UINT32_MAX); /* bus 1 */
	assert_int_equal(get(CFG(0xffff, 0xffc), 4), UINT32_MAX);
	assert_int_equal(get(CFG(EDU, 0x100), 4), UINT32_MAX); /* no extended space */
	set(CFG(VPCI_BDF(3, 0), 4), 2, 7);
	set(CFG(EDU, 0xffc), 4, 7);
	assert_int_equal(here.calls, 0);
}

static void odd_accesses_are_refused(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(mmio_read(&here.mmio, 0, CFG(EDU, 0), 8, &value), ERR_BAD_RECORD);
	assert_int_equal(mmio_read(&here.mmio, 0, CFG(EDU, 2), 4, &value), ERR_BAD_RECORD);
	assert_int_equal(mmio_write(&here.mmio, 0, CFG(EDU, 1), 2, 0), ERR_BAD_RECORD);
}

static void read_only_fields_keep_their_value(void **state)
{
	static const uint32_t regs[] = { 0x00, 0x08, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x38, 0x40,
		0xfc };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		uint32_t before = get(CFG(EDU, regs[i]), 4);

		set(CFG(EDU, regs[i]), 4, ~before);
		assert_int_equal(get(CFG(EDU, regs[i]), 4), before);
	}
	set(CFG(EDU, 4), 4, UINT32_MAX);
	assert_int_equal(get(CFG(EDU, 4), 4), 0x0546);
	set(CFG(EDU, 0x3c), 4, UINT32_MAX);
	assert_int_equal(get(CFG(EDU, 0x3c), 4), 0x01ff);
	set(CFG(EDU, 0xc), 4, UINT32_MAX);
	assert_int_equal(get(CFG(EDU, 0xc), 4), 0xff);
}

static void bar_tells_its_size_and_maps_when_memory_is_on(void **state)
{
	uint64_t ipa = 0;

	(void)state;
	set(CFG(EDU, BAR0), 4, UINT32_MAX);
	assert_int_equal(get(CFG(EDU, BAR0), 4), ~(EDU_BAR_BYTES - 1));
	set(CFG(EDU, BAR0), 4, 0x10000000);
	assert_int_equal(here.at[EDU][0], NOWHERE);
	assert_int_equal(vpci_bar(&here.dev, EDU, 0, &ipa), ERR_RANGE);
	set(CFG(EDU, 4), 2, PCI_COMMAND_MEMORY);
	assert_int_equal(here.at[EDU][0], 0x10000000);
	assert_int_equal(here.command[EDU], PCI_COMMAND_MEMORY);
	assert_int_equal(vpci_bar(&here.dev, EDU, 0, &ipa), ERR_OK);
	assert_int_equal(ipa, 0x10000000);
	set(CFG(EDU, BAR0), 4, 0x10100000);
	assert_int_equal(here.at[EDU][0], 0x10100000);
	set(CFG(EDU, BAR0 + 2), 2, 0x2000); /* half a BAR */
	assert_int_equal(here.at[EDU][0], 0x20000000);
	set(CFG(EDU, 4), 2, PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(here.at[EDU][0], NOWHERE);
	assert_int_equal(vpci_command(&here.dev, EDU), PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
}

static void bar_outside_the_window_decodes_nowhere(void **state)
{
	static const uint32_t bad[] = { 0, 0x08000000, 0x0ff00000, 0x3ef00000, 0x3f000000, 0x40000000, 0xfff00000 };

	(void)state;
	set(CFG(EDU, 4), 2, PCI_COMMAND_MEMORY);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		set(CFG(EDU, BAR0), 4, bad[i]);
		assert_int_equal(here.at[EDU][0], NOWHERE);
	}
	set(CFG(EDU, BAR0), 4, 0x3ee00000);
	assert_int_equal(here.at[EDU][0], 0x3ee00000);
}

static void two_bars_never_decode_at_one_place(void **state)
{
	(void)state;
	set(CFG(EDU, 4), 2, PCI_COMMAND_MEMORY);
	set(CFG(NIC, 4), 2, PCI_COMMAND_MEMORY);
	set(CFG(EDU, BAR0), 4, 0x10000000);
	set(CFG(NIC, BAR0), 4, 0x10020000); /* inside */
	set(CFG(NIC, BAR0 + 12), 4, 0x100fc000);
	assert_int_equal(here.at[NIC][0], NOWHERE);
	assert_int_equal(here.at[NIC][3], NOWHERE);
	set(CFG(EDU, BAR0), 4, 0x10100000); /* makes room */
	assert_int_equal(here.at[NIC][0], 0x10020000);
	assert_int_equal(here.at[NIC][3], 0x100fc000);
	set(CFG(EDU, BAR0), 4, 0x10000000); /* taken now */
	assert_int_equal(here.at[EDU][0], NOWHERE);
	assert_int_equal(get(CFG(EDU, BAR0), 4), 0x10000000);
}

static void interrupt_request_shows_in_status(void **state)
{
	(void)state;
	assert_int_equal(get(CFG(EDU, 6), 2), 0);
	here.level = true;
	assert_int_equal(get(CFG(EDU, 6), 2), 8);
	assert_int_equal(get(CFG(NIC, 6), 2), 0);
	assert_int_equal(VPCI_INTID(1, 1), 36);
	assert_int_equal(VPCI_INTID(4, 1), 35);
}

static void reset_unmaps_everything(void **state)
{
	(void)state;
	set(CFG(EDU, BAR0), 4, 0x10000000);
	set(CFG(EDU, 4), 2, PCI_COMMAND_MEMORY);
	vpci_reset(&here.dev);
	assert_int_equal(here.at[EDU][0], NOWHERE);
	assert_int_equal(here.command[EDU], 0);
	assert_int_equal(get(CFG(EDU, BAR0), 4), 0);
}

static void functions_that_cannot_be_are_refused(void **state)
{
	struct vpci_function f = edu;

	(void)state;
	assert_int_equal(vpci_add_function(&here.dev, &f), ERR_RANGE); /* taken */
	f.bdf = 0;
	assert_int_equal(vpci_add_function(&here.dev, &f), ERR_RANGE);
	f.bdf = 0x100;
	assert_int_equal(vpci_add_function(&here.dev, &f), ERR_RANGE);
	f.bdf = VPCI_BDF(5, 0);
	f.bar_bytes[1] = 0x3000;
	assert_int_equal(vpci_add_function(&here.dev, &f), ERR_RANGE);
	f.bar_bytes[1] = 0x800;
	assert_int_equal(vpci_add_function(&here.dev, &f), ERR_RANGE);
	f.bar_bytes[1] = 0;
	f.intx_pin = 5;
	assert_int_equal(vpci_add_function(&here.dev, &f), ERR_RANGE);
	f.intx_pin = 4;
	for (uint16_t i = 3; i < VPCI_FUNCTIONS_MAX; i++) {
		f.bdf = VPCI_BDF(i + 2, 0);
		assert_int_equal(vpci_add_function(&here.dev, &f), ERR_OK);
	}
	f.bdf = VPCI_BDF(30, 0);
	assert_int_equal(vpci_add_function(&here.dev, &f), ERR_FULL);
}

/* ---- record ---- */

static void save(void *ctx, struct writer *w)
{
	vpci_save(&((struct bus *)ctx)->dev, w);
}

static enum err load(void *ctx, struct reader *r, char *reason)
{
	return vpci_load(&((struct bus *)ctx)->dev, r, reason);
}

static const struct record_codec codec = { save, load, &here };

static void a_driver_has_been_here(void)
{
	set(CFG(EDU, BAR0), 4, 0x10000000);
	set(CFG(NIC, BAR0), 4, 0x10100000);
	set(CFG(NIC, BAR0 + 12), 4, 0x10000000); /* in edu's place: waits */
	set(CFG(NIC, 4), 2, PCI_COMMAND_MASTER);
	set(CFG(EDU, 4), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	set(CFG(NIC, 4), 2, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	set(CFG(EDU, 0x3c), 1, 36);
}

static void what_the_guest_set_up_is_there_at_the_destination(void **state)
{
	uint8_t bytes[RECORD_WALK_BYTES];
	char reason[REASON_BYTES];
	struct reader r;
	uint64_t value;

	(void)state;
	a_driver_has_been_here();
	r = reader_over(bytes, record_save(&codec, bytes));
	assert_int_equal(vpci_load(&there.dev, &r, reason), ERR_OK);
	assert_memory_equal(there.at, here.at, sizeof(here.at));
	assert_memory_equal(there.command, here.command, sizeof(here.command));
	assert_int_equal(mmio_read(&there.mmio, 0, CFG(EDU, 0x3c), 1, &value), ERR_OK);
	assert_int_equal(value, 36);
}

static void bus_with_other_functions_is_refused(void **state)
{
	uint8_t bytes[RECORD_WALK_BYTES];
	char reason[REASON_BYTES];
	size_t len = record_save(&codec, bytes);
	struct reader r = reader_over(bytes, len);

	(void)state;
	vpci_init(&there.dev, &ops, &there);
	assert_int_equal(vpci_load(&there.dev, &r, reason), ERR_MISMATCH);
	assert_string_equal(reason, "pci: 3 functions, this VM has 1");
	assert_int_equal(vpci_add_function(&there.dev, &edu), ERR_OK);
	there.dev.slot[2] = there.dev.slot[1];
	there.dev.slot[2].fn.bdf = NIC;
	there.dev.count = 3;
	r = reader_over(bytes, len);
	assert_int_equal(vpci_load(&there.dev, &r, reason), ERR_MISMATCH);
	assert_string_equal(reason, "pci: 00:02.0 device and vendor 0x10d38086, this VM has 0x11e81234");
	assert_int_equal(there.calls, 0);
}

static void damaged_records_are_refused_or_taken_as_given(void **state)
{
	(void)state;
	a_driver_has_been_here();
	assert_true(record_walk(&codec, 1) > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, two_buses)
		TEST(identity_reads_by_bytes_halves_and_words),
		TEST(absent_functions_read_all_ones_and_ignore_writes),
		TEST(odd_accesses_are_refused),
		TEST(read_only_fields_keep_their_value),
		TEST(bar_tells_its_size_and_maps_when_memory_is_on),
		TEST(bar_outside_the_window_decodes_nowhere),
		TEST(two_bars_never_decode_at_one_place),
		TEST(interrupt_request_shows_in_status),
		TEST(reset_unmaps_everything),
		TEST(functions_that_cannot_be_are_refused),
		TEST(what_the_guest_set_up_is_there_at_the_destination),
		TEST(bus_with_other_functions_is_refused),
		TEST(damaged_records_are_refused_or_taken_as_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
