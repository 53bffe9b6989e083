/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The dirty guest writes a known set of pages in each phase and leaves its own account of them in RAM, for a test that
 * compares it with what the dirty log says.
 *
 * The account is one page (aligned 4 KiB; its address is printed first):
 *
 *	le64 magic, le64 phase, le64 first page of the set (IPA / 4096), le64 pages in the set, le64 writes so far
 *	le64 bitmap[]: bit n = page n of the set was written in this phase
 *
 * Phase p lasts from `dirty phase=p begin` to `dirty phase=p end pages=N`; between two phases nothing in the set is
 * written for PAUSE_US. Each phase picks its pages with a generator seeded by its number, by four kinds of stores.
 */
#include "tests/guest/lib/guest.h"

#define ACCOUNT_MAGIC UINT64_C(0x3154434344545244)
#define SET_PAGES     4096u /* 16 MiB */
#define PER_PHASE     512u
#define PAUSE_US      500000u
#define PACE_US	      200u

struct account {
	uint64_t magic;
	uint64_t phase;
	uint64_t first_page;
	uint64_t page_count;
	uint64_t writes;
	uint64_t bitmap[SET_PAGES / 64];
};

static struct account account __attribute__((section(".noinit"), aligned(4096)));
static uint8_t set[SET_PAGES][4096] __attribute__((section(".noinit"), aligned(4096)));
static volatile bool fired;

bool guest_fault(struct guest_frame *frame, enum guest_vector vector, uint64_t esr)
{
	(void)frame;
	(void)vector;
	(void)esr;
	return false;
}

void guest_interrupt(uint32_t intid)
{
	if (intid == TIMER_INTID) {
		timer_disarm();
		fired = true;
	}
}

void guest_secondary(uint64_t cpu)
{
	(void)cpu;
}

static void pause_us(uint64_t us)
{
	fired = false;
	timer_arm(virtual_counter() + timer_ticks_of_us(us));
	while (!fired) {
		wait_for_interrupt();
		irq_unmask();
		__asm__ volatile("isb" ::: "memory");
		irq_mask();
	}
}

/* A store to the page, of the kind that the number says: plain, pair, exclusive, cache block zeroed. */
static void page_write(uint32_t page, uint64_t value)
{
	uint8_t *at = &set[page][value % 63 * 64];
	uint32_t failed;

	switch (value & 3u) {
	case 0:
		__asm__ volatile("str %1, [%0]" ::"r"(at), "r"(value) : "memory");
		break;
	case 1:
		__asm__ volatile("stp %1, %1, [%0]" ::"r"(at), "r"(value) : "memory");
		break;
	case 2:
		do {
			__asm__ volatile("ldxr x9, [%1]\n\tstxr %w0, %2, [%1]"
					 : "=&r"(failed)
					 : "r"(at), "r"(value)
					 : "x9", "memory");
		} while (failed != 0);
		break;
	default:
		__asm__ volatile("dc zva, %0" ::"r"(at) : "memory");
		break;
	}
}

static void phase_run(uint64_t phase)
{
	uint64_t random = phase * UINT64_C(0x9e3779b97f4a7c15) + 1;
	uint32_t pages = 0;

	account.phase = phase;
	for (uint32_t i = 0; i < SET_PAGES / 64; i++) {
		account.bitmap[i] = 0;
	}
	print("dirty phase=%llu begin", (unsigned long long)phase);
	for (uint32_t i = 0; i < PER_PHASE; i++) {
		uint32_t page;

		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		page = (uint32_t)(random >> 40) % SET_PAGES;
		pages += (account.bitmap[page / 64] >> page % 64 & 1u) == 0;
		account.bitmap[page / 64] |= UINT64_C(1) << page % 64;
		page_write(page, random >> 20);
		account.writes++;
		if (i % 16 == 0) {
			pause_us(PACE_US);
		}
	}
	__asm__ volatile("dsb sy" ::: "memory");
	print("dirty phase=%llu end pages=%u", (unsigned long long)phase, pages);
}

void guest_main(uint64_t cpu)
{
	(void)cpu;
	uart_init();
	gic_init_distributor();
	gic_init_cpu();
	gic_enable_private(TIMER_INTID);
	account = (struct account){
		.magic = ACCOUNT_MAGIC, .first_page = (uint64_t)(uintptr_t)set / 4096, .page_count = SET_PAGES
	};
	print("dirty account=0x%llx set=0x%llx pages=%u", (unsigned long long)(uintptr_t)&account,
		(unsigned long long)(uintptr_t)set, SET_PAGES);
	for (uint64_t phase = 1;; phase++) {
		phase_run(phase);
		pause_us(PAUSE_US);
	}
}
