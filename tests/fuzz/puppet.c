/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fuzz/puppet.h"

#include <string.h>

#include "tests/fake/null_seal.h"
#include "tests/fuzz/host.h"

#define TURNS_MAX 64u

static uint8_t frames[PUPPET_FRAMES][FRAME_BYTES + 256]; /* lent to the streams */

static void forget(struct puppet *p, stream_id s)
{
	if (s == p->control) {
		p->control = STREAM_NONE;
		p->established = false;
		if (p->id != TLS_NONE) {
			p->tls.ops->free(p->tls.ctx, p->id);
			p->id = TLS_NONE;
		}
		p->in_len = 0;
		p->out_len = 0;
	}
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		if (p->data[i] == s) {
			p->data[i] = STREAM_NONE;
			p->data_up[i] = false;
		}
	}
	for (uint32_t i = 0; i < PUPPET_STRANGERS; i++) {
		p->strangers[i] = p->strangers[i] == s ? STREAM_NONE : p->strangers[i];
	}
}

void puppet_end(struct puppet *p, stream_id s, bool reset)
{
	if (s == STREAM_NONE) {
		return;
	}
	if (reset) {
		p->streams.ops->abort(p->streams.ctx, s);
	} else {
		p->streams.ops->close(p->streams.ctx, s);
	}
	forget(p, s);
}

/* ---- events ---- */

static void control_begin(struct puppet *p, stream_id s)
{
	p->control = s;
	p->established = false;
	p->in_len = 0;
	p->out_len = 0;
	p->accepted = 0;
	if (p->tls.ops->open(p->tls.ctx, p->role, &p->id) != ERR_OK) {
		p->id = TLS_NONE;
	}
}

static void on_connected(void *owner, stream_id s)
{
	struct puppet *p = owner;

	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		p->data_up[i] = p->data_up[i] || p->data[i] == s;
	}
	if (s == p->control) {
		control_begin(p, s);
	}
}

static bool on_accepted(void *owner, stream_id s, const struct net_addr *peer)
{
	struct puppet *p = owner;

	(void)peer;
	if (p->control == STREAM_NONE || !p->established) {
		puppet_end(p, p->control, true);
		control_begin(p, s);
		return true;
	}
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		if (p->data[i] == STREAM_NONE) {
			p->data[i] = s;
			p->data_up[i] = true;
			p->accepted++;
			return true;
		}
	}
	return false;
}

static void on_received(void *owner, stream_id s, const uint8_t *bytes, size_t len_bytes)
{
	struct puppet *p = owner;
	size_t at = 0;

	for (uint32_t turn = 0; turn < TURNS_MAX && at < len_bytes && s == p->control && p->id != TLS_NONE; turn++) {
		size_t taken = 0;

		(void)p->tls.ops->push(p->tls.ctx, p->id, bytes + at, len_bytes - at, &taken);
		at += taken;
		if (at < len_bytes) {
			puppet_poll(p);
		}
	}
}

static void on_released(void *owner, stream_id s, uint32_t cookie)
{
	struct puppet *p = owner;

	(void)s;
	HOLDS(cookie < PUPPET_FRAMES && p->frame_used[cookie]);
	p->frame_used[cookie] = false;
}

static void on_ended(void *owner, stream_id s, enum stream_end how)
{
	struct puppet *p = owner;

	if (how == STREAM_END_FIN) {
		p->streams.ops->close(p->streams.ctx, s);
	}
	forget(p, s);
}

static const struct stream_events events = { on_connected, on_accepted, on_received, on_released, on_ended };

/* ---- set-up ---- */

void puppet_init(struct puppet *p, struct fake_net *net, uint32_t party, const char *id, enum tls_role role)
{
	memset(p, 0, sizeof(*p));
	p->net = net;
	p->party = party;
	p->role = role;
	p->streams = fake_net_streams(net, party);
	fake_tls_init(&p->fake, id, "ca", 77);
	p->tls = fake_tls(&p->fake);
	p->control = STREAM_NONE;
	p->id = TLS_NONE;
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		p->data[i] = STREAM_NONE;
	}
	for (uint32_t i = 0; i < PUPPET_STRANGERS; i++) {
		p->strangers[i] = STREAM_NONE;
	}
	if (role == TLS_DESTINATION) {
		HOLDS(p->streams.ops->listen(p->streams.ctx, HOST_PORT, &events, p) == ERR_OK);
	}
}

