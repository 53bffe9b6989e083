/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The state of a stopped VM outside its RAM, as records: docs/wire-format.md. Order, by index: one per vCPU, then
 * interrupt controller, UART, clock, power states, PCI configuration space.
 */
#ifndef CORE_VM_VM_RECORDS_H
#define CORE_VM_VM_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "migration/vm.h"

struct vm_slot;

enum vm_record_type {
	VM_RECORD_VCPU = 1, /* instance: vCPU */
	VM_RECORD_GIC = 2,
	VM_RECORD_UART = 3,
	VM_RECORD_CLOCK = 4,
	VM_RECORD_PSCI = 5,
	VM_RECORD_PCI = 6,
	VM_RECORD_RTC = 7,
};

#define VM_VCPU_VERSION	 2u
#define VM_CLOCK_VERSION 1u

uint32_t vm_records_count(const struct vm_slot *vm);
void vm_records_info(const struct vm_slot *vm, uint32_t index, struct vm_record_id *out);
/** ERR_BAD_STATE: the VM is not stopped; ERR_RANGE: no such index; ERR_FULL: cap_bytes. */
MUST_CHECK enum err vm_records_save(
	struct vm_slot *vm, uint32_t index, uint8_t *out, size_t cap_bytes, size_t *len_bytes);
/** Checks the whole record, then takes it. Errors and reason as migration/vm.h. On error nothing has changed. */
MUST_CHECK enum err vm_records_load(
	struct vm_slot *vm, const struct vm_record_id *id, const uint8_t *bytes, size_t len_bytes, char *reason);
/** ERR_MISMATCH: reason names the first record that has not come. */
MUST_CHECK enum err vm_records_complete(struct vm_slot *vm, char *reason);

#endif
