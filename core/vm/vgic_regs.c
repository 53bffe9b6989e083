/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Distributor and redistributor registers. IHI 0069, 12.8 to 12.11. */
#include "core/vm/vgic_internal.h"

#include "core/base/assert.h"
#include "core/vm/mmio.h"

#define GICD_CTLR	    0x0000u
#define GICD_TYPER	    0x0004u
#define GICD_IIDR	    0x0008u
#define GICD_IROUTER	    0x6000u
#define GICD_IROUTER_END    (GICD_IROUTER + 8u * VGIC_INTID_COUNT)
#define GIC_ID_REGS	    0xffd0u
#define GIC_ID_REGS_END	    0x10000u

#define GICD_TYPER_LINES    MASK32(4, 0)
#define GICD_TYPER_IDBITS   MASK32(23, 19)
#define GICD_TYPER_A3V	    BIT32(24)
#define GICD_TYPER_NO1N	    BIT32(25)
#define GIC_IIDR	    0x0000043bu /* Arm */

#define GICR_CTLR	    0x0000u
#define GICR_IIDR	    0x0004u
#define GICR_TYPER	    0x0008u
#define GICR_TYPER_HIGH	    0x000cu
#define GICR_WAKER	    0x0014u
#define GICR_SGI_FRAME	    0x10000u

#define GICR_CTLR_RWP	    BIT32(3)
#define GICR_TYPER_LAST	    BIT64(4)
#define GICR_TYPER_PROCNUM  MASK64(23, 8)
#define GICR_TYPER_AFF0	    MASK64(39, 32)
#define GICR_WAKER_SLEEP    BIT32(1)
#define GICR_WAKER_CHILDREN BIT32(2)

#define IROUTER_AFFINITY    (MASK64(39, 32) | MASK64(23, 0))

/* Registers with a field for each interrupt; the same offsets in the distributor and the SGI frame. */
enum field {
	FIELD_GROUP,
	FIELD_ENABLE_SET,
	FIELD_ENABLE_CLEAR,
	FIELD_PENDING_SET,
	FIELD_PENDING_CLEAR,
	FIELD_ACTIVE_SET,
	FIELD_ACTIVE_CLEAR,
	FIELD_PRIORITY,
	FIELD_CONFIG,
};

struct field_range {
	uint16_t begin, end;
	uint8_t bits; /* per interrupt */
	uint8_t field;
};

static const struct field_range field_ranges[] = {
	{ 0x0080, 0x0100, 1, FIELD_GROUP },	    /* IGROUPR */
	{ 0x0100, 0x0180, 1, FIELD_ENABLE_SET },    /* ISENABLER */
	{ 0x0180, 0x0200, 1, FIELD_ENABLE_CLEAR },  /* ICENABLER */
	{ 0x0200, 0x0280, 1, FIELD_PENDING_SET },   /* ISPENDR */
	{ 0x0280, 0x0300, 1, FIELD_PENDING_CLEAR }, /* ICPENDR */
	{ 0x0300, 0x0380, 1, FIELD_ACTIVE_SET },    /* ISACTIVER */
	{ 0x0380, 0x0400, 1, FIELD_ACTIVE_CLEAR },  /* ICACTIVER */
	{ 0x0400, 0x0800, 8, FIELD_PRIORITY },	    /* IPRIORITYR */
	{ 0x0c00, 0x0d00, 2, FIELD_CONFIG },	    /* ICFGR */
};

/* PIDR4..7, PIDR0..3, CIDR0..3: a GICv3 by Arm, as QEMU's. */
static const uint8_t id_regs[] = { 0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1 };

static const struct field_range *field_range_at(uint32_t offset)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(field_ranges); i++) {
		if (offset >= field_ranges[i].begin && offset < field_ranges[i].end) {
			return &field_ranges[i];
		}
	}
	return NULL;
}

