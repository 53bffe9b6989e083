/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What holds for every record of a device: each truncation and each surplus byte is refused, and with any one bit
 * flipped it is either refused, with a reason and nothing changed, or taken and saved again as it was given.
 */
#ifndef TESTS_UNIT_VM_RECORD_WALK_H
#define TESTS_UNIT_VM_RECORD_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/err.h"

struct record_codec {
	void (*save)(void *ctx, struct writer *w);
	enum err (*load)(void *ctx, struct reader *r, char *reason);
	void *ctx;
};

#define RECORD_WALK_BYTES 4096u

size_t record_save(const struct record_codec *c, uint8_t out[RECORD_WALK_BYTES]);
/** step: every how many bits one is flipped. Returns how many flips were refused. */
size_t record_walk(const struct record_codec *c, size_t step);

#endif
