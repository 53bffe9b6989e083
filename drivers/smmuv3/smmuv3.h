/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * libgodwit-smmu: driver of one Non-secure Arm SMMUv3 for a hypervisor that gives devices
 * stage 2 translation (Arm IHI 0070). Everything that was not attached aborts.
 *
 * The library has no state of its own, no heap and no clock, and touches registers only
 * through struct gw_smmu_ops. All memory is the caller's and stays in use until the SMMU is
 * reset. Calls on one struct gw_smmu come from one core (the service core).
 *
 * Order: gw_smmu_probe, gw_smmu_init, then attach streams. What may take long is begun and
 * polled; gw_smmu_attach_s2, gw_smmu_detach and gw_smmu_sync are the same followed by a
 * bounded spin, for bring-up.
 */
#ifndef DRIVERS_SMMUV3_SMMUV3_H
#define DRIVERS_SMMUV3_SMMUV3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"

/** Longest wait for a register acknowledge and for a CMD_SYNC. */
#define GW_SMMU_ACK_TIMEOUT_US	100000u
#define GW_SMMU_SYNC_TIMEOUT_US 1000000u
/** Polls in one bounded spin, whatever the clock says. */
#define GW_SMMU_POLLS_MAX	10000000u
/** StreamIDs that one leaf of a two-level stream table serves (SPLIT = 8); bytes of a leaf. */
#define GW_SMMU_LEAF_STREAMS	256u
#define GW_SMMU_LEAF_BYTES	(GW_SMMU_LEAF_STREAMS * 64u)
/** StreamID bits this driver serves at most (a PCIe segment's Requester IDs). */
#define GW_SMMU_STREAM_BITS_MAX 16u
#define GW_SMMU_LEAVES_MAX	(1u << (GW_SMMU_STREAM_BITS_MAX - 8u))

struct gw_smmu_ops {
	/** Registers, by byte offset from page 0 (page 1 is at 0x10000). */
	uint32_t (*read32)(void *ctx, uint32_t offset);
	void (*write32)(void *ctx, uint32_t offset, uint32_t value);
	void (*write64)(void *ctx, uint32_t offset, uint64_t value);
	/**
	 * Stores to [mem, mem + len_bytes) must be seen by the SMMU before anything that follows:
	 * a DSB; and a clean to the point of coherency first where maintains_caches says so.
	 */
	void (*publish)(void *ctx, const void *mem, size_t len_bytes);
	/** What the SMMU wrote to mem must be seen by loads that follow (and invalidate, likewise). */
	void (*acquire)(void *ctx, const void *mem, size_t len_bytes);
	/** Monotonic. */
	uint64_t (*time_us)(void *ctx);
	/** PA of the caller's memory; NULL where virtual and physical addresses are equal. */
	uint64_t (*pa_of)(void *ctx, const void *mem);
};

struct gw_smmu_config {
	const struct gw_smmu_ops *ops;
	void *ctx;
	/** publish and acquire maintain caches, so an SMMU without COHACC will do. */
	bool maintains_caches;
	/** Bits of the largest PA that tables and memory of devices have. */
	uint8_t pa_bits;
	/** StreamIDs from 0 to 2^stream_bits - 1 can be attached; any other aborts. */
	uint8_t stream_bits;
	/**
	 * Stream table, aligned to its size and to 64 bytes. Linear (leaf_count 0): 64 bytes per
	 * StreamID. Two-level: 8 bytes per GW_SMMU_LEAF_STREAMS StreamIDs, and leaves, aligned to
	 * GW_SMMU_LEAF_BYTES, handed out as streams are attached.
	 */
	void *strtab;
	size_t strtab_bytes;
	void *leaves;
	uint32_t leaf_count;
	/** 2^cmdq_log2 commands of 16 bytes and 2^eventq_log2 records of 32 bytes, aligned to their size. */
	void *cmdq;
	void *eventq;
	uint8_t cmdq_log2;
	uint8_t eventq_log2;
};

