/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The first core: bring the machine up, make the slot, start its guest, serve. */
#include "arch/aarch64/core.h"
#include "arch/aarch64/gic_cpu.h"
#include "arch/aarch64/psci.h"
#include "arch/aarch64/stage1.h"
#include "arch/aarch64/timer.h"
#include "arch/aarch64/traps.h"
#include "board/qemu-virt/config.h"
#include "board/qemu-virt/fdt.h"
#include "board/qemu-virt/guest.h"
#include "board/qemu-virt/machine.h"
#include "board/qemu-virt/passthrough.h"
#include "board/qemu-virt/selftest_smmu.h"
#include "board/qemu-virt/selftest_vm.h"
#include "board/qemu-virt/service.h"
#include "board/qemu-virt/slot.h"
#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/vm/board.h"
#include "core/vm/console.h"
#include "core/vm/irq.h"
#include "drivers/gicv3/gicv3.h"
#include "drivers/pl011/pl011.h"

void boot_primary(uint64_t dtb_pa);

static struct pl011 console_uart;
static struct gicv3 gic;
static struct fdt_facts facts;
static struct board_config config;
static uint8_t config_text[CONFIG_FILE_BYTES_MAX];

static size_t console_uart_write(void *ctx, const uint8_t *bytes, size_t len_bytes)
{
	return pl011_write(ctx, bytes, len_bytes);
}

static _Noreturn void stop_boot(const char *what, enum err err)
{
	console_line("godwit: cannot go on: %s: %s", what, err_name(err));
	console_flush();
	psci_system_off();
}

static void must(const char *what, enum err err)
{
	if (err != ERR_OK) {
		stop_boot(what, err);
	}
}

/** The operator's file over the defaults; without one the board shows itself with a guest from -initrd. */
static void read_config(void)
{
	char reason[REASON_BYTES];
	size_t len_bytes = 0;
	enum err err = machine_file("opt/godwit/config", config_text, sizeof(config_text), &len_bytes);

	if (err == ERR_END) {
		config_default(&config);
		config.autostart = facts.initrd_end > facts.initrd_start;
		return;
	}
	must("opt/godwit/config", err);
	err = config_parse(&config, config_text, len_bytes, reason);
	if (err != ERR_OK) {
		stop_boot(reason, err);
	}
}

/** The devices the slot is configured with; a machine that lacks them runs without, and says so. */
static void give_device(void)
{
	enum err err;

	if (config.slot_devices == 0) {
		return;
	}
	err = passthrough_assign(&passthrough, &slot0.vm, config.slot_devices, config.dma_log);
	for (uint32_t i = 0; i < passthrough.count && err == ERR_OK; i++) {
		err = slot_irq_link(&slot0, passthrough.device[i].function->intx_intid);
	}
	if (err == ERR_UNSUPPORTED) {
		console_line("godwit: slot %s has no device: none that is known was found at 0000:00:01.0",
			config.slot_name);
		return;
	}
	must("device of the slot", err);
}

void boot_primary(uint64_t dtb_pa)
{
	bool owns = false;

	core_init_first();
	pl011_init(&console_uart, board.uart_console_base);
	console_init(console_uart_write, &console_uart);
	console_line("godwit: EL2 on %s, timer %llu Hz", board.name, (unsigned long long)timer_hz());
	console_flush();
	must("device tree", fdt_read((const uint8_t *)(uintptr_t)dtb_pa, &facts));
	machine_init();
	read_config();
	must("interrupt controller", gicv3_dist_init(&gic, board.gicd_base));
	must("CPU interface", gic_cpu_init());
	traps_init();
	core_take_serrors();
	must("redistributor", gicv3_redist_init(&gic, 0, core_self()->mpidr, board.gicr_base, board.gicr_len_bytes));
	must("alarm", gicv3_enable(&gic, 0, TIMER_PPI_HYP, true));
	must("PCIe and SMMU", passthrough_bus_init(&passthrough, &gic));
	slot0.pci = &passthrough_pci_ops;
	slot0.pci_ctx = &passthrough;
	must("slot", slot_init(&slot0, &config, &facts, &gic));
	give_device();
	if (config.mark_flash) {
		must("owner mark in the second flash", service_mark_open(config.slot_name, &owns));
	}
	if (config.autostart || owns) {
		must("guest", guest_load(&slot0, &facts));
		vm_owner_set(&slot0.vm, OWNER_OWN);
	}
	must("service", service_init(&(struct service_config){ .board = &config,
				.facts = &facts,
				.slot = &slot0,
				.passthrough = &passthrough,
				.gic = &gic,
				.console = &console_uart }));
	console_line("godwit: %u cores, slot %s: %u vCPUs, %u MiB, dirty log %s", facts.cpu_count, config.slot_name,
		config.slot_vcpus, config.slot_ram_mib,
		slot0.vm.dirty.backend == DIRTY_HAFDBS ? "hafdbs" : "write-protect");
	selftest_smmu(config.selftest, &passthrough);
	(void)selftest_vm_begin(&slot0, config.selftest);
	console_line("godwit: ready");
	service_run();
}
