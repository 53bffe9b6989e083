/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/rogue.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/limits.h"
#include "migration/session/message.h"
#include "tests/sim/quick_seal.h"
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

#define HEAD_BYTES 64u /* of a frame's payload: counts, page numbers, lengths lie there */

/* One byte, mostly an early one, becomes something else; or a whole word becomes an edge. */
static void spoil(struct chance *c, uint8_t *bytes, size_t len)
{
	size_t at = chance_below(c, chance_one_in(c, 3) && len > 8 ? 8 : len);

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

static bool lies(enum rogue_lie about, struct sim_host **h, uint32_t one_in)
{
	*h = trace_host_now();
	if (*h == NULL || (*h)->world->plan.lie != (uint32_t)about ||
		!world_fault((*h)->world, *h, FAULT_ROGUE, one_in)) {
		return false;
	}
	(*h)->world->journal.excused = true;
	return true;
}

static uint8_t frame_type; /* of the frame being sealed */

static bool lies_in_frame(struct sim_host **h)
{
	switch (frame_type) {
	case FRAME_RAM:
		return lies(ROGUE_PAYLOAD, h, 4);
	case FRAME_TOTALS:
		return lies(ROGUE_TOTALS, h, 2);
	case FRAME_JOIN:
		return lies(ROGUE_JOIN, h, 2);
	default:
		return lies(ROGUE_STATE, h, 2);
	}
}

static void seal_bytes(struct seal_state *s, uint8_t *out, const uint8_t *in, size_t len_bytes)
{
	uint8_t head[HEAD_BYTES];
	size_t len = MIN(len_bytes, sizeof(head));
	struct sim_host *h;

	/* Lengths and counts come in small pieces, pages in whole ones. */
	if (len_bytes < PAGE_BYTES && len > 0 && (lies(ROGUE_ANY, &h, 24) || lies_in_frame(&h))) {
		memcpy(head, in, len);
		spoil(&h->chance, head, len);
		quick_seal()->bytes(s, out, head, len);
		out += len;
		in += len;
		len_bytes -= len;
	}
	quick_seal()->bytes(s, out, in, len_bytes);
}

/* The header is what is authenticated beside the payload, and it is still to be sent. */
static enum err seal_begin(struct seal_state *s, const uint8_t iv[SEAL_IV_BYTES], const uint8_t *aad, size_t aad_bytes)
{
	enum { TYPE = 3, CHANNEL = 4, STREAM = 6 };
	uint8_t *header = (uint8_t *)(uintptr_t)aad;
	struct sim_host *h;

	frame_type = aad_bytes == FRAME_HEADER_BYTES ? header[TYPE] : 0;
	if (aad_bytes == FRAME_HEADER_BYTES && lies(ROGUE_HEADER, &h, 6)) {
		switch (chance_below(&h->chance, 4)) {
		case 0:
			header[TYPE] = (uint8_t)chance_below(&h->chance, 8);
			break;
		case 1:
			header[STREAM] = (uint8_t)chance_below(&h->chance, LINK_STREAM_COUNT + 1u);
			break;
		case 2: /* another kind of frame, where it belongs */
			header[TYPE] = (uint8_t)chance_range(&h->chance, FRAME_RAM, FRAME_RAM + 3u);
			header[STREAM] = (uint8_t)chance_below(&h->chance, LINK_STREAM_COUNT);
			break;
		default:
			spoil(&h->chance, header, FRAME_HEADER_BYTES);
			break;
		}
	}
	if (trace_host_now() != NULL && world_fault(trace_host_now()->world, trace_host_now(), FAULT_RANDOM, 200)) {
		return ERR_IO; /* the crypto engine fails */
	}
	return quick_seal()->begin(s, iv, aad, aad_bytes);
}

static enum err seal_expand(
	const uint8_t prk[HASH_BYTES], const uint8_t *info, size_t info_bytes, uint8_t *out, size_t out_bytes)
{
	struct sim_host *h = trace_host_now();

	if (h != NULL && world_fault(h->world, h, FAULT_RANDOM, 12)) {
		return ERR_IO;
	}
	return quick_seal()->hkdf_expand(prk, info, info_bytes, out, out_bytes);
}

const struct seal_ops *rogue_seal(void)
{
	static struct seal_ops ops;

	ops = *quick_seal();
	ops.bytes = seal_bytes;
	ops.begin = seal_begin;
	ops.hkdf_expand = seal_expand;
	return &ops;
}

/* ---- TLS ---- */

static const struct tls_ops *below;

static bool lies_here(const uint8_t *bytes, struct sim_host **h)
{
	uint32_t type = (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8;
	bool later = trace_host_now() != NULL && trace_host_now()->gw->engine.owner != OWNER_NONE &&
		     trace_host_now()->gw->session.epoch > 1;

	switch (type) {
	case MESSAGE_HELLO:
		return lies(ROGUE_HELLO, h, 2) || (later && lies(ROGUE_RESUME, h, 1));
	case MESSAGE_ANSWER:
		return lies(ROGUE_ANSWER, h, 2);
	case MESSAGE_RESUMED:
		return lies(ROGUE_RESUMED, h, 1);
	case MESSAGE_JOINED:
	case MESSAGE_CREDIT:
	case MESSAGE_PING:
	case MESSAGE_PONG:
	case MESSAGE_BYE:
		return lies(ROGUE_SESSION, h, 8);
	default:
		return (type <= MESSAGE_ENGINE_MAX && (lies(ROGUE_ENGINE, h, 4) || lies(ROGUE_ECHO, h, 2))) ||
		       (later && lies(ROGUE_LATE, h, 2));
	}
}

static enum err tls_write(void *ctx, tls_id tls, const uint8_t *bytes, size_t len_bytes)
{
	uint8_t message[CTRL_MSG_BYTES];
	struct sim_host *h;
	size_t len = len_bytes;
	uint64_t how;

	if (len_bytes <= MESSAGE_HEADER_BYTES || (!lies(ROGUE_ANY, &h, 12) && !lies_here(bytes, &h))) {
		return below->write(ctx, tls, bytes, len_bytes);
	}
	memcpy(message, bytes, len);
	if (h->world->plan.lie == ROGUE_ECHO && 2 * len <= sizeof(message)) {
		memcpy(message + len, bytes, len);
		return below->write(ctx, tls, message, 2 * len);
	}
	how = chance_below(&h->chance, 6);
	if (how == 0) { /* another length, and the message is as long as it says */
		size_t payload = len - MESSAGE_HEADER_BYTES;

		payload = chance_one_in(&h->chance, 2) ? chance_below(&h->chance, payload) : payload - 1;
		message[0] = (uint8_t)payload;
		message[1] = (uint8_t)(payload >> 8);
		len = payload + MESSAGE_HEADER_BYTES;
	} else if (how == 1 && chance_one_in(&h->chance, 3)) { /* the end, at a moment of its own choice */
		message[4] = (uint8_t)(chance_one_in(&h->chance, 2) ? MESSAGE_REFUSE : chance_range(&h->chance, 1, 10));
		message[5] = MESSAGE_REFUSE >> 8;
	} else if (how == 1) { /* another type */
		message[4] = (uint8_t)chance_below(&h->chance, 24);
		message[5] = chance_one_in(&h->chance, 2) ? message[5] : (uint8_t)(message[5] ^ 0x80);
	} else if (how == 2) {
		spoil(&h->chance, message, len);
	} else { /* an early field */
		spoil(&h->chance, message + MESSAGE_HEADER_BYTES,
			MIN(len - MESSAGE_HEADER_BYTES, chance_one_in(&h->chance, 2) ? 8u : 48u));
	}
	return below->write(ctx, tls, message, len);
}

static enum err tls_exporter(void *ctx, tls_id tls, const char *label, const uint8_t *context, size_t context_bytes,
	uint8_t *out, size_t out_bytes)
{
	struct sim_host *h = trace_host_now();

	if (h != NULL && world_fault(h->world, h, FAULT_RANDOM, 12)) {
		return ERR_IO;
	}
	return below->exporter(ctx, tls, label, context, context_bytes, out, out_bytes);
}

static enum err tls_peer_id(void *ctx, tls_id tls, char out[HOST_ID_MAX])
{
	struct sim_host *h = trace_host_now();

	if (h != NULL && world_fault(h->world, h, FAULT_CERT, 40)) {
		return ERR_AUTH; /* a certificate without a host id */
	}
	return below->peer_id(ctx, tls, out);
}

struct tls rogue_tls(struct tls tls)
{
	static struct tls_ops ops;

	below = tls.ops;
	ops = *tls.ops;
	ops.write = tls_write;
	ops.exporter = tls_exporter;
	ops.peer_id = tls_peer_id;
	return (struct tls){ &ops, tls.ctx };
}
