/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/rogue.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/limits.h"
#include "tests/sim/quick_seal.h"
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

#define HEAD_BYTES 64u /* of a frame's payload: counts, page numbers, lengths lie there */

/* One byte, mostly an early one, becomes something else; or a whole word becomes an edge. */
static void spoil(struct chance *c, uint8_t *bytes, size_t len)
{
	size_t at = chance_below(c, chance_one_in(c, 2) && len > 8 ? 8 : len);

	switch (chance_below(c, 4)) {
	case 0:
		bytes[at] = (uint8_t)chance_u64(c);
		break;
	case 1:
		bytes[at] ^= (uint8_t)(1u << chance_below(c, 8));
		break;
	case 2:
		bytes[at]++;
		break;
	default:
		memset(bytes + at / 2 * 2, chance_one_in(c, 2) ? 0xff : 0, MIN(len - at / 2 * 2, (size_t)2));
		break;
	}
}

static bool lies(struct sim_host **h, uint32_t one_in)
{
	*h = trace_host_now();
	if (*h == NULL || !world_fault((*h)->world, *h, FAULT_ROGUE, one_in)) {
		return false;
	}
	(*h)->world->journal.excused = true;
	return true;
}

static void seal_bytes(struct seal_state *s, uint8_t *out, const uint8_t *in, size_t len_bytes)
{
	uint8_t head[HEAD_BYTES];
	size_t len = MIN(len_bytes, sizeof(head));
	struct sim_host *h;

	/* Lengths and counts come in small pieces, pages in whole ones. */
	if (len_bytes < PAGE_BYTES && len > 0 && lies(&h, 24)) {
		memcpy(head, in, len);
		spoil(&h->chance, head, len);
		quick_seal()->bytes(s, out, head, len);
		out += len;
		in += len;
		len_bytes -= len;
	}
	quick_seal()->bytes(s, out, in, len_bytes);
}

const struct seal_ops *rogue_seal(void)
{
	static struct seal_ops ops;

	ops = *quick_seal();
	ops.bytes = seal_bytes;
	return &ops;
}

/* ---- TLS ---- */

static const struct tls_ops *below;

static enum err tls_write(void *ctx, tls_id tls, const uint8_t *bytes, size_t len_bytes)
{
	uint8_t message[CTRL_MSG_BYTES];
	struct sim_host *h;
	size_t len = len_bytes;

	if (len_bytes == 0 || !lies(&h, 12)) {
		return below->write(ctx, tls, bytes, len_bytes);
	}
	memcpy(message, bytes, len);
	if (len > 8 && chance_one_in(&h->chance, 3)) { /* another length, and the message is as long as it says */
		size_t payload = len - 8;

		payload = chance_one_in(&h->chance, 2) ? chance_below(&h->chance, payload) : payload - 1;
		message[0] = (uint8_t)payload;
		message[1] = (uint8_t)(payload >> 8);
		len = payload + 8;
	} else if (chance_one_in(&h->chance, 3)) { /* another type */
		message[4] = (uint8_t)(chance_one_in(&h->chance, 2) ? chance_below(&h->chance, 48) : chance_u64(&h->chance));
	} else {
		spoil(&h->chance, message, len);
	}
	return below->write(ctx, tls, message, len);
}

struct tls rogue_tls(struct tls tls)
{
	static struct tls_ops ops;

	below = tls.ops;
	ops = *tls.ops;
	ops.write = tls_write;
	return (struct tls){ &ops, tls.ctx };
}
