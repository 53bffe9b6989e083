/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/unit/vm/vgic_cpu.h"

#define LRS		      4u
#define SPI		      40u
#define LINKED		      36u
#define PLINKED		      38u
#define TIMER		      27u
#define SGI1R(intid, targets) ((uint64_t)(intid) << 24 | (targets))
#define DIST(offset)	      (VGIC_DIST_BASE + (offset))
#define SGI_FRAME(n)	      (VGIC_REDIST_BASE + (n)*VGIC_REDIST_BYTES + 0x10000)
#define SPI_BIT		      (1u << (SPI - 32))

static struct world w;

static int two_vcpus(void **state)
{
	(void)state;
	world_init(&w, 2, LRS);
	assert_int_equal(vgic_link_hw(&w.vgic, LINKED, PLINKED), ERR_OK);
	assert_int_equal(vgic_link_hw(&w.vgic, TIMER, TIMER), ERR_OK);
	world_open(&w);
	return 0;
}

static void edge(uint32_t intid)
{
	assert_int_equal(vgic_set_pending(&w.vgic, 0, intid), ERR_OK);
}

static void level(uint32_t intid, bool high)
{
	assert_int_equal(vgic_set_level(&w.vgic, 0, intid, high), ERR_OK);
}

/* ---- delivery ---- */

static void pending_interrupt_is_taken_once(void **state)
{
	(void)state;
	assert_false(vgic_pending(&w.vgic, 0));
	edge(SPI);
	assert_true(vgic_pending(&w.vgic, 0));
	assert_false(vgic_pending(&w.vgic, 1));
	assert_int_equal(vgic_kicks_take(&w.vgic), 1);
	assert_int_equal(vgic_kicks_take(&w.vgic), 0);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPI);
	guest_eoi(&w, 0, SPI);
	guest_exit(&w, 0);
	assert_false(vgic_pending(&w.vgic, 0));
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPURIOUS);
	guest_exit(&w, 0);
}

static void edge_that_comes_while_taken_is_taken_again(void **state)
{
	(void)state;
	world_write(&w, DIST(0xc00 + SPI / 16 * 4), 4, 2u << (SPI % 16 * 2));
	edge(SPI);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPI);
	edge(SPI); /* after the acknowledge, before we see it */
	guest_exit(&w, 0);
	guest_enter(&w, 0); /* pending and active in one list register */
	guest_eoi(&w, 0, SPI);
	assert_int_equal(guest_ack(&w, 0), SPI);
	guest_eoi(&w, 0, SPI);
	assert_int_equal(guest_ack(&w, 0), SPURIOUS);
	guest_exit(&w, 0);
}

static void two_edges_before_the_guest_takes_it_are_one(void **state)
{
	(void)state;
	edge(SPI);
	guest_enter(&w, 0);
	edge(SPI);
	guest_exit(&w, 0);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPI);
	guest_eoi(&w, 0, SPI);
	guest_exit(&w, 0);
	assert_false(vgic_pending(&w.vgic, 0));
}

static void level_stays_until_it_is_lowered(void **state)
{
	(void)state;
	level(SPI, true);
	for (uint32_t i = 0; i < 3; i++) {
		guest_enter(&w, 0);
		assert_int_equal(guest_ack(&w, 0), SPI);
		assert_false(guest_maintenance(&w, 0));
		if (i == 2) {
			level(SPI, false);
		}
		guest_eoi(&w, 0, SPI);
		assert_true(guest_maintenance(&w, 0)); /* the level has to be looked at again */
		guest_exit(&w, 0);
	}
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPURIOUS);
	guest_exit(&w, 0);
}

static void level_lowered_before_it_was_taken_is_withdrawn(void **state)
{
	(void)state;
	level(SPI, true);
	guest_enter(&w, 0);
	(void)vgic_kicks_take(&w.vgic);
	level(SPI, false);
	assert_int_equal(vgic_kicks_take(&w.vgic), 1);
	guest_exit(&w, 0);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPURIOUS);
	guest_exit(&w, 0);
}

