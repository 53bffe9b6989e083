/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Devices in a whole migration: the states they pass beside the VM's and the migration's, and what may come between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "migration/device_plan.h"
#include "migration/device_stream.h"
#include "tests/unit/migration/pair.h"

#define FULL	    (DEVICE_MIG_STOP_COPY | DEVICE_MIG_P2P | DEVICE_MIG_PRE_COPY)
#define TRIPLES_MAX 40u

static struct pair pair;

/* ---- triples: VM, migration, device ---- */

static char triples[2][TRIPLES_MAX][64];
static uint32_t triple_count[2];

/** QEMU's words for where the VM is. */
static const char *vm_word(const struct node *n)
{
	if (n->vm.running) {
		return "running";
	}
	if (n->engine.role == ROLE_SOURCE) {
		return n->engine.owner == OWNER_GONE ? "postmigrate" : "finish-migrate";
	}
	return "inmigrate";
}

static void look(struct pair *p)
{
	for (uint32_t i = 0; i < 2; i++) {
		const struct node *n = &p->node[i];
		char text[64];

		(void)snprintf(text, sizeof(text), "(%s, %s, %s)", vm_word(n), migration_status_name(n->engine.status),
			device_state_name(n->device[0].now));
		if (triple_count[i] != 0 && strcmp(text, triples[i][triple_count[i] - 1]) == 0) {
			continue;
		}
		assert_true(triple_count[i] < TRIPLES_MAX);
		(void)snprintf(triples[i][triple_count[i]], sizeof(text), "%s", text);
		triple_count[i]++;
	}
}

static bool peers_at_work(enum device_state s)
{
	return s == DEVICE_RUNNING || s == DEVICE_PRE_COPY;
}

static bool stands(enum device_state s)
{
	return s == DEVICE_STOP || s == DEVICE_STOP_COPY || s == DEVICE_RESUMING;
}

/** While the VM is on its way, no device stands while another may still begin DMA to it. */
static void look_at_peers(struct pair *p)
{
	for (uint32_t i = 0; i < 2; i++) {
		const struct node *n = &p->node[i];
		bool works = peers_at_work(n->device[0].now) || peers_at_work(n->device[1].now);
		bool stopped = stands(n->device[0].now) || stands(n->device[1].now);

		assert_false(works && stopped);
	}
	look(p);
}

static void arrived(struct fake_device *d)
{
	(void)d;
	pair.between(&pair);
}

static void expect(uint32_t node, const char *const *want, uint32_t count)
{
	print_message("%s\n", node == 0 ? "source" : "destination");
	for (uint32_t i = 0; i < triple_count[node]; i++) {
		print_message("  %s\n", triples[node][i]);
		if (i >= count || strcmp(triples[node][i], want[i]) != 0) {
			fail_msg("%s: step %u is %s, %s is wanted", node == 0 ? "source" : "destination", i,
				triples[node][i], i < count ? want[i] : "the end");
		}
	}
	assert_int_equal(triple_count[node], count);
}

#define EXPECT(node, want) expect(node, want, sizeof(want) / sizeof((want)[0]))

static void migrate_and_look(uint32_t flags)
{
	pair_init_features(&pair, flags);
	memset(triple_count, 0, sizeof(triple_count));
	pair.between = (flags & DEVICE_MIG_P2P) != 0 ? look_at_peers : look;
	for (uint32_t i = 0; i < 2; i++) {
		pair.node[i].device[0].arrived = arrived;
		pair.node[i].device[1].arrived = arrived;
	}
	pair_step(&pair);
	pair_begin(&pair, 0);
	assert_true(pair_until(&pair, pair_settled));
	for (uint32_t i = 0; i < 2; i++) {
		pair.node[i].device[0].arrived = NULL;
		pair.node[i].device[1].arrived = NULL;
	}
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_COMPLETED);
	pair.between = NULL;
	pair_assert_runs(&pair, 1);
	pair_free(&pair);
}

