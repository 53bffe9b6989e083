/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/assert.h"
#include "core/base/bitmap.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"
#include "core/vm/dirty_log.h"

#define CHUNK_PAGES	PAGES_PER_BLOCK /* one level 3 table, one slice of a harvest */
#define CHUNK_WORDS	BITMAP_WORDS(CHUNK_PAGES)
#define WORD_PAGES	64u

/* What a slice of a harvest is made of, in glances at a chunk that is a clean block: eight words and one descriptor. */
#define COST_GLANCE	1u
#define COST_LOOK	16u /* 512 descriptors */
#define COST_INVALIDATE 64u
#define COST_SLICE	64u

static bool by_devices(enum dirty_backend backend)
{
	return backend == DIRTY_SMMU_HTTU || backend == DIRTY_SMMU_ACCESS || backend == DIRTY_ALL_MAPPED;
}

static bool by_dirty_state(enum dirty_backend backend)
{
	return backend == DIRTY_HAFDBS || backend == DIRTY_SMMU_HTTU;
}

/** In a leaf that may be written: the bit that a write sets, or that says that one may go through. */
static uint64_t trace_bit(enum dirty_backend backend)
{
	return backend == DIRTY_SMMU_ACCESS ? S2_AF : S2_WRITE;
}

static void changed(void *ctx, uint64_t ipa, uint64_t page_count, uint64_t desc)
{
	struct dirty_log *d = ctx;
	uint64_t end = ipa + page_count * PAGE_BYTES;
	uint64_t ram_end = d->ram_ipa + d->page_count * PAGE_BYTES;

	if ((desc & S2_SOFT_WRITE) == 0 || (desc & trace_bit(d->backend)) == 0 || end <= d->ram_ipa || ipa >= ram_end) {
		return;
	}
	/* The harvest that takes these marks invalidates them too: what is still in flight to them has landed when they are read. */
	ipa = MAX(ipa, d->ram_ipa);
	dirty_log_mark(d, (ipa - d->ram_ipa) / PAGE_BYTES, (MIN(end, ram_end) - ipa) / PAGE_BYTES);
}

enum err dirty_log_init(struct dirty_log *d, struct s2_table *s2, enum dirty_backend backend, ipa_t ram_ipa,
	uint64_t page_count, uint64_t *log)
{
	if (ram_ipa.v % BLOCK_BYTES != 0 || page_count % CHUNK_PAGES != 0 ||
		(by_devices(backend) && !s2->cfg.pages_only)) {
		return ERR_RANGE;
	}
	*d = (struct dirty_log){
		.s2 = s2, .backend = backend, .ram_ipa = ram_ipa.v, .page_count = page_count, .log = log
	};
	s2_set_watch(s2, (struct s2_watch){ .changed = changed, .ctx = d });
	return ERR_OK;
}

static bool tracking(const struct dirty_log *d)
{
	return __atomic_load_n(&d->on, __ATOMIC_ACQUIRE) != 0;
}

static ipa_t page_ipa(const struct dirty_log *d, uint64_t page)
{
	return ipa(d->ram_ipa + page * PAGE_BYTES);
}

/**
 * The 512 leaves of a chunk, or NULL where RAM is not mapped by pages. They stay until stop(): nobody else joins, and RAM's tables
 * are not emptied.
 */
static uint64_t *chunk_leaves(struct dirty_log *d, uint64_t first_page)
{
	uint32_t level;
	uint64_t *leaf = s2_leaf(d->s2, page_ipa(d, first_page), &level);

	return leaf != NULL && level == 3 ? leaf : NULL;
}

/** The chunk's block gets or loses the permission. True: it is a block, and it had it. The lock keeps splits away. */
static bool block_set_write(struct dirty_log *d, uint64_t first_page, bool write)
{
	uint32_t level;
	uint64_t *block;
	uint64_t old = 0;

	spin_lock(&d->s2->lock);
	block = s2_leaf(d->s2, page_ipa(d, first_page), &level);
	if (block != NULL && level == 2 && (__atomic_load_n(block, __ATOMIC_RELAXED) & S2_SOFT_WRITE) != 0) {
		old = write ? arch_desc_set(block, S2_WRITE) : arch_desc_clear(block, S2_WRITE);
	}
	spin_unlock(&d->s2->lock);
	return (old & S2_WRITE) != 0;
}

