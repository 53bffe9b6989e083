/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * QMP and the human monitor of one slot: bytes in, bytes out, no transport of its own.
 * Implemented in migration/control/qmp.c and migration/control/monitor.c.
 */
#ifndef MIGRATION_MONITOR_H
#define MIGRATION_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "migration/engine.h"
#include "migration/control/json.h"

/** Largest answer of the human monitor. */
#define MONITOR_TEXT_BYTES 2048u

/** One QMP connection; caller-owned. */
struct qmp {
	struct engine *engine;
	char line[QMP_LINE_BYTES]; /* the value being read, from its first byte on */
	size_t line_bytes;
	bool discarding;		/* until the next newline, after an error that lost the structure */
	bool negotiated;		/* qmp_capabilities was seen */
	bool quitting;			/* quit was seen: SHUTDOWN comes from the operator */
	char out[2u * QMP_REPLY_BYTES]; /* replies and events not yet taken */
	size_t out_head, out_bytes;
	uint32_t events_dropped; /* those before qmp_capabilities: QEMU sends none either */
	/* JSON nesting while the current object is read (objects may span lines) */
	uint32_t depth;
	uint32_t objects; /* bit n: level n is an object, else an array */
	bool in_string, escaped;
	/* Scratch of the command under way. */
	struct json_doc doc;
	struct migration_info info;
	char text[MONITOR_TEXT_BYTES];
};

/** Begin a connection: queues QEMU's greeting. Everything in q is set. */
void qmp_open(struct qmp *q, struct engine *engine);
/**
 * Any bytes, in any pieces. Every whole value is answered at once. Returns how many were taken:
 * fewer when no room for a further reply is left (take output, then offer the rest again).
 */
size_t qmp_input(struct qmp *q, const uint8_t *bytes, size_t len_bytes);
/**
 * Turn engine events into QMP events; time is wall-clock microseconds for the timestamp. Without
 * room they stay with the engine, whose queue is bounded.
 */
void qmp_step(struct qmp *q, uint64_t wall_us);
/** Take up to cap bytes of output. */
size_t qmp_output(struct qmp *q, uint8_t *out, size_t cap_bytes);

/**
 * One line of the human monitor ("help", "info migrate", "info vm", ...): text answer with a final
 * newline, truncated to cap. Returns its length.
 */
size_t monitor_line(struct engine *engine, const char *line, char *out, size_t cap);

#endif
