/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/bytes.h"
#include "tests/unit/session/two_hosts.h"

#define SECOND	   1000000u
#define CONTROL	   0u /* numbers of connections, in the order they are made */
#define DATA	   1u
#define FRAME_LEN  40u
#define FRAME_WIRE (FRAME_HEADER_BYTES + FRAME_LEN + FRAME_TAG_BYTES)

static bool over(const struct side *s)
{
	return seen_find(s, LINK_LOST) != NULL || seen_find(s, LINK_REFUSED) != NULL ||
	       seen_find(s, LINK_FINISHED) != NULL;
}

/* Nothing is left behind on either side. */
static void both_clean(struct two_hosts *w)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct side *s = &w->sides[i];

		assert_int_equal(s->session.pool.free_count, FRAME_POOL_COUNT);
		assert_int_equal(s->tls.opened, s->tls.freed);
		assert_int_equal(s->session.phase, PHASE_DOWN);
		assert_false(s->bad_bytes);
	}
	assert_false(w->net.tampered);
	assert_int_equal(fake_net_alive(&w->net), 0);
}

static void timeouts_short(struct two_hosts *w)
{
	session_set_timeouts(&w->sides[SOURCE].session, 30000, 10000);
	session_set_timeouts(&w->sides[DESTINATION].session, 30000, 10000);
}

/* A short whole conversation: hello, one channel, a few frames and messages, orderly end. */
static void conversation(struct two_hosts *w)
{
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	w->channel_count = 1;
	timeouts_short(w);
	world_listen(w);
	assert_int_equal(world_connect(w), ERR_OK);
	(void)world_until(w, SOURCE, LINK_OPEN, 5000);
	(void)frames_send(w, LINK_STREAM_RAM(0), 0, FRAME_LEN, 2, 2000);
	(void)a->link.ops->send(a->link.ctx, 1, (const uint8_t *)"ping", 4);
	(void)b->link.ops->send(b->link.ctx, 2, (const uint8_t *)"pong", 4);
	world_run(w, 2000);
	if (seen_find(a, LINK_OPEN) != NULL) {
		a->link.ops->finish(a->link.ctx);
	}
	for (unsigned i = 0; i < 10 && !(over(a) && over(b)); i++) {
		world_run(w, 15000);
	}
}

static void fault_at_each_byte(enum fake_fault fault, uint8_t mask, uint32_t conn, enum fake_dir dir, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at++) {
		struct two_hosts *w = two_hosts_new();
		const struct fake_rule rule = { fault, conn, dir, at, mask };

		fake_net_rule(&w->net, &rule);
		conversation(w);
		if (!over(&w->sides[SOURCE])) {
			/* Only the long deadline of the handshake is left. */
			world_run(w, 25 * SECOND);
		}
		assert_true(over(&w->sides[SOURCE]));
		world_run(w, 25 * SECOND);
		both_clean(w);
	}
}

/* Bytes of the undisturbed conversation. */
static uint64_t length_of(uint32_t conn, enum fake_dir dir)
{
	struct two_hosts *w = two_hosts_new();
	uint64_t bytes = 0;

	w->channel_count = 1;
	timeouts_short(w);
	world_open(w);
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, FRAME_LEN, 2, 2000));
	world_run(w, 2000);
	bytes = fake_net_delivered(&w->net, conn, dir);
	assert_true(bytes > 0);
	return bytes;
}

static void control_cut_at_each_byte_ends_both_sides_cleanly(void **state)
{
	(void)state;
	fault_at_each_byte(FAKE_CUT, 0, CONTROL, FAKE_FORWARD, length_of(CONTROL, FAKE_FORWARD));
	fault_at_each_byte(FAKE_CUT, 0, CONTROL, FAKE_BACKWARD, length_of(CONTROL, FAKE_BACKWARD));
}

static void control_closed_at_each_byte_ends_both_sides_cleanly(void **state)
{
	(void)state;
	fault_at_each_byte(FAKE_FIN, 0, CONTROL, FAKE_FORWARD, length_of(CONTROL, FAKE_FORWARD));
	fault_at_each_byte(FAKE_FIN, 0, CONTROL, FAKE_BACKWARD, length_of(CONTROL, FAKE_BACKWARD));
}

