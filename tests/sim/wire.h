/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The network between the hosts of a simulated world: byte streams with latency, rate and jitter, which are split,
 * stalled, cut, left half-open or changed by a byte. What was sent before a reset or a power loss may still arrive.
 */
#ifndef TESTS_SIM_WIRE_H
#define TESTS_SIM_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/session/stream.h"
#include "tests/sim/chance.h"
#include "tests/sim/journal.h"

#define WIRE_PARTIES  4u /* three hosts, and one for strangers */
#define WIRE_STRANGER 3u
#define WIRE_CONNS    64u
#define WIRE_SEGMENTS 64u /* of one direction */
#define WIRE_LISTENS  4u
#define WIRE_KEEP     192u /* first bytes of a data connection, for whoever replays them */

/** How the network is; changed at any time. */
struct wire_way {
	uint64_t latency_us, jitter_us;
	uint64_t rate; /* bytes per second between two parties */
	uint64_t window;
	uint32_t segments; /* of one direction that may be under way: 1 to WIRE_SEGMENTS */
	bool split;
	bool lose_resets;
	uint32_t cut_one_in;   /* of connections: 0 never */
	uint32_t flip_one_in;  /* of connections */
	uint32_t stall_one_in; /* of segments */
	uint32_t full_one_in;  /* of connects, listens and first bytes: not taken, as when all buffers are used */
	uint64_t stall_us_max;
};

struct wire_segment {
	uint8_t *bytes; /* lent, or ours when copied */
	size_t len, delivered;
	bool lent;
	bool acked;   /* ack_us is set */
	bool counted; /* the sender knows */
	uint32_t cookie;
	uint64_t sum;
	uint64_t due_us, ack_us;
};

struct wire_pipe {
	struct wire_segment segments[WIRE_SEGMENTS];
	uint32_t first, count;
	uint64_t queued, delivered, acked; /* bytes */
	uint64_t last_due_us, last_ack_us, progress_us;
	bool fin_queued, fin_told;
	uint64_t fin_us;
	uint64_t cut_at, flip_at; /* byte of this direction; UINT64_MAX: none */
	uint8_t flip_mask;
};

struct wire_end {
	uint32_t party;
	const struct stream_events *events; /* NULL: nobody listens to it any more */
	void *owner;
	bool alive, closing, fin_seen;
	bool end_due;
	enum stream_end how;
	uint64_t end_us;
};

enum wire_state { WIRE_FREE, WIRE_SYN, WIRE_ACCEPTED, WIRE_UP };

struct wire_conn {
	enum wire_state state;
	uint32_t number;
	uint16_t port;
	uint64_t due_us, give_up_us;
	struct wire_end ends[2];
	struct wire_pipe pipes[2]; /* 0: from the end that connected */
};

struct wire_listen {
	bool used;
	uint16_t port;
	const struct stream_events *events;
	void *owner;
};

struct wire;

struct wire_party {
	struct wire *wire;
	uint32_t index;
	bool dead;
	bool woken; /* an event was told since this was cleared */
	struct wire_listen listens[WIRE_LISTENS];
};

struct wire {
	const uint64_t *now_us;
	struct journal *journal;
	struct chance chance;
	struct wire_way way;
	bool apart[WIRE_PARTIES][WIRE_PARTIES]; /* nothing passes from one to the other */
	uint64_t free_us[WIRE_PARTIES][WIRE_PARTIES];
	struct wire_party parties[WIRE_PARTIES];
	struct wire_conn *conns[WIRE_CONNS]; /* in order of age; NULL beyond count */
	uint32_t count;
	uint32_t made;
	uint32_t cuts, flips, stalls;
	uint64_t lent, returned; /* buffers by reference, of powered hosts */
	uint64_t bytes;
	uint8_t kept[WIRE_KEEP]; /* of the last data connection */
	size_t kept_bytes;
	uint32_t kept_conn;
};

void wire_init(struct wire *w, const uint64_t *now_us, struct journal *journal, uint64_t seed);
void wire_free(struct wire *w);
struct streams wire_streams(struct wire *w, uint32_t party);
struct net_addr wire_addr(uint32_t party, uint16_t port);
/** Tell everything that is due. */
void wire_deliver(struct wire *w);
/** When something next is due; UINT64_MAX: nothing. */
uint64_t wire_next_us(const struct wire *w);
/** Power loss: lent buffers are forgotten, what was on the way still arrives, the peers hear nothing. */
void wire_power_off(struct wire *w, uint32_t party);
void wire_power_on(struct wire *w, uint32_t party);
/** Reset some connection of a party, or all. */
void wire_cut(struct wire *w, uint32_t party, bool all);
/** No fault of the network from now on, also not of what is under way. */
void wire_heal(struct wire *w);

#endif
