/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Memory and plain software around the SMMUv3 model. */
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/fake/smmuv3_model_bench.h"

#define POLLS_MAX 10000u

struct smmu_bench *smmu_bench_new(uint64_t seed)
{
	struct smmu_bench *b = aligned_alloc(65536, ROUND_UP(sizeof(*b), 65536));

	memset(b, 0, sizeof(*b));
	smmu_model_reset(&b->m, b->mem, b->seen, BENCH_PA, BENCH_BYTES, seed);
	b->m.ctx = b;
	return b;
}

void smmu_bench_free(struct smmu_bench *b)
{
	free(b);
}

uint64_t *smmu_bench_word(struct smmu_bench *b, uint64_t pa)
{
	return (uint64_t *)(void *)(b->mem + (pa - BENCH_PA));
}

void smmu_bench_publish(struct smmu_bench *b, uint64_t pa, size_t len_bytes)
{
	smmu_model_publish(&b->m, b->mem + (pa - BENCH_PA), len_bytes);
}

void smmu_bench_store(struct smmu_bench *b, uint64_t pa, uint64_t value)
{
	*smmu_bench_word(b, pa) = value;
	smmu_bench_publish(b, pa, 8);
}

void smmu_bench_cr0(struct smmu_bench *b, uint32_t value)
{
	smmu_model_write32(&b->m, 0x20, value);
	for (uint32_t i = 0; i < POLLS_MAX && smmu_model_read32(&b->m, 0x24) != value; i++) {
	}
}

void smmu_bench_up(struct smmu_bench *b)
{
	struct smmu_model *m = &b->m;
	uint32_t atschk = (m->id.idr0 >> 10 & 1) != 0 ? 0x10 : 0;

	smmu_bench_cr0(b, 0);
	smmu_model_write32(m, 0x28, 0xd75);
	smmu_model_write32(m, 0x2c, 2);
	smmu_model_write64(m, 0x80, BENCH_PA + BENCH_STRTAB);
	smmu_model_write32(m, 0x88, BENCH_STRTAB_LOG2);
	smmu_model_write64(m, 0x90, (BENCH_PA + BENCH_CMDQ) | BENCH_CMDQ_LOG2);
	smmu_model_write32(m, 0x98, 0);
	smmu_model_write32(m, 0x9c, 0);
	smmu_model_write64(m, 0xa0, (BENCH_PA + BENCH_EVENTQ) | BENCH_EVENTQ_LOG2);
	smmu_model_write32(m, 0x100a8, 0);
	smmu_model_write32(m, 0x100ac, 0);
	b->cmdq_prod = 0;
	smmu_bench_cr0(b, 0xd | atschk);
	smmu_bench_command(b, 0x04, 31);
	smmu_bench_command(b, 0x30, 0);
	(void)smmu_bench_sync(b);
}

void smmu_bench_command(struct smmu_bench *b, uint64_t d0, uint64_t d1)
{
	uint64_t pa = BENCH_PA + BENCH_CMDQ + 16 * (b->cmdq_prod & ((1u << BENCH_CMDQ_LOG2) - 1));

	*smmu_bench_word(b, pa) = d0;
	*smmu_bench_word(b, pa + 8) = d1;
	smmu_bench_publish(b, pa, 16);
	b->cmdq_prod = (b->cmdq_prod + 1) & ((2u << BENCH_CMDQ_LOG2) - 1);
	smmu_model_write32(&b->m, 0x98, b->cmdq_prod);
}

bool smmu_bench_sync(struct smmu_bench *b)
{
	smmu_bench_command(b, 0x46, 0);
	(void)smmu_model_consume(&b->m, UINT32_MAX);
	return b->m.cmdq_cons == b->cmdq_prod;
}

bool smmu_bench_event(struct smmu_bench *b, uint64_t record[4])
{
	uint32_t mask = (2u << BENCH_EVENTQ_LOG2) - 1;
	uint32_t cons = smmu_model_read32(&b->m, 0x100ac);
	uint64_t pa = BENCH_PA + BENCH_EVENTQ + 32 * (cons & (mask >> 1));

	if (((smmu_model_read32(&b->m, 0x100a8) ^ cons) & mask) == 0) {
		return false;
	}
	memcpy(record, smmu_bench_word(b, pa), 32);
	smmu_model_write32(&b->m, 0x100ac, (cons & BIT32(31)) | ((cons + 1) & mask));
	return true;
}

