/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A Non-secure SMMUv3 in software, written from Arm IHI 0070 for host tests. It shares no
 * definition with the driver it judges. What the architecture leaves open goes the way that
 * hurts: stores are not seen before they are published, commands are consumed late, an
 * invalidation does nothing before the SYNC behind it, whatever may be cached is cached
 * (invalid entries too), and nothing is forgotten without being told.
 *
 * Memory is an array of the test. `mem` is what the CPU's loads and stores see, `seen` is
 * what the SMMU sees; smmu_model_publish carries the one to the other. Not modelled: Secure
 * state, AArch32 tables, LPA2, MPAM, VMW, page requests, two-level CD tables.
 */
#ifndef TESTS_FAKE_SMMUV3_MODEL_H
#define TESTS_FAKE_SMMUV3_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMMU_MODEL_TLB_MAX     256u
#define SMMU_MODEL_CONFIGS_MAX 64u
#define SMMU_MODEL_CDS_MAX     32u
#define SMMU_MODEL_L1_MAX      16u
#define SMMU_MODEL_PENDING_MAX 64u
#define SMMU_MODEL_STALLS_MAX  16u
#define SMMU_MODEL_ATC_MAX     64u
#define SMMU_MODEL_FLIGHT_MAX  64u
#define SMMU_MODEL_UPDATES_MAX 64u
/** Bytes of one transaction; smmu_model_access cuts what is longer. */
#define SMMU_MODEL_BURST_BYTES 64u
#define SMMU_MODEL_NO_SSID     UINT32_MAX
#define SMMU_MODEL_WORDS_MAX   512u

enum smmu_model_outcome {
	SMMU_MODEL_DONE = 0,
	SMMU_MODEL_ABORT,  /* the device sees an abort */
	SMMU_MODEL_RAZ_WI, /* ended quietly: reads give zero, writes vanish */
	SMMU_MODEL_STALL,  /* held until RESUME or STALL_TERM: smmu_model_stall_result */
};

/** When commands leave the queue. */
enum smmu_model_pace {
	SMMU_MODEL_HELD = 0, /* only by smmu_model_consume */
	SMMU_MODEL_LATE,     /* one after a drawn number of reads of CMDQ_CONS */
	SMMU_MODEL_AT_ONCE,  /* within the write of CMDQ_PROD, as QEMU does */
};

/** When an invalidation takes effect; a SYNC always brings it about. */
enum smmu_model_inval {
	SMMU_MODEL_INVAL_AT_SYNC = 0,
	SMMU_MODEL_INVAL_DRAWN, /* at once or at SYNC, by draw */
};

/** What the ID registers say. */
struct smmu_model_id {
	uint32_t idr0, idr1, idr3, idr5, aidr;
};

/** A fault as it would be recorded. */
struct smmu_model_fault {
	uint8_t type; /* IHI 0070 7.3; 0: none */
	bool recorded;
	bool stage2;
	uint8_t level;	    /* of a walk that ended here; no event has it */
	uint8_t class_code; /* 0 CD, 1 table walk, 2 input */
	bool walk_write;    /* the walk's own access was a write */
	uint64_t addr;
	uint64_t ipa;
	uint64_t fetch;
};

enum smmu_model_tlb_kind { SMMU_MODEL_TLB_NONE = 0, SMMU_MODEL_TLB_S1, SMMU_MODEL_TLB_S2, SMMU_MODEL_TLB_S12 };

/** One cached translation. S12 is combined: not tagged by IPA. */
struct smmu_model_tlb {
	uint8_t kind;
	bool el2;
	bool global;
	uint16_t vmid;
	uint16_t asid;
	uint8_t level;
	uint8_t size_log2;
	uint8_t whole_log2; /* of the leaf, where only a part of it is kept: an invalidation reaches all parts */
	bool r, w, priv_r, priv_w;
	uint8_t stage1; /* S12: bit for each of r, w, priv_r, priv_w that stage 1 alone grants */
	bool device;
	bool upgrade; /* writable-clean: a write has to go back to the descriptor */
	uint64_t in;
	uint64_t ipa; /* S12: where in leads to on its way */
	uint64_t out;
};

