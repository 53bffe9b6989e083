/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * QMP and the human monitor on any bytes: nothing breaks, output stays within its queue, and the
 * connection still answers afterwards. The first byte chooses the size of the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "migration/control/monitor.h"
#include "tests/fake/fake_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct qmp qmp;
static struct engine engine;

static size_t drain(uint8_t *last, size_t cap)
{
	size_t len = qmp_output(&qmp, last, cap), all = len;

	while (len > 0) {
		len = qmp_output(&qmp, last, cap);
		all += len;
	}
	return all;
}

static void give(const uint8_t *bytes, size_t len, size_t piece)
{
	static uint8_t out[3u * QMP_REPLY_BYTES];

	while (len > 0) {
		size_t taken = qmp_input(&qmp, bytes, len < piece ? len : piece);

		if (taken == 0 && drain(out, sizeof(out)) == 0) {
			abort();
		}
		bytes += taken;
		len -= taken;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char negotiate[] = "{\"execute\": \"qmp_capabilities\"}",
			  probe[] = "\x01\n{\"execute\": \"query-name\"}";
	uint8_t out[256];
	char line[256];
	size_t len;

	if (size < 1) {
		return 0;
	}
	fake_engine_init(&engine);
	qmp_open(&qmp, &engine);
	give((const uint8_t *)negotiate, sizeof(negotiate) - 1, 64);
	give(data + 1, size - 1, (size_t)data[0] + 1);
	fake_engine_note(&engine, ENGINE_EV_STOP, 0);
	qmp_step(&qmp, size);
	(void)drain(out, sizeof(out));
	give((const uint8_t *)probe, sizeof(probe) - 1, 64);
	len = drain(out, sizeof(out));
	if (len == 0) {
		abort();
	}
	len = size - 1 < sizeof(line) - 1 ? size - 1 : sizeof(line) - 1;
	memcpy(line, data + 1, len);
	line[len] = 0;
	if (monitor_line(&engine, line, (char *)out, sizeof(out)) >= sizeof(out)) {
		abort();
	}
	return 0;
}
