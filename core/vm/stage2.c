/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stddef.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"
#include "core/vm/stage2.h"

#define S2_MEMATTR	  MASK64(5, 2)
#define S2_MEMATTR_WB	  0xFu
#define S2_MEMATTR_NGNRE  0x1u
#define S2_MEMATTR_FWB_WB 0x6u
#define S2_SH_INNER	  FIELD_PREP(MASK64(9, 8), 3)
#define S2_XN		  BIT64(54)
#define LEVEL_FIRST	  1u
#define LEVEL_BLOCK	  2u
#define LEVEL_LAST	  3u

enum err s2_init(struct s2_table *t, const struct s2_config *cfg)
{
	if (((uintptr_t)cfg->root % (S2_ROOT_PAGES * PAGE_BYTES)) != 0 || ((uintptr_t)cfg->pool % PAGE_BYTES) != 0) {
		return ERR_RANGE;
	}
	*t = (struct s2_table){ .cfg = *cfg, .free_count = cfg->pool_count };
	return ERR_OK;
}

void s2_set_watch(struct s2_table *t, struct s2_watch watch)
{
	spin_lock(&t->lock);
	t->watch = watch;
	spin_unlock(&t->lock);
}

pa_t s2_root(const struct s2_table *t)
{
	return pa((uintptr_t)t->cfg.root);
}

/* ---- descriptors ---- */

static void tell(const struct s2_table *t, uint64_t ipa, uint64_t page_count, uint64_t desc)
{
	if (t->watch.changed != NULL) {
		t->watch.changed(t->watch.ctx, ipa, page_count, desc);
	}
}

/* Acquire: a table that is found was filled before. A harvest walks without the lock while a fault splits a block. */
static uint64_t desc_load(const uint64_t *desc)
{
	return __atomic_load_n(desc, __ATOMIC_ACQUIRE);
}

static void desc_store(uint64_t *desc, uint64_t value)
{
	__atomic_store_n(desc, value, __ATOMIC_RELEASE);
}

static uint64_t leaf_make(const struct s2_table *t, struct s2_attr attr)
{
	uint64_t memory = attr.memory == S2_DEVICE ? S2_MEMATTR_NGNRE : t->cfg.fwb ? S2_MEMATTR_FWB_WB : S2_MEMATTR_WB;
	uint64_t desc = S2_VALID | FIELD_PREP(S2_MEMATTR, memory) | S2_READ | S2_AF;

	desc |= attr.memory == S2_DEVICE ? 0 : S2_SH_INNER;
	desc |= attr.write ? S2_WRITE | S2_SOFT_WRITE : 0;
	desc |= attr.execute ? 0 : S2_XN;
	return desc;
}

static bool is_valid(uint64_t desc)
{
	return (desc & S2_VALID) != 0;
}

static bool is_table(uint64_t desc, uint32_t level)
{
	return level < LEVEL_LAST && (desc & (S2_VALID | S2_TABLE)) == (S2_VALID | S2_TABLE);
}

static uint64_t *table_of(uint64_t desc)
{
	return (uint64_t *)(uintptr_t)(desc & S2_ADDRESS);
}

static uint32_t level_shift(uint32_t level)
{
	return PAGE_SHIFT + 9u * (LEVEL_LAST - level);
}

static uint64_t level_pages(uint32_t level)
{
	return BIT64(level_shift(level) - PAGE_SHIFT);
}

/* ---- the pool ---- */

/** Free pages that were tables are a list: the first word of each has the index of the next, counted from 1. */
static uint64_t *pool_take(struct s2_table *t)
{
	uint64_t *table;

	if (t->free_count == 0) {
		return NULL;
	}
	t->free_count--;
	if (t->free_first == 0) {
		return t->cfg.pool[t->fresh++];
	}
	table = t->cfg.pool[t->free_first - 1u];
	t->free_first = (uint32_t)table[0];
	table[0] = 0;
	return table;
}

/** The table must be invalid for every walker by now. */
static void pool_give(struct s2_table *t, uint64_t *table)
{
	size_t i = (size_t)((s2_page *)table - t->cfg.pool);

	ASSERT(i < t->fresh);
	for (uint32_t k = 0; k < S2_ENTRIES; k++) {
		table[k] = 0;
	}
	table[0] = t->free_first;
	t->free_first = (uint32_t)i + 1u;
	t->free_count++;
}

/* ---- walking ---- */

