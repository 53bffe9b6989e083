/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What a machine is: const data that board/ provides, read from the first instruction on. */
#ifndef CORE_VM_BOARD_H
#define CORE_VM_BOARD_H

#include <stdint.h>

#define BOARD_DEVICE_RANGES_MAX 16u

struct board_range {
	uint64_t base; /* PA, page-aligned */
	uint64_t len_bytes;
};

struct board {
	const char *name;
	uint64_t ram_base;				    /* PA; [ram_base, guest_ram_base) is EL2's own */
	uint64_t guest_ram_base;			    /* PA of slot 0's RAM, 2 MiB aligned */
	struct board_range device[BOARD_DEVICE_RANGES_MAX]; /* EL2 maps them as Device; length 0 ends the table */
	uint64_t gicd_base;
	uint64_t gicr_base, gicr_len_bytes;
	uint64_t uart_console_base, uart_control_base;
};

extern const struct board board;

/** Called once a panic has been printed: halt, or power off where the configuration says so. */
_Noreturn void board_halt(void);
/** Characters of a panic, past every lock and queue. */
void board_panic_putc(char c);

#endif
