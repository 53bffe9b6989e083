/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Stage 2 and dirty log between real threads, under ThreadSanitizer: two vCPUs with TLBs of their own, and the service core that
 * starts the log, harvests, copies, stops the vCPUs and compares. tests/model/dirty_log.pml is the same with every
 * interleaving, of one page; here is the C itself, with many pages.
 *
 * A page of the guest is one atomic word that counts the stores to it: what is compared is what matters, and the sanitizer
 * looks at descriptors, tables and log alone.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bitmap.h"
#include "core/vm/arch.h"
#include "core/vm/dirty_log.h"

#define PES	  2u
#define CHUNKS	  2u
#define PAGES	  (CHUNKS * PAGES_PER_BLOCK)
#define BASE	  UINT64_C(0x40000000)
#define ROUNDS	  30u
#define CYCLES	  6u /* start, rounds, stop the vCPUs, compare, end of tracking */
#define POOL	  8u
#define HOT_PAGES 96u /* most stores go there, so that cores meet */

struct pe {
	uint64_t tlb[PAGES];  /* descriptor as last walked; 0: nothing. This thread's own */
	uint32_t asked, done; /* invalidations; atomic */
	uint32_t halted;      /* the value of halt it stopped for; atomic */
	uint32_t random;
	bool outside; /* not in the guest: it has no TLB to drop; atomic */
	uint64_t stores, faults, refused;
};

static s2_page root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page pool[POOL] __attribute__((aligned(PAGE_BYTES)));
static struct s2_table s2;
static struct dirty_log dirty;
static uint64_t log_words[BITMAP_WORDS(PAGES)];
static uint64_t map[BITMAP_WORDS(PAGES)];
static uint64_t memory[PAGES], copy[PAGES];
static struct pe pes[PES];
static uint32_t
	halt; /* counts stops and goes: odd, stand still. A count, as a vCPU may sleep through a whole go; atomic */
static uint32_t quit; /* atomic */
static _Thread_local struct pe *self;

/* ---- what core/vm asks of a CPU ---- */

uint64_t arch_desc_set(uint64_t *desc, uint64_t bits)
{
	return __atomic_fetch_or(desc, bits, __ATOMIC_ACQ_REL);
}

uint64_t arch_desc_clear(uint64_t *desc, uint64_t bits)
{
	return __atomic_fetch_and(desc, ~bits, __ATOMIC_ACQ_REL);
}

static void publish(void *ctx)
{
	(void)ctx;
}

/* To every PE; each drops its whole TLB between two of its accesses. */
static void invalidate(void *ctx, uint64_t at, uint64_t page_count)
{
	(void)ctx;
	(void)at;
	(void)page_count;
	for (uint32_t i = 0; i < PES; i++) {
		__atomic_fetch_add(&pes[i].asked, 1u, __ATOMIC_SEQ_CST);
	}
}

static void complete(void *ctx)
{
	(void)ctx;
	for (uint32_t i = 0; i < PES; i++) {
		while (__atomic_load_n(&pes[i].done, __ATOMIC_SEQ_CST) !=
				__atomic_load_n(&pes[i].asked, __ATOMIC_SEQ_CST) &&
			!__atomic_load_n(&pes[i].outside, __ATOMIC_SEQ_CST)) {
			sched_yield();
		}
	}
}

static void invalidate_local(void *ctx, uint64_t at)
{
	(void)ctx;
	self->tlb[(at - BASE) / PAGE_BYTES] = 0;
}

static const struct s2_ops ops = {
	.publish = publish, .invalidate = invalidate, .complete = complete, .invalidate_local = invalidate_local
};

/* ---- a vCPU ---- */

static void enter_guest(struct pe *pe)
{
	__atomic_store_n(&pe->outside, false, __ATOMIC_SEQ_CST);
	memset(pe->tlb, 0, sizeof(pe->tlb));
}

static void leave_guest(struct pe *pe)
{
	__atomic_store_n(&pe->outside, true, __ATOMIC_SEQ_CST);
}

