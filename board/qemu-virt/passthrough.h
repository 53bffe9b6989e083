/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The slot's passed-through functions: physical PCIe bus, SMMU, drivers and the guest's view of
 * them joined. The SMMU is on, aborting everything, before any function may master the bus.
 */
#ifndef BOARD_QEMU_VIRT_PASSTHROUGH_H
#define BOARD_QEMU_VIRT_PASSTHROUGH_H

#include <stdbool.h>
#include <stdint.h>

#include "board/qemu-virt/config.h"
#include "core/base/err.h"
#include "core/base/spinlock.h"
#include "core/vm/dma_policy.h"
#include "core/vm/stage2.h"
#include "core/vm/vm.h"
#include "core/vm/vpci.h"
#include "drivers/gicv3/gicv3.h"
#include "drivers/pcie/pcie.h"
#include "drivers/smmuv3/smmuv3.h"
#include "drivers/smmuv3_mmio.h"
#include "drivers/vfio/e1000e.h"
#include "drivers/vfio/edu.h"

#define PASSTHROUGH_EVENTS_LOGGED_MAX 16u /* SMMU records printed in full; later ones are counted */

#define PASSTHROUGH_EDUS_MAX	      2u
#define PASSTHROUGH_E1000ES_MAX	      1u

struct passthrough;

/** One function that belongs to the slot: one of the two drivers, and where the guest sees BAR 0. */
struct passthrough_device {
	struct passthrough *bus;
	struct pcie_function *function;
	struct edu *edu;	  /* or NULL */
	struct e1000e *e1000e;	  /* or NULL */
	uint64_t faults;	  /* of the function's StreamID */
	struct spinlock bar_lock; /* under the driver's and the guest bus's, over nothing of theirs */
	uint64_t bar_at;	  /* IPA; 0: nowhere */
	uint32_t bar_traps;	  /* e1000e: its pages that trap */
};

struct passthrough {
	struct vm_slot *vm;
	struct smmuv3_mmio smmu_mmio;
	struct gw_smmu smmu;
	struct pcie pcie;
	struct s2_table s2;	  /* the devices' own stage 2 */
	struct dirty_log dma_log; /* of that table, where it is asked */
	struct dma_tracker_choice tracker;
	struct passthrough_device device[SLOT_DEVICES_MAX];
	uint32_t count; /* 0: the slot has no device */
	struct edu edu[PASSTHROUGH_EDUS_MAX];
	struct e1000e e1000e[PASSTHROUGH_E1000ES_MAX];
	uint64_t events; /* of all */
	struct gw_smmu_event last_event;
};

extern struct passthrough passthrough;
extern const struct vpci_ops passthrough_pci_ops; /* ctx: struct passthrough */

/** SMMU up with every stream aborting, functions found and placed. Errors are logged by name. */
MUST_CHECK enum err passthrough_bus_init(struct passthrough *p, struct gicv3 *gic);
/**
 * After vm_init: give the VM the functions at 0000:00:01.0 to 0000:00:0n.0 whose IDs are known, at the same addresses; n at most
 * SLOT_DEVICES_MAX. dma_log: who records their writes, as dma_tracker_choose takes it. ERR_UNSUPPORTED: this machine has none there.
 * ERR_RANGE: they cannot be recorded as was asked. ERR_FULL: more of a kind than PASSTHROUGH_*_MAX.
 */
MUST_CHECK enum err passthrough_assign(struct passthrough *p, struct vm_slot *vm, uint32_t n, const char *dma_log);
/** For the engine; valid as long as d. */
struct device passthrough_device(struct passthrough_device *d);
/** Service core, often: SMMU events and global errors. */
void passthrough_poll(struct passthrough *p);

#endif
