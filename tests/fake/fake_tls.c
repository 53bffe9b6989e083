/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_tls.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "tests/fake/sha256.h"

#define RECORD_HEAD  5u
#define RECORD_ALERT 0x15u
#define RECORD_SHAKE 0x16u
#define RECORD_DATA  0x17u
#define TAG	     8u
#define PLAIN_MAX    8192u
#define ALERT_CLOSE  "close_notify"

/* Handshake payloads: nonce 16, version 1, then for all but the first a certificate. */
struct certificate {
	uint8_t present, expired, source, destination;
	char ca[FAKE_CA_MAX];
	char id[HOST_ID_MAX];
};

static struct fake_tls_conn *conn_of(struct fake_tls *t, tls_id id)
{
	ASSERT(id < FAKE_TLS_MAX && t->conns[id].state != FAKE_TLS_FREE);
	return &t->conns[id];
}

static void record_put(struct fake_tls_conn *c, uint8_t type, const void *payload, size_t len)
{
	uint8_t *at = c->out + c->out_len;

	ASSERT(c->out_len + RECORD_HEAD + len <= FAKE_TLS_BUF);
	at[0] = type;
	at[1] = 3;
	at[2] = 3;
	store_be16(at + 3, (uint16_t)len);
	memcpy(at + RECORD_HEAD, payload, len);
	c->out_len += RECORD_HEAD + len;
}

static enum err fail(struct fake_tls_conn *c, enum err err, const char *reason)
{
	if (c->state != FAKE_TLS_FAILED) {
		c->state = FAKE_TLS_FAILED;
		c->failure = err;
		(void)snprintf(c->reason, REASON_BYTES, "%s", reason);
	}
	return c->failure;
}

/* As fail, and the peer is told. */
static enum err refuse(struct fake_tls_conn *c, const char *reason)
{
	record_put(c, RECORD_ALERT, reason, strlen(reason));
	return fail(c, ERR_AUTH, reason);
}

static void certificate_put(const struct fake_tls *t, uint8_t *out)
{
	struct certificate cert;

	memset(&cert, 0, sizeof(cert));
	cert.present = !t->own.none;
	cert.expired = t->own.expired;
	cert.source = !t->own.no_source_role;
	cert.destination = !t->own.no_destination_role;
	(void)snprintf(cert.ca, sizeof(cert.ca), "%s", t->own.ca);
	(void)snprintf(cert.id, sizeof(cert.id), "%s", t->own.id);
	memcpy(out, &cert, sizeof(cert));
}

static enum err certificate_check(struct fake_tls *t, struct fake_tls_conn *c, const uint8_t *in)
{
	struct certificate cert;

	memcpy(&cert, in, sizeof(cert));
	cert.ca[FAKE_CA_MAX - 1] = '\0';
	cert.id[HOST_ID_MAX - 1] = '\0';
	if (!cert.present) {
		return refuse(c, "no certificate");
	}
	if (strcmp(cert.ca, t->own.ca) != 0) {
		return refuse(c, "certificate is not signed by a trusted CA");
	}
	if (cert.expired) {
		return refuse(c, "certificate has expired");
	}
	if (c->role == TLS_SOURCE ? !cert.destination : !cert.source) {
		return refuse(c, "certificate lacks the role");
	}
	memcpy(c->peer, cert.id, HOST_ID_MAX);
	return ERR_OK;
}

static void nonce_make(struct fake_tls *t, uint8_t out[16])
{
	for (unsigned i = 0; i < 16; i++) {
		t->seed = t->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		out[i] = (uint8_t)(t->seed >> 56);
	}
}

static void established(struct fake_tls_conn *c)
{
	fake_sha256_of(c->nonce, sizeof(c->nonce), c->key);
	c->state = FAKE_TLS_UP;
}

static void hello_put(struct fake_tls *t, struct fake_tls_conn *c, bool cert)
{
	uint8_t payload[17 + sizeof(struct certificate)];

	memcpy(payload, c->nonce[c->role == TLS_SOURCE ? 0 : 1], 16);
	payload[16] = t->own.tls12 ? 12 : 13;
	if (cert) {
		certificate_put(t, payload + 17);
	}
	record_put(c, RECORD_SHAKE, payload, cert ? sizeof(payload) : 17);
}

