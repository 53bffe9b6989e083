/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The list registers: model to hardware before entry, back after exit. IHI 0069, 9.4. */
#include "core/vm/vgic_internal.h"

#include <string.h>

#include "core/base/assert.h"

#define ICH_LR_VINTID	 MASK64(31, 0)
#define ICH_LR_EOI	 BIT64(41)
#define ICH_LR_PINTID	 MASK64(44, 32)
#define ICH_LR_PRIORITY	 MASK64(55, 48)
#define ICH_LR_GROUP	 BIT64(60)
#define ICH_LR_HW	 BIT64(61)
#define ICH_LR_PENDING	 BIT64(62)
#define ICH_LR_ACTIVE	 BIT64(63)

#define ICH_HCR_EN	 BIT32(0)
#define ICH_HCR_UIE	 BIT32(1)
#define ICH_HCR_LRENPIE	 BIT32(2)
#define ICH_HCR_NPIE	 BIT32(3)
#define ICH_HCR_TDIR	 BIT32(14)
#define ICH_HCR_EOICOUNT MASK32(31, 27)

#define ICH_VMCR_VENG0	 BIT64(0)
#define ICH_VMCR_VENG1	 BIT64(1)
#define ICH_VMCR_VPMR	 MASK64(31, 24)

#define PRIORITY_SHIFT	 3u /* 5 bits of preemption: one bit of AP0R0/AP1R0 each */
#define PRIORITY_IDLE	 0x100u

/* The best few interrupts of one kind, in order of priority. */
struct best {
	uint32_t max;
	uint32_t count;
	uint32_t seen;
	uint16_t intid[VGIC_LR_MAX];
	uint8_t priority[VGIC_LR_MAX];
};

static void best_add(struct best *b, uint32_t intid, uint8_t priority)
{
	uint32_t at;

	b->seen++;
	if (b->count == b->max) {
		if (priority >= b->priority[b->count - 1]) {
			return;
		}
		b->count--;
	}
	for (at = b->count; at > 0 && b->priority[at - 1] > priority; at--) {
		b->intid[at] = b->intid[at - 1];
		b->priority[at] = b->priority[at - 1];
	}
	b->intid[at] = (uint16_t)intid;
	b->priority[at] = priority;
	b->count++;
}

static void collect(struct vgic *v, uint32_t vcpu, struct best *active, struct best *pending)
{
	const uint64_t *live = v->vcpu[vcpu].live;

	for (size_t i = bitmap_next_set(live, 0, VGIC_INTID_COUNT); i < VGIC_INTID_COUNT;
		i = bitmap_next_set(live, i + 1, VGIC_INTID_COUNT)) {
		const struct vgic_irq *irq = vgic_irq_at(v, vcpu, (uint32_t)i);

		if (irq->lr_on != VGIC_NONE) {
			continue; /* still in another vCPU's list register: it has been kicked */
		}
		if (irq->active) {
			best_add(active, (uint32_t)i, irq->priority);
		} else if (vgic_irq_deliverable(v, vcpu, irq)) {
			best_add(pending, (uint32_t)i, irq->priority);
		}
	}
}

static uint64_t lr_base(uint32_t intid, const struct vgic_irq *irq)
{
	return intid | FIELD_PREP(ICH_LR_PRIORITY, irq->priority) | (irq->group1 ? ICH_LR_GROUP : 0);
}

/*
 * A level that may still be there after the deactivation, or a physical interrupt that we have to
 * deactivate ourselves, needs the maintenance interrupt: HW and EOI exclude each other.
 */
static uint64_t lr_pending(uint32_t intid, struct vgic_irq *irq)
{
	uint64_t lr = lr_base(intid, irq) | ICH_LR_PENDING;

	irq->lr_latch = irq->latch;
	irq->latch = false;
	irq->lr_hw = irq->linked && irq->held;
	if (irq->lr_hw) {
		return lr | ICH_LR_HW | FIELD_PREP(ICH_LR_PINTID, irq->pintid);
	}
	return !irq->edge || irq->linked ? lr | ICH_LR_EOI : lr;
}

