/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/pcie/pcie.h"

#include "core/base/fmt.h"
#include "drivers/mmio.h"

#define PCIE_SLOTS	    32u
#define PCIE_SLOT_FUNCTIONS 8u
#define BAR_MEM_BITS	    0xfu  /* type and prefetch, below the address */
#define PCIE_BAR_BYTES_MIN  4096u /* each BAR has pages of its own, so that it can be given away alone */

static bool access_valid(pcie_bdf_t bdf, uint32_t offset, uint32_t size_bytes)
{
	return bdf >> 8 == 0 && (size_bytes == 1 || size_bytes == 2 || size_bytes == 4) && offset % size_bytes == 0 &&
	       offset < PCIE_CONFIG_BYTES;
}

uint32_t pcie_config_read(const struct pcie *pcie, pcie_bdf_t bdf, uint32_t offset, uint32_t size_bytes)
{
	uintptr_t at = pcie->config.ecam + ((uintptr_t)bdf << 12) + offset;

	if (!access_valid(bdf, offset, size_bytes)) {
		return UINT32_MAX;
	}
	if (size_bytes == 4) {
		return mmio_read32(at);
	}
	return size_bytes == 2 ? mmio_read16(at) : mmio_read8(at);
}

void pcie_config_write(const struct pcie *pcie, pcie_bdf_t bdf, uint32_t offset, uint32_t size_bytes, uint32_t value)
{
	uintptr_t at = pcie->config.ecam + ((uintptr_t)bdf << 12) + offset;

	if (!access_valid(bdf, offset, size_bytes)) {
		return;
	}
	if (size_bytes == 4) {
		mmio_write32(at, value);
	} else if (size_bytes == 2) {
		mmio_write16(at, (uint16_t)value);
	} else {
		mmio_write8(at, (uint8_t)value);
	}
}

