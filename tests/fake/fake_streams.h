/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Byte streams between parties in one process, in virtual time and without chance: connections
 * are numbered in the order they are made, and faults are set by connection, direction and byte.
 *
 * Party p has address 10.0.0.(p + 1). Events come from fake_net_poll() alone. A buffer sent by reference is
 * watched: one that changes before its release sets tampered.
 */
#ifndef TESTS_FAKE_FAKE_STREAMS_H
#define TESTS_FAKE_FAKE_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/session/stream.h"

#define FAKE_PARTIES_MAX   4u
#define FAKE_CONNS_MAX	   32u	  /* alive at once */
#define FAKE_SEGMENTS_MAX  48u	  /* sends not yet acknowledged, per direction */
#define FAKE_COPY_BYTES	   32768u /* copied bytes not yet acknowledged, per direction */
#define FAKE_RULES_MAX	   16u
#define FAKE_LISTENERS_MAX 8u
#define FAKE_ANY_CONN	   UINT32_MAX

enum fake_fault {
	FAKE_CUT,   /* exactly this many bytes arrive, then both ends see a reset */
	FAKE_FIN,   /* exactly this many bytes arrive, then the receiver sees a FIN; the rest is lost */
	FAKE_STALL, /* exactly this many bytes arrive, then none until the rule is cleared */
	FAKE_FLIP,  /* the byte at this offset is xored with mask */
};

/** Directions of a connection, by who opened it. */
enum fake_dir { FAKE_FORWARD = 0, FAKE_BACKWARD = 1 };

struct fake_rule {
	enum fake_fault fault;
	uint32_t conn; /* number of the connection */
	enum fake_dir dir;
	uint64_t at;  /* byte offset in that direction */
	uint8_t mask; /* FLIP */
};

struct fake_segment {
	const uint8_t *bytes; /* by reference, or into copy */
	size_t len, delivered;
	bool by_ref, acked;
	uint32_t cookie;
	uint64_t checksum;
	uint64_t due_us;     /* arrival */
	uint64_t ack_due_us; /* once all is delivered */
};

struct fake_pipe {
	struct fake_segment segments[FAKE_SEGMENTS_MAX];
	uint32_t first, count;
	uint8_t copy[FAKE_COPY_BYTES];
	size_t copy_first, copy_used;
	uint64_t queued, delivered, acked; /* bytes since the connection began */
	uint64_t progress_us;
	bool fin_queued, fin_told;
	uint64_t fin_due_us;
};

struct fake_end {
	uint32_t party;
	const struct stream_events *events;
	void *owner;
	bool alive;   /* the id may be used */
	bool closing; /* close() was called */
	bool fin_seen;
	bool ended_due; /* an end other than FIN waits to be told */
	enum stream_end ended_how;
	uint64_t ended_us;
};

enum fake_conn_state { FAKE_CONN_FREE, FAKE_CONN_SYN, FAKE_CONN_ACCEPTED, FAKE_CONN_UP };

struct fake_conn {
	enum fake_conn_state state;
	uint32_t number;
	uint16_t port;
	uint64_t due_us;
	struct fake_end ends[2];   /* 0: who connected */
	struct fake_pipe pipes[2]; /* by enum fake_dir */
};

struct fake_listener {
	bool used;
	uint32_t party;
	uint16_t port;
	const struct stream_events *events;
	void *owner;
};

struct fake_net;

struct fake_party {
	struct fake_net *net;
	uint32_t index;
	bool dead; /* power lost: it answers nothing and is told nothing */
};

struct fake_net {
	uint64_t now_us;
	uint64_t latency_us; /* one way; default 100 */
	size_t split_max;    /* bytes of one received(), 0: no limit; default 0 */
	size_t window;	     /* bytes queued and unacknowledged per direction; default 256 KiB */
	uint64_t timeout_us; /* of a connect, and of a close; default 5 s */
	bool down;	     /* nothing arrives */
	bool lose_resets;    /* the peer of an abort() hears nothing: half-open connections */
	bool tampered;	     /* a lent buffer changed before its release */
	uint32_t made;	     /* connections ever begun */
	uint32_t in_call;
	struct fake_party parties[FAKE_PARTIES_MAX];
	struct fake_listener listeners[FAKE_LISTENERS_MAX];
	struct fake_rule rules[FAKE_RULES_MAX];
	uint32_t rule_count;
	struct fake_conn conns[FAKE_CONNS_MAX];
};

/** now_us starts at 1 s. */
void fake_net_init(struct fake_net *n);
struct streams fake_net_streams(struct fake_net *n, uint32_t party);
struct net_addr fake_net_addr(uint32_t party, uint16_t port);
void fake_net_rule(struct fake_net *n, const struct fake_rule *rule);
void fake_net_clear_rules(struct fake_net *n);
/** Tell a party what is due. */
void fake_net_poll(struct fake_net *n, uint32_t party);
/** Time at which something next becomes due, or UINT64_MAX. May be in the past. */
uint64_t fake_net_next_us(const struct fake_net *n);
/** Power loss: lent buffers of the party are forgotten, its peers see silence (RST once it is back). */
void fake_net_power_off(struct fake_net *n, uint32_t party);
void fake_net_power_on(struct fake_net *n, uint32_t party);
/** Bytes delivered so far on a connection that is still alive, 0 otherwise. */
uint64_t fake_net_delivered(const struct fake_net *n, uint32_t conn, enum fake_dir dir);
/** Connections not yet free. */
uint32_t fake_net_alive(const struct fake_net *n);

#endif
