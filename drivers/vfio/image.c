/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/vfio/image.h"

#include <stdbool.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"

#define HEADER_CRC_AT	    28u
#define IMAGE_WANT_MAX	    16u

#define REASON(reason, ...) ((void)fmt((reason), REASON_BYTES, __VA_ARGS__))

/* Four bits at a time: 64 bytes of table. */
static const uint32_t crc_nibble[16] = {
	0x00000000,
	0x1db71064,
	0x3b6e20c8,
	0x26d930ac,
	0x76dc4190,
	0x6b6b51f4,
	0x4db26158,
	0x5005713c,
	0xedb88320,
	0xf00f9344,
	0xd6d6a3e8,
	0xcb61b38c,
	0x9b64c2b0,
	0x86d3d2d4,
	0xa00ae278,
	0xbdbdf21c,
};

uint32_t image_crc32(uint32_t crc, const uint8_t *bytes, size_t len_bytes)
{
	crc = ~crc;
	for (size_t i = 0; i < len_bytes; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ crc_nibble[crc & 15];
		crc = crc >> 4 ^ crc_nibble[crc & 15];
	}
	return ~crc;
}

void image_begin(struct writer *w)
{
	static const uint8_t zero[IMAGE_HEADER_BYTES];

	write_bytes(w, zero, sizeof(zero));
}

void image_put(struct writer *w, uint16_t tag, const uint8_t *bytes, uint32_t len_bytes)
{
	uint8_t head[IMAGE_BLOCK_BYTES];
	uint32_t crc;

	store_le16(&head[0], tag);
	store_le16(&head[2], 0);
	store_le32(&head[4], len_bytes);
	crc = image_crc32(0, head, 8);
	store_le32(&head[8], image_crc32(crc, bytes, len_bytes));
	write_bytes(w, head, sizeof(head));
	write_bytes(w, bytes, len_bytes);
}

enum err image_end(struct writer *w, const struct image_ident *ident)
{
	uint8_t *h = w->base;

	if (w->failed || w->len_bytes < IMAGE_HEADER_BYTES) {
		return ERR_FULL;
	}
	store_le32(&h[0], IMAGE_MAGIC);
	store_le16(&h[4], IMAGE_FORMAT);
	store_le16(&h[6], IMAGE_HEADER_BYTES);
	store_le16(&h[8], ident->vendor_id);
	store_le16(&h[10], ident->device_id);
	store_le16(&h[12], ident->subsystem_vendor_id);
	store_le16(&h[14], ident->subsystem_id);
	store_le32(&h[16], ident->state_version);
	store_le32(&h[20], (uint32_t)(w->len_bytes - IMAGE_HEADER_BYTES));
	store_le32(&h[24], 0);
	store_le32(&h[HEADER_CRC_AT], image_crc32(0, h, HEADER_CRC_AT));
	return ERR_OK;
}

enum err image_header_check(
	const uint8_t header[IMAGE_HEADER_BYTES], const struct image_ident *ident, uint32_t *body_bytes, char *reason)
{
	const uint16_t have[4] = { load_le16(&header[8]), load_le16(&header[10]), load_le16(&header[12]),
		load_le16(&header[14]) };
	const uint16_t want[4] = { ident->vendor_id, ident->device_id, ident->subsystem_vendor_id,
		ident->subsystem_id };
	static const char *const name[4] = { "vendor", "device", "subsystem vendor", "subsystem" };

	if (load_le32(&header[0]) != IMAGE_MAGIC) {
		REASON(reason, "device image: magic 0x%08x, 0x%08x expected", load_le32(&header[0]), IMAGE_MAGIC);
		return ERR_BAD_RECORD;
	}
	if (load_le32(&header[HEADER_CRC_AT]) != image_crc32(0, header, HEADER_CRC_AT)) {
		REASON(reason, "device image: header CRC 0x%08x, 0x%08x computed", load_le32(&header[HEADER_CRC_AT]),
			image_crc32(0, header, HEADER_CRC_AT));
		return ERR_BAD_RECORD;
	}
	if (load_le16(&header[4]) != IMAGE_FORMAT || load_le16(&header[6]) != IMAGE_HEADER_BYTES) {
		REASON(reason, "device image: format %u with a header of %u bytes, %u and %u expected",
			load_le16(&header[4]), load_le16(&header[6]), IMAGE_FORMAT, IMAGE_HEADER_BYTES);
		return ERR_UNSUPPORTED;
	}
	for (uint32_t i = 0; i < 4; i++) {
		if (have[i] != want[i]) {
			REASON(reason, "device image: %s ID 0x%04x, 0x%04x expected", name[i], have[i], want[i]);
			return ERR_MISMATCH;
		}
	}
	if (load_le32(&header[16]) != ident->state_version) {
		REASON(reason, "device image: state version %u, %u expected", load_le32(&header[16]),
			ident->state_version);
		return ERR_UNSUPPORTED;
	}
	if (load_le32(&header[24]) != 0) {
		REASON(reason, "device image: reserved word 0x%08x", load_le32(&header[24]));
		return ERR_BAD_RECORD;
	}
	*body_bytes = load_le32(&header[20]);
	return ERR_OK;
}

