/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A passthrough device that can migrate: the VFIO migration v2 device (Linux
 * include/uapi/linux/vfio.h, VFIO_DEVICE_FEATURE_MIGRATION) as an ops table.
 * Implemented by drivers/vfio/ and by the simulator. Nothing waits.
 */
#ifndef MIGRATION_DEVICE_H
#define MIGRATION_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/dirty.h"

/** VFIO device states, with VFIO's numbers (enum vfio_device_mig_state). */
enum device_state {
	DEVICE_ERROR = 0,
	DEVICE_STOP = 1,
	DEVICE_RUNNING = 2,
	DEVICE_STOP_COPY = 3,
	DEVICE_RESUMING = 4,
	DEVICE_RUNNING_P2P = 5,
	DEVICE_PRE_COPY = 6,
	DEVICE_PRE_COPY_P2P = 7,
	DEVICE_STATE_COUNT = 8,
};

/** VFIO_MIGRATION_* flags. */
#define DEVICE_MIG_STOP_COPY	(1u << 0)
#define DEVICE_MIG_P2P		(1u << 1)
#define DEVICE_MIG_PRE_COPY	(1u << 2)

struct device_desc {
	char id[16];			/* virtual BDF, "0000:00:01.0" */
	char type[16];			/* "edu", "e1000e" */
	uint16_t vendor_id, device_id;	/* PCI */
	uint32_t state_version;		/* of the image that read() gives and write() takes */
	uint32_t mig_flags;		/* DEVICE_MIG_*; 0: not migratable */
	uint32_t stop_us, load_us;	/* measured or declared length of the stop and resume arcs, for the forecast */
};

struct device_ops {
	void (*describe)(void *ctx, struct device_desc *out);

	/**
	 * Begin one direct arc of the state machine (the planner composes paths). ERR_NO_ARC
	 * when it does not exist, ERR_BAD_STATE while another arc is open. A failed arc
	 * leaves the device in its old state or in ERROR; state_poll tells which.
	 */
	enum err (*state_begin)(void *ctx, enum device_state to);
	/** ERR_AGAIN while under way; otherwise the arc's result, and *now is where the device is. */
	enum err (*state_poll)(void *ctx, enum device_state *now);

	/**
	 * STOP_COPY (and PRE_COPY): next bytes of the image. ERR_OK with *len_bytes > 0,
	 * ERR_AGAIN, ERR_END after the last byte, ERR_IO.
	 */
	enum err (*read)(void *ctx, uint8_t *out, size_t cap_bytes, size_t *len_bytes);
	/** RESUMING: accept bytes in order; *taken <= len. ERR_BAD_RECORD, ERR_UNSUPPORTED; reason names field and value. */
	enum err (*write)(void *ctx, const uint8_t *bytes, size_t len_bytes, size_t *taken, char *reason);
	/** STOP_COPY estimate of the image in bytes (VFIO_DEVICE_FEATURE_MIG_DATA_SIZE). */
	enum err (*data_size)(void *ctx, uint64_t *bytes);
	/** PRE_COPY only (VFIO_MIG_GET_PRECOPY_INFO); NULL without DEVICE_MIG_PRE_COPY. */
	enum err (*precopy_info)(void *ctx, uint64_t *initial_bytes, uint64_t *dirty_bytes);

	/** Why the last arc or validation failed: fixed or owned by the device, never NULL. */
	const char *(*last_error)(void *ctx);

	/** Device log of DMA writes; ops NULL when the device has none. */
	struct dirty (*log)(void *ctx);

	/** Back to power-on state, RUNNING, without DMA or interrupt enabled; begin, then poll. Mandatory. */
	enum err (*reset_begin)(void *ctx);
	enum err (*reset_poll)(void *ctx);
	/** As reset, and no guest data left inside; the device is in STOP afterwards. Mandatory. */
	enum err (*scrub_begin)(void *ctx);
	enum err (*scrub_poll)(void *ctx);
};

struct device {
	const struct device_ops *ops;
	void *ctx;
};

#endif
