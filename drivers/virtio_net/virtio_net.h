/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * virtio network device (Virtual I/O Device 1.2, 5.1) behind net/nic.h: one receive and one
 * transmit queue, no offloads. Transmission is by reference; the device may complete in any order, tx_done counts
 * what is complete without a gap.
 */
#ifndef DRIVERS_VIRTIO_NET_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "drivers/virtio_mmio/virtio_mmio.h"
#include "net/nic.h"

#define VIRTIO_NET_RX_COUNT	64u		/* receive buffers; a power of two */
#define VIRTIO_NET_RX_BYTES	9216u		/* each: header and the largest frame */
#define VIRTIO_NET_TX_DESCS	256u
#define VIRTIO_NET_TX_FRAMES	64u		/* frames under way; a power of two */
#define VIRTIO_NET_HEADER_BYTES	12u

/** Static, DMA-able; owned by the board. */
struct virtio_net {
	struct virtio_mmio device;
	struct virtq rx, tx;
	struct virtq_memory rx_memory, tx_memory;
	uint8_t mac[6];
	uint32_t mtu;
	uint16_t tx_free_head;		/* list through tx_next; VIRTIO_NET_TX_DESCS: empty */
	uint16_t tx_free_count;
	uint16_t tx_next[VIRTIO_NET_TX_DESCS];
	uint8_t tx_descs[VIRTIO_NET_TX_DESCS];	/* length of the chain that begins here, 0: none under way */
	bool tx_complete[VIRTIO_NET_TX_DESCS];
	uint16_t tx_order[VIRTIO_NET_TX_FRAMES]; /* head of frame n, at n modulo count */
	uint64_t tx_queued, tx_done;
	uint16_t rx_lent;		/* head of the frame lent to the caller */
	bool rx_is_lent;
	uint64_t bad_frames;		/* from the device: too short, too long */
	_Alignas(64) uint8_t tx_header[VIRTIO_NET_HEADER_BYTES];	/* zero: no offload; every frame uses it */
	_Alignas(64) uint8_t rx_bytes[VIRTIO_NET_RX_COUNT][VIRTIO_NET_RX_BYTES];
};

/** Take over the device at base. ERR_UNSUPPORTED: no modern virtio-net there, or no MAC. */
MUST_CHECK enum err virtio_net_init(struct virtio_net *n, uintptr_t base);
struct nic virtio_net_nic(struct virtio_net *n);
/** From the interrupt handler. */
void virtio_net_irq(struct virtio_net *n);

#endif