static void priority_mask_and_running_priority_hold_back(void **state)
{
	(void)state;
	edge(SPI);
	w.vgic.vcpu[0].cpu.vmcr = (UINT64_C(0xa0) << 24) | 2;
	assert_false(vgic_pending(&w.vgic, 0));
	w.vgic.vcpu[0].cpu.vmcr = (UINT64_C(0xa8) << 24) | 2;
	assert_true(vgic_pending(&w.vgic, 0));
	w.vgic.vcpu[0].cpu.ap1r0 = BIT32(0xa0 >> 3);
	assert_false(vgic_pending(&w.vgic, 0));
	w.vgic.vcpu[0].cpu.ap1r0 = BIT32(0xa8 >> 3);
	assert_true(vgic_pending(&w.vgic, 0));
	w.vgic.vcpu[0].cpu.vmcr = UINT64_C(0xf0) << 24;
	assert_false(vgic_pending(&w.vgic, 0));
}

static void nothing_is_delivered_to_a_redistributor_asleep(void **state)
{
	(void)state;
	world_write(&w, VGIC_REDIST_BASE + 0x14, 4, 2);
	assert_int_equal(world_read(&w, VGIC_REDIST_BASE + 0x14, 4), 6);
	edge(SPI);
	assert_false(vgic_pending(&w.vgic, 0));
	world_write(&w, VGIC_REDIST_BASE + 0x14, 4, 0);
	assert_int_equal(world_read(&w, VGIC_REDIST_BASE + 0x14, 4), 0);
	assert_true(vgic_pending(&w.vgic, 0));
	assert_true((vgic_kicks_take(&w.vgic) & 1) != 0);
}

/* ---- more than the list registers hold ---- */

static void more_pending_than_list_registers_all_come_in_order(void **state)
{
	uint32_t taken = 0, last = 0;

	(void)state;
	for (uint32_t i = 48; i < 80; i += 16) {
		world_write(&w, DIST(0xc00 + i / 4), 4, 0xaaaaaaaa); /* edges: no maintenance interrupt for each EOI */
	}
	for (uint32_t i = 0; i < 20; i++) {
		world_write(&w, DIST(0x400 + 50 + i), 1, 8 * (20 - i));
		edge(50 + i);
	}
	for (uint32_t turns = 0; turns < 100 && taken < 20; turns++) {
		uint32_t intid;

		guest_enter(&w, 0);
		while ((intid = guest_ack(&w, 0)) != SPURIOUS) {
			if (taken != 0) {
				assert_int_equal(intid, last - 1);
			}
			last = intid;
			guest_eoi(&w, 0, intid);
			taken++;
		}
		assert_true(taken == 20 || guest_maintenance(&w, 0));
		guest_exit(&w, 0);
	}
	assert_int_equal(taken, 20);
}

/* Eight levels of pre-emption over four list registers: each is taken and ended, the outer ones by EOIcount. */
static void nesting_deeper_than_the_list_registers_unwinds(void **state)
{
	uint32_t depth = 0;

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		world_write(&w, DIST(0x400 + 50 + i), 1, 0xa0 - 8 * i);
		edge(50 + i);
		guest_enter(&w, 0);
		assert_int_equal(guest_ack(&w, 0), 50 + i);
		guest_exit(&w, 0);
		depth++;
	}
	while (depth > 0) {
		depth--;
		guest_enter(&w, 0);
		assert_int_equal(guest_ack(&w, 0), SPURIOUS);
		guest_eoi(&w, 0, 50 + depth);
		guest_exit(&w, 0);
		assert_false(w.vgic.spi[50 + depth - 32].active);
	}
	assert_int_equal(w.vgic.vcpu[0].cpu.ap1r0, 0);
}

static void pending_one_finds_room_among_active_ones(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < LRS; i++) {
		world_write(&w, DIST(0x400 + 50 + i), 1, 0xa0 - 8 * i);
		edge(50 + i);
		guest_enter(&w, 0);
		assert_int_equal(guest_ack(&w, 0), 50 + i);
		guest_exit(&w, 0);
	}
	world_write(&w, DIST(0x400 + SPI), 1, 0x10);
	edge(SPI);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPI);
	guest_eoi(&w, 0, SPI);
	guest_exit(&w, 0);
}

