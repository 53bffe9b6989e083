/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/frame.h"

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "migration/link.h"

/* docs/wire-format.md, section 4.1. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 2,
	AT_TYPE = 3,
	AT_CHANNEL = 4,
	AT_RESERVED = 5,
	AT_STREAM = 6,
	AT_EPOCH = 8,
	AT_LEN = 12,
	AT_SESSION = 16,
	AT_SEQUENCE = 24,
};

_Static_assert(AT_SEQUENCE + 8 == FRAME_HEADER_BYTES, "header layout");
_Static_assert(FRAME_BYTES < 65536u, "a frame is one write of the transport");
_Static_assert(FRAME_POOL_COUNT >= LINK_STREAM_COUNT, "every stream has a frame of its own (wire-format, 5)");

void frame_header_write(const struct frame_header *h, uint8_t out[FRAME_HEADER_BYTES])
{
	store_le16(out + AT_MAGIC, FRAME_MAGIC);
	out[AT_VERSION] = FRAME_VERSION;
	out[AT_TYPE] = h->type;
	out[AT_CHANNEL] = h->channel;
	out[AT_RESERVED] = 0;
	store_le16(out + AT_STREAM, h->stream);
	store_le32(out + AT_EPOCH, h->epoch);
	store_le32(out + AT_LEN, h->len_bytes);
	store_le64(out + AT_SESSION, h->session);
	store_le64(out + AT_SEQUENCE, h->sequence);
}

static enum err differs(char *reason, enum err err, const char *field, uint64_t is, uint64_t expected)
{
	(void)fmt(reason, REASON_BYTES, "frame %s is %llu, expected %llu", field, (unsigned long long)is,
		(unsigned long long)expected);
	return err;
}

static enum err above(char *reason, const char *field, uint64_t is, uint64_t max)
{
	(void)fmt(reason, REASON_BYTES, "frame %s is %llu, at most %llu", field, (unsigned long long)is,
		(unsigned long long)max);
	return ERR_BAD_RECORD;
}

/* What a header says about itself: fixed fields and ranges. */
static enum err form_check(const uint8_t *in, const struct frame_header *h, uint8_t expected_type, char *reason)
{
	if (load_le16(in + AT_MAGIC) != FRAME_MAGIC) {
		return differs(reason, ERR_BAD_RECORD, "magic", load_le16(in + AT_MAGIC), FRAME_MAGIC);
	}
	if (in[AT_VERSION] != FRAME_VERSION) {
		return differs(reason, ERR_BAD_RECORD, "version", in[AT_VERSION], FRAME_VERSION);
	}
	if (in[AT_RESERVED] != 0) {
		return differs(reason, ERR_BAD_RECORD, "reserved byte", in[AT_RESERVED], 0);
	}
	if (expected_type == FRAME_JOIN && h->type != FRAME_JOIN) {
		return differs(reason, ERR_BAD_RECORD, "type", h->type, FRAME_JOIN);
	}
	if (expected_type != FRAME_JOIN && (h->type < FRAME_RAM || h->type > FRAME_TOTALS)) {
		return differs(reason, ERR_BAD_RECORD, "type", h->type, expected_type);
	}
	if (h->stream >= LINK_STREAM_COUNT) {
		return above(reason, "stream", h->stream, LINK_STREAM_COUNT - 1u);
	}
	if (h->stream < LINK_STREAM_VM && h->stream != h->channel) {
		return differs(reason, ERR_BAD_RECORD, "stream", h->stream, h->channel);
	}
	if (expected_type == FRAME_JOIN && h->len_bytes != FRAME_JOIN_PAYLOAD) {
		return differs(reason, ERR_BAD_RECORD, "length", h->len_bytes, FRAME_JOIN_PAYLOAD);
	}
	if (h->len_bytes > FRAME_PAYLOAD_MAX) {
		return above(reason, "length", h->len_bytes, FRAME_PAYLOAD_MAX);
	}
	return ERR_OK;
}

enum err frame_header_read(const uint8_t in[FRAME_HEADER_BYTES], const struct frame_header *expected,
	struct frame_header *out, char *reason)
{
	const struct frame_header h = {
		.type = in[AT_TYPE],
		.channel = in[AT_CHANNEL],
		.stream = load_le16(in + AT_STREAM),
		.epoch = load_le32(in + AT_EPOCH),
		.len_bytes = load_le32(in + AT_LEN),
		.session = load_le64(in + AT_SESSION),
		.sequence = load_le64(in + AT_SEQUENCE),
	};
	enum err err = form_check(in, &h, expected->type, reason);

	if (err != ERR_OK) {
		return err;
	}
	if (h.session != expected->session) {
		return differs(reason, ERR_MISMATCH, "session", h.session, expected->session);
	}
	if (h.epoch != expected->epoch) {
		return differs(reason, ERR_MISMATCH, "epoch", h.epoch, expected->epoch);
	}
	if (h.channel != expected->channel) {
		return differs(reason, ERR_MISMATCH, "channel", h.channel, expected->channel);
	}
	if (h.sequence != expected->sequence) {
		return differs(reason, ERR_MISMATCH, "sequence", h.sequence, expected->sequence);
	}
	*out = h;
	return ERR_OK;
}

void frame_pool_init(struct frame_pool *p)
{
	for (uint32_t i = 0; i < FRAME_POOL_COUNT; i++) {
		p->frames[i].state = FRAME_FREE;
		p->frames[i].orphan = false;
	}
	p->free_count = FRAME_POOL_COUNT;
}

uint32_t frame_take(struct frame_pool *p, enum frame_state state)
{
	for (uint32_t i = 0; i < FRAME_POOL_COUNT; i++) {
		if (p->frames[i].state == FRAME_FREE) {
			p->frames[i].state = state;
			p->frames[i].orphan = false;
			p->free_count--;
			return i;
		}
	}
	return FRAME_NONE;
}

void frame_free(struct frame_pool *p, uint32_t frame)
{
	ASSERT(frame < FRAME_POOL_COUNT);
	ASSERT(p->frames[frame].state != FRAME_FREE);
	p->frames[frame].state = FRAME_FREE;
	p->frames[frame].orphan = false;
	p->free_count++;
}

void frame_pool_fence(struct frame_pool *p)
{
	for (uint32_t i = 0; i < FRAME_POOL_COUNT; i++) {
		switch (p->frames[i].state) {
		case FRAME_FREE:
			break;
		case FRAME_QUEUED:
		case FRAME_FILLING:
		case FRAME_READY:
			frame_free(p, i);
			break;
		case FRAME_SEALING:
		case FRAME_SENT:
		case FRAME_LENT:
			p->frames[i].orphan = true;
			break;
		}
	}
}
