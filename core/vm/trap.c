/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/bits.h"
#include "core/vm/arch.h"
#include "core/vm/console.h"
#include "core/vm/trap.h"
#include "core/vm/vm.h"

#define ESR_EC		      MASK64(31, 26)
#define ESR_IMM16	      MASK64(15, 0)
#define EC_WFX		      0x01u
#define EC_HVC64	      0x16u
#define EC_SMC64	      0x17u
#define EC_SYSREG	      0x18u
#define EC_IABT		      0x20u
#define EC_DABT		      0x24u

/* ISS of a data abort: Arm ARM D24.2.40. */
#define ISS_ISV		      BIT64(24)
#define ISS_SAS		      MASK64(23, 22)
#define ISS_SSE		      BIT64(21)
#define ISS_SRT		      MASK64(20, 16)
#define ISS_SF		      BIT64(15)
#define ISS_CM		      BIT64(8)
#define ISS_S1PTW	      BIT64(7)
#define ISS_WNR		      BIT64(6)
#define ISS_DFSC	      MASK64(5, 0)
#define ISS_DFSC_KIND	      MASK64(5, 2)
#define DFSC_KIND_TRANSLATION 1u
#define DFSC_KIND_PERMISSION  3u
#define DFSC_TLB_CONFLICT     0x30u

#define ISS_WFX_TI	      BIT64(0) /* 0: WFI */

#define PSTATE_BTYPE	      MASK64(11, 10)
#define PSTATE_SS	      BIT64(21)
#define PSCI_NOT_SUPPORTED    UINT64_MAX
#define RT_ZERO		      31u
#define INSTRUCTION_BYTES     4u
#define INTID_MASK	      0xFFFFFFu

/** The trapped instruction is done. */
static void skip(struct vcpu *v)
{
	v->arch.frame.pc += INSTRUCTION_BYTES;
	v->arch.frame.pstate &= ~(PSTATE_BTYPE | PSTATE_SS);
}

/* ---- memory ---- */

static uint64_t extend(uint64_t value, uint32_t bytes, uint64_t esr)
{
	if ((esr & ISS_SSE) != 0 && bytes < 8 && (value >> (8 * bytes - 1) & 1u) != 0) {
		value |= UINT64_MAX << (8 * bytes);
	}
	return (esr & ISS_SF) != 0 ? value : value & UINT32_MAX;
}

static enum err device_access(struct vcpu *v, uint64_t esr, uint64_t ipa)
{
	uint32_t bytes = 1u << FIELD_GET(ISS_SAS, esr);
	uint32_t rt = (uint32_t)FIELD_GET(ISS_SRT, esr);
	uint64_t value = 0;
	enum err err;

	if ((esr & ISS_WNR) != 0) {
		value = rt == RT_ZERO ? 0 : v->arch.frame.x[rt];
		if (bytes < 8) {
			value &= BIT64(8 * bytes) - 1;
		}
		return mmio_write(&v->vm->mmio, v->index, ipa, (uint8_t)bytes, value);
	}
	err = mmio_read(&v->vm->mmio, v->index, ipa, (uint8_t)bytes, &value);
	if (err == ERR_OK && rt != RT_ZERO) {
		v->arch.frame.x[rt] = extend(value, bytes, esr);
	}
	return err;
}

/** Nothing is mapped there, for the CPU at least: a device, a gap of break-before-make, or nothing. */
static void not_mapped(struct vcpu *v, const struct arch_exit *exit, uint64_t at)
{
	uint64_t page;

	if (s2_is_mapped(&v->vm->s2, ipa(at))) {
		return; /* a block was being split or joined */
	}
	if (!vm_ram_page(v->vm, at, &page)) {
		if ((exit->esr & ISS_CM) != 0) {
			skip(v); /* cache maintenance by VA on a device: nothing is cached */
			return;
		}
		/* Without a syndrome (pairs, writeback, SIMD) there is no telling what was accessed. */
		if ((exit->esr & ISS_ISV) != 0 && (exit->esr & ISS_S1PTW) == 0 &&
			device_access(v, exit->esr, at) == ERR_OK) {
			skip(v);
			return;
		}
	}
	arch_inject_abort(&v->arch, exit->far, false);
}

static void data_abort(struct vcpu *v, const struct arch_exit *exit)
{
	uint64_t kind = FIELD_GET(ISS_DFSC_KIND, exit->esr);
	bool walk = (exit->esr & ISS_S1PTW) != 0;
	/* The hardware's update of a guest's descriptor is a write, whatever the instruction was. */
	bool write = walk ? kind == DFSC_KIND_PERMISSION : (exit->esr & ISS_WNR) != 0 && (exit->esr & ISS_CM) == 0;
	uint64_t at;

	if (FIELD_GET(ISS_DFSC, exit->esr) == DFSC_TLB_CONFLICT) {
		v->vm->s2.cfg.ops->invalidate_local(v->vm->s2.cfg.ops_ctx, 0);
		return;
	}
	if (kind != DFSC_KIND_TRANSLATION && kind != DFSC_KIND_PERMISSION) {
		arch_inject_abort(&v->arch, exit->far, false);
		return;
	}
	if (arch_fault_ipa(exit, &at) != ERR_OK) {
		return; /* the guest's tables have changed: it runs the instruction again */
	}
	if (kind == DFSC_KIND_TRANSLATION) {
		not_mapped(v, exit, at);
	} else if (!write || dirty_log_fault(&v->vm->dirty, ipa(at)) == DIRTY_FAULT_FORBIDDEN) {
		arch_inject_abort(&v->arch, exit->far, false);
	}
}

