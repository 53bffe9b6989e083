/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A test's machine around the SMMUv3 model: memory with a place for every table, and software
 * that drives the model register by register. A driver under test takes the same memory
 * through smmuv3_model_ops.h.
 */
#ifndef TESTS_FAKE_SMMUV3_MODEL_BENCH_H
#define TESTS_FAKE_SMMUV3_MODEL_BENCH_H

#include "tests/fake/smmuv3_model.h"

#define BENCH_PA	  UINT64_C(0x80000000)
#define BENCH_BYTES	  0x100000u
#define BENCH_STRTAB	  0x00000u
#define BENCH_STRTAB_LOG2 8u
#define BENCH_CMDQ	  0x10000u
#define BENCH_CMDQ_LOG2	  5u
#define BENCH_EVENTQ	  0x11000u
#define BENCH_EVENTQ_LOG2 2u
#define BENCH_CD	  0x12000u
#define BENCH_LEAVES	  0x14000u /* two leaf tables of the stream table */
#define BENCH_POOL	  0x20000u /* translation tables, a page each */
#define BENCH_DATA	  0x60000u
#define BENCH_DATA_PA	  (BENCH_PA + BENCH_DATA)
#define BENCH_PAGE(n)	  (BENCH_DATA_PA + UINT64_C(4096) * (n))

/* Leaf attributes: type and address apart. */
#define S2_RO		  (UINT64_C(0x3c) | 1u << 6 | 3u << 8 | 1u << 10)
#define S2_RW		  (S2_RO | 1u << 7)
#define S2_CLEAN	  (S2_RO | UINT64_C(1) << 51)
#define S2_DIRTY	  (S2_RW | UINT64_C(1) << 51)
#define S1_RW		  (UINT64_C(1) << 6 | 3u << 8 | 1u << 10 | 1u << 11)
#define S1_RO		  (S1_RW | 1u << 7)
#define S1_CLEAN	  (S1_RO | UINT64_C(1) << 51)
#define DESC_AF		  (UINT64_C(1) << 10)
#define DESC_B7		  (UINT64_C(1) << 7)

struct smmu_bench {
	struct smmu_model m;
	uint32_t cmdq_prod;
	uint32_t pool_next;
	uint8_t mem[BENCH_BYTES] __attribute__((aligned(65536)));
	uint8_t seen[BENCH_BYTES] __attribute__((aligned(65536)));
};

struct smmu_bench *smmu_bench_new(uint64_t seed);
void smmu_bench_free(struct smmu_bench *b);

/** The CPU's word at a PA. */
uint64_t *smmu_bench_word(struct smmu_bench *b, uint64_t pa);
/** Store and publish. */
void smmu_bench_store(struct smmu_bench *b, uint64_t pa, uint64_t value);
void smmu_bench_publish(struct smmu_bench *b, uint64_t pa, size_t len_bytes);

/** Bring-up by registers, linear stream table of 2^BENCH_STRTAB_LOG2 entries, ATSCHK where there is ATS. */
void smmu_bench_up(struct smmu_bench *b);
void smmu_bench_cr0(struct smmu_bench *b, uint32_t value);
/** A command, published and rung. */
void smmu_bench_command(struct smmu_bench *b, uint64_t d0, uint64_t d1);
/** SYNC, and let the queue run. True: it ran empty. */
bool smmu_bench_sync(struct smmu_bench *b);
/** Next event record; false: none. */
bool smmu_bench_event(struct smmu_bench *b, uint64_t record[4]);

/** A stream table entry by words, CFGI_STE and SYNC behind it. */
void smmu_bench_ste(struct smmu_bench *b, uint32_t sid, const uint64_t ste[4]);
/** Stage 2 words of 39 bits from level 1, 44 bits out; extra goes into word 2. */
void smmu_bench_ste_s2(struct smmu_bench *b, uint32_t sid, uint16_t vmid, uint64_t root, uint64_t extra);
/** Stage 1 (nested where s2_root is not 0) through the one CD at BENCH_CD, which smmu_bench_cd fills. */
void smmu_bench_ste_s1(
	struct smmu_bench *b, uint32_t sid, uint16_t vmid, uint64_t s2_root, uint64_t extra1, uint64_t extra2);
void smmu_bench_cd(struct smmu_bench *b, uint16_t asid, uint64_t root, uint64_t extra0);

/** An empty table of 4 KiB; its PA. */
uint64_t smmu_bench_table(struct smmu_bench *b);
/** Map a page (level 3) or block (2, 1) below a level 1 root; table pages as needed; published. */
void smmu_bench_map(struct smmu_bench *b, uint64_t root, uint64_t in, uint64_t out, uint64_t attrs, uint8_t level);
/** PA of the last descriptor on the way of an address. */
uint64_t smmu_bench_leaf(struct smmu_bench *b, uint64_t root, uint64_t in);

/** One 8-byte DMA. */
enum smmu_model_outcome smmu_bench_write(struct smmu_bench *b, uint32_t sid, uint64_t iova, uint64_t value);
enum smmu_model_outcome smmu_bench_read(struct smmu_bench *b, uint32_t sid, uint64_t iova, uint64_t *value);

#endif
