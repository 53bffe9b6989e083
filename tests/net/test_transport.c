/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "tests/net/wire.h"

#define PORT	     4444u
#define BUFFER_COUNT 16u
#define POISON	     0xdbu
#define NEVER_US     UINT64_MAX

/* ---- a program that pumps a pattern both ways over one stream ---- */

struct pump_plan {
	uint64_t total_bytes;	 /* each way */
	uint64_t abort_at_bytes; /* host 0 aborts when it has sent so many; 0: never */
	bool copies;		 /* some of it by send_copy */
	bool small;		 /* pieces of a few hundred bytes at most */
	bool expect_no_connection;
	bool expect_stall;   /* the wire is cut: abort on a stall */
	uint64_t hostile_us; /* forged frames come: go on for so long, whatever arrives or ends */
};

struct buffer {
	uint8_t bytes[FRAME_BYTES];
	bool lent;
};

struct pump {
	stream_id stream;
	bool open, ended, closed, aborted;
	enum stream_end how;
	uint64_t sent_bytes, received_bytes;
	uint64_t lent_count, released_count;
	struct buffer buffers[BUFFER_COUNT];
};

static struct pump_plan plan;
static struct pump pump;

static uint8_t pattern(uint32_t from, uint64_t at)
{
	return (uint8_t)((at * 31 + (at >> 8) * 7 + (at >> 16) * 3) ^ (from * 0x5au));
}

static void fill(uint8_t *bytes, size_t len, uint32_t from, uint64_t at)
{
	for (size_t i = 0; i < len; i++) {
		bytes[i] = pattern(from, at + i);
	}
}

static void on_connected(void *owner, stream_id s)
{
	struct node *n = owner;

	NODE_CHECK(n, n->index == 0 && s == pump.stream && !pump.open);
	NODE_CHECK(n, !plan.expect_no_connection);
	pump.open = true;
}

static bool on_accepted(void *owner, stream_id s, const struct net_addr *peer)
{
	struct node *n = owner;

	NODE_CHECK(n, n->index == 1 && !plan.expect_no_connection);
	NODE_CHECK(n, memcmp(peer->ip, wire_ip[0], 4) == 0 && peer->port != 0);
	if (pump.open && plan.hostile_us == 0) {
		return false;
	}
	pump.stream = s;
	pump.ended = pump.aborted = false;
	pump.open = true;
	return true;
}

static void on_received(void *owner, stream_id s, const uint8_t *bytes, size_t len_bytes)
{
	struct node *n = owner;

	if (plan.hostile_us != 0) {
		return; /* TCP believes what carries its checksum; the session's seal does not */
	}
	NODE_CHECK(n, s == pump.stream && !pump.ended && len_bytes > 0);
	for (size_t i = 0; i < len_bytes; i++) {
		if (bytes[i] != pattern(1 - n->index, pump.received_bytes + i)) {
			node_fail(n, "byte %llu differs", (unsigned long long)pump.received_bytes + i);
		}
	}
	pump.received_bytes += len_bytes;
	NODE_CHECK(n, pump.received_bytes <= plan.total_bytes);
}

static void on_released(void *owner, stream_id s, uint32_t cookie)
{
	struct node *n = owner;

	(void)s;
	NODE_CHECK(n, cookie < BUFFER_COUNT && pump.buffers[cookie].lent);
	pump.buffers[cookie].lent = false;
	pump.released_count++;
	/* Whoever still reads it sends this, and the NIC or the other end notices. */
	memset(pump.buffers[cookie].bytes, POISON, FRAME_BYTES);
}

static void on_ended(void *owner, stream_id s, enum stream_end how)
{
	struct node *n = owner;

	if (plan.hostile_us != 0) {
		if (how == STREAM_END_FIN) {
			n->streams.ops->abort(n->streams.ctx, s);
		}
		pump.ended = pump.ended || s == pump.stream;
		return;
	}
	NODE_CHECK(n, s == pump.stream && !pump.ended);
	NODE_CHECK(n, !pump.aborted);
	pump.ended = true;
	pump.how = how;
}

static const struct stream_events events = {
	.connected = on_connected,
	.accepted = on_accepted,
	.received = on_received,
	.released = on_released,
	.ended = on_ended,
};

static void pump_start(struct node *n)
{
	struct net_addr to = { .port = PORT };

	pump.stream = STREAM_NONE;
	if (n->index == 1) {
		NODE_CHECK(n, n->streams.ops->listen(n->streams.ctx, PORT, &events, n) == ERR_OK);
		NODE_CHECK(n, n->streams.ops->listen(n->streams.ctx, PORT, &events, n) == ERR_BAD_STATE);
		return;
	}
	memcpy(to.ip, wire_ip[1], sizeof(to.ip));
	NODE_CHECK(n, n->streams.ops->connect(n->streams.ctx, &to, &events, n, &pump.stream) == ERR_OK);
}

