/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What a seed draws: which faults are on, how the VM, its hosts and the network are, and what the operator will do. */
#ifndef TESTS_SIM_PLAN_H
#define TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/vm.h"
#include "migration/device.h"
#include "tests/sim/ledger.h"
#include "tests/sim/wire.h"

#define PLAN_HOPS_MAX 6u

#define PLAN_FAULTS(X)                                                                                                 \
	X(LATENCY, "latency")		/* long and unsteady way */                                                    \
	X(RATE, "rate")			/* slow link */                                                                \
	X(SPLIT, "split")		/* streams cut into any pieces */                                              \
	X(STALL, "stall")		/* segments that come late */                                                  \
	X(CUT, "cut")			/* connections reset at a byte or a moment */                                  \
	X(PARTITION, "partition")	/* nothing passes for a while, one way or both; resets are lost: half-open */  \
	X(FLIP, "corruption")		/* one bit of a stream */                                                      \
	X(STRANGER, "stranger")		/* others connect, say anything, replay */                                     \
	X(RESTART, "restart")		/* power cycles of any host */                                                 \
	X(NO_STORE, "no store")		/* some host has no storage for its mark */                                    \
	X(STORE_SLOW, "store slow")	/* */                                                                          \
	X(STORE_FAIL, "store fail")	/* with and without having stored */                                           \
	X(CLOCK, "clock")		/* fast, slow, jumping forward */                                              \
	X(DEV_SLOW, "device slow")	/* */                                                                          \
	X(DEV_REFUSE, "device refuses") /* an arc cannot begin */                                                      \
	X(DEV_FAIL, "device fails")	/* an arc fails and leaves the device where it was */                          \
	X(DEV_ERROR, "device error")	/* an arc fails into ERROR; read and reset fail */                             \
	X(DEV_IMAGE, "device image")	/* does not validate */                                                        \
	X(BUSY, "busy guest")		/* writes faster than the link */                                              \
	X(HARVEST, "log lost")		/* ERR_LOST, ERR_IO of a tracker; one that does not start */                   \
	X(POISON, "poison")		/* a page that cannot be read */                                               \
	X(VCPU, "vcpu stuck")		/* does not stop, does not run */                                              \
	X(RECORD, "vm record")		/* cannot be saved, drained, loaded, completed */                              \
	X(CANCEL, "cancel")		/* the operator gives up at any time, recalls, discards */                     \
	X(STOP_CONT, "stop and cont")	/* at any time */                                                              \
	X(GUEST_END, "guest ends")	/* powers off or crashes */                                                    \
	X(RANDOM, "no randomness")	/* now and then */                                                             \
	X(ROGUE, "rogue")		/* a peer with all keys that lies */                                           \
	X(CERT, "certificate")		/* expired, of another CA, of another name, without a role ... for a while */  \
	X(SHAPE, "other shape")		/* hosts that were not set up alike */                                         \
	X(MARK_LOAD, "mark unreadable") /* at power-on, for a while */                                                 \
	X(ROOM, "no room")		/* no connection, no listener, no send is taken, now and then */

enum plan_fault {
#define PLAN_ENUM(name, text) FAULT_##name,
	PLAN_FAULTS(PLAN_ENUM)
#undef PLAN_ENUM
		FAULT_COUNT
};

enum guest_pattern { GUEST_IDLE, GUEST_HOT, GUEST_SEQUENTIAL, GUEST_ALL };

struct plan {
	uint64_t seed;
	uint32_t faults; /* bit per enum plan_fault */
	uint32_t host_count;
	struct vm_ram_region ram[VM_RAM_REGIONS_MAX];
	uint32_t region_count;
	uint64_t page_count;
	uint32_t vcpu_count, device_count;
	uint32_t device_flags[LEDGER_DEVICES];
	uint32_t device_image[LEDGER_DEVICES]; /* bytes */
	bool device_log[LEDGER_DEVICES];
	uint32_t record_bytes;
	uint64_t arc_us;
	uint64_t park_us;
	enum guest_pattern pattern;
	uint64_t hot_pages, writes_per_s;
	uint64_t turn_us; /* a step of the service core takes so long */
	uint64_t quantum_us;
	struct wire_way way;
	/* parameters of the migration */
	uint32_t channels;
	uint64_t max_bandwidth, downtime_ms, link_timeout_ms, handover_ms;
	bool verify_ram, freeze, pause_at_commit;
	uint32_t round_min, round_max;
	uint64_t sequence_base; /* of every channel, once it has joined */
	uint32_t number_base;	/* of attempts */
	uint64_t gen_base;	/* of the VM, where there is a store */
	uint32_t lie;		/* enum rogue_lie, of a world with a liar */
	uint32_t exact;		/* which of them, for ROGUE_EXACT */
	uint32_t hop_count;
	uint8_t hops[PLAN_HOPS_MAX]; /* hosts */
};

/** allowed masks the classes of faults. */
void plan_draw(struct plan *p, uint64_t seed, uint32_t allowed);
const char *plan_fault_name(enum plan_fault fault);
static inline bool plan_has(const struct plan *p, enum plan_fault fault)
{
	return (p->faults >> fault & 1u) != 0;
}

#endif
