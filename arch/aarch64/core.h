/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** A physical core: its stacks, its place, and how the others are started. TPIDR_EL2 points at it. */
#ifndef ARCH_AARCH64_CORE_H
#define ARCH_AARCH64_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/aarch64/layout.h"
#include "core/base/err.h"

struct core {
	uint64_t stack_top; /* CORE_STACK_TOP */
	uint64_t panic_top; /* CORE_PANIC_TOP */
	uint64_t mpidr;	    /* affinity fields only */
	uint32_t index;
	uint32_t online; /* 1 once the core runs C */
	void (*main)(struct core *core, void *ctx);
	void *main_ctx;
};

/** The core we are on; NULL before core_init_first(). */
struct core *core_self(void);
struct core *core_at(uint32_t index);
/** Core 0, by itself. */
void core_init_first(void);
/**
 * Start core `index` by PSCI; it turns its MMU on and calls main(core, ctx), which never returns. ERR_RANGE,
 * ERR_BAD_STATE (on already), ERR_IO (firmware says no), ERR_TIMEOUT (on, but it never came).
 */
enum err core_start(uint32_t index, uint64_t mpidr, void (*main)(struct core *core, void *ctx), void *ctx);

/**
 * A core that never runs a guest: take SErrors at once, as the host's own failure. (On a vCPU's core they stay masked at EL2
 * and are taken on entry, as that VM's.)
 */
void core_take_serrors(void);
/** Wait for an interrupt, masked as EL2 always is: the caller then polls. */
void core_wfi(void);

#endif
