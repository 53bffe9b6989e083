/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/passthrough.h"

#include <string.h>

#include "arch/aarch64/core.h"
#include "arch/aarch64/timer.h"
#include "board/qemu-virt/config.h"
#include "board/qemu-virt/map.h"
#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "core/vm/console.h"
#include "core/vm/irq.h"
#include "drivers/mmio.h"

#define STREAM_BITS	8u /* bus 0 */
#define CMDQ_LOG2	8u
#define EVENTQ_LOG2	7u
#define DEVICE_VMID	1u
#define PA_BITS		40u
#define PS_40_BITS	2u			       /* code of STE.S2PS */
#define SCRATCH_IOVA(i) (0x3ffff000u - (i)*PAGE_BYTES) /* below guest RAM; only devices see them */

#define RAM_BLOCKS_MAX	(SLOT_RAM_MIB_MAX * 0x100000u / BLOCK_BYTES)
#define DEVICE_POOL	(RAM_BLOCKS_MAX + 8u)

struct passthrough passthrough;

static uint8_t strtab[(1u << STREAM_BITS) * 64u] __attribute__((aligned((1u << STREAM_BITS) * 64u)));
static uint8_t cmdq[(1u << CMDQ_LOG2) * 16u] __attribute__((aligned((1u << CMDQ_LOG2) * 16u)));
static uint8_t eventq[(1u << EVENTQ_LOG2) * 32u] __attribute__((aligned((1u << EVENTQ_LOG2) * 32u)));
static s2_page device_root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page device_pool[DEVICE_POOL] __attribute__((aligned(PAGE_BYTES)));
static uint64_t dma_words[BITMAP_WORDS(RAM_BLOCKS_MAX * PAGES_PER_BLOCK)];
static uint8_t scratch[SLOT_DEVICES_MAX][PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

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

/* ---- what the drivers ask of the board ---- */

static enum err ram_page(void *ctx, uint64_t iova, uint64_t len_bytes, uint64_t *page)
{
	struct passthrough_device *d = ctx;
	uint64_t last;

	if (len_bytes == 0 || iova > UINT64_MAX - len_bytes || !vm_ram_page(d->bus->vm, iova, page) ||
		!vm_ram_page(d->bus->vm, iova + len_bytes - 1u, &last)) {
		return ERR_RANGE;
	}
	return ERR_OK;
}

static enum err ram_read(void *ctx, uint64_t iova, uint8_t *out, uint32_t len_bytes)
{
	struct passthrough_device *d = ctx;
	const uint8_t *ram = vm_ram_span(d->bus->vm, iova, len_bytes);

	if (ram == NULL) {
		return ERR_RANGE;
	}
	memcpy(out, ram, len_bytes);
	return ERR_OK;
}

static enum err function_command(void *ctx, bool bus_master, bool intx)
{
	struct passthrough_device *d = ctx;

	pcie_command(
		&d->bus->pcie, d->function, intx ? PCIE_COMMAND_INTX_DISABLE : 0, intx ? 0 : PCIE_COMMAND_INTX_DISABLE);
	return pcie_bus_master(&d->bus->pcie, d->function, bus_master);
}

/** Asked by device arcs, on the service core: what the SMMU has recorded until now is counted first. */
static uint64_t dma_faults(void *ctx)
{
	struct passthrough_device *d = ctx;

	passthrough_poll(d->bus);
	return d->faults;
}

/** Pages [first, last] of the BAR, which is at d->bar_at, go through to the device or trap. bar_lock is held. */
static enum err pages_map(struct passthrough_device *d, uint32_t first, uint32_t last, bool trap)
{
	struct s2_attr attr = { .memory = S2_DEVICE, .write = true, .execute = false };
	uint64_t offset = first * PAGE_BYTES, count = last - first + 1u;

	if (trap) {
		return s2_unmap(&d->bus->vm->s2, ipa(d->bar_at + offset), count);
	}
	return s2_map(&d->bus->vm->s2, ipa(d->bar_at + offset), pa(d->function->bar[0].addr + offset), count, attr);
}

/** For runs of pages whose bit in changed is set: as in traps. An error stops; a page in between traps then, which is served as well. */
static enum err pages_change(struct passthrough_device *d, uint32_t changed, uint32_t traps)
{
	uint32_t pages = (uint32_t)(d->function->bar[0].size_bytes / PAGE_BYTES);
	enum err err = ERR_OK;

	for (uint32_t first = 0; first < pages && err == ERR_OK; first++) {
		uint32_t last = first;
		bool trap = (traps & BIT32(first)) != 0;

		if ((changed & BIT32(first)) == 0) {
			continue;
		}
		while (last + 1 < pages && (changed & BIT32(last + 1)) != 0 &&
			((traps & BIT32(last + 1)) != 0) == trap) {
			last++;
		}
		err = pages_map(d, first, last, trap);
		first = last;
	}
	return err;
}

static enum err bar_trap(void *ctx, uint32_t pages)
{
	struct passthrough_device *d = ctx;
	enum err err = ERR_OK;

	spin_lock(&d->bar_lock);
	if (d->bar_at != 0) {
		err = pages_change(d, d->bar_traps ^ pages, pages);
	}
	if (err == ERR_OK) {
		d->bar_traps = pages;
	}
	spin_unlock(&d->bar_lock);
	return err;
}

static const struct edu_host_ops edu_ops = {
	.time_us = time_us, .ram_page = ram_page, .command = function_command, .dma_faults = dma_faults
};

static const struct e1000e_host_ops e1000e_ops = {
	.time_us = time_us, .ram_page = ram_page, .ram_read = ram_read, .command = function_command, .trap = bar_trap
};

/* ---- what the guest's bus tells ---- */

static struct passthrough_device *device_at(struct passthrough *p, uint16_t bdf)
{
	for (uint32_t i = 0; i < p->count; i++) {
		if (p->device[i].function->bdf == bdf) {
			return &p->device[i];
		}
	}
	return NULL;
}

static enum err bar_read(void *ctx, uint32_t vcpu, uint64_t offset_bytes, uint32_t size_bytes, uint64_t *value)
{
	struct passthrough_device *d = ctx;

	(void)vcpu;
	return d->edu != NULL ? edu_mmio_read(d->edu, offset_bytes, size_bytes, value)
			      : e1000e_mmio_read(d->e1000e, offset_bytes, size_bytes, value);
}

static enum err bar_write(void *ctx, uint32_t vcpu, uint64_t offset_bytes, uint32_t size_bytes, uint64_t value)
{
	struct passthrough_device *d = ctx;

	(void)vcpu;
	return d->edu != NULL ? edu_mmio_write(d->edu, offset_bytes, size_bytes, value)
			      : e1000e_mmio_write(d->e1000e, offset_bytes, size_bytes, value);
}

/** edu: the first page holds every register, DMA registers among them, and stays trapped; the rest is mapped through. */
static enum err edu_bar_map(struct passthrough_device *d, uint64_t at, uint64_t size_bytes)
{
	struct s2_attr attr = { .memory = S2_DEVICE, .write = true, .execute = false };
	enum err err = mmio_add(&d->bus->vm->mmio, at, PAGE_BYTES, bar_read, bar_write, d);

	return err != ERR_OK ? err
			     : s2_map(&d->bus->vm->s2, ipa(at + PAGE_BYTES), pa(d->function->bar[0].addr + PAGE_BYTES),
				       size_bytes / PAGE_BYTES - 1u, attr);
}

/** e1000e: any page may trap or not. */
static enum err e1000e_bar_map(struct passthrough_device *d, uint64_t at, uint64_t size_bytes)
{
	enum err err = mmio_add(&d->bus->vm->mmio, at, size_bytes, bar_read, bar_write, d);

	spin_lock(&d->bar_lock);
	d->bar_at = at;
	if (err == ERR_OK) {
		err = pages_change(d, ~d->bar_traps, d->bar_traps);
	}
	spin_unlock(&d->bar_lock);
	return err;
}

static void pci_bar_map(void *ctx, uint16_t bdf, uint32_t bar, uint64_t at, uint64_t size_bytes)
{
	struct passthrough_device *d = device_at(ctx, bdf);
	enum err err;

	(void)bar;
	if (d == NULL) {
		return;
	}
	err = d->edu != NULL ? edu_bar_map(d, at, size_bytes) : e1000e_bar_map(d, at, size_bytes);
	if (err != ERR_OK) {
		console_line("pci: BAR at 0x%llx could not be mapped: the guest will see aborts there",
			(unsigned long long)at);
	}
}

static void pci_bar_unmap(void *ctx, uint16_t bdf, uint32_t bar, uint64_t at, uint64_t size_bytes)
{
	struct passthrough_device *d = device_at(ctx, bdf);
	uint64_t skip = PAGE_BYTES;
	enum err err;

	(void)bar;
	if (d == NULL) {
		return;
	}
	err = mmio_remove(&d->bus->vm->mmio, at);
	spin_lock(&d->bar_lock);
	if (d->e1000e != NULL) {
		skip = 0;
		d->bar_at = 0;
	}
	if (s2_unmap(&d->bus->vm->s2, ipa(at + skip), (size_bytes - skip) / PAGE_BYTES) != ERR_OK || err != ERR_OK) {
		console_line("pci: BAR at 0x%llx was not mapped whole", (unsigned long long)at);
	}
	spin_unlock(&d->bar_lock);
}

static void pci_command(void *ctx, uint16_t bdf, uint16_t command)
{
	struct passthrough_device *d = device_at(ctx, bdf);

	if (d != NULL && d->edu != NULL) {
		edu_guest_command(d->edu, command);
	} else if (d != NULL) {
		e1000e_guest_command(d->e1000e, command);
	}
}

static bool pci_intx_level(void *ctx, uint16_t bdf)
{
	struct passthrough_device *d = device_at(ctx, bdf);

	if (d == NULL) {
		return false;
	}
	return d->edu != NULL ? edu_irq_pending(d->edu) : e1000e_irq_pending(d->e1000e);
}

const struct vpci_ops passthrough_pci_ops = {
	.bar_map = pci_bar_map, .bar_unmap = pci_bar_unmap, .command = pci_command, .intx_level = pci_intx_level
};

/* ---- SMMU events ---- */

static void note_event(struct passthrough *p, const struct gw_smmu_event *e)
{
	p->last_event = *e;
	p->events++;
	for (uint32_t i = 0; i < p->count; i++) {
		if (e->stream_id == p->device[i].function->bdf) {
			p->device[i].faults++;
		}
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
			for (uint32_t i = 0; i < p->count; i++) {
				p->device[i].faults++; /* whose they were is not known: assume the worst */
			}
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

/** The devices' table: all of RAM in 4 KiB leaves, and a scratch page of each. */
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
	for (uint32_t i = 0; i < p->count && err == ERR_OK; i++) {
		err = s2_map(&p->s2, ipa(SCRATCH_IOVA(i)), pa((uint64_t)(uintptr_t)scratch[i]), 1, attr);
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

static enum err attach(struct passthrough_device *d)
{
	struct passthrough *p = d->bus;
	struct gw_smmu_s2 s2 = {
		.root_pa = s2_root(&p->s2).v,
		.vmid = DEVICE_VMID,
		.t0sz = S2_T0SZ,
		.sl0 = S2_SL0,
		.ps = PS_40_BITS,
		.hw_access = p->tracker.hw_access,
		.hw_dirty = p->tracker.hw_dirty,
	};
	enum err err = gw_smmu_attach_s2(&p->smmu, d->function->bdf, &s2);

	if (err != ERR_OK) {
		console_line("smmu: StreamID 0x%x not attached: %s", d->function->bdf, gw_smmu_reason(&p->smmu));
		return err;
	}
	pcie_set_isolated(&p->pcie, d->function, true);
	return ERR_OK;
}

static enum err add_to_guest(const struct passthrough_device *d)
{
	const struct pcie_function *f = d->function;
	struct vpci_function v = {
		.bdf = f->bdf,
		.vendor_id = f->vendor_id,
		.device_id = f->device_id,
		.subsystem_vendor_id = f->subsystem_vendor_id,
		.subsystem_id = f->subsystem_id,
		.class_revision = f->class_code << 8 | f->revision,
		.bar_bytes = { (uint32_t)f->bar[0].size_bytes },
		.intx_pin = f->intx_pin,
	};

	return vpci_add_function(&d->bus->vm->pci, &v);
}

static bool is_function(const struct pcie_function *f, uint16_t vendor_id, uint16_t device_id, uint64_t bar_bytes)
{
	return f->vendor_id == vendor_id && f->device_id == device_id && f->bar[0].size_bytes == bar_bytes;
}

/** By their IDs: functions at slots 1 to n of the bus. */
static enum err functions_pick(struct passthrough *p, uint32_t n)
{
	uint32_t edus = 0, e1000es = 0;

	for (uint8_t slot = 1; slot <= n; slot++) {
		struct passthrough_device *d = &p->device[p->count];

		*d = (struct passthrough_device){ .bus = p, .function = pcie_at(&p->pcie, pcie_bdf(0, slot, 0)) };
		if (d->function == NULL) {
			continue;
		}
		if (is_function(d->function, EDU_VENDOR_ID, EDU_DEVICE_ID, EDU_BAR_BYTES)) {
			if (edus == PASSTHROUGH_EDUS_MAX) {
				return ERR_FULL;
			}
			d->edu = &p->edu[edus++];
		} else if (is_function(d->function, E1000E_VENDOR_ID, E1000E_DEVICE_ID, E1000E_BAR_BYTES)) {
			if (e1000es == PASSTHROUGH_E1000ES_MAX) {
				return ERR_FULL;
			}
			d->e1000e = &p->e1000e[e1000es++];
		} else {
			continue;
		}
		p->count++;
	}
	return p->count > 0 ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err edu_start(struct passthrough_device *d, uint32_t i, const struct dirty *tracker)
{
	struct edu_config config = {
		.ops = &edu_ops,
		.ctx = d,
		.regs = (uintptr_t)d->function->bar[0].addr,
		.subsystem_vendor_id = d->function->subsystem_vendor_id,
		.subsystem_id = d->function->subsystem_id,
		.scratch = scratch[i],
		.scratch_iova = SCRATCH_IOVA(i),
		.tracker = *tracker,
	};
	enum err err;

	(void)fmt(config.id, sizeof(config.id), "0000:00:%02x.0", d->function->bdf >> 3);
	err = edu_init(d->edu, &config);
	if (err != ERR_OK) {
		console_line("edu: %s", d->edu->error);
	}
	return err;
}

static enum err e1000e_start(struct passthrough_device *d, uint32_t i, const struct dirty *tracker)
{
	struct e1000e_config config = {
		.ops = &e1000e_ops,
		.ctx = d,
		.regs = (uintptr_t)d->function->bar[0].addr,
		.subsystem_vendor_id = d->function->subsystem_vendor_id,
		.subsystem_id = d->function->subsystem_id,
		.scratch = scratch[i],
		.scratch_iova = SCRATCH_IOVA(i),
		.tracker = *tracker,
	};
	enum err err;

	(void)fmt(config.id, sizeof(config.id), "0000:00:%02x.0", d->function->bdf >> 3);
	err = e1000e_init(d->e1000e, &config);
	if (err != ERR_OK) {
		console_line("e1000e: %s", d->e1000e->error);
	}
	return err;
}

enum err passthrough_assign(struct passthrough *p, struct vm_slot *vm, uint32_t n, const char *dma_log)
{
	struct dirty tracker = { .ops = NULL };
	enum err err;

	p->vm = vm;
	p->count = 0;
	err = functions_pick(p, MIN(n, SLOT_DEVICES_MAX));
	if (err == ERR_OK) {
		err = device_table(p);
	}
	if (err == ERR_OK) {
		err = choose_tracker(p, dma_log, &tracker);
	}
	for (uint32_t i = 0; i < p->count && err == ERR_OK; i++) {
		struct passthrough_device *d = &p->device[i];

		err = attach(d);
		if (err == ERR_OK) {
			err = d->edu != NULL ? edu_start(d, i, &tracker) : e1000e_start(d, i, &tracker);
		}
		if (err == ERR_OK) {
			err = add_to_guest(d);
		}
	}
	return err;
}

struct device passthrough_device(struct passthrough_device *d)
{
	return d->edu != NULL ? edu_device(d->edu) : e1000e_device(d->e1000e);
}
