/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/session/two_hosts.h"

#define SECOND 1000000u

static void both_resumed(struct two_hosts *w, uint32_t epoch, bool proved)
{
	assert_true(world_until(w, SOURCE, LINK_RESUMED, SECOND));
	assert_true(world_until(w, DESTINATION, LINK_RESUMED, SECOND));
	for (uint32_t i = 0; i < 2; i++) {
		const struct seen *seen = seen_find(&w->sides[i], LINK_RESUMED);

		assert_int_equal(seen->epoch, epoch);
		assert_int_equal(seen->proved, proved);
		assert_string_equal(seen->peer, i == SOURCE ? "beta" : "alpha");
		assert_int_equal(seen->peer_boot, w->sides[1 - i].link.ops->boot(w->sides[1 - i].link.ctx));
	}
	assert_int_equal(w->sides[DESTINATION].attempt.number, w->attempt.number);
	assert_string_equal(w->sides[DESTINATION].attempt.source, "alpha");
}

static void messages_flow_but_no_frames(struct two_hosts *w)
{
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	assert_int_equal(a->link.ops->send(a->link.ctx, 3, (const uint8_t *)"status?", 7), ERR_OK);
	assert_int_equal(b->link.ops->send(b->link.ctx, 4, (const uint8_t *)"taken", 5), ERR_OK);
	world_run(w, 10000);
	assert_memory_equal(b->message, "status?", 7);
	assert_memory_equal(a->message, "taken", 5);
	assert_int_equal(a->link.ops->frame_space(a->link.ctx, LINK_STREAM_RAM(0), 0), 0);
}

static void drop_link(struct two_hosts *w)
{
	w->net.down = true;
	assert_true(world_until(w, SOURCE, LINK_LOST, 10 * SECOND));
	assert_true(world_until(w, DESTINATION, LINK_LOST, 10 * SECOND));
	w->net.down = false;
	seen_clear(w);
}

static void a_lost_epoch_is_resumed_with_proof_on_both_sides(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	uint8_t chain[2][HASH_BYTES];
	uint8_t later[HASH_BYTES];
	uint64_t next[2];

	(void)state;
	world_open(w);
	assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 100, 5, SECOND));
	world_run(w, 5000);
	a->link.ops->channel_digest(a->link.ctx, 0, &next[0], chain[0]);
	for (uint32_t epoch = 2; epoch < 6; epoch++) {
		drop_link(w);
		assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
		both_resumed(w, epoch, true);
		messages_flow_but_no_frames(w);
	}
	a->link.ops->channel_digest(a->link.ctx, 0, &next[1], later);
	b->link.ops->channel_digest(b->link.ctx, 0, &next[1], chain[1]);
	assert_int_equal(next[0], next[1]);
	assert_memory_equal(chain[0], chain[1], HASH_BYTES);
	assert_memory_equal(chain[0], later, HASH_BYTES);
	a->link.ops->finish(a->link.ctx);
	assert_true(world_until(w, SOURCE, LINK_FINISHED, SECOND));
	assert_true(world_until(w, DESTINATION, LINK_FINISHED, SECOND));
}

static void a_half_open_epoch_is_fenced_without_a_loss_when_the_next_is_proved(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	w->net.lose_resets = true;
	seen_clear(w);
	/* Queued at the destination when the fence comes: dropped. */
	assert_int_equal(b->link.ops->send(b->link.ctx, 9, (const uint8_t *)"old", 3), ERR_OK);
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	both_resumed(w, 2, true);
	assert_int_equal(seen_number(b, LINK_LOST) + seen_number(a, LINK_LOST), 0);
	assert_int_equal(a->messages, 0);
	messages_flow_but_no_frames(w);
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		assert_int_equal(b->session.channels[i].stream, STREAM_NONE);
	}
}

#define MESSAGES   (CTRL_QUEUE_COUNT / 2)
#define SLOW_STEPS 20u
#define ROUNDS_MAX 100u

/* Time goes by and bytes arrive, while the engine of one side takes at most one event. What it took, or LINK_NONE. */
static enum link_event_kind world_run_slow(struct two_hosts *w, uint32_t slow, bool takes)
{
	struct link_event ev = { .kind = LINK_NONE };
	struct link_event other;

