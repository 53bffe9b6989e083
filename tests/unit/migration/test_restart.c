/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Hosts with storage for their owner mark lose power in the middle of a hand-over: what they ask when they are back, and
 * what an operator may do where nobody is left to answer. pair_step() asserts after every step that never two run the VM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/migration/pair.h"

static struct pair pair;
static enum owner wanted;

static int setup(void **state)
{
	(void)state;
	pair_init(&pair, true);
	pair.node[0].host.echo = pair.node[1].host.echo = getenv("ECHO") != NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_free(&pair);
	return 0;
}

static bool alpha_is(const struct pair *p)
{
	return p->node[0].engine.owner == wanted;
}

static bool beta_is(const struct pair *p)
{
	return p->node[1].engine.owner == wanted;
}

static void until(bool (*is)(const struct pair *), enum owner owner)
{
	wanted = owner;
	if (!pair_until(&pair, is)) {
		fail_msg("not %s: alpha %s, beta %s", owner_name(owner), owner_name(pair.node[0].engine.owner),
			owner_name(pair.node[1].engine.owner));
	}
}

/** The link goes the moment that alpha (or beta) reaches this state, and alpha's power with it. */
static void alpha_dies_in(bool (*is)(const struct pair *), enum owner owner)
{
	pair_begin(&pair, 0);
	until(is, owner);
	pair.link.down = true;
	pair_restart(&pair, 0, true);
}

static const char *next_action(uint32_t n)
{
	static struct migration_info info;

	engine_info(&pair.node[n].engine, &info);
	return info.next_action;
}

static enum err resolve(uint32_t n, enum resolve_action action, bool fenced, bool force)
{
	struct resolve how = { .action = action, .all_fenced = fenced, .force = force };
	char reason[REASON_BYTES] = "";

	return engine_resolve(&pair.node[n].engine, &how, reason);
}

static void assert_stands_at_alpha(void)
{
	char reason[REASON_BYTES];

	assert_int_equal(pair.node[0].engine.owner, OWNER_UNKNOWN);
	assert_false(pair.node[0].vm.running);
	assert_int_equal(engine_vm_cont(&pair.node[0].engine, reason), ERR_REFUSED);
	assert_int_equal(engine_migrate(&pair.node[0].engine, "tcp:10.0.0.2:4444", reason), ERR_BAD_STATE);
	assert_int_equal(engine_incoming(&pair.node[0].engine, "tcp:0:4444", reason), ERR_BAD_STATE);
}

static void assert_went_over(void)
{
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair.node[0].engine.owner, OWNER_GONE);
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_COMPLETED);
	assert_int_equal(pair.node[0].host.mark.kind, MARK_AWAY);
	assert_int_equal(pair.node[1].host.mark.kind, MARK_HOME);
	pair_assert_runs(&pair, 1);
	pair_assert_empty(&pair, 0);
	pair_migrate(&pair, 1); /* and it can go on from there */
}

static void mark_says_whom_to_ask(void **state)
{
	const struct owner_mark *mark = &pair.node[0].host.mark;
	const uint8_t ip[4] = { 10, 0, 0, 2 };

	(void)state;
	pair_begin(&pair, 0);
	until(alpha_is, OWNER_HELD);
	assert_int_equal(mark->kind, MARK_IN_DOUBT);
	assert_true(mark->source);
	assert_int_equal(mark->gen, 2);
	assert_int_equal(mark->attempt_random, pair.node[0].engine.attempt.random);
	assert_int_equal(mark->source_boot, pair.node[0].engine.attempt.source_boot);
	assert_memory_equal(mark->peer_addr.ip, ip, sizeof(ip));
	assert_int_equal(mark->peer_addr.port, 4444);
	assert_string_equal(mark->peer, "beta");
	assert_false(pair.node[1].host.mark.source);
	assert_string_equal(pair.node[1].host.mark.peer, "alpha");
}

static void source_in_doubt_hears_taken_and_retires(void **state)
{
	(void)state;
	alpha_dies_in(beta_is, OWNER_TAKEN);
	assert_int_equal(pair.node[0].host.mark.kind, MARK_IN_DOUBT);
	pair_run(&pair, 50000);
	assert_stands_at_alpha();
	assert_non_null(strstr(next_action(0), "is being asked"));
	assert_int_equal(pair.node[1].engine.owner, OWNER_TAKEN);
	pair.link.down = false;
	assert_went_over();
}

