/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Messages that come late, early, twice or of another attempt, said to an engine by hand; stores and scrubs that end late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bitmap.h"
#include "core/base/bytes.h"
#include "tests/unit/migration/pair.h"

#define ALPHA 0u
#define BETA  1u

static struct pair pair;

static struct engine *engine_of(uint32_t n)
{
	return &pair.node[n].engine;
}

/** A message of the attempt that node n has, in its epoch. */
static struct ctrl message(uint32_t n, uint16_t type)
{
	const struct engine *e = engine_of(n);
	struct ctrl m = { .type = type,
		.number = e->attempt.number,
		.source_boot = e->attempt.source_boot,
		.random = e->attempt.random,
		.gen = e->attempt.gen,
		.epoch = e->epoch };

	if (type == CTRL_READY) {
		memcpy(m.digest, e->src.digest, HASH_BYTES);
	} else if (type == CTRL_COMMIT) {
		memcpy(m.digest, e->dst.digest, HASH_BYTES);
	}
	return m;
}

static void hear(uint32_t n, const struct ctrl *m)
{
	uint8_t bytes[CTRL_BYTES_MAX];
	struct link_event ev = { .kind = LINK_MESSAGE, .type = m->type, .bytes = bytes };

	ev.len_bytes = ctrl_encode(m, bytes);
	if (engine_of(n)->role == ROLE_SOURCE) {
		source_event(engine_of(n), &ev);
	} else {
		destination_event(engine_of(n), &ev);
	}
}

static bool beta_ready(const struct pair *p)
{
	return p->node[BETA].engine.owner == OWNER_READY;
}

static bool beta_loading(const struct pair *p)
{
	return p->node[BETA].engine.dst.phase == DST_LOAD && p->node[BETA].engine.dst.ram.received_count > 0;
}

static bool beta_all_pages(const struct pair *p)
{
	return p->node[BETA].engine.dst.ram.received_count == p->node[BETA].engine.dst.ram.page_count &&
	       p->node[BETA].engine.dst.prepared_sent;
}

static bool beta_taken(const struct pair *p)
{
	return p->node[BETA].engine.owner == OWNER_TAKEN && !p->node[BETA].engine.dst.started;
}

static bool alpha_given(const struct pair *p)
{
	return p->node[ALPHA].engine.owner == OWNER_GIVEN;
}

static bool alpha_held(const struct pair *p)
{
	return p->node[ALPHA].engine.owner == OWNER_HELD;
}

static bool alpha_preparing(const struct pair *p)
{
	return p->node[ALPHA].engine.owner == OWNER_PREPARING;
}

static void begin_until(bool stores, bool (*there)(const struct pair *p))
{
	pair_init(&pair, stores);
	pair_begin(&pair, ALPHA);
	assert_true(pair_until(&pair, there));
}

/* ---- messages ---- */

static void commit_needs_the_digest_of_ready_and_a_proved_epoch(void **state)
{
	struct ctrl m;

	(void)state;
	begin_until(false, beta_ready);
	m = message(BETA, CTRL_COMMIT);
	m.digest[HASH_BYTES - 1] ^= 1;
	hear(BETA, &m);
	assert_int_equal(engine_of(BETA)->owner, OWNER_READY);
	m = message(BETA, CTRL_COMMIT);
	engine_of(BETA)->proved = false;
	hear(BETA, &m);
	assert_int_equal(engine_of(BETA)->owner, OWNER_READY);
	engine_of(BETA)->proved = true;
	hear(BETA, &m);
	assert_int_equal(engine_of(BETA)->owner, OWNER_TAKEN);
	pair_free(&pair);
}

/** Each field that names the attempt, and the epoch, changed alone. */
static void others_of(uint32_t n, uint16_t type, enum owner owner, struct ctrl *good)
{
	for (uint32_t field = 0; field < 5; field++) {
		struct ctrl m = message(n, type);

		m.number += field == 0;
		m.source_boot ^= field == 1;
		m.random ^= field == 2;
		m.gen += field == 3 ? 1u : 0u;
		m.epoch += field == 4;
		hear(n, &m);
		assert_int_equal(engine_of(n)->owner, owner);
	}
	*good = message(n, type);
}

