/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/guest_tree.h"

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/vm/fdt_write.h"
#include "core/vm/vgic.h"
#include "core/vm/vpci.h"
#include "core/vm/vpl011.h"
#include "core/vm/vpl031.h"

#define PHANDLE_GIC	     1u
#define PHANDLE_CLOCK	     2u

/* Interrupt specifier of arm,gic-v3: kind, number, flags. */
#define GIC_SPI		     0u
#define GIC_PPI		     1u
#define IRQ_LEVEL_HIGH	     4u
#define SPI_FIRST_INTID	     32u
#define PPI_FIRST_INTID	     16u

/* PPIs of the generic timer: INTID less 16. */
#define TIMER_PPI_SECURE     13u
#define TIMER_PPI_PHYSICAL   14u
#define TIMER_PPI_VIRTUAL    11u
#define TIMER_PPI_HYPERVISOR 10u

#define UART_CLOCK_HZ	     24000000u

/* PCI bus binding: the first cell of an address. */
#define PCI_SPACE_MEM32	     0x02000000u
#define PCI_DEVICE_SHIFT     11u
#define PCI_DEVICE_MASK	     0x1800u /* device modulo 4 decides the interrupt */
#define PCI_PIN_MASK	     7u
#define PCI_SWIZZLE	     4u
#define PCI_MAP_CELLS	     8u /* address 3, pin 1, controller 1, specifier 3 */
#define PCI_BUS_LAST	     255u

static void compatible(struct fdt_writer *w, const char *name)
{
	fdt_text(w, "compatible", name);
}

static void chosen(struct fdt_writer *w, const struct guest_tree *t)
{
	fdt_node_begin(w, "chosen");
	fdt_text(w, "bootargs", t->bootargs);
	fdt_text(w, "stdout-path", "/pl011@9000000");
	if (t->initrd_start < t->initrd_end) {
		fdt_numbers(w, "linux,initrd-start", &t->initrd_start, 1);
		fdt_numbers(w, "linux,initrd-end", &t->initrd_end, 1);
	}
	if (t->seed != NULL) {
		fdt_bytes(w, "kaslr-seed", t->seed, 8);
		fdt_bytes(w, "rng-seed", t->seed + 8, GUEST_TREE_SEED_BYTES - 8);
	}
	fdt_node_end(w);
}

static void memory(struct fdt_writer *w, const struct guest_tree *t)
{
	fdt_node_begin_at(w, "memory", t->ram_ipa);
	fdt_text(w, "device_type", "memory");
	fdt_numbers(w, "reg", (const uint64_t[]){ t->ram_ipa, t->ram_bytes }, 2);
	fdt_node_end(w);
}

static void cpus(struct fdt_writer *w, const struct guest_tree *t)
{
	fdt_node_begin(w, "cpus");
	fdt_cell(w, "#address-cells", 1);
	fdt_cell(w, "#size-cells", 0);
	for (uint32_t i = 0; i < t->vcpu_count; i++) {
		fdt_node_begin_at(w, "cpu", i);
		fdt_text(w, "device_type", "cpu");
		compatible(w, "arm,armv8");
		fdt_cell(w, "reg", i);
		fdt_text(w, "enable-method", "psci");
		fdt_node_end(w);
	}
	fdt_node_end(w);
}

static void psci(struct fdt_writer *w)
{
	fdt_node_begin(w, "psci");
	fdt_bytes(w, "compatible", "arm,psci-1.0\0arm,psci-0.2", sizeof("arm,psci-1.0\0arm,psci-0.2"));
	fdt_text(w, "method", "hvc");
	fdt_node_end(w);
}

static void gic(struct fdt_writer *w, const struct guest_tree *t)
{
	fdt_node_begin_at(w, "intc", VGIC_DIST_BASE);
	compatible(w, "arm,gic-v3");
	fdt_empty(w, "interrupt-controller");
	fdt_cell(w, "#interrupt-cells", 3);
	fdt_cell(w, "#address-cells", 0);
	fdt_numbers(w, "reg",
		(const uint64_t[]){
			VGIC_DIST_BASE, VGIC_DIST_BYTES, VGIC_REDIST_BASE, t->vcpu_count * VGIC_REDIST_BYTES },
		4);
	fdt_cell(w, "phandle", PHANDLE_GIC);
	fdt_node_end(w);
}

static void timer(struct fdt_writer *w)
{
	static const uint32_t interrupts[] = { GIC_PPI, TIMER_PPI_SECURE, IRQ_LEVEL_HIGH, GIC_PPI, TIMER_PPI_PHYSICAL,
		IRQ_LEVEL_HIGH, GIC_PPI, TIMER_PPI_VIRTUAL, IRQ_LEVEL_HIGH, GIC_PPI, TIMER_PPI_HYPERVISOR,
		IRQ_LEVEL_HIGH };

	fdt_node_begin(w, "timer");
	compatible(w, "arm,armv8-timer");
	fdt_cells(w, "interrupts", interrupts, ARRAY_SIZE(interrupts));
	fdt_empty(w, "always-on");
	fdt_node_end(w);
}

