/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_e1000e.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "tests/fake/fake_mmio.h"

/* Names of the manual; apart from the driver's, which are under test. */
enum {
	CTRL = 0x0000,
	STATUS = 0x0008,
	EERD = 0x0014,
	MDIC = 0x0020,
	ICR = 0x00c0,
	ICS = 0x00c8,
	IMS = 0x00d0,
	IMC = 0x00d8,
	RCTL = 0x0100,
	TCTL = 0x0400,
	PSRCTL = 0x2170,
	RX = 0x2800,
	RDTR = 0x2820,
	RADV = 0x282c,
	TX = 0x3800,
	TIDV = 0x3820,
	TADV = 0x382c,
	TARC0 = 0x3840,
	TARC1 = 0x3940,
	STATS = 0x4000,
	STATS_END = 0x4128,
	RFCTL = 0x5008,
	RA = 0x5400,
	SWSM = 0x5b50,
	RING_BAL = 0,
	RING_BAH = 4,
	RING_LEN = 8,
	RING_HEAD = 0x10,
	RING_TAIL = 0x18,
	GPRC = 0x4074,
	GPTC = 0x4080,
	GORCL = 0x4088,
	GOTCL = 0x4090,
	TPR = 0x40d0,
	TPT = 0x40d4,
};
#define CTRL_RST   (1u << 26)
#define ENABLE	   (1u << 1)
#define TARC_ON	   (1u << 10)
#define TXDW	   1u
#define TXQE	   2u
#define RXT0	   0x80u
#define FPD	   (1u << 31)
#define TX_EOP	   (1u << 24)
#define TX_TSE	   (1u << 26)
#define TX_RS	   (1u << 27)
#define TX_DEXT	   (1u << 29)
#define TX_IDE	   (1u << 31)
#define DD	   1u
#define RX_EOP	   2u
#define DELAY_UNIT 1024u /* ns */

static uint32_t *reg(struct fake_e1000e *f, uint32_t offset)
{
	return &f->reg[offset / 4];
}

static uint8_t *dma(struct fake_e1000e *f, uint64_t iova, uint64_t len, bool write)
{
	uint8_t *mem = f->bus_master ? f->memory(f->ctx, iova, len) : NULL;

	if (mem == NULL) {
		f->faults++;
	} else if (write && f->wrote != NULL) {
		f->wrote(f->ctx, iova, len);
	}
	return mem;
}

static uint64_t ring_base(struct fake_e1000e *f, uint32_t regs)
{
	return (uint64_t)*reg(f, regs + RING_BAH) << 32 | *reg(f, regs + RING_BAL);
}

static uint32_t ring_count(struct fake_e1000e *f, uint32_t regs)
{
	return *reg(f, regs + RING_LEN) / 16;
}

static bool ring_empty(struct fake_e1000e *f, uint32_t regs)
{
	uint32_t head = *reg(f, regs + RING_HEAD), tail = *reg(f, regs + RING_TAIL);

	return head == tail || tail >= ring_count(f, regs) || head >= ring_count(f, regs);
}

static void count(struct fake_e1000e *f, uint32_t offset, uint32_t more)
{
	uint32_t before = *reg(f, offset);

	*reg(f, offset) += more;
	if ((offset == GORCL || offset == GOTCL) && *reg(f, offset) < before) {
		*reg(f, offset + 4) += 1;
	}
}

/* ---- interrupts ---- */

static void cause(struct fake_e1000e *f, uint32_t causes)
{
	*reg(f, ICR) |= causes;
}

static void cause_later(struct fake_e1000e *f, uint32_t causes, uint32_t units)
{
	if (units == 0) {
		cause(f, causes);
		return;
	}
	if (f->delayed == 0) {
		f->delayed_until_us = *f->now_us + units * DELAY_UNIT / 1000;
	}
	f->delayed |= causes;
}

static void flush(struct fake_e1000e *f)
{
	cause(f, f->delayed);
	f->delayed = 0;
}

/* ---- transmission ---- */

