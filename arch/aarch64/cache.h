/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Cache maintenance by address. EL2 maps 1:1, so a PA is also the VA. All end with DSB. */
#ifndef ARCH_AARCH64_CACHE_H
#define ARCH_AARCH64_CACHE_H

#include <stddef.h>
#include <stdint.h>

/** DC CVAC: what we wrote is seen by those who read past the caches. */
void cache_clean(uintptr_t at, size_t len_bytes);
/** DC CIVAC: the same, and what others wrote past the caches is seen by us afterwards. */
void cache_clean_invalidate(uintptr_t at, size_t len_bytes);
/** Bytes just written may be executed by any core: DC CVAU and IC as CTR_EL0 asks. */
void cache_sync_instructions(uintptr_t at, size_t len_bytes);

#endif
