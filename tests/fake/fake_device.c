/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_device.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/device_plan.h"

#define IMAGE_MAGIC  0x66616b65u
#define PRE_MAGIC    0x65727066u /* a record before the image: le32 magic, le32 bytes, that many of a pattern */
#define PRE_HEAD     8u
#define PRE_BYTES    1000u /* of a record of pre-copy data, with its head */
#define BULK_BYTES   30000u
#define WORKS_A_DIRT 32u /* so much work dirties one record's worth */

static void describe(void *ctx, struct device_desc *out)
{
	*out = ((struct fake_device *)ctx)->desc;
}

static enum err state_begin(void *ctx, enum device_state to)
{
	struct fake_device *d = ctx;

	if (d->arc_open) {
		return ERR_BAD_STATE;
	}
	if (d->failure == FAKE_FAIL_REFUSE && d->fail_from == d->now && d->fail_to == to) {
		d->failure = FAKE_FAIL_NONE;
		return ERR_IO;
	}
	if (!device_arc_direct(d->desc.mig_flags, d->now, to)) {
		return ERR_NO_ARC;
	}
	d->arc_open = true;
	d->to = to;
	d->left = d->arc_polls;
	return ERR_OK;
}

static void image_make(struct fake_device *d)
{
	memset(d->image, 0, sizeof(d->image));
	store_le32(d->image, IMAGE_MAGIC);
	store_le64(d->image + 4, d->dma_writes);
	for (size_t i = 12; i < sizeof(d->image); i++) {
		d->image[i] = (uint8_t)(i * 7u + d->dma_writes);
	}
	d->at = 0;
	d->len = sizeof(d->image);
	d->image_made = true;
}

static void record_make(struct fake_device *d, size_t len)
{
	store_le32(d->image, PRE_MAGIC);
	store_le32(d->image + 4, (uint32_t)(len - PRE_HEAD));
	memset(d->image + PRE_HEAD, 0xa5, len - PRE_HEAD);
	d->at = 0;
	d->len = len;
}

static enum err image_check(struct fake_device *d)
{
	uint64_t writes = load_le64(d->image + 4);

	if (d->at != sizeof(d->image) || load_le32(d->image) != IMAGE_MAGIC) {
		return ERR_BAD_RECORD;
	}
	for (size_t i = 12; i < sizeof(d->image); i++) {
		if (d->image[i] != (uint8_t)(i * 7u + writes)) {
			return ERR_BAD_RECORD;
		}
	}
	d->dma_writes = writes;
	d->enabled = true;
	return ERR_OK;
}

/** Entering a state; RESUMING -> STOP finalises. */
static enum err arrive(struct fake_device *d)
{
	enum device_state from = d->now;

	if (d->failure != FAKE_FAIL_NONE && d->fail_from == from && d->fail_to == d->to) {
		if (d->failure == FAKE_FAIL_ERROR) {
			d->now = DEVICE_ERROR;
			d->transfer.now = 0;
		}
		d->failure = FAKE_FAIL_NONE;
		return ERR_IO;
	}
	if (from == DEVICE_RESUMING && !d->any_image && image_check(d) != ERR_OK) {
		d->now = DEVICE_ERROR;
		d->transfer.now = 0;
		return ERR_BAD_RECORD;
	}
	d->now = d->to;
	device_transfer_arc(&d->transfer, from, d->to);
	d->path[d->path_len % FAKE_DEVICE_PATH_MAX] = d->to;
	d->path_len++;
	if (d->transfer.now != 0 && d->transfer.now != d->opened) { /* a new one */
		d->opened = d->transfer.now;
		d->at = 0;
		d->len = 0;
		d->image_made = false;
		d->initial_left = d->to == DEVICE_PRE_COPY || d->to == DEVICE_PRE_COPY_P2P ? d->initial_bytes : 0;
		d->dirt = 0;
		d->bulk_left = d->bulk_bytes;
		d->records_loaded = 0;
		d->load_left = d->load_polls;
	}
	if (d->arrived != NULL) {
		d->arrived(d);
	}
	return ERR_OK;
}

static enum err state_poll(void *ctx, enum device_state *now)
{
	struct fake_device *d = ctx;
	enum err err = ERR_OK;

	if (d->arc_open) {
		if (d->left != 0) {
			d->left--;
			return ERR_AGAIN;
		}
		d->arc_open = false;
		err = arrive(d);
	}
	*now = d->now;
	return err;
}

