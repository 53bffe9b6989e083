/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The guest's PCIe bus 0: an ECAM (PCI Express Base 7.2.2) whose configuration space is
 * emulated whole. A host bridge sits at 00:00.0; passthrough functions are added at virtual
 * addresses. BARs are 32-bit memory; INTx; no capabilities.
 */
#ifndef CORE_VM_VPCI_H
#define CORE_VM_VPCI_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/spinlock.h"

struct mmio_space;

#define VPCI_ECAM_BASE		 UINT64_C(0x4010000000)
#define VPCI_ECAM_BYTES		 UINT64_C(0x10000000) /* 256 buses; all but bus 0 are empty */
#define VPCI_WINDOW_BASE	 UINT64_C(0x10000000) /* 32-bit memory window */
#define VPCI_WINDOW_END		 UINT64_C(0x3eff0000)
#define VPCI_BARS		 6u
#define VPCI_FUNCTIONS_MAX	 (DEVICE_COUNT_MAX + 1u)
#define VPCI_STATE_VERSION	 1u

#define VPCI_BDF(dev, fn)	 ((uint16_t)((dev) << 3 | (fn)))
/** INTID of pin (1 = A .. 4 = D) of device slot dev, as on QEMU virt: SPI 3 + (dev + pin - 1) mod 4. */
#define VPCI_INTID(dev, pin)	 (32u + 3u + (((dev) + (pin)-1u) % 4u))

#define PCI_COMMAND_MEMORY	 0x0002u
#define PCI_COMMAND_MASTER	 0x0004u
#define PCI_COMMAND_INTX_DISABLE 0x0400u

/** What a function looks like to the guest. */
struct vpci_function {
	uint16_t bdf; /* virtual; bus 0, not 00:00.0 */
	uint16_t vendor_id, device_id;
	uint16_t subsystem_vendor_id, subsystem_id;
	uint32_t class_revision;       /* class << 8 | revision, as at offset 8 */
	uint32_t bar_bytes[VPCI_BARS]; /* 0, or a power of two >= 4096 */
	uint8_t intx_pin;	       /* 0 none, 1 A .. 4 D */
};

/**
 * Told about changes, on the core of the vCPU that wrote (or of vpci_load), with the bus's lock
 * held: may not call back into it, may not wait. Any may be NULL.
 */
struct vpci_ops {
	/** The BAR now decodes at [ipa, ipa + size): inside the window, disjoint from every other mapped BAR. */
	void (*bar_map)(void *ctx, uint16_t bdf, uint32_t bar, uint64_t ipa, uint64_t size_bytes);
	/** It no longer does. */
	void (*bar_unmap)(void *ctx, uint16_t bdf, uint32_t bar, uint64_t ipa, uint64_t size_bytes);
	/** COMMAND changed: PCI_COMMAND_*. */
	void (*command)(void *ctx, uint16_t bdf, uint16_t command);
	/** The function's INTx request, whatever COMMAND says: STATUS bit 3. */
	bool (*intx_level)(void *ctx, uint16_t bdf);
};

struct vpci_slot {
	struct vpci_function fn;
	uint32_t bar[VPCI_BARS];    /* address as written, sizing bits clear */
	uint64_t mapped[VPCI_BARS]; /* IPA where it decodes, or 0 */
	uint16_t command;
	uint8_t interrupt_line;
	uint8_t cache_line;
};

struct vpci {
	struct spinlock lock;
	const struct vpci_ops *ops;
	void *ctx;
	uint32_t count; /* slot 0 is the host bridge */
	struct vpci_slot slot[VPCI_FUNCTIONS_MAX];
};

/** A bus with nothing but the host bridge. ops may be NULL and outlives the bus. */
void vpci_init(struct vpci *p, const struct vpci_ops *ops, void *ctx);
/** Before the VM runs. ERR_FULL; ERR_RANGE for a bdf, BAR size or pin that cannot be, or a bdf taken. */
MUST_CHECK enum err vpci_add_function(struct vpci *p, const struct vpci_function *fn);
/** All functions as after power-on; mapped BARs are unmapped. */
void vpci_reset(struct vpci *p);
MUST_CHECK enum err vpci_map(struct vpci *p, struct mmio_space *s);

/** COMMAND of a function as the guest left it; 0 for an absent one. */
uint16_t vpci_command(struct vpci *p, uint16_t bdf);
/** Where a BAR decodes now; ERR_RANGE when nowhere. */
MUST_CHECK enum err vpci_bar(struct vpci *p, uint16_t bdf, uint32_t bar, uint64_t *ipa);

void vpci_save(struct vpci *p, struct writer *w);
/**
 * Checks the whole record (functions and their identity must be those of this bus, in order), then
 * takes it; the ops see what changed. reason: REASON_BYTES. On error nothing has changed.
 */
MUST_CHECK enum err vpci_load(struct vpci *p, struct reader *r, char *reason);

#endif