static void a_source_obeys_its_own_attempt_and_epoch_only(void **state)
{
	const uint16_t types[] = { CTRL_DECLINED, CTRL_TAKEN };
	struct ctrl m;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		begin_until(false, alpha_given);
		others_of(ALPHA, types[i], OWNER_GIVEN, &m);
		hear(ALPHA, &m);
		assert_int_equal(engine_of(ALPHA)->owner, types[i] == CTRL_TAKEN ? OWNER_GONE : OWNER_OWN);
		pair_free(&pair);
	}
}

static void a_destination_obeys_its_own_attempt_and_epoch_only(void **state)
{
	const uint16_t types[] = { CTRL_ABORT, CTRL_COMMIT };
	struct ctrl m;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		begin_until(false, beta_ready);
		others_of(BETA, types[i], OWNER_READY, &m);
		hear(BETA, &m);
		assert_int_equal(engine_of(BETA)->owner, types[i] == CTRL_COMMIT ? OWNER_TAKEN : OWNER_VOID);
		pair_free(&pair);
	}
}

static void a_record_answers_for_its_own_attempt_only(void **state)
{
	struct engine *e = engine_of(BETA);
	struct ctrl m;

	(void)state;
	begin_until(false, beta_ready);
	m = message(BETA, CTRL_ABORT);
	hear(BETA, &m);
	assert_int_equal(e->owner, OWNER_VOID);
	for (uint32_t field = 0; field < 5; field++) { /* 4: none changed */
		m = message(BETA, CTRL_STATUS);
		m.number += field == 0;
		m.source_boot ^= field == 1;
		m.random ^= field == 2;
		m.gen += field == 3 ? 1u : 0u;
		e->outbox_count = 0;
		hear(BETA, &m);
		assert_int_equal(e->outbox_count, 1);
		assert_int_equal(e->outbox[0].type, field == 4 ? CTRL_DECLINED : CTRL_UNKNOWN);
		assert_int_equal(e->outbox[0].random, m.random);
	}
	pair_free(&pair);
}

static void nothing_of_a_dead_attempt_moves_a_source(void **state)
{
	const uint16_t types[] = { CTRL_RUNNING, CTRL_SETTLED, CTRL_TAKEN, CTRL_READY, CTRL_PREPARED };
	struct ctrl m;

	(void)state;
	pair_init(&pair, false);
	pair_migrate(&pair, ALPHA);
	assert_true(pair.node[BETA].vm.time_added_ns > 0); /* the guest's clock went on over the blackout */
	for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		m = message(ALPHA, types[i]);
		hear(ALPHA, &m);
		assert_int_equal(engine_of(ALPHA)->owner, OWNER_GONE);
		assert_int_equal(engine_of(ALPHA)->src.phase, SRC_IDLE);
	}
	pair_free(&pair);
}

static void ready_before_everything_was_sent_gives_the_vm_back(void **state)
{
	struct ctrl m;

	(void)state;
	begin_until(false, alpha_held);
	assert_int_not_equal(engine_of(ALPHA)->src.phase, SRC_READY);
	m = message(ALPHA, CTRL_READY);
	hear(ALPHA, &m);
	assert_int_equal(engine_of(ALPHA)->owner, OWNER_OWN);
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, ALPHA);
	pair_free(&pair);
}

static bool alpha_waits_for_ready(const struct pair *p)
{
	return p->node[ALPHA].engine.owner == OWNER_HELD && p->node[ALPHA].engine.src.phase == SRC_READY;
}

static void ready_with_another_digest_gives_the_vm_back(void **state)
{
	struct ctrl m;

	(void)state;
	begin_until(false, alpha_waits_for_ready);
	m = message(ALPHA, CTRL_READY);
	m.digest[0] ^= 1;
	hear(ALPHA, &m);
	assert_int_equal(engine_of(ALPHA)->owner, OWNER_OWN);
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, ALPHA);
	pair_free(&pair);
}