static stream_id dial(struct puppet *p)
{
	const struct net_addr to = fake_net_addr(0, HOST_PORT);
	stream_id s = STREAM_NONE;

	return p->streams.ops->connect(p->streams.ctx, &to, &events, p, &s) == ERR_OK ? s : STREAM_NONE;
}

void puppet_connect(struct puppet *p)
{
	puppet_end(p, p->control, true);
	p->control = dial(p);
}

void puppet_data_connect(struct puppet *p, uint32_t channel)
{
	puppet_end(p, p->data[channel], true);
	p->data[channel] = dial(p);
}

uint32_t puppet_stranger(struct puppet *p)
{
	uint32_t n = p->stranger_next++ % PUPPET_STRANGERS;

	puppet_end(p, p->strangers[n], true);
	p->strangers[n] = dial(p);
	return n;
}

void puppet_leave(struct puppet *p)
{
	puppet_end(p, p->control, true);
	for (uint32_t i = 0; i < CHANNEL_COUNT_MAX; i++) {
		puppet_end(p, p->data[i], true);
	}
	for (uint32_t i = 0; i < PUPPET_STRANGERS; i++) {
		puppet_end(p, p->strangers[i], true);
	}
	if (p->role == TLS_DESTINATION) {
		p->streams.ops->unlisten(p->streams.ctx, HOST_PORT);
	}
}

/* ---- control ---- */

static void flush(struct puppet *p)
{
	for (uint32_t turn = 0; turn < TURNS_MAX && p->control != STREAM_NONE && p->id != TLS_NONE; turn++) {
		if (p->out_len == 0 &&
			p->tls.ops->pull(p->tls.ctx, p->id, p->out, sizeof(p->out), &p->out_len) != ERR_OK) {
			p->out_len = 0;
		}
		if (p->out_len == 0 ||
			p->streams.ops->send_copy(p->streams.ctx, p->control, p->out, p->out_len) != ERR_OK) {
			return;
		}
		p->out_len = 0;
	}
}

/* False when there is no whole message. */
static bool message_take(struct puppet *p)
{
	uint8_t payload[CTRL_MSG_BYTES];
	size_t len;
	uint16_t type;

	if (p->in_len < MESSAGE_HEADER_BYTES) {
		return false;
	}
	len = load_le32(p->in);
	type = load_le16(p->in + 4);
	HOLDS(len <= MESSAGE_PAYLOAD_MAX && load_le16(p->in + 6) == 0);
	if (p->in_len < MESSAGE_HEADER_BYTES + len) {
		return false;
	}
	memcpy(payload, p->in + MESSAGE_HEADER_BYTES, len);
	p->in_len -= MESSAGE_HEADER_BYTES + len;
	memmove(p->in, p->in + MESSAGE_HEADER_BYTES + len, p->in_len);
	p->on_message(p, type, payload, len);
	return true;
}

void puppet_poll(struct puppet *p)
{
	for (uint32_t turn = 0; turn < TURNS_MAX && p->control != STREAM_NONE && p->id != TLS_NONE; turn++) {
		size_t len = 0;

		if (!p->established) {
			enum err err = p->tls.ops->step(p->tls.ctx, p->id);

			flush(p);
			if (err != ERR_OK) {
				break;
			}
			p->established = true;
		}
		if (p->tls.ops->read(p->tls.ctx, p->id, p->in + p->in_len, sizeof(p->in) - p->in_len, &len) != ERR_OK) {
			break;
		}
		p->in_len += len;
		for (uint32_t n = 0; n < TURNS_MAX && message_take(p); n++) {
		}
	}
	flush(p);
}

void puppet_raw(struct puppet *p, const uint8_t *bytes, size_t len_bytes)
{
	if (!p->established || p->id == TLS_NONE) {
		return;
	}
	flush(p);
	(void)p->tls.ops->write(p->tls.ctx, p->id, bytes, MIN(len_bytes, (size_t)CTRL_MSG_BYTES));
	flush(p);
}

