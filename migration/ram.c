/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/ram.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bitmap.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/cursor.h"
#include "core/base/fmt.h"

_Static_assert(
	4u + 8u * FRAME_PAGE_ENTRIES_MAX + PAGE_BYTES * FRAME_PAGES_MAX <= FRAME_PAYLOAD_MAX, "a full RAM frame fits");
_Static_assert(FRAME_PAGE_ENTRIES_MAX <= RAM_CHUNK_PAGES, "a frame may come from one chunk");

bool page_is_zero(const uint8_t *bytes)
{
	for (uint32_t i = 0; i < PAGE_BYTES; i += 8u) {
		uint64_t word;

		memcpy(&word, bytes + i, sizeof(word));
		if (word != 0) {
			return false;
		}
	}
	return true;
}

void bucket_start(struct bucket *b, uint64_t rate, uint64_t now_us)
{
	*b = (struct bucket){ .rate = rate, .tokens = (int64_t)(rate / 10u), .filled_us = now_us };
}

bool bucket_open(struct bucket *b, uint64_t now_us)
{
	uint64_t us = MIN(now_us - b->filled_us, UINT64_C(100000));
	uint64_t add;

	if (b->rate == 0) {
		return true;
	}
	add = b->rate / 1000u * us / 1000u;
	if (add != 0) {
		b->tokens = MIN(b->tokens + (int64_t)add, (int64_t)(b->rate / 10u) + 1);
		b->filled_us = now_us;
	}
	return b->tokens > 0;
}

void bucket_take(struct bucket *b, uint64_t bytes)
{
	b->tokens -= b->rate == 0 ? 0 : (int64_t)bytes;
}

void ram_tx_start(struct ram_tx *tx, uint64_t *map, uint64_t page_count, uint32_t channel_count)
{
	ASSERT(channel_count >= 1 && channel_count <= CHANNEL_COUNT_MAX);
	*tx = (struct ram_tx){
		.map = map, .page_count = page_count, .channel_count = channel_count, .left = page_count
	};
	memset(map, 0, BITMAP_WORDS(page_count) * sizeof(*map));
	bitmap_set_range(map, 0, page_count);
}

void ram_tx_recount(struct ram_tx *tx)
{
	tx->left = bitmap_count(tx->map, 0, tx->page_count);
}

struct ram_totals ram_totals_sum(const struct ram_totals *totals, uint32_t channel_count)
{
	struct ram_totals sum = { 0 };

	for (uint32_t c = 0; c < channel_count; c++) {
		sum.frames += totals[c].frames;
		sum.pages += totals[c].pages;
		sum.zero_pages += totals[c].zero_pages;
	}
	return sum;
}

static uint64_t chunk_total(const struct ram_tx *tx)
{
	return DIV_ROUND_UP(tx->page_count, RAM_CHUNK_PAGES);
}

/** Chunks of a channel: those with index modulo channel_count equal to it. */
static uint64_t channel_chunks(const struct ram_tx *tx, uint8_t channel)
{
	uint64_t total = chunk_total(tx);

	return total <= channel ? 0 : (total - channel - 1) / tx->channel_count + 1;
}

static void list_return(struct ram_list *list, const struct vm *vm)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if ((list->entry[i] & RAM_ENTRY_ZERO) == 0) {
			vm->ops->page_return(vm->ctx, list->entry[i], PAGE_READ);
		}
	}
}

/** Give the bits of a list back: it was not sent. */
static void list_undo(struct ram_tx *tx)
{
	for (uint32_t i = 0; i < tx->list.count; i++) {
		bitmap_set(tx->map, tx->list.entry[i] & ~RAM_ENTRY_ZERO);
		tx->left++;
	}
}

/** Take one page into the list. The bit goes first, then the page is read: a later write sets it again. */
static enum err list_take(struct ram_tx *tx, const struct vm *vm, uint64_t page)
{
	struct ram_list *list = &tx->list;
	uint8_t *bytes;
	enum err err = vm->ops->page_borrow(vm->ctx, page, PAGE_READ, &bytes);

	if (err != ERR_OK) {
		tx->bad_page = page;
		return err;
	}
	bitmap_clear(tx->map, page);
	tx->left--;
	if (page_is_zero(bytes)) {
		vm->ops->page_return(vm->ctx, page, PAGE_READ);
		list->entry[list->count] = page | RAM_ENTRY_ZERO;
	} else {
		list->entry[list->count] = page;
		list->content[list->content_count] = bytes;
		list->content_count++;
	}
	list->count++;
	return ERR_OK;
}

