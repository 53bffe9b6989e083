/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/vgic_internal.h"

#include <string.h>

#include "core/base/assert.h"

#define SGI1R_TARGETS  MASK64(15, 0)
#define SGI1R_AFF1     MASK64(23, 16)
#define SGI1R_INTID    MASK64(27, 24)
#define SGI1R_AFF2     MASK64(39, 32)
#define SGI1R_IRM      BIT64(40)
#define SGI1R_RS       MASK64(47, 44)
#define SGI1R_AFF3     MASK64(55, 48)

#define INTID_LINK_MIN 16u
#define INTID_LINK_MAX 1019u
#define ICC_SRE_ALL    7u

static void irq_power_on(struct vgic_irq *irq, bool sgi)
{
	bool linked = irq->linked;
	uint16_t pintid = irq->pintid;

	*irq = (struct vgic_irq){
		.active_on = VGIC_NONE,
		.queued_on = VGIC_NONE,
		.lr_on = VGIC_NONE,
		.edge = sgi,
		.linked = linked,
		.pintid = pintid,
	};
}

static void power_on(struct vgic *v)
{
	v->ctlr = 0;
	for (uint32_t n = 0; n < VCPU_COUNT_MAX; n++) {
		struct vgic_vcpu *c = &v->vcpu[n];

		for (uint32_t i = 0; i < VGIC_PRIVATE_COUNT; i++) {
			irq_power_on(&c->irq[i], i < VGIC_SGI_COUNT);
		}
		memset(c->live, 0, sizeof(c->live));
		c->cpu = (struct vgic_cpu_regs){ .sre = ICC_SRE_ALL };
		c->lr_used = 0;
		c->in_guest = false;
		c->stale = false;
		c->asleep = true;
	}
	for (uint32_t i = 0; i < VGIC_SPI_COUNT; i++) {
		irq_power_on(&v->spi[i], false);
	}
}

void vgic_init(struct vgic *v, uint32_t vcpu_count, vgic_hw_deactivate_fn hw_deactivate, void *hw_ctx)
{
	ASSERT(vcpu_count >= 1 && vcpu_count <= VCPU_COUNT_MAX);
	memset(v, 0, sizeof(*v));
	v->vcpu_count = vcpu_count;
	v->hw_deactivate = hw_deactivate;
	v->hw_ctx = hw_ctx;
	power_on(v);
}

static void let_go(struct vgic *v, uint32_t bank, struct vgic_irq *irq)
{
	if (irq->held && v->hw_deactivate != NULL) {
		v->hw_deactivate(v->hw_ctx, bank, irq->pintid);
	}
	irq->held = false;
}

void vgic_reset(struct vgic *v)
{
	spin_lock(&v->lock);
	for (uint32_t n = 0; n < v->vcpu_count; n++) {
		for (uint32_t i = 0; i < VGIC_PRIVATE_COUNT; i++) {
			let_go(v, n, &v->vcpu[n].irq[i]);
		}
	}
	for (uint32_t i = 0; i < VGIC_SPI_COUNT; i++) {
		let_go(v, VGIC_NONE, &v->spi[i]);
	}
	power_on(v);
	spin_unlock(&v->lock);
}

void vgic_cpu_reset(struct vgic *v, uint32_t vcpu)
{
	ASSERT(vcpu < v->vcpu_count);
	spin_lock(&v->lock);
	v->vcpu[vcpu].cpu = (struct vgic_cpu_regs){ .sre = ICC_SRE_ALL };
	spin_unlock(&v->lock);
}

void vgic_kick(struct vgic *v, uint32_t vcpu)
{
	__atomic_fetch_or(&v->kicks, BIT32(vcpu), __ATOMIC_RELEASE);
}

uint32_t vgic_kicks_take(struct vgic *v)
{
	return __atomic_exchange_n(&v->kicks, 0, __ATOMIC_ACQUIRE);
}

void vgic_stale(struct vgic *v, uint32_t vcpu)
{
	if (v->vcpu[vcpu].in_guest) {
		v->vcpu[vcpu].stale = true;
		vgic_kick(v, vcpu);
	}
}

uint8_t vgic_route_of(const struct vgic *v, uint64_t irouter)
{
	return irouter < v->vcpu_count ? (uint8_t)irouter : VGIC_NONE;
}

bool vgic_irq_deliverable(const struct vgic *v, uint32_t vcpu, const struct vgic_irq *irq)
{
	return vgic_irq_pending(irq) && !irq->active && vgic_irq_forwarded(v, irq) && !v->vcpu[vcpu].asleep;
}

/* Whose business it is now: of the vCPU that took it while active, of the target while pending. */
static uint8_t irq_home(uint32_t bank, uint32_t intid, const struct vgic_irq *irq)
{
	if (irq->active) {
		return irq->active_on;
	}
	if (!vgic_irq_pending(irq)) {
		return VGIC_NONE;
	}
	return intid < VGIC_PRIVATE_COUNT ? (uint8_t)bank : irq->route;
}

void vgic_irq_changed(struct vgic *v, uint32_t bank, uint32_t intid, struct vgic_irq *irq)
{
	uint8_t home = irq_home(bank, intid, irq);

	if (irq->queued_on != home) {
		if (irq->queued_on != VGIC_NONE) {
			bitmap_clear(v->vcpu[irq->queued_on].live, intid);
		}
		if (home != VGIC_NONE) {
			bitmap_set(v->vcpu[home].live, intid);
		}
		irq->queued_on = home;
	}
	if (irq->lr_on != VGIC_NONE) {
		vgic_kick(v, irq->lr_on);
	} else if (home != VGIC_NONE && vgic_irq_deliverable(v, home, irq)) {
		vgic_kick(v, home);
	}
}

