/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/conformance/conformance.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bitmap.h"
#include "core/base/bits.h"
#include "migration/device_plan.h"

#define POLLS_MAX    20000u
#define POLL_PASS_US 1000u
#define HOPS_MAX     8u

static const struct conformance_subject *subject;
static struct device dev[2];
static uint8_t image[CONFORMANCE_IMAGE_MAX], again[CONFORMANCE_IMAGE_MAX];
static char detail[256];

/* A check ends with the first thing that does not hold. */
#define FAIL(...)                                                                                                      \
	do {                                                                                                           \
		(void)snprintf(detail, sizeof(detail), __VA_ARGS__);                                                   \
		return false;                                                                                          \
	} while (0)
#define WANT(x, ...)                                                                                                   \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			FAIL(__VA_ARGS__);                                                                             \
		}                                                                                                      \
	} while (0)

static void fresh(void)
{
	subject->fresh();
	dev[0] = subject->device(0);
	dev[1] = subject->device(1);
}

static struct device_desc desc_of(uint32_t n)
{
	struct device_desc desc;

	dev[n].ops->describe(dev[n].ctx, &desc);
	return desc;
}

static enum device_state state_of(uint32_t n)
{
	enum device_state now = DEVICE_ERROR;

	(void)!dev[n].ops->state_poll(dev[n].ctx, &now);
	return now;
}

/** The arc that is open, to its end. ERR_TIMEOUT: it has none. */
static enum err arc_end(uint32_t n)
{
	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		enum device_state now;
		enum err err = dev[n].ops->state_poll(dev[n].ctx, &now);

		if (err != ERR_AGAIN) {
			return err;
		}
		subject->pass(POLL_PASS_US);
	}
	return ERR_TIMEOUT;
}

static enum err arc(uint32_t n, enum device_state to)
{
	enum err err = dev[n].ops->state_begin(dev[n].ctx, to);

	return err == ERR_OK ? arc_end(n) : err;
}

/** By as many arcs as it takes. */
static bool go(uint32_t n, enum device_state to)
{
	uint32_t flags = desc_of(n).mig_flags;

	for (uint32_t i = 0; i < HOPS_MAX; i++) {
		enum device_state now = state_of(n), next = device_plan_next(flags, now, to);

		if (now == to) {
			return true;
		}
		if (next == DEVICE_ERROR || arc(n, next) != ERR_OK) {
			break;
		}
	}
	FAIL("device %u did not get from %s to %s: %s", n, device_state_name(state_of(n)), device_state_name(to),
		dev[n].ops->last_error(dev[n].ctx));
}

static enum err chore_end(uint32_t n, bool scrub)
{
	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		enum err err = scrub ? dev[n].ops->scrub_poll(dev[n].ctx) : dev[n].ops->reset_poll(dev[n].ctx);

		if (err != ERR_AGAIN) {
			return err;
		}
		subject->pass(POLL_PASS_US);
	}
	return ERR_TIMEOUT;
}

static bool read_all(uint32_t n, uint8_t *out, size_t piece, size_t *len_bytes)
{
	*len_bytes = 0;
	for (uint32_t i = 0; i < CONFORMANCE_IMAGE_MAX + POLLS_MAX; i++) {
		size_t len = 0, room = CONFORMANCE_IMAGE_MAX - *len_bytes;
		enum err err = dev[n].ops->read(dev[n].ctx, out + *len_bytes, MIN(piece, room), &len);

		if (err == ERR_END) {
			return true;
		}
		if (err == ERR_AGAIN) {
			subject->pass(POLL_PASS_US);
			continue;
		}
		WANT(err == ERR_OK && len > 0 && len <= piece, "read gave %s with %zu bytes", err_name(err), len);
		*len_bytes += len;
	}
	FAIL("the image has no end within %u bytes", CONFORMANCE_IMAGE_MAX);
}

static enum err write_all(uint32_t n, const uint8_t *bytes, size_t len_bytes, size_t piece)
{
	for (size_t at = 0; at < len_bytes;) {
		char reason[REASON_BYTES] = "";
		size_t taken = 0;
		enum err err = dev[n].ops->write(dev[n].ctx, bytes + at, MIN(piece, len_bytes - at), &taken, reason);

		if (err != ERR_OK) {
			return reason[0] == '\0' ? ERR_LOST : err;
		}
		if (taken == 0) {
			return ERR_TIMEOUT;
		}
		at += taken;
	}
	return ERR_OK;
}