static void deactivation_by_dir_reaches_an_interrupt_outside(void **state)
{
	(void)state;
	world_write(&w, DIST(0x300 + SPI / 32 * 4), 4, SPI_BIT);
	assert_true(w.vgic.spi[SPI - 32].active);
	vgic_deactivate(&w.vgic, 0, SPI);
	assert_false(w.vgic.spi[SPI - 32].active);
	vgic_deactivate(&w.vgic, 0, 5000);
	vgic_deactivate(&w.vgic, 99, SPI);
}

/* ---- SGIs ---- */

static void sgi_reaches_the_cpus_it_names(void **state)
{
	(void)state;
	vgic_sgi(&w.vgic, 0, SGI1R(3, 2));
	assert_false(vgic_pending(&w.vgic, 0));
	assert_true(vgic_pending(&w.vgic, 1));
	assert_int_equal(vgic_kicks_take(&w.vgic), 2);
	guest_enter(&w, 1);
	assert_int_equal(guest_ack(&w, 1), 3);
	guest_eoi(&w, 1, 3);
	guest_exit(&w, 1);
	vgic_sgi(&w.vgic, 1, BIT64(40) | SGI1R(4, 0)); /* all but itself */
	assert_true(vgic_pending(&w.vgic, 0));
	assert_false(vgic_pending(&w.vgic, 1));
}

static void sgi_to_a_cpu_that_is_not_there_goes_nowhere(void **state)
{
	(void)state;
	vgic_sgi(&w.vgic, 0, SGI1R(3, 0xfffc));
	vgic_sgi(&w.vgic, 0, BIT64(16) | SGI1R(3, 3)); /* Aff1 = 1 */
	vgic_sgi(&w.vgic, 0, BIT64(44) | SGI1R(3, 3)); /* range selector 1 */
	assert_false(vgic_pending(&w.vgic, 0));
	assert_false(vgic_pending(&w.vgic, 1));
	assert_int_equal(vgic_kicks_take(&w.vgic), 0);
}

/* ---- changes under a list register of another vCPU ---- */

static void disabled_while_in_a_list_register_is_withdrawn(void **state)
{
	(void)state;
	edge(SPI);
	guest_enter(&w, 0);
	(void)vgic_kicks_take(&w.vgic);
	world_write(&w, DIST(0x180 + SPI / 32 * 4), 4, SPI_BIT);
	assert_int_equal(vgic_kicks_take(&w.vgic), 1);
	assert_true((world_read(&w, DIST(0), 4) & BIT32(31)) != 0); /* RWP */
	guest_exit(&w, 0);
	assert_true((world_read(&w, DIST(0), 4) & BIT32(31)) == 0);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPURIOUS);
	guest_exit(&w, 0);
	world_write(&w, DIST(0x100 + SPI / 32 * 4), 4, SPI_BIT); /* it was kept */
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPI);
	guest_exit(&w, 0);
}

static void rerouted_while_in_a_list_register_moves(void **state)
{
	(void)state;
	edge(SPI);
	guest_enter(&w, 0);
	guest_enter(&w, 1);
	(void)vgic_kicks_take(&w.vgic);
	world_write(&w, DIST(0x6000 + 8 * SPI), 8, 1);
	assert_int_equal(vgic_kicks_take(&w.vgic), 1);
	guest_exit(&w, 0);
	assert_int_equal(vgic_kicks_take(&w.vgic), 2);
	guest_enter(&w, 0);
	guest_exit(&w, 1);
	guest_enter(&w, 1);
	assert_int_equal(guest_ack(&w, 0), SPURIOUS);
	assert_int_equal(guest_ack(&w, 1), SPI);
	guest_exit(&w, 0);
	guest_exit(&w, 1);
}

static void route_to_nobody_keeps_it_pending(void **state)
{
	(void)state;
	world_write(&w, DIST(0x6000 + 8 * SPI), 8, 0x100);
	edge(SPI);
	assert_false(vgic_pending(&w.vgic, 0) || vgic_pending(&w.vgic, 1));
	world_write(&w, DIST(0x6000 + 8 * SPI), 4, 1);
	assert_true(vgic_pending(&w.vgic, 1));
}

