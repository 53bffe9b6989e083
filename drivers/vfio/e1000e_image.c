/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The image of a stopped e1000e, version 1: blocks in this order, each mandatory, little-endian.
 *
 *   1 EEPROM      64 le16, compared with the destination's own: MAC address and configuration are identity
 *   2 registers   le32 in the order of e1000e_table.c. RCTL and TCTL as the guest wrote them; a transmit
 *                 head of which only the first fragments of a frame were taken is where that frame begins
 *   3 causes      le32 ICR, IMS, TIDV, SWSM, MDIC, EERD, STATUS
 *   4 contexts    for each queue le32 count (0 to 2), then 2 descriptors, the older first, unused ones zero
 *   5 PHY         le32 in the order of e1000e_phy_table; all ones for one that cannot be read
 *   6 statistics  74 le32: 0x4000 to 0x4124, with what the guest has not read yet
 *
 * COMMAND and the BARs travel with the virtual configuration space.
 */
#include "core/base/bytes.h"
#include "drivers/vfio/e1000e_priv.h"

enum { CAUSE_ICR, CAUSE_IMS, CAUSE_TIDV, CAUSE_SWSM, CAUSE_MDIC, CAUSE_EERD, CAUSE_STATUS };

_Static_assert(CAUSE_STATUS + 1 == E1000E_CAUSES_COUNT, "words of the causes block");

#define PHY_UNREADABLE UINT32_MAX
#define PHY_BITS       0xffffu

struct image_ident e1000e_ident(const struct e1000e *e)
{
	return (struct image_ident){
		.vendor_id = E1000E_VENDOR_ID,
		.device_id = E1000E_DEVICE_ID,
		.subsystem_vendor_id = e->config.subsystem_vendor_id,
		.subsystem_id = e->config.subsystem_id,
		.state_version = E1000E_STATE_VERSION,
	};
}

/* ---- save ---- */

/** MDIC or EERD as the guest has it. */
static uint32_t access_read(const struct e1000e *e, const struct e1000e_access *a, uint32_t offset)
{
	uint32_t value = e1000e_reg(e, offset);

	return a->ours && value == a->left ? a->was : value;
}

/**
 * After accesses of our own: the guest may be in the middle of one, and what it waits for is there again. A register it has not used
 * since a reset cannot be put back; that it was so is remembered.
 */
static void accesses_redo(struct e1000e *e, uint32_t mdic, uint32_t eerd)
{
	uint32_t ignored;

	if ((mdic & E1000E_MDIC_READY) != 0) {
		/* A write is not done twice; its end looks as that of a read. */
		(void)!e1000e_phy_read(e, FIELD_GET(E1000E_MDIC_REG, mdic), &ignored);
	}
	if ((eerd & E1000E_EERD_DONE) != 0) {
		(void)!e1000e_eeprom_read(e, FIELD_GET(E1000E_EERD_ADDR, eerd), &ignored);
	}
	e->mdic = (struct e1000e_access){ .ours = true, .left = e1000e_reg(e, E1000E_MDIC), .was = mdic };
	e->eerd = (struct e1000e_access){ .ours = true, .left = e1000e_reg(e, E1000E_EERD), .was = eerd };
}

static void eeprom_save(struct e1000e *e, uint8_t *out)
{
	uint32_t mdic = access_read(e, &e->mdic, E1000E_MDIC), eerd = access_read(e, &e->eerd, E1000E_EERD);

	for (uint32_t i = 0; i < E1000E_EEPROM_WORDS; i++) {
		uint32_t value = 0;

		store_le16(out + 2 * i, e1000e_eeprom_read(e, i, &value) == ERR_OK ? (uint16_t)value : UINT16_MAX);
	}
	accesses_redo(e, mdic, eerd);
}

static void phy_save(const struct e1000e *e, uint8_t *out)
{
	uint32_t page = PHY_UNREADABLE;

	if (e1000e_phy_read(e, E1000E_PHY_PAGE, &page) != ERR_OK || e1000e_phy_write(e, E1000E_PHY_PAGE, 0) != ERR_OK) {
		page = PHY_UNREADABLE;
	}
	for (uint32_t i = 0; i + 1 < E1000E_PHY_COUNT; i++) {
		uint32_t value;

		store_le32(out + 4 * i,
			e1000e_phy_read(e, e1000e_phy_table[i], &value) == ERR_OK ? value : PHY_UNREADABLE);
	}
	store_le32(out + E1000E_PHY_BYTES - 4, page);
	if (page != PHY_UNREADABLE) {
		(void)!e1000e_phy_write(e, E1000E_PHY_PAGE, page);
	}
}

