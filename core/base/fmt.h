/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Bounded text formatting without the C library: %s %c %d %i %u %x %X %p %%, the length
 * modifiers hh h l ll z j, field width, precision, '0', '-', '*' . Anything else is
 * printed as it stands. No floating point, no heap.
 */
#ifndef CORE_BASE_FMT_H
#define CORE_BASE_FMT_H

#include <stdarg.h>
#include <stddef.h>

/**
 * Like snprintf: writes at most cap bytes with the final zero (when cap > 0) and
 * returns the length the whole text would have.
 */
size_t fmt(char *out, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t vfmt(char *out, size_t cap, const char *format, va_list args);

#endif
