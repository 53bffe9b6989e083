/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The transport: byte streams (migration/session/stream.h) over TCP/IPv4 over a NIC.
 *
 * lwIP keeps its connections, pools and timers in global variables, so there is one transport in
 * an image or process; a second transport_init is refused. All calls come from one service core.
 * It authenticates nobody: what runs above must.
 */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "migration/host.h"
#include "migration/session/stream.h"
#include "net/ethernet.h"
#include "net/filter.h"
#include "net/nic.h"
#include "net/stream_table.h"

#define TRANSPORT_RX_BUDGET 64u /* frames of one poll */
#define TRANSPORT_IDLE_US   1000000u

struct transport_config {
	struct nic nic;
	struct host host; /* time_us and random */
	uint8_t ip[4];	  /* static addresses, network order */
	uint8_t mask[4];
	uint8_t gateway[4];	   /* 0.0.0.0: none */
	const uint8_t (*peers)[4]; /* who may open connections to us; copied */
	size_t peer_count;	   /* 0: everyone */
};

/** Owned by the caller; opaque. */
struct transport {
	struct host host;
	struct filter filter;
	struct ethernet ethernet;
	struct stream_table streams;
};

struct transport_stats {
	uint64_t rx_frames, rx_filtered, rx_dropped;
	uint64_t tx_frames, tx_refused, tx_joined;
	uint64_t accepted, refused;
	uint32_t lwip_asserts; /* broken invariants inside lwIP; 0 is right */
};

/**
 * Start the transport.
 *
 * @return ERR_OK; ERR_BAD_STATE if one was started before; ERR_FULL for too many peers; ERR_RANGE for an
 *         MTU below 576; the host's error if there is no randomness.
 */
enum err transport_init(struct transport *t, const struct transport_config *config) MUST_CHECK;

/** Replace the addresses that may open connections; 0: everyone. ERR_FULL: nothing changed. */
enum err transport_set_peers(struct transport *t, const uint8_t (*peers)[4], size_t peer_count) MUST_CHECK;

/**
 * Receive, run timers, tell the session's events, release buffers. Bounded: at most
 * TRANSPORT_RX_BUDGET frames.
 *
 * @return microseconds until it has something to do by itself: 0 when frames are left, at most
 *         TRANSPORT_IDLE_US. Call again then, or when the NIC has received or completed something.
 */
uint64_t transport_poll(struct transport *t);

/** The seam over this transport; events come from transport_poll alone. */
struct streams transport_streams(struct transport *t);

void transport_stats(const struct transport *t, struct transport_stats *out);

#endif
