/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Writes a flattened device tree, version 17 (Devicetree Specification 0.4, chapter 5), in one pass into the caller's buffer.
 * A failure (buffer or names full, nodes not balanced) sticks; fdt_write_end() tells it.
 */
#ifndef CORE_VM_FDT_WRITE_H
#define CORE_VM_FDT_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDT_NAMES_BYTES_MAX 1024u /* all property names, each once, with their zeros */
#define FDT_CELLS_MAX	    128u  /* of one property */

struct fdt_writer {
	uint8_t *out;
	size_t cap_bytes, len_bytes;
	char names[FDT_NAMES_BYTES_MAX];
	size_t names_bytes;
	uint32_t depth;
	bool failed;
};

/** out: 8-byte aligned, the caller's until the end. */
void fdt_write_begin(struct fdt_writer *w, uint8_t *out, size_t cap_bytes);
/** Nodes nest; the first is the root, "". */
void fdt_node_begin(struct fdt_writer *w, const char *name);
/** "name@address", the address in lower-case hexadecimal. */
void fdt_node_begin_at(struct fdt_writer *w, const char *name, uint64_t address);
void fdt_node_end(struct fdt_writer *w);

void fdt_bytes(struct fdt_writer *w, const char *name, const void *value, size_t len_bytes);
void fdt_empty(struct fdt_writer *w, const char *name);
/** One string, with its zero. */
void fdt_text(struct fdt_writer *w, const char *name, const char *text);
/** 32-bit cells; count at most FDT_CELLS_MAX. */
void fdt_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, size_t count);
void fdt_cell(struct fdt_writer *w, const char *name, uint32_t cell);
/** 64-bit numbers of two cells each; count at most FDT_CELLS_MAX / 2. */
void fdt_numbers(struct fdt_writer *w, const char *name, const uint64_t *numbers, size_t count);

/** The size of the tree, 0 if anything went wrong. */
size_t fdt_write_end(struct fdt_writer *w);

#endif
