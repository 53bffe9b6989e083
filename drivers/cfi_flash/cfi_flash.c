/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/cfi_flash/cfi_flash.h"

#include "core/base/bytes.h"
#include "drivers/mmio.h"

/* Commands of the Intel set, to both chips at once. */
#define BOTH(c)		 ((uint32_t)(c) << 16 | (c))
#define CMD_READ_ARRAY	 BOTH(0xffu)
#define CMD_QUERY	 BOTH(0x98u)
#define CMD_ERASE	 BOTH(0x20u)
#define CMD_CONFIRM	 BOTH(0xd0u)
#define CMD_WRITE	 BOTH(0x40u)
#define CMD_CLEAR_STATUS BOTH(0x50u)
#define CMD_READ_STATUS	 BOTH(0x70u)

#define STATUS_READY	 BOTH(0x80u)
#define STATUS_FAILED	 BOTH(0x3au) /* erase, write, voltage, lock */

/* JESD68, in words of the window. */
#define QUERY_AT	 0x55u
#define QUERY_QRY	 0x10u
#define QUERY_SET	 0x13u /* le16 */
#define QUERY_REGIONS	 0x2cu
#define QUERY_BLOCKS	 0x2du /* le16, minus one */
#define QUERY_BLOCK_SIZE 0x2fu /* le16, in 256 bytes */
#define INTEL_SET	 0x0001u
#define CHIPS		 2u
#define BLOCK_UNIT	 256u

static void command(const struct cfi_flash *f, uint64_t at, uint32_t value)
{
	mmio_write32(f->base + at, value);
	mmio_complete();
}

/** A byte that both chips answer alike; 0 where they do not. */
static uint32_t query(const struct cfi_flash *f, uint32_t word)
{
	uint32_t v = mmio_read32(f->base + (uintptr_t)word * CFI_FLASH_WORD_BYTES);

	return (v & 0xffffu) == v >> 16 ? v & 0xffu : 0;
}

static uint32_t query16(const struct cfi_flash *f, uint32_t word)
{
	return query(f, word) | query(f, word + 1) << 8;
}

enum err cfi_flash_init(struct cfi_flash *f, uintptr_t base)
{
	enum err err = ERR_UNSUPPORTED;

	*f = (struct cfi_flash){ .base = base };
	command(f, 0, CMD_READ_ARRAY);
	command(f, QUERY_AT * CFI_FLASH_WORD_BYTES, CMD_QUERY);
	if (query(f, QUERY_QRY) == 'Q' && query(f, QUERY_QRY + 1) == 'R' && query(f, QUERY_QRY + 2) == 'Y' &&
		query16(f, QUERY_SET) == INTEL_SET && query(f, QUERY_REGIONS) == 1) {
		f->block_count = query16(f, QUERY_BLOCKS) + 1;
		f->block_bytes = query16(f, QUERY_BLOCK_SIZE) * BLOCK_UNIT * CHIPS;
		err = f->block_bytes != 0 ? ERR_OK : ERR_UNSUPPORTED;
	}
	command(f, 0, CMD_READ_ARRAY);
	return err;
}

static bool inside(const struct cfi_flash *f, uint64_t at, uint64_t len_bytes)
{
	uint64_t all = (uint64_t)f->block_bytes * f->block_count;

	return at % CFI_FLASH_WORD_BYTES == 0 && len_bytes % CFI_FLASH_WORD_BYTES == 0 && len_bytes <= all &&
	       at <= all - len_bytes;
}

enum err cfi_flash_read(const struct cfi_flash *f, uint64_t at, uint8_t *out, size_t len_bytes)
{
	if (f->busy) {
		return ERR_BAD_STATE;
	}
	if (!inside(f, at, len_bytes)) {
		return ERR_RANGE;
	}
	for (size_t i = 0; i < len_bytes; i += CFI_FLASH_WORD_BYTES) {
		store_le32(out + i, mmio_read32(f->base + at + i));
	}
	return ERR_OK;
}

static enum err begin(struct cfi_flash *f, uint64_t at, uint32_t first, uint32_t second, uint64_t deadline_us)
{
	if (f->busy) {
		return ERR_BAD_STATE;
	}
	if (!inside(f, at, CFI_FLASH_WORD_BYTES)) {
		return ERR_RANGE;
	}
	command(f, at, CMD_CLEAR_STATUS);
	command(f, at, first);
	command(f, at, second);
	f->busy = true;
	f->deadline_us = deadline_us;
	return ERR_OK;
}

enum err cfi_flash_erase_begin(struct cfi_flash *f, uint32_t block, uint64_t now_us)
{
	return begin(f, (uint64_t)block * f->block_bytes, CMD_ERASE, CMD_CONFIRM, now_us + CFI_FLASH_ERASE_US);
}

enum err cfi_flash_write_begin(struct cfi_flash *f, uint64_t at, uint32_t word, uint64_t now_us)
{
	return begin(f, at, CMD_WRITE, word, now_us + CFI_FLASH_WRITE_US);
}

enum err cfi_flash_poll(struct cfi_flash *f, uint64_t now_us)
{
	uint32_t status;
	enum err err = ERR_OK;

	if (!f->busy) {
		return ERR_OK;
	}
	command(f, 0, CMD_READ_STATUS);
	status = mmio_read32(f->base);
	if ((status & STATUS_READY) != STATUS_READY) {
		if (now_us < f->deadline_us) {
			return ERR_AGAIN;
		}
		err = ERR_TIMEOUT;
	} else if ((status & STATUS_FAILED) != 0) {
		err = ERR_IO;
	}
	f->busy = false;
	command(f, 0, CMD_CLEAR_STATUS);
	command(f, 0, CMD_READ_ARRAY);
	return err;
}
