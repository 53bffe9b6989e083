/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * e1000e behind migration/device.h. Every arc is a job: begun, then stepped by state_poll; a step
 * does some register accesses and never waits.
 */
#include "drivers/vfio/e1000e.h"

#include <string.h>

#include "core/base/text.h"
#include "drivers/vfio/e1000e_priv.h"

#define RESET_US	1000u  /* no access to the device in this time after CTRL.RST */
#define RESET_POLLS_MAX 10000u /* in e1000e_init */
#define WIPE_SLICE	256u   /* words of the packet buffer for each poll */
#define STOP_US		1000u  /* declared until measured */
#define LOAD_US		5000u

enum act {
	ACT_NONE = 0,
	ACT_OPEN,
	ACT_HOLD,
	ACT_RELEASE,
	ACT_STOP,
	ACT_UNSTOP,
	ACT_SAVE,
	ACT_STOP_SAVE,
	ACT_RESUME,
	ACT_LOAD,
	ACT_CLOSE
};

/* reference: VFIO v2, the set of arcs with P2P and PRE_COPY. */
static const uint8_t arcs[DEVICE_STATE_COUNT][DEVICE_STATE_COUNT] = {
	[DEVICE_RUNNING] = { [DEVICE_RUNNING_P2P] = ACT_HOLD, [DEVICE_PRE_COPY] = ACT_OPEN },
	[DEVICE_RUNNING_P2P] = { [DEVICE_RUNNING] = ACT_RELEASE,
		[DEVICE_STOP] = ACT_STOP,
		[DEVICE_PRE_COPY_P2P] = ACT_OPEN },
	[DEVICE_STOP] = { [DEVICE_RUNNING_P2P] = ACT_UNSTOP,
		[DEVICE_STOP_COPY] = ACT_SAVE,
		[DEVICE_RESUMING] = ACT_RESUME },
	[DEVICE_STOP_COPY] = { [DEVICE_STOP] = ACT_CLOSE },
	[DEVICE_RESUMING] = { [DEVICE_STOP] = ACT_LOAD },
	[DEVICE_PRE_COPY] = { [DEVICE_RUNNING] = ACT_CLOSE, [DEVICE_PRE_COPY_P2P] = ACT_HOLD },
	[DEVICE_PRE_COPY_P2P] = { [DEVICE_PRE_COPY] = ACT_RELEASE,
		[DEVICE_RUNNING_P2P] = ACT_CLOSE,
		[DEVICE_STOP_COPY] = ACT_STOP_SAVE },
};

static enum err command_set(struct e1000e *e, bool bus_master, bool intx)
{
	enum err err = e->config.ops->command(e->config.ctx, bus_master, intx);

	if (err != ERR_OK) {
		E1000E_ERROR(e, "e1000e %s: COMMAND refused: %s", e->config.id, err_name(err));
	}
	return err;
}

static enum err command_restore(struct e1000e *e)
{
	return command_set(
		e, (e->command & E1000E_COMMAND_MASTER) != 0, (e->command & E1000E_COMMAND_INTX_DISABLE) == 0);
}

/** Nothing more reaches memory or the guest. */
static void cut_off(struct e1000e *e)
{
	e1000e_reg_set(e, E1000E_IMC, UINT32_MAX);
	(void)!e->config.ops->command(e->config.ctx, false, false);
}

/* ---- DMA: held and released ---- */

static void release(struct e1000e *e)
{
	e->held.dma = false;
	e1000e_reg_set(e, E1000E_TCTL, e->held.tctl);
	e1000e_reg_set(e, E1000E_RCTL, e->held.rctl);
	for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
		/* What came in while the receiver was off waits for a word that there is room. */
		uint32_t tail = e1000e_reg(e, E1000E_RX_RING(q) + E1000E_RING_TAIL);

		e1000e_reg_set(e, E1000E_RX_RING(q) + E1000E_RING_TAIL, tail);
	}
}

