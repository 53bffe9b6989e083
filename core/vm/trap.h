/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What a guest did that EL2 has to answer: Arm ARM D24.2.40 (ESR_EL2). */
#ifndef CORE_VM_TRAP_H
#define CORE_VM_TRAP_H

struct vcpu;
struct arch_exit;

enum trap_next {
	TRAP_GO_ON, /* enter again */
	TRAP_WAIT,  /* enter again once an interrupt is pending */
	TRAP_PARK,  /* this vCPU is off, or its VM has ended */
};

/** A synchronous exception, an SError or AArch32 state. On the vCPU's core, loaded, vGIC synced. */
enum trap_next trap_handle(struct vcpu *v, const struct arch_exit *exit);

#endif
