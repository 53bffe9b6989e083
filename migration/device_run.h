/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Driving devices: the arcs of several run at the same time, each begun and polled; and what an image was, for the digest.
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

/** One device under way. Owned by the engine. */
struct device_run {
	struct device dev;
	struct device_desc desc;
	enum device_state now;
	enum device_state target;
	enum device_chore chore; /* begun, not yet finished */
	enum err err;		 /* why it stays away from its target; ERR_OK */
	bool log_on;
	bool image_done; /* source: read to the end; destination: totals agreed */
	uint64_t begun_us;
	uint64_t stop_us, load_us; /* measured; 0 until then */
	uint64_t image_bytes;
	struct hash_state hash;
};

struct device_set {
	struct device_run run[DEVICE_COUNT_MAX];
	uint32_t count;
};

/** Take the devices as they are. ERR_RANGE: too many; ERR_UNSUPPORTED: one cannot migrate (reason names it). */
enum err device_set_init(struct device_set *set, const struct device *devices, uint32_t count, char *reason) MUST_CHECK;

/** Ask every device for a state; arcs start in device_set_poll(). Clears earlier errors. */
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

/** Forget an image and start its hash. */
void device_image_start(struct device_run *run, const struct hash_ops *hash);
void device_image_add(struct device_run *run, const struct hash_ops *hash, const uint8_t *bytes, size_t len_bytes);

/** Longest stop and load arcs of the set, measured where known, else declared; us. */
uint64_t device_set_stop_us(const struct device_set *set);
uint64_t device_set_load_us(const struct device_set *set);

#endif