/** Everything posted was sent, or nothing of it will be. */
static bool is_drained(struct e1000e *e, uint32_t *q)
{
	if ((e->held.tctl & E1000E_TCTL_EN) == 0) {
		return true;
	}
	for (*q = 0; *q < E1000E_QUEUES; (*q)++) {
		struct e1000e_ring r = e1000e_ring_read(e, E1000E_TX_RING(*q));

		if (e1000e_ring_sound(&r) && r.count != 0 && r.head != r.tail) {
			return false;
		}
	}
	return true;
}

static enum err rx_settle(struct e1000e *e, uint32_t q)
{
	struct e1000e_ring r = e1000e_ring_read(e, E1000E_RX_RING(q));

	if (!e1000e_ring_sound(&r)) {
		E1000E_ERROR(e, "e1000e %s: receive ring %u of %u descriptors: head %u, tail %u", e->config.id, q,
			r.count, r.head, r.tail);
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

static enum err step_hold(struct e1000e *e, uint64_t now_us)
{
	enum err err = ERR_OK;
	uint32_t q;

	if (e->job_step == 0) {
		e->held.rctl = e1000e_reg(e, E1000E_RCTL);
		e->held.tctl = e1000e_reg(e, E1000E_TCTL);
		e->held.dma = true;
		e1000e_reg_set(e, E1000E_RCTL, e->held.rctl & ~E1000E_RCTL_EN);
		e->job_step = 1;
		return ERR_AGAIN;
	}
	if (!is_drained(e, &q)) {
		if (now_us - e->job_begun_us <= E1000E_DRAIN_US) {
			return ERR_AGAIN;
		}
		E1000E_ERROR(e, "e1000e %s: transmit ring %u does not drain: head %u, tail %u after %u us",
			e->config.id, q, e1000e_reg(e, E1000E_TX_RING(q) + E1000E_RING_HEAD),
			e1000e_reg(e, E1000E_TX_RING(q) + E1000E_RING_TAIL), E1000E_DRAIN_US);
		return ERR_TIMEOUT;
	}
	if (now_us - e->job_begun_us < E1000E_SETTLE_US) {
		return ERR_AGAIN;
	}
	e1000e_reg_set(e, E1000E_TCTL, e->held.tctl & ~E1000E_TCTL_EN);
	for (q = 0; q < E1000E_QUEUES && err == ERR_OK; q++) {
		err = rx_settle(e, q);
		if (err == ERR_OK) {
			err = e1000e_tx_settle(e, q);
		}
	}
	return err;
}

/* ---- interrupts ---- */

/** Causes that were put off are raised now: the timers are nowhere to be read. */
static void delays_flush(struct e1000e *e)
{
	uint32_t tidv = e->tidv_known ? e->tidv : e1000e_reg(e, E1000E_TIDV) & E1000E_DELAY_TIME;

	e1000e_reg_set(e, E1000E_RDTR, (e1000e_reg(e, E1000E_RDTR) & E1000E_DELAY_TIME) | E1000E_DELAY_FPD);
	e1000e_reg_set(e, E1000E_TIDV, tidv | E1000E_DELAY_FPD);
	e->tidv = tidv;
	e->tidv_known = true;
}

static enum err stop(struct e1000e *e)
{
	delays_flush(e);
	e->held.ims = e1000e_reg(e, E1000E_IMS);
	e1000e_reg_set(e, E1000E_IMC, UINT32_MAX);
	e->held.interrupts = true;
	return command_set(e, false, false);
}

static enum err unstop(struct e1000e *e)
{
	enum err err = command_restore(e);

	if (err == ERR_OK) {
		e->held.interrupts = false;
		/* Brings up what is pending. */
		e1000e_reg_set(e, E1000E_IMS, e->held.ims);
	}
	return err;
}

/* ---- jobs: ERR_AGAIN, or the result ---- */

static enum err save(struct e1000e *e)
{
	enum err err = ERR_OK;

	if (e->job_from == DEVICE_STOP) {
		err = e1000e_image_begin(e);
	}
	return err == ERR_OK ? e1000e_image_save(e) : err;
}

static bool is_reset_over(const struct e1000e *e, uint64_t now_us)
{
	return now_us - e->settle_begun_us >= RESET_US && (e1000e_reg(e, E1000E_CTRL) & E1000E_CTRL_RST) == 0;
}

static void function_reset(struct e1000e *e, uint64_t now_us)
{
	e1000e_reg_set(e, E1000E_IMC, UINT32_MAX);
	e1000e_reg_set(e, E1000E_CTRL, e1000e_reg(e, E1000E_CTRL) | E1000E_CTRL_RST);
	e->settle_begun_us = now_us;
}

static enum err step_load(struct e1000e *e, uint64_t now_us)
{
	enum err err;

	if (e->job_step == 0) {
		err = e1000e_image_check(e);
		if (err != ERR_OK) {
			return err;
		}
		function_reset(e, now_us);
		e->job_step = 1;
		return ERR_AGAIN;
	}
	if (!is_reset_over(e, now_us)) {
		return ERR_AGAIN;
	}
	e1000e_reg_set(e, E1000E_IMC, UINT32_MAX);
	/* For the contexts, which the device takes from a page of ours; receiver and rings are off. */
	err = command_set(e, true, false);
	if (err == ERR_OK) {
		err = e1000e_image_load(e);
	}
	if (err == ERR_OK) {
		err = command_set(e, false, false);
	}
	return err;
}

static void words_clear(const struct e1000e *e, uint32_t offset, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		e1000e_reg_set(e, offset + 4 * i, 0);
	}
}

static void guest_forget(struct e1000e *e)
{
	e->held = (struct e1000e_held){ .dma = e->job_to != DEVICE_RUNNING, .interrupts = e->job_to != DEVICE_RUNNING };
	e->command = 0;
	e->tidv = 0;
	e->tidv_known = true;
	e->carries = false;
	for (uint32_t i = 0; i < E1000E_STATS_COUNT; i++) {
		(void)e1000e_reg(e, E1000E_STATS + 4 * i);
		e->carry[i] = 0;
	}
	for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
		e->context[q] = (struct e1000e_context){ .state = E1000E_CONTEXT_NONE };
		e->rx[q] = (struct e1000e_ring){ .count = 0 };
		e->tx[q] = (struct e1000e_ring){ .count = 0 };
		e->tx_resume[q] = 0;
	}
	for (uint32_t i = 0; i < sizeof(e->image); i++) {
		e->image[i] = 0;
	}
	e->image_len = 0;
	e->image_at = 0;
}

