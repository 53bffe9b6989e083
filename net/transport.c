/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/transport.h"

#include <string.h>

#include "core/base/bits.h"
#include "net/lwip_api.h"
#include "net/lwip_hooks.h"

/* lwIP is one per image. */
static bool started;

enum err transport_set_peers(struct transport *t, const uint8_t (*peers)[4], size_t peer_count)
{
	return filter_set_peers(&t->filter, peers, peer_count);
}

enum err transport_init(struct transport *t, const struct transport_config *config)
{
	enum err err;

	if (started) {
		return ERR_BAD_STATE;
	}
	memset(t, 0, sizeof(*t));
	t->host = config->host;
	memcpy(t->filter.ip, config->ip, sizeof(t->filter.ip));
	err = transport_set_peers(t, config->peers, config->peer_count);
	if (err != ERR_OK) {
		return err;
	}
	err = lwip_hooks_start(&t->host);
	if (err != ERR_OK) {
		return err;
	}
	lwip_init();
	started = true;
	stream_table_init(&t->streams, &t->host, &config->nic);
	return ethernet_init(&t->ethernet, &config->nic, config->ip, config->mask, config->gateway);
}

/** Frames until the NIC has none, or the budget is used up: then true. */
static bool receive(struct transport *t)
{
	for (uint32_t i = 0; i < TRANSPORT_RX_BUDGET; i++) {
		if (!ethernet_receive(&t->ethernet, &t->filter)) {
			return false;
		}
		stream_table_deliver(&t->streams);
	}
	return true;
}

uint64_t transport_poll(struct transport *t)
{
	bool more, retry = t->ethernet.tx_refused;
	uint32_t sleep_ms;

	ethernet_reap(&t->ethernet);
	t->ethernet.tx_refused = false;
	more = receive(t);
	PBUF_CHECK_FREE_OOSEQ();
	sys_check_timeouts();
	stream_table_deliver(&t->streams);
	stream_table_poll(&t->streams, retry);
	if (more || t->streams.pending) {
		return 0;
	}
	sleep_ms = sys_timeouts_sleeptime();
	return MIN((uint64_t)sleep_ms * 1000, (uint64_t)TRANSPORT_IDLE_US);
}

struct streams transport_streams(struct transport *t)
{
	return (struct streams){ .ops = stream_table_ops(), .ctx = &t->streams };
}

void transport_stats(const struct transport *t, struct transport_stats *out)
{
	*out = (struct transport_stats){
		.rx_frames = t->ethernet.rx_count,
		.rx_filtered = t->ethernet.rx_filtered_count,
		.rx_dropped = t->ethernet.rx_dropped_count,
		.tx_frames = t->ethernet.tx_count,
		.tx_refused = t->ethernet.tx_refused_count,
		.tx_joined = t->ethernet.tx_joined_count,
		.accepted = t->streams.accepted_count,
		.refused = t->streams.refused_count,
		.lwip_asserts = lwip_hooks_assert_count(),
	};
}
