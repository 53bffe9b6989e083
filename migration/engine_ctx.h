/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The engine's context and what its files share. Only files of migration/ that make up the engine, and whoever
 * owns an engine's memory, include this; operators use migration/engine.h.
 */
#ifndef MIGRATION_ENGINE_CTX_H
#define MIGRATION_ENGINE_CTX_H

#include "core/base/bitmap.h"
#include "migration/ctrl.h"
#include "migration/device_run.h"
#include "migration/engine.h"
#include "migration/geometry.h"
#include "migration/handover.h"
#include "migration/mark.h"
#include "migration/power.h"
#include "migration/ram.h"
#include "migration/rounds.h"
#include "migration/scrub.h"
#include "migration/vmstate.h"

/** Words of bitmap memory for a VM of that many pages: what is to be sent, and what was received. */
#define ENGINE_BITMAP_WORDS(pages) (2u * BITMAP_WORDS(pages))

#define DEVICE_FRAME_HEAD	   8u /* of a DEVICE frame */
#define ENGINE_NOTES_MAX	   16u
#define ENGINE_OUTBOX_MAX	   8u
#define ENGINE_TRACKERS_MAX	   (1u + DEVICE_COUNT_MAX)

#define ENGINE_PREPARE_US	   10000000u /* PREPARING: both marks durable */
#define ENGINE_GIVEN_US		   5000000u  /* GIVEN, UNKNOWN on a live link without an answer */
#define ENGINE_GONE_US		   10000000u /* GONE on a live link without RUNNING, or SETTLED */
#define ENGINE_ASK_US		   60000000u /* UNKNOWN: the peer of the mark is asked */
#define ENGINE_CLOSE_US		   2000000u  /* answer to ABORT, order of the end */
#define ENGINE_CHASE_US		   30000000u /* ABORT in the background after the link was lost in HELD */
#define ENGINE_BACKOFF_MIN_US	   100000u
#define ENGINE_BACKOFF_MAX_US	   5000000u
#define ENGINE_ROUND_PAUSE_US	   10000u /* a round lasts at least this long */
#define ENGINE_POLL_US		   200u	  /* between polls of what a device or store does by itself */
#define ENGINE_LINK_POLL_US	   5000u  /* between steps while only the link has something to do */
#define ENGINE_IDLE_US		   100000u
#define ENGINE_TURNS_MAX	   4096u /* of one step, should the clock stand still */

struct engine_config {
	struct host host;
	struct vm vm;
	const struct device *devices; /* copied */
	uint32_t device_count;
	struct link link;
	const struct hash_ops *hash;
	uint64_t *bitmap; /* lent for ever: ENGINE_BITMAP_WORDS(pages) */
	size_t bitmap_words;
	bool own;	/* boots owning the VM if no mark says otherwise; else as a receiver */
	bool autostart; /* run it then */
};

enum engine_role { ROLE_NONE, ROLE_SOURCE, ROLE_DESTINATION };

enum source_phase {
	SRC_IDLE,
	SRC_HELLO,   /* connecting, until the destination's hello */
	SRC_OPEN,    /* until the data channels have joined */
	SRC_HARVEST, /* end of a round */
	SRC_SEND,    /* pages of a round; goes on in PREPARING */
	SRC_STOP,    /* HELD: vCPUs and devices stop, pages go on */
	SRC_LAST_HARVEST,
	SRC_LAST_SEND,
	SRC_VERIFY, /* x-verify-ram: hash of all RAM */
	SRC_RECORDS,
	SRC_IMAGES,
	SRC_TOTALS,
	SRC_READY, /* wait for READY */
	SRC_GIVEN, /* and UNKNOWN: the peer's word is waited for */
	SRC_GONE,  /* TAKEN was heard */
	SRC_SCRUB,
	SRC_RETIRED, /* until SETTLED */
	SRC_BACK,    /* the VM comes back */
};

/** How the connection of an attempt ends. */
enum close_phase {
	CLOSE_NONE,
	CLOSE_ANSWER, /* ABORT or DECLINED is out */
	CLOSE_CHASE,  /* ABORT could not be sent: reconnect for a bounded time */
	CLOSE_ORDER,  /* finish() was called */
};

struct blackout { /* host time, us; 0: not reached */
	uint64_t begun, parked, devices, pages, totals, ready, taken, running;
};

