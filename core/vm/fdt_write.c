/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/fdt_write.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"

#define FDT_MAGIC	    0xD00DFEEDu
#define FDT_VERSION	    17u
#define FDT_LAST_COMPATIBLE 16u
#define FDT_BEGIN_NODE	    1u
#define FDT_END_NODE	    2u
#define FDT_PROP	    3u
#define FDT_END		    9u
#define FDT_HEADER_BYTES    40u
#define FDT_RESERVED_BYTES  16u /* an empty reservation map: its end */
#define FDT_STRUCT_OFFSET   (FDT_HEADER_BYTES + FDT_RESERVED_BYTES)
#define NODE_NAME_MAX	    64u

static uint8_t *take(struct fdt_writer *w, size_t len_bytes)
{
	size_t whole = ROUND_UP(len_bytes, 4u);
	uint8_t *at = w->out + w->len_bytes;

	if (w->failed || whole < len_bytes || whole > w->cap_bytes - w->len_bytes) {
		w->failed = true;
		return NULL;
	}
	memset(at, 0, whole);
	w->len_bytes += whole;
	return at;
}

static void token(struct fdt_writer *w, uint32_t value)
{
	uint8_t *at = take(w, 4);

	if (at != NULL) {
		store_be32(at, value);
	}
}

static void copy(struct fdt_writer *w, const void *bytes, size_t len_bytes)
{
	uint8_t *at = take(w, len_bytes);

	if (at != NULL && len_bytes > 0) {
		memcpy(at, bytes, len_bytes);
	}
}

void fdt_write_begin(struct fdt_writer *w, uint8_t *out, size_t cap_bytes)
{
	memset(w, 0, sizeof(*w));
	w->out = out;
	w->cap_bytes = cap_bytes;
	(void)take(w, FDT_STRUCT_OFFSET);
}

void fdt_node_begin(struct fdt_writer *w, const char *name)
{
	token(w, FDT_BEGIN_NODE);
	copy(w, name, text_len(name, NODE_NAME_MAX) + 1);
	w->depth++;
}

void fdt_node_begin_at(struct fdt_writer *w, const char *name, uint64_t address)
{
	char full[NODE_NAME_MAX];

	fmt(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
	fdt_node_begin(w, full);
}

void fdt_node_end(struct fdt_writer *w)
{
	w->failed = w->failed || w->depth == 0;
	w->depth--;
	token(w, FDT_END_NODE);
}

/** Where a property's name lies among the names; it is added when it is new. */
static uint32_t name_at(struct fdt_writer *w, const char *name)
{
	size_t len = text_len(name, FDT_NAMES_BYTES_MAX) + 1;
	size_t at = 0;

	while (at < w->names_bytes) {
		if (text_equal(w->names + at, name)) {
			return (uint32_t)at;
		}
		at += text_len(w->names + at, FDT_NAMES_BYTES_MAX - at) + 1;
	}
	if (len > FDT_NAMES_BYTES_MAX - w->names_bytes) {
		w->failed = true;
		return 0;
	}
	memcpy(w->names + at, name, len);
	w->names_bytes += len;
	return (uint32_t)at;
}

void fdt_bytes(struct fdt_writer *w, const char *name, const void *value, size_t len_bytes)
{
	if (len_bytes > UINT32_MAX || w->depth == 0) {
		w->failed = true;
		return;
	}
	token(w, FDT_PROP);
	token(w, (uint32_t)len_bytes);
	token(w, name_at(w, name));
	copy(w, value, len_bytes);
}

void fdt_empty(struct fdt_writer *w, const char *name)
{
	fdt_bytes(w, name, "", 0);
}

void fdt_text(struct fdt_writer *w, const char *name, const char *text)
{
	fdt_bytes(w, name, text, text_len(text, w->cap_bytes) + 1);
}

void fdt_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, size_t count)
{
	uint8_t bytes[FDT_CELLS_MAX * 4];

	if (count > FDT_CELLS_MAX) {
		w->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		store_be32(bytes + 4 * i, cells[i]);
	}
	fdt_bytes(w, name, bytes, 4 * count);
}

void fdt_cell(struct fdt_writer *w, const char *name, uint32_t cell)
{
	fdt_cells(w, name, &cell, 1);
}

void fdt_numbers(struct fdt_writer *w, const char *name, const uint64_t *numbers, size_t count)
{
	uint8_t bytes[FDT_CELLS_MAX * 4];

	if (count > FDT_CELLS_MAX / 2) {
		w->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		store_be64(bytes + 8 * i, numbers[i]);
	}
	fdt_bytes(w, name, bytes, 8 * count);
}

size_t fdt_write_end(struct fdt_writer *w)
{
	size_t struct_bytes, names_offset;

	token(w, FDT_END);
	struct_bytes = w->len_bytes - FDT_STRUCT_OFFSET;
	names_offset = w->len_bytes;
	copy(w, w->names, w->names_bytes);
	if (w->failed || w->depth != 0 || w->len_bytes > UINT32_MAX) {
		return 0;
	}
	store_be32(w->out, FDT_MAGIC);
	store_be32(w->out + 4, (uint32_t)w->len_bytes);
	store_be32(w->out + 8, FDT_STRUCT_OFFSET);
	store_be32(w->out + 12, (uint32_t)names_offset);
	store_be32(w->out + 16, FDT_HEADER_BYTES);
	store_be32(w->out + 20, FDT_VERSION);
	store_be32(w->out + 24, FDT_LAST_COMPATIBLE);
	store_be32(w->out + 32, (uint32_t)w->names_bytes);
	store_be32(w->out + 36, (uint32_t)struct_bytes);
	return w->len_bytes;
}