static void tx_desc(struct fake_e1000e *f, uint32_t q, uint8_t *desc, uint64_t at)
{
	struct fake_e1000e_tx *tx = &f->tx[q];
	uint32_t word = load_le32(desc + 8), options = load_le32(desc + 12) >> 8 & 0xff;
	bool data = (word & TX_DEXT) != 0 && (word >> 20 & 15) == 1;
	uint32_t len = word & (data ? 0xfffffu : 0xffffu);

	if ((word & TX_DEXT) != 0 && (word >> 20 & 15) == 0) {
		memcpy(tx->context[(word & TX_TSE) != 0], desc, 16);
	} else {
		uint8_t *mem = len == 0 ? NULL : dma(f, load_le64(desc), len, false);

		if (mem != NULL && tx->len + len <= sizeof(tx->frame)) {
			memcpy(tx->frame + tx->len, mem, len);
			tx->len += len;
		}
		if ((word & TX_EOP) != 0) {
			bool uses = data && (options != 0 || (word & TX_TSE) != 0);

			f->frames_sent++;
			count(f, GPTC, 1);
			count(f, TPT, 1);
			count(f, GOTCL, tx->len + 4);
			if (f->sent != NULL) {
				f->sent(f->ctx, q, tx->frame, tx->len, uses ? tx->context[(word & TX_TSE) != 0] : NULL);
			}
			tx->len = 0;
		}
	}
	if ((word & TX_RS) != 0) {
		uint8_t *status = dma(f, at + 12, 4, true);

		if (status != NULL) {
			status[0] |= DD;
		}
		cause_later(f, TXDW, (word & TX_IDE) != 0 ? f->tidv : 0);
	}
}

static void transmit(struct fake_e1000e *f, uint32_t q)
{
	uint32_t regs = TX + 0x100 * q;

	if (f->hold_tx || (*reg(f, TCTL) & ENABLE) == 0 || (*reg(f, q == 0 ? TARC0 : TARC1) & TARC_ON) == 0 ||
		ring_empty(f, regs)) {
		return;
	}
	while (!ring_empty(f, regs)) {
		uint64_t at = ring_base(f, regs) + 16 * (uint64_t)*reg(f, regs + RING_HEAD);
		uint8_t *mem = dma(f, at, 16, false);
		uint8_t desc[16] = { 0 };

		if (mem != NULL) {
			memcpy(desc, mem, 16);
		}
		tx_desc(f, q, desc, at);
		*reg(f, regs + RING_HEAD) = (*reg(f, regs + RING_HEAD) + 1) % ring_count(f, regs);
	}
	cause(f, TXQE);
}

/* ---- reception ---- */

static uint32_t buffer_bytes(struct fake_e1000e *f)
{
	static const uint32_t sizes[2][4] = { { 2048, 1024, 512, 256 }, { 16384, 16384, 8192, 4096 } };
	uint32_t rctl = *reg(f, RCTL), flex = rctl >> 27 & 15;

	return flex != 0 ? flex * 1024 : sizes[rctl >> 25 & 1][rctl >> 16 & 3];
}

static void rx_put(struct fake_e1000e *f, uint64_t iova, const uint8_t *bytes, uint32_t len)
{
	uint8_t *mem = len == 0 ? NULL : dma(f, iova, len, true);

	if (mem != NULL) {
		memcpy(mem, bytes, len);
	}
}

static void rx_whole(struct fake_e1000e *f, uint64_t at, uint8_t *desc, const uint8_t *frame, uint32_t len)
{
	uint64_t address = load_le64(desc);

	rx_put(f, address, frame, MIN(len, buffer_bytes(f)));
	memset(desc + 8, 0, 8);
	if ((*reg(f, RFCTL) & 0x8000) != 0) {
		memset(desc, 0, 8); /* over the address */
		store_le32(desc + 8, DD | RX_EOP);
		store_le16(desc + 12, (uint16_t)len);
	} else {
		store_le16(desc + 8, (uint16_t)len);
		desc[12] = DD | RX_EOP;
	}
	rx_put(f, at, desc, 16);
}

static void rx_split(struct fake_e1000e *f, uint64_t at, uint8_t *desc, const uint8_t *frame, uint32_t len)
{
	uint32_t psrctl = *reg(f, PSRCTL);
	const uint32_t size[4] = { (psrctl & 0x7f) * 128, (psrctl >> 8 & 0x3f) * 1024, (psrctl >> 16 & 0x3f) * 1024,
		(psrctl >> 24 & 0x3f) * 1024 };

	for (uint32_t i = 0; i < 4; i++) {
		uint32_t n = MIN(len, size[i]);

		rx_put(f, load_le64(desc + 8 * i), frame, n);
		frame += n;
		len -= n;
	}
	memset(desc, 0, 32);
	store_le32(desc + 8, DD | RX_EOP);
	rx_put(f, at, desc, 32);
}

