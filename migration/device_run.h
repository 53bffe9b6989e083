/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Driving devices: the arcs of several run at the same time, each begun and polled. All of them are quiet towards their
 * peers before the first stops, and all answer again before the first runs. Arcs are measured, and the end of a transfer that
 * nobody asked for is noticed.
 */
#ifndef MIGRATION_DEVICE_RUN_H
#define MIGRATION_DEVICE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/device.h"
#include "migration/hash.h"

enum device_chore { DEVICE_CHORE_NONE, DEVICE_CHORE_ARC, DEVICE_CHORE_RESET, DEVICE_CHORE_SCRUB };

/** Ends of transfers that nobody asked for, in one attempt; more, and the device counts as broken. */
#define DEVICE_LOST_MAX 8u

/** The stream of a device's state, as far as it was sent or placed: device_stream.h. */
struct device_stream {
	uint64_t transfer; /* whose bytes these are; 0: none yet */
	uint32_t index;	   /* of the next frame */
	uint32_t restarts;
	bool initial_done;	/* source: said; destination: loaded */
	bool initial_loads;	/* destination: all written, not yet loaded */
	bool restarting;	/* destination: scrubbed, on the way back to RESUMING */
	bool done;		/* source: read to the end */
	uint64_t image_bytes;	/* of this transfer */
	uint64_t precopy_bytes; /* of them, before the VM stopped */
	struct hash_state hash;
};

/** One device under way. Owned by the engine. */
struct device_run {
	struct device dev;
	struct device_desc desc;
	enum device_state now;
	enum device_state target;
	enum device_chore chore;  /* begun, not yet finished */
	enum device_state arc_to; /* of DEVICE_CHORE_ARC */
	enum err err;		  /* why it stays away from its target; ERR_OK */
	uint64_t arc_begun_us;
	uint64_t transfer; /* as it was when the device arrived */
	uint32_t lost;
	uint64_t initial_left, dirty_left; /* pre-copy information, when last asked */
	uint32_t peer_load_us;		   /* what the other side says its loading takes; 0: it does not */
	struct device_stream stream;
	uint32_t arc_us[DEVICE_STATE_COUNT][DEVICE_STATE_COUNT]; /* last length of each arc; 0: never done */
};

struct device_set {
	struct device_run run[DEVICE_COUNT_MAX];
	uint32_t count;
	bool prepared;	   /* all were where device_plan_prepare() wants them, on this way */
	bool leave_failed; /* those that failed are not waited for */
};

/** Take the devices as they are. ERR_RANGE: too many; ERR_UNSUPPORTED: one cannot migrate and has to (reason names it). */
enum err device_set_init(struct device_set *set, const struct device *devices, uint32_t count, char *reason) MUST_CHECK;

/**
 * Ask every device for a state; arcs start in device_set_poll(). Clears earlier errors. A device that is asked for STOP
 * while in PRE_COPY or PRE_COPY_P2P goes to STOP_COPY, so that its transfer lives on (as QEMU does).
 */
void device_set_goto(struct device_set *set, enum device_state target);
/** Ask every device for a reset (RUNNING afterwards) or scrub (STOP afterwards). */
void device_chore_begin(struct device_run *run, enum device_chore chore);
void device_set_chore(struct device_set *set, enum device_chore chore);
/**
 * Begin and poll one arc per device.
 *
 * @param failed  Set to the first device that failed, on an error.
 * @return ERR_OK when all are where they were asked to be; ERR_AGAIN; or the error of the first failed device, once none of
 *         the others is under way any more.
 */
enum err device_set_poll(struct device_set *set, uint64_t now_us, uint32_t *failed);

/**
 * Why the devices cannot migrate, or NULL: one cannot at all, or is not allowed to; two that reach each other need P2P. Text
 * number n of them, into reason; false when there are not so many.
 */
bool device_set_blocker(const struct device_set *set, uint32_t n, char *reason);

enum device_way {
	DEVICE_WAY_STOP,       /* from where it is to STOP_COPY */
	DEVICE_WAY_LOAD,       /* from the last byte written to RUNNING, on this host */
	DEVICE_WAY_LOAD_THERE, /* the same on the other host, if that has told */
};

/** Length of a way in us: measured if each of its arcs was, else as declared. */
uint64_t device_way_us(const struct device_run *run, enum device_way way);

/** "device ID (TYPE) did not stop: the device's own words" into reason (REASON_BYTES). */
void device_failure(const struct device_run *run, const char *what, char *reason);

#endif
