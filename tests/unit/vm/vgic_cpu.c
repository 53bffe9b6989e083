/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/unit/vm/vgic_cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/bits.h"

#define LR_PENDING   BIT64(62)
#define LR_ACTIVE    BIT64(63)
#define LR_STATE     (LR_PENDING | LR_ACTIVE)
#define LR_HW	     BIT64(61)
#define LR_GROUP     BIT64(60)
#define LR_EOI	     BIT64(41)
#define HCR_UIE	     BIT32(1)
#define HCR_LRENPIE  BIT32(2)
#define HCR_NPIE     BIT32(3)
#define HCR_EOICOUNT MASK32(31, 27)
#define VMCR_OPEN    (UINT64_C(0xf0) << 24 | 2u)

static uint32_t lr_priority(uint64_t lr)
{
	return (uint32_t)(lr >> 48) & 0xffu;
}

static uint32_t bank_of(uint32_t vcpu, uint32_t pintid)
{
	return pintid < 32 ? vcpu : VCPU_COUNT_MAX;
}

static void hw_deactivate(void *ctx, uint32_t vcpu, uint32_t pintid)
{
	struct world *w = ctx;

	assert_true(pintid >= 32 || vcpu < w->vgic.vcpu_count);
	w->physical_active[bank_of(vcpu, pintid)][pintid] = false;
}

void world_init(struct world *w, uint32_t vcpu_count, uint32_t lr_count)
{
	memset(w, 0, sizeof(*w));
	w->lr_count = lr_count;
	mmio_init(&w->mmio);
	vgic_init(&w->vgic, vcpu_count, hw_deactivate, w);
	assert_int_equal(vgic_map(&w->vgic, &w->mmio), ERR_OK);
}

void world_open(struct world *w)
{
	world_write(w, VGIC_DIST_BASE, 4, 2);
	for (uint32_t n = 0; n < w->vgic.vcpu_count; n++) {
		uint64_t rd = VGIC_REDIST_BASE + n * VGIC_REDIST_BYTES;

		world_write(w, rd + 0x14, 4, 0);
		world_write(w, rd + 0x10080, 4, UINT32_MAX);
		world_write(w, rd + 0x10100, 4, UINT32_MAX);
		for (uint32_t i = 0; i < 32; i += 4) {
			world_write(w, rd + 0x10400 + i, 4, 0xa0a0a0a0);
		}
		w->vgic.vcpu[n].cpu.vmcr = VMCR_OPEN;
	}
	for (uint32_t i = 32; i < VGIC_INTID_COUNT; i += 32) {
		world_write(w, VGIC_DIST_BASE + 0x80 + i / 8, 4, UINT32_MAX);
		world_write(w, VGIC_DIST_BASE + 0x100 + i / 8, 4, UINT32_MAX);
	}
	for (uint32_t i = 32; i < VGIC_INTID_COUNT; i += 4) {
		world_write(w, VGIC_DIST_BASE + 0x400 + i, 4, 0xa0a0a0a0);
	}
	(void)vgic_kicks_take(&w->vgic);
}

void guest_enter(struct world *w, uint32_t vcpu)
{
	struct vgic_lrs *l = &w->lrs[vcpu];

	assert_false(w->in_guest[vcpu]);
	l->lr_count = w->lr_count;
	vgic_flush(&w->vgic, vcpu, l);
	for (uint32_t i = 0; i < VGIC_LR_MAX; i++) {
		if (i >= w->lr_count) {
			assert_int_equal(l->lr[i], 0);
		}
		if ((l->lr[i] & LR_HW) != 0) {
			uint32_t pintid = (uint32_t)(l->lr[i] >> 32) & 0x1fffu;

			assert_true((l->lr[i] & LR_STATE) != LR_STATE);
			assert_true(w->physical_active[bank_of(vcpu, pintid)][pintid]);
		}
		for (uint32_t k = 0; k < i && l->lr[i] != 0; k++) {
			assert_true((uint32_t)l->lr[k] != (uint32_t)l->lr[i] || l->lr[k] == 0);
		}
	}
	w->in_guest[vcpu] = true;
}

