/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The TLS port over Mbed TLS: two ends, and a network between them that edits, cuts, injects and ends in the middle of a
 * record, in the handshake and after it. What is read is what was written, in order; an end is an end only when
 * the peer said close_notify; nothing is left in an arena.
 */
#include <string.h>
#include <time.h>

#include "net/tls_port.h"
#include "tests/fuzz/program.h"

#define FILE_MAX   2048u
#define STREAM_MAX 65536u

struct end {
	struct tls_port port;
	struct tls tls;
	tls_id id;
	bool eof, closed, broken;
	uint64_t random;
	uint8_t wrote[STREAM_MAX];
	size_t wrote_len, read_len; /* read: of what the other end wrote */
};

static struct end ends[2];
static uint8_t files[5][FILE_MAX];
static size_t lens[5];
static struct edits edits;
static size_t drop_after;
static bool is_ready;
static int64_t now_s;

static enum err end_random(void *ctx, uint8_t *out, size_t len_bytes)
{
	struct end *e = ctx;

	for (size_t i = 0; i < len_bytes; i++) {
		e->random = e->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		out[i] = (uint8_t)(e->random >> 56);
	}
	return ERR_OK;
}

static enum err end_clock(void *ctx, int64_t *unix_s)
{
	(void)ctx;
	*unix_s = now_s;
	return ERR_OK;
}

static void file_load(uint32_t n, const char *name)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "build/test-pki/main/%s.der", name);
	file = fopen(path, "rb");
	if (file == NULL) {
		(void)fprintf(stderr, "%s: run from the root of the project, by make fuzz\n", path);
		exit(1);
	}
	lens[n] = fread(files[n], 1, FILE_MAX, file);
	(void)fclose(file);
}

static void end_init(uint32_t n)
{
	struct end *e = &ends[n];
	struct tls_port_config config = {
		.ca = files[0],
		.ca_bytes = lens[0],
		.cert = files[1 + 2 * n],
		.cert_bytes = lens[1 + 2 * n],
		.key = files[2 + 2 * n],
		.key_bytes = lens[2 + 2 * n],
		.random = end_random,
		.wall_clock = end_clock,
		.ctx = e,
	};

	e->random = 77 + n;
	HOLDS(tls_port_init(&e->port, &config) == ERR_OK);
	e->tls = tls_port_tls(&e->port);
}

static void end_open(uint32_t n)
{
	struct end *e = &ends[n];

	e->eof = e->closed = e->broken = false;
	e->wrote_len = e->read_len = 0;
	HOLDS(e->tls.ops->open(&e->port, n == 0 ? TLS_SOURCE : TLS_DESTINATION, &e->id) == ERR_OK);
}

/* Bytes of one end to the other; at most cap. True if any went. */
static bool carry(uint32_t from, size_t cap)
{
	struct end *a = &ends[from], *b = &ends[1 - from];
	uint8_t bytes[4200];
	size_t len = 0, at = 0;

	if (a->tls.ops->pull(&a->port, a->id, bytes, MIN(cap, (size_t)4096), &len) != ERR_OK || len == 0) {
		return false;
	}
	if (edits_apply(&edits, EDIT_PAYLOAD, bytes, &len, sizeof(bytes))) {
		edits.count = 0;
		b->broken = true;
	}
	if (b->eof || drop_after < len) {
		b->broken = true;
		len = b->eof ? 0 : drop_after;
		drop_after = SIZE_MAX;
	}
	for (uint32_t turn = 0; turn < 64 && at < len; turn++) {
		size_t taken = 0;
		enum err err = b->tls.ops->push(&b->port, b->id, bytes + at, len - at, &taken);

		at += taken;
		if (err != ERR_OK && taken == 0) {
			(void)!b->tls.ops->step(&b->port, b->id);
			if (err != ERR_FULL) {
				break;
			}
		}
	}
	b->broken = b->broken || at < len;
	return true;
}

static void step_both(void)
{
	for (uint32_t n = 0; n < 2; n++) {
		(void)!ends[n].tls.ops->step(&ends[n].port, ends[n].id);
	}
}

static void settle(uint32_t rounds)
{
	uint32_t quiet = 0;

	for (uint32_t i = 0; i < rounds && quiet < 6; i++) {
		bool moved;

		step_both();
		moved = carry(0, 4096);
		moved = carry(1, 4096) || moved;
		quiet = moved ? 0 : quiet + 1;
	}
}

