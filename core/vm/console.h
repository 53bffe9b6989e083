/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The human console: log lines of every core and the guest's own lines, collected in one ring and
 * carried to the UART by the service core. A line that does not fit is dropped and counted.
 */
#ifndef CORE_VM_CONSOLE_H
#define CORE_VM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_RING_BYTES 16384u /* a power of two */
#define CONSOLE_LINE_MAX   256u	  /* one formatted line; longer ones are cut */

/** Hands bytes to the UART; returns how many it took. */
typedef size_t (*console_write_fn)(void *ctx, const uint8_t *bytes, size_t len_bytes);

void console_init(console_write_fn write, void *ctx);
/** One line without newline, from any core. */
void console_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Bytes as they stand (prompts, echo), from any core. False when they were dropped. */
bool console_bytes(const char *bytes, size_t len_bytes);
/** Service core: move what the UART takes now. True when all is out. */
bool console_drain(void);
/** Start-up and shut-down: drain until empty, for a bounded number of attempts. */
void console_flush(void);

#endif