static void cleared_while_in_a_list_register_is_gone(void **state)
{
	(void)state;
	edge(SPI);
	guest_enter(&w, 0);
	assert_int_equal(world_read(&w, DIST(0x200 + SPI / 32 * 4), 4), SPI_BIT);
	world_write(&w, DIST(0x280 + SPI / 32 * 4), 4, SPI_BIT);
	guest_exit(&w, 0);
	assert_int_equal(world_read(&w, DIST(0x200 + SPI / 32 * 4), 4), 0);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPURIOUS);
	guest_exit(&w, 0);
}

static void poll_of_the_active_state_ends(void **state)
{
	(void)state;
	edge(SPI);
	guest_enter(&w, 1);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPI);
	guest_exit(&w, 0);
	guest_enter(&w, 0);
	guest_eoi(&w, 0, SPI);
	(void)vgic_kicks_take(&w.vgic);
	assert_int_equal(world_read(&w, DIST(0x300 + SPI / 32 * 4), 4), SPI_BIT); /* as of the flush */
	assert_int_equal(vgic_kicks_take(&w.vgic), 1);
	guest_exit(&w, 0);
	assert_int_equal(world_read(&w, DIST(0x300 + SPI / 32 * 4), 4), 0);
	guest_exit(&w, 1);
}

static void active_state_written_under_a_list_register_wins(void **state)
{
	(void)state;
	edge(SPI);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), SPI);
	world_write(&w, DIST(0x380 + SPI / 32 * 4), 4, SPI_BIT);
	guest_exit(&w, 0);
	assert_false(w.vgic.spi[SPI - 32].active);
}

/* ---- hardware-linked ---- */

static void linked_interrupt_is_deactivated_by_the_guest(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(physical_fire(&w, 0, LINKED, PLINKED));
		guest_enter(&w, 0);
		assert_int_equal(guest_ack(&w, 0), LINKED);
		guest_eoi(&w, 0, LINKED);
		assert_false(guest_maintenance(&w, 0));
		guest_exit(&w, 0);
	}
}

static void linked_interrupt_that_fires_again_at_once_is_not_lost(void **state)
{
	(void)state;
	assert_true(physical_fire(&w, 0, LINKED, PLINKED));
	for (uint32_t i = 0; i < 5; i++) {
		guest_enter(&w, 0);
		assert_int_equal(guest_ack(&w, 0), LINKED);
		guest_eoi(&w, 0, LINKED);
		assert_true(physical_fire(&w, 0, LINKED, PLINKED)); /* another core, before our sync */
		guest_exit(&w, 0);
	}
}

static void linked_interrupt_cleared_by_the_guest_is_let_go(void **state)
{
	(void)state;
	assert_true(physical_fire(&w, 0, LINKED, PLINKED));
	world_write(&w, DIST(0x280 + LINKED / 32 * 4), 4, BIT32(LINKED % 32));
	assert_true(physical_fire(&w, 0, LINKED, PLINKED));
	guest_enter(&w, 0);
	world_write(&w, DIST(0x280 + LINKED / 32 * 4), 4, BIT32(LINKED % 32));
	assert_false(physical_fire(&w, 0, LINKED, PLINKED)); /* still in the list register */
	guest_exit(&w, 0);
	assert_true(physical_fire(&w, 0, LINKED, PLINKED));
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), LINKED);
	guest_exit(&w, 0);
	world_write(&w, DIST(0x380 + LINKED / 32 * 4), 4, BIT32(LINKED % 32)); /* active cleared */
	assert_true(physical_fire(&w, 0, LINKED, PLINKED));
}

static void linked_interrupt_pended_by_the_guest_does_not_touch_the_hardware(void **state)
{
	(void)state;
	world_write(&w, DIST(0x200 + LINKED / 32 * 4), 4, BIT32(LINKED % 32));
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), LINKED);
	assert_true(physical_fire(&w, 0, LINKED, PLINKED)); /* while the guest handles its own */
	guest_exit(&w, 0);
	guest_enter(&w, 0);
	guest_eoi(&w, 0, LINKED);
	assert_true(guest_maintenance(&w, 0));
	guest_exit(&w, 0);
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), LINKED);
	guest_eoi(&w, 0, LINKED);
	guest_exit(&w, 0);
	assert_true(physical_fire(&w, 0, LINKED, PLINKED));
}

