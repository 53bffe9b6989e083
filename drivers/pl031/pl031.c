/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/pl031/pl031.h"

#include "drivers/mmio.h"

/* Arm DDI 0224, table 3-1. */
#define RTCDR		0x000u
#define RTCPERIPHID0	0xfe0u
#define RTCPERIPHID1	0xfe4u
#define PART_LOW	0x31u	/* part number 0x031 */
#define PART_HIGH	0x10u	/* designer Arm in the upper nibble */

enum err pl031_init(struct pl031 *r, uintptr_t base)
{
	r->base = base;
	if ((mmio_read32(base + RTCPERIPHID0) & 0xffu) != PART_LOW || (mmio_read32(base + RTCPERIPHID1) & 0xffu) != PART_HIGH) {
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

uint32_t pl031_seconds(const struct pl031 *r)
{
	return mmio_read32(r->base + RTCDR);
}
