/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Numbers that no run of minutes would reach: a channel's sequence goes on from the edge of a key, of 32 bits or of 64 bits as soon
 * as it has joined, at both ends alike. The functions are wrapped by the linker.
 */
#include "migration/session/channel.h"
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

enum err __real_channel_join_seal(
	struct channel *ch, const struct channel_io *io, uint32_t channel_count, uint8_t out[FRAME_JOIN_BYTES]);
enum err __wrap_channel_join_seal(
	struct channel *ch, const struct channel_io *io, uint32_t channel_count, uint8_t out[FRAME_JOIN_BYTES]);
enum err __real_channel_join_open(struct channel *ch, const struct channel_io *io, uint32_t channel_count,
	uint8_t join[FRAME_JOIN_BYTES], char *reason);
enum err __wrap_channel_join_open(struct channel *ch, const struct channel_io *io, uint32_t channel_count,
	uint8_t join[FRAME_JOIN_BYTES], char *reason);

static void go_on_from(struct channel *ch)
{
	const struct sim_host *h = trace_host_now();
	uint64_t base = h != NULL ? h->world->plan.sequence_base : 0;

	ch->next += base;
	ch->placed += base;
	ch->keys.generation = ch->next >> KEYS_REKEY_SHIFT;
}

enum err __wrap_channel_join_seal(
	struct channel *ch, const struct channel_io *io, uint32_t channel_count, uint8_t out[FRAME_JOIN_BYTES])
{
	enum err err = __real_channel_join_seal(ch, io, channel_count, out);

	if (err == ERR_OK) {
		go_on_from(ch);
	}
	return err;
}

enum err __wrap_channel_join_open(struct channel *ch, const struct channel_io *io, uint32_t channel_count,
	uint8_t join[FRAME_JOIN_BYTES], char *reason)
{
	enum err err = __real_channel_join_open(ch, io, channel_count, join, reason);

	if (err == ERR_OK) {
		go_on_from(ch);
	}
	return err;
}