static void invalidate_all(struct dirty_log *d)
{
	const struct s2_config *cfg = &d->s2->cfg;

	cfg->ops->publish(cfg->ops_ctx);
	cfg->ops->invalidate(cfg->ops_ctx, d->ram_ipa, d->page_count);
	cfg->ops->complete(cfg->ops_ctx);
}

/* ---- start and stop ---- */

/** The leaf forgets that it was written; what is stale of it is not invalidated here. Returns what it said. */
static uint64_t leaf_clear(const struct dirty_log *d, uint64_t *leaf)
{
	/* Without DBM a cleared S2AP[1] is a plain protection: set DBM first, so that no write faults in between. */
	if (by_dirty_state(d->backend)) {
		(void)arch_desc_set(leaf, S2_DBM);
	}
	return arch_desc_clear(leaf, trace_bit(d->backend));
}

static void leaf_track(struct dirty_log *d, uint64_t *leaf)
{
	uint64_t trace = trace_bit(d->backend);

	/* Writable, and not tracked since its split. A page that was granted and logged meanwhile stays in the log. */
	if ((__atomic_load_n(leaf, __ATOMIC_RELAXED) & (S2_SOFT_WRITE | trace | S2_DBM)) == (S2_SOFT_WRITE | trace)) {
		(void)leaf_clear(d, leaf);
	}
}

static void leaf_untrack(const struct dirty_log *d, uint64_t *leaf)
{
	uint64_t desc = __atomic_load_n(leaf, __ATOMIC_RELAXED);
	uint64_t trace = trace_bit(d->backend);

	if ((desc & S2_SOFT_WRITE) == 0) {
		return;
	}
	if ((desc & trace) == 0) {
		(void)arch_desc_set(leaf, trace);
	}
	if ((desc & S2_DBM) != 0) {
		(void)arch_desc_clear(leaf, S2_DBM);
	}
}

static void stop(void *ctx)
{
	struct dirty_log *d = ctx;

	if (!tracking(d)) {
		return;
	}
	/* With the lock: no fault splits a block behind this. */
	spin_lock(&d->s2->lock);
	__atomic_store_n(&d->on, 0u, __ATOMIC_RELEASE);
	spin_unlock(&d->s2->lock);
	for (uint64_t page = 0; page < d->page_count; page += CHUNK_PAGES) {
		uint64_t *leaf = chunk_leaves(d, page);

		for (uint32_t i = 0; leaf != NULL && i < CHUNK_PAGES; i++) {
			leaf_untrack(d, &leaf[i]);
		}
		if (leaf == NULL) {
			(void)block_set_write(d, page, true);
		}
	}
	invalidate_all(d);
	for (uint64_t page = 0; page < d->page_count; page += CHUNK_PAGES) {
		s2_join(d->s2, ipa(d->ram_ipa + page * PAGE_BYTES));
	}
}

static enum err start(void *ctx)
{
	struct dirty_log *d = ctx;

	if (tracking(d)) {
		return ERR_BAD_STATE;
	}
	for (uint64_t w = 0; w < BITMAP_WORDS(d->page_count); w++) {
		(void)bitmap_take_word_atomic(d->log, w);
	}
	/* On before the first leaf is protected: a fault from here on is logged, and may be too early, never too late. */
	__atomic_store_n(&d->on, 1u, __ATOMIC_SEQ_CST);
	if (d->backend == DIRTY_ALL_MAPPED) {
		return ERR_OK;
	}
	/* Blocks are protected whole, and split by the first write to each: what is not written costs one descriptor. */
	for (uint64_t page = 0; page < d->page_count; page += CHUNK_PAGES) {
		uint64_t *leaf = chunk_leaves(d, page);

		for (uint32_t i = 0; leaf != NULL && i < CHUNK_PAGES; i++) {
			leaf_track(d, &leaf[i]);
		}
		if (leaf == NULL) {
			(void)block_set_write(d, page, false);
		}
	}
	invalidate_all(d);
	return ERR_OK;
}

/* ---- harvest ---- */

