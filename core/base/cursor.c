/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/cursor.h"

#include <string.h>

#include "core/base/bytes.h"

struct reader reader_over(const uint8_t *bytes, size_t len_bytes)
{
	return (struct reader){ .at = bytes, .left_bytes = len_bytes, .failed = false };
}

const uint8_t *read_bytes(struct reader *r, size_t len_bytes)
{
	const uint8_t *at = r->at;

	if (r->failed || len_bytes > r->left_bytes) {
		r->failed = true;
		return NULL;
	}
	r->at += len_bytes;
	r->left_bytes -= len_bytes;
	return at;
}

uint8_t read_u8(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 1);

	return p != NULL ? p[0] : 0;
}

uint16_t read_le16(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 2);

	return p != NULL ? load_le16(p) : 0;
}

uint32_t read_le32(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 4);

	return p != NULL ? load_le32(p) : 0;
}

uint64_t read_le64(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 8);

	return p != NULL ? load_le64(p) : 0;
}

void read_copy(struct reader *r, uint8_t *out, size_t len_bytes)
{
	const uint8_t *p = read_bytes(r, len_bytes);

	if (p != NULL && len_bytes > 0) {
		memcpy(out, p, len_bytes);
	}
}

struct reader read_sub(struct reader *r, size_t len_bytes)
{
	const uint8_t *p = read_bytes(r, len_bytes);

	if (p == NULL) {
		return (struct reader){ .at = NULL, .left_bytes = 0, .failed = true };
	}
	return reader_over(p, len_bytes);
}

struct writer writer_over(uint8_t *bytes, size_t cap_bytes)
{
	return (struct writer){ .base = bytes, .cap_bytes = cap_bytes, .len_bytes = 0, .failed = false };
}

static uint8_t *write_space(struct writer *w, size_t len_bytes)
{
	uint8_t *at = w->base + w->len_bytes;

	if (w->failed || len_bytes > w->cap_bytes - w->len_bytes) {
		w->failed = true;
		return NULL;
	}
	w->len_bytes += len_bytes;
	return at;
}

void write_u8(struct writer *w, uint8_t v)
{
	uint8_t *p = write_space(w, 1);

	if (p != NULL) {
		p[0] = v;
	}
}

void write_le16(struct writer *w, uint16_t v)
{
	uint8_t *p = write_space(w, 2);

	if (p != NULL) {
		store_le16(p, v);
	}
}

void write_le32(struct writer *w, uint32_t v)
{
	uint8_t *p = write_space(w, 4);

	if (p != NULL) {
		store_le32(p, v);
	}
}

void write_le64(struct writer *w, uint64_t v)
{
	uint8_t *p = write_space(w, 8);

	if (p != NULL) {
		store_le64(p, v);
	}
}

void write_bytes(struct writer *w, const uint8_t *bytes, size_t len_bytes)
{
	uint8_t *p = write_space(w, len_bytes);

	if (p != NULL && len_bytes > 0) {
		memcpy(p, bytes, len_bytes);
	}
}
