/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The planner of the VFIO v2 state machine: which direct arcs exist for a device's flags, and which arc comes next on the way
 * to a state (Linux include/uapi/linux/vfio.h, enum vfio_device_mig_state). It computes; device_run.c drives.
 */
#ifndef MIGRATION_DEVICE_PLAN_H
#define MIGRATION_DEVICE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/device.h"

/** True for the four valid sets: STOP_COPY alone or with P2P, PRE_COPY or both. */
bool device_flags_valid(uint32_t mig_flags);
/** True when a device with these flags has the state. */
bool device_state_offered(uint32_t mig_flags, enum device_state state);
/** True when from -> to is one direct arc. */
bool device_arc_direct(uint32_t mig_flags, enum device_state from, enum device_state to);

/**
 * First hop of the shortest walk from -> to with no saving state as an interior point, except on a walk that stays
 * among the saving states. Returns to itself for from == to; DEVICE_ERROR when refused.
 */
enum device_state device_plan_next(uint32_t mig_flags, enum device_state from, enum device_state to);

/**
 * Where a device that is on its way from now to a state first waits for all others: in its P2P form, so that no device stops
 * while another may still begin DMA to it, nor runs while another still stands. now itself when there is nothing to wait for.
 */
enum device_state device_plan_prepare(uint32_t mig_flags, enum device_state now, enum device_state to);

/** "STOP", "RUNNING" ...; never NULL. */
const char *device_state_name(enum device_state state);

#endif
