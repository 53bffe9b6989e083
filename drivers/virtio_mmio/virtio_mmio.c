/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/virtio_mmio/virtio_mmio.h"

#include "drivers/mmio.h"

/* 4.2.2 MMIO device register layout */
#define VIRTIO_MAGIC		   0x000u
#define VIRTIO_MAGIC_VALUE	   0x74726976u
#define VIRTIO_VERSION		   0x004u
#define VIRTIO_VERSION_MODERN	   2u
#define VIRTIO_DEVICE_ID	   0x008u
#define VIRTIO_DEVICE_FEATURES	   0x010u
#define VIRTIO_DEVICE_FEATURES_SEL 0x014u
#define VIRTIO_DRIVER_FEATURES	   0x020u
#define VIRTIO_DRIVER_FEATURES_SEL 0x024u
#define VIRTIO_QUEUE_SEL	   0x030u
#define VIRTIO_QUEUE_NUM_MAX	   0x034u
#define VIRTIO_QUEUE_NUM	   0x038u
#define VIRTIO_QUEUE_READY	   0x044u
#define VIRTIO_QUEUE_NOTIFY	   0x050u
#define VIRTIO_INTERRUPT_STATUS	   0x060u
#define VIRTIO_INTERRUPT_ACK	   0x064u
#define VIRTIO_STATUS		   0x070u
#define VIRTIO_QUEUE_DESC	   0x080u
#define VIRTIO_QUEUE_DRIVER	   0x090u
#define VIRTIO_QUEUE_DEVICE	   0x0a0u
#define VIRTIO_CONFIG_GENERATION   0x0fcu
#define VIRTIO_CONFIG		   0x100u

/* 2.1 Device status field */
#define VIRTIO_STATUS_ACKNOWLEDGE  BIT32(0)
#define VIRTIO_STATUS_DRIVER	   BIT32(1)
#define VIRTIO_STATUS_DRIVER_OK	   BIT32(2)
#define VIRTIO_STATUS_FEATURES_OK  BIT32(3)
#define VIRTIO_STATUS_NEEDS_RESET  BIT32(6)
#define VIRTIO_STATUS_FAILED	   BIT32(7)

static uint32_t reg(const struct virtio_mmio *v, uint32_t offset)
{
	return mmio_read32(v->base + offset);
}

static void reg_set(const struct virtio_mmio *v, uint32_t offset, uint32_t value)
{
	mmio_write32(v->base + offset, value);
}

static void status_add(const struct virtio_mmio *v, uint32_t bits)
{
	reg_set(v, VIRTIO_STATUS, reg(v, VIRTIO_STATUS) | bits);
}

enum err virtio_mmio_probe(struct virtio_mmio *v, uintptr_t base, uint32_t device_id)
{
	*v = (struct virtio_mmio){ .base = base };
	if (reg(v, VIRTIO_MAGIC) != VIRTIO_MAGIC_VALUE || reg(v, VIRTIO_VERSION) != VIRTIO_VERSION_MODERN) {
		return ERR_UNSUPPORTED;
	}
	return reg(v, VIRTIO_DEVICE_ID) == device_id ? ERR_OK : ERR_MISMATCH;
}

static enum err reset(const struct virtio_mmio *v)
{
	reg_set(v, VIRTIO_STATUS, 0);
	for (uint32_t i = 0; i < VIRTIO_RESET_POLLS_MAX; i++) {
		if (reg(v, VIRTIO_STATUS) == 0) {
			return ERR_OK;
		}
	}
	return ERR_IO;
}

static uint64_t device_features(const struct virtio_mmio *v)
{
	uint64_t low;

	reg_set(v, VIRTIO_DEVICE_FEATURES_SEL, 0);
	low = reg(v, VIRTIO_DEVICE_FEATURES);
	reg_set(v, VIRTIO_DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)reg(v, VIRTIO_DEVICE_FEATURES) << 32;
}

enum err virtio_mmio_begin(struct virtio_mmio *v, uint64_t required, uint64_t wanted)
{
	uint64_t offered;
	enum err err = reset(v);