/** The entry for ipa at the deepest level that exists, down to `last`. Each entry is read once, as a walker of the hardware does. */
static uint64_t *walk(struct s2_table *t, uint64_t ipa, uint32_t last, uint32_t *level)
{
	uint64_t *entry = &t->cfg.root[0][0] + (ipa >> level_shift(LEVEL_FIRST));
	uint64_t desc = desc_load(entry);
	uint32_t at = LEVEL_FIRST;

	while (at < last && is_table(desc, at)) {
		at++;
		entry = &table_of(desc)[(ipa >> level_shift(at)) % S2_ENTRIES];
		desc = desc_load(entry);
	}
	*level = at;
	return entry;
}

static bool range_ok(uint64_t ipa, uint64_t page_count)
{
	return (ipa & PAGE_MASK) == 0 && page_count <= BIT64(S2_IPA_BITS - PAGE_SHIFT) &&
	       ipa <= BIT64(S2_IPA_BITS) - page_count * PAGE_BYTES;
}

/** The level of the largest leaf that may start here. */
static uint32_t leaf_level(const struct s2_table *t, uint64_t ipa, uint64_t pa, uint64_t page_count)
{
	if (t->cfg.pages_only || ((ipa | pa) % BLOCK_BYTES) != 0 || page_count < PAGES_PER_BLOCK) {
		return LEVEL_LAST;
	}
	return LEVEL_BLOCK;
}

/* ---- mapping ---- */

/**
 * Table pages that s2_map needs; UINT32_MAX when something is mapped already. A missing table is counted once: at the
 * first of the leaves that it will hold.
 */
static uint32_t map_cost(struct s2_table *t, uint64_t ipa, uint64_t pa, uint64_t page_count)
{
	uint64_t first = ipa;
	uint32_t cost = 0;

	while (page_count > 0) {
		uint32_t want = leaf_level(t, ipa, pa, page_count);
		uint64_t pages = level_pages(want);
		uint32_t level;

		if (is_valid(desc_load(walk(t, ipa, want, &level)))) {
			return UINT32_MAX;
		}
		for (; level < want; level++) {
			uint64_t below = level_pages(level) * PAGE_BYTES;

			if (ipa == first || ipa % below == 0) {
				cost++;
			}
		}
		ipa += pages * PAGE_BYTES;
		pa += pages * PAGE_BYTES;
		page_count -= pages;
	}
	return cost;
}

static void map_leaf(struct s2_table *t, uint64_t ipa, uint64_t desc, uint32_t want)
{
	uint32_t level;
	uint64_t *entry = walk(t, ipa, want, &level);

	while (level < want) {
		uint64_t *table = pool_take(t);

		ASSERT(table != NULL); /* reserved by map_cost */
		desc_store(entry, (uintptr_t)table | S2_TABLE | S2_VALID);
		level++;
		entry = &table[(ipa >> level_shift(level)) % S2_ENTRIES];
	}
	desc_store(entry, desc | (want == LEVEL_LAST ? S2_TABLE : 0));
}

enum err s2_map(struct s2_table *t, ipa_t ipa, pa_t pa, uint64_t page_count, struct s2_attr attr)
{
	uint64_t at = ipa.v;
	uint64_t to = pa.v;
	uint64_t left = page_count;
	uint32_t cost;
	enum err err = ERR_OK;

	if (!range_ok(ipa.v, page_count) || (pa.v & PAGE_MASK) != 0) {
		return ERR_RANGE;
	}
	spin_lock(&t->lock);
	cost = map_cost(t, at, to, left);
	if (cost == UINT32_MAX) {
		err = ERR_RANGE;
	} else if (cost > t->free_count) {
		err = ERR_FULL;
	}
	while (err == ERR_OK && left > 0) {
		uint32_t level = leaf_level(t, at, to, left);

		map_leaf(t, at, leaf_make(t, attr) | to, level);
		tell(t, at, level_pages(level), leaf_make(t, attr) | to);
		at += level_pages(level) * PAGE_BYTES;
		to += level_pages(level) * PAGE_BYTES;
		left -= level_pages(level);
	}
	t->cfg.ops->publish(t->cfg.ops_ctx);
	spin_unlock(&t->lock);
	return err;
}

/* ---- blocks ---- */

/** Break-before-make from a block to a table of pages, or back: the lock is held, faults in the gap wait for it. */
static void replace(struct s2_table *t, uint64_t ipa, uint64_t *entry, uint64_t desc)
{
	desc_store(entry, 0);
	t->cfg.ops->publish(t->cfg.ops_ctx);
	t->cfg.ops->invalidate(t->cfg.ops_ctx, ipa, PAGES_PER_BLOCK);
	t->cfg.ops->complete(t->cfg.ops_ctx);
	desc_store(entry, desc);
	t->cfg.ops->publish(t->cfg.ops_ctx);
}