bool fake_e1000e_receive(struct fake_e1000e *f, const uint8_t *frame, uint32_t len)
{
	uint32_t regs = RX + 0x100 * f->receive_queue;
	bool split = (*reg(f, RCTL) >> 10 & 3) == 1 && (*reg(f, RFCTL) & 0x8000) != 0;
	uint8_t desc[32];
	uint8_t *mem;
	uint64_t at;

	if ((*reg(f, RCTL) & ENABLE) == 0 || (*reg(f, STATUS) & 2) == 0 || !f->bus_master || ring_empty(f, regs)) {
		return false;
	}
	at = ring_base(f, regs) + 16 * (uint64_t)*reg(f, regs + RING_HEAD);
	mem = dma(f, at, split ? 32 : 16, false);
	if (mem == NULL) {
		return false;
	}
	memcpy(desc, mem, split ? 32 : 16);
	if (split) {
		rx_split(f, at, desc, frame, len);
	} else {
		rx_whole(f, at, desc, frame, len);
	}
	*reg(f, regs + RING_HEAD) = (*reg(f, regs + RING_HEAD) + (split ? 2 : 1)) % ring_count(f, regs);
	f->frames_received++;
	count(f, GPRC, 1);
	count(f, TPR, 1);
	count(f, GORCL, len + 4);
	cause_later(f, RXT0, *reg(f, RDTR) & 0xffff);
	return true;
}

/* ---- registers ---- */

static void reset(struct fake_e1000e *f)
{
	uint32_t ra[2];

	ra[1] = (uint32_t)f->eeprom[2] | 1u << 31;
	ra[0] = (uint32_t)f->eeprom[0] | (uint32_t)f->eeprom[1] << 16;
	/* As on hardware the tables and the packet buffer keep what they had. */
	for (uint32_t i = 0; i < ARRAY_SIZE(f->reg); i++) {
		bool table = (i >= 0x5200 / 4 && i < 0x5800 / 4) || i >= 0x10000 / 4;

		f->reg[i] = table ? f->reg[i] : 0;
	}
	*reg(f, CTRL) = 0x00140201 | (f->reset_hangs ? CTRL_RST : 0);
	*reg(f, STATUS) = 0x80080083;
	*reg(f, TARC0) = 0x403;
	*reg(f, TARC1) = 0x403;
	*reg(f, PSRCTL) = 0x00040402;
	*reg(f, RA) = ra[0];
	*reg(f, RA + 4) = ra[1];
	f->tidv = 0;
	f->delayed = 0;
	memset(f->phy, 0, sizeof(f->phy));
	f->phy[0] = 0x1140;
	f->phy[4] = 0x0de1;
	f->phy[9] = 0x0f00;
	f->phy[16] = 0x3360;
	memset(f->tx, 0, sizeof(f->tx));
	f->resets++;
}

static uint32_t unalias(uint32_t offset)
{
	if (offset == 0x0004) {
		return CTRL;
	}
	if (offset == 0x0108) {
		return RDTR;
	}
	if (offset >= 0x0110 && offset < 0x0130) {
		return offset - 0x0110 + RX;
	}
	if (offset >= 0x0420 && offset < 0x0444) {
		return offset - 0x0420 + TX;
	}
	return offset;
}

void fake_e1000e_update(struct fake_e1000e *f)
{
	transmit(f, 0);
	transmit(f, 1);
	if (f->delayed != 0 && *f->now_us >= f->delayed_until_us) {
		flush(f);
	}
}

static uint64_t reg_read(void *ctx, uint64_t offset, uint32_t size_bytes)
{
	struct fake_e1000e *f = ctx;
	uint32_t at = unalias((uint32_t)offset), value;

	fake_e1000e_update(f);
	if (size_bytes != 4) {
		return UINT32_MAX;
	}
	value = *reg(f, at);
	if (at >= STATS && at < STATS_END) {
		/* 64-bit ones are cleared by reading their high half. */
		if (at == GORCL + 4 || at == GOTCL + 4) {
			*reg(f, at - 4) = 0;
			*reg(f, at) = 0;
		} else if (at != GORCL && at != GOTCL) {
			*reg(f, at) = 0;
		}
		return value;
	}
	switch (at) {
	case ICR:
		*reg(f, ICR) = 0;
		return value;
	case ICS:
		return *reg(f, ICR);
	case IMC:
		return 0;
	case TIDV:
		return f->tidv_reads ? f->tidv : 0;
	case SWSM:
		*reg(f, SWSM) |= 1;
		return value;
	default:
		return value;
	}
}