/** What the ID registers say; decided from them only. */
struct gw_smmu_features {
	uint32_t idr0, idr1, idr3, idr5, aidr;
	uint8_t stream_bits;
	uint8_t oas_bits;
	uint8_t httu; /* 0 none, 1 Access flag, 2 and 3 dirty state too */
	bool coherent;
	bool two_level;
	bool range_inval;   /* RIL */
	bool broadcast_tlb; /* BTM */
	bool vmid16;
	bool fwb;
	bool hyp;
};

/** Stage 2 of one VM's devices: AArch64 format, 4 KiB granule. */
struct gw_smmu_s2 {
	uint64_t root_pa;
	uint16_t vmid;
	uint8_t t0sz;	/* 64 - IPA bits */
	uint8_t sl0;	/* as VTCR_EL2.SL0: 0 starts at level 2, 1 at level 1, 2 at level 0 */
	uint8_t ps;	/* output size, code of IDR5.OAS */
	bool fwb;	/* descriptors carry FWB attributes: needs IDR3.FWB */
	bool hw_access; /* S2HA: needs HTTU >= 1 */
	bool hw_dirty;	/* S2HD: needs HTTU >= 2, and hw_access */
};

/** A CMD_SYNC under way: filled by gw_smmu_sync_begin. */
struct gw_smmu_token {
	uint64_t end; /* commands consumed when it is done */
	uint64_t deadline_us;
	uint64_t errors; /* command errors seen before */
};

/** Decoded event record. */
struct gw_smmu_event {
	uint64_t raw[4];
	uint32_t stream_id;
	uint8_t type;
	uint8_t class_code;
	const char *name;	/* "F_TRANSLATION"; "unknown" */
	const char *class_name; /* what was accessed: "CD fetch", "table walk", "input address"; "-" where not told */
	bool has_addr;
	bool has_ipa;
	bool read; /* valid with has_addr */
	bool stage2;
	bool stalled;
	uint64_t addr; /* input address, or the fetch address of a fetch fault */
	uint64_t ipa;  /* page of the IPA, stage 2 faults */
};

struct gw_smmu_counts {
	uint64_t commands;
	uint64_t syncs;
	uint64_t events;
	uint64_t event_overflows;
	uint64_t command_errors;
	uint64_t global_errors;
};

enum gw_smmu_phase { GW_SMMU_DOWN = 0, GW_SMMU_PROBED, GW_SMMU_UP, GW_SMMU_FAILED };
enum gw_smmu_update_phase { GW_SMMU_UPDATE_IDLE = 0, GW_SMMU_UPDATE_BREAK, GW_SMMU_UPDATE_MAKE };

/** One SMMU; the fields are the driver's. */
struct gw_smmu {
	struct gw_smmu_config config;
	struct gw_smmu_features features;
	struct gw_smmu_counts counts;
	enum gw_smmu_phase phase;
	char reason[REASON_BYTES];

	uint32_t cr0;
	uint8_t strtab_bits; /* StreamIDs the table covers */
	uint32_t leaves_used;
	uint64_t *leaf_of[GW_SMMU_LEAVES_MAX];

	uint32_t cmdq_prod; /* index and wrap bit */
	uint32_t cmdq_cons;
	uint64_t cmdq_produced; /* the same, without wrap */
	uint64_t cmdq_consumed;

	uint32_t eventq_cons; /* index, wrap bit and OVACKFLG */

	struct {
		enum gw_smmu_update_phase phase;
		uint32_t stream_id;
		bool attach;
		struct gw_smmu_s2 s2;
		struct gw_smmu_token token;
	} update;
};

/**
 * Read the ID registers and refuse by name what is missing: stage 2, AArch64 tables, the
 * 4 KiB granule, output size below pa_bits, StreamIDs, coherent accesses, queue sizes.
 * Nothing is written to the SMMU.
 *
 * @return ERR_OK; ERR_UNSUPPORTED (hardware) or ERR_RANGE (config), gw_smmu_reason() says why.
 */
enum err gw_smmu_probe(struct gw_smmu *smmu, const struct gw_smmu_config *config) MUST_CHECK;

/**
 * Bring the SMMU up, with every stream aborting: from the first step on no device reaches
 * memory (GBPA.ABORT comes before anything else and stays).
 *
 * @return ERR_OK; ERR_BAD_STATE without a probe; ERR_TIMEOUT, ERR_IO: the SMMU is unusable,
 *         traffic aborts.
 */