static uint64_t transfer(void *ctx)
{
	return ((struct fake_device *)ctx)->transfer.now;
}

/** The next thing to be read, or ERR_AGAIN, ERR_END. */
static enum err read_refill(struct fake_device *d)
{
	if (d->now != DEVICE_STOP_COPY) {
		if (d->initial_left == 0 && d->dirt < WORKS_A_DIRT) {
			return ERR_AGAIN;
		}
		d->dirt -= d->initial_left == 0 ? WORKS_A_DIRT : 0;
		record_make(d, d->initial_left != 0 ? (size_t)MIN(d->initial_left, PRE_BYTES) : PRE_BYTES);
		return ERR_OK;
	}
	if (d->bulk_left != 0) {
		record_make(d, (size_t)MIN(d->bulk_left, BULK_BYTES));
		d->bulk_left -= d->len;
		return ERR_OK;
	}
	if (d->image_made) {
		return ERR_END;
	}
	image_make(d);
	return ERR_OK;
}

static enum err image_read(void *ctx, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct fake_device *d = ctx;
	enum err err;
	size_t len;

	ASSERT(device_state_saving(d->now) && !d->arc_open && d->transfer.now != 0);
	d->reads++;
	if (d->fail_read) {
		return ERR_IO;
	}
	if (d->at == d->len) {
		err = read_refill(d);
		if (err != ERR_OK) {
			return err;
		}
	}
	len = MIN(cap_bytes, d->len - d->at);
	memcpy(out, d->image + d->at, len);
	d->at += len;
	*len_bytes = len;
	d->initial_left -= d->now == DEVICE_STOP_COPY ? 0 : MIN(d->initial_left, len);
	return ERR_OK;
}

/** A record before the image was written whole: it is looked at, and makes room. */
static enum err record_look(struct fake_device *d, char *reason)
{
	static uint8_t pattern[BULK_BYTES];
	size_t len;

	if (d->at < PRE_HEAD || load_le32(d->image) != PRE_MAGIC) {
		return ERR_OK;
	}
	len = load_le32(d->image + 4);
	if (len > BULK_BYTES) {
		fmt(reason, REASON_BYTES, "device %s: record of %zu bytes", d->desc.id, len);
		return ERR_BAD_RECORD;
	}
	if (d->at < PRE_HEAD + len) {
		return ERR_OK;
	}
	memset(pattern, 0xa5, len);
	if (memcmp(pattern, d->image + PRE_HEAD, len) != 0) {
		fmt(reason, REASON_BYTES, "device %s: a record differs", d->desc.id);
		return ERR_BAD_RECORD;
	}
	d->records_loaded++;
	d->at = 0;
	return ERR_OK;
}

/** Bytes that still belong to what is being written. */
static size_t write_room(const struct fake_device *d)
{
	if (d->at < PRE_HEAD) {
		return PRE_HEAD - d->at;
	}
	return load_le32(d->image) == PRE_MAGIC ? PRE_HEAD + load_le32(d->image + 4) - d->at : sizeof(d->image) - d->at;
}

static enum err image_write(void *ctx, const uint8_t *bytes, size_t len_bytes, size_t *taken, char *reason)
{
	struct fake_device *d = ctx;
	size_t left = d->write_limit == 0 ? len_bytes : MIN(len_bytes, d->write_limit);
	enum err err = ERR_OK;

	ASSERT(d->now == DEVICE_RESUMING && !d->arc_open);
	*taken = 0;
	while (left != 0 && err == ERR_OK) {
		size_t len = MIN(left, write_room(d));

		if (d->fail_write || len == 0) {
			fmt(reason, REASON_BYTES, "device %s: image longer than %zu bytes", d->desc.id,
				sizeof(d->image));
			return ERR_BAD_RECORD;
		}
		memcpy(d->image + d->at, bytes + *taken, len);
		d->at += len;
		*taken += len;
		left -= len;
		err = record_look(d, reason);
	}
	return err;
}

static enum err initial_loaded(void *ctx, char *reason)
{
	struct fake_device *d = ctx;

	(void)reason;
	ASSERT(d->now == DEVICE_RESUMING && !d->arc_open);
	if (d->load_left != 0) {
		d->load_left--;
		return ERR_AGAIN;
	}
	return ERR_OK;
}

static enum err data_size(void *ctx, uint64_t *bytes)
{
	*bytes = FAKE_DEVICE_IMAGE_BYTES + ((struct fake_device *)ctx)->bulk_bytes;
	return ERR_OK;
}

