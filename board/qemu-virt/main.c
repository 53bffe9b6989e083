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

static void serve(void)
{
	for (;;) {
		(void)irq_poll();
		if (!console_drain()) {
			timer_alarm_in_us(1000);
		} else {
			timer_alarm_in_us(10000);
		}
		core_wfi();
	}
}

void boot_primary(uint64_t dtb_pa)
{
	core_init_first();
	pl011_init(&console_uart, board.uart_console_base);
	console_init(console_uart_write, &console_uart);
	console_line("godwit: EL2 on %s, timer %llu Hz", board.name, (unsigned long long)timer_hz());
	console_flush();
	must("device tree", fdt_read((const uint8_t *)(uintptr_t)dtb_pa, &facts));
	config_default(&config);
	config.autostart = true;
	must("interrupt controller", gicv3_dist_init(&gic, board.gicd_base));
	must("CPU interface", gic_cpu_init());
	traps_init();
	must("redistributor", gicv3_redist_init(&gic, 0, core_self()->mpidr, board.gicr_base, board.gicr_len_bytes));
	must("alarm", gicv3_enable(&gic, 0, TIMER_PPI_HYP, true));
	must("slot", slot_init(&slot0, &config, &facts, &gic));
	must("guest", slot_boot(&slot0, (const uint8_t *)(uintptr_t)facts.initrd_start,
			      facts.initrd_end - facts.initrd_start));
	must("run", vm_run(&slot0.vm));
	console_line("godwit: %u cores, slot %s: %u vCPUs, %u MiB", facts.cpu_count, config.slot_name, config.slot_vcpus,
		config.slot_ram_mib);
	serve();
}