/** A write that was translated and has not landed, and what it went through. */
struct smmu_model_flight {
	bool busy;
	struct smmu_model_tlb via;
	uint32_t sid;
	uint64_t pa;
	uint32_t len;
	uint8_t data[SMMU_MODEL_BURST_BYTES];
};

struct smmu_model_stall {
	bool held;   /* waits for an answer */
	bool queued; /* its record waits for room */
	bool answered;
	uint32_t sid, ssid;
	uint64_t addr;
	uint32_t len;
	bool write;
	uint8_t data[SMMU_MODEL_BURST_BYTES];
	uint64_t record[4];
	enum smmu_model_outcome outcome;
};

struct smmu_model_atc {
	bool valid;
	bool r, w;
	uint32_t sid, ssid;
	uint8_t size_log2;
	uint64_t in;
	uint64_t out; /* PA; IPA where EATS = 2 */
};

struct smmu_model_counts {
	uint64_t commands, syncs, events, lost_events, walks, tlb_hits, dirty_updates, access_updates;
	uint64_t evtq_irqs, gerror_irqs, sync_irqs;
};

/** All of it is the model's, but what is said to be the test's. */
struct smmu_model {
	/* The test's, to be set before or between uses. */
	struct smmu_model_id id;
	enum smmu_model_pace pace;
	enum smmu_model_inval inval;
	uint32_t delay_max;	       /* LATE: reads of CMDQ_CONS per command at most */
	uint32_t ack_delay;	       /* reads until CR0ACK, IRQ_CTRLACK, GBPA.Update answer, drawn, at most */
	bool acks_deaf;		       /* they never do */
	bool hold_writes;	       /* DMA writes are in flight until an invalidation's SYNC, or smmu_model_land */
	bool hold_updates;	       /* the CPU's plain loads see HTTU updates after the next SYNC only */
	bool tlb_pages;		       /* blocks are kept in parts of 4 KiB, as they are used */
	bool tlb_grants_only;	       /* no access is refused before the tables were read again */
	bool atc_deaf;		       /* endpoints do not answer ATC_INV */
	uint64_t poison_lo, poison_hi; /* accesses of the SMMU to these PAs abort */
	uint64_t time_step_us;
	/** A word has become visible to the SMMU. */
	void (*on_visible)(struct smmu_model *m, uint64_t pa);
	/** The SMMU is about to update a descriptor that it has read. */
	void (*on_update)(struct smmu_model *m, uint64_t pa, uint64_t old);
	void *ctx;

	/* What the test may look at. */
	struct smmu_model_fault fault; /* of the last access */
	struct smmu_model_counts counts;
	uint32_t violations; /* writes that the architecture does not allow */
	char violation[128]; /* the first of them */
	uint64_t now_us;
	uint16_t stag; /* of the last stall */

	uint8_t *mem, *seen;
	uint64_t base_pa;
	size_t bytes;
	uint64_t random;

	uint32_t cr0, cr0ack, cr1, cr2, gbpa, gbpa_next, irq_ctrl, irq_ctrlack, gerror, gerrorn;
	uint32_t cr0_wait, gbpa_wait, irq_wait, cmd_wait;
	uint64_t strtab_base, cmdq_base, eventq_base;
	uint64_t gerror_irq_cfg0, eventq_irq_cfg0;
	uint32_t strtab_cfg, cmdq_prod, cmdq_cons, eventq_prod, eventq_cons;
	bool update_pending;

