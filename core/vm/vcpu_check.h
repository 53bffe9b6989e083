/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What a peer may send as a vCPU's registers: nothing that EL2 would run into, and no reserved bit where we know them. */
#ifndef CORE_VM_VCPU_CHECK_H
#define CORE_VM_VCPU_CHECK_H

#include "arch/aarch64/vcpu_regs.h"
#include "core/base/err.h"

/** ERR_RANGE: reason (REASON_BYTES) names the register and its value. */
MUST_CHECK enum err vcpu_check(const struct arch_vcpu *v, char *reason);

#endif