static uint32_t register_of(const struct e1000e *e, uint32_t offset)
{
	switch (offset) {
	case E1000E_RCTL:
		return e->held.rctl;
	case E1000E_TCTL:
		return e->held.tctl;
	case E1000E_TX_RING(0) + E1000E_RING_HEAD:
		return e->tx_resume[0];
	case E1000E_TX_RING(1) + E1000E_RING_HEAD:
		return e->tx_resume[1];
	default:
		return e1000e_reg(e, offset);
	}
}

static void registers_save(const struct e1000e *e, uint8_t *out)
{
	for (uint32_t i = 0; i < e1000e_table_count; i++) {
		const struct e1000e_entry *t = &e1000e_table[i];

		for (uint32_t n = 0; n < t->count; n++, out += 4) {
			store_le32(out, register_of(e, t->offset + 4 * n) & t->bits);
		}
	}
}

static void causes_save(const struct e1000e *e, uint8_t *out, uint32_t mdic, uint32_t eerd)
{
	uint32_t swsm = e1000e_reg(e, E1000E_SWSM);

	/* Reading it took the semaphore. */
	e1000e_reg_set(e, E1000E_SWSM, swsm);
	store_le32(out + 4 * CAUSE_ICR, e1000e_reg(e, E1000E_ICS) & ~E1000E_ICR_ASSERTED);
	store_le32(out + 4 * CAUSE_IMS, e->held.ims);
	store_le32(out + 4 * CAUSE_TIDV, e->tidv_known ? e->tidv : e1000e_reg(e, E1000E_TIDV) & E1000E_DELAY_TIME);
	store_le32(out + 4 * CAUSE_SWSM, swsm & (E1000E_SWSM_SMBI | E1000E_SWSM_SWESMBI));
	store_le32(out + 4 * CAUSE_MDIC, mdic);
	store_le32(out + 4 * CAUSE_EERD, eerd);
	store_le32(out + 4 * CAUSE_STATUS, e1000e_reg(e, E1000E_STATUS));
}

static void contexts_save(const struct e1000e *e, uint8_t *out)
{
	for (uint32_t q = 0; q < E1000E_QUEUES; q++, out += E1000E_QUEUE_CONTEXT_BYTES) {
		const struct e1000e_context *c = &e->context[q];

		store_le32(out, c->count);
		for (uint32_t i = 0; i < E1000E_CONTEXTS_MAX * E1000E_DESC_BYTES; i++) {
			uint32_t n = i / E1000E_DESC_BYTES;

			out[4 + i] = n < c->count ? c->desc[n][i % E1000E_DESC_BYTES] : 0;
		}
	}
}

enum err e1000e_image_begin(struct e1000e *e)
{
	struct writer w = writer_over(e->image, sizeof(e->image));
	struct image_ident ident = e1000e_ident(e);
	uint8_t eeprom[E1000E_EEPROM_BYTES];
	enum err err;

	eeprom_save(e, eeprom);
	image_begin(&w);
	image_put(&w, E1000E_TAG_EEPROM, eeprom, sizeof(eeprom));
	/* The length of an image of this version is always the same, so that its header can go first. */
	w.len_bytes = E1000E_IMAGE_BYTES;
	err = image_end(&w, &ident);
	e->image_len = err == ERR_OK ? E1000E_INITIAL_BYTES : 0;
	e->image_at = 0;
	return err;
}

enum err e1000e_image_save(struct e1000e *e)
{
	struct writer w = writer_over(e->image, sizeof(e->image));
	uint32_t mdic = access_read(e, &e->mdic, E1000E_MDIC), eerd = access_read(e, &e->eerd, E1000E_EERD);
	uint32_t stats[E1000E_STATS_COUNT];
	uint8_t registers[E1000E_REGISTERS_BYTES];
	uint8_t causes[E1000E_CAUSES_BYTES];
	uint8_t contexts[E1000E_CONTEXTS_BYTES];
	uint8_t phy[E1000E_PHY_BYTES];
	uint8_t statistics[E1000E_STATISTICS_BYTES];

