/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/receive.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "migration/device_stream.h"
#include "migration/digest.h"
#include "migration/totals.h"

#define TOTALS_BIT(stream) (UINT64_C(1) << (stream))

_Static_assert(LINK_STREAM_COUNT <= 64, "one word holds a bit for each stream");

void receive_begin(struct engine *e)
{
	ram_rx_start(&e->dst.ram, e->rx_map, e->desc.page_count, e->link.ops->channel_count(e->link.ctx));
	records_start(&e->records, e->hash);
	device_stream_begin(e);
	e->dst.totals_seen = 0;
	e->dst.queued = 0;
}

void receive_drop(struct engine *e)
{
	for (uint32_t i = 0; i < e->dst.queued; i++) {
		e->link.ops->frame_done(e->link.ctx, e->dst.queue[i].frame);
	}
	e->dst.queued = 0;
}

void receive_frame(struct engine *e, const struct link_event *ev)
{
	struct destination *dst = &e->dst;

	if (dst->phase != DST_LOAD || dst->queued == FRAME_POOL_COUNT) {
		e->link.ops->frame_done(e->link.ctx, ev->frame);
		engine_fail(e, HANDOVER_EV_FAIL, "frame of type %u on channel %u after all was received", ev->type,
			ev->channel);
		return;
	}
	dst->queue[dst->queued] = (struct rx_frame){ .frame = ev->frame,
		.type = ev->type,
		.stream = ev->stream,
		.channel = ev->channel,
		.bytes = ev->bytes,
		.len_bytes = ev->len_bytes };
	dst->queued++;
}

static enum err place_record(struct engine *e, const struct rx_frame *f)
{
	if (f->stream != LINK_STREAM_VM) {
		fmt(e->reason, REASON_BYTES, "VM record on stream %u", f->stream);
		return ERR_BAD_RECORD;
	}
	return records_load(&e->records, e->hash, &e->vm, f->bytes, f->len_bytes, e->reason);
}

static struct totals totals_here(struct engine *e, uint16_t stream)
{
	if (stream < LINK_STREAM_VM) {
		return totals_of_ram((uint8_t)stream, &e->dst.ram.totals[stream]);
	}
	if (stream == LINK_STREAM_VM) {
		return totals_of_records(&e->records, e->hash);
	}
	return totals_of_device(
		(uint32_t)stream - LINK_STREAM_DEVICE(0), &e->devices.run[stream - LINK_STREAM_DEVICE(0)], e->hash);
}

static bool stream_exists(const struct engine *e, uint16_t stream)
{
	return stream < e->dst.ram.channel_count || stream == LINK_STREAM_VM ||
	       (stream >= LINK_STREAM_DEVICE(0) && (uint32_t)stream - LINK_STREAM_DEVICE(0) < e->devices.count);
}

static enum err place_totals(struct engine *e, const struct rx_frame *f)
{
	struct totals sent, here;
	enum err err = totals_read(f->bytes, f->len_bytes, &sent);

	if (err != ERR_OK || sent.stream != f->stream || !stream_exists(e, f->stream)) {
		fmt(e->reason, REASON_BYTES, "totals of %zu bytes on stream %u", f->len_bytes, f->stream);
		return ERR_BAD_RECORD;
	}
	if (f->stream < LINK_STREAM_VM && f->channel != f->stream) {
		fmt(e->reason, REASON_BYTES, "totals of channel %u on channel %u", f->stream, f->channel);
		return ERR_BAD_RECORD;
	}
	here = totals_here(e, f->stream);
	if (f->stream > LINK_STREAM_VM && sent.count > here.count) {
		return ERR_AGAIN; /* the device's last frames are in other channels */
	}
	err = totals_compare(&sent, &here, e->reason);
	if (err == ERR_OK) {
		e->dst.totals_seen |= TOTALS_BIT(f->stream);
	}
	return err;
}

static enum err place(struct engine *e, struct rx_frame *f)
{
	if (f->stream >= LINK_STREAM_COUNT || (e->dst.totals_seen & TOTALS_BIT(f->stream)) != 0) {
		fmt(e->reason, REASON_BYTES, "frame of type %u on stream %u after its totals", f->type, f->stream);
		return ERR_BAD_RECORD;
	}
	switch (f->type) {
	case FRAME_RAM:
		if (f->stream != LINK_STREAM_RAM(f->channel)) {
			fmt(e->reason, REASON_BYTES, "RAM frame of stream %u on channel %u", f->stream, f->channel);
			return ERR_BAD_RECORD;
		}
		return ram_rx_place(&e->dst.ram, &e->vm, f->channel, f->bytes, f->len_bytes, e->reason);
	case FRAME_VM_RECORD:
		return place_record(e, f);
	case FRAME_DEVICE:
		return device_stream_place(e, f);
	case FRAME_TOTALS:
		return place_totals(e, f);
	default:
		fmt(e->reason, REASON_BYTES, "frame type %u is unknown", f->type);
		return ERR_UNSUPPORTED;
	}
}

static void queue_remove(struct destination *dst, uint32_t i)
{
	memmove(&dst->queue[i], &dst->queue[i + 1], (dst->queued - i - 1u) * sizeof(dst->queue[0]));
	dst->queued--;
}

/** First frame whose channel has no older one waiting, that can be placed. One frame or one device write at a time. */
bool receive_step(struct engine *e)
{
	struct destination *dst = &e->dst;
	uint32_t blocked = 0; /* bit per channel */

	for (uint32_t i = 0; i < dst->queued; i++) {
		struct rx_frame *f = &dst->queue[i];
		uint32_t handle = f->frame;
		enum err err;

		if ((blocked & BIT32(f->channel % 32u)) != 0) {
			continue;
		}
		err = place(e, f);
		if (err == ERR_AGAIN) {
			blocked |= BIT32(f->channel % 32u);
			continue;
		}
		if (err == ERR_FULL) {
			return true;
		}
		if (err != ERR_OK) {
			engine_fail(e, HANDOVER_EV_FAIL, "%s", e->reason[0] != '\0' ? e->reason : err_name(err));
			return true;
		}
		queue_remove(dst, i);
		e->link.ops->frame_done(e->link.ctx, handle);
		return true;
	}
	return false;
}

static bool totals_all_here(const struct engine *e)
{
	const struct destination *dst = &e->dst;
	uint64_t wanted = TOTALS_BIT(LINK_STREAM_VM);

	for (uint32_t c = 0; c < dst->ram.channel_count; c++) {
		wanted |= TOTALS_BIT(LINK_STREAM_RAM(c));
	}
	for (uint32_t k = 0; k < e->devices.count; k++) {
		wanted |= TOTALS_BIT(LINK_STREAM_DEVICE(k));
	}
	return dst->totals_seen == wanted && dst->queued == 0;
}

bool receive_all_here(const struct engine *e)
{
	return totals_all_here(e) && e->dst.ram.received_count == e->dst.ram.page_count;
}

bool receive_page_missing(const struct engine *e)
{
	return totals_all_here(e) && e->dst.ram.received_count != e->dst.ram.page_count;
}

void receive_digest(struct engine *e)
{
	struct digest_input in = {
		.attempt = &e->attempt,
		.hello_hash = e->hello_hash,
		.records = &e->records.hash,
		.devices = &e->devices,
		.ram = ram_totals_sum(e->dst.ram.totals, e->dst.ram.channel_count),
		.ram_hash = (e->dst.flags & CTRL_FLAG_VERIFY_RAM) != 0 ? e->dst.ram_hash_value : NULL,
	};

	digest_compute(e->hash, &e->link, &in, e->dst.digest);
}