static enum err precopy_info(void *ctx, uint64_t *initial_bytes, uint64_t *dirty_bytes)
{
	struct fake_device *d = ctx;

	if (d->now != DEVICE_PRE_COPY && d->now != DEVICE_PRE_COPY_P2P) {
		return ERR_BAD_STATE;
	}
	*initial_bytes = d->initial_left;
	*dirty_bytes = (d->dirt / WORKS_A_DIRT) * PRE_BYTES + (d->initial_left == 0 ? d->len - d->at : 0);
	return ERR_OK;
}

static const char *last_error(void *ctx)
{
	(void)ctx;
	return "injected";
}

static struct dirty log_of(void *ctx)
{
	return fake_dirty(&((struct fake_device *)ctx)->log);
}

static enum err chore_begin(struct fake_device *d)
{
	d->arc_open = false;
	d->transfer.now = 0;
	d->chore_left = 2 + d->chore_polls;
	return ERR_OK;
}

static enum err reset_begin(void *ctx)
{
	((struct fake_device *)ctx)->resets++;
	return chore_begin(ctx);
}

static enum err scrub_begin(void *ctx)
{
	((struct fake_device *)ctx)->scrubs++;
	return chore_begin(ctx);
}

static enum err chore_poll(struct fake_device *d, enum device_state after)
{
	if (d->chore_left != 0) {
		d->chore_left--;
		return ERR_AGAIN;
	}
	if (d->fail_reset) {
		return ERR_IO;
	}
	memset(d->image, 0, sizeof(d->image));
	d->dma_writes = 0;
	d->enabled = false;
	d->now = after;
	return ERR_OK;
}

static enum err reset_poll(void *ctx)
{
	return chore_poll(ctx, DEVICE_RUNNING);
}

static enum err scrub_poll(void *ctx)
{
	return chore_poll(ctx, DEVICE_STOP);
}

struct device fake_device(struct fake_device *d)
{
	static const struct device_ops ops = {
		.describe = describe,
		.state_begin = state_begin,
		.state_poll = state_poll,
		.transfer = transfer,
		.read = image_read,
		.write = image_write,
		.data_size = data_size,
		.precopy_info = precopy_info,
		.initial_loaded = initial_loaded,
		.last_error = last_error,
		.log = log_of,
		.reset_begin = reset_begin,
		.reset_poll = reset_poll,
		.scrub_begin = scrub_begin,
		.scrub_poll = scrub_poll,
	};

	return (struct device){ .ops = &ops, .ctx = d };
}

void fake_device_init(struct fake_device *d, const char *id, uint32_t mig_flags, struct fake_vm *vm, uint64_t dma_page)
{
	memset(d, 0, sizeof(*d));
	(void)text_copy(d->desc.id, sizeof(d->desc.id), id);
	(void)text_copy(d->desc.type, sizeof(d->desc.type), "fake");
	d->desc.vendor_id = 0x1234;
	d->desc.device_id = 0x11e8;
	d->desc.state_version = 1;
	d->desc.mig_flags = mig_flags;
	d->desc.stop_us = 50;
	d->desc.load_us = 50;
	d->now = DEVICE_RUNNING;
	d->arc_polls = 4;
	d->initial_bytes = 3500;
	d->vm = vm;
	d->dma_page = dma_page;
	fake_dirty_init(&d->log, d->log_words, FAKE_VM_PAGES);
}

bool fake_device_active(const struct fake_device *d)
{
	return d->now == DEVICE_RUNNING || d->now == DEVICE_RUNNING_P2P || d->now == DEVICE_PRE_COPY ||
	       d->now == DEVICE_PRE_COPY_P2P;
}

void fake_device_work(struct fake_device *d)
{
	if (!fake_device_active(d) || !d->enabled) {
		return;
	}
	d->dma_writes++;
	d->dirt += d->now == DEVICE_PRE_COPY || d->now == DEVICE_PRE_COPY_P2P ? 1 : 0;
	fake_vm_poke(d->vm, d->dma_page + d->dma_writes % 8, d->dma_writes);
	fake_dirty_mark(&d->log, d->dma_page + d->dma_writes % 8);
}

void fake_device_reset(struct fake_device *d)
{
	d->arc_open = false;
	d->transfer.now = 0;
	d->dma_writes = 0;
	d->enabled = false;
	d->now = DEVICE_RUNNING;
}
