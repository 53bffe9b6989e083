/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/guest/lib/guest.h"

#define CFG_ID		      0x00u
#define CFG_COMMAND	      0x04u
#define CFG_HEADER	      0x0cu
#define CFG_BAR0	      0x10u
#define CFG_INTERRUPT	      0x3cu
#define COMMAND_MEMORY_MASTER 0x6u
#define HEADER_TYPE	      (0x7fu << 16)
#define HEADER_MULTI	      (0x80u << 16)
#define BAR_IO		      1u
#define BAR_TYPE	      6u
#define BAR_64		      4u
#define BAR_FLAGS	      0xfu
#define BARS		      6u
#define SLOTS		      32u
#define FUNCTIONS	      8u

static uint64_t window_next = PCI_WINDOW_BASE;

static uint32_t bar_size(uint64_t at)
{
	uint32_t mask;

	mmio_write32(at, UINT32_MAX);
	mask = mmio_read32(at) & ~BAR_FLAGS;
	return mask & (~mask + 1u);
}

/* Gives each memory BAR a place; returns that of BAR 0. */
static uint64_t bars_assign(uint64_t config)
{
	uint64_t bar0 = 0;

	for (uint32_t b = 0; b < BARS; b++) {
		uint64_t at = config + CFG_BAR0 + 4u * b;
		uint32_t flags = mmio_read32(at) & BAR_FLAGS;
		uint32_t size = (flags & BAR_IO) != 0 ? 0 : bar_size(at);

		if (size == 0) {
			continue;
		}
		window_next = (window_next + size - 1) & ~(uint64_t)(size - 1);
		mmio_write32(at, (uint32_t)window_next);
		if (b == 0) {
			bar0 = window_next;
		}
		window_next += size;
		if ((flags & BAR_TYPE) == BAR_64) {
			b++;
			mmio_write32(at + 4, 0);
		}
	}
	return bar0;
}

static bool function_setup(uint32_t slot, uint32_t fn, uint32_t wanted, struct pci_function *out)
{
	uint64_t config = ECAM_BASE + (uint64_t)(slot << 15 | fn << 12);
	uint32_t pin = mmio_read32(config + CFG_INTERRUPT) >> 8 & 0xffu;
	uint64_t bar0;

	if (mmio_read32(config + CFG_ID) != wanted) {
		return false;
	}
	bar0 = bars_assign(config);
	mmio_write32(config + CFG_COMMAND, COMMAND_MEMORY_MASTER);
	*out = (struct pci_function){ config, bar0, slot, PCI_INTID_FIRST + (slot + pin - 1u) % 4u };
	return true;
}

bool pci_find(uint16_t vendor_id, uint16_t device_id, struct pci_function *out)
{
	uint32_t wanted = vendor_id | (uint32_t)device_id << 16;

	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		uint64_t config = ECAM_BASE + (uint64_t)(slot << 15);
		bool multi;

		if (mmio_read32(config + CFG_ID) == UINT32_MAX) {
			continue;
		}
		multi = (mmio_read32(config + CFG_HEADER) & HEADER_MULTI) != 0;
		for (uint32_t fn = 0; fn < (multi ? FUNCTIONS : 1u); fn++) {
			if (function_setup(slot, fn, wanted, out)) {
				return true;
			}
		}
	}
	return false;
}
