/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The service core: transport, session, engine, QMP on the second UART, human monitor on the first,
 * in one loop that sleeps in WFI.
 */
#ifndef BOARD_QEMU_VIRT_SERVICE_H
#define BOARD_QEMU_VIRT_SERVICE_H

#include "board/qemu-virt/config.h"
#include "board/qemu-virt/passthrough.h"
#include "board/qemu-virt/slot.h"
#include "core/base/err.h"
#include "drivers/gicv3/gicv3.h"
#include "drivers/pl011/pl011.h"

struct service_config {
	const struct board_config *board;
	struct slot *slot;
	struct passthrough *passthrough;
	const struct fdt_facts *facts; /* outlive the service: a guest that resets itself is loaded again */
	struct gicv3 *gic;
	struct pl011 *console;
};

/**
 * Before service_init(), on a board configured with mark.flash: read the owner mark of that VM. *own: this host may find itself
 * the owner, so the guest has to be there. An error means that nothing may start here: no flash, a mark that cannot be read, or
 * another VM's.
 */
MUST_CHECK enum err service_mark_open(const char *vm, bool *own);
/** Network, credentials, engine. What is missing is logged; only a machine without an engine is an error. */
MUST_CHECK enum err service_init(const struct service_config *config);
_Noreturn void service_run(void);

#endif
