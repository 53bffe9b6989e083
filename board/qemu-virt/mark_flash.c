/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/mark_flash.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/cursor.h"
#include "core/base/text.h"
#include "drivers/vfio/image.h"

#define RECORD_MAGIC  0x4b4d5747u /* GWMK */
#define RECORD_FORMAT 1u
#define CRC_AT	      (MARK_RECORD_BYTES - 4u)

void mark_record_encode(
	const struct owner_mark *mark, const char *vm, uint64_t sequence, uint8_t out[MARK_RECORD_BYTES])
{
	struct writer w = writer_over(out, MARK_RECORD_BYTES);
	char peer[HOST_ID_MAX] = { 0 }, name[VM_NAME_MAX] = { 0 };

	(void)text_copy(peer, sizeof(peer), mark->peer);
	(void)text_copy(name, sizeof(name), vm);
	write_le32(&w, RECORD_MAGIC);
	write_le16(&w, RECORD_FORMAT);
	write_le16(&w, MARK_RECORD_BYTES);
	write_le64(&w, sequence);
	write_le16(&w, (uint16_t)mark->kind);
	write_le16(&w, mark->source ? 1 : 0);
	write_le64(&w, mark->gen);
	write_le64(&w, mark->attempt_random);
	write_le64(&w, mark->source_boot);
	write_le32(&w, mark->attempt_number);
	write_bytes(&w, mark->peer_addr.ip, sizeof(mark->peer_addr.ip));
	write_le16(&w, mark->peer_addr.port);
	write_le16(&w, 0);
	write_bytes(&w, (const uint8_t *)peer, sizeof(peer));
	write_bytes(&w, (const uint8_t *)name, sizeof(name));
	write_le32(&w, 0);
	ASSERT(!w.failed && w.len_bytes == CRC_AT);
	write_le32(&w, image_crc32(0, out, CRC_AT));
}

enum err mark_record_decode(const uint8_t in[MARK_RECORD_BYTES], struct owner_mark *out, char *vm, uint64_t *sequence)
{
	struct reader r = reader_over(in, MARK_RECORD_BYTES);
	struct owner_mark mark = { 0 };
	uint64_t number;
	uint32_t kind, source;

	if (load_le32(in + CRC_AT) != image_crc32(0, in, CRC_AT) || read_le32(&r) != RECORD_MAGIC ||
		read_le16(&r) != RECORD_FORMAT || read_le16(&r) != MARK_RECORD_BYTES) {
		return ERR_BAD_RECORD;
	}
	number = read_le64(&r);
	kind = read_le16(&r);
	source = read_le16(&r);
	if (kind > MARK_AWAY || source > 1 || number == 0) {
		return ERR_BAD_RECORD;
	}
	mark.kind = (enum mark_kind)kind;
	mark.source = source == 1;
	mark.gen = read_le64(&r);
	mark.attempt_random = read_le64(&r);
	mark.source_boot = read_le64(&r);
	mark.attempt_number = read_le32(&r);
	read_copy(&r, mark.peer_addr.ip, sizeof(mark.peer_addr.ip));
	mark.peer_addr.port = read_le16(&r);
	(void)read_le16(&r);
	read_copy(&r, (uint8_t *)mark.peer, sizeof(mark.peer));
	read_copy(&r, (uint8_t *)vm, VM_NAME_MAX);
	mark.peer[HOST_ID_MAX - 1] = '\0';
	vm[VM_NAME_MAX - 1] = '\0';
	*out = mark;
	*sequence = number;
	return ERR_OK;
}

/** Never written: erased, or the zeros of a new file. */
static bool blank(const uint8_t *bytes)
{
	for (uint32_t i = 1; i < MARK_RECORD_BYTES; i++) {
		if (bytes[i] != bytes[0]) {
			return false;
		}
	}
	return bytes[0] == 0 || bytes[0] == 0xff;
}

