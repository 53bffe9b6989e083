/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/tls_port.h"

#include <string.h>

#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <psa/crypto.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "net/certificate.h"
#include "net/tls_reason.h"

/* A tls_id is generation << ID_INDEX_BITS | index; the index below TLS_CONNECTION_COUNT_MAX is never all ones. */
#define ID_INDEX_BITS 4u
#define ID_INDEX_MASK (BIT32(ID_INDEX_BITS) - 1u)
_Static_assert(TLS_CONNECTION_COUNT_MAX < ID_INDEX_MASK, "TLS_NONE is no id");
_Static_assert(TLS_OUT_BYTES >= MBEDTLS_SSL_OUT_CONTENT_LEN / 2, "a flight of the handshake fits");

static const char *const alpn[] = { "godwit/1", NULL };
static const int ciphersuites[] = {
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	0,
};
static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0 };
static const uint16_t signatures[] = { MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_NONE };
static const mbedtls_x509_crt_profile profile = {
	.allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384),
	.allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY),
	.allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1),
	.rsa_min_bitlen = 0,
};

/* ---- handles ---- */

static tls_id id_of(const struct tls_port *p, const struct tls_connection *c)
{
	return (uint32_t)(c->generation << ID_INDEX_BITS) | (uint32_t)(c - p->connections);
}

/** The connection of an id, or NULL once it was freed. */
static struct tls_connection *find(struct tls_port *p, tls_id id)
{
	uint32_t index = id & ID_INDEX_MASK;
	struct tls_connection *c;

	if (index >= TLS_CONNECTION_COUNT_MAX) {
		return NULL;
	}
	c = &p->connections[index];
	return c->state != TLS_STATE_FREE && id_of(p, c) == id ? c : NULL;
}

/* ---- byte buffers ---- */

static size_t buffer_put(struct tls_buffer *b, uint8_t *bytes, size_t cap, const uint8_t *from, size_t len)
{
	size_t n;

	if (b->at != 0 && cap - b->end < len) {
		memmove(bytes, bytes + b->at, b->end - b->at);
		b->end -= b->at;
		b->at = 0;
	}
	n = MIN(len, cap - b->end);
	if (n != 0) {
		memcpy(bytes + b->end, from, n);
		b->end += n;
	}
	return n;
}

static size_t buffer_take(struct tls_buffer *b, const uint8_t *bytes, uint8_t *to, size_t cap)
{
	size_t n = MIN(cap, b->end - b->at);

	if (n != 0) {
		memcpy(to, bytes + b->at, n);
		b->at += n;
	}
	return n;
}

static size_t buffer_used(const struct tls_buffer *b)
{
	return b->end - b->at;
}

static int bio_send(void *ctx, const unsigned char *bytes, size_t len)
{
	struct tls_connection *c = ctx;
	size_t n = buffer_put(&c->out, c->out_bytes, sizeof(c->out_bytes), bytes, len);

	return n == 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : (int)n;
}

static int bio_receive(void *ctx, unsigned char *out, size_t cap)
{
	struct tls_connection *c = ctx;
	size_t n = buffer_take(&c->in, c->in_bytes, out, cap);

	if (n == 0 && !c->eof) {
		return MBEDTLS_ERR_SSL_WANT_READ;
	}
	return (int)n; /* 0: the connection was cut */
}

/* ---- verification of the peer ---- */

/** Called for each certificate of the chain, the peer's own last (depth 0), its chain already judged in flags. */
static int verify_peer(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	struct tls_connection *c = ctx;
	enum tls_role peer_role = c->role == TLS_SOURCE ? TLS_DESTINATION : TLS_SOURCE;

	if (depth != 0) {
		return 0;
	}
	if (certificate_host_id(crt, c->peer) != ERR_OK) {
		c->peer_fault = "certificate has no usable host id (one subjectAltName URI godwit:host/ID)";
	} else if (!certificate_has_role(crt, peer_role)) {
		c->peer_fault = peer_role == TLS_SOURCE ? "certificate lacks role source"
							: "certificate lacks role destination";
	}
	if (c->peer_fault != NULL) {
		*flags |= MBEDTLS_X509_BADCERT_OTHER;
	}
	return 0;
}

