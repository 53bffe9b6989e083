/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Stopping and starting a VM with its devices: vCPUs park first and devices stop after; devices start first and vCPUs run
 * after. Begun and polled; the wish may change at any moment.
 */
#ifndef MIGRATION_POWER_H
#define MIGRATION_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/device_run.h"
#include "migration/host.h"
#include "migration/vm.h"

enum power_phase {
	POWER_STEADY,
	POWER_PARKING,	 /* vCPUs on their way to a stop */
	POWER_STOPPING,	 /* devices to STOP */
	POWER_STARTING,	 /* devices to RUNNING */
	POWER_FALLBACK,	 /* a start failed: the started devices back to STOP */
	POWER_RESETTING, /* then, where asked, the failed one through reset */
};

struct power {
	enum power_phase phase;
	bool run_wanted;     /* what was asked last */
	bool running;	     /* run() succeeded and no stop was begun since */
	bool reset_failed;   /* a device that does not start is reset */
	bool time_owed;	     /* run() first adds the guest's missing time */
	uint64_t elapsed_ns; /* missing at owed_since_ns */
	uint64_t owed_since_ns;
	enum err err; /* of the last stop or start */
	char reason[REASON_BYTES];
	uint64_t parked_us, parked_ns, steady_us; /* when the vCPUs stood; when the last wish was fulfilled */
	uint32_t failed;			  /* device that did not start; DEVICE_COUNT_MAX: none */
};

/** Begin to stop: vCPUs, then devices. */
void power_stop(struct power *p, const struct vm *vm);
/** Begin to start: devices, then vCPUs. */
void power_start(struct power *p, struct device_set *devices, bool reset_failed);
/**
 * @return ERR_AGAIN; ERR_OK: as wished; else the stop or start failed, reason says how, and the VM stands.
 */
enum err power_poll(struct power *p, const struct vm *vm, struct device_set *devices, const struct host *host);

#endif
