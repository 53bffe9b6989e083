/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Every pair of states in each of the four feature sets, walked by the driver on a device, and judged by an independent
 * statement of VFIO's rules: its arcs written out per set, its paths found by trying all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "migration/device_plan.h"
#include "migration/device_run.h"
#include "tests/fake/fake_device.h"

#define POLLS_MAX 200u

enum { E, ST, R, SC, RS, RP, PC, PP };

/** The direct arcs of each set: STOP_COPY only, + P2P, + PRE_COPY, both. */
static const uint8_t arcs[4][18][2] = {
	{ { R, ST }, { ST, R }, { ST, SC }, { SC, ST }, { ST, RS }, { RS, ST } },
	{ { R, RP }, { RP, R }, { RP, ST }, { ST, RP }, { ST, SC }, { SC, ST }, { ST, RS }, { RS, ST } },
	{ { R, ST }, { ST, R }, { ST, SC }, { SC, ST }, { ST, RS }, { RS, ST }, { R, PC }, { PC, R }, { PC, SC } },
	{ { R, RP }, { RP, R }, { RP, ST }, { ST, RP }, { ST, SC }, { SC, ST }, { ST, RS }, { RS, ST }, { R, PC },
		{ PC, R }, { PC, PP }, { PP, PC }, { PP, SC }, { PP, RP }, { RP, PP } },
};
static const uint32_t flags_of[4] = { 1, 3, 5, 7 };

static bool direct(uint32_t set, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < 18; i++) {
		if ((arcs[set][i][0] | arcs[set][i][1]) != 0 && arcs[set][i][0] == a && arcs[set][i][1] == b) {
			return true;
		}
	}
	return false;
}

static bool saving(uint32_t s)
{
	return s == SC || s == PC || s == PP;
}

struct way {
	uint8_t at[8];
	uint32_t hops; /* 0: none */
};

/** The shortest way whose inner states are no saving ones, or all of whose states are. */
static struct way best_way(uint32_t set, uint32_t from, uint32_t to)
{
	struct way best = { .hops = 0 };

	/* All sequences of up to three inner states, in order of their length: 0 stands for none. */
	for (uint32_t n = 0; n < 8u * 8u * 8u; n++) {
		uint32_t inner[3] = { n % 8, n / 8 % 8, n / 64 };
		uint32_t count = inner[2] != 0 ? 3 : inner[1] != 0 ? 2 : inner[0] != 0 ? 1 : 0;
		struct way w = { .at = { (uint8_t)from } };
		bool good = true, all_saving = saving(from) && saving(to), none_saving = true;

		for (uint32_t i = 0; i < count; i++) {
			good &= inner[i] != 0;
			none_saving &= !saving(inner[i]);
			all_saving &= saving(inner[i]);
			w.at[i + 1] = (uint8_t)inner[i];
		}
		w.at[count + 1] = (uint8_t)to;
		w.hops = count + 1;
		for (uint32_t i = 0; i < w.hops; i++) {
			good &= direct(set, w.at[i], w.at[i + 1]);
		}
		/* A walk that goes from saving state to saving state must not leave that group. */
		if (saving(from) && saving(to) ? !all_saving : !none_saving) {
			good = false;
		}
		if (good && (best.hops == 0 || w.hops < best.hops)) {
			best = w;
		}
	}
	return best;
}

static bool offered(uint32_t set, uint32_t s)
{
	bool p2p = (flags_of[set] & 2) != 0, pre = (flags_of[set] & 4) != 0;

	return s == RP ? p2p : s == PC ? pre : s == PP ? p2p && pre : true;
}

static struct fake_vm vm;
static struct fake_device device;
static struct device_set set_of_one;

static enum err drive(enum device_state to)
{
	uint64_t now = 1;
	uint32_t failed = 0;
	enum err err = ERR_AGAIN;

	device_set_goto(&set_of_one, to);
	for (uint32_t i = 0; i < POLLS_MAX && err == ERR_AGAIN; i++) {
		err = device_set_poll(&set_of_one, now += 100, &failed);
	}
	return err;
}

/** The device stands in a state, its transfer with it, as if it had come there by itself. */
static void put(uint32_t set, uint32_t state)
{
	struct device d;
	char reason[REASON_BYTES];

	fake_device_init(&device, "0000:00:01.0", flags_of[set], &vm, 1000);
	device.now = (enum device_state)state;
	if (saving(state) || state == RS) {
		device_transfer_arc(&device.transfer, DEVICE_STOP, (enum device_state)state);
		device.opened = device.transfer.now;
	}
	device.any_image = true;
	d = fake_device(&device);
	assert_int_equal(device_set_init(&set_of_one, &d, 1, reason), ERR_OK);
	set_of_one.run[0].transfer = device.transfer.now;
}