/* Numbers are the rows of QEMU's flow (docs/devel/migration/vfio.rst); rows without are moments between two of them. */
static void full_devices_pass_the_states_of_qemu(void **state)
{
	static const char *const source[] = {
		"(running, none, RUNNING)",							/* 1 */
		"(running, setup, RUNNING)", "(running, setup, PRE_COPY)",			/* 2 */
		"(running, active, PRE_COPY)",							/* 3 */
		"(running, device, PRE_COPY)",							/* vCPUs park */
		"(finish-migrate, device, PRE_COPY)", "(finish-migrate, device, PRE_COPY_P2P)", /* 4 */
		"(finish-migrate, device, STOP_COPY)",						/* 5, 6 */
		"(postmigrate, device, STOP_COPY)",
		"(postmigrate, device, STOP)",	  /* scrubbed, before the attempt ends */
		"(postmigrate, completed, STOP)", /* 7, 8 */
	};
	static const char *const destination[] = {
		"(inmigrate, none, RUNNING)", /* 1 */
		"(inmigrate, setup, RUNNING)", "(inmigrate, active, RUNNING)", "(inmigrate, active, RUNNING_P2P)",
		"(inmigrate, active, STOP)", "(inmigrate, active, RESUMING)", /* 2, 3 */
		"(inmigrate, active, STOP)",				      /* validated, before the VM may start */
		"(inmigrate, active, RUNNING_P2P)",			      /* 4 */
		"(inmigrate, active, RUNNING)", "(running, completed, RUNNING)", /* 5 */
	};

	(void)state;
	migrate_and_look(FULL);
	EXPECT(0, source);
	EXPECT(1, destination);
}

static void devices_without_pre_copy_stop_on_the_way(void **state)
{
	static const char *const source[] = {
		"(running, none, RUNNING)",
		"(running, setup, RUNNING)",
		"(running, active, RUNNING)",
		"(running, device, RUNNING)",
		"(finish-migrate, device, RUNNING)",
		"(finish-migrate, device, RUNNING_P2P)",
		"(finish-migrate, device, STOP)",
		"(finish-migrate, device, STOP_COPY)",
		"(postmigrate, device, STOP_COPY)",
		"(postmigrate, device, STOP)",
		"(postmigrate, completed, STOP)",
	};

	(void)state;
	migrate_and_look(DEVICE_MIG_STOP_COPY | DEVICE_MIG_P2P);
	EXPECT(0, source);
}

static void devices_without_p2p_know_no_state_between(void **state)
{
	static const char *const source[] = {
		"(running, none, RUNNING)",
		"(running, setup, RUNNING)",
		"(running, setup, PRE_COPY)",
		"(running, active, PRE_COPY)",
		"(running, device, PRE_COPY)",
		"(finish-migrate, device, PRE_COPY)",
		"(finish-migrate, device, STOP_COPY)",
		"(postmigrate, device, STOP_COPY)",
		"(postmigrate, device, STOP)",
		"(postmigrate, completed, STOP)",
	};

	(void)state;
	migrate_and_look(DEVICE_MIG_STOP_COPY | DEVICE_MIG_PRE_COPY);
	EXPECT(0, source);
}

/* ---- pre-copy, switchover-ack ---- */

