/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * virtio entropy device (Virtual I/O Device 1.2, 5.4): one buffer is kept filled; a caller that asks for more than there is
 * waits for a bounded number of polls.
 */
#ifndef DRIVERS_VIRTIO_RNG_VIRTIO_RNG_H
#define DRIVERS_VIRTIO_RNG_VIRTIO_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "drivers/virtio_mmio/virtio_mmio.h"

#define VIRTIO_RNG_BYTES	512u

struct virtio_rng {
	struct virtio_mmio device;
	struct virtq queue;
	struct virtq_memory memory;
	uint32_t have_bytes;		/* unread, at the end of what came */
	uint32_t at;
	bool asked;
	_Alignas(64) uint8_t bytes[VIRTIO_RNG_BYTES];
};

/** ERR_UNSUPPORTED: no modern entropy device at base. */
MUST_CHECK enum err virtio_rng_init(struct virtio_rng *r, uintptr_t base);
/** Every byte is handed out once. ERR_TIMEOUT, ERR_IO: nothing in out may be used. */
MUST_CHECK enum err virtio_rng_read(struct virtio_rng *r, uint8_t *out, size_t len_bytes);

#endif