static void mdic(struct fake_e1000e *f, uint32_t value)
{
	uint32_t n = value >> 16 & 31, op = value >> 26 & 3;

	if ((value >> 21 & 31) != 1 || (op != 1 && op != 2) || (f->phy[22] != 0 && n != 22)) {
		*reg(f, MDIC) = value | 1u << 30 | 1u << 28;
		return;
	}
	if (op == 1) {
		f->phy[n] = n == 0 ? (uint16_t)(value & 0x7dff) : (uint16_t)value;
	}
	*reg(f, MDIC) = (value & 0xffff0000) | 1u << 28 | f->phy[n];
}

static void eerd(struct fake_e1000e *f, uint32_t value)
{
	uint32_t word = value >> 2 & 0x3fff;

	if ((value & 1) != 0) {
		*reg(f, EERD) = (word < 64 ? (uint32_t)f->eeprom[word] << 16 : 0) | word << 2 | 2;
	}
}

static void delay(struct fake_e1000e *f, uint32_t at, uint32_t value)
{
	if (at == TIDV) {
		f->tidv = value & 0xffff;
	} else {
		*reg(f, at) = value & 0xffff;
	}
	if ((value & FPD) != 0) {
		flush(f);
	}
}

static void reg_write(void *ctx, uint64_t offset, uint32_t size_bytes, uint64_t wide)
{
	struct fake_e1000e *f = ctx;
	uint32_t at = unalias((uint32_t)offset), value = (uint32_t)wide, ring = at & ~0x100u;

	f->writes++;
	if (size_bytes != 4 || at == STATUS || (at >= STATS && at < STATS_END) || (at == f->deaf_register && at != 0)) {
		return;
	}
	switch (at) {
	case CTRL:
		if ((value & CTRL_RST) != 0) {
			reset(f);
		} else {
			*reg(f, CTRL) = value;
		}
		break;
	case ICR:
		*reg(f, ICR) &= ~value;
		break;
	case ICS:
		cause(f, value);
		break;
	case IMS:
		*reg(f, IMS) |= value;
		break;
	case IMC:
		*reg(f, IMS) &= ~value;
		break;
	case MDIC:
		mdic(f, value);
		break;
	case EERD:
		eerd(f, value);
		break;
	case RDTR:
	case TIDV:
		delay(f, at, value);
		break;
	case SWSM:
		*reg(f, SWSM) = value & 3;
		break;
	default:
		if (ring == RX + RING_HEAD || ring == RX + RING_TAIL || ring == TX + RING_HEAD ||
			ring == TX + RING_TAIL) {
			value &= 0xffff;
		} else if (ring == RX + RING_LEN || ring == TX + RING_LEN) {
			value &= 0xfff80;
		} else if (ring == RX || ring == TX) {
			value &= ~15u;
		}
		*reg(f, at) = value;
		break;
	}
	fake_e1000e_update(f);
}

static const struct fake_mmio_ops ops = { reg_read, reg_write };

void fake_e1000e_init(struct fake_e1000e *f, const uint64_t *now_us, const uint8_t mac[6])
{
	memset(f, 0, sizeof(*f));
	f->now_us = now_us;
	for (uint32_t i = 0; i < 3; i++) {
		f->eeprom[i] = load_le16(mac + 2 * i);
	}
	f->eeprom[63] = 0xbaba;
	reset(f);
}

void fake_e1000e_map(struct fake_e1000e *f, uintptr_t base)
{
	fake_mmio_map(base, FAKE_E1000E_BAR_BYTES, &ops, f);
}

bool fake_e1000e_intx(struct fake_e1000e *f)
{
	fake_e1000e_update(f);
	return (*reg(f, ICR) & *reg(f, IMS)) != 0 && f->intx_enabled;
}

uint32_t fake_e1000e_get(struct fake_e1000e *f, uint32_t offset)
{
	return (uint32_t)reg_read(f, offset, 4);
}

void fake_e1000e_set(struct fake_e1000e *f, uint32_t offset, uint32_t value)
{
	reg_write(f, offset, 4, value);
}
