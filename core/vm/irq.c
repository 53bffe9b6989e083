/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stddef.h>

#include "core/vm/arch.h"
#include "core/vm/console.h"
#include "core/vm/irq.h"

#define IRQ_AT_ONCE_MAX	  256u
#define IRQ_SPI_FIRST	  32u
#define IRQ_PPI_HYP_TIMER 26u

static struct {
	irq_handler_fn handler;
	void *ctx;
} irq_table[IRQ_INTID_MAX];

enum err irq_register(uint32_t intid, irq_handler_fn handler, void *ctx)
{
	if (intid < IRQ_SPI_FIRST || intid >= IRQ_INTID_MAX) {
		return ERR_RANGE;
	}
	if (irq_table[intid].handler != NULL) {
		return ERR_BAD_STATE;
	}
	irq_table[intid].ctx = ctx;
	irq_table[intid].handler = handler;
	return ERR_OK;
}

static void irq_one(uint32_t intid)
{
	bool done = true;

	arch_irq_drop(intid);
	if (intid == IRQ_PPI_HYP_TIMER) {
		arch_alarm_off(); /* level: quiet before it is deactivated */
	} else if (intid < IRQ_INTID_MAX && irq_table[intid].handler != NULL) {
		done = irq_table[intid].handler(irq_table[intid].ctx, intid);
	} else if (!arch_irq_is_kick(intid)) {
		console_line("irq: unexpected interrupt %u", intid);
	}
	if (done) {
		arch_irq_deactivate(intid);
	}
}

uint32_t irq_poll(void)
{
	uint32_t n;

	for (n = 0; n < IRQ_AT_ONCE_MAX; n++) {
		uint32_t intid = arch_irq_ack();

		if (intid >= ARCH_IRQ_NONE) {
			break;
		}
		irq_one(intid);
	}
	return n;
}
