/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A virtio device on MMIO (Virtual I/O Device 1.2, 4.2), modern only, and its split
 * virtqueues (2.7). What the device writes (indices, ids, lengths) is checked: an answer that
 * cannot be marks the queue broken, and nothing more is taken from it.
 *
 * Virtual and physical addresses are equal. Devices are coherent.
 */
#ifndef DRIVERS_VIRTIO_MMIO_VIRTIO_MMIO_H
#define DRIVERS_VIRTIO_MMIO_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define VIRTIO_ID_NET		1u
#define VIRTIO_ID_ENTROPY	4u

#define VIRTIO_QUEUE_MAX	256u	/* descriptors; a power of two */
#define VIRTIO_F_VERSION_1	(UINT64_C(1) << 32)

struct virtio_mmio {
	uintptr_t base;
};

struct virtq_desc {
	uint64_t addr;
	uint32_t len_bytes;
	uint16_t flags;
	uint16_t next;
};

#define VIRTQ_DESC_NEXT		1u
#define VIRTQ_DESC_WRITE	2u	/* for the device to write */

/** Memory that the device reads and writes; static, page-aligned. */
struct virtq_memory {
	_Alignas(4096) struct virtq_desc desc[VIRTIO_QUEUE_MAX];
	struct {
		uint16_t flags;
		uint16_t idx;
		uint16_t ring[VIRTIO_QUEUE_MAX];
	} avail;
	_Alignas(64) struct {
		uint16_t flags;
		uint16_t idx;
		struct {
			uint32_t id;
			uint32_t len_bytes;
		} ring[VIRTIO_QUEUE_MAX];
	} used;
};

struct virtq {
	struct virtio_mmio *device;
	struct virtq_memory *memory;
	uint16_t index;
	uint16_t size;
	uint16_t avail_idx;	/* next to publish */
	uint16_t used_idx;	/* next to take */
	bool broken;
};

/** A device of this kind at base? ERR_UNSUPPORTED: none, another kind, or a legacy one. */
MUST_CHECK enum err virtio_mmio_probe(struct virtio_mmio *v, uintptr_t base, uint32_t device_id);
/**
 * Reset, then negotiate: VERSION_1 and required must be offered, of optional what is offered is
 * taken. ERR_UNSUPPORTED. *features is what was agreed.
 */
MUST_CHECK enum err virtio_mmio_begin(struct virtio_mmio *v, uint64_t required, uint64_t optional, uint64_t *features);
/** Between begin and ready. size: a power of two, at most VIRTIO_QUEUE_MAX. ERR_UNSUPPORTED: no such queue or too small. */
MUST_CHECK enum err virtio_mmio_queue(struct virtio_mmio *v, struct virtq *q, uint16_t index, uint16_t size,
				      struct virtq_memory *memory);
void virtio_mmio_ready(struct virtio_mmio *v);
uint8_t virtio_mmio_config8(const struct virtio_mmio *v, uint32_t offset);
/** Acknowledge the interrupt. */
void virtio_mmio_ack(const struct virtio_mmio *v);

/** Give the chain at head to the device. The caller has filled its descriptors. */
void virtq_offer(struct virtq *q, uint16_t head);
/** Tell the device that chains were offered, unless it asked not to be told. */
void virtq_notify(struct virtq *q);
/**
 * Take the next chain back. ERR_OK; ERR_AGAIN: none; ERR_IO: the device's index or id cannot be, the queue is broken.
 */
MUST_CHECK enum err virtq_take(struct virtq *q, uint16_t *head, uint32_t *len_bytes);

#endif