enum err gw_smmu_init(struct gw_smmu *smmu) MUST_CHECK;

/** Why the last call failed; never NULL. */
const char *gw_smmu_reason(const struct gw_smmu *smmu);

/**
 * Give a stream a stage 2 table: an old entry is first made invalid and forgotten, entries
 * of the VMID are dropped, then the new entry is written with its valid word last.
 * One update at a time; complete when gw_smmu_update_poll() says so.
 *
 * @return ERR_OK: begun. ERR_RANGE, ERR_UNSUPPORTED: s2 or stream_id not possible.
 *         ERR_FULL: no leaf table left, or no room in the command queue. ERR_BAD_STATE.
 *         Nothing has changed on error.
 */
enum err gw_smmu_attach_s2_begin(struct gw_smmu *smmu, uint32_t stream_id, const struct gw_smmu_s2 *s2) MUST_CHECK;
/** Make a stream abort again. Errors as above. A stream that was never attached is fine. */
enum err gw_smmu_detach_begin(struct gw_smmu *smmu, uint32_t stream_id) MUST_CHECK;
/**
 * @return ERR_AGAIN; ERR_OK: done. ERR_TIMEOUT, ERR_IO: the stream aborts, or (detach) may
 *         still reach memory: keep its pages. ERR_BAD_STATE: no update was begun.
 */
enum err gw_smmu_update_poll(struct gw_smmu *smmu) MUST_CHECK;
/** The same three with a bounded spin. */
enum err gw_smmu_attach_s2(struct gw_smmu *smmu, uint32_t stream_id, const struct gw_smmu_s2 *s2) MUST_CHECK;
enum err gw_smmu_detach(struct gw_smmu *smmu, uint32_t stream_id) MUST_CHECK;
/** True while the stream table entry is valid. */
bool gw_smmu_attached(const struct gw_smmu *smmu, uint32_t stream_id);

/**
 * Queue invalidation of [ipa, ipa + page_count * 4 KiB) of a VMID at stage 2: by ranges where
 * the SMMU has RIL, else by page up to a small number, else the whole VMID. leaf_only: only
 * last-level descriptors changed. Holds after a later SYNC.
 *
 * @return ERR_OK; ERR_FULL: sync, then retry; ERR_RANGE.
 */
enum err gw_smmu_tlbi_s2_ipa(
	struct gw_smmu *smmu, uint16_t vmid, uint64_t ipa, uint64_t page_count, bool leaf_only) MUST_CHECK;
/** Queue invalidation of all entries of a VMID, both stages. */
enum err gw_smmu_tlbi_vmid(struct gw_smmu *smmu, uint16_t vmid) MUST_CHECK;

/** Queue a CMD_SYNC. ERR_OK, ERR_FULL, ERR_BAD_STATE. */
enum err gw_smmu_sync_begin(struct gw_smmu *smmu, struct gw_smmu_token *token) MUST_CHECK;
/**
 * @return ERR_AGAIN; ERR_OK: all commands before it are done, and the DMA that used what they
 *         dropped is globally observed. ERR_TIMEOUT; ERR_IO: a command was refused by the SMMU.
 */
enum err gw_smmu_sync_poll(struct gw_smmu *smmu, const struct gw_smmu_token *token) MUST_CHECK;
enum err gw_smmu_sync(struct gw_smmu *smmu) MUST_CHECK;

/**
 * Oldest event record.
 *
 * @return ERR_OK; ERR_AGAIN: none; ERR_LOST: records were dropped by the SMMU since the last
 *         call (acknowledged now; call again for the records that remain).
 */
enum err gw_smmu_event_next(struct gw_smmu *smmu, struct gw_smmu_event *out) MUST_CHECK;
/** Decode one record (IHI 0070 7.3). */
void gw_smmu_event_decode(const uint64_t raw[4], struct gw_smmu_event *out);

/**
 * Handle global errors: a refused command is replaced and the queue restarted, the rest is
 * acknowledged and told. Call from the GERROR interrupt's follow-up, or now and then.
 *
 * @return bits of GERROR that were active (0: none).
 */
uint32_t gw_smmu_gerror_service(struct gw_smmu *smmu);

#endif
