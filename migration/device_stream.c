/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/device_stream.h"

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"

/** Not inlined: three callers. */
static __attribute__((noinline)) void stream_restart(struct engine *e, struct device_run *run, uint64_t transfer)
{
	struct device_stream *s = &run->stream;

	s->transfer = transfer;
	s->image_bytes = 0;
	s->precopy_bytes = 0;
	s->initial_done = false;
	s->initial_loads = false;
	s->restarting = false;
	s->done = false;
	e->hash->start(&s->hash);
}

void device_stream_begin(struct engine *e)
{
	for (uint32_t k = 0; k < e->devices.count; k++) {
		struct device_run *run = &e->devices.run[k];

		run->stream.index = 0;
		run->stream.restarts = 0;
		run->lost = 0;
		stream_restart(e, run, 0);
	}
	e->initials = 0;
	e->initials_acked = 0;
}

static void stream_add(struct engine *e, struct device_run *run, const uint8_t *bytes, size_t len)
{
	run->stream.image_bytes += len;
	e->hash->add(&run->stream.hash, bytes, len);
}

/* ---- source ---- */

/** A data channel that has room for this device, the one of the next index first; -1: none. */
static int32_t channel_with_room(struct engine *e, uint32_t k)
{
	uint32_t count = e->src.ram.channel_count;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t channel = (uint8_t)((e->devices.run[k].stream.index + i) % count);

		if (e->link.ops->frame_space(e->link.ctx, LINK_STREAM_DEVICE(k), channel) != 0) {
			return channel;
		}
	}
	return -1;
}

static void frame_send(struct engine *e, uint32_t k, uint8_t channel, enum device_frame kind, size_t len)
{
	struct device_run *run = &e->devices.run[k];
	struct link_tx tx;
	enum err err = e->link.ops->frame_begin(
		e->link.ctx, &tx, LINK_STREAM_DEVICE(k), channel, FRAME_DEVICE, DEVICE_FRAME_HEAD + len);

	if (err != ERR_OK) {
		engine_fail(e, HANDOVER_EV_FAIL, "device %s: state could not be sent: %s", run->desc.id, err_name(err));
		return;
	}
	store_le32(e->chunk, run->stream.index);
	store_le32(e->chunk + 4, kind);
	e->link.ops->frame_bytes(e->link.ctx, &tx, e->chunk, DEVICE_FRAME_HEAD + len);
	e->link.ops->frame_end(e->link.ctx, &tx);
	stream_add(e, run, e->chunk + DEVICE_FRAME_HEAD, len);
	bucket_take(&e->src.bucket, DEVICE_FRAME_HEAD + len);
	run->stream.index++;
}

/** In pre-copy: what is left to send early; once the initial bytes are out, the destination is told. */
static bool initial_step(struct engine *e, uint32_t k, uint8_t channel)
{
	struct device_run *run = &e->devices.run[k];

	if (run->now == DEVICE_STOP_COPY ||
		run->dev.ops->precopy_info(run->dev.ctx, &run->initial_left, &run->dirty_left) != ERR_OK) {
		run->initial_left = 0;
		run->dirty_left = 0;
		return false;
	}
	if (run->stream.initial_done || run->initial_left != 0) {
		return false;
	}
	run->stream.initial_done = true;
	e->initials++;
	frame_send(e, k, channel, DEVICE_FRAME_INITIAL, 0);
	return true;
}