static void each_flipped_byte_of_the_control_channel_ends_both_sides_cleanly(void **state)
{
	(void)state;
	fault_at_each_byte(FAKE_FLIP, 0x41, CONTROL, FAKE_FORWARD, length_of(CONTROL, FAKE_FORWARD));
	fault_at_each_byte(FAKE_FLIP, 0x01, CONTROL, FAKE_BACKWARD, length_of(CONTROL, FAKE_BACKWARD));
}

static void data_cut_or_closed_at_each_byte_ends_both_sides_cleanly(void **state)
{
	(void)state;
	fault_at_each_byte(FAKE_CUT, 0, DATA, FAKE_FORWARD, length_of(DATA, FAKE_FORWARD));
	fault_at_each_byte(FAKE_FIN, 0, DATA, FAKE_FORWARD, length_of(DATA, FAKE_FORWARD));
}

static void data_stalled_at_each_byte_ends_both_sides_cleanly(void **state)
{
	(void)state;
	fault_at_each_byte(FAKE_STALL, 0, DATA, FAKE_FORWARD, FRAME_JOIN_BYTES + 2 * FRAME_WIRE);
}

static void each_flipped_byte_of_a_frame_ends_the_attempt_on_both_sides_and_is_never_delivered(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < FRAME_WIRE; at++) {
		for (unsigned bit = 0; bit < 8; bit += 3) {
			struct two_hosts *w = two_hosts_new();
			struct side *a = &w->sides[SOURCE];
			struct side *b = &w->sides[DESTINATION];
			const struct fake_rule rule = { FAKE_FLIP, DATA, FAKE_FORWARD,
				FRAME_JOIN_BYTES + FRAME_WIRE + at, (uint8_t)(1u << bit) };

			w->channel_count = 1;
			fake_net_rule(&w->net, &rule);
			timeouts_short(w);
			world_open(w);
			assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, FRAME_LEN, 1, 2000));
			world_run(w, 1000);
			assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, FRAME_LEN, 1, 2000));
			assert_true(world_until(w, DESTINATION, LINK_LOST, SECOND));
			assert_true(world_until(w, SOURCE, LINK_LOST, SECOND));
			assert_int_equal(b->frames, 1);
			assert_non_null(strstr(seen_find(b, LINK_LOST)->text, "channel 0: frame"));
			assert_non_null(strstr(seen_find(a, LINK_LOST)->text, seen_find(b, LINK_LOST)->text));
			world_run(w, SECOND);
			both_clean(w);
			/* The slot is clean: the next attempt opens at once. */
			fake_net_clear_rules(&w->net);
			seen_clear(w);
			w->attempt.number++;
			assert_int_equal(world_connect(w), ERR_OK);
			assert_true(world_until(w, SOURCE, LINK_OPEN, SECOND));
		}
	}
}

static void each_flipped_byte_of_a_join_closes_that_connection(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < FRAME_JOIN_BYTES; at++) {
		struct two_hosts *w = two_hosts_new();
		const struct fake_rule rule = { FAKE_FLIP, DATA, FAKE_FORWARD, at, 0x10 };

		w->channel_count = 1;
		fake_net_rule(&w->net, &rule);
		timeouts_short(w);
		world_listen(w);
		assert_int_equal(world_connect(w), ERR_OK);
		assert_true(world_until(w, SOURCE, LINK_LOST, 25 * SECOND));
		assert_int_equal(w->sides[DESTINATION].session.stats.strangers_refused, 1);
		assert_null(seen_find(&w->sides[SOURCE], LINK_OPEN));
		assert_null(seen_find(&w->sides[DESTINATION], LINK_OPEN));
	}
}

static void any_split_of_the_bytes_gives_the_same_frames(void **state)
{
	(void)state;
	for (size_t split = 1; split < 120; split += split < 4 ? 1 : 13) {
		struct two_hosts *w = two_hosts_new();
		struct side *a = &w->sides[SOURCE];
		struct side *b = &w->sides[DESTINATION];
		uint8_t chain[2][HASH_BYTES];
		uint64_t next[2];

		w->net.split_max = split;
		world_open(w);
		assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 777, 20, SECOND));
		assert_true(frames_send(w, LINK_STREAM_RAM(1), 1, 0, 20, SECOND));
		world_run(w, 10000);
		assert_int_equal(b->frames, 40);
		assert_false(b->bad_bytes);
		a->link.ops->channel_digest(a->link.ctx, 0, &next[0], chain[0]);
		b->link.ops->channel_digest(b->link.ctx, 0, &next[1], chain[1]);
		assert_memory_equal(chain[0], chain[1], HASH_BYTES);
	}
}

