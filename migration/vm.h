/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The VM as the engine sees it. Implemented by core/vm/ and by the simulator.
 *
 * Nothing waits: what may take longer than 50 us is begun and polled (ERR_AGAIN).
 */
#ifndef MIGRATION_VM_H
#define MIGRATION_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/owner.h"
#include "migration/dirty.h"

struct vm_ram_region {
	uint64_t first_gfn; /* IPA / 4 KiB */
	uint64_t page_count;
};

#define VM_ID_REGS_MAX 24u

/** What both hosts must agree on; exchanged in hello and compared field by field. */
struct vm_desc {
	char name[VM_NAME_MAX];
	struct vm_ram_region ram[VM_RAM_REGIONS_MAX];
	uint32_t ram_region_count;
	uint64_t page_count; /* sum over ram[] */
	uint32_t vcpu_count;
	uint64_t timer_hz;     /* CNTFRQ_EL0 */
	uint32_t gic_lr_count; /* informative */
	uint32_t gic_prio_bits;
	/* ID registers as the guest sees them, in a fixed order; equality is required. */
	uint64_t id_regs[VM_ID_REGS_MAX];
	const char *id_reg_names[VM_ID_REGS_MAX]; /* not on the wire; for error texts */
	uint32_t id_reg_count;
};

/** One record of VM state outside RAM: a vCPU, the GIC distributor, the timer, the UART ... */
struct vm_record_id {
	uint16_t type; /* enum vm_record_type of core/vm; opaque to the engine */
	uint16_t instance;
	uint32_t version;
};

enum vm_run_state { VM_RUNNING, VM_PAUSED, VM_SHUTDOWN, VM_INTERNAL_ERROR };

enum page_use { PAGE_READ, PAGE_WRITE };

struct vm_cpu_info { /* for query-cpus-fast */
	uint32_t index;
	uint32_t core; /* physical core it is pinned to */
	bool halted;
};

struct vm_ops {
	void (*describe)(void *ctx, struct vm_desc *out);
	/** Tell the hypervisor the owner state, before acting on it. Guards every vCPU entry. */
	void (*owner_set)(void *ctx, enum owner owner);
	enum vm_run_state (*run_state)(void *ctx);

	/**
	 * Stop all vCPUs: begin, then poll until ERR_OK (parked, registers saved).
	 * Poll gives ERR_TIMEOUT when a core does not answer within its bound.
	 * Stopping a stopped VM succeeds.
	 */
	enum err (*stop_begin)(void *ctx);
	enum err (*stop_poll)(void *ctx);
	/** Run all powered-on vCPUs. ERR_REFUSED when owner_may_run() says no. */
	enum err (*run)(void *ctx);

	/**
	 * Borrow one page by its index (see migration/dirty.h), PAGE_BYTES bytes, aligned.
	 * ERR_RANGE beyond page_count, ERR_POISONED. Every borrow is returned; a PAGE_WRITE
	 * borrow is cleaned to the point of coherency on return, and marked dirty after the
	 * write if a log is on.
	 */
	enum err (*page_borrow)(void *ctx, uint64_t page, enum page_use use, uint8_t **bytes);
	void (*page_return)(void *ctx, uint64_t page, enum page_use use);

	/** Records, valid while the VM is stopped. index below record_count(). */
	uint32_t (*record_count)(void *ctx);
	void (*record_info)(void *ctx, uint32_t index, struct vm_record_id *out);
	/** Before the first save of a stop: drain pending physical interrupts into the vGIC. */
	enum err (*records_prepare)(void *ctx);
	enum err (*record_save)(void *ctx, uint32_t index, uint8_t *out, size_t cap_bytes, size_t *len_bytes);
	/**
	 * Destination: check one record whole and stage it. ERR_UNSUPPORTED (type, version),
	 * ERR_BAD_RECORD, ERR_RANGE. reason (REASON_BYTES) names field and value on error.
	 */
	enum err (*record_load)(
		void *ctx, const struct vm_record_id *id, const uint8_t *bytes, size_t len_bytes, char *reason);
	/** All records arrived: ERR_MISMATCH names the missing one. The VM can then run(). */
	enum err (*records_complete)(void *ctx, char *reason);
	/** Guest time to add at run(): nanoseconds since the source saved its counter. Never negative. */
	void (*time_add)(void *ctx, uint64_t elapsed_ns);

	/** Forget everything and zero RAM in slices; vCPUs to reset state. Poll until ERR_OK. */
	enum err (*scrub_begin)(void *ctx);
	enum err (*scrub_poll)(void *ctx);

	uint32_t (*cpu_info)(void *ctx, struct vm_cpu_info *out, uint32_t max);

	/** CPU write tracker of this VM. */
	struct dirty (*dirty)(void *ctx);
};

struct vm {
	const struct vm_ops *ops;
	void *ctx;
};

#endif
