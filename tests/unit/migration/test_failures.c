/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What goes wrong, at every point where it can: pair_step() asserts after every step that never two hosts run
 * the VM; here it is asserted where it ends up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "tests/unit/migration/pair.h"

static struct pair pair;

static void begin(bool stores)
{
	pair_init(&pair, stores);
	pair.node[0].host.echo = pair.node[1].host.echo = getenv("ECHO") != NULL;
}

/** Either the VM went over, or it stayed and the other side is clean; then it can still go. */
static void assert_sound(const char *what, uint64_t at)
{
	uint32_t home = pair_runs_at(&pair, 0) ? 0 : 1;

	if (!pair_until(&pair, pair_settled) || !pair_runs_at(&pair, home)) {
		fail_msg("%s at %llu: alpha %s phase %u, beta %s phase %u", what, (unsigned long long)at,
			owner_name(pair.node[0].engine.owner), pair.node[0].engine.src.phase,
			owner_name(pair.node[1].engine.owner), pair.node[1].engine.dst.phase);
	}
	pair_assert_runs(&pair, home);
	pair_assert_empty(&pair, 1 - home);
	assert_int_equal(pair.node[0].vm.borrows, 0);
	assert_int_equal(pair.node[1].vm.borrows, 0);
}

/** How many events a whole migration has. */
static uint64_t event_count(bool stores)
{
	uint64_t n;

	begin(stores);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, pair_settled));
	n = pair.link.delivered;
	pair_free(&pair);
	return n;
}

static bool source_done(const struct pair *p)
{
	return pair_settled(p) && (pair_runs_at(p, 0) || pair_runs_at(p, 1));
}

static void link_lost_at_event(uint64_t at, bool stores)
{
	enum owner before;

	begin(stores);
	pair.link.fault = FAULT_CUT;
	pair.link.fault_at = at;
	pair_begin(&pair, 0);
	while (pair.link.delivered <= at) {
		pair_step(&pair);
	}
	before = pair.node[0].engine.owner;
	if (!pair_until(&pair, source_done)) {
		fail_msg("cut at event %llu (owner %s): alpha %s phase %u closing %d, beta %s phase %u",
			(unsigned long long)at, owner_name(before), owner_name(pair.node[0].engine.owner),
			pair.node[0].engine.src.phase, (int)pair.node[0].engine.closing,
			owner_name(pair.node[1].engine.owner), pair.node[1].engine.dst.phase);
	}
	if (before == OWNER_OWN || before == OWNER_PREPARING) {
		assert_true(pair_runs_at(&pair, 0));
		assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
		assert_string_not_equal(pair.node[0].engine.error_desc, "");
	}
	assert_sound("cut", at);
	/* And again, with a whole link. */
	if (pair_runs_at(&pair, 0)) {
		pair_migrate(&pair, 0);
	}
	pair_free(&pair);
}

static void link_lost_at_every_event_leaves_exactly_one_runner(void **state)
{
	uint64_t n = event_count(false);

	(void)state;
	/* The middle of the rounds is all alike: every event near the ends, every ninth between. */
	for (uint64_t at = 0; at<n; at += at> 20 && at < n - 60 ? 9 : 1) {
		link_lost_at_event(at, false);
	}
}

static void link_lost_at_every_event_with_stored_marks_leaves_exactly_one_runner(void **state)
{
	uint64_t n = event_count(true);

	(void)state;
	for (uint64_t at = n - 50; at < n; at++) {
		link_lost_at_event(at, true);
	}
}

static bool source_gave(const struct pair *p)
{
	return p->node[0].engine.owner == OWNER_GIVEN;
}

static void cut_when_given(struct pair *p)
{
	if (source_gave(p)) {
		p->between = NULL;
		fake_link_cut(&p->link);
	}
}

/** The source has sent COMMIT, and it was lost on the way. */
static void until_commit_is_lost(bool down)
{
	pair_begin(&pair, 0);
	pair.between = cut_when_given;
	assert_true(pair_until(&pair, source_gave));
	pair.link.down = down;
	assert_int_equal(pair.node[1].engine.owner, OWNER_READY);
}