/** A reset leaves tables and packet buffer as they were on hardware: guest data. */
static enum err step_wipe(struct e1000e *e, uint64_t now_us)
{
	uint32_t done = e->job_step - 1;

	if (e->job_step == 0) {
		function_reset(e, now_us);
		e->job_step = 1;
		return ERR_AGAIN;
	}
	if (done == 0 && !is_reset_over(e, now_us)) {
		return ERR_AGAIN;
	}
	if (done * WIPE_SLICE < E1000E_PBM_WORDS) {
		words_clear(e, E1000E_PBM + 4 * done * WIPE_SLICE, WIPE_SLICE);
		e->job_step++;
		/* The deadline is for waits: this was work, and how seldom we are called is no fault. */
		e->job_begun_us = now_us;
		return ERR_AGAIN;
	}
	e1000e_reg_set(e, E1000E_IMC, UINT32_MAX);
	words_clear(e, E1000E_MTA, E1000E_MTA_COUNT);
	words_clear(e, E1000E_VFTA, E1000E_VFTA_COUNT);
	words_clear(e, E1000E_RA + 8, E1000E_RA_COUNT - 2); /* the first is the card's own */
	words_clear(e, E1000E_RETA, E1000E_RETA_COUNT);
	words_clear(e, E1000E_RSSRK, E1000E_RSSRK_COUNT);
	words_clear(e, E1000E_IP4AT, E1000E_IP4AT_COUNT);
	words_clear(e, E1000E_IP6AT, E1000E_IP6AT_COUNT);
	guest_forget(e);
	return ERR_OK;
}

_Static_assert(E1000E_PBM_WORDS % WIPE_SLICE == 0, "the packet buffer in whole slices");

static enum err job_step(struct e1000e *e, uint64_t now_us)
{
	enum err err;

