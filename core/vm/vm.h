/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A slot and the VM in it: cores, RAM, guest machine, and whether it may run. One caller, the service core, stops, runs and
 * changes it; the vCPUs' cores look at the atomic flags.
 */
#ifndef CORE_VM_VM_H
#define CORE_VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/owner.h"
#include "core/vm/arch.h"
#include "core/vm/dirty_log.h"
#include "core/vm/mmio.h"
#include "core/vm/stage2.h"
#include "core/vm/vcpu.h"
#include "core/vm/vgic.h"
#include "core/vm/vpci.h"
#include "core/vm/vpl011.h"
#include "core/vm/vpl031.h"
#include "core/vm/vpsci.h"
#include "migration/vm.h"

#define VM_RAM_IPA	   UINT64_C(0x40000000)
#define VM_STOP_TIMEOUT_US 1000000u /* a core that does not park in this time is lost */
#define VM_IRQ_LINKS_MAX   8u

/** What core/vm asks of the board for a VM. */
struct vm_hw_ops {
	/** Set or clear the active state of a physical interrupt; core matters for PPIs only. */
	void (*irq_active_set)(void *ctx, uint32_t core, uint32_t pintid, bool active);
	/** Acknowledge and deliver every SPI that is pending at the service core now. */
	void (*irqs_drain)(void *ctx);
	uint64_t (*time_us)(void *ctx);
	/** Seconds since 1970 for a guest's clock at power-on; may be NULL: 0. */
	uint64_t (*wall_s)(void *ctx);
};

struct vm_config {
	const char *name;
	uint32_t vcpu_count;
	uint32_t first_core;	  /* vCPU n runs on core first_core + n */
	pa_t ram;		  /* 2 MiB aligned; EL2 maps it 1:1 */
	uint64_t ram_bytes;	  /* multiple of 2 MiB */
	uint16_t vmid;		  /* not 0 */
	bool force_write_protect; /* do not use FEAT_HAFDBS */
	/*
	 * 0, or a period for a machine whose virtual timer does not fire by itself while CNTVOFF is "negative", that is while the
	 * guest's counter is ahead of the host's, as on a host that was switched on after the VM it receives.
	 */
	uint32_t timer_check_us;
	s2_page *s2_root, *s2_pool;
	uint32_t s2_pool_count;
	uint64_t *dirty_words; /* BITMAP_WORDS(pages) */
	const struct vm_hw_ops *hw;
	void *hw_ctx;
	const struct vpci_ops *pci; /* may be NULL */
	void *pci_ctx;
};

struct vm_slot {
	struct vm_config cfg;
	char name[VM_NAME_MAX];
	struct vcpu vcpu[VCPU_COUNT_MAX];
	uint64_t page_count;
	struct s2_table s2;
	struct arch_space space;
	struct dirty_log dirty;
	struct mmio_space mmio;
	struct vgic vgic;
	struct vpl011 uart;
	struct vpl031 rtc;
	struct vpci pci;
	struct vpsci vpsci;

	/* Atomic: read by every vCPU before every entry. */
	uint32_t owner; /* enum owner */
	uint32_t paused;
	uint32_t state;	      /* enum vm_run_state; VM_SHUTDOWN and VM_INTERNAL_ERROR stay until scrub or reset */
	uint32_t reset_asked; /* by the guest: it does not run on until vm_reset() */

	/* The service core's. */
	uint64_t cntvoff;
	uint64_t counter;     /* guest's virtual counter at the last stop */
	uint64_t counter_add; /* ticks to add at run() */
	bool counter_stopped; /* counter is valid: set at the end of a stop, cleared by run() */
	uint64_t stop_deadline_us;
	bool stopping;
	bool stopped; /* a stop has ended, or the VM has never run: registers are in vcpu[] */
	struct {
		uint32_t intid, pintid;
	} linked[VM_IRQ_LINKS_MAX]; /* SPIs of passthrough functions */
	uint32_t linked_count;
	uint32_t records_loaded; /* bit per record index */
	uint64_t scrub_page;
	bool scrubbing;
};

