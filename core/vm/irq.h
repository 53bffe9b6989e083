/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Physical interrupts of the service core: SPIs by table, the EL2 timer and kicks just wake it. EL2 polls; nothing interrupts it. */
#ifndef CORE_VM_IRQ_H
#define CORE_VM_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define IRQ_INTID_MAX 320u

/**
 * Called on the service core, the interrupt acknowledged and dropped. True: handled, deactivate it (a level source must be
 * quiet by now). False: it stays active; somebody else deactivates it (hardware-linked to a guest).
 */
typedef bool (*irq_handler_fn)(void *ctx, uint32_t intid);

/** ERR_RANGE: not an SPI of the table; ERR_BAD_STATE: taken. */
MUST_CHECK enum err irq_register(uint32_t intid, irq_handler_fn handler, void *ctx);
/** Acknowledge and handle what is pending, a bounded number; returns how many there were. */
uint32_t irq_poll(void);

#endif
