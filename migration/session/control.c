/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/session/control.h"

#include <string.h>

#include "core/base/assert.h"

void control_reset(struct control *c)
{
	c->state = CONTROL_FREE;
	c->stream = STREAM_NONE;
	c->tls = TLS_NONE;
	c->deadline_us = 0;
	c->fin = false;
	c->peer[0] = '\0';
	c->out_at = 0;
	c->out_len = 0;
	c->in_len = 0;
}

enum err control_open(struct control *c, const struct control_io *io, enum tls_role role)
{
	tls_id tls;
	enum err err = io->tls->ops->open(io->tls->ctx, role, &tls);

	if (err == ERR_OK) {
		c->tls = tls;
		c->state = CONTROL_TLS;
	}
	return err;
}

enum err control_push(
	struct control *c, const struct control_io *io, const uint8_t *bytes, size_t len_bytes, size_t *taken)
{
	*taken = 0;
	return io->tls->ops->push(io->tls->ctx, c->tls, bytes, len_bytes, taken);
}

enum err control_fill(struct control *c, const struct control_io *io)
{
	size_t len = 0;
	enum err err;

	if (c->in_len == CTRL_MSG_BYTES) {
		return ERR_FULL;
	}
	err = io->tls->ops->read(io->tls->ctx, c->tls, c->in + c->in_len, CTRL_MSG_BYTES - c->in_len, &len);
	if (err == ERR_OK) {
		ASSERT(len <= CTRL_MSG_BYTES - c->in_len);
		c->in_len += len;
		if (len == 0) {
			return ERR_AGAIN;
		}
	}
	return err;
}

enum err control_next(const struct control *c, struct message_header *head, const uint8_t **payload, char *reason)
{
	enum err err;

	if (c->in_len < MESSAGE_HEADER_BYTES) {
		return ERR_AGAIN;
	}
	err = message_header_read(c->in, head, reason);
	if (err != ERR_OK) {
		return err;
	}
	if (c->in_len < MESSAGE_HEADER_BYTES + head->len_bytes) {
		return ERR_AGAIN;
	}
	*payload = c->in + MESSAGE_HEADER_BYTES;
	return ERR_OK;
}

void control_consume(struct control *c, const struct message_header *head)
{
	const size_t len = MESSAGE_HEADER_BYTES + head->len_bytes;

	ASSERT(len <= c->in_len);
	memmove(c->in, c->in + len, c->in_len - len);
	c->in_len -= len;
}

/* Refill out from TLS when it is empty; false when there is nothing. */
static enum err out_refill(struct control *c, const struct control_io *io, bool *any)
{
	enum err err = ERR_OK;

	if (c->out_at == c->out_len) {
		c->out_at = 0;
		c->out_len = 0;
		err = io->tls->ops->pull(io->tls->ctx, c->tls, c->out, CONTROL_OUT_BYTES, &c->out_len);
		if (err != ERR_OK) {
			c->out_len = 0;
		}
	}
	*any = c->out_at < c->out_len;
	return err;
}

enum err control_flush(struct control *c, const struct control_io *io)
{
	for (uint32_t turn = 0; turn < CONTROL_TURNS_MAX; turn++) {
		bool any;
		enum err err = out_refill(c, io, &any);

		if (err != ERR_OK || !any) {
			return err;
		}
		err = io->streams->ops->send_copy(
			io->streams->ctx, c->stream, c->out + c->out_at, c->out_len - c->out_at);
		if (err == ERR_FULL) {
			return ERR_OK;
		}
		if (err != ERR_OK) {
			return ERR_LOST;
		}
		c->out_at = c->out_len;
	}
	return ERR_OK;
}

bool control_flushed(struct control *c, const struct control_io *io)
{
	bool any;

	return c->state == CONTROL_FREE || (out_refill(c, io, &any) == ERR_OK && !any);
}

enum err control_write(struct control *c, const struct control_io *io, const uint8_t *message, size_t len_bytes)
{
	enum err err = control_flush(c, io);

	if (err != ERR_OK) {
		return err;
	}
	if (!control_flushed(c, io)) {
		return ERR_FULL;
	}
	err = io->tls->ops->write(io->tls->ctx, c->tls, message, len_bytes);
	if (err == ERR_FULL) {
		return ERR_FULL;
	}
	if (err != ERR_OK) {
		return ERR_LOST;
	}
	return control_flush(c, io);
}

void control_abort(struct control *c, const struct control_io *io)
{
	if (c->tls != TLS_NONE) {
		io->tls->ops->free(io->tls->ctx, c->tls);
	}
	if (c->stream != STREAM_NONE) {
		io->streams->ops->abort(io->streams->ctx, c->stream);
	}
	control_reset(c);
}

bool control_close(struct control *c, const struct control_io *io, stream_id *stream)
{
	const bool peer_closed = c->fin;

	if (c->tls != TLS_NONE) {
		io->tls->ops->close(io->tls->ctx, c->tls);
		if (c->stream != STREAM_NONE && control_flush(c, io) != ERR_OK) {
			control_abort(c, io);
			return false;
		}
		io->tls->ops->free(io->tls->ctx, c->tls);
	}
	*stream = c->stream;
	if (c->stream != STREAM_NONE) {
		io->streams->ops->close(io->streams->ctx, c->stream);
	}
	control_reset(c);
	return *stream != STREAM_NONE && !peer_closed;
}
