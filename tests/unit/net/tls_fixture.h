/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Two TLS ports in one process, with credentials that tools/pki.sh made at build time. */
#ifndef TESTS_UNIT_NET_TLS_FIXTURE_H
#define TESTS_UNIT_NET_TLS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/tls_port.h"

#define PKI_FILE_BYTES 2048u

struct credentials {
	uint8_t ca[PKI_FILE_BYTES];
	size_t ca_bytes;
	uint8_t cert[PKI_FILE_BYTES];
	size_t cert_bytes;
	uint8_t key[PKI_FILE_BYTES];
	size_t key_bytes;
};

/** What the fixture's hosts know of the world. */
struct tls_world {
	uint64_t random_state;
	bool random_broken;
	bool clock_broken;
	int64_t clock_offset_s; /* from now */
};

/** Read DIR/ca.der, DIR/NAME.crt.der, DIR/NAME.key.der below the folder of the test PKI. */
void credentials_load(struct credentials *c, const char *dir, const char *name);
struct tls_port_config credentials_config(const struct credentials *c, struct tls_world *world);

struct tls_end {
	struct tls_port *port;
	struct tls tls;
	tls_id id;
	enum err err;	     /* last of step() */
	uint64_t sent_bytes; /* ciphertext pulled so far */
	uint8_t piece[4096]; /* on its way to the other end */
	size_t piece_at, piece_len;
};

struct tls_pair {
	struct tls_end source;
	struct tls_end destination;
};

/** Open one connection on each port. */
void tls_pair_open(struct tls_pair *pair, struct tls_port *source, struct tls_port *destination);
/**
 * Step both ends and carry bytes until nothing moves any more.
 *
 * @param piece_bytes  Largest piece carried at once.
 * @param cut_bytes    Bytes of the source and of the destination after which their direction is cut; UINT64_MAX for never.
 */
void tls_pair_run(struct tls_pair *pair, size_t piece_bytes, uint64_t cut_source_bytes, uint64_t cut_destination_bytes);
void tls_pair_free(struct tls_pair *pair);

#endif
