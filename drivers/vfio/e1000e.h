/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Intel 82574L as a migratable passthrough device (migration/device.h), a whole function with
 * INTx.
 *
 * While it runs the guest works with BAR 0 itself: the SMMU confines what the device can
 * reach. Pages of the BAR are trapped only while they must be: all of them while the log is
 * on or the device is in any state but RUNNING; that of the statistics while a part of these is
 * kept here. e1000e_mmio_read and e1000e_mmio_write take the accesses that trap.
 *
 * Arcs: the full set (STOP_COPY, P2P, PRE_COPY). The P2P states have receiver and transmitter
 * disabled behind the guest's back; doorbells are taken and nothing comes of them until RUNNING. STOP besides
 * has every interrupt masked, and bus mastering and INTx off.
 *
 * What no register tells is reconstructed:
 * - transmit context (checksum and segmentation offload): from the descriptors the guest posts while
 *   they trap, else from those still in the ring. A ring that has been used up since the last
 *   context makes PRE_COPY hold back its initial bytes for E1000E_CONTEXT_WAIT_US, and then fail; without
 *   PRE_COPY the arc to RUNNING_P2P is refused.
 * - a frame of which only the first fragments were posted: transmission resumes at its first fragment.
 * - statistics, cleared by reading and not writable: added to what the device counts, until the guest has read them.
 * - TIDV where it reads as zero: kept if its write trapped, otherwise zero, which is an interrupt
 *   earlier, never one less.
 * - interrupt moderation timers: a cause that was put off is raised before the stop.
 *
 * One lock covers all of it; it is held for some dozens of register accesses at most.
 */
#ifndef DRIVERS_VFIO_E1000E_H
#define DRIVERS_VFIO_E1000E_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/spinlock.h"
#include "drivers/vfio/e1000e_regs.h"
#include "drivers/vfio/image.h"
#include "migration/device.h"

#define E1000E_STATE_VERSION	   1u
#define E1000E_TAG_EEPROM	   (IMAGE_TAG_MANDATORY | 1u)
#define E1000E_TAG_REGISTERS	   (IMAGE_TAG_MANDATORY | 2u)
#define E1000E_TAG_CAUSES	   (IMAGE_TAG_MANDATORY | 3u)
#define E1000E_TAG_CONTEXTS	   (IMAGE_TAG_MANDATORY | 4u)
#define E1000E_TAG_PHY		   (IMAGE_TAG_MANDATORY | 5u)
#define E1000E_TAG_STATISTICS	   (IMAGE_TAG_MANDATORY | 6u)

#define E1000E_REGISTERS_COUNT	   412u /* words of the register table, e1000e_table.c */
#define E1000E_CAUSES_COUNT	   7u
#define E1000E_PHY_COUNT	   7u
#define E1000E_CONTEXTS_MAX	   2u /* one for checksums, one for segmentation: hardware may keep both */
#define E1000E_EEPROM_BYTES	   (2u * E1000E_EEPROM_WORDS)
#define E1000E_REGISTERS_BYTES	   (4u * E1000E_REGISTERS_COUNT)
#define E1000E_CAUSES_BYTES	   (4u * E1000E_CAUSES_COUNT)
#define E1000E_QUEUE_CONTEXT_BYTES (4u + E1000E_CONTEXTS_MAX * E1000E_DESC_BYTES)
#define E1000E_CONTEXTS_BYTES	   (E1000E_QUEUES * E1000E_QUEUE_CONTEXT_BYTES)
#define E1000E_PHY_BYTES	   (4u * E1000E_PHY_COUNT)
#define E1000E_STATISTICS_BYTES	   (4u * E1000E_STATS_COUNT)
#define E1000E_BLOCKS		   6u
/** The part that PRE_COPY gives first: header and EEPROM, so that a stranger is refused early. */
#define E1000E_INITIAL_BYTES	   (IMAGE_HEADER_BYTES + IMAGE_BLOCK_BYTES + E1000E_EEPROM_BYTES)
#define E1000E_IMAGE_BYTES                                                                                             \
	(IMAGE_HEADER_BYTES + E1000E_BLOCKS * IMAGE_BLOCK_BYTES + E1000E_EEPROM_BYTES + E1000E_REGISTERS_BYTES +       \
		E1000E_CAUSES_BYTES + E1000E_CONTEXTS_BYTES + E1000E_PHY_BYTES + E1000E_STATISTICS_BYTES)