static void link_that_stays_lost_after_commit_leaves_given_until_it_is_back(void **state)
{
	struct migration_info info;
	char reason[REASON_BYTES];

	(void)state;
	begin(false);
	until_commit_is_lost(true);
	pair_run(&pair, 50000);
	assert_int_equal(pair.node[0].engine.owner, OWNER_GIVEN);
	assert_int_equal(pair.node[1].engine.owner, OWNER_READY);
	assert_false(pair.node[0].vm.running || pair.node[1].vm.running);
	engine_info(&pair.node[0].engine, &info);
	assert_int_equal(info.status, MIG_STATUS_DEVICE);
	assert_string_not_equal(info.next_action, "");
	assert_int_equal(engine_cancel(&pair.node[0].engine, reason), ERR_REFUSED);
	assert_int_equal(engine_vm_cont(&pair.node[0].engine, reason), ERR_REFUSED);
	assert_int_equal(engine_vm_cont(&pair.node[1].engine, reason), ERR_REFUSED);
	engine_info(&pair.node[1].engine, &info);
	assert_string_not_equal(info.next_action, "");
	pair.link.down = false;
	assert_true(pair_until(&pair, source_done));
	assert_true(pair_runs_at(&pair, 1));
	pair_free(&pair);
}

static void recall_brings_the_vm_back_when_commit_was_lost(void **state)
{
	struct resolve how = { .action = RESOLVE_RECALL };
	char reason[REASON_BYTES];

	(void)state;
	begin(true);
	until_commit_is_lost(false);
	assert_int_equal(engine_resolve(&pair.node[0].engine, &how, reason), ERR_OK);
	assert_true(pair_until(&pair, source_done));
	assert_true(pair_runs_at(&pair, 0));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_CANCELLED);
	assert_int_equal(pair.node[1].engine.owner, OWNER_VOID);
	assert_int_equal(pair.node[0].host.mark.kind, MARK_HOME);
	assert_int_equal(pair.node[1].host.mark.kind, MARK_NONE);
	assert_sound("recall", 0);
	pair_migrate(&pair, 0);
	pair_free(&pair);
}

static void take_back_needs_fencing_and_then_runs_with_a_higher_gen(void **state)
{
	struct resolve how = { .action = RESOLVE_TAKE_BACK };
	char reason[REASON_BYTES] = "";

	(void)state;
	begin(false);
	until_commit_is_lost(false);
	pair_restart(&pair, 1, false); /* the destination lost power: it knows nothing */
	pair_run(&pair, 50000);
	assert_int_equal(pair.node[0].engine.owner, OWNER_GIVEN);
	assert_int_equal(engine_resolve(&pair.node[0].engine, &how, reason), ERR_REFUSED);
	assert_non_null(strstr(reason, "all-fenced"));
	how.all_fenced = true;
	assert_int_equal(engine_resolve(&pair.node[0].engine, &how, reason), ERR_OK);
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, 0);
	assert_int_equal(pair.node[0].engine.gen, 3);
	pair_free(&pair);
}

static void restarted_destination_answers_unknown_and_the_image_is_kept(void **state)
{
	struct migration_info info;
	char reason[REASON_BYTES];

	(void)state;
	begin(false);
	until_commit_is_lost(false);
	pair_restart(&pair, 1, false);
	assert_int_equal(engine_incoming(&pair.node[1].engine, "tcp:0:4444", reason), ERR_OK);
	pair_run(&pair, 50000);
	assert_int_equal(pair.node[0].engine.owner, OWNER_GIVEN);
	assert_int_equal(pair.node[1].engine.owner, OWNER_NONE);
	engine_info(&pair.node[0].engine, &info);
	assert_non_null(strstr(info.next_action, "take-back"));
	assert_false(fake_vm_ram_blank(&pair.node[0].vm));
	pair_free(&pair);
}

