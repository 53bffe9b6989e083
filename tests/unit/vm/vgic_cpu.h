/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What stands on both sides of the vGIC in its tests: a guest's CPU interface over list registers
 * (IHI 0069, 9.4), the maintenance interrupt, and the physical distributor behind linked interrupts.
 */
#ifndef TESTS_UNIT_VM_VGIC_CPU_H
#define TESTS_UNIT_VM_VGIC_CPU_H

#include "core/vm/mmio.h"
#include "core/vm/vgic.h"

#define SPURIOUS     1023u
#define PHYSICAL_MAX 1024u

struct world {
	struct vgic vgic;
	struct mmio_space mmio;
	struct vgic_lrs lrs[VCPU_COUNT_MAX];
	bool in_guest[VCPU_COUNT_MAX];
	bool physical_active[VCPU_COUNT_MAX + 1][PHYSICAL_MAX]; /* last bank: SPIs */
	uint32_t lr_count;
};

void world_init(struct world *w, uint32_t vcpu_count, uint32_t lr_count);
/** As a driver does: groups 1, priorities 0xa0, all enabled, PMR open, redistributors awake. */
void world_open(struct world *w);

void guest_enter(struct world *w, uint32_t vcpu);
void guest_exit(struct world *w, uint32_t vcpu);
/** ICC_IAR1: the INTID, or SPURIOUS. In the guest. */
uint32_t guest_ack(struct world *w, uint32_t vcpu);
/** ICC_EOIR1 with EOImode 0. */
void guest_eoi(struct world *w, uint32_t vcpu, uint32_t intid);
/** ICH_MISR is not 0: the guest would be left. */
bool guest_maintenance(const struct world *w, uint32_t vcpu);

/** The physical interrupt is acknowledged at EL2 and handed on. False: it is still active, so it cannot be. */
bool physical_fire(struct world *w, uint32_t vcpu, uint32_t intid, uint32_t pintid);

uint64_t world_read(struct world *w, uint64_t ipa, uint8_t size_bytes);
void world_write(struct world *w, uint64_t ipa, uint8_t size_bytes, uint64_t value);

#endif