static void lost_by(struct two_hosts *w, const char *text)
{
	assert_true(world_until(w, DESTINATION, LINK_LOST, SECOND));
	assert_true(world_until(w, SOURCE, LINK_LOST, SECOND));
	assert_non_null(strstr(seen_find(&w->sides[DESTINATION], LINK_LOST)->text, text));
	assert_non_null(strstr(seen_find(&w->sides[SOURCE], LINK_LOST)->text, text));
}

static void a_replayed_or_skipped_sequence_ends_the_attempt_by_name(void **state)
{
	struct two_hosts *w = two_hosts_new();

	(void)state;
	world_open(w);
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 10, 3, SECOND));
	w->sides[SOURCE].session.channels[0].next--;
	assert_true(frame_send(w, LINK_STREAM_RAM(0), 0, 10));
	lost_by(w, "channel 0: frame sequence is 3, expected 4");

	w = two_hosts_new();
	world_open(w);
	w->sides[SOURCE].session.channels[1].next++;
	assert_true(frame_send(w, LINK_STREAM_RAM(1), 1, 10));
	lost_by(w, "channel 1: frame sequence is 2, expected 1");
}

static void more_frames_than_granted_end_the_attempt_by_name(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	world_open(w);
	w->sides[DESTINATION].hold_frames = true;
	a->session.credit.limit[LINK_STREAM_VM]++;
	assert_true(frame_send(w, LINK_STREAM_VM, 0, 10));
	assert_true(frame_send(w, LINK_STREAM_VM, 0, 10));
	lost_by(w, "channel 0: frame 2 of stream 8, granted 1");
}

static void more_messages_than_granted_end_the_attempt_by_name(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	world_open(w);
	a->session.out_limit = 100;
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(a->link.ops->send(a->link.ctx, 1, NULL, 0), ERR_OK);
	}
	/* All eight at once, and eight more before the other side has polled. */
	for (unsigned i = 0; i < 8; i++) {
		struct link_event ev;

		w->net.now_us += STEP_US;
		fake_net_poll(&w->net, SOURCE);
		fake_net_poll(&w->net, DESTINATION);
		a->link.ops->poll(a->link.ctx, &ev);
	}
	for (unsigned i = 0; i < 8; i++) {
		(void)a->link.ops->send(a->link.ctx, 1, NULL, 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		struct link_event ev;

		w->net.now_us += STEP_US;
		fake_net_poll(&w->net, SOURCE);
		a->link.ops->poll(a->link.ctx, &ev);
		fake_net_poll(&w->net, DESTINATION);
	}
	assert_true(world_until(w, DESTINATION, LINK_LOST, SECOND));
	assert_string_equal(
		seen_find(&w->sides[DESTINATION], LINK_LOST)->text, "control channel: message number is 9, expected 8");
	assert_int_equal(w->sides[DESTINATION].messages, 8);
}

static void bytes_against_the_direction_of_a_data_channel_end_the_attempt(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	assert_int_equal(b->session.streams.ops->send_copy(
				 b->session.streams.ctx, b->session.channels[0].stream, (const uint8_t *)"x", 1),
		ERR_OK);
	lost_by(w, "bytes against its direction");
}

static void a_held_stream_starves_no_other(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *b = &w->sides[DESTINATION];
	uint32_t held;

	(void)state;
	world_open(w);
	b->hold_frames = true;
	while (frame_send(w, LINK_STREAM_RAM(0), 0, 100)) {
		world_step(w);
	}
	world_run(w, 10000);
	held = b->held_count;
	assert_int_equal(held, b->session.credit.window[LINK_STREAM_RAM(0)]);
	b->hold_frames = false;
	assert_true(frames_send(w, LINK_STREAM_RAM(1), 1, 500, 20, SECOND));
	assert_true(frames_send(w, LINK_STREAM_VM, 1, 500, 20, SECOND));
	for (uint32_t k = 0; k < DEVICE_COUNT_MAX; k++) {
		assert_true(frames_send(w, (uint16_t)LINK_STREAM_DEVICE(k), 1, 500, 20, SECOND));
	}
	world_run(w, 5000);
	assert_int_equal(b->frames, held + 40 + 20 * DEVICE_COUNT_MAX);
	while (b->held_count > 0) {
		frame_place(b);
	}
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 500, 20, SECOND));
}