static void cancel_at_every_step_gives_the_running_vm_back(void **state)
{
	char reason[REASON_BYTES];
	uint64_t step, past = 0;

	(void)state;
	for (step = 0; past<40; step += step> 20 && step < 3000 ? 37 : 1) {
		enum err err;
		enum owner owner;

		begin(step % 2 == 1);
		pair_begin(&pair, 0);
		pair_run(&pair, (uint32_t)step);
		owner = pair.node[0].engine.owner;
		err = engine_cancel(&pair.node[0].engine, reason);
		if (owner == OWNER_OWN || owner == OWNER_PREPARING || owner == OWNER_HELD) {
			assert_int_equal(err, ERR_OK);
			assert_true(pair_until(&pair, source_done));
			assert_true(pair_runs_at(&pair, 0));
			assert_int_equal(pair_status(&pair, 0), MIG_STATUS_CANCELLED);
		} else {
			assert_int_equal(err, pair.node[0].engine.alive ? ERR_REFUSED : ERR_OK);
			assert_true(pair_until(&pair, source_done));
			assert_true(pair_runs_at(&pair, 1));
			past++;
		}
		assert_sound("cancel", step);
		pair_free(&pair);
	}
}

struct arc {
	uint32_t node, device;
	enum device_state from, to;
};

/** A failing arc before COMMIT: the VM runs on at the source, unless its own device cannot come back. */
static void device_failing_in_any_arc_before_commit_leaves_the_vm_at_the_source(void **state)
{
	static const struct arc arcs[] = {
		{ 0, 0, DEVICE_RUNNING, DEVICE_STOP },
		{ 0, 0, DEVICE_STOP, DEVICE_STOP_COPY },
		{ 0, 1, DEVICE_RUNNING, DEVICE_RUNNING_P2P },
		{ 0, 1, DEVICE_RUNNING_P2P, DEVICE_STOP },
		{ 0, 1, DEVICE_STOP, DEVICE_STOP_COPY },
		{ 1, 0, DEVICE_RUNNING, DEVICE_STOP },
		{ 1, 0, DEVICE_STOP, DEVICE_RESUMING },
		{ 1, 0, DEVICE_RESUMING, DEVICE_STOP },
		{ 1, 1, DEVICE_STOP, DEVICE_RESUMING },
		{ 1, 1, DEVICE_RESUMING, DEVICE_STOP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(arcs) / sizeof(arcs[0]); i++) {
		for (int how = FAKE_FAIL_STAY; how <= FAKE_FAIL_ERROR; how++) {
			struct fake_device *d;

			begin(false);
			d = &pair.node[arcs[i].node].device[arcs[i].device];
			d->fail_from = arcs[i].from;
			d->fail_to = arcs[i].to;
			d->failure = (enum fake_device_failure)how;
			pair_begin(&pair, 0);
			if (!pair_until(&pair, pair_settled)) {
				fail_msg("arc %zu, failure %d: no end", i, how);
			}
			assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
			assert_int_equal(pair.node[0].engine.owner, OWNER_OWN);
			assert_non_null(strstr(pair.node[0].engine.error_desc, d->desc.id));
			if (arcs[i].node == 0 && how == FAKE_FAIL_ERROR) {
				/* Reset, and the VM paused with that device named. */
				assert_false(pair.node[0].vm.running);
				assert_int_equal(d->resets, 1);
				assert_int_equal(engine_run_state(&pair.node[0].engine), VM_INTERNAL_ERROR);
			} else {
				assert_sound("device arc", i);
				pair_migrate(&pair, 0);
			}
			pair_free(&pair);
		}
	}
}

static void device_failing_to_come_back_is_reset_and_named(void **state)
{
	char reason[REASON_BYTES];
	struct fake_device *d;
	struct migration_info info;

	(void)state;
	begin(false);
	d = &pair.node[0].device[1];
	d->fail_from = DEVICE_STOP;
	d->fail_to = DEVICE_RUNNING_P2P;
	d->failure = FAKE_FAIL_ERROR;
	pair.node[1].device[0].fail_from = DEVICE_RESUMING;
	pair.node[1].device[0].fail_to = DEVICE_STOP;
	pair.node[1].device[0].failure = FAKE_FAIL_STAY;
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, pair_settled));
	assert_false(pair.node[0].vm.running);
	assert_int_equal(d->resets, 1);
	engine_info(&pair.node[0].engine, &info);
	assert_int_equal(info.status, MIG_STATUS_FAILED);
	assert_non_null(strstr(info.next_action, "0000:00:02.0"));
	assert_int_equal(engine_vm_cont(&pair.node[0].engine, reason), ERR_OK);
	assert_true(pair_until(&pair, pair_settled));
	assert_true(pair_runs_at(&pair, 0));
	pair_free(&pair);
}