	switch (e->job) {
	case E1000E_JOB_HOLD:
		return step_hold(e, now_us);
	case E1000E_JOB_STOP:
		return stop(e);
	case E1000E_JOB_SAVE:
		err = e->job_from == DEVICE_STOP ? ERR_OK : stop(e);
		return err == ERR_OK ? save(e) : err;
	case E1000E_JOB_LOAD:
		return step_load(e, now_us);
	case E1000E_JOB_WIPE:
		return step_wipe(e, now_us);
	default:
		return e->job_result;
	}
}

/* Where a failed job leaves the device: where it was, if nothing was changed or it could be undone, else in ERROR. */
static enum device_state state_after_failure(struct e1000e *e)
{
	switch (e->job) {
	case E1000E_JOB_HOLD:
		release(e);
		return e->job_from;
	case E1000E_JOB_STOP:
		return unstop(e) == ERR_OK ? e->job_from : DEVICE_ERROR;
	case E1000E_JOB_SAVE:
		return e->job_from == DEVICE_STOP || unstop(e) == ERR_OK ? e->job_from : DEVICE_ERROR;
	case E1000E_JOB_LOAD:
		return e->job_step == 0 ? DEVICE_RESUMING : DEVICE_ERROR;
	case E1000E_JOB_DONE:
		return e->job_from;
	default:
		return DEVICE_ERROR;
	}
}

static void measure(struct e1000e *e, uint64_t now_us)
{
	uint32_t took_us = (uint32_t)MIN(now_us - e->job_begun_us, UINT32_MAX / 4);

	if (e->job == E1000E_JOB_LOAD) {
		e->load_us = MAX(e->load_us, took_us);
	} else if (e->job == E1000E_JOB_HOLD || e->job == E1000E_JOB_SAVE) {
		/* Both lie in the blackout. */
		e->stop_us = MAX(e->stop_us, took_us + STOP_US / 2);
	}
}

static enum err job_poll(struct e1000e *e)
{
	uint64_t now_us = e1000e_time_us(e);
	enum err err = job_step(e, now_us);

	if (err == ERR_AGAIN && now_us - e->job_begun_us > E1000E_ARC_TIMEOUT_US) {
		E1000E_ERROR(e, "e1000e %s: busy after %u us: CTRL 0x%08x, STATUS 0x%08x", e->config.id,
			E1000E_ARC_TIMEOUT_US, e1000e_reg(e, E1000E_CTRL), e1000e_reg(e, E1000E_STATUS));
		err = ERR_TIMEOUT;
	}
	if (err == ERR_AGAIN) {
		return ERR_AGAIN;
	}
	if (err == ERR_OK) {
		measure(e, now_us);
		device_transfer_arc(&e->transfer, e->job_from, e->job_to);
		e->state = e->job_to;
	} else {
		e->state = state_after_failure(e);
	}
	if (e->state == DEVICE_ERROR) {
		e->transfer.now = 0;
		cut_off(e);
	}
	e->job = E1000E_JOB_NONE;
	/* Letting go of the BAR may fail: then it traps on, which is slower and not wrong. Taking it was done before. */
	(void)!e1000e_traps_update(e);
	return err;
}

static void job_begin(struct e1000e *e, enum e1000e_job job, enum device_state to)
{
	e->job = job;
	e->job_step = 0;
	e->job_from = e->state;
	e->job_to = to;
	e->job_begun_us = e1000e_time_us(e);
	e->settle_begun_us = e->job_begun_us;
	/* What the job does rests on doorbells trapping. */
	e->job_result = e1000e_traps_update(e);
	if (e->job_result != ERR_OK && job != E1000E_JOB_WIPE) {
		e->job = E1000E_JOB_DONE;
	}
}

static enum err act_at_once(struct e1000e *e, enum act act)
{
	switch (act) {
	case ACT_OPEN:
		e->precopy_begun_us = e->job_begun_us;
		return e1000e_image_begin(e);
	case ACT_RELEASE:
		release(e);
		return ERR_OK;
	case ACT_UNSTOP:
		return unstop(e);
	default:
		e->image_len = 0;
		e->image_at = 0;
		return ERR_OK;
	}
}