struct source {
	enum source_phase phase;
	struct ram_tx ram;
	struct rounds rounds;
	struct bucket bucket;
	struct dirty trackers[ENGINE_TRACKERS_MAX];
	uint32_t tracker_count;
	bool tracking;
	uint32_t harvest_index;
	struct dirty_cursor cursor;
	uint64_t sent_us;	/* when the round's last page was handed to the link; 0: not yet */
	uint64_t round_payload; /* ram.bytes when the round began */
	struct ram_totals round_totals;
	uint8_t next_channel;
	uint64_t dirty_syncs;
	bool store_done;    /* own in-doubt is durable, PREPARE is queued */
	bool pre_harvested; /* the harvest between vCPU stop and device stop is done */
	bool was_running;
	bool recall, peer_unknown, peer_ready, running_seen, scrubbed;
	struct scrub scrub;
	uint64_t ask_until_us; /* UNKNOWN */
	bool reset_tried;      /* SRC_BACK: of a device that did not come out of pre-copy */
	uint32_t next_totals;
	uint8_t digest[HASH_BYTES];
	uint64_t hash_page; /* x-verify-ram */
	struct hash_state ram_hash;
	uint8_t ram_hash_value[HASH_BYTES];
	uint64_t deadline_us; /* of the present owner state; 0: none */
	uint64_t reconnect_us, backoff_us;
	bool reconnecting;
	struct blackout at;
	uint64_t begun_us, active_us, ended_us;
	uint32_t fruitless_rounds;
	enum migration_status end_status;
	struct link_connect connect;
};

enum destination_phase {
	DST_IDLE,
	DST_LISTEN,
	DST_CLEAN, /* a hello waits until the slot is scrubbed */
	DST_OPEN,  /* accepted; data channels join */
	DST_LOAD,
	DST_VERIFY,
	DST_FINALISE, /* devices RESUMING -> STOP */
	DST_READY,
	DST_START,
	DST_PAUSED,  /* TAKEN, not started: x-pause-at-commit */
	DST_RUNNING, /* RUNNING said */
	DST_STUCK,   /* TAKEN, a device did not start */
};

/** A frame that came and is not yet given back. */
struct rx_frame {
	uint32_t frame;
	uint16_t type, stream;
	uint8_t channel;
	const uint8_t *bytes;
	size_t len_bytes, at;
};

/** The last attempt of one kind that this host remembers while powered. */
struct attempt_record {
	bool valid;
	uint64_t source_boot, random, gen;
	uint32_t number;
};

struct destination {
	enum destination_phase phase;
	enum err accept_err; /* of the last hello's answer, until destination_step() has told */
	struct ram_rx ram;
	struct rx_frame queue[FRAME_POOL_COUNT]; /* in order of arrival */
	uint32_t queued;
	uint64_t totals_seen; /* bit per credited stream */
	uint32_t flags;	      /* of PREPARE and COMMIT */
	bool prepared_sent;
	bool finalise_begun;
	bool scrub_needed;
	struct scrub scrub;
	bool started; /* RUNNING may be said */
	bool hold;    /* started only by cont */
	bool discard; /* without force: the source is asked first */
	bool only;    /* the source has answered that it has no image */
	uint8_t digest[HASH_BYTES];
	uint64_t hash_page;
	struct hash_state ram_hash;
	uint8_t ram_hash_value[HASH_BYTES];
	struct attempt_record void_record, taken_record, last_number;
	struct attempt waiting; /* of the hello that waits */
	struct hash_state waiting_hello;
	char waiting_peer[HOST_ID_MAX];
	uint32_t waiting_epoch;
	struct link_listen listen;
	uint64_t begun_us, load_begun_us, finalise_us, commit_us, running_us;
	uint64_t elapsed_ns;
};

struct engine {
	struct host host;
	struct vm vm;
	struct link link;
	const struct hash_ops *hash;
	struct vm_desc desc;
	struct device_set devices;
	uint64_t *tx_map, *rx_map;
	struct migration_params params;
	struct migration_caps caps;

	enum owner owner;
	uint64_t gen;	    /* of the VM as this host owns it, or last owned */
	uint64_t gen_seen;  /* highest run or stored here */
	uint64_t gen_taken; /* highest taken here */
	struct power power;
	struct mark_store marks;
	bool device_fault; /* next_action names power.reason */
	bool scrub_fault;  /* something of a VM may be left; error_desc says where */

	enum engine_role role;
	struct attempt attempt; /* current or last */
	uint32_t number_last;	/* of attempts begun here */
	uint32_t epoch;
	bool alive; /* the attempt is obeyed */
	bool connected;
	bool proved; /* this epoch */
	enum close_phase closing;
	uint64_t close_deadline_us, chase_until_us;
	struct geometry geometry;
	uint8_t hello[GEOMETRY_BYTES_MAX];
	size_t hello_bytes;
	uint8_t hello_hash[HASH_BYTES];
	struct records_sum records;
	uint64_t initials;	 /* marks of whole initial device state, sent or loaded */
	uint64_t initials_acked; /* source */
	struct source src;
	struct destination dst;
	struct ctrl outbox[ENGINE_OUTBOX_MAX];
	uint32_t outbox_count;
	struct ctrl message; /* the one being obeyed */

