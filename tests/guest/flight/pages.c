/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The working set. Both CPUs take pages under a lock, check that what is there is what was written last (by whichever
 * CPU), and write the next version. Versions are kept outside as well, so that an old page with a good checksum is found.
 */
#include "tests/guest/flight/flight.h"

#define PAGE_MAGIC 0x746c6667u
#define BODY_WORDS 509u
#define LCG_MUL	   UINT64_C(6364136223846793005)
#define LCG_ADD	   UINT64_C(1442695040888963407)

struct page {
	uint32_t magic;
	uint32_t number;
	uint64_t version;
	uint64_t checksum; /* of the body as it stands */
	uint64_t body[BODY_WORDS];
};
_Static_assert(sizeof(struct page) == 4096, "a page is a page");

static struct page set[SET_PAGES] __attribute__((section(".noinit"), aligned(4096)));
static uint64_t versions[SET_PAGES];
static uint8_t locks[SET_PAGES];
static uint32_t sweep_at[FLIGHT_CPUS] = { 0, SET_PAGES / 2 };

static void page_lock(uint32_t n)
{
	while (__atomic_exchange_n(&locks[n], 1, __ATOMIC_ACQUIRE) != 0) {
		/* held for one page's work */
	}
}

static void page_unlock(uint32_t n)
{
	__atomic_store_n(&locks[n], 0, __ATOMIC_RELEASE);
}

static uint64_t body_seed(uint32_t number, uint64_t version)
{
	return (version << 20 ^ number) * LCG_MUL + LCG_ADD;
}

static uint64_t fold(uint64_t sum, uint64_t word)
{
	return (sum << 1 | sum >> 63) + word;
}

static void page_write(uint32_t n, uint64_t version)
{
	struct page *p = &set[n];
	uint64_t word = body_seed(n, version), sum = version;

	p->magic = PAGE_MAGIC;
	p->number = n;
	p->version = version;
	for (uint32_t i = 0; i < BODY_WORDS; i++) {
		p->body[i] = word;
		sum = fold(sum, word);
		word = word * LCG_MUL + LCG_ADD;
	}
	p->checksum = sum;
	versions[n] = version;
}

static bool page_holds(uint32_t n, uint64_t version)
{
	const struct page *p = &set[n];
	uint64_t word = body_seed(n, version), sum = version;

	if (p->magic != PAGE_MAGIC || p->number != n || p->version != version) {
		return false;
	}
	for (uint32_t i = 0; i < BODY_WORDS; i++) {
		if (p->body[i] != word) {
			return false;
		}
		sum = fold(sum, p->body[i]);
		word = word * LCG_MUL + LCG_ADD;
	}
	return p->checksum == sum;
}

static void page_turn(struct flight_cpu *c, uint32_t n)
{
	uint64_t version, found;
	bool good;

	page_lock(n);
	version = versions[n];
	found = set[n].version;
	good = page_holds(n, version);
	page_write(n, version + 1);
	page_unlock(n);
	c->pages++;
	if (!good) {
		c->checksum_errors++;
		flight_note("page, wanted version, found version", n, version, found);
	}
}

void pages_init(void)
{
	for (uint32_t n = 0; n < SET_PAGES; n++) {
		page_write(n, 1);
	}
}

void pages_work(uint32_t cpu)
{
	struct flight_cpu *c = &flight_cpus[cpu];

	for (uint32_t i = 0; i < HOT_PER_TICK; i++) {
		page_turn(c, (uint32_t)(flight_random(&c->random) % HOT_PAGES));
	}
	for (uint32_t i = 0; i < SWEEP_PER_TICK; i++) {
		page_turn(c, sweep_at[cpu]);
		sweep_at[cpu] = (sweep_at[cpu] + 1) % SET_PAGES;
	}
}
