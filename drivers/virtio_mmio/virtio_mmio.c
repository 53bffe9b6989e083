/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/virtio_mmio/virtio_mmio.h"

#include <string.h>

#include "drivers/mmio.h"

/* Virtual I/O Device 1.2, 4.2.2: MMIO device registers. */
#define MAGIC_VALUE		0x000u
#define MAGIC			0x74726976u
#define VERSION			0x004u
#define VERSION_MODERN		2u
#define DEVICE_ID		0x008u
#define DEVICE_FEATURES		0x010u
#define DEVICE_FEATURES_SEL	0x014u
#define DRIVER_FEATURES		0x020u
#define DRIVER_FEATURES_SEL	0x024u
#define QUEUE_SEL		0x030u
#define QUEUE_NUM_MAX		0x034u
#define QUEUE_NUM		0x038u
#define QUEUE_READY		0x044u
#define QUEUE_NOTIFY		0x050u
#define INTERRUPT_STATUS	0x060u
#define INTERRUPT_ACK		0x064u
#define STATUS			0x070u
#define QUEUE_DESC		0x080u
#define QUEUE_DRIVER		0x090u
#define QUEUE_DEVICE		0x0a0u
#define CONFIG			0x100u

/* 2.1: device status. */
#define STATUS_ACKNOWLEDGE	1u
#define STATUS_DRIVER		2u
#define STATUS_DRIVER_OK	4u
#define STATUS_FEATURES_OK	8u

#define RESET_READS_MAX		100000u
#define USED_NO_NOTIFY		1u

static uint32_t reg_read(const struct virtio_mmio *v, uint32_t offset)
{
	return mmio_read32(v->base + offset);
}

static void reg_write(const struct virtio_mmio *v, uint32_t offset, uint32_t value)
{
	mmio_write32(v->base + offset, value);
}

enum err virtio_mmio_probe(struct virtio_mmio *v, uintptr_t base, uint32_t device_id)
{
	v->base = base;
	if (reg_read(v, MAGIC_VALUE) != MAGIC || reg_read(v, VERSION) != VERSION_MODERN ||
	    reg_read(v, DEVICE_ID) != device_id) {
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

static uint64_t offered_features(const struct virtio_mmio *v)
{
	uint64_t low;

	reg_write(v, DEVICE_FEATURES_SEL, 0);
	low = reg_read(v, DEVICE_FEATURES);
	reg_write(v, DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)reg_read(v, DEVICE_FEATURES) << 32;
}

enum err virtio_mmio_begin(struct virtio_mmio *v, uint64_t required, uint64_t optional, uint64_t *features)
{
	uint64_t offered, agreed;
	uint32_t reads = 0;

	reg_write(v, STATUS, 0);
	while (reg_read(v, STATUS) != 0) {
		if (++reads == RESET_READS_MAX) {
			return ERR_UNSUPPORTED;
		}
	}
	reg_write(v, STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	required |= VIRTIO_F_VERSION_1;
	offered = offered_features(v);
	if ((offered & required) != required) {
		return ERR_UNSUPPORTED;
	}
	agreed = offered & (required | optional);
	reg_write(v, DRIVER_FEATURES_SEL, 0);
	reg_write(v, DRIVER_FEATURES, (uint32_t)agreed);
	reg_write(v, DRIVER_FEATURES_SEL, 1);
	reg_write(v, DRIVER_FEATURES, (uint32_t)(agreed >> 32));
	reg_write(v, STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	if ((reg_read(v, STATUS) & STATUS_FEATURES_OK) == 0) {
		return ERR_UNSUPPORTED;
	}
	*features = agreed;
	return ERR_OK;
}

static void write_address(const struct virtio_mmio *v, uint32_t offset, const volatile void *mem)
{
	uint64_t pa = (uint64_t)(uintptr_t)mem;

	reg_write(v, offset, (uint32_t)pa);
	reg_write(v, offset + 4, (uint32_t)(pa >> 32));
}

enum err virtio_mmio_queue(struct virtio_mmio *v, struct virtq *q, uint16_t index, uint16_t size, struct virtq_memory *memory)
{
	reg_write(v, QUEUE_SEL, index);
	if (reg_read(v, QUEUE_READY) != 0 || reg_read(v, QUEUE_NUM_MAX) < size) {
		return ERR_UNSUPPORTED;
	}
	memset(memory, 0, sizeof(*memory));
	*q = (struct virtq){ .device = v, .memory = memory, .index = index, .size = size };
	reg_write(v, QUEUE_NUM, size);
	write_address(v, QUEUE_DESC, memory->desc);
	write_address(v, QUEUE_DRIVER, &memory->avail);
	write_address(v, QUEUE_DEVICE, &memory->used);
	mmio_wmb();
	reg_write(v, QUEUE_READY, 1);
	return ERR_OK;
}

void virtio_mmio_ready(struct virtio_mmio *v)
{
	reg_write(v, STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

uint8_t virtio_mmio_config8(const struct virtio_mmio *v, uint32_t offset)
{
	return mmio_read8(v->base + CONFIG + offset);
}

void virtio_mmio_ack(const struct virtio_mmio *v)
{
	reg_write(v, INTERRUPT_ACK, reg_read(v, INTERRUPT_STATUS));
}

void virtq_offer(struct virtq *q, uint16_t head)
{
	q->memory->avail.ring[q->avail_idx & (q->size - 1u)] = head;
	q->avail_idx++;
	/* The descriptors and the ring entry are seen before the index that publishes them (2.7.13.2). */
	mmio_wmb();
	__atomic_store_n(&q->memory->avail.idx, q->avail_idx, __ATOMIC_RELAXED);
}

void virtq_notify(struct virtq *q)
{
	/* The index is seen before the flag is read, or both sides may wait for each other (2.7.13.4.1). */
	mmio_mb();
	if ((__atomic_load_n(&q->memory->used.flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY) == 0) {
		reg_write(q->device, QUEUE_NOTIFY, q->index);
	}
}

enum err virtq_take(struct virtq *q, uint16_t *head, uint32_t *len_bytes)
{
	uint16_t idx = __atomic_load_n(&q->memory->used.idx, __ATOMIC_RELAXED);
	uint16_t waiting = (uint16_t)(idx - q->used_idx);
	uint32_t id, slot;

	if (q->broken) {
		return ERR_IO;
	}
	if (waiting == 0) {
		return ERR_AGAIN;
	}
	/* The device cannot have used more than it was offered. */
	if (waiting > (uint16_t)(q->avail_idx - q->used_idx)) {
		q->broken = true;
		return ERR_IO;
	}
	mmio_rmb();
	slot = q->used_idx & (q->size - 1u);
	id = __atomic_load_n(&q->memory->used.ring[slot].id, __ATOMIC_RELAXED);
	if (id >= q->size) {
		q->broken = true;
		return ERR_IO;
	}
	*head = (uint16_t)id;
	*len_bytes = __atomic_load_n(&q->memory->used.ring[slot].len_bytes, __ATOMIC_RELAXED);
	q->used_idx++;
	return ERR_OK;
}
