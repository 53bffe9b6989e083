/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Bits, masks and register fields. A field is one mask; FIELD_GET and FIELD_PREP shift. */
#ifndef CORE_BASE_BITS_H
#define CORE_BASE_BITS_H

#include <stddef.h>
#include <stdint.h>

#define BIT32(n)			(UINT32_C(1) << (n))
#define BIT64(n)			(UINT64_C(1) << (n))
#define MASK32(hi, lo)			((UINT32_MAX >> (31 - (hi))) & (UINT32_MAX << (lo)))
#define MASK64(hi, lo)			((UINT64_MAX >> (63 - (hi))) & (UINT64_MAX << (lo)))

#define FIELD_SHIFT(mask)		(__builtin_ctzll(mask))
#define FIELD_GET(mask, value)		(((value) & (mask)) >> FIELD_SHIFT(mask))
#define FIELD_PREP(mask, value)		(((__typeof__(mask))(value) << FIELD_SHIFT(mask)) & (mask))

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)			((a) < (b) ? (a) : (b))
#define MAX(a, b)			((a) > (b) ? (a) : (b))
#define ROUND_UP(x, to)			((((x) + (to)-1) / (to)) * (to))
#define ROUND_DOWN(x, to)		(((x) / (to)) * (to))
#define DIV_ROUND_UP(x, by)		(((x) + (by)-1) / (by))

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
