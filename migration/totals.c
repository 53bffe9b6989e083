/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/totals.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/cursor.h"
#include "core/base/fmt.h"

struct totals totals_of_ram(uint8_t channel, const struct ram_totals *ram)
{
	return (struct totals){
		.stream = LINK_STREAM_RAM(channel), .count = ram->frames, .amount = ram->pages, .zero = ram->zero_pages
	};
}

struct totals totals_of_records(const struct records_sum *records, const struct hash_ops *hash)
{
	struct totals t = { .stream = LINK_STREAM_VM, .count = records->count, .amount = records->bytes };
	struct hash_state copy = records->hash;

	hash->finish(&copy, t.hash);
	return t;
}

struct totals totals_of_device(uint32_t k, const struct device_run *run, const struct hash_ops *hash)
{
	struct totals t = {
		.stream = LINK_STREAM_DEVICE(k), .count = run->stream.index, .amount = run->stream.image_bytes
	};
	struct hash_state copy = run->stream.hash;

	hash->finish(&copy, t.hash);
	return t;
}

enum err totals_send(const struct totals *t, const struct link *link, uint8_t channel)
{
	uint8_t bytes[TOTALS_BYTES];
	struct link_tx tx;
	enum err err;

	if (link->ops->frame_space(link->ctx, t->stream, channel) == 0) {
		return ERR_FULL;
	}
	store_le16(bytes, t->stream);
	store_le16(bytes + 2, 0);
	store_le32(bytes + 4, 0);
	store_le64(bytes + 8, t->count);
	store_le64(bytes + 16, t->amount);
	store_le64(bytes + 24, t->zero);
	memcpy(bytes + 32, t->hash, HASH_BYTES);
	err = link->ops->frame_begin(link->ctx, &tx, t->stream, channel, FRAME_TOTALS, sizeof(bytes));
	if (err != ERR_OK) {
		return err;
	}
	link->ops->frame_bytes(link->ctx, &tx, bytes, sizeof(bytes));
	link->ops->frame_end(link->ctx, &tx);
	return ERR_OK;
}

enum err totals_read(const uint8_t *bytes, size_t len_bytes, struct totals *out)
{
	if (len_bytes != TOTALS_BYTES || load_le16(bytes + 2) != 0 || load_le32(bytes + 4) != 0) {
		return ERR_BAD_RECORD;
	}
	out->stream = load_le16(bytes);
	out->count = load_le64(bytes + 8);
	out->amount = load_le64(bytes + 16);
	out->zero = load_le64(bytes + 24);
	memcpy(out->hash, bytes + 32, HASH_BYTES);
	return ERR_OK;
}

static enum err differ(char *reason, uint16_t stream, const char *what, uint64_t sent, uint64_t came)
{
	if (sent == came) {
		return ERR_OK;
	}
	fmt(reason, REASON_BYTES, "totals of stream %u: %s: %llu were sent, %llu came", stream, what,
		(unsigned long long)sent, (unsigned long long)came);
	return ERR_MISMATCH;
}

enum err totals_compare(const struct totals *sent, const struct totals *came, char *reason)
{
	bool ram = sent->stream < LINK_STREAM_VM;
	enum err err = differ(
		reason, sent->stream, sent->stream == LINK_STREAM_VM ? "records" : "frames", sent->count, came->count);

	err = err != ERR_OK ? err : differ(reason, sent->stream, ram ? "pages" : "bytes", sent->amount, came->amount);
	err = err != ERR_OK ? err : differ(reason, sent->stream, "zero pages", sent->zero, came->zero);
	if (err == ERR_OK && memcmp(sent->hash, came->hash, HASH_BYTES) != 0) {
		fmt(reason, REASON_BYTES, "totals of stream %u: the hashes differ", sent->stream);
		return ERR_MISMATCH;
	}
	return err;
}
