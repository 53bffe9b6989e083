/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What a CPU is to core/vm. Implemented by arch/aarch64/ and, as far as host tests need it, by
 * tests/fake/fake_arch.c.
 */
#ifndef CORE_VM_ARCH_H
#define CORE_VM_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/aarch64/vcpu_regs.h"
#include "core/base/err.h"
#include "core/vm/stage2.h"

struct vgic_lrs;
struct vm_desc;

/* ---- cores and interrupts ---- */

uint32_t arch_core_index(void);
/** Wait for an interrupt. EL2 keeps interrupts masked: the caller polls with arch_irq_ack() afterwards. */
void arch_wfi(void);
/** Make a core leave its guest or its WFI, by SGI. Memory written before is seen by it. */
void arch_kick(uint32_t core);

#define ARCH_IRQ_NONE 1020u /* and above: nothing pending */
/** Acknowledge the most urgent physical interrupt: it is active from here on. */
uint32_t arch_irq_ack(void);
/** Priority drop; it stays active. */
void arch_irq_drop(uint32_t intid);
void arch_irq_deactivate(uint32_t intid);
bool arch_irq_is_kick(uint32_t intid);

/* ---- descriptors ---- */

/** Atomic OR and AND NOT on a translation descriptor that the hardware may update at the same time; the old value. */
uint64_t arch_desc_set(uint64_t *desc, uint64_t bits);
uint64_t arch_desc_clear(uint64_t *desc, uint64_t bits);

/* ---- stage 2 ---- */

/** Identity of an address space: what VTTBR_EL2 holds. */
struct arch_space {
	uint64_t vttbr;
};
/** ctx is a struct arch_space. */
extern const struct s2_ops arch_s2_ops;
void arch_space_init(struct arch_space *space, pa_t root, uint16_t vmid);
bool arch_has_fwb(void);
bool arch_has_hafdbs(void);
bool arch_has_pauth(void);

/* ---- caches ---- */

/** Before EL2 reads what a guest may have written past the caches. Nothing to do where stage 2 forces write-back (FWB). */
void arch_page_read(const uint8_t *page, size_t len_bytes);
/** After EL2 has written what a guest may read past the caches, or execute. */
void arch_page_written(const uint8_t *page, size_t len_bytes);
/** Once, after the last arch_page_written() and before a guest runs: no core has stale instructions. */
void arch_instructions_changed(void);

/* ---- time ---- */

uint64_t arch_counter(void);
uint64_t arch_counter_hz(void);
/** The alarm of this core, EL2's own timer, rings after so many microseconds (PPI 26). */
void arch_alarm_in_us(uint64_t us);
/** The alarm of this core, EL2's own timer, is not wanted any more. */
void arch_alarm_off(void);
/** Write this core's CNTVOFF_EL2 again with the value it has: the virtual timer's condition is looked at anew. */
void arch_virtual_timer_check(uint64_t cntvoff);

/* ---- a vCPU ---- */

enum arch_exit_kind { ARCH_EXIT_SYNC, ARCH_EXIT_IRQ, ARCH_EXIT_FIQ, ARCH_EXIT_SERROR, ARCH_EXIT_AARCH32 };

struct arch_exit {
	enum arch_exit_kind kind;
	uint64_t esr, far, hpfar;
};

/** Registers as PSCI CPU_ON leaves them: EL1h, everything masked, MMU off. */
void arch_vcpu_reset(struct arch_vcpu *v, uint64_t entry, uint64_t x0);
/** This core's EL1 becomes this vCPU's: system registers, FP/SIMD, timer, traps, stage 2. */
void arch_vcpu_load(const struct arch_vcpu *v, const struct arch_space *space, uint32_t index, uint64_t cntvoff);
/** The reverse; the virtual timer is off and stage 2 is no longer this VM's afterwards. */
void arch_vcpu_save(struct arch_vcpu *v);
/** Run a loaded vCPU until it exits. */
void arch_vcpu_enter(struct arch_vcpu *v, struct arch_exit *exit);

/** IPA of a stage 2 fault; ERR_AGAIN when the guest's own tables have changed meanwhile: run it again. */
MUST_CHECK enum err arch_fault_ipa(const struct arch_exit *exit, uint64_t *ipa);
/** Give the guest an exception at EL1. The vCPU is loaded. */
void arch_inject_undefined(struct arch_vcpu *v);
void arch_inject_abort(struct arch_vcpu *v, uint64_t far, bool instruction);

/** What a trapped system register access asks for beyond itself. */
enum arch_sysreg_do { ARCH_SYSREG_DONE, ARCH_SYSREG_UNDEFINED, ARCH_SYSREG_SGI, ARCH_SYSREG_DIR };
/** Emulates one access; value is what was written for SGI and DIR. Does not move the PC. */
enum arch_sysreg_do arch_sysreg_access(struct arch_vcpu *v, uint64_t esr, uint64_t *value);

/** Virtual interface of this core. */
void arch_virq_load(const struct vgic_lrs *lrs);
void arch_virq_save(struct vgic_lrs *lrs);
void arch_virq_off(void);
uint32_t arch_virq_lr_count(void);
uint32_t arch_virq_priority_bits(void);

/** ID registers as guests see them, into id_regs[], id_reg_names[] and id_reg_count. */
void arch_id_describe(struct vm_desc *out);

#endif