static size_t piece_len(struct node *n, size_t max)
{
	size_t len = 1 + (size_t)(node_random(n) % (plan.small ? 300 : max));

	return (size_t)MIN((uint64_t)MIN(len, max), plan.total_bytes - pump.sent_bytes);
}

static enum err send_copy(struct node *n)
{
	uint8_t bytes[STREAM_COPY_BYTES_MAX];
	size_t len = piece_len(n, sizeof(bytes));
	enum err err;

	fill(bytes, len, n->index, pump.sent_bytes);
	err = n->streams.ops->send_copy(n->streams.ctx, pump.stream, bytes, len);
	memset(bytes, POISON, sizeof(bytes));
	pump.sent_bytes += err == ERR_OK ? len : 0;
	return err;
}

static enum err send_buffer(struct node *n)
{
	for (uint32_t i = 0; i < BUFFER_COUNT; i++) {
		struct buffer *b = &pump.buffers[i];
		size_t len;
		enum err err;

		if (b->lent) {
			continue;
		}
		len = piece_len(n, FRAME_BYTES);
		fill(b->bytes, len, n->index, pump.sent_bytes);
		err = n->streams.ops->send(n->streams.ctx, pump.stream, b->bytes, len, i);
		if (err == ERR_OK) {
			b->lent = true;
			pump.lent_count++;
			pump.sent_bytes += len;
		}
		return err;
	}
	return ERR_FULL;
}

static void pump_send(struct node *n)
{
	for (uint32_t i = 0; i < 4 && pump.sent_bytes < plan.total_bytes; i++) {
		enum err err = plan.copies && node_random(n) % 3 == 0 ? send_copy(n) : send_buffer(n);

		if (err != ERR_OK) {
			NODE_CHECK(n, err == ERR_FULL || (err == ERR_LOST && plan.abort_at_bytes != 0));
			return;
		}
	}
}

static bool all_released(void)
{
	return pump.lent_count == pump.released_count;
}

static void pump_abort(struct node *n)
{
	uint64_t released = pump.released_count;

	n->streams.ops->abort(n->streams.ctx, pump.stream);
	/* Nothing is told from inside the call, and the id is dead at once. */
	NODE_CHECK(n, pump.released_count == released);
	NODE_CHECK(n, n->streams.ops->send_copy(n->streams.ctx, pump.stream, (const uint8_t *)"x", 1) == ERR_LOST);
	pump.aborted = true;
}

/** Under forged frames: pump, begin again when the connection is gone, and give everything back at the end. */
static uint64_t hostile_poll(struct node *n)
{
	bool over = n->now_us > plan.hostile_us;

	if (pump.open && !pump.ended && !pump.aborted) {
		pump.sent_bytes = 0;
		pump_send(n);
		if (over) {
			pump_abort(n);
		}
	} else if (n->index == 0 && !over && pump.ended) {
		struct net_addr to = { .port = PORT };

		memcpy(to.ip, wire_ip[1], sizeof(to.ip));
		if (n->streams.ops->connect(n->streams.ctx, &to, &events, n, &pump.stream) == ERR_OK) {
			pump.open = pump.ended = false;
		}
	}
	n->done = n->now_us > plan.hostile_us + 10000000 && all_released();
	return 1000;
}

static uint64_t pump_poll(struct node *n)
{
	uint32_t unacked_bytes;
	uint64_t stalled_us;

	if (plan.hostile_us != 0) {
		return hostile_poll(n);
	}

	if (plan.expect_no_connection) {
		n->done = n->index == 1 || (pump.ended && pump.how == STREAM_END_TIMEOUT);
		return NEVER_US;
	}
	if (!pump.open) {
		return NEVER_US;
	}
	if (pump.aborted || (pump.ended && pump.how != STREAM_END_FIN)) {
		NODE_CHECK(n, plan.abort_at_bytes != 0 || plan.expect_stall);
		n->done = all_released();
		return NEVER_US;
	}
	if (!pump.closed) {
		pump_send(n);
	}
	n->streams.ops->pending(n->streams.ctx, pump.stream, &unacked_bytes, &stalled_us);
	if ((n->index == 0 && plan.abort_at_bytes != 0 && pump.sent_bytes >= plan.abort_at_bytes) ||
		(plan.expect_stall && stalled_us > 300000)) {
		pump_abort(n);
		return 1;
	}
	if (!pump.closed && pump.sent_bytes == plan.total_bytes) {
		n->streams.ops->close(n->streams.ctx, pump.stream);
		pump.closed = true;
	}
	n->done = pump.closed && pump.ended && pump.received_bytes == plan.total_bytes && all_released();
	return plan.expect_stall ? 10000 : NEVER_US;
}