static bool taken_and_stuck(const struct pair *p)
{
	return p->node[1].engine.owner == OWNER_TAKEN && p->node[1].engine.dst.phase == DST_STUCK;
}

static void device_failing_to_start_after_commit_pauses_the_vm_and_keeps_the_image(void **state)
{
	char reason[REASON_BYTES];
	struct fake_device *d;

	(void)state;
	begin(false);
	d = &pair.node[1].device[1];
	d->fail_from = DEVICE_STOP;
	d->fail_to = DEVICE_RUNNING_P2P;
	d->failure = FAKE_FAIL_STAY;
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, taken_and_stuck));
	pair_run(&pair, 5000);
	assert_int_equal(pair.node[0].engine.owner, OWNER_GONE);
	assert_false(fake_vm_ram_blank(&pair.node[0].vm));
	assert_int_equal(pair.node[1].device[0].now, DEVICE_STOP);
	assert_int_equal(engine_run_state(&pair.node[1].engine), VM_INTERNAL_ERROR);
	assert_int_equal(d->resets, 0);
	assert_int_equal(engine_vm_cont(&pair.node[1].engine, reason), ERR_OK);
	assert_true(pair_until(&pair, source_done));
	assert_true(pair_runs_at(&pair, 1));
	assert_sound("start", 0);
	pair_free(&pair);
}

static bool at_device_status(const struct pair *p)
{
	return p->node[0].engine.src.phase == SRC_READY;
}

static void differing_digest_gives_the_vm_back(void **state)
{
	(void)state;
	begin(false);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, at_device_status));
	pair.node[0].engine.src.digest[7] ^= 1;
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
	assert_non_null(strstr(pair.node[0].engine.error_desc, "digest"));
	assert_sound("digest", 0);
	pair_migrate(&pair, 0);
	pair_free(&pair);
}

static bool paused_at_commit(const struct pair *p)
{
	return p->node[1].engine.owner == OWNER_TAKEN && p->node[0].engine.owner == OWNER_GONE;
}

static void ram_is_equal_when_both_stand_at_commit(void **state)
{
	struct migration_params params;
	struct migration_caps caps;
	char reason[REASON_BYTES];

	(void)state;
	begin(false);
	pair.guest_pages = 3;
	engine_params_get(&pair.node[1].engine, &params);
	params.x_pause_at_commit = true;
	assert_int_equal(engine_params_set(&pair.node[1].engine, &params, reason), ERR_OK);
	engine_caps_get(&pair.node[0].engine, &caps);
	caps.x_verify_ram = true;
	assert_int_equal(engine_caps_set(&pair.node[0].engine, &caps, reason), ERR_OK);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, paused_at_commit));
	pair_run(&pair, 2000);
	assert_false(pair.node[0].vm.running || pair.node[1].vm.running);
	assert_true(fake_vm_ram_equal(&pair.node[0].vm, &pair.node[1].vm));
	assert_int_equal(pair.node[0].device[0].dma_writes, pair.node[1].device[0].dma_writes);
	assert_int_equal(engine_vm_cont(&pair.node[1].engine, reason), ERR_OK);
	assert_true(pair_until(&pair, source_done));
	assert_sound("pause at commit", 0);
	pair_free(&pair);
}