static bool image_of(uint32_t n, uint8_t *out, size_t piece, size_t *len_bytes)
{
	return go(n, DEVICE_STOP_COPY) && read_all(n, out, piece, len_bytes) && go(n, DEVICE_STOP);
}

/* ---- the checks ---- */

static bool describes_itself(void)
{
	struct device_desc desc;

	fresh();
	desc = desc_of(0);
	WANT(desc.id[0] != '\0' && desc.type[0] != '\0', "no id or no type");
	WANT(device_flags_valid(desc.mig_flags), "flags 0x%x are none of the four sets", desc.mig_flags);
	WANT(desc.vendor_id != 0 && desc.state_version != 0, "no vendor, or state version 0");
	WANT(state_of(0) == DEVICE_RUNNING, "begins in %s, not in RUNNING", device_state_name(state_of(0)));
	WANT(dev[0].ops->transfer(dev[0].ctx) == 0, "begins with a transfer");
	WANT(dev[0].ops->last_error(dev[0].ctx) != NULL, "last_error gives NULL");
	WANT((dev[0].ops->precopy_info != NULL) == ((desc.mig_flags & DEVICE_MIG_PRE_COPY) != 0),
		"precopy_info does not go with the flags");
	return true;
}

static bool one_pair(uint32_t flags, enum device_state from, enum device_state to)
{
	bool direct = from != to && device_arc_direct(flags, from, to);
	bool image_missing = from == DEVICE_RESUMING && to == DEVICE_STOP;
	enum err err;

	fresh();
	if (!go(0, from)) {
		return false;
	}
	err = dev[0].ops->state_begin(dev[0].ctx, to);
	if (!direct) {
		WANT(err == ERR_NO_ARC, "%s to %s gave %s", device_state_name(from), device_state_name(to),
			err_name(err));
		WANT(state_of(0) == from, "refusing an arc moved it to %s", device_state_name(state_of(0)));
		return true;
	}
	WANT(err == ERR_OK, "%s to %s gave %s", device_state_name(from), device_state_name(to), err_name(err));
	err = dev[0].ops->state_begin(dev[0].ctx, to);
	WANT(err == ERR_BAD_STATE, "a second arc while one is open gave %s", err_name(err));
	err = arc_end(0);
	WANT((err == ERR_OK) == !image_missing, "%s to %s ended with %s", device_state_name(from),
		device_state_name(to), err_name(err));
	WANT(image_missing || state_of(0) == to, "arrived in %s", device_state_name(state_of(0)));
	return true;
}

static bool every_pair_of_states(void)
{
	uint32_t flags;

	fresh();
	flags = desc_of(0).mig_flags;
	for (uint32_t from = 1; from < DEVICE_STATE_COUNT; from++) {
		for (uint32_t to = 0; to < DEVICE_STATE_COUNT; to++) {
			if (device_state_offered(flags, (enum device_state)from) &&
				!one_pair(flags, (enum device_state)from, (enum device_state)to)) {
				return false;
			}
		}
	}
	return true;
}

static bool transfers_are_numbered(void)
{
	uint64_t first, second;

	fresh();
	if (!go(0, DEVICE_STOP_COPY)) {
		return false;
	}
	first = dev[0].ops->transfer(dev[0].ctx);
	WANT(first != 0, "STOP_COPY opened no transfer");
	if (!go(0, DEVICE_STOP)) {
		return false;
	}
	WANT(dev[0].ops->transfer(dev[0].ctx) == 0, "the transfer outlived STOP_COPY");
	if (!go(0, DEVICE_RESUMING)) {
		return false;
	}
	second = dev[0].ops->transfer(dev[0].ctx);
	WANT(second != 0 && second != first, "RESUMING has transfer %llu after %llu", (unsigned long long)second,
		(unsigned long long)first);
	WANT(dev[0].ops->reset_begin(dev[0].ctx) == ERR_OK && dev[0].ops->transfer(dev[0].ctx) == 0,
		"the transfer outlived the begin of a reset");
	return true;
}