static bool alpha_away(const struct pair *p)
{
	return p->node[0].host.mark.kind == MARK_AWAY;
}

static void source_that_is_away_says_retired_after_its_restart(void **state)
{
	(void)state;
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, alpha_away));
	assert_int_equal(pair.node[1].engine.owner, OWNER_TAKEN);
	pair_restart(&pair, 0, true);
	assert_stands_at_alpha();
	assert_went_over();
}

static void source_in_doubt_owns_the_vm_when_nobody_took_it(void **state)
{
	(void)state;
	alpha_dies_in(alpha_is, OWNER_HELD);
	pair_run(&pair, 2000);
	assert_stands_at_alpha();
	pair.link.down = false;
	until(alpha_is, OWNER_OWN);
	assert_int_equal(pair.node[1].engine.owner, OWNER_VOID);
	assert_true(pair_until(&pair, pair_settled));
	assert_true(pair.node[0].vm.running); /* as at any power-on of an owner */
	assert_int_equal(pair.node[0].engine.gen, 3); /* it may have been taken back, and have run, before the restart */
	assert_int_equal(pair.node[0].host.mark.kind, MARK_HOME);
	pair_migrate(&pair, 0);
}

static void declined_is_not_believed_of_a_vm_that_is_away(void **state)
{
	(void)state;
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, alpha_away));
	pair.node[1].engine.owner = OWNER_VOID; /* a peer that breaks its word */
	pair.node[1].vm.owner = OWNER_VOID;
	pair.node[1].vm.running = false;
	pair.lied = true;
	pair_restart(&pair, 0, true);
	pair_run(&pair, 100000);
	assert_stands_at_alpha();
}

static void peer_with_the_only_image_is_named_and_its_operator_takes(void **state)
{
	(void)state;
	alpha_dies_in(beta_is, OWNER_READY);
	pair.link.down = false;
	pair_run(&pair, 100000);
	assert_stands_at_alpha();
	assert_int_equal(pair.node[1].engine.owner, OWNER_READY);
	assert_non_null(strstr(next_action(0), "only image"));
	assert_int_equal(resolve(1, RESOLVE_TAKE, true, false), ERR_OK);
	pair.now_us += ENGINE_GIVEN_US; /* then alpha asks again */
	until(alpha_is, OWNER_GONE);
	assert_went_over();
}

static void peer_that_knows_nothing_leaves_it_in_doubt(void **state)
{
	char reason[REASON_BYTES];

	(void)state;
	alpha_dies_in(beta_is, OWNER_TAKEN);
	pair_restart(&pair, 1, false);
	pair.link.down = false;
	assert_int_equal(resolve(1, RESOLVE_ASK, false, false), ERR_BAD_STATE); /* it was the destination */
	assert_int_equal(resolve(1, RESOLVE_DISCARD, false, false), ERR_OK);
	assert_int_equal(engine_incoming(&pair.node[1].engine, "tcp:0:4444", reason), ERR_OK);
	pair_run(&pair, 100000);
	assert_stands_at_alpha();
	assert_non_null(strstr(next_action(0), "knows nothing"));
	assert_int_equal(resolve(0, RESOLVE_DISCARD, false, false), ERR_OK);
	assert_int_equal(pair.node[0].engine.owner, OWNER_NONE);
	pair_run(&pair, 50);
	assert_int_equal(pair.node[0].host.mark.kind, MARK_NONE);
}

static void asking_is_bounded_and_an_operator_begins_it_anew(void **state)
{
	(void)state;
	alpha_dies_in(beta_is, OWNER_TAKEN);
	pair_run(&pair, 10);
	pair.now_us += ENGINE_ASK_US;
	pair_run(&pair, 10);
	assert_non_null(strstr(next_action(0), "does not answer"));
	pair.link.down = false;
	pair_run(&pair, 20000);
	assert_stands_at_alpha();
	assert_int_equal(resolve(0, RESOLVE_ASK, false, false), ERR_OK);
	assert_went_over();
}

