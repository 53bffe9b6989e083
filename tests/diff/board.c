/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The cases on QEMU's virt board, at EL2: its SMMUv3 with edu devices as DMA engines, and its
 * CPU's stage 2. tests/diff/run.py leaves the parameters in memory.
 */
#include "core/base/bits.h"
#include "tests/diff/smmu_case.h"
#include "tests/diff/walk_run.h"
#include "tests/guest/lib/guest.h"

#define SMMU_BASE	      UINT64_C(0x09050000)
#define PARAMETERS	      UINT64_C(0x47000000)
#define PSCI_SYSTEM_OFF	      UINT64_C(0x84000008)

#define EDU_ID		      0x11e81234u
#define EDU_BAR_STRIDE	      0x100000u
#define CFG_COMMAND	      0x04u
#define CFG_BAR0	      0x10u
#define COMMAND_MEMORY_MASTER 6u
#define EDU_DMA_SRC	      0x80u
#define EDU_DMA_DST	      0x88u
#define EDU_DMA_CNT	      0x90u
#define EDU_DMA_CMD	      0x98u
#define EDU_BUFFER	      0x40000u
#define EDU_RUN		      1u
#define EDU_TO_MEMORY	      2u
#define DMA_POLLS_MAX	      10000u
/* Virtual time passes with instructions: edu wants 100 ms, at 1 us each. */
#define DMA_SPIN	      25000u

#define ESR_EC_SHIFT	      26u
#define EC_HVC64	      0x16u
#define EC_DATA_LOWER	      0x24u
#define HCR_RW_VM	      (BIT64(31) | BIT64(0))
#define SCTLR_EL1_OFF	      UINT64_C(0x30d00800)
#define VTCR_WALK	      (BIT64(31) | UINT64_C(1) << 8 | UINT64_C(1) << 10 | UINT64_C(3) << 12)
#define VMID		      UINT64_C(1)

/* board_start.S */
uint64_t el1_run(uint64_t pc, uint64_t x0, uint64_t x1);
void board_main(void) __attribute__((noreturn));
void board_panic(void) __attribute__((noreturn));

struct parameters {
	uint64_t seed;
	uint64_t smmu_first, smmu_count;
	uint64_t walk_first, walk_count;
};

static void power_off(void)
{
	register uint64_t x0 __asm__("x0") = PSCI_SYSTEM_OFF;

	__asm__ volatile("smc #0" : "+r"(x0)::"memory");
}

void board_panic(void)
{
	print("x exception at EL2: esr=0x%llx far=0x%llx elr=0x%llx", (unsigned long long)SYSREG_READ(ESR_EL2),
		(unsigned long long)SYSREG_READ(FAR_EL2), (unsigned long long)SYSREG_READ(ELR_EL2));
	power_off();
	for (;;) {
	}
}

/* ---- SMMU ---- */

static uint32_t reg_read(void *ctx, uint32_t offset)
{
	(void)ctx;
	return mmio_read32(SMMU_BASE + offset);
}

static void reg_write(void *ctx, uint32_t offset, uint32_t value)
{
	(void)ctx;
	mmio_write32(SMMU_BASE + offset, value);
}

static void reg_write64(void *ctx, uint32_t offset, uint64_t value)
{
	(void)ctx;
	mmio_write64(SMMU_BASE + offset, value);
}

static void publish(void *ctx, uint64_t pa, uint32_t len)
{
	(void)ctx;
	(void)pa;
	(void)len;
	__asm__ volatile("dsb sy" ::: "memory");
}

static void update(void *ctx, uint64_t pa, uint64_t clear, uint64_t set)
{
	uint64_t *desc = (uint64_t *)(uintptr_t)pa;

	(void)ctx;
	(void)__atomic_fetch_and(desc, ~clear, __ATOMIC_ACQ_REL);
	(void)__atomic_fetch_or(desc, set, __ATOMIC_ACQ_REL);
	__asm__ volatile("dsb sy" ::: "memory");
}

/* ---- devices ---- */

static uint64_t edu_regs[DIFF_DEVICES];

static bool edus_find(void)
{
	static const uint32_t sids[DIFF_DEVICES] = DIFF_SIDS;

	for (uint32_t i = 0; i < DIFF_DEVICES; i++) {
		uint64_t config = ECAM_BASE + ((uint64_t)sids[i] << 12);

		if (mmio_read32(config) != EDU_ID) {
			return false;
		}
		edu_regs[i] = PCI_WINDOW_BASE + EDU_BAR_STRIDE * i;
		mmio_write32(config + CFG_BAR0, (uint32_t)edu_regs[i]);
		mmio_write32(config + CFG_COMMAND, COMMAND_MEMORY_MASTER);
	}
	return true;
}

