/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/mmio.h"
#include "core/base/bits.h"
#include "drivers/pl011/pl011.h"

/* DDI 0183G, 3.2. */
#define UARTDR		 0x000u
#define UARTDR_ERRORS	 MASK32(11, 8)
#define UARTFR		 0x018u
#define UARTFR_RXFE	 BIT32(4)
#define UARTFR_TXFF	 BIT32(5)
#define UARTLCR_H	 0x02Cu
#define UARTLCR_H_FEN	 BIT32(4)
#define UARTLCR_H_WLEN8	 FIELD_PREP(MASK32(6, 5), 3)
#define UARTCR		 0x030u
#define UARTCR_UARTEN	 BIT32(0)
#define UARTCR_TXE	 BIT32(8)
#define UARTCR_RXE	 BIT32(9)
#define UARTIMSC	 0x038u
#define UARTICR		 0x044u
#define UARTINT_RX	 BIT32(4)
#define UARTINT_RT	 BIT32(6)
#define UARTINT_ALL	 MASK32(10, 0)

#define PL011_PUTC_POLLS 100000u

void pl011_init(struct pl011 *u, uintptr_t base)
{
	u->base = base;
	mmio_write32(base + UARTCR, 0);
	mmio_write32(base + UARTIMSC, 0);
	mmio_write32(base + UARTICR, UARTINT_ALL);
	mmio_write32(base + UARTLCR_H, UARTLCR_H_FEN | UARTLCR_H_WLEN8);
	mmio_write32(base + UARTCR, UARTCR_UARTEN | UARTCR_TXE | UARTCR_RXE);
}

void pl011_receive_irq(struct pl011 *u, bool on)
{
	mmio_write32(u->base + UARTIMSC, on ? UARTINT_RX | UARTINT_RT : 0);
}

size_t pl011_write(struct pl011 *u, const uint8_t *bytes, size_t len_bytes)
{
	size_t n = 0;

	while (n < len_bytes && (mmio_read32(u->base + UARTFR) & UARTFR_TXFF) == 0) {
		mmio_write32(u->base + UARTDR, bytes[n]);
		n++;
	}
	return n;
}

size_t pl011_read(struct pl011 *u, uint8_t *bytes, size_t cap_bytes)
{
	size_t n = 0;

	while (n < cap_bytes && (mmio_read32(u->base + UARTFR) & UARTFR_RXFE) == 0) {
		uint32_t dr = mmio_read32(u->base + UARTDR);

		if ((dr & UARTDR_ERRORS) == 0) {
			bytes[n] = (uint8_t)dr;
			n++;
		}
	}
	return n;
}

void pl011_putc(struct pl011 *u, char c)
{
	for (uint32_t i = 0; i < PL011_PUTC_POLLS; i++) {
		if ((mmio_read32(u->base + UARTFR) & UARTFR_TXFF) == 0) {
			mmio_write32(u->base + UARTDR, (uint8_t)c);
			return;
		}
	}
}
