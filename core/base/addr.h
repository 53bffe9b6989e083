/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Address types that cannot be mixed up: PA (physical), IPA (what a guest calls
 * physical, also a device's IOVA at stage 2), and page numbers.
 */
#ifndef CORE_BASE_ADDR_H
#define CORE_BASE_ADDR_H

#include <stdint.h>

#define PAGE_SHIFT	12u
#define PAGE_BYTES	4096u
#define PAGE_MASK	(PAGE_BYTES - 1u)
#define BLOCK_SHIFT	21u
#define BLOCK_BYTES	(1u << BLOCK_SHIFT)
#define PAGES_PER_BLOCK (BLOCK_BYTES / PAGE_BYTES)

typedef struct {
	uint64_t v;
} pa_t;
typedef struct {
	uint64_t v;
} ipa_t;

static inline pa_t pa(uint64_t v)
{
	return (pa_t){ v };
}
static inline ipa_t ipa(uint64_t v)
{
	return (ipa_t){ v };
}

#endif
