/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stdarg.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/spinlock.h"
#include "core/vm/console.h"

#define CONSOLE_FLUSH_TURNS 4000000u

/* The one console of the image; lock covers the ring, only the service core moves tail. */
static struct {
	struct spinlock lock;
	console_write_fn write;
	void *ctx;
	uint32_t head, tail;
	uint32_t dropped;
	uint8_t ring[CONSOLE_RING_BYTES];
} console;

_Static_assert((CONSOLE_RING_BYTES & (CONSOLE_RING_BYTES - 1)) == 0, "console ring must be a power of two");

void console_init(console_write_fn write, void *ctx)
{
	console.write = write;
	console.ctx = ctx;
}

static void ring_put(const char *bytes, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++) {
		console.ring[(console.head + i) % CONSOLE_RING_BYTES] = (uint8_t)bytes[i];
	}
	__atomic_store_n(&console.head, console.head + (uint32_t)len_bytes, __ATOMIC_RELEASE);
}

bool console_bytes(const char *bytes, size_t len_bytes)
{
	bool fits;

	spin_lock(&console.lock);
	fits = len_bytes <= CONSOLE_RING_BYTES - (console.head - __atomic_load_n(&console.tail, __ATOMIC_ACQUIRE));
	if (fits) {
		ring_put(bytes, len_bytes);
	} else {
		console.dropped++;
	}
	spin_unlock(&console.lock);
	return fits;
}

void console_line(const char *format, ...)
{
	char line[CONSOLE_LINE_MAX + 2];
	va_list args;
	size_t len;

	va_start(args, format);
	len = vfmt(line, CONSOLE_LINE_MAX, format, args);
	va_end(args);
	len = MIN(len, (size_t)CONSOLE_LINE_MAX - 1);
	line[len] = '\r';
	line[len + 1] = '\n';
	(void)console_bytes(line, len + 2);
}

bool console_drain(void)
{
	uint32_t head = __atomic_load_n(&console.head, __ATOMIC_ACQUIRE);
	uint32_t tail = console.tail;

	if (console.write == NULL) {
		return true;
	}
	while (tail != head) {
		uint32_t at = tail % CONSOLE_RING_BYTES;
		uint32_t run = MIN(head - tail, CONSOLE_RING_BYTES - at);
		size_t taken = console.write(console.ctx, &console.ring[at], run);

		tail += (uint32_t)taken;
		__atomic_store_n(&console.tail, tail, __ATOMIC_RELEASE);
		if (taken < run) {
			return false;
		}
	}
	if (__atomic_load_n(&console.dropped, __ATOMIC_RELAXED) != 0) {
		uint32_t n = __atomic_exchange_n(&console.dropped, 0u, __ATOMIC_RELAXED);

		console_line("console: %u lines dropped", n);
	}
	return true;
}

void console_flush(void)
{
	for (uint32_t i = 0; i < CONSOLE_FLUSH_TURNS && !console_drain(); i++) {
	}
}