/** The entry of a block, or NULL where there is none. */
static uint64_t *block_entry(struct s2_table *t, uint64_t ipa)
{
	uint32_t level;
	uint64_t *entry = walk(t, ipa, LEVEL_BLOCK, &level);
	uint64_t desc = desc_load(entry);

	return level == LEVEL_BLOCK && is_valid(desc) && !is_table(desc, level) ? entry : NULL;
}

/** A table that says what the block says; NULL without one in the pool. */
static uint64_t *table_for(struct s2_table *t, uint64_t block, uint64_t set, uint64_t clear)
{
	uint64_t *table = pool_take(t);
	uint64_t page = block | S2_TABLE;

	if ((block & S2_SOFT_WRITE) != 0) {
		page = (page | set) & ~clear;
	}
	/* Blocks carry no DBM, so no walker changes this one while it is copied. */
	for (uint32_t i = 0; table != NULL && i < S2_ENTRIES; i++) {
		table[i] = page + (uint64_t)i * PAGE_BYTES;
	}
	return table;
}

enum err s2_split_locked(struct s2_table *t, ipa_t ipa, uint64_t set, uint64_t clear)
{
	uint64_t at = ROUND_DOWN(ipa.v, (uint64_t)BLOCK_BYTES);
	uint64_t *entry, *table;

	if (ipa.v >= BIT64(S2_IPA_BITS)) {
		return ERR_RANGE;
	}
	entry = block_entry(t, at);
	if (entry == NULL) {
		return ERR_OK;
	}
	table = table_for(t, desc_load(entry), set, clear);
	if (table == NULL) {
		return ERR_FULL;
	}
	replace(t, at, entry, (uintptr_t)table | S2_TABLE | S2_VALID);
	return ERR_OK;
}

enum err s2_split(struct s2_table *t, ipa_t ipa)
{
	enum err err;

	spin_lock(&t->lock);
	err = s2_split_locked(t, ipa, 0, 0);
	spin_unlock(&t->lock);
	return err;
}

/** One block would say the same as these pages; 0 otherwise. */
static uint64_t joined(const uint64_t *table)
{
	uint64_t first = desc_load(&table[0]);

	if (!is_valid(first) || ((first & S2_ADDRESS) % BLOCK_BYTES) != 0 || (first & S2_DBM) != 0) {
		return 0;
	}
	for (uint32_t i = 1; i < S2_ENTRIES; i++) {
		if (desc_load(&table[i]) != first + (uint64_t)i * PAGE_BYTES) {
			return 0;
		}
	}
	return first & ~S2_TABLE;
}

void s2_join(struct s2_table *t, ipa_t ipa)
{
	uint64_t at = ROUND_DOWN(ipa.v, (uint64_t)BLOCK_BYTES);
	uint64_t *entry, *table;
	uint64_t block = 0;
	uint32_t level;

	if (t->cfg.pages_only || ipa.v >= BIT64(S2_IPA_BITS)) {
		return;
	}
	spin_lock(&t->lock);
	entry = walk(t, at, LEVEL_BLOCK, &level);
	if (level == LEVEL_BLOCK && is_table(desc_load(entry), level)) {
		table = table_of(desc_load(entry));
		block = joined(table);
		if (block != 0) {
			replace(t, at, entry, block);
			pool_give(t, table);
		}
	}
	spin_unlock(&t->lock);
}

uint32_t s2_free_pages(struct s2_table *t)
{
	uint32_t n;

	spin_lock(&t->lock);
	n = t->free_count;
	spin_unlock(&t->lock);
	return n;
}

/* ---- changing what is mapped ---- */

/** Splits the blocks that the range covers in part: at most the first and the last one. */
static enum err split_ends(struct s2_table *t, uint64_t ipa, uint64_t end)
{
	enum err err = ERR_OK;

	if (ipa % BLOCK_BYTES != 0 || end - ipa < BLOCK_BYTES) {
		err = s2_split_locked(t, (ipa_t){ ipa }, 0, 0);
	}
	if (err == ERR_OK && end % BLOCK_BYTES != 0) {
		err = s2_split_locked(t, (ipa_t){ end }, 0, 0);
	}
	return err;
}

enum change { CHANGE_UNMAP, CHANGE_READ_ONLY, CHANGE_WRITABLE };

/** What the leaf said last, taken in the same step, as a walker of the hardware may set its state at any time. */
static uint64_t leaf_change(uint64_t *leaf, enum change change)
{
	switch (change) {
	case CHANGE_UNMAP:
		return arch_desc_clear(leaf, S2_VALID);
	case CHANGE_READ_ONLY:
		return arch_desc_clear(leaf, S2_WRITE | S2_SOFT_WRITE | S2_DBM);
	case CHANGE_WRITABLE:
		return arch_desc_set(leaf, S2_WRITE | S2_SOFT_WRITE) | S2_WRITE | S2_SOFT_WRITE;
	}
	return 0;
}

