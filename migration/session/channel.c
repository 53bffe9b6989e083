/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/channel.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"

void channel_reset(struct channel *ch, uint8_t index, uint64_t session, uint32_t epoch)
{
	ch->index = index;
	ch->joined = false;
	ch->stream = STREAM_NONE;
	ch->session = session;
	ch->epoch = epoch;
	ch->next = 0;
	ch->placed = 0;
	memset(ch->chain, 0, sizeof(ch->chain));
	ch->sealing = false;
	ch->unsent_first = 0;
	ch->unsent_count = 0;
	ch->have_bytes = 0;
	ch->frame = FRAME_NONE;
	ch->progress_us = 0;
}

static void chain_extend(struct channel *ch, const struct seal_ops *seal, const uint8_t tag[FRAME_TAG_BYTES])
{
	struct hash_state h;

	seal->hash->start(&h);
	seal->hash->add(&h, ch->chain, HASH_BYTES);
	seal->hash->add(&h, tag, FRAME_TAG_BYTES);
	seal->hash->finish(&h, ch->chain);
}

static struct frame_header expected_header(const struct channel *ch, uint8_t type)
{
	const struct frame_header h = {
		.type = type,
		.channel = ch->index,
		.stream = ch->index,
		.epoch = ch->epoch,
		.len_bytes = type == FRAME_JOIN ? FRAME_JOIN_PAYLOAD : 0,
		.session = ch->session,
		.sequence = ch->next,
	};
	return h;
}

/* Key of the next sequence number, and begin sealing under its IV. */
static enum err seal_next(struct channel *ch, const struct seal_ops *seal, const uint8_t *header)
{
	uint8_t iv[SEAL_IV_BYTES];
	enum err err = keys_advance(&ch->keys, seal, ch->next);

	if (err != ERR_OK) {
		return err;
	}
	keys_iv(&ch->keys, ch->next, iv);
	return seal->begin(&ch->keys.seal, iv, header, FRAME_HEADER_BYTES);
}

enum err channel_join_seal(
	struct channel *ch, const struct channel_io *io, uint32_t channel_count, uint8_t out[FRAME_JOIN_BYTES])
{
	const struct frame_header head = expected_header(ch, FRAME_JOIN);
	uint8_t payload[FRAME_JOIN_PAYLOAD];
	enum err err;

	ASSERT(ch->next == 0);
	frame_header_write(&head, out);
	err = seal_next(ch, io->seal, out);
	if (err != ERR_OK) {
		return err;
	}
	store_le32(payload, ch->index);
	store_le32(payload + 4, channel_count);
	io->seal->bytes(&ch->keys.seal, out + FRAME_HEADER_BYTES, payload, FRAME_JOIN_PAYLOAD);
	io->seal->end(&ch->keys.seal, out + FRAME_HEADER_BYTES + FRAME_JOIN_PAYLOAD);
	ch->next = 1;
	return ERR_OK;
}

enum err channel_join_open(struct channel *ch, const struct channel_io *io, uint32_t channel_count,
	uint8_t join[FRAME_JOIN_BYTES], char *reason)
{
	const struct frame_header expected = expected_header(ch, FRAME_JOIN);
	uint8_t *payload = join + FRAME_HEADER_BYTES;
	struct frame_header head;
	uint8_t iv[SEAL_IV_BYTES];
	enum err err;

	if (ch->joined) {
		(void)fmt(reason, REASON_BYTES, "channel %u has joined already", (unsigned)ch->index);
		return ERR_BAD_STATE;
	}
	err = frame_header_read(join, &expected, &head, reason);
	if (err != ERR_OK) {
		return err;
	}
	keys_iv(&ch->keys, 0, iv);
	err = io->seal->open(&ch->keys.seal, iv, join, FRAME_HEADER_BYTES, payload, FRAME_JOIN_PAYLOAD,
		payload + FRAME_JOIN_PAYLOAD);
	if (err != ERR_OK) {
		(void)fmt(reason, REASON_BYTES, "JOIN of channel %u does not verify", (unsigned)ch->index);
		return ERR_AUTH;
	}
	if (load_le32(payload) != ch->index || load_le32(payload + 4) != channel_count) {
		(void)fmt(reason, REASON_BYTES, "JOIN names channel %u of %u, expected %u of %u",
			(unsigned)load_le32(payload), (unsigned)load_le32(payload + 4), (unsigned)ch->index,
			(unsigned)channel_count);
		return ERR_MISMATCH;
	}
	ch->joined = true;
	ch->next = 1;
	ch->placed = 1;
	return ERR_OK;
}

