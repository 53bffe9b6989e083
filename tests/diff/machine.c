/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/diff/machine.h"

#include <stdarg.h>

#include "core/base/fmt.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

void diff_line(struct diff_machine *m, const char *format, ...)
{
	char line[DIFF_LINE_BYTES];
	va_list args;

	va_start(args, format);
	vfmt(line, sizeof(line), format, args);
	va_end(args);
	m->ops->line(m->ctx, line);
}

/* A counter, and a mix of its bits by two multiplications. */
uint64_t diff_draw(struct diff_draw *d, uint64_t below)
{
	uint64_t z = d->state += GOLDEN;

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return below == 0 ? z : z % below;
}

struct diff_draw diff_draw_begin(uint64_t seed, uint64_t number)
{
	struct diff_draw d = { seed };

	d.state = diff_draw(&d, 0) ^ number * GOLDEN;
	return d;
}