static void no_commit_is_sent_before_ready_came(void **state)
{
	(void)state;
	begin_until(false, alpha_held);
	while (engine_of(ALPHA)->owner == OWNER_HELD) {
		for (uint32_t i = 0; i < engine_of(ALPHA)->outbox_count; i++) {
			assert_int_not_equal(engine_of(ALPHA)->outbox[i].type, CTRL_COMMIT);
		}
		pair_step(&pair);
	}
	assert_int_equal(engine_of(ALPHA)->owner, OWNER_GIVEN);
	assert_int_not_equal(engine_of(BETA)->owner, OWNER_LOADING);
	pair_free(&pair);
}

static void retired_counts_after_running_only(void **state)
{
	struct ctrl m;

	(void)state;
	begin_until(false, beta_taken);
	m = message(BETA, CTRL_RETIRED);
	hear(BETA, &m);
	assert_int_equal(engine_of(BETA)->owner, OWNER_TAKEN);
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, BETA);
	pair_free(&pair);
}

/* ---- frames ---- */

static void a_page_that_never_came_is_told_and_not_ready(void **state)
{
	struct engine *e = engine_of(BETA);

	(void)state;
	pair_init(&pair, false);
	pair.guest_pages = 0;
	pair_begin(&pair, ALPHA);
	assert_true(pair_until(&pair, beta_all_pages));
	for (uint64_t page = 0; page < e->dst.ram.page_count; page++) {
		bitmap_clear(e->dst.ram.received, page);
	}
	e->dst.ram.received_count = 0;
	assert_true(pair_until(&pair, pair_settled));
	assert_non_null(strstr(e->error_desc, "never came"));
	pair_assert_runs(&pair, ALPHA);
	pair_assert_empty(&pair, BETA);
	pair_free(&pair);
}

static void a_page_that_became_zero_is_zero(void **state)
{
	struct vm vm = fake_vm(&pair.node[ALPHA].vm);
	static uint64_t received[ENGINE_BITMAP_WORDS(FAKE_VM_PAGES)];
	static struct ram_rx rx;
	uint8_t frame[4 + 8];
	char reason[REASON_BYTES];
	uint8_t *page;

	(void)state;
	pair_init(&pair, false);
	assert_int_equal(vm.ops->page_borrow(vm.ctx, 7, PAGE_WRITE, &page), ERR_OK);
	page[PAGE_BYTES - 1] = 1;
	vm.ops->page_return(vm.ctx, 7, PAGE_WRITE);
	store_le32(frame, 1);
	store_le64(frame + 4, 7 | RAM_ENTRY_ZERO);
	ram_rx_start(&rx, received, FAKE_VM_PAGES, 1);
	assert_int_equal(ram_rx_place(&rx, &vm, 0, frame, sizeof(frame), reason), ERR_OK);
	assert_int_equal(rx.received_count, 1);
	assert_true(page_is_zero(page));
	pair_free(&pair);
}

static bool everything_is_dirty(const struct pair *p)
{
	return p->node[ALPHA].engine.src.dirty_syncs > 0 &&
	       p->node[ALPHA].engine.src.ram.left == p->node[ALPHA].engine.src.ram.page_count;
}

static void a_lost_log_makes_every_page_dirty(void **state)
{
	(void)state;
	begin_until(false, beta_loading);
	pair.node[ALPHA].vm.dirty.harvest_err = ERR_LOST;
	assert_true(pair_until(&pair, everything_is_dirty));
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, BETA);
	pair_free(&pair);
}

static void no_frame_is_placed_after_the_totals_of_its_stream(void **state)
{
	struct engine *e = engine_of(BETA);

	(void)state;
	begin_until(false, beta_loading);
	e->dst.totals_seen = 1;
	assert_true(pair_until(&pair, pair_settled));
	assert_non_null(strstr(e->error_desc, "after its totals"));
	pair_assert_runs(&pair, ALPHA);
	pair_free(&pair);
}

/* ---- stores ---- */

static bool prepared_without_a_mark;

