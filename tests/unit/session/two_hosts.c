/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/unit/session/two_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/bytes.h"
#include "tests/fake/null_seal.h"

static struct two_hosts world;

void side_start(struct two_hosts *w, uint32_t side, const char *id, uint64_t seed)
{
	struct side *s = &w->sides[side];
	struct session_config config;

	fake_host_init(&s->host, &w->net.now_us, seed, id);
	fake_tls_init(&s->tls, id, "ca", seed);
	config = (struct session_config){ fake_host(&s->host), fake_net_streams(&w->net, side), fake_tls(&s->tls),
		&null_seal };
	assert_int_equal(session_init(&s->session, &config), ERR_OK);
	s->link = session_link(&s->session);
}

struct two_hosts *two_hosts_new(void)
{
	struct two_hosts *w = &world;

	memset(w, 0, sizeof(*w));
	fake_net_init(&w->net);
	w->channel_count = 2;
	w->attempt = (struct attempt){ .number = 7, .random = 0x1122334455667788u, .gen = 3, .vm = "guest" };
	side_start(w, SOURCE, "alpha", 11);
	side_start(w, DESTINATION, "beta", 22);
	return w;
}

static struct {
	const struct tls_ops *ops;
	uint16_t type;
	size_t at, count;
	uint8_t mask;
} tamper;

static enum err tampered_write(void *ctx, tls_id tls, const uint8_t *bytes, size_t len_bytes)
{
	uint8_t copy[CTRL_MSG_BYTES];

	memcpy(copy, bytes, len_bytes);
	for (size_t i = 0; load_le16(bytes + 4) == tamper.type && i < tamper.count; i++) {
		copy[MESSAGE_HEADER_BYTES + tamper.at + i] ^= tamper.mask;
	}
	return tamper.ops->write(ctx, tls, copy, len_bytes);
}

void side_tamper(struct side *s, uint16_t type, size_t at, size_t count, uint8_t mask)
{
	static struct tls_ops ops;

	tamper.ops = fake_tls(&s->tls).ops;
	tamper.type = type;
	tamper.at = at;
	tamper.count = count;
	tamper.mask = mask;
	ops = *tamper.ops;
	ops.write = tampered_write;
	s->session.tls.ops = &ops;
}

static void frame_check(struct side *s, const struct link_event *ev)
{
	if (ev->len_bytes > 0) {
		for (size_t i = 0; i < ev->len_bytes; i++) {
			s->bad_bytes = s->bad_bytes || ev->bytes[i] != (uint8_t)(ev->bytes[0] + i * 7u);
		}
	}
	s->frames++;
	s->frame_bytes += ev->len_bytes;
	if (s->hold_frames) {
		s->held[s->held_count++] = ev->frame;
	} else {
		s->link.ops->frame_done(s->link.ctx, ev->frame);
	}
}

void frame_place(struct side *s)
{
	assert_true(s->held_count > 0);
	s->link.ops->frame_done(s->link.ctx, s->held[0]);
	s->held_count--;
	memmove(s->held, s->held + 1, s->held_count * sizeof(s->held[0]));
}

static void event_note(struct side *s, const struct link_event *ev)
{
	struct seen *seen = &s->seen[s->seen_count % EVENTS_MAX];

	if (ev->kind == LINK_FRAME) {
		frame_check(s, ev);
		return;
	}
	memset(seen, 0, sizeof(*seen));
	seen->kind = ev->kind;
	seen->err = ev->err;
	seen->epoch = ev->epoch;
	seen->type = ev->type;
	seen->proved = ev->proved;
	seen->peer_boot = ev->peer_boot;
	(void)snprintf(seen->text, sizeof(seen->text), "%s", ev->text != NULL ? ev->text : "");
	(void)snprintf(seen->peer, sizeof(seen->peer), "%s", ev->peer != NULL ? ev->peer : "");
	s->seen_count++;
	if (ev->kind == LINK_MESSAGE) {
		memcpy(s->message, ev->bytes, ev->len_bytes);
		s->message_len = ev->len_bytes;
		s->messages++;
	}
	if (ev->attempt != NULL) {
		s->attempt = *ev->attempt;
	}
}

static void hello_answer(struct side *s, const struct link_event *ev)
{
	memcpy(s->hello, ev->bytes, ev->len_bytes);
	s->hello_len = ev->len_bytes;
	if (s->manual) {
		return;
	}
	if (s->refuse != NULL) {
		s->link.ops->refuse(s->link.ctx, s->refuse);
	} else {
		(void)s->link.ops->accept(s->link.ctx, (const uint8_t *)"answer", 6);
	}
}

