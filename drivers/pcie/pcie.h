/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A PCIe host bridge with ECAM (PCI Express Base Specification 7.2.2): finds the functions of
 * bus 0, sizes their BARs and gives them addresses. There is no firmware before us.
 *
 * Bus mastering is off for every function after pcie_enumerate(), and pcie_bus_master() turns
 * it on only for a function whose DMA was declared isolated: an SMMU holds a stream table
 * entry for it.
 */
#ifndef DRIVERS_PCIE_PCIE_H
#define DRIVERS_PCIE_PCIE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"

#define PCIE_FUNCTIONS_MAX	  16u
#define PCIE_BARS		  6u
#define PCIE_CONFIG_BYTES	  4096u
#define PCIE_CAPABILITIES_MAX	  48u /* in 192 bytes of 4 each */

/* Configuration header (PCI Local Bus 3.0, 6.1). */
#define PCI_VENDOR_ID		  0x00u
#define PCI_DEVICE_ID		  0x02u
#define PCI_COMMAND		  0x04u
#define PCIE_COMMAND_IO		  (1u << 0)
#define PCIE_COMMAND_MEMORY	  (1u << 1)
#define PCIE_COMMAND_BUS_MASTER	  (1u << 2)
#define PCIE_COMMAND_INTX_DISABLE (1u << 10)
#define PCI_STATUS		  0x06u
#define PCI_STATUS_CAP_LIST	  (1u << 4)
#define PCI_REVISION_CLASS	  0x08u
#define PCI_HEADER_TYPE		  0x0eu
#define PCI_HEADER_TYPE_MULTI	  0x80u
#define PCI_BAR0		  0x10u
#define PCI_BAR_IO		  (1u << 0)
#define PCI_BAR_MEM_TYPE	  (3u << 1)
#define PCI_BAR_MEM_64		  (2u << 1)
#define PCI_BAR_PREFETCH	  (1u << 3)
#define PCI_SUBSYSTEM_VENDOR_ID	  0x2cu
#define PCI_SUBSYSTEM_ID	  0x2eu
#define PCI_CAPABILITIES	  0x34u
#define PCI_INTERRUPT_PIN	  0x3du

#define PCI_CAP_ID_MSI		  0x05u
#define PCI_CAP_ID_EXPRESS	  0x10u
#define PCI_CAP_ID_MSIX		  0x11u

/** bus << 8 | device << 3 | function; on this board also the StreamID (iommu-map is the identity). */
typedef uint16_t pcie_bdf_t;

static inline pcie_bdf_t pcie_bdf(uint8_t bus, uint8_t slot, uint8_t fn)
{
	return (pcie_bdf_t)(bus << 8 | (slot & 31) << 3 | (fn & 7));
}

struct pcie_window {
	uint64_t base; /* the same address for CPU and bus */
	uint64_t size_bytes;
};

struct pcie_config {
	uintptr_t ecam; /* of bus 0 */
	struct pcie_window mem32;
	struct pcie_window mem64; /* size 0: none */
	uint32_t intx_intid;	  /* INTID of the first of four wires; a function's: + (slot + pin) % 4 */
};

struct pcie_bar {
	uint64_t addr;	     /* assigned */
	uint64_t size_bytes; /* 0: not there, I/O, or the upper half of a 64-bit BAR */
	bool is64;
	bool prefetch;
};

struct pcie_function {
	pcie_bdf_t bdf;
	uint16_t vendor_id, device_id;
	uint16_t subsystem_vendor_id, subsystem_id;
	uint32_t class_code; /* 24 bits */
	uint8_t revision;
	uint8_t header_type;
	uint8_t intx_pin;    /* 1 is A; 0: none */
	uint32_t intx_intid; /* valid with intx_pin */
	struct pcie_bar bar[PCIE_BARS];
	bool isolated;
};

struct pcie {
	struct pcie_config config;
	struct pcie_function function[PCIE_FUNCTIONS_MAX];
	uint32_t function_count;
	uint64_t mem32_used, mem64_used;
	char reason[REASON_BYTES];
};

/**
 * Find every function of bus 0, turn decoding and bus mastering off, size all BARs, place
 * them (64-bit ones in mem64, the rest in mem32), then turn memory decoding on.
 *
 * @return ERR_OK; ERR_FULL: more than PCIE_FUNCTIONS_MAX functions, or a window too small
 *         (pcie->reason says which); what was found so far stays usable without its BARs.
 */
enum err pcie_enumerate(struct pcie *pcie, const struct pcie_config *config) MUST_CHECK;

/** The nth function (from 0) with these IDs, or NULL. Valid as long as pcie. */
struct pcie_function *pcie_find(struct pcie *pcie, uint16_t vendor_id, uint16_t device_id, uint32_t nth);
/** The function at bdf, or NULL. */
struct pcie_function *pcie_at(struct pcie *pcie, pcie_bdf_t bdf);

/**
 * Configuration accesses of 1, 2 or 4 bytes, naturally aligned, offset below
 * PCIE_CONFIG_BYTES, bus 0 only; anything else reads as ones and writes nothing. No function
 * there: ones.
 */
uint32_t pcie_config_read(const struct pcie *pcie, pcie_bdf_t bdf, uint32_t offset, uint32_t size_bytes);
void pcie_config_write(const struct pcie *pcie, pcie_bdf_t bdf, uint32_t offset, uint32_t size_bytes, uint32_t value);

/** Offset of a capability in the first 256 bytes, or 0. The list is walked at most PCIE_CAPABILITIES_MAX steps. */
uint8_t pcie_capability(const struct pcie *pcie, pcie_bdf_t bdf, uint8_t id);

/** Clear, then set, bits of COMMAND. Bus mastering is left as it is: see pcie_bus_master. */
void pcie_command(const struct pcie *pcie, const struct pcie_function *f, uint16_t clear, uint16_t set);

/** The board says that an SMMU confines this function (or, false, no longer: bus mastering goes off). */
void pcie_set_isolated(struct pcie *pcie, struct pcie_function *f, bool isolated);
/** ERR_REFUSED when switching on a function that is not isolated. */
enum err pcie_bus_master(const struct pcie *pcie, const struct pcie_function *f, bool on) MUST_CHECK;

#endif