/* ---- failing ---- */

static enum err fail(struct tls_connection *c, enum err err)
{
	c->state = TLS_STATE_FAILED;
	c->failure = err;
	return err;
}

static enum err fail_library(struct tls_connection *c, int ret)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&c->ssl);
	bool judged = flags != 0 && flags != UINT32_MAX;
	if (ret == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
		return fail(c, tls_reason_alert(c->reason, sizeof(c->reason), c->ssl.MBEDTLS_PRIVATE(in_msg)[1]));
	}
	/* Before the verdict on the certificate: without memory the library calls a good signature bad. */
	if (c->arena.refused_count != 0) {
		(void)fmt(c->reason, sizeof(c->reason), "TLS memory of the connection exhausted (%u bytes)",
			TLS_ARENA_BYTES);
		return fail(c, ERR_LOST);
	}
	if (judged && ret != MBEDTLS_ERR_SSL_CONN_EOF) {
		tls_reason_certificate(c->reason, sizeof(c->reason), flags, c->peer_fault, c->peer);
		return fail(c, ERR_AUTH);
	}
	return fail(c, tls_reason_library(c->reason, sizeof(c->reason), ret));
}

/* ---- life of a connection ---- */

static void note_peak(struct tls_port *p, const struct tls_connection *c)
{
	p->peak_bytes = MAX(p->peak_bytes, c->arena.peak_bytes);
}

static void connection_clear(struct tls_connection *c)
{
	mbedtls_env_enter(&c->env);
	mbedtls_ssl_free(&c->ssl);
	mbedtls_env_leave();
	ASSERT(c->arena.block_count == 0); /* the library gave all back, keys in PSA slots among it */
	arena_reset(&c->arena);
	mbedtls_platform_zeroize(c->in_bytes, sizeof(c->in_bytes));
	mbedtls_platform_zeroize(c->out_bytes, sizeof(c->out_bytes));
	c->state = TLS_STATE_FREE;
}

static enum err connection_setup(struct tls_port *p, struct tls_connection *c)
{
	int ret;

	mbedtls_ssl_init(&c->ssl);
	mbedtls_env_enter(&c->env);
	ret = mbedtls_ssl_setup(&c->ssl, c->role == TLS_SOURCE ? &p->client : &p->server);
	if (ret == 0) {
		/* Which host the peer must be is the session's question, so no name is matched here. */
		ret = mbedtls_ssl_set_hostname(&c->ssl, NULL);
	}
	mbedtls_env_leave();
	if (ret != 0) {
		connection_clear(c);
		return ERR_FULL;
	}
	mbedtls_ssl_set_verify(&c->ssl, verify_peer, c);
	mbedtls_ssl_set_bio(&c->ssl, c, bio_send, bio_receive, NULL);
	return ERR_OK;
}

static struct tls_connection *free_connection(struct tls_port *p)
{
	for (uint32_t i = 0; i < TLS_CONNECTION_COUNT_MAX; i++) {
		if (p->connections[i].state == TLS_STATE_FREE) {
			return &p->connections[i];
		}
	}
	return NULL;
}

static bool have_sources(const struct mbedtls_env *env)
{
	uint8_t probe[16];
	int64_t now_s;
	bool ok = env->random(env->ctx, probe, sizeof(probe)) == ERR_OK && env->wall_clock(env->ctx, &now_s) == ERR_OK;

	mbedtls_platform_zeroize(probe, sizeof(probe));
	return ok;
}

static enum err port_open(void *ctx, enum tls_role role, tls_id *out)
{
	struct tls_port *p = ctx;
	struct tls_connection *c;
	enum err err;