static void arc_begin(struct e1000e *e, enum device_state to)
{
	static const uint8_t jobs[] = {
		[ACT_OPEN] = E1000E_JOB_DONE,
		[ACT_HOLD] = E1000E_JOB_HOLD,
		[ACT_RELEASE] = E1000E_JOB_DONE,
		[ACT_STOP] = E1000E_JOB_STOP,
		[ACT_UNSTOP] = E1000E_JOB_DONE,
		[ACT_SAVE] = E1000E_JOB_SAVE,
		[ACT_STOP_SAVE] = E1000E_JOB_SAVE,
		[ACT_RESUME] = E1000E_JOB_DONE,
		[ACT_LOAD] = E1000E_JOB_LOAD,
		[ACT_CLOSE] = E1000E_JOB_DONE,
	};
	enum act act = (enum act)arcs[e->state][to];

	job_begin(e, (enum e1000e_job)jobs[act], to);
	if (jobs[act] == E1000E_JOB_DONE && e->job_result == ERR_OK) {
		e->job_result = act_at_once(e, act);
	}
}

/* ---- migration/device.h ---- */

static void op_describe(void *ctx, struct device_desc *out)
{
	struct e1000e *e = ctx;

	*out = (struct device_desc){
		.type = "e1000e",
		.vendor_id = E1000E_VENDOR_ID,
		.device_id = E1000E_DEVICE_ID,
		.state_version = E1000E_STATE_VERSION,
		.mig_flags = DEVICE_MIG_STOP_COPY | DEVICE_MIG_P2P | DEVICE_MIG_PRE_COPY,
	};
	spin_lock(&e->lock);
	(void)text_copy(out->id, sizeof(out->id), e->config.id);
	out->stop_us = e->stop_us;
	out->load_us = e->load_us;
	spin_unlock(&e->lock);
}

static enum err op_state_begin(void *ctx, enum device_state to)
{
	struct e1000e *e = ctx;
	enum err err = ERR_OK;

	spin_lock(&e->lock);
	if (e->job != E1000E_JOB_NONE) {
		E1000E_ERROR(e, "e1000e %s: another arc is open", e->config.id);
		err = ERR_BAD_STATE;
	} else if ((uint32_t)to >= DEVICE_STATE_COUNT || arcs[e->state][to] == ACT_NONE) {
		E1000E_ERROR(e, "e1000e %s: no arc from state %u to %u", e->config.id, e->state, to);
		err = ERR_NO_ARC;
	} else {
		arc_begin(e, to);
	}
	spin_unlock(&e->lock);
	return err;
}

static enum err op_state_poll(void *ctx, enum device_state *now)
{
	struct e1000e *e = ctx;
	enum err err = ERR_OK;

	spin_lock(&e->lock);
	if (e->job != E1000E_JOB_NONE) {
		err = job_poll(e);
	}
	*now = e->state;
	spin_unlock(&e->lock);
	return err;
}

static uint64_t op_transfer(void *ctx)
{
	struct e1000e *e = ctx;
	uint64_t number;

	spin_lock(&e->lock);
	number = e->transfer.now;
	spin_unlock(&e->lock);
	return number;
}

/** PRE_COPY: are there bytes now? Not before the context in force is known, or the guest makes a new one. */
static enum err initial_ready(struct e1000e *e)
{
	for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
		if (e->context[q].state != E1000E_CONTEXT_UNKNOWN) {
			continue;
		}
		if (e1000e_time_us(e) - e->precopy_begun_us <= E1000E_CONTEXT_WAIT_US) {
			return ERR_AGAIN;
		}
		E1000E_ERROR(e,
			"e1000e %s: the transmit context in force on queue %u was overwritten in its ring, and none "
			"came for %u us",
			e->config.id, q, E1000E_CONTEXT_WAIT_US);
		return ERR_IO;
	}
	return ERR_OK;
}