static void walk_one(uint32_t set, uint32_t from, uint32_t to)
{
	struct way want = best_way(set, from, to);
	bool keeps = to == ST && (from == PC || from == PP); /* asked for STOP, it stays in its transfer */
	uint64_t before, opened;
	enum err err;

	put(set, from);
	if (keeps) {
		want = best_way(set, from, SC);
	}
	before = device.transfer.last;
	err = drive((enum device_state)to);
	opened = device.transfer.last - before;
	if (from == to && from != E) {
		assert_int_equal(err, ERR_OK);
		assert_int_equal(device.path_len, 0);
		return;
	}
	if (from == E || to == E || want.hops == 0) {
		assert_int_equal(err, from == E && to == E ? ERR_OK : ERR_NO_ARC);
		assert_int_equal(device.now, from);
		assert_int_equal(device.path_len, 0);
		return;
	}
	assert_int_equal(err, ERR_OK);
	assert_int_equal(device.path_len, want.hops);
	for (uint32_t i = 0; i < want.hops; i++) {
		if (device.path[i] != want.at[i + 1]) {
			fail_msg("set %u, %s to %s: hop %u is %s", set, device_state_name((enum device_state)from),
				device_state_name((enum device_state)to), i, device_state_name(device.path[i]));
		}
	}
	/* A transfer is opened by what ends with one and did not begin with it, and by nothing on the way. */
	assert_int_equal(opened, (saving(keeps ? SC : to) && !saving(from)) || to == RS ? 1 : 0);
	assert_int_equal(device.transfer.now != 0, saving(keeps ? SC : to) || to == RS);
	assert_int_equal(set_of_one.run[0].transfer, device.transfer.now);
}

static void sixty_four_pairs_in_four_sets_are_walked_as_vfio_says(void **state)
{
	static const uint32_t refused_in_full = 2; /* STOP_COPY to PRE_COPY and PRE_COPY_P2P */
	uint32_t refused = 0, walked = 0;

	(void)state;
	for (uint32_t set = 0; set < 4; set++) {
		for (uint32_t from = 0; from < 8; from++) {
			for (uint32_t to = 0; to < 8; to++) {
				if (!offered(set, from)) {
					assert_int_equal(device_plan_next(flags_of[set], (enum device_state)from,
								 (enum device_state)to),
						DEVICE_ERROR);
					continue;
				}
				if (!offered(set, to)) {
					put(set, from);
					assert_int_equal(drive((enum device_state)to), ERR_NO_ARC);
					assert_int_equal(device.now, from);
					continue;
				}
				walk_one(set, from, to);
				walked++;
				refused += set == 3 && from != E && to != E && from != to &&
							   best_way(set, from, to).hops == 0
						   ? 1
						   : 0;
			}
		}
	}
	assert_int_equal(refused, refused_in_full);
	assert_int_equal(walked, 25 + 36 + 36 + 64);
}

static void worked_paths_of_the_full_set(void **state)
{
	static const uint8_t paths[][6] = {
		{ R, RP, ST, SC },
		{ R, RP, ST, RS },
		{ PC, R, RP, ST },
		{ PP, RP, ST, RS },
		{ PC, R, RP, ST, RS },
		{ RS, ST, RP, R, PC },
		{ SC, ST, RP, R },
		{ ST, RP, PP },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		uint32_t last = 0;

		while (last + 1 < 6 && paths[i][last + 1] != 0) {
			last++;
		}
		for (uint32_t hop = 0; hop < last; hop++) {
			assert_int_equal(device_plan_next(7, (enum device_state)paths[i][hop],
						 (enum device_state)paths[i][last]),
				paths[i][hop + 1]);
		}
	}
	assert_int_equal(device_plan_next(5, DEVICE_PRE_COPY, DEVICE_STOP_COPY), DEVICE_STOP_COPY);
	assert_int_equal(device_plan_next(5, DEVICE_PRE_COPY, DEVICE_STOP), DEVICE_RUNNING);
}

