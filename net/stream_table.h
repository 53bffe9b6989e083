/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The numbered byte streams of migration/session/stream.h over lwIP's TCP.
 *
 * What lwIP calls back is noted in the table and told to the session by stream_table_deliver(), outside of
 * lwIP, so the session may use any operation from any event.
 *
 * A buffer sent by reference is released when no segment of its connection covers a byte of it any more
 * (lwIP keeps and may repeat a segment until all of it is acknowledged) and the NIC has completed all
 * it had been given at that moment; net/ethernet.c sees to it that nothing else holds such bytes.
 */
#ifndef NET_STREAM_TABLE_H
#define NET_STREAM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/host.h"
#include "migration/session/stream.h"
#include "net/lwip_api.h"
#include "net/nic.h"

#define STREAM_COUNT_MAX	28u /* two control and all data channels, strangers, and what still drains */
#define STREAM_SEND_COUNT_MAX	20u /* buffers one stream may hold by reference */
#define STREAM_COPY_BYTES_MAX	8192u
#define STREAM_COPY_COUNT_MAX	24u    /* unacknowledged copies of one stream ... */
#define STREAM_COPIED_BYTES_MAX 32768u /* ... and their bytes, so that lwIP's pools last for acknowledgements */
#define STREAM_QUEUE_COUNT	(STREAM_SEND_COUNT_MAX + STREAM_COPY_COUNT_MAX)
#define STREAM_CLOSE_TIMEOUT_US 5000000u
#define LISTENER_COUNT_MAX	2u
#define RECEIVED_COUNT_MAX	16u   /* pieces that one frame or timer may bring */
#define HALF_OPEN_TIMEOUT_MS	2000u /* of a connection whose peer does not complete the handshake */

enum stream_state { STREAM_STATE_FREE, STREAM_STATE_CONNECTING, STREAM_STATE_OPEN, STREAM_STATE_DEAD };

/** A buffer lent by the session, or bytes copied for it. */
struct stream_send {
	uint32_t cookie;
	uint32_t copied_bytes; /* 0: lent */
	uint32_t end_seq;      /* sequence number behind its last byte */
	bool let_go;	       /* TCP holds it no more */
	uint64_t done_at;      /* then: the NIC's counter that ends its last use */
};

struct stream_table;

struct stream {
	struct stream_table *table;
	enum stream_state state;
	uint32_t generation;
	struct tcp_pcb *pcb; /* NULL once lwIP has freed or forgotten it */
	const struct stream_events *events;
	void *owner;
	struct net_addr peer;
	bool tell_connected, tell_accepted, tell_fin, tell_ended;
	bool fin_came;
	bool closing;
	enum stream_end how;
	uint64_t close_deadline_us;
	uint64_t progress_us;
	struct stream_send sends[STREAM_QUEUE_COUNT]; /* in the order of their bytes */
	uint32_t send_first, send_count;
	uint32_t copy_count, copied_bytes;
};

struct listener {
	struct stream_table *table;
	struct tcp_pcb *pcb; /* NULL: free */
	uint16_t port;
	const struct stream_events *events;
	void *owner;
};

struct stream_table {
	struct host host;
	struct nic nic;
	struct stream streams[STREAM_COUNT_MAX];
	struct listener listeners[LISTENER_COUNT_MAX];
	struct {
		struct stream *stream;
		struct pbuf *p;
	} received[RECEIVED_COUNT_MAX];
	uint32_t received_count;
	bool pending; /* some event is to be told */
	uint64_t half_open_check_us;
	uint64_t accepted_count, refused_count;
};

void stream_table_init(struct stream_table *t, const struct host *host, const struct nic *nic);

/** Operations over a struct stream_table. */
const struct stream_ops *stream_table_ops(void);

/** Tell the session what happened; call after everything that may run lwIP. */
void stream_table_deliver(struct stream_table *t);

/** Release buffers, end what is overdue. retry: hand lwIP's queues to the NIC again, which had been full. */
void stream_table_poll(struct stream_table *t, bool retry);

#endif
