/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Frames at the destination: queued in order of arrival, placed in order of each channel, given back. */
#ifndef MIGRATION_RECEIVE_H
#define MIGRATION_RECEIVE_H

#include "migration/engine_ctx.h"

/** The data channels stand: nothing was received yet. */
void receive_begin(struct engine *e);
/** A LINK_FRAME event. */
void receive_frame(struct engine *e, const struct link_event *ev);
/** Place what can be placed. True when something moved. */
bool receive_step(struct engine *e);
/** Give every queued frame back unplaced: the epoch is over. */
void receive_drop(struct engine *e);
/** Every page, all totals. */
bool receive_all_here(const struct engine *e);
/** All totals agree, yet some page was never named. */
bool receive_page_missing(const struct engine *e);
/** The digest of READY, into dst.digest. */
void receive_digest(struct engine *e);

#endif