	if (!p->ready || !have_sources(&p->env)) {
		return ERR_UNSUPPORTED;
	}
	c = free_connection(p);
	if (c == NULL) {
		return ERR_FULL;
	}
	c->role = role;
	c->generation = (c->generation + 1u) & (UINT32_MAX >> ID_INDEX_BITS);
	c->failure = ERR_OK;
	c->eof = false;
	c->closed = false;
	c->in = c->out = (struct tls_buffer){ 0 };
	c->peer[0] = c->reason[0] = '\0';
	c->peer_fault = NULL;
	arena_init(&c->arena, c->memory, sizeof(c->memory));
	c->env = p->env;
	c->env.arena = &c->arena;
	c->env.shared = &p->shared;
	err = connection_setup(p, c);
	if (err != ERR_OK) {
		return err;
	}
	c->state = TLS_STATE_HANDSHAKE;
	*out = id_of(p, c);
	return ERR_OK;
}

static void port_free(void *ctx, tls_id id)
{
	struct tls_port *p = ctx;
	struct tls_connection *c = find(p, id);

	if (c != NULL) {
		note_peak(p, c);
		connection_clear(c);
	}
}

/* ---- ciphertext ---- */

static enum err port_push(void *ctx, tls_id id, const uint8_t *bytes, size_t len_bytes, size_t *taken)
{
	struct tls_connection *c = find(ctx, id);

	*taken = 0;
	if (c == NULL || c->eof) {
		return ERR_LOST;
	}
	*taken = buffer_put(&c->in, c->in_bytes, sizeof(c->in_bytes), bytes, len_bytes);
	return *taken == 0 && len_bytes != 0 ? ERR_FULL : ERR_OK;
}

static enum err port_pull(void *ctx, tls_id id, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct tls_connection *c = find(ctx, id);

	*len_bytes = 0;
	if (c == NULL) {
		return ERR_LOST;
	}
	*len_bytes = buffer_take(&c->out, c->out_bytes, out, cap_bytes);
	return ERR_OK;
}

static void port_push_eof(void *ctx, tls_id id)
{
	struct tls_connection *c = find(ctx, id);

	if (c != NULL) {
		c->eof = true;
	}
}

/* ---- handshake ---- */

static enum err established(struct tls_connection *c)
{
	const char *protocol = mbedtls_ssl_get_alpn_protocol(&c->ssl);

	if (protocol == NULL || !text_equal(protocol, alpn[0])) {
		(void)mbedtls_ssl_send_alert_message(
			&c->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL);
		(void)fmt(c->reason, sizeof(c->reason), "peer does not speak %s", alpn[0]);
		return fail(c, ERR_AUTH);
	}
	/* The callback of the verification ran and found nothing: authmode is REQUIRED on both ends. */
	ASSERT(c->peer[0] != '\0' && c->peer_fault == NULL);
	c->state = TLS_STATE_OPEN;
	return ERR_OK;
}

/**
 * Give alerts the keys that the peer reads with (RFC 8446, 4.4.4 and 6). The library changes its
 * sending keys only when it has something of the handshake to send: a client would tell its
 * refusal in the clear, a server under the handshake keys, and the other end could not read why.
 * Nothing but one last alert is sent between this change and the library's own, which sets the
 * same keys and counter, so no nonce is used twice.
 */
static void alert_keys(struct tls_connection *c)
{
	mbedtls_ssl_context *ssl = &c->ssl;
	mbedtls_ssl_transform *want;

	if (c->role == TLS_SOURCE) {
		want = ssl->MBEDTLS_PRIVATE(transform_out) == NULL ? ssl->MBEDTLS_PRIVATE(transform_in) : NULL;
	} else {
		want = ssl->MBEDTLS_PRIVATE(transform_application);
	}
	if (want != NULL && want != ssl->MBEDTLS_PRIVATE(transform_out)) {
		ssl->MBEDTLS_PRIVATE(transform_out) = want;
		memset(ssl->MBEDTLS_PRIVATE(cur_out_ctr), 0, sizeof(ssl->MBEDTLS_PRIVATE(cur_out_ctr)));
	}
}

