/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/stage1.h"
#include "arch/aarch64/layout.h"
#include "arch/aarch64/sysreg.h"
#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/vm/board.h"

#define S1_VA_BITS	40u
#define S1_TABLE_PAGES	24u
#define S1_ENTRIES	512u
#define S1_LEVEL_LAST	3u

/* Arm ARM D8.3: stage 1 descriptors of a regime with one privilege level. */
#define S1_VALID	BIT64(0)
#define S1_TABLE	BIT64(1) /* at levels 0 to 2; a page at level 3 */
#define S1_ATTR		MASK64(4, 2)
#define S1_AP1		BIT64(6) /* RES1 here */
#define S1_READ_ONLY	BIT64(7)
#define S1_SH_INNER	FIELD_PREP(MASK64(9, 8), 3)
#define S1_AF		BIT64(10)
#define S1_ADDRESS	MASK64(47, 12)
#define S1_XN		BIT64(54)

/* MAIR_EL2: index 0 write-back, 1 Device-nGnRE. */
#define MAIR_VALUE	0x04FFu
#define ATTR_WRITE_BACK 0u
#define ATTR_DEVICE	1u

#define TCR_RES1	(BIT64(31) | BIT64(23))
#define TCR_T0SZ	MASK64(5, 0)
#define TCR_IRGN0_WB	BIT64(8)
#define TCR_ORGN0_WB	BIT64(10)
#define TCR_SH0_INNER	FIELD_PREP(MASK64(13, 12), 3)
#define TCR_PS		MASK64(18, 16)
#define PS_40_BITS	2u

/** Read by mmu_on() in head.S. */
struct boot_mmu {
	uint64_t mair, tcr, ttbr0;
};
extern struct boot_mmu boot_mmu;
struct boot_mmu boot_mmu;
void boot_stage1(void);

extern uint8_t text_start[], text_end[], rodata_start[], rodata_end[], data_start[], data_end[];
extern uint8_t stack_service_guard[], stacks_vcpu[], stacks_panic[], image_limit[];

static uint64_t tables[S1_TABLE_PAGES][S1_ENTRIES] __attribute__((aligned(PAGE_BYTES)));
static uint32_t tables_used = 1; /* tables[0] is the root, level 0 */

static uint64_t leaf_attributes(enum s1_kind kind)
{
	uint64_t normal = S1_VALID | S1_AP1 | S1_AF | S1_SH_INNER | FIELD_PREP(S1_ATTR, ATTR_WRITE_BACK);

	switch (kind) {
	case S1_TEXT:
		return normal | S1_READ_ONLY;
	case S1_RODATA:
		return normal | S1_READ_ONLY | S1_XN;
	case S1_DATA:
		return normal | S1_XN;
	case S1_DEVICE:
		break;
	}
	return S1_VALID | S1_AP1 | S1_AF | S1_XN | FIELD_PREP(S1_ATTR, ATTR_DEVICE);
}

static uint32_t level_shift(uint32_t level)
{
	return 39u - 9u * level;
}

/** The table below entry, made if need be; NULL when out of pages or when a block is in the way. */
static uint64_t *table_below(uint64_t *entry)
{
	if ((*entry & S1_VALID) != 0) {
		return (*entry & S1_TABLE) != 0 ? (uint64_t *)(*entry & S1_ADDRESS) : NULL;
	}
	if (tables_used == S1_TABLE_PAGES) {
		return NULL;
	}
	/* The pages are in .bss, so zero; the entry must not be seen before that is. */
	__asm__ volatile("dsb ishst" ::: "memory");
	*(volatile uint64_t *)entry = (uintptr_t)tables[tables_used] | S1_TABLE | S1_VALID;
	return tables[tables_used++];
}

/** Maps one leaf, the largest that fits; returns its size or 0. */
static uint64_t map_leaf(uint64_t at, uint64_t left_bytes, uint64_t attributes)
{
	uint64_t *table = tables[0];

	for (uint32_t level = 0; level <= S1_LEVEL_LAST; level++) {
		uint64_t size = BIT64(level_shift(level));
		uint64_t *entry = &table[(at >> level_shift(level)) % S1_ENTRIES];

		if (level > 0 && at % size == 0 && left_bytes >= size && *entry == 0) {
			*(volatile uint64_t *)entry = at | attributes | (level == S1_LEVEL_LAST ? S1_TABLE : 0);
			return size;
		}
		if (level == S1_LEVEL_LAST) {
			break;
		}
		table = table_below(entry);
		if (table == NULL) {
			break;
		}
	}
	return 0;
}

enum err s1_map(pa_t at, uint64_t len_bytes, enum s1_kind kind)
{
	uint64_t pos = at.v;
	uint64_t end = at.v + len_bytes;

	if (((at.v | len_bytes) & PAGE_MASK) != 0 || end < at.v || end > BIT64(S1_VA_BITS)) {
		return ERR_RANGE;
	}
	while (pos < end) { /* at most one turn per page */
		uint64_t size = map_leaf(pos, end - pos, leaf_attributes(kind));

		if (size == 0) {
			return tables_used == S1_TABLE_PAGES ? ERR_FULL : ERR_RANGE;
		}
		pos += size;
	}
	/* Invalid to valid needs no TLBI, only that the walker sees the entries. */
	dsb_ish();
	isb();
	return ERR_OK;
}

static void map_own(uintptr_t from, uintptr_t to, enum s1_kind kind)
{
	ASSERT(s1_map(pa(from), to - from, kind) == ERR_OK);
}

static void map_stacks(void)
{
	uintptr_t at = (uintptr_t)stack_service_guard;

	map_own(at + GUARD_BYTES, (uintptr_t)stacks_vcpu, S1_DATA);
	for (at = (uintptr_t)stacks_vcpu; at < (uintptr_t)stacks_panic; at += STACKS_VCPU_STRIDE) {
		map_own(at + GUARD_BYTES, at + STACKS_VCPU_STRIDE, S1_DATA);
	}
	for (uint32_t i = 0; i < CORE_COUNT_MAX; i++, at += STACKS_PANIC_STRIDE) {
		map_own(at + GUARD_BYTES, at + STACKS_PANIC_STRIDE, S1_DATA);
	}
	ASSERT(at == (uintptr_t)image_limit);
}

/** Core 0, MMU off: what head.S calls before mmu_on(). Guest RAM is mapped later, when its size is known. */
void boot_stage1(void)
{
	tables_used = 1;
	map_own(board.ram_base, (uintptr_t)text_start, S1_DATA);
	map_own((uintptr_t)text_start, (uintptr_t)text_end, S1_TEXT);
	map_own((uintptr_t)rodata_start, (uintptr_t)rodata_end, S1_RODATA);
	map_own((uintptr_t)data_start, (uintptr_t)data_end, S1_DATA);
	map_stacks();
	map_own((uintptr_t)image_limit, board.guest_ram_base, S1_DATA);
	for (uint32_t i = 0; i < BOARD_DEVICE_RANGES_MAX && board.device[i].len_bytes != 0; i++) {
		map_own(board.device[i].base, board.device[i].base + board.device[i].len_bytes, S1_DEVICE);
	}
	boot_mmu.mair = MAIR_VALUE;
	boot_mmu.tcr = TCR_RES1 | FIELD_PREP(TCR_T0SZ, 64 - S1_VA_BITS) | TCR_IRGN0_WB | TCR_ORGN0_WB | TCR_SH0_INNER |
		       FIELD_PREP(TCR_PS, PS_40_BITS);
	boot_mmu.ttbr0 = (uintptr_t)tables[0];
	dsb_sy();
}