static uint32_t field_get(struct vgic *v, const struct vgic_irq *irq, enum field field)
{
	switch (field) {
	case FIELD_GROUP:
		return irq->group1;
	case FIELD_ENABLE_SET:
	case FIELD_ENABLE_CLEAR:
		return irq->enabled;
	case FIELD_PENDING_SET:
	case FIELD_PENDING_CLEAR:
	case FIELD_ACTIVE_SET:
	case FIELD_ACTIVE_CLEAR:
		/* What a list register holds is known as of its flush: make it exit, so that a poll ends. */
		if (irq->lr_on != VGIC_NONE) {
			vgic_kick(v, irq->lr_on);
		}
		return field <= FIELD_PENDING_CLEAR ? vgic_irq_pending(irq) || irq->lr_latch : irq->active;
	case FIELD_PRIORITY:
		return irq->priority;
	case FIELD_CONFIG:
		return irq->edge ? 2u : 0u;
	}
	return 0;
}

static void active_write(struct vgic *v, uint32_t bank, uint32_t intid, struct vgic_irq *irq, bool active)
{
	if (irq->lr_on != VGIC_NONE) {
		irq->lr_active_write = active ? LR_ACTIVE_SET : LR_ACTIVE_CLEAR;
		vgic_stale(v, irq->lr_on);
	} else if (!active && irq->active) {
		vgic_irq_deactivate(v, bank, intid, irq);
	} else if (active && !irq->active) {
		uint8_t on = intid < VGIC_PRIVATE_COUNT ? (uint8_t)bank : irq->route;

		irq->active = true;
		irq->active_on = on == VGIC_NONE ? 0 : on;
	}
}

/* One interrupt's field. For the set and clear registers value is 1: zeros are skipped by the caller. */
static void field_set(struct vgic *v, uint32_t bank, uint32_t intid, enum field field, uint32_t value)
{
	struct vgic_irq *irq = vgic_irq_at(v, bank, intid);

	switch (field) {
	case FIELD_GROUP:
		irq->group1 = value != 0;
		break;
	case FIELD_ENABLE_SET:
		irq->enabled = true;
		break;
	case FIELD_ENABLE_CLEAR:
		irq->enabled = false;
		if (irq->lr_on != VGIC_NONE) {
			vgic_stale(v, irq->lr_on);
		}
		break;
	case FIELD_PENDING_SET:
		irq->latch = true;
		break;
	case FIELD_PENDING_CLEAR:
		irq->latch = false;
		irq->lr_latch = false;
		vgic_irq_release(v, bank, irq);
		break;
	case FIELD_ACTIVE_SET:
	case FIELD_ACTIVE_CLEAR:
		active_write(v, bank, intid, irq, field == FIELD_ACTIVE_SET);
		break;
	case FIELD_PRIORITY:
		irq->priority = (uint8_t)(value & VGIC_PRIORITY_MASK);
		break;
	case FIELD_CONFIG:
		if (intid >= VGIC_SGI_COUNT) {
			irq->edge = (value & 2u) != 0;
		}
		break;
	}
	vgic_irq_changed(v, bank, intid, irq);
}

static bool field_is_flag(enum field field)
{
	return field >= FIELD_ENABLE_SET && field <= FIELD_ACTIVE_CLEAR;
}

/* Walks the interrupts of one access: those in [first, end) exist here, others are RAZ/WI. */
static uint64_t fields_read(struct vgic *v, uint32_t bank, const struct field_range *fr, uint32_t offset,
	uint32_t size_bytes, uint32_t first, uint32_t end)
{
	uint32_t intid = (offset - fr->begin) * 8u / fr->bits;
	uint64_t value = 0;

	for (uint32_t bit = 0; bit < size_bytes * 8u; bit += fr->bits, intid++) {
		if (intid >= first && intid < end) {
			value |= (uint64_t)field_get(v, vgic_irq_at(v, bank, intid), (enum field)fr->field) << bit;
		}
	}
	return value;
}

static void fields_write(struct vgic *v, uint32_t bank, const struct field_range *fr, uint32_t offset,
	uint32_t size_bytes, uint64_t value, uint32_t first, uint32_t end)
{
	uint32_t intid = (offset - fr->begin) * 8u / fr->bits;

	for (uint32_t bit = 0; bit < size_bytes * 8u; bit += fr->bits, intid++) {
		uint32_t one = (uint32_t)(value >> bit) & (BIT32(fr->bits) - 1u);

		if (intid >= first && intid < end && (one != 0 || !field_is_flag((enum field)fr->field))) {
			field_set(v, bank, intid, (enum field)fr->field, one);
		}
	}
}

