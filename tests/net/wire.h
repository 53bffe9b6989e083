/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Two hosts in two processes and the wire between them. The parent is the wire and owns the
 * clock: it says to each host what time it is and which frames came, and gets back the
 * frames sent and when the host wants to be called again. All chance comes from one seed, so a run
 * can be repeated.
 */
#ifndef TESTS_NET_WIRE_H
#define TESTS_NET_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/transport.h"

#define WIRE_HOST_COUNT	  2u
#define WIRE_BUFFER_BYTES (FRAME_BYTES)

struct node;

/** What one host does; runs in its process. */
struct wire_program {
	void (*start)(struct node *n);
	/** After every poll of the transport. Microseconds until it wants to run again. */
	uint64_t (*poll)(struct node *n);
};

struct wire_config {
	uint64_t seed;
	uint32_t mtu;
	uint32_t loss_permille, duplicate_permille, corrupt_permille;
	uint32_t forge_permille; /* frames that a changed copy with good checksums comes along with */
	uint32_t delay_us;	 /* one way */
	uint32_t jitter_us;	 /* uniform, on top: reorders */
	uint32_t bytes_per_us;	 /* of each direction */
	uint64_t cut_at_us;	 /* from then on everything is lost; 0: never */
	uint64_t limit_us;	 /* virtual time by which both must be done */
	bool peers_only;	 /* hosts accept connections from the other host only */
	bool wrong_peers;	 /* hosts accept connections from a third host only */
	struct wire_program host[WIRE_HOST_COUNT];
	void *argument; /* for the programs */
};

/**
 * Fork both hosts and run until both say they are done.
 *
 * @return virtual microseconds it took; the cmocka test fails when a host fails, or time is up.
 */
uint64_t wire_run(const struct wire_config *config);

/* ---- inside a host's process ---- */

#define NODE_NIC_TX_MAX 64u
#define NODE_NIC_RX_MAX 512u

struct node_tx {
	struct nic_segment segments[NIC_SEGMENTS_MAX];
	uint32_t count;
	uint64_t hash; /* of the bytes when they were queued */
};

struct node {
	const struct wire_config *config;
	uint32_t index; /* 0 or 1 */
	int fd;
	uint64_t now_us;
	uint64_t random_state;
	bool done;
	/* NIC */
	struct node_tx tx[NODE_NIC_TX_MAX];
	uint64_t tx_queued, tx_done;
	uint8_t (*rx)[NIC_FRAME_BYTES_MAX];
	size_t rx_len[NODE_NIC_RX_MAX];
	uint32_t rx_head, rx_tail;
	struct host host;
	struct transport transport;
	struct streams streams;
	void *program; /* the program's own */
};

extern const uint8_t wire_ip[WIRE_HOST_COUNT][4];

uint64_t node_random(struct node *n);
/** End this process, and the test, with words. */
void node_fail(const struct node *n, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
#define NODE_CHECK(n, x)                                                                                               \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			node_fail(n, "%s:%d: not so: %s", __FILE__, __LINE__, #x);                                     \
		}                                                                                                      \
	} while (0)

/** The host's process: never returns. */
void node_main(const struct wire_config *config, uint32_t index, int fd) __attribute__((noreturn));

/* ---- messages between the processes: one datagram each, first byte the kind ---- */

#define WIRE_MSG_FRAME 1u /* an Ethernet frame follows */
#define WIRE_MSG_STEP  2u /* to a host: le64 now */
#define WIRE_MSG_DONE  3u /* from a host: le64 when to call again, u8 finished */

#endif