/** PREPARE, or PREPARED, is said by a host whose in-doubt of this attempt is durable. */
static void mark_stands(struct pair *p)
{
	for (uint32_t n = 0; n < 2; n++) {
		const struct engine *e = &p->node[n].engine;
		const struct owner_mark *mark = &p->node[n].host.mark;
		bool said = n == ALPHA ? e->owner == OWNER_PREPARING && e->src.store_done
				       : e->owner == OWNER_LOADING && e->dst.prepared_sent;

		if (said && (mark->kind != MARK_IN_DOUBT || mark->attempt_random != e->attempt.random)) {
			prepared_without_a_mark = true;
		}
	}
}

/* Simulator, seeds 197 and 552: the first attempt's store ended when the second one waited for its own. */
static void a_store_of_an_earlier_attempt_does_not_count(void **state)
{
	char reason[REASON_BYTES];

	(void)state;
	pair_init(&pair, true);
	pair.between = mark_stands;
	prepared_without_a_mark = false;
	pair.node[ALPHA].host.store_us = pair.node[BETA].host.store_us = 150000;
	pair_begin(&pair, ALPHA);
	assert_true(pair_until(&pair, alpha_preparing));
	pair_run(&pair, 20);
	assert_true(engine_of(ALPHA)->marks.busy);
	assert_int_equal(engine_cancel(engine_of(ALPHA), reason), ERR_OK);
	for (uint32_t i = 0; i < PAIR_STEPS_MAX && engine_of(ALPHA)->closing != CLOSE_NONE; i++) {
		pair_step(&pair);
	}
	pair_begin(&pair, ALPHA);
	assert_true(pair_until(&pair, alpha_preparing));
	assert_int_equal(engine_of(ALPHA)->marks.storing.attempt_number, 1);
	assert_true(engine_of(ALPHA)->marks.busy);
	for (uint32_t i = 0; i < 60000 && alpha_preparing(&pair); i++) {
		pair_step(&pair);
	}
	assert_false(prepared_without_a_mark);
	pair.between = NULL;
	assert_true(pair_until(&pair, pair_settled));
	pair_free(&pair);
}

/* ---- start, listening, parameters, what the operator is told ---- */

/* Simulator, seed 922: randomness came late, and no message of an attempt with boot 0 was ever obeyed. */
static void no_attempt_begins_without_a_boot_number(void **state)
{
	char reason[REASON_BYTES] = "";

	(void)state;
	pair_init(&pair, false);
	pair.link.end[ALPHA].boot = 0;
	assert_int_not_equal(engine_migrate(engine_of(ALPHA), "tcp:10.0.0.2:4444", reason), ERR_OK);
	assert_string_not_equal(reason, "");
	assert_false(engine_of(ALPHA)->alive);
	pair_free(&pair);
}

/* Simulator, seed 106. */
static void a_host_that_listens_can_stop_that_and_listen_for_another(void **state)
{
	char reason[REASON_BYTES];

	(void)state;
	pair_init(&pair, false);
	assert_int_equal(engine_incoming(engine_of(BETA), "tcp:0:4444", reason), ERR_OK);
	assert_int_not_equal(engine_incoming(engine_of(BETA), "tcp:0:4445", reason), ERR_OK);
	assert_int_equal(engine_cancel(engine_of(BETA), reason), ERR_OK);
	assert_false(engine_of(BETA)->incoming);
	assert_false(pair.link.end[BETA].listening);
	assert_int_equal(engine_incoming(engine_of(BETA), "tcp:0:4445", reason), ERR_OK);
	pair_migrate(&pair, ALPHA);
	pair_free(&pair);
}

static bool alpha_retired(const struct pair *p)
{
	return p->node[ALPHA].engine.owner == OWNER_GONE && p->node[ALPHA].engine.src.scrubbed;
}

static void a_retired_source_that_listens_has_left_its_attempt(void **state)
{
	char reason[REASON_BYTES];

	(void)state;
	pair_init(&pair, false);
	pair_begin(&pair, ALPHA);
	assert_true(pair_until(&pair, alpha_retired));
	assert_true(engine_of(ALPHA)->alive);
	assert_int_equal(engine_incoming(engine_of(ALPHA), "tcp:0:4444", reason), ERR_OK);
	assert_true(engine_of(ALPHA)->incoming);
	assert_false(engine_of(ALPHA)->alive);
	assert_false(engine_of(ALPHA)->connected);
	assert_int_equal(engine_of(ALPHA)->src.phase, SRC_IDLE);
	pair_free(&pair);
}