	registers_save(e, registers);
	causes_save(e, causes, mdic, eerd);
	contexts_save(e, contexts);
	phy_save(e, phy);
	accesses_redo(e, mdic, eerd);
	e1000e_stats_take(e, stats);
	for (uint32_t i = 0; i < E1000E_STATS_COUNT; i++) {
		store_le32(statistics + 4 * i, stats[i]);
	}
	w.len_bytes = E1000E_INITIAL_BYTES;
	image_put(&w, E1000E_TAG_REGISTERS, registers, sizeof(registers));
	image_put(&w, E1000E_TAG_CAUSES, causes, sizeof(causes));
	image_put(&w, E1000E_TAG_CONTEXTS, contexts, sizeof(contexts));
	image_put(&w, E1000E_TAG_PHY, phy, sizeof(phy));
	image_put(&w, E1000E_TAG_STATISTICS, statistics, sizeof(statistics));
	if (w.failed || w.len_bytes != E1000E_IMAGE_BYTES) {
		E1000E_ERROR(e, "e1000e %s: image of %u bytes", e->config.id, (unsigned)w.len_bytes);
		return ERR_FULL;
	}
	e->image_len = E1000E_IMAGE_BYTES;
	return ERR_OK;
}

/* ---- check ---- */

static uint32_t word_of(const uint8_t *registers, uint32_t offset)
{
	return load_le32(registers + 4 * e1000e_table_at(offset));
}

static enum err bits_check(struct e1000e *e, const uint8_t *registers)
{
	for (uint32_t i = 0; i < e1000e_table_count; i++) {
		const struct e1000e_entry *t = &e1000e_table[i];

		for (uint32_t n = 0; n < t->count; n++, registers += 4) {
			if ((load_le32(registers) & ~t->bits) != 0) {
				E1000E_ERROR(e, "e1000e image: register 0x%04x is 0x%08x, bits 0x%08x may be set",
					t->offset + 4 * n, load_le32(registers), t->bits);
				return ERR_BAD_RECORD;
			}
		}
	}
	return ERR_OK;
}

static enum err ring_check(struct e1000e *e, const uint8_t *registers, uint32_t regs)
{
	uint32_t count = word_of(registers, regs + E1000E_RING_LEN) / E1000E_DESC_BYTES;
	uint32_t head = word_of(registers, regs + E1000E_RING_HEAD);
	uint32_t tail = word_of(registers, regs + E1000E_RING_TAIL);

	if (count == 0 ? (head | tail) != 0 : head >= count || tail >= count) {
		E1000E_ERROR(
			e, "e1000e image: ring 0x%04x of %u descriptors: head %u, tail %u", regs, count, head, tail);
		return ERR_BAD_RECORD;
	}
	return ERR_OK;
}

/** Packet split with a buffer of no size is what the manual forbids, and what stops QEMU. */
static enum err split_check(struct e1000e *e, const uint8_t *registers)
{
	uint32_t dtyp = FIELD_GET(E1000E_RCTL_DTYP, word_of(registers, E1000E_RCTL));
	uint32_t psrctl = word_of(registers, E1000E_PSRCTL);

	if (dtyp > E1000E_RCTL_DTYP_SPLIT ||
		(dtyp != 0 && ((psrctl & E1000E_PSRCTL_BSIZE0) == 0 || (psrctl & E1000E_PSRCTL_BSIZE1) == 0))) {
		E1000E_ERROR(e, "e1000e image: RCTL.DTYP %u with PSRCTL 0x%08x", dtyp, psrctl);
		return ERR_BAD_RECORD;
	}
	return ERR_OK;
}

static enum err registers_check(struct e1000e *e, const uint8_t *registers)
{
	enum err err = bits_check(e, registers);

	if (err == ERR_OK) {
		err = split_check(e, registers);
	}
	for (uint32_t q = 0; q < E1000E_QUEUES && err == ERR_OK; q++) {
		err = ring_check(e, registers, E1000E_RX_RING(q));
		if (err == ERR_OK) {
			err = ring_check(e, registers, E1000E_TX_RING(q));
		}
	}
	return err;
}

