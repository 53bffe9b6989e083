/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/virtio_net/virtio_net.h"

#include "core/base/bytes.h"

/* 5.1.3 Feature bits, 5.1.4 configuration, 5.1.2 queues */
#define VIRTIO_NET_F_MTU      BIT64(3)
#define VIRTIO_NET_F_MAC      BIT64(5)
#define NET_CONFIG_MAC	      0u
#define NET_CONFIG_MTU	      10u
#define NET_QUEUE_RX	      0u
#define NET_QUEUE_TX	      1u

#define ETHERNET_HEADER_BYTES 14u
#define MTU_MIN		      576u

_Static_assert(VIRTIO_NET_RX_BYTES >= VIRTIO_NET_HEADER_BYTES + ETHERNET_HEADER_BYTES + 4u + VIRTIO_NET_MTU,
	"a receive buffer holds a frame with its header and a VLAN tag");
_Static_assert(VIRTIO_NET_RX_COUNT <= VIRTQ_SIZE_MAX, "each receive buffer has its descriptor");

static enum err rx_post(struct virtio_net *net, uint16_t buffer)
{
	const struct virtq_buf buf = { net->rx_buffer[buffer], VIRTIO_NET_RX_BYTES, true };
	uint16_t head;
	enum err err = virtq_add(&net->rx, &buf, 1, &head);

	if (err == ERR_OK) {
		net->rx_buffer_of[head] = buffer;
	}
	return err;
}

/* Descriptors never fail to be there: a buffer goes back where one came from. */
static void rx_repost(struct virtio_net *net, uint16_t buffer)
{
	if (rx_post(net, buffer) == ERR_OK) {
		virtq_kick(&net->rx);
	}
}

static void tx_reap(struct virtio_net *net)
{
	uint16_t head;
	uint32_t len;

	for (uint32_t i = 0; i < VIRTQ_SIZE_MAX && virtq_take(&net->tx, &head, &len) == ERR_OK; i++) {
		net->tx_finished[net->tx_frame[head] % VIRTQ_SIZE_MAX] = true;
	}
	/* The device may finish out of order; the count promises that all before are done too. */
	while (net->tx_done < net->tx_queued && net->tx_finished[net->tx_done % VIRTQ_SIZE_MAX]) {
		net->tx_finished[net->tx_done % VIRTQ_SIZE_MAX] = false;
		net->tx_done++;
	}
}

/* One interrupt for most of what is under way: who waits for room or memory is woken, and not for each frame. */
static void tx_interrupt(struct virtio_net *net)
{
	uint64_t under_way = net->tx_queued - net->tx_done;

	if (under_way == 0) {
		virtq_interrupt_off(&net->tx);
	} else if (virtq_interrupt_after(&net->tx, (uint16_t)(under_way - under_way / 4))) {
		tx_reap(net);
	}
}

static void nic_mac(void *ctx, uint8_t out[6])
{
	const struct virtio_net *net = ctx;

	for (uint32_t i = 0; i < 6; i++) {
		out[i] = net->mac[i];
	}
}

static uint32_t nic_mtu(void *ctx)
{
	const struct virtio_net *net = ctx;

	return net->mtu;
}

static enum err nic_send(void *ctx, const struct nic_segment *segments, uint32_t count)
{
	struct virtio_net *net = ctx;
	struct virtq_buf bufs[NIC_SEGMENTS_MAX + 1];
	size_t total = 0;
	uint16_t head;
	enum err err;

	if (count == 0 || count > NIC_SEGMENTS_MAX) {
		return ERR_RANGE;
	}
	bufs[0] = (struct virtq_buf){ net->header, VIRTIO_NET_HEADER_BYTES, false };
	for (uint32_t i = 0; i < count; i++) {
		if (segments[i].len_bytes == 0 || segments[i].len_bytes > NIC_FRAME_BYTES_MAX) {
			return ERR_RANGE;
		}
		total += segments[i].len_bytes;
		bufs[i + 1] = (struct virtq_buf){ segments[i].bytes, (uint32_t)segments[i].len_bytes, false };
	}
	if (total > (size_t)net->mtu + ETHERNET_HEADER_BYTES + 4u) {
		return ERR_RANGE;
	}
	tx_reap(net);
	/* Out of order, a frame long done may still block the count: its slot is not free then. */
	if (net->tx_queued - net->tx_done >= VIRTQ_SIZE_MAX) {
		err = ERR_FULL;
	} else {
		err = virtq_add(&net->tx, bufs, count + 1, &head);
	}
	if (err != ERR_OK) {
		net->counts.tx_full++;
		return err;
	}
	net->tx_frame[head] = net->tx_queued++;
	net->counts.tx_frames++;
	virtq_kick(&net->tx);
	return ERR_OK;
}

