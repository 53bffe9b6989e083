/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Reading and writing records through a cursor whose failure sticks: do all the reads,
 * check failed once, hand nothing out before. A read past the end yields zero.
 */
#ifndef CORE_BASE_CURSOR_H
#define CORE_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Borrowed bytes, read from front to back. */
struct reader {
	const uint8_t *at;
	size_t left_bytes;
	bool failed;
};

/** Caller's buffer, filled from front to back. A write that does not fit sets failed and writes nothing. */
struct writer {
	uint8_t *base;
	size_t cap_bytes;
	size_t len_bytes;
	bool failed;
};

struct reader reader_over(const uint8_t *bytes, size_t len_bytes);
uint8_t read_u8(struct reader *r);
uint16_t read_le16(struct reader *r);
uint32_t read_le32(struct reader *r);
uint64_t read_le64(struct reader *r);
/** Points into the buffer under r; NULL once r has failed. Zero bytes succeed. */
const uint8_t *read_bytes(struct reader *r, size_t len_bytes);
/** Copies into out; leaves out untouched once r has failed. */
void read_copy(struct reader *r, uint8_t *out, size_t len_bytes);
/** A reader over the next len_bytes, which are skipped in r; failed when r fails. */
struct reader read_sub(struct reader *r, size_t len_bytes);

struct writer writer_over(uint8_t *bytes, size_t cap_bytes);
void write_u8(struct writer *w, uint8_t v);
void write_le16(struct writer *w, uint16_t v);
void write_le32(struct writer *w, uint32_t v);
void write_le64(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, const uint8_t *bytes, size_t len_bytes);

#endif
