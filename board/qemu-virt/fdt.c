/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stdbool.h>
#include <string.h>

#include "board/qemu-virt/fdt.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/text.h"

#define FDT_MAGIC	 0xD00DFEEDu
#define FDT_BEGIN_NODE	 1u
#define FDT_END_NODE	 2u
#define FDT_PROP	 3u
#define FDT_NOP		 4u
#define FDT_END		 9u
#define FDT_TOKENS_MAX	 65536u
#define FDT_NAME_MAX	 64u

/* Header, as offsets of big-endian words. */
#define FDT_TOTALSIZE	 4u
#define FDT_OFF_STRUCT	 8u
#define FDT_OFF_STRINGS	 12u
#define FDT_SIZE_STRINGS 32u
#define FDT_SIZE_STRUCT	 36u
#define FDT_HEADER_BYTES 40u

struct walk {
	const uint8_t *structure, *strings;
	uint32_t structure_bytes, strings_bytes, at;
	uint32_t depth;
	char node[FDT_NAME_MAX];  /* at depth 2: a child of the root */
	char child[FDT_NAME_MAX]; /* at depth 3 */
};

static bool starts_with(const char *s, const char *prefix)
{
	while (*prefix != '\0') {
		if (*s != *prefix) {
			return false;
		}
		s++;
		prefix++;
	}
	return true;
}

/** #address-cells and #size-cells are 2 at the root of this board, 1 and 0 below /cpus. */
static void property(struct walk *w, struct fdt_facts *out, const char *name, const uint8_t *value, uint32_t len_bytes)
{
	if (w->depth == 2 && starts_with(w->node, "memory@") && text_equal(name, "reg") && len_bytes >= 16) {
		out->memory_base = load_be64(value);
		out->memory_bytes = load_be64(value + 8);
	} else if (w->depth == 2 && text_equal(w->node, "chosen") && text_equal(name, "bootargs") && len_bytes > 0) {
		out->bootargs = value;
		out->bootargs_bytes = len_bytes - 1;
	} else if (w->depth == 2 && text_equal(w->node, "chosen") && (len_bytes == 4 || len_bytes == 8)) {
		uint64_t v = len_bytes == 4 ? load_be32(value) : load_be64(value);

		if (text_equal(name, "linux,initrd-start")) {
			out->initrd_start = v;
		} else if (text_equal(name, "linux,initrd-end")) {
			out->initrd_end = v;
		}
	} else if (w->depth == 3 && text_equal(w->node, "cpus") && starts_with(w->child, "cpu@") &&
		   text_equal(name, "reg") && len_bytes >= 4 && out->cpu_count < FDT_CPUS_MAX) {
		out->cpu_mpidr[out->cpu_count] = len_bytes >= 8 ? load_be64(value) : load_be32(value);
		out->cpu_count++;
	}
}

static enum err begin_node(struct walk *w)
{
	const char *name = (const char *)w->structure + w->at;
	size_t len = text_len(name, w->structure_bytes - w->at);

	if (len == w->structure_bytes - w->at) {
		return ERR_BAD_RECORD;
	}
	w->depth++;
	if (w->depth == 2) {
		(void)text_copy(w->node, sizeof(w->node), name);
	} else if (w->depth == 3) {
		(void)text_copy(w->child, sizeof(w->child), name);
	}
	w->at += (uint32_t)ROUND_UP(len + 1, 4);
	return ERR_OK;
}

static enum err one_property(struct walk *w, struct fdt_facts *out)
{
	uint32_t len, name;

	if (w->structure_bytes - w->at < 8) {
		return ERR_BAD_RECORD;
	}
	len = load_be32(w->structure + w->at);
	name = load_be32(w->structure + w->at + 4);
	w->at += 8;
	if (len > w->structure_bytes - w->at || name >= w->strings_bytes ||
		text_len((const char *)w->strings + name, w->strings_bytes - name) == w->strings_bytes - name) {
		return ERR_BAD_RECORD;
	}
	property(w, out, (const char *)w->strings + name, w->structure + w->at, len);
	w->at += (uint32_t)ROUND_UP(len, 4);
	return ERR_OK;
}

static enum err tokens(struct walk *w, struct fdt_facts *out)
{
	for (uint32_t i = 0; i < FDT_TOKENS_MAX; i++) {
		uint32_t token;
		enum err err = ERR_OK;

		if (w->at > w->structure_bytes || w->structure_bytes - w->at < 4) {
			return ERR_BAD_RECORD;
		}
		token = load_be32(w->structure + w->at);
		w->at += 4;
		switch (token) {
		case FDT_BEGIN_NODE:
			err = begin_node(w);
			break;
		case FDT_END_NODE:
			err = w->depth == 0 ? ERR_BAD_RECORD : ERR_OK;
			w->depth--;
			break;
		case FDT_PROP:
			err = one_property(w, out);
			break;
		case FDT_NOP:
			break;
		case FDT_END:
			return ERR_OK;
		default:
			return ERR_BAD_RECORD;
		}
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_BAD_RECORD;
}

enum err fdt_read(const uint8_t *fdt, struct fdt_facts *out)
{
	struct walk w = { 0 };
	uint32_t total, structure, strings;

	memset(out, 0, sizeof(*out));
	if (load_be32(fdt) != FDT_MAGIC) {
		return ERR_BAD_RECORD;
	}
	total = load_be32(fdt + FDT_TOTALSIZE);
	structure = load_be32(fdt + FDT_OFF_STRUCT);
	strings = load_be32(fdt + FDT_OFF_STRINGS);
	w.structure_bytes = load_be32(fdt + FDT_SIZE_STRUCT);
	w.strings_bytes = load_be32(fdt + FDT_SIZE_STRINGS);
	if (total > FDT_BYTES_MAX || total < FDT_HEADER_BYTES || structure > total ||
		w.structure_bytes > total - structure || strings > total || w.strings_bytes > total - strings) {
		return ERR_BAD_RECORD;
	}
	w.structure = fdt + structure;
	w.strings = fdt + strings;
	return tokens(&w, out);
}