static void frames_lent_over_the_end_of_an_epoch_come_back(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	b->hold_frames = true;
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 100, 3, SECOND));
	world_run(w, 5000);
	a->link.ops->abort(a->link.ctx);
	assert_true(world_until(w, DESTINATION, LINK_LOST, SECOND));
	assert_int_equal(b->session.pool.free_count, FRAME_POOL_COUNT - 3);
	seen_clear(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_OPEN, SECOND));
	world_run(w, 2000);
	assert_int_equal(credit_outstanding(&b->session.credit), FRAME_POOL_COUNT - 3);
	frame_place(b);
	frame_place(b);
	frame_place(b);
	world_run(w, 2000);
	assert_int_equal(credit_outstanding(&b->session.credit), FRAME_POOL_COUNT);
	b->hold_frames = false;
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 100, 30, SECOND));
}

static void keys_change_under_way_without_anyone_noticing(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	a->session.channels[0].next = (1u << KEYS_REKEY_SHIFT) - 3;
	b->session.channels[0].next = (1u << KEYS_REKEY_SHIFT) - 3;
	b->session.channels[0].placed = (1u << KEYS_REKEY_SHIFT) - 3;
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 1000, 10, SECOND));
	world_run(w, 5000);
	assert_int_equal(b->frames, 10);
	assert_false(b->bad_bytes);
	assert_int_equal(a->session.channels[0].keys.generation, 1);
	assert_int_equal(b->session.channels[0].keys.generation, 1);
}

/* ---- strangers ---- */

struct raw {
	stream_id stream;
	bool connected, ended;
};

static void raw_connected(void *owner, stream_id s)
{
	struct raw *r = owner;

	(void)s;
	r->connected = true;
}

static bool raw_accepted(void *owner, stream_id s, const struct net_addr *peer)
{
	(void)owner;
	(void)s;
	(void)peer;
	return false;
}

static void raw_received(void *owner, stream_id s, const uint8_t *bytes, size_t len)
{
	(void)owner;
	(void)s;
	(void)bytes;
	(void)len;
}

static void raw_released(void *owner, stream_id s, uint32_t cookie)
{
	(void)owner;
	(void)s;
	(void)cookie;
}

static void raw_ended(void *owner, stream_id s, enum stream_end how)
{
	struct raw *r = owner;

	(void)s;
	(void)how;
	r->ended = true;
}

static const struct stream_events raw_events = { raw_connected, raw_accepted, raw_received, raw_released, raw_ended };

static void raw_open(struct two_hosts *w, struct raw *r)
{
	const struct streams st = fake_net_streams(&w->net, STRANGER);
	const struct net_addr to = fake_net_addr(DESTINATION, PORT);

	*r = (struct raw){ 0 };
	assert_int_equal(st.ops->connect(st.ctx, &to, &raw_events, r, &r->stream), ERR_OK);
	world_run(w, 1000);
}

static void raw_say(struct two_hosts *w, struct raw *r, const void *bytes, size_t len)
{
	const struct streams st = fake_net_streams(&w->net, STRANGER);

	(void)st.ops->send_copy(st.ctx, r->stream, bytes, len);
	world_run(w, 1000);
}

static void migration_goes_on(struct two_hosts *w)
{
	struct side *b = &w->sides[DESTINATION];
	const uint64_t before = b->frames;

	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 1000, 10, SECOND));
	world_run(w, 5000);
	assert_int_equal(b->frames, before + 10);
	assert_false(over(&w->sides[SOURCE]));
	assert_false(over(b));
}

static void garbage_and_a_replayed_join_close_that_connection_only(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *b = &w->sides[DESTINATION];
	uint8_t join[FRAME_JOIN_BYTES];
	uint8_t garbage[200];
	struct raw r;

	(void)state;
	world_open(w);
	for (unsigned first = 0; first < 256; first += 5) {
		memset(garbage, (int)first, sizeof(garbage));
		raw_open(w, &r);
		assert_true(r.connected);
		raw_say(w, &r, garbage, sizeof(garbage));
		assert_true(r.ended);
	}
	/* What a listener on the wire would have recorded: strangers keep the bytes of the JOINs that passed. */
	memcpy(join, b->session.strangers[0].bytes, sizeof(join));
	join[0] = 'G';
	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		memcpy(join, b->session.strangers[i].bytes, sizeof(join));
		raw_open(w, &r);
		raw_say(w, &r, join, sizeof(join));
		assert_true(r.ended);
	}
	migration_goes_on(w);
	assert_true(b->session.stats.strangers_refused >= 50);
}

