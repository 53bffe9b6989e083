/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/core.h"
#include "arch/aarch64/gic_cpu.h"
#include "arch/aarch64/timer.h"
#include "core/base/assert.h"
#include "core/vm/board.h"
#include "core/vm/console.h"
#include "drivers/gicv3/gicv3.h"
#include "drivers/pl011/pl011.h"

void boot_primary(uint64_t dtb_pa);

static struct pl011 console_uart;

static size_t console_uart_write(void *ctx, const uint8_t *bytes, size_t len_bytes)
{
	return pl011_write(ctx, bytes, len_bytes);
}

void boot_primary(uint64_t dtb_pa)
{
	core_init_first();
	pl011_init(&console_uart, board.uart_console_base);
	console_init(console_uart_write, &console_uart);
	console_line("godwit: EL2 on %s, device tree at 0x%llx, timer %llu Hz", board.name, (unsigned long long)dtb_pa,
		(unsigned long long)timer_hz());
	console_flush();
	for (;;) {
		core_wfi();
	}
}
