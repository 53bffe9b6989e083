/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The slot's passed-through function: physical PCIe bus, SMMU, edu and the guest's view of
 * it joined. The SMMU is on, aborting everything, before any function may master the bus.
 */
#ifndef BOARD_QEMU_VIRT_PASSTHROUGH_H
#define BOARD_QEMU_VIRT_PASSTHROUGH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/vm/dma_policy.h"
#include "core/vm/stage2.h"
#include "core/vm/vm.h"
#include "core/vm/vpci.h"
#include "drivers/gicv3/gicv3.h"
#include "drivers/pcie/pcie.h"
#include "drivers/smmuv3/smmuv3.h"
#include "drivers/smmuv3_mmio.h"
#include "drivers/vfio/edu.h"

#define PASSTHROUGH_EVENTS_LOGGED_MAX	16u	/* SMMU records printed in full; later ones are counted */

struct passthrough {
	struct vm_slot *vm;
	struct smmuv3_mmio smmu_mmio;
	struct gw_smmu smmu;
	struct pcie pcie;
	struct s2_table s2;		/* the devices' own stage 2 */
	struct dirty_log dma_log;	/* of that table, where it is asked */
	struct dma_tracker_choice tracker;
	struct pcie_function *function;	/* NULL: the slot has no device */
	struct edu edu;
	uint64_t faults;		/* of the function's StreamID */
	uint64_t events;		/* of all */
	struct gw_smmu_event last_event;
};

extern struct passthrough passthrough;
extern const struct vpci_ops passthrough_pci_ops;	/* ctx: struct passthrough */

/** SMMU up with every stream aborting, functions found and placed. Errors are logged by name. */
MUST_CHECK enum err passthrough_bus_init(struct passthrough *p, struct gicv3 *gic);
/**
 * After vm_init: give the function to the VM. dma_log: who records its writes, as dma_tracker_choose takes it. ERR_UNSUPPORTED: this
 * machine has no such function. ERR_RANGE: it cannot record as it was asked to.
 */
MUST_CHECK enum err passthrough_assign(struct passthrough *p, struct vm_slot *vm, const char *dma_log);
/** Service core, often: SMMU events and global errors. */
void passthrough_poll(struct passthrough *p);

#endif
