/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** PL011 UART (Arm DDI 0183). Nothing waits, but pl011_putc for a bounded time. */
#ifndef DRIVERS_PL011_PL011_H
#define DRIVERS_PL011_PL011_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl011 {
	uintptr_t base;
};

/** 8N1 with FIFOs; baud rate as the firmware left it. All interrupts masked. */
void pl011_init(struct pl011 *u, uintptr_t base);
/** Raise the interrupt when bytes have arrived. */
void pl011_receive_irq(struct pl011 *u, bool on);
/** Writes what the FIFO takes; returns the number of bytes. */
size_t pl011_write(struct pl011 *u, const uint8_t *bytes, size_t len_bytes);
/** Takes what has arrived, up to cap_bytes; returns the number of bytes. Overruns and breaks are dropped. */
size_t pl011_read(struct pl011 *u, uint8_t *bytes, size_t cap_bytes);
/** One character, waiting for the FIFO for a bounded number of polls; then it is dropped. */
void pl011_putc(struct pl011 *u, char c);

#endif
