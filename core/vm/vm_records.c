/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/bits.h"
#include "core/base/cursor.h"
#include "core/base/fmt.h"
#include "core/vm/vcpu_check.h"
#include "core/vm/vm.h"
#include "core/vm/vm_records.h"

/* The records that a VM has once, after its vCPUs. */
static const struct {
	enum vm_record_type type;
	uint32_t version;
	const char *name;
} machine[] = {
	{ VM_RECORD_GIC, VGIC_STATE_VERSION, "interrupt controller" },
	{ VM_RECORD_UART, VPL011_STATE_VERSION, "UART" },
	{ VM_RECORD_CLOCK, VM_CLOCK_VERSION, "clock" },
	{ VM_RECORD_PSCI, VPSCI_STATE_VERSION, "PSCI" },
	{ VM_RECORD_PCI, VPCI_STATE_VERSION, "PCI" },
	{ VM_RECORD_RTC, VPL031_STATE_VERSION, "real-time clock" },
};

uint32_t vm_records_count(const struct vm_slot *vm)
{
	return vm->cfg.vcpu_count + (uint32_t)ARRAY_SIZE(machine);
}

void vm_records_info(const struct vm_slot *vm, uint32_t index, struct vm_record_id *out)
{
	if (index < vm->cfg.vcpu_count) {
		*out = (struct vm_record_id){ VM_RECORD_VCPU, (uint16_t)index, VM_VCPU_VERSION };
		return;
	}
	index -= vm->cfg.vcpu_count;
	index = MIN(index, (uint32_t)ARRAY_SIZE(machine) - 1);
	*out = (struct vm_record_id){ (uint16_t)machine[index].type, 0, machine[index].version };
}

/* ---- vCPU: le64 x[31], pc, pstate; le32 count of system registers; le64 each; v[32] of 16 bytes; le64 fpcr, fpsr ---- */

static void vcpu_save(const struct arch_vcpu *a, struct writer *w)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(a->frame.x); i++) {
		write_le64(w, a->frame.x[i]);
	}
	write_le64(w, a->frame.pc);
	write_le64(w, a->frame.pstate);
	write_le32(w, SR_COUNT);
	for (uint32_t i = 0; i < SR_COUNT; i++) {
		write_le64(w, a->sys[i]);
	}
	write_bytes(w, &a->fp.v[0][0], sizeof(a->fp.v));
	write_le64(w, a->fp.fpcr);
	write_le64(w, a->fp.fpsr);
}

static enum err refuse(char *reason, const char *record, const char *what, uint64_t value, enum err err)
{
	(void)fmt(reason, REASON_BYTES, "%s record: %s is %llu", record, what, (unsigned long long)value);
	return err;
}

static enum err vcpu_load(struct vcpu *v, struct reader *r, char *reason)
{
	struct arch_vcpu a = { 0 };
	uint32_t count;
	enum err err;

	for (uint32_t i = 0; i < ARRAY_SIZE(a.frame.x); i++) {
		a.frame.x[i] = read_le64(r);
	}
	a.frame.pc = read_le64(r);
	a.frame.pstate = read_le64(r);
	count = read_le32(r);
	if (!r->failed && count != SR_COUNT) {
		return refuse(reason, "vCPU", "count of system registers", count, ERR_BAD_RECORD);
	}
	for (uint32_t i = 0; i < SR_COUNT; i++) {
		a.sys[i] = read_le64(r);
	}
	read_copy(r, &a.fp.v[0][0], sizeof(a.fp.v));
	a.fp.fpcr = read_le64(r);
	a.fp.fpsr = read_le64(r);
	if (r->failed || r->left_bytes != 0) {
		return refuse(reason, "vCPU", "bytes left over or (0) too few", r->left_bytes, ERR_BAD_RECORD);
	}
	err = vcpu_check(&a, reason);
	if (err == ERR_OK) {
		v->arch = a;
	}
	return err;
}

/* ---- clock: le64 CNTFRQ in Hz, le64 virtual counter at the stop ---- */

static void clock_save(const struct vm_slot *vm, struct writer *w)
{
	write_le64(w, arch_counter_hz());
	write_le64(w, vm->counter);
}

static enum err clock_load(struct vm_slot *vm, struct reader *r, char *reason)
{
	uint64_t hz = read_le64(r);
	uint64_t counter = read_le64(r);

	if (r->failed || r->left_bytes != 0) {
		return refuse(reason, "clock", "bytes left over or (0) too few", r->left_bytes, ERR_BAD_RECORD);
	}
	if (hz != arch_counter_hz()) {
		return refuse(reason, "clock", "timer frequency in Hz", hz, ERR_RANGE);
	}
	vm->counter = counter;
	vm->counter_add = 0;
	vm->counter_stopped = true;
	return ERR_OK;
}

/* ---- all ---- */