static enum err causes_check(struct e1000e *e, const uint8_t *causes)
{
	static const struct {
		const char *name;
		uint32_t bits;
	} words[E1000E_CAUSES_COUNT] = {
		[CAUSE_ICR] = { "ICR", ~E1000E_ICR_ASSERTED },
		[CAUSE_IMS] = { "IMS", UINT32_MAX },
		[CAUSE_TIDV] = { "TIDV", E1000E_DELAY_TIME },
		[CAUSE_SWSM] = { "SWSM", E1000E_SWSM_SMBI | E1000E_SWSM_SWESMBI },
		[CAUSE_MDIC] = { "MDIC", UINT32_MAX },
		[CAUSE_EERD] = { "EERD", UINT32_MAX },
		[CAUSE_STATUS] = { "STATUS", UINT32_MAX },
	};

	for (uint32_t i = 0; i < E1000E_CAUSES_COUNT; i++) {
		if ((load_le32(causes + 4 * i) & ~words[i].bits) != 0) {
			E1000E_ERROR(e, "e1000e image: %s 0x%08x, bits 0x%08x may be set", words[i].name,
				load_le32(causes + 4 * i), words[i].bits);
			return ERR_BAD_RECORD;
		}
	}
	return ERR_OK;
}

static bool context_sound(const uint8_t *desc)
{
	uint32_t word = load_le32(desc + 8);

	return (word & E1000E_TX_DEXT) != 0 && FIELD_GET(E1000E_TX_DTYP, word) == E1000E_TX_DTYP_CONTEXT &&
	       (word & (E1000E_TX_RS | E1000E_TX_IDE)) == 0 && (load_le32(desc + 12) & 0xffu) == 0;
}

static enum err contexts_check(struct e1000e *e, const uint8_t *contexts)
{
	for (uint32_t q = 0; q < E1000E_QUEUES; q++, contexts += E1000E_QUEUE_CONTEXT_BYTES) {
		uint32_t count = load_le32(contexts);

		if (count > E1000E_CONTEXTS_MAX) {
			E1000E_ERROR(
				e, "e1000e image: %u contexts of queue %u, at most %u", count, q, E1000E_CONTEXTS_MAX);
			return ERR_BAD_RECORD;
		}
		for (uint32_t i = 0; i < E1000E_CONTEXTS_MAX; i++) {
			const uint8_t *desc = contexts + 4 + i * E1000E_DESC_BYTES;
			bool zero = (load_le64(desc) | load_le64(desc + 8)) == 0;

			if (i < count ? !context_sound(desc) : !zero) {
				E1000E_ERROR(e, "e1000e image: context %u of queue %u: 0x%016llx 0x%016llx", i, q,
					(unsigned long long)load_le64(desc), (unsigned long long)load_le64(desc + 8));
				return ERR_BAD_RECORD;
			}
		}
	}
	return ERR_OK;
}

static enum err phy_check(struct e1000e *e, const uint8_t *phy)
{
	for (uint32_t i = 0; i < E1000E_PHY_COUNT; i++) {
		uint32_t value = load_le32(phy + 4 * i);

		if (value != PHY_UNREADABLE && value > PHY_BITS) {
			E1000E_ERROR(e, "e1000e image: PHY register %u is 0x%08x", e1000e_phy_table[i], value);
			return ERR_BAD_RECORD;
		}
	}
	return ERR_OK;
}

static enum err eeprom_check(struct e1000e *e, const uint8_t *eeprom)
{
	uint8_t own[E1000E_EEPROM_BYTES];

	eeprom_save(e, own);
	for (uint32_t i = 0; i < E1000E_EEPROM_WORDS; i++) {
		if (load_le16(own + 2 * i) != load_le16(eeprom + 2 * i)) {
			E1000E_ERROR(e, "e1000e image: EEPROM word 0x%02x is 0x%04x, 0x%04x here", i,
				load_le16(eeprom + 2 * i), load_le16(own + 2 * i));
			return ERR_MISMATCH;
		}
	}
	return ERR_OK;
}

