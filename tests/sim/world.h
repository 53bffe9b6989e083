/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A simulated world: two or three hosts with the unmodified engine and session, one VM, a network, an operator, and
 * faults; all driven by one virtual clock and one seed.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "migration/godwit.h"
#include "tests/fake/fake_tls.h"
#include "tests/sim/dma.h"
#include "tests/sim/journal.h"
#include "tests/sim/ledger.h"
#include "tests/sim/plan.h"
#include "tests/sim/wire.h"

#define WORLD_PORT	4444u
#define WORLD_STRANGERS 4u

struct world;
struct sim_host;

/** The operator's side of a host's QMP connection: tests/sim/console.h. */
struct console {
	char line[QMP_REPLY_BYTES + 16u];
	size_t len;
	uint32_t next_id;
	uint64_t events;
	char status[16]; /* of the last MIGRATION event */
};

/** The vCPUs, RAM and records of a VM on one host; implements migration/vm.h. */
struct guest {
	struct sim_host *host;
	uint8_t *ram;
	uint64_t *log;
	bool log_on;
	enum owner owner;
	bool running; /* run() was called, and no stop has ended since */
	bool stuck;   /* a vCPU did not park */
	bool stopping;
	uint64_t park_us;
	uint64_t counters[LEDGER_VCPUS];
	uint64_t guest_ns; /* as it was at since_ns of the host's clock, or stands */
	uint64_t since_ns;
	uint32_t staged; /* bit per record */
	uint64_t staged_counters[LEDGER_VCPUS], staged_ns;
	bool scrubbing;
	uint64_t scrub_page;
	uint64_t poisoned; /* UINT64_MAX: none */
	uint64_t next_page, hot_first;
	uint64_t executed_us;
	uint32_t borrowed;
	bool inside; /* no execution within an execution */
};

/** A passthrough device; implements migration/device.h. */
#define GADGET_RECORD_BYTES 1024u

struct gadget {
	struct sim_host *host;
	uint32_t index;
	struct device_desc desc;
	enum device_state now, to;
	struct device_transfer transfer;
	bool arc_open;
	uint64_t arc_us;
	uint32_t arc_fault; /* enum plan_fault; FAULT_COUNT: none */
	bool enabled;
	uint64_t writes;
	bool failed; /* since the last reset */
	uint8_t *image;
	size_t at, len;
	uint8_t record[GADGET_RECORD_BYTES]; /* of pre-copy data, being read or written */
	size_t record_at, record_len;
	bool record_initial;
	uint64_t initial_left, dirt; /* bytes, writes not yet read in PRE_COPY */
	uint64_t loaded_us;	     /* RESUMING: when initial bytes are loaded; 0: not yet asked */
	uint64_t *log;
	bool log_on;
	uint64_t chore_us;
	uint64_t worked_us;
};

/** Storage of the owner mark; survives the power. */
struct store {
	bool present;
	struct owner_mark mark, storing;
	bool busy;
	uint64_t done_us;
};

struct sim_host {
	struct world *world;
	uint32_t index;
	bool powered;
	uint64_t boot_us, clock_us; /* world's and host's time when last set */
	int64_t ppm;
	uint64_t wake_us, on_us;
	uint32_t boots;
	struct chance chance;
	struct gw *gw;
	struct fake_tls tls;
	uint64_t *bitmap;
	struct guest guest;
	struct gadget gadgets[LEDGER_DEVICES];
	struct dma dma;
	struct store store;
	uint64_t zero_steps;
	struct console console;
	struct fake_credentials cert; /* the good one */
	uint32_t shape;		      /* what is not set up as at the others; 0: nothing */
	uint64_t cert_us;	      /* end of its bad certificate; 0: good */
	bool lost_vm;		      /* held the VM when the power went */
};

struct stranger {
	bool used;
	stream_id stream;
	uint64_t next_us;
	uint32_t said, kind;
};

enum operator_phase { OP_HOP, OP_LISTEN, OP_MIGRATE, OP_WAIT, OP_QUIET, OP_RESOLVE, OP_LAST, OP_DONE };

struct operator
{
	enum operator_phase phase;
	uint64_t next_us, since_us, hop_us;
	uint32_t hop;
	uint32_t from, to;
	bool gave_up;
	uint32_t attempts, completed, failed, cancelled, refused;
	uint32_t last_tries;
	bool retry;
	bool asked; /* whether a next-action is named */
	uint32_t to_boots;
	bool taken_for_ever; /* at the very end the VM is at a host that may never migrate it on */
	bool taken_by_word;  /* its source would never have said RETIRED: the operator took it */
	bool took;	     /* some image was taken by word of the operator */
	uint64_t cont_us;    /* next cont of a VM that is held */
};

struct world {
	uint64_t now_us;
	struct plan plan;
	struct journal journal;
	struct ledger ledger;
	struct wire wire;
	struct chance chance;
	struct sim_host hosts[LEDGER_HOSTS];
	bool quiet; /* no more faults */
	uint64_t chaos_us, chaos_every_us;
	uint32_t chaos_host, late_one_in; /* faults like the moments about COMMIT */
	uint64_t partition_us;		  /* end of a partition */
	struct stranger strangers[WORLD_STRANGERS];
	struct operator op;
	uint64_t steps;
	uint64_t turns_here; /* without the clock going on */
	uint64_t blackout_us_max, blackouts, over_limit;
};

/** Run a seed to its end; true when nothing was violated. *w is large; it is filled and emptied here. */
bool world_run(struct world *w, uint64_t seed, uint32_t allowed, bool echo);

/* ---- shared by the simulator's files ---- */

/** Does a fault of this kind happen now? Counted for the table. */
bool world_fault(struct world *w, struct sim_host *h, enum plan_fault fault, uint32_t one_in);
void world_views(const struct world *w, struct ledger_view views[LEDGER_HOSTS]);
/** Host time in us and ns. */
uint64_t host_time_us(const struct sim_host *h);
struct host host_ops_of(struct sim_host *h);
void host_power_on(struct sim_host *h);
void host_power_off(struct sim_host *h);
enum owner host_owner(const struct sim_host *h);
/** The VM is started from its beginning. */
void host_vm_begin(struct sim_host *h);

/** Frames and credits of a host's session, and of its peer's, add up. */
void world_conserved(struct world *w, uint32_t host);

void guest_init(struct guest *g, struct sim_host *h);
void guest_free(struct guest *g);
/** At power-on with a VM of its own: its RAM as an image has it. */
void guest_begin(struct guest *g);
struct vm guest_vm(struct guest *g);
/** Execute for the time that has passed. */
void guest_execute(struct guest *g);
void guest_dirty(struct guest *g, uint64_t page);
uint64_t guest_time_ns(const struct guest *g);
bool guest_blank(const struct guest *g);

void gadget_init(struct gadget *d, struct sim_host *h, uint32_t index);
void gadget_free(struct gadget *d);
struct device gadget_device(struct gadget *d);
bool gadget_active(const struct gadget *d);
void gadget_work(struct gadget *d);

void chaos_step(struct world *w);
/** The owner state of a host changed: a good moment for a fault. */
void chaos_owner_changed(struct world *w, struct sim_host *h);
void chaos_end(struct world *w);
uint64_t chaos_next_us(const struct world *w);

void operator_init(struct world *w);
void operator_step(struct world *w);
/** A foolish or bold command, whatever goes on. */
void operator_meddles(struct world *w, uint32_t host);

#endif
