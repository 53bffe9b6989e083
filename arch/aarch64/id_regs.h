/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The CPU that guests see: host ID registers less what is hidden. */
#ifndef ARCH_AARCH64_ID_REGS_H
#define ARCH_AARCH64_ID_REGS_H

#include <stdint.h>

/** Value of the ID register S3_0_C0_C<crm>_<op2>, crm 1 to 7, as presented; 0 for what is hidden or reserved. */
uint64_t id_reg_presented(uint32_t crm, uint32_t op2);

#endif