	for (uint32_t i = 0; i < SLOW_STEPS; i++) {
		const struct link *link = &w->sides[1 - slow].link;

		fake_net_poll(&w->net, SOURCE);
		fake_net_poll(&w->net, DESTINATION);
		link->ops->poll(link->ctx, &other);
		w->net.now_us += STEP_US;
	}
	if (takes) {
		w->sides[slow].link.ops->poll(w->sides[slow].link.ctx, &ev);
	}
	return ev.kind;
}

static void messages_wait(struct two_hosts *w, uint32_t side)
{
	const struct link *other = &w->sides[1 - side].link;

	world_open(w);
	w->net.lose_resets = true;
	seen_clear(w);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		assert_int_equal(other->ops->send(other->ctx, 9, (const uint8_t *)"old", 3), ERR_OK);
	}
	(void)world_run_slow(w, side, false);
	assert_int_equal(w->sides[side].session.inbox.count, MESSAGES);
}

static void messages_that_the_source_did_not_read_end_with_their_epoch(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	messages_wait(w, SOURCE);
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	both_resumed(w, 2, true);
	world_run(w, 10000);
	assert_int_equal(a->messages, 0);
	messages_flow_but_no_frames(w);
	assert_int_equal(a->messages, 1);
}

static void messages_that_the_destination_did_not_read_end_with_their_epoch(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	enum link_event_kind kind = LINK_MESSAGE;
	uint32_t read = 0;

	(void)state;
	messages_wait(w, DESTINATION);
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	for (uint32_t i = 0; kind == LINK_MESSAGE && i < ROUNDS_MAX; i++) {
		kind = world_run_slow(w, DESTINATION, true);
		read += kind == LINK_MESSAGE;
	}
	assert_int_equal(kind, LINK_RESUMED);
	assert_true(read < MESSAGES);
	world_run(w, 10000);
	assert_int_equal(b->messages, 0);
	messages_flow_but_no_frames(w);
	assert_int_equal(b->messages, 1);
}

static void a_stale_epoch_is_refused_and_the_live_one_goes_on(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	w->net.lose_resets = true;
	a->session.record.epoch = 4;
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	both_resumed(w, 5, true);
	for (uint32_t epoch = 2; epoch <= 5; epoch++) {
		seen_clear(w);
		a->session.record.epoch = epoch - 1;
		assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
		assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
		assert_non_null(strstr(seen_find(a, LINK_REFUSED)->text, "is stale, the last was 5"));
		assert_int_equal(b->seen_count, 0);
		assert_int_equal(b->session.phase, PHASE_CONTROL);
	}
}

static void a_wrong_proof_of_the_source_is_refused_and_the_live_epoch_goes_on(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	for (unsigned byte = 0; byte < KEYS_SECRET_BYTES; byte += 7) {
		w = two_hosts_new();
		world_open(w);
		w->net.lose_resets = true;
		seen_clear(w);
		a->session.record.secret[byte] ^= 1;
		assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
		assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
		assert_string_equal(seen_find(a, LINK_REFUSED)->text, "recovery proof of epoch 2 does not verify");
		assert_int_equal(b->seen_count, 0);
		assert_int_equal(b->session.phase, PHASE_OPEN);
		/* The right one still works, with the next number. */
		seen_clear(w);
		a->session.record.secret[byte] ^= 1;
		assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
		both_resumed(w, 3, true);
	}
}

static void a_wrong_proof_of_the_destination_is_not_believed(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	world_open(w);
	drop_link(w);
	side_tamper(&w->sides[DESTINATION], MESSAGE_RESUMED, 20, 1, 0x80);
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_LOST, SECOND));
	assert_int_equal(seen_find(a, LINK_LOST)->err, ERR_AUTH);
	assert_string_equal(seen_find(a, LINK_LOST)->text, "recovery proof of 'beta' does not verify");
	assert_null(seen_find(a, LINK_RESUMED));
}

static void another_identity_may_not_resume(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	w->net.lose_resets = true;
	seen_clear(w);
	strcpy(a->tls.own.id, "gamma");
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
	assert_non_null(strstr(seen_find(a, LINK_REFUSED)->text, "'gamma' is not allowed"));
	assert_int_equal(b->session.phase, PHASE_OPEN);
	assert_int_equal(b->seen_count, 0);
}

