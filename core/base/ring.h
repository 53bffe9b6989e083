/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Single-producer single-consumer ring of bytes-sized records, index only: the caller
 * owns the slots. Capacity is a power of two. Safe between two cores.
 */
#ifndef CORE_BASE_RING_H
#define CORE_BASE_RING_H

#include <stdbool.h>
#include <stdint.h>

struct ring {
	uint32_t capacity; /* power of two */
	uint32_t head;	   /* next to produce; written by the producer only */
	uint32_t tail;	   /* next to consume; written by the consumer only */
};

void ring_init(struct ring *r, uint32_t capacity);
/** Producer: slot to fill, or false when full. Publish with ring_produce. */
bool ring_space(const struct ring *r, uint32_t *slot);
void ring_produce(struct ring *r);
/** Consumer: oldest slot, or false when empty. Give back with ring_consume. */
bool ring_front(const struct ring *r, uint32_t *slot);
void ring_consume(struct ring *r);
uint32_t ring_used(const struct ring *r);

#endif