/* Words are aligned words; priorities also go by bytes. */
static bool access_valid(uint64_t offset, uint32_t size_bytes)
{
	if (size_bytes == 1) {
		return (offset & 0xffffu) >= 0x400u && (offset & 0xffffu) < 0x800u;
	}
	return size_bytes == 4 && (offset & 3u) == 0;
}

static uint32_t id_reg_read(uint32_t offset)
{
	return id_regs[(offset - GIC_ID_REGS) / 4];
}

/* ---- distributor ---- */

static uint32_t dist_ctlr(const struct vgic *v)
{
	uint32_t value = v->ctlr | GICD_CTLR_ARE | GICD_CTLR_DS;

	for (uint32_t n = 0; n < v->vcpu_count; n++) {
		if (v->vcpu[n].stale) {
			value |= GICD_CTLR_RWP;
		}
	}
	return value;
}

static void dist_ctlr_write(struct vgic *v, uint32_t value)
{
	uint32_t old = v->ctlr;

	v->ctlr = value & (GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1);
	for (uint32_t n = 0; n < v->vcpu_count; n++) {
		if ((old & ~v->ctlr) != 0) {
			vgic_stale(v, n);
		}
		if (old != v->ctlr) {
			vgic_kick(v, n);
		}
	}
}

static void irouter_write(struct vgic *v, uint32_t intid, uint64_t value)
{
	struct vgic_irq *irq = vgic_irq_at(v, 0, intid);

	irq->irouter = value & IROUTER_AFFINITY;
	irq->route = vgic_route_of(v, irq->irouter);
	vgic_irq_changed(v, VGIC_NONE, intid, irq);
}

/* IROUTER: 8 bytes, or either half. *shift is where the access lies. */
static bool irouter_at(uint32_t offset, uint32_t size_bytes, uint32_t *intid, uint32_t *shift)
{
	if (offset < GICD_IROUTER + 8u * VGIC_PRIVATE_COUNT || offset >= GICD_IROUTER_END ||
		(size_bytes != 4 && size_bytes != 8) || (offset & (size_bytes - 1u)) != 0) {
		return false;
	}
	*intid = (offset - GICD_IROUTER) / 8u;
	*shift = (offset & 4u) * 8u;
	return true;
}

static uint32_t dist_read(struct vgic *v, uint32_t offset, uint32_t size_bytes)
{
	const struct field_range *fr = field_range_at(offset);

	if (fr != NULL) {
		return (uint32_t)fields_read(v, 0, fr, offset, size_bytes, VGIC_PRIVATE_COUNT, VGIC_INTID_COUNT);
	}
	if (offset >= GIC_ID_REGS) {
		return id_reg_read(offset);
	}
	switch (offset) {
	case GICD_CTLR:
		return dist_ctlr(v);
	case GICD_TYPER:
		return FIELD_PREP(GICD_TYPER_LINES, VGIC_INTID_COUNT / 32u - 1u) | FIELD_PREP(GICD_TYPER_IDBITS, 9u) |
		       GICD_TYPER_A3V | GICD_TYPER_NO1N;
	case GICD_IIDR:
		return GIC_IIDR;
	default:
		return 0;
	}
}

static enum err vgic_dist_read(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t *value)
{
	struct vgic *v = ctx;
	uint32_t intid, shift;
	bool router = irouter_at((uint32_t)offset, size_bytes, &intid, &shift);

	(void)vcpu;
	if (!router && !access_valid(offset, size_bytes)) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&v->lock);
	*value = router ? vgic_irq_at(v, 0, intid)->irouter >> shift : dist_read(v, (uint32_t)offset, size_bytes);
	spin_unlock(&v->lock);
	return ERR_OK;
}

static enum err vgic_dist_write(void *ctx, uint32_t vcpu, uint64_t offset64, uint32_t size_bytes, uint64_t value)
{
	struct vgic *v = ctx;
	uint32_t offset = (uint32_t)offset64, intid, shift;
	bool router = irouter_at(offset, size_bytes, &intid, &shift);
	const struct field_range *fr = field_range_at(offset);

	(void)vcpu;
	if (!router && !access_valid(offset, size_bytes)) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&v->lock);
	if (router) {
		uint64_t mask = (size_bytes == 8 ? UINT64_MAX : UINT32_MAX) << shift;
		uint64_t old = vgic_irq_at(v, 0, intid)->irouter;

		irouter_write(v, intid, (old & ~mask) | ((value << shift) & mask));
	} else if (fr != NULL) {
		fields_write(v, 0, fr, offset, size_bytes, value, VGIC_PRIVATE_COUNT, VGIC_INTID_COUNT);
	} else if (offset == GICD_CTLR) {
		dist_ctlr_write(v, (uint32_t)value);
	}
	spin_unlock(&v->lock);
	return ERR_OK;
}

