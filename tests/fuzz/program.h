/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Inputs that are programs: 16 bytes for each step, what to do and with what. The mutator works on whole steps, so that a
 * change in one leaves the others as they were; a step with zeros everywhere is always valid.
 */
#ifndef TESTS_FUZZ_PROGRAM_H
#define TESTS_FUZZ_PROGRAM_H

#include "tests/fuzz/input.h"

#define STEP_BYTES 16u
#define STEPS_MAX  128u
#define EDITS_MAX  4u

struct step {
	uint8_t op, a;
	uint16_t b;
	uint32_t c;
	uint64_t d;
};

/** The n-th step; false behind the last. */
bool program_step(const uint8_t *data, size_t size, uint32_t n, struct step *out);

enum edit_place { EDIT_PAYLOAD, EDIT_HEADER, EDIT_SEALED };

/** One field made wrong in the next thing that is sent. */
struct edit {
	enum edit_place place;
	uint8_t width; /* bytes: 1, 2, 4, 8; 0: the length is changed by value */
	bool set;      /* else xored */
	uint32_t at;
	uint64_t value;
};

struct edits {
	struct edit edit[EDITS_MAX];
	uint32_t count;
};

/** Take a step as an edit: a chooses place, width and set; b the offset; d the value. */
void edits_add(struct edits *e, const struct step *s);
/** Do those of one place to bytes; the length may change within cap. True when there was any. */
bool edits_apply(const struct edits *e, enum edit_place place, uint8_t *bytes, size_t *len_bytes, size_t cap_bytes);

#endif
