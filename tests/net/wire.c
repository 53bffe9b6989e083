/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/net/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"

#define FLIGHT_COUNT_MAX 4096u
#define BACKLOG_US_MAX	 8000u /* what a direction may be behind before it drops */
#define STEPS_MAX	 20000000u

/** A frame between the hosts. */
struct flight {
	uint32_t to;
	uint32_t slot; /* where its bytes are */
	uint64_t at_us;
	uint64_t number; /* keeps the order of those that arrive at one moment */
	size_t len;
};

struct wire {
	const struct wire_config *config;
	uint64_t now_us;
	uint64_t random_state;
	int fd[WIRE_HOST_COUNT];
	pid_t pid[WIRE_HOST_COUNT];
	uint64_t wake_us[WIRE_HOST_COUNT];
	uint64_t line_free_us[WIRE_HOST_COUNT]; /* by sender */
	bool done[WIRE_HOST_COUNT];
	bool failed;
	uint64_t launch_count;
};

/* The first flight_count are under way; the slots of the rest are free. */
static struct flight flights[FLIGHT_COUNT_MAX];
static uint32_t flight_count;
static uint8_t flight_bytes[FLIGHT_COUNT_MAX][NIC_FRAME_BYTES_MAX];

static uint64_t wire_random(struct wire *w)
{
	w->random_state ^= w->random_state << 13;
	w->random_state ^= w->random_state >> 7;
	w->random_state ^= w->random_state << 17;
	return w->random_state >> 11;
}

static bool chance(struct wire *w, uint32_t permille)
{
	return wire_random(w) % 1000 < permille;
}

static void launch(struct wire *w, uint32_t from, const uint8_t *bytes, size_t len, uint64_t depart_us)
{
	uint32_t jitter_us = w->config->jitter_us;
	struct flight *f = &flights[flight_count];

	if (flight_count == FLIGHT_COUNT_MAX) {
		return;
	}
	flight_count++;
	f->to = 1 - from;
	f->at_us = depart_us + w->config->delay_us + (jitter_us == 0 ? 0 : wire_random(w) % jitter_us);
	f->number = w->launch_count++;
	f->len = len;
	memcpy(flight_bytes[f->slot], bytes, len);
	if (chance(w, w->config->corrupt_permille)) {
		flight_bytes[f->slot][wire_random(w) % len] ^= (uint8_t)(1u << wire_random(w) % 8);
	}
}

static void land(struct flight *f)
{
	struct flight done = *f;

	flight_count--;
	*f = flights[flight_count];
	flights[flight_count] = done;
}

static uint32_t sum_words(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	}
	return sum;
}

static void store_sum(uint8_t *at, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	store_be16(at, (uint16_t)~sum);
}

/** RFC 791 and RFC 9293 checksums over whatever the fields now say, as far as the frame reaches. */
static void fix_sums(uint8_t *frame, size_t len)
{
	size_t tcp_len;

	if (len < 54 || load_be16(frame + 12) != 0x0800) {
		return;
	}
	store_be16(frame + 24, 0);
	store_sum(frame + 24, sum_words(0, frame + 14, 20));
	tcp_len = MIN((size_t)load_be16(frame + 16), len - 14);
	if (tcp_len < 40) {
		return;
	}
	tcp_len -= 20;
	store_be16(frame + 50, 0);
	store_sum(frame + 50, sum_words((uint32_t)tcp_len + 6, frame + 26, 8 + tcp_len));
}

/** What an attacker on the wire would send: headers changed, lengths, flags, options, with checksums that hold. */
static void forge(struct wire *w, uint32_t from, const uint8_t *bytes, size_t len, uint64_t depart_us)
{
	uint8_t frame[NIC_FRAME_BYTES_MAX];
	uint64_t changes = 1 + wire_random(w) % 3;

	memcpy(frame, bytes, len);
	for (uint64_t i = 0; i < changes; i++) {
		size_t at = 12 + wire_random(w) % (MIN(len, (size_t)80) - 12);

		switch (wire_random(w) % 4) {
		case 0:
			frame[at] = (uint8_t)wire_random(w);
			break;
		case 1:
			frame[at] ^= (uint8_t)(1u << wire_random(w) % 8);
			break;
		case 2:
			if (len >= 54) {
				frame[47] = (uint8_t)wire_random(w); /* flags */
			}
			break;
		default:
			len -= wire_random(w) % (len - 13); /* a cut behind the Ethernet header */
			if (len >= 34 && wire_random(w) % 2 == 0) {
				store_be16(frame + 16, (uint16_t)(len - 14));
			}
			break;
		}
	}
	fix_sums(frame, len);
	launch(w, from, frame, len, depart_us);
}

