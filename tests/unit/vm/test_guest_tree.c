/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/vm/fdt_write.h"
#include "core/vm/guest_tree.h"
#include "core/vm/vpci.h"
#include "tests/unit/vm/fdt_look.h"

static uint8_t out[GUEST_TREE_BYTES_MAX] __attribute__((aligned(8)));
static uint8_t seed[GUEST_TREE_SEED_BYTES];

static struct guest_tree a_guest(void)
{
	return (struct guest_tree){ .ram_ipa = 0x40000000,
		.ram_bytes = 0x8000000,
		.vcpu_count = 2,
		.bootargs = "console=ttyAMA0",
		.initrd_start = 0x44000000,
		.initrd_end = 0x44123457,
		.seed = seed };
}

static size_t written(const struct guest_tree *t)
{
	size_t len = guest_tree_write(t, out, sizeof(out));

	assert_int_not_equal(len, 0);
	assert_true(fdt_is_sound(out, len));
	return len;
}

static void check_text(const char *path, const char *name, const char *text)
{
	size_t len;
	const uint8_t *value = fdt_look(out, path, name, &len);

	assert_non_null(value);
	assert_int_equal(len, strlen(text) + 1);
	assert_memory_equal(value, text, len);
}

static uint64_t number(const char *path, const char *name, size_t index)
{
	return (uint64_t)fdt_look_cell(out, path, name, 2 * index) << 32 |
	       fdt_look_cell(out, path, name, 2 * index + 1);
}

static void tree_describes_the_machine(void **state)
{
	struct guest_tree t = a_guest();
	size_t len;

	(void)state;
	memset(seed, 0xa5, sizeof(seed));
	written(&t);
	assert_int_equal(number("/memory@40000000", "reg", 0), 0x40000000);
	assert_int_equal(number("/memory@40000000", "reg", 1), 0x8000000);
	check_text("/chosen", "bootargs", "console=ttyAMA0");
	assert_int_equal(number("/chosen", "linux,initrd-start", 0), 0x44000000);
	assert_int_equal(number("/chosen", "linux,initrd-end", 0), 0x44123457);
	check_text("/psci", "method", "hvc");
	assert_int_equal(number("/intc@8000000", "reg", 0), 0x08000000);
	assert_int_equal(number("/intc@8000000", "reg", 2), 0x080a0000);
	assert_int_equal(number("/intc@8000000", "reg", 3), 2 * 0x20000);
	assert_int_equal(
		fdt_look_cell(out, "/timer", "interrupts", 7), 11); /* PPI 27, the virtual timer, third of four */
	assert_int_equal(fdt_look_cell(out, "/pl011@9000000", "interrupts", 1), 1);
	assert_int_equal(number("/pl031@9010000", "reg", 0), 0x09010000);
	assert_int_equal(
		fdt_look_cell(out, "/pl031@9010000", "clocks", 0), fdt_look_cell(out, "/apb-pclk", "phandle", 0));
	assert_non_null(fdt_look(out, "/chosen", "rng-seed", &len));
	assert_int_equal(len, GUEST_TREE_SEED_BYTES - 8);
	assert_non_null(fdt_look(out, "/pcie@4010000000", "dma-coherent", &len));
	/* References lead to what they name. */
	assert_int_equal(
		fdt_look_cell(out, "", "interrupt-parent", 0), fdt_look_cell(out, "/intc@8000000", "phandle", 0));
	assert_int_equal(
		fdt_look_cell(out, "/pl011@9000000", "clocks", 0), fdt_look_cell(out, "/apb-pclk", "phandle", 0));
}

static void every_vcpu_has_a_node_and_no_more(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= VCPU_COUNT_MAX; count++) {
		struct guest_tree t = a_guest();

		t.vcpu_count = count;
		written(&t);
		for (uint32_t i = 0; i <= count; i++) {
			char path[32];
			size_t len;

			snprintf(path, sizeof(path), "/cpus/cpu@%x", i);
			if (i == count) {
				assert_null(fdt_look(out, path, "reg", &len));
			} else {
				assert_int_equal(fdt_look_cell(out, path, "reg", 0), i);
				check_text(path, "enable-method", "psci");
			}
		}
	}
}