static uint64_t lr_active(const struct vgic *v, uint32_t vcpu, uint32_t intid, struct vgic_irq *irq)
{
	uint64_t lr = lr_base(intid, irq) | ICH_LR_ACTIVE;
	bool pending = vgic_irq_pending(irq);
	bool here = intid < VGIC_PRIVATE_COUNT || irq->route == vcpu;

	irq->lr_hw = irq->linked && irq->held && !pending;
	if (irq->lr_hw) {
		return lr | ICH_LR_HW | FIELD_PREP(ICH_LR_PINTID, irq->pintid);
	}
	if (pending && irq->edge && !irq->linked && here && vgic_irq_forwarded(v, irq)) {
		irq->lr_latch = true;
		irq->latch = false;
		return lr | ICH_LR_PENDING;
	}
	return pending || !irq->edge || irq->linked ? lr | ICH_LR_EOI : lr;
}

static void lr_put(struct vgic *v, uint32_t vcpu, struct vgic_lrs *lrs, uint32_t intid)
{
	struct vgic_vcpu *c = &v->vcpu[vcpu];
	struct vgic_irq *irq = vgic_irq_at(v, vcpu, intid);

	irq->lr_on = (uint8_t)vcpu;
	irq->lr_active_write = LR_ACTIVE_KEEP;
	lrs->lr[c->lr_used] = irq->active ? lr_active(v, vcpu, intid, irq) : lr_pending(intid, irq);
	c->lr_intid[c->lr_used] = (uint16_t)intid;
	c->lr_used++;
}

/*
 * The best pending one always gets in, then what is active (the guest will deactivate it), then more
 * pending ones. What stays outside: a pending one asks for an exit when room is near (UIE) or when
 * the guest has taken the last one inside (NPIE), an active one is found again by EOIcount or DIR.
 */
void vgic_flush(struct vgic *v, uint32_t vcpu, struct vgic_lrs *lrs)
{
	struct vgic_vcpu *c;
	struct best active = { .max = lrs->lr_count }, pending = { .max = lrs->lr_count };
	uint32_t active_max, pending_in;

	ASSERT(vcpu < v->vcpu_count);
	ASSERT(lrs->lr_count >= 1 && lrs->lr_count <= VGIC_LR_MAX);
	c = &v->vcpu[vcpu];
	memset(lrs->lr, 0, sizeof(lrs->lr));
	lrs->hcr = ICH_HCR_EN;
	spin_lock(&v->lock);
	ASSERT(!c->in_guest);
	collect(v, vcpu, &active, &pending);
	active_max = lrs->lr_count - (pending.count != 0 ? 1u : 0u);
	active.count = MIN(active.count, active_max);
	pending_in = MIN(pending.count, lrs->lr_count - active.count);
	c->lr_used = 0;
	for (uint32_t i = 0; i < pending_in; i++) {
		lr_put(v, vcpu, lrs, pending.intid[i]);
	}
	for (uint32_t i = 0; i < active.count; i++) {
		lr_put(v, vcpu, lrs, active.intid[i]);
	}
	if (pending.seen > pending_in) {
		lrs->hcr |= ICH_HCR_NPIE | (c->lr_used > 1 ? ICH_HCR_UIE : 0);
	}
	if (active.seen > active.count) {
		lrs->hcr |= ICH_HCR_LRENPIE | ICH_HCR_TDIR;
	}
	lrs->cpu = c->cpu;
	c->in_guest = true;
	spin_unlock(&v->lock);
}

/* Folds one list register back under whatever was changed meanwhile. */
static void lr_fold(struct vgic *v, uint32_t vcpu, uint32_t intid, uint64_t lr)
{
	struct vgic_irq *irq = vgic_irq_at(v, vcpu, intid);
	bool pending = (lr & ICH_LR_PENDING) != 0;
	bool active = (lr & ICH_LR_ACTIVE) != 0;

	if (pending && irq->lr_latch) {
		irq->latch = true;
	}
	if (irq->lr_hw && !pending && !active) {
		irq->held = irq->held_anew; /* the guest's deactivation has reached the physical one */
	}
	if (irq->lr_active_write != LR_ACTIVE_KEEP) {
		active = irq->lr_active_write == LR_ACTIVE_SET;
	}
	irq->active = active;
	irq->active_on = active ? (uint8_t)vcpu : VGIC_NONE;
	irq->lr_on = VGIC_NONE;
	irq->lr_latch = false;
	irq->lr_hw = false;
	irq->held_anew = false;
	irq->lr_active_write = LR_ACTIVE_KEEP;
	vgic_irq_release(v, vcpu, irq);
	vgic_irq_changed(v, vcpu, intid, irq);
}

