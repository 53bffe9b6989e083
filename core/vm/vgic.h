/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The guest's GICv3 (IHI 0069): distributor, redistributors and the model behind the list
 * registers. One security state (GICD_CTLR.DS = 1), affinity routing always on, no LPIs.
 * INTIDs 0..31 are private to each vCPU, 32..287 are SPIs. vCPU n has affinity 0.0.0.n.
 *
 * How a vCPU's core uses it, EL2 with interrupts masked:
 *
 *	exit:	read ICH_LR<n>, ICH_HCR, ICH_VMCR, ICH_AP0R0/AP1R0 into a struct vgic_lrs; vgic_sync()
 *	...	handle the exit (MMIO, SGI, physical interrupt ...), any vgic_* call
 *		vgic_kicks_take(), and a physical SGI to the core of each vCPU in it but this one
 *	entry:	vgic_flush(); write ICH_LR<n>, ICH_VMCR, ICH_AP*, ICH_HCR = lrs.hcr; ERET
 *
 * Between flush and sync an interrupt's pending and active state lives in a list register of
 * that vCPU. Whoever changes its enable, route, priority, group, pending or active state meanwhile
 * changes the model, and the vCPU is put into the kick mask: its core exits, folds the list
 * register back under the changed model and flushes again. GICD_CTLR.RWP and GICR_CTLR.RWP
 * read 1 until that has happened after a disable. A vCPU waiting in WFI (not flushed) is
 * kicked in the same way when something becomes deliverable to it.
 *
 * One lock, inside, never held across a wait. All calls may come from any core, except that
 * flush and sync of a vCPU come from the core that runs it.
 */
#ifndef CORE_VM_VGIC_H
#define CORE_VM_VGIC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/bitmap.h"
#include "core/base/cursor.h"
#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/spinlock.h"

struct mmio_space;

#define VGIC_PRIVATE_COUNT    32u
#define VGIC_SPI_COUNT	      256u
#define VGIC_INTID_COUNT      (VGIC_PRIVATE_COUNT + VGIC_SPI_COUNT)
#define VGIC_LR_MAX	      16u
#define VGIC_NONE	      0xffu /* no vCPU */

#define VGIC_DIST_BASE	      UINT64_C(0x08000000)
#define VGIC_DIST_BYTES	      UINT64_C(0x00010000)
#define VGIC_REDIST_BASE      UINT64_C(0x080a0000)
#define VGIC_REDIST_BYTES     UINT64_C(0x00020000) /* each vCPU: RD frame, SGI frame */

#define VGIC_STATE_VERSION    1u
#define VGIC_RECORD_BYTES_MAX 4096u /* vgic_save never writes more */

/** The CPU interface's registers that outlive an entry (ICH_*_EL2 view). */
struct vgic_cpu_regs {
	uint64_t vmcr;	/* ICH_VMCR_EL2 */
	uint32_t ap0r0; /* ICH_AP0R0_EL2 */
	uint32_t ap1r0; /* ICH_AP1R0_EL2 */
	uint32_t sre;	/* ICC_SRE_EL1, always 7 */
};

/** What goes into the virtual interface at entry and is read back at exit. */
struct vgic_lrs {
	uint32_t lr_count; /* set by the caller: list registers implemented, 1..VGIC_LR_MAX */
	uint32_t hcr;	   /* flush: ICH_HCR_EL2 whole (En, UIE, NPIE, LRENPIE, TDIR). sync: as read back (EOIcount) */
	uint64_t lr[VGIC_LR_MAX];
	struct vgic_cpu_regs cpu;
};

struct vgic_irq {
	uint8_t priority;	 /* bits 7:3 */
	uint8_t route;		 /* vCPU; VGIC_NONE when IROUTER names nobody */
	uint8_t active_on;	 /* vCPU that took it, while active */
	uint8_t queued_on;	 /* vCPU whose live bitmap has it, or VGIC_NONE */
	uint8_t lr_on;		 /* vCPU whose list registers hold it, or VGIC_NONE */
	uint8_t lr_active_write; /* ISACTIVER/ICACTIVER while in a list register: 0, or 1 clear, 2 set */
	bool group1, enabled, edge;
	bool latch; /* pending by edge or by ISPENDR */
	bool level; /* input line */
	bool active;
	bool lr_latch;	/* the latch is in the list register */
	bool lr_hw;	/* that list register has HW = 1 */
	bool linked;	/* to a physical interrupt */
	bool held;	/* the physical one is active on behalf of this one */
	bool held_anew; /* taken again while the old one was still in a list register */
	uint16_t pintid;
	uint64_t irouter; /* as written, RES0 bits clear */
};

