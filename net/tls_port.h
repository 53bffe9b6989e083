/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * TLS 1.3 of the control channel (migration/session/tls.h) by Mbed TLS, over byte buffers.
 *
 * Both ends must show a certificate: signed by our CA, valid now, with the extended key usage of
 * its role (1.3.6.1.4.1.55555.1.1 migration source, .1.2 migration destination, named one by one: absent or
 * "any" does not count) and exactly one subjectAltName URI godwit:host/ID. ALPN "godwit/1" is
 * mandatory. Every connection computes in an arena of its own, admitted by open().
 *
 * Two ports may live in one image; all of them are called from one service core.
 */
#ifndef NET_TLS_PORT_H
#define NET_TLS_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mbedtls/ssl.h>

#include "migration/session/tls.h"
#include "net/mbedtls/arena.h"
#include "net/mbedtls/hooks.h"

#define TLS_CONNECTION_COUNT_MAX  3u /* live, recovering, one stranger */
#define TLS_ARENA_BYTES		  (40u * 1024u)
#define TLS_SHARED_ARENA_BYTES	  (8u * 1024u)
#define TLS_IN_BYTES		  4096u
#define TLS_RECORD_OVERHEAD_BYTES 64u /* header, content type, padding and tag of a record, rounded up */
#define TLS_OUT_BYTES		  (2u * (CTRL_MSG_BYTES + TLS_RECORD_OVERHEAD_BYTES) + 2u * TLS_RECORD_OVERHEAD_BYTES)
#define TLS_CHAIN_MAX		  3u /* certificates a host presents */

enum tls_state { TLS_STATE_FREE, TLS_STATE_HANDSHAKE, TLS_STATE_OPEN, TLS_STATE_ENDED, TLS_STATE_FAILED };

/** Bytes between the two cursors wait. */
struct tls_buffer {
	size_t at;
	size_t end;
};

struct tls_connection {
	enum tls_state state;
	enum tls_role role;
	uint32_t generation;
	enum err failure;
	bool eof;
	bool closed; /* our close_notify is out or queued: RFC 8446, 6.1, nothing may follow */
	mbedtls_ssl_context ssl;
	struct arena arena;
	struct mbedtls_env env;
	struct tls_buffer in, out;
	char peer[HOST_ID_MAX];
	const char *peer_fault; /* what the certificate of the peer lacks besides its chain */
	char reason[REASON_BYTES];
	uint8_t in_bytes[TLS_IN_BYTES];
	uint8_t out_bytes[TLS_OUT_BYTES];
	_Alignas(16) uint8_t memory[TLS_ARENA_BYTES];
};

struct tls_port_config {
	/** DER, borrowed for the life of the port: the CA; own certificate, then its intermediates, one after another; own key (SEC 1 or PKCS #8). */
	const uint8_t *ca;
	size_t ca_bytes;
	const uint8_t *cert;
	size_t cert_bytes;
	const uint8_t *key;
	size_t key_bytes;
	/** Cryptographic randomness, and seconds since 1970-01-01 UTC; both mandatory. */
	enum err (*random)(void *ctx, uint8_t *out, size_t len_bytes);
	enum err (*wall_clock)(void *ctx, int64_t *unix_s);
	void *ctx;
};

/** Owned by the caller; opaque. About 170 KiB. */
struct tls_port {
	bool ready;
	struct mbedtls_env env;
	struct arena shared;
	mbedtls_x509_crt ca;
	mbedtls_x509_crt cert;
	mbedtls_pk_context key;
	mbedtls_ssl_config client;
	mbedtls_ssl_config server;
	char own_id[HOST_ID_MAX];
	char reason[REASON_BYTES];
	uint32_t peak_bytes; /* largest use of one connection's arena so far */
	struct tls_connection connections[TLS_CONNECTION_COUNT_MAX];
	_Alignas(16) uint8_t memory[TLS_SHARED_ARENA_BYTES];
};

/**
 * Read the credentials and prepare. On an error every open() says ERR_UNSUPPORTED, and
 * tls_port_reason() says why.
 *
 * @return ERR_OK; ERR_BAD_RECORD for a file that is not what it should be; ERR_MISMATCH for a key
 *         of another certificate; ERR_UNSUPPORTED without randomness or clock; ERR_FULL.
 */
enum err tls_port_init(struct tls_port *p, const struct tls_port_config *config) MUST_CHECK;

/** The seam of migration/session/tls.h over this port. */
struct tls tls_port_tls(struct tls_port *p);

/** Why tls_port_init failed; empty when it did not. */
const char *tls_port_reason(const struct tls_port *p);

#endif
