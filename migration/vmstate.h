/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * VM records (vCPUs, interrupt controller, machine devices) as frames: le16 type, le16 instance, le32 version, then the
 * record's bytes, one record in each frame.
 */
#ifndef MIGRATION_VMSTATE_H
#define MIGRATION_VMSTATE_H

#include <stddef.h>
#include <stdint.h>

#include "migration/hash.h"
#include "migration/link.h"
#include "migration/vm.h"

#define VMSTATE_HEAD_BYTES 8u

/** What went over so far. */
struct records_sum {
	uint32_t count;
	uint64_t bytes;
	struct hash_state hash;
};

void records_start(struct records_sum *sum, const struct hash_ops *hash);

/**
 * Save and send the next record (number sum->count).
 *
 * @param scratch  VMSTATE_HEAD_BYTES + VM_RECORD_BYTES.
 * @return ERR_OK: sent; ERR_END: all are sent; ERR_FULL: no room in the link now; else what the VM or link said.
 */
enum err records_send(struct records_sum *sum, const struct hash_ops *hash, const struct vm *vm,
	const struct link *link, uint8_t *scratch) MUST_CHECK;

/** One frame: check and stage. ERR_BAD_RECORD, ERR_RANGE, or the VM's answer, with reason. */
enum err records_load(struct records_sum *sum, const struct hash_ops *hash, const struct vm *vm, const uint8_t *bytes,
	size_t len_bytes, char *reason) MUST_CHECK;

#endif