	if (err != ERR_OK) {
		return err;
	}
	required |= VIRTIO_F_VERSION_1;
	status_add(v, VIRTIO_STATUS_ACKNOWLEDGE);
	status_add(v, VIRTIO_STATUS_DRIVER);
	offered = device_features(v);
	if ((required & ~offered) != 0) {
		virtio_mmio_stop(v);
		return ERR_UNSUPPORTED;
	}
	v->features = offered & (required | wanted);
	reg_set(v, VIRTIO_DRIVER_FEATURES_SEL, 0);
	reg_set(v, VIRTIO_DRIVER_FEATURES, (uint32_t)v->features);
	reg_set(v, VIRTIO_DRIVER_FEATURES_SEL, 1);
	reg_set(v, VIRTIO_DRIVER_FEATURES, (uint32_t)(v->features >> 32));
	status_add(v, VIRTIO_STATUS_FEATURES_OK);
	if ((reg(v, VIRTIO_STATUS) & VIRTIO_STATUS_FEATURES_OK) == 0) {
		virtio_mmio_stop(v);
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

uint32_t virtio_mmio_queue_max(const struct virtio_mmio *v, uint32_t queue)
{
	reg_set(v, VIRTIO_QUEUE_SEL, queue);
	return reg(v, VIRTIO_QUEUE_READY) != 0 ? 0 : reg(v, VIRTIO_QUEUE_NUM_MAX);
}

static void address_set(const struct virtio_mmio *v, uint32_t offset, const void *mem)
{
	uint64_t at = (uint64_t)(uintptr_t)mem;

	reg_set(v, offset, (uint32_t)at);
	reg_set(v, offset + 4, (uint32_t)(at >> 32));
}

void virtio_mmio_queue_set(const struct virtio_mmio *v, uint32_t queue, uint32_t size, const void *desc,
	const void *avail, const void *used)
{
	reg_set(v, VIRTIO_QUEUE_SEL, queue);
	reg_set(v, VIRTIO_QUEUE_NUM, size);
	address_set(v, VIRTIO_QUEUE_DESC, desc);
	address_set(v, VIRTIO_QUEUE_DRIVER, avail);
	address_set(v, VIRTIO_QUEUE_DEVICE, used);
	mmio_wmb();
	reg_set(v, VIRTIO_QUEUE_READY, 1);
}

enum err virtio_mmio_run(const struct virtio_mmio *v)
{
	status_add(v, VIRTIO_STATUS_DRIVER_OK);
	return (reg(v, VIRTIO_STATUS) & (VIRTIO_STATUS_FAILED | VIRTIO_STATUS_NEEDS_RESET)) == 0 ? ERR_OK : ERR_IO;
}

void virtio_mmio_stop(const struct virtio_mmio *v)
{
	status_add(v, VIRTIO_STATUS_FAILED);
	(void)!reset(v);
}

void virtio_mmio_notify(const struct virtio_mmio *v, uint32_t queue)
{
	reg_set(v, VIRTIO_QUEUE_NOTIFY, queue);
}

uint32_t virtio_mmio_irq(const struct virtio_mmio *v)
{
	uint32_t status = reg(v, VIRTIO_INTERRUPT_STATUS);

	if (status != 0) {
		reg_set(v, VIRTIO_INTERRUPT_ACK, status);
	}
	return status;
}

enum err virtio_mmio_config(const struct virtio_mmio *v, uint32_t offset, uint8_t *out, uint32_t len_bytes)
{
	for (uint32_t i = 0; i < VIRTIO_CONFIG_TRIES_MAX; i++) {
		uint32_t generation = reg(v, VIRTIO_CONFIG_GENERATION);

		for (uint32_t n = 0; n < len_bytes; n++) {
			out[n] = mmio_read8(v->base + VIRTIO_CONFIG + offset + n);
		}
		if (reg(v, VIRTIO_CONFIG_GENERATION) == generation) {
			return ERR_OK;
		}
	}
	return ERR_IO;
}
