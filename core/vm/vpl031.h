/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The guest's PL031 real-time clock (Arm DDI 0224): seconds since 1970 at power-on, and from there the guest's own counter,
 * so that both clocks of the guest agree for ever; while the VM stands still, so does this. No alarm: the interrupt line does
 * not exist, the match register only remembers.
 */
#ifndef CORE_VM_VPL031_H
#define CORE_VM_VPL031_H

#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/err.h"
#include "core/base/spinlock.h"

struct mmio_space;

#define VPL031_BASE	     UINT64_C(0x09010000)
#define VPL031_BYTES	     UINT64_C(0x1000)
#define VPL031_STATE_VERSION 1u

/** Whole seconds of the guest's counter. */
typedef uint64_t (*vpl031_seconds_fn)(void *ctx);

struct vpl031 {
	struct spinlock lock;
	vpl031_seconds_fn seconds;
	void *ctx;
	uint32_t base; /* time at second 0 of the counter */
	uint32_t match, imsc;
};

void vpl031_init(struct vpl031 *r, vpl031_seconds_fn seconds, void *ctx);
/** Power-on, with the counter at 0. now: seconds since 1970. */
void vpl031_reset(struct vpl031 *r, uint32_t now);
MUST_CHECK enum err vpl031_map(struct vpl031 *r, struct mmio_space *s);

void vpl031_save(struct vpl031 *r, struct writer *w);
/** Checks the whole record, then takes it. reason: REASON_BYTES. On error nothing has changed. */
MUST_CHECK enum err vpl031_load(struct vpl031 *r, struct reader *in, char *reason);

#endif