static uint64_t next_leaf(uint64_t at, uint32_t level)
{
	return ROUND_DOWN(at, BIT64(level_shift(level))) + BIT64(level_shift(level));
}

/**
 * After the invalidation of leaves that were made invalid: a walker may have recorded a write in one of them until then (IHI 0070,
 * break-before-make with HTTU), and this is the last that is known of it.
 */
static void forget_leaves(struct s2_table *t, uint64_t ipa, uint64_t end)
{
	for (uint64_t at = ipa; at < end;) {
		uint32_t level;
		uint64_t *leaf = walk(t, at, LEVEL_LAST, &level);
		uint64_t last = desc_load(leaf);

		if (last != 0) {
			desc_store(leaf, 0);
			tell(t, at, level_pages(level), last);
		}
		at = next_leaf(at, level);
	}
}

static enum err range_change(struct s2_table *t, uint64_t ipa, uint64_t page_count, enum change change)
{
	uint64_t end = ipa + page_count * PAGE_BYTES;
	enum err err;

	if (!range_ok(ipa, page_count)) {
		return ERR_RANGE;
	}
	spin_lock(&t->lock);
	err = split_ends(t, ipa, end);
	for (uint64_t at = ipa; err == ERR_OK && at < end;) {
		uint32_t level;
		uint64_t *leaf = walk(t, at, LEVEL_LAST, &level);

		if (is_valid(desc_load(leaf))) {
			tell(t, at, level_pages(level), leaf_change(leaf, change));
		}
		at = next_leaf(at, level);
	}
	if (err == ERR_OK) {
		t->cfg.ops->publish(t->cfg.ops_ctx);
		t->cfg.ops->invalidate(t->cfg.ops_ctx, ipa, page_count);
		t->cfg.ops->complete(t->cfg.ops_ctx);
	}
	if (err == ERR_OK && change == CHANGE_UNMAP) {
		forget_leaves(t, ipa, end);
	}
	spin_unlock(&t->lock);
	return err;
}

static bool is_empty(const uint64_t *table)
{
	for (uint32_t i = 0; i < S2_ENTRIES; i++) {
		if (is_valid(desc_load(&table[i]))) {
			return false;
		}
	}
	return true;
}

/** Level 3 tables without a page go back to the pool, so that a guest that moves its BARs about cannot use it up. */
static void tables_reclaim(struct s2_table *t, uint64_t ipa, uint64_t end)
{
	for (uint64_t at = ROUND_DOWN(ipa, (uint64_t)BLOCK_BYTES); at < end; at += BLOCK_BYTES) {
		uint32_t level;
		uint64_t *entry = walk(t, at, LEVEL_BLOCK, &level);
		uint64_t *table;

		if (level != LEVEL_BLOCK || !is_table(desc_load(entry), level)) {
			continue;
		}
		table = table_of(desc_load(entry));
		if (is_empty(table)) {
			replace(t, at, entry, 0); /* walk caches have let go of it, too, when this returns */
			pool_give(t, table);
		}
	}
}

enum err s2_unmap(struct s2_table *t, ipa_t ipa, uint64_t page_count)
{
	enum err err = range_change(t, ipa.v, page_count, CHANGE_UNMAP);

	if (err == ERR_OK) {
		spin_lock(&t->lock);
		tables_reclaim(t, ipa.v, ipa.v + page_count * PAGE_BYTES);
		spin_unlock(&t->lock);
	}
	return err;
}

enum err s2_protect(struct s2_table *t, ipa_t ipa, uint64_t page_count, bool write)
{
	return range_change(t, ipa.v, page_count, write ? CHANGE_WRITABLE : CHANGE_READ_ONLY);
}

uint64_t *s2_leaf(struct s2_table *t, ipa_t ipa, uint32_t *level)
{
	uint64_t *entry;

	if (ipa.v >= BIT64(S2_IPA_BITS)) {
		return NULL;
	}
	entry = walk(t, ipa.v, LEVEL_LAST, level);
	return is_valid(desc_load(entry)) ? entry : NULL;
}

bool s2_is_mapped(struct s2_table *t, ipa_t ipa)
{
	uint32_t level;
	bool mapped;

	spin_lock(&t->lock);
	mapped = s2_leaf(t, ipa, &level) != NULL;
	spin_unlock(&t->lock);
	return mapped;
}