static const struct wire_program pump_program = { .start = pump_start, .poll = pump_poll };

/* ---- the facts ---- */

static struct wire_config quiet_wire(uint64_t seed)
{
	return (struct wire_config){
		.seed = seed,
		.mtu = 1500,
		.delay_us = 50,
		.bytes_per_us = 1000,
		.limit_us = 60000000,
		.host = { pump_program, pump_program },
	};
}

static struct wire_config bad_wire(uint64_t seed)
{
	struct wire_config c = quiet_wire(seed);

	c.loss_permille = 50;
	c.duplicate_permille = 20;
	c.corrupt_permille = 5;
	c.jitter_us = 300;
	return c;
}

static void megabyte_each_way_arrives_on_a_quiet_wire(void **state)
{
	struct wire_config c = quiet_wire(1);

	(void)state;
	plan = (struct pump_plan){ .total_bytes = 1 << 20 };
	print_message("%llu us\n", (unsigned long long)wire_run(&c));
	c.mtu = 9000;
	print_message("%llu us, MTU 9000\n", (unsigned long long)wire_run(&c));
	c.mtu = 576;
	print_message("%llu us, MTU 576\n", (unsigned long long)wire_run(&c));
}

static void megabyte_each_way_arrives_through_loss_and_reordering(void **state)
{
	(void)state;
	plan = (struct pump_plan){ .total_bytes = 1 << 20, .copies = true };
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct wire_config c = bad_wire(seed);

		c.mtu = seed % 2 == 0 ? 9000 : 1500;
		print_message("seed %llu: %llu us\n", (unsigned long long)seed, (unsigned long long)wire_run(&c));
	}
}

static void many_small_pieces_arrive(void **state)
{
	(void)state;
	plan = (struct pump_plan){ .total_bytes = 200000, .copies = true, .small = true };
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct wire_config c = bad_wire(seed);

		c.mtu = seed % 2 == 0 ? 9000 : 1500;
		(void)wire_run(&c);
	}
}

static void abort_releases_every_buffer_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct wire_config c = bad_wire(seed);

		plan = (struct pump_plan){ .total_bytes = 1 << 20, .abort_at_bytes = 1 + seed * 77777 };
		(void)wire_run(&c);
	}
}

static void short_exchange_through_heavy_loss_ends_within_a_second(void **state)
{
	uint64_t worst_us = 0;

	(void)state;
	plan = (struct pump_plan){ .total_bytes = 5000 };
	for (uint64_t seed = 100; seed < 120; seed++) {
		struct wire_config c = quiet_wire(seed);

		c.loss_permille = 100;
		worst_us = MAX(worst_us, wire_run(&c));
	}
	print_message("worst of 20: %llu us\n", (unsigned long long)worst_us);
	assert_true(worst_us < 1000000);
}

static void cut_wire_shows_as_a_stall_and_abort_still_releases(void **state)
{
	struct wire_config c = bad_wire(3);

	(void)state;
	plan = (struct pump_plan){ .total_bytes = 64 << 20, .expect_stall = true };
	c.cut_at_us = 200000;
	(void)wire_run(&c);
}

static void nobody_but_a_peer_gets_a_connection(void **state)
{
	struct wire_config c = quiet_wire(1);

	(void)state;
	plan = (struct pump_plan){ .expect_no_connection = true };
	c.wrong_peers = true;
	(void)wire_run(&c);
	plan = (struct pump_plan){ .total_bytes = 10000 };
	c.wrong_peers = false;
	c.peers_only = true;
	(void)wire_run(&c);
}

/* Headers, flags, lengths and options at random, with good checksums: no invariant of lwIP breaks, nothing leaks. */
static void forged_frames_break_nothing(void **state)
{
	(void)state;
	plan = (struct pump_plan){ .total_bytes = UINT32_MAX, .copies = true, .hostile_us = 1000000 };
	for (uint64_t seed = 200; seed < 206; seed++) {
		struct wire_config c = bad_wire(seed);

		c.forge_permille = seed % 2 == 0 ? 300 : 20;
		c.mtu = seed % 4 < 2 ? 1500 : 9000;
		(void)wire_run(&c);
	}
}

/* ---- a crowd: more connections than there are streams ---- */

#define CROWD (STREAM_COUNT_MAX + 6u)

