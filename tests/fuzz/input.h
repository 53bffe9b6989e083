/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The bytes of a fuzzer, taken from the front; zeros when they are used up. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/** What must hold does not: a finding. */
#define HOLDS(x)                                                                                                       \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x);                   \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

struct input {
	const uint8_t *at;
	size_t left;
};

static inline const uint8_t *input_bytes(struct input *in, size_t len_bytes)
{
	const uint8_t *at = in->at;

	HOLDS(len_bytes <= in->left);
	in->at += len_bytes;
	in->left -= len_bytes;
	return at;
}

static inline uint64_t input_int(struct input *in, size_t len_bytes)
{
	uint64_t value = 0;
	size_t have = MIN(len_bytes, in->left);
	const uint8_t *at = input_bytes(in, have);

	for (size_t i = 0; i < have; i++) {
		value |= (uint64_t)at[i] << (8 * i);
	}
	return value;
}

static inline uint8_t input_u8(struct input *in)
{
	return (uint8_t)input_int(in, 1);
}

static inline uint16_t input_u16(struct input *in)
{
	return (uint16_t)input_int(in, 2);
}

static inline uint32_t input_u32(struct input *in)
{
	return (uint32_t)input_int(in, 4);
}

static inline uint64_t input_u64(struct input *in)
{
	return input_int(in, 8);
}

/** A copy on the heap of exactly that length, so that a read beyond it is seen; the caller frees it. */
static inline uint8_t *input_copy(struct input *in, size_t len_bytes)
{
	uint8_t *copy = malloc(len_bytes != 0 ? len_bytes : 1);

	HOLDS(copy != NULL);
	for (size_t i = 0; i < len_bytes; i++) {
		copy[i] = input_u8(in);
	}
	return copy;
}

#endif
