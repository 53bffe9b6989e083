/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * QEMU's edu as a migratable passthrough device (migration/device.h).
 *
 * The guest never reaches BAR 0: edu_mmio_read and edu_mmio_write mediate it, on the core of
 * the vCPU that trapped. Transfers are checked before they start, since the device itself
 * does not stop at the end of its buffer. The DMA registers the guest sees are kept here and
 * written to the device only to start a transfer; so the device's own can serve to read out
 * and write back its buffer, through a scratch page of the hypervisor, without the guest
 * seeing a trace, and need no restoring.
 *
 * Arcs: RUNNING <-> STOP, STOP <-> STOP_COPY, STOP <-> RESUMING. A transfer lasts about
 * 100 ms; leaving RUNNING waits for one under way, entering STOP_COPY and leaving RESUMING do
 * one each. In every state but RUNNING, INTx is disabled at the function, and bus mastering
 * off but for those two transfers.
 *
 * One lock covers all of it; it is held for a few register accesses.
 */
#ifndef DRIVERS_VFIO_EDU_H
#define DRIVERS_VFIO_EDU_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/spinlock.h"
#include "drivers/vfio/edu_regs.h"
#include "drivers/vfio/image.h"
#include "migration/device.h"

#define EDU_STATE_VERSION   1u
#define EDU_TAG_REGISTERS   (IMAGE_TAG_MANDATORY | 1u)
#define EDU_TAG_BUFFER	    (IMAGE_TAG_MANDATORY | 2u)
#define EDU_REGISTERS_BYTES 48u
#define EDU_IMAGE_BYTES	    (IMAGE_HEADER_BYTES + 2 * IMAGE_BLOCK_BYTES + EDU_REGISTERS_BYTES + EDU_BUFFER_BYTES)

/** A transfer (100 ms of virtual time) and a factorial end well before this. */
#define EDU_ARC_TIMEOUT_US  5000000u
/** The factorial's interrupt follows the end of the computation within this. */
#define EDU_IRQ_SETTLE_US   20000u
/** Different pages the log holds between two harvests; one transfer dirties at most two. */
#define EDU_LOG_PAGES_MAX   256u

/** What the board knows. Called with the device's lock held: no waiting, no way back into edu. */
struct edu_host_ops {
	/** Monotonic. */
	uint64_t (*time_us)(void *ctx);
	/**
	 * Is [iova, iova + len_bytes) RAM of the VM, in one region, and which page of the VM (as
	 * migration/dirty.h counts) is its first? ERR_RANGE when not. len_bytes is 1 to 4096.
	 */
	enum err (*ram_page)(void *ctx, uint64_t iova, uint64_t len_bytes, uint64_t *page);
	/** Set bus mastering and INTx in the physical COMMAND register. ERR_REFUSED: no SMMU confines the function. */
	enum err (*command)(void *ctx, bool bus_master, bool intx);
	/** Faults the SMMU has reported for this function so far; NULL when nobody counts. */
	uint64_t (*dma_faults)(void *ctx);
};

struct edu_config {
	const struct edu_host_ops *ops;
	void *ctx;
	uintptr_t regs; /* BAR 0, first page mapped */
	char id[16];	/* virtual BDF, "0000:00:01.0" */
	uint16_t subsystem_vendor_id, subsystem_id;
	/** A page of the hypervisor: RW in the device's stage 2 at scratch_iova, outside the VM's RAM. */
	uint8_t *scratch;
	uint64_t scratch_iova;
	/** Who records what it writes by DMA; ops NULL: the driver's own log (core/vm/dma_policy.h). */
	struct dirty tracker;
};

enum edu_job { EDU_JOB_NONE = 0, EDU_JOB_DONE, EDU_JOB_QUIESCE, EDU_JOB_READ_OUT, EDU_JOB_LOAD, EDU_JOB_WIPE };

/** What the guest sees where the device cannot tell, and what it started. */
struct edu_guest {
	uint64_t dma_src, dma_dst, dma_count, dma_cmd;
	uint32_t factorial;  /* input while computing; the result while kept */
	bool factorial_kept; /* the result is the saved one, the device's is not */
	bool factorial_open; /* its interrupt may still come */
	uint16_t command;    /* COMMAND as the guest wrote it */
};

/** A transfer of the guest that was started and not yet seen to end. */
struct edu_flight {
	bool open;
	bool to_ram;
	uint64_t page; /* first page of the VM, when to_ram */
	uint32_t page_count;
};

struct edu_log {
	bool on;
	bool lost;
	uint32_t count;
	uint64_t page[EDU_LOG_PAGES_MAX];
};

struct edu_counts {
	uint64_t transfers;
	uint64_t refused; /* starts that would have left the buffer or the VM's RAM */
};

/** One device; the fields are the driver's. */
struct edu {
	struct spinlock lock;
	struct edu_config config;
	enum device_state state;
	struct device_transfer transfer;

	enum edu_job job;
	uint32_t job_step;
	enum device_state job_from, job_to;
	enum err job_result;
	uint64_t job_begun_us;
	uint64_t settle_begun_us;
	uint64_t faults_before;
	uint64_t pattern_seed;

	struct edu_guest guest;
	struct edu_flight flight;
	struct edu_log log;
	struct edu_counts counts;
	uint32_t stop_us, load_us; /* longest seen */

	uint8_t image[EDU_IMAGE_BYTES];
	uint32_t image_len, image_at;
	char error[REASON_BYTES];
	char refusal[REASON_BYTES]; /* the last access of the guest that was refused */
};

/**
 * Take over a device as it comes out of power-on or enumeration. Bus mastering and INTx go off;
 * the state is RUNNING.
 *
 * @return ERR_OK; ERR_UNSUPPORTED: not an edu; ERR_IO: COMMAND could not be set. edu->error says why.
 */
enum err edu_init(struct edu *edu, const struct edu_config *config) MUST_CHECK;

extern const struct device_ops edu_device_ops;

/** The device for the engine; valid as long as edu. */
struct device edu_device(struct edu *edu);

/**
 * One access of the guest to BAR 0.
 *
 * @return ERR_OK; ERR_BAD_RECORD for a width or alignment the device does not take, ERR_RANGE
 *         for an offset beyond the BAR or a transfer that would leave the buffer or the VM's
 *         RAM (it is not started, the registers stay, edu->refusal says why): an abort for the guest. ERR_BAD_STATE:
 *         the device is not running; nothing was done.
 */
enum err edu_mmio_read(struct edu *edu, uint64_t offset, uint32_t size_bytes, uint64_t *value) MUST_CHECK;
enum err edu_mmio_write(struct edu *edu, uint64_t offset, uint32_t size_bytes, uint64_t value) MUST_CHECK;

/** The guest's COMMAND register changed (emulated configuration space): applied now, or when the device runs. */
void edu_guest_command(struct edu *edu, uint16_t command);
/** Is the INTx request of the device up, whatever COMMAND says? */
bool edu_irq_pending(struct edu *edu);

#endif
