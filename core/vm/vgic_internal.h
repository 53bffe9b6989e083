/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What the parts of the vGIC share. Everything here is called with the lock held. */
#ifndef CORE_VM_VGIC_INTERNAL_H
#define CORE_VM_VGIC_INTERNAL_H

#include "core/vm/vgic.h"

#include "core/base/bits.h"

#define GICD_CTLR_ENABLE_GRP0 BIT32(0)
#define GICD_CTLR_ENABLE_GRP1 BIT32(1)
#define GICD_CTLR_ARE	      BIT32(4)
#define GICD_CTLR_DS	      BIT32(6)
#define GICD_CTLR_RWP	      BIT32(31)

#define VGIC_SGI_COUNT	      16u
#define VGIC_PRIORITY_MASK    0xf8u /* 5 bits, as the CPU interface */

/* vgic_irq.lr_active_write */
#define LR_ACTIVE_KEEP	      0u
#define LR_ACTIVE_CLEAR	      1u
#define LR_ACTIVE_SET	      2u

/** bank: whose private interrupts; any value for an SPI. intid below VGIC_INTID_COUNT. */
static inline struct vgic_irq *vgic_irq_at(struct vgic *v, uint32_t bank, uint32_t intid)
{
	return intid < VGIC_PRIVATE_COUNT ? &v->vcpu[bank].irq[intid] : &v->spi[intid - VGIC_PRIVATE_COUNT];
}

/** Pending outside the list registers. */
static inline bool vgic_irq_pending(const struct vgic_irq *irq)
{
	return irq->latch || (irq->level && !irq->edge);
}

/** Enabled and forwarded by the distributor, when pending and not active. */
static inline bool vgic_irq_forwarded(const struct vgic *v, const struct vgic_irq *irq)
{
	return irq->enabled && (v->ctlr & (irq->group1 ? GICD_CTLR_ENABLE_GRP1 : GICD_CTLR_ENABLE_GRP0)) != 0;
}

/** Could be signalled to vCPU vcpu now. */
bool vgic_irq_deliverable(const struct vgic *v, uint32_t vcpu, const struct vgic_irq *irq);
/** After any change: queue it where it belongs, and kick whoever has to look at it. */
void vgic_irq_changed(struct vgic *v, uint32_t bank, uint32_t intid, struct vgic_irq *irq);
/** Lets go of the physical interrupt when nothing here stands for it any more. */
void vgic_irq_release(struct vgic *v, uint32_t bank, struct vgic_irq *irq);
/** Ends the active state, outside the list registers. */
void vgic_irq_deactivate(struct vgic *v, uint32_t bank, uint32_t intid, struct vgic_irq *irq);
/** Someone disabled what vCPU vcpu may hold: RWP until it has synced. */
void vgic_stale(struct vgic *v, uint32_t vcpu);
void vgic_kick(struct vgic *v, uint32_t vcpu);
/** The vCPU that an SPI with this IROUTER goes to, or VGIC_NONE. */
uint8_t vgic_route_of(const struct vgic *v, uint64_t irouter);

#endif
