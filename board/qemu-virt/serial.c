/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/serial.h"

#include "arch/aarch64/core.h"
#include "core/base/bits.h"
#include "core/vm/irq.h"

static uint32_t used(const struct serial *s)
{
	return s->head - s->tail;
}

/** Move what the UART has into the ring. */
static void fill(struct serial *s)
{
	while (used(s) < SERIAL_RING_BYTES) {
		uint8_t byte;

		if (pl011_read(s->uart, &byte, 1) == 0) {
			return;
		}
		s->ring[s->head & (SERIAL_RING_BYTES - 1u)] = byte;
		s->head++;
	}
	s->held = true;
	pl011_receive_irq(s->uart, false);
}

static bool irq(void *ctx, uint32_t intid)
{
	(void)intid;
	fill(ctx);
	return true;
}

enum err serial_init(struct serial *s, struct pl011 *uart, uint32_t intid, struct gicv3 *gic)
{
	enum err err;

	*s = (struct serial){ .uart = uart };
	err = irq_register(intid, irq, s);
	if (err == ERR_OK) {
		err = gicv3_spi_configure(gic, intid, false, core_at(0)->mpidr);
	}
	if (err == ERR_OK) {
		err = gicv3_enable(gic, 0, intid, true);
	}
	if (err == ERR_OK) {
		pl011_receive_irq(uart, true);
	}
	return err;
}

size_t serial_peek(const struct serial *s, const uint8_t **bytes)
{
	uint32_t at = s->tail & (SERIAL_RING_BYTES - 1u);

	*bytes = &s->ring[at];
	return MIN(used(s), SERIAL_RING_BYTES - at);
}

void serial_drop(struct serial *s, size_t len_bytes)
{
	s->tail += (uint32_t)len_bytes;
	if (s->held) {
		s->held = false;
		fill(s);
		if (!s->held) {
			pl011_receive_irq(s->uart, true);
		}
	}
}