static void types_that_are_not_the_engines_cannot_be_sent(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	world_open(w);
	assert_int_equal(a->link.ops->send(a->link.ctx, MESSAGE_ENGINE_MAX, NULL, 0), ERR_OK);
	assert_int_equal(a->link.ops->send(a->link.ctx, MESSAGE_ENGINE_MAX + 1, NULL, 0), ERR_RANGE);
	world_run(w, 10000);
	assert_int_equal(w->sides[DESTINATION].messages, 1);
}

/* A host with a good certificate, allowed here, that speaks for another host. */
static void a_hello_that_names_another_host_than_the_certificate_is_refused(void **state)
{
	static const char text[] = "hello names source 'gamma', its certificate 'alpha'";
	struct link_connect how = { .to = fake_net_addr(DESTINATION, PORT), .peer_id = "beta", .channel_count = 1 };
	struct two_hosts *w;

	(void)state;
	for (enum hello_kind kind = HELLO_NEW; kind <= HELLO_STATUS; kind++) {
		struct side *a;
		struct side *b;

		w = two_hosts_new();
		a = &w->sides[SOURCE];
		b = &w->sides[DESTINATION];
		if (kind == HELLO_RESUME) {
			world_open(w);
			w->net.lose_resets = true;
			strcpy(a->session.record.attempt.source, "gamma");
			seen_clear(w);
			assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
		} else {
			world_listen(w);
			strcpy(a->session.own_id, "gamma");
			assert_int_equal(
				kind == HELLO_NEW ? world_connect(w) : a->link.ops->ask(a->link.ctx, &how, &w->attempt),
				ERR_OK);
		}
		assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
		assert_string_equal(seen_find(a, LINK_REFUSED)->text, text);
		assert_null(seen_find(b, LINK_HELLO));
		assert_null(seen_find(b, LINK_RESUMED));
		assert_int_equal(b->session.phase, kind == HELLO_RESUME ? PHASE_OPEN : PHASE_DOWN);
		if (kind != HELLO_RESUME) {
			assert_true(world_until(w, DESTINATION, LINK_REFUSED, SECOND));
			assert_string_equal(seen_find(b, LINK_REFUSED)->text, text);
			assert_int_equal(seen_find(b, LINK_REFUSED)->err, ERR_AUTH);
		}
	}
}

static void a_destination_that_forgot_answers_without_proof(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	drop_link(w);
	b->link.ops->forget(b->link.ctx);
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	both_resumed(w, 2, false);
	messages_flow_but_no_frames(w);
}

static void a_destination_that_restarted_answers_without_proof_and_with_a_new_boot(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	uint64_t boot;

	(void)state;
	world_open(w);
	boot = b->link.ops->boot(b->link.ctx);
	fake_net_power_off(&w->net, DESTINATION);
	assert_true(world_until(w, SOURCE, LINK_LOST, 10 * SECOND));
	fake_net_power_on(&w->net, DESTINATION);
	side_start(w, DESTINATION, "beta", 99);
	world_listen(w);
	seen_clear(w);
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	both_resumed(w, 2, false);
	assert_int_not_equal(seen_find(a, LINK_RESUMED)->peer_boot, boot);
	messages_flow_but_no_frames(w);
}

static void a_source_that_restarted_may_ask_and_nothing_more(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct link_connect how = { .to = fake_net_addr(DESTINATION, PORT), .peer_id = "beta", .channel_count = 1 };
	struct attempt attempt;

	(void)state;
	world_open(w);
	attempt = w->sides[DESTINATION].attempt;
	fake_net_power_off(&w->net, SOURCE);
	world_run(w, 10000);
	fake_net_power_on(&w->net, SOURCE);
	side_start(w, SOURCE, "alpha", 77);
	seen_clear(w);
	assert_int_equal(a->link.ops->ask(a->link.ctx, &how, &attempt), ERR_OK);
	both_resumed(w, 0, false);
	assert_int_equal(w->sides[DESTINATION].attempt.source_boot, attempt.source_boot);
	messages_flow_but_no_frames(w);
	/* And again after a loss. */
	drop_link(w);
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_OK);
	both_resumed(w, 1, false);
}