static int setup(void **state)
{
	(void)state;
	pair_init_features(&pair, FULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_free(&pair);
	return 0;
}

static void begin_until(enum source_phase phase, enum device_state first)
{
	pair_begin(&pair, 0);
	while (pair.node[0].engine.src.phase != phase || pair.node[0].device[0].now != first) {
		pair_step(&pair);
		assert_true(pair.steps < PAIR_STEPS_MAX);
	}
}

static void finish(void)
{
	struct migration_info info;

	assert_true(pair_until(&pair, pair_settled));
	engine_info(&pair.node[0].engine, &info);
	if (info.status != MIG_STATUS_COMPLETED) {
		fail_msg("%s: %s", migration_status_name(info.status), info.error_desc);
	}
	pair_assert_runs(&pair, 1);
	pair_assert_empty(&pair, 0);
}

static void initial_bytes_are_there_before_the_vm_stops(void **state)
{
	struct device_stream *s = &pair.node[0].engine.devices.run[0].stream;

	(void)state;
	begin_until(SRC_STOP, DEVICE_PRE_COPY);
	assert_true(s->initial_done);
	assert_true(s->precopy_bytes >= pair.node[0].device[0].initial_bytes);
	finish();
	assert_int_equal(s->restarts, 0);
	assert_int_equal(s->image_bytes, pair.node[1].engine.devices.run[0].stream.image_bytes);
	assert_true(s->image_bytes >= s->precopy_bytes + FAKE_DEVICE_IMAGE_BYTES);
}

static bool all_loaded(const struct pair *p)
{
	return p->node[1].device[0].load_left == 0 && p->node[1].device[1].load_left == 0;
}

static void with_switchover_ack_the_vm_stops_only_when_initial_state_is_loaded(void **state)
{
	struct migration_caps caps;
	char reason[REASON_BYTES];

	for (uint32_t with = 0; with < 2; with++) {
		bool stopped_early = false;

		(void)setup(state);
		engine_caps_get(&pair.node[0].engine, &caps);
		caps.switchover_ack = with == 1;
		assert_int_equal(engine_caps_set(&pair.node[0].engine, &caps, reason), ERR_OK);
		pair.node[1].device[1].load_polls = 20000; /* takes far longer than the rounds */
		pair_begin(&pair, 0);
		while (pair.node[0].engine.owner == OWNER_OWN || pair.node[0].engine.owner == OWNER_PREPARING) {
			pair_step(&pair);
			assert_true(pair.steps < PAIR_STEPS_MAX);
		}
		stopped_early = !all_loaded(&pair);
		assert_int_equal(stopped_early, with == 0);
		(void)pair_until(&pair, pair_settled);
		pair_assert_runs(&pair, pair_status(&pair, 0) == MIG_STATUS_COMPLETED ? 1 : 0);
		(void)teardown(state);
	}
	(void)setup(state);
}

/* ---- what comes between ---- */

static void a_reset_in_pre_copy_restarts_that_devices_stream_alone(void **state)
{
	(void)state;
	begin_until(SRC_SEND, DEVICE_PRE_COPY);
	while (!pair.node[0].engine.devices.run[1].stream.initial_done) {
		pair_step(&pair);
	}
	fake_device_reset(&pair.node[0].device[1]);
	finish();
	assert_int_equal(pair.node[0].engine.devices.run[0].stream.restarts, 0);
	assert_int_equal(pair.node[0].engine.devices.run[1].stream.restarts, 1);
	assert_int_equal(pair.node[1].engine.devices.run[1].stream.restarts, 1);
	assert_int_equal(pair.node[1].device[0].scrubs, 0);
	assert_int_equal(pair.node[1].device[1].scrubs, 1);
}

static void a_reset_while_the_rest_is_read_restarts_it_too(void **state)
{
	(void)state;
	begin_until(SRC_LAST_SEND, DEVICE_STOP_COPY);
	pair_run(&pair, 3);
	fake_device_reset(&pair.node[0].device[1]);
	finish();
	assert_int_equal(pair.node[0].engine.devices.run[1].stream.restarts, 1);
}

static void a_pause_in_pre_copy_opens_another_transfer_and_the_vm_moves(void **state)
{
	char reason[REASON_BYTES];
	uint64_t first;

	(void)state;
	begin_until(SRC_SEND, DEVICE_PRE_COPY);
	while (!pair.node[0].engine.devices.run[0].stream.initial_done) {
		pair_step(&pair);
	}
	first = pair.node[0].device[0].transfer.now;
	assert_int_equal(engine_vm_stop(&pair.node[0].engine, reason), ERR_OK);
	while (pair.node[0].device[0].now != DEVICE_STOP_COPY) {
		pair_step(&pair);
	}
	assert_int_equal(pair.node[0].device[0].transfer.now, first); /* a pause alone ends nothing */
	assert_int_equal(engine_vm_cont(&pair.node[0].engine, reason), ERR_OK);
	while (pair.node[0].device[0].now != DEVICE_PRE_COPY) {
		pair_step(&pair);
	}
	assert_true(pair.node[0].device[0].transfer.now > first);
	finish();
	assert_int_equal(pair.node[1].engine.devices.run[0].stream.restarts, 1);
}

static void cancel_ends_every_transfer(void **state)
{
	static const enum source_phase at[] = { SRC_SEND, SRC_LAST_SEND, SRC_READY };
	char reason[REASON_BYTES];

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		begin_until(at[i], at[i] == SRC_SEND ? DEVICE_PRE_COPY : DEVICE_STOP_COPY);
		assert_int_equal(engine_cancel(&pair.node[0].engine, reason), ERR_OK);
		assert_true(pair_until(&pair, pair_settled));
		assert_int_equal(pair_status(&pair, 0), MIG_STATUS_CANCELLED);
		assert_int_equal(pair.node[0].device[0].transfer.now, 0);
		assert_int_equal(pair.node[0].device[0].resets, 0);
		pair_assert_runs(&pair, 0);
	}
	pair_migrate(&pair, 0);
}

static void a_device_that_does_not_leave_pre_copy_is_reset_and_the_vm_goes_on(void **state)
{
	char reason[REASON_BYTES];
	struct fake_device *d = &pair.node[0].device[1];

	(void)state;
	begin_until(SRC_SEND, DEVICE_PRE_COPY);
	d->fail_from = DEVICE_PRE_COPY;
	d->fail_to = DEVICE_RUNNING;
	d->failure = FAKE_FAIL_ERROR;
	while (d->now != DEVICE_PRE_COPY) {
		pair_step(&pair);
	}
	assert_int_equal(engine_cancel(&pair.node[0].engine, reason), ERR_OK);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(d->resets, 1);
	assert_int_equal(pair.node[0].device[0].resets, 0);
	pair_assert_runs(&pair, 0);
}