static bool bytes_flow_in_their_states_only(void)
{
	uint32_t flags;

	fresh();
	flags = desc_of(0).mig_flags;
	for (uint32_t i = 1; i < DEVICE_STATE_COUNT; i++) {
		enum device_state at = (enum device_state)i;
		char reason[REASON_BYTES] = "";
		uint8_t byte = 0;
		uint64_t a, b;
		size_t n = 0;

		if (!device_state_offered(flags, at)) {
			continue;
		}
		fresh();
		if (!go(0, at)) {
			return false;
		}
		WANT(device_state_saving(at) || dev[0].ops->read(dev[0].ctx, &byte, 1, &n) == ERR_BAD_STATE,
			"read in %s", device_state_name(at));
		WANT(at == DEVICE_RESUMING || dev[0].ops->write(dev[0].ctx, &byte, 1, &n, reason) == ERR_BAD_STATE,
			"write in %s", device_state_name(at));
		WANT(dev[0].ops->data_size(dev[0].ctx, &a) == ERR_OK && a > 0, "no data_size in %s",
			device_state_name(at));
		if (dev[0].ops->precopy_info != NULL && at != DEVICE_PRE_COPY && at != DEVICE_PRE_COPY_P2P) {
			WANT(dev[0].ops->precopy_info(dev[0].ctx, &a, &b) != ERR_OK, "precopy_info in %s",
				device_state_name(at));
		}
	}
	return true;
}

static bool precopy_gives_its_initial_bytes_first(void)
{
	uint64_t before, initial = 0, dirty = 0, transfer;
	size_t len = 0, rest = 0;
	enum err err;

	fresh();
	if ((desc_of(0).mig_flags & DEVICE_MIG_PRE_COPY) == 0) {
		return true;
	}
	subject->work(0);
	if (!go(0, DEVICE_PRE_COPY)) {
		return false;
	}
	transfer = dev[0].ops->transfer(dev[0].ctx);
	WANT(dev[0].ops->precopy_info(dev[0].ctx, &before, &dirty) == ERR_OK && before > 0, "no initial bytes");
	for (uint32_t i = 0; i < POLLS_MAX && len < CONFORMANCE_IMAGE_MAX; i++) {
		size_t n = 0;

		WANT(dev[0].ops->precopy_info(dev[0].ctx, &initial, &dirty) == ERR_OK && initial <= before,
			"initial bytes rose");
		before = initial;
		if (initial + dirty == 0) {
			break;
		}
		err = dev[0].ops->read(dev[0].ctx, image + len, 7, &n);
		WANT(err == ERR_OK && n > 0 && n <= 7, "read in PRE_COPY gave %s", err_name(err));
		len += n;
	}
	WANT(initial == 0, "initial bytes without end");
	err = dev[0].ops->read(dev[0].ctx, image + len, 7, &rest);
	WANT(err == ERR_AGAIN, "read gave %s when there was nothing", err_name(err));
	if (!go(0, DEVICE_STOP_COPY)) {
		return false;
	}
	WANT(dev[0].ops->transfer(dev[0].ctx) == transfer, "STOP_COPY is another transfer");
	memset(again, 0, sizeof(again));
	if (!read_all(0, again, 1000, &rest)) {
		return false;
	}
	memcpy(image + len, again, MIN(rest, CONFORMANCE_IMAGE_MAX - len));
	if (!go(1, DEVICE_RESUMING)) {
		return false;
	}
	err = write_all(1, image, len, 5);
	WANT(err == ERR_OK, "the initial bytes were refused: %s", err_name(err));
	if (dev[1].ops->initial_loaded != NULL) {
		char reason[REASON_BYTES];

		WANT(dev[1].ops->initial_loaded(dev[1].ctx, reason) == ERR_OK, "not loaded: %s", reason);
	}
	WANT(write_all(1, image + len, rest, 1000) == ERR_OK, "the rest was refused");
	return go(1, DEVICE_STOP);
}