static enum err tls_open(void *ctx, enum tls_role role, tls_id *out)
{
	struct fake_tls *t = ctx;

	if (t->own.silent) {
		return ERR_UNSUPPORTED;
	}
	for (uint32_t i = 0; i < FAKE_TLS_MAX; i++) {
		struct fake_tls_conn *c = &t->conns[i];

		if (c->state == FAKE_TLS_FREE) {
			memset(c, 0, offsetof(struct fake_tls_conn, in));
			c->in_len = 0;
			c->out_len = 0;
			c->plain_len = 0;
			c->role = role;
			nonce_make(t, c->nonce[role == TLS_SOURCE ? 0 : 1]);
			c->state = role == TLS_SOURCE ? FAKE_TLS_WAIT_SERVER : FAKE_TLS_WAIT_CLIENT;
			if (role == TLS_SOURCE) {
				hello_put(t, c, false);
			}
			t->opened++;
			*out = i;
			return ERR_OK;
		}
	}
	return ERR_FULL;
}

static enum err tls_push(void *ctx, tls_id tls, const uint8_t *bytes, size_t len_bytes, size_t *taken)
{
	struct fake_tls_conn *c = conn_of(ctx, tls);
	const size_t room = FAKE_TLS_BUF - c->in_len;

	*taken = len_bytes < room ? len_bytes : room;
	memcpy(c->in + c->in_len, bytes, *taken);
	c->in_len += *taken;
	return *taken == len_bytes ? ERR_OK : ERR_FULL;
}

static enum err tls_pull(void *ctx, tls_id tls, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct fake_tls_conn *c = conn_of(ctx, tls);

	*len_bytes = c->out_len < cap_bytes ? c->out_len : cap_bytes;
	memcpy(out, c->out, *len_bytes);
	memmove(c->out, c->out + *len_bytes, c->out_len - *len_bytes);
	c->out_len -= *len_bytes;
	return ERR_OK;
}

static void tls_push_eof(void *ctx, tls_id tls)
{
	conn_of(ctx, tls)->eof = true;
}

static void crypt(const struct fake_tls_conn *c, enum tls_role from, uint64_t number, uint8_t *bytes, size_t len)
{
	uint64_t word = load_le64(c->key) ^ number * 2654435761u ^ (from == TLS_SOURCE ? 1 : 2);

	for (size_t i = 0; i < len; i++) {
		word = word * UINT64_C(6364136223846793005) + 1442695040888963407u;
		bytes[i] ^= (uint8_t)(word >> 56);
	}
}

static void tag_of(const struct fake_tls_conn *c, enum tls_role from, uint64_t number, const uint8_t *bytes, size_t len,
	uint8_t out[TAG])
{
	uint64_t tag = load_le64(c->key + 8) ^ number ^ (from == TLS_SOURCE ? 1u << 30 : 1u << 31) ^ len << 32;

	for (size_t i = 0; i < len; i++) {
		tag = (tag ^ bytes[i]) * UINT64_C(0x100000001b3);
		tag ^= tag >> 29;
	}
	store_le64(out, tag);
}

static enum err record_data(struct fake_tls_conn *c, const uint8_t *payload, size_t len)
{
	const enum tls_role from = c->role == TLS_SOURCE ? TLS_DESTINATION : TLS_SOURCE;
	uint8_t tag[TAG];

	if (len < TAG || c->plain_len + len > FAKE_TLS_BUF) {
		return fail(c, ERR_LOST, "record overflow");
	}
	memcpy(c->plain + c->plain_len, payload, len - TAG);
	crypt(c, from, c->received, c->plain + c->plain_len, len - TAG);
	tag_of(c, from, c->received, c->plain + c->plain_len, len - TAG, tag);
	if (memcmp(tag, payload + len - TAG, TAG) != 0) {
		return fail(c, ERR_LOST, "a TLS record does not authenticate");
	}
	c->received++;
	c->plain_len += len - TAG;
	return ERR_OK;
}

static enum err record_alert(struct fake_tls_conn *c, const uint8_t *payload, size_t len)
{
	char text[REASON_BYTES];

