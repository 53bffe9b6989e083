/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * PSCI 1.1 (DEN 0022) and SMCCC 1.1 (DEN 0028) as the guest sees them: a pure state machine of
 * vCPU power states. It computes the result and says what the caller has to do.
 */
#ifndef CORE_VM_VPSCI_H
#define CORE_VM_VPSCI_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/spinlock.h"

#define VPSCI_STATE_VERSION 1u

enum vpsci_power { /* PSCI AFFINITY_INFO numbers */
	VPSCI_ON = 0,
	VPSCI_OFF = 1,
	VPSCI_ON_PENDING = 2,
};

enum vpsci_do {
	VPSCI_NOTHING = 0, /* go on after the call with x[] */
	VPSCI_WAIT,	   /* CPU_SUSPEND: as WFI, then go on with x[] */
	VPSCI_START, /* kick vCPU target: it resets, takes entry and context with vpsci_starting(); go on with x[] */
	VPSCI_STOP,  /* this vCPU is off: park it, do not go on */
	VPSCI_SYSTEM_OFF,   /* the VM is off */
	VPSCI_SYSTEM_RESET, /* the VM asks to be reset */
};

struct vpsci_action {
	enum vpsci_do what;
	uint32_t target;  /* START */
	uint64_t entry;	  /* START: PC, IPA */
	uint64_t context; /* START: X0 */
};

struct vpsci_vcpu {
	enum vpsci_power power;
	uint64_t entry, context; /* ON_PENDING */
};

struct vpsci {
	struct spinlock lock;
	uint32_t vcpu_count;
	uint64_t ram_base, ram_bytes; /* where an entry address may lie */
	struct vpsci_vcpu vcpu[VCPU_COUNT_MAX];
};

/** vCPU 0 on, the others off. */
void vpsci_init(struct vpsci *p, uint32_t vcpu_count, uint64_t ram_base, uint64_t ram_bytes);
void vpsci_reset(struct vpsci *p);

/**
 * HVC #0 or SMC #0 of vCPU vcpu with x[] = X0..X3. x[0] (for SMCCC also x[1..3]) is the result;
 * an unknown function gives -1 and does nothing.
 */
void vpsci_call(struct vpsci *p, uint32_t vcpu, uint64_t x[4], struct vpsci_action *out);

/** On the core of vCPU vcpu: ON_PENDING becomes ON; false (nothing changed) in any other state. */
bool vpsci_starting(struct vpsci *p, uint32_t vcpu, uint64_t *entry, uint64_t *context);
enum vpsci_power vpsci_power(struct vpsci *p, uint32_t vcpu);

void vpsci_save(struct vpsci *p, struct writer *w);
/** Checks the whole record, then takes it. reason: REASON_BYTES. On error nothing has changed. */
MUST_CHECK enum err vpsci_load(struct vpsci *p, struct reader *r, char *reason);

#endif