static void a_recorded_join_is_refused_while_its_channel_is_joined_and_in_the_next_epoch(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	const struct channel_io io = { &a->session.streams, a->session.seal, &a->session.pool, &a->session.credit };
	struct channel copy;
	uint8_t join[FRAME_JOIN_BYTES];
	struct raw r;

	(void)state;
	world_open(w);
	copy = a->session.channels[1];
	copy.next = 0;
	assert_int_equal(channel_join_seal(&copy, &io, 2, join), ERR_OK);
	raw_open(w, &r);
	raw_say(w, &r, join, sizeof(join));
	assert_true(r.ended);
	assert_true(fake_host_logged(&b->host, "channel 1 has joined already"));
	migration_goes_on(w);

	a->link.ops->abort(a->link.ctx);
	assert_true(world_until(w, DESTINATION, LINK_LOST, SECOND));
	raw_open(w, &r);
	raw_say(w, &r, join, sizeof(join));
	assert_true(r.ended);
	assert_true(fake_host_logged(&b->host, "no epoch to join"));
	seen_clear(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, DESTINATION, LINK_HELLO, SECOND));
	raw_open(w, &r);
	raw_say(w, &r, join, sizeof(join));
	assert_true(r.ended);
	assert_true(world_until(w, DESTINATION, LINK_OPEN, SECOND));
	migration_goes_on(w);
}

static void silent_and_slow_strangers_are_closed_in_time_and_bounded_in_number(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *b = &w->sides[DESTINATION];
	struct raw r[STRANGERS_MAX + 2];
	uint32_t ended = 0;

	(void)state;
	world_open(w);
	for (unsigned i = 0; i < STRANGERS_MAX + 2; i++) {
		raw_open(w, &r[i]);
	}
	for (unsigned i = 0; i < STRANGERS_MAX + 2; i++) {
		ended += r[i].ended;
	}
	assert_int_equal(ended, 2);
	assert_true(r[0].ended && r[1].ended);
	/* One says a byte now and then. */
	for (unsigned i = 0; i < 12; i++) {
		raw_say(w, &r[STRANGERS_MAX + 1], "G", 1);
		world_run(w, SECOND / 2);
	}
	for (unsigned i = 0; i < STRANGERS_MAX + 2; i++) {
		assert_true(r[i].ended);
	}
	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		assert_int_equal(b->session.strangers[i].stream, STREAM_NONE);
	}
	migration_goes_on(w);
}

static void a_source_gets_through_although_strangers_hold_every_place(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct raw r[STRANGERS_MAX];

	(void)state;
	world_listen(w);
	for (unsigned i = 0; i < STRANGERS_MAX; i++) {
		raw_open(w, &r[i]);
	}
	w->channel_count = CHANNEL_COUNT_MAX;
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_OPEN, SECOND));
	assert_true(world_until(w, DESTINATION, LINK_OPEN, SECOND));
	migration_goes_on(w);
}

static void a_tls_stranger_holds_the_one_handshake_until_its_deadline_and_no_longer(void **state)
{
	static const uint8_t hello[6] = { 0x16, 3, 3, 0, 50, 1 };
	struct two_hosts *w = two_hosts_new();
	struct raw r[2];

	(void)state;
	world_open(w);
	raw_open(w, &r[0]);
	raw_say(w, &r[0], hello, sizeof(hello));
	raw_open(w, &r[1]);
	raw_say(w, &r[1], hello, sizeof(hello));
	assert_false(r[0].ended);
	assert_true(r[1].ended);
	world_run(w, SESSION_HANDSHAKE_US + SECOND);
	assert_true(r[0].ended);
	migration_goes_on(w);
}

static void in_the_blackout_only_the_peers_address_may_begin(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *b = &w->sides[DESTINATION];
	struct raw r;

	(void)state;
	world_open(w);
	b->link.ops->blackout(b->link.ctx, true);
	raw_open(w, &r);
	assert_true(r.ended);
	b->link.ops->blackout(b->link.ctx, false);
	raw_open(w, &r);
	assert_false(r.ended);
	migration_goes_on(w);
}

/* ---- silence ---- */

