/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/vpl011.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/vm/mmio.h"

/* PL011, DDI 0183, table 3-1. */
#define UARTDR	     0x000u
#define UARTRSR	     0x004u
#define UARTFR	     0x018u
#define UARTILPR     0x020u
#define UARTIBRD     0x024u
#define UARTFBRD     0x028u
#define UARTLCR_H    0x02cu
#define UARTCR	     0x030u
#define UARTIFLS     0x034u
#define UARTIMSC     0x038u
#define UARTRIS	     0x03cu
#define UARTMIS	     0x040u
#define UARTICR	     0x044u
#define UARTDMACR    0x048u
#define UART_ID_REGS 0xfe0u

#define FR_RXFE	     BIT32(4)
#define FR_RXFF	     BIT32(6)
#define FR_TXFE	     BIT32(7)
#define LCR_H_FEN    BIT32(4)
#define INT_RX	     BIT32(4)
#define INT_TX	     BIT32(5)
#define INT_ALL	     MASK32(10, 0)

#define ILPR_ALL     MASK32(7, 0)
#define IBRD_ALL     MASK32(15, 0)
#define FBRD_ALL     MASK32(5, 0)
#define LCR_H_ALL    MASK32(7, 0)
#define CR_ALL	     (MASK32(15, 7) | MASK32(2, 0))
#define CR_RESET     0x300u
#define IFLS_ALL     MASK32(5, 0)
#define IFLS_RESET   0x12u
#define DMACR_ALL    MASK32(2, 0)

/* UARTPeriphID0..3 (revision r1p5), UARTPCellID0..3. */
static const uint8_t id_regs[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static uint32_t input_used(const struct vpl011 *u)
{
	return u->input_head - u->input_tail;
}

static void irq_update(struct vpl011 *u)
{
	bool level = (u->ris & u->imsc) != 0;

	if (level != u->level) {
		u->level = level;
		if (u->irq != NULL) {
			u->irq(u->irq_ctx, level);
		}
	}
}

static void line_flush(struct vpl011 *u)
{
	u->line[u->line_len] = '\0';
	if (u->sink != NULL) {
		u->sink(u->sink_ctx, u->line, u->line_len);
	}
	u->line_len = 0;
}

static void put(struct vpl011 *u, char c)
{
	if (c == '\n') {
		line_flush(u);
		return;
	}
	if (c == '\r') {
		return;
	}
	if (u->line_len == VPL011_LINE_MAX) {
		line_flush(u);
	}
	u->line[u->line_len] = c;
	u->line_len++;
}

static uint32_t get(struct vpl011 *u)
{
	uint32_t byte = 0;

	if (input_used(u) != 0) {
		byte = u->input[u->input_tail % VPL011_INPUT_MAX];
		u->input_tail++;
	}
	if (input_used(u) == 0) {
		u->ris &= ~INT_RX;
	}
	return byte;
}

static uint32_t flags(const struct vpl011 *u)
{
	return FR_TXFE | (input_used(u) == 0 ? FR_RXFE : 0) | (input_used(u) == VPL011_INPUT_MAX ? FR_RXFF : 0);
}

static uint32_t reg_read(struct vpl011 *u, uint32_t offset)
{
	switch (offset) {
	case UARTDR:
		return get(u);
	case UARTFR:
		return flags(u);
	case UARTILPR:
		return u->ilpr;
	case UARTIBRD:
		return u->ibrd;
	case UARTFBRD:
		return u->fbrd;
	case UARTLCR_H:
		return u->lcr_h;
	case UARTCR:
		return u->cr;
	case UARTIFLS:
		return u->ifls;
	case UARTIMSC:
		return u->imsc;
	case UARTRIS:
		return u->ris;
	case UARTMIS:
		return u->ris & u->imsc;
	case UARTDMACR:
		return u->dmacr;
	default:
		return offset >= UART_ID_REGS ? id_regs[(offset - UART_ID_REGS) / 4] : 0;
	}
}

static void reg_write(struct vpl011 *u, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case UARTDR:
		put(u, (char)(value & 0xffu));
		u->ris |= INT_TX; /* sent at once: the transmit FIFO has just become empty */
		break;
	case UARTILPR:
		u->ilpr = value & ILPR_ALL;
		break;
	case UARTIBRD:
		u->ibrd = value & IBRD_ALL;
		break;
	case UARTFBRD:
		u->fbrd = value & FBRD_ALL;
		break;
	case UARTLCR_H:
		u->lcr_h = value & LCR_H_ALL;
		break;
	case UARTCR:
		u->cr = value & CR_ALL;
		break;
	case UARTIFLS:
		u->ifls = value & IFLS_ALL;
		break;
	case UARTIMSC:
		u->imsc = value & INT_ALL;
		break;
	case UARTICR:
		u->ris &= ~value;
		break;
	case UARTDMACR:
		u->dmacr = value & DMACR_ALL;
		break;
	default:
		break;
	}
}

/* Registers are words, 4 bytes apart; drivers read and write them by 1, 2 or 4 bytes from the start. */
static enum err vpl011_read(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t *value)
{
	struct vpl011 *u = ctx;

	(void)vcpu;
	if (size_bytes > 4 || (offset & 3u) != 0) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&u->lock);
	*value = reg_read(u, (uint32_t)offset);
	irq_update(u);
	spin_unlock(&u->lock);
	return ERR_OK;
}

