/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The engine's control messages on their way: a bounded queue in each direction. How many
 * may be outstanding is credited like frames are. docs/wire-format.md, section 3.4.
 */
#ifndef MIGRATION_SESSION_MAILBOX_H
#define MIGRATION_SESSION_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "migration/session/message.h"

/* One slot more than may be outstanding: the message the engine still reads when an epoch is fenced. */
#define MAILBOX_SLOTS (CTRL_QUEUE_COUNT + 1u)

struct mail {
	size_t len_bytes; /* whole message, header included */
	uint8_t bytes[CTRL_MSG_BYTES];
};

struct mailbox {
	struct mail slots[MAILBOX_SLOTS];
	uint32_t first, count;
};

void mailbox_clear(struct mailbox *m);
/** Copy a message in. ERR_FULL when CTRL_QUEUE_COUNT wait already; len_bytes <= MESSAGE_PAYLOAD_MAX. */
MUST_CHECK enum err mailbox_put(struct mailbox *m, uint16_t type, const uint8_t *payload, size_t len_bytes);
/** Oldest message, or NULL. */
const struct mail *mailbox_front(const struct mailbox *m);
void mailbox_drop(struct mailbox *m);

#endif
