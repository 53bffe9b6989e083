/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The firmware below EL2: PSCI by SMC (Arm DEN 0022). */
#ifndef ARCH_AARCH64_PSCI_H
#define ARCH_AARCH64_PSCI_H

#include <stdint.h>

#include "core/base/err.h"

/** SMCCC call with three arguments; returns X0. */
int64_t smc_call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3);

/** Start a core at a physical address with the MMU off. ERR_BAD_STATE: on already; ERR_IO: anything else. */
enum err psci_cpu_on(uint64_t mpidr, uint64_t entry_pa, uint64_t context);
_Noreturn void psci_system_off(void);

#endif
