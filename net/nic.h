/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * An Ethernet interface below lwIP. Implemented by drivers/virtio_net/ and by a wire in
 * the tests. Frames carry no FCS. All calls come from the service core.
 */
#ifndef NET_NIC_H
#define NET_NIC_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define NIC_SEGMENTS_MAX    8u
#define NIC_FRAME_BYTES_MAX 9018u /* jumbo: MTU 9000 + Ethernet header */

struct nic_segment {
	const uint8_t *bytes;
	size_t len_bytes;
};

struct nic_ops {
	void (*mac)(void *ctx, uint8_t out[6]);
	uint32_t (*mtu)(void *ctx);
	/**
	 * Queue one frame of up to NIC_SEGMENTS_MAX pieces by reference: the bytes stay untouched
	 * until tx_done() has reached the value tx_queued() has after this call. ERR_FULL.
	 */
	enum err (*send)(void *ctx, const struct nic_segment *segments, uint32_t count);
	/** Frames queued and frames completed since start; wrap-free counters. tx_done() reaps the ring. */
	uint64_t (*tx_queued)(void *ctx);
	uint64_t (*tx_done)(void *ctx);
	/**
	 * Oldest received frame, borrowed until receive_done(). ERR_AGAIN when there is none.
	 */
	enum err (*receive)(void *ctx, const uint8_t **bytes, size_t *len_bytes);
	void (*receive_done)(void *ctx);
};

struct nic {
	const struct nic_ops *ops;
	void *ctx;
};

#endif