/** All arcs end before this. */
#define E1000E_ARC_TIMEOUT_US  1000000u
/** What was posted for transmission is sent within this; the slowest link takes 10 ms for a ring of small frames. */
#define E1000E_DRAIN_US	       200000u
/** A frame being received when the receiver is disabled is in memory after this. */
#define E1000E_SETTLE_US       200u
/** How long PRE_COPY waits for the guest's next transmit context. */
#define E1000E_CONTEXT_WAIT_US 10000000u
/** Descriptors of a ring that the log can follow; with a longer one everything is dirty at each harvest. */
#define E1000E_RING_MAX	       4096u
/** Different pages between two harvests; when they are more, everything is dirty. A power of two. */
#define E1000E_LOG_SLOTS       16384u
#define E1000E_LOG_PAGES_MAX   (E1000E_LOG_SLOTS / 4u * 3u)
/** Fragments of a frame that was posted in part. */
#define E1000E_FRAGMENTS_MAX   64u
/** Descriptors a guest may have written beyond the tail, at most, without having posted them; half of a short ring. */
#define E1000E_UNPOSTED_MAX    64u

#define E1000E_TRAP_ALL	       UINT32_MAX
#define E1000E_TRAP_STATS      BIT32(E1000E_STATS >> 12)

/** What the board knows. Called with the device's lock held: no waiting, no way back into e1000e. */
struct e1000e_host_ops {
	/** Monotonic. */
	uint64_t (*time_us)(void *ctx);
	/**
	 * Is [iova, iova + len_bytes) RAM of the VM, in one region, and which page of the VM (as
	 * migration/dirty.h counts) is its first? ERR_RANGE when not. len_bytes is 1 to 64 KiB.
	 */
	enum err (*ram_page)(void *ctx, uint64_t iova, uint64_t len_bytes, uint64_t *page);
	/** Copy out of the VM's RAM. ERR_RANGE: not all of it is RAM; out is then undefined. */
	enum err (*ram_read)(void *ctx, uint64_t iova, uint8_t *out, uint32_t len_bytes);
	/** Set bus mastering and INTx in the physical COMMAND register. ERR_REFUSED: no SMMU confines the function. */
	enum err (*command)(void *ctx, bool bus_master, bool intx);
	/**
	 * From the return on, accesses to 4 KiB page n of BAR 0 come to e1000e_mmio_* if bit n is set, and go to
	 * the device if not; none that took another way is in flight. An error leaves it as it was.
	 */
	enum err (*trap)(void *ctx, uint32_t pages);
};

struct e1000e_config {
	const struct e1000e_host_ops *ops;
	void *ctx;
	uintptr_t regs; /* BAR 0 mapped */
	char id[16];	/* virtual BDF */
	uint16_t subsystem_vendor_id, subsystem_id;
	/** A page of the hypervisor: readable in the device's stage 2 at scratch_iova, outside the VM's RAM. */
	uint8_t *scratch;
	uint64_t scratch_iova;
	/** Records the device's writes in place of its own log; ops NULL: none. */
	struct dirty tracker;
};

enum e1000e_job {
	E1000E_JOB_NONE = 0,
	E1000E_JOB_DONE, /* nothing to do but to change state */
	E1000E_JOB_HOLD, /* into a P2P state */
	E1000E_JOB_STOP,
	E1000E_JOB_SAVE,
	E1000E_JOB_LOAD,
	E1000E_JOB_WIPE,
};

/** Registers that the device has otherwise than the guest wrote them, in states other than RUNNING. */
struct e1000e_held {
	bool dma;	 /* rctl and tctl count */
	bool interrupts; /* ims counts */
	uint32_t rctl, tctl, ims;
};

enum e1000e_context_state { E1000E_CONTEXT_UNKNOWN = 0, E1000E_CONTEXT_NONE, E1000E_CONTEXT_KNOWN };

