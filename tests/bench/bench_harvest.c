/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What a harvest costs, by how much is mapped and how much of it was written: core/vm/dirty_log.c over real stage 2 tables, beside a
 * plain walk over every leaf, which is what a table of 4 KiB pages without more knowledge would need.
 *
 * Written pages stand in runs of RUN_PAGES at drawn places. Nanoseconds are this machine's, and noisy; instructions (user mode, where
 * the kernel lets us count them) and descriptors read are not. Invalidations cost nothing here: they are counted.
 *
 * usage: bench_harvest [GiB at most, 1024]
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bitmap.h"
#include "core/base/bits.h"
#include "core/vm/dirty_log.h"

#define RUN_PAGES     64u
#define GIB_PAGES     262144u
#define GIB_MAX	      1024u
#define PAGES_GIB_MAX 256u /* a table of 4 KiB leaves alone is 2 MiB for each GiB */
#define RAM	      UINT64_C(0)

struct run {
	struct s2_table s2;
	struct dirty_log log;
	struct dirty tracker;
	s2_page *root, *pool;
	uint64_t *words, *map;
	size_t pool_bytes, map_bytes;
	uint64_t pages;
};

static uint64_t invalidations;

static void publish(void *ctx)
{
	(void)ctx;
}

static void invalidate(void *ctx, uint64_t ipa, uint64_t page_count)
{
	(void)ctx;
	(void)ipa;
	(void)page_count;
	invalidations++;
}

static const struct s2_ops ops = { .publish = publish, .invalidate = invalidate, .complete = publish };

static void *memory(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED) {
		fprintf(stderr, "bench_harvest: no %zu bytes of memory: ask for fewer GiB\n", bytes);
		exit(1);
	}
	return at;
}

static void must(enum err err, const char *what)
{
	if (err != ERR_OK) {
		fprintf(stderr, "bench_harvest: %s: %s\n", what, err_name(err));
		exit(1);
	}
}

static void run_open(struct run *r, enum dirty_backend backend, uint64_t gib)
{
	bool pages_only = backend == DIRTY_SMMU_HTTU;
	uint64_t tables = gib * GIB_PAGES / S2_ENTRIES + gib + 8;
	struct s2_config cfg = { .pool_count = (uint32_t)tables, .pages_only = pages_only, .ops = &ops };

	r->pages = gib * GIB_PAGES;
	r->pool_bytes = tables * PAGE_BYTES;
	r->map_bytes = BITMAP_WORDS(r->pages) * sizeof(uint64_t);
	r->root = memory(2 * S2_ROOT_PAGES * PAGE_BYTES);
	r->pool = memory(r->pool_bytes);
	r->words = memory(r->map_bytes);
	r->map = memory(r->map_bytes);
	cfg.root = (s2_page *)(ROUND_UP((uintptr_t)r->root, S2_ROOT_PAGES * PAGE_BYTES));
	cfg.pool = r->pool;
	must(s2_init(&r->s2, &cfg), "s2_init");
	must(s2_map(&r->s2, ipa(RAM), pa(0), r->pages, (struct s2_attr){ .memory = S2_NORMAL, .write = true }),
		"s2_map");
	must(dirty_log_init(&r->log, &r->s2, backend, ipa(RAM), r->pages, r->words), "dirty_log_init");
	r->tracker = dirty_log_tracker(&r->log);
	must(r->tracker.ops->start(r->tracker.ctx), "start");
}

static void run_close(struct run *r)
{
	munmap(r->root, 2 * S2_ROOT_PAGES * PAGE_BYTES);
	munmap(r->pool, r->pool_bytes);
	munmap(r->words, r->map_bytes);
	munmap(r->map, r->map_bytes);
}

/** As a walker and the fault path would. */
static void write_page(struct run *r, uint64_t page)
{
	uint32_t level;
	uint64_t *leaf = s2_leaf(&r->s2, ipa(RAM + page * PAGE_BYTES), &level);

	if ((*leaf & S2_DBM) != 0) {
		*leaf |= S2_WRITE;
	} else if ((*leaf & S2_WRITE) == 0 &&
		   dirty_log_fault(&r->log, ipa(RAM + page * PAGE_BYTES)) != DIRTY_FAULT_RETRY) {
		must(ERR_BAD_STATE, "fault");
	}
}

