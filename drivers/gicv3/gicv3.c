/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/mmio.h"
#include "core/base/bits.h"
#include "drivers/gicv3/gicv3.h"

/* IHI 0069H, 12.8 (GICD) and 12.10, 12.11 (GICR). */
#define GICD_CTLR	      0x0000u
#define GICD_CTLR_ENABLE_GRP1 BIT32(1)
#define GICD_CTLR_ARE	      BIT32(4)
#define GICD_CTLR_DS	      BIT32(6)
#define GICD_CTLR_RWP	      BIT32(31)
#define GICD_TYPER	      0x0004u
#define GICD_TYPER_LINES      MASK32(4, 0)
#define GIC_IGROUPR	      0x0080u
#define GIC_ISENABLER	      0x0100u
#define GIC_ICENABLER	      0x0180u
#define GIC_ICPENDR	      0x0280u
#define GIC_ISACTIVER	      0x0300u
#define GIC_ICACTIVER	      0x0380u
#define GIC_IPRIORITYR	      0x0400u
#define GIC_ICFGR	      0x0C00u
#define GICD_IROUTER	      0x6000u
#define GIC_PIDR2	      0xFFE8u
#define GIC_PIDR2_ARCHREV     MASK32(7, 4)

#define GICR_CTLR	      0x0000u
#define GICR_CTLR_RWP	      BIT32(3)
#define GICR_TYPER	      0x0008u
#define GICR_TYPER_LAST	      BIT64(4)
#define GICR_TYPER_VLPIS      BIT64(1)
#define GICR_TYPER_AFFINITY   MASK64(63, 32)
#define GICR_WAKER	      0x0014u
#define GICR_WAKER_SLEEP      BIT32(1)
#define GICR_WAKER_ASLEEP     BIT32(2)
#define GICR_SGI_FRAME	      0x10000u
#define GICR_STRIDE	      0x20000u
#define GICR_STRIDE_VLPI      0x40000u

#define ARCHREV_GICV3	      3u
#define GIC_POLLS	      1000000u
#define PRIORITY_WORD	      (GICV3_PRIORITY * 0x01010101u)
#define SGI_ALL		      0xFFFFu

static enum err poll_clear(uintptr_t reg, uint32_t mask)
{
	for (uint32_t i = 0; i < GIC_POLLS; i++) {
		if ((mmio_read32(reg) & mask) == 0) {
			return ERR_OK;
		}
	}
	return ERR_TIMEOUT;
}

enum err gicv3_dist_init(struct gicv3 *g, uintptr_t gicd)
{
	uint32_t rev = FIELD_GET(GIC_PIDR2_ARCHREV, mmio_read32(gicd + GIC_PIDR2));
	enum err err;

	if (rev < ARCHREV_GICV3 || (mmio_read32(gicd + GICD_CTLR) & GICD_CTLR_DS) == 0) {
		return ERR_UNSUPPORTED;
	}
	g->gicd = gicd;
	g->intid_count = MIN(GICV3_INTID_MAX, 32u * (FIELD_GET(GICD_TYPER_LINES, mmio_read32(gicd + GICD_TYPER)) + 1u));
	mmio_write32(gicd + GICD_CTLR, GICD_CTLR_ARE);
	err = poll_clear(gicd + GICD_CTLR, GICD_CTLR_RWP);
	if (err != ERR_OK) {
		return err;
	}
	for (uint32_t i = GICV3_SPI_FIRST; i < g->intid_count; i += 32) {
		mmio_write32(gicd + GIC_ICENABLER + i / 8, UINT32_MAX);
		mmio_write32(gicd + GIC_ICPENDR + i / 8, UINT32_MAX);
		mmio_write32(gicd + GIC_ICACTIVER + i / 8, UINT32_MAX);
		mmio_write32(gicd + GIC_IGROUPR + i / 8, UINT32_MAX);
	}
	for (uint32_t i = GICV3_SPI_FIRST; i < g->intid_count; i += 4) {
		mmio_write32(gicd + GIC_IPRIORITYR + i, PRIORITY_WORD);
	}
	for (uint32_t i = GICV3_SPI_FIRST; i < g->intid_count; i += 16) {
		mmio_write32(gicd + GIC_ICFGR + i / 4, 0);
	}
	err = poll_clear(gicd + GICD_CTLR, GICD_CTLR_RWP);
	if (err != ERR_OK) {
		return err;
	}
	mmio_write32(gicd + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_ENABLE_GRP1);
	return poll_clear(gicd + GICD_CTLR, GICD_CTLR_RWP);
}

static uint32_t affinity_of(uint64_t mpidr)
{
	return (uint32_t)((mpidr & MASK64(23, 0)) | (mpidr >> 8 & 0xFF000000u));
}