static bool was_in_lr(const struct vgic_vcpu *c, uint32_t intid)
{
	for (uint32_t i = 0; i < c->lr_used; i++) {
		if (c->lr_intid[i] == intid) {
			return true;
		}
	}
	return false;
}

/* One EOI without a list register: it was for the highest-priority active interrupt outside them. */
static void eoi_outside(struct vgic *v, uint32_t vcpu)
{
	struct vgic_vcpu *c = &v->vcpu[vcpu];
	uint32_t best = VGIC_INTID_COUNT;
	uint32_t best_priority = PRIORITY_IDLE;

	for (size_t i = bitmap_next_set(c->live, 0, VGIC_INTID_COUNT); i < VGIC_INTID_COUNT;
		i = bitmap_next_set(c->live, i + 1, VGIC_INTID_COUNT)) {
		const struct vgic_irq *irq = vgic_irq_at(v, vcpu, (uint32_t)i);

		if (irq->active && irq->priority < best_priority && !was_in_lr(c, (uint32_t)i)) {
			best = (uint32_t)i;
			best_priority = irq->priority;
		}
	}
	if (best != VGIC_INTID_COUNT) {
		vgic_irq_deactivate(v, vcpu, best, vgic_irq_at(v, vcpu, best));
	}
}

void vgic_sync(struct vgic *v, uint32_t vcpu, const struct vgic_lrs *lrs)
{
	struct vgic_vcpu *c;

	ASSERT(vcpu < v->vcpu_count);
	c = &v->vcpu[vcpu];
	spin_lock(&v->lock);
	ASSERT(c->in_guest);
	c->cpu = lrs->cpu;
	for (uint32_t i = 0; i < c->lr_used; i++) {
		lr_fold(v, vcpu, c->lr_intid[i], lrs->lr[i]);
	}
	for (uint32_t i = FIELD_GET(ICH_HCR_EOICOUNT, lrs->hcr); i > 0; i--) {
		eoi_outside(v, vcpu);
	}
	c->lr_used = 0;
	c->in_guest = false;
	c->stale = false;
	spin_unlock(&v->lock);
}

/* Priority of what the vCPU is handling now; a pending one must be higher (smaller). */
static uint32_t running_priority(const struct vgic_cpu_regs *cpu)
{
	uint32_t active = cpu->ap0r0 | cpu->ap1r0;

	return active == 0 ? PRIORITY_IDLE : (uint32_t)__builtin_ctz(active) << PRIORITY_SHIFT;
}

bool vgic_pending(struct vgic *v, uint32_t vcpu)
{
	const struct vgic_vcpu *c;
	uint32_t below;
	bool found = false;

	ASSERT(vcpu < v->vcpu_count);
	c = &v->vcpu[vcpu];
	spin_lock(&v->lock);
	below = MIN((uint32_t)FIELD_GET(ICH_VMCR_VPMR, c->cpu.vmcr), running_priority(&c->cpu));
	for (size_t i = bitmap_next_set(c->live, 0, VGIC_INTID_COUNT); i < VGIC_INTID_COUNT && !found;
		i = bitmap_next_set(c->live, i + 1, VGIC_INTID_COUNT)) {
		const struct vgic_irq *irq = vgic_irq_at(v, vcpu, (uint32_t)i);
		uint64_t group = irq->group1 ? ICH_VMCR_VENG1 : ICH_VMCR_VENG0;

		found = irq->lr_on == VGIC_NONE && vgic_irq_deliverable(v, vcpu, irq) && irq->priority < below &&
			(c->cpu.vmcr & group) != 0;
	}
	spin_unlock(&v->lock);
	return found;
}
