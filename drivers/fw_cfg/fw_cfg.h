/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * QEMU's firmware configuration device over MMIO (docs/specs/fw_cfg.rst of QEMU): files that
 * the operator hands to a board. Read by DMA where the device offers it, byte by byte elsewhere.
 * For bring-up: a DMA is waited for.
 */
#ifndef DRIVERS_FW_CFG_FW_CFG_H
#define DRIVERS_FW_CFG_FW_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define FW_CFG_FILES_MAX 512u
#define FW_CFG_NAME_MAX	 56u /* bytes with the final zero */
#define FW_CFG_POLLS_MAX 1000000u

/** One device; in memory that is mapped to itself (DMA). */
struct fw_cfg {
	uintptr_t base;
	bool dma;
	uint8_t access[16] __attribute__((aligned(16))); /* the DMA descriptor */
};

struct fw_cfg_file {
	uint16_t key;
	uint32_t len_bytes;
};

/** ERR_UNSUPPORTED: no such device there. */
enum err fw_cfg_init(struct fw_cfg *f, uintptr_t base) MUST_CHECK;
/** ERR_OK; ERR_END: no file of that name; ERR_BAD_RECORD: a directory of more than FW_CFG_FILES_MAX files; ERR_IO. */
enum err fw_cfg_find(struct fw_cfg *f, const char *name, struct fw_cfg_file *out) MUST_CHECK;
/** All of a file. ERR_FULL: longer than cap_bytes, nothing was read; ERR_IO: the DMA failed. */
enum err fw_cfg_read(struct fw_cfg *f, const struct fw_cfg_file *file, uint8_t *out, size_t cap_bytes) MUST_CHECK;
/** A part of a file. ERR_RANGE: not wholly inside; ERR_IO. */
enum err fw_cfg_read_at(
	struct fw_cfg *f, const struct fw_cfg_file *file, uint32_t offset, uint8_t *out, uint32_t len_bytes) MUST_CHECK;

#endif
