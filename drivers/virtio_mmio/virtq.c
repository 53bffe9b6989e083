/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/virtio_mmio/virtq.h"

#include "core/base/assert.h"
#include "drivers/mmio.h"

#define DESC_F_NEXT	     BIT32(0)
#define DESC_F_WRITE	     BIT32(1)
#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY     1u

_Static_assert(sizeof(struct virtq_desc) == 16, "descriptor of 2.7.5");
_Static_assert(sizeof(struct virtq_used_elem) == 8, "used element of 2.7.8");

/* Each access to shared memory is one load or store, made once. */
static uint16_t shared_load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void shared_store16(uint16_t *p, uint16_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static uint16_t *used_event(const struct virtq *q)
{
	return &q->mem->avail.ring[q->size];
}

static const uint16_t *avail_event(const struct virtq *q)
{
	return (const uint16_t *)&q->mem->used.ring[q->size];
}

enum err virtq_init(
	struct virtq *q, const struct virtio_mmio *dev, uint32_t index, struct virtq_memory *mem, uint32_t size_max)
{
	uint32_t max = virtio_mmio_queue_max(dev, index);
	uint32_t size = 1;

	*q = (struct virtq){ .dev = dev, .mem = mem, .index = index };
	*mem = (struct virtq_memory){ .avail = { 0 } };
	max = MIN(MIN(max, size_max), VIRTQ_SIZE_MAX);
	if (max == 0) {
		return ERR_UNSUPPORTED;
	}
	while (size * 2 <= max) {
		size *= 2;
	}
	q->size = (uint16_t)size;
	q->event_idx = (dev->features & VIRTIO_F_EVENT_IDX) != 0;
	q->free_count = q->size;
	for (uint16_t i = 0; i < q->size; i++) {
		q->next[i] = (uint16_t)(i + 1);
	}
	virtio_mmio_queue_set(dev, index, size, mem->desc, &mem->avail, &mem->used);
	return ERR_OK;
}

enum err virtq_add(struct virtq *q, const struct virtq_buf *bufs, uint32_t count, uint16_t *head)
{
	uint16_t at = q->free_head;
	uint32_t writable = 0;

	if (q->broken) {
		return ERR_IO;
	}
	if (count == 0 || count > q->size) {
		return ERR_RANGE;
	}
	if (count > q->free_count) {
		return ERR_FULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct virtq_desc *d = &q->mem->desc[at];

		d->addr = (uint64_t)(uintptr_t)bufs[i].at;
		d->len = bufs[i].len_bytes;
		d->flags = (uint16_t)((i + 1 < count ? DESC_F_NEXT : 0) | (bufs[i].device_writes ? DESC_F_WRITE : 0));
		d->next = i + 1 < count ? q->next[at] : 0;
		writable += bufs[i].device_writes ? bufs[i].len_bytes : 0;
		if (i + 1 < count) {
			at = q->next[at];
		}
	}
	*head = q->free_head;
	q->free_head = q->next[at];
	q->free_count = (uint16_t)(q->free_count - count);
	q->chain_count[*head] = (uint16_t)count;
	q->writable_bytes[*head] = writable;
	shared_store16(&q->mem->avail.ring[q->avail_idx & (q->size - 1)], *head);
	q->avail_idx++;
	return ERR_OK;
}

void virtq_kick(struct virtq *q)
{
	bool wanted;

	if (q->broken || q->avail_idx == q->notified_idx) {
		return;
	}
	/* Descriptors and ring entries before the index that shows them. */
	mmio_wmb();
	shared_store16(&q->mem->avail.idx, q->avail_idx);
	/* The index before we look whether the device sleeps, or each may wait for the other. */
	mmio_mb();
	if (q->event_idx) {
		uint16_t event = shared_load16(avail_event(q));

		wanted = (uint16_t)(q->avail_idx - event - 1) < (uint16_t)(q->avail_idx - q->notified_idx);
	} else {
		wanted = (shared_load16(&q->mem->used.flags) & USED_F_NO_NOTIFY) == 0;
	}
	q->notified_idx = q->avail_idx;
	if (wanted) {
		virtio_mmio_notify(q->dev, q->index);
	}
}

static void chain_free(struct virtq *q, uint16_t head)
{
	uint16_t last = head;

	for (uint32_t i = 1; i < q->chain_count[head]; i++) {
		last = q->next[last];
	}
	q->next[last] = q->free_head;
	q->free_head = head;
	q->free_count = (uint16_t)(q->free_count + q->chain_count[head]);
	q->chain_count[head] = 0;
}

enum err virtq_take(struct virtq *q, uint16_t *head, uint32_t *written_bytes)
{
	const struct virtq_used_elem *elem = &q->mem->used.ring[q->used_idx & (q->size - 1)];
	uint16_t ahead;
	uint32_t id;
	uint32_t len;

	if (q->broken) {
		return ERR_IO;
	}
	ahead = (uint16_t)(shared_load16(&q->mem->used.idx) - q->used_idx);
	if (ahead == 0) {
		return ERR_AGAIN;
	}
	mmio_rmb();
	id = __atomic_load_n(&elem->id, __ATOMIC_RELAXED);
	len = __atomic_load_n(&elem->len, __ATOMIC_RELAXED);
	if (ahead > q->size || id >= q->size || q->chain_count[id] == 0 || len > q->writable_bytes[id]) {
		q->broken = true;
		return ERR_IO;
	}
	q->used_idx++;
	*head = (uint16_t)id;
	*written_bytes = len;
	chain_free(q, (uint16_t)id);
	return ERR_OK;
}

void virtq_interrupt_off(struct virtq *q)
{
	if (q->event_idx) {
		/* An index half a turn of 16 bits away is not reached before it is set again. */
		shared_store16(used_event(q), (uint16_t)(q->used_idx + 0x7fffu));
	} else {
		shared_store16(&q->mem->avail.flags, AVAIL_F_NO_INTERRUPT);
	}
}

bool virtq_interrupt_after(struct virtq *q, uint16_t count)
{
	if (q->event_idx) {
		shared_store16(used_event(q), (uint16_t)(q->used_idx + count - 1u));
	} else {
		shared_store16(&q->mem->avail.flags, 0);
	}
	/* The wish before the look, or the device may finish in between and neither of us notice. */
	mmio_mb();
	return !q->broken && (uint16_t)(shared_load16(&q->mem->used.idx) - q->used_idx) >= count;
}
