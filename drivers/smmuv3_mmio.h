/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** libgodwit-smmu's ops over drivers/mmio.h, for a coherent SMMU. Virtual and physical addresses are equal. */
#ifndef DRIVERS_SMMUV3_MMIO_H
#define DRIVERS_SMMUV3_MMIO_H

#include "drivers/mmio.h"
#include "drivers/smmuv3/smmuv3.h"

/** ctx of the ops below; the caller's, in use as long as the SMMU. */
struct smmuv3_mmio {
	uintptr_t base;
	struct mmio_clock clock;
};

extern const struct gw_smmu_ops smmuv3_mmio_ops;

#endif