static void obey_invalidations(struct pe *pe)
{
	uint32_t asked = __atomic_load_n(&pe->asked, __ATOMIC_SEQ_CST);

	if (asked != pe->done) {
		memset(pe->tlb, 0, sizeof(pe->tlb));
		__atomic_store_n(&pe->done, asked, __ATOMIC_SEQ_CST);
	}
}

static uint32_t random_next(struct pe *pe)
{
	pe->random ^= pe->random << 13;
	pe->random ^= pe->random >> 17;
	pe->random ^= pe->random << 5;
	return pe->random;
}

/* A walk: the leaf at this moment, and where it stands. */
static uint64_t walk(uint64_t page, uint64_t **leaf)
{
	uint32_t level;

	*leaf = s2_leaf(&s2, ipa(BASE + page * PAGE_BYTES), &level);
	return *leaf == NULL ? 0 : __atomic_load_n(*leaf, __ATOMIC_ACQUIRE);
}

/* One try of a store; true when it is in memory. */
static bool store(struct pe *pe, uint64_t page)
{
	uint64_t *leaf;
	uint64_t desc = pe->tlb[page];

	if ((desc & S2_VALID) == 0) {
		desc = walk(page, &leaf);
		if ((desc & S2_VALID) == 0) {
			leave_guest(pe); /* a trap: the lock is waited for at EL2 */
			pe->refused += !s2_is_mapped(&s2, ipa(BASE + page * PAGE_BYTES));
			enter_guest(pe);
			return false;
		}
	}
	if ((desc & (S2_WRITE | S2_DBM)) == S2_DBM) { /* the walker looks again before it sets the dirty state */
		uint64_t now = walk(page, &leaf);

		if ((now & (S2_VALID | S2_DBM)) != (S2_VALID | S2_DBM) ||
			!__atomic_compare_exchange_n(
				leaf, &now, now | S2_WRITE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			pe->tlb[page] = 0;
			return false;
		}
		desc = now | S2_WRITE;
	}
	pe->tlb[page] = desc;
	if ((desc & S2_WRITE) == 0) {
		pe->faults++;
		leave_guest(pe);
		pe->refused += dirty_log_fault(&dirty, ipa(BASE + page * PAGE_BYTES)) != DIRTY_FAULT_RETRY;
		enter_guest(pe);
		return false;
	}
	__atomic_fetch_add(&memory[page], 1u, __ATOMIC_RELAXED);
	pe->stores++;
	return true;
}

static void *vcpu(void *arg)
{
	struct pe *pe = arg;

	self = pe;
	enter_guest(pe);
	while (!__atomic_load_n(&quit, __ATOMIC_ACQUIRE)) {
		uint32_t r = random_next(pe);
		uint64_t page = (r & 3) != 0 ? r / 4 % HOT_PAGES : r / 4 % PAGES;
		uint32_t stop = __atomic_load_n(&halt, __ATOMIC_ACQUIRE);

		obey_invalidations(pe);
		if ((stop & 1) != 0) {
			leave_guest(pe);
			__atomic_store_n(&pe->halted, stop, __ATOMIC_RELEASE);
			while (__atomic_load_n(&halt, __ATOMIC_ACQUIRE) == stop &&
				!__atomic_load_n(&quit, __ATOMIC_ACQUIRE)) {
				sched_yield();
			}
			enter_guest(pe);
			continue;
		}
		if (r % 61 == 0) { /* the hypervisor writes for the guest, and says so after */
			leave_guest(pe);
			__atomic_fetch_add(&memory[page], 1u, __ATOMIC_SEQ_CST);
			dirty_log_mark(&dirty, page, 1);
			enter_guest(pe);
			continue;
		}
		(void)store(pe, page);
	}
	leave_guest(pe);
	return NULL;
}

/* ---- the service core ---- */

static bool harvest_all(void)
{
	struct dirty tracker = dirty_log_tracker(&dirty);
	struct dirty_cursor cursor = { 0 };
	enum err err;

	do {
		err = tracker.ops->harvest(tracker.ctx, &cursor, map);
	} while (err == ERR_AGAIN);
	return err == ERR_OK;
}

static void send_all(void)
{
	for (uint64_t page = 0; page < PAGES; page++) {
		if (bitmap_test(map, page)) {
			bitmap_clear(map, page);
			copy[page] = __atomic_load_n(&memory[page], __ATOMIC_RELAXED);
		}
	}
}

static void stop_vcpus(void)
{
	uint32_t stop = __atomic_add_fetch(&halt, 1u, __ATOMIC_ACQ_REL);

	for (uint32_t i = 0; i < PES; i++) {
		while (__atomic_load_n(&pes[i].halted, __ATOMIC_ACQUIRE) != stop) {
			sched_yield();
		}
	}
}

/* True when the copy is whole. The vCPUs are threads: no assertion leaves before they are joined. */
static bool cycle(void)
{
	struct dirty tracker = dirty_log_tracker(&dirty);
	bool whole = true;

	if (tracker.ops->start(tracker.ctx) != ERR_OK) {
		return false;
	}
	bitmap_set_range(map, 0, PAGES);
	send_all();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		whole &= harvest_all();
		send_all();
		sched_yield();
	}
	stop_vcpus();
	whole &= harvest_all();
	send_all();
	for (uint32_t page = 0; page < PAGES; page++) {
		if (copy[page] != memory[page]) {
			print_error("page %u: %llu stores, the copy has %llu\n", page, (unsigned long long)memory[page],
				(unsigned long long)copy[page]);
			whole = false;
		}
	}
	__atomic_fetch_add(&halt, 1u, __ATOMIC_RELEASE);
	tracker.ops->stop(tracker.ctx); /* pages become blocks again under the running vCPUs */
	return whole;
}

