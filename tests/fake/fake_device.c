/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_device.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/device_plan.h"

#define IMAGE_MAGIC 0x66616b65u

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
	if (from == DEVICE_RESUMING && image_check(d) != ERR_OK) {
		d->now = DEVICE_ERROR;
		d->transfer.now = 0;
		return ERR_BAD_RECORD;
	}
	d->now = d->to;
	device_transfer_arc(&d->transfer, from, d->to);
	if (d->to == DEVICE_STOP_COPY || d->to == DEVICE_RESUMING) {
		d->at = 0;
	}
	if (d->to == DEVICE_STOP_COPY) {
		image_make(d);
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

static enum err image_read(void *ctx, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct fake_device *d = ctx;
	size_t len = MIN(cap_bytes, sizeof(d->image) - d->at);

	ASSERT(d->now == DEVICE_STOP_COPY && !d->arc_open);
	if (d->fail_read) {
		return ERR_IO;
	}
	if (len == 0) {
		return ERR_END;
	}
	memcpy(out, d->image + d->at, len);
	d->at += len;
	*len_bytes = len;
	return ERR_OK;
}

static enum err image_write(void *ctx, const uint8_t *bytes, size_t len_bytes, size_t *taken, char *reason)
{
	struct fake_device *d = ctx;
	size_t len = d->write_limit == 0 ? len_bytes : MIN(len_bytes, d->write_limit);

	ASSERT(d->now == DEVICE_RESUMING && !d->arc_open);
	if (d->fail_write || len > sizeof(d->image) - d->at) {
		fmt(reason, REASON_BYTES, "device %s: image longer than %zu bytes", d->desc.id, sizeof(d->image));
		return ERR_BAD_RECORD;
	}
	memcpy(d->image + d->at, bytes, len);
	d->at += len;
	*taken = len;
	return ERR_OK;
}

static enum err data_size(void *ctx, uint64_t *bytes)
{
	(void)ctx;
	*bytes = FAKE_DEVICE_IMAGE_BYTES;
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
	d->chore_left = 2;
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
		.precopy_info = NULL,
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
	fake_vm_poke(d->vm, d->dma_page + d->dma_writes % 8, d->dma_writes);
	fake_dirty_mark(&d->log, d->dma_page + d->dma_writes % 8);
}
