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
/** DC CVAU where CTR_EL0.IDC asks for it: what we wrote may be fetched, once instruction caches are invalidated. */
void cache_clean_unification(uintptr_t at, size_t len_bytes);
/** IC IALLUIS where CTR_EL0.DIC asks for it: all of them, since a guest's lines may sit at any VA. */
void cache_invalidate_instructions(void);

#endif