	struct smmu_model_tlb tlb[SMMU_MODEL_TLB_MAX];
	uint32_t tlb_next;
	struct {
		bool valid;
		uint32_t sid;
		uint64_t ste[8];
	} config[SMMU_MODEL_CONFIGS_MAX];
	uint32_t config_next;
	struct {
		bool valid;
		uint32_t sid, ssid;
		uint64_t cd[8];
	} cds[SMMU_MODEL_CDS_MAX];
	uint32_t cds_next;
	struct {
		bool valid;
		uint32_t index;
		uint64_t desc;
	} l1[SMMU_MODEL_L1_MAX];
	uint32_t l1_next;

	struct {
		uint64_t d0, d1;
	} pending[SMMU_MODEL_PENDING_MAX];
	uint32_t pending_count;
	bool atc_timed_out;

	struct smmu_model_flight flight[SMMU_MODEL_FLIGHT_MAX];
	uint64_t updated_pa[SMMU_MODEL_UPDATES_MAX];
	uint64_t updated_old[SMMU_MODEL_UPDATES_MAX];
	uint32_t updated_count;
	struct smmu_model_stall stall[SMMU_MODEL_STALLS_MAX];
	struct smmu_model_atc atc[SMMU_MODEL_ATC_MAX];
	uint32_t atc_next;
};

/**
 * Reset state: everything off, GBPA lets traffic through. The ID registers are those of QEMU
 * 10.0's nested SMMUv3; set m->id for another. mem and seen have the same size, a multiple of
 * 8, and stay the caller's; seen is made equal to mem.
 */
void smmu_model_reset(struct smmu_model *m, uint8_t *mem, uint8_t *seen, uint64_t base_pa, size_t bytes, uint64_t seed);

/** Registers by byte offset. 64-bit ones can also be written by halves. */
uint32_t smmu_model_read32(struct smmu_model *m, uint32_t offset);
void smmu_model_write32(struct smmu_model *m, uint32_t offset, uint32_t value);
void smmu_model_write64(struct smmu_model *m, uint32_t offset, uint64_t value);

/** PA of a pointer into mem; 0 for any other. */
uint64_t smmu_model_pa(const struct smmu_model *m, const void *ptr);
/** Words of mem that changed become visible, one by one in a drawn order. Memory elsewhere is ignored. */
void smmu_model_publish(struct smmu_model *m, const void *ptr, size_t len_bytes);
/** What the SMMU wrote is seen by plain loads (matters where COHACC = 0). */
void smmu_model_acquire(struct smmu_model *m, const void *ptr, size_t len_bytes);
/** The CPU's atomic on a word: acts on what both see, returns the value before. */
uint64_t smmu_model_cpu_rmw(struct smmu_model *m, uint64_t pa, uint64_t clear, uint64_t set);

/** Let up to count commands leave the queue. Returns how many did. */
uint32_t smmu_model_consume(struct smmu_model *m, uint32_t count);
/** Writes in flight reach memory, HTTU updates the CPU's view. */
void smmu_model_land(struct smmu_model *m);

/**
 * DMA of a device. data: read from (write) or written to, len bytes. The last fault lies in
 * m->fault. A stall holds the burst that faulted, later bursts are not made.
 */
enum smmu_model_outcome smmu_model_access(
	struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, uint32_t len, bool write, void *data);
/** Speculative walk: Access flag and caches at most. */
void smmu_model_prefetch(struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova);
/** Once answered, what became of a stalled transaction; SMMU_MODEL_STALL before. Read data goes to data. */
enum smmu_model_outcome smmu_model_stall_result(struct smmu_model *m, uint16_t stag, void *data);

/** Translation request: fills out and the device's cache. DONE with neither r nor w: no access. */
enum smmu_model_outcome smmu_model_ats_request(
	struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, bool no_write, struct smmu_model_atc *out);
/** DMA through the device's cache: request where it has none, then a translated transaction. */
enum smmu_model_outcome smmu_model_ats_access(
	struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, uint32_t len, bool write, void *data);
/** Translated transaction as a device may forge it. */
enum smmu_model_outcome smmu_model_translated(
	struct smmu_model *m, uint32_t sid, uint64_t addr, uint32_t len, bool write, void *data);

#endif
