/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/rogue.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/limits.h"
#include "migration/session/message.h"
#include "tests/sim/quick_seal.h"
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

/* Payload of a hello; its last records are the limits (5 words) and an informative one of 8 bytes. */
enum { HELLO_VERSION_MAX = 1, HELLO_KIND = 2, HELLO_EPOCH = 4, HELLO_NUMBER = 24, HELLO_GEN = 36, HELLO_SOURCE = 44 };
enum { HELLO_PROOF = HELLO_SOURCE + HOST_ID_MAX + VM_NAME_MAX, HELLO_GEOMETRY = HELLO_PROOF + HASH_BYTES + 4 };
enum { HELLO_FIRST_RECORD = HELLO_GEOMETRY + 8, HELLO_LIMITS = -28, RESUMED_PROOF = 16 };
enum { HEAD_TYPE = 3, HEAD_CHANNEL = 4, HEAD_STREAM = 6 }; /* of a frame's header */
enum { RAM_COUNT = 0, RAM_FIRST = 4, TOTALS_AMOUNT = 16 };

enum exact_in { IN_MESSAGE, IN_LATE_MESSAGE, IN_HEADER, IN_PAYLOAD, IN_SHORT_PAYLOAD, IN_FLOOD };
enum exact_how { ADD, SET };

#define ANY_STREAM    UINT16_MAX
#define ANY_ENGINE    0u
#define AS_VM_RECORD  (FRAME_VM_RECORD | (uint64_t)LINK_STREAM_VM << 24) /* type, channel 0, reserved, stream */
#define ALL_OF_CHUNK  512u
#define UNKNOWN_TYPE  0x0030u
#define MANDATORY_BIT 0x8000u

/* Lies that keep all else in order, each for one check that a random byte seldom meets alone. */
static const struct exact {
	enum exact_in in;
	uint16_t type, stream;
	int32_t at; /* below 0: from the end */
	uint32_t bytes;
	enum exact_how how;
	uint64_t value;
} exacts[] = {
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_VERSION_MAX, 1, SET, 0 },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_KIND, 2, SET, HELLO_STATUS }, /* and no channels, but engine's bytes */
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_NUMBER, 4, SET, 0 },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_GEN, 8, ADD, UINT64_MAX },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_SOURCE, 1, ADD, 1 },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_GEOMETRY, 1, ADD, 1 },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_FIRST_RECORD, 2, SET, MANDATORY_BIT | UNKNOWN_TYPE },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_FIRST_RECORD, 2, SET, UNKNOWN_TYPE },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_LIMITS, 4, ADD, 1 },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_LIMITS + 4, 4, ADD, 1 },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_LIMITS + 8, 4, ADD, 1 },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_LIMITS + 12, 4, ADD, 1 },
	{ IN_MESSAGE, MESSAGE_HELLO, 0, HELLO_LIMITS + 16, 4, ADD, 1 },
	{ IN_LATE_MESSAGE, MESSAGE_HELLO, 0, HELLO_EPOCH, 4, ADD, UINT32_MAX },
	{ IN_LATE_MESSAGE, MESSAGE_HELLO, 0, HELLO_PROOF, 1, ADD, 1 },
	{ IN_LATE_MESSAGE, MESSAGE_RESUMED, 0, 0, 1, SET, PROTOCOL_VERSION_MAX + 1u },
	{ IN_LATE_MESSAGE, MESSAGE_RESUMED, 0, RESUMED_PROOF, 1, ADD, 1 },
	{ IN_FLOOD, MESSAGE_HELLO, 0, 0, 0, SET, 0 },
	{ IN_FLOOD, MESSAGE_ANSWER, 0, 0, 0, SET, 0 },
	{ IN_FLOOD, ANY_ENGINE, 0, 0, 0, SET, 0 },
	{ IN_HEADER, FRAME_RAM, ANY_STREAM, HEAD_TYPE, 5, SET, AS_VM_RECORD },
	{ IN_HEADER, FRAME_RAM, ANY_STREAM, HEAD_STREAM, 2, SET, LINK_STREAM_COUNT },
	{ IN_HEADER, FRAME_RAM, ANY_STREAM, HEAD_STREAM, 2, SET, LINK_STREAM_COUNT - 1u }, /* nothing is granted */
	{ IN_HEADER, FRAME_VM_RECORD, ANY_STREAM, HEAD_CHANNEL, 1, ADD, 1 },
	{ IN_HEADER, FRAME_TOTALS, LINK_STREAM_VM, HEAD_STREAM, 2, SET, LINK_STREAM_RAM(0) }, /* had its totals */
	{ IN_SHORT_PAYLOAD, FRAME_RAM, ANY_STREAM, RAM_COUNT, 4, ADD, 1 },
	{ IN_PAYLOAD, FRAME_RAM, ANY_STREAM, RAM_FIRST, 8, ADD, ALL_OF_CHUNK },
	{ IN_PAYLOAD, FRAME_RAM, ANY_STREAM, RAM_FIRST, 8, ADD, UINT64_MAX }, /* a page twice, and one never */
	{ IN_PAYLOAD, FRAME_TOTALS, LINK_STREAM_VM, TOTALS_AMOUNT, 8, ADD, 1 },
	{ IN_PAYLOAD, FRAME_JOIN, ANY_STREAM, 0, 4, ADD, 1 },
};

