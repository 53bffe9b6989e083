/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/net/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"

#define POLLS_MAX 64u

const uint8_t wire_ip[WIRE_HOST_COUNT][4] = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 } };
static const uint8_t third_ip[4] = { 10, 0, 0, 3 };

void node_fail(const struct node *n, const char *format, ...)
{
	va_list args;

	(void)fprintf(stderr, "host %u at %llu us, seed %llu: ", n->index, (unsigned long long)n->now_us,
		(unsigned long long)n->config->seed);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	_exit(1);
}

uint64_t node_random(struct node *n)
{
	n->random_state ^= n->random_state << 13;
	n->random_state ^= n->random_state >> 7;
	n->random_state ^= n->random_state << 17;
	return n->random_state >> 11;
}

/* ---- host ---- */

static uint64_t host_time_us(void *ctx)
{
	const struct node *n = ctx;

	return n->now_us;
}

static uint64_t host_time_ns(void *ctx)
{
	return host_time_us(ctx) * 1000;
}

static void host_log(void *ctx, enum log_level level, const char *line)
{
	const struct node *n = ctx;

	if (getenv("NET_LOG") != NULL || level <= LOG_ERROR) {
		(void)fprintf(stderr, "host %u: %s\n", n->index, line);
	}
}

static enum err host_random(void *ctx, uint8_t *out, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++) {
		out[i] = (uint8_t)node_random(ctx);
	}
	return ERR_OK;
}

static void host_quit(void *ctx)
{
	(void)ctx;
}

static const struct host_ops host_ops = {
	.time_us = host_time_us,
	.time_ns = host_time_ns,
	.log = host_log,
	.random = host_random,
	.quit = host_quit,
};

/* ---- NIC: reads what it was given only when it completes a frame, some time later ---- */

static uint64_t tx_hash(const struct node_tx *tx)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < tx->count; i++) {
		const struct nic_segment *g = &tx->segments[i];
		size_t k;

		for (k = 0; k + 8 <= g->len_bytes; k += 8) {
			hash = (hash ^ load_le64(g->bytes + k)) * 0x9e3779b97f4a7c15u;
			hash ^= hash >> 29;
		}
		for (; k < g->len_bytes; k++) {
			hash = (hash ^ g->bytes[k]) * 0x100000001b3u;
		}
	}
	return hash;
}

static void nic_mac(void *ctx, uint8_t out[6])
{
	const struct node *n = ctx;
	const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, (uint8_t)(n->index + 1) };

	memcpy(out, mac, sizeof(mac));
}

static uint32_t nic_mtu(void *ctx)
{
	const struct node *n = ctx;

	return n->config->mtu;
}

static enum err nic_send(void *ctx, const struct nic_segment *segments, uint32_t count)
{
	struct node *n = ctx;
	struct node_tx *tx = &n->tx[n->tx_queued % NODE_NIC_TX_MAX];

	NODE_CHECK(n, count >= 1 && count <= NIC_SEGMENTS_MAX);
	if (n->tx_queued - n->tx_done == NODE_NIC_TX_MAX) {
		return ERR_FULL;
	}
	memcpy(tx->segments, segments, count * sizeof(segments[0]));
	tx->count = count;
	tx->hash = tx_hash(tx);
	n->tx_queued++;
	return ERR_OK;
}

static uint64_t nic_tx_queued(void *ctx)
{
	const struct node *n = ctx;

	return n->tx_queued;
}

static uint64_t nic_tx_done(void *ctx)
{
	const struct node *n = ctx;

	return n->tx_done;
}

static enum err nic_receive(void *ctx, const uint8_t **bytes, size_t *len_bytes)
{
	struct node *n = ctx;

	if (n->rx_tail == n->rx_head) {
		return ERR_AGAIN;
	}
	*bytes = n->rx[n->rx_tail % NODE_NIC_RX_MAX];
	*len_bytes = n->rx_len[n->rx_tail % NODE_NIC_RX_MAX];
	return ERR_OK;
}