/** As a guest resolves it: devices of slot s, pin p, masked, to the SPI of the board. */
static void interrupt_map_answers_every_slot_and_pin(void **state)
{
	struct guest_tree t = a_guest();
	const char *pcie = "/pcie@4010000000";

	(void)state;
	written(&t);
	for (uint32_t slot = 0; slot < 32; slot++) {
		for (uint32_t pin = 1; pin <= 4; pin++) {
			uint32_t address = slot << 11 & fdt_look_cell(out, pcie, "interrupt-map-mask", 0);
			uint32_t found = 0;

			for (size_t i = 0; i < 16; i++) {
				if (fdt_look_cell(out, pcie, "interrupt-map", 8 * i) == address &&
					fdt_look_cell(out, pcie, "interrupt-map", 8 * i + 3) == pin) {
					found++;
					assert_int_equal(fdt_look_cell(out, pcie, "interrupt-map", 8 * i + 4),
						fdt_look_cell(out, "/intc@8000000", "phandle", 0));
					assert_int_equal(fdt_look_cell(out, pcie, "interrupt-map", 8 * i + 5), 0);
					assert_int_equal(fdt_look_cell(out, pcie, "interrupt-map", 8 * i + 6) + 32,
						VPCI_INTID(slot, pin));
					assert_int_equal(fdt_look_cell(out, pcie, "interrupt-map", 8 * i + 7), 4);
				}
			}
			assert_int_equal(found, 1);
		}
	}
}

static void without_initrd_and_seed_their_properties_are_absent(void **state)
{
	struct guest_tree t = a_guest();
	size_t len;

	(void)state;
	t.initrd_start = t.initrd_end;
	t.seed = NULL;
	written(&t);
	assert_null(fdt_look(out, "/chosen", "linux,initrd-start", &len));
	assert_null(fdt_look(out, "/chosen", "kaslr-seed", &len));
	assert_null(fdt_look(out, "/chosen", "rng-seed", &len));
}

static void a_buffer_too_small_by_any_amount_is_told(void **state)
{
	struct guest_tree t = a_guest();
	size_t len = written(&t);
	size_t whole = (len + 3) / 4 * 4;

	(void)state;
	for (size_t cap = 0; cap < whole; cap++) {
		memset(out, 0x5a, sizeof(out));
		assert_int_equal(guest_tree_write(&t, out, cap), 0);
		for (size_t i = cap; i < whole; i++) {
			assert_int_equal(out[i], 0x5a);
		}
	}
	assert_int_equal(guest_tree_write(&t, out, whole), len);
}

static void misuse_of_the_writer_sticks(void **state)
{
	struct fdt_writer w;
	char name[FDT_NAMES_BYTES_MAX];
	uint32_t cells[FDT_CELLS_MAX + 1] = { 0 };

	(void)state;
	fdt_write_begin(&w, out, sizeof(out));
	fdt_node_begin(&w, "");
	assert_int_equal(fdt_write_end(&w), 0); /* a node is open */
	fdt_write_begin(&w, out, sizeof(out));
	fdt_cell(&w, "reg", 1); /* outside any node */
	assert_int_equal(fdt_write_end(&w), 0);
	fdt_write_begin(&w, out, sizeof(out));
	fdt_node_end(&w);
	assert_int_equal(fdt_write_end(&w), 0);
	fdt_write_begin(&w, out, sizeof(out));
	fdt_node_begin(&w, "");
	fdt_cells(&w, "many", cells, FDT_CELLS_MAX + 1);
	fdt_node_end(&w);
	assert_int_equal(fdt_write_end(&w), 0);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	fdt_write_begin(&w, out, sizeof(out));
	fdt_node_begin(&w, "");
	fdt_cell(&w, name, 1); /* fills the names */
	fdt_cell(&w, "x", 1);
	fdt_node_end(&w);
	assert_int_equal(fdt_write_end(&w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_describes_the_machine),
		cmocka_unit_test(every_vcpu_has_a_node_and_no_more),
		cmocka_unit_test(interrupt_map_answers_every_slot_and_pin),
		cmocka_unit_test(without_initrd_and_seed_their_properties_are_absent),
		cmocka_unit_test(a_buffer_too_small_by_any_amount_is_told),
		cmocka_unit_test(misuse_of_the_writer_sticks),
	};

	return cmocka_run_group_tests_name("guest_tree", tests, NULL, NULL);
}
