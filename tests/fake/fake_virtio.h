/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A virtio-mmio device (Virtual I/O Device 1.2, 4.2) whose device side the test plays: it pops
 * what the driver offered, pushes answers, or writes nonsense into the used ring.
 */
#ifndef TESTS_FAKE_FAKE_VIRTIO_H
#define TESTS_FAKE_FAKE_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_VIRTIO_QUEUES    2u
#define FAKE_VIRTIO_CHAIN_MAX 16u

struct fake_virtio_queue {
	uint32_t size, ready, notified;
	uint64_t desc, avail, used;
	uint16_t avail_seen; /* next to pop */
	uint16_t used_idx;   /* next to push */
};

struct fake_virtio {
	/* Set by the test. */
	uint32_t magic, version, device_id;
	uint64_t features;
	uint32_t queue_max;
	bool refuses_features, never_resets;
	uint8_t config[64];
	uint32_t config_moves; /* generation changes during so many reads */

	uint64_t accepted;
	uint32_t status, features_sel, driver_sel, queue_sel, irq, generation;
	uint32_t writes;
	struct fake_virtio_queue queue[FAKE_VIRTIO_QUEUES];
};

struct fake_virtio_chain {
	uint16_t head;
	uint32_t count;
	struct {
		uint8_t *at;
		uint32_t len_bytes;
		bool device_writes;
	} piece[FAKE_VIRTIO_CHAIN_MAX];
};

void fake_virtio_init(struct fake_virtio *f, uint32_t device_id, uint64_t features);
void fake_virtio_map(struct fake_virtio *f, uintptr_t base);
/** Oldest offered chain; false when there is none. */
bool fake_virtio_pop(struct fake_virtio *f, uint32_t queue, struct fake_virtio_chain *out);
void fake_virtio_push(struct fake_virtio *f, uint32_t queue, uint32_t id, uint32_t len_bytes);
/** Make the used index anything. */
void fake_virtio_used_idx(struct fake_virtio *f, uint32_t queue, uint16_t idx);
/** used_event as the driver wrote it, avail.flags likewise; avail_event and used.flags as the device says. */
uint16_t fake_virtio_used_event(const struct fake_virtio *f, uint32_t queue);
uint16_t fake_virtio_avail_flags(const struct fake_virtio *f, uint32_t queue);
void fake_virtio_set_avail_event(struct fake_virtio *f, uint32_t queue, uint16_t idx);
void fake_virtio_set_used_flags(struct fake_virtio *f, uint32_t queue, uint16_t flags);

#endif
