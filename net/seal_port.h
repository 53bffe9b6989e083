/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * AES-256-GCM (NIST SP 800-38D), SHA-256, HMAC and HKDF-Expand of the session, by Mbed TLS.
 * No state of its own and no allocation.
 */
#ifndef NET_SEAL_PORT_H
#define NET_SEAL_PORT_H

#include "migration/hash.h"
#include "migration/session/seal.h"

/** AES-256-GCM; constant for the life of the image. */
const struct seal_ops *seal_port_ops(void);

/** SHA-256 (FIPS 180-4). */
const struct hash_ops *hash_port_ops(void);

#endif
