/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/unit/vm/fdt_look.h"

#include <string.h>

#define PATH_MAX_BYTES 256

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/** Walks all tokens; on the property that is asked for, stops with it in *found. False on a fault. */
static bool walk(const uint8_t *fdt, const char *path, const char *name, const uint8_t **found, size_t *found_bytes)
{
	const uint8_t *at = fdt + be32(fdt + 8), *end = at + be32(fdt + 36);
	const char *names = (const char *)fdt + be32(fdt + 12);
	uint32_t names_bytes = be32(fdt + 32);
	char here[PATH_MAX_BYTES] = "";
	int depth = 0;

	while (end - at >= 4) {
		uint32_t token = be32(at);

		at += 4;
		if (token == 1) { /* FDT_BEGIN_NODE */
			const char *node = (const char *)at;
			size_t len = strlen(node);

			if (depth++ > 0) {
				size_t used = strlen(here);

				if (used + 1 + len >= sizeof(here)) {
					return false;
				}
				here[used] = '/';
				memcpy(here + used + 1, node, len + 1);
			} else if (len != 0) {
				return false;
			}
			at += (len + 4) / 4 * 4;
		} else if (token == 2) { /* FDT_END_NODE */
			char *slash = strrchr(here, '/');

			if (depth-- == 0) {
				return false;
			}
			if (slash != NULL) {
				*slash = '\0';
			}
		} else if (token == 3) { /* FDT_PROP */
			uint32_t len = be32(at), name_at = be32(at + 4);

			if (name_at >= names_bytes || depth == 0 || (size_t)(end - at) < 8 + (size_t)len) {
				return false;
			}
			if (name != NULL && strcmp(here, path) == 0 && strcmp(names + name_at, name) == 0) {
				*found = at + 8;
				*found_bytes = len;
				return true;
			}
			at += 8 + (len + 3) / 4 * 4;
		} else {
			return token == 9 && depth == 0 && at == end; /* FDT_END */
		}
	}
	return false;
}

bool fdt_is_sound(const uint8_t *fdt, size_t len_bytes)
{
	return be32(fdt) == 0xd00dfeed && be32(fdt + 4) == len_bytes && be32(fdt + 20) == 17 && be32(fdt + 24) == 16 &&
	       be32(fdt + 8) % 4 == 0 && be32(fdt + 16) % 8 == 0 && be32(fdt + 8) + be32(fdt + 36) <= be32(fdt + 12) &&
	       be32(fdt + 12) + be32(fdt + 32) <= len_bytes && walk(fdt, NULL, NULL, NULL, NULL);
}

const uint8_t *fdt_look(const uint8_t *fdt, const char *path, const char *name, size_t *len_bytes)
{
	const uint8_t *found = NULL;

	*len_bytes = 0;
	(void)walk(fdt, path, name, &found, len_bytes);
	return found;
}

uint32_t fdt_look_cell(const uint8_t *fdt, const char *path, const char *name, size_t index)
{
	size_t len;
	const uint8_t *value = fdt_look(fdt, path, name, &len);

	return value == NULL || len < 4 * (index + 1) ? 0xdeadbeef : be32(value + 4 * index);
}