uint8_t pcie_capability(const struct pcie *pcie, pcie_bdf_t bdf, uint8_t id)
{
	uint32_t at;

	if ((pcie_config_read(pcie, bdf, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST) == 0) {
		return 0;
	}
	at = pcie_config_read(pcie, bdf, PCI_CAPABILITIES, 1) & 0xfcu;
	for (uint32_t i = 0; i < PCIE_CAPABILITIES_MAX && at >= 0x40; i++) {
		if (pcie_config_read(pcie, bdf, at, 1) == id) {
			return (uint8_t)at;
		}
		at = pcie_config_read(pcie, bdf, at + 1, 1) & 0xfcu;
	}
	return 0;
}

void pcie_command(const struct pcie *pcie, const struct pcie_function *f, uint16_t clear, uint16_t set)
{
	const uint16_t ours = PCIE_COMMAND_BUS_MASTER;
	uint32_t value = pcie_config_read(pcie, f->bdf, PCI_COMMAND, 2);

	value &= ~(uint32_t)(clear & ~ours);
	value |= set & ~ours;
	pcie_config_write(pcie, f->bdf, PCI_COMMAND, 2, value);
}

static void bus_master_write(const struct pcie *pcie, const struct pcie_function *f, bool on)
{
	uint32_t value = pcie_config_read(pcie, f->bdf, PCI_COMMAND, 2);

	value = on ? value | PCIE_COMMAND_BUS_MASTER : value & ~(uint32_t)PCIE_COMMAND_BUS_MASTER;
	pcie_config_write(pcie, f->bdf, PCI_COMMAND, 2, value);
}

enum err pcie_bus_master(const struct pcie *pcie, const struct pcie_function *f, bool on)
{
	if (on && !f->isolated) {
		return ERR_REFUSED;
	}
	bus_master_write(pcie, f, on);
	return ERR_OK;
}

void pcie_set_isolated(struct pcie *pcie, struct pcie_function *f, bool isolated)
{
	f->isolated = isolated;
	if (!isolated) {
		bus_master_write(pcie, f, false);
	}
}

/*
 * Write ones and see which address bits stick. Decoding is off meanwhile. Returns how many
 * BAR registers the BAR takes.
 */
static uint32_t bar_size(const struct pcie *pcie, struct pcie_function *f, uint32_t index)
{
	uint32_t offset = PCI_BAR0 + 4 * index;
	uint32_t low = pcie_config_read(pcie, f->bdf, offset, 4);
	struct pcie_bar *bar = &f->bar[index];
	uint64_t mask;

	if ((low & PCI_BAR_IO) != 0) {
		return 1; /* no I/O window: it stays without an address, and decoding of I/O off */
	}
	bar->is64 = (low & PCI_BAR_MEM_TYPE) == PCI_BAR_MEM_64 && index + 1 < PCIE_BARS;
	bar->prefetch = (low & PCI_BAR_PREFETCH) != 0;
	pcie_config_write(pcie, f->bdf, offset, 4, UINT32_MAX);
	mask = pcie_config_read(pcie, f->bdf, offset, 4) & ~(uint32_t)BAR_MEM_BITS;
	if (bar->is64) {
		pcie_config_write(pcie, f->bdf, offset + 4, 4, UINT32_MAX);
		mask |= (uint64_t)pcie_config_read(pcie, f->bdf, offset + 4, 4) << 32;
	} else if (mask != 0) {
		mask |= UINT64_C(0xffffffff) << 32;
	}
	/* The lowest bit that sticks is the size; a BAR of no bits is not there. */
	bar->size_bytes = mask & (~mask + 1);
	return bar->is64 ? 2 : 1;
}

static bool window_take(const struct pcie_window *window, uint64_t *used, uint64_t size_bytes, uint64_t *addr)
{
	uint64_t align = size_bytes < PCIE_BAR_BYTES_MIN ? PCIE_BAR_BYTES_MIN : size_bytes;
	uint64_t at;

	if (size_bytes > window->size_bytes) {
		return false;
	}
	at = (window->base + *used + align - 1) & ~(align - 1);
	if (at - window->base > window->size_bytes || size_bytes > window->size_bytes - (at - window->base)) {
		return false;
	}
	*used = at - window->base + align;
	*addr = at;
	return true;
}

static enum err bar_place(struct pcie *pcie, struct pcie_function *f, uint32_t index)
{
	struct pcie_bar *bar = &f->bar[index];
	uint32_t offset = PCI_BAR0 + 4 * index;

	if (bar->size_bytes == 0) {
		return ERR_OK;
	}
	if (!(bar->is64 && window_take(&pcie->config.mem64, &pcie->mem64_used, bar->size_bytes, &bar->addr)) &&
		!window_take(&pcie->config.mem32, &pcie->mem32_used, bar->size_bytes, &bar->addr)) {
		(void)fmt(pcie->reason, sizeof(pcie->reason), "PCI %02x.%x BAR%u: no window for 0x%llx bytes",
			f->bdf >> 3, f->bdf & 7, index, (unsigned long long)bar->size_bytes);
		bar->size_bytes = 0;
		return ERR_FULL;
	}
	pcie_config_write(pcie, f->bdf, offset, 4, (uint32_t)bar->addr);
	if (bar->is64) {
		pcie_config_write(pcie, f->bdf, offset + 4, 4, (uint32_t)(bar->addr >> 32));
	}
	return ERR_OK;
}

static void identity_read(const struct pcie *pcie, struct pcie_function *f)
{
	uint32_t class_rev = pcie_config_read(pcie, f->bdf, PCI_REVISION_CLASS, 4);

	f->vendor_id = (uint16_t)pcie_config_read(pcie, f->bdf, PCI_VENDOR_ID, 2);
	f->device_id = (uint16_t)pcie_config_read(pcie, f->bdf, PCI_DEVICE_ID, 2);
	f->class_code = class_rev >> 8;
	f->revision = (uint8_t)class_rev;
	f->header_type = (uint8_t)pcie_config_read(pcie, f->bdf, PCI_HEADER_TYPE, 1);
	f->intx_pin = (uint8_t)pcie_config_read(pcie, f->bdf, PCI_INTERRUPT_PIN, 1);
	if (f->intx_pin > 4) {
		f->intx_pin = 0;
	}
	if (f->intx_pin != 0) {
		f->intx_intid = pcie->config.intx_intid + ((f->bdf >> 3) + f->intx_pin - 1u) % 4u;
	}
	if ((f->header_type & ~PCI_HEADER_TYPE_MULTI) == 0) {
		f->subsystem_vendor_id = (uint16_t)pcie_config_read(pcie, f->bdf, PCI_SUBSYSTEM_VENDOR_ID, 2);
		f->subsystem_id = (uint16_t)pcie_config_read(pcie, f->bdf, PCI_SUBSYSTEM_ID, 2);
	}
}

static enum err function_add(struct pcie *pcie, pcie_bdf_t bdf)
{
	struct pcie_function *f;
	enum err err = ERR_OK;

	if (pcie->function_count == PCIE_FUNCTIONS_MAX) {
		(void)fmt(pcie->reason, sizeof(pcie->reason), "PCI bus 0: more than %u functions", PCIE_FUNCTIONS_MAX);
		return ERR_FULL;
	}
	f = &pcie->function[pcie->function_count++];
	*f = (struct pcie_function){ .bdf = bdf };
	identity_read(pcie, f);
	pcie_config_write(pcie, bdf, PCI_COMMAND, 2, PCIE_COMMAND_INTX_DISABLE);
	if ((f->header_type & ~PCI_HEADER_TYPE_MULTI) != 0) {
		return ERR_OK; /* a bridge: nothing behind it is ours */
	}
	for (uint32_t i = 0; i < PCIE_BARS;) {
		uint32_t registers = bar_size(pcie, f, i);
		enum err placed = bar_place(pcie, f, i);

		if (placed != ERR_OK) {
			err = placed;
		}
		i += registers;
	}
	if (err == ERR_OK) {
		pcie_config_write(pcie, bdf, PCI_COMMAND, 2, PCIE_COMMAND_MEMORY | PCIE_COMMAND_INTX_DISABLE);
	}
	return err;
}

enum err pcie_enumerate(struct pcie *pcie, const struct pcie_config *config)
{
	enum err result = ERR_OK;

	*pcie = (struct pcie){ .config = *config };
	for (uint32_t slot = 0; slot < PCIE_SLOTS; slot++) {
		uint32_t fn_count = 1;

		for (uint32_t fn = 0; fn < fn_count; fn++) {
			pcie_bdf_t bdf = pcie_bdf(0, (uint8_t)slot, (uint8_t)fn);
			enum err err;

			if (pcie_config_read(pcie, bdf, PCI_VENDOR_ID, 2) == 0xffff) {
				continue;
			}
			err = function_add(pcie, bdf);
			if (err != ERR_OK) {
				result = err;
			}
			if (fn == 0 && (pcie_config_read(pcie, bdf, PCI_HEADER_TYPE, 1) & PCI_HEADER_TYPE_MULTI) != 0) {
				fn_count = PCIE_SLOT_FUNCTIONS;
			}
		}
	}
	return result;
}

struct pcie_function *pcie_find(struct pcie *pcie, uint16_t vendor_id, uint16_t device_id, uint32_t nth)
{
	for (uint32_t i = 0; i < pcie->function_count; i++) {
		struct pcie_function *f = &pcie->function[i];

		if (f->vendor_id == vendor_id && f->device_id == device_id && nth-- == 0) {
			return f;
		}
	}
	return NULL;
}

struct pcie_function *pcie_at(struct pcie *pcie, pcie_bdf_t bdf)
{
	for (uint32_t i = 0; i < pcie->function_count; i++) {
		if (pcie->function[i].bdf == bdf) {
			return &pcie->function[i];
		}
	}
	return NULL;
}