static void dma(void *ctx, uint32_t device, uint64_t iova, bool to_memory)
{
	uint64_t regs = edu_regs[device];

	(void)ctx;
	__asm__ volatile("dsb sy" ::: "memory");
	mmio_write64(regs + EDU_DMA_SRC, to_memory ? EDU_BUFFER : iova);
	mmio_write64(regs + EDU_DMA_DST, to_memory ? iova : EDU_BUFFER);
	mmio_write64(regs + EDU_DMA_CNT, sizeof(uint32_t));
	mmio_write64(regs + EDU_DMA_CMD, EDU_RUN | (to_memory ? EDU_TO_MEMORY : 0));
	for (uint32_t i = 0; i < DMA_POLLS_MAX; i++) {
		for (volatile uint32_t spin = 0; spin < DMA_SPIN; spin++) {
		}
		if ((mmio_read64(regs + EDU_DMA_CMD) & EDU_RUN) == 0) {
			__asm__ volatile("dsb sy" ::: "memory");
			return;
		}
	}
	print("x a transfer does not end");
}

/* ---- stage 2 of the CPU ---- */

static void walk_begin(void *ctx, const struct diff_regime *r)
{
	uint64_t tg = r->granule == 12 ? 0 : r->granule == 16 ? 1 : 2;
	uint64_t sl0 = (uint64_t)((r->granule == 12 ? 2 : 3) - r->start_level);

	(void)ctx;
	SYSREG_WRITE(VTCR_EL2, VTCR_WALK | (uint64_t)(64 - r->input_bits) | sl0 << 6 | tg << 14 |
				       (uint64_t)r->ps << 16 | (r->ha ? BIT64(21) : 0) | (r->hd ? BIT64(22) : 0));
	SYSREG_WRITE(VTTBR_EL2, r->root | VMID << 48);
	SYSREG_WRITE(SCTLR_EL1, SCTLR_EL1_OFF);
	SYSREG_WRITE(HCR_EL2, HCR_RW_VM);
	__asm__ volatile("isb\n\ttlbi vmalls12e1is\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
}

static struct diff_fault walk_access(void *ctx, uint64_t ipa, bool write, uint64_t *value)
{
	/* By DFSC[5:2] of ESR_EL2: address size, translation, Access flag, permission. */
	static const uint8_t types[4] = { 0x11, 0x10, 0x12, 0x13 };
	uint64_t esr, class_code, status;

	(void)ctx;
	*value = el1_run(WALK_STUB_IPA + (write ? 8u : 0u), ipa, *value);
	esr = SYSREG_READ(ESR_EL2);
	class_code = esr >> ESR_EC_SHIFT & 0x3f;
	status = esr & 0x3f;
	if (class_code == EC_HVC64) {
		return (struct diff_fault){ 0 };
	}
	if (class_code != EC_DATA_LOWER || status >= 0x10) {
		print("x exception from EL1: esr=0x%llx", (unsigned long long)esr);
		return (struct diff_fault){ .type = UINT8_MAX };
	}
	return (struct diff_fault){ .type = types[status >> 2], .level = status & 3 };
}

static void walk_invalidate(void *ctx, uint64_t ipa)
{
	(void)ctx;
	/* Stage 1 is off: VA and IPA are the same. */
	__asm__ volatile(
		"dsb ish\n\ttlbi ipas2e1is, %0\n\tdsb ish\n\ttlbi vaae1is, %0\n\tdsb ish\n\tisb" ::"r"(ipa >> 12)
		: "memory");
}

static void walk_invalidate_all(void *ctx)
{
	(void)ctx;
	__asm__ volatile("dsb ish\n\ttlbi vmalls12e1is\n\tdsb ish\n\tisb" ::: "memory");
}

static void line(void *ctx, const char *text)
{
	(void)ctx;
	print("%s", text);
}

static const struct diff_ops ops = {
	.reg_read = reg_read,
	.reg_write = reg_write,
	.reg_write64 = reg_write64,
	.dma = dma,
	.publish = publish,
	.update = update,
	.walk_begin = walk_begin,
	.walk_access = walk_access,
	.walk_invalidate = walk_invalidate,
	.walk_invalidate_all = walk_invalidate_all,
	.line = line,
};

void board_main(void)
{
	const struct parameters *p = (const struct parameters *)PARAMETERS;
	struct diff_machine m = { .ops = &ops, .mem = (uint8_t *)DIFF_PA, .pool_next = DIFF_POOL };

	uart_init();
	if (!edus_find()) {
		print("x an edu is missing");
		power_off();
	}
	print("i %x %x %x %x %x", reg_read(NULL, 0x00), reg_read(NULL, 0x04), reg_read(NULL, 0x0c),
		reg_read(NULL, 0x14), reg_read(NULL, 0x1c));
	smmu_run_begin(&m);
	smmu_run_cases(&m, p->seed, p->smmu_first, p->smmu_count);
	walk_run_begin(&m);
	for (uint64_t n = p->walk_first; n < p->walk_first + p->walk_count; n++) {
		walk_run_case(&m, p->seed, n);
	}
	print("i end");
	power_off();
	for (;;) {
	}
}
