/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/virtio_net/virtio_net.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

/* Virtual I/O Device 1.2, 5.1.3 and 5.1.4. */
#define FEATURE_MTU	(UINT64_C(1) << 3)
#define FEATURE_MAC	(UINT64_C(1) << 5)
#define CONFIG_MAC	0u
#define CONFIG_MTU	10u
#define QUEUE_RX	0u
#define QUEUE_TX	1u

#define ETHERNET_HEADER_BYTES	14u
#define MTU_DEFAULT		1500u
#define MTU_MAX			(NIC_FRAME_BYTES_MAX - ETHERNET_HEADER_BYTES - 4u)

_Static_assert(VIRTIO_NET_RX_BYTES >= NIC_FRAME_BYTES_MAX + VIRTIO_NET_HEADER_BYTES, "a receive buffer holds any frame");
_Static_assert(VIRTIO_NET_TX_DESCS <= VIRTIO_QUEUE_MAX && VIRTIO_NET_RX_COUNT <= VIRTIO_QUEUE_MAX, "queue memory");

static void rx_offer(struct virtio_net *n, uint16_t head)
{
	n->rx_memory.desc[head] = (struct virtq_desc){
		.addr = (uint64_t)(uintptr_t)n->rx_bytes[head],
		.len_bytes = VIRTIO_NET_RX_BYTES,
		.flags = VIRTQ_DESC_WRITE,
	};
	virtq_offer(&n->rx, head);
}

static void read_config(struct virtio_net *n, uint64_t features)
{
	n->mtu = MTU_DEFAULT;
	for (uint32_t i = 0; i < sizeof(n->mac); i++) {
		n->mac[i] = virtio_mmio_config8(&n->device, CONFIG_MAC + i);
	}
	if ((features & FEATURE_MTU) != 0) {
		n->mtu = (uint32_t)virtio_mmio_config8(&n->device, CONFIG_MTU) |
			 (uint32_t)virtio_mmio_config8(&n->device, CONFIG_MTU + 1) << 8;
		n->mtu = MIN(n->mtu, MTU_MAX);
	}
}

enum err virtio_net_init(struct virtio_net *n, uintptr_t base)
{
	uint64_t features;
	enum err err = virtio_mmio_probe(&n->device, base, VIRTIO_ID_NET);

	if (err != ERR_OK) {
		return err;
	}
	err = virtio_mmio_begin(&n->device, FEATURE_MAC, FEATURE_MTU, &features);
	if (err != ERR_OK) {
		return err;
	}
	read_config(n, features);
	err = virtio_mmio_queue(&n->device, &n->rx, QUEUE_RX, VIRTIO_NET_RX_COUNT, &n->rx_memory);
	if (err == ERR_OK) {
		err = virtio_mmio_queue(&n->device, &n->tx, QUEUE_TX, VIRTIO_NET_TX_DESCS, &n->tx_memory);
	}
	if (err != ERR_OK) {
		return err;
	}
	for (uint16_t i = 0; i < VIRTIO_NET_TX_DESCS; i++) {
		n->tx_next[i] = (uint16_t)(i + 1u);
		n->tx_descs[i] = 0;
		n->tx_complete[i] = false;
	}
	n->tx_free_head = 0;
	n->tx_free_count = VIRTIO_NET_TX_DESCS;
	n->tx_queued = 0;
	n->tx_done = 0;
	n->rx_is_lent = false;
	memset(n->tx_header, 0, sizeof(n->tx_header));
	virtio_mmio_ready(&n->device);
	for (uint16_t i = 0; i < VIRTIO_NET_RX_COUNT; i++) {
		rx_offer(n, i);
	}
	virtq_notify(&n->rx);
	return ERR_OK;
}

/* ---- transmit ---- */

static uint16_t tx_alloc(struct virtio_net *n)
{
	uint16_t d = n->tx_free_head;

	ASSERT(d < VIRTIO_NET_TX_DESCS);
	n->tx_free_head = n->tx_next[d];
	n->tx_free_count--;
	return d;
}

/** Give a chain's descriptors back: its own next links were ours, so they are walked in our copy. */
static void tx_free(struct virtio_net *n, uint16_t head)
{
	uint16_t last = head;

	for (uint8_t i = 1; i < n->tx_descs[head]; i++) {
		last = n->tx_next[last];
	}
	n->tx_next[last] = n->tx_free_head;
	n->tx_free_head = head;
	n->tx_free_count = (uint16_t)(n->tx_free_count + n->tx_descs[head]);
	n->tx_descs[head] = 0;
	n->tx_complete[head] = false;
}

