/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Two ends of a link without a network or crypto: events in order, epochs, credit, a digest of what was sent, and faults at the
 * nth event. One object holds both ends; either may be the source.
 */
#ifndef TESTS_FAKE_FAKE_LINK_H
#define TESTS_FAKE_FAKE_LINK_H

#include <stdbool.h>

#include "migration/link.h"

#define FAKE_LINK_EVENTS 64u
#define FAKE_LINK_WINDOW 3u /* frames of one stream under way */

struct fake_frame {
	bool used;
	uint8_t bytes[FRAME_PAYLOAD_MAX];
	size_t len_bytes;
	uint16_t type, stream;
	uint8_t channel;
};

struct fake_link_event {
	enum link_event_kind kind;
	enum err err;
	char text[REASON_BYTES];
	uint8_t bytes[CTRL_MSG_BYTES];
	size_t len_bytes;
	uint16_t type;
	uint32_t frame;
	uint32_t epoch;
	bool proved;
};

struct fake_link;

struct fake_link_end {
	struct fake_link *link;
	uint32_t index;
	char id[HOST_ID_MAX];
	uint64_t boot;
	bool listening;
	char allowed[HOST_ID_MAX];
	struct fake_link_event queue[FAKE_LINK_EVENTS];
	uint32_t head, count;
	struct fake_link_event told;		    /* the one whose payload is borrowed */
	struct fake_frame frames[FRAME_POOL_COUNT]; /* received */
	uint64_t next[CHANNEL_COUNT_MAX];
	uint8_t chain[CHANNEL_COUNT_MAX][HASH_BYTES];
	uint32_t under_way[LINK_STREAM_COUNT]; /* frames of this sender not given back */
	bool remembers;			       /* the attempt's secret */
	bool blackout;
	struct link_stats stats;
};

enum fake_link_fault { FAULT_NONE, FAULT_CUT, FAULT_CUT_SILENT, FAULT_FLIP };

struct fake_link {
	struct fake_link_end end[2];
	struct attempt attempt;
	uint32_t source; /* index of the end that connected */
	uint32_t epoch;
	uint32_t channel_count;
	bool up;	    /* a control channel stands */
	bool open;	    /* data channels too */
	bool down;	    /* no connection can be made */
	uint64_t delivered; /* events told so far, both ends */
	uint64_t fault_at;  /* that event meets the fault; UINT64_MAX: none */
	enum fake_link_fault fault;
	bool stay_down; /* after the fault */
	struct fake_frame tx[2][CHANNEL_COUNT_MAX];
};

void fake_link_init(struct fake_link *l);
struct link fake_link(struct fake_link *l, uint32_t end);
/** The wire breaks now: queued events are lost, both ends hear of it. */
void fake_link_cut(struct fake_link *l);
/** That end's host restarts: it forgets attempts and gets another boot id. Cuts first. */
void fake_link_restart(struct fake_link *l, uint32_t end);

#endif
