/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/passthrough.h"

#include "arch/aarch64/core.h"
#include "arch/aarch64/timer.h"
#include "board/qemu-virt/config.h"
#include "board/qemu-virt/map.h"
#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/text.h"
#include "core/vm/console.h"
#include "core/vm/irq.h"
#include "drivers/mmio.h"

#define EDU_SLOT	1u		/* physical and virtual */

#define STREAM_BITS	8u		/* bus 0 */
#define CMDQ_LOG2	8u
#define EVENTQ_LOG2	7u
#define DEVICE_VMID	1u
#define PA_BITS		40u
#define PS_40_BITS	2u		/* code of STE.S2PS */
#define SCRATCH_IOVA	0x3ffff000u	/* below guest RAM; only devices see it */

#define RAM_BLOCKS_MAX	(SLOT_RAM_MIB_MAX * 0x100000u / BLOCK_BYTES)
#define DEVICE_POOL	(RAM_BLOCKS_MAX + 8u)

struct passthrough passthrough;

static uint8_t strtab[(1u << STREAM_BITS) * 64u] __attribute__((aligned((1u << STREAM_BITS) * 64u)));
static uint8_t cmdq[(1u << CMDQ_LOG2) * 16u] __attribute__((aligned((1u << CMDQ_LOG2) * 16u)));
static uint8_t eventq[(1u << EVENTQ_LOG2) * 32u] __attribute__((aligned((1u << EVENTQ_LOG2) * 32u)));
static s2_page device_root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page device_pool[DEVICE_POOL] __attribute__((aligned(PAGE_BYTES)));
static uint64_t dma_words[BITMAP_WORDS(RAM_BLOCKS_MAX * PAGES_PER_BLOCK)];
static uint8_t scratch[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static uint64_t time_us(void *ctx)
{
	(void)ctx;
	return timer_now_us();
}

/* ---- the device table's view of the SMMU ---- */

static void s2_publish(void *ctx)
{
	(void)ctx;
	mmio_complete();
}

static void s2_invalidate(void *ctx, uint64_t ipa_first, uint64_t page_count)
{
	struct passthrough *p = ctx;

	/* A full queue is drained by the SYNC; the command then fits. */
	if (gw_smmu_tlbi_s2_ipa(&p->smmu, DEVICE_VMID, ipa_first, page_count, false) != ERR_OK) {
		ASSERT(gw_smmu_sync(&p->smmu) == ERR_OK);
		ASSERT(gw_smmu_tlbi_vmid(&p->smmu, DEVICE_VMID) == ERR_OK);
	}
}

static void s2_complete(void *ctx)
{
	struct passthrough *p = ctx;

	/* Without completion a device may still write through the old translation: nothing may go on. */
	ASSERT(gw_smmu_sync(&p->smmu) == ERR_OK);
}

static const struct s2_ops device_s2_ops = {
	.publish = s2_publish, .invalidate = s2_invalidate, .complete = s2_complete
};

/* ---- what edu asks of the board ---- */

static enum err edu_ram_page(void *ctx, uint64_t iova, uint64_t len_bytes, uint64_t *page)
{
	struct passthrough *p = ctx;
	uint64_t last;

	if (len_bytes == 0 || iova > UINT64_MAX - len_bytes || !vm_ram_page(p->vm, iova, page) ||
	    !vm_ram_page(p->vm, iova + len_bytes - 1u, &last)) {
		return ERR_RANGE;
	}
	return ERR_OK;
}

static enum err edu_command(void *ctx, bool bus_master, bool intx)
{
	struct passthrough *p = ctx;

	pcie_command(&p->pcie, p->function, intx ? PCIE_COMMAND_INTX_DISABLE : 0, intx ? 0 : PCIE_COMMAND_INTX_DISABLE);
	return pcie_bus_master(&p->pcie, p->function, bus_master);
}

/** Asked by device arcs, on the service core: what the SMMU has recorded until now is counted first. */
static uint64_t edu_dma_faults(void *ctx)
{
	struct passthrough *p = ctx;

	passthrough_poll(p);
	return p->faults;
}

static const struct edu_host_ops edu_ops = {
	.time_us = time_us, .ram_page = edu_ram_page, .command = edu_command, .dma_faults = edu_dma_faults
};

/* ---- what the guest's bus tells ---- */

static enum err bar_read(void *ctx, uint32_t vcpu, uint64_t offset_bytes, uint32_t size_bytes, uint64_t *value)
{
	struct passthrough *p = ctx;

	(void)vcpu;
	return edu_mmio_read(&p->edu, offset_bytes, size_bytes, value);
}

static enum err bar_write(void *ctx, uint32_t vcpu, uint64_t offset_bytes, uint32_t size_bytes, uint64_t value)
{
	struct passthrough *p = ctx;

	(void)vcpu;
	return edu_mmio_write(&p->edu, offset_bytes, size_bytes, value);
}

/** The first page holds every register, DMA registers among them, and stays trapped; the rest is mapped through. */
static void pci_bar_map(void *ctx, uint16_t bdf, uint32_t bar, uint64_t at, uint64_t size_bytes)
{
	struct passthrough *p = ctx;
	struct s2_attr attr = { .memory = S2_DEVICE, .write = true, .execute = false };

	(void)bdf;
	(void)bar;
	if (mmio_add(&p->vm->mmio, at, PAGE_BYTES, bar_read, bar_write, p) != ERR_OK ||
	    s2_map(&p->vm->s2, ipa(at + PAGE_BYTES), pa(p->function->bar[0].addr + PAGE_BYTES), size_bytes / PAGE_BYTES - 1u,
		   attr) != ERR_OK) {
		console_line("pci: BAR at 0x%llx could not be mapped: the guest will see aborts there", (unsigned long long)at);
	}
}

static void pci_bar_unmap(void *ctx, uint16_t bdf, uint32_t bar, uint64_t at, uint64_t size_bytes)
{
	struct passthrough *p = ctx;

	(void)bdf;
	(void)bar;
	if (mmio_remove(&p->vm->mmio, at) != ERR_OK ||
	    s2_unmap(&p->vm->s2, ipa(at + PAGE_BYTES), size_bytes / PAGE_BYTES - 1u) != ERR_OK) {
		console_line("pci: BAR at 0x%llx was not mapped whole", (unsigned long long)at);
	}
}

static void pci_command(void *ctx, uint16_t bdf, uint16_t command)
{
	struct passthrough *p = ctx;

	(void)bdf;
	edu_guest_command(&p->edu, command);
}

static bool pci_intx_level(void *ctx, uint16_t bdf)
{
	struct passthrough *p = ctx;

	(void)bdf;
	return edu_irq_pending(&p->edu);
}

const struct vpci_ops passthrough_pci_ops = {
	.bar_map = pci_bar_map, .bar_unmap = pci_bar_unmap, .command = pci_command, .intx_level = pci_intx_level
};

/* ---- SMMU events ---- */

static void note_event(struct passthrough *p, const struct gw_smmu_event *e)
{
	p->last_event = *e;
	p->events++;
	if (p->function != NULL && e->stream_id == p->function->bdf) {
		p->faults++;
	}
	if (p->events <= PASSTHROUGH_EVENTS_LOGGED_MAX) {
		console_line("smmu: %s: StreamID 0x%x, address 0x%llx, %s%s", e->name, e->stream_id,
			     (unsigned long long)e->addr, e->read ? "read" : "write", e->stage2 ? ", stage 2" : "");
	}
	if (p->events == PASSTHROUGH_EVENTS_LOGGED_MAX) {
		console_line("smmu: later events are counted, not printed");
	}
}

void passthrough_poll(struct passthrough *p)
{
	struct gw_smmu_event e;
	uint32_t gerror;

	if (p->smmu.phase != GW_SMMU_UP) {
		return;
	}
	for (uint32_t n = 0; n < (1u << EVENTQ_LOG2); n++) {
		enum err err = gw_smmu_event_next(&p->smmu, &e);

		if (err == ERR_AGAIN) {
			break;
		}
		if (err == ERR_LOST) {
			p->faults++;	/* whose they were is not known: assume the worst */
			console_line("smmu: event queue overflowed, records are lost");
		} else if (err == ERR_OK) {
			note_event(p, &e);
		}
	}
	gerror = gw_smmu_gerror_service(&p->smmu);
	if (gerror != 0) {
		console_line("smmu: global error 0x%x: %s", gerror, gw_smmu_reason(&p->smmu));
	}
}

static bool smmu_irq(void *ctx, uint32_t intid)
{
	(void)intid;
	passthrough_poll(ctx);
	return true;
}

/* ---- bring-up ---- */

static enum err irq_route(struct gicv3 *gic, uint32_t intid, struct passthrough *p)
{
	/* The SMMU's wired interrupts are edges (IHI 0070, 3.18). */
	enum err err = irq_register(intid, smmu_irq, p);

	if (err == ERR_OK) {
		err = gicv3_spi_configure(gic, intid, true, core_at(0)->mpidr);
	}
	return err == ERR_OK ? gicv3_enable(gic, 0, intid, true) : err;
}

static enum err smmu_up(struct passthrough *p, struct gicv3 *gic)
{
	struct gw_smmu_config config = {
		.ops = &smmuv3_mmio_ops,
		.ctx = &p->smmu_mmio,
		.pa_bits = PA_BITS,
		.stream_bits = STREAM_BITS,
		.strtab = strtab,
		.strtab_bytes = sizeof(strtab),
		.cmdq = cmdq,
		.cmdq_log2 = CMDQ_LOG2,
		.eventq = eventq,
		.eventq_log2 = EVENTQ_LOG2,
	};
	enum err err;

	p->smmu_mmio = (struct smmuv3_mmio){ .base = MAP_SMMU, .clock = { .time_us = time_us } };
	err = irq_route(gic, MAP_IRQ_SMMU_EVENT, p);
	if (err == ERR_OK) {
		err = irq_route(gic, MAP_IRQ_SMMU_GERROR, p);
	}
	if (err == ERR_OK) {
		err = gw_smmu_probe(&p->smmu, &config);
	}
	if (err == ERR_OK) {
		err = gw_smmu_init(&p->smmu);
	}
	if (err != ERR_OK) {
		console_line("smmu: refused: %s", gw_smmu_reason(&p->smmu));
	}
	return err;
}

enum err passthrough_bus_init(struct passthrough *p, struct gicv3 *gic)
{
	struct pcie_config config = {
		.ecam = (uintptr_t)MAP_PCIE_ECAM,
		.mem32 = { MAP_PCIE_MEM32, MAP_PCIE_MEM32_BYTES },
		.mem64 = { MAP_PCIE_MEM64, MAP_PCIE_MEM64_BYTES },
		.intx_intid = MAP_IRQ_PCIE_INTX,
	};
	enum err err = smmu_up(p, gic);

	if (err != ERR_OK) {
		return err;
	}
	err = pcie_enumerate(&p->pcie, &config);
	if (err != ERR_OK) {
		console_line("pcie: %s", p->pcie.reason);
	}
	return err;
}

/** The devices' table: all of RAM in 4 KiB leaves, and edu's scratch page. */
static enum err device_table(struct passthrough *p)
{
	struct s2_config config = {
		.root = device_root,
		.pool = device_pool,
		.pool_count = DEVICE_POOL,
		.pages_only = true,
		.ops = &device_s2_ops,
		.ops_ctx = p,
	};
	struct s2_attr attr = { .memory = S2_NORMAL, .write = true, .execute = false };
	enum err err = s2_init(&p->s2, &config);

	if (err == ERR_OK) {
		err = s2_map(&p->s2, ipa(VM_RAM_IPA), p->vm->cfg.ram, p->vm->page_count, attr);
	}
	if (err == ERR_OK) {
		err = s2_map(&p->s2, ipa(SCRATCH_IOVA), pa((uint64_t)(uintptr_t)scratch), 1, attr);
	}
	return err;
}

/** *out stays empty where the driver's own log is the choice. */
static enum err choose_tracker(struct passthrough *p, const char *wish, struct dirty *out)
{
	struct dma_tracker_facts facts = {
		.httu = p->smmu.features.httu, .coherent = p->smmu.features.coherent, .device_log = true
	};
	char reason[REASON_BYTES];
	enum err err = dma_tracker_choose(&facts, wish, &p->tracker, reason);

	if (err != ERR_OK) {
		console_line("passthrough: dma-log: %s", reason);
		return ERR_RANGE;
	}
	console_line("passthrough: DMA is recorded by %s", dma_tracker_name(&p->tracker));
	if (p->tracker.device_log) {
		return ERR_OK;
	}
	err = dirty_log_init(&p->dma_log, &p->s2, p->tracker.backend, ipa(VM_RAM_IPA), p->vm->page_count, dma_words);
	*out = dirty_log_tracker(&p->dma_log);
	return err;
}

static enum err attach(struct passthrough *p)
{
	struct gw_smmu_s2 s2 = {
		.root_pa = s2_root(&p->s2).v,
		.vmid = DEVICE_VMID,
		.t0sz = S2_T0SZ,
		.sl0 = S2_SL0,
		.ps = PS_40_BITS,
		.hw_access = p->tracker.hw_access,
		.hw_dirty = p->tracker.hw_dirty,
	};
	enum err err = gw_smmu_attach_s2(&p->smmu, p->function->bdf, &s2);

	if (err != ERR_OK) {
		console_line("smmu: StreamID 0x%x not attached: %s", p->function->bdf, gw_smmu_reason(&p->smmu));
		return err;
	}
	pcie_set_isolated(&p->pcie, p->function, true);
	return ERR_OK;
}

static enum err add_to_guest(struct passthrough *p)
{
	const struct pcie_function *f = p->function;
	struct vpci_function v = {
		.bdf = VPCI_BDF(EDU_SLOT, 0),
		.vendor_id = f->vendor_id,
		.device_id = f->device_id,
		.subsystem_vendor_id = f->subsystem_vendor_id,
		.subsystem_id = f->subsystem_id,
		.class_revision = f->class_code << 8 | f->revision,
		.bar_bytes = { (uint32_t)f->bar[0].size_bytes },
		.intx_pin = f->intx_pin,
	};

	return vpci_add_function(&p->vm->pci, &v);
}

enum err passthrough_assign(struct passthrough *p, struct vm_slot *vm, const char *dma_log)
{
	struct edu_config config = {
		.ops = &edu_ops,
		.ctx = p,
		.id = "0000:00:01.0",
		.scratch = scratch,
		.scratch_iova = SCRATCH_IOVA,
	};
	enum err err;

	p->vm = vm;
	p->function = pcie_at(&p->pcie, pcie_bdf(0, EDU_SLOT, 0));
	if (p->function == NULL || p->function->vendor_id != EDU_VENDOR_ID || p->function->device_id != EDU_DEVICE_ID ||
	    p->function->bar[0].size_bytes != EDU_BAR_BYTES) {
		p->function = NULL;
		return ERR_UNSUPPORTED;
	}
	config.regs = (uintptr_t)p->function->bar[0].addr;
	config.subsystem_vendor_id = p->function->subsystem_vendor_id;
	config.subsystem_id = p->function->subsystem_id;
	err = device_table(p);
	if (err == ERR_OK) {
		err = choose_tracker(p, dma_log, &config.tracker);
	}
	if (err == ERR_OK) {
		err = attach(p);
	}
	if (err == ERR_OK) {
		err = edu_init(&p->edu, &config);
		if (err != ERR_OK) {
			console_line("edu: %s", p->edu.error);
		}
	}
	return err == ERR_OK ? add_to_guest(p) : err;
}
