/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A virtio device behind the MMIO transport (Virtual I/O Device 1.2, 4.2), modern interface
 * only: version 2, VIRTIO_F_VERSION_1. Memory of rings is identity mapped.
 */
#ifndef DRIVERS_VIRTIO_MMIO_VIRTIO_MMIO_H
#define DRIVERS_VIRTIO_MMIO_VIRTIO_MMIO_H

#include <stdint.h>

#include "core/base/bits.h"
#include "core/base/err.h"

#define VIRTIO_ID_NET		1u
#define VIRTIO_ID_RNG		4u

/* 6 Reserved feature bits */
#define VIRTIO_F_EVENT_IDX	BIT64(29)
#define VIRTIO_F_VERSION_1	BIT64(32)

/* 4.2.2 InterruptStatus */
#define VIRTIO_IRQ_USED		BIT32(0)
#define VIRTIO_IRQ_CONFIG	BIT32(1)

#define VIRTIO_RESET_POLLS_MAX	100000u
#define VIRTIO_CONFIG_TRIES_MAX 16u

struct virtio_mmio {
	uintptr_t base;
	uint64_t features; /* accepted by both sides */
};

/**
 * Look, without touching the device: is there a modern device with this ID?
 *
 * @return ERR_OK; ERR_UNSUPPORTED: no virtio, or a legacy one; ERR_MISMATCH: another device, or an empty slot.
 */
enum err virtio_mmio_probe(struct virtio_mmio *v, uintptr_t base, uint32_t device_id) MUST_CHECK;
/**
 * Reset, acknowledge, and agree on features: required, and as much of wanted as there is.
 *
 * @return ERR_OK; ERR_UNSUPPORTED: a required feature is missing, or refused; ERR_IO: the reset does not end.
 */
enum err virtio_mmio_begin(struct virtio_mmio *v, uint64_t required, uint64_t wanted) MUST_CHECK;
/** Largest size of a queue; 0: no such queue, or already in use. */
uint32_t virtio_mmio_queue_max(const struct virtio_mmio *v, uint32_t queue);
/** Hand a queue over. Addresses are physical. */
void virtio_mmio_queue_set(const struct virtio_mmio *v, uint32_t queue, uint32_t size, const void *desc,
	const void *avail, const void *used);
/** DRIVER_OK: the device may run. ERR_IO: it says FAILED or NEEDS_RESET. */
enum err virtio_mmio_run(const struct virtio_mmio *v) MUST_CHECK;
/** Give up: FAILED, so that the device stops looking at our memory; then reset. */
void virtio_mmio_stop(const struct virtio_mmio *v);
void virtio_mmio_notify(const struct virtio_mmio *v, uint32_t queue);
/** Read and acknowledge what raised the interrupt: VIRTIO_IRQ_*. */
uint32_t virtio_mmio_irq(const struct virtio_mmio *v);
/** len_bytes of the device configuration, read until its generation stood still. ERR_IO when it does not. */
enum err virtio_mmio_config(const struct virtio_mmio *v, uint32_t offset, uint8_t *out, uint32_t len_bytes) MUST_CHECK;

#endif