uint32_t rogue_exact_count(void)
{
	return ARRAY_SIZE(exacts);
}

bool rogue_exact_late(uint32_t number)
{
	return exacts[number].in == IN_LATE_MESSAGE;
}

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

/* The exact lie of this world, when it is told in such a place and now. */
static const struct exact *exact_lie(enum exact_in in, uint16_t type, uint16_t stream)
{
	struct sim_host *h = trace_host_now();
	const struct exact *x;

	if (h == NULL || h->world->plan.lie != ROGUE_EXACT) {
		return NULL;
	}
	x = &exacts[h->world->plan.exact];
	if (x->in != in || x->type != type || (x->stream != ANY_STREAM && x->stream != stream)) {
		return NULL;
	}
	return lies(ROGUE_EXACT, &h, 2) ? x : NULL;
}

static void tell(const struct exact *x, uint8_t *at)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < x->bytes; i++) {
		value |= (uint64_t)at[i] << 8 * i;
	}
	value = x->how == ADD ? value + x->value : x->value;
	for (uint32_t i = 0; i < x->bytes; i++) {
		at[i] = (uint8_t)(value >> 8 * i);
	}
}

/* The frame being sealed */
static uint8_t frame_type;
static uint16_t frame_stream;
static size_t frame_len, frame_at; /* bytes: its payload, what is sealed of it */

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
	const size_t at = frame_at;
	const struct exact *x = NULL;
	struct sim_host *h;

	frame_at += len_bytes;
	if (frame_type != 0 && len_bytes < PAGE_BYTES) {
		h = trace_host_now();
		x = h != NULL && h->world->plan.lie == ROGUE_EXACT ? &exacts[h->world->plan.exact] : NULL;
		if (x != NULL && (x->in == IN_PAYLOAD || (x->in == IN_SHORT_PAYLOAD && frame_len < PAGE_BYTES)) &&
			(size_t)x->at >= at && (size_t)x->at + x->bytes <= at + len) {
			x = exact_lie(x->in, frame_type, frame_stream);
		} else {
			x = NULL;
		}
	}
	if (x != NULL) {
		memcpy(head, in, len);
		tell(x, head + ((size_t)x->at - at));
		quick_seal()->bytes(s, out, head, len);
		quick_seal()->bytes(s, out + len, in + len, len_bytes - len);
		return;
	}
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
	enum { LEN = 12 };
	uint8_t *header = (uint8_t *)(uintptr_t)aad;
	const struct exact *x;
	struct sim_host *h;

	frame_type = aad_bytes == FRAME_HEADER_BYTES ? header[HEAD_TYPE] : 0;
	frame_at = 0;
	if (frame_type != 0) {
		frame_stream = load_le16(header + HEAD_STREAM);
		frame_len = load_le32(header + LEN);
		x = exact_lie(IN_HEADER, frame_type, frame_stream);
		if (x != NULL) {
			tell(x, header + x->at);
		}
	}
	if (aad_bytes == FRAME_HEADER_BYTES && lies(ROGUE_HEADER, &h, 6)) {
		switch (chance_below(&h->chance, 4)) {
		case 0:
			header[HEAD_TYPE] = (uint8_t)chance_below(&h->chance, 8);
			break;
		case 1:
			header[HEAD_STREAM] = (uint8_t)chance_below(&h->chance, LINK_STREAM_COUNT + 1u);
			break;
		case 2: /* another kind of frame, where it belongs */
			header[HEAD_TYPE] = (uint8_t)chance_range(&h->chance, FRAME_RAM, FRAME_RAM + 3u);
			header[HEAD_STREAM] = (uint8_t)chance_below(&h->chance, LINK_STREAM_COUNT);
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

/* The exact lie in a message, the length it then has; 0: none. */
static size_t write_exact(uint8_t message[CTRL_MSG_BYTES], size_t len)
{
	const uint16_t type = load_le16(message + 4);
	const bool late = type == MESSAGE_RESUMED ||
			  (type == MESSAGE_HELLO && message[MESSAGE_HEADER_BYTES + HELLO_KIND] != HELLO_NEW);
	const struct exact *x = exact_lie(late ? IN_LATE_MESSAGE : IN_MESSAGE, type, 0);
	size_t at = len;

	if (x != NULL) {
		tell(x, message + (x->at < 0 ? len - (size_t)-x->at : MESSAGE_HEADER_BYTES + (size_t)x->at));
		return len;
	}
	if (exact_lie(IN_FLOOD, type <= MESSAGE_ENGINE_MAX ? ANY_ENGINE : type, 0) == NULL) {
		return 0;
	}
	for (; at + len <= CTRL_MSG_BYTES; at += len) {
		memcpy(message + at, message, len);
	}
	return at;
}

static enum err tls_write(void *ctx, tls_id tls, const uint8_t *bytes, size_t len_bytes)
{
	uint8_t message[CTRL_MSG_BYTES];
	struct sim_host *h;
	size_t len = len_bytes;
	uint64_t how;

	if (len_bytes > MESSAGE_HEADER_BYTES && len_bytes <= sizeof(message)) {
		memcpy(message, bytes, len_bytes);
		len = write_exact(message, len_bytes);
		if (len != 0) {
			return below->write(ctx, tls, message, len);
		}
		len = len_bytes;
	}
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