struct block {
	uint16_t tag;
	uint32_t len_bytes;
	const uint8_t *bytes;
};

static enum err block_read(struct reader *r, struct block *out, char *reason)
{
	const uint8_t *head = read_bytes(r, IMAGE_BLOCK_BYTES);
	uint32_t crc;

	if (r->failed) {
		REASON(reason, "device image: ends inside the head of a block");
		return ERR_BAD_RECORD;
	}
	out->tag = load_le16(&head[0]);
	out->len_bytes = load_le32(&head[4]);
	out->bytes = read_bytes(r, out->len_bytes);
	if (r->failed || load_le16(&head[2]) != 0) {
		REASON(reason,
			"device image: block 0x%04x of %u bytes is longer than the image, or its reserved field set",
			out->tag, out->len_bytes);
		return ERR_BAD_RECORD;
	}
	crc = image_crc32(image_crc32(0, head, 8), out->bytes, out->len_bytes);
	if (crc != load_le32(&head[8])) {
		REASON(reason, "device image: block 0x%04x CRC 0x%08x, 0x%08x computed", out->tag, load_le32(&head[8]),
			crc);
		return ERR_BAD_RECORD;
	}
	return ERR_OK;
}

static enum err block_take(
	const struct block *b, const struct image_want *want, uint32_t want_count, const uint8_t **found, char *reason)
{
	for (uint32_t i = 0; i < want_count; i++) {
		if (want[i].tag != b->tag) {
			continue;
		}
		if (found[i] != NULL || want[i].len_bytes != b->len_bytes) {
			REASON(reason, "device image: block 0x%04x of %u bytes twice or not of %u bytes", b->tag,
				b->len_bytes, want[i].len_bytes);
			return ERR_BAD_RECORD;
		}
		found[i] = b->bytes;
		return ERR_OK;
	}
	if ((b->tag & IMAGE_TAG_MANDATORY) != 0) {
		REASON(reason, "device image: unknown mandatory block 0x%04x", b->tag);
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

enum err image_parse(const uint8_t *bytes, size_t len_bytes, const struct image_ident *ident, struct image_want *want,
	uint32_t want_count, char *reason)
{
	const uint8_t *found[IMAGE_WANT_MAX] = { NULL };
	struct reader r;
	uint32_t body_bytes;
	enum err err;

	ASSERT(want_count <= IMAGE_WANT_MAX);
	if (len_bytes < IMAGE_HEADER_BYTES) {
		REASON(reason, "device image: %zu bytes are less than a header", len_bytes);
		return ERR_BAD_RECORD;
	}
	err = image_header_check(bytes, ident, &body_bytes, reason);
	if (err != ERR_OK) {
		return err;
	}
	if (body_bytes != len_bytes - IMAGE_HEADER_BYTES) {
		REASON(reason, "device image: body of %u bytes, %zu arrived", body_bytes,
			len_bytes - IMAGE_HEADER_BYTES);
		return ERR_BAD_RECORD;
	}
	r = reader_over(bytes + IMAGE_HEADER_BYTES, body_bytes);
	for (uint32_t i = 0; i < IMAGE_BLOCKS_MAX && r.left_bytes > 0; i++) {
		struct block b;

		err = block_read(&r, &b, reason);
		if (err == ERR_OK) {
			err = block_take(&b, want, want_count, found, reason);
		}
		if (err != ERR_OK) {
			return err;
		}
	}
	if (r.left_bytes > 0) {
		REASON(reason, "device image: more than %u blocks", IMAGE_BLOCKS_MAX);
		return ERR_BAD_RECORD;
	}
	for (uint32_t i = 0; i < want_count; i++) {
		if (found[i] == NULL) {
			REASON(reason, "device image: block 0x%04x is missing", want[i].tag);
			return ERR_BAD_RECORD;
		}
	}
	for (uint32_t i = 0; i < want_count; i++) {
		want[i].bytes = found[i];
	}
	return ERR_OK;
}