static enum err op_read(void *ctx, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct e1000e *e = ctx;
	uint32_t len = 0;
	enum err err = ERR_OK;

	spin_lock(&e->lock);
	if (!device_state_saving(e->state) || e->job != E1000E_JOB_NONE) {
		err = ERR_BAD_STATE;
	} else if (e->image_at == e->image_len) {
		err = e->state == DEVICE_STOP_COPY ? ERR_END : ERR_AGAIN;
	} else if (cap_bytes == 0) {
		err = ERR_FULL;
	} else if (e->state != DEVICE_STOP_COPY) {
		err = initial_ready(e);
	}
	if (err == ERR_OK) {
		len = (uint32_t)MIN(cap_bytes, e->image_len - e->image_at);
		for (uint32_t i = 0; i < len; i++) {
			out[i] = e->image[e->image_at + i];
		}
		e->image_at += len;
		*len_bytes = len;
	}
	spin_unlock(&e->lock);
	return err;
}

/** What comes first is looked at as soon as it is whole, so that a stranger's image ends early. */
static enum err beginning_look(struct e1000e *e, uint32_t before)
{
	struct image_ident ident = e1000e_ident(e);
	uint32_t body_bytes;
	enum err err = ERR_OK;

	if (before < IMAGE_HEADER_BYTES && e->image_len >= IMAGE_HEADER_BYTES) {
		err = image_header_check(e->image, &ident, &body_bytes, e->error);
		if (err == ERR_OK && body_bytes != E1000E_IMAGE_BYTES - IMAGE_HEADER_BYTES) {
			E1000E_ERROR(e, "e1000e image: body of %u bytes, %u expected", body_bytes,
				(unsigned)(E1000E_IMAGE_BYTES - IMAGE_HEADER_BYTES));
			err = ERR_BAD_RECORD;
		}
	}
	if (err == ERR_OK && before < E1000E_INITIAL_BYTES && e->image_len >= E1000E_INITIAL_BYTES) {
		err = e1000e_image_check_initial(e);
	}
	return err;
}

static enum err image_append(struct e1000e *e, const uint8_t *bytes, size_t len_bytes)
{
	uint32_t before = e->image_len;

	if (len_bytes > E1000E_IMAGE_BYTES - before) {
		E1000E_ERROR(e, "e1000e image: longer than %u bytes", (unsigned)E1000E_IMAGE_BYTES);
		return ERR_BAD_RECORD;
	}
	for (size_t i = 0; i < len_bytes; i++) {
		e->image[before + i] = bytes[i];
	}
	e->image_len = before + (uint32_t)len_bytes;
	return beginning_look(e, before);
}

static enum err op_write(void *ctx, const uint8_t *bytes, size_t len_bytes, size_t *taken, char *reason)
{
	struct e1000e *e = ctx;
	enum err err;

	*taken = 0;
	spin_lock(&e->lock);
	if (e->state != DEVICE_RESUMING || e->job != E1000E_JOB_NONE) {
		E1000E_ERROR(e, "e1000e %s: state bytes in state %u", e->config.id, e->state);
		err = ERR_BAD_STATE;
	} else {
		err = image_append(e, bytes, len_bytes);
	}
	if (err == ERR_OK) {
		*taken = len_bytes;
	} else {
		(void)text_copy(reason, REASON_BYTES, e->error);
	}
	spin_unlock(&e->lock);
	return err;
}

static enum err op_initial_loaded(void *ctx, char *reason)
{
	struct e1000e *e = ctx;
	enum err err = ERR_OK;

	spin_lock(&e->lock);
	if (e->state != DEVICE_RESUMING) {
		E1000E_ERROR(e, "e1000e %s: no image is being loaded in state %u", e->config.id, e->state);
		err = ERR_BAD_STATE;
	} else if (e->image_len < E1000E_INITIAL_BYTES) {
		E1000E_ERROR(
			e, "e1000e image: %u initial bytes, %u expected", e->image_len, (unsigned)E1000E_INITIAL_BYTES);
		err = ERR_BAD_RECORD;
	}
	if (err != ERR_OK) {
		(void)text_copy(reason, REASON_BYTES, e->error);
	}
	spin_unlock(&e->lock);
	return err;
}

static enum err op_data_size(void *ctx, uint64_t *bytes)
{
	(void)ctx;
	*bytes = E1000E_IMAGE_BYTES;
	return ERR_OK;
}