static enum err handshake_step(struct tls_connection *c)
{
	int ret = mbedtls_ssl_handshake_step(&c->ssl);

	if (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE) {
		return ERR_AGAIN;
	}
	if (ret != 0) {
		return fail_library(c, ret);
	}
	if (mbedtls_ssl_is_handshake_over(&c->ssl)) {
		return established(c);
	}
	alert_keys(c);
	return ERR_AGAIN;
}

static enum err port_step(void *ctx, tls_id id)
{
	struct tls_connection *c = find(ctx, id);
	enum err err;

	if (c == NULL) {
		return ERR_LOST;
	}
	switch (c->state) {
	case TLS_STATE_HANDSHAKE:
		break;
	case TLS_STATE_FAILED:
		return c->failure;
	default:
		return ERR_OK;
	}
	mbedtls_env_enter(&c->env);
	err = handshake_step(c);
	mbedtls_env_leave();
	note_peak(ctx, c);
	return err;
}

/* ---- plaintext ---- */

static enum err read_result(struct tls_connection *c, int ret, size_t *len_bytes)
{
	if (ret > 0) {
		*len_bytes = (size_t)ret;
		return ERR_OK;
	}
	switch (ret) {
	case MBEDTLS_ERR_SSL_WANT_READ:
	case MBEDTLS_ERR_SSL_WANT_WRITE:
		return ERR_AGAIN;
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		c->state = TLS_STATE_ENDED;
		return ERR_END;
	case 0:
		return fail_library(c, MBEDTLS_ERR_SSL_CONN_EOF);
	default:
		return fail_library(c, ret);
	}
}

static enum err port_read(void *ctx, tls_id id, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct tls_connection *c = find(ctx, id);
	enum err err;

	*len_bytes = 0;
	if (c == NULL) {
		return ERR_LOST;
	}
	switch (c->state) {
	case TLS_STATE_OPEN:
		break;
	case TLS_STATE_ENDED:
		return ERR_END;
	case TLS_STATE_FAILED:
		return c->failure;
	default:
		return ERR_AGAIN;
	}
	if (cap_bytes == 0) {
		return ERR_OK;
	}
	mbedtls_env_enter(&c->env);
	err = read_result(c, mbedtls_ssl_read(&c->ssl, out, cap_bytes), len_bytes);
	mbedtls_env_leave();
	return err;
}

static enum err port_write(void *ctx, tls_id id, const uint8_t *bytes, size_t len_bytes)
{
	struct tls_connection *c = find(ctx, id);
	int ret;

	if (c == NULL || (c->state != TLS_STATE_OPEN && c->state != TLS_STATE_ENDED)) {
		return c != NULL && c->state == TLS_STATE_HANDSHAKE ? ERR_BAD_STATE : ERR_LOST;
	}
	if (c->closed) {
		return ERR_LOST;
	}
	if (len_bytes > CTRL_MSG_BYTES) {
		return ERR_RANGE;
	}
	if (len_bytes == 0) {
		return ERR_OK;
	}
	/* Room for the whole record and an alert after it: then the library never writes a part. */
	if (sizeof(c->out_bytes) - buffer_used(&c->out) < len_bytes + 2 * TLS_RECORD_OVERHEAD_BYTES) {
		return ERR_FULL;
	}
	mbedtls_env_enter(&c->env);
	ret = mbedtls_ssl_write(&c->ssl, bytes, len_bytes);
	mbedtls_env_leave();
	if (ret < 0) {
		return fail_library(c, ret);
	}
	ASSERT((size_t)ret == len_bytes);
	return ERR_OK;
}

