/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/guest/lib/guest.h"

#define ENTRIES		512u
#define GIB_SHIFT	30u
#define BLOCK		1u
#define AF		(1u << 10)
#define INNER_SHAREABLE (3u << 8)
#define ATTR_DEVICE	(1u << 2) /* MAIR index, see start.S */
#define NEVER_EXECUTE	(UINT64_C(3) << 53)
#define RAM_GIB		4u

uint64_t mmu_table[ENTRIES] __attribute__((aligned(4096)));

static void device_block(uint64_t address)
{
	uint64_t i = address >> GIB_SHIFT;

	mmu_table[i] = i << GIB_SHIFT | NEVER_EXECUTE | AF | ATTR_DEVICE | BLOCK;
}

void mmu_build(void)
{
	uint64_t first = RAM_BASE >> GIB_SHIFT;

	device_block(GICD_BASE);
	device_block(ECAM_BASE);
	for (uint64_t i = first; i < first + RAM_GIB; i++) {
		mmu_table[i] = i << GIB_SHIFT | AF | INNER_SHAREABLE | BLOCK;
	}
}