void vgic_irq_release(struct vgic *v, uint32_t bank, struct vgic_irq *irq)
{
	if (irq->lr_on == VGIC_NONE && irq->held && !irq->latch && !irq->active) {
		let_go(v, bank, irq);
	}
}

void vgic_irq_deactivate(struct vgic *v, uint32_t bank, uint32_t intid, struct vgic_irq *irq)
{
	irq->active = false;
	irq->active_on = VGIC_NONE;
	vgic_irq_release(v, bank, irq);
	vgic_irq_changed(v, bank, intid, irq);
}

static bool line_valid(const struct vgic *v, uint32_t vcpu, uint32_t intid)
{
	return intid >= VGIC_SGI_COUNT && intid < VGIC_INTID_COUNT &&
	       (intid >= VGIC_PRIVATE_COUNT || vcpu < v->vcpu_count);
}

enum err vgic_set_level(struct vgic *v, uint32_t vcpu, uint32_t intid, bool level)
{
	struct vgic_irq *irq;

	if (!line_valid(v, vcpu, intid)) {
		return ERR_RANGE;
	}
	spin_lock(&v->lock);
	irq = vgic_irq_at(v, vcpu, intid);
	if (irq->level != level) {
		irq->level = level;
		if (level && irq->edge) {
			irq->latch = true;
		}
		vgic_irq_changed(v, vcpu, intid, irq);
	}
	spin_unlock(&v->lock);
	return ERR_OK;
}

enum err vgic_set_pending(struct vgic *v, uint32_t vcpu, uint32_t intid)
{
	struct vgic_irq *irq;

	if (!line_valid(v, vcpu, intid)) {
		return ERR_RANGE;
	}
	spin_lock(&v->lock);
	irq = vgic_irq_at(v, vcpu, intid);
	irq->latch = true;
	if (irq->linked) {
		/* Taken again: the guest has deactivated the one still in a list register. */
		irq->held_anew = irq->lr_on != VGIC_NONE && irq->lr_hw;
		irq->held = true;
	}
	vgic_irq_changed(v, vcpu, intid, irq);
	spin_unlock(&v->lock);
	return ERR_OK;
}

enum err vgic_link_hw(struct vgic *v, uint32_t intid, uint32_t pintid)
{
	if (!line_valid(v, 0, intid) || pintid < INTID_LINK_MIN || pintid > INTID_LINK_MAX) {
		return ERR_RANGE;
	}
	spin_lock(&v->lock);
	for (uint32_t n = 0; n < v->vcpu_count; n++) {
		struct vgic_irq *irq = vgic_irq_at(v, n, intid);

		irq->linked = true;
		irq->pintid = (uint16_t)pintid;
	}
	spin_unlock(&v->lock);
	return ERR_OK;
}

static void sgi_to(struct vgic *v, uint32_t vcpu, uint32_t intid)
{
	struct vgic_irq *irq = &v->vcpu[vcpu].irq[intid];

	if (irq->group1) { /* IHI 0069, 12.1.17: SGI1R makes Group 1 SGIs only */
		irq->latch = true;
		vgic_irq_changed(v, vcpu, intid, irq);
	}
}

void vgic_sgi(struct vgic *v, uint32_t from, uint64_t sgi1r)
{
	uint32_t intid = (uint32_t)FIELD_GET(SGI1R_INTID, sgi1r);
	uint64_t first = FIELD_GET(SGI1R_RS, sgi1r) * 16;
	bool others = (sgi1r & SGI1R_IRM) != 0;

	if (!others && (sgi1r & (SGI1R_AFF1 | SGI1R_AFF2 | SGI1R_AFF3)) != 0) {
		return;
	}
	spin_lock(&v->lock);
	for (uint32_t n = 0; n < v->vcpu_count; n++) {
		bool named = n >= first && n - first < 16 && (sgi1r & SGI1R_TARGETS & BIT64(n - first)) != 0;

		if (others ? n != from : named) {
			sgi_to(v, n, intid);
		}
	}
	spin_unlock(&v->lock);
}

void vgic_deactivate(struct vgic *v, uint32_t vcpu, uint32_t intid)
{
	struct vgic_irq *irq;

	if (intid >= VGIC_INTID_COUNT || vcpu >= v->vcpu_count) {
		return;
	}
	spin_lock(&v->lock);
	irq = vgic_irq_at(v, vcpu, intid);
	if (irq->lr_on != VGIC_NONE) {
		irq->lr_active_write = LR_ACTIVE_CLEAR;
		vgic_kick(v, irq->lr_on);
	} else if (irq->active) {
		vgic_irq_deactivate(v, vcpu, intid, irq);
	}
	spin_unlock(&v->lock);
}

bool vgic_hw_active(struct vgic *v, uint32_t *cursor, struct vgic_hw *out)
{
	uint32_t end = v->vcpu_count * VGIC_PRIVATE_COUNT + VGIC_SPI_COUNT;
	bool found = false;

	spin_lock(&v->lock);
	for (; *cursor < end && !found; (*cursor)++) {
		bool private = *cursor < v->vcpu_count * VGIC_PRIVATE_COUNT;
		uint32_t bank = private ? *cursor / VGIC_PRIVATE_COUNT : VGIC_NONE;
		uint32_t intid = private ? *cursor % VGIC_PRIVATE_COUNT
					 : *cursor - v->vcpu_count * VGIC_PRIVATE_COUNT + VGIC_PRIVATE_COUNT;
		const struct vgic_irq *irq = vgic_irq_at(v, bank, intid);

		if (irq->held) {
			*out = (struct vgic_hw){ intid, irq->pintid, bank };
			found = true;
		}
	}
	spin_unlock(&v->lock);
	return found;
}
