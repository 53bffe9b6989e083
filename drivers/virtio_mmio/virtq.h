/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A split virtqueue (Virtual I/O Device 1.2, 2.7), driver side. What the device writes is
 * checked as hostile: an index that runs ahead, a head that is not in flight, a length beyond
 * what was offered break the queue for good, and what is shared is never read back as ours:
 * chains are kept here. Used from one core.
 */
#ifndef DRIVERS_VIRTIO_MMIO_VIRTQ_H
#define DRIVERS_VIRTIO_MMIO_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "drivers/virtio_mmio/virtio_mmio.h"

#define VIRTQ_SIZE_MAX 256u /* power of two */

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};

/** Shared with the device; physical = virtual. */
struct virtq_memory {
	struct virtq_desc desc[VIRTQ_SIZE_MAX] __attribute__((aligned(16)));
	struct {
		uint16_t flags;
		uint16_t idx;
		uint16_t ring[VIRTQ_SIZE_MAX + 1]; /* used_event lies after the last used entry */
	} avail __attribute__((aligned(4)));
	struct {
		uint16_t flags;
		uint16_t idx;
		struct virtq_used_elem ring[VIRTQ_SIZE_MAX + 1]; /* and avail_event */
	} used __attribute__((aligned(64)));
};

/** One piece of memory of a request. */
struct virtq_buf {
	const void *at;
	uint32_t len_bytes;
	bool device_writes; /* pieces that the device writes come last */
};

struct virtq {
	const struct virtio_mmio *dev;
	struct virtq_memory *mem;
	uint32_t index;
	uint16_t size;
	bool event_idx;
	bool broken;
	uint16_t avail_idx;    /* next to offer */
	uint16_t notified_idx; /* offered when the device was last told */
	uint16_t used_idx;     /* next to take */
	uint16_t free_head;
	uint16_t free_count;
	uint16_t next[VIRTQ_SIZE_MAX];		 /* of a chain, or of the free list */
	uint16_t chain_count[VIRTQ_SIZE_MAX];	 /* at the head of a chain in flight; else 0 */
	uint32_t writable_bytes[VIRTQ_SIZE_MAX]; /* at the head: what the device may write */
};

/** Set a queue up on a device between virtio_mmio_begin and virtio_mmio_run. ERR_UNSUPPORTED: no such queue. */
enum err virtq_init(struct virtq *q, const struct virtio_mmio *dev, uint32_t index, struct virtq_memory *mem,
	uint32_t size_max) MUST_CHECK;
/**
 * Offer one request of count pieces; the device sees it at virtq_kick. *head names it until it is taken back.
 *
 * @return ERR_OK; ERR_FULL; ERR_RANGE: no pieces, or more than the queue has; ERR_IO: the queue is broken.
 */
enum err virtq_add(struct virtq *q, const struct virtq_buf *bufs, uint32_t count, uint16_t *head) MUST_CHECK;
/** Tell the device of what was added, if it wants to be told. */
void virtq_kick(struct virtq *q);
/**
 * Take back a finished request.
 *
 * @return ERR_OK with *head and the bytes the device says it wrote; ERR_AGAIN: none; ERR_IO: the queue is broken.
 */
enum err virtq_take(struct virtq *q, uint16_t *head, uint32_t *written_bytes) MUST_CHECK;
/** No interrupts from this queue; a hint to the device. */
void virtq_interrupt_off(struct virtq *q);
/**
 * Ask for an interrupt once count requests (1 or more) are there to be taken. A device without
 * EVENT_IDX gives one at the first.
 *
 * @return true when they are there already: take them, no interrupt will come for them.
 */
bool virtq_interrupt_after(struct virtq *q, uint16_t count);

#endif
