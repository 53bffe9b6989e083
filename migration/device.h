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
#define DEVICE_MIG_STOP_COPY (1u << 0)
#define DEVICE_MIG_P2P	     (1u << 1)
#define DEVICE_MIG_PRE_COPY  (1u << 2)

/** QEMU's property enable-migration of vfio-pci, set by whoever plugs the device. */
enum device_enable {
	DEVICE_ENABLE_AUTO = 0, /* a device that cannot migrate blocks migration */
	DEVICE_ENABLE_ON,	/* it may not even be plugged */
	DEVICE_ENABLE_OFF,	/* it blocks migration, whatever it can */
};

struct device_desc {
	char id[16];		       /* virtual BDF, "0000:00:01.0" */
	char type[16];		       /* "edu", "e1000e" */
	uint16_t vendor_id, device_id; /* PCI */
	uint32_t state_version;	       /* of the image that read() gives and write() takes */
	uint32_t mig_flags;	       /* DEVICE_MIG_*; 0: not migratable */
	uint32_t stop_us, load_us;     /* measured or declared length of the stop and resume arcs, for the forecast */
	/*
	 * Devices with the same number other than 0 may reach each other's BARs, so that both need DEVICE_MIG_P2P.
	 * 0: the SMMU lets this device reach no other.
	 */
	uint32_t peer_group;
	enum device_enable enable;
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
	 * Number of the open transfer, 0 when there is none. Arcs into RESUMING and from outside into a saving state
	 * (PRE_COPY*, STOP_COPY) open one, with a number this device never had; arcs among the saving states keep it;
	 * every other arc and every reset, scrub or failure ends it. So a caller whose number is no longer told knows
	 * that what it read or wrote so far is worth nothing. At any time, in any state.
	 */
	uint64_t (*transfer)(void *ctx);
	/**
	 * STOP_COPY: next bytes of the image. ERR_OK with *len_bytes > 0, ERR_AGAIN, ERR_END after the last byte, ERR_IO;
	 * ERR_BAD_STATE without a transfer to read. PRE_COPY and PRE_COPY_P2P: the same transfer, already; ERR_AGAIN when
	 * there is nothing now, never ERR_END. Sizes of reads need not come back as sizes of writes.
	 */
	enum err (*read)(void *ctx, uint8_t *out, size_t cap_bytes, size_t *len_bytes);
	/** RESUMING: accept bytes in order; *taken <= len. ERR_BAD_RECORD, ERR_UNSUPPORTED; reason names field and value. */
	enum err (*write)(void *ctx, const uint8_t *bytes, size_t len_bytes, size_t *taken, char *reason);
	/** STOP_COPY estimate of the image in bytes (VFIO_DEVICE_FEATURE_MIG_DATA_SIZE). */
	enum err (*data_size)(void *ctx, uint64_t *bytes);
	/**
	 * PRE_COPY and PRE_COPY_P2P only (VFIO_MIG_GET_PRECOPY_INFO); NULL without DEVICE_MIG_PRE_COPY. initial_bytes only
	 * falls, as bytes are read; dirty_bytes rises and falls. Neither says anything of data_size.
	 */
	enum err (*precopy_info)(void *ctx, uint64_t *initial_bytes, uint64_t *dirty_bytes);
	/**
	 * RESUMING: what was written so far is all of the initial bytes. ERR_AGAIN until it is loaded, so far as it can be
	 * before the end; errors as write. NULL: loaded as soon as it is written.
	 */
	enum err (*initial_loaded)(void *ctx, char *reason);

	/** Why the last arc or validation failed: fixed or owned by the device, never NULL. */
	const char *(*last_error)(void *ctx);

	/**
	 * Who records the VM's pages that the device writes: its own log, or the tracker of the table that it walks, which devices may
	 * share. ops NULL says that it never writes the VM's memory.
	 */
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

/** PRE_COPY, PRE_COPY_P2P, STOP_COPY: a transfer is open for reading. */
static inline bool device_state_saving(enum device_state s)
{
	return s == DEVICE_PRE_COPY || s == DEVICE_PRE_COPY_P2P || s == DEVICE_STOP_COPY;
}

/** For drivers: what transfer() answers. All zero at first; now becomes 0 on a reset, scrub or failure into ERROR. */
struct device_transfer {
	uint64_t now, last;
};

/** An arc was done. */
static inline void device_transfer_arc(struct device_transfer *t, enum device_state from, enum device_state to)
{
	if (!device_state_saving(to) && to != DEVICE_RESUMING) {
		t->now = 0;
	} else if (!device_state_saving(from) || !device_state_saving(to)) {
		t->last++;
		t->now = t->last;
	}
}

#endif
