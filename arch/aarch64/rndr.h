/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** FEAT_RNG: random numbers from the CPU (Arm ARM C5.2, RNDR and RNDRRS). */
#ifndef ARCH_AARCH64_RNDR_H
#define ARCH_AARCH64_RNDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

bool rndr_present(void);
/** From RNDRRS: reseeded for each value. ERR_IO when the CPU cannot deliver within a bounded number of tries. */
MUST_CHECK enum err rndr_read(uint8_t *out, size_t len_bytes);

#endif
