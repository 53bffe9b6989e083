/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The board's static slots: memory, cores, and what core/vm asks of the machine. */
#ifndef BOARD_QEMU_VIRT_SLOT_H
#define BOARD_QEMU_VIRT_SLOT_H

#include <stddef.h>
#include <stdint.h>

#include "board/qemu-virt/config.h"
#include "board/qemu-virt/fdt.h"
#include "core/base/err.h"
#include "core/vm/vm.h"
#include "drivers/gicv3/gicv3.h"

struct slot {
	struct vm_slot vm;
	struct gicv3 *gic;
	/* What the guest's PCI bus tells: set before slot_init(), may be NULL. */
	const struct vpci_ops *pci;
	void *pci_ctx;
};

extern struct slot slot0;

/**
 * Map the slot's RAM, make its VM, start its cores: they park. ERR_RANGE: cores or RAM that the machine does not have;
 * errors of vm_init, core_start.
 */
MUST_CHECK enum err slot_init(
	struct slot *s, const struct board_config *config, const struct fdt_facts *facts, struct gicv3 *gic);
/** Deliver a physical SPI, level, as the same SPI of the guest's. Before the VM first runs. */
MUST_CHECK enum err slot_irq_link(struct slot *s, uint32_t intid);

#endif