enum err channel_frame_begin(struct channel *ch, const struct channel_io *io, uint16_t stream, enum frame_type type,
	size_t len_bytes, uint32_t *frame)
{
	struct frame_header head = expected_header(ch, (uint8_t)type);
	uint32_t index;
	struct frame *f;
	enum err err;

	ASSERT(!ch->sealing);
	ASSERT(len_bytes <= FRAME_PAYLOAD_MAX);
	if (credit_left(io->credit, stream) == 0) {
		return ERR_FULL;
	}
	index = frame_take(io->pool, FRAME_SEALING);
	if (index == FRAME_NONE) {
		return ERR_FULL;
	}
	f = &io->pool->frames[index];
	head.stream = stream;
	head.len_bytes = (uint32_t)len_bytes;
	frame_header_write(&head, f->bytes);
	err = seal_next(ch, io->seal, f->bytes);
	if (err != ERR_OK) {
		frame_free(io->pool, index);
		return ERR_LOST;
	}
	f->head = head;
	io->credit->used[stream]++;
	ch->next++;
	ch->sealing = true;
	*frame = index;
	return ERR_OK;
}

void channel_frame_bytes(struct channel *ch, const struct channel_io *io, uint32_t frame, size_t at,
	const uint8_t *bytes, size_t len_bytes)
{
	struct frame *f = &io->pool->frames[frame];

	ASSERT(ch->sealing && f->state == FRAME_SEALING);
	ASSERT(at <= f->head.len_bytes && len_bytes <= f->head.len_bytes - at);
	io->seal->bytes(&ch->keys.seal, f->bytes + FRAME_HEADER_BYTES + at, bytes, len_bytes);
}

void channel_frame_end(struct channel *ch, const struct channel_io *io, uint32_t frame)
{
	struct frame *f = &io->pool->frames[frame];
	uint8_t *tag = f->bytes + FRAME_HEADER_BYTES + f->head.len_bytes;

	ASSERT(ch->sealing && f->state == FRAME_SEALING);
	ASSERT(ch->unsent_count < FRAME_POOL_COUNT);
	io->seal->end(&ch->keys.seal, tag);
	chain_extend(ch, io->seal, tag);
	ch->sealing = false;
	f->state = FRAME_QUEUED;
	ch->unsent[(ch->unsent_first + ch->unsent_count) % FRAME_POOL_COUNT] = (uint8_t)frame;
	ch->unsent_count++;
}

enum err channel_send(struct channel *ch, const struct channel_io *io, uint64_t *sent_bytes)
{
	while (ch->unsent_count > 0) {
		const uint32_t index = ch->unsent[ch->unsent_first];
		struct frame *f = &io->pool->frames[index];
		const size_t len = FRAME_HEADER_BYTES + f->head.len_bytes + FRAME_TAG_BYTES;
		const enum err err = io->streams->ops->send(io->streams->ctx, ch->stream, f->bytes, len, index);

		if (err == ERR_FULL) {
			return ERR_OK;
		}
		if (err != ERR_OK) {
			return ERR_LOST;
		}
		f->state = FRAME_SENT;
		ch->unsent_first = (ch->unsent_first + 1) % FRAME_POOL_COUNT;
		ch->unsent_count--;
		*sent_bytes += len;
	}
	return ERR_OK;
}

/* The header is here: everything about it is checked before a byte of payload is stored. */
static enum err frame_accept(struct channel *ch, const struct channel_io *io, char *reason)
{
	const struct frame_header expected = expected_header(ch, FRAME_RAM);
	struct frame_header head;
	enum err err = frame_header_read(ch->head, &expected, &head, reason);