/* ---- redistributors ---- */

static uint64_t redist_typer(const struct vgic *v, uint32_t n)
{
	return FIELD_PREP(GICR_TYPER_AFF0, n) | FIELD_PREP(GICR_TYPER_PROCNUM, n) |
	       (n + 1 == v->vcpu_count ? GICR_TYPER_LAST : 0);
}

static uint32_t redist_rd_read(const struct vgic *v, uint32_t n, uint32_t offset)
{
	if (offset >= GIC_ID_REGS) {
		return id_reg_read(offset);
	}
	switch (offset) {
	case GICR_CTLR:
		return v->vcpu[n].stale ? GICR_CTLR_RWP : 0;
	case GICR_IIDR:
		return GIC_IIDR;
	case GICR_TYPER:
		return (uint32_t)redist_typer(v, n);
	case GICR_TYPER_HIGH:
		return (uint32_t)(redist_typer(v, n) >> 32);
	case GICR_WAKER:
		return v->vcpu[n].asleep ? GICR_WAKER_SLEEP | GICR_WAKER_CHILDREN : 0;
	default:
		return 0;
	}
}

static void waker_write(struct vgic *v, uint32_t n, uint32_t value)
{
	v->vcpu[n].asleep = (value & GICR_WAKER_SLEEP) != 0;
	vgic_kick(v, n);
}

static enum err vgic_redist_read(void *ctx, uint32_t vcpu, uint64_t offset64, uint32_t size_bytes, uint64_t *value)
{
	struct vgic *v = ctx;
	uint32_t n = (uint32_t)(offset64 / VGIC_REDIST_BYTES);
	uint32_t offset = (uint32_t)(offset64 % VGIC_REDIST_BYTES);
	const struct field_range *fr;

	(void)vcpu;
	if (size_bytes == 8 && offset == GICR_TYPER) {
		*value = redist_typer(v, n);
		return ERR_OK;
	}
	if (!access_valid(offset, size_bytes) || (size_bytes == 1 && offset < GICR_SGI_FRAME)) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&v->lock);
	if (offset < GICR_SGI_FRAME) {
		*value = redist_rd_read(v, n, offset);
	} else {
		offset -= GICR_SGI_FRAME;
		fr = field_range_at(offset);
		*value = fr == NULL ? 0 : fields_read(v, n, fr, offset, size_bytes, 0, VGIC_PRIVATE_COUNT);
	}
	spin_unlock(&v->lock);
	return ERR_OK;
}

static enum err vgic_redist_write(void *ctx, uint32_t vcpu, uint64_t offset64, uint32_t size_bytes, uint64_t value)
{
	struct vgic *v = ctx;
	uint32_t n = (uint32_t)(offset64 / VGIC_REDIST_BYTES);
	uint32_t offset = (uint32_t)(offset64 % VGIC_REDIST_BYTES);
	const struct field_range *fr;

	(void)vcpu;
	if (!access_valid(offset, size_bytes) || (size_bytes == 1 && offset < GICR_SGI_FRAME)) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&v->lock);
	if (offset == GICR_WAKER) {
		waker_write(v, n, (uint32_t)value);
	} else if (offset >= GICR_SGI_FRAME) {
		offset -= GICR_SGI_FRAME;
		fr = field_range_at(offset);
		if (fr != NULL) {
			fields_write(v, n, fr, offset, size_bytes, value, 0, VGIC_PRIVATE_COUNT);
		}
	}
	spin_unlock(&v->lock);
	return ERR_OK;
}

enum err vgic_map(struct vgic *v, struct mmio_space *s)
{
	enum err err = mmio_add(s, VGIC_DIST_BASE, VGIC_DIST_BYTES, vgic_dist_read, vgic_dist_write, v);

	if (err != ERR_OK) {
		return err;
	}
	return mmio_add(s, VGIC_REDIST_BASE, VGIC_REDIST_BYTES * v->vcpu_count, vgic_redist_read, vgic_redist_write, v);
}