/** The second device does not become quiet: nobody was stopped, and the first one runs again. */
static void a_peer_that_does_not_become_quiet_keeps_all_from_stopping(void **state)
{
	struct fake_device *d = &pair.node[0].device[1];

	(void)state;
	d->fail_from = DEVICE_PRE_COPY;
	d->fail_to = DEVICE_PRE_COPY_P2P;
	for (int how = FAKE_FAIL_STAY; how <= FAKE_FAIL_REFUSE; how += 2) {
		uint32_t stops = 0;

		d->failure = (enum fake_device_failure)how;
		pair_begin(&pair, 0);
		while (!pair_settled(&pair)) {
			pair_step(&pair);
			stops += stands(pair.node[0].device[0].now) ? 1 : 0;
		}
		assert_int_equal(stops, 0);
		assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
		assert_non_null(strstr(pair.node[0].engine.error_desc, "0000:00:02.0 (fake) did not stop"));
		pair_assert_runs(&pair, 0);
		assert_int_equal(pair.node[0].device[0].resets, 0);
	}
	pair_migrate(&pair, 0);
}

static void a_destination_whose_device_was_reset_never_runs_the_vm(void **state)
{
	(void)state;
	begin_until(SRC_LAST_SEND, DEVICE_STOP_COPY);
	fake_device_reset(&pair.node[1].device[0]);
	assert_true(pair_until(&pair, pair_settled));
	assert_int_equal(pair_status(&pair, 0), MIG_STATUS_FAILED);
	assert_non_null(strstr(pair.node[0].engine.error_desc, "was reset while its state was loaded"));
	pair_assert_runs(&pair, 0);
}

static void a_blocked_device_is_named_before_anything_moves(void **state)
{
	char reason[REASON_BYTES];
	struct migration_info info;

	(void)state;
	pair.node[0].engine.devices.run[1].desc.enable = DEVICE_ENABLE_OFF;
	assert_int_equal(engine_migrate(&pair.node[0].engine, "tcp:10.0.0.2:4444", reason), ERR_UNSUPPORTED);
	assert_non_null(strstr(reason, "enable-migration is off"));
	engine_info(&pair.node[0].engine, &info);
	assert_int_equal(info.status, MIG_STATUS_NONE);
}

/* ---- frames in any order ---- */

static struct rx_frame frame_of(uint8_t *bytes, uint32_t index, uint16_t kind, size_t len)
{
	store_le32(bytes, index);
	store_le16(bytes + 4, kind);
	store_le16(bytes + 6, 0);
	return (struct rx_frame){
		.type = FRAME_DEVICE, .stream = LINK_STREAM_DEVICE(0), .bytes = bytes, .len_bytes = 8 + len
	};
}

static void frames_are_placed_in_their_order_once(void **state)
{
	struct engine *e = &pair.node[1].engine;
	struct fake_device *d = &pair.node[1].device[0];
	uint8_t bytes[64] = { 0 };
	struct rx_frame f;

	(void)state;
	begin_until(SRC_SEND, DEVICE_PRE_COPY);
	while (e->dst.phase != DST_LOAD || d->now != DEVICE_RESUMING || d->arc_open) {
		pair_step(&pair);
	}
	device_stream_begin(e);
	fake_device_reset(d); /* an empty transfer of its own */
	d->now = DEVICE_RESUMING;
	d->at = 0;
	device_transfer_arc(&d->transfer, DEVICE_STOP, DEVICE_RESUMING);
	e->devices.run[0].transfer = d->transfer.now;
	f = frame_of(bytes, 2, DEVICE_FRAME_DATA, 4);
	assert_int_equal(device_stream_place(e, &f), ERR_AGAIN);
	f = frame_of(bytes, 0, DEVICE_FRAME_DATA, 4);
	store_le32(bytes + 8, 0x65727066u); /* a record */
	assert_int_equal(device_stream_place(e, &f), ERR_OK);
	assert_int_equal(d->at, 4);
	f = frame_of(bytes, 0, DEVICE_FRAME_DATA, 4); /* twice */
	assert_int_equal(device_stream_place(e, &f), ERR_BAD_RECORD);
	f = frame_of(bytes, 1 + FRAME_POOL_COUNT, DEVICE_FRAME_DATA, 4); /* beyond any window */
	assert_int_equal(device_stream_place(e, &f), ERR_BAD_RECORD);
	f = frame_of(bytes, UINT32_MAX, DEVICE_FRAME_DATA, 4);
	assert_int_equal(device_stream_place(e, &f), ERR_BAD_RECORD);
	f = frame_of(bytes, 1, 3, 0); /* no such kind */
	assert_int_equal(device_stream_place(e, &f), ERR_BAD_RECORD);
	f = frame_of(bytes, 1, DEVICE_FRAME_INITIAL, 1);
	assert_int_equal(device_stream_place(e, &f), ERR_BAD_RECORD);
	f = frame_of(bytes, 1, DEVICE_FRAME_DATA, 0);
	assert_int_equal(device_stream_place(e, &f), ERR_BAD_RECORD);
	f = frame_of(bytes, 1, DEVICE_FRAME_DATA, 4);
	store_le32(bytes + 8, 100);
	assert_int_equal(device_stream_place(e, &f), ERR_OK);
	assert_int_equal(e->devices.run[0].stream.index, 2);
	assert_int_equal(e->devices.run[0].stream.image_bytes, 8);
	(void)pair_until(
		&pair, pair_settled); /* what the source sends meanwhile has other indices: refused, VM stays */
	pair_assert_runs(&pair, 0);
}

