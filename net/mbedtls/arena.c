/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/mbedtls/arena.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

/* In front of every block; sizes count the payload. */
struct block {
	uint32_t len_bytes;
	uint32_t before_bytes; /* payload of the block in front; 0 for the first */
	uint32_t mark;
	uint32_t unused;
};

#define MARK_FREE  0x46524545u
#define MARK_USED  0x55534544u
#define HEAD_BYTES ((uint32_t)sizeof(struct block))

_Static_assert(sizeof(struct block) == ARENA_ALIGN, "a header keeps the alignment of what follows it");

static struct block *block_at(const struct arena *a, uint32_t at)
{
	return (struct block *)(void *)(a->base + at);
}

static uint32_t block_offset(const struct arena *a, const struct block *b)
{
	return (uint32_t)((const uint8_t *)b - a->base);
}

/** The block behind b, or NULL at the end. */
static struct block *block_after(const struct arena *a, const struct block *b)
{
	uint32_t at = block_offset(a, b) + HEAD_BYTES + b->len_bytes;

	ASSERT(at <= a->len_bytes);
	return at == a->len_bytes ? NULL : block_at(a, at);
}

static void one_free_block(struct arena *a)
{
	*block_at(a, 0) = (struct block){ .len_bytes = a->len_bytes - HEAD_BYTES, .mark = MARK_FREE };
	a->used_bytes = 0;
	a->block_count = 0;
}

void arena_init(struct arena *a, uint8_t *bytes, size_t len_bytes)
{
	ASSERT((uintptr_t)bytes % ARENA_ALIGN == 0 && len_bytes % ARENA_ALIGN == 0);
	ASSERT(len_bytes >= ARENA_BYTES_MIN && len_bytes <= ARENA_BYTES_MAX);
	*a = (struct arena){ .base = bytes, .len_bytes = (uint32_t)len_bytes };
	one_free_block(a);
}

bool arena_holds(const struct arena *a, const void *p)
{
	uintptr_t at = (uintptr_t)p;

	return at >= (uintptr_t)a->base && at < (uintptr_t)a->base + a->len_bytes;
}

/** Cut what b has beyond want_bytes off as a free block, if that is worth a header. */
static void split(struct arena *a, struct block *b, uint32_t want_bytes)
{
	struct block *rest, *after;

	if (b->len_bytes - want_bytes < HEAD_BYTES + ARENA_ALIGN) {
		return;
	}
	after = block_after(a, b);
	rest = block_at(a, block_offset(a, b) + HEAD_BYTES + want_bytes);
	*rest = (struct block){
		.len_bytes = b->len_bytes - want_bytes - HEAD_BYTES,
		.before_bytes = want_bytes,
		.mark = MARK_FREE,
	};
	b->len_bytes = want_bytes;
	if (after != NULL) {
		after->before_bytes = rest->len_bytes;
	}
}

void *arena_calloc(struct arena *a, size_t count, size_t size_bytes)
{
	uint32_t want_bytes;

	if (count == 0 || size_bytes == 0) {
		return NULL;
	}
	if (size_bytes > ARENA_BYTES_MAX || count > ARENA_BYTES_MAX / size_bytes) {
		a->refused_count++;
		return NULL;
	}
	want_bytes = ROUND_UP((uint32_t)(count * size_bytes), ARENA_ALIGN);
	/* Bounded: every step passes a header, and the arena has a fixed size. */
	for (struct block *b = block_at(a, 0); b != NULL; b = block_after(a, b)) {
		ASSERT(b->mark == MARK_FREE || b->mark == MARK_USED);
		if (b->mark == MARK_FREE && b->len_bytes >= want_bytes) {
			split(a, b, want_bytes);
			b->mark = MARK_USED;
			a->used_bytes += HEAD_BYTES + b->len_bytes;
			a->peak_bytes = MAX(a->peak_bytes, a->used_bytes);
			a->block_count++;
			memset(b + 1, 0, b->len_bytes);
			return b + 1;
		}
	}
	a->refused_count++;
	return NULL;
}

/** Join b with the free block behind it. */
static void join(struct arena *a, struct block *b, struct block *next)
{
	struct block *after = block_after(a, next);

	b->len_bytes += HEAD_BYTES + next->len_bytes;
	if (after != NULL) {
		after->before_bytes = b->len_bytes;
	}
	memset(next, 0, sizeof(*next));
}

void arena_free(struct arena *a, void *p)
{
	struct block *b, *next;

	if (p == NULL) {
		return;
	}
	ASSERT(arena_holds(a, p) && (uintptr_t)p % ARENA_ALIGN == 0 && (uint8_t *)p >= a->base + HEAD_BYTES);
	b = (struct block *)p - 1;
	ASSERT(b->mark == MARK_USED);
	a->used_bytes -= HEAD_BYTES + b->len_bytes;
	a->block_count--;
	memset(p, 0, b->len_bytes);
	b->mark = MARK_FREE;
	next = block_after(a, b);
	if (next != NULL && next->mark == MARK_FREE) {
		join(a, b, next);
	}
	if (block_offset(a, b) != 0) {
		struct block *prev = block_at(a, block_offset(a, b) - b->before_bytes - HEAD_BYTES);

		if (prev->mark == MARK_FREE) {
			join(a, prev, b);
		}
	}
}

void arena_reset(struct arena *a)
{
	memset(a->base, 0, a->len_bytes);
	one_free_block(a);
}
