/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** This core's GICv3 CPU interface, physical (ICC_*) and virtual (ICH_*). IHI 0069, chapter 12. */
#ifndef ARCH_AARCH64_GIC_CPU_H
#define ARCH_AARCH64_GIC_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define GIC_INTID_SPURIOUS  1023u
#define GIC_INTID_SPECIAL   1020u /* from here to 1023 */
#define GIC_PPI_MAINTENANCE 25u

struct vgic_lrs;

/** System register access, all priorities, drop and deactivate apart (EOImode 1). ERR_UNSUPPORTED without ICC registers. */
MUST_CHECK enum err gic_cpu_init(void);
/** Acknowledge: the INTID is active on this core; GIC_INTID_SPECIAL and above: nothing. */
uint32_t gic_cpu_ack(void);
/** Priority drop, after which others may be acknowledged. */
void gic_cpu_drop(uint32_t intid);
void gic_cpu_deactivate(uint32_t intid);
/** SGI to one core. Memory written before is seen by it. */
void gic_cpu_sgi(uint64_t mpidr, uint32_t intid);

/** List registers and pre-emption levels implemented, from ICH_VTR_EL2. */
uint32_t gic_lr_count(void);
uint32_t gic_priority_bits(void);
/** Move the virtual interface of this core from and to memory. Load ends with nothing but the ERET missing. */
void gic_virtual_load(const struct vgic_lrs *lrs);
void gic_virtual_save(struct vgic_lrs *lrs);
/** No virtual interrupts from here on (core parked). */
void gic_virtual_off(void);

#endif
