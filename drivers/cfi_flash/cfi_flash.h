/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * NOR flash that speaks the Common Flash Interface (JESD68) with the Intel command set (0x0001): two 16-bit chips side by
 * side, so that a word is 32 bits and every command goes to both. Nothing here waits: an erase or a write is begun and polled,
 * with the deadline of the command.
 */
#ifndef DRIVERS_CFI_FLASH_CFI_FLASH_H
#define DRIVERS_CFI_FLASH_CFI_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define CFI_FLASH_WORD_BYTES 4u
#define CFI_FLASH_ERASE_US   10000000u /* one block; chips say up to 4 s */
#define CFI_FLASH_WRITE_US   100000u   /* one word; chips say up to 1 ms */

struct cfi_flash {
	uintptr_t base;
	uint32_t block_bytes; /* of both chips together */
	uint32_t block_count;
	bool busy;
	uint64_t deadline_us;
};

/**
 * Ask the chips who they are. The window at base must be mapped as Device memory and hold the first block at least.
 *
 * @return ERR_OK: the array can be read; ERR_UNSUPPORTED: no such flash, other chips, or blocks of several sizes.
 */
enum err cfi_flash_init(struct cfi_flash *f, uintptr_t base) MUST_CHECK;

/** Copy whole words out. at and len_bytes are multiples of the word. ERR_RANGE; ERR_BAD_STATE while a command is under way. */
enum err cfi_flash_read(const struct cfi_flash *f, uint64_t at, uint8_t *out, size_t len_bytes) MUST_CHECK;

/** Begin to set a block to all ones. ERR_RANGE; ERR_BAD_STATE while a command is under way. */
enum err cfi_flash_erase_begin(struct cfi_flash *f, uint32_t block, uint64_t now_us) MUST_CHECK;

/** Begin to write one word of an erased block. Errors as above. */
enum err cfi_flash_write_begin(struct cfi_flash *f, uint64_t at, uint32_t word, uint64_t now_us) MUST_CHECK;

/**
 * Has the command ended? Then the array can be read again.
 *
 * @return ERR_AGAIN; ERR_OK; ERR_IO: a chip refused (locked, no voltage, worn out); ERR_TIMEOUT: it did not end.
 */
enum err cfi_flash_poll(struct cfi_flash *f, uint64_t now_us) MUST_CHECK;

#endif