static void a_question_about_another_attempt_does_not_disturb_a_live_one(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	struct link_connect how = { .to = fake_net_addr(DESTINATION, PORT), .peer_id = "beta", .channel_count = 1 };
	struct attempt attempt;

	(void)state;
	world_open(w);
	w->net.lose_resets = true;
	attempt = b->attempt;
	attempt.number--;
	a->link.ops->abort(a->link.ctx);
	seen_clear(w);
	assert_int_equal(a->link.ops->ask(a->link.ctx, &how, &attempt), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
	assert_string_equal(seen_find(a, LINK_REFUSED)->text, "attempt 6: this host is receiving attempt 7");
	assert_int_equal(b->session.phase, PHASE_OPEN);
	assert_int_equal(b->seen_count, 0);
}

static void reconnect_without_an_attempt_is_refused(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_BAD_STATE);
	world_open(w);
	assert_int_equal(w->sides[DESTINATION].link.ops->reconnect(w->sides[DESTINATION].link.ctx), ERR_BAD_STATE);
	a->link.ops->abort(a->link.ctx);
	a->link.ops->forget(a->link.ctx);
	assert_int_equal(a->link.ops->reconnect(a->link.ctx), ERR_BAD_STATE);
}

static void the_two_roles_may_be_exchanged_in_the_same_sessions(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	const struct link_listen listen = { .port = PORT, .allowed_id = "beta" };
	struct link_connect how = { .to = fake_net_addr(SOURCE, PORT), .peer_id = "alpha", .channel_count = 2 };

	(void)state;
	for (unsigned turn = 0; turn < 5; turn++) {
		seen_clear(w);
		world_open(w);
		assert_true(frames_send(w, LINK_STREAM_RAM(0), 0, 1000, 30, SECOND));
		a->link.ops->finish(a->link.ctx);
		assert_true(world_until(w, DESTINATION, LINK_FINISHED, SECOND));
		assert_true(world_until(w, SOURCE, LINK_FINISHED, SECOND));
		b->link.ops->unlisten(b->link.ctx);
		seen_clear(w);
		assert_int_equal(a->link.ops->listen(a->link.ctx, &listen), ERR_OK);
		assert_int_equal(b->link.ops->connect(b->link.ctx, &how, &w->attempt, NULL, 0), ERR_OK);
		assert_true(world_until(w, DESTINATION, LINK_OPEN, SECOND));
		assert_true(world_until(w, SOURCE, LINK_OPEN, SECOND));
		b->link.ops->finish(b->link.ctx);
		assert_true(world_until(w, DESTINATION, LINK_FINISHED, SECOND));
		assert_true(world_until(w, SOURCE, LINK_FINISHED, SECOND));
		a->link.ops->unlisten(a->link.ctx);
		world_run(w, SECOND);
		assert_int_equal(a->session.pool.free_count, FRAME_POOL_COUNT);
		assert_int_equal(b->session.pool.free_count, FRAME_POOL_COUNT);
	}
	assert_int_equal(fake_net_alive(&w->net), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lost_epoch_is_resumed_with_proof_on_both_sides),
		cmocka_unit_test(a_half_open_epoch_is_fenced_without_a_loss_when_the_next_is_proved),
		cmocka_unit_test(messages_that_the_source_did_not_read_end_with_their_epoch),
		cmocka_unit_test(messages_that_the_destination_did_not_read_end_with_their_epoch),
		cmocka_unit_test(a_stale_epoch_is_refused_and_the_live_one_goes_on),
		cmocka_unit_test(a_wrong_proof_of_the_source_is_refused_and_the_live_epoch_goes_on),
		cmocka_unit_test(a_wrong_proof_of_the_destination_is_not_believed),
		cmocka_unit_test(another_identity_may_not_resume),
		cmocka_unit_test(types_that_are_not_the_engines_cannot_be_sent),
		cmocka_unit_test(a_hello_that_names_another_host_than_the_certificate_is_refused),
		cmocka_unit_test(a_destination_that_forgot_answers_without_proof),
		cmocka_unit_test(a_destination_that_restarted_answers_without_proof_and_with_a_new_boot),
		cmocka_unit_test(a_source_that_restarted_may_ask_and_nothing_more),
		cmocka_unit_test(a_question_about_another_attempt_does_not_disturb_a_live_one),
		cmocka_unit_test(reconnect_without_an_attempt_is_refused),
		cmocka_unit_test(the_two_roles_may_be_exchanged_in_the_same_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