/** Transmit context of a queue; ring order: [0] is the older. */
struct e1000e_context {
	enum e1000e_context_state state;
	uint32_t count;
	uint8_t desc[E1000E_CONTEXTS_MAX][E1000E_DESC_BYTES];
};

/** A ring as it was when last looked at; counted in descriptors of 16 bytes. */
struct e1000e_ring {
	uint64_t base;
	uint32_t count; /* 0: no ring */
	uint32_t head, tail;
};

struct e1000e_log {
	bool on;
	bool lost;   /* the set overflowed: everything is dirty, once */
	bool unsure; /* what is posted cannot be followed: everything is dirty at each harvest */
	uint32_t count;
	uint32_t set[E1000E_LOG_SLOTS]; /* page + 1; 0: free */
	/* Buffers of each posted receive descriptor: page << 5 | pages. Packet split has two in each half. */
	uint32_t posted[E1000E_QUEUES][E1000E_RING_MAX][2];
};

/** MDIC or EERD after an access of the driver's own: what it was before, as long as the guest has not used it. */
struct e1000e_access {
	bool ours;
	uint32_t left, was;
};

struct e1000e_counts {
	uint64_t trapped, doorbells, contexts;
};

/** One device; the fields are the driver's. */
struct e1000e {
	struct spinlock lock;
	struct e1000e_config config;
	enum device_state state;
	struct device_transfer transfer;

	enum e1000e_job job;
	uint32_t job_step;
	enum device_state job_from, job_to;
	enum err job_result;
	uint64_t job_begun_us;
	uint64_t settle_begun_us;

	uint16_t command; /* COMMAND as the guest wrote it */
	struct e1000e_held held;
	uint32_t traps; /* E1000E_TRAP_*: in force */
	bool tracking;	/* everything traps, and rings and contexts are followed */
	uint32_t rctl;	/* while tracking, as the guest wrote it: shape and size of receive buffers */
	bool tidv_known;
	uint32_t tidv;
	struct e1000e_ring rx[E1000E_QUEUES], tx[E1000E_QUEUES];
	struct e1000e_context context[E1000E_QUEUES];
	uint32_t tx_resume[E1000E_QUEUES]; /* where transmission resumes elsewhere: TDH, or the begin of a frame */
	uint32_t carry[E1000E_STATS_COUNT];
	bool carries;
	struct e1000e_log log;
	struct e1000e_counts counts;
	uint32_t stop_us, load_us; /* longest seen */

	struct e1000e_access mdic, eerd;
	uint64_t precopy_begun_us;
	uint8_t image[E1000E_IMAGE_BYTES];
	uint32_t image_len, image_at;
	char error[REASON_BYTES];
};

/**
 * Take over a device as it comes out of power-on or enumeration: it is reset, bus mastering and INTx go off; the
 * state is RUNNING.
 *
 * @return ERR_OK; ERR_UNSUPPORTED: not an 82574L; ERR_IO: COMMAND could not be set. e->error says why.
 */
enum err e1000e_init(struct e1000e *e, const struct e1000e_config *config) MUST_CHECK;

extern const struct device_ops e1000e_device_ops;

/** The device for the engine; valid as long as e. */
struct device e1000e_device(struct e1000e *e);

/**
 * One access of the guest to BAR 0 that trapped.
 *
 * @return ERR_OK; ERR_BAD_RECORD: not 4 bytes, or not aligned; ERR_RANGE: beyond the BAR: an abort for the guest.
 *         ERR_BAD_STATE: the device is stopped; nothing was done.
 */
enum err e1000e_mmio_read(struct e1000e *e, uint64_t offset, uint32_t size_bytes, uint64_t *value) MUST_CHECK;
enum err e1000e_mmio_write(struct e1000e *e, uint64_t offset, uint32_t size_bytes, uint64_t value) MUST_CHECK;

/** The guest's COMMAND register changed (emulated configuration space): applied now, or when the device runs. */
void e1000e_guest_command(struct e1000e *e, uint16_t command);
/** Is the INTx request of the device up, whatever COMMAND says? */
bool e1000e_irq_pending(struct e1000e *e);

#endif
