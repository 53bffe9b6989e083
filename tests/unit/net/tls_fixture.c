/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/unit/net/tls_fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/bits.h"

#define RUN_ROUNDS_MAX 20000u

static size_t load(uint8_t *out, const char *dir, const char *name, const char *suffix)
{
	char path[256];
	size_t len;
	FILE *file;

	(void)snprintf(path, sizeof(path), "build/test-pki/%s/%s%s", dir, name, suffix);
	file = fopen(path, "rb");
	if (file == NULL) {
		fail_msg("%s is not there", path);
	}
	len = fread(out, 1, PKI_FILE_BYTES, file);
	(void)fclose(file);
	assert_in_range(len, 1, PKI_FILE_BYTES - 1);
	return len;
}

void credentials_load(struct credentials *c, const char *dir, const char *name)
{
	c->ca_bytes = load(c->ca, dir, "ca", ".der");
	c->cert_bytes = load(c->cert, dir, name, ".crt.der");
	c->key_bytes = load(c->key, dir, name, ".key.der");
}

static enum err world_random(void *ctx, uint8_t *out, size_t len_bytes)
{
	struct tls_world *w = ctx;

	if (w->random_broken) {
		return ERR_IO;
	}
	for (size_t i = 0; i < len_bytes; i++) {
		w->random_state ^= w->random_state << 13;
		w->random_state ^= w->random_state >> 7;
		w->random_state ^= w->random_state << 17;
		out[i] = (uint8_t)(w->random_state >> 24);
	}
	return ERR_OK;
}

static enum err world_clock(void *ctx, int64_t *unix_s)
{
	struct tls_world *w = ctx;

	*unix_s = (int64_t)time(NULL) + w->clock_offset_s;
	return w->clock_broken ? ERR_IO : ERR_OK;
}

struct tls_port_config credentials_config(const struct credentials *c, struct tls_world *world)
{
	return (struct tls_port_config){
		.ca = c->ca,
		.ca_bytes = c->ca_bytes,
		.cert = c->cert,
		.cert_bytes = c->cert_bytes,
		.key = c->key,
		.key_bytes = c->key_bytes,
		.random = world_random,
		.wall_clock = world_clock,
		.ctx = world,
	};
}

void tls_pair_open(struct tls_pair *pair, struct tls_port *source, struct tls_port *destination)
{
	*pair = (struct tls_pair){
		.source = { .port = source, .tls = tls_port_tls(source), .err = ERR_AGAIN },
		.destination = { .port = destination, .tls = tls_port_tls(destination), .err = ERR_AGAIN },
	};
	assert_int_equal(pair->source.tls.ops->open(source, TLS_SOURCE, &pair->source.id), ERR_OK);
	assert_int_equal(pair->destination.tls.ops->open(destination, TLS_DESTINATION, &pair->destination.id), ERR_OK);
}

/** True if bytes went from one end to the other. */
static bool carry(struct tls_end *from, struct tls_end *to, size_t piece_bytes, uint64_t cut_bytes)
{
	uint64_t left = cut_bytes - from->sent_bytes;
	size_t taken;

	if (from->piece_at == from->piece_len) {
		size_t cap = (size_t)MIN((uint64_t)MIN(piece_bytes, sizeof(from->piece)), left);

		from->piece_at = 0;
		assert_int_equal(from->tls.ops->pull(from->port, from->id, from->piece, cap, &from->piece_len), ERR_OK);
		from->sent_bytes += from->piece_len;
	}
	if (from->piece_len == 0) {
		if (left == 0) {
			to->tls.ops->push_eof(to->port, to->id);
		}
		return false;
	}
	/* An end that is full, or that has failed, takes it later or never. */
	(void)to->tls.ops->push(
		to->port, to->id, from->piece + from->piece_at, from->piece_len - from->piece_at, &taken);
	from->piece_at += taken;
	return taken != 0;
}

void tls_pair_run(struct tls_pair *pair, size_t piece_bytes, uint64_t cut_source_bytes, uint64_t cut_destination_bytes)
{
	struct tls_end *s = &pair->source, *d = &pair->destination;
	uint32_t quiet = 0;

	for (uint32_t i = 0; i < RUN_ROUNDS_MAX && quiet < 40; i++) {
		bool moved;

		s->err = s->tls.ops->step(s->port, s->id);
		d->err = d->tls.ops->step(d->port, d->id);
		moved = carry(s, d, piece_bytes, cut_source_bytes);
		moved = carry(d, s, piece_bytes, cut_destination_bytes) || moved;
		quiet = moved ? 0 : quiet + 1;
	}
	assert_int_equal(quiet, 40);
}

void tls_pair_free(struct tls_pair *pair)
{
	pair->source.tls.ops->free(pair->source.port, pair->source.id);
	pair->destination.tls.ops->free(pair->destination.port, pair->destination.id);
}
