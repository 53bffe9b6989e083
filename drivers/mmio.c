/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/mmio.h"

enum err mmio_poll32(uintptr_t addr, uint32_t mask, uint32_t value, uint64_t timeout_us, const struct mmio_clock *clock)
{
	uint64_t start_us = clock->time_us(clock->ctx);

	for (uint32_t i = 0; i < MMIO_POLL_READS_MAX; i++) {
		if ((mmio_read32(addr) & mask) == value) {
			return ERR_OK;
		}
		if (clock->time_us(clock->ctx) - start_us > timeout_us) {
			return ERR_TIMEOUT;
		}
	}
	return ERR_TIMEOUT;
}