static void instruction_abort(struct vcpu *v, const struct arch_exit *exit)
{
	uint64_t kind = FIELD_GET(ISS_DFSC_KIND, exit->esr);
	bool walk = (exit->esr & ISS_S1PTW) != 0;
	uint64_t at;

	if (arch_fault_ipa(exit, &at) != ERR_OK) {
		return;
	}
	if (kind == DFSC_KIND_TRANSLATION && s2_is_mapped(&v->vm->s2, ipa(at))) {
		return;
	}
	if (kind == DFSC_KIND_PERMISSION && walk && dirty_log_fault(&v->vm->dirty, ipa(at)) == DIRTY_FAULT_RETRY) {
		return; /* the walk for a fetch set an access flag */
	}
	arch_inject_abort(&v->arch, exit->far, true);
}

/* ---- calls ---- */

/**
 * The call is made again if the guest is run before it was reset: on another host, where it may have been moved to in
 * between, or never.
 */
static enum trap_next ask_for_reset(struct vcpu *v, uint64_t function)
{
	v->arch.frame.x[0] = function;
	v->arch.frame.pc -= INSTRUCTION_BYTES;
	vm_reset_ask(v->vm);
	return TRAP_PARK;
}

static enum trap_next psci(struct vcpu *v)
{
	uint64_t function = v->arch.frame.x[0];
	struct vpsci_action action;

	vpsci_call(&v->vm->vpsci, v->index, v->arch.frame.x, &action);
	switch (action.what) {
	case VPSCI_NOTHING:
		return TRAP_GO_ON;
	case VPSCI_WAIT:
		return TRAP_WAIT;
	case VPSCI_START:
		/* ON_PENDING, entry and context are in vpsci; its core looks there when it leaves its park. */
		arch_kick(v->vm->vcpu[action.target].core);
		return TRAP_GO_ON;
	case VPSCI_STOP:
		return TRAP_PARK;
	case VPSCI_SYSTEM_OFF:
		console_line("vm %s: guest powered off", v->vm->name);
		vm_shut_down(v->vm);
		return TRAP_PARK;
	case VPSCI_SYSTEM_RESET:
		return ask_for_reset(v, function);
	}
	return TRAP_GO_ON;
}

static enum trap_next call(struct vcpu *v, uint64_t esr)
{
	if (FIELD_GET(ESR_IMM16, esr) != 0) {
		v->arch.frame.x[0] = PSCI_NOT_SUPPORTED;
		return TRAP_GO_ON;
	}
	return psci(v);
}

/* ---- system registers ---- */

static void sysreg(struct vcpu *v, uint64_t esr)
{
	uint64_t value;

	switch (arch_sysreg_access(&v->arch, esr, &value)) {
	case ARCH_SYSREG_UNDEFINED:
		arch_inject_undefined(&v->arch);
		return;
	case ARCH_SYSREG_SGI:
		vgic_sgi(&v->vm->vgic, v->index, value);
		break;
	case ARCH_SYSREG_DIR:
		vgic_deactivate(&v->vm->vgic, v->index, (uint32_t)(value & INTID_MASK));
		break;
	case ARCH_SYSREG_DONE:
		break;
	}
	skip(v);
}

static enum trap_next synchronous(struct vcpu *v, const struct arch_exit *exit)
{
	switch (FIELD_GET(ESR_EC, exit->esr)) {
	case EC_WFX:
		skip(v);
		return (exit->esr & ISS_WFX_TI) == 0 ? TRAP_WAIT : TRAP_GO_ON;
	case EC_HVC64:
		return call(v, exit->esr); /* the PC is behind it already */
	case EC_SMC64:
		skip(v);
		return call(v, exit->esr);
	case EC_SYSREG:
		sysreg(v, exit->esr);
		return TRAP_GO_ON;
	case EC_IABT:
		instruction_abort(v, exit);
		return TRAP_GO_ON;
	case EC_DABT:
		data_abort(v, exit);
		return TRAP_GO_ON;
	default:
		/* SVE, SME, pointer authentication ...: what the ID registers do not show. */
		arch_inject_undefined(&v->arch);
		return TRAP_GO_ON;
	}
}

enum trap_next trap_handle(struct vcpu *v, const struct arch_exit *exit)
{
	switch (exit->kind) {
	case ARCH_EXIT_SYNC:
		return synchronous(v, exit);
	case ARCH_EXIT_SERROR:
		vm_fail(v->vm, "SError while a vCPU ran");
		return TRAP_PARK;
	default:
		vm_fail(v->vm, "a vCPU got into AArch32 state");
		return TRAP_PARK;
	}
}
