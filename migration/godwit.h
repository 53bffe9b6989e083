/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * libgodwit: live migration of one VM, to be linked into a hypervisor. One struct gw for each slot holds the session, the
 * engine and its monitors; the hypervisor fills in the ops tables of gw_config, calls gw_step() from its
 * service loop, and asks gw_owner() (owner_may_run()) before it lets a vCPU in.
 *
 * Nothing here allocates, waits, or keeps static state: all memory is the caller's, and two slots may
 * run in one process. Calls for one struct gw come from one core. docs/porting.md tells what each table must hold to.
 */
#ifndef MIGRATION_GODWIT_H
#define MIGRATION_GODWIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "migration/engine_ctx.h"
#include "migration/control/monitor.h"
#include "migration/session/session.h"

/** Words of bitmap memory for a VM of that many 4 KiB pages (two bits for each page). */
#define GW_BITMAP_WORDS(pages) ENGINE_BITMAP_WORDS(pages)

struct gw_config {
	const char *slot; /* for the log; at most 31 characters are kept */
	struct host host;
	struct vm vm;
	const struct device *devices; /* copied; at most DEVICE_COUNT_MAX */
	uint32_t device_count;
	struct streams streams;
	struct tls tls;
	const struct seal_ops *seal; /* its hash is the engine's too */
	uint64_t *bitmap;	     /* GW_BITMAP_WORDS(pages of the VM), lent for as long as the struct gw lives */
	size_t bitmap_words;
	/**
	 * The VM is here at power-on and owned by this host, unless the owner mark says otherwise; false: this host is
	 * a receiver. On a board without storage only a demo may set it: see docs/handover.md, after a restart.
	 */
	bool own;
	bool autostart; /* run the VM at power-on if this host owns it */
};

/** Caller-owned, about 1.4 MiB; opaque. Zeroed by gw_init(). */
struct gw {
	struct session session;
	struct engine engine;
	struct qmp qmp;
	bool qmp_open;
	uint64_t link_timeout_ms; /* as last told to the session */
	char slot[32];
};

/**
 * Start. The ops and contexts of config are kept by reference.
 *
 * @param reason  REASON_BYTES; one sentence on any error.
 *
 * @return ERR_OK; ERR_RANGE (bitmap memory, shape of the VM), ERR_UNSUPPORTED (a device that cannot migrate),
 *         ERR_IO (the owner mark cannot be read). After an error the struct may only be passed to gw_init() again.
 */
enum err gw_init(struct gw *g, const struct gw_config *config, char *reason) MUST_CHECK;

/**
 * Move everything forward: at most about budget_us of work (one slice of up to 50 us more).
 *
 * @return host time in us of the next wanted step; 0: work is waiting now. Call earlier when a stream had an event.
 */
uint64_t gw_step(struct gw *g, uint32_t budget_us);

/** A QMP client connected: what the last one left is dropped, the greeting is queued. */
void gw_qmp_open(struct gw *g);
/** Bytes from the client; returns how many were taken (fewer while replies wait to be read). */
size_t gw_qmp_input(struct gw *g, const uint8_t *bytes, size_t len_bytes);
/** Bytes for the client. wall_us: wall clock in microseconds since 1970, for the timestamps of events. */
size_t gw_qmp_output(struct gw *g, uint64_t wall_us, uint8_t *out, size_t cap_bytes);

/** One line of the human monitor; returns the length of the answer, cut to cap_bytes with a final zero. */
size_t gw_monitor_line(struct gw *g, const char *line, char *out, size_t cap_bytes);

/** Who owns the VM; vm_ops.owner_set was told the same before anything was done about it. */
enum owner gw_owner(const struct gw *g);

/** The guest powered off (VM_SHUTDOWN) or cannot go on (VM_INTERNAL_ERROR); the vCPUs are parked already. */
void gw_vm_event(struct gw *g, enum vm_run_state what);

#endif
