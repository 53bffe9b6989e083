/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * QMP on a UNIX socket with the fake engine behind it: what the tools on the developer's host are
 * tried against, without a board. qmp_host SOCKET: connects to SOCKET, ends with it or by quit.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "migration/control/monitor.h"
#include "tests/fake/fake_engine.h"

#define IDLE_LIMIT_MS 60000
#define CHUNK_BYTES   64

static struct qmp qmp;
static struct engine engine;

static int flush(int fd)
{
	uint8_t out[256];
	size_t len;

	for (len = qmp_output(&qmp, out, sizeof(out)); len > 0; len = qmp_output(&qmp, out, sizeof(out))) {
		if (write(fd, out, len) != (ssize_t)len) {
			return -1;
		}
	}
	return 0;
}

static uint64_t wall_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	uint8_t in[CHUNK_BYTES];

	if (argc != 2 || fd < 0 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		return 2;
	}
	memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror(argv[1]);
		return 1;
	}
	fake_engine_init(&engine);
	qmp_open(&qmp, &engine);
	while (flush(fd) == 0 && strcmp(engine.last, "quit") != 0) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t len;
		size_t taken = 0;

		if (poll(&wait, 1, IDLE_LIMIT_MS) <= 0) {
			break;
		}
		len = read(fd, in, sizeof(in));
		if (len <= 0) {
			break;
		}
		while (taken < (size_t)len) {
			taken += qmp_input(&qmp, in + taken, (size_t)len - taken);
			(void)flush(fd);
		}
		if (strcmp(engine.last, "stop") == 0) {
			fake_engine_note(&engine, ENGINE_EV_STOP, 0);
			engine.last = "";
		}
		qmp_step(&qmp, wall_us());
	}
	(void)close(fd);
	return 0;
}