	if (err != ERR_OK) {
		return err;
	}
	if (credit_left(io->credit, head.stream) == 0) {
		(void)fmt(reason, REASON_BYTES, "frame %llu of stream %u, granted %llu",
			(unsigned long long)io->credit->used[head.stream] + 1, (unsigned)head.stream,
			(unsigned long long)io->credit->limit[head.stream]);
		return ERR_REFUSED;
	}
	ch->frame = frame_take(io->pool, FRAME_FILLING);
	ASSERT(ch->frame != FRAME_NONE); /* a grant has a frame behind it */
	io->credit->used[head.stream]++;
	io->pool->frames[ch->frame].head = head;
	memcpy(io->pool->frames[ch->frame].bytes, ch->head, FRAME_HEADER_BYTES);
	return ERR_OK;
}

static enum err frame_open(struct channel *ch, const struct channel_io *io, char *reason)
{
	struct frame *f = &io->pool->frames[ch->frame];
	uint8_t *payload = f->bytes + FRAME_HEADER_BYTES;
	uint8_t iv[SEAL_IV_BYTES];
	enum err err = keys_advance(&ch->keys, io->seal, ch->next);

	if (err != ERR_OK) {
		(void)fmt(reason, REASON_BYTES, "keys of frame %llu: %s", (unsigned long long)ch->next, err_name(err));
		return err;
	}
	keys_iv(&ch->keys, ch->next, iv);
	err = io->seal->open(&ch->keys.seal, iv, f->bytes, FRAME_HEADER_BYTES, payload, f->head.len_bytes,
		payload + f->head.len_bytes);
	if (err != ERR_OK) {
		(void)fmt(
			reason, REASON_BYTES, "frame sequence %llu: tag does not verify", (unsigned long long)ch->next);
		return ERR_AUTH;
	}
	f->state = FRAME_READY;
	ch->next++;
	return ERR_OK;
}

enum err channel_receive(struct channel *ch, const struct channel_io *io, const uint8_t *bytes, size_t len_bytes,
	size_t *taken, uint32_t *frame, char *reason)
{
	size_t at = 0;
	size_t part;
	size_t whole;
	enum err err;

	*taken = 0;
	*frame = FRAME_NONE;
	if (ch->have_bytes < FRAME_HEADER_BYTES) {
		part = MIN(len_bytes, FRAME_HEADER_BYTES - ch->have_bytes);
		memcpy(ch->head + ch->have_bytes, bytes, part);
		ch->have_bytes += (uint32_t)part;
		at = part;
		if (ch->have_bytes < FRAME_HEADER_BYTES) {
			*taken = at;
			return ERR_OK;
		}
		err = frame_accept(ch, io, reason);
		if (err != ERR_OK) {
			return err;
		}
	}
	whole = FRAME_HEADER_BYTES + io->pool->frames[ch->frame].head.len_bytes + FRAME_TAG_BYTES;
	part = MIN(len_bytes - at, whole - ch->have_bytes);
	memcpy(io->pool->frames[ch->frame].bytes + ch->have_bytes, bytes + at, part);
	ch->have_bytes += (uint32_t)part;
	*taken = at + part;
	if (ch->have_bytes < whole) {
		return ERR_OK;
	}
	err = frame_open(ch, io, reason);
	if (err == ERR_OK) {
		*frame = ch->frame;
		ch->frame = FRAME_NONE;
		ch->have_bytes = 0;
	}
	return err;
}

void channel_frame_placed(struct channel *ch, const struct channel_io *io, uint32_t frame)
{
	const struct frame *f = &io->pool->frames[frame];

	ASSERT(f->head.sequence == ch->placed); /* frames of a channel are done in order */
	chain_extend(ch, io->seal, f->bytes + FRAME_HEADER_BYTES + f->head.len_bytes);
	ch->placed++;
	io->credit->done[f->head.stream]++;
	frame_free(io->pool, frame);
}
