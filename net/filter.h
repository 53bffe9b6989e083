/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What may come in at all: looked at before lwIP sees a frame. */
#ifndef NET_FILTER_H
#define NET_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define FILTER_PEER_COUNT_MAX 16u

struct filter {
	uint8_t ip[4]; /* own */
	uint8_t peers[FILTER_PEER_COUNT_MAX][4];
	uint32_t peer_count; /* 0: everyone may open a connection */
};

/** Replace the peers that may open connections. ERR_FULL above FILTER_PEER_COUNT_MAX: nothing changed. */
enum err filter_set_peers(struct filter *f, const uint8_t (*peers)[4], size_t count) MUST_CHECK;

/**
 * True for ARP, and for unfragmented IPv4 without options to our own address that is TCP or
 * ICMP; a TCP segment with SYN and without ACK only from a peer.
 *
 * @param frame  From the Ethernet header on; any length, any content.
 */
bool filter_pass(const struct filter *f, const uint8_t *frame, size_t len_bytes);

#endif
