/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/message.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/fmt.h"
#include "core/base/text.h"

/* Fixed part of a hello, docs/wire-format.md, section 3.2. */
#define HELLO_FIXED_BYTES 176u
_Static_assert(
	HELLO_FIXED_BYTES + MESSAGE_HEADER_BYTES + MESSAGE_HELLO_MAX <= CTRL_MSG_BYTES, "a hello is one message");

static bool printable(uint8_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

void message_header_write(uint8_t out[MESSAGE_HEADER_BYTES], uint16_t type, uint32_t len_bytes)
{
	store_le32(out, len_bytes);
	store_le16(out + 4, type);
	store_le16(out + 6, 0);
}

enum err message_header_read(const uint8_t in[MESSAGE_HEADER_BYTES], struct message_header *out, char *reason)
{
	const uint32_t len = load_le32(in);
	const uint16_t reserved = load_le16(in + 6);

	if (len > MESSAGE_PAYLOAD_MAX) {
		(void)fmt(reason, REASON_BYTES, "control message length is %u, at most %u", (unsigned)len,
			(unsigned)MESSAGE_PAYLOAD_MAX);
		return ERR_BAD_RECORD;
	}
	if (reserved != 0) {
		(void)fmt(reason, REASON_BYTES, "control message reserved field is %u, expected 0", (unsigned)reserved);
		return ERR_BAD_RECORD;
	}
	out->len_bytes = len;
	out->type = load_le16(in + 4);
	return ERR_OK;
}

/* Text in a field of fixed size, zero-padded. */
static void text_field_write(struct writer *w, const char *text, size_t field_bytes)
{
	const size_t len = text_len(text, field_bytes - 1);

	write_bytes(w, (const uint8_t *)text, len);
	for (size_t i = len; i < field_bytes; i++) {
		write_u8(w, 0);
	}
}

/* False when it is empty, not printable, without its final zero, or followed by other bytes. */
static bool text_field_read(struct reader *r, char *out, size_t field_bytes)
{
	const uint8_t *in = read_bytes(r, field_bytes);
	size_t len = 0;

	if (in == NULL) {
		return false;
	}
	while (len < field_bytes && printable(in[len])) {
		len++;
	}
	if (len == 0 || len == field_bytes) {
		return false;
	}
	for (size_t i = len; i < field_bytes; i++) {
		if (in[i] != 0) {
			return false;
		}
	}
	memcpy(out, in, field_bytes);
	return true;
}

void hello_write(struct writer *w, const struct hello *h)
{
	write_u8(w, h->version_min);
	write_u8(w, h->version_max);
	write_u8(w, h->kind);
	write_u8(w, h->channel_count);
	write_le32(w, h->epoch);
	write_le64(w, h->boot);
	write_le64(w, h->attempt.source_boot);
	write_le32(w, h->attempt.number);
	write_le64(w, h->attempt.random);
	write_le64(w, h->attempt.gen);
	text_field_write(w, h->attempt.source, HOST_ID_MAX);
	text_field_write(w, h->attempt.vm, VM_NAME_MAX);
	write_bytes(w, h->proof, HASH_BYTES);
	write_le32(w, (uint32_t)h->len_bytes);
	write_bytes(w, h->bytes, h->len_bytes);
}

static enum err bad(char *reason, const char *message, const char *field, uint64_t value)
{
	(void)fmt(reason, REASON_BYTES, "%s: %s is %llu", message, field, (unsigned long long)value);
	return ERR_BAD_RECORD;
}

static enum err cut(char *reason, const char *message, size_t len_bytes)
{
	return bad(reason, message, "length", len_bytes);
}

/* The versions stand first in every version of the protocol, so that a mismatch can be named. */
static enum err versions_check(uint8_t min, uint8_t max, char *reason)
{
	if (min > max) {
		return bad(reason, "hello", "version-max below version-min, which", min);
	}
	if (min > PROTOCOL_VERSION_MAX || max < PROTOCOL_VERSION_MIN) {
		(void)fmt(reason, REASON_BYTES, "protocol version: source speaks %u to %u, destination %u to %u",
			(unsigned)min, (unsigned)max, PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX);
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

static enum err hello_check(const struct hello *h, char *reason)
{
	const bool is_new = h->kind == HELLO_NEW;

	if (h->kind < HELLO_NEW || h->kind > HELLO_STATUS) {
		return bad(reason, "hello", "kind", h->kind);
	}
	if (is_new ? h->channel_count < 1 || h->channel_count > CHANNEL_COUNT_MAX : h->channel_count != 0) {
		return bad(reason, "hello", "channel count", h->channel_count);
	}
	if (is_new ? h->epoch != 1 : h->kind == HELLO_RESUME && h->epoch < 2) {
		return bad(reason, "hello", "epoch", h->epoch);
	}
	if (h->len_bytes > MESSAGE_HELLO_MAX || (!is_new && h->len_bytes != 0)) {
		return bad(reason, "hello", "engine length", h->len_bytes);
	}
	return ERR_OK;
}

enum err hello_read(const uint8_t *in, size_t len_bytes, struct hello *out, char *reason)
{
	struct reader r = reader_over(in, len_bytes);
	struct hello h;
	bool texts;
	enum err err;

	memset(&h, 0, sizeof(h));
	h.version_min = read_u8(&r);
	h.version_max = read_u8(&r);
	if (r.failed) {
		return cut(reason, "hello", len_bytes);
	}
	err = versions_check(h.version_min, h.version_max, reason);
	if (err != ERR_OK) {
		return err;
	}
	h.kind = read_u8(&r);
	h.channel_count = read_u8(&r);
	h.epoch = read_le32(&r);
	h.boot = read_le64(&r);
	h.attempt.source_boot = read_le64(&r);
	h.attempt.number = read_le32(&r);
	h.attempt.random = read_le64(&r);
	h.attempt.gen = read_le64(&r);
	texts = text_field_read(&r, h.attempt.source, HOST_ID_MAX);
	texts = text_field_read(&r, h.attempt.vm, VM_NAME_MAX) && texts;
	read_copy(&r, h.proof, HASH_BYTES);
	h.len_bytes = read_le32(&r);
	h.bytes = read_bytes(&r, h.len_bytes);
	if (r.failed || r.left_bytes != 0) {
		return cut(reason, "hello", len_bytes);
	}
	if (!texts) {
		(void)fmt(reason, REASON_BYTES, "hello: source or VM name is not a name");
		return ERR_BAD_RECORD;
	}
	err = hello_check(&h, reason);
	if (err == ERR_OK) {
		*out = h;
	}
	return err;
}

void answer_write(struct writer *w, const struct answer *a)
{
	write_u8(w, a->version);
	write_u8(w, a->channel_count);
	write_le16(w, 0);
	write_le32(w, a->epoch);
	write_le64(w, a->boot);
	write_le32(w, (uint32_t)a->len_bytes);
	write_bytes(w, a->bytes, a->len_bytes);
}

enum err answer_read(const uint8_t *in, size_t len_bytes, struct answer *out, char *reason)
{
	struct reader r = reader_over(in, len_bytes);
	struct answer a;
	uint16_t reserved;

	a.version = read_u8(&r);
	a.channel_count = read_u8(&r);
	reserved = read_le16(&r);
	a.epoch = read_le32(&r);
	a.boot = read_le64(&r);
	a.len_bytes = read_le32(&r);
	a.bytes = read_bytes(&r, a.len_bytes);
	if (r.failed || r.left_bytes != 0 || a.len_bytes > MESSAGE_HELLO_MAX) {
		return cut(reason, "answer", len_bytes);
	}
	if (a.version < PROTOCOL_VERSION_MIN || a.version > PROTOCOL_VERSION_MAX) {
		return bad(reason, "answer", "version", a.version);
	}
	if (reserved != 0) {
		return bad(reason, "answer", "reserved field", reserved);
	}
	*out = a;
	return ERR_OK;
}

void resumed_write(struct writer *w, const struct resumed *m)
{
	write_u8(w, m->version);
	write_u8(w, m->proved ? 1 : 0);
	write_le16(w, 0);
	write_le32(w, m->epoch);
	write_le64(w, m->boot);
	write_bytes(w, m->proof, HASH_BYTES);
}

enum err resumed_read(const uint8_t *in, size_t len_bytes, struct resumed *out, char *reason)
{
	struct reader r = reader_over(in, len_bytes);
	struct resumed m;
	uint8_t proved;
	uint16_t reserved;

	m.version = read_u8(&r);
	proved = read_u8(&r);
	reserved = read_le16(&r);
	m.epoch = read_le32(&r);
	m.boot = read_le64(&r);
	read_copy(&r, m.proof, HASH_BYTES);
	if (r.failed || r.left_bytes != 0) {
		return cut(reason, "resumed", len_bytes);
	}
	if (m.version < PROTOCOL_VERSION_MIN || m.version > PROTOCOL_VERSION_MAX) {
		return bad(reason, "resumed", "version", m.version);
	}
	if (proved > 1 || reserved != 0) {
		return bad(reason, "resumed", "proved", proved);
	}
	m.proved = proved == 1;
	*out = m;
	return ERR_OK;
}

void message_text_read(const uint8_t *in, size_t len_bytes, char out[REASON_BYTES])
{
	size_t len = len_bytes < REASON_BYTES - 1 ? len_bytes : REASON_BYTES - 1;

	for (size_t i = 0; i < len; i++) {
		out[i] = printable(in[i]) ? (char)in[i] : '?';
	}
	out[len] = '\0';
}

bool attempt_equal(const struct attempt *a, const struct attempt *b)
{
	return a->source_boot == b->source_boot && a->number == b->number && a->random == b->random &&
	       a->gen == b->gen && text_equal(a->source, b->source) && text_equal(a->vm, b->vm);
}