static void uart(struct fdt_writer *w)
{
	fdt_node_begin(w, "apb-pclk");
	compatible(w, "fixed-clock");
	fdt_cell(w, "#clock-cells", 0);
	fdt_cell(w, "clock-frequency", UART_CLOCK_HZ);
	fdt_text(w, "clock-output-names", "clk24mhz");
	fdt_cell(w, "phandle", PHANDLE_CLOCK);
	fdt_node_end(w);

	fdt_node_begin_at(w, "pl011", VPL011_BASE);
	fdt_bytes(w, "compatible", "arm,pl011\0arm,primecell", sizeof("arm,pl011\0arm,primecell"));
	fdt_numbers(w, "reg", (const uint64_t[]){ VPL011_BASE, VPL011_BYTES }, 2);
	fdt_cells(w, "interrupts", (const uint32_t[]){ GIC_SPI, VPL011_INTID - SPI_FIRST_INTID, IRQ_LEVEL_HIGH }, 3);
	fdt_cells(w, "clocks", (const uint32_t[]){ PHANDLE_CLOCK, PHANDLE_CLOCK }, 2);
	fdt_bytes(w, "clock-names", "uartclk\0apb_pclk", sizeof("uartclk\0apb_pclk"));
	fdt_node_end(w);
}

static void rtc(struct fdt_writer *w)
{
	fdt_node_begin_at(w, "pl031", VPL031_BASE);
	fdt_bytes(w, "compatible", "arm,pl031\0arm,primecell", sizeof("arm,pl031\0arm,primecell"));
	fdt_numbers(w, "reg", (const uint64_t[]){ VPL031_BASE, VPL031_BYTES }, 2);
	fdt_cell(w, "clocks", PHANDLE_CLOCK);
	fdt_text(w, "clock-names", "apb_pclk");
	fdt_node_end(w);
}

static void interrupt_map(struct fdt_writer *w)
{
	uint32_t map[PCI_SWIZZLE * PCI_SWIZZLE * PCI_MAP_CELLS];
	size_t n = 0;

	_Static_assert(ARRAY_SIZE(map) <= FDT_CELLS_MAX, "interrupt-map is longer than a property may be");
	for (uint32_t device = 0; device < PCI_SWIZZLE; device++) {
		for (uint32_t pin = 1; pin <= PCI_SWIZZLE; pin++) {
			const uint32_t entry[PCI_MAP_CELLS] = { device << PCI_DEVICE_SHIFT, 0, 0, pin, PHANDLE_GIC,
				GIC_SPI, VPCI_INTID(device, pin) - SPI_FIRST_INTID, IRQ_LEVEL_HIGH };

			for (size_t i = 0; i < PCI_MAP_CELLS; i++) {
				map[n++] = entry[i];
			}
		}
	}
	fdt_cells(w, "interrupt-map", map, n);
	fdt_cells(w, "interrupt-map-mask", (const uint32_t[]){ PCI_DEVICE_MASK, 0, 0, PCI_PIN_MASK }, 4);
}

static void pcie(struct fdt_writer *w)
{
	static const uint32_t ranges[] = { PCI_SPACE_MEM32, 0, (uint32_t)VPCI_WINDOW_BASE, 0,
		(uint32_t)VPCI_WINDOW_BASE, 0, (uint32_t)(VPCI_WINDOW_END - VPCI_WINDOW_BASE) };

	fdt_node_begin_at(w, "pcie", VPCI_ECAM_BASE);
	compatible(w, "pci-host-ecam-generic");
	fdt_text(w, "device_type", "pci");
	fdt_cell(w, "#address-cells", 3);
	fdt_cell(w, "#size-cells", 2);
	fdt_cell(w, "#interrupt-cells", 1);
	fdt_cell(w, "linux,pci-domain", 0);
	fdt_cells(w, "bus-range", (const uint32_t[]){ 0, PCI_BUS_LAST }, 2);
	fdt_numbers(w, "reg", (const uint64_t[]){ VPCI_ECAM_BASE, VPCI_ECAM_BYTES }, 2);
	fdt_cells(w, "ranges", ranges, ARRAY_SIZE(ranges));
	fdt_empty(w, "dma-coherent");
	interrupt_map(w);
	fdt_node_end(w);
}

size_t guest_tree_write(const struct guest_tree *t, uint8_t *out, size_t cap_bytes)
{
	struct fdt_writer w;

	fdt_write_begin(&w, out, cap_bytes);
	fdt_node_begin(&w, "");
	compatible(&w, "linux,dummy-virt");
	fdt_text(&w, "model", "godwit,virt");
	fdt_cell(&w, "#address-cells", 2);
	fdt_cell(&w, "#size-cells", 2);
	fdt_cell(&w, "interrupt-parent", PHANDLE_GIC);
	chosen(&w, t);
	memory(&w, t);
	cpus(&w, t);
	psci(&w);
	gic(&w, t);
	timer(&w);
	uart(&w);
	rtc(&w);
	pcie(&w);
	fdt_node_end(&w);
	return fdt_write_end(&w);
}