static void port_close(void *ctx, tls_id id)
{
	struct tls_connection *c = find(ctx, id);

	if (c != NULL && !c->closed && (c->state == TLS_STATE_OPEN || c->state == TLS_STATE_ENDED)) {
		c->closed = true;
		mbedtls_env_enter(&c->env);
		(void)mbedtls_ssl_close_notify(&c->ssl); /* there is room for it: see port_write */
		mbedtls_env_leave();
	}
}

static enum err port_exporter(void *ctx, tls_id id, const char *label, const uint8_t *context, size_t context_bytes,
	uint8_t *out, size_t out_bytes)
{
	struct tls_connection *c = find(ctx, id);
	int ret;

	if (c == NULL) {
		return ERR_LOST;
	}
	if (c->state != TLS_STATE_OPEN && c->state != TLS_STATE_ENDED) {
		return ERR_BAD_STATE;
	}
	mbedtls_env_enter(&c->env);
	ret = mbedtls_ssl_export_keying_material(
		&c->ssl, out, out_bytes, label, text_len(label, 249), context, context_bytes, 1);
	mbedtls_env_leave();
	return ret == 0 ? ERR_OK : ERR_RANGE;
}

/* ---- identity ---- */

static enum err port_peer_id(void *ctx, tls_id id, char out[HOST_ID_MAX])
{
	struct tls_connection *c = find(ctx, id);

	if (c == NULL) {
		return ERR_LOST;
	}
	if (c->state != TLS_STATE_OPEN && c->state != TLS_STATE_ENDED) {
		return ERR_BAD_STATE;
	}
	memcpy(out, c->peer, HOST_ID_MAX);
	return ERR_OK;
}

static enum err port_own_id(void *ctx, char out[HOST_ID_MAX])
{
	struct tls_port *p = ctx;

	if (!p->ready) {
		return ERR_UNSUPPORTED;
	}
	memcpy(out, p->own_id, HOST_ID_MAX);
	return ERR_OK;
}

static const char *port_reason(void *ctx, tls_id id)
{
	struct tls_port *p = ctx;
	struct tls_connection *c = find(p, id);

	if (c == NULL) {
		return p->ready ? "no such TLS connection" : p->reason;
	}
	return c->reason;
}

static const struct tls_ops ops = {
	.open = port_open,
	.push = port_push,
	.pull = port_pull,
	.push_eof = port_push_eof,
	.step = port_step,
	.read = port_read,
	.write = port_write,
	.close = port_close,
	.exporter = port_exporter,
	.peer_id = port_peer_id,
	.own_id = port_own_id,
	.reason = port_reason,
	.free = port_free,
};

struct tls tls_port_tls(struct tls_port *p)
{
	return (struct tls){ .ops = &ops, .ctx = p };
}

const char *tls_port_reason(const struct tls_port *p)
{
	return p->reason;
}

/* ---- start ---- */

static enum err complain(struct tls_port *p, enum err err, const char *what, int ret)
{
	(void)fmt(p->reason, sizeof(p->reason), "TLS credentials: %s (-0x%04x)", what, (unsigned int)-ret);
	return p->shared.refused_count != 0 ? ERR_FULL : err;
}

/** DER certificates, one after another. */
static int parse_chain(mbedtls_x509_crt *chain, const uint8_t *bytes, size_t len_bytes)
{
	size_t at = 0;

	for (uint32_t i = 0; i < TLS_CHAIN_MAX && at < len_bytes; i++) {
		const mbedtls_x509_crt *last = chain;
		int ret = mbedtls_x509_crt_parse_der_nocopy(chain, bytes + at, len_bytes - at);

		if (ret != 0) {
			return ret;
		}
		for (uint32_t k = 0; k < TLS_CHAIN_MAX && last->next != NULL; k++) {
			last = last->next;
		}
		at += last->raw.len;
	}
	return at == len_bytes ? 0 : MBEDTLS_ERR_X509_INVALID_FORMAT;
}

