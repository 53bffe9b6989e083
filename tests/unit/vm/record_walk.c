/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/unit/vm/record_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/limits.h"

size_t record_save(const struct record_codec *c, uint8_t out[RECORD_WALK_BYTES])
{
	struct writer w = writer_over(out, RECORD_WALK_BYTES);

	c->save(c->ctx, &w);
	assert_false(w.failed);
	return w.len_bytes;
}

static enum err load(const struct record_codec *c, const uint8_t *bytes, size_t len, char *reason)
{
	struct reader r = reader_over(bytes, len);

	memset(reason, 0, REASON_BYTES);
	return c->load(c->ctx, &r, reason);
}

static void holds(const struct record_codec *c, const uint8_t *bytes, size_t len)
{
	uint8_t now[RECORD_WALK_BYTES];

	assert_int_equal(record_save(c, now), len);
	assert_memory_equal(now, bytes, len);
}

size_t record_walk(const struct record_codec *c, size_t step)
{
	uint8_t good[RECORD_WALK_BYTES], bad[RECORD_WALK_BYTES + 1];
	char reason[REASON_BYTES];
	size_t len = record_save(c, good), refused = 0;

	for (size_t cut = 0; cut < len; cut++) {
		assert_int_not_equal(load(c, good, cut, reason), ERR_OK);
		assert_true(reason[0] != '\0');
	}
	holds(c, good, len);
	memcpy(bad, good, len);
	bad[len] = 0;
	assert_int_equal(load(c, bad, len + 1, reason), ERR_BAD_RECORD);
	for (size_t bit = 0; bit < len * 8; bit += step) {
		memcpy(bad, good, len);
		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (load(c, bad, len, reason) == ERR_OK) {
			holds(c, bad, len);
			assert_int_equal(load(c, good, len, reason), ERR_OK);
		} else {
			assert_true(reason[0] != '\0' && memchr(reason, '\0', REASON_BYTES) != NULL);
			holds(c, good, len);
			refused++;
		}
	}
	return refused;
}