enum { WANT_EEPROM, WANT_REGISTERS, WANT_CAUSES, WANT_CONTEXTS, WANT_PHY, WANT_STATISTICS };

static enum err parse(struct e1000e *e, struct image_want want[E1000E_BLOCKS])
{
	struct image_ident ident = e1000e_ident(e);

	want[WANT_EEPROM] = (struct image_want){ .tag = E1000E_TAG_EEPROM, .len_bytes = E1000E_EEPROM_BYTES };
	want[WANT_REGISTERS] = (struct image_want){ .tag = E1000E_TAG_REGISTERS, .len_bytes = E1000E_REGISTERS_BYTES };
	want[WANT_CAUSES] = (struct image_want){ .tag = E1000E_TAG_CAUSES, .len_bytes = E1000E_CAUSES_BYTES };
	want[WANT_CONTEXTS] = (struct image_want){ .tag = E1000E_TAG_CONTEXTS, .len_bytes = E1000E_CONTEXTS_BYTES };
	want[WANT_PHY] = (struct image_want){ .tag = E1000E_TAG_PHY, .len_bytes = E1000E_PHY_BYTES };
	want[WANT_STATISTICS] =
		(struct image_want){ .tag = E1000E_TAG_STATISTICS, .len_bytes = E1000E_STATISTICS_BYTES };
	return image_parse(e->image, e->image_len, &ident, want, E1000E_BLOCKS, e->error);
}

enum err e1000e_image_check_initial(struct e1000e *e)
{
	const uint8_t *block = e->image + IMAGE_HEADER_BYTES;
	uint32_t crc = image_crc32(image_crc32(0, block, 8), block + IMAGE_BLOCK_BYTES, E1000E_EEPROM_BYTES);

	if (load_le16(block) != E1000E_TAG_EEPROM || load_le16(block + 2) != 0 ||
		load_le32(block + 4) != E1000E_EEPROM_BYTES || load_le32(block + 8) != crc) {
		E1000E_ERROR(e,
			"e1000e image: begins with block 0x%04x of %u bytes, CRC 0x%08x, not with a whole EEPROM",
			load_le16(block), load_le32(block + 4), load_le32(block + 8));
		return ERR_BAD_RECORD;
	}
	return eeprom_check(e, block + IMAGE_BLOCK_BYTES);
}

enum err e1000e_image_check(struct e1000e *e)
{
	struct image_want want[E1000E_BLOCKS];
	enum err err = parse(e, want);

	if (err == ERR_OK) {
		err = registers_check(e, want[WANT_REGISTERS].bytes);
	}
	if (err == ERR_OK) {
		err = causes_check(e, want[WANT_CAUSES].bytes);
	}
	if (err == ERR_OK) {
		err = contexts_check(e, want[WANT_CONTEXTS].bytes);
	}
	if (err == ERR_OK) {
		err = phy_check(e, want[WANT_PHY].bytes);
	}
	return err == ERR_OK ? eeprom_check(e, want[WANT_EEPROM].bytes) : err;
}

/* ---- load ---- */

static void registers_load(struct e1000e *e, const uint8_t *registers)
{
	for (uint32_t i = 0; i < e1000e_table_count; i++) {
		const struct e1000e_entry *t = &e1000e_table[i];

		for (uint32_t n = 0; n < t->count; n++, registers += 4) {
			e1000e_reg_set(e, t->offset + 4 * n, load_le32(registers) & ~t->off);
		}
	}
}

static enum err registers_verify(struct e1000e *e, const uint8_t *registers)
{
	for (uint32_t i = 0; i < e1000e_table_count; i++) {
		const struct e1000e_entry *t = &e1000e_table[i];

		for (uint32_t n = 0; n < t->count; n++, registers += 4) {
			uint32_t want = load_le32(registers) & ~t->off;

			if (t->verify && e1000e_reg(e, t->offset + 4 * n) != want) {
				E1000E_ERROR(e, "e1000e %s: register 0x%04x reads 0x%08x after a load of 0x%08x",
					e->config.id, t->offset + 4 * n, e1000e_reg(e, t->offset + 4 * n), want);
				return ERR_IO;
			}
		}
	}
	return ERR_OK;
}

