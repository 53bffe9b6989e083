/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * One control connection: TLS over a stream, and the messages in it. It knows nothing of
 * epochs; what its messages mean is decided in session.c and handshake.c.
 */
#ifndef MIGRATION_SESSION_CONTROL_H
#define MIGRATION_SESSION_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/session/message.h"
#include "migration/session/stream.h"
#include "migration/session/tls.h"

#define CONTROL_OUT_BYTES (CTRL_MSG_BYTES + 256u)
#define CONTROL_TURNS_MAX 64u /* steps of one call; what is left is done by the next */
#define CONTROL_IDLE_MAX  16u /* handshake steps while TLS takes no more bytes */

enum control_state {
	CONTROL_FREE = 0,
	CONTROL_TCP,	/* source: connecting */
	CONTROL_TLS,	/* handshake */
	CONTROL_HELLO,	/* peer verified; its first message is awaited */
	CONTROL_DECIDE, /* its hello lies with the engine */
	CONTROL_UP,
};

struct control {
	enum control_state state;
	stream_id stream;
	tls_id tls;
	uint64_t deadline_us; /* of the handshake, until UP */
	bool fin;	      /* the peer's FIN was seen */
	struct net_addr addr;
	char peer[HOST_ID_MAX]; /* verified, from HELLO on */
	size_t out_at, out_len;
	uint8_t out[CONTROL_OUT_BYTES]; /* TLS records the stream has not taken yet */
	size_t in_len;
	uint8_t in[CTRL_MSG_BYTES]; /* a message being received */
};

/** Below and beside it; borrowed for a call. */
struct control_io {
	const struct streams *streams;
	const struct tls *tls;
};

/** FREE, with no stream and no TLS. */
void control_reset(struct control *c);
/** Begin the handshake on a connected stream. ERR_FULL, ERR_UNSUPPORTED: c stays as it was. */
MUST_CHECK enum err control_open(struct control *c, const struct control_io *io, enum tls_role role);
/** Bytes from the stream. ERR_FULL when TLS cannot take them all; ERR_AUTH, ERR_LOST. */
MUST_CHECK enum err control_push(
	struct control *c, const struct control_io *io, const uint8_t *bytes, size_t len_bytes, size_t *taken);
/** Plaintext into in. ERR_AGAIN when there is none, ERR_FULL when in is full, ERR_END, ERR_LOST, ERR_AUTH. */
MUST_CHECK enum err control_fill(struct control *c, const struct control_io *io);
/**
 * First whole message of in: *payload points into it. ERR_AGAIN when it is not all here,
 * ERR_BAD_RECORD with reason.
 */
MUST_CHECK enum err control_next(
	const struct control *c, struct message_header *head, const uint8_t **payload, char *reason);
/** Take the first message out of in. */
void control_consume(struct control *c, const struct message_header *head);
/** One whole message (header included) into TLS. ERR_FULL: later; ERR_LOST. */
MUST_CHECK enum err control_write(
	struct control *c, const struct control_io *io, const uint8_t *message, size_t len_bytes);
/** Hand what TLS has to the stream. ERR_OK also when the stream is full; ERR_LOST. */
MUST_CHECK enum err control_flush(struct control *c, const struct control_io *io);
/** True when nothing waits to be handed to the stream. */
bool control_flushed(struct control *c, const struct control_io *io);
/** Reset the stream, forget the keys. */
void control_abort(struct control *c, const struct control_io *io);
/** close_notify and FIN, forget the keys. True when the stream still lives and is now the caller's: *stream. */
bool control_close(struct control *c, const struct control_io *io, stream_id *stream);

#endif
