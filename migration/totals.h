/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * TOTALS: the authenticated end of one credited stream, by which the destination tells an end from a cut.
 *
 * Payload, 64 bytes: le16 stream, le16 zero, le32 zero; le64 frames (RAM, device) or records (VM records); le64 pages with
 * contents (RAM) or bytes; le64 zero pages (RAM) or zero; SHA-256 of the records or the image, zero for RAM.
 */
#ifndef MIGRATION_TOTALS_H
#define MIGRATION_TOTALS_H

#include "migration/device_run.h"
#include "migration/link.h"
#include "migration/ram.h"
#include "migration/vmstate.h"

#define TOTALS_BYTES 64u

struct totals {
	uint16_t stream;
	uint64_t count, amount, zero;
	uint8_t hash[HASH_BYTES];
};

struct totals totals_of_ram(uint8_t channel, const struct ram_totals *ram);
struct totals totals_of_records(const struct records_sum *records, const struct hash_ops *hash);
struct totals totals_of_device(uint32_t k, const struct device_run *run, const struct hash_ops *hash);

/** ERR_FULL when the link has no room now; ERR_LOST. */
enum err totals_send(const struct totals *t, const struct link *link, uint8_t channel) MUST_CHECK;
/** ERR_BAD_RECORD for a wrong length or reserved field; *out is then untouched. */
enum err totals_read(const uint8_t *bytes, size_t len_bytes, struct totals *out) MUST_CHECK;
/** ERR_MISMATCH: reason names what differs, what was sent and what came. */
enum err totals_compare(const struct totals *sent, const struct totals *came, char *reason) MUST_CHECK;

#endif
