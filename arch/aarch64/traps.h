/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** EL2 control registers of a core, once, before it runs any guest. */
#ifndef ARCH_AARCH64_TRAPS_H
#define ARCH_AARCH64_TRAPS_H

void traps_init(void);

#endif
