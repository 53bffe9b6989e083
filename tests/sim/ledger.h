/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The judge. It knows what the one VM must look like, because every write of a fake vCPU or device passes through it, and
 * it believes nothing the engine says: not who owns the VM, not what was sent. It shares no code with the engine.
 *
 * What it refuses: two hosts that run the VM, or may; a counter that goes back; a gen that is not above all before it when
 * the VM changes its host; RAM, registers or a device that differ from the shadow at the first instruction
 * or DMA write on a host, when the VM comes back, and when a destination says READY; guest time that goes back.
 */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/journal.h"

#define LEDGER_HOSTS   3u
#define LEDGER_VCPUS   8u
#define LEDGER_DEVICES 4u
#define LEDGER_NOBODY  UINT32_MAX

struct ledger_device {
	bool enabled;
	uint64_t writes;
};

/** All of a VM at one moment; ram has page_count pages. */
struct ledger_image {
	bool valid;
	uint8_t *ram;
	uint64_t counters[LEDGER_VCPUS];
	struct ledger_device devices[LEDGER_DEVICES];
	uint64_t guest_ns;
	uint64_t life;
};

/** What a host has at this moment, for the judge to look at. */
struct ledger_view {
	bool powered;
	bool vcpus_run;	  /* some vCPU executes */
	bool devices_run; /* some device may do DMA */
	bool may_run;	  /* the owner state it was told allows a vCPU in */
	uint64_t gen;
	const uint8_t *ram;
	uint64_t counters[LEDGER_VCPUS];
	struct ledger_device devices[LEDGER_DEVICES];
	uint64_t guest_ns;
};

struct ledger {
	struct journal *journal;
	uint64_t page_count;
	uint32_t vcpu_count, device_count;
	struct ledger_image now;
	struct ledger_image held;		/* as it was when a source that got its VM back had stopped it */
	struct ledger_image kept[LEDGER_HOSTS]; /* image a host may fall back to, when an operator says so */
	uint32_t seat;				/* host that runs the VM, or ran it last */
	uint64_t gen;				/* highest that ran */
	bool resumed[LEDGER_HOSTS];		/* stood since the last look: look again */
	bool fall_back[LEDGER_HOSTS];		/* an operator allowed the kept image to go on */
	bool device_reset[LEDGER_HOSTS];
	uint64_t instructions, dma_writes, looks, moves, values;
	uint64_t stopped_us, blackout_us; /* of the last move */
	bool time_exact;
	uint64_t time_slack_ns;
};

void ledger_init(struct ledger *l, struct journal *j, uint64_t pages, uint32_t vcpus, uint32_t devices);
void ledger_free(struct ledger *l);
/** A VM is started from its beginning on a host: fills nothing, takes the view as what is right. */
void ledger_begin(struct ledger *l, uint32_t host, const struct ledger_view views[LEDGER_HOSTS]);
/** Before the first instruction or DMA write after a start. */
void ledger_look(struct ledger *l, uint32_t host, const struct ledger_view views[LEDGER_HOSTS], const char *who);
/** A destination claims to have it all. */
void ledger_ready(struct ledger *l, uint32_t host, const struct ledger_view *view);
/** A source gives the VM away: it must stand, and what it has is kept. */
void ledger_given(struct ledger *l, uint32_t host, const struct ledger_view *view);
/** At most one host may run, at any time. */
void ledger_one_runner(struct ledger *l, const struct ledger_view views[LEDGER_HOSTS]);
/** One vCPU executes: its counter must be ours. */
void ledger_instruction(struct ledger *l, uint32_t host, uint32_t vcpu, uint64_t counter, uint64_t guest_ns);
/** A word is written by the seat; old is what was read before. */
void ledger_write(struct ledger *l, uint32_t host, uint64_t page, uint32_t at, uint64_t old, uint64_t value);
/** A DMA write has reached memory, over whatever was there. */
void ledger_landed(struct ledger *l, uint32_t host, uint64_t page, uint32_t at, uint64_t value);
/** One DMA write of a device. */
void ledger_dma(struct ledger *l, uint32_t host, uint32_t device, uint64_t writes);
/** A device of the seat was reset by the engine, which may happen only after a failure. */
void ledger_device_reset(struct ledger *l, uint32_t host, uint32_t device, bool after_failure);
/** The VM stands: the next start is looked at. */
void ledger_stands(struct ledger *l, uint32_t host);
/** Power loss of a host. */
void ledger_power_off(struct ledger *l, uint32_t host);
/** The value of a write: host, gen and a number that is never used twice. */
uint64_t ledger_value(struct ledger *l, uint32_t host);
/** True when this host's RAM is the VM's as it is now. */
bool ledger_has_image(const struct ledger *l, const struct ledger_view *view);

#endif
