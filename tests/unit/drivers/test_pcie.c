/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "drivers/pcie/pcie.h"
#include "tests/fake/fake_mmio.h"

#define ECAM	  ((uintptr_t)0x10000000)
#define FUNCTIONS 24u

/* One function: its first 256 bytes, and which bits of each BAR stick. */
struct fn {
	pcie_bdf_t bdf;
	uint8_t space[256];
	uint32_t bar_mask[6];
	uint32_t bar_flags[6];
	bool was_master; /* bus mastering was on at any time */
	bool sized_while_decoding;
};

struct fixture {
	struct pcie pcie;
	struct fn fn[FUNCTIONS];
	uint32_t count;
};

static struct fn *fn_at(struct fixture *fx, uint64_t offset)
{
	for (uint32_t i = 0; i < fx->count; i++) {
		if (fx->fn[i].bdf == offset >> 12) {
			return &fx->fn[i];
		}
	}
	return NULL;
}

static uint64_t ecam_read(void *ctx, uint64_t offset, uint32_t size_bytes)
{
	struct fn *f = fn_at(ctx, offset);
	uint32_t at = offset & 0xfff;

	if (f == NULL) {
		return UINT32_MAX;
	}
	if (at >= sizeof(f->space)) {
		return 0;
	}
	return size_bytes == 4 ? load_le32(&f->space[at]) : size_bytes == 2 ? load_le16(&f->space[at]) : f->space[at];
}

static void ecam_write(void *ctx, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	struct fn *f = fn_at(ctx, offset);
	uint32_t at = offset & 0xfff;

	if (f == NULL) {
		return;
	}
	if (at >= PCI_BAR0 && at < PCI_BAR0 + 24) {
		uint32_t i = (at - PCI_BAR0) / 4;

		assert_int_equal(size_bytes, 4);
		f->sized_while_decoding |= (load_le16(&f->space[PCI_COMMAND]) & 3) != 0;
		store_le32(&f->space[at], ((uint32_t)value & f->bar_mask[i]) | f->bar_flags[i]);
		return;
	}
	assert_int_equal(at, PCI_COMMAND);
	assert_int_equal(size_bytes, 2);
	store_le16(&f->space[at], (uint16_t)value);
	f->was_master |= (value & PCIE_COMMAND_BUS_MASTER) != 0;
}

static const struct fake_mmio_ops ops = { ecam_read, ecam_write };

static const struct pcie_config config = {
	.ecam = ECAM,
	.mem32 = { 0x10000000, 0x01000000 },
	.mem64 = { UINT64_C(0x8000000000), 0x10000000 },
	.intx_intid = 35,
};

static struct fn *fn_add(struct fixture *fx, uint8_t slot, uint8_t fn, uint16_t vendor, uint16_t device)
{
	struct fn *f = &fx->fn[fx->count++];

	f->bdf = pcie_bdf(0, slot, fn);
	store_le16(&f->space[PCI_VENDOR_ID], vendor);
	store_le16(&f->space[PCI_DEVICE_ID], device);
	store_le16(&f->space[PCI_COMMAND], 7); /* as firmware might leave it */
	f->space[PCI_INTERRUPT_PIN] = 1;
	return f;
}

static void bar32(struct fn *f, uint32_t i, uint32_t size)
{
	f->bar_mask[i] = ~(size - 1);
}

