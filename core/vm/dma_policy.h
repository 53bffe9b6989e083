/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Who records what a passthrough device writes by DMA: the best that is to be had, by name, and never nobody.
 *
 * device-log: the driver knows (its own log, or doorbells it traps while migrating): as precise as the driver.
 * smmu-httu: dirty state in the device table, where the SMMU has HTTU >= 2 and its walks are coherent.
 * smmu-access: Access flags in the device table (HTTU = 1): pages that were read are reported too.
 * all-mapped: all that the device may write, in each round. It is always to be had, and no migration converges by it: the pages
 * move in the blackout, which the forecast says.
 */
#ifndef CORE_VM_DMA_POLICY_H
#define CORE_VM_DMA_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/vm/dirty_log.h"

struct dma_tracker_facts {
	uint8_t httu;	 /* IDR0.HTTU of the SMMU before the device */
	bool coherent;	 /* IDR0.COHACC */
	bool device_log; /* the driver has one */
};

struct dma_tracker_choice {
	bool device_log;	    /* the driver's; backend says nothing then */
	enum dirty_backend backend; /* of the device table */
	bool hw_access, hw_dirty;   /* for the stream table entry: S2HA, S2HD */
};

/**
 * wish: "auto", or one of the names above, for tests and for operators who know better.
 *
 * @return ERR_OK. ERR_RANGE: no such name; ERR_UNSUPPORTED: hardware or driver lacks it; reason (REASON_BYTES) says what.
 */
MUST_CHECK enum err dma_tracker_choose(
	const struct dma_tracker_facts *facts, const char *wish, struct dma_tracker_choice *out, char *reason);
/** The name of what was chosen. */
const char *dma_tracker_name(const struct dma_tracker_choice *choice);

#endif