static void linked_ppi_is_its_own_on_each_vcpu(void **state)
{
	(void)state;
	assert_true(physical_fire(&w, 0, TIMER, TIMER));
	assert_true(physical_fire(&w, 1, TIMER, TIMER));
	guest_enter(&w, 0);
	guest_enter(&w, 1);
	assert_int_equal(guest_ack(&w, 1), TIMER);
	guest_eoi(&w, 1, TIMER);
	guest_exit(&w, 1);
	assert_true(physical_fire(&w, 1, TIMER, TIMER));
	assert_false(physical_fire(&w, 0, TIMER, TIMER));
	guest_exit(&w, 0);
}

static void reset_lets_go_of_physical_interrupts(void **state)
{
	(void)state;
	assert_true(physical_fire(&w, 0, LINKED, PLINKED));
	assert_true(physical_fire(&w, 1, TIMER, TIMER));
	vgic_reset(&w.vgic);
	assert_false(w.physical_active[VCPU_COUNT_MAX][PLINKED]);
	assert_false(w.physical_active[1][TIMER]);
	world_open(&w);
	assert_true(physical_fire(&w, 0, LINKED, PLINKED)); /* the link is still there */
	guest_enter(&w, 0);
	assert_int_equal(guest_ack(&w, 0), LINKED);
	guest_exit(&w, 0);
}

/* ---- registers ---- */

static void identification_is_that_of_a_gicv3(void **state)
{
	(void)state;
	assert_int_equal(world_read(&w, DIST(0x0), 4), 0x52);
	assert_int_equal(world_read(&w, DIST(0x4), 4) & 0x1f, 8);
	assert_int_equal(world_read(&w, DIST(0x4), 4) & (BIT32(16) | BIT32(17)), 0); /* no MBIs, no LPIs */
	assert_int_equal(world_read(&w, DIST(0xffe8), 4), 0x3b);
	for (uint64_t n = 0; n < 2; n++) {
		uint64_t rd = VGIC_REDIST_BASE + n * VGIC_REDIST_BYTES;
		uint64_t typer = n << 32 | n << 8 | (n == 1 ? 0x10 : 0);

		assert_int_equal(world_read(&w, rd + 0xffe8, 4), 0x3b);
		assert_int_equal(world_read(&w, rd + 8, 8), typer);
		assert_int_equal(world_read(&w, rd + 8, 4), typer & UINT32_MAX);
		assert_int_equal(world_read(&w, rd + 12, 4), typer >> 32);
	}
}

static void accesses_of_a_wrong_size_are_refused(void **state)
{
	static const struct {
		uint64_t ipa;
		uint8_t size_bytes;
	} bad[] = {
		{ DIST(0), 1 },
		{ DIST(0), 2 },
		{ DIST(0), 8 },
		{ DIST(2), 4 },
		{ DIST(0x100), 8 },
		{ DIST(0x401), 4 },
		{ DIST(0x400), 2 },
		{ DIST(0x6000 + 8 * 40 + 4), 8 },
		{ DIST(0x6000 + 8 * 40), 2 },
		{ DIST(0x6000), 8 },
		{ VGIC_REDIST_BASE + 4, 8 },
		{ VGIC_REDIST_BASE, 1 },
		{ VGIC_REDIST_BASE + 0x401, 1 },
		{ DIST(0), 3 },
	};
	uint64_t value = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(mmio_read(&w.mmio, 0, bad[i].ipa, bad[i].size_bytes, &value), ERR_BAD_RECORD);
		assert_int_equal(mmio_write(&w.mmio, 0, bad[i].ipa, bad[i].size_bytes, 0), ERR_BAD_RECORD);
	}
	assert_int_equal(mmio_read(&w.mmio, 0, DIST(0xfffe), 4, &value), ERR_RANGE);
	assert_int_equal(value, 77);
}