static bool state_moves_and_source_and_destination_go_on(void)
{
	static const size_t pieces[] = { 1, 13, 4096, CONFORMANCE_IMAGE_MAX };

	for (uint32_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		const char *what = "";
		size_t len;

		fresh();
		subject->work(0);
		if (!image_of(0, image, pieces[i], &len) || !go(1, DEVICE_RESUMING)) {
			return false;
		}
		subject->copy_memory();
		WANT(write_all(1, image, len, pieces[ARRAY_SIZE(pieces) - 1 - i]) == ERR_OK,
			"the image was refused: %s", dev[1].ops->last_error(dev[1].ctx));
		if (!go(1, DEVICE_RUNNING)) {
			return false;
		}
		WANT(subject->worked(1, &what), "at the destination: %s", what);
		if (!go(0, DEVICE_RUNNING)) {
			return false;
		}
		WANT(subject->worked(0, &what), "at the source, resumed: %s", what);
	}
	return true;
}

static bool an_image_is_the_same_when_read_again(void)
{
	size_t len, len_again;

	fresh();
	subject->work(0);
	if (!image_of(0, image, 4096, &len) || !image_of(0, again, 17, &len_again)) {
		return false;
	}
	WANT(len == len_again && memcmp(image, again, len) == 0, "images of %zu and %zu bytes differ", len, len_again);
	return true;
}

/** It was refused; and a reset leads out of where that left it, to a device that takes the whole image. */
static bool refused(const uint8_t *bytes, size_t len, const char *how, size_t at)
{
	enum err err = write_all(1, bytes, len, 4096);

	WANT(err != ERR_LOST && err != ERR_TIMEOUT, "%s at %zu: no reason, or nothing taken", how, at);
	if (err == ERR_OK) {
		err = arc(1, DEVICE_STOP);
		WANT(err != ERR_OK, "%s at %zu was taken", how, at);
		WANT(dev[1].ops->last_error(dev[1].ctx)[0] != '\0', "%s at %zu: refused without a reason", how, at);
	}
	WANT(dev[1].ops->reset_begin(dev[1].ctx) == ERR_OK && chore_end(1, false) == ERR_OK &&
			state_of(1) == DEVICE_RUNNING,
		"%s at %zu: no reset afterwards", how, at);
	return go(1, DEVICE_RESUMING);
}

static bool damaged_images_are_refused(void)
{
	size_t len, step;

	fresh();
	subject->work(0);
	if (!image_of(0, image, 4096, &len) || !go(1, DEVICE_RESUMING)) {
		return false;
	}
	/* A reset takes long on some devices: some hundred places, and all of the first. */
	step = 1 + len / 400;
	for (size_t at = 0; at < len; at += at < 64 ? 1 : step) {
		if (!refused(image, at, "an image cut", at)) {
			return false;
		}
		memcpy(again, image, len);
		again[at] ^= (uint8_t)(1u << at % 8);
		if (!refused(again, len, "a bit changed", at)) {
			return false;
		}
	}
	memcpy(again, image, len);
	again[len] = 0;
	if (!refused(again, len + 1, "a byte more", len)) {
		return false;
	}
	WANT(write_all(1, image, len, 4096) == ERR_OK, "the whole image was refused after that");
	return go(1, DEVICE_STOP);
}

static bool a_stopped_device_is_silent(void)
{
	static const enum device_state states[] = { DEVICE_STOP, DEVICE_STOP_COPY, DEVICE_RESUMING };

	for (uint32_t i = 0; i < ARRAY_SIZE(states); i++) {
		fresh();
		subject->work(0);
		if (!go(0, states[i])) {
			return false;
		}
		WANT(subject->silent(0), "reaches memory or raises an interrupt in %s", device_state_name(states[i]));
	}
	return true;
}

static bool reset_and_scrub_lead_out_of_every_state(void)
{
	uint32_t flags;

	fresh();
	flags = desc_of(0).mig_flags;
	for (uint32_t i = 0; i < 2 * DEVICE_STATE_COUNT; i++) {
		enum device_state from = (enum device_state)(i / 2);
		bool scrub = i % 2 != 0;
		const struct device_ops *ops;
		enum err err;

		if (from == DEVICE_ERROR || !device_state_offered(flags, from)) {
			continue;
		}
		fresh();
		subject->work(0);
		if (!go(0, from)) {
			return false;
		}
		ops = dev[0].ops;
		err = scrub ? ops->scrub_begin(dev[0].ctx) : ops->reset_begin(dev[0].ctx);
		WANT(err == ERR_OK && subject->silent(0), "%s in %s: %s, or not silent at once",
			scrub ? "scrub" : "reset", device_state_name(from), err_name(err));
		err = chore_end(0, scrub);
		WANT(err == ERR_OK && state_of(0) == (scrub ? DEVICE_STOP : DEVICE_RUNNING), "%s in %s: %s, then %s",
			scrub ? "scrub" : "reset", device_state_name(from), err_name(err),
			device_state_name(state_of(0)));
		WANT(ops->transfer(dev[0].ctx) == 0, "a transfer outlived it");
		WANT(subject->silent(0), "not silent afterwards");
	}
	return true;
}

