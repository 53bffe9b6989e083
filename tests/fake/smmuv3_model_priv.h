/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Shared by the files of the SMMUv3 model only. Numbers are IHI 0070's, written down here a second time on purpose. */
#ifndef TESTS_FAKE_SMMUV3_MODEL_PRIV_H
#define TESTS_FAKE_SMMUV3_MODEL_PRIV_H

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "tests/fake/smmuv3_model.h"

/* Event types, 7.3. */
enum {
	EV_BAD_STREAMID = 0x02,
	EV_STE_FETCH = 0x03,
	EV_BAD_STE = 0x04,
	EV_BAD_ATS_TREQ = 0x05,
	EV_STREAM_DISABLED = 0x06,
	EV_TRANSL_FORBIDDEN = 0x07,
	EV_BAD_SUBSTREAMID = 0x08,
	EV_CD_FETCH = 0x09,
	EV_BAD_CD = 0x0a,
	EV_WALK_EABT = 0x0b,
	EV_TRANSLATION = 0x10,
	EV_ADDR_SIZE = 0x11,
	EV_ACCESS = 0x12,
	EV_PERMISSION = 0x13,
	EV_TLB_CONFLICT = 0x20,
};

enum { CLASS_CD = 0, CLASS_TT = 1, CLASS_IN = 2 };
enum { GERROR_CMDQ = 1u << 0, GERROR_EVENTQ_ABT = 1u << 2 };
enum { CR0_SMMUEN = 1, CR0_EVENTQEN = 4, CR0_CMDQEN = 8, CR0_ATSCHK = 16 };

/** Bits hi..lo of a word. */
static inline uint64_t model_bits(uint64_t word, unsigned hi, unsigned lo)
{
	return (word & MASK64(hi, lo)) >> lo;
}

static inline bool model_bit(uint64_t word, unsigned n)
{
	return (word >> n & 1) != 0;
}

/** A stream's configuration as used by one transaction. */
struct model_stream {
	uint32_t sid, ssid;
	uint64_t ste[8];
	uint64_t cd[8];
	bool s1, s2;
	bool el2;
	uint16_t vmid, asid;
	uint8_t eats;
};

/** One transaction, or one translation request. */
struct model_txn {
	uint64_t addr;
	bool write;
	bool priv;
	bool speculative; /* nothing dirty, nothing recorded */
	bool ats;
	bool nested_only; /* translated, EATS = 2: stage 2 alone */
};

struct model_xlate {
	uint64_t pa;
	uint64_t ipa;
	uint8_t size_log2;
	bool r, w;
	struct smmu_model_tlb via; /* the entry that served */
};

/* smmuv3_model_memory.c */
uint64_t model_draw(struct smmu_model *m, uint64_t below);
bool model_load64(struct smmu_model *m, uint64_t pa, uint64_t *out);
bool model_store64(struct smmu_model *m, uint64_t pa, uint64_t value);
bool model_store32(struct smmu_model *m, uint64_t pa, uint32_t value);
/** Compare and swap on a live descriptor; the CPU's view follows now or at SYNC. */
bool model_cas(struct smmu_model *m, uint64_t pa, uint64_t old, uint64_t new_value);
bool model_copy(struct smmu_model *m, uint64_t pa, uint8_t *data, uint32_t len, bool write);
void model_updates_show(struct smmu_model *m);
void model_violation(struct smmu_model *m, const char *what, uint64_t value);
uint8_t model_oas(const struct smmu_model *m);
uint8_t model_ias(const struct smmu_model *m);

/* smmuv3_model_event.c */
void model_event(struct smmu_model *m, const struct model_stream *s, const struct model_txn *t, uint16_t stag);
void model_event_raw(struct smmu_model *m, const uint64_t record[4], bool stall);
void model_events_retry(struct smmu_model *m);
void model_gerror(struct smmu_model *m, uint32_t bits);

/* smmuv3_model_config.c: false with m->fault set */
bool model_stream_find(struct smmu_model *m, uint32_t sid, uint32_t ssid, const struct model_txn *t,
	struct model_stream *out, bool *bypass);
bool model_ste_fetch(struct smmu_model *m, uint32_t sid, uint64_t ste[8]);

/* smmuv3_model_stage2.c, _walk.c: false with m->fault set */
struct model_regime {
	uint64_t ttb;
	uint8_t granule;
	uint8_t input_bits;
	uint8_t output_bits;
	uint8_t start_level;
	bool stage2;
	bool ha, hd, affd;
	bool had;
	bool el2;
	const struct model_stream *stream;
	uint8_t class_code; /* of faults: who asked */
};
struct model_leaf {
	uint64_t out;
	uint8_t size_log2;
	uint8_t level;
	bool r, w, priv_r, priv_w, upgrade, device, global, no_cache;
};
/** Walk for a read or a write of va. */
bool model_walk(struct smmu_model *m, const struct model_regime *g, uint64_t va, const struct model_txn *t,
	struct model_leaf *leaf);
bool model_stage2(struct smmu_model *m, const struct model_stream *s, uint64_t ipa, const struct model_txn *t,
	uint8_t class_code, struct model_xlate *out);
bool model_translate(
	struct smmu_model *m, const struct model_stream *s, const struct model_txn *t, struct model_xlate *out);
bool model_s2_regime(const struct smmu_model *m, const uint64_t ste[8], struct model_regime *g);
bool model_s1_regime(const struct model_stream *s, uint64_t *va, struct model_regime *g);
void model_fault(struct smmu_model *m, uint8_t type);
/** 3.4: what no stage 1 translates fits the input size; otherwise a stage 1 fault. */
bool model_input_fits(struct smmu_model *m, const struct model_stream *s, const struct model_txn *t);

/* smmuv3_model_tlb.c */
struct smmu_model_tlb *model_tlb_find(struct smmu_model *m, const struct smmu_model_tlb *key, bool *conflict);
/** Keep what a walk for addr found. */
void model_tlb_add(struct smmu_model *m, const struct smmu_model_tlb *e, uint64_t addr);
/** One TLBI, CFGI or ATC_INV takes effect; writes that went through what it drops land. */
void model_invalidate(struct smmu_model *m, uint64_t d0, uint64_t d1);
void model_flights_land(struct smmu_model *m);

/* smmuv3_model_dma.c */
enum smmu_model_outcome model_burst(struct smmu_model *m, uint32_t sid, uint32_t ssid, uint64_t iova, uint32_t len,
	bool write, uint8_t *data, uint16_t *again);
void model_resume(struct smmu_model *m, uint32_t sid, uint16_t stag, bool retry, bool abort);
void model_stall_term(struct smmu_model *m, uint32_t sid);

/* smmuv3_model_cmdq.c */
void model_cmdq_polled(struct smmu_model *m);

#endif