static void paused_vm_arrives_paused(void **state)
{
	char reason[REASON_BYTES];

	(void)state;
	begin(false);
	assert_int_equal(engine_vm_stop(&pair.node[0].engine, reason), ERR_OK);
	pair_run(&pair, 50);
	assert_false(pair.node[0].vm.running);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_COMPLETED);
	assert_int_equal(pair.node[1].engine.owner, OWNER_OWN);
	assert_false(pair.node[1].vm.running);
	assert_int_equal(engine_vm_cont(&pair.node[1].engine, reason), ERR_OK);
	pair_run(&pair, 50);
	pair_assert_runs(&pair, 1);
	pair_free(&pair);
}

static void failing_store_of_the_mark_ends_the_attempt(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 2; n++) {
		begin(true);
		pair.node[n].host.store_fail = 1;
		pair_begin(&pair, 0);
		assert_true(pair_until(&pair, pair_settled));
		assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
		assert_non_null(strstr(pair.node[0].engine.error_desc, "owner mark"));
		assert_sound("store", n);
		pair_migrate(&pair, 0);
		assert_int_equal(pair.node[0].host.mark.kind, MARK_AWAY);
		assert_int_equal(pair.node[1].host.mark.kind, MARK_HOME);
		pair_free(&pair);
	}
}

static void vm_errors_before_commit_give_the_vm_back(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		struct fake_vm *src, *dst;

		begin(false);
		src = &pair.node[0].vm;
		dst = &pair.node[1].vm;
		src->save_err = i == 0 ? ERR_IO : ERR_OK;
		dst->load_err = i == 1 ? ERR_BAD_RECORD : ERR_OK;
		dst->complete_err = i == 2 ? ERR_MISMATCH : ERR_OK;
		src->stop_err = i == 3 ? ERR_TIMEOUT : ERR_OK;
		src->prepare_err = i == 4 ? ERR_IO : ERR_OK;
		src->poisoned_page = i == 5 ? 700 : UINT64_MAX;
		dst->poisoned_page = i == 6 ? 701 : UINT64_MAX;
		src->dirty.start_err = i == 7 ? ERR_FULL : ERR_OK;
		pair_begin(&pair, 0);
		assert_true(pair_until(&pair, pair_settled));
		if (pair_status(&pair, 0) != MIG_STATUS_FAILED) {
			fail_msg("error %u: status %s", i, migration_status_name(pair_status(&pair, 0)));
		}
		assert_string_not_equal(pair.node[0].engine.error_desc, "");
		src->poisoned_page = dst->poisoned_page = UINT64_MAX;
		src->dirty.start_err = ERR_OK;
		assert_sound("VM error", i);
		pair_migrate(&pair, 0);
		pair_free(&pair);
	}
}

static void lost_dirty_log_sends_all_again_and_succeeds(void **state)
{
	(void)state;
	begin(false);
	pair_begin(&pair, 0);
	pair_run(&pair, 1200);
	pair.node[0].vm.dirty.harvest_err = ERR_LOST;
	assert_true(pair_until(&pair, source_done));
	assert_true(pair_runs_at(&pair, 1));
	pair_free(&pair);
}

static void busy_guest_does_not_converge_and_says_why(void **state)
{
	struct migration_params params;
	char reason[REASON_BYTES];

	(void)state;
	begin(false);
	engine_params_get(&pair.node[0].engine, &params);
	params.downtime_limit_ms = 0;
	params.x_round_max = 5;
	assert_int_equal(engine_params_set(&pair.node[0].engine, &params, reason), ERR_OK);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
	assert_non_null(strstr(pair.node[0].engine.error_desc, "cannot converge, because"));
	assert_sound("convergence", 0);
	pair_free(&pair);
}