static void private_interrupts_are_not_in_the_distributor(void **state)
{
	(void)state;
	assert_int_equal(world_read(&w, DIST(0x100), 4), 0);
	world_write(&w, DIST(0x200), 4, UINT32_MAX);
	assert_int_equal(world_read(&w, SGI_FRAME(0) + 0x200, 4), 0);
	assert_int_equal(world_read(&w, SGI_FRAME(0) + 0x104, 4), 0);
	assert_int_equal(world_read(&w, SGI_FRAME(0) + 0xc00, 4), 0xaaaaaaaa);
	world_write(&w, SGI_FRAME(0) + 0xc00, 4, 0);
	assert_int_equal(world_read(&w, SGI_FRAME(0) + 0xc00, 4), 0xaaaaaaaa); /* SGIs are edges */
}

static void priorities_go_by_bytes_and_words(void **state)
{
	(void)state;
	world_write(&w, DIST(0x400 + 41), 1, 0xff);
	assert_int_equal(world_read(&w, DIST(0x400 + 41), 1), 0xf8);
	assert_int_equal(world_read(&w, DIST(0x400 + 40), 4), 0xa0a0f8a0);
}

/* Every offset of both frames, read, written with ones and zeros, read: nothing breaks, whatever is there. */
static void every_register_can_be_read_and_written(void **state)
{
	(void)state;
	for (uint64_t at = VGIC_DIST_BASE; at < VGIC_DIST_BASE + VGIC_DIST_BYTES; at += 4) {
		(void)world_read(&w, at, 4);
		world_write(&w, at, 4, UINT32_MAX);
		world_write(&w, at, 4, 0);
	}
	for (uint64_t at = VGIC_REDIST_BASE; at < VGIC_REDIST_BASE + 2 * VGIC_REDIST_BYTES; at += 4) {
		(void)world_read(&w, at, 4);
		world_write(&w, at, 4, UINT32_MAX);
		world_write(&w, at, 4, 0);
	}
	for (uint32_t n = 0; n < 2; n++) {
		guest_enter(&w, n);
		guest_exit(&w, n);
	}
}

static void lines_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	assert_int_equal(vgic_set_level(&w.vgic, 0, 15, true), ERR_RANGE);
	assert_int_equal(vgic_set_level(&w.vgic, 0, VGIC_INTID_COUNT, true), ERR_RANGE);
	assert_int_equal(vgic_set_pending(&w.vgic, 2, 27), ERR_RANGE);
	assert_int_equal(vgic_link_hw(&w.vgic, 3, 38), ERR_RANGE);
	assert_int_equal(vgic_link_hw(&w.vgic, 40, 1020), ERR_RANGE);
}

/* ---- a storm ---- */

static uint32_t seed;

static uint32_t rnd(uint32_t end)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % end;
}

/*
 * Guests that take and end interrupts, edges and linked ones that fire, registers written under their feet, exits at any
 * point: when all settles every edge has been taken after it was raised, and no physical interrupt is left active.
 */