/**
 * Make the slot: RAM mapped at VM_RAM_IPA, guest machine at power-on, paused, owner NONE. ERR_RANGE: a value of the
 * configuration; ERR_FULL: table pages or MMIO regions.
 */
MUST_CHECK enum err vm_init(struct vm_slot *vm, const struct vm_config *cfg);

/** The one rule of who may run. Every vCPU asks before every entry. */
bool vm_may_run(const struct vm_slot *vm);

/** Power-on state of everything but RAM; vCPU 0 will start at entry with x0. The VM is stopped. */
void vm_reset(struct vm_slot *vm, uint64_t entry, uint64_t x0);
void vm_owner_set(struct vm_slot *vm, enum owner owner);
enum vm_run_state vm_state(const struct vm_slot *vm);

/** See migration/vm.h: stop_begin, stop_poll, run. */
MUST_CHECK enum err vm_stop_begin(struct vm_slot *vm);
MUST_CHECK enum err vm_stop_poll(struct vm_slot *vm);
MUST_CHECK enum err vm_run(struct vm_slot *vm);
/** From the end of a stop (vm_stop_poll said ERR_OK) to vm_run(). */
bool vm_is_stopped(const struct vm_slot *vm);

/** From a vCPU: the guest turned itself off, or cannot go on. Its vCPUs park at their next look. */
void vm_shut_down(struct vm_slot *vm);
void vm_fail(struct vm_slot *vm, const char *why);
/** From a vCPU: the guest asks to be reset. Its vCPUs park until vm_reset(). */
void vm_reset_ask(struct vm_slot *vm);
/**
 * Service core: has the guest asked for a reset, and can it be served? ERR_OK: it has, and the VM is stopped now for the
 * caller to load a guest, vm_reset() and vm_run(). ERR_AGAIN: its vCPUs are not all parked, or the VM is paused: then it has
 * to run first, or is about to leave. ERR_END: it has not.
 */
MUST_CHECK enum err vm_reset_poll(struct vm_slot *vm);

/** Physical SPI pintid is this VM's vINTID intid, linked by hardware. Before the VM first runs. ERR_FULL, ERR_RANGE. */
MUST_CHECK enum err vm_irq_link(struct vm_slot *vm, uint32_t intid, uint32_t pintid);
/** Service core: the linked SPI was acknowledged; it stays active until the guest deactivates it. */
void vm_irq_deliver(struct vm_slot *vm, uint32_t intid);
/**
 * After the vGIC's record was loaded, before any device of the VM may act: exactly what the record holds is active
 * physically, or a level that is still asserted would be taken a second time.
 */
void vm_hw_active_sync(struct vm_slot *vm);
/** Kick the vCPUs whose interrupts have changed. After every batch of vGIC calls. */
void vm_kick_pending(struct vm_slot *vm);

/** IPA to index among the VM's pages; false outside RAM. */
bool vm_ram_page(const struct vm_slot *vm, uint64_t ipa, uint64_t *page);
/** Hypervisor's view of RAM. page below page_count. */
uint8_t *vm_page(const struct vm_slot *vm, uint64_t page);
/** Hypervisor's view of len_bytes (not 0) of RAM from an IPA; NULL when they are not all RAM. */
uint8_t *vm_ram_span(const struct vm_slot *vm, uint64_t ipa, uint64_t len_bytes);
/** They were written for the guest: cleaned, marked dirty. The span is inside RAM, len_bytes not 0. */
void vm_ram_written(struct vm_slot *vm, uint64_t ipa, uint64_t len_bytes);
/** Copy into RAM for the guest: cleaned, marked dirty after the write. ERR_RANGE outside RAM. */
MUST_CHECK enum err vm_ram_write(struct vm_slot *vm, uint64_t ipa, const uint8_t *bytes, size_t len_bytes);

/** The engine's view. */
struct vm vm_interface(struct vm_slot *vm);

#endif
