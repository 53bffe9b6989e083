/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stdarg.h>

#include "core/base/fmt.h"
#include "tests/guest/lib/guest.h"

#define UARTDR	      (UART_BASE + 0x00)
#define UARTFR	      (UART_BASE + 0x18)
#define UARTLCR_H     (UART_BASE + 0x2c)
#define UARTCR	      (UART_BASE + 0x30)
#define FR_TXFF	      (1u << 5)
#define LCR_8BIT_FIFO 0x70u
#define CR_ENABLE     0x301u
#define LINE_BYTES    240u

void uart_init(void)
{
	mmio_write32(UARTLCR_H, LCR_8BIT_FIFO);
	mmio_write32(UARTCR, CR_ENABLE);
}

static void put(char c)
{
	while ((mmio_read32(UARTFR) & FR_TXFF) != 0) {
	}
	mmio_write32(UARTDR, (uint8_t)c);
}

void print(const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vfmt(line, sizeof(line), format, args);
	va_end(args);
	for (uint32_t i = 0; line[i] != '\0'; i++) {
		put(line[i]);
	}
	put('\n');
}
