/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The physical GICv3's distributor and redistributors (IHI 0069). One security state, affinity
 * routing, everything in Group 1. The CPU interface is a matter of system registers: arch/aarch64/gic_cpu.h.
 *
 * Calls for SPIs read-modify-write byte and bit fields that have set and clear registers, or belong to one INTID:
 * safe from any core as long as one INTID is configured by one core at a time.
 */
#ifndef DRIVERS_GICV3_GICV3_H
#define DRIVERS_GICV3_GICV3_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define GICV3_CORES_MAX 8u
#define GICV3_SPI_FIRST 32u
#define GICV3_INTID_MAX 1020u
#define GICV3_PRIORITY	0xA0u

struct gicv3 {
	uintptr_t gicd;
	uintptr_t gicr[GICV3_CORES_MAX]; /* RD frame of core n; 0 until gicv3_redist_init() */
	uint32_t intid_count;		 /* INTIDs below this one exist */
};

/**
 * Distributor: all SPIs disabled, Group 1, level, same priority; then enabled. ERR_UNSUPPORTED: not a GICv3, or two
 * security states; ERR_TIMEOUT.
 */
MUST_CHECK enum err gicv3_dist_init(struct gicv3 *g, uintptr_t gicd);
/**
 * Wakes the redistributor of the core with this affinity; SGIs enabled, PPIs disabled. ERR_RANGE: no frame of that
 * affinity; ERR_TIMEOUT.
 */
MUST_CHECK enum err gicv3_redist_init(
	struct gicv3 *g, uint32_t core, uint64_t mpidr, uintptr_t gicr, uint64_t len_bytes);

/** INTIDs 0..31 are banked: core says whose. It is ignored for SPIs. ERR_RANGE for an INTID that does not exist. */
MUST_CHECK enum err gicv3_enable(struct gicv3 *g, uint32_t core, uint32_t intid, bool on);
/** Trigger and target of an SPI, while it is disabled. */
MUST_CHECK enum err gicv3_spi_configure(struct gicv3 *g, uint32_t intid, bool edge, uint64_t mpidr);
MUST_CHECK enum err gicv3_active_set(struct gicv3 *g, uint32_t core, uint32_t intid, bool active);
MUST_CHECK enum err gicv3_pending_clear(struct gicv3 *g, uint32_t core, uint32_t intid);

#endif
