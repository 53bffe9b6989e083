/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/ctrl.h"

#include "core/base/assert.h"
#include "core/base/cursor.h"
#include "core/base/text.h"

/** What a message has beside its head, in this order. */
enum {
	HAS_BOOT = 1,
	HAS_DIGEST = 2,
	HAS_TIME = 4,
	HAS_FLAGS = 8,
	HAS_TEXT = 16,
};

static const struct {
	const char *name;
	uint8_t has;
} types[CTRL_END - CTRL_FIRST] = {
	[CTRL_PREPARE - CTRL_FIRST] = { "PREPARE", HAS_FLAGS },
	[CTRL_PREPARED - CTRL_FIRST] = { "PREPARED", 0 },
	[CTRL_READY - CTRL_FIRST] = { "READY", HAS_BOOT | HAS_DIGEST | HAS_TIME },
	[CTRL_COMMIT - CTRL_FIRST] = { "COMMIT", HAS_DIGEST | HAS_TIME | HAS_FLAGS },
	[CTRL_TAKEN - CTRL_FIRST] = { "TAKEN", 0 },
	[CTRL_RUNNING - CTRL_FIRST] = { "RUNNING", HAS_TIME },
	[CTRL_RETIRED - CTRL_FIRST] = { "RETIRED", 0 },
	[CTRL_SETTLED - CTRL_FIRST] = { "SETTLED", 0 },
	[CTRL_ABORT - CTRL_FIRST] = { "ABORT", HAS_TEXT },
	[CTRL_DECLINED - CTRL_FIRST] = { "DECLINED", HAS_TEXT },
	[CTRL_STATUS - CTRL_FIRST] = { "STATUS", 0 },
	[CTRL_UNKNOWN - CTRL_FIRST] = { "UNKNOWN", 0 },
	[CTRL_SWITCHOVER_ACK - CTRL_FIRST] = { "SWITCHOVER_ACK", HAS_TIME },
	[CTRL_KEPT - CTRL_FIRST] = { "KEPT", 0 },
};

size_t ctrl_encode(const struct ctrl *m, uint8_t out[CTRL_BYTES_MAX])
{
	struct writer w = writer_over(out, CTRL_BYTES_MAX);
	uint8_t has;

	ASSERT(m->type >= CTRL_FIRST && m->type < CTRL_END);
	has = types[m->type - CTRL_FIRST].has;
	write_le32(&w, m->number);
	write_le64(&w, m->source_boot);
	write_le64(&w, m->random);
	write_le64(&w, m->gen);
	write_le32(&w, m->epoch);
	write_le32(&w, 0);
	if ((has & HAS_BOOT) != 0) {
		write_le64(&w, m->boot);
	}
	if ((has & HAS_DIGEST) != 0) {
		write_bytes(&w, m->digest, HASH_BYTES);
	}
	if ((has & HAS_TIME) != 0) {
		write_le64(&w, m->time);
	}
	if ((has & HAS_FLAGS) != 0) {
		write_le32(&w, m->flags);
	}
	if ((has & HAS_TEXT) != 0) {
		size_t text_bytes = text_len(m->text, REASON_BYTES - 1);

		write_le16(&w, (uint16_t)text_bytes);
		write_bytes(&w, (const uint8_t *)m->text, text_bytes);
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
	uint8_t has;

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
	has = types[type - CTRL_FIRST].has;
	if ((has & HAS_BOOT) != 0) {
		m.boot = read_le64(&r);
	}
	if ((has & HAS_DIGEST) != 0) {
		read_copy(&r, m.digest, HASH_BYTES);
	}
	if ((has & HAS_TIME) != 0) {
		m.time = read_le64(&r);
	}
	if ((has & HAS_FLAGS) != 0) {
		m.flags = read_le32(&r);
	}
	if ((has & HAS_TEXT) != 0) {
		text_read(&r, m.text);
	}
	if (r.failed || r.left_bytes != 0 || (m.flags & ~CTRL_FLAGS) != 0) {
		return ERR_BAD_RECORD;
	}
	*out = m;
	return ERR_OK;
}

const char *ctrl_name(uint16_t type)
{
	return type >= CTRL_FIRST && type < CTRL_END ? types[type - CTRL_FIRST].name : "?";
}
