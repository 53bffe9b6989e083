/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The end of the host: what is left when nothing else may be trusted. */
#include "arch/aarch64/core.h"
#include "arch/aarch64/psci.h"
#include "core/vm/board.h"
#include "drivers/pl011/pl011.h"

_Noreturn void board_halt(void)
{
	/* A host that has panicked must not leave guests running on its other cores: all of it goes off. */
	psci_system_off();
}

void board_panic_putc(char c)
{
	struct pl011 uart = { .base = board.uart_console_base };

	pl011_putc(&uart, c);
}
