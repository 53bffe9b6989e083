/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The engine's messages on the control channel: the hand-over's own, each with the attempt, epoch and gen it speaks of.
 *
 * Layout, little-endian: le32 attempt number, le64 source boot, le64 attempt random, le64 gen, le32 epoch, le32 zero;
 * then by type:
 *
 *   PREPARE            le32 flags (CTRL_FLAG_*)
 *   READY              le64 destination boot, digest (32 bytes), le64 load time in us
 *   COMMIT             digest (32 bytes), le64 nanoseconds since the VM stopped, le32 flags (CTRL_FLAG_*)
 *   RUNNING            le64 microseconds from COMMIT to run
 *   SWITCHOVER_ACK     le64 how often initial device state was loaded whole, in this attempt
 *   ABORT, DECLINED    le16 length, that many bytes of text (below REASON_BYTES)
 *
 * The others have nothing more. A message is exactly as long as its type says.
 */
#ifndef MIGRATION_CTRL_H
#define MIGRATION_CTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/hash.h"

/** Numbers below CTRL_FIRST are the session's own. */
enum ctrl_type {
	CTRL_FIRST = 0x100,
	CTRL_PREPARE = 0x100,
	CTRL_PREPARED,
	CTRL_READY,
	CTRL_COMMIT,
	CTRL_TAKEN,
	CTRL_RUNNING,
	CTRL_RETIRED,
	CTRL_SETTLED,
	CTRL_ABORT,
	CTRL_DECLINED,
	CTRL_STATUS,
	CTRL_UNKNOWN,
	CTRL_SWITCHOVER_ACK,
	CTRL_KEPT,
	CTRL_END,
};

#define CTRL_FLAG_WAS_RUNNING  (1u << 0) /* COMMIT: the VM ran when it was stopped for the hand-over */
#define CTRL_FLAG_CLOCK_FREEZE (1u << 1) /* COMMIT: guest time does not go on over the blackout */
#define CTRL_FLAG_VERIFY_RAM   (1u << 2) /* PREPARE: the digest holds a hash of all RAM */
#define CTRL_FLAGS	       (CTRL_FLAG_WAS_RUNNING | CTRL_FLAG_CLOCK_FREEZE | CTRL_FLAG_VERIFY_RAM)

#define CTRL_BYTES_MAX	       (40u + 2u + REASON_BYTES)

struct ctrl {
	uint16_t type; /* enum ctrl_type */
	uint32_t number;
	uint64_t source_boot;
	uint64_t random;
	uint64_t gen;
	uint32_t epoch;
	uint32_t flags;
	uint64_t boot;
	uint8_t digest[HASH_BYTES];
	uint64_t time; /* READY, RUNNING: us; COMMIT: ns; SWITCHOVER_ACK: a count */
	char text[REASON_BYTES];
};

/** Encode; returns the length, at most CTRL_BYTES_MAX (cap must hold that). */
size_t ctrl_encode(const struct ctrl *m, uint8_t out[CTRL_BYTES_MAX]);

/** Decode. ERR_UNSUPPORTED for a type that is not ours, ERR_BAD_RECORD for a wrong length or unknown flag; *out is then untouched. */
enum err ctrl_decode(uint16_t type, const uint8_t *bytes, size_t len_bytes, struct ctrl *out) MUST_CHECK;

/** "PREPARE" ...; never NULL. */
const char *ctrl_name(uint16_t type);

#endif
