/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/session/two_hosts.h"

static void both_sides_open_after_hello_and_joins(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	assert_int_equal(a->seen[0].kind, LINK_HELLO);
	assert_string_equal(a->seen[0].peer, "beta");
	assert_memory_equal(a->hello, "answer", 6);
	assert_int_equal(a->seen[0].peer_boot, b->link.ops->boot(b->link.ctx));
	assert_string_equal(b->seen[0].peer, "alpha");
	assert_memory_equal(b->hello, "question", 8);
	assert_int_equal(b->seen[0].peer_boot, a->link.ops->boot(a->link.ctx));
	assert_string_equal(b->attempt.source, "alpha");
	assert_int_equal(b->attempt.number, 7);
	assert_int_equal(b->attempt.gen, 3);
	assert_int_equal(seen_number(a, LINK_LOST) + seen_number(b, LINK_LOST), 0);
	assert_int_equal(b->link.ops->channel_count(b->link.ctx), 2);
}

static void frames_arrive_whole_and_digests_agree(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	uint8_t chain[2][HASH_BYTES];
	uint64_t next[2];

	(void)state;
	world_open(w);
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, FRAME_PAYLOAD_MAX, 40, 1000000));
	assert_true(frames_send(w, LINK_STREAM_RAM(1), 1, 5000, 40, 1000000));
	assert_true(frames_send(w, LINK_STREAM_VM, 0, 0, 3, 1000000));
	assert_true(frames_send(w, LINK_STREAM_DEVICE(7), 1, 1, 3, 1000000));
	world_run(w, 10000);
	assert_int_equal(b->frames, 86);
	assert_false(b->bad_bytes);
	assert_false(w->net.tampered);
	for (uint8_t c = 0; c < 2; c++) {
		a->link.ops->channel_digest(a->link.ctx, c, &next[0], chain[0]);
		b->link.ops->channel_digest(b->link.ctx, c, &next[1], chain[1]);
		assert_int_equal(next[0], 44);
		assert_int_equal(next[1], 44);
		assert_memory_equal(chain[0], chain[1], HASH_BYTES);
	}
	assert_int_equal(a->session.pool.free_count, FRAME_POOL_COUNT);
	assert_int_equal(b->session.pool.free_count, FRAME_POOL_COUNT);
}

static void messages_go_both_ways_in_order_however_many(void **state)
{
	struct two_hosts *w = two_hosts_new();
	uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	uint32_t sent[2] = { 0, 0 };

	(void)state;
	world_open(w);
	memset(bytes, 0x5a, sizeof(bytes));
	for (unsigned i = 0; i < 2000 && (sent[0] < 100 || sent[1] < 100); i++) {
		for (uint32_t side = 0; side < 2; side++) {
			struct link *l = &w->sides[side].link;

			if (sent[side] < 100 && l->ops->send(l->ctx, (uint16_t)(1 + sent[side]), bytes,
							sent[side] % 2 ? sizeof(bytes) : 0) == ERR_OK) {
				sent[side]++;
			}
		}
		world_step(w);
	}
	world_run(w, 20000);
	for (uint32_t side = 0; side < 2; side++) {
		uint16_t expected = 1;

		assert_int_equal(w->sides[side].messages, 100);
		for (uint32_t i = 0; i < w->sides[side].seen_count; i++) {
			if (w->sides[side].seen[i].kind == LINK_MESSAGE) {
				assert_int_equal(w->sides[side].seen[i].type, expected);
				expected++;
			}
		}
		assert_true(w->sides[side].link.ops->control_idle(w->sides[side].link.ctx));
	}
}

static void finish_of_one_side_ends_both_in_order(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 3000, 4, 1000000));
	assert_int_equal(a->link.ops->send(a->link.ctx, 5, (const uint8_t *)"last", 4), ERR_OK);
	a->link.ops->finish(a->link.ctx);
	world_run(w, 1000000);
	assert_int_equal(b->messages, 1);
	assert_int_equal(b->frames, 4);
	assert_int_equal(seen_number(a, LINK_FINISHED), 1);
	assert_int_equal(seen_number(b, LINK_FINISHED), 1);
	assert_int_equal(seen_number(a, LINK_LOST) + seen_number(b, LINK_LOST), 0);
	assert_int_equal(fake_net_alive(&w->net), 0);
	assert_int_equal(a->tls.opened, a->tls.freed);
	assert_int_equal(b->tls.opened, b->tls.freed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_open_after_hello_and_joins),
		cmocka_unit_test(frames_arrive_whole_and_digests_agree),
		cmocka_unit_test(messages_go_both_ways_in_order_however_many),
		cmocka_unit_test(finish_of_one_side_ends_both_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
