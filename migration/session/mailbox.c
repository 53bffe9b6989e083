/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/mailbox.h"

#include <string.h>

#include "core/base/assert.h"

/* first moves on by one, so that what was at the front stays readable while new messages come. */
void mailbox_clear(struct mailbox *m)
{
	m->first = (m->first + 1) % MAILBOX_SLOTS;
	m->count = 0;
}

enum err mailbox_put(struct mailbox *m, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	struct mail *mail;

	ASSERT(len_bytes <= MESSAGE_PAYLOAD_MAX);
	if (m->count >= CTRL_QUEUE_COUNT) {
		return ERR_FULL;
	}
	mail = &m->slots[(m->first + m->count) % MAILBOX_SLOTS];
	message_header_write(mail->bytes, type, (uint32_t)len_bytes);
	if (len_bytes > 0) {
		memcpy(mail->bytes + MESSAGE_HEADER_BYTES, payload, len_bytes);
	}
	mail->len_bytes = MESSAGE_HEADER_BYTES + len_bytes;
	m->count++;
	return ERR_OK;
}

const struct mail *mailbox_front(const struct mailbox *m)
{
	return m->count > 0 ? &m->slots[m->first] : NULL;
}

void mailbox_drop(struct mailbox *m)
{
	ASSERT(m->count > 0);
	m->first = (m->first + 1) % MAILBOX_SLOTS;
	m->count--;
}