static void newer_attempt_voids_a_ready_one(void **state)
{
	(void)state;
	begin(false);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, at_device_status));
	/* READY gets lost with the link, and the link is down while ABORT is tried. */
	while (pair.node[1].engine.owner != OWNER_READY) {
		pair_step(&pair);
	}
	pair.link.down = true;
	fake_link_cut(&pair.link);
	pair_run(&pair, 20000);
	assert_true(pair_runs_at(&pair, 0));
	assert_int_equal(pair.node[1].engine.owner, OWNER_READY);
	pair.link.down = false;
	pair_migrate(&pair, 0);
	pair_free(&pair);
}

static void abort_follows_in_the_background_when_the_link_is_back(void **state)
{
	(void)state;
	begin(false);
	pair_begin(&pair, 0);
	while (pair.node[1].engine.owner != OWNER_READY) {
		pair_step(&pair);
	}
	pair.link.down = true;
	fake_link_cut(&pair.link);
	pair_run(&pair, 20000);
	assert_int_equal(pair.node[1].engine.owner, OWNER_READY);
	pair.link.down = false;
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair.node[1].engine.owner, OWNER_VOID);
	assert_sound("background abort", 0);
	pair_free(&pair);
}

static void operator_discards_a_ready_image_only_with_force(void **state)
{
	struct resolve how = { .action = RESOLVE_DISCARD };
	char reason[REASON_BYTES];

	(void)state;
	begin(false);
	until_commit_is_lost(true);
	assert_int_equal(engine_resolve(&pair.node[1].engine, &how, reason), ERR_REFUSED);
	how.force = true;
	assert_int_equal(engine_resolve(&pair.node[1].engine, &how, reason), ERR_OK);
	pair_run(&pair, 5000);
	pair.link.down = false;
	assert_true(pair_until(&pair, source_done)); /* the source hears DECLINED */
	assert_true(pair_runs_at(&pair, 0));
	assert_sound("discard", 0);
	pair_free(&pair);
}

static void operator_takes_a_ready_vm_when_the_source_is_fenced(void **state)
{
	struct resolve how = { .action = RESOLVE_TAKE };
	char reason[REASON_BYTES];

	(void)state;
	begin(true);
	until_commit_is_lost(true);
	assert_int_equal(engine_resolve(&pair.node[1].engine, &how, reason), ERR_REFUSED);
	how.all_fenced = true;
	assert_int_equal(engine_resolve(&pair.node[1].engine, &how, reason), ERR_OK);
	pair_run(&pair, 5000);
	assert_true(pair_runs_at(&pair, 1));
	assert_int_equal(pair.node[1].engine.gen, 4);
	assert_int_equal(pair.node[1].host.mark.kind, MARK_HOME);
	/* The source comes back after all: it is told that the VM was taken. */
	pair.link.down = false;
	pair_run(&pair, 200000);
	assert_int_equal(pair.node[0].engine.owner, OWNER_GONE);
	pair_free(&pair);
}

static void restarted_host_in_doubt_starts_nothing(void **state)
{
	struct resolve how = { .action = RESOLVE_DISCARD };
	char reason[REASON_BYTES];

	(void)state;
	begin(true);
	until_commit_is_lost(false);
	pair_restart(&pair, 0, true);
	assert_int_equal(pair.node[0].engine.owner, OWNER_UNKNOWN);
	pair_run(&pair, 5000);
	assert_false(pair.node[0].vm.running);
	assert_int_equal(engine_vm_cont(&pair.node[0].engine, reason), ERR_REFUSED);
	assert_int_equal(engine_migrate(&pair.node[0].engine, "tcp:10.0.0.2:4444", reason), ERR_BAD_STATE);
	assert_int_equal(engine_resolve(&pair.node[0].engine, &how, reason), ERR_OK);
	assert_int_equal(pair.node[0].engine.owner, OWNER_NONE);
	pair_free(&pair);
}

