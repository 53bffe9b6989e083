/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The interrupt controller's record:
 *
 *	le32 vCPU count, le32 GICD_CTLR enables
 *	each vCPU: le64 ICH_VMCR, le32 AP0R0, le32 AP1R0, le32 SRE, u8 asleep, 32 x { u8 flags, u8 priority }
 *	each SPI:  u8 flags, u8 priority, u8 active on, le64 IROUTER
 *
 * Physical interrupts are the host's own affair and not in it.
 */
#include "core/vm/vgic_internal.h"

#include "core/base/fmt.h"

#define FLAG_GROUP1	 BIT32(0)
#define FLAG_ENABLED	 BIT32(1)
#define FLAG_EDGE	 BIT32(2)
#define FLAG_LATCH	 BIT32(3)
#define FLAG_LEVEL	 BIT32(4)
#define FLAG_ACTIVE	 BIT32(5)
#define FLAGS_ALL	 MASK32(5, 0)

#define VMCR_ALL	 (MASK64(4, 0) | BIT64(9) | MASK64(23, 18) | MASK64(31, 24))
#define SRE_ALL		 7u
#define IROUTER_AFFINITY (MASK64(39, 32) | MASK64(23, 0))

static uint8_t irq_flags(const struct vgic_irq *irq)
{
	return (uint8_t)((irq->group1 ? FLAG_GROUP1 : 0) | (irq->enabled ? FLAG_ENABLED : 0) |
			 (irq->edge ? FLAG_EDGE : 0) | (irq->latch ? FLAG_LATCH : 0) | (irq->level ? FLAG_LEVEL : 0) |
			 (irq->active ? FLAG_ACTIVE : 0));
}

static void vcpu_save(const struct vgic_vcpu *c, struct writer *w)
{
	write_le64(w, c->cpu.vmcr);
	write_le32(w, c->cpu.ap0r0);
	write_le32(w, c->cpu.ap1r0);
	write_le32(w, c->cpu.sre);
	write_u8(w, c->asleep);
	for (uint32_t i = 0; i < VGIC_PRIVATE_COUNT; i++) {
		write_u8(w, irq_flags(&c->irq[i]));
		write_u8(w, c->irq[i].priority);
	}
}

enum err vgic_save(struct vgic *v, struct writer *w)
{
	enum err err = ERR_OK;

	spin_lock(&v->lock);
	for (uint32_t n = 0; n < v->vcpu_count; n++) {
		if (v->vcpu[n].in_guest) {
			err = ERR_BAD_STATE;
		}
	}
	if (err == ERR_OK) {
		write_le32(w, v->vcpu_count);
		write_le32(w, v->ctlr);
		for (uint32_t n = 0; n < v->vcpu_count; n++) {
			vcpu_save(&v->vcpu[n], w);
		}
		for (uint32_t i = 0; i < VGIC_SPI_COUNT; i++) {
			write_u8(w, irq_flags(&v->spi[i]));
			write_u8(w, v->spi[i].priority);
			write_u8(w, v->spi[i].active_on);
			write_le64(w, v->spi[i].irouter);
		}
	}
	spin_unlock(&v->lock);
	return err;
}

/* ---- load: the same walk twice, first to check, then to take ---- */

struct irq_image {
	uint8_t flags;
	uint8_t priority;
	uint8_t active_on;
	uint64_t irouter;
};

static enum err bad_value(char *reason, const char *what, uint32_t vcpu, uint32_t intid, uint64_t value)
{
	fmt(reason, REASON_BYTES, "gic: vcpu %u intid %u %s 0x%llx is not possible", vcpu, intid, what,
		(unsigned long long)value);
	return ERR_RANGE;
}

static enum err irq_check(const struct vgic *v, uint32_t bank, uint32_t intid, const struct irq_image *in, char *reason)
{
	bool sgi = intid < VGIC_SGI_COUNT;
	bool active = (in->flags & FLAG_ACTIVE) != 0;

	if ((in->flags & ~FLAGS_ALL) != 0 || (sgi && (in->flags & FLAG_EDGE) == 0) ||
		(sgi && (in->flags & FLAG_LEVEL) != 0)) {
		return bad_value(reason, "flags", bank, intid, in->flags);
	}
	if ((in->priority & ~VGIC_PRIORITY_MASK) != 0) {
		return bad_value(reason, "priority", bank, intid, in->priority);
	}
	if (active ? in->active_on >= v->vcpu_count : in->active_on != VGIC_NONE) {
		return bad_value(reason, "active vcpu", bank, intid, in->active_on);
	}
	if ((in->irouter & ~IROUTER_AFFINITY) != 0) {
		return bad_value(reason, "route", bank, intid, in->irouter);
	}
	return ERR_OK;
}

static void irq_take(struct vgic *v, uint32_t bank, uint32_t intid, const struct irq_image *in)
{
	struct vgic_irq *irq = vgic_irq_at(v, bank, intid);

	irq->group1 = (in->flags & FLAG_GROUP1) != 0;
	irq->enabled = (in->flags & FLAG_ENABLED) != 0;
	irq->edge = (in->flags & FLAG_EDGE) != 0;
	irq->latch = (in->flags & FLAG_LATCH) != 0;
	irq->level = (in->flags & FLAG_LEVEL) != 0;
	irq->active = (in->flags & FLAG_ACTIVE) != 0;
	irq->priority = in->priority;
	irq->active_on = in->active_on;
	irq->irouter = in->irouter;
	irq->route = vgic_route_of(v, in->irouter);
	vgic_irq_release(v, bank, irq);
	irq->held = irq->linked && (irq->latch || irq->active);
	vgic_irq_changed(v, bank, intid, irq);
}