/** Of 64 pages, whose log bits were taken: what was dirty is clean, and cached translations of it are stale. */
static uint64_t word_take(struct dirty_log *d, uint64_t logged, uint64_t *leaf)
{
	uint64_t dirty = logged;
	uint64_t trace = trace_bit(d->backend);

	for (uint32_t i = 0; i < WORD_PAGES; i++) {
		uint64_t desc = __atomic_load_n(&leaf[i], __ATOMIC_RELAXED);
		/* By faults, a permission that no log bit stands for belongs to a fault that has not come so far yet. */
		bool take = d->backend != DIRTY_WRITE_PROTECT || (logged >> i & 1u) != 0;

		if (take && (desc & S2_SOFT_WRITE) != 0 && (desc & trace) != 0) {
			dirty |= BIT64(i);
			if (d->backend != DIRTY_ALL_MAPPED) {
				(void)leaf_clear(d, &leaf[i]);
			}
		}
	}
	return dirty;
}

/** Invalidates runs of dirty pages; false: there are none. Pages that were only marked by the hypervisor come along. */
static bool invalidate_words(struct dirty_log *d, uint64_t first_page, const uint64_t words[CHUNK_WORDS])
{
	const struct s2_config *cfg = &d->s2->cfg;
	size_t from = bitmap_next_set(words, 0, CHUNK_PAGES);

	if (from == CHUNK_PAGES) {
		return false;
	}
	/* Descriptors first: a walk after the invalidation must not bring the old one back. */
	cfg->ops->publish(cfg->ops_ctx);
	while (from < CHUNK_PAGES) {
		size_t to = from + 1;

		while (to < CHUNK_PAGES && bitmap_test(words, to)) {
			to++;
		}
		cfg->ops->invalidate(cfg->ops_ctx, d->ram_ipa + (first_page + from) * PAGE_BYTES, to - from);
		from = bitmap_next_set(words, to, CHUNK_PAGES);
	}
	cfg->ops->complete(cfg->ops_ctx);
	return true;
}

/** Takes the log bits of a chunk; false: there are none. */
static bool log_take(struct dirty_log *d, uint64_t first_page, uint64_t words[CHUNK_WORDS])
{
	uint64_t *log = &d->log[first_page / WORD_PAGES];
	uint64_t any = 0;

	for (uint32_t w = 0; w < CHUNK_WORDS; w++) {
		words[w] = __atomic_load_n(&log[w], __ATOMIC_RELAXED) == 0 ? 0 : bitmap_take_word_atomic(log, w);
		any |= words[w];
	}
	return any != 0;
}

/**
 * Takes the dirty state of a chunk into words, and says what the look has cost. The bits come first: a bit that is there was set
 * after its page was granted, so the table that the page stands in is seen by the walk that follows.
 */
static uint32_t chunk_take(struct dirty_log *d, uint64_t first_page, uint64_t words[CHUNK_WORDS])
{
	bool logged = log_take(d, first_page, words);
	uint64_t *leaf = chunk_leaves(d, first_page);

	/* A block, or pages behind faults: what nobody logged, nobody wrote. */
	if (!logged && (leaf == NULL || d->backend == DIRTY_WRITE_PROTECT)) {
		return COST_GLANCE;
	}
	/* A block was granted whole for want of a table; or it is a block no more. */
	if (leaf == NULL && block_set_write(d, first_page, false)) {
		for (uint32_t w = 0; w < CHUNK_WORDS; w++) {
			words[w] = UINT64_MAX;
		}
	}
	leaf = chunk_leaves(d, first_page);
	for (uint32_t w = 0; leaf != NULL && w < CHUNK_WORDS; w++) {
		words[w] = word_take(d, words[w], &leaf[w * WORD_PAGES]);
	}
	return COST_LOOK;
}

static enum err harvest(void *ctx, struct dirty_cursor *cursor, uint64_t *map)
{
	struct dirty_log *d = ctx;
	uint64_t words[CHUNK_WORDS];
	uint32_t cost = 0;

