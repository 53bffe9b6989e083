/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Messages of the control channel: the 8-byte header all share, and the session's own messages.
 * docs/wire-format.md, section 3.
 */
#ifndef MIGRATION_SESSION_MESSAGE_H
#define MIGRATION_SESSION_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/err.h"
#include "migration/link.h"

#define MESSAGE_HEADER_BYTES 8u
#define MESSAGE_PAYLOAD_MAX  (CTRL_MSG_BYTES - MESSAGE_HEADER_BYTES)
#define MESSAGE_ENGINE_MAX   0x7fffu		     /* types up to here are the engine's */
#define MESSAGE_HELLO_MAX    (CTRL_MSG_BYTES - 512u) /* engine's bytes in a hello */

#define PROTOCOL_VERSION_MIN 1u
#define PROTOCOL_VERSION_MAX 1u

enum message_type {
	MESSAGE_HELLO = 0x8001,	  /* source: first message of a connection */
	MESSAGE_ANSWER = 0x8002,  /* destination: to a NEW hello */
	MESSAGE_RESUMED = 0x8003, /* destination: to a RESUME or STATUS hello */
	MESSAGE_REFUSE = 0x8004,  /* either: text, the connection is over */
	MESSAGE_JOINED = 0x8005,  /* destination: data channels joined so far */
	MESSAGE_CREDIT = 0x8006,  /* either: limits */
	MESSAGE_PING = 0x8007,
	MESSAGE_PONG = 0x8008,
	MESSAGE_FAULT = 0x8009, /* either: text, the epoch is over */
	MESSAGE_BYE = 0x800a,	/* either: nothing follows */
};

enum hello_kind { HELLO_NEW = 1, HELLO_RESUME = 2, HELLO_STATUS = 3 };

struct hello {
	uint8_t version_min, version_max;
	uint8_t kind;	       /* enum hello_kind */
	uint8_t channel_count; /* NEW: 1 .. CHANNEL_COUNT_MAX, else 0 */
	uint32_t epoch;
	uint64_t boot; /* of the sender, now */
	struct attempt attempt;
	uint8_t proof[HASH_BYTES]; /* RESUME, else zero */
	const uint8_t *bytes;	   /* NEW: the engine's hello */
	size_t len_bytes;
};

struct answer {
	uint8_t version, channel_count;
	uint32_t epoch;
	uint64_t boot;
	const uint8_t *bytes;
	size_t len_bytes;
};

struct resumed {
	uint8_t version;
	bool proved;
	uint32_t epoch;
	uint64_t boot;
	uint8_t proof[HASH_BYTES]; /* zero unless proved */
};

struct message_header {
	uint16_t type;
	uint32_t len_bytes;
};

void message_header_write(uint8_t out[MESSAGE_HEADER_BYTES], uint16_t type, uint32_t len_bytes);
/** ERR_BAD_RECORD, with reason (REASON_BYTES), for a length above MESSAGE_PAYLOAD_MAX or a set reserved field. */
MUST_CHECK enum err message_header_read(
	const uint8_t in[MESSAGE_HEADER_BYTES], struct message_header *out, char *reason);

/** Payloads; the writers set w->failed when there is no room. */
void hello_write(struct writer *w, const struct hello *h);
void answer_write(struct writer *w, const struct answer *a);
void resumed_write(struct writer *w, const struct resumed *m);

/**
 * Read a payload whole. bytes point into in. On error out is unchanged and reason (REASON_BYTES) names the field.
 *
 * @return ERR_OK; ERR_UNSUPPORTED when no common version exists (hello, naming both ranges);
 *         ERR_BAD_RECORD.
 */
MUST_CHECK enum err hello_read(const uint8_t *in, size_t len_bytes, struct hello *out, char *reason);
MUST_CHECK enum err answer_read(const uint8_t *in, size_t len_bytes, struct answer *out, char *reason);
MUST_CHECK enum err resumed_read(const uint8_t *in, size_t len_bytes, struct resumed *out, char *reason);

/** Text of REFUSE and FAULT: cut at REASON_BYTES - 1, what is not printable ASCII becomes '?'. */
void message_text_read(const uint8_t *in, size_t len_bytes, char out[REASON_BYTES]);

/** Do two attempts name the same one? */
bool attempt_equal(const struct attempt *a, const struct attempt *b);

#endif