static void phy_load(const struct e1000e *e, const uint8_t *phy)
{
	for (uint32_t i = 0; i < E1000E_PHY_COUNT; i++) {
		uint32_t want = load_le32(phy + 4 * i), have;

		if (want == PHY_UNREADABLE || e1000e_phy_read(e, e1000e_phy_table[i], &have) != ERR_OK ||
			have == want) {
			continue; /* a write that changes nothing could still take the link down */
		}
		if (e1000e_phy_table[i] == E1000E_PHY_CONTROL) {
			want &= ~(uint32_t)E1000E_PHY_CONTROL_GO;
		}
		(void)!e1000e_phy_write(e, e1000e_phy_table[i], want);
	}
}

static enum err contexts_load(struct e1000e *e, const uint8_t *contexts)
{
	for (uint32_t q = 0; q < E1000E_QUEUES; q++, contexts += E1000E_QUEUE_CONTEXT_BYTES) {
		struct e1000e_context *c = &e->context[q];
		enum err err;

		*c = (struct e1000e_context){ .count = load_le32(contexts) };
		c->state = c->count > 0 ? E1000E_CONTEXT_KNOWN : E1000E_CONTEXT_NONE;
		for (uint32_t i = 0; i < E1000E_CONTEXTS_MAX * E1000E_DESC_BYTES; i++) {
			c->desc[i / E1000E_DESC_BYTES][i % E1000E_DESC_BYTES] = contexts[4 + i];
		}
		err = e1000e_tx_replay(e, q, c);
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

static void causes_load(struct e1000e *e, const uint8_t *causes)
{
	uint32_t icr = load_le32(causes + 4 * CAUSE_ICR);
	uint32_t swsm = load_le32(causes + 4 * CAUSE_SWSM);

	accesses_redo(e, load_le32(causes + 4 * CAUSE_MDIC), load_le32(causes + 4 * CAUSE_EERD));
	e->tidv = load_le32(causes + 4 * CAUSE_TIDV);
	e->tidv_known = true;
	e1000e_reg_set(e, E1000E_TIDV, e->tidv);
	e1000e_reg_set(e, E1000E_SWSM, swsm);
	if ((swsm & E1000E_SWSM_SMBI) != 0) {
		(void)e1000e_reg(e, E1000E_SWSM); /* where it cannot be written, reading takes it */
	}
	/* A link that was coming up there is up here: the guest waits for that interrupt. */
	if (((load_le32(causes + 4 * CAUSE_STATUS) ^ e1000e_reg(e, E1000E_STATUS)) & E1000E_STATUS_LU) != 0) {
		icr |= E1000E_ICR_LSC;
	}
	/* All are masked until the device runs again. */
	e1000e_reg_set(e, E1000E_ICR, UINT32_MAX);
	e1000e_reg_set(e, E1000E_ICS, icr);
	e->held.ims = load_le32(causes + 4 * CAUSE_IMS);
}

enum err e1000e_image_load(struct e1000e *e)
{
	struct image_want want[E1000E_BLOCKS];
	enum err err = parse(e, want);

	if (err == ERR_OK) {
		err = contexts_load(e, want[WANT_CONTEXTS].bytes);
	}
	if (err != ERR_OK) {
		return err;
	}
	registers_load(e, want[WANT_REGISTERS].bytes);
	phy_load(e, want[WANT_PHY].bytes);
	causes_load(e, want[WANT_CAUSES].bytes);
	e->held.rctl = word_of(want[WANT_REGISTERS].bytes, E1000E_RCTL);
	e->held.tctl = word_of(want[WANT_REGISTERS].bytes, E1000E_TCTL);
	e->held.dma = true;
	e->held.interrupts = true;
	e->carries = false;
	for (uint32_t i = 0; i < E1000E_STATS_COUNT; i++) {
		/* The device's own begin at zero: reading clears what the reset left. */
		(void)e1000e_reg(e, E1000E_STATS + 4 * i);
		e->carry[i] = load_le32(want[WANT_STATISTICS].bytes + 4 * i);
		e->carries |= e->carry[i] != 0;
	}
	for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
		e->tx[q] = e1000e_ring_read(e, E1000E_TX_RING(q));
		e->tx_resume[q] = e->tx[q].head;
	}
	return registers_verify(e, want[WANT_REGISTERS].bytes);
}