static enum err cpu_check(uint32_t n, const struct vgic_cpu_regs *cpu, uint8_t asleep, char *reason)
{
	const char *what = NULL;
	uint64_t value = 0;

	if ((cpu->vmcr & ~VMCR_ALL) != 0) {
		what = "ICH_VMCR";
		value = cpu->vmcr;
	} else if ((cpu->ap0r0 & cpu->ap1r0) != 0) {
		what = "ICH_AP1R0 (also in AP0R0)";
		value = cpu->ap1r0;
	} else if (cpu->sre != SRE_ALL) {
		what = "ICC_SRE";
		value = cpu->sre;
	} else if (asleep > 1) {
		what = "WAKER";
		value = asleep;
	}
	if (what == NULL) {
		return ERR_OK;
	}
	fmt(reason, REASON_BYTES, "gic: vcpu %u %s 0x%llx is not possible", n, what, (unsigned long long)value);
	return ERR_RANGE;
}

static enum err vcpu_walk(struct vgic *v, uint32_t n, struct reader *r, bool take, char *reason)
{
	struct vgic_cpu_regs cpu = { .vmcr = read_le64(r) };
	uint8_t asleep;
	enum err err;

	cpu.ap0r0 = read_le32(r);
	cpu.ap1r0 = read_le32(r);
	cpu.sre = read_le32(r);
	asleep = read_u8(r);
	err = r->failed ? ERR_BAD_RECORD : cpu_check(n, &cpu, asleep, reason);
	if (err == ERR_OK && take) {
		v->vcpu[n].cpu = cpu;
		v->vcpu[n].asleep = asleep != 0;
	}
	for (uint32_t i = 0; i < VGIC_PRIVATE_COUNT && err == ERR_OK; i++) {
		struct irq_image in = { .flags = read_u8(r) };

		in.priority = read_u8(r);
		in.active_on = (in.flags & FLAG_ACTIVE) != 0 ? (uint8_t)n : VGIC_NONE;
		err = r->failed ? ERR_BAD_RECORD : irq_check(v, n, i, &in, reason);
		if (err == ERR_OK && take) {
			irq_take(v, n, i, &in);
		}
	}
	return err;
}

static enum err spis_walk(struct vgic *v, struct reader *r, bool take, char *reason)
{
	enum err err = ERR_OK;

	for (uint32_t i = 0; i < VGIC_SPI_COUNT && err == ERR_OK; i++) {
		struct irq_image in = { .flags = read_u8(r) };

		in.priority = read_u8(r);
		in.active_on = read_u8(r);
		in.irouter = read_le64(r);
		err = r->failed ? ERR_BAD_RECORD : irq_check(v, 0, VGIC_PRIVATE_COUNT + i, &in, reason);
		if (err == ERR_OK && take) {
			irq_take(v, 0, VGIC_PRIVATE_COUNT + i, &in);
		}
	}
	return err;
}

static enum err record_walk(struct vgic *v, struct reader r, bool take, char *reason)
{
	uint32_t count = read_le32(&r), ctlr = read_le32(&r);
	enum err err = r.failed ? ERR_BAD_RECORD : ERR_OK;

	if (err == ERR_OK && count != v->vcpu_count) {
		fmt(reason, REASON_BYTES, "gic: %u vcpus, this VM has %u", count, v->vcpu_count);
		return ERR_MISMATCH;
	}
	if (err == ERR_OK && (ctlr & ~(GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1)) != 0) {
		fmt(reason, REASON_BYTES, "gic: GICD_CTLR 0x%x is not possible", ctlr);
		return ERR_RANGE;
	}
	if (err == ERR_OK && take) {
		v->ctlr = ctlr;
	}
	for (uint32_t n = 0; n < v->vcpu_count && err == ERR_OK; n++) {
		err = vcpu_walk(v, n, &r, take, reason);
	}
	if (err == ERR_OK) {
		err = spis_walk(v, &r, take, reason);
	}
	if (err == ERR_OK && r.left_bytes != 0) {
		err = ERR_BAD_RECORD;
	}
	if (err == ERR_BAD_RECORD) {
		fmt(reason, REASON_BYTES, "gic: record %s", r.failed ? "is too short" : "has bytes left over");
	}
	return err;
}

enum err vgic_load(struct vgic *v, struct reader *r, char *reason)
{
	enum err err = ERR_OK;

	if (r->failed) {
		fmt(reason, REASON_BYTES, "gic: record is too short");
		return ERR_BAD_RECORD;
	}
	spin_lock(&v->lock);
	for (uint32_t n = 0; n < v->vcpu_count; n++) {
		if (v->vcpu[n].in_guest) {
			fmt(reason, REASON_BYTES, "gic: vcpu %u is running", n);
			err = ERR_BAD_STATE;
		}
	}
	if (err == ERR_OK) {
		err = record_walk(v, *r, false, reason);
	}
	if (err == ERR_OK) {
		err = record_walk(v, *r, true, reason);
	}
	spin_unlock(&v->lock);
	return err;
}
