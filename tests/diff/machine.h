/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What the differential tests need of a machine. The same cases run on an emulated board, whose
 * SMMUv3 and CPU are QEMU's, and in a host program, over the SMMUv3 model; each fills this table.
 * Both print lines, and tests/diff/run.py compares them.
 */
#ifndef TESTS_DIFF_MACHINE_H
#define TESTS_DIFF_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* The arena: at the same physical address on both. */
#define DIFF_PA		 UINT64_C(0x48000000)
#define DIFF_BYTES	 0x240000u
#define DIFF_STRTAB	 (DIFF_PA + 0x00000u)
#define DIFF_LEAVES	 (DIFF_PA + 0x10000u) /* leaf tables of the stream table */
#define DIFF_LEAF_BYTES	 0x4000u
#define DIFF_CMDQ	 (DIFF_PA + 0x20000u)
#define DIFF_CMDQ_LOG2	 4u
#define DIFF_EVENTQ	 (DIFF_PA + 0x21000u)
#define DIFF_EVENTQ_LOG2 5u
#define DIFF_CD		 (DIFF_PA + 0x22000u)
#define DIFF_MAILBOX	 (DIFF_PA + 0x23000u)
#define DIFF_STUB	 (DIFF_PA + 0x3f000u) /* what a guest runs on the board */
#define DIFF_POOL	 (DIFF_PA + 0x40000u)
#define DIFF_POOL_END	 (DIFF_PA + 0x200000u)
#define DIFF_DATA	 (DIFF_PA + 0x200000u) /* at a place where a block of each size may point */
#define DIFF_PAGES	 64u
#define DIFF_DATA_BYTES	 (DIFF_PAGES * 4096u)

/** Devices that can do DMA; their StreamIDs are the board's. */
#define DIFF_DEVICES	 3u
#define DIFF_SIDS                                                                                                      \
	{                                                                                                              \
		0x08, 0x10, 0x48                                                                                       \
	}

/** Stage 2 of a CPU, and of the model's stream. */
struct diff_regime {
	uint64_t root;
	uint8_t granule; /* log2 */
	uint8_t start_level;
	uint8_t input_bits;
	uint8_t ps; /* code of VTCR_EL2.PS */
	bool ha, hd;
};

/** How an access ended; all 0: it went through. */
struct diff_fault {
	uint8_t type; /* an event type of IHI 0070 7.3: 0x10 translation, 0x11 address size, 0x12 access, 0x13 permission */
	uint8_t level;
};

struct diff_ops {
	/* SMMU registers by byte offset. */
	uint32_t (*reg_read)(void *ctx, uint32_t offset);
	void (*reg_write)(void *ctx, uint32_t offset, uint32_t value);
	void (*reg_write64)(void *ctx, uint32_t offset, uint64_t value);
	/** A transfer of four bytes between the device's buffer and memory, to its end. */
	void (*dma)(void *ctx, uint32_t device, uint64_t iova, bool to_memory);
	/** What was stored in len bytes at pa is visible to devices and walkers. */
	void (*publish)(void *ctx, uint64_t pa, uint32_t len);
	/** Atomic clear, then set, of a live descriptor. */
	void (*update)(void *ctx, uint64_t pa, uint64_t clear, uint64_t set);

	/** A regime for walk_access, with nothing cached of an earlier one. */
	void (*walk_begin)(void *ctx, const struct diff_regime *regime);
	/** A guest's load or store of eight bytes. */
	struct diff_fault (*walk_access)(void *ctx, uint64_t ipa, bool write, uint64_t *value);
	void (*walk_invalidate)(void *ctx, uint64_t ipa);
	void (*walk_invalidate_all)(void *ctx);

	void (*line)(void *ctx, const char *text);
};

struct diff_machine {
	const struct diff_ops *ops;
	void *ctx;
	uint8_t *mem; /* DIFF_BYTES of arena */
	/* Tables are taken from here to the pool's end. */
	uint64_t pool_next;
};

/** A word of the arena; pa is one of its. */
static inline uint64_t *diff_word(struct diff_machine *m, uint64_t pa)
{
	return (uint64_t *)(void *)(m->mem + (pa - DIFF_PA));
}

static inline uint32_t *diff_word32(struct diff_machine *m, uint64_t pa)
{
	return (uint32_t *)(void *)(m->mem + (pa - DIFF_PA));
}

static inline void diff_store(struct diff_machine *m, uint64_t pa, uint64_t value)
{
	*(volatile uint64_t *)diff_word(m, pa) = value;
	m->ops->publish(m->ctx, pa, sizeof(value));
}

static inline void diff_store32(struct diff_machine *m, uint64_t pa, uint32_t value)
{
	*(volatile uint32_t *)diff_word32(m, pa) = value;
	m->ops->publish(m->ctx, pa, sizeof(value));
}

/** One line of at most DIFF_LINE_BYTES. */
#define DIFF_LINE_BYTES 240u
void diff_line(struct diff_machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Draws: one word of state, the same on both sides. */
struct diff_draw {
	uint64_t state;
};
uint64_t diff_draw(struct diff_draw *d, uint64_t below);
/** True in one draw of n. */
static inline bool diff_one_in(struct diff_draw *d, uint64_t n)
{
	return diff_draw(d, n) == 0;
}
/** The draws of one case: they depend on seed and number only. */
struct diff_draw diff_draw_begin(uint64_t seed, uint64_t number);

#endif
