/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/virtio_rng/virtio_rng.h"

#define RNG_QUEUE      0u
#define RNG_QUEUE_SIZE 8u

static enum err ask(struct virtio_rng *rng)
{
	const struct virtq_buf buf = { rng->pool, sizeof(rng->pool), true };
	uint16_t head;
	enum err err = virtq_add(&rng->queue, &buf, 1, &head);

	if (err == ERR_OK) {
		rng->asked = true;
		virtq_kick(&rng->queue);
	}
	return err;
}

enum err virtio_rng_init(struct virtio_rng *rng, uintptr_t base)
{
	enum err err = virtio_mmio_probe(&rng->dev, base, VIRTIO_ID_RNG);

	if (err != ERR_OK) {
		return err;
	}
	rng->asked = false;
	rng->have_bytes = 0;
	rng->used_bytes = 0;
	err = virtio_mmio_begin(&rng->dev, 0, 0);
	if (err != ERR_OK) {
		return err;
	}
	err = virtq_init(&rng->queue, &rng->dev, RNG_QUEUE, &rng->memory, RNG_QUEUE_SIZE);
	if (err == ERR_OK) {
		/* Nobody listens to its interrupt. */
		virtq_interrupt_off(&rng->queue);
		err = virtio_mmio_run(&rng->dev);
	}
	if (err == ERR_OK) {
		err = ask(rng);
	}
	if (err != ERR_OK) {
		virtio_mmio_stop(&rng->dev);
	}
	return err;
}

/* Wait for the answer that was asked for. An answer of nothing is none. */
static enum err refill(struct virtio_rng *rng)
{
	if (!rng->asked) {
		enum err err = ask(rng);

		if (err != ERR_OK) {
			return err;
		}
	}
	for (uint32_t i = 0; i < VIRTIO_RNG_POLLS_MAX; i++) {
		uint16_t head;
		uint32_t len;
		enum err err = virtq_take(&rng->queue, &head, &len);

		if (err == ERR_AGAIN) {
			continue;
		}
		rng->asked = false;
		if (err != ERR_OK || len == 0) {
			return ERR_IO;
		}
		rng->have_bytes = len;
		rng->used_bytes = 0;
		return ERR_OK;
	}
	return ERR_IO;
}

enum err virtio_rng_read(struct virtio_rng *rng, uint8_t *out, size_t len_bytes)
{
	if (len_bytes > VIRTIO_RNG_READ_MAX) {
		return ERR_RANGE;
	}
	for (size_t at = 0; at < len_bytes; at++) {
		if (rng->used_bytes == rng->have_bytes) {
			enum err err = refill(rng);

			if (err != ERR_OK) {
				return err;
			}
		}
		out[at] = rng->pool[rng->used_bytes];
		rng->pool[rng->used_bytes++] = 0;
	}
	if (rng->used_bytes == rng->have_bytes && !rng->asked) {
		return ask(rng); /* the next pool comes while nobody waits */
	}
	return ERR_OK;
}