	enum migration_status status;
	bool incoming;
	char error_desc[REASON_BYTES];
	char forecast[REASON_BYTES];
	uint64_t expected_downtime_us;
	char peer[HOST_ID_MAX];
	char reason[REASON_BYTES]; /* scratch */
	struct engine_note notes[ENGINE_NOTES_MAX];
	uint32_t note_count;
	enum vm_run_state guest_state; /* what the board reported last */
	bool reported_running;	       /* STOP and RESUME are told on a change */

	_Alignas(16) uint8_t scratch[VMSTATE_HEAD_BYTES + VM_RECORD_BYTES];
	_Alignas(16) uint8_t chunk[DEVICE_FRAME_HEAD + DEVICE_CHUNK_BYTES]; /* device_stream.h */
};

/**
 * Take the parts; loads the owner mark where the host has storage.
 *
 * @return ERR_OK; ERR_RANGE (bitmap memory, RAM regions), ERR_UNSUPPORTED (a device), ERR_IO (mark): reason says
 *         which, and the engine must not be used.
 */
enum err engine_init(struct engine *e, const struct engine_config *config, char *reason) MUST_CHECK;

/**
 * Do at most about budget_us of work.
 *
 * @return host time in us of the next wanted step; 0: work is waiting now.
 */
uint64_t engine_step(struct engine *e, uint32_t budget_us);

/* ---- shared by the engine's files ---- */

static inline uint64_t engine_now(const struct engine *e)
{
	return e->host.ops->time_us(e->host.ctx);
}

void engine_log(struct engine *e, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void engine_note(struct engine *e, enum engine_event event, uint64_t value);
void engine_set_status(struct engine *e, enum migration_status status);
/** Keep the first reason of an attempt. */
void engine_set_error(struct engine *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Post to the hand-over and do the actions. ERR_NO_ARC: nothing changed. */
enum err engine_post(struct engine *e, enum handover_side side, enum handover_event event);
/** Any failure of the attempt, here or at the peer: text first, then the event of the table. */
void engine_fail(struct engine *e, enum handover_event event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** The same, of device k, which says why itself: "device ID (TYPE) did not stop: ...". */
void engine_fail_device(struct engine *e, uint32_t k, const char *what);
/** Queue a message of the current attempt; text for ABORT and DECLINED. */
void engine_send(struct engine *e, uint16_t type, const char *text);
/** The message that this action sends; 0: none, or (SEND_ABORT) there is more to it. */
uint16_t engine_says(enum handover_action action);
bool engine_attempt_is(const struct engine *e, const struct ctrl *m);
/** The connection of the attempt is over for good. */
void engine_link_end(struct engine *e);
/** A mark of the present gen. */
void engine_store_mark(struct engine *e, enum mark_kind kind);
/** Tell the link to close in order, and wait a bounded time. */
void engine_close(struct engine *e, enum close_phase how);
/** Hash RAM from *page on, a slice; true when *page reached the end. */
bool engine_hash_ram(struct engine *e, struct hash_state *h, uint64_t *page);

bool source_step(struct engine *e);
/* precopy.c: one slice of SRC_HARVEST and SRC_SEND; of the pages while HELD */
void precopy_begin(struct engine *e);
void precopy_end(struct engine *e);
bool precopy_harvest_step(struct engine *e);
bool precopy_send_step(struct engine *e);
/** One slice of a harvest: ERR_OK when all trackers were harvested, ERR_AGAIN, or an error that was said. */
enum err harvest_slice(struct engine *e);
void harvest_begin(struct engine *e);
/** One frame on some channel: ERR_OK: sent, ERR_END: no page left, ERR_FULL, or an error that was said. */
enum err pages_slice(struct engine *e);
/* final.c: SRC_STOP to SRC_TOTALS */
void final_begin(struct engine *e);
bool final_step(struct engine *e);
void source_event(struct engine *e, const struct link_event *ev);
void source_action(struct engine *e, enum handover_action action);
bool source_busy(const struct engine *e);
/** UNKNOWN: the peer of the mark is being asked. */
bool source_asks(const struct engine *e);
/** True when what is left to do waits for somebody else. */
bool source_polling(const struct engine *e);

bool destination_step(struct engine *e);
void destination_event(struct engine *e, const struct link_event *ev);
void destination_action(struct engine *e, enum handover_action action);
/** The VM's start or stop ended. */
void destination_power_done(struct engine *e, enum err err);
bool destination_polling(const struct engine *e);

void params_default(struct migration_params *params);

#endif