static uintptr_t redist_find(uint32_t affinity, uintptr_t gicr, uint64_t len_bytes)
{
	uint64_t at = 0;

	while (at + GICR_STRIDE <= len_bytes) {
		uint64_t typer = mmio_read64(gicr + at + GICR_TYPER);

		if (FIELD_GET(GICR_TYPER_AFFINITY, typer) == affinity) {
			return gicr + at;
		}
		if ((typer & GICR_TYPER_LAST) != 0) {
			break;
		}
		at += (typer & GICR_TYPER_VLPIS) != 0 ? GICR_STRIDE_VLPI : GICR_STRIDE;
	}
	return 0;
}

enum err gicv3_redist_init(struct gicv3 *g, uint32_t core, uint64_t mpidr, uintptr_t gicr, uint64_t len_bytes)
{
	uintptr_t rd = redist_find(affinity_of(mpidr), gicr, len_bytes);
	uintptr_t sgi = rd + GICR_SGI_FRAME;
	enum err err;

	if (core >= GICV3_CORES_MAX || rd == 0) {
		return ERR_RANGE;
	}
	mmio_write32(rd + GICR_WAKER, mmio_read32(rd + GICR_WAKER) & ~GICR_WAKER_SLEEP);
	err = poll_clear(rd + GICR_WAKER, GICR_WAKER_ASLEEP);
	if (err != ERR_OK) {
		return err;
	}
	mmio_write32(sgi + GIC_ICENABLER, UINT32_MAX);
	err = poll_clear(rd + GICR_CTLR, GICR_CTLR_RWP);
	if (err != ERR_OK) {
		return err;
	}
	mmio_write32(sgi + GIC_IGROUPR, UINT32_MAX);
	mmio_write32(sgi + GIC_ICPENDR, UINT32_MAX);
	mmio_write32(sgi + GIC_ICACTIVER, UINT32_MAX);
	for (uint32_t i = 0; i < GICV3_SPI_FIRST; i += 4) {
		mmio_write32(sgi + GIC_IPRIORITYR + i, PRIORITY_WORD);
	}
	mmio_write32(sgi + GIC_ISENABLER, SGI_ALL);
	g->gicr[core] = rd;
	return ERR_OK;
}

/** The frame that has INTID's bits: the core's SGI frame or the distributor; 0 for an INTID that does not exist. */
static uintptr_t frame_of(const struct gicv3 *g, uint32_t core, uint32_t intid)
{
	if (intid >= GICV3_SPI_FIRST) {
		return intid < g->intid_count ? g->gicd : 0;
	}
	if (core >= GICV3_CORES_MAX || g->gicr[core] == 0) {
		return 0;
	}
	return g->gicr[core] + GICR_SGI_FRAME;
}

static enum err write_bit(struct gicv3 *g, uint32_t core, uint32_t intid, uint32_t reg)
{
	uintptr_t frame = frame_of(g, core, intid);

	if (frame == 0) {
		return ERR_RANGE;
	}
	mmio_write32(frame + reg + intid / 32 * 4, BIT32(intid % 32));
	return ERR_OK;
}

enum err gicv3_enable(struct gicv3 *g, uint32_t core, uint32_t intid, bool on)
{
	enum err err = write_bit(g, core, intid, on ? GIC_ISENABLER : GIC_ICENABLER);

	if (err != ERR_OK || on) {
		return err;
	}
	if (intid >= GICV3_SPI_FIRST) {
		return poll_clear(g->gicd + GICD_CTLR, GICD_CTLR_RWP);
	}
	return poll_clear(g->gicr[core] + GICR_CTLR, GICR_CTLR_RWP);
}

enum err gicv3_spi_configure(struct gicv3 *g, uint32_t intid, bool edge, uint64_t mpidr)
{
	uintptr_t cfg = g->gicd + GIC_ICFGR + intid / 16 * 4;
	uint32_t bit = BIT32(intid % 16 * 2 + 1);
	uint32_t value;

	if (intid < GICV3_SPI_FIRST || intid >= g->intid_count) {
		return ERR_RANGE;
	}
	value = mmio_read32(cfg);
	mmio_write32(cfg, edge ? value | bit : value & ~bit);
	mmio_write64(g->gicd + GICD_IROUTER + intid * 8u, mpidr & (MASK64(39, 32) | MASK64(23, 0)));
	return ERR_OK;
}

enum err gicv3_active_set(struct gicv3 *g, uint32_t core, uint32_t intid, bool active)
{
	return write_bit(g, core, intid, active ? GIC_ISACTIVER : GIC_ICACTIVER);
}

enum err gicv3_pending_clear(struct gicv3 *g, uint32_t core, uint32_t intid)
{
	return write_bit(g, core, intid, GIC_ICPENDR);
}
