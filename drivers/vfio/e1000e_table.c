/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What is saved by reading and restored by writing, in the order in which it is restored: what frames are
 * filtered by before the rings, heads before tails, enables last.
 */
#include "core/base/assert.h"
#include "drivers/vfio/e1000e_priv.h"

#define POLLS_MAX 1000u /* of an access by MDIC or EERD: 64 us on hardware */
#define ANY	  UINT32_MAX

#define RING(regs)                                                                                                     \
	{ .offset = (regs) + E1000E_RING_BAL,                                                                          \
		.count = 1,                                                                                            \
		.bits = ~(uint32_t)(E1000E_DESC_BYTES - 1),                                                            \
		.verify = true },                                                                                      \
		{ .offset = (regs) + E1000E_RING_BAH, .count = 1, .bits = ANY, .verify = true },                       \
		{ .offset = (regs) + E1000E_RING_LEN, .count = 1, .bits = E1000E_RING_LEN_BITS, .verify = true },      \
		{ .offset = (regs) + E1000E_RING_HEAD, .count = 1, .bits = 0xffff, .verify = true },                   \
	{                                                                                                              \
		.offset = (regs) + E1000E_RING_TAIL, .count = 1, .bits = 0xffff, .verify = true                        \
	}

const struct e1000e_entry e1000e_table[] = {
	{ .offset = E1000E_CTRL, .count = 1, .bits = ~(E1000E_CTRL_RST | E1000E_CTRL_PHY_RST) },
	{ .offset = E1000E_FCAL, .count = 1, .bits = ANY },
	{ .offset = E1000E_FCAH, .count = 1, .bits = 0xffff },
	{ .offset = E1000E_FCT, .count = 1, .bits = 0xffff },
	{ .offset = E1000E_VET, .count = 1, .bits = 0xffff },
	{ .offset = E1000E_FCTTV, .count = 1, .bits = 0xffff },
	{ .offset = E1000E_LEDCTL, .count = 1, .bits = ANY },
	{ .offset = E1000E_EXTCNF_CTRL, .count = 1, .bits = ANY },
	{ .offset = E1000E_PBA, .count = 1, .bits = ANY },
	{ .offset = E1000E_PBS, .count = 1, .bits = ANY },
	{ .offset = E1000E_FCRTL, .count = 1, .bits = ANY },
	{ .offset = E1000E_FCRTH, .count = 1, .bits = ANY },
	{ .offset = E1000E_TIPG, .count = 1, .bits = ANY },
	{ .offset = E1000E_AIT, .count = 1, .bits = 0xffff },
	{ .offset = E1000E_RAID, .count = 1, .bits = 0xffff },
	{ .offset = E1000E_RSRPD, .count = 1, .bits = 0xfff },
	{ .offset = E1000E_MTA, .count = E1000E_MTA_COUNT, .bits = ANY, .verify = true },
	{ .offset = E1000E_RA, .count = E1000E_RA_COUNT, .bits = ANY, .verify = true },
	{ .offset = E1000E_VFTA, .count = E1000E_VFTA_COUNT, .bits = ANY, .verify = true },
	{ .offset = E1000E_WUC, .count = 1, .bits = ANY },
	{ .offset = E1000E_WUFC, .count = 1, .bits = ANY },
	{ .offset = E1000E_MANC, .count = 1, .bits = ANY },
	{ .offset = E1000E_MANC2H, .count = 1, .bits = ANY },
	{ .offset = E1000E_IPAV, .count = 1, .bits = ANY },
	{ .offset = E1000E_IP4AT, .count = E1000E_IP4AT_COUNT, .bits = ANY },
	{ .offset = E1000E_IP6AT, .count = E1000E_IP6AT_COUNT, .bits = ANY },
	{ .offset = E1000E_MRQC, .count = 1, .bits = ANY },
	{ .offset = E1000E_RETA, .count = E1000E_RETA_COUNT, .bits = ANY },
	{ .offset = E1000E_RSSRK, .count = E1000E_RSSRK_COUNT, .bits = ANY },
	{ .offset = E1000E_RXCSUM, .count = 1, .bits = ANY },
	{ .offset = E1000E_RFCTL, .count = 1, .bits = ANY, .verify = true },
	{ .offset = E1000E_PSRCTL, .count = 1, .bits = ANY, .verify = true },
	{ .offset = E1000E_ITR, .count = 1, .bits = 0xffff },
	{ .offset = E1000E_EITR, .count = E1000E_EITR_COUNT, .bits = 0xffff },
	{ .offset = E1000E_IAM, .count = 1, .bits = ANY },
	{ .offset = E1000E_EIAC, .count = 1, .bits = ANY },
	{ .offset = E1000E_IVAR, .count = 1, .bits = ANY },
	{ .offset = E1000E_RDTR, .count = 1, .bits = E1000E_DELAY_TIME },
	{ .offset = E1000E_RADV, .count = 1, .bits = E1000E_DELAY_TIME },
	{ .offset = E1000E_TADV, .count = 1, .bits = E1000E_DELAY_TIME },
	{ .offset = E1000E_RXDCTL(0), .count = 1, .bits = ANY },
	{ .offset = E1000E_RXDCTL(1), .count = 1, .bits = ANY },
	{ .offset = E1000E_TXDCTL(0), .count = 1, .bits = ANY },
	{ .offset = E1000E_TXDCTL(1), .count = 1, .bits = ANY },
	{ .offset = E1000E_TARC(0), .count = 1, .bits = ANY },
	{ .offset = E1000E_TARC(1), .count = 1, .bits = ANY },
	{ .offset = E1000E_TIMINCA, .count = 1, .bits = ANY },
	{ .offset = E1000E_TSYNCTXCTL, .count = 1, .bits = ANY },
	{ .offset = E1000E_TSYNCRXCTL, .count = 1, .bits = ANY },
	{ .offset = E1000E_RXCFGL, .count = 1, .bits = ANY },
	{ .offset = E1000E_RXUDP, .count = 1, .bits = ANY },
	{ .offset = E1000E_CTRL_EXT, .count = 1, .bits = ~E1000E_CTRL_EXT_EE_RST },
	RING(E1000E_RX_RING(0)),
	RING(E1000E_RX_RING(1)),
	RING(E1000E_TX_RING(0)),
	RING(E1000E_TX_RING(1)),
	{ .offset = E1000E_TCTL, .count = 1, .bits = ANY, .off = E1000E_TCTL_EN, .verify = true },
	{ .offset = E1000E_RCTL, .count = 1, .bits = ANY, .off = E1000E_RCTL_EN, .verify = true },
};
const uint32_t e1000e_table_count = ARRAY_SIZE(e1000e_table);

