/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The few string calls we need, bounded, in general registers only. */
#ifndef CORE_BASE_TEXT_H
#define CORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t text_len(const char *s, size_t max);
bool text_equal(const char *a, const char *b);
/** Copies with truncation and a final zero; true when all of it fitted. */
bool text_copy(char *out, size_t cap, const char *s);
/** Decimal or 0x-hexadecimal, whole string, no sign; false on anything else or overflow. */
bool text_to_u64(const char *s, size_t len, uint64_t *out);

#endif