static bool one_send(struct engine *e, uint32_t k)
{
	struct device_run *run = &e->devices.run[k];
	struct device_stream *s = &run->stream;
	uint64_t transfer = run->dev.ops->transfer(run->dev.ctx);
	int32_t channel;
	size_t len = 0;
	enum err err;

	s->done = s->done && transfer == s->transfer;
	if (s->done || run->chore != DEVICE_CHORE_NONE || transfer == 0 || transfer != run->transfer ||
		!device_state_saving(run->now)) {
		return false;
	}
	channel = channel_with_room(e, k);
	if (channel < 0) {
		return false;
	}
	if (transfer != s->transfer) {
		stream_restart(e, run, transfer);
		if (s->index != 0) {
			s->restarts++;
			frame_send(e, k, (uint8_t)channel, DEVICE_FRAME_RESTART, 0);
			return true;
		}
	}
	err = run->dev.ops->read(run->dev.ctx, e->chunk + DEVICE_FRAME_HEAD, DEVICE_CHUNK_BYTES, &len);
	if (err == ERR_OK && len != 0 && len <= DEVICE_CHUNK_BYTES) {
		s->precopy_bytes += run->now == DEVICE_STOP_COPY ? 0 : len;
		frame_send(e, k, (uint8_t)channel, DEVICE_FRAME_DATA, len);
		return true;
	}
	if (err == ERR_AGAIN) {
		return initial_step(e, k, (uint8_t)channel);
	}
	if (err == ERR_END && run->now == DEVICE_STOP_COPY) {
		s->done = true;
		return true;
	}
	if (run->dev.ops->transfer(run->dev.ctx) != s->transfer) {
		return true; /* reset in the middle: another transfer will be opened */
	}
	engine_fail_device(e, k, "state could not be read");
	return true;
}

bool device_stream_send(struct engine *e)
{
	enum source_phase phase = e->src.phase;
	bool moved = false;

	for (uint32_t k = 0; k < e->devices.count && e->src.phase == phase; k++) {
		moved |= one_send(e, k);
	}
	return moved;
}

bool device_stream_all_sent(const struct engine *e)
{
	for (uint32_t k = 0; k < e->devices.count; k++) {
		if (!e->devices.run[k].stream.done) {
			return false;
		}
	}
	return true;
}

bool device_stream_may_stop(struct engine *e)
{
	for (uint32_t k = 0; k < e->devices.count && e->power.running; k++) {
		const struct device_run *run = &e->devices.run[k];

		if ((run->desc.mig_flags & DEVICE_MIG_PRE_COPY) != 0 && !run->stream.initial_done) {
			fmt(e->forecast, REASON_BYTES, "device %s has %llu initial bytes to send", run->desc.id,
				(unsigned long long)run->initial_left);
			return false;
		}
	}
	if (e->caps.switchover_ack && e->power.running && e->initials_acked != e->initials) {
		fmt(e->forecast, REASON_BYTES, "the destination loads initial device state (switchover-ack)");
		return false;
	}
	return true;
}

/* ---- destination ---- */

/** The device forgets what was written; from then on load_step() drives it. */
static enum err place_restart(struct engine *e, struct device_run *run)
{
	if (!run->stream.restarting) {
		run->stream.restarting = true;
		device_chore_begin(run, DEVICE_CHORE_SCRUB);
		run->target = DEVICE_RESUMING;
		return ERR_FULL;
	}
	if (run->now != DEVICE_RESUMING || run->chore != DEVICE_CHORE_NONE) {
		return ERR_AGAIN;
	}
	run->stream.restarts++;
	stream_restart(e, run, 0);
	return ERR_OK;
}

bool device_stream_load_step(struct engine *e)
{
	for (uint32_t k = 0; k < e->devices.count; k++) {
		struct device_run *run = &e->devices.run[k];
		enum err err = ERR_OK;

		if (!run->stream.initial_loads || run->chore != DEVICE_CHORE_NONE ||
			e->outbox_count == ENGINE_OUTBOX_MAX) {
			continue;
		}
		if (run->dev.ops->initial_loaded != NULL) {
			err = run->dev.ops->initial_loaded(run->dev.ctx, e->reason);
		}
		if (err == ERR_AGAIN) {
			continue;
		}
		run->stream.initial_loads = false;
		if (err != ERR_OK) {
			engine_fail(e, HANDOVER_EV_FAIL, "%s", e->reason);
			return true;
		}
		run->stream.initial_done = true;
		e->initials++;
		engine_send(e, CTRL_SWITCHOVER_ACK, NULL);
		return true;
	}
	return false;
}