static void side_poll(struct two_hosts *w, uint32_t side)
{
	struct side *s = &w->sides[side];
	struct link_event ev;

	if (w->net.parties[side].dead) {
		return;
	}
	fake_net_poll(&w->net, side);
	for (unsigned i = 0; i < 64; i++) {
		s->link.ops->poll(s->link.ctx, &ev);
		if (ev.kind == LINK_NONE) {
			return;
		}
		event_note(s, &ev);
		if (ev.kind == LINK_HELLO) {
			hello_answer(s, &ev);
		}
	}
}

void world_step(struct two_hosts *w)
{
	for (uint32_t i = 0; i < 2; i++) {
		side_poll(w, i);
	}
	fake_net_poll(&w->net, STRANGER);
	w->net.now_us += STEP_US;
}

void world_run(struct two_hosts *w, uint64_t us)
{
	const uint64_t end = w->net.now_us + us;

	while (w->net.now_us < end) {
		world_step(w);
		/* Idle time goes by in larger steps. */
		if (fake_net_next_us(&w->net) > w->net.now_us + 10000u) {
			w->net.now_us += 5000u;
		}
	}
}

const struct seen *seen_find(const struct side *s, enum link_event_kind kind)
{
	for (uint32_t i = 0; i < s->seen_count && i < EVENTS_MAX; i++) {
		if (s->seen[i].kind == kind) {
			return &s->seen[i];
		}
	}
	return NULL;
}

uint32_t seen_number(const struct side *s, enum link_event_kind kind)
{
	uint32_t number = 0;

	for (uint32_t i = 0; i < s->seen_count && i < EVENTS_MAX; i++) {
		number += s->seen[i].kind == kind;
	}
	return number;
}

void seen_clear(struct two_hosts *w)
{
	w->sides[0].seen_count = 0;
	w->sides[1].seen_count = 0;
}

bool world_until(struct two_hosts *w, uint32_t side, enum link_event_kind kind, uint64_t limit_us)
{
	const uint64_t end = w->net.now_us + limit_us;

	while (w->net.now_us < end) {
		if (seen_find(&w->sides[side], kind) != NULL) {
			return true;
		}
		world_step(w);
		if (fake_net_next_us(&w->net) > w->net.now_us + 10000u) {
			w->net.now_us += 5000u;
		}
	}
	return seen_find(&w->sides[side], kind) != NULL;
}

void world_listen(struct two_hosts *w)
{
	struct side *d = &w->sides[DESTINATION];
	const struct link_listen how = { .port = PORT, .allowed_id = "alpha" };

	assert_int_equal(d->link.ops->listen(d->link.ctx, &how), ERR_OK);
}

enum err world_connect(struct two_hosts *w)
{
	struct side *s = &w->sides[SOURCE];
	struct link_connect how = {
		.to = fake_net_addr(DESTINATION, PORT), .peer_id = "beta", .channel_count = w->channel_count
	};

	return s->link.ops->connect(s->link.ctx, &how, &w->attempt, (const uint8_t *)"question", 8);
}

void world_open(struct two_hosts *w)
{
	world_listen(w);
	assert_int_equal(world_connect(w), ERR_OK);
	assert_true(world_until(w, SOURCE, LINK_OPEN, 1000000));
	assert_true(world_until(w, DESTINATION, LINK_OPEN, 1000000));
	world_run(w, 2000);
}

bool frame_send(struct two_hosts *w, uint16_t stream, uint8_t channel, size_t len_bytes)
{
	static uint8_t bytes[FRAME_PAYLOAD_MAX];
	struct side *s = &w->sides[SOURCE];
	struct link_tx tx;
	size_t half;

	if (s->link.ops->frame_space(s->link.ctx, stream, channel) == 0) {
		return false;
	}
	for (size_t i = 0; i < len_bytes; i++) {
		bytes[i] = (uint8_t)(w->next_byte + i * 7u);
	}
	w->next_byte++;
	assert_int_equal(s->link.ops->frame_begin(s->link.ctx, &tx, stream, channel, FRAME_RAM, len_bytes), ERR_OK);
	half = len_bytes / 3;
	s->link.ops->frame_bytes(s->link.ctx, &tx, bytes, half);
	s->link.ops->frame_bytes(s->link.ctx, &tx, bytes + half, len_bytes - half);
	s->link.ops->frame_end(s->link.ctx, &tx);
	return true;
}

bool frames_send(
	struct two_hosts *w, uint16_t stream, uint8_t channel, size_t len_bytes, uint32_t count, uint64_t limit_us)
{
	const uint64_t end = w->net.now_us + limit_us;

	while (count > 0 && w->net.now_us < end) {
		if (frame_send(w, stream, channel, len_bytes)) {
			count--;
		} else {
			world_step(w);
		}
	}
	return count == 0;
}