static void a_failed_arc_leaves_the_device_where_it_says_and_another_target_is_tried(void **state)
{
	(void)state;
	for (int how = FAKE_FAIL_STAY; how <= FAKE_FAIL_REFUSE; how++) {
		put(3, R);
		device.fail_from = DEVICE_RUNNING_P2P;
		device.fail_to = DEVICE_STOP;
		device.failure = (enum fake_device_failure)how;
		assert_int_equal(drive(DEVICE_STOP_COPY), ERR_IO);
		assert_int_equal(set_of_one.run[0].now, how == FAKE_FAIL_ERROR ? DEVICE_ERROR : DEVICE_RUNNING_P2P);
		assert_int_equal(device.transfer.now, 0);
		if (how == FAKE_FAIL_ERROR) { /* only a reset leads out */
			assert_int_equal(drive(DEVICE_RUNNING), ERR_NO_ARC);
			device_set_chore(&set_of_one, DEVICE_CHORE_RESET);
			for (uint32_t i = 0; i < POLLS_MAX && set_of_one.run[0].chore != DEVICE_CHORE_NONE; i++) {
				uint32_t failed;

				(void)!device_set_poll(&set_of_one, i, &failed);
			}
			assert_int_equal(device.resets, 1);
		}
		assert_int_equal(drive(DEVICE_RUNNING), ERR_OK);
		assert_int_equal(device.now, DEVICE_RUNNING);
	}
}

static void a_reset_in_a_transfer_is_noticed_by_its_number_and_another_is_opened(void **state)
{
	uint32_t failed = 0;
	uint64_t first;
	enum err err = ERR_AGAIN;

	(void)state;
	put(3, R);
	assert_int_equal(drive(DEVICE_PRE_COPY), ERR_OK);
	first = device.transfer.now;
	fake_device_reset(&device);
	for (uint32_t i = 0; i < POLLS_MAX && err == ERR_AGAIN; i++) {
		err = device_set_poll(&set_of_one, 1000 + i, &failed);
	}
	assert_int_equal(err, ERR_OK);
	assert_int_equal(device.now, DEVICE_PRE_COPY);
	assert_true(device.transfer.now > first);
	assert_int_equal(set_of_one.run[0].lost, 1);
	/* A device that is reset all the time is broken: it is not followed for ever. */
	for (uint32_t n = 0; n < DEVICE_LOST_MAX + 1 && err == ERR_OK; n++) {
		fake_device_reset(&device);
		for (err = ERR_AGAIN; err == ERR_AGAIN;) {
			err = device_set_poll(&set_of_one, 5000, &failed);
		}
	}
	assert_int_equal(err, ERR_LOST);
}

static void blockers_are_named(void **state)
{
	struct fake_device other;
	struct device both[2];
	struct device_set set;
	char reason[REASON_BYTES];

	(void)state;
	fake_device_init(&device, "0000:00:01.0", 7, &vm, 1000);
	fake_device_init(&other, "0000:00:02.0", 5, &vm, 1000);
	both[0] = fake_device(&device);
	both[1] = fake_device(&other);
	assert_int_equal(device_set_init(&set, both, 2, reason), ERR_OK);
	assert_false(device_set_blocker(&set, 0, reason));
	device.desc.peer_group = other.desc.peer_group = 4; /* they reach each other, one has no P2P */
	assert_int_equal(device_set_init(&set, both, 2, reason), ERR_OK);
	assert_true(device_set_blocker(&set, 0, reason));
	assert_string_equal(reason, "devices 0000:00:01.0 and 0000:00:02.0 reach each other and do not both have P2P");
	assert_false(device_set_blocker(&set, 1, reason));
	other.desc.mig_flags = 7;
	assert_int_equal(device_set_init(&set, both, 2, reason), ERR_OK);
	assert_false(device_set_blocker(&set, 0, reason));
	other.desc.mig_flags = 0;
	device.desc.enable = DEVICE_ENABLE_OFF;
	assert_int_equal(device_set_init(&set, both, 2, reason), ERR_OK);
	assert_true(device_set_blocker(&set, 0, reason));
	assert_non_null(strstr(reason, "0000:00:01.0 (fake) cannot migrate: flags 0x7, enable-migration is off"));
	assert_true(device_set_blocker(&set, 1, reason));
	assert_non_null(strstr(reason, "0000:00:02.0 (fake) cannot migrate: flags 0x0"));
	assert_true(device_set_blocker(&set, 2, reason)); /* and the pair of them */
	assert_false(device_set_blocker(&set, 3, reason));
	other.desc.enable = DEVICE_ENABLE_ON;
	device.desc.enable = DEVICE_ENABLE_AUTO;
	assert_int_equal(device_set_init(&set, both, 2, reason), ERR_UNSUPPORTED);
	assert_non_null(strstr(reason, "0000:00:02.0 (fake) cannot migrate: flags 0x0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_four_pairs_in_four_sets_are_walked_as_vfio_says),
		cmocka_unit_test(worked_paths_of_the_full_set),
		cmocka_unit_test(a_failed_arc_leaves_the_device_where_it_says_and_another_target_is_tried),
		cmocka_unit_test(a_reset_in_a_transfer_is_noticed_by_its_number_and_another_is_opened),
		cmocka_unit_test(blockers_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
