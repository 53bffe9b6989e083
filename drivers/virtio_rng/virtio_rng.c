/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/virtio_rng/virtio_rng.h"

#include <string.h>

#include "core/base/bits.h"

#define QUEUE_SIZE	8u
#define POLLS_MAX	10000000u	/* the device answers from its host; seconds at most */

static void ask(struct virtio_rng *r)
{
	r->memory.desc[0] = (struct virtq_desc){
		.addr = (uint64_t)(uintptr_t)r->bytes,
		.len_bytes = VIRTIO_RNG_BYTES,
		.flags = VIRTQ_DESC_WRITE,
	};
	r->asked = true;
	virtq_offer(&r->queue, 0);
	virtq_notify(&r->queue);
}

enum err virtio_rng_init(struct virtio_rng *r, uintptr_t base)
{
	uint64_t features;
	enum err err = virtio_mmio_probe(&r->device, base, VIRTIO_ID_ENTROPY);

	if (err == ERR_OK) {
		err = virtio_mmio_begin(&r->device, 0, 0, &features);
	}
	if (err == ERR_OK) {
		err = virtio_mmio_queue(&r->device, &r->queue, 0, QUEUE_SIZE, &r->memory);
	}
	if (err != ERR_OK) {
		return err;
	}
	r->have_bytes = 0;
	r->at = 0;
	virtio_mmio_ready(&r->device);
	ask(r);
	return ERR_OK;
}

/** Wait, bounded, for the buffer that was asked for. */
static enum err refill(struct virtio_rng *r)
{
	uint16_t head;
	uint32_t len;

	if (!r->asked) {
		ask(r);
	}
	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		enum err err = virtq_take(&r->queue, &head, &len);

		if (err == ERR_AGAIN) {
			continue;
		}
		if (err != ERR_OK || head != 0 || len == 0 || len > VIRTIO_RNG_BYTES) {
			return ERR_IO;
		}
		virtio_mmio_ack(&r->device);
		r->asked = false;
		r->have_bytes = len;
		r->at = 0;
		return ERR_OK;
	}
	return ERR_TIMEOUT;
}

enum err virtio_rng_read(struct virtio_rng *r, uint8_t *out, size_t len_bytes)
{
	while (len_bytes > 0) {
		size_t n;

		if (r->at == r->have_bytes) {
			enum err err = refill(r);

			if (err != ERR_OK) {
				return err;
			}
		}
		n = MIN(len_bytes, r->have_bytes - r->at);
		memcpy(out, r->bytes + r->at, n);
		memset(r->bytes + r->at, 0, n);
		r->at += (uint32_t)n;
		out += n;
		len_bytes -= n;
	}
	return ERR_OK;
}