static void no_store_is_lost(enum dirty_backend backend)
{
	static const struct s2_attr ram = { .memory = S2_NORMAL, .write = true, .execute = true };
	struct s2_config cfg = { .root = root, .pool = pool, .pool_count = POOL, .ops = &ops };
	pthread_t thread[PES];
	uint64_t stores = 0, faults = 0, refused = 0;
	bool whole = true;

	memset(root, 0, sizeof(root));
	memset(pool, 0, sizeof(pool));
	memset(pes, 0, sizeof(pes));
	memset(memory, 0, sizeof(memory));
	memset(map, 0, sizeof(map));
	halt = quit = 0;
	assert_int_equal(s2_init(&s2, &cfg), ERR_OK);
	assert_int_equal(s2_map(&s2, ipa(BASE), pa(BASE), PAGES, ram), ERR_OK);
	assert_int_equal(dirty_log_init(&dirty, &s2, backend, ipa(BASE), PAGES, log_words), ERR_OK);
	for (uint32_t i = 0; i < PES; i++) {
		pes[i].random = 2463534242u + i;
		pes[i].outside = true;
		assert_int_equal(pthread_create(&thread[i], NULL, vcpu, &pes[i]), 0);
	}
	for (uint32_t i = 0; i < CYCLES && whole; i++) {
		whole = cycle();
	}
	__atomic_store_n(&quit, 1u, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < PES; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		stores += pes[i].stores;
		faults += pes[i].faults;
		refused += pes[i].refused;
	}
	assert_true(whole);
	assert_int_equal(refused, 0);
	assert_true(stores > 0);
	assert_true(backend == DIRTY_HAFDBS || faults > 0);
}

static void no_store_is_lost_with_hardware_dirty_state(void **state)
{
	(void)state;
	no_store_is_lost(DIRTY_HAFDBS);
}

static void no_store_is_lost_with_write_protection(void **state)
{
	(void)state;
	no_store_is_lost(DIRTY_WRITE_PROTECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_store_is_lost_with_hardware_dirty_state),
		cmocka_unit_test(no_store_is_lost_with_write_protection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
