/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** A UART of the host, received by interrupt into a small ring. When the ring is full the interrupt waits, nothing is lost. */
#ifndef BOARD_QEMU_VIRT_SERIAL_H
#define BOARD_QEMU_VIRT_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "drivers/gicv3/gicv3.h"
#include "drivers/pl011/pl011.h"

#define SERIAL_RING_BYTES 512u /* a power of two */

struct serial {
	struct pl011 *uart;
	uint32_t head, tail;
	bool held; /* receive interrupt masked until there is room */
	uint8_t ring[SERIAL_RING_BYTES];
};

/** Receive on an initialised UART, interrupt to the service core. */
MUST_CHECK enum err serial_init(struct serial *s, struct pl011 *uart, uint32_t intid, struct gicv3 *gic);
/** Bytes that wait, contiguous; they stay until serial_drop(). */
size_t serial_peek(const struct serial *s, const uint8_t **bytes);
void serial_drop(struct serial *s, size_t len_bytes);

#endif
