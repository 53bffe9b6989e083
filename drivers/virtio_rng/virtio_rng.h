/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * virtio-rng (Virtual I/O Device 1.2, 5.4) over MMIO: randomness of the machine below. What
 * was fetched ahead is handed out once and wiped.
 */
#ifndef DRIVERS_VIRTIO_RNG_VIRTIO_RNG_H
#define DRIVERS_VIRTIO_RNG_VIRTIO_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "drivers/virtio_mmio/virtq.h"

#define VIRTIO_RNG_POOL_BYTES 512u
/** Bounds of one virtio_rng_read: bytes, answers of the device, and looks for each of them. */
#define VIRTIO_RNG_READ_MAX   65536u
#define VIRTIO_RNG_POLLS_MAX  2000000u

struct virtio_rng {
	struct virtio_mmio dev;
	struct virtq queue;
	bool asked;	     /* the device is filling the pool */
	uint32_t have_bytes; /* fresh ones at the front of the pool */
	uint32_t used_bytes;
	struct virtq_memory memory;
	uint8_t pool[VIRTIO_RNG_POOL_BYTES] __attribute__((aligned(64)));
};

/** Bring up, and ask for a first pool. ERR_UNSUPPORTED or ERR_MISMATCH: not there (another device is not touched); ERR_IO. */
enum err virtio_rng_init(struct virtio_rng *rng, uintptr_t base) MUST_CHECK;
/**
 * Spins while the device answers, for at most VIRTIO_RNG_POLLS_MAX looks each time the pool is
 * empty: for keys and seeds, not for a stream.
 *
 * @return ERR_OK; ERR_IO: no answer, or a device that misbehaves: out is not to be used.
 *         ERR_RANGE: more than VIRTIO_RNG_READ_MAX.
 */
enum err virtio_rng_read(struct virtio_rng *rng, uint8_t *out, size_t len_bytes) MUST_CHECK;

#endif
