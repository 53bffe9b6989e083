/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The migration engine of one slot, seen from its operators: QMP, the human monitor and the
 * board. It owns one VM (or receives one), its devices and one link, and is moved forward by engine_step().
 *
 * Names and meanings of status, parameters and capabilities are QEMU's
 * (qapi/migration.json).
 */
#ifndef MIGRATION_ENGINE_H
#define MIGRATION_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/owner.h"
#include "migration/device.h"
#include "migration/host.h"
#include "migration/link.h"
#include "migration/vm.h"

struct engine;

/** QEMU's MigrationStatus, in its order of life. Words by migration_status_name(). */
enum migration_status {
	MIG_STATUS_NONE,
	MIG_STATUS_SETUP,
	MIG_STATUS_CANCELLING,
	MIG_STATUS_CANCELLED,
	MIG_STATUS_ACTIVE,
	MIG_STATUS_DEVICE,
	MIG_STATUS_COMPLETED,
	MIG_STATUS_FAILED,
	MIG_STATUS_COUNT,
};

const char *migration_status_name(enum migration_status status);

/** migrate-set-parameters; QEMU's names with '-' as '_'. Defaults by params_default(). */
struct migration_params {
	uint64_t max_bandwidth;		     /* bytes per second, 0: no limit */
	uint64_t avail_switchover_bandwidth; /* bytes per second, 0: measured */
	uint64_t downtime_limit_ms;	     /* default 300 */
	uint32_t multifd_channels;	     /* default 2 */
	char tls_hostname[HOST_ID_MAX];	     /* host id of the destination */
	char tls_authz[HOST_ID_MAX];	     /* host id of the source that may come in */
	uint64_t x_link_timeout_ms;	     /* default 3000 */
	uint64_t x_handover_timeout_ms;	     /* default 0: 4 x downtime-limit */
	bool x_clock_freeze;		     /* x-clock: "freeze" | "follow" (default) */
	uint32_t x_round_max;		     /* rounds before giving up on convergence: 0 none */
	bool x_pause_at_commit;		     /* tests: keep the VM stopped on the destination after TAKEN */
	uint64_t x_round_min;		     /* tests and demo: do not converge before this round */
};

/** migrate-set-capabilities: all that exist here and may be turned on. */
struct migration_caps {
	bool multifd;	     /* always on; may be set, not cleared */
	bool events;	     /* MIGRATION and MIGRATION_PASS events; default on */
	bool switchover_ack; /* the VM stops only when the destination has loaded initial device state */
	bool x_verify_ram;
};

#define MIGRATION_ROUNDS_KEPT 64u

struct migration_round {
	uint64_t pages, zero_pages, bytes, us;
	uint64_t dirty_after; /* pages found dirty at its end */
};

/** What query-migrate tells; a copy, in units of QEMU's MigrationInfo where it has them. */
struct migration_info {
	enum migration_status status;
	enum owner owner;
	bool incoming;
	uint64_t total_ms, setup_ms, expected_downtime_ms, downtime_us;
	/* parts of the blackout in microseconds, source's clock */
	struct {
		uint64_t stop, device, last_pages, vm_state, load, commit, run;
	} downtime;
	struct {
		uint64_t total_bytes, transferred_bytes, remaining_bytes;
		uint64_t normal_pages, zero_pages, duplicate_pages;
		uint64_t dirty_sync_count, dirty_pages_rate;
		uint64_t bandwidth; /* bytes per second, measured */
		uint64_t device_bytes, vm_state_bytes;
	} ram;
	struct migration_round rounds[MIGRATION_ROUNDS_KEPT];
	uint32_t round_count; /* rounds done; only the last MIGRATION_ROUNDS_KEPT are kept, index n % KEPT */
	uint64_t gen;
	char peer[HOST_ID_MAX];
	char error_desc[REASON_BYTES];	/* empty when there is none */
	char next_action[REASON_BYTES]; /* what the operator should do; empty when nothing */
	char forecast[REASON_BYTES];	/* "converging", or "cannot converge, because ..." */
};

enum engine_event { /* told to the monitor, becomes QMP events */
	ENGINE_EV_NONE,
	ENGINE_EV_STOP,
	ENGINE_EV_RESUME,
	ENGINE_EV_SHUTDOWN,
	ENGINE_EV_STATUS, /* value: enum migration_status */
	ENGINE_EV_PASS,	  /* value: pass number */
};

struct engine_note {
	enum engine_event event;
	uint64_t value;
};

enum resolve_action { RESOLVE_RECALL, RESOLVE_DISCARD, RESOLVE_TAKE, RESOLVE_TAKE_BACK, RESOLVE_ASK };

struct resolve {
	enum resolve_action action;
	bool all_fenced;
	bool force;
};

/*
 * Commands. Each answers at once; on any error but ERR_OK reason (REASON_BYTES) holds one
 * sentence for the operator and nothing has changed.
 */

/** migrate tcp:ADDR:PORT (IPv4 numeric). */
enum err engine_migrate(struct engine *e, const char *uri, char *reason);
/** migrate-incoming tcp:0:PORT or tcp:ADDR:PORT. Listens until the VM is here. */
enum err engine_incoming(struct engine *e, const char *uri, char *reason);
/** migrate_cancel: no-op when nothing runs (as QEMU), but a host that only listens stops that; ERR_REFUSED in GIVEN and later. */
enum err engine_cancel(struct engine *e, char *reason);
/** stop and cont of QMP. cont is refused by owner, by name. */
enum err engine_vm_stop(struct engine *e, char *reason);
enum err engine_vm_cont(struct engine *e, char *reason);
/** x-migrate-resolve. */
enum err engine_resolve(struct engine *e, const struct resolve *how, char *reason);

void engine_params_get(const struct engine *e, struct migration_params *out);
/** Range-checks all, then takes all or nothing; ERR_BAD_STATE for what may not change now. */
enum err engine_params_set(struct engine *e, const struct migration_params *params, char *reason);
void engine_caps_get(const struct engine *e, struct migration_caps *out);
enum err engine_caps_set(struct engine *e, const struct migration_caps *caps, char *reason);
void engine_info(const struct engine *e, struct migration_info *out);
/** Why this VM cannot migrate, text number n (REASON_BYTES): query-migrate's blocked-reasons. False: there are not so many. */
bool engine_blocker(const struct engine *e, uint32_t n, char *reason);

/** One device, as query-migrate tells it. */
struct engine_device {
	const struct device_desc *desc;
	const char *state;
	uint64_t bytes, precopy_bytes; /* of its state in the present or last attempt; before the VM stopped */
	uint32_t restarts;	       /* of its stream */
};
/** False: there is no device number k. */
bool engine_device(const struct engine *e, uint32_t k, struct engine_device *out);
enum vm_run_state engine_run_state(const struct engine *e);
uint32_t engine_cpus(const struct engine *e, struct vm_cpu_info *out, uint32_t max);
void engine_vm_desc(const struct engine *e, struct vm_desc *out);
/** Oldest event not yet taken; false when there is none. Bounded queue: the newest status always gets through. */
bool engine_take_note(struct engine *e, struct engine_note *out);
/** QMP quit. */
void engine_quit(struct engine *e);
/** The board reports what the guest did: powered off, crashed. */
void engine_vm_event(struct engine *e, enum vm_run_state what);

#endif
