/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/session/two_hosts.h"

#define SECOND 1000000u

/* Whatever was wrong is put right, and the same listener takes the next attempt. */
static void listener_still_works(struct two_hosts *w)
{
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	char id[HOST_ID_MAX];

	for (uint32_t i = 0; i < 2; i++) {
		struct fake_credentials *own = &w->sides[i].tls.own;

		memcpy(id, own->id, sizeof(id));
		memset(own, 0, sizeof(*own));
		memcpy(own->id, id, sizeof(id));
		strcpy(own->ca, "ca");
	}
	a->refuse = NULL;
	b->refuse = NULL;
	a->manual = false;
	b->manual = false;
	seen_clear(w);
	world_run(w, SECOND);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_OPEN, SECOND));
	assert_true(world_until(w, DESTINATION, LINK_OPEN, SECOND));
}

static void both_refused(struct two_hosts *w, const char *source_text, const char *destination_text)
{
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
	assert_true(world_until(w, DESTINATION, LINK_REFUSED, SECOND));
	assert_non_null(strstr(seen_find(a, LINK_REFUSED)->text, source_text));
	assert_non_null(strstr(seen_find(b, LINK_REFUSED)->text, destination_text));
	world_run(w, SECOND);
	assert_int_equal(a->seen_count, 1);
	assert_int_equal(b->seen_count, 1);
	assert_int_equal(w->net.made, 1);
	assert_int_equal(fake_net_alive(&w->net), 0);
	assert_int_equal(a->tls.opened, a->tls.freed);
	assert_int_equal(b->tls.opened, b->tls.freed);
}

static void bad_credentials_of_either_side_are_refused_with_a_reason_at_both(void **state)
{
	static const struct {
		struct fake_credentials own;
		const char *text;
	} bad[] = {
		{ { .ca = "other" }, "CA" },
		{ { .ca = "ca", .expired = true }, "expired" },
		{ { .ca = "ca", .none = true }, "no certificate" },
		{ { .ca = "ca", .no_source_role = true, .no_destination_role = true }, "role" },
		{ { .ca = "ca", .tls12 = true }, "TLS 1.3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (uint32_t side = 0; side < 2; side++) {
			struct two_hosts *w = two_hosts_new();
			struct fake_credentials *own = &w->sides[side].tls.own;
			char id[HOST_ID_MAX];

			memcpy(id, own->id, sizeof(id));
			*own = bad[i].own;
			memcpy(own->id, id, sizeof(id));
			world_listen(w);
			both_refused(w, bad[i].text, bad[i].text);
			listener_still_works(w);
		}
	}
}

static void a_destination_of_another_name_is_refused_naming_both(void **state)
{
	struct two_hosts *w = two_hosts_new();

	(void)state;
	strcpy(w->sides[DESTINATION].tls.own.id, "gamma");
	world_listen(w);
	both_refused(w, "the destination is 'gamma', tls-hostname asks for 'beta'",
		"the destination is 'gamma', tls-hostname asks for 'beta'");
	strcpy(w->sides[DESTINATION].tls.own.id, "beta");
	listener_still_works(w);
}

static void a_source_that_is_not_allowed_is_refused(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *b = &w->sides[DESTINATION];
	struct link_listen how = { .port = PORT, .allowed_id = "delta" };

	(void)state;
	assert_int_equal(b->link.ops->listen(b->link.ctx, &how), ERR_OK);
	both_refused(w, "source 'alpha' is not allowed: tls-authz names 'delta'",
		"source 'alpha' is not allowed: tls-authz names 'delta'");
	world_listen(w);
	listener_still_works(w);
}

static void an_empty_allow_list_refuses_all(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *b = &w->sides[DESTINATION];
	struct link_listen how = { .port = PORT };

	(void)state;
	assert_int_equal(b->link.ops->listen(b->link.ctx, &how), ERR_OK);
	both_refused(w, "tls-authz is not set", "tls-authz is not set");
	world_listen(w);
	listener_still_works(w);
}