void guest_exit(struct world *w, uint32_t vcpu)
{
	assert_true(w->in_guest[vcpu]);
	vgic_sync(&w->vgic, vcpu, &w->lrs[vcpu]);
	w->in_guest[vcpu] = false;
}

uint32_t guest_ack(struct world *w, uint32_t vcpu)
{
	struct vgic_lrs *l = &w->lrs[vcpu];
	uint32_t best = VGIC_LR_MAX, limit = (uint32_t)(l->cpu.vmcr >> 24) & 0xffu;
	uint32_t running = l->cpu.ap1r0 == 0 ? 0x100u : (uint32_t)__builtin_ctz(l->cpu.ap1r0) << 3;

	assert_true(w->in_guest[vcpu]);
	limit = MIN(limit, running);
	for (uint32_t i = 0; i < w->lr_count; i++) {
		if ((l->lr[i] & LR_STATE) == LR_PENDING && (l->lr[i] & LR_GROUP) != 0 &&
			lr_priority(l->lr[i]) < limit) {
			limit = lr_priority(l->lr[i]);
			best = i;
		}
	}
	if (best == VGIC_LR_MAX) {
		return SPURIOUS;
	}
	l->lr[best] = (l->lr[best] & ~LR_PENDING) | LR_ACTIVE;
	l->cpu.ap1r0 |= BIT32(lr_priority(l->lr[best]) >> 3);
	return (uint32_t)l->lr[best];
}

void guest_eoi(struct world *w, uint32_t vcpu, uint32_t intid)
{
	struct vgic_lrs *l = &w->lrs[vcpu];

	assert_true(w->in_guest[vcpu]);
	assert_true(l->cpu.ap1r0 != 0);
	l->cpu.ap1r0 &= l->cpu.ap1r0 - 1;
	for (uint32_t i = 0; i < w->lr_count; i++) {
		if ((l->lr[i] & LR_ACTIVE) != 0 && (uint32_t)l->lr[i] == intid) {
			l->lr[i] &= ~LR_ACTIVE;
			if ((l->lr[i] & LR_HW) != 0) {
				uint32_t pintid = (uint32_t)(l->lr[i] >> 32) & 0x1fffu;

				w->physical_active[bank_of(vcpu, pintid)][pintid] = false;
			}
			return;
		}
	}
	l->hcr = (l->hcr & ~HCR_EOICOUNT) | FIELD_PREP(HCR_EOICOUNT, FIELD_GET(HCR_EOICOUNT, l->hcr) + 1u);
}

bool guest_maintenance(const struct world *w, uint32_t vcpu)
{
	const struct vgic_lrs *l = &w->lrs[vcpu];
	uint32_t valid = 0, pending = 0;
	bool eoi = false;

	for (uint32_t i = 0; i < w->lr_count; i++) {
		valid += (l->lr[i] & LR_STATE) != 0;
		pending += (l->lr[i] & LR_STATE) == LR_PENDING;
		eoi |= (l->lr[i] & (LR_STATE | LR_HW)) == 0 && (l->lr[i] & LR_EOI) != 0;
	}
	return eoi || ((l->hcr & HCR_UIE) != 0 && valid <= 1) || ((l->hcr & HCR_NPIE) != 0 && pending == 0) ||
	       ((l->hcr & HCR_LRENPIE) != 0 && (l->hcr & HCR_EOICOUNT) != 0);
}

bool physical_fire(struct world *w, uint32_t vcpu, uint32_t intid, uint32_t pintid)
{
	bool *active = &w->physical_active[bank_of(vcpu, pintid)][pintid];

	if (*active) {
		return false;
	}
	*active = true;
	assert_int_equal(vgic_set_pending(&w->vgic, vcpu, intid), ERR_OK);
	return true;
}

uint64_t world_read(struct world *w, uint64_t ipa, uint8_t size_bytes)
{
	uint64_t value = 0;

	assert_int_equal(mmio_read(&w->mmio, 0, ipa, size_bytes, &value), ERR_OK);
	return value;
}

void world_write(struct world *w, uint64_t ipa, uint8_t size_bytes, uint64_t value)
{
	assert_int_equal(mmio_write(&w->mmio, 0, ipa, size_bytes, value), ERR_OK);
}