void smmu_bench_ste(struct smmu_bench *b, uint32_t sid, const uint64_t ste[4])
{
	uint64_t pa = BENCH_PA + BENCH_STRTAB + UINT64_C(64) * sid;

	smmu_bench_store(b, pa, 0);
	smmu_bench_command(b, 0x03 | (uint64_t)sid << 32, 1);
	(void)smmu_bench_sync(b);
	for (uint32_t i = 3; i > 0; i--) {
		smmu_bench_store(b, pa + 8 * i, ste[i]);
	}
	smmu_bench_store(b, pa, ste[0]);
	smmu_bench_command(b, 0x03 | (uint64_t)sid << 32, 1);
	(void)smmu_bench_sync(b);
}

static uint64_t s2_word(uint16_t vmid, uint64_t extra)
{
	const uint64_t walk = 25 | 1u << 6 | 1u << 8 | 1u << 10 | 3u << 12 | 4u << 16;

	return vmid | walk << 32 | BIT64(51) | BIT64(58) | extra;
}

void smmu_bench_ste_s2(struct smmu_bench *b, uint32_t sid, uint16_t vmid, uint64_t root, uint64_t extra)
{
	const uint64_t ste[4] = { 0xd, BIT64(44), s2_word(vmid, extra), root };

	smmu_bench_ste(b, sid, ste);
}

void smmu_bench_ste_s1(
	struct smmu_bench *b, uint32_t sid, uint16_t vmid, uint64_t s2_root, uint64_t extra1, uint64_t extra2)
{
	const uint64_t ste[4] = { (s2_root != 0 ? 0xf : 0xb) | (BENCH_PA + BENCH_CD), BIT64(44) | 0xd4 | extra1,
		s2_root != 0 ? s2_word(vmid, extra2) : vmid, s2_root };

	smmu_bench_ste(b, sid, ste);
}

void smmu_bench_cd(struct smmu_bench *b, uint16_t asid, uint64_t root, uint64_t extra0)
{
	const uint64_t cd0 = 25 | 1u << 8 | 1u << 10 | 3u << 12 | 1u << 30 | BIT64(31) | UINT64_C(4) << 32 | BIT64(41) |
			     BIT64(45) | BIT64(46) | BIT64(47) | (uint64_t)asid << 48;

	smmu_bench_store(b, BENCH_PA + BENCH_CD + 8, root);
	smmu_bench_store(b, BENCH_PA + BENCH_CD, cd0 ^ extra0);
}

uint64_t smmu_bench_table(struct smmu_bench *b)
{
	return BENCH_PA + BENCH_POOL + UINT64_C(4096) * b->pool_next++;
}

static uint64_t slot(uint64_t table, uint64_t in, uint8_t level)
{
	return table + 8 * (in >> (39 - 9 * level) & 511);
}

void smmu_bench_map(struct smmu_bench *b, uint64_t root, uint64_t in, uint64_t out, uint64_t attrs, uint8_t level)
{
	uint64_t table = root;

	for (uint8_t l = 1; l < level; l++) {
		uint64_t at = slot(table, in, l);

		if ((*smmu_bench_word(b, at) & 3) != 3) {
			smmu_bench_store(b, at, smmu_bench_table(b) | 3);
		}
		table = *smmu_bench_word(b, at) & MASK64(47, 12);
	}
	smmu_bench_store(b, slot(table, in, level), out | attrs | (level == 3 ? 3 : 1));
}

uint64_t smmu_bench_leaf(struct smmu_bench *b, uint64_t root, uint64_t in)
{
	uint64_t at = slot(root, in, 1);

	for (uint8_t l = 2; l <= 3 && (*smmu_bench_word(b, at) & 3) == 3; l++) {
		at = slot(*smmu_bench_word(b, at) & MASK64(47, 12), in, l);
	}
	return at;
}

enum smmu_model_outcome smmu_bench_write(struct smmu_bench *b, uint32_t sid, uint64_t iova, uint64_t value)
{
	return smmu_model_access(&b->m, sid, SMMU_MODEL_NO_SSID, iova, sizeof(value), true, &value);
}

enum smmu_model_outcome smmu_bench_read(struct smmu_bench *b, uint32_t sid, uint64_t iova, uint64_t *value)
{
	return smmu_model_access(&b->m, sid, SMMU_MODEL_NO_SSID, iova, sizeof(*value), false, value);
}