static void rtt_is_measured_and_silence_ends_the_epoch(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	struct link_stats stats;

	(void)state;
	world_open(w);
	world_run(w, 5 * SECOND);
	a->link.ops->stats(a->link.ctx, &stats);
	assert_in_range(stats.rtt_us, 200, 400);
	b->link.ops->stats(b->link.ctx, &stats);
	assert_in_range(stats.rtt_us, 200, 400);
	w->net.down = true;
	assert_true(world_until(w, SOURCE, LINK_LOST, 5 * SECOND));
	assert_true(world_until(w, DESTINATION, LINK_LOST, 5 * SECOND));
	assert_int_equal(seen_find(a, LINK_LOST)->err, ERR_TIMEOUT);
	assert_non_null(strstr(seen_find(a, LINK_LOST)->text, "unacknowledged for 3"));
}

static void in_the_blackout_silence_is_found_at_the_short_timeout(void **state)
{
	struct two_hosts *w = two_hosts_new();
	uint64_t from;

	(void)state;
	world_open(w);
	for (uint32_t i = 0; i < 2; i++) {
		w->sides[i].link.ops->blackout(w->sides[i].link.ctx, true);
	}
	world_run(w, SECOND);
	from = w->net.now_us;
	w->net.down = true;
	assert_true(world_until(w, SOURCE, LINK_LOST, 5 * SECOND));
	assert_true(world_until(w, DESTINATION, LINK_LOST, 5 * SECOND));
	assert_true(w->net.now_us - from < SECOND / 2);
}

static void a_peer_whose_transport_answers_but_whose_session_is_dead_is_given_up(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct link_event ev = { .kind = LINK_NONE };

	(void)state;
	world_open(w);
	for (unsigned i = 0; i < 200000 && ev.kind != LINK_LOST; i++) {
		w->net.now_us += STEP_US;
		fake_net_poll(&w->net, SOURCE);
		fake_net_poll(&w->net, DESTINATION);
		a->link.ops->poll(a->link.ctx, &ev);
	}
	assert_int_equal(ev.kind, LINK_LOST);
	assert_non_null(strstr(ev.text, "no answer to PING"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_cut_at_each_byte_ends_both_sides_cleanly),
		cmocka_unit_test(control_closed_at_each_byte_ends_both_sides_cleanly),
		cmocka_unit_test(each_flipped_byte_of_the_control_channel_ends_both_sides_cleanly),
		cmocka_unit_test(data_cut_or_closed_at_each_byte_ends_both_sides_cleanly),
		cmocka_unit_test(data_stalled_at_each_byte_ends_both_sides_cleanly),
		cmocka_unit_test(each_flipped_byte_of_a_frame_ends_the_attempt_on_both_sides_and_is_never_delivered),
		cmocka_unit_test(each_flipped_byte_of_a_join_closes_that_connection),
		cmocka_unit_test(any_split_of_the_bytes_gives_the_same_frames),
		cmocka_unit_test(a_replayed_or_skipped_sequence_ends_the_attempt_by_name),
		cmocka_unit_test(more_frames_than_granted_end_the_attempt_by_name),
		cmocka_unit_test(more_messages_than_granted_end_the_attempt_by_name),
		cmocka_unit_test(bytes_against_the_direction_of_a_data_channel_end_the_attempt),
		cmocka_unit_test(a_held_stream_starves_no_other),
		cmocka_unit_test(frames_lent_over_the_end_of_an_epoch_come_back),
		cmocka_unit_test(keys_change_under_way_without_anyone_noticing),
		cmocka_unit_test(garbage_and_a_replayed_join_close_that_connection_only),
		cmocka_unit_test(a_recorded_join_is_refused_while_its_channel_is_joined_and_in_the_next_epoch),
		cmocka_unit_test(silent_and_slow_strangers_are_closed_in_time_and_bounded_in_number),
		cmocka_unit_test(a_source_gets_through_although_strangers_hold_every_place),
		cmocka_unit_test(a_tls_stranger_holds_the_one_handshake_until_its_deadline_and_no_longer),
		cmocka_unit_test(in_the_blackout_only_the_peers_address_may_begin),
		cmocka_unit_test(rtt_is_measured_and_silence_ends_the_epoch),
		cmocka_unit_test(in_the_blackout_silence_is_found_at_the_short_timeout),
		cmocka_unit_test(a_peer_whose_transport_answers_but_whose_session_is_dead_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
