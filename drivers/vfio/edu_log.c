/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Device log (migration/dirty.h, "device-log"): the pages that transfers write. A page counts
 * from the moment its transfer starts, and again at every harvest until the transfer was seen
 * to have ended: the write may come after the page was sent.
 *
 * Starts are always trapped, so beginning to log is only reading what is in flight.
 */
#include "core/base/bitmap.h"
#include "drivers/vfio/edu_priv.h"

static void page_add(struct edu_log *log, uint64_t page)
{
	for (uint32_t i = 0; i < log->count; i++) {
		if (log->page[i] == page) {
			return;
		}
	}
	if (log->count == EDU_LOG_PAGES_MAX) {
		log->lost = true;
		return;
	}
	log->page[log->count++] = page;
}

static void flight_add(struct edu *edu)
{
	if (!edu->log.on || !edu->flight.to_ram) {
		return;
	}
	for (uint32_t i = 0; i < edu->flight.page_count; i++) {
		page_add(&edu->log, edu->flight.page + i);
	}
}

void edu_flight_update(struct edu *edu)
{
	/* RUN falls when the data has been written; reading it over PCI pushes posted writes ahead of the answer. */
	if (edu->flight.open && !edu_dma_runs(edu)) {
		flight_add(edu);
		edu->flight.open = false;
	}
}

void edu_log_post(struct edu *edu, const struct edu_flight *flight)
{
	edu->flight = *flight;
	flight_add(edu);
}

static enum err log_start(void *ctx)
{
	struct edu *edu = ctx;

	spin_lock(&edu->lock);
	edu->log.count = 0;
	edu->log.lost = false;
	edu->log.on = true;
	/* In flight, or over but not looked at: posted either way. */
	if (edu->flight.open) {
		flight_add(edu);
	}
	spin_unlock(&edu->lock);
	return ERR_OK;
}

static enum err log_harvest(void *ctx, struct dirty_cursor *cursor, uint64_t *map)
{
	struct edu *edu = ctx;
	enum err err = ERR_OK;

	(void)cursor;
	spin_lock(&edu->lock);
	if (!edu->log.on) {
		spin_unlock(&edu->lock);
		return ERR_LOST;
	}
	edu_flight_update(edu);
	for (uint32_t i = 0; i < edu->log.count; i++) {
		bitmap_set(map, edu->log.page[i]);
	}
	if (edu->log.lost) {
		err = ERR_LOST;
	}
	edu->log.count = 0;
	edu->log.lost = false;
	if (edu->flight.open) {
		flight_add(edu); /* carried to the next harvest */
	}
	spin_unlock(&edu->lock);
	return err;
}

static void log_stop(void *ctx)
{
	struct edu *edu = ctx;

	spin_lock(&edu->lock);
	edu->log.on = false;
	edu->log.count = 0;
	edu->log.lost = false;
	spin_unlock(&edu->lock);
}

const struct dirty_ops edu_dirty_ops = {
	.name = "device-log",
	.start = log_start,
	.harvest = log_harvest,
	.stop = log_stop,
};