	if (len == strlen(ALERT_CLOSE) && memcmp(payload, ALERT_CLOSE, len) == 0) {
		c->closed = true;
		return ERR_OK;
	}
	(void)snprintf(
		text, sizeof(text), "the peer refuses: %.*s", (int)(len < 120 ? len : 120), (const char *)payload);
	return fail(c, ERR_AUTH, text);
}

static enum err record_shake(struct fake_tls *t, struct fake_tls_conn *c, const uint8_t *payload, size_t len)
{
	const bool with_cert = c->state != FAKE_TLS_WAIT_CLIENT;
	uint8_t *nonce = c->nonce[c->role == TLS_SOURCE ? 1 : 0];
	enum err err;

	if (c->state == FAKE_TLS_UP || len != (with_cert ? 17 + sizeof(struct certificate) : 17)) {
		return fail(c, ERR_LOST, "handshake message out of turn");
	}
	if (payload[16] != 13 || t->own.tls12) {
		return refuse(c, "protocol version: TLS 1.3 only");
	}
	if (c->state == FAKE_TLS_WAIT_FINISH) {
		if (memcmp(nonce, payload, 16) != 0) {
			return fail(c, ERR_LOST, "handshake does not verify");
		}
		err = certificate_check(t, c, payload + 17);
		if (err == ERR_OK) {
			established(c);
		}
		return err;
	}
	memcpy(nonce, payload, 16);
	if (c->state == FAKE_TLS_WAIT_CLIENT) {
		hello_put(t, c, true);
		c->state = FAKE_TLS_WAIT_FINISH;
		return ERR_OK;
	}
	err = certificate_check(t, c, payload + 17);
	if (err == ERR_OK) {
		hello_put(t, c, true);
		established(c);
	}
	return err;
}

/* One whole record; ERR_AGAIN when there is none. */
static enum err record_take(struct fake_tls *t, struct fake_tls_conn *c)
{
	const uint8_t type = c->in[0];
	size_t len;
	enum err err;

	if (c->in_len < RECORD_HEAD) {
		return ERR_AGAIN;
	}
	len = load_be16(c->in + 3);
	if (c->in[1] != 3 || c->in[2] != 3 || len > PLAIN_MAX + TAG) {
		return fail(c, ERR_LOST, "peer sends no TLS records");
	}
	if (c->in_len < RECORD_HEAD + len) {
		return ERR_AGAIN;
	}
	if (type == RECORD_DATA && c->state == FAKE_TLS_UP) {
		err = record_data(c, c->in + RECORD_HEAD, len);
	} else if (type == RECORD_ALERT) {
		err = record_alert(c, c->in + RECORD_HEAD, len);
	} else if (type == RECORD_SHAKE) {
		err = record_shake(t, c, c->in + RECORD_HEAD, len);
	} else {
		err = fail(c, ERR_LOST, "peer sends no TLS records");
	}
	memmove(c->in, c->in + RECORD_HEAD + len, c->in_len - RECORD_HEAD - len);
	c->in_len -= RECORD_HEAD + len;
	return err;
}

static enum err tls_step(void *ctx, tls_id tls)
{
	struct fake_tls *t = ctx;
	struct fake_tls_conn *c = conn_of(t, tls);
	enum err err;

	if (c->state == FAKE_TLS_UP) {
		return ERR_OK;
	}
	if (c->state == FAKE_TLS_FAILED) {
		return c->failure;
	}
	err = record_take(t, c);
	if (err != ERR_OK && err != ERR_AGAIN) {
		return err;
	}
	if (err == ERR_AGAIN && (c->eof || c->closed)) {
		return fail(c, ERR_LOST, "connection cut");
	}
	return c->state == FAKE_TLS_UP ? ERR_OK : ERR_AGAIN;
}

static enum err tls_read(void *ctx, tls_id tls, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct fake_tls *t = ctx;
	struct fake_tls_conn *c = conn_of(t, tls);
	enum err err = ERR_OK;

	*len_bytes = 0;
	while (c->plain_len == 0 && err == ERR_OK && !c->closed && c->state == FAKE_TLS_UP) {
		err = record_take(t, c);
	}
	if (c->plain_len > 0) {
		*len_bytes = c->plain_len < cap_bytes ? c->plain_len : cap_bytes;
		memcpy(out, c->plain, *len_bytes);
		memmove(c->plain, c->plain + *len_bytes, c->plain_len - *len_bytes);
		c->plain_len -= *len_bytes;
		return ERR_OK;
	}
	if (c->state == FAKE_TLS_FAILED) {
		return c->failure;
	}
	if (c->closed) {
		return ERR_END;
	}
	return c->eof ? fail(c, ERR_LOST, "connection cut") : ERR_AGAIN;
}

