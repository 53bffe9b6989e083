/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/fw_cfg/fw_cfg.h"

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/text.h"
#include "drivers/mmio.h"

/* Registers of the MMIO variant; selector and DMA address are big-endian. */
#define FW_CFG_DATA	     0x00u
#define FW_CFG_SELECTOR	     0x08u
#define FW_CFG_DMA_HIGH	     0x10u
#define FW_CFG_DMA_LOW	     0x14u

#define FW_CFG_KEY_SIGNATURE 0x0000u
#define FW_CFG_KEY_ID	     0x0001u
#define FW_CFG_KEY_DIRECTORY 0x0019u
#define FW_CFG_ID_DMA	     BIT32(1)

/* The DMA descriptor: be32 control, be32 length, be64 address. */
#define FW_CFG_DMA_ERROR     BIT32(0)
#define FW_CFG_DMA_READ	     BIT32(1)
#define FW_CFG_DMA_SKIP	     BIT32(2)
#define FW_CFG_DMA_SELECT    BIT32(3)
#define FW_CFG_DMA_KEY	     MASK32(31, 16)

/* A directory entry: be32 size, be16 key, be16 reserved, name. */
#define FW_CFG_ENTRY_BYTES   64u
#define FW_CFG_ENTRY_NAME    8u

static void key_select(const struct fw_cfg *f, uint16_t key)
{
	mmio_write16(f->base + FW_CFG_SELECTOR, __builtin_bswap16(key));
}

static void data_read(const struct fw_cfg *f, uint8_t *out, uint32_t len_bytes)
{
	for (uint32_t i = 0; i < len_bytes; i++) {
		out[i] = mmio_read8(f->base + FW_CFG_DATA);
	}
}

static enum err dma(struct fw_cfg *f, uint32_t control, const uint8_t *out, uint32_t len_bytes)
{
	uint64_t at = (uint64_t)(uintptr_t)f->access;

	store_be32(&f->access[0], control);
	store_be32(&f->access[4], len_bytes);
	store_be64(&f->access[8], (uint64_t)(uintptr_t)out);
	/* The descriptor before the address that starts it. */
	mmio_wmb();
	mmio_write32(f->base + FW_CFG_DMA_HIGH, __builtin_bswap32((uint32_t)(at >> 32)));
	mmio_write32(f->base + FW_CFG_DMA_LOW, __builtin_bswap32((uint32_t)at));
	for (uint32_t i = 0; i < FW_CFG_POLLS_MAX; i++) {
		uint32_t now;

		mmio_rmb();
		now = load_be32(f->access);
		if ((now & FW_CFG_DMA_ERROR) != 0) {
			return ERR_IO;
		}
		if (now == 0) {
			return ERR_OK;
		}
	}
	return ERR_IO;
}

/* Stand at offset of an item; item_take goes on from there. */
static enum err item_open(struct fw_cfg *f, uint16_t key, uint32_t offset)
{
	uint8_t skipped;

	if (f->dma) {
		return dma(f, FIELD_PREP(FW_CFG_DMA_KEY, key) | FW_CFG_DMA_SELECT | FW_CFG_DMA_SKIP, NULL, offset);
	}
	key_select(f, key);
	for (uint32_t i = 0; i < offset; i++) {
		data_read(f, &skipped, 1);
	}
	return ERR_OK;
}

static enum err item_take(struct fw_cfg *f, uint8_t *out, uint32_t len_bytes)
{
	if (f->dma) {
		return dma(f, FW_CFG_DMA_READ, out, len_bytes);
	}
	data_read(f, out, len_bytes);
	return ERR_OK;
}

enum err fw_cfg_init(struct fw_cfg *f, uintptr_t base)
{
	uint8_t bytes[4];

	*f = (struct fw_cfg){ .base = base };
	key_select(f, FW_CFG_KEY_SIGNATURE);
	data_read(f, bytes, sizeof(bytes));
	if (bytes[0] != 'Q' || bytes[1] != 'E' || bytes[2] != 'M' || bytes[3] != 'U') {
		return ERR_UNSUPPORTED;
	}
	key_select(f, FW_CFG_KEY_ID);
	data_read(f, bytes, sizeof(bytes));
	f->dma = (load_le32(bytes) & FW_CFG_ID_DMA) != 0;
	return ERR_OK;
}

enum err fw_cfg_find(struct fw_cfg *f, const char *name, struct fw_cfg_file *out)
{
	uint8_t entry[FW_CFG_ENTRY_BYTES] = { 0 }; /* a DMA fills it, which no compiler sees */
	uint32_t count;
	enum err err = item_open(f, FW_CFG_KEY_DIRECTORY, 0);

	if (err == ERR_OK) {
		err = item_take(f, entry, 4);
	}
	if (err != ERR_OK) {
		return err;
	}
	count = load_be32(entry);
	if (count > FW_CFG_FILES_MAX) {
		return ERR_BAD_RECORD;
	}
	for (uint32_t i = 0; i < count; i++) {
		err = item_take(f, entry, sizeof(entry));
		if (err != ERR_OK) {
			return err;
		}
		entry[FW_CFG_ENTRY_BYTES - 1] = 0;
		if (text_equal((const char *)&entry[FW_CFG_ENTRY_NAME], name)) {
			*out = (struct fw_cfg_file){ .key = load_be16(&entry[4]), .len_bytes = load_be32(&entry[0]) };
			return ERR_OK;
		}
	}
	return ERR_END;
}

enum err fw_cfg_read_at(
	struct fw_cfg *f, const struct fw_cfg_file *file, uint32_t offset, uint8_t *out, uint32_t len_bytes)
{
	enum err err;

	if (offset > file->len_bytes || len_bytes > file->len_bytes - offset) {
		return ERR_RANGE;
	}
	err = item_open(f, file->key, offset);
	return err == ERR_OK ? item_take(f, out, len_bytes) : err;
}

enum err fw_cfg_read(struct fw_cfg *f, const struct fw_cfg_file *file, uint8_t *out, size_t cap_bytes)
{
	if (file->len_bytes > cap_bytes) {
		return ERR_FULL;
	}
	return fw_cfg_read_at(f, file, 0, out, file->len_bytes);
}