/* Simulator, seeds 114 and 247. */
static void a_source_with_nothing_left_may_change_its_parameters(void **state)
{
	struct migration_params params;
	char reason[REASON_BYTES];

	(void)state;
	begin_until(false, alpha_given);
	engine_params_get(engine_of(ALPHA), &params);
	(void)memcpy(params.tls_authz, "gamma", sizeof("gamma"));
	assert_int_not_equal(engine_params_set(engine_of(ALPHA), &params, reason), ERR_OK);
	assert_true(pair_until(&pair, alpha_retired));
	assert_true(engine_of(ALPHA)->alive);
	assert_int_equal(engine_params_set(engine_of(ALPHA), &params, reason), ERR_OK);
	pair_free(&pair);
}

static bool beta_runs_taken(const struct pair *p)
{
	return p->node[BETA].engine.owner == OWNER_TAKEN && p->node[BETA].engine.dst.started;
}

static void taken_without_a_link_names_a_next_action(void **state)
{
	struct migration_info info;

	(void)state;
	begin_until(false, beta_runs_taken);
	pair.link.down = true;
	fake_link_cut(&pair.link);
	pair_run(&pair, 200);
	assert_int_equal(engine_of(BETA)->owner, OWNER_TAKEN);
	engine_info(engine_of(BETA), &info);
	assert_string_not_equal(info.next_action, "");
	pair.link.down = false;
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_runs(&pair, BETA);
	pair_free(&pair);
}

/* ---- scrubs ---- */

/* Simulator, seed 4: devices that took longer than RAM had the end of the RAM's scrub asked for again; the stand-in asserts. */
static void a_scrub_of_ram_is_not_polled_after_its_end(void **state)
{
	struct ctrl m;

	(void)state;
	begin_until(false, beta_ready);
	for (uint32_t i = 0; i < PAIR_DEVICES; i++) {
		pair.node[BETA].device[i].chore_polls = 500;
		pair.node[ALPHA].device[i].chore_polls = 500;
	}
	m = message(BETA, CTRL_ABORT);
	hear(BETA, &m);
	assert_true(pair_until(&pair, pair_settled));
	pair_assert_empty(&pair, BETA);
	pair_migrate(&pair, ALPHA);
	pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commit_needs_the_digest_of_ready_and_a_proved_epoch),
		cmocka_unit_test(a_source_obeys_its_own_attempt_and_epoch_only),
		cmocka_unit_test(a_destination_obeys_its_own_attempt_and_epoch_only),
		cmocka_unit_test(a_record_answers_for_its_own_attempt_only),
		cmocka_unit_test(nothing_of_a_dead_attempt_moves_a_source),
		cmocka_unit_test(ready_before_everything_was_sent_gives_the_vm_back),
		cmocka_unit_test(ready_with_another_digest_gives_the_vm_back),
		cmocka_unit_test(no_commit_is_sent_before_ready_came),
		cmocka_unit_test(retired_counts_after_running_only),
		cmocka_unit_test(a_page_that_never_came_is_told_and_not_ready),
		cmocka_unit_test(a_page_that_became_zero_is_zero),
		cmocka_unit_test(a_lost_log_makes_every_page_dirty),
		cmocka_unit_test(no_frame_is_placed_after_the_totals_of_its_stream),
		cmocka_unit_test(a_store_of_an_earlier_attempt_does_not_count),
		cmocka_unit_test(no_attempt_begins_without_a_boot_number),
		cmocka_unit_test(a_host_that_listens_can_stop_that_and_listen_for_another),
		cmocka_unit_test(a_retired_source_that_listens_has_left_its_attempt),
		cmocka_unit_test(a_source_with_nothing_left_may_change_its_parameters),
		cmocka_unit_test(taken_without_a_link_names_a_next_action),
		cmocka_unit_test(a_scrub_of_ram_is_not_polled_after_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