/* On page 0, and last the page register. Neither resets nor restarts anything when written. */
const uint8_t e1000e_phy_table[E1000E_PHY_COUNT] = { E1000E_PHY_CONTROL, 4, 7, 9, 16, 18, E1000E_PHY_PAGE };

uint32_t e1000e_table_at(uint32_t offset)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < e1000e_table_count; i++) {
		const struct e1000e_entry *t = &e1000e_table[i];

		if (offset >= t->offset && offset < t->offset + 4 * t->count) {
			return at + (offset - t->offset) / 4;
		}
		at += t->count;
	}
	ASSERT(false); /* an offset in this driver's code that the table has not */
	return 0;
}

static enum err poll_ready(const struct e1000e *e, uint32_t offset, uint32_t ready, uint32_t *value)
{
	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		*value = e1000e_reg(e, offset);
		if ((*value & ready) != 0) {
			return ERR_OK;
		}
	}
	return ERR_IO;
}

static enum err phy_access(const struct e1000e *e, uint32_t op, uint32_t reg, uint32_t data, uint32_t *value)
{
	enum err err;

	e1000e_reg_set(e, E1000E_MDIC,
		FIELD_PREP(E1000E_MDIC_OP, op) | FIELD_PREP(E1000E_MDIC_PHY, E1000E_PHY_ADDRESS) |
			FIELD_PREP(E1000E_MDIC_REG, reg) | FIELD_PREP(E1000E_MDIC_DATA, data));
	err = poll_ready(e, E1000E_MDIC, E1000E_MDIC_READY | E1000E_MDIC_ERROR, value);
	if (err == ERR_OK && (*value & E1000E_MDIC_ERROR) != 0) {
		return ERR_IO;
	}
	*value = FIELD_GET(E1000E_MDIC_DATA, *value);
	return err;
}

enum err e1000e_phy_read(const struct e1000e *e, uint32_t reg, uint32_t *value)
{
	return phy_access(e, E1000E_MDIC_OP_READ, reg, 0, value);
}

enum err e1000e_phy_write(const struct e1000e *e, uint32_t reg, uint32_t value)
{
	uint32_t ignored;

	return phy_access(e, E1000E_MDIC_OP_WRITE, reg, value, &ignored);
}

enum err e1000e_eeprom_read(const struct e1000e *e, uint32_t word, uint32_t *value)
{
	enum err err;

	e1000e_reg_set(e, E1000E_EERD, FIELD_PREP(E1000E_EERD_ADDR, word) | E1000E_EERD_START);
	err = poll_ready(e, E1000E_EERD, E1000E_EERD_DONE, value);
	*value = FIELD_GET(E1000E_EERD_DATA, *value);
	return err;
}
