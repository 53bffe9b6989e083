/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/fw_cfg/fw_cfg.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/text.h"
#include "drivers/mmio.h"

/* QEMU, docs/specs/fw_cfg.rst: the MMIO layout, and the keys. */
#define FW_CFG_DATA		0x00u
#define FW_CFG_SELECTOR		0x08u
#define FW_CFG_KEY_SIGNATURE	0x0000u
#define FW_CFG_KEY_DIRECTORY	0x0019u
#define FW_CFG_ENTRY_BYTES	64u

/** The selector is big-endian, and a write of it begins the item anew. */
static void choose(const struct fw_cfg *f, uint16_t key)
{
	mmio_write16(f->base + FW_CFG_SELECTOR, (uint16_t)(key << 8 | key >> 8));
}

/** The data port hands out bytes in order at every width. */
static void take(const struct fw_cfg *f, uint8_t *out, size_t len_bytes)
{
	size_t at = 0;

	for (; at + 8 <= len_bytes; at += 8) {
		store_le64(out + at, mmio_read64(f->base + FW_CFG_DATA));
	}
	for (; at < len_bytes; at++) {
		out[at] = mmio_read8(f->base + FW_CFG_DATA);
	}
}

enum err fw_cfg_init(struct fw_cfg *f, uintptr_t base)
{
	uint8_t signature[4];

	f->base = base;
	choose(f, FW_CFG_KEY_SIGNATURE);
	take(f, signature, sizeof(signature));
	return memcmp(signature, "QEMU", sizeof(signature)) == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

enum err fw_cfg_find(const struct fw_cfg *f, const char *name, struct fw_cfg_file *out)
{
	uint8_t count[4];

	choose(f, FW_CFG_KEY_DIRECTORY);
	take(f, count, sizeof(count));
	if (load_be32(count) > FW_CFG_FILES_MAX) {
		return ERR_BAD_RECORD;
	}
	for (uint32_t i = 0; i < load_be32(count); i++) {
		/* be32 size, be16 key, be16 reserved, 56 bytes of name. */
		uint8_t entry[FW_CFG_ENTRY_BYTES + 1];

		take(f, entry, FW_CFG_ENTRY_BYTES);
		entry[FW_CFG_ENTRY_BYTES] = 0;
		if (text_equal((const char *)entry + 8, name)) {
			out->len_bytes = load_be32(entry);
			out->select = load_be16(entry + 4);
			return ERR_OK;
		}
	}
	return ERR_END;
}

enum err fw_cfg_read(const struct fw_cfg *f, const struct fw_cfg_file *file, uint8_t *out, size_t cap_bytes)
{
	if (file->len_bytes > cap_bytes) {
		return ERR_FULL;
	}
	choose(f, file->select);
	take(f, out, file->len_bytes);
	return ERR_OK;
}
