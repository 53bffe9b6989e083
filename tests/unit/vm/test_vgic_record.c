/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/unit/vm/record_walk.h"
#include "tests/unit/vm/vgic_cpu.h"

#define LINKED	     36u
#define PLINKED	     38u
#define TIMER	     27u
#define DIST(offset) (VGIC_DIST_BASE + (offset))

static struct world here, there;

static void save(void *ctx, struct writer *w)
{
	assert_int_equal(vgic_save(ctx, w), ERR_OK);
}

static enum err load(void *ctx, struct reader *r, char *reason)
{
	return vgic_load(ctx, r, reason);
}

static void open_world(struct world *w)
{
	world_init(w, 2, 4);
	assert_int_equal(vgic_link_hw(&w->vgic, LINKED, PLINKED), ERR_OK);
	assert_int_equal(vgic_link_hw(&w->vgic, TIMER, TIMER), ERR_OK);
	world_open(w);
}

/* One of each: pending edge, level, active, pending SGI, linked active SPI, linked pending PPI. */
static int a_busy_vgic(void **state)
{
	(void)state;
	open_world(&here);
	open_world(&there);
	world_write(&here, DIST(0x6000 + 8 * 50), 8, 1);
	world_write(&here, DIST(0x400 + 51), 1, 0x20);
	world_write(&here, DIST(0x400 + LINKED), 1, 0x18);
	assert_true(physical_fire(&here, 0, LINKED, PLINKED));
	guest_enter(&here, 0);
	assert_int_equal(guest_ack(&here, 0), LINKED);
	guest_exit(&here, 0);
	assert_true(physical_fire(&here, 1, TIMER, TIMER));
	assert_int_equal(vgic_set_pending(&here.vgic, 0, 50), ERR_OK);
	assert_int_equal(vgic_set_level(&here.vgic, 0, 51, true), ERR_OK);
	vgic_sgi(&here.vgic, 1, UINT64_C(5) << 24 | 1);
	return 0;
}

static void move(void)
{
	uint8_t bytes[VGIC_RECORD_BYTES_MAX];
	char reason[REASON_BYTES] = "";
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct reader r;

	assert_int_equal(vgic_save(&here.vgic, &w), ERR_OK);
	assert_false(w.failed);
	r = reader_over(bytes, w.len_bytes);
	assert_int_equal(vgic_load(&there.vgic, &r, reason), ERR_OK);
	assert_string_equal(reason, "");
}

static void interrupts_in_flight_go_on_at_the_destination(void **state)
{
	uint32_t cursor = 0, found = 0;
	struct vgic_hw hw;

	(void)state;
	move();
	while (vgic_hw_active(&there.vgic, &cursor, &hw)) {
		if (hw.intid == LINKED) {
			assert_int_equal(hw.vcpu, VGIC_NONE);
			assert_int_equal(hw.pintid, PLINKED);
			there.physical_active[VCPU_COUNT_MAX][PLINKED] = true;
		} else {
			assert_int_equal(hw.intid, TIMER);
			assert_int_equal(hw.vcpu, 1);
			there.physical_active[1][TIMER] = true;
		}
		found++;
	}
	assert_int_equal(found, 2);
	guest_enter(&there, 0);
	assert_int_equal(guest_ack(&there, 0), SPURIOUS); /* still handling LINKED, the highest priority */
	guest_eoi(&there, 0, LINKED);
	assert_false(there.physical_active[VCPU_COUNT_MAX][PLINKED]);
	assert_int_equal(guest_ack(&there, 0), 51);
	guest_eoi(&there, 0, 51);
	assert_int_equal(guest_ack(&there, 0), 5);
	guest_eoi(&there, 0, 5);
	guest_exit(&there, 0);
	guest_enter(&there, 1);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t intid = guest_ack(&there, 1);

		assert_true(intid == 50 || intid == TIMER);
		guest_eoi(&there, 1, intid);
	}
	assert_int_equal(guest_ack(&there, 1), SPURIOUS);
	guest_exit(&there, 1);
	assert_false(there.physical_active[1][TIMER]);
}

static void load_lets_go_of_what_was_held_before(void **state)
{
	(void)state;
	vgic_reset(&here.vgic);
	assert_true(physical_fire(&there, 0, LINKED, PLINKED));
	move();
	assert_false(there.physical_active[VCPU_COUNT_MAX][PLINKED]);
}

static void damaged_records_are_refused_or_taken_as_given(void **state)
{
	const struct record_codec c = { save, load, &here.vgic };

	(void)state;
	assert_true(record_walk(&c, 1) > 1000);
}

static void record_of_another_vcpu_count_is_refused(void **state)
{
	uint8_t bytes[RECORD_WALK_BYTES];
	char reason[REASON_BYTES];
	const struct record_codec c = { save, load, &here.vgic };
	size_t len = record_save(&c, bytes);
	struct reader r = reader_over(bytes, len);

	(void)state;
	world_init(&there, 3, 4);
	assert_int_equal(vgic_load(&there.vgic, &r, reason), ERR_MISMATCH);
	assert_string_equal(reason, "gic: 2 vcpus, this VM has 3");
}

static void running_vcpu_is_neither_saved_nor_loaded(void **state)
{
	uint8_t bytes[RECORD_WALK_BYTES];
	char reason[REASON_BYTES];
	const struct record_codec c = { save, load, &here.vgic };
	size_t len = record_save(&c, bytes);
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct reader r = reader_over(bytes, len);

	(void)state;
	guest_enter(&here, 1);
	assert_int_equal(vgic_save(&here.vgic, &w), ERR_BAD_STATE);
	assert_int_equal(w.len_bytes, 0);
	assert_int_equal(vgic_load(&here.vgic, &r, reason), ERR_BAD_STATE);
	guest_exit(&here, 1);
}

static void largest_record_keeps_its_bound(void **state)
{
	uint8_t bytes[VGIC_RECORD_BYTES_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	world_init(&here, VCPU_COUNT_MAX, 4);
	assert_int_equal(vgic_save(&here.vgic, &w), ERR_OK);
	assert_false(w.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, a_busy_vgic)
		TEST(interrupts_in_flight_go_on_at_the_destination),
		TEST(load_lets_go_of_what_was_held_before),
		TEST(damaged_records_are_refused_or_taken_as_given),
		TEST(record_of_another_vcpu_count_is_refused),
		TEST(running_vcpu_is_neither_saved_nor_loaded),
		TEST(largest_record_keeps_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