static void ones_own_id_as_peer_is_refused(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	strcpy(a->tls.own.id, "beta");
	strcpy(a->session.own_id, "beta");
	world_listen(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
	assert_true(world_until(w, DESTINATION, LINK_REFUSED, SECOND));
	assert_non_null(strstr(seen_find(a, LINK_REFUSED)->text, "own id 'beta'"));
}

static void a_refusal_of_the_destinations_engine_reaches_the_source(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	b->refuse = "vCPU count: source 2, destination 4";
	world_listen(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
	assert_string_equal(seen_find(a, LINK_REFUSED)->text, b->refuse);
	assert_int_equal(seen_number(b, LINK_REFUSED) + seen_number(b, LINK_LOST), 0);
	listener_still_works(w);
}

static void a_refusal_of_the_sources_engine_reaches_the_destination(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	a->refuse = "timer frequency: source 62500000, destination 1000000000";
	world_listen(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, DESTINATION, LINK_REFUSED, SECOND));
	assert_string_equal(seen_find(b, LINK_REFUSED)->text, a->refuse);
	assert_int_equal(seen_number(a, LINK_REFUSED) + seen_number(a, LINK_LOST), 0);
	assert_int_equal(w->net.made, 1);
	listener_still_works(w);
}

static void another_protocol_version_is_refused_naming_both(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	side_tamper(a, MESSAGE_HELLO, 0, 2, 4);
	world_listen(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
	assert_true(world_until(w, DESTINATION, LINK_REFUSED, SECOND));
	for (uint32_t i = 0; i < 2; i++) {
		assert_string_equal(seen_find(&w->sides[i], LINK_REFUSED)->text,
			"protocol version: source speaks 5 to 5, destination 1 to 1");
	}
	a->session.tls = fake_tls(&a->tls);
	listener_still_works(w);
}

static void nothing_but_hello_is_sent_before_the_answer_is_read(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	a->manual = true;
	b->manual = true;
	world_listen(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, DESTINATION, LINK_HELLO, SECOND));
	world_run(w, 3 * SECOND);
	assert_int_equal(a->seen_count, 0);
	assert_int_equal(a->link.ops->send(a->link.ctx, 1, NULL, 0), ERR_LOST);
	assert_int_equal(b->link.ops->accept(b->link.ctx, NULL, 0), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_HELLO, SECOND));
	world_run(w, SECOND);
	assert_int_equal(w->net.made, 1);
	assert_int_equal(a->link.ops->accept(a->link.ctx, NULL, 0), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_OPEN, SECOND));
	assert_int_equal(w->net.made, 3);
}

static void a_port_nobody_listens_on_is_lost_by_name(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];

	(void)state;
	assert_int_equal(world_connect(w), ERR_OK);
	assert_int_equal(world_connect(w), ERR_BAD_STATE);
	assert_true(world_until(w, SOURCE, LINK_LOST, SECOND));
	assert_string_equal(seen_find(a, LINK_LOST)->text, "cannot connect to 10.0.0.2:4444: refused");
	assert_int_equal(world_connect(w), ERR_OK);
	w->net.down = true;
	seen_clear(w);
	assert_true(world_until(w, SOURCE, LINK_LOST, 30 * SECOND));
	assert_string_equal(seen_find(a, LINK_LOST)->text, "cannot connect to 10.0.0.2:4444: no answer");
}

static void a_peer_that_falls_silent_in_the_handshake_is_given_up(void **state)
{
	for (uint64_t at = 0; at < 600; at += 37) {
		for (unsigned dir = 0; dir < 2; dir++) {
			struct two_hosts *w = two_hosts_new();
			const struct fake_rule rule = { FAKE_STALL, 0, (enum fake_dir)dir, at, 0 };

			(void)state;
			fake_net_rule(&w->net, &rule);
			world_listen(w);
			assert_int_equal(world_connect(w), ERR_OK);
			assert_true(world_until(w, SOURCE, LINK_LOST, 30 * SECOND) ||
				    seen_find(&w->sides[SOURCE], LINK_OPEN) != NULL);
			world_run(w, 30 * SECOND);
			fake_net_clear_rules(&w->net);
			if (seen_find(&w->sides[SOURCE], LINK_LOST) != NULL) {
				listener_still_works(w);
			}
		}
	}
}

static void a_second_attempt_reaches_the_engine_and_fences_the_first_when_accepted(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	/* The source forgets its connections, the destination keeps them half-open. */
	w->net.lose_resets = true;
	a->link.ops->abort(a->link.ctx);
	w->attempt.number++;
	w->attempt.random++;
	b->manual = true;
	seen_clear(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, DESTINATION, LINK_HELLO, SECOND));
	assert_int_equal(b->attempt.number, 8);
	assert_int_equal(b->session.phase, PHASE_OPEN);
	assert_int_equal(b->link.ops->accept(b->link.ctx, (const uint8_t *)"again", 5), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_OPEN, SECOND));
	assert_true(world_until(w, DESTINATION, LINK_OPEN, SECOND));
	assert_int_equal(seen_number(b, LINK_LOST), 0);
	assert_true(frames_send(w, LINK_STREAM_RAM(1), 1, 100, 5, SECOND));
	world_run(w, 5000);
	assert_int_equal(b->frames, 5);
}

static void a_second_attempt_that_is_refused_leaves_the_first_alone(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	world_open(w);
	w->net.lose_resets = true;
	a->link.ops->abort(a->link.ctx);
	b->refuse = "busy";
	seen_clear(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_REFUSED, SECOND));
	assert_int_equal(b->session.phase, PHASE_OPEN);
	assert_int_equal(seen_number(b, LINK_LOST), 0);
}

