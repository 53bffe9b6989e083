/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What READY says: one SHA-256 over all that was sent, computed by both sides from their own view (docs/handover.md). */
#ifndef MIGRATION_DIGEST_H
#define MIGRATION_DIGEST_H

#include <stdint.h>

#include "migration/device_run.h"
#include "migration/hash.h"
#include "migration/link.h"
#include "migration/ram.h"

struct digest_input {
	const struct attempt *attempt;	  /* number, source boot, random, gen, VM name */
	const uint8_t *hello_hash;	  /* HASH_BYTES: SHA-256(source's hello | destination's hello) */
	const struct hash_state *records; /* running hash of all VM records, each with its head; copied */
	const struct device_set *devices; /* bytes and running hash of each image; copied */
	struct ram_totals ram;		  /* pages placed and zero, over all channels */
	const uint8_t *ram_hash;	  /* HASH_BYTES of all RAM (x-verify-ram), or NULL */
};

void digest_compute(
	const struct hash_ops *hash, const struct link *link, const struct digest_input *in, uint8_t out[HASH_BYTES]);

#endif
