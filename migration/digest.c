/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/digest.h"

#include "core/base/bytes.h"

/** Not inlined: it is short once and long nine times. */
static __attribute__((noinline)) void add_u64(const struct hash_ops *hash, struct hash_state *h, uint64_t v)
{
	uint8_t bytes[8];

	store_le64(bytes, v);
	hash->add(h, bytes, sizeof(bytes));
}

/** The value of a running hash, which goes on. */
static void add_running(const struct hash_ops *hash, struct hash_state *h, const struct hash_state *running)
{
	struct hash_state copy = *running;
	uint8_t value[HASH_BYTES];

	hash->finish(&copy, value);
	hash->add(h, value, sizeof(value));
}

static void add_channels(const struct hash_ops *hash, struct hash_state *h, const struct link *link)
{
	uint32_t count = link->ops->channel_count(link->ctx);

	add_u64(hash, h, count);
	for (uint32_t c = 0; c < count; c++) {
		uint8_t chain[HASH_BYTES];
		uint64_t next;

		link->ops->channel_digest(link->ctx, (uint8_t)c, &next, chain);
		add_u64(hash, h, next);
		hash->add(h, chain, sizeof(chain));
	}
}

void digest_compute(
	const struct hash_ops *hash, const struct link *link, const struct digest_input *in, uint8_t out[HASH_BYTES])
{
	static const uint8_t no_ram_hash[HASH_BYTES];
	struct hash_state h;

	hash->start(&h);
	hash->add(&h, "godwit ready 1", 14);
	add_u64(hash, &h, in->attempt->number);
	add_u64(hash, &h, in->attempt->source_boot);
	add_u64(hash, &h, in->attempt->random);
	add_u64(hash, &h, in->attempt->gen);
	hash->add(&h, in->attempt->vm, sizeof(in->attempt->vm));
	hash->add(&h, in->hello_hash, HASH_BYTES);
	add_channels(hash, &h, link);
	add_u64(hash, &h, in->devices->count);
	for (uint32_t i = 0; i < in->devices->count; i++) {
		add_u64(hash, &h, in->devices->run[i].stream.image_bytes);
		add_running(hash, &h, &in->devices->run[i].stream.hash);
	}
	add_running(hash, &h, in->records);
	add_u64(hash, &h, in->ram.pages);
	add_u64(hash, &h, in->ram.zero_pages);
	hash->add(&h, in->ram_hash == NULL ? no_ram_hash : in->ram_hash, HASH_BYTES);
	hash->finish(&h, out);
}