static enum err vpl011_write(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	struct vpl011 *u = ctx;

	(void)vcpu;
	if (size_bytes > 4 || (offset & 3u) != 0) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&u->lock);
	reg_write(u, (uint32_t)offset, (uint32_t)value);
	irq_update(u);
	spin_unlock(&u->lock);
	return ERR_OK;
}

static void power_on(struct vpl011 *u)
{
	u->ilpr = 0;
	u->ibrd = 0;
	u->fbrd = 0;
	u->lcr_h = 0;
	u->cr = CR_RESET;
	u->ifls = IFLS_RESET;
	u->imsc = 0;
	u->ris = 0;
	u->dmacr = 0;
	u->line_len = 0;
	u->input_head = 0;
	u->input_tail = 0;
}

void vpl011_init(struct vpl011 *u, vpl011_sink_fn sink, void *sink_ctx, vpl011_irq_fn irq, void *irq_ctx)
{
	memset(u, 0, sizeof(*u));
	u->sink = sink;
	u->sink_ctx = sink_ctx;
	u->irq = irq;
	u->irq_ctx = irq_ctx;
	power_on(u);
}

void vpl011_reset(struct vpl011 *u)
{
	spin_lock(&u->lock);
	power_on(u);
	irq_update(u);
	spin_unlock(&u->lock);
}

enum err vpl011_map(struct vpl011 *u, struct mmio_space *s)
{
	return mmio_add(s, VPL011_BASE, VPL011_BYTES, vpl011_read, vpl011_write, u);
}

size_t vpl011_input(struct vpl011 *u, const uint8_t *bytes, size_t len_bytes)
{
	size_t taken = 0;

	spin_lock(&u->lock);
	while (taken < len_bytes && input_used(u) < VPL011_INPUT_MAX) {
		u->input[u->input_head % VPL011_INPUT_MAX] = bytes[taken];
		u->input_head++;
		taken++;
	}
	if (taken != 0) {
		u->ris |= INT_RX;
		irq_update(u);
	}
	spin_unlock(&u->lock);
	return taken;
}

/*
 * Record: le32 ILPR, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, DMACR; le32 length and bytes of the unfinished
 * line; le32 length and bytes of the input.
 */
void vpl011_save(struct vpl011 *u, struct writer *w)
{
	spin_lock(&u->lock);
	write_le32(w, u->ilpr);
	write_le32(w, u->ibrd);
	write_le32(w, u->fbrd);
	write_le32(w, u->lcr_h);
	write_le32(w, u->cr);
	write_le32(w, u->ifls);
	write_le32(w, u->imsc);
	write_le32(w, u->ris);
	write_le32(w, u->dmacr);
	write_le32(w, u->line_len);
	write_bytes(w, (const uint8_t *)u->line, u->line_len);
	write_le32(w, input_used(u));
	for (uint32_t i = u->input_tail; i != u->input_head; i++) {
		write_u8(w, u->input[i % VPL011_INPUT_MAX]);
	}
	spin_unlock(&u->lock);
}

struct field {
	const char *name;
	uint32_t value;
	uint32_t all;
};

static enum err fields_check(const struct field *f, size_t count, char *reason)
{
	for (size_t i = 0; i < count; i++) {
		if ((f[i].value & ~f[i].all) != 0) {
			fmt(reason, REASON_BYTES, "uart: %s 0x%x is not possible", f[i].name, f[i].value);
			return ERR_RANGE;
		}
	}
	return ERR_OK;
}

enum err vpl011_load(struct vpl011 *u, struct reader *r, char *reason)
{
	struct field f[] = {
		{ "UARTILPR", 0, ILPR_ALL },
		{ "UARTIBRD", 0, IBRD_ALL },
		{ "UARTFBRD", 0, FBRD_ALL },
		{ "UARTLCR_H", 0, LCR_H_ALL },
		{ "UARTCR", 0, CR_ALL },
		{ "UARTIFLS", 0, IFLS_ALL },
		{ "UARTIMSC", 0, INT_ALL },
		{ "UARTRIS", 0, INT_ALL },
		{ "UARTDMACR", 0, DMACR_ALL },
	};
	const uint8_t *line, *input;
	uint32_t line_len, input_len;
	enum err err;

	for (size_t i = 0; i < ARRAY_SIZE(f); i++) {
		f[i].value = read_le32(r);
	}
	line_len = read_le32(r);
	line = read_bytes(r, line_len);
	input_len = read_le32(r);
	input = read_bytes(r, input_len);
	if (r->failed || r->left_bytes != 0) {
		fmt(reason, REASON_BYTES, "uart: record %s", r->failed ? "is too short" : "has bytes left over");
		return ERR_BAD_RECORD;
	}
	if (line_len > VPL011_LINE_MAX || input_len > VPL011_INPUT_MAX) {
		fmt(reason, REASON_BYTES, "uart: line of %u bytes, input of %u", line_len, input_len);
		return ERR_RANGE;
	}
	err = fields_check(f, ARRAY_SIZE(f), reason);
	if (err != ERR_OK) {
		return err;
	}
	spin_lock(&u->lock);
	u->ilpr = f[0].value;
	u->ibrd = f[1].value;
	u->fbrd = f[2].value;
	u->lcr_h = f[3].value;
	u->cr = f[4].value;
	u->ifls = f[5].value;
	u->imsc = f[6].value;
	u->ris = f[7].value;
	u->dmacr = f[8].value;
	u->line_len = line_len;
	memcpy(u->line, line, line_len);
	u->input_tail = 0;
	u->input_head = input_len;
	memcpy(u->input, input, input_len);
	irq_update(u);
	spin_unlock(&u->lock);
	return ERR_OK;
}