	if (!tracking(d)) {
		return ERR_LOST;
	}
	if (cursor->next_page % CHUNK_PAGES != 0 || cursor->next_page > d->page_count) {
		return ERR_RANGE;
	}
	if (cursor->next_page == 0 && by_devices(d->backend)) {
		/* A SYNC: what the SMMU has recorded for ended transactions is seen by the loads below, as the last harvest must. */
		d->s2->cfg.ops->complete(d->s2->cfg.ops_ctx);
	}
	while (cursor->next_page < d->page_count && cost < COST_SLICE) {
		uint64_t page = cursor->next_page;
		uint32_t look = chunk_take(d, page, words);

		if (look != COST_GLANCE) {
			look += invalidate_words(d, page, words) ? COST_INVALIDATE : 0;
			for (uint32_t w = 0; w < CHUNK_WORDS; w++) {
				map[page / WORD_PAGES + w] |= words[w];
			}
		}
		cost += look;
		cursor->next_page = page + CHUNK_PAGES;
	}
	return cursor->next_page == d->page_count ? ERR_OK : ERR_AGAIN;
}

#define BACKEND(n)                                                                                                     \
	{                                                                                                              \
		.name = (n), .start = start, .harvest = harvest, .stop = stop                                          \
	}

static const struct dirty_ops backend_ops[DIRTY_BACKEND_COUNT] = {
	[DIRTY_HAFDBS] = BACKEND("hafdbs"),
	[DIRTY_WRITE_PROTECT] = BACKEND("write-protect"),
	[DIRTY_SMMU_HTTU] = BACKEND("smmu-httu"),
	[DIRTY_SMMU_ACCESS] = BACKEND("smmu-access"),
	[DIRTY_ALL_MAPPED] = BACKEND("all-mapped"),
};

const char *dirty_backend_name(enum dirty_backend backend)
{
	return backend_ops[backend].name;
}

struct dirty dirty_log_tracker(struct dirty_log *d)
{
	return (struct dirty){ .ops = &backend_ops[d->backend], .ctx = d };
}

/* ---- writers ---- */

/** The permission first, the log bit after: see dirty_log.h. The lock is held. */
static void grant(struct dirty_log *d, ipa_t at, uint64_t *leaf, uint32_t level)
{
	uint64_t pages = level == 2 ? CHUNK_PAGES : 1;
	uint64_t page = ROUND_DOWN((at.v - d->ram_ipa) / PAGE_BYTES, pages);

	(void)arch_desc_set(leaf, S2_WRITE);
	if (at.v >= d->ram_ipa && page < d->page_count) {
		for (uint64_t i = 0; i < pages; i++) {
			bitmap_set_atomic(d->log, page + i);
		}
	}
}

enum dirty_fault dirty_log_fault(struct dirty_log *d, ipa_t at)
{
	uint64_t *leaf;
	uint32_t level;
	enum dirty_fault result = DIRTY_FAULT_RETRY;

	/* The lock keeps the leaf's table from being joined away, and the block from being split twice. */
	spin_lock(&d->s2->lock);
	leaf = s2_leaf(d->s2, at, &level);
	if (leaf != NULL && (__atomic_load_n(leaf, __ATOMIC_RELAXED) & S2_SOFT_WRITE) == 0) {
		result = DIRTY_FAULT_FORBIDDEN;
	} else if (leaf != NULL) {
		if (level == 2 && tracking(d) &&
			s2_split_locked(d->s2, at, by_dirty_state(d->backend) ? S2_DBM : 0, S2_WRITE) == ERR_OK) {
			leaf = s2_leaf(d->s2, at, &level);
		}
		grant(d, at, leaf, level);
	}
	spin_unlock(&d->s2->lock);
	if (result == DIRTY_FAULT_RETRY && d->s2->cfg.ops->invalidate_local != NULL) {
		d->s2->cfg.ops->invalidate_local(d->s2->cfg.ops_ctx, at.v);
	}
	return result;
}

void dirty_log_mark(struct dirty_log *d, uint64_t first_page, uint64_t page_count)
{
	if (!tracking(d) || first_page >= d->page_count) {
		return;
	}
	page_count = MIN(page_count, d->page_count - first_page);
	for (uint64_t i = 0; i < page_count; i++) {
		bitmap_set_atomic(d->log, first_page + i);
	}
}