/** Take what the device completed, then count what is complete without a gap. */
static void tx_reap(struct virtio_net *n)
{
	uint16_t head;
	uint32_t len_bytes;

	for (uint32_t i = 0; i < VIRTIO_NET_TX_FRAMES && virtq_take(&n->tx, &head, &len_bytes) == ERR_OK; i++) {
		if (n->tx_descs[head] == 0 || n->tx_complete[head]) {
			n->tx.broken = true;	/* never offered, or completed twice */
			return;
		}
		n->tx_complete[head] = true;
	}
	while (n->tx_done < n->tx_queued) {
		head = n->tx_order[n->tx_done & (VIRTIO_NET_TX_FRAMES - 1u)];
		if (!n->tx_complete[head]) {
			return;
		}
		tx_free(n, head);
		n->tx_done++;
	}
}

static enum err nic_send(void *ctx, const struct nic_segment *segments, uint32_t count)
{
	struct virtio_net *n = ctx;
	uint16_t head, at;

	if (count == 0 || count > NIC_SEGMENTS_MAX) {
		return ERR_RANGE;
	}
	tx_reap(n);
	if (n->tx.broken) {
		return ERR_IO;
	}
	if (n->tx_free_count < count + 1u || n->tx_queued - n->tx_done == VIRTIO_NET_TX_FRAMES) {
		return ERR_FULL;
	}
	head = tx_alloc(n);
	n->tx_memory.desc[head] = (struct virtq_desc){
		.addr = (uint64_t)(uintptr_t)n->tx_header,
		.len_bytes = VIRTIO_NET_HEADER_BYTES,
		.flags = VIRTQ_DESC_NEXT,
	};
	at = head;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t next = tx_alloc(n);

		n->tx_next[at] = next;
		n->tx_memory.desc[at].next = next;
		n->tx_memory.desc[next] = (struct virtq_desc){
			.addr = (uint64_t)(uintptr_t)segments[i].bytes,
			.len_bytes = (uint32_t)segments[i].len_bytes,
			.flags = i + 1u < count ? VIRTQ_DESC_NEXT : 0,
		};
		at = next;
	}
	n->tx_descs[head] = (uint8_t)(count + 1u);
	n->tx_order[n->tx_queued & (VIRTIO_NET_TX_FRAMES - 1u)] = head;
	n->tx_queued++;
	virtq_offer(&n->tx, head);
	virtq_notify(&n->tx);
	return ERR_OK;
}

static uint64_t nic_tx_queued(void *ctx)
{
	return ((struct virtio_net *)ctx)->tx_queued;
}

static uint64_t nic_tx_done(void *ctx)
{
	struct virtio_net *n = ctx;

	tx_reap(n);
	return n->tx_done;
}

/* ---- receive ---- */

static enum err nic_receive(void *ctx, const uint8_t **bytes, size_t *len_bytes)
{
	struct virtio_net *n = ctx;

	ASSERT(!n->rx_is_lent);
	for (uint32_t i = 0; i < VIRTIO_NET_RX_COUNT; i++) {
		uint16_t head;
		uint32_t len;
		enum err err = virtq_take(&n->rx, &head, &len);

		if (err != ERR_OK) {
			return err;
		}
		if (len <= VIRTIO_NET_HEADER_BYTES || len > VIRTIO_NET_HEADER_BYTES + NIC_FRAME_BYTES_MAX) {
			n->bad_frames++;
			rx_offer(n, head);
			continue;
		}
		n->rx_lent = head;
		n->rx_is_lent = true;
		*bytes = n->rx_bytes[head] + VIRTIO_NET_HEADER_BYTES;
		*len_bytes = len - VIRTIO_NET_HEADER_BYTES;
		return ERR_OK;
	}
	return ERR_AGAIN;
}

static void nic_receive_done(void *ctx)
{
	struct virtio_net *n = ctx;

	ASSERT(n->rx_is_lent);
	n->rx_is_lent = false;
	rx_offer(n, n->rx_lent);
	virtq_notify(&n->rx);
}

static void nic_mac(void *ctx, uint8_t out[6])
{
	memcpy(out, ((struct virtio_net *)ctx)->mac, 6);
}

static uint32_t nic_mtu(void *ctx)
{
	return ((struct virtio_net *)ctx)->mtu;
}

static const struct nic_ops nic_ops = {
	.mac = nic_mac,
	.mtu = nic_mtu,
	.send = nic_send,
	.tx_queued = nic_tx_queued,
	.tx_done = nic_tx_done,
	.receive = nic_receive,
	.receive_done = nic_receive_done,
};

struct nic virtio_net_nic(struct virtio_net *n)
{
	return (struct nic){ .ops = &nic_ops, .ctx = n };
}

void virtio_net_irq(struct virtio_net *n)
{
	virtio_mmio_ack(&n->device);
}
