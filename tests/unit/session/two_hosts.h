/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Two sessions over the fakes, each with a stand-in for an engine that accepts, records its
 * events and places frames. Party 0 is the source, 1 the destination, 2 and 3 strangers.
 */
#ifndef TESTS_UNIT_SESSION_TWO_HOSTS_H
#define TESTS_UNIT_SESSION_TWO_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/session/session.h"
#include "tests/fake/fake_host.h"
#include "tests/fake/fake_streams.h"
#include "tests/fake/fake_tls.h"

#define SOURCE	    0u
#define DESTINATION 1u
#define STRANGER    2u
#define PORT	    4444u
#define EVENTS_MAX  256u
#define STEP_US	    50u

struct seen {
	enum link_event_kind kind;
	enum err err;
	uint32_t epoch;
	uint16_t type;
	bool proved;
	uint64_t peer_boot;
	char text[REASON_BYTES];
	char peer[HOST_ID_MAX];
};

struct side {
	struct session session;
	struct fake_host host;
	struct fake_tls tls;
	struct link link;
	struct seen seen[EVENTS_MAX];
	uint32_t seen_count;
	bool manual;	  /* HELLO is not answered by itself */
	bool hold_frames; /* frames are kept instead of placed */
	uint32_t held[FRAME_POOL_COUNT];
	uint32_t held_count;
	const char *refuse; /* answer to HELLO, NULL: accept */
	uint64_t frames, frame_bytes;
	bool bad_bytes; /* a frame did not carry what was sent */
	uint8_t message[CTRL_MSG_BYTES];
	size_t message_len;
	uint8_t hello[CTRL_MSG_BYTES];
	size_t hello_len;
	struct attempt attempt;
	uint32_t messages;
};

struct two_hosts {
	struct fake_net net;
	struct side sides[2];
	struct attempt attempt;
	uint32_t channel_count;
	uint8_t next_byte;
};

/** One static world, made anew. */
struct two_hosts *two_hosts_new(void);
void side_start(struct two_hosts *w, uint32_t side, const char *id, uint64_t seed);

/** From now on xor count payload bytes of every control message of a type that this side sends. */
void side_tamper(struct side *s, uint16_t type, size_t at, size_t count, uint8_t mask);

/** Poll net and links once, then let STEP_US pass. */
void world_step(struct two_hosts *w);
void world_run(struct two_hosts *w, uint64_t us);
/** Steps until a side has seen an event of this kind; false after limit_us. */
bool world_until(struct two_hosts *w, uint32_t side, enum link_event_kind kind, uint64_t limit_us);

/** Destination listens for alpha, source connects to beta. */
void world_listen(struct two_hosts *w);
enum err world_connect(struct two_hosts *w);
/** Listen, connect, and run until both sides are open. */
void world_open(struct two_hosts *w);

const struct seen *seen_find(const struct side *s, enum link_event_kind kind);
uint32_t seen_number(const struct side *s, enum link_event_kind kind);
void seen_clear(struct two_hosts *w);

/** Send one frame of patterned bytes if there is space: its payload is checked on arrival. */
bool frame_send(struct two_hosts *w, uint16_t stream, uint8_t channel, size_t len_bytes);
/** Send frames until count have gone; false when it takes longer than limit_us. */
bool frames_send(
	struct two_hosts *w, uint16_t stream, uint8_t channel, size_t len_bytes, uint32_t count, uint64_t limit_us);
/** Place the oldest held frame. */
void frame_place(struct side *s);

#endif
