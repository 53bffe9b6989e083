/* SPDX-License-Identifier: BSD-2-Clause-Patent */

#include "arch/aarch64/core.h"
#include "arch/aarch64/gic_cpu.h"
#include "arch/aarch64/stage1.h"
#include "arch/aarch64/timer.h"
#include "arch/aarch64/traps.h"
#include "board/qemu-virt/machine.h"
#include "board/qemu-virt/slot.h"
#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/text.h"
#include "core/vm/board.h"
#include "core/vm/console.h"
#include "core/vm/irq.h"

#define SLOT_FIRST_CORE	    1u
#define SLOT_VMID	    1u
#define SLOT_TIMER_CHECK_US 2000u
#define SLOT_RAM_BYTES_MAX  (SLOT_RAM_MIB_MAX * 0x100000ull)
#define SLOT_PAGES_MAX	    (SLOT_RAM_BYTES_MAX / PAGE_BYTES)
#define SLOT_S2_POOL	    (SLOT_PAGES_MAX / PAGES_PER_BLOCK + 16u) /* all of RAM in pages, and BARs */

struct slot slot0;

static s2_page slot_s2_root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page slot_s2_pool[SLOT_S2_POOL] __attribute__((aligned(PAGE_BYTES)));
static uint64_t dirty_words[BITMAP_WORDS(SLOT_PAGES_MAX)];

/* ---- what core/vm asks ---- */

static void irq_active_set(void *ctx, uint32_t core, uint32_t pintid, bool active)
{
	struct slot *s = ctx;

	ASSERT(gicv3_active_set(s->gic, core, pintid, active) == ERR_OK);
}

static void irqs_drain(void *ctx)
{
	(void)ctx;
	(void)irq_poll();
}

static uint64_t time_us(void *ctx)
{
	(void)ctx;
	return timer_now_us();
}

static uint64_t wall_s(void *ctx)
{
	int64_t now = 0;

	(void)ctx;
	return machine_wall_clock(&now) == ERR_OK && now > 0 ? (uint64_t)now : 0;
}

static const struct vm_hw_ops hw_ops = {
	.irq_active_set = irq_active_set, .irqs_drain = irqs_drain, .time_us = time_us, .wall_s = wall_s
};

static bool deliver(void *ctx, uint32_t intid)
{
	struct slot *s = ctx;

	vm_irq_deliver(&s->vm, intid);
	return false;
}

enum err slot_irq_link(struct slot *s, uint32_t intid)
{
	enum err err = vm_irq_link(&s->vm, intid, intid);

	if (err == ERR_OK) {
		err = irq_register(intid, deliver, s);
	}
	if (err == ERR_OK) {
		err = gicv3_spi_configure(s->gic, intid, false, core_at(0)->mpidr);
	}
	if (err == ERR_OK) {
		err = gicv3_enable(s->gic, 0, intid, true);
	}
	return err;
}

/* ---- cores ---- */

/** A vCPU's core, from here to power-off. */
static void vcpu_core_main(struct core *core, void *ctx)
{
	struct vcpu *v = ctx;
	struct gicv3 *gic = CONTAINER_OF(v->vm, struct slot, vm)->gic;

	ASSERT(gic_cpu_init() == ERR_OK);
	traps_init();
	ASSERT(gicv3_redist_init(gic, core->index, core->mpidr, board.gicr_base, board.gicr_len_bytes) == ERR_OK);
	ASSERT(gicv3_enable(gic, core->index, TIMER_PPI_VIRT, true) == ERR_OK);
	ASSERT(gicv3_enable(gic, core->index, TIMER_PPI_HYP, true) == ERR_OK);
	ASSERT(gicv3_enable(gic, core->index, GIC_PPI_MAINTENANCE, true) == ERR_OK);
	ASSERT(gicv3_enable(gic, core->index, TIMER_PPI_HYP, true) == ERR_OK);
	vcpu_run(v);
}

enum err slot_init(struct slot *s, const struct board_config *config, const struct fdt_facts *facts, struct gicv3 *gic)
{
	struct vm_config cfg = {
		.name = config->slot_name,
		.vcpu_count = config->slot_vcpus,
		.first_core = SLOT_FIRST_CORE,
		.ram = pa(board.guest_ram_base),
		.ram_bytes = config->slot_ram_mib * 0x100000ull,
		.vmid = SLOT_VMID,
		/* QEMU 10 adds offset and compare value with a check for overflow, and gives up where the sum wraps. */
		.timer_check_us = SLOT_TIMER_CHECK_US,
		.force_write_protect = text_equal(config->dirty_log, "write-protect"),
		.s2_root = slot_s2_root,
		.s2_pool = slot_s2_pool,
		.s2_pool_count = SLOT_S2_POOL,
		.dirty_words = dirty_words,
		.hw = &hw_ops,
		.hw_ctx = s,
		.pci = s->pci,
		.pci_ctx = s->pci_ctx,
	};
	uint64_t end = facts->memory_base + facts->memory_bytes;
	enum err err;

	s->gic = gic;
	if (cfg.ram.v < facts->memory_base || cfg.ram.v + cfg.ram_bytes > end ||
		config->slot_ram_mib > SLOT_RAM_MIB_MAX) {
		console_line("slot: %u MiB of RAM do not fit into this machine", config->slot_ram_mib);
		return ERR_RANGE;
	}
	if (SLOT_FIRST_CORE + cfg.vcpu_count > facts->cpu_count || SLOT_FIRST_CORE + cfg.vcpu_count > CORE_COUNT_MAX) {
		console_line("slot: %u vCPUs need %u cores, this machine has %u", cfg.vcpu_count,
			cfg.vcpu_count + SLOT_FIRST_CORE, facts->cpu_count);
		return ERR_RANGE;
	}
	err = s1_map(cfg.ram, cfg.ram_bytes, S1_DATA);
	if (err == ERR_OK) {
		err = vm_init(&s->vm, &cfg);
	}
	for (uint32_t i = 0; err == ERR_OK && i < cfg.vcpu_count; i++) {
		uint32_t core = SLOT_FIRST_CORE + i;

		err = core_start(core, facts->cpu_mpidr[core], vcpu_core_main, &s->vm.vcpu[i]);
	}
	return err;
}