static void write_share(struct run *r, uint32_t per_mille_of_pages)
{
	static uint64_t chance = 88172645463325252u;
	uint64_t runs = r->pages * per_mille_of_pages / 1000u / RUN_PAGES;

	for (uint64_t i = 0; i < runs; i++) {
		uint64_t at;

		chance ^= chance << 13;
		chance ^= chance >> 7;
		chance ^= chance << 17;
		at = per_mille_of_pages == 1000 ? i * RUN_PAGES : chance % (r->pages / RUN_PAGES) * RUN_PAGES;
		for (uint32_t k = 0; k < RUN_PAGES; k++) {
			write_page(r, at + k);
		}
	}
}

static uint64_t harvest(struct run *r)
{
	struct dirty_cursor cursor = { 0 };
	uint64_t slices = 0;
	enum err err;

	do {
		err = r->tracker.ops->harvest(r->tracker.ctx, &cursor, r->map);
		slices++;
	} while (err == ERR_AGAIN);
	must(err, "harvest");
	return slices;
}

/** Every leaf of 4 KiB is looked at; the table has no blocks. */
static uint64_t plain_walk(struct run *r)
{
	uint64_t found = 0;

	for (uint64_t page = 0; page < r->pages; page += S2_ENTRIES) {
		uint32_t level;
		uint64_t *leaf = s2_leaf(&r->s2, ipa(RAM + page * PAGE_BYTES), &level);

		for (uint32_t i = 0; i < S2_ENTRIES; i++) {
			uint64_t desc = __atomic_load_n(&leaf[i], __ATOMIC_RELAXED);

			if ((desc & (S2_DBM | S2_WRITE)) == (S2_DBM | S2_WRITE)) {
				(void)__atomic_fetch_and(&leaf[i], ~S2_WRITE, __ATOMIC_ACQ_REL);
				bitmap_set(r->map, page + i);
				found++;
			}
		}
	}
	return found;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/** A counter of user instructions, or -1. */
static int counter_open(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1,
		.exclude_hv = 1 };

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t counter_read(int fd)
{
	uint64_t value = 0;

	return fd >= 0 && read(fd, &value, sizeof(value)) == (ssize_t)sizeof(value) ? value : 0;
}

static void measure(
	const char *name, enum dirty_backend backend, uint64_t gib, uint32_t per_mille, bool plain, int counter)
{
	struct run r;
	uint64_t ns, instructions, slices;
	char count[32] = "-";

	memset(&r, 0, sizeof(r));
	run_open(&r, backend, gib);
	write_share(&r, per_mille);
	invalidations = 0;
	instructions = counter_read(counter);
	ns = now_ns();
	slices = plain ? plain_walk(&r) * 0 : harvest(&r);
	ns = now_ns() - ns;
	instructions = counter_read(counter) - instructions;
	if (counter >= 0) {
		snprintf(count, sizeof(count), "%llu", (unsigned long long)(instructions / gib));
	}
	printf("%-14s %6llu %7.1f %12llu %14s %10llu %10llu\n", name, (unsigned long long)gib, per_mille / 10.0,
		(unsigned long long)(ns / gib), count, (unsigned long long)bitmap_count(r.map, 0, r.pages),
		(unsigned long long)slices);
	fflush(stdout);
	run_close(&r);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 1, 16, 256, 1024 };
	static const uint32_t shares[] = { 0, 1, 100, 1000 };
	uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : GIB_MAX;
	int counter = counter_open();

	printf("%-14s %6s %7s %12s %14s %10s %10s\n", "harvest by", "GiB", "dirty %", "ns/GiB", "instr/GiB", "pages",
		"slices");
	for (uint32_t s = 0; s < ARRAY_SIZE(sizes) && sizes[s] <= most; s++) {
		for (uint32_t d = 0; d < ARRAY_SIZE(shares); d++) {
			/* All of a TiB dirty is a table of pages for a TiB. */
			bool fits = sizes[s] <= PAGES_GIB_MAX;

			if (fits || shares[d] <= 1) {
				measure("hafdbs", DIRTY_HAFDBS, sizes[s], shares[d], false, counter);
				measure("write-protect", DIRTY_WRITE_PROTECT, sizes[s], shares[d], false, counter);
			}
			if (fits) {
				measure("smmu-httu", DIRTY_SMMU_HTTU, sizes[s], shares[d], false, counter);
				measure("plain walk", DIRTY_SMMU_HTTU, sizes[s], shares[d], true, counter);
			}
		}
	}
	return 0;
}
