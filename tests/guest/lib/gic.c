/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/guest/lib/guest.h"

#define GICD_CTLR	   (GICD_BASE + 0x0000)
#define GICD_IGROUPR	   (GICD_BASE + 0x0080)
#define GICD_ISENABLER	   (GICD_BASE + 0x0100)
#define GICD_IPRIORITYR	   (GICD_BASE + 0x0400)
#define GICD_IROUTER	   (GICD_BASE + 0x6000)
#define GICD_CTLR_GRP1_ARE 0x12u
#define GICD_CTLR_RWP	   (1u << 31)

#define GICR_STRIDE	   0x20000u
#define GICR_WAKER	   0x0014u
#define GICR_SGI_FRAME	   0x10000u
#define GICR_IGROUPR0	   (GICR_SGI_FRAME + 0x0080)
#define GICR_ISENABLER0	   (GICR_SGI_FRAME + 0x0100)
#define GICR_IPRIORITYR	   (GICR_SGI_FRAME + 0x0400)
#define WAKER_SLEEP	   (1u << 1)
#define WAKER_CHILDREN	   (1u << 2)

#define PRIORITY	   0xa0u
#define PRIORITY_WORD	   0xa0a0a0a0u
#define PRIORITY_MASK_OPEN 0xf0u

static uint64_t redistributor(void)
{
	return GICR_BASE + (uint64_t)cpu_index() * GICR_STRIDE;
}

void gic_init_distributor(void)
{
	mmio_write32(GICD_CTLR, GICD_CTLR_GRP1_ARE);
	while ((mmio_read32(GICD_CTLR) & GICD_CTLR_RWP) != 0) {
	}
}

void gic_init_cpu(void)
{
	uint64_t rd = redistributor();

	mmio_write32(rd + GICR_WAKER, mmio_read32(rd + GICR_WAKER) & ~WAKER_SLEEP);
	while ((mmio_read32(rd + GICR_WAKER) & WAKER_CHILDREN) != 0) {
	}
	mmio_write32(rd + GICR_IGROUPR0, UINT32_MAX);
	for (uint32_t i = 0; i < 32; i += 4) {
		mmio_write32(rd + GICR_IPRIORITYR + i, PRIORITY_WORD);
	}
	SYSREG_WRITE(ICC_SRE_EL1, 7);
	__asm__ volatile("isb");
	SYSREG_WRITE(ICC_PMR_EL1, PRIORITY_MASK_OPEN);
	SYSREG_WRITE(ICC_BPR1_EL1, 0);
	SYSREG_WRITE(ICC_CTLR_EL1, 0);
	SYSREG_WRITE(ICC_IGRPEN1_EL1, 1);
	__asm__ volatile("isb");
}

void gic_enable_private(uint32_t intid)
{
	mmio_write32(redistributor() + GICR_ISENABLER0, 1u << intid);
}

void gic_enable_spi(uint32_t intid, uint32_t cpu)
{
	uint64_t word = intid / 32 * 4;

	mmio_write32(GICD_IGROUPR + word, mmio_read32(GICD_IGROUPR + word) | 1u << intid % 32);
	mmio_write8(GICD_IPRIORITYR + intid, PRIORITY);
	mmio_write64(GICD_IROUTER + 8u * intid, cpu);
	mmio_write32(GICD_ISENABLER + word, 1u << intid % 32);
}

void gic_send_sgi(uint32_t intid, uint32_t cpu)
{
	__asm__ volatile("dsb ishst" ::: "memory");
	SYSREG_WRITE(ICC_SGI1R_EL1, (uint64_t)intid << 24 | UINT64_C(1) << cpu);
	__asm__ volatile("isb");
}
