/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The stream of one device's state (docs/wire-format.md, 7): frames with an index, on whichever data channel has room, put
 * into order again at the destination within the window that credit allows. It begins in PRE_COPY where a device has that and
 * ends with its TOTALS, which say how many frames there were. Memory: one chunk at the source, the granted frames at the
 * destination, however large the state is.
 */
#ifndef MIGRATION_DEVICE_STREAM_H
#define MIGRATION_DEVICE_STREAM_H

#include "migration/engine_ctx.h"

/* Payload of a DEVICE frame: le32 index, le32 kind, bytes (kind DATA alone). DEVICE_FRAME_HEAD bytes before the latter. */

enum device_frame {
	DEVICE_FRAME_DATA = 0,	  /* the next bytes of the transfer */
	DEVICE_FRAME_INITIAL = 1, /* what came so far is all of the initial bytes */
	DEVICE_FRAME_RESTART = 2, /* forget it all: another transfer follows */
};

/** An attempt begins, at either side: nothing was sent or placed. */
void device_stream_begin(struct engine *e);
/** Source: one read of each device, into frames. True when something moved; what went wrong was said. */
bool device_stream_send(struct engine *e);
/** Source: every device was read to its end. */
bool device_stream_all_sent(const struct engine *e);
/**
 * Source: may the VM stop, as far as pre-copy data is concerned? False: e->forecast says what is waited for.
 */
bool device_stream_may_stop(struct engine *e);
/**
 * Destination: place a DEVICE frame; f->at remembers how far it is.
 *
 * @return ERR_OK: placed; ERR_FULL: moved, call again; ERR_AGAIN: not its turn, or the device is busy; else e->reason says why.
 */
enum err device_stream_place(struct engine *e, struct rx_frame *f) MUST_CHECK;
/** Destination: poll devices that load initial state, and tell the source of those that have. True when something moved. */
bool device_stream_load_step(struct engine *e);
/** Destination: ERR_LOST with e->reason when a device forgot what was written to it. */
enum err device_stream_intact(struct engine *e) MUST_CHECK;

#endif
