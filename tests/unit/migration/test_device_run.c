/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A set of devices between states: what is measured, and what is believed after a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/device_run.h"
#include "tests/fake/fake_device.h"

#define START_US UINT64_C(5000000)
#define STEP_US	 10u
#define ARC_US	 1000u /* no arc of the stand-in takes longer */
#define POLLS	 100u

struct world {
	struct fake_vm vm;
	struct fake_device device;
	struct device_set set;
	uint64_t now_us;
};

static void make(struct world *w)
{
	char reason[REASON_BYTES];
	struct device device;

	*w = (struct world){ .now_us = START_US };
	fake_vm_init(&w->vm, 3, false);
	fake_device_init(&w->device, "0000:00:01.0", DEVICE_MIG_STOP_COPY, &w->vm, 0);
	device = fake_device(&w->device);
	assert_int_equal(device_set_init(&w->set, &device, 1, reason), ERR_OK);
}

static enum err poll(struct world *w)
{
	uint32_t failed = 0;

	w->now_us += STEP_US;
	return device_set_poll(&w->set, w->now_us, &failed);
}

static enum err settle(struct world *w)
{
	enum err err = ERR_AGAIN;

	for (uint32_t i = 0; i < POLLS && err == ERR_AGAIN; i++) {
		err = poll(w);
	}
	return err;
}

static void each_arc_is_measured_by_itself(void **state)
{
	const enum device_state way[] = { DEVICE_RUNNING, DEVICE_STOP, DEVICE_STOP_COPY, DEVICE_STOP, DEVICE_RUNNING };
	struct world w;

	(void)state;
	make(&w);
	for (uint32_t i = 1; i < sizeof(way) / sizeof(way[0]); i++) {
		device_set_goto(&w.set, way[i]);
		assert_int_equal(settle(&w), ERR_OK);
		assert_in_range(w.set.run[0].arc_us[way[i - 1]][way[i]], STEP_US, ARC_US);
	}
	fake_vm_free(&w.vm);
}

/* Simulator, seed 1723: stop, cont and stop during one arc; its end was measured from 0, and no forecast converged any more. */
static void an_arc_during_which_another_state_was_asked_for_is_measured_from_its_beginning(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	w.device.arc_polls = 20;
	device_set_goto(&w.set, DEVICE_STOP);
	assert_int_equal(poll(&w), ERR_AGAIN);
	assert_int_equal(poll(&w), ERR_AGAIN);
	device_set_goto(&w.set, DEVICE_RUNNING);
	device_set_goto(&w.set, DEVICE_STOP);
	assert_int_equal(settle(&w), ERR_OK);
	assert_int_equal(w.set.run[0].now, DEVICE_STOP);
	assert_in_range(w.set.run[0].arc_us[DEVICE_RUNNING][DEVICE_STOP], w.device.arc_polls * STEP_US, ARC_US);
	fake_vm_free(&w.vm);
}

/* Simulator, seed 15: after a failed scrub the device was believed to be where it had been. */
static void after_a_failed_scrub_or_reset_the_device_is_asked_where_it_is(void **state)
{
	const enum device_chore chores[] = { DEVICE_CHORE_SCRUB, DEVICE_CHORE_RESET };
	struct world w;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		make(&w);
		device_set_goto(&w.set, DEVICE_RESUMING);
		assert_int_equal(settle(&w), ERR_OK);
		w.device.fail_reset = true;
		device_set_chore(&w.set, chores[i]);
		w.device.now = DEVICE_ERROR;
		assert_int_equal(settle(&w), ERR_IO);
		assert_int_equal(w.set.run[0].now, DEVICE_ERROR);
		fake_vm_free(&w.vm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_arc_is_measured_by_itself),
		cmocka_unit_test(an_arc_during_which_another_state_was_asked_for_is_measured_from_its_beginning),
		cmocka_unit_test(after_a_failed_scrub_or_reset_the_device_is_asked_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
