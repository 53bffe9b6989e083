/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** lwIP's network interface over net/nic.h: frames out by reference, frames in by one copy. */
#ifndef NET_ETHERNET_H
#define NET_ETHERNET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "net/filter.h"
#include "net/lwip_api.h"
#include "net/nic.h"

#define ETHERNET_TX_COUNT_MAX 256u /* frames at the NIC; a power of two */
#define ETHERNET_JOIN_COUNT   8u   /* of those, frames of too many pieces, copied into one */
#define ETHERNET_ARP_PACE_MS  20u  /* between two questions for an address that does not answer */

/** A frame that was joined. */
struct ethernet_join {
	bool busy;
	uint8_t bytes[NIC_FRAME_BYTES_MAX];
};

/** A frame the NIC reads from until its counter reaches done_at: one of p and join. */
struct ethernet_tx {
	struct pbuf *p;
	struct ethernet_join *join;
	uint64_t done_at;
};

struct ethernet {
	struct netif netif;
	struct nic nic;
	struct ethernet_tx tx[ETHERNET_TX_COUNT_MAX];
	uint32_t tx_head; /* next to fill; wraps */
	uint32_t tx_tail; /* oldest */
	struct ethernet_join joins[ETHERNET_JOIN_COUNT];
	bool tx_refused; /* no room, or no hardware address yet: senders should try again */
	uint32_t arp_asked_ms;
	uint64_t rx_count, rx_filtered_count, rx_dropped_count, tx_count, tx_refused_count, tx_joined_count;
};

/** Add the interface with a static address. nic is copied. ERR_RANGE for an MTU below 576. */
enum err ethernet_init(struct ethernet *e, const struct nic *nic, const uint8_t ip[4], const uint8_t mask[4],
	const uint8_t gateway[4]) MUST_CHECK;

/** Give back the frames that the NIC is done with. */
void ethernet_reap(struct ethernet *e);

/** Take one frame off the NIC and, if the filter passes it, hand it to lwIP. False when there was none. */
bool ethernet_receive(struct ethernet *e, const struct filter *filter);

#endif