static void start(void)
{
	static const char *const names[] = { "ca", "alpha.crt", "alpha.key", "beta.crt", "beta.key" };

	now_s = (int64_t)time(NULL);
	for (uint32_t i = 0; i < 5; i++) {
		file_load(i, names[i]);
	}
	end_init(0);
	end_init(1);
	is_ready = true;
}

static void do_read(uint32_t n, size_t cap)
{
	struct end *e = &ends[n], *other = &ends[1 - n];
	uint8_t bytes[4096];
	size_t len = 0;
	enum err err = e->tls.ops->read(&e->port, e->id, bytes, MAX(MIN(cap, sizeof(bytes)), 1u), &len);

	if (err == ERR_OK) {
		HOLDS(len <= other->wrote_len - e->read_len);
		HOLDS(memcmp(bytes, other->wrote + e->read_len, len) == 0);
		e->read_len += len;
	} else if (err == ERR_END) {
		HOLDS(other->closed && e->read_len == other->wrote_len);
	}
	if (e->broken && err == ERR_AGAIN) {
		HOLDS(e->read_len <= other->wrote_len);
	}
}

static void do_step(const struct step *s)
{
	static const uint8_t text[CTRL_MSG_BYTES] = "godwit";
	uint32_t n = s->a % 2;
	struct end *e = &ends[n];
	uint8_t bytes[64], out[64];
	char id[HOST_ID_MAX];
	size_t len, taken;

	switch (s->op % 12) {
	case 0:
		(void)carry(n, 1u + s->b % 4096u);
		break;
	case 1:
		step_both();
		break;
	case 2:
		settle(1u + s->b % 64u);
		break;
	case 3:
		len = 1u + s->b % CTRL_MSG_BYTES;
		if (e->wrote_len + len <= STREAM_MAX && e->tls.ops->write(&e->port, e->id, text, len) == ERR_OK) {
			memcpy(e->wrote + e->wrote_len, text, len);
			e->wrote_len += len;
			HOLDS(!e->closed);
		}
		break;
	case 4:
	case 5:
		do_read(n, s->b);
		break;
	case 6:
		e->tls.ops->close(&e->port, e->id);
		e->closed = true;
		break;
	case 7:
		e->tls.ops->push_eof(&e->port, e->id);
		e->eof = true;
		break;
	case 8:
		/* A record of the network's own: type, version, length, bytes. */
		for (uint32_t i = 0; i < sizeof(bytes); i++) {
			bytes[i] = (uint8_t)(s->d >> (i % 8 * 8));
		}
		bytes[0] = s->a % 16 < 8 ? (uint8_t)(0x14 + s->a / 2 % 4) : bytes[0];
		store_be16(bytes + 1, 0x0303);
		store_be16(bytes + 3, s->a % 32 < 16 ? (uint16_t)(s->b % 59u) : s->b);
		(void)!e->tls.ops->push(&e->port, e->id, bytes, 5u + s->b % 59u, &taken);
		e->broken = true;
		break;
	case 9:
		edits_add(&edits, &(struct step){ .a = (uint8_t)(s->a / 3 * 3), .b = s->b, .d = s->d | 1 });
		break;
	case 10:
		drop_after = s->b;
		break;
	default:
		if (e->tls.ops->peer_id(&e->port, e->id, id) == ERR_OK) {
			HOLDS(strcmp(id, n == 0 ? "beta" : "alpha") == 0);
		}
		(void)!e->tls.ops->exporter(&e->port, e->id, "EXPORTER-godwit-test", files[0], s->b % 64u, out, 32);
		HOLDS(e->tls.ops->reason(&e->port, e->id) != NULL);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct step s;

	if (!is_ready) {
		start();
	}
	end_open(0);
	end_open(1);
	edits.count = 0;
	drop_after = SIZE_MAX;
	if (size / STEP_BYTES % 4 != 3) {
		settle(2000);
		HOLDS(ends[0].tls.ops->step(&ends[0].port, ends[0].id) == ERR_OK);
		HOLDS(ends[1].tls.ops->step(&ends[1].port, ends[1].id) == ERR_OK);
	}
	for (uint32_t n = 0; program_step(data, size, n, &s); n++) {
		do_step(&s);
	}
	for (uint32_t n = 0; n < 2; n++) {
		do_read(n, 4096);
		ends[n].tls.ops->free(&ends[n].port, ends[n].id);
		for (uint32_t i = 0; i < TLS_CONNECTION_COUNT_MAX; i++) {
			HOLDS(ends[n].port.connections[i].state == TLS_STATE_FREE);
		}
	}
	return 0;
}
