/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A TCP connection that knows what must come back: "stream echo PORT" answers every byte, "stream send A.B.C.D PORT" sends
 * blocks of numbered words, reads each back and compares. Twice a second the sender says
 *
 *	stream n=3 blocks=120 bytes=983040 slowest_ms=4 errors=0
 *
 * slowest_ms: the longest turn of a block since the last line. A connection that ends is an error and the end of it.
 */
#include <stdbool.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "tests/linux/sys.h"

#define SYS_close    57
#define SYS_read     63
#define SYS_socket   198
#define SYS_bind     200
#define SYS_listen   201
#define SYS_accept   202
#define SYS_connect  203

#define AF_INET	     2
#define SOCK_STREAM  1

#define BLOCK_WORDS  1024u
#define BLOCK_BYTES_ (BLOCK_WORDS * sizeof(uint64_t))
#define REPORT_NS    500000000u
#define PAUSE_NS     5000000u
#define RETRY_NS     200000000u
#define CONNECTS_MAX 100u
#define LINE_BYTES   160u
#define PORT_MAX     65535u

struct address {
	uint16_t family;
	uint8_t port[2], ip[4], pad[8];
};

static uint64_t out[BLOCK_WORDS], in[BLOCK_WORDS];

void program(long argc, char **argv);

static void say(const char *text)
{
	(void)sys_call(SYS_write, 1, (long)text, (long)text_len(text, LINE_BYTES), 0, 0, 0);
}

_Noreturn static void fail(const char *text)
{
	say(text);
	sys_exit(1);
}

static bool number(const char *text, size_t len, uint64_t max, uint64_t *value)
{
	return text_to_u64(text, len, value) && *value <= max;
}

/** False: not A.B.C.D and a port. */
static bool address_of(const char *ip, const char *port, struct address *out_address)
{
	uint64_t value;

	*out_address = (struct address){ .family = AF_INET };
	if (!number(port, text_len(port, LINE_BYTES), PORT_MAX, &value)) {
		return false;
	}
	out_address->port[0] = (uint8_t)(value >> 8);
	out_address->port[1] = (uint8_t)value;
	for (uint32_t i = 0; i < 4; i++) {
		size_t len = 0;

		while (ip[len] != '.' && ip[len] != '\0') {
			len++;
		}
		if (!number(ip, len, 255, &value) || (ip[len] == '.') != (i < 3)) {
			return false;
		}
		out_address->ip[i] = (uint8_t)value;
		ip += len + 1;
	}
	return true;
}

static bool all(long call, long fd, void *bytes, size_t len_bytes)
{
	uint8_t *at = bytes;

	while (len_bytes > 0) {
		long n = sys_call(call, fd, (long)at, (long)len_bytes, 0, 0, 0);

		if (n <= 0) {
			return false;
		}
		at += n;
		len_bytes -= (size_t)n;
	}
	return true;
}

_Noreturn static void echo(const struct address *at)
{
	long fd = sys_call(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);

	if (fd < 0 || sys_call(SYS_bind, fd, (long)at, sizeof(*at), 0, 0, 0) < 0 ||
		sys_call(SYS_listen, fd, 1, 0, 0, 0, 0) < 0) {
		fail("stream: cannot listen\n");
	}
	say("stream: listening\n");
	for (;;) {
		long peer = sys_call(SYS_accept, fd, 0, 0, 0, 0, 0);

		while (peer >= 0) {
			long n = sys_call(SYS_read, peer, (long)in, sizeof(in), 0, 0, 0);

			if (n <= 0 || !all(SYS_write, peer, in, (size_t)n)) {
				break;
			}
		}
		(void)sys_call(SYS_close, peer, 0, 0, 0, 0, 0);
	}
}

static long connect_to(const struct address *to)
{
	for (uint32_t i = 0; i < CONNECTS_MAX; i++) {
		long fd = sys_call(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);

		if (fd >= 0 && sys_call(SYS_connect, fd, (long)to, sizeof(*to), 0, 0, 0) == 0) {
			return fd;
		}
		(void)sys_call(SYS_close, fd, 0, 0, 0, 0, 0);
		sys_sleep_ns(RETRY_NS);
	}
	fail("stream: error: nobody answers\n");
}

/** Words that came back as others. */
static uint64_t block_turn(long fd, uint64_t block)
{
	uint64_t errors = 0;

	for (uint32_t i = 0; i < BLOCK_WORDS; i++) {
		out[i] = (block * BLOCK_WORDS + i) * 6364136223846793005u + 1442695040888963407u;
	}
	if (!all(SYS_write, fd, out, sizeof(out)) || !all(SYS_read, fd, in, sizeof(in))) {
		fail("stream: error: the connection has ended\n");
	}
	for (uint32_t i = 0; i < BLOCK_WORDS; i++) {
		errors += in[i] != out[i] ? 1u : 0u;
	}
	return errors;
}

_Noreturn static void send(const struct address *to)
{
	long fd = connect_to(to);
	uint64_t told = sys_now_ns(CLOCK_MONOTONIC), n = 0, errors = 0, slowest = 0;

	for (uint64_t block = 0;; block++) {
		uint64_t began = sys_now_ns(CLOCK_MONOTONIC), now;

		errors += block_turn(fd, block);
		now = sys_now_ns(CLOCK_MONOTONIC);
		slowest = MAX(slowest, now - began);
		if (now - told >= REPORT_NS) {
			char line[LINE_BYTES];

			n++;
			(void)fmt(line, sizeof(line),
				"stream n=%llu blocks=%llu bytes=%llu slowest_ms=%llu errors=%llu\n",
				(unsigned long long)n, (unsigned long long)block + 1,
				(unsigned long long)((block + 1) * BLOCK_BYTES_),
				(unsigned long long)(slowest / 1000000u), (unsigned long long)errors);
			say(line);
			told = now;
			slowest = 0;
		}
		sys_sleep_ns(PAUSE_NS);
	}
}

void program(long argc, char **argv)
{
	struct address address;

	if (argc == 3 && text_equal(argv[1], "echo") && address_of("0.0.0.0", argv[2], &address)) {
		echo(&address);
	}
	if (argc == 4 && text_equal(argv[1], "send") && address_of(argv[2], argv[3], &address)) {
		send(&address);
	}
	fail("usage: stream echo PORT | stream send A.B.C.D PORT\n");
}