static enum err place_data(struct engine *e, struct device_run *run, struct rx_frame *f)
{
	size_t taken = 0;
	enum err err;

	f->at = f->at == 0 ? DEVICE_FRAME_HEAD : f->at;
	err = run->dev.ops->write(run->dev.ctx, f->bytes + f->at, f->len_bytes - f->at, &taken, e->reason);
	if (err == ERR_OK && taken == 0) {
		return ERR_AGAIN;
	}
	if (err != ERR_OK) {
		return err;
	}
	taken = MIN(taken, f->len_bytes - f->at);
	stream_add(e, run, f->bytes + f->at, taken);
	f->at += taken;
	return f->at == f->len_bytes ? ERR_OK : ERR_FULL;
}

static __attribute__((noinline)) enum err stream_intact(struct engine *e, struct device_run *run)
{
	uint64_t transfer = run->dev.ops->transfer(run->dev.ctx);

	if (run->stream.transfer == 0) {
		run->stream.transfer = transfer;
	}
	if (transfer == run->stream.transfer) {
		return ERR_OK;
	}
	fmt(e->reason, REASON_BYTES, "device %s (%s) was reset while its state was loaded", run->desc.id,
		run->desc.type);
	return ERR_LOST;
}

enum err device_stream_intact(struct engine *e)
{
	enum err err = ERR_OK;

	for (uint32_t k = 0; k < e->devices.count && err == ERR_OK; k++) {
		err = stream_intact(e, &e->devices.run[k]);
	}
	return err;
}

enum err device_stream_place(struct engine *e, struct rx_frame *f)
{
	uint32_t k = (uint32_t)f->stream - LINK_STREAM_DEVICE(0);
	struct device_run *run;
	uint32_t index;
	uint32_t kind;
	enum err err;

	e->reason[0] = '\0';
	if (f->stream < LINK_STREAM_DEVICE(0) || k >= e->devices.count || f->len_bytes < DEVICE_FRAME_HEAD) {
		fmt(e->reason, REASON_BYTES, "device frame of %zu bytes on stream %u, %u devices", f->len_bytes,
			f->stream, e->devices.count);
		return ERR_BAD_RECORD;
	}
	run = &e->devices.run[k];
	index = load_le32(f->bytes);
	kind = load_le32(f->bytes + 4);
	if (kind > DEVICE_FRAME_RESTART || (kind == DEVICE_FRAME_DATA) != (f->len_bytes > DEVICE_FRAME_HEAD) ||
		index - run->stream.index >= FRAME_POOL_COUNT) { /* unsigned: one that is behind is far ahead */
		fmt(e->reason, REASON_BYTES, "device %s: frame %u of kind %u and %zu bytes, frame %u is next",
			run->desc.id, index, kind, f->len_bytes, run->stream.index);
		return ERR_BAD_RECORD;
	}
	if (index != run->stream.index) {
		return ERR_AGAIN; /* its turn will come: the one before it is in another channel */
	}
	if (kind == DEVICE_FRAME_RESTART) {
		err = place_restart(e, run);
	} else if (run->now != DEVICE_RESUMING || run->chore != DEVICE_CHORE_NONE) {
		return ERR_AGAIN;
	} else {
		err = stream_intact(e, run);
		if (err == ERR_OK) {
			/* Loading may take long and must not hold up the channel: device_stream_load_step(). */
			run->stream.initial_loads |= kind == DEVICE_FRAME_INITIAL;
			err = kind == DEVICE_FRAME_INITIAL ? ERR_OK : place_data(e, run, f);
		}
	}
	if (err == ERR_OK) {
		run->stream.index++;
	}
	return err;
}