/* ---- where nobody answers any more ---- */

static void vm_whose_source_never_retires_is_taken_by_word(void **state)
{
	(void)state;
	alpha_dies_in(beta_is, OWNER_TAKEN);
	assert_int_equal(resolve(0, RESOLVE_DISCARD, false, false), ERR_OK); /* alpha forgets */
	pair_run(&pair, 20000);
	assert_int_equal(pair.node[1].engine.owner, OWNER_TAKEN);
	assert_non_null(strstr(next_action(1), "take with all-fenced"));
	assert_int_equal(resolve(1, RESOLVE_TAKE, false, false), ERR_REFUSED);
	assert_int_equal(resolve(1, RESOLVE_TAKE, true, false), ERR_OK);
	pair_run(&pair, 50);
	assert_int_equal(pair.node[1].engine.owner, OWNER_OWN);
	assert_int_equal(pair.node[1].engine.gen, 2);
	assert_int_equal(pair.node[1].host.mark.kind, MARK_HOME);
	pair_assert_runs(&pair, 1);
	pair.link.down = false;
	pair_migrate(&pair, 1);
}

static void image_that_is_gone_and_forgotten_is_discarded(void **state)
{
	char reason[REASON_BYTES];

	(void)state;
	pair.node[1].engine.params.x_pause_at_commit = true; /* no RUNNING: alpha keeps the image */
	pair_begin(&pair, 0);
	until(alpha_is, OWNER_GONE);
	pair_run(&pair, 100);
	pair_restart(&pair, 1, false);
	assert_int_equal(resolve(1, RESOLVE_DISCARD, false, false), ERR_OK);
	assert_int_equal(engine_incoming(&pair.node[1].engine, "tcp:0:4444", reason), ERR_OK);
	pair_run(&pair, 100000);
	assert_false(fake_vm_ram_blank(&pair.node[0].vm));
	assert_non_null(strstr(next_action(0), "discard with force"));
	assert_int_equal(resolve(0, RESOLVE_DISCARD, false, false), ERR_REFUSED);
	assert_int_equal(resolve(0, RESOLVE_DISCARD, false, true), ERR_OK);
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_empty(&pair, 0);
	assert_int_equal(pair.node[0].engine.owner, OWNER_GONE);
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
	assert_string_equal(next_action(0), "");
	assert_int_equal(resolve(0, RESOLVE_DISCARD, false, true), ERR_BAD_STATE);
	assert_int_equal(engine_incoming(&pair.node[0].engine, "tcp:0:4444", reason), ERR_OK);
}

static void cut_when_given(struct pair *p)
{
	if (p->node[0].engine.owner == OWNER_GIVEN) {
		p->between = NULL;
		p->link.end[1].remembers = false; /* so that READY is not believed, and no COMMIT follows */
		fake_link_cut(&p->link);
	}
}

static void until_commit_is_lost_and_nothing_is_proved(void)
{
	pair_begin(&pair, 0);
	pair.between = cut_when_given;
	until(alpha_is, OWNER_GIVEN);
	pair_run(&pair, 50000);
	assert_int_equal(pair.node[0].engine.owner, OWNER_GIVEN);
	assert_int_equal(pair.node[1].engine.owner, OWNER_READY);
	assert_true(pair.node[1].engine.connected);
}

static void discard_in_ready_asks_the_source_which_has_the_image(void **state)
{
	(void)state;
	until_commit_is_lost_and_nothing_is_proved();
	assert_int_equal(resolve(1, RESOLVE_DISCARD, false, false), ERR_OK);
	assert_int_equal(pair.node[1].engine.owner, OWNER_READY); /* not before the answer */
	until(beta_is, OWNER_VOID);
	until(alpha_is, OWNER_OWN);
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, 0);
	pair_assert_empty(&pair, 1);
}

