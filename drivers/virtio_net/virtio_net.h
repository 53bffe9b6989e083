/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * virtio-net (Virtual I/O Device 1.2, 5.1) over MMIO as a NIC (net/nic.h): one receive and one
 * transmit queue, no offloads. Frames are sent by reference; received ones lie in buffers of
 * this struct until they are done with. One core calls it, except virtio_net_irq, which may be
 * called from an interrupt of the same core.
 */
#ifndef DRIVERS_VIRTIO_NET_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "drivers/virtio_mmio/virtq.h"
#include "net/nic.h"

#define VIRTIO_NET_RX_COUNT	128u
#define VIRTIO_NET_RX_BYTES	2048u /* header, and a frame of the usual MTU */
#define VIRTIO_NET_HEADER_BYTES 12u
#define VIRTIO_NET_MTU		1500u

struct virtio_net_counts {
	uint64_t rx_frames, tx_frames;
	uint64_t rx_bad; /* lengths that no frame has: dropped */
	uint64_t tx_full;
	uint64_t irqs;
};

/** One NIC, its rings and its receive buffers; static, in memory that is mapped to itself. */
struct virtio_net {
	struct virtio_mmio dev;
	struct virtq rx, tx;
	uint8_t mac[6];
	uint16_t mtu;
	bool rx_lent; /* rx_head is with the caller */
	uint16_t rx_head;
	uint64_t tx_queued;
	uint64_t tx_done;		   /* all frames before this one are done, in order */
	uint64_t tx_frame[VIRTQ_SIZE_MAX]; /* by head: which frame */
	bool tx_finished[VIRTQ_SIZE_MAX];  /* by frame modulo size: done, but not all before it */
	struct virtio_net_counts counts;
	uint16_t rx_buffer_of[VIRTQ_SIZE_MAX]; /* by head */
	struct virtq_memory rx_memory, tx_memory;
	uint8_t header[16]; /* all frames go out under this one: no offload, so all zero */
	uint8_t rx_buffer[VIRTIO_NET_RX_COUNT][VIRTIO_NET_RX_BYTES] __attribute__((aligned(64)));
};

/**
 * Bring up the device at base.
 *
 * @return ERR_OK; ERR_UNSUPPORTED or ERR_MISMATCH: no modern virtio-net there (another device is
 *         not touched); ERR_IO: it misbehaves.
 */
enum err virtio_net_init(struct virtio_net *net, uintptr_t base) MUST_CHECK;
/** Acknowledge the interrupt; frames are then found by nic_ops.receive. */
void virtio_net_irq(struct virtio_net *net);
/** Valid as long as net. */
struct nic virtio_net_nic(struct virtio_net *net);

#endif