void puppet_say(struct puppet *p, uint16_t type, const uint8_t *payload, size_t len_bytes)
{
	uint8_t message[MESSAGE_HEADER_BYTES + sizeof(p->last)];
	size_t head = MESSAGE_HEADER_BYTES;

	p->last_len = MIN(len_bytes, (size_t)MESSAGE_PAYLOAD_MAX);
	if (p->last_len > 0) {
		memcpy(p->last, payload, p->last_len);
	}
	p->last_type = type;
	p->edited = edits_apply(&p->edits, EDIT_PAYLOAD, p->last, &p->last_len, MESSAGE_PAYLOAD_MAX);
	message_header_write(message, type, (uint32_t)p->last_len);
	p->edited = edits_apply(&p->edits, EDIT_HEADER, message, &head, MESSAGE_HEADER_BYTES) || p->edited;
	p->edits.count = 0;
	memcpy(message + head, p->last, p->last_len);
	puppet_raw(p, message, head + p->last_len);
}

void puppet_keys(struct puppet *p)
{
	uint8_t hash[HASH_BYTES];
	enum err err;

	p->keyed = false;
	if (!p->established || p->id == TLS_NONE) {
		return;
	}
	keys_transcript_hash(null_seal.hash, &p->transcript, hash);
	err = keys_session_id(&p->tls, p->id, hash, &p->session);
	err = err == ERR_OK ? keys_recovery(&p->tls, p->id, hash, p->secret) : err;
	for (uint32_t i = 0; err == ERR_OK && i < CHANNEL_COUNT_MAX; i++) {
		err = keys_channel(&p->keys[i], &p->tls, &null_seal, p->id, hash, 1, (uint8_t)i);
		p->next[i] = 0;
	}
	p->keyed = err == ERR_OK;
	p->has_secret = p->has_secret || p->keyed;
}

/* ---- data ---- */

void puppet_bytes(struct puppet *p, stream_id s, const uint8_t *bytes, size_t len_bytes)
{
	if (s != STREAM_NONE && len_bytes > 0) {
		(void)p->streams.ops->send_copy(p->streams.ctx, s, bytes, MIN(len_bytes, (size_t)8192));
	}
}

bool puppet_frame(
	struct puppet *p, uint32_t channel, uint16_t stream, uint8_t type, const uint8_t *payload, size_t len_bytes)
{
	struct frame_header head = {
		.type = type,
		.channel = (uint8_t)channel,
		.stream = stream,
		.epoch = 1,
		.len_bytes = (uint32_t)len_bytes,
		.session = p->session,
		.sequence = p->next[channel],
	};
	uint8_t plain[FRAME_PAYLOAD_MAX];
	uint8_t iv[SEAL_IV_BYTES];
	size_t head_len = FRAME_HEADER_BYTES, len = len_bytes, whole;
	uint32_t n = 0;
	uint8_t *frame;

	while (n < PUPPET_FRAMES && p->frame_used[n]) {
		n++;
	}
	if (n == PUPPET_FRAMES || !p->keyed || p->data[channel] == STREAM_NONE) {
		return false;
	}
	frame = frames[n];
	memcpy(plain, payload, len_bytes);
	p->edited = edits_apply(&p->edits, EDIT_PAYLOAD, plain, &len, sizeof(plain));
	head.len_bytes = (uint32_t)len;
	frame_header_write(&head, frame);
	p->edited = edits_apply(&p->edits, EDIT_HEADER, frame, &head_len, FRAME_HEADER_BYTES) || p->edited;
	HOLDS(keys_advance(&p->keys[channel], &null_seal, p->next[channel]) == ERR_OK);
	keys_iv(&p->keys[channel], p->next[channel], iv);
	HOLDS(null_seal.begin(&p->keys[channel].seal, iv, frame, FRAME_HEADER_BYTES) == ERR_OK);
	null_seal.bytes(&p->keys[channel].seal, frame + FRAME_HEADER_BYTES, plain, len);
	null_seal.end(&p->keys[channel].seal, frame + FRAME_HEADER_BYTES + len);
	whole = FRAME_HEADER_BYTES + len + FRAME_TAG_BYTES;
	p->edited = edits_apply(&p->edits, EDIT_SEALED, frame, &whole, FRAME_BYTES) || p->edited;
	p->edits.count = 0;
	if (whole == 0 || p->streams.ops->send(p->streams.ctx, p->data[channel], frame, whole, n) != ERR_OK) {
		return false;
	}
	p->frame_used[n] = true;
	p->next[channel]++;
	return true;
}
