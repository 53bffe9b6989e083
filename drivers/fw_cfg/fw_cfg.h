/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * QEMU's firmware configuration device over MMIO (docs/specs/fw_cfg.rst of QEMU): named
 * files that the board was started with. The directory and the sizes in it are the emulator's and are checked.
 */
#ifndef DRIVERS_FW_CFG_FW_CFG_H
#define DRIVERS_FW_CFG_FW_CFG_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define FW_CFG_FILES_MAX	128u
#define FW_CFG_NAME_BYTES	56u

struct fw_cfg {
	uintptr_t base;
};

struct fw_cfg_file {
	uint16_t select;
	uint32_t len_bytes;
};

/** ERR_UNSUPPORTED: no fw_cfg at base. */
MUST_CHECK enum err fw_cfg_init(struct fw_cfg *f, uintptr_t base);
/** ERR_END: no file of that name; ERR_BAD_RECORD: a directory of more than FW_CFG_FILES_MAX files. */
MUST_CHECK enum err fw_cfg_find(const struct fw_cfg *f, const char *name, struct fw_cfg_file *out);
/** Copies the whole file. ERR_FULL: longer than cap_bytes, nothing was copied. */
MUST_CHECK enum err fw_cfg_read(const struct fw_cfg *f, const struct fw_cfg_file *file, uint8_t *out, size_t cap_bytes);

#endif