/** Fill the list from one chunk. */
static enum err list_fill(struct ram_tx *tx, const struct vm *vm, uint64_t chunk)
{
	uint64_t page = chunk << RAM_CHUNK_SHIFT;
	uint64_t end = MIN(page + RAM_CHUNK_PAGES, tx->page_count);

	while (tx->list.count < FRAME_PAGE_ENTRIES_MAX && tx->list.content_count < FRAME_PAGES_MAX) {
		enum err err;

		page = bitmap_next_set(tx->map, page, end);
		if (page >= end) {
			break;
		}
		err = list_take(tx, vm, page);
		if (err != ERR_OK) {
			return err;
		}
		page++;
	}
	return ERR_OK;
}

static enum err list_send(
	struct ram_tx *tx, const struct vm *vm, const struct link *link, uint8_t channel, size_t *sent_bytes)
{
	struct ram_list *list = &tx->list;
	size_t len = 4u + 8u * (size_t)list->count + PAGE_BYTES * (size_t)list->content_count;
	struct link_tx frame;
	uint8_t word[8];
	enum err err = link->ops->frame_begin(link->ctx, &frame, LINK_STREAM_RAM(channel), channel, FRAME_RAM, len);

	if (err != ERR_OK) {
		list_return(list, vm);
		list_undo(tx);
		return err;
	}
	store_le32(word, list->count);
	link->ops->frame_bytes(link->ctx, &frame, word, 4);
	for (uint32_t i = 0; i < list->count; i++) {
		store_le64(word, list->entry[i]);
		link->ops->frame_bytes(link->ctx, &frame, word, 8);
	}
	for (uint32_t i = 0; i < list->content_count; i++) {
		link->ops->frame_bytes(link->ctx, &frame, list->content[i], PAGE_BYTES);
	}
	link->ops->frame_end(link->ctx, &frame);
	list_return(list, vm);
	tx->totals[channel].frames++;
	tx->totals[channel].pages += list->content_count;
	tx->totals[channel].zero_pages += list->count - list->content_count;
	tx->bytes += len;
	*sent_bytes = len;
	return ERR_OK;
}

enum err ram_tx_frame(
	struct ram_tx *tx, const struct vm *vm, const struct link *link, uint8_t channel, size_t *sent_bytes)
{
	uint64_t chunks = channel_chunks(tx, channel);
	uint64_t looked;
	enum err err;

	*sent_bytes = 0;
	if (tx->left == 0 || chunks == 0) {
		return ERR_END;
	}
	if (link->ops->frame_space(link->ctx, LINK_STREAM_RAM(channel), channel) == 0) {
		return ERR_FULL;
	}
	tx->list.count = 0;
	tx->list.content_count = 0;
	for (looked = 0; looked < chunks && looked < RAM_SCAN_CHUNKS; looked++) {
		uint64_t n = tx->next_chunk[channel] % chunks;

		err = list_fill(tx, vm, n * tx->channel_count + channel);
		if (err != ERR_OK) {
			list_return(&tx->list, vm);
			list_undo(tx);
			return err;
		}
		if (tx->list.count != 0) {
			return list_send(tx, vm, link, channel, sent_bytes);
		}
		tx->next_chunk[channel] = n + 1; /* nothing left in this one */
	}
	return looked == chunks ? ERR_END : ERR_AGAIN;
}

void ram_rx_start(struct ram_rx *rx, uint64_t *received, uint64_t page_count, uint32_t channel_count)
{
	*rx = (struct ram_rx){ .received = received, .page_count = page_count, .channel_count = channel_count };
	memset(received, 0, BITMAP_WORDS(page_count) * sizeof(*received));
}

static enum err list_check_entry(uint64_t page, uint64_t before, uint32_t i, uint64_t page_count, uint32_t channel,
	uint32_t channel_count, char *reason)
{
	if (page >= page_count) {
		fmt(reason, REASON_BYTES, "RAM frame: page %llu, the VM has %llu", (unsigned long long)page,
			(unsigned long long)page_count);
		return ERR_RANGE;
	}
	if ((page >> RAM_CHUNK_SHIFT) % channel_count != channel) {
		fmt(reason, REASON_BYTES, "RAM frame: page %llu on channel %u of %u", (unsigned long long)page, channel,
			channel_count);
		return ERR_RANGE;
	}
	/* Ascending, so no page comes twice. */
	if (i != 0 && page <= before) {
		fmt(reason, REASON_BYTES, "RAM frame: page %llu after page %llu", (unsigned long long)page,
			(unsigned long long)before);
		return ERR_BAD_RECORD;
	}
	return ERR_OK;
}