static void no_interrupt_is_lost_in_a_storm(void **state)
{
	static uint32_t raised[VGIC_INTID_COUNT], taken_at[VGIC_INTID_COUNT];
	uint32_t stack[2][64], depth[2] = { 0, 0 };

	(void)state;
	memset(raised, 0, sizeof(raised));
	memset(taken_at, 0, sizeof(taken_at));
	for (uint32_t i = 32; i < 64; i += 16) {
		world_write(&w, DIST(0xc00 + i / 4), 4, 0xaaaaaaaa);
	}
	for (uint32_t step = 1; step <= 200000; step++) {
		uint32_t n = rnd(2), i = 32 + rnd(24);
		bool settle = step > 190000;

		switch (settle ? rnd(3) : rnd(9)) {
		case 0:
			if (w.in_guest[n]) {
				guest_exit(&w, n);
			} else {
				guest_enter(&w, n);
			}
			break;
		case 1:
			if (w.in_guest[n] && (i = guest_ack(&w, n)) != SPURIOUS) {
				stack[n][depth[n]++] = i;
				taken_at[i] = step;
			}
			break;
		case 2:
			if (w.in_guest[n] && depth[n] > 0) {
				guest_eoi(&w, n, stack[n][--depth[n]]);
				if (guest_maintenance(&w, n)) {
					guest_exit(&w, n);
				}
			}
			break;
		case 3:
			if (i != LINKED) {
				edge(i);
				raised[i] = step;
			}
			break;
		case 4:
			if (physical_fire(&w, 0, LINKED, PLINKED)) {
				raised[LINKED] = step;
			}
			break;
		case 5:
			world_write(&w, DIST(0x6000 + 8 * i), 8, rnd(2));
			break;
		case 6:
			world_write(&w, DIST(0x400 + i), 1, 0x40 + 8 * rnd(8));
			break;
		case 7:
			world_write(&w, DIST(0x184), 4, BIT32(i % 32));
			world_write(&w, DIST(0x104), 4, BIT32(i % 32));
			break;
		default:
			vgic_sgi(&w.vgic, n, SGI1R(rnd(4), 1 + rnd(3)));
			break;
		}
		for (uint32_t kicked = vgic_kicks_take(&w.vgic), k = 0; k < 2; k++) {
			if ((kicked & BIT32(k)) != 0 && w.in_guest[k] && rnd(2) == 0) {
				guest_exit(&w, k);
			}
		}
	}
	for (uint32_t n = 0; n < 2; n++) {
		if (w.in_guest[n]) {
			guest_exit(&w, n);
		}
	}
	for (uint32_t i = 32; i < 56; i++) {
		if (taken_at[i] < raised[i]) {
			fail_msg("INTID %u raised at step %u was last taken at %u", i, raised[i], taken_at[i]);
		}
	}
	assert_false(vgic_pending(&w.vgic, 0) || vgic_pending(&w.vgic, 1));
	assert_false(w.physical_active[VCPU_COUNT_MAX][PLINKED]);
}

static int storm_setup(void **state)
{
	seed = 20;
	return two_vcpus(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, two_vcpus)
		TEST(pending_interrupt_is_taken_once),
		TEST(edge_that_comes_while_taken_is_taken_again),
		TEST(two_edges_before_the_guest_takes_it_are_one),
		TEST(level_stays_until_it_is_lowered),
		TEST(level_lowered_before_it_was_taken_is_withdrawn),
		TEST(priority_mask_and_running_priority_hold_back),
		TEST(nothing_is_delivered_to_a_redistributor_asleep),
		TEST(more_pending_than_list_registers_all_come_in_order),
		TEST(nesting_deeper_than_the_list_registers_unwinds),
		TEST(pending_one_finds_room_among_active_ones),
		TEST(deactivation_by_dir_reaches_an_interrupt_outside),
		TEST(sgi_reaches_the_cpus_it_names),
		TEST(sgi_to_a_cpu_that_is_not_there_goes_nowhere),
		TEST(disabled_while_in_a_list_register_is_withdrawn),
		TEST(rerouted_while_in_a_list_register_moves),
		TEST(route_to_nobody_keeps_it_pending),
		TEST(cleared_while_in_a_list_register_is_gone),
		TEST(poll_of_the_active_state_ends),
		TEST(active_state_written_under_a_list_register_wins),
		TEST(linked_interrupt_is_deactivated_by_the_guest),
		TEST(linked_interrupt_that_fires_again_at_once_is_not_lost),
		TEST(linked_interrupt_cleared_by_the_guest_is_let_go),
		TEST(linked_interrupt_pended_by_the_guest_does_not_touch_the_hardware),
		TEST(linked_ppi_is_its_own_on_each_vcpu),
		TEST(reset_lets_go_of_physical_interrupts),
		TEST(identification_is_that_of_a_gicv3),
		TEST(accesses_of_a_wrong_size_are_refused),
		TEST(private_interrupts_are_not_in_the_distributor),
		TEST(priorities_go_by_bytes_and_words),
		TEST(every_register_can_be_read_and_written),
		TEST(lines_that_do_not_exist_are_refused),
		cmocka_unit_test_setup(no_interrupt_is_lost_in_a_storm, storm_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