/* ---- more state than any buffer holds ---- */

/** A sum instead of SHA-256: the bytes are many. */
static void sum_start(struct hash_state *h)
{
	memset(h, 0, sizeof(*h));
}

static void sum_add(struct hash_state *h, const void *bytes, size_t len)
{
	uint64_t sum, last = 0;

	if (len == 0) {
		return;
	}
	memcpy(&sum, h, sizeof(sum));
	memcpy(&last, (const uint8_t *)bytes + (len > 8 ? len - 8 : 0), len > 8 ? 8 : len);
	sum = (sum + len) * UINT64_C(0x9e3779b97f4a7c15) + last;
	memcpy(h, &sum, sizeof(sum));
}

static void sum_finish(struct hash_state *h, uint8_t out[HASH_BYTES])
{
	memset(out, 0, HASH_BYTES);
	memcpy(out, h, sizeof(uint64_t));
}

static void a_state_of_four_gibibytes_goes_through_the_buffers_there_are(void **state)
{
	static const struct hash_ops sum = { .start = sum_start, .add = sum_add, .finish = sum_finish };
	const uint64_t bulk = (UINT64_C(4) << 30) + 12345;
	struct migration_params params;
	char reason[REASON_BYTES];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		pair.node[i].engine.hash = &sum;
		engine_params_get(&pair.node[i].engine, &params);
		params.x_handover_timeout_ms = 3600000;
		params.downtime_limit_ms = 2000000;
		assert_int_equal(engine_params_set(&pair.node[i].engine, &params, reason), ERR_OK);
	}
	pair.node[0].device[0].bulk_bytes = bulk;
	pair_begin(&pair, 0);
	for (uint64_t n = 0; n < 40u * PAIR_STEPS_MAX && !pair_settled(&pair); n++) {
		pair_step(&pair);
	}
	finish();
	assert_true(pair.node[1].engine.devices.run[0].stream.image_bytes > bulk);
	assert_int_equal(pair.node[0].engine.devices.run[0].stream.image_bytes,
		pair.node[1].engine.devices.run[0].stream.image_bytes);
	assert_true(pair.node[1].device[0].records_loaded > bulk / 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_devices_pass_the_states_of_qemu),
		cmocka_unit_test(devices_without_pre_copy_stop_on_the_way),
		cmocka_unit_test(devices_without_p2p_know_no_state_between),
		cmocka_unit_test_setup_teardown(initial_bytes_are_there_before_the_vm_stops, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_reset_in_pre_copy_restarts_that_devices_stream_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_while_the_rest_is_read_restarts_it_too, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_pause_in_pre_copy_opens_another_transfer_and_the_vm_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(cancel_ends_every_transfer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_device_that_does_not_leave_pre_copy_is_reset_and_the_vm_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_peer_that_does_not_become_quiet_keeps_all_from_stopping, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_destination_whose_device_was_reset_never_runs_the_vm, setup, teardown),
		cmocka_unit_test_setup_teardown(a_blocked_device_is_named_before_anything_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_are_placed_in_their_order_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_state_of_four_gibibytes_goes_through_the_buffers_there_are, setup, teardown),
		cmocka_unit_test_setup_teardown(
			with_switchover_ack_the_vm_stops_only_when_initial_state_is_loaded, NULL, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