static void stale_gen_is_refused_by_name(void **state)
{
	(void)state;
	begin(false);
	pair_migrate(&pair, 0);
	pair_migrate(&pair, 1);
	pair.node[0].engine.gen = 1; /* an old owner comes back to life */
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
	assert_non_null(strstr(pair.node[0].engine.error_desc, "gen: offered 2, this host has had 3"));
	pair_free(&pair);
}

static void guest_that_powers_off_ends_the_attempt(void **state)
{
	(void)state;
	begin(false);
	pair_begin(&pair, 0);
	pair_run(&pair, 500);
	pair.node[0].vm.running = false;
	engine_vm_event(&pair.node[0].engine, VM_SHUTDOWN);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
	assert_int_equal(pair.node[0].notes[ENGINE_EV_SHUTDOWN], 1);
	assert_int_equal(engine_run_state(&pair.node[0].engine), VM_SHUTDOWN);
	pair_free(&pair);
}

static void slow_device_writes_are_taken_in_pieces(void **state)
{
	(void)state;
	begin(false);
	pair.node[1].device[0].write_limit = 777;
	pair.node[1].device[1].arc_polls = 300;
	pair_migrate(&pair, 0);
	pair_free(&pair);
}

static void hand_over_that_takes_too_long_goes_back(void **state)
{
	struct migration_params params;
	char reason[REASON_BYTES];

	(void)state;
	begin(false);
	engine_params_get(&pair.node[0].engine, &params);
	params.x_handover_timeout_ms = 5;
	assert_int_equal(engine_params_set(&pair.node[0].engine, &params, reason), ERR_OK);
	pair.node[1].device[0].fail_from = DEVICE_ERROR;
	pair.node[1].device[0].arc_polls = 3000; /* 30 ms */
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
	assert_non_null(strstr(pair.node[0].engine.error_desc, "in time"));
	assert_sound("deadline", 0);
	pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_lost_at_every_event_leaves_exactly_one_runner),
		cmocka_unit_test(link_lost_at_every_event_with_stored_marks_leaves_exactly_one_runner),
		cmocka_unit_test(link_that_stays_lost_after_commit_leaves_given_until_it_is_back),
		cmocka_unit_test(recall_brings_the_vm_back_when_commit_was_lost),
		cmocka_unit_test(take_back_needs_fencing_and_then_runs_with_a_higher_gen),
		cmocka_unit_test(restarted_destination_answers_unknown_and_the_image_is_kept),
		cmocka_unit_test(cancel_at_every_step_gives_the_running_vm_back),
		cmocka_unit_test(device_failing_in_any_arc_before_commit_leaves_the_vm_at_the_source),
		cmocka_unit_test(device_failing_to_come_back_is_reset_and_named),
		cmocka_unit_test(device_failing_to_start_after_commit_pauses_the_vm_and_keeps_the_image),
		cmocka_unit_test(differing_digest_gives_the_vm_back),
		cmocka_unit_test(ram_is_equal_when_both_stand_at_commit),
		cmocka_unit_test(paused_vm_arrives_paused),
		cmocka_unit_test(failing_store_of_the_mark_ends_the_attempt),
		cmocka_unit_test(vm_errors_before_commit_give_the_vm_back),
		cmocka_unit_test(lost_dirty_log_sends_all_again_and_succeeds),
		cmocka_unit_test(busy_guest_does_not_converge_and_says_why),
		cmocka_unit_test(newer_attempt_voids_a_ready_one),
		cmocka_unit_test(abort_follows_in_the_background_when_the_link_is_back),
		cmocka_unit_test(operator_discards_a_ready_image_only_with_force),
		cmocka_unit_test(operator_takes_a_ready_vm_when_the_source_is_fenced),
		cmocka_unit_test(restarted_host_in_doubt_starts_nothing),
		cmocka_unit_test(stale_gen_is_refused_by_name),
		cmocka_unit_test(guest_that_powers_off_ends_the_attempt),
		cmocka_unit_test(slow_device_writes_are_taken_in_pieces),
		cmocka_unit_test(hand_over_that_takes_too_long_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