static void an_answer_after_the_source_has_gone_is_lost(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];

	(void)state;
	b->manual = true;
	world_listen(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, DESTINATION, LINK_HELLO, SECOND));
	a->link.ops->abort(a->link.ctx);
	world_run(w, 10000);
	assert_int_equal(b->link.ops->accept(b->link.ctx, NULL, 0), ERR_LOST);
	assert_int_equal(a->seen_count, 0);
	listener_still_works(w);
}

/* The transport has room for one piece at a time: what comes behind the handshake's last word waits for its acknowledgement. */
static void a_hello_that_the_stream_does_not_take_at_once_goes_out_later(void **state)
{
	(void)state;
	for (size_t window = 256; window < 512; window += 8) {
		struct two_hosts *w = two_hosts_new();

		w->net.window = window;
		world_listen(w);
		assert_int_equal(world_connect(w), ERR_OK);
		assert_true(world_until(w, SOURCE, LINK_OPEN, SECOND));
		assert_true(world_until(w, DESTINATION, LINK_OPEN, SECOND));
	}
}

static void without_entropy_or_credentials_no_session_opens(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	const struct link_listen how = { .port = PORT };
	struct session_config config;

	(void)state;
	a->host.no_random = true;
	config = (struct session_config){ a->session.host, a->session.streams, a->session.tls, a->session.seal };
	assert_int_equal(session_init(&a->session, &config), ERR_UNSUPPORTED);
	assert_int_equal(world_connect(w), ERR_UNSUPPORTED);
	assert_int_equal(a->link.ops->listen(a->link.ctx, &how), ERR_UNSUPPORTED);
	a->host.no_random = false;
	a->tls.own.silent = true;
	assert_int_equal(world_connect(w), ERR_UNSUPPORTED);
	a->tls.own.silent = false;
	world_open(w);
}

static void two_hosts_that_begin_at_once_turn_each_other_away_and_stay_clean(void **state)
{
	struct two_hosts *w = two_hosts_new();
	struct side *a = &w->sides[SOURCE];
	struct side *b = &w->sides[DESTINATION];
	const struct link_listen listen = { .port = PORT, .allowed_id = "beta" };
	struct link_connect how = { .to = fake_net_addr(SOURCE, PORT), .peer_id = "alpha", .channel_count = 2 };

	(void)state;
	for (unsigned steps = 0; steps < 40; steps++) {
		uint32_t opened;

		w = two_hosts_new();
		world_listen(w);
		assert_int_equal(a->link.ops->listen(a->link.ctx, &listen), ERR_OK);
		assert_int_equal(world_connect(w), ERR_OK);
		for (unsigned i = 0; i < steps; i++) {
			world_step(w);
		}
		/* From some point on the destination has accepted and may not begin. */
		(void)b->link.ops->connect(b->link.ctx, &how, &w->attempt, NULL, 0);
		world_run(w, 30 * SECOND);
		opened = seen_number(a, LINK_OPEN);
		assert_int_equal(opened, seen_number(b, LINK_OPEN));
		if (opened == 0) {
			assert_int_equal(a->session.phase, PHASE_DOWN);
			assert_int_equal(b->session.phase, PHASE_DOWN);
			assert_int_equal(a->tls.opened, a->tls.freed);
			assert_int_equal(b->tls.opened, b->tls.freed);
			assert_int_equal(fake_net_alive(&w->net), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_credentials_of_either_side_are_refused_with_a_reason_at_both),
		cmocka_unit_test(a_destination_of_another_name_is_refused_naming_both),
		cmocka_unit_test(a_source_that_is_not_allowed_is_refused),
		cmocka_unit_test(an_empty_allow_list_refuses_all),
		cmocka_unit_test(ones_own_id_as_peer_is_refused),
		cmocka_unit_test(a_refusal_of_the_destinations_engine_reaches_the_source),
		cmocka_unit_test(a_refusal_of_the_sources_engine_reaches_the_destination),
		cmocka_unit_test(another_protocol_version_is_refused_naming_both),
		cmocka_unit_test(nothing_but_hello_is_sent_before_the_answer_is_read),
		cmocka_unit_test(a_port_nobody_listens_on_is_lost_by_name),
		cmocka_unit_test(a_peer_that_falls_silent_in_the_handshake_is_given_up),
		cmocka_unit_test(a_second_attempt_reaches_the_engine_and_fences_the_first_when_accepted),
		cmocka_unit_test(a_second_attempt_that_is_refused_leaves_the_first_alone),
		cmocka_unit_test(an_answer_after_the_source_has_gone_is_lost),
		cmocka_unit_test(two_hosts_that_begin_at_once_turn_each_other_away_and_stay_clean),
		cmocka_unit_test(a_hello_that_the_stream_does_not_take_at_once_goes_out_later),
		cmocka_unit_test(without_entropy_or_credentials_no_session_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
