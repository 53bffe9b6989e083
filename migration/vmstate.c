/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/vmstate.h"

#include "core/base/bytes.h"
#include "core/base/fmt.h"

_Static_assert(VMSTATE_HEAD_BYTES + VM_RECORD_BYTES <= FRAME_PAYLOAD_MAX, "a record fits into one frame");

void records_start(struct records_sum *sum, const struct hash_ops *hash)
{
	sum->count = 0;
	sum->bytes = 0;
	hash->start(&sum->hash);
}

static void records_add(struct records_sum *sum, const struct hash_ops *hash, const uint8_t *bytes, size_t len_bytes)
{
	uint8_t len[8];

	store_le64(len, len_bytes);
	hash->add(&sum->hash, len, sizeof(len));
	hash->add(&sum->hash, bytes, len_bytes);
	sum->bytes += len_bytes;
	sum->count++;
}

enum err records_send(struct records_sum *sum, const struct hash_ops *hash, const struct vm *vm,
	const struct link *link, uint8_t *scratch)
{
	struct vm_record_id id;
	struct link_tx tx;
	size_t len = 0;
	enum err err;

	if (sum->count >= vm->ops->record_count(vm->ctx)) {
		return ERR_END;
	}
	if (link->ops->frame_space(link->ctx, LINK_STREAM_VM, 0) == 0) {
		return ERR_FULL;
	}
	vm->ops->record_info(vm->ctx, sum->count, &id);
	err = vm->ops->record_save(vm->ctx, sum->count, scratch + VMSTATE_HEAD_BYTES, VM_RECORD_BYTES, &len);
	if (err != ERR_OK || len > VM_RECORD_BYTES) {
		return err != ERR_OK ? err : ERR_RANGE;
	}
	store_le16(scratch, id.type);
	store_le16(scratch + 2, id.instance);
	store_le32(scratch + 4, id.version);
	len += VMSTATE_HEAD_BYTES;
	err = link->ops->frame_begin(link->ctx, &tx, LINK_STREAM_VM, 0, FRAME_VM_RECORD, len);
	if (err != ERR_OK) {
		return err;
	}
	link->ops->frame_bytes(link->ctx, &tx, scratch, len);
	link->ops->frame_end(link->ctx, &tx);
	records_add(sum, hash, scratch, len);
	return ERR_OK;
}

enum err records_load(struct records_sum *sum, const struct hash_ops *hash, const struct vm *vm, const uint8_t *bytes,
	size_t len_bytes, char *reason)
{
	struct vm_record_id id;
	enum err err;

	if (len_bytes < VMSTATE_HEAD_BYTES || len_bytes > VMSTATE_HEAD_BYTES + VM_RECORD_BYTES) {
		fmt(reason, REASON_BYTES, "VM record frame of %zu bytes", len_bytes);
		return ERR_BAD_RECORD;
	}
	if (sum->count >= VM_RECORDS_MAX) {
		fmt(reason, REASON_BYTES, "more than %u VM records", VM_RECORDS_MAX);
		return ERR_RANGE;
	}
	id.type = load_le16(bytes);
	id.instance = load_le16(bytes + 2);
	id.version = load_le32(bytes + 4);
	reason[0] = '\0';
	err = vm->ops->record_load(vm->ctx, &id, bytes + VMSTATE_HEAD_BYTES, len_bytes - VMSTATE_HEAD_BYTES, reason);
	if (err != ERR_OK) {
		return err;
	}
	records_add(sum, hash, bytes, len_bytes);
	return ERR_OK;
}
