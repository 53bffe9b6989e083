/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fuzz/program.h"

#include <string.h>

bool program_step(const uint8_t *data, size_t size, uint32_t n, struct step *out)
{
	const uint8_t *at = data + (size_t)n * STEP_BYTES;

	if (n >= STEPS_MAX || (n + 1u) * (size_t)STEP_BYTES > size) {
		return false;
	}
	*out = (struct step){ at[0], at[1], load_le16(at + 2), load_le32(at + 4), load_le64(at + 8) };
	return true;
}

void edits_add(struct edits *e, const struct step *s)
{
	static const uint8_t widths[] = { 0, 1, 2, 4, 8, 1, 4, 8 };

	if (e->count < EDITS_MAX) {
		e->edit[e->count++] = (struct edit){
			.place = (enum edit_place)(s->a % 3),
			.width = widths[s->a / 3 % 8],
			.set = (s->a & 0x80) != 0,
			.at = s->b,
			.value = s->d,
		};
	}
}

bool edits_apply(const struct edits *e, enum edit_place place, uint8_t *bytes, size_t *len_bytes, size_t cap_bytes)
{
	bool any = false;

	for (uint32_t i = 0; i < e->count; i++) {
		const struct edit *edit = &e->edit[i];
		size_t at;

		if (edit->place != place) {
			continue;
		}
		any = true;
		if (edit->width == 0) {
			size_t len = (size_t)(edit->set ? edit->value % (cap_bytes + 1)
							: (*len_bytes + edit->value % 129 + cap_bytes - 63) %
								  (cap_bytes + 1));

			if (len > *len_bytes) {
				memset(bytes + *len_bytes, 0x3c, len - *len_bytes);
			}
			*len_bytes = len;
			continue;
		}
		if (*len_bytes < edit->width) {
			continue;
		}
		at = edit->at % (*len_bytes - edit->width + 1);
		for (uint32_t k = 0; k < edit->width; k++) {
			uint8_t byte = (uint8_t)(edit->value >> (8 * k));

			bytes[at + k] = edit->set ? byte : bytes[at + k] ^ byte;
		}
	}
	return any;
}

/* ---- the mutator ---- */

static uint32_t draw(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static size_t step_insert(uint8_t *data, size_t steps, size_t max_steps, size_t at, uint32_t *seed)
{
	if (steps >= max_steps) {
		return steps;
	}
	memmove(data + (at + 1) * STEP_BYTES, data + at * STEP_BYTES, (steps - at) * STEP_BYTES);
	if (steps > 0 && draw(seed) % 2 == 0) {
		size_t from = draw(seed) % (steps + 1);

		memmove(data + at * STEP_BYTES, data + from * STEP_BYTES, STEP_BYTES);
	} else {
		memset(data + at * STEP_BYTES, 0, STEP_BYTES);
		data[at * STEP_BYTES] = (uint8_t)(draw(seed) % 32);
		data[at * STEP_BYTES + 1] = (uint8_t)(draw(seed) % 3 == 0 ? draw(seed) : draw(seed) % 20);
		data[at * STEP_BYTES + 2] = (uint8_t)(draw(seed) % 3 == 0 ? draw(seed) : 0);
	}
	return steps + 1;
}

static size_t step_remove(uint8_t *data, size_t steps, size_t at)
{
	memmove(data + at * STEP_BYTES, data + (at + 1) * STEP_BYTES, (steps - at - 1) * STEP_BYTES);
	return steps - 1;
}

static void step_swap(uint8_t *data, size_t i, size_t k)
{
	uint8_t kept[STEP_BYTES];

	memcpy(kept, data + i * STEP_BYTES, STEP_BYTES);
	memmove(data + i * STEP_BYTES, data + k * STEP_BYTES, STEP_BYTES);
	memcpy(data + k * STEP_BYTES, kept, STEP_BYTES);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t max_steps = MIN(max_size / STEP_BYTES, STEPS_MAX), steps = MIN(size / STEP_BYTES, max_steps);
	uint32_t s = seed | 1u;

	if (max_steps == 0) {
		return size;
	}
	for (uint32_t i = 0, times = 1 + draw(&s) % 3; i < times; i++) {
		size_t at = steps == 0 ? 0 : draw(&s) % steps;

		switch (steps == 0 ? 0 : draw(&s) % 8) {
		case 0:
		case 1:
			steps = step_insert(data, steps, max_steps, steps == 0 ? 0 : draw(&s) % (steps + 1), &s);
			break;
		case 2:
			steps = steps > 1 ? step_remove(data, steps, at) : steps;
			break;
		case 3:
			step_swap(data, at, draw(&s) % steps);
			break;
		case 4:
			data[at * STEP_BYTES + 1] = (uint8_t)draw(&s);
			break;
		default:
			(void)LLVMFuzzerMutate(data + at * STEP_BYTES, STEP_BYTES, STEP_BYTES);
			break;
		}
	}
	return steps * STEP_BYTES;
}