static void discard_in_ready_needs_force_where_the_source_has_no_image(void **state)
{
	uint64_t offered_from = pair.node[0].engine.gen;

	(void)state;
	alpha_dies_in(beta_is, OWNER_READY);
	pair.node[1].engine.connected = false; /* the end of the link was seen */
	assert_int_equal(resolve(1, RESOLVE_DISCARD, false, false), ERR_REFUSED);
	pair.link.down = false;
	pair_run(&pair, 50000);
	assert_true(pair.node[1].engine.connected);
	assert_int_equal(resolve(1, RESOLVE_DISCARD, false, false), ERR_OK);
	pair_run(&pair, 1000);
	assert_int_equal(pair.node[1].engine.owner, OWNER_READY);
	assert_non_null(strstr(next_action(1), "only one"));
	assert_int_equal(resolve(1, RESOLVE_DISCARD, false, false), ERR_REFUSED);
	assert_int_equal(resolve(1, RESOLVE_DISCARD, false, true), ERR_OK);
	pair.now_us += ENGINE_GIVEN_US;
	until(alpha_is, OWNER_OWN); /* declined: from its beginning */
	assert_true(pair_until(&pair, pair_settled));
	assert_true(pair.node[0].vm.running);
	/* Before the restart an operator may have taken the VM back, and it may have run with gen + 2. */
	assert_int_equal(pair.node[0].engine.gen, offered_from + 2);
}

static void discard_that_commit_overtakes_changes_nothing(void **state)
{
	(void)state;
	pair_begin(&pair, 0);
	until(beta_is, OWNER_READY);
	assert_int_equal(resolve(1, RESOLVE_DISCARD, false, false), ERR_OK);
	assert_went_over();
}

static void gone_asks_again_when_running_never_comes(void **state)
{
	uint32_t epoch;

	(void)state;
	pair.node[1].engine.params.x_pause_at_commit = true;
	pair_begin(&pair, 0);
	until(alpha_is, OWNER_GONE);
	pair_run(&pair, 100);
	epoch = pair.node[0].engine.epoch;
	pair.now_us += ENGINE_GONE_US;
	pair_run(&pair, 50000);
	assert_true(pair.node[0].engine.epoch > epoch);
	assert_int_equal(pair.node[0].engine.owner, OWNER_GONE);
	assert_int_equal(engine_vm_cont(&pair.node[1].engine, pair.node[1].engine.reason), ERR_OK);
	assert_went_over();
}

static void what_could_not_be_scrubbed_is_told(void **state)
{
	struct migration_info info;

	(void)state;
	pair_begin(&pair, 0);
	until(alpha_is, OWNER_GIVEN);
	pair.node[0].device[1].fail_reset = true;
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, 1);
	engine_info(&pair.node[0].engine, &info);
	assert_int_equal(info.owner, OWNER_GONE);
	assert_non_null(strstr(info.error_desc, "0000:00:02.0 could not be scrubbed"));
	assert_non_null(strstr(info.next_action, "reset it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mark_says_whom_to_ask, setup, teardown),
		cmocka_unit_test_setup_teardown(source_in_doubt_hears_taken_and_retires, setup, teardown),
		cmocka_unit_test_setup_teardown(source_that_is_away_says_retired_after_its_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(source_in_doubt_owns_the_vm_when_nobody_took_it, setup, teardown),
		cmocka_unit_test_setup_teardown(declined_is_not_believed_of_a_vm_that_is_away, setup, teardown),
		cmocka_unit_test_setup_teardown(
			peer_with_the_only_image_is_named_and_its_operator_takes, setup, teardown),
		cmocka_unit_test_setup_teardown(peer_that_knows_nothing_leaves_it_in_doubt, setup, teardown),
		cmocka_unit_test_setup_teardown(asking_is_bounded_and_an_operator_begins_it_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(vm_whose_source_never_retires_is_taken_by_word, setup, teardown),
		cmocka_unit_test_setup_teardown(image_that_is_gone_and_forgotten_is_discarded, setup, teardown),
		cmocka_unit_test_setup_teardown(discard_in_ready_asks_the_source_which_has_the_image, setup, teardown),
		cmocka_unit_test_setup_teardown(
			discard_in_ready_needs_force_where_the_source_has_no_image, setup, teardown),
		cmocka_unit_test_setup_teardown(discard_that_commit_overtakes_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(gone_asks_again_when_running_never_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(what_could_not_be_scrubbed_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