static enum err tls_write(void *ctx, tls_id tls, const uint8_t *bytes, size_t len_bytes)
{
	struct fake_tls_conn *c = conn_of(ctx, tls);
	uint8_t payload[CTRL_MSG_BYTES + TAG];

	ASSERT(len_bytes <= CTRL_MSG_BYTES);
	if (c->state != FAKE_TLS_UP) {
		return ERR_LOST;
	}
	if (c->out_len > 0) {
		return ERR_FULL;
	}
	memcpy(payload, bytes, len_bytes);
	tag_of(c, c->role, c->sent, payload, len_bytes, payload + len_bytes);
	crypt(c, c->role, c->sent, payload, len_bytes);
	record_put(c, RECORD_DATA, payload, len_bytes + TAG);
	c->sent++;
	return ERR_OK;
}

static void tls_close(void *ctx, tls_id tls)
{
	struct fake_tls_conn *c = conn_of(ctx, tls);

	if (c->state == FAKE_TLS_UP) {
		record_put(c, RECORD_ALERT, ALERT_CLOSE, strlen(ALERT_CLOSE));
	}
}

static enum err tls_exporter(void *ctx, tls_id tls, const char *label, const uint8_t *context, size_t context_bytes,
	uint8_t *out, size_t out_bytes)
{
	const struct fake_tls_conn *c = conn_of(ctx, tls);
	uint8_t block[HASH_BYTES];
	struct hash_state h;

	if (c->state != FAKE_TLS_UP) {
		return ERR_LOST;
	}
	ASSERT(out_bytes <= HASH_BYTES);
	fake_sha256.start(&h);
	fake_sha256.add(&h, c->key, HASH_BYTES);
	fake_sha256.add(&h, label, strlen(label) + 1);
	fake_sha256.add(&h, context, context_bytes);
	fake_sha256.finish(&h, block);
	memcpy(out, block, out_bytes);
	return ERR_OK;
}

static enum err tls_peer_id(void *ctx, tls_id tls, char out[HOST_ID_MAX])
{
	const struct fake_tls_conn *c = conn_of(ctx, tls);

	if (c->state != FAKE_TLS_UP) {
		return ERR_BAD_STATE;
	}
	memcpy(out, c->peer, HOST_ID_MAX);
	return ERR_OK;
}

static enum err tls_own_id(void *ctx, char out[HOST_ID_MAX])
{
	const struct fake_tls *t = ctx;

	memcpy(out, t->own.id, HOST_ID_MAX);
	return t->own.silent ? ERR_UNSUPPORTED : ERR_OK;
}

static const char *tls_reason(void *ctx, tls_id tls)
{
	return conn_of(ctx, tls)->reason;
}

static void tls_free(void *ctx, tls_id tls)
{
	struct fake_tls *t = ctx;

	conn_of(t, tls)->state = FAKE_TLS_FREE;
	t->freed++;
}

static const struct tls_ops ops = {
	.open = tls_open,
	.push = tls_push,
	.pull = tls_pull,
	.push_eof = tls_push_eof,
	.step = tls_step,
	.read = tls_read,
	.write = tls_write,
	.close = tls_close,
	.exporter = tls_exporter,
	.peer_id = tls_peer_id,
	.own_id = tls_own_id,
	.reason = tls_reason,
	.free = tls_free,
};

void fake_tls_init(struct fake_tls *t, const char *id, const char *ca, uint64_t seed)
{
	memset(t, 0, sizeof(*t));
	(void)snprintf(t->own.id, sizeof(t->own.id), "%s", id);
	(void)snprintf(t->own.ca, sizeof(t->own.ca), "%s", ca);
	t->seed = seed;
}

struct tls fake_tls(struct fake_tls *t)
{
	return (struct tls){ &ops, t };
}
