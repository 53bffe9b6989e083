/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/ring.h"

#include "core/base/assert.h"

void ring_init(struct ring *r, uint32_t capacity)
{
	ASSERT(capacity != 0 && (capacity & (capacity - 1)) == 0);
	r->capacity = capacity;
	r->head = 0;
	r->tail = 0;
}

bool ring_space(const struct ring *r, uint32_t *slot)
{
	/* Acquire: the consumer has finished with the slot before it moved tail. */
	uint32_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);

	if (r->head - tail == r->capacity) {
		return false;
	}
	*slot = r->head & (r->capacity - 1);
	return true;
}

void ring_produce(struct ring *r)
{
	/* Release: the slot's contents are seen before the new head. */
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
}

bool ring_front(const struct ring *r, uint32_t *slot)
{
	uint32_t head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);

	if (head == r->tail) {
		return false;
	}
	*slot = r->tail & (r->capacity - 1);
	return true;
}

void ring_consume(struct ring *r)
{
	__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
}

uint32_t ring_used(const struct ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}