static void nic_receive_done(void *ctx)
{
	struct node *n = ctx;

	memset(n->rx[n->rx_tail % NODE_NIC_RX_MAX], 0xdd, n->rx_len[n->rx_tail % NODE_NIC_RX_MAX]);
	n->rx_tail++;
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

static void message_send(const struct node *n, const uint8_t *bytes, size_t len)
{
	if (send(n->fd, bytes, len, 0) != (ssize_t)len) {
		node_fail(n, "wire: %s", strerror(errno));
	}
}

static void complete_one(struct node *n)
{
	const struct node_tx *tx = &n->tx[n->tx_done % NODE_NIC_TX_MAX];
	uint8_t message[1 + NIC_FRAME_BYTES_MAX];
	size_t len = 1;

	if (tx_hash(tx) != tx->hash) {
		node_fail(n, "a frame changed while the NIC had it");
	}
	message[0] = WIRE_MSG_FRAME;
	for (uint32_t i = 0; i < tx->count; i++) {
		NODE_CHECK(n, len + tx->segments[i].len_bytes <= sizeof(message));
		memcpy(message + len, tx->segments[i].bytes, tx->segments[i].len_bytes);
		len += tx->segments[i].len_bytes;
	}
	message_send(n, message, len);
	n->tx_done++;
}

/** Completes all, or only some: the rest stays where it is until another step. */
static void nic_work(struct node *n)
{
	uint64_t count = n->tx_queued - n->tx_done;

	if (node_random(n) % 4 == 0) {
		count = count == 0 ? 0 : node_random(n) % (count + 1);
	}
	for (; count != 0; count--) {
		complete_one(n);
	}
}

/* ---- one step ---- */

static void take_frame(struct node *n, const uint8_t *bytes, size_t len)
{
	uint32_t slot = n->rx_head % NODE_NIC_RX_MAX;

	if (n->rx_head - n->rx_tail == NODE_NIC_RX_MAX) {
		return; /* a full ring loses frames */
	}
	memcpy(n->rx[slot], bytes, len);
	n->rx_len[slot] = len;
	n->rx_head++;
}

static void wait_for_step(struct node *n)
{
	uint8_t message[1 + NIC_FRAME_BYTES_MAX];

	for (;;) {
		ssize_t len = recv(n->fd, message, sizeof(message), 0);

		if (len <= 0) {
			_exit(0); /* the parent has seen enough */
		}
		if (message[0] == WIRE_MSG_STEP) {
			n->now_us = load_le64(message + 1);
			return;
		}
		take_frame(n, message + 1, (size_t)len - 1);
	}
}

static uint64_t step(struct node *n)
{
	uint64_t sleep_us = 0, program_us = 0;

	for (uint32_t i = 0; i < POLLS_MAX && sleep_us == 0; i++) {
		sleep_us = transport_poll(&n->transport);
		program_us = n->config->host[n->index].poll(n);
		nic_work(n);
	}
	if (n->tx_queued != n->tx_done) {
		sleep_us = MIN(sleep_us, UINT64_C(5));
	}
	sleep_us = MIN(sleep_us, program_us);
	return MAX(sleep_us, UINT64_C(1));
}

static void start(struct node *n)
{
	struct transport_config config = {
		.nic = { .ops = &nic_ops, .ctx = n },
		.host = n->host,
		.mask = { 255, 255, 255, 0 },
		.peers = n->config->wrong_peers ? &third_ip : &wire_ip[1 - n->index],
		.peer_count = n->config->peers_only || n->config->wrong_peers ? 1 : 0,
	};

	memcpy(config.ip, wire_ip[n->index], sizeof(config.ip));
	NODE_CHECK(n, transport_init(&n->transport, &config) == ERR_OK);
	n->streams = transport_streams(&n->transport);
	n->config->host[n->index].start(n);
}

void node_main(const struct wire_config *config, uint32_t index, int fd)
{
	static struct node node;
	static uint8_t rx[NODE_NIC_RX_MAX][NIC_FRAME_BYTES_MAX];
	struct transport_stats stats;

	node = (struct node){
		.config = config,
		.index = index,
		.fd = fd,
		.random_state = (config->seed + 1) * 0x9e3779b97f4a7c15u + index,
		.rx = rx,
		.host = { .ops = &host_ops, .ctx = &node },
	};
	wait_for_step(&node);
	start(&node);
	for (;;) {
		uint8_t message[10] = { WIRE_MSG_DONE };

		store_le64(message + 1, node.now_us + step(&node));
		message[9] = node.done ? 1 : 0;
		transport_stats(&node.transport, &stats);
		if (stats.lwip_asserts != 0) {
			node_fail(&node, "%u invariants of lwIP broken", stats.lwip_asserts);
		}
		message_send(&node, message, sizeof(message));
		wait_for_step(&node);
	}
}