enum err ram_list_read(struct ram_list *list, const uint8_t *bytes, size_t len_bytes, uint64_t page_count,
	uint32_t channel, uint32_t channel_count, char *reason)
{
	struct reader r = reader_over(bytes, len_bytes);
	uint32_t count = read_le32(&r);
	uint32_t contents = 0;
	uint64_t before = 0;

	if (r.failed || count == 0 || count > FRAME_PAGE_ENTRIES_MAX) {
		fmt(reason, REASON_BYTES, "RAM frame: %u entries in %zu bytes, at most %u", count, len_bytes,
			FRAME_PAGE_ENTRIES_MAX);
		return ERR_BAD_RECORD;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t entry = read_le64(&r);
		uint64_t page = entry & ~RAM_ENTRY_ZERO;
		enum err err = r.failed ? ERR_BAD_RECORD
					: list_check_entry(page, before, i, page_count, channel, channel_count, reason);

		if (r.failed) {
			fmt(reason, REASON_BYTES, "RAM frame: %u entries do not fit into %zu bytes", count, len_bytes);
		}
		if (err != ERR_OK) {
			return err;
		}
		before = page;
		contents += (entry & RAM_ENTRY_ZERO) == 0 ? 1 : 0;
		list->entry[i] = entry;
	}
	if (contents > FRAME_PAGES_MAX || r.left_bytes != (size_t)contents * PAGE_BYTES) {
		fmt(reason, REASON_BYTES, "RAM frame: %u pages with contents in %zu bytes", contents, r.left_bytes);
		return ERR_BAD_RECORD;
	}
	for (uint32_t i = 0; i < contents; i++) {
		list->content[i] = read_bytes(&r, PAGE_BYTES);
	}
	list->count = count;
	list->content_count = contents;
	return ERR_OK;
}

static enum err place_one(struct ram_rx *rx, const struct vm *vm, uint64_t page, const uint8_t *content)
{
	uint8_t *to;
	enum err err = vm->ops->page_borrow(vm->ctx, page, PAGE_WRITE, &to);

	if (err != ERR_OK) {
		return err;
	}
	if (content != NULL) {
		memcpy(to, content, PAGE_BYTES);
	} else if (!page_is_zero(to)) {
		memset(to, 0, PAGE_BYTES);
	}
	vm->ops->page_return(vm->ctx, page, PAGE_WRITE);
	if (!bitmap_test(rx->received, page)) {
		bitmap_set(rx->received, page);
		rx->received_count++;
	}
	return ERR_OK;
}

enum err ram_rx_place(
	struct ram_rx *rx, const struct vm *vm, uint8_t channel, const uint8_t *bytes, size_t len_bytes, char *reason)
{
	uint32_t next_content = 0;
	enum err err;

	if (channel >= rx->channel_count) {
		fmt(reason, REASON_BYTES, "RAM frame: channel %u of %u", channel, rx->channel_count);
		return ERR_RANGE;
	}
	err = ram_list_read(&rx->list, bytes, len_bytes, rx->page_count, channel, rx->channel_count, reason);
	if (err != ERR_OK) {
		return err;
	}
	for (uint32_t i = 0; i < rx->list.count; i++) {
		bool zero = (rx->list.entry[i] & RAM_ENTRY_ZERO) != 0;
		uint64_t page = rx->list.entry[i] & ~RAM_ENTRY_ZERO;

		err = place_one(rx, vm, page, zero ? NULL : rx->list.content[next_content]);
		if (err != ERR_OK) {
			fmt(reason, REASON_BYTES, "page %llu of this host cannot be written: %s",
				(unsigned long long)page, err_name(err));
			return err;
		}
		next_content += zero ? 0 : 1;
	}
	rx->totals[channel].frames++;
	rx->totals[channel].pages += rx->list.content_count;
	rx->totals[channel].zero_pages += rx->list.count - rx->list.content_count;
	return ERR_OK;
}