enum err mark_flash_open(struct mark_flash *m, uintptr_t base, const char *vm)
{
	char name[VM_NAME_MAX];
	uint32_t written = 0;
	enum err err;

	memset(m, 0, sizeof(*m));
	m->block = MARK_RECORD_BLOCKS - 1; /* the first store goes to block 0 */
	err = cfi_flash_init(&m->flash, base);
	if (err == ERR_OK && m->flash.block_count < MARK_RECORD_BLOCKS) {
		err = ERR_UNSUPPORTED;
	}
	for (uint32_t i = 0; err == ERR_OK && i < MARK_RECORD_BLOCKS; i++) {
		struct owner_mark mark;
		uint64_t sequence;

		err = cfi_flash_read(&m->flash, (uint64_t)i * m->flash.block_bytes, m->record, MARK_RECORD_BYTES);
		if (err != ERR_OK || blank(m->record)) {
			continue;
		}
		written++;
		if (mark_record_decode(m->record, &mark, name, &sequence) != ERR_OK || sequence <= m->sequence) {
			continue;
		}
		if (!text_equal(name, vm)) {
			return ERR_MISMATCH;
		}
		m->mark = mark;
		m->sequence = sequence;
		m->block = i;
	}
	/* One torn record beside a blank block is the very first store, which never ended. */
	return err == ERR_OK && m->sequence == 0 && written == MARK_RECORD_BLOCKS ? ERR_IO : err;
}

enum err mark_flash_begin(struct mark_flash *m, const char *vm, const struct owner_mark *mark, uint64_t now_us)
{
	enum err err;

	if (m->phase != MARK_FLASH_IDLE) {
		return ERR_BAD_STATE;
	}
	err = cfi_flash_erase_begin(&m->flash, (m->block + 1) % MARK_RECORD_BLOCKS, now_us);
	if (err == ERR_OK) {
		mark_record_encode(mark, vm, m->sequence + 1, m->record);
		m->storing = *mark;
		m->at = 0;
		m->phase = MARK_FLASH_ERASE;
	}
	return err;
}

/** Read back what was written; only then is it the mark. */
static enum err verify(struct mark_flash *m, uint32_t block)
{
	uint8_t found[MARK_RECORD_BYTES];
	enum err err = cfi_flash_read(&m->flash, (uint64_t)block * m->flash.block_bytes, found, sizeof(found));

	if (err == ERR_OK && memcmp(found, m->record, sizeof(found)) != 0) {
		err = ERR_IO;
	}
	if (err == ERR_OK) {
		m->mark = m->storing;
		m->sequence++;
		m->block = block;
	}
	return err;
}

enum err mark_flash_poll(struct mark_flash *m, uint64_t now_us)
{
	const uint32_t block = (m->block + 1) % MARK_RECORD_BLOCKS;
	enum err err = ERR_OK;

	if (m->phase == MARK_FLASH_IDLE) {
		return ERR_OK;
	}
	for (uint32_t i = 0; i < MARK_WORDS_PER_POLL; i++) {
		err = cfi_flash_poll(&m->flash, now_us);
		if (err != ERR_OK || m->at == MARK_RECORD_BYTES) {
			break;
		}
		m->phase = MARK_FLASH_WRITE;
		err = cfi_flash_write_begin(&m->flash, (uint64_t)block * m->flash.block_bytes + m->at,
			load_le32(m->record + m->at), now_us);
		if (err != ERR_OK) {
			break;
		}
		m->at += CFI_FLASH_WORD_BYTES;
	}
	if (err == ERR_AGAIN || (err == ERR_OK && (m->at < MARK_RECORD_BYTES || m->flash.busy))) {
		return ERR_AGAIN;
	}
	m->phase = MARK_FLASH_IDLE;
	if (err == ERR_OK) {
		err = verify(m, block);
	}
	return err == ERR_OK ? ERR_OK : ERR_IO;
}