static void bar64(struct fn *f, uint32_t i, uint64_t size)
{
	f->bar_mask[i] = (uint32_t) ~(size - 1);
	f->bar_mask[i + 1] = (uint32_t)(~(size - 1) >> 32);
	f->bar_flags[i] = 0xc;
	store_le32(&f->space[PCI_BAR0 + 4 * i], 0xc);
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	fake_mmio_reset();
	fake_mmio_map(ECAM, 0x100000, &ops, fx);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void functions_get_disjoint_aligned_bars_and_no_bus_mastering(void **state)
{
	struct fixture *fx = *state;
	struct fn *edu = fn_add(fx, 1, 0, 0x1234, 0x11e8);
	struct fn *nic = fn_add(fx, 2, 0, 0x8086, 0x10d3);
	struct pcie_function *f;

	bar32(edu, 0, 0x100000);
	bar32(nic, 0, 0x20000);
	bar32(nic, 1, 0x80); /* small ones get a page of their own */
	nic->bar_flags[2] = PCI_BAR_IO;
	nic->bar_mask[2] = ~31u;
	store_le32(&nic->space[PCI_BAR0 + 8], PCI_BAR_IO);
	bar64(nic, 3, 0x4000);
	assert_int_equal(pcie_enumerate(&fx->pcie, &config), ERR_OK);
	assert_int_equal(fx->pcie.function_count, 2);
	f = pcie_find(&fx->pcie, 0x1234, 0x11e8, 0);
	assert_non_null(f);
	assert_null(pcie_find(&fx->pcie, 0x1234, 0x11e8, 1));
	assert_int_equal(f->bar[0].addr, 0x10000000);
	assert_int_equal(f->bar[0].size_bytes, 0x100000);
	assert_int_equal(f->intx_intid, 36);
	assert_int_equal(load_le32(&edu->space[PCI_BAR0]), 0x10000000);
	f = pcie_at(&fx->pcie, pcie_bdf(0, 2, 0));
	assert_int_equal(f->bar[0].addr, 0x10100000);
	assert_int_equal(f->bar[1].addr, 0x10120000);
	assert_int_equal(f->bar[1].size_bytes, 0x80);
	assert_int_equal(f->bar[2].size_bytes, 0);
	assert_true(f->bar[3].is64);
	assert_int_equal(f->bar[3].addr, UINT64_C(0x8000000000));
	assert_int_equal(f->bar[4].size_bytes, 0);
	assert_int_equal(load_le32(&nic->space[PCI_BAR0 + 16]), 0x80);
	assert_false(edu->was_master || nic->was_master);
	assert_false(edu->sized_while_decoding || nic->sized_while_decoding);
	assert_int_equal(load_le16(&edu->space[PCI_COMMAND]), PCIE_COMMAND_MEMORY | PCIE_COMMAND_INTX_DISABLE);
	assert_null(pcie_at(&fx->pcie, pcie_bdf(0, 3, 0)));
}

static void a_64_bit_bar_of_many_gigabytes_is_sized(void **state)
{
	struct fixture *fx = *state;
	struct fn *f = fn_add(fx, 1, 0, 1, 1);

	bar64(f, 0, UINT64_C(1) << 33);
	assert_int_equal(pcie_enumerate(&fx->pcie, &config), ERR_FULL);
	assert_non_null(strstr(fx->pcie.reason, "0x200000000"));
	assert_int_equal(fx->pcie.function[0].bar[0].size_bytes, 0);
	assert_int_equal(load_le16(&f->space[PCI_COMMAND]) & PCIE_COMMAND_MEMORY, 0);
}

static void a_window_that_is_full_is_named(void **state)
{
	struct fixture *fx = *state;

	bar32(fn_add(fx, 1, 0, 1, 1), 0, 0x800000);
	bar32(fn_add(fx, 2, 0, 1, 2), 0, 0x800000);
	bar32(fn_add(fx, 3, 0, 1, 3), 0, 0x1000);
	assert_int_equal(pcie_enumerate(&fx->pcie, &config), ERR_FULL);
	assert_non_null(strstr(fx->pcie.reason, "03.0 BAR0"));
	assert_int_equal(fx->pcie.function[1].bar[0].addr, 0x10800000);
}

static void functions_of_a_slot_are_found_only_where_it_has_several(void **state)
{
	struct fixture *fx = *state;

	fn_add(fx, 1, 0, 1, 1);
	fn_add(fx, 1, 3, 1, 2);
	fn_add(fx, 2, 0, 1, 3)->space[PCI_HEADER_TYPE] = 0x80;
	fn_add(fx, 2, 5, 1, 4);
	assert_int_equal(pcie_enumerate(&fx->pcie, &config), ERR_OK);
	assert_int_equal(fx->pcie.function_count, 3);
	assert_non_null(pcie_find(&fx->pcie, 1, 4, 0));
}

static void more_functions_than_there_is_room_for_is_an_error(void **state)
{
	struct fixture *fx = *state;

	for (uint8_t i = 0; i < PCIE_FUNCTIONS_MAX + 1; i++) {
		fn_add(fx, i, 0, 1, i);
	}
	assert_int_equal(pcie_enumerate(&fx->pcie, &config), ERR_FULL);
	assert_int_equal(fx->pcie.function_count, PCIE_FUNCTIONS_MAX);
}

static void bus_mastering_needs_a_confined_function(void **state)
{
	struct fixture *fx = *state;
	struct fn *f = fn_add(fx, 1, 0, 1, 1);
	struct pcie_function *pf;

	assert_int_equal(pcie_enumerate(&fx->pcie, &config), ERR_OK);
	pf = &fx->pcie.function[0];
	assert_int_equal(pcie_bus_master(&fx->pcie, pf, true), ERR_REFUSED);
	assert_int_equal(pcie_bus_master(&fx->pcie, pf, false), ERR_OK);
	pcie_command(&fx->pcie, pf, 0, PCIE_COMMAND_BUS_MASTER);
	assert_false(f->was_master);
	pcie_set_isolated(&fx->pcie, pf, true);
	assert_int_equal(pcie_bus_master(&fx->pcie, pf, true), ERR_OK);
	assert_true(f->was_master);
	pcie_command(&fx->pcie, pf, PCIE_COMMAND_INTX_DISABLE | PCIE_COMMAND_BUS_MASTER, 0);
	assert_int_equal(load_le16(&f->space[PCI_COMMAND]), PCIE_COMMAND_MEMORY | PCIE_COMMAND_BUS_MASTER);
	pcie_set_isolated(&fx->pcie, pf, false);
	assert_int_equal(load_le16(&f->space[PCI_COMMAND]), PCIE_COMMAND_MEMORY);
}

static void a_capability_list_that_runs_in_a_circle_ends(void **state)
{
	struct fixture *fx = *state;
	struct fn *f = fn_add(fx, 1, 0, 1, 1);

	assert_int_equal(pcie_enumerate(&fx->pcie, &config), ERR_OK);
	assert_int_equal(pcie_capability(&fx->pcie, f->bdf, PCI_CAP_ID_MSI), 0);
	store_le16(&f->space[PCI_STATUS], PCI_STATUS_CAP_LIST);
	f->space[PCI_CAPABILITIES] = 0x40;
	f->space[0x40] = PCI_CAP_ID_MSI;
	f->space[0x41] = 0x50;
	f->space[0x50] = PCI_CAP_ID_EXPRESS;
	f->space[0x51] = 0x40;
	assert_int_equal(pcie_capability(&fx->pcie, f->bdf, PCI_CAP_ID_EXPRESS), 0x50);
	assert_int_equal(pcie_capability(&fx->pcie, f->bdf, PCI_CAP_ID_MSIX), 0);
}

static void configuration_accesses_outside_bus_0_read_as_ones(void **state)
{
	struct fixture *fx = *state;

	fn_add(fx, 1, 0, 0x1234, 1);
	assert_int_equal(pcie_enumerate(&fx->pcie, &config), ERR_OK);
	assert_int_equal(pcie_config_read(&fx->pcie, pcie_bdf(0, 1, 0), 0, 2), 0x1234);
	assert_int_equal(pcie_config_read(&fx->pcie, pcie_bdf(1, 1, 0), 0, 2), UINT32_MAX);
	assert_int_equal(pcie_config_read(&fx->pcie, pcie_bdf(0, 1, 0), 4096, 4), UINT32_MAX);
	assert_int_equal(pcie_config_read(&fx->pcie, pcie_bdf(0, 1, 0), 1, 2), UINT32_MAX);
	assert_int_equal(pcie_config_read(&fx->pcie, pcie_bdf(0, 1, 0), 0, 8), UINT32_MAX);
	pcie_config_write(&fx->pcie, pcie_bdf(1, 0, 0), PCI_COMMAND, 2, 7);
	pcie_config_write(&fx->pcie, pcie_bdf(0, 1, 0), PCI_COMMAND + 1, 4, 7);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(functions_get_disjoint_aligned_bars_and_no_bus_mastering),
		CASE(a_64_bit_bar_of_many_gigabytes_is_sized),
		CASE(a_window_that_is_full_is_named),
		CASE(functions_of_a_slot_are_found_only_where_it_has_several),
		CASE(more_functions_than_there_is_room_for_is_an_error),
		CASE(bus_mastering_needs_a_confined_function),
		CASE(a_capability_list_that_runs_in_a_circle_ends),
		CASE(configuration_accesses_outside_bus_0_read_as_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
