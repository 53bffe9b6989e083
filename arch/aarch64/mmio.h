/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Device registers at EL2, whose stage 1 is an identity map: drivers/mmio.h says what each call is. */
#ifndef ARCH_AARCH64_MMIO_H
#define ARCH_AARCH64_MMIO_H

#include "drivers/mmio.h"

#endif
