/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The owner mark of one slot in NOR flash: two records, each in a block of its own, the one with the higher sequence number
 * counts (docs/wire-format.md, section 11). A store writes the other block, so that a power cut at any moment leaves the old mark
 * or the new one. Portable, so that the host tests run it over a model of the chips.
 */
#ifndef BOARD_QEMU_VIRT_MARK_FLASH_H
#define BOARD_QEMU_VIRT_MARK_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "drivers/cfi_flash/cfi_flash.h"
#include "migration/host.h"

#define MARK_RECORD_BYTES   160u
#define MARK_RECORD_BLOCKS  2u
#define MARK_WORDS_PER_POLL 8u

enum mark_flash_phase { MARK_FLASH_IDLE, MARK_FLASH_ERASE, MARK_FLASH_WRITE };

struct mark_flash {
	struct cfi_flash flash;
	struct owner_mark mark; /* durable */
	uint64_t sequence;	/* of it; 0: there is none */
	uint32_t block;		/* it is in this one */
	enum mark_flash_phase phase;
	struct owner_mark storing;
	uint8_t record[MARK_RECORD_BYTES];
	uint32_t at; /* of record, written so far */
};

/**
 * Find the flash and the mark of this VM in it.
 *
 * @return ERR_OK (a blank flash: MARK_NONE); ERR_UNSUPPORTED: no flash; ERR_IO: both blocks have been written and neither
 *         record is whole; ERR_MISMATCH: the mark is of another VM.
 */
enum err mark_flash_open(struct mark_flash *m, uintptr_t base, const char *vm) MUST_CHECK;

/** As host_ops.mark_store_begin. ERR_BAD_STATE while one is being stored. */
enum err mark_flash_begin(
	struct mark_flash *m, const char *vm, const struct owner_mark *mark, uint64_t now_us) MUST_CHECK;
/** As host_ops.mark_store_poll: ERR_OK when the record was read back whole. Never lasts longer than a few words. */
enum err mark_flash_poll(struct mark_flash *m, uint64_t now_us) MUST_CHECK;

/** A record as bytes, and back. Decode: ERR_BAD_RECORD, *sequence and *out untouched. vm has VM_NAME_MAX bytes. */
void mark_record_encode(
	const struct owner_mark *mark, const char *vm, uint64_t sequence, uint8_t out[MARK_RECORD_BYTES]);
enum err mark_record_decode(
	const uint8_t in[MARK_RECORD_BYTES], struct owner_mark *out, char *vm, uint64_t *sequence) MUST_CHECK;

#endif
