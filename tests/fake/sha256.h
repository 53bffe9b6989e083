/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** SHA-256 (FIPS 180-4) for tests that run without a crypto library. */
#ifndef TESTS_FAKE_SHA256_H
#define TESTS_FAKE_SHA256_H

#include "migration/hash.h"

extern const struct hash_ops fake_sha256;

/** One call over one message. */
void fake_sha256_of(const void *bytes, size_t len_bytes, uint8_t out[HASH_BYTES]);

#endif
