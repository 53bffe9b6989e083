/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A seal without secrecy worth the name, for tests only: a keystream and a tag by 64-bit
 * mixing, fast, and any flipped bit of header, payload, tag, key or IV shows. HMAC and HKDF are
 * the real ones over tests/fake/sha256.h.
 */
#ifndef TESTS_FAKE_NULL_SEAL_H
#define TESTS_FAKE_NULL_SEAL_H

#include "migration/session/seal.h"

extern const struct seal_ops null_seal;

#endif
