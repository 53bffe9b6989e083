/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A bounded first-fit allocator over one caller-owned block of memory: what Mbed TLS calls its
 * heap. One arena per TLS connection, so that a connection can take no more than its own and
 * gives everything back at its end. Blocks are 16-byte aligned; freed bytes are zeroed.
 */
#ifndef NET_MBEDTLS_ARENA_H
#define NET_MBEDTLS_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_ALIGN	16u
#define ARENA_BYTES_MIN 64u
#define ARENA_BYTES_MAX (1u << 20)

struct arena {
	uint8_t *base;
	uint32_t len_bytes;
	uint32_t used_bytes; /* block headers included */
	uint32_t peak_bytes;
	uint32_t block_count;	/* in use */
	uint32_t refused_count; /* requests that found no room */
};

/**
 * Make one free block of the memory, which the arena borrows for ever.
 *
 * @param bytes      16-byte aligned.
 * @param len_bytes  ARENA_BYTES_MIN .. ARENA_BYTES_MAX, a multiple of 16.
 */
void arena_init(struct arena *a, uint8_t *bytes, size_t len_bytes);

/** Zeroed memory, or NULL when there is no room, the product overflows or is 0. */
void *arena_calloc(struct arena *a, size_t count, size_t size_bytes);

/** Give back what arena_calloc gave; the bytes are zeroed. */
void arena_free(struct arena *a, void *p);

/** Whether p points into this arena. */
bool arena_holds(const struct arena *a, const void *p);

/** Forget every block and zero all of the memory; the peak stays. */
void arena_reset(struct arena *a);

#endif