static struct {
	stream_id streams[CROWD];
	uint32_t opened, connected, accepted, ended;
	bool closing;
} crowd;

static void crowd_connected(void *owner, stream_id s)
{
	(void)owner;
	(void)s;
	crowd.connected++;
}

/* Every third visitor is sent away. */
static bool crowd_accepted(void *owner, stream_id s, const struct net_addr *peer)
{
	struct node *n = owner;

	(void)peer;
	NODE_CHECK(n, crowd.accepted < CROWD);
	crowd.streams[crowd.accepted] = s;
	return crowd.accepted++ % 3 != 2;
}

static void crowd_received(void *owner, stream_id s, const uint8_t *bytes, size_t len_bytes)
{
	struct node *n = owner;

	(void)s;
	(void)bytes;
	node_fail(n, "%zu bytes nobody sent", len_bytes);
}

static void crowd_released(void *owner, stream_id s, uint32_t cookie)
{
	(void)owner;
	(void)s;
	(void)cookie;
}

static void crowd_ended(void *owner, stream_id s, enum stream_end how)
{
	struct node *n = owner;

	crowd.ended++;
	if (how == STREAM_END_FIN) {
		n->streams.ops->close(n->streams.ctx, s);
	}
}

static const struct stream_events crowd_events = {
	.connected = crowd_connected,
	.accepted = crowd_accepted,
	.received = crowd_received,
	.released = crowd_released,
	.ended = crowd_ended,
};

static void crowd_start(struct node *n)
{
	struct net_addr to = { .port = PORT };

	if (n->index == 1) {
		NODE_CHECK(n, n->streams.ops->listen(n->streams.ctx, PORT, &crowd_events, n) == ERR_OK);
		return;
	}
	memcpy(to.ip, wire_ip[1], sizeof(to.ip));
	for (uint32_t i = 0; i < CROWD; i++) {
		enum err err = n->streams.ops->connect(n->streams.ctx, &to, &crowd_events, n, &crowd.streams[i]);

		NODE_CHECK(n, err == (i < STREAM_COUNT_MAX ? ERR_OK : ERR_FULL));
		crowd.opened += err == ERR_OK ? 1 : 0;
	}
}

static uint64_t crowd_poll(struct node *n)
{
	if (n->index == 0 && n->now_us > 10000000 && !crowd.closing) {
		crowd.closing = true;
		for (uint32_t i = 0; i < crowd.opened; i++) {
			n->streams.ops->close(n->streams.ctx, crowd.streams[i]);
		}
	}
	if (n->index == 1 && n->now_us > 15000000) {
		/* Somebody may have given up without a word that reached us: the session has a deadline for such. */
		for (uint32_t i = 0; i < crowd.accepted; i++) {
			n->streams.ops->abort(n->streams.ctx, crowd.streams[i]);
		}
	}
	if (n->now_us > 20000000) {
		/* Who found the backlog full twelve times has been told so. */
		NODE_CHECK(n, n->index == 1 || (crowd.connected >= 20 && crowd.connected <= STREAM_COUNT_MAX));
		NODE_CHECK(n, n->index == 0 || (crowd.accepted >= 20 && crowd.accepted <= STREAM_COUNT_MAX));
		NODE_CHECK(n, n->index == 1 || crowd.ended >= STREAM_COUNT_MAX);
		for (uint32_t i = 0; i < STREAM_COUNT_MAX; i++) {
			NODE_CHECK(n, n->transport.streams.streams[i].state == STREAM_STATE_FREE);
		}
		n->done = true;
	}
	return 100000;
}

/* The backlog is two, so most SYNs come again; every connection ends one way or another, and the table is empty after. */
static void crowd_is_served_within_bounds_and_leaves_nothing(void **state)
{
	struct wire_config c = quiet_wire(7);

	(void)state;
	c.host[0] = c.host[1] = (struct wire_program){ .start = crowd_start, .poll = crowd_poll };
	(void)wire_run(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forged_frames_break_nothing),
		cmocka_unit_test(crowd_is_served_within_bounds_and_leaves_nothing),
		cmocka_unit_test(megabyte_each_way_arrives_on_a_quiet_wire),
		cmocka_unit_test(megabyte_each_way_arrives_through_loss_and_reordering),
		cmocka_unit_test(many_small_pieces_arrive),
		cmocka_unit_test(abort_releases_every_buffer_once),
		cmocka_unit_test(short_exchange_through_heavy_loss_ends_within_a_second),
		cmocka_unit_test(cut_wire_shows_as_a_stall_and_abort_still_releases),
		cmocka_unit_test(nobody_but_a_peer_gets_a_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