static enum err op_precopy_info(void *ctx, uint64_t *initial_bytes, uint64_t *dirty_bytes)
{
	struct e1000e *e = ctx;
	enum err err = ERR_OK;

	spin_lock(&e->lock);
	if (e->state != DEVICE_PRE_COPY && e->state != DEVICE_PRE_COPY_P2P) {
		err = ERR_BAD_STATE;
	} else {
		*initial_bytes = e->image_len - e->image_at;
		*dirty_bytes = 0;
	}
	spin_unlock(&e->lock);
	return err;
}

static const char *op_last_error(void *ctx)
{
	struct e1000e *e = ctx;

	return e->error;
}

static struct dirty op_log(void *ctx)
{
	struct e1000e *e = ctx;

	return e->config.tracker.ops != NULL ? e->config.tracker
					     : (struct dirty){ .ops = &e1000e_dirty_ops, .ctx = ctx };
}

/* From any state, over any arc that is open: the function is cut off from memory first. */
static enum err wipe_begin(struct e1000e *e, enum device_state to)
{
	enum err err;

	spin_lock(&e->lock);
	e->transfer.now = 0;
	err = command_set(e, false, false);
	if (err == ERR_OK) {
		job_begin(e, E1000E_JOB_WIPE, to);
	} else {
		e->job = E1000E_JOB_NONE;
		e->state = DEVICE_ERROR;
	}
	spin_unlock(&e->lock);
	return err;
}

static enum err op_reset_begin(void *ctx)
{
	return wipe_begin(ctx, DEVICE_RUNNING);
}

static enum err op_scrub_begin(void *ctx)
{
	return wipe_begin(ctx, DEVICE_STOP);
}

static enum err op_wipe_poll(void *ctx)
{
	struct e1000e *e = ctx;
	enum err err;

	spin_lock(&e->lock);
	if (e->job == E1000E_JOB_WIPE) {
		err = job_poll(e);
	} else {
		err = e->state == DEVICE_ERROR ? ERR_IO : ERR_BAD_STATE;
	}
	spin_unlock(&e->lock);
	return err;
}

const struct device_ops e1000e_device_ops = {
	.describe = op_describe,
	.state_begin = op_state_begin,
	.state_poll = op_state_poll,
	.transfer = op_transfer,
	.read = op_read,
	.write = op_write,
	.data_size = op_data_size,
	.precopy_info = op_precopy_info,
	.initial_loaded = op_initial_loaded,
	.last_error = op_last_error,
	.log = op_log,
	.reset_begin = op_reset_begin,
	.reset_poll = op_wipe_poll,
	.scrub_begin = op_scrub_begin,
	.scrub_poll = op_wipe_poll,
};

enum err e1000e_init(struct e1000e *e, const struct e1000e_config *config)
{
	uint32_t ctrl;

	memset(e, 0, sizeof(*e)); /* too large for a literal on the stack */
	e->config = *config;
	e->state = DEVICE_RUNNING;
	e->stop_us = STOP_US;
	e->load_us = LOAD_US;
	ctrl = e1000e_reg(e, E1000E_CTRL);
	if (ctrl == UINT32_MAX) {
		E1000E_ERROR(e, "e1000e %s: CTRL reads as ones", e->config.id);
		e->state = DEVICE_ERROR;
		return ERR_UNSUPPORTED;
	}
	if (command_set(e, false, false) != ERR_OK) {
		e->state = DEVICE_ERROR;
		return ERR_IO;
	}
	ctrl |= E1000E_CTRL_RST;
	e1000e_reg_set(e, E1000E_CTRL, ctrl);
	for (uint32_t i = 0; i < RESET_POLLS_MAX && (ctrl & E1000E_CTRL_RST) != 0; i++) {
		ctrl = e1000e_reg(e, E1000E_CTRL);
	}
	e1000e_reg_set(e, E1000E_IMC, UINT32_MAX);
	return ERR_OK;
}

struct device e1000e_device(struct e1000e *e)
{
	return (struct device){ .ops = &e1000e_device_ops, .ctx = e };
}