static void on_frame(struct wire *w, uint32_t from, const uint8_t *bytes, size_t len)
{
	const struct wire_config *c = w->config;
	uint64_t depart_us = MAX(w->now_us, w->line_free_us[from]);

	if (c->cut_at_us != 0 && w->now_us >= c->cut_at_us) {
		return;
	}
	if (depart_us - w->now_us > BACKLOG_US_MAX) {
		return;
	}
	depart_us += len / c->bytes_per_us;
	w->line_free_us[from] = depart_us;
	if (chance(w, c->loss_permille)) {
		return;
	}
	launch(w, from, bytes, len, depart_us);
	if (chance(w, c->forge_permille)) {
		forge(w, from, bytes, len, depart_us);
	}
	if (chance(w, c->duplicate_permille)) {
		launch(w, from, bytes, len, depart_us);
	}
}

/** Tell a host the time and run it once. */
static void step(struct wire *w, uint32_t i)
{
	static uint8_t message[1 + NIC_FRAME_BYTES_MAX];

	message[0] = WIRE_MSG_STEP;
	store_le64(message + 1, w->now_us);
	if (send(w->fd[i], message, 9, MSG_NOSIGNAL) != 9) {
		w->failed = true;
		return;
	}
	for (;;) {
		ssize_t len = recv(w->fd[i], message, sizeof(message), 0);

		if (len <= 0) {
			w->failed = true;
			return;
		}
		if (message[0] == WIRE_MSG_DONE) {
			w->wake_us[i] = load_le64(message + 1);
			w->done[i] = message[9] != 0;
			return;
		}
		on_frame(w, i, message + 1, (size_t)len - 1);
	}
}

static bool earlier(const struct flight *a, const struct flight *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

/** The earliest frame that is due at host i, or NULL. */
static struct flight *due(const struct wire *w, uint32_t i)
{
	struct flight *first = NULL;

	for (uint32_t k = 0; k < flight_count; k++) {
		struct flight *f = &flights[k];

		if (f->to == i && f->at_us <= w->now_us && (first == NULL || earlier(f, first))) {
			first = f;
		}
	}
	return first;
}

/** Hand the due frames to host i, in the order of their times. */
static void deliver(struct wire *w, uint32_t i)
{
	for (struct flight *f = due(w, i); f != NULL && !w->failed; f = due(w, i)) {
		static uint8_t message[1 + NIC_FRAME_BYTES_MAX] = { WIRE_MSG_FRAME };

		memcpy(message + 1, flight_bytes[f->slot], f->len);
		w->failed = send(w->fd[i], message, 1 + f->len, MSG_NOSIGNAL) < 0;
		land(f);
		w->wake_us[i] = w->now_us;
	}
}

static uint64_t next_time(const struct wire *w)
{
	uint64_t next = MIN(w->wake_us[0], w->wake_us[1]);

	for (uint32_t k = 0; k < flight_count; k++) {
		next = MIN(next, flights[k].at_us);
	}
	return next;
}

static void fork_host(struct wire *w, uint32_t i)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	w->pid[i] = fork();
	assert_true(w->pid[i] >= 0);
	if (w->pid[i] == 0) {
		(void)close(pair[0]);
		if (i == 1) {
			(void)close(w->fd[0]);
		}
		node_main(w->config, i, pair[1]);
	}
	(void)close(pair[1]);
	w->fd[i] = pair[0];
}

static void reap(struct wire *w, uint32_t i)
{
	int status = 0;

	(void)close(w->fd[i]);
	assert_int_equal(waitpid(w->pid[i], &status, 0), w->pid[i]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		w->failed = true;
	}
}

uint64_t wire_run(const struct wire_config *config)
{
	struct wire w = { .config = config, .random_state = config->seed * 0x2545f4914f6cdd1du + 0x9e3779b9u };
	bool late = false;

	flight_count = 0;
	for (uint32_t k = 0; k < FLIGHT_COUNT_MAX; k++) {
		flights[k].slot = k;
	}
	fork_host(&w, 0);
	fork_host(&w, 1);
	for (uint32_t n = 0; n < STEPS_MAX && !w.failed && !(w.done[0] && w.done[1]); n++) {
		w.now_us = MAX(next_time(&w), w.now_us);
		if (w.now_us > config->limit_us) {
			late = true;
			break;
		}
		for (uint32_t i = 0; i < WIRE_HOST_COUNT && !w.failed; i++) {
			deliver(&w, i);
			if (w.wake_us[i] <= w.now_us) {
				step(&w, i);
			}
		}
	}
	reap(&w, 0);
	reap(&w, 1);
	if (w.failed) {
		fail_msg("a host failed, seed %llu", (unsigned long long)config->seed);
	}
	if (late || !(w.done[0] && w.done[1])) {
		fail_msg("not done by %llu us (host 0 %s, host 1 %s), seed %llu", (unsigned long long)w.now_us,
			w.done[0] ? "done" : "not done", w.done[1] ? "done" : "not done",
			(unsigned long long)config->seed);
	}
	return w.now_us;
}
