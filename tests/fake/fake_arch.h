/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** core/vm/arch.h on the host: descriptors are real atomics, the rest is what a test sets. One CPU for all. */
#ifndef TESTS_FAKE_FAKE_ARCH_H
#define TESTS_FAKE_FAKE_ARCH_H

#include <stdbool.h>
#include <stdint.h>

struct fake_arch {
	bool hafdbs, fwb, pauth;
	uint64_t counter, counter_hz;
	uint32_t kicks[16];	  /* per core */
	uint32_t irq_pending[16]; /* handed out by arch_irq_ack() from the front */
	uint32_t irq_count;
	uint32_t dropped[16], dropped_count, deactivated[16], deactivated_count;
};

extern struct fake_arch fake_arch;
void fake_arch_reset(void);

#endif
