/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** EL2's own stage 1: an identity map of 40 bits in 4 KiB granules. Core 0 only, before and after the MMU is on. */
#ifndef ARCH_AARCH64_STAGE1_H
#define ARCH_AARCH64_STAGE1_H

#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/err.h"

enum s1_kind {
	S1_TEXT,   /* read-only, executable */
	S1_RODATA, /* read-only */
	S1_DATA,   /* read-write */
	S1_DEVICE, /* read-write, Device-nGnRE */
};

/**
 * Map [at, at + len_bytes) 1:1 where nothing is mapped yet. Both multiples of 4 KiB.
 * ERR_RANGE: not aligned, beyond 40 bits or mapped already; ERR_FULL: no table page left. On error a part may be mapped.
 */
enum err s1_map(pa_t at, uint64_t len_bytes, enum s1_kind kind);

#endif