static uint64_t nic_tx_queued(void *ctx)
{
	const struct virtio_net *net = ctx;

	return net->tx_queued;
}

static uint64_t nic_tx_done(void *ctx)
{
	struct virtio_net *net = ctx;

	tx_reap(net);
	tx_interrupt(net);
	return net->tx_done;
}

static enum err rx_take(struct virtio_net *net, uint32_t *len)
{
	enum err err = virtq_take(&net->rx, &net->rx_head, len);

	if (err == ERR_AGAIN && virtq_interrupt_after(&net->rx, 1)) {
		err = virtq_take(&net->rx, &net->rx_head, len);
	}
	return err;
}

static enum err nic_receive(void *ctx, const uint8_t **bytes, size_t *len_bytes)
{
	struct virtio_net *net = ctx;

	if (net->rx_lent) {
		return ERR_BAD_STATE;
	}
	for (uint32_t i = 0; i < VIRTIO_NET_RX_COUNT; i++) {
		uint32_t len;
		uint16_t buffer;
		enum err err = rx_take(net, &len);

		if (err != ERR_OK) {
			return err;
		}
		buffer = net->rx_buffer_of[net->rx_head];
		if (len < VIRTIO_NET_HEADER_BYTES + ETHERNET_HEADER_BYTES) {
			net->counts.rx_bad++;
			rx_repost(net, buffer);
			continue;
		}
		net->rx_lent = true;
		net->rx_head = buffer;
		net->counts.rx_frames++;
		*bytes = net->rx_buffer[buffer] + VIRTIO_NET_HEADER_BYTES;
		*len_bytes = len - VIRTIO_NET_HEADER_BYTES;
		return ERR_OK;
	}
	return ERR_AGAIN;
}

static void nic_receive_done(void *ctx)
{
	struct virtio_net *net = ctx;

	if (net->rx_lent) {
		net->rx_lent = false;
		rx_repost(net, net->rx_head);
	}
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

static enum err config_read(struct virtio_net *net)
{
	uint8_t mtu[2];
	enum err err = virtio_mmio_config(&net->dev, NET_CONFIG_MAC, net->mac, sizeof(net->mac));

	net->mtu = VIRTIO_NET_MTU;
	if (err != ERR_OK || (net->dev.features & VIRTIO_NET_F_MTU) == 0) {
		return err;
	}
	err = virtio_mmio_config(&net->dev, NET_CONFIG_MTU, mtu, sizeof(mtu));
	if (err == ERR_OK && load_le16(mtu) < MTU_MIN) {
		return ERR_RANGE;
	}
	net->mtu = (uint16_t)MIN(load_le16(mtu), VIRTIO_NET_MTU);
	return err;
}

static enum err queues_init(struct virtio_net *net)
{
	enum err err = virtq_init(&net->rx, &net->dev, NET_QUEUE_RX, &net->rx_memory, VIRTQ_SIZE_MAX);

	if (err == ERR_OK) {
		err = virtq_init(&net->tx, &net->dev, NET_QUEUE_TX, &net->tx_memory, VIRTQ_SIZE_MAX);
	}
	return err;
}

enum err virtio_net_init(struct virtio_net *net, uintptr_t base)
{
	enum err err = virtio_mmio_probe(&net->dev, base, VIRTIO_ID_NET);

	if (err != ERR_OK) {
		return err;
	}
	net->tx_queued = 0;
	net->tx_done = 0;
	net->rx_lent = false;
	err = virtio_mmio_begin(&net->dev, VIRTIO_NET_F_MAC, VIRTIO_NET_F_MTU | VIRTIO_F_EVENT_IDX);
	if (err != ERR_OK) {
		return err;
	}
	err = config_read(net);
	if (err == ERR_OK) {
		err = queues_init(net);
	}
	for (uint16_t i = 0; err == ERR_OK && i < MIN(VIRTIO_NET_RX_COUNT, net->rx.size); i++) {
		err = rx_post(net, i);
	}
	if (err == ERR_OK) {
		err = virtio_mmio_run(&net->dev);
	}
	if (err != ERR_OK) {
		virtio_mmio_stop(&net->dev);
		return err;
	}
	virtq_interrupt_off(&net->tx);
	(void)virtq_interrupt_after(&net->rx, 1);
	virtq_kick(&net->rx);
	return ERR_OK;
}

void virtio_net_irq(struct virtio_net *net)
{
	net->counts.irqs++;
	(void)virtio_mmio_irq(&net->dev);
}

struct nic virtio_net_nic(struct virtio_net *net)
{
	return (struct nic){ .ops = &nic_ops, .ctx = net };
}
