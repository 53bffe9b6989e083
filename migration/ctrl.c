/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/ctrl.h"

#include "core/base/assert.h"
#include "core/base/cursor.h"
#include "core/base/text.h"

size_t ctrl_encode(const struct ctrl *m, uint8_t out[CTRL_BYTES_MAX])
{
	struct writer w = writer_over(out, CTRL_BYTES_MAX);
	size_t text_bytes;

	ASSERT(m->type >= CTRL_FIRST && m->type < CTRL_END);
	write_le32(&w, m->number);
	write_le64(&w, m->source_boot);
	write_le64(&w, m->random);
	write_le64(&w, m->gen);
	write_le32(&w, m->epoch);
	write_le32(&w, 0);
	switch (m->type) {
	case CTRL_PREPARE:
		write_le32(&w, m->flags);
		break;
	case CTRL_READY:
		write_le64(&w, m->boot);
		write_bytes(&w, m->digest, HASH_BYTES);
		write_le64(&w, m->time);
		break;
	case CTRL_COMMIT:
		write_bytes(&w, m->digest, HASH_BYTES);
		write_le64(&w, m->time);
		write_le32(&w, m->flags);
		break;
	case CTRL_RUNNING:
	case CTRL_SWITCHOVER_ACK:
		write_le64(&w, m->time);
		break;
	case CTRL_ABORT:
	case CTRL_DECLINED:
		text_bytes = text_len(m->text, REASON_BYTES - 1);
		write_le16(&w, (uint16_t)text_bytes);
		write_bytes(&w, (const uint8_t *)m->text, text_bytes);
		break;
	default:
		break;
	}
	ASSERT(!w.failed);
	return w.len_bytes;
}

/** Printable ASCII only: the text goes to logs and QMP. */
static void text_read(struct reader *r, char out[REASON_BYTES])
{
	uint16_t len = read_le16(r);
	const uint8_t *bytes;

	if (len >= REASON_BYTES) {
		r->failed = true;
		return;
	}
	bytes = read_bytes(r, len);
	if (bytes == NULL) {
		return;
	}
	for (uint16_t i = 0; i < len; i++) {
		out[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
	}
	out[len] = '\0';
}

enum err ctrl_decode(uint16_t type, const uint8_t *bytes, size_t len_bytes, struct ctrl *out)
{
	struct reader r = reader_over(bytes, len_bytes);
	struct ctrl m = { .type = type };

	if (type < CTRL_FIRST || type >= CTRL_END) {
		return ERR_UNSUPPORTED;
	}
	m.number = read_le32(&r);
	m.source_boot = read_le64(&r);
	m.random = read_le64(&r);
	m.gen = read_le64(&r);
	m.epoch = read_le32(&r);
	if (read_le32(&r) != 0) {
		return ERR_BAD_RECORD;
	}
	switch (type) {
	case CTRL_PREPARE:
		m.flags = read_le32(&r);
		break;
	case CTRL_READY:
		m.boot = read_le64(&r);
		read_copy(&r, m.digest, HASH_BYTES);
		m.time = read_le64(&r);
		break;
	case CTRL_COMMIT:
		read_copy(&r, m.digest, HASH_BYTES);
		m.time = read_le64(&r);
		m.flags = read_le32(&r);
		break;
	case CTRL_RUNNING:
	case CTRL_SWITCHOVER_ACK:
		m.time = read_le64(&r);
		break;
	case CTRL_ABORT:
	case CTRL_DECLINED:
		text_read(&r, m.text);
		break;
	default:
		break;
	}
	if (r.failed || r.left_bytes != 0 || (m.flags & ~CTRL_FLAGS) != 0) {
		return ERR_BAD_RECORD;
	}
	*out = m;
	return ERR_OK;
}

const char *ctrl_name(uint16_t type)
{
	static const char *const names[] = { "PREPARE", "PREPARED", "READY", "COMMIT", "TAKEN", "RUNNING", "RETIRED",
		"SETTLED", "ABORT", "DECLINED", "STATUS", "UNKNOWN", "SWITCHOVER_ACK" };

	return type >= CTRL_FIRST && type < CTRL_END ? names[type - CTRL_FIRST] : "?";
}
