/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_virtio.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "tests/fake/fake_mmio.h"

#define DESC_NEXT  1u
#define DESC_WRITE 2u

static uint8_t *at(uint64_t addr)
{
	return (uint8_t *)(uintptr_t)addr;
}

static struct fake_virtio_queue *selected(struct fake_virtio *f)
{
	return f->queue_sel < FAKE_VIRTIO_QUEUES ? &f->queue[f->queue_sel] : NULL;
}

static uint64_t reg_read(void *ctx, uint64_t offset, uint32_t size_bytes)
{
	struct fake_virtio *f = ctx;
	struct fake_virtio_queue *q = selected(f);

	if (offset >= 0x100) {
		if (size_bytes != 1 || offset - 0x100 >= sizeof(f->config)) {
			abort();
		}
		if (f->config_moves > 0) {
			f->config_moves--;
			f->generation++;
		}
		return f->config[offset - 0x100];
	}
	switch (offset) {
	case 0x000:
		return f->magic;
	case 0x004:
		return f->version;
	case 0x008:
		return f->device_id;
	case 0x010:
		return f->features_sel == 0 ? (uint32_t)f->features : (uint32_t)(f->features >> 32);
	case 0x034:
		return q != NULL ? f->queue_max : 0;
	case 0x044:
		return q != NULL ? q->ready : 0;
	case 0x060:
		return f->irq;
	case 0x070:
		return f->status;
	case 0x0fc:
		return f->generation;
	default:
		return 0;
	}
}

static void half_set(uint64_t *value, bool high, uint32_t half)
{
	*value = high ? (*value & 0xffffffffu) | (uint64_t)half << 32 : (*value & ~UINT64_C(0xffffffff)) | half;
}

static void queue_write(struct fake_virtio *f, uint64_t offset, uint32_t value)
{
	struct fake_virtio_queue *q = selected(f);

	if (q == NULL) {
		return;
	}
	switch (offset) {
	case 0x038:
		q->size = value;
		break;
	case 0x044:
		q->ready = value;
		break;
	case 0x080:
	case 0x084:
		half_set(&q->desc, offset & 4, value);
		break;
	case 0x090:
	case 0x094:
		half_set(&q->avail, offset & 4, value);
		break;
	case 0x0a0:
	case 0x0a4:
		half_set(&q->used, offset & 4, value);
		break;
	default:
		break;
	}
}

static void status_write(struct fake_virtio *f, uint32_t value)
{
	if (value == 0) {
		memset(f->queue, 0, sizeof(f->queue));
		f->accepted = 0;
		f->irq = 0;
		f->status = f->never_resets ? f->status : 0;
		return;
	}
	if (f->refuses_features) {
		value &= ~8u;
	}
	f->status = value;
}

static void reg_write(void *ctx, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	struct fake_virtio *f = ctx;
	uint32_t v = (uint32_t)value;

	(void)size_bytes;
	f->writes++;
	switch (offset) {
	case 0x014:
		f->features_sel = v;
		break;
	case 0x020:
		half_set(&f->accepted, f->driver_sel != 0, v);
		break;
	case 0x024:
		f->driver_sel = v;
		break;
	case 0x030:
		f->queue_sel = v;
		break;
	case 0x050:
		f->queue[v % FAKE_VIRTIO_QUEUES].notified++;
		break;
	case 0x064:
		f->irq &= ~v;
		break;
	case 0x070:
		status_write(f, v);
		break;
	default:
		queue_write(f, offset, v);
		break;
	}
}

static const struct fake_mmio_ops ops = { reg_read, reg_write };

void fake_virtio_init(struct fake_virtio *f, uint32_t device_id, uint64_t features)
{
	memset(f, 0, sizeof(*f));
	f->magic = 0x74726976;
	f->version = 2;
	f->device_id = device_id;
	f->features = features | UINT64_C(1) << 32;
	f->queue_max = 256;
}

void fake_virtio_map(struct fake_virtio *f, uintptr_t base)
{
	fake_mmio_map(base, 0x200, &ops, f);
}

bool fake_virtio_pop(struct fake_virtio *f, uint32_t queue, struct fake_virtio_chain *out)
{
	struct fake_virtio_queue *q = &f->queue[queue];
	uint16_t index;

	if (load_le16(at(q->avail) + 2) == q->avail_seen) {
		return false;
	}
	index = load_le16(at(q->avail) + 4 + 2 * (q->avail_seen % q->size));
	q->avail_seen++;
	memset(out, 0, sizeof(*out));
	out->head = index;
	for (;;) {
		const uint8_t *d = at(q->desc) + 16 * index;
		uint16_t flags = load_le16(d + 12);

		if (out->count == FAKE_VIRTIO_CHAIN_MAX || index >= q->size) {
			abort();
		}
		out->piece[out->count].at = at(load_le64(d));
		out->piece[out->count].len_bytes = load_le32(d + 8);
		out->piece[out->count].device_writes = (flags & DESC_WRITE) != 0;
		out->count++;
		if ((flags & DESC_NEXT) == 0) {
			return true;
		}
		index = load_le16(d + 14);
	}
}

void fake_virtio_push(struct fake_virtio *f, uint32_t queue, uint32_t id, uint32_t len_bytes)
{
	struct fake_virtio_queue *q = &f->queue[queue];
	uint8_t *elem = at(q->used) + 4 + 8 * (q->used_idx % q->size);

	store_le32(elem, id);
	store_le32(elem + 4, len_bytes);
	q->used_idx++;
	fake_virtio_used_idx(f, queue, q->used_idx);
}

void fake_virtio_used_idx(struct fake_virtio *f, uint32_t queue, uint16_t idx)
{
	store_le16(at(f->queue[queue].used) + 2, idx);
}

uint16_t fake_virtio_used_event(const struct fake_virtio *f, uint32_t queue)
{
	return load_le16(at(f->queue[queue].avail) + 4 + 2 * f->queue[queue].size);
}

uint16_t fake_virtio_avail_flags(const struct fake_virtio *f, uint32_t queue)
{
	return load_le16(at(f->queue[queue].avail));
}

void fake_virtio_set_avail_event(struct fake_virtio *f, uint32_t queue, uint16_t idx)
{
	store_le16(at(f->queue[queue].used) + 4 + 8 * f->queue[queue].size, idx);
}

void fake_virtio_set_used_flags(struct fake_virtio *f, uint32_t queue, uint16_t flags)
{
	store_le16(at(f->queue[queue].used), flags);
}
