/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * TLS for tests: three handshake records, credentials as plain fields, an exporter over both
 * nonces, records in which any flipped bit shows. No secrecy. Every refusal an X.509 port
 * can give is a field of struct fake_credentials.
 */
#ifndef TESTS_FAKE_FAKE_TLS_H
#define TESTS_FAKE_FAKE_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/hash.h"
#include "migration/session/tls.h"

#define FAKE_TLS_MAX 3u /* as many as the real port has arenas */
#define FAKE_TLS_BUF 20480u
#define FAKE_CA_MAX  16u

struct fake_credentials {
	char id[HOST_ID_MAX];
	char ca[FAKE_CA_MAX]; /* signed by, and the only one trusted */
	bool none;	      /* sends no certificate */
	bool expired;
	bool no_source_role, no_destination_role;
	bool tls12;  /* speaks TLS 1.2 only */
	bool silent; /* admits no connection: no clock, no entropy */
};

enum fake_tls_state {
	FAKE_TLS_FREE,
	FAKE_TLS_WAIT_CLIENT,
	FAKE_TLS_WAIT_SERVER,
	FAKE_TLS_WAIT_FINISH,
	FAKE_TLS_UP,
	FAKE_TLS_FAILED
};

struct fake_tls_conn {
	enum fake_tls_state state;
	enum tls_role role;
	uint8_t nonce[2][16]; /* source's, destination's */
	uint8_t key[HASH_BYTES];
	char peer[HOST_ID_MAX];
	uint64_t sent, received; /* records */
	bool eof, closed;	 /* FIN came; close_notify came */
	enum err failure;
	char reason[REASON_BYTES];
	uint8_t in[FAKE_TLS_BUF], out[FAKE_TLS_BUF], plain[FAKE_TLS_BUF];
	size_t in_len, out_len, plain_len;
};

struct fake_tls {
	struct fake_credentials own;
	uint64_t seed;
	uint32_t opened, freed;
	struct fake_tls_conn conns[FAKE_TLS_MAX];
};

void fake_tls_init(struct fake_tls *t, const char *id, const char *ca, uint64_t seed);
struct tls fake_tls(struct fake_tls *t);

#endif
