/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Reads a flattened device tree by the specification, sharing nothing with the writer. */
#ifndef TESTS_UNIT_VM_FDT_LOOK_H
#define TESTS_UNIT_VM_FDT_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Header, tokens, names, nesting and padding are as Devicetree Specification 0.4, chapter 5, has them. */
bool fdt_is_sound(const uint8_t *fdt, size_t len_bytes);
/** A property by the path of its node, "/a/b", "" for the root; NULL when there is none. */
const uint8_t *fdt_look(const uint8_t *fdt, const char *path, const char *name, size_t *len_bytes);
uint32_t fdt_look_cell(const uint8_t *fdt, const char *path, const char *name, size_t index);

#endif