static bool an_arc_that_is_open_gives_way_to_a_reset(void)
{
	uint32_t flags;
	enum device_state next;

	fresh();
	flags = desc_of(0).mig_flags;
	subject->work(0);
	next = device_plan_next(flags, DEVICE_RUNNING, DEVICE_STOP);
	WANT(dev[0].ops->state_begin(dev[0].ctx, next) == ERR_OK, "%s", dev[0].ops->last_error(dev[0].ctx));
	WANT(dev[0].ops->reset_begin(dev[0].ctx) == ERR_OK && chore_end(0, false) == ERR_OK,
		"no reset over an open arc");
	WANT(state_of(0) == DEVICE_RUNNING, "in %s afterwards", device_state_name(state_of(0)));
	return go(0, DEVICE_STOP);
}

static bool the_log_has_what_was_written(void)
{
	static uint64_t map[BITMAP_WORDS(CONFORMANCE_PAGES_MAX)];
	struct dirty_cursor cursor = { 0 };
	struct dirty log;
	uint64_t page = 0;

	fresh();
	log = dev[0].ops->log(dev[0].ctx);
	if (log.ops == NULL) {
		return true;
	}
	WANT(log.ops->harvest(log.ctx, &cursor, map) == ERR_LOST, "a harvest before the start is not ERR_LOST");
	subject->work(0);
	WANT(log.ops->start(log.ctx) == ERR_OK, "it does not start");
	for (uint32_t i = 0; i < 20; i++) {
		enum err err = ERR_AGAIN;

		subject->dma(0, &page);
		memset(map, 0, sizeof(map));
		cursor = (struct dirty_cursor){ 0 };
		for (uint32_t n = 0; n < POLLS_MAX && err == ERR_AGAIN; n++) {
			err = log.ops->harvest(log.ctx, &cursor, map);
		}
		WANT(err == ERR_OK, "a harvest gave %s", err_name(err));
		WANT(bitmap_test(map, page), "page %llu was written and not reported", (unsigned long long)page);
	}
	log.ops->stop(log.ctx);
	log.ops->stop(log.ctx);
	subject->dma(0, &page);
	WANT(log.ops->start(log.ctx) == ERR_OK, "it does not start again");
	log.ops->stop(log.ctx);
	return true;
}

uint32_t conformance_run(const struct conformance_subject *s)
{
	static const struct {
		const char *name;
		bool (*check)(void);
	} checks[] = {
		{ "describes itself", describes_itself },
		{ "every pair of states is an arc or refused, one at a time", every_pair_of_states },
		{ "transfers are numbered", transfers_are_numbered },
		{ "bytes flow in their states only", bytes_flow_in_their_states_only },
		{ "PRE_COPY gives its initial bytes first", precopy_gives_its_initial_bytes_first },
		{ "state moves; source and destination go on", state_moves_and_source_and_destination_go_on },
		{ "an image is the same when read again", an_image_is_the_same_when_read_again },
		{ "damaged images are refused, and a reset follows", damaged_images_are_refused },
		{ "a stopped device is silent", a_stopped_device_is_silent },
		{ "reset and scrub lead out of every state", reset_and_scrub_lead_out_of_every_state },
		{ "an open arc gives way to a reset", an_arc_that_is_open_gives_way_to_a_reset },
		{ "the log has what was written", the_log_has_what_was_written },
	};
	uint32_t failed = 0;

	subject = s;
	for (uint32_t i = 0; i < ARRAY_SIZE(checks); i++) {
		bool held = checks[i].check();

		printf("  %-6s %s: %s%s%s\n", held ? "ok" : "FAILED", s->name, checks[i].name, held ? "" : ": ",
			held ? "" : detail);
		failed += !held;
	}
	printf("device-conformance %s: %u passed, %u failed\n", s->name, (unsigned)ARRAY_SIZE(checks) - failed, failed);
	return failed;
}