static enum err read_credentials(struct tls_port *p, const struct tls_port_config *config)
{
	int ret = parse_chain(&p->ca, config->ca, config->ca_bytes);

	if (ret != 0) {
		return complain(p, ERR_BAD_RECORD, "the CA certificate is no DER X.509 certificate", ret);
	}
	ret = parse_chain(&p->cert, config->cert, config->cert_bytes);
	if (ret != 0) {
		return complain(p, ERR_BAD_RECORD, "the host certificate is no DER X.509 certificate", ret);
	}
	ret = mbedtls_pk_parse_key(
		&p->key, config->key, config->key_bytes, NULL, 0, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
	if (ret != 0) {
		return complain(p, ERR_BAD_RECORD, "the host key is no DER EC private key", ret);
	}
	ret = mbedtls_pk_check_pair(&p->cert.pk, &p->key, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
	if (ret != 0) {
		return complain(p, ERR_MISMATCH, "the host key is not that of the host certificate", ret);
	}
	if (certificate_host_id(&p->cert, p->own_id) != ERR_OK) {
		return complain(p, ERR_MISMATCH, "the host certificate has no usable host id", 0);
	}
	return ERR_OK;
}

static int configure(struct tls_port *p, mbedtls_ssl_config *conf, int endpoint)
{
	int ret = mbedtls_ssl_config_defaults(conf, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);

	if (ret != 0) {
		return ret;
	}
	/* The library's own default asks nothing of a client (docs/design.md, 5). */
	mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_tls13_key_exchange_modes(conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
	mbedtls_ssl_conf_ciphersuites(conf, ciphersuites);
	mbedtls_ssl_conf_groups(conf, groups);
	mbedtls_ssl_conf_sig_algs(conf, signatures);
	mbedtls_ssl_conf_cert_profile(conf, &profile);
	mbedtls_ssl_conf_rng(conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
	mbedtls_ssl_conf_ca_chain(conf, &p->ca, NULL);
	ret = mbedtls_ssl_conf_own_cert(conf, &p->cert, &p->key);
	if (ret != 0) {
		return ret;
	}
	return mbedtls_ssl_conf_alpn_protocols(conf, (const char **)(uintptr_t)alpn);
}

static enum err init_inside(struct tls_port *p, const struct tls_port_config *config)
{
	psa_status_t status = psa_crypto_init();
	enum err err;
	int ret;

	if (status != PSA_SUCCESS) {
		return complain(p, ERR_UNSUPPORTED, "the crypto library does not start", (int)status);
	}
	err = read_credentials(p, config);
	if (err != ERR_OK) {
		return err;
	}
	ret = configure(p, &p->client, MBEDTLS_SSL_IS_CLIENT);
	if (ret == 0) {
		ret = configure(p, &p->server, MBEDTLS_SSL_IS_SERVER);
	}
	return ret == 0 ? ERR_OK : complain(p, ERR_FULL, "no configuration", ret);
}

enum err tls_port_init(struct tls_port *p, const struct tls_port_config *config)
{
	enum err err;

	memset(p, 0, sizeof(*p));
	arena_init(&p->shared, p->memory, sizeof(p->memory));
	p->env = (struct mbedtls_env){
		.arena = &p->shared,
		.random = config->random,
		.wall_clock = config->wall_clock,
		.ctx = config->ctx,
	};
	mbedtls_x509_crt_init(&p->ca);
	mbedtls_x509_crt_init(&p->cert);
	mbedtls_pk_init(&p->key);
	mbedtls_ssl_config_init(&p->client);
	mbedtls_ssl_config_init(&p->server);
	if (!have_sources(&p->env)) {
		(void)fmt(p->reason, sizeof(p->reason), "TLS: no source of randomness, or no wall clock");
		return ERR_UNSUPPORTED;
	}
	mbedtls_env_enter(&p->env);
	err = init_inside(p, config);
	mbedtls_env_leave();
	p->ready = err == ERR_OK;
	return err;
}
