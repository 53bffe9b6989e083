/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for short inputs an attacker may choose. */
#ifndef NET_SIPHASH_H
#define NET_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_BYTES 16u

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const uint8_t *bytes, size_t len_bytes);

#endif