struct vgic_vcpu {
	struct vgic_irq irq[VGIC_PRIVATE_COUNT];
	struct vgic_cpu_regs cpu;
	uint64_t live[BITMAP_WORDS(VGIC_INTID_COUNT)]; /* pending or active, and its business */
	uint16_t lr_intid[VGIC_LR_MAX];		       /* what the last flush put there */
	uint32_t lr_used;
	bool in_guest; /* flushed and not yet synced */
	bool stale;    /* a disable waits for its sync: RWP */
	bool asleep;   /* GICR_WAKER.ProcessorSleep */
};

/** Makes a physical interrupt inactive for vCPU vcpu (PPI: of its core). Called with the lock held. */
typedef void (*vgic_hw_deactivate_fn)(void *ctx, uint32_t vcpu, uint32_t pintid);

struct vgic {
	struct spinlock lock;
	uint32_t vcpu_count;
	uint32_t ctlr;	/* EnableGrp0, EnableGrp1 */
	uint32_t kicks; /* vCPUs to kick; atomic */
	vgic_hw_deactivate_fn hw_deactivate;
	void *hw_ctx;
	struct vgic_vcpu vcpu[VCPU_COUNT_MAX];
	struct vgic_irq spi[VGIC_SPI_COUNT];
};

/**
 * Power-on state. vcpu_count 1..VCPU_COUNT_MAX. hw_deactivate may be NULL when nothing is linked.
 */
void vgic_init(struct vgic *v, uint32_t vcpu_count, vgic_hw_deactivate_fn hw_deactivate, void *hw_ctx);
/** Back to power-on, links stay; physical interrupts still held are made inactive. No vCPU may be in the guest. */
void vgic_reset(struct vgic *v);
/** Registers distributor and redistributors with the VM's MMIO space. */
MUST_CHECK enum err vgic_map(struct vgic *v, struct mmio_space *s);

/** Before entry. lrs->lr_count is set by the caller; all else is filled. Unused list registers are 0. */
void vgic_flush(struct vgic *v, uint32_t vcpu, struct vgic_lrs *lrs);
/** After exit, before anything else looks at the vGIC. lr[], hcr and cpu as read from the hardware. */
void vgic_sync(struct vgic *v, uint32_t vcpu, const struct vgic_lrs *lrs);

/** Would an interrupt be signalled to this vCPU (synced; PMR, group enables of its saved VMCR)? Ends a WFI. */
bool vgic_pending(struct vgic *v, uint32_t vcpu);

/**
 * Drives an input line. vcpu names the bank for INTID 16..31 and is ignored for SPIs.
 * ERR_RANGE for SGIs, unknown INTIDs and vCPUs.
 */
MUST_CHECK enum err vgic_set_level(struct vgic *v, uint32_t vcpu, uint32_t intid, bool level);
/**
 * One edge. For a linked interrupt: the physical one was acknowledged at EL2, is active, and is
 * now held until the guest deactivates (list register HW bit).
 */
MUST_CHECK enum err vgic_set_pending(struct vgic *v, uint32_t vcpu, uint32_t intid);
/** Links a PPI (of every vCPU) or SPI to a physical INTID (16..1019). Before the VM first runs. */
MUST_CHECK enum err vgic_link_hw(struct vgic *v, uint32_t intid, uint32_t pintid);
/** A trapped write of ICC_SGI1R_EL1 by vCPU from. Targets that do not exist are ignored. */
void vgic_sgi(struct vgic *v, uint32_t from, uint64_t sgi1r);
/** A trapped write of ICC_DIR_EL1 (ICH_HCR_EL2.TDIR, set by flush only when active interrupts overflow). */
void vgic_deactivate(struct vgic *v, uint32_t vcpu, uint32_t intid);

/** vCPUs that must exit and re-evaluate, bit n = vCPU n; taken once. Take it after every batch of calls. */
uint32_t vgic_kicks_take(struct vgic *v);

/** The vCPU's own registers, for reset by PSCI CPU_ON: PMR and enables zero, SRE 7. */
void vgic_cpu_reset(struct vgic *v, uint32_t vcpu);

/** All vCPUs must be synced (ERR_BAD_STATE). The record is at most VGIC_RECORD_BYTES_MAX long; w->failed when it did not fit. */
MUST_CHECK enum err vgic_save(struct vgic *v, struct writer *w);
/**
 * Checks a whole record, then takes it; on error nothing has changed. ERR_UNSUPPORTED version,
 * ERR_MISMATCH vCPU count, ERR_RANGE, ERR_BAD_RECORD. reason: REASON_BYTES, names field and value.
 * Linked interrupts that are active or pending are held from here: walk them with vgic_hw_active.
 */
MUST_CHECK enum err vgic_load(struct vgic *v, struct reader *r, char *reason);

/** A physical interrupt that has to be active physically before the VM runs. */
struct vgic_hw {
	uint32_t intid;
	uint32_t pintid;
	uint32_t vcpu; /* bank of a PPI, VGIC_NONE for an SPI */
};
/** Walks the held ones after a load or an abort: *cursor starts at 0; false at the end. */
bool vgic_hw_active(struct vgic *v, uint32_t *cursor, struct vgic_hw *out);

#endif