enum err vm_records_save(struct vm_slot *vm, uint32_t index, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct writer w = writer_over(out, cap_bytes);
	struct vm_record_id id;
	enum err err = ERR_OK;

	if (!vm_is_stopped(vm) || !vm->counter_stopped) {
		return ERR_BAD_STATE;
	}
	if (index >= vm_records_count(vm)) {
		return ERR_RANGE;
	}
	vm_records_info(vm, index, &id);
	switch (id.type) {
	case VM_RECORD_VCPU:
		vcpu_save(&vm->vcpu[id.instance].arch, &w);
		break;
	case VM_RECORD_GIC:
		err = vgic_save(&vm->vgic, &w);
		break;
	case VM_RECORD_UART:
		vpl011_save(&vm->uart, &w);
		break;
	case VM_RECORD_CLOCK:
		clock_save(vm, &w);
		break;
	case VM_RECORD_PSCI:
		vpsci_save(&vm->vpsci, &w);
		break;
	case VM_RECORD_RTC:
		vpl031_save(&vm->rtc, &w);
		break;
	default:
		vpci_save(&vm->pci, &w);
		break;
	}
	if (err != ERR_OK) {
		return err;
	}
	if (w.failed) {
		return ERR_FULL;
	}
	*len_bytes = w.len_bytes;
	return ERR_OK;
}

/** Index of a record that we take, or ERR_UNSUPPORTED, ERR_RANGE by name. */
static enum err index_of(const struct vm_slot *vm, const struct vm_record_id *id, uint32_t *index, char *reason)
{
	for (uint32_t i = 0; i < vm_records_count(vm); i++) {
		struct vm_record_id ours;

		vm_records_info(vm, i, &ours);
		if (ours.type == id->type && ours.instance == id->instance) {
			if (ours.version != id->version) {
				(void)fmt(reason, REASON_BYTES, "VM record type %u: version %u, this host takes %u",
					id->type, id->version, ours.version);
				return ERR_UNSUPPORTED;
			}
			*index = i;
			return ERR_OK;
		}
	}
	(void)fmt(
		reason, REASON_BYTES, "VM record type %u instance %u is not one of this VM's", id->type, id->instance);
	return id->type == VM_RECORD_VCPU ? ERR_RANGE : ERR_UNSUPPORTED;
}

enum err vm_records_load(
	struct vm_slot *vm, const struct vm_record_id *id, const uint8_t *bytes, size_t len_bytes, char *reason)
{
	struct reader r = reader_over(bytes, len_bytes);
	uint32_t index = 0;
	enum err err = index_of(vm, id, &index, reason);

	if (err != ERR_OK) {
		return err;
	}
	if (!vm_is_stopped(vm)) {
		(void)fmt(reason, REASON_BYTES, "VM record type %u: the VM is not stopped", id->type);
		return ERR_BAD_STATE;
	}
	if ((vm->records_loaded >> index & 1u) != 0) {
		(void)fmt(reason, REASON_BYTES, "VM record type %u instance %u came twice", id->type, id->instance);
		return ERR_BAD_RECORD;
	}
	switch (id->type) {
	case VM_RECORD_VCPU:
		err = vcpu_load(&vm->vcpu[id->instance], &r, reason);
		break;
	case VM_RECORD_GIC:
		err = vgic_load(&vm->vgic, &r, reason);
		if (err == ERR_OK) {
			vm_hw_active_sync(vm);
		}
		break;
	case VM_RECORD_UART:
		err = vpl011_load(&vm->uart, &r, reason);
		break;
	case VM_RECORD_CLOCK:
		err = clock_load(vm, &r, reason);
		break;
	case VM_RECORD_PSCI:
		err = vpsci_load(&vm->vpsci, &r, reason);
		break;
	case VM_RECORD_RTC:
		err = vpl031_load(&vm->rtc, &r, reason);
		break;
	default:
		err = vpci_load(&vm->pci, &r, reason);
		break;
	}
	if (err == ERR_OK) {
		vm->records_loaded |= BIT32(index);
	}
	return err;
}

enum err vm_records_complete(struct vm_slot *vm, char *reason)
{
	for (uint32_t i = 0; i < vm_records_count(vm); i++) {
		if ((vm->records_loaded >> i & 1u) == 0) {
			if (i < vm->cfg.vcpu_count) {
				(void)fmt(reason, REASON_BYTES, "no record of vCPU %u", i);
			} else {
				(void)fmt(reason, REASON_BYTES, "no %s record", machine[i - vm->cfg.vcpu_count].name);
			}
			return ERR_MISMATCH;
		}
	}
	/* A later load begins anew. */
	vm->records_loaded = 0;
	__atomic_store_n(&vm->state, (uint32_t)VM_PAUSED, __ATOMIC_RELEASE);
	return ERR_OK;
}
