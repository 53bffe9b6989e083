/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * TLS 1.3 of the control channel as a byte transformer: ciphertext goes in and out by
 * push and pull, plaintext by read and write; no sockets, no waiting (the shape of
 * BearSSL's engine). Implemented by net/ (mbedTLS) and by the simulator.
 *
 * Mutual authentication is always required (RFC 8446, 4.3.2), ALPN "godwit/1", no tickets, no
 * early data. Chain, validity dates and the role EKU of the peer are verified here; whether this
 * very host is allowed is the session's question, asked with peer_id().
 */
#ifndef MIGRATION_SESSION_TLS_H
#define MIGRATION_SESSION_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"

enum tls_role { TLS_SOURCE /* client */, TLS_DESTINATION /* server */ };

/** A connection handle; TLS_NONE is never valid. */
typedef uint32_t tls_id;
#define TLS_NONE UINT32_MAX

struct tls_ops {
	/** Admit one more connection: ERR_FULL when all arenas are in use, ERR_UNSUPPORTED without clock, entropy or credentials. */
	enum err (*open)(void *ctx, enum tls_role role, tls_id *out);
	/** Feed received bytes; *taken <= len; ERR_FULL when it cannot take any now. */
	enum err (*push)(void *ctx, tls_id tls, const uint8_t *bytes, size_t len_bytes, size_t *taken);
	/** Bytes to send to the peer; *len_bytes may be 0. */
	enum err (*pull)(void *ctx, tls_id tls, uint8_t *out, size_t cap_bytes, size_t *len_bytes);
	/** Peer closed the TCP connection: later reads give ERR_LOST unless close_notify came. */
	void (*push_eof)(void *ctx, tls_id tls);
	/** Advance the handshake by one bounded step. ERR_AGAIN, ERR_OK (established), ERR_AUTH, ERR_LOST. */
	enum err (*step)(void *ctx, tls_id tls);
	/** Established only. *len may be less than asked. ERR_AGAIN, ERR_END (close_notify), ERR_LOST (cut). */
	enum err (*read)(void *ctx, tls_id tls, uint8_t *out, size_t cap_bytes, size_t *len_bytes);
	/** All or nothing for len <= CTRL_MSG_BYTES; ERR_FULL when output waits to be pulled. */
	enum err (*write)(void *ctx, tls_id tls, const uint8_t *bytes, size_t len_bytes);
	/** Queue close_notify. */
	void (*close)(void *ctx, tls_id tls);
	/** Exporter, RFC 8446 7.5. */
	enum err (*exporter)(void *ctx, tls_id tls, const char *label, const uint8_t *context, size_t context_bytes,
		uint8_t *out, size_t out_bytes);
	/** Peer's verified host id (SAN URI godwit:host/ID without the prefix). */
	enum err (*peer_id)(void *ctx, tls_id tls, char out[HOST_ID_MAX]);
	/** Own host id. */
	enum err (*own_id)(void *ctx, char out[HOST_ID_MAX]);
	/** Why it failed, in words an operator understands; never NULL. */
	const char *(*reason)(void *ctx, tls_id tls);
	/** Forget keys and give the arena back. */
	void (*free)(void *ctx, tls_id tls);
};

struct tls {
	const struct tls_ops *ops;
	void *ctx;
};

#endif
