/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A vCPU: pinned to one core, which does nothing else. vcpu_run() moves between two places: the guest, and *parked*, with
 * all registers in struct vcpu and the core in WFI at EL2.
 */
#ifndef CORE_VM_VCPU_H
#define CORE_VM_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/aarch64/vcpu_regs.h"
#include "core/vm/vgic.h"

struct vm_slot;

struct vcpu {
	struct vm_slot *vm;
	uint32_t index; /* in its VM; affinity 0.0.0.index */
	uint32_t core;
	struct arch_vcpu arch; /* valid while parked; its frame always */
	struct vgic_lrs lrs;
	uint32_t parked; /* atomic: registers saved, not in the guest and not on the way there */
	uint32_t halted; /* atomic: in WFI */
	bool loaded;	 /* the core's own business */
	uint64_t exit_count;
};

/** Before its core is started. The vCPU is parked, with reset registers. */
void vcpu_init(struct vcpu *v, struct vm_slot *vm, uint32_t index, uint32_t core);
/** What the vCPU's core does for ever. */
_Noreturn void vcpu_run(struct vcpu *v);
bool vcpu_is_parked(const struct vcpu *v);

#endif
