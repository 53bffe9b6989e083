/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What a guest has of self-hosted debug (Arm ARM D2): software step, two breakpoints and two watchpoints, for EL1 and EL0. Its
 * accesses trap and are written through, so that the record in memory is always what holds.
 */
#ifndef ARCH_AARCH64_DEBUG_H
#define ARCH_AARCH64_DEBUG_H

#include <stdint.h>

#include "arch/aarch64/vcpu_regs.h"

/** The place of S2_0_C0_C<crm>_<op2> in a vCPU's registers, or SR_COUNT: not one that guests have. */
enum arch_sysreg debug_reg_at(uint32_t crm, uint32_t op2);
/** What a guest's write leaves in it. */
uint64_t debug_value(enum arch_sysreg sr, uint64_t value);
/** This core's registers as the guest's are. */
void debug_load(const struct arch_vcpu *v);
/** No debug exception on this core; the OS lock is open. */
void debug_off(void);

#endif
