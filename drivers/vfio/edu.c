/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * edu behind migration/device.h. Every arc is a job: begun, then stepped by state_poll; a step
 * looks at a few registers and never waits. A transfer that the SMMU refused looks to the
 * device like any other, so own transfers are checked from outside: by the SMMU's fault count
 * where there is one, and on the way out by a pattern that must be gone.
 */
#include "drivers/vfio/edu.h"

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/text.h"
#include "drivers/vfio/edu_priv.h"

#define EDU_ID_VALUE	   0x010000edu
#define EDU_ID_MASK	   0x0000ffffu /* the upper half is a version */
#define EDU_TRANSFER_US	   100000u
/* A wipe leaves 0! = 1 behind, which depends on nothing. */
#define EDU_WIPE_FACTORIAL 0u

static bool arc_direct(enum device_state from, enum device_state to)
{
	switch (from) {
	case DEVICE_RUNNING:
	case DEVICE_STOP_COPY:
	case DEVICE_RESUMING:
		return to == DEVICE_STOP;
	case DEVICE_STOP:
		return to == DEVICE_RUNNING || to == DEVICE_STOP_COPY || to == DEVICE_RESUMING;
	default:
		return false;
	}
}

static enum err command_set(struct edu *edu, bool bus_master, bool intx)
{
	enum err err = edu->config.ops->command(edu->config.ctx, bus_master, intx);

	if (err != ERR_OK) {
		EDU_ERROR(edu, "edu %s: COMMAND refused: %s", edu->config.id, err_name(err));
	}
	return err;
}

static enum err command_restore(struct edu *edu)
{
	return command_set(edu, (edu->guest.command & EDU_COMMAND_MASTER) != 0,
		(edu->guest.command & EDU_COMMAND_INTX_DISABLE) == 0);
}

/* Idle, and the factorial's interrupt, which comes a moment after the end of the computation, is in. */
static bool is_idle(struct edu *edu, uint64_t now_us)
{
	uint32_t status = edu_reg(edu, EDU_STATUS);

	edu_flight_update(edu);
	if (edu_dma_runs(edu) || (status & EDU_STATUS_COMPUTING) != 0) {
		edu->settle_begun_us = 0;
		return false;
	}
	if (!edu->guest.factorial_open || (status & EDU_STATUS_IRQFACT) == 0 ||
		(edu_reg(edu, EDU_IRQ_STATUS) & EDU_IRQ_FACTORIAL) != 0) {
		return true;
	}
	if (edu->settle_begun_us == 0) {
		edu->settle_begun_us = MAX(now_us, 1);
		return false;
	}
	return now_us - edu->settle_begun_us >= EDU_IRQ_SETTLE_US;
}

/* ---- own transfers: the whole buffer, to or from the scratch page, without an interrupt ---- */

static uint8_t pattern_byte(const struct edu *edu, uint32_t i)
{
	uint64_t x = edu->pattern_seed + UINT64_C(0x9e3779b97f4a7c15) * (i / 8 + 1);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint8_t)((x ^ x >> 31) >> (8 * (i % 8)));
}

static bool pattern_stands(const struct edu *edu)
{
	for (uint32_t i = 0; i < EDU_BUFFER_BYTES; i++) {
		if (edu->config.scratch[i] != pattern_byte(edu, i)) {
			return false;
		}
	}
	return true;
}

static uint64_t faults_now(const struct edu *edu)
{
	return edu->config.ops->dma_faults == NULL ? 0 : edu->config.ops->dma_faults(edu->config.ctx);
}

static enum err transfer_begin(struct edu *edu, bool to_ram)
{
	enum err err = command_set(edu, true, false);

	if (err != ERR_OK) {
		return err;
	}
	if (to_ram) {
		edu->pattern_seed = edu_time_us(edu);
		for (uint32_t i = 0; i < EDU_BUFFER_BYTES; i++) {
			edu->config.scratch[i] = pattern_byte(edu, i);
		}
	}
	edu->faults_before = faults_now(edu);
	if (to_ram) {
		edu_dma_start(
			edu, EDU_BUFFER, edu->config.scratch_iova, EDU_BUFFER_BYTES, EDU_DMA_RUN | EDU_DMA_TO_RAM);
	} else {
		edu_dma_start(edu, edu->config.scratch_iova, EDU_BUFFER, EDU_BUFFER_BYTES, EDU_DMA_RUN);
	}
	return ERR_OK;
}

static enum err transfer_end(struct edu *edu, bool to_ram)
{
	enum err err = command_set(edu, false, false);

	mmio_rmb();
	if (err != ERR_OK) {
		return err;
	}
	if (faults_now(edu) != edu->faults_before || (to_ram && pattern_stands(edu))) {
		EDU_ERROR(edu, "edu %s: DMA at scratch IOVA 0x%llx did not reach memory", edu->config.id,
			(unsigned long long)edu->config.scratch_iova);
		return ERR_IO;
	}
	return ERR_OK;
}

/* ---- jobs: ERR_AGAIN, or the result ---- */

static enum err step_quiesce(struct edu *edu, uint64_t now_us)
{
	if (!is_idle(edu, now_us)) {
		return ERR_AGAIN;
	}
	edu->guest.factorial_open = false;
	return command_set(edu, false, false);
}

static enum err step_read_out(struct edu *edu, uint64_t now_us)
{
	enum err err;

	(void)now_us;
	if (edu_dma_runs(edu)) {
		return ERR_AGAIN;
	}
	if (edu->job_step == 0) {
		err = transfer_begin(edu, true);
		edu->job_step = 1;
		return err == ERR_OK ? ERR_AGAIN : err;
	}
	err = transfer_end(edu, true);
	return err == ERR_OK ? edu_image_save(edu) : err;
}

static enum err step_load(struct edu *edu, uint64_t now_us)
{
	const uint8_t *registers;
	const uint8_t *buffer;
	enum err err;

	(void)now_us;
	if (edu_dma_runs(edu) || edu_computes(edu)) {
		return ERR_AGAIN;
	}
	err = edu_image_check(edu, &registers, &buffer);
	if (err != ERR_OK) {
		return err;
	}
	if (edu->job_step == 0) {
		for (uint32_t i = 0; i < EDU_BUFFER_BYTES; i++) {
			edu->config.scratch[i] = buffer[i];
		}
		err = transfer_begin(edu, false);
		edu->job_step = 1;
		return err == ERR_OK ? ERR_AGAIN : err;
	}
	err = transfer_end(edu, false);
	return err == ERR_OK ? edu_registers_load(edu, registers) : err;
}

static void registers_clear(struct edu *edu)
{
	edu_reg_set(edu, EDU_IRQ_ACK, UINT32_MAX);
	edu_reg_set(edu, EDU_INVERSE, UINT32_MAX); /* reads as zero, as after power-on */
	edu->guest = (struct edu_guest){ .factorial_kept = true };
	edu->flight = (struct edu_flight){ .open = false };
	edu->image_len = 0;
	edu->image_at = 0;
	for (uint32_t i = 0; i < sizeof(edu->image); i++) {
		edu->image[i] = 0;
	}
}

static enum err step_wipe(struct edu *edu, uint64_t now_us)
{
	enum err err;

	if (!is_idle(edu, now_us)) {
		return ERR_AGAIN;
	}
	if (edu->job_step == 0) {
		edu->guest.factorial_open = false;
		edu_reg_set(edu, EDU_STATUS, 0);
		edu_reg_set(edu, EDU_FACTORIAL, EDU_WIPE_FACTORIAL);
		for (uint32_t i = 0; i < EDU_BUFFER_BYTES; i++) {
			edu->config.scratch[i] = 0;
		}
		err = transfer_begin(edu, false);
		edu->job_step = 1;
		return err == ERR_OK ? ERR_AGAIN : err;
	}
	err = transfer_end(edu, false);
	if (err == ERR_OK) {
		registers_clear(edu);
	}
	return err;
}

static enum err job_step(struct edu *edu, uint64_t now_us)
{
	switch (edu->job) {
	case EDU_JOB_QUIESCE:
		return step_quiesce(edu, now_us);
	case EDU_JOB_READ_OUT:
		return step_read_out(edu, now_us);
	case EDU_JOB_LOAD:
		return step_load(edu, now_us);
	case EDU_JOB_WIPE:
		return step_wipe(edu, now_us);
	default:
		return edu->job_result;
	}
}

/* Where a failed job leaves the device: where it was, if nothing was changed, else in ERROR. */
static enum device_state state_after_failure(struct edu *edu)
{
	switch (edu->job) {
	case EDU_JOB_QUIESCE:
		return command_restore(edu) == ERR_OK ? DEVICE_RUNNING : DEVICE_ERROR;
	case EDU_JOB_READ_OUT:
		return edu_dma_runs(edu) ? DEVICE_ERROR : DEVICE_STOP;
	case EDU_JOB_LOAD:
		return edu->job_step == 0 ? DEVICE_RESUMING : DEVICE_ERROR;
	case EDU_JOB_DONE:
		return edu->job_from;
	default:
		return DEVICE_ERROR;
	}
}

static void measure(struct edu *edu, uint64_t now_us)
{
	uint32_t took_us = (uint32_t)MIN(now_us - edu->job_begun_us, UINT32_MAX / 4);

	if (edu->job == EDU_JOB_LOAD) {
		edu->load_us = MAX(edu->load_us, took_us);
	} else if (edu->job == EDU_JOB_QUIESCE || edu->job == EDU_JOB_READ_OUT) {
		/* Both lie in the blackout; the longest of each is about a transfer. */
		edu->stop_us = MAX(edu->stop_us, took_us + EDU_TRANSFER_US);
	}
}

static enum err job_poll(struct edu *edu)
{
	uint64_t now_us = edu_time_us(edu);
	enum err err = job_step(edu, now_us);

	if (err == ERR_AGAIN && now_us - edu->job_begun_us > EDU_ARC_TIMEOUT_US) {
		EDU_ERROR(edu, "edu %s: busy after %u us: DMA command 0x%x, status 0x%x", edu->config.id,
			EDU_ARC_TIMEOUT_US, edu_reg(edu, EDU_DMA_CMD), edu_reg(edu, EDU_STATUS));
		err = ERR_TIMEOUT;
	}
	if (err == ERR_AGAIN) {
		return ERR_AGAIN;
	}
	if (err == ERR_OK) {
		measure(edu, now_us);
		device_transfer_arc(&edu->transfer, edu->job_from, edu->job_to);
		edu->state = edu->job_to;
	} else {
		edu->state = state_after_failure(edu);
	}
	if (edu->state == DEVICE_ERROR) {
		edu->transfer.now = 0;
		/* Nothing more reaches memory or the guest. */
		(void)!edu->config.ops->command(edu->config.ctx, false, false);
	}
	edu->job = EDU_JOB_NONE;
	return err;
}

static void job_begin(struct edu *edu, enum edu_job job, enum device_state to)
{
	edu->job = job;
	edu->job_step = 0;
	edu->job_from = edu->state;
	edu->job_to = to;
	edu->job_result = ERR_OK;
	edu->job_begun_us = edu_time_us(edu);
	edu->settle_begun_us = 0;
}

static void arc_begin(struct edu *edu, enum device_state to)
{
	if (edu->state == DEVICE_RUNNING) {
		job_begin(edu, EDU_JOB_QUIESCE, to);
	} else if (to == DEVICE_STOP_COPY) {
		job_begin(edu, EDU_JOB_READ_OUT, to);
	} else if (edu->state == DEVICE_RESUMING) {
		job_begin(edu, EDU_JOB_LOAD, to);
	} else {
		job_begin(edu, EDU_JOB_DONE, to);
		edu->image_at = 0;
		edu->image_len = 0;
		if (to == DEVICE_RUNNING) {
			edu->job_result = command_restore(edu);
		}
	}
}

/* ---- migration/device.h ---- */

static void op_describe(void *ctx, struct device_desc *out)
{
	struct edu *edu = ctx;

	*out = (struct device_desc){
		.type = "edu",
		.vendor_id = EDU_VENDOR_ID,
		.device_id = EDU_DEVICE_ID,
		.state_version = EDU_STATE_VERSION,
		.mig_flags = DEVICE_MIG_STOP_COPY,
	};
	spin_lock(&edu->lock);
	(void)text_copy(out->id, sizeof(out->id), edu->config.id);
	out->stop_us = edu->stop_us;
	out->load_us = edu->load_us;
	spin_unlock(&edu->lock);
}

static enum err op_state_begin(void *ctx, enum device_state to)
{
	struct edu *edu = ctx;
	enum err err = ERR_OK;

	spin_lock(&edu->lock);
	if (edu->job != EDU_JOB_NONE) {
		EDU_ERROR(edu, "edu %s: another arc is open", edu->config.id);
		err = ERR_BAD_STATE;
	} else if (!arc_direct(edu->state, to)) {
		EDU_ERROR(edu, "edu %s: no arc from state %u to %u", edu->config.id, edu->state, to);
		err = ERR_NO_ARC;
	} else {
		arc_begin(edu, to);
	}
	spin_unlock(&edu->lock);
	return err;
}

static enum err op_state_poll(void *ctx, enum device_state *now)
{
	struct edu *edu = ctx;
	enum err err = ERR_OK;

	spin_lock(&edu->lock);
	if (edu->job != EDU_JOB_NONE) {
		err = job_poll(edu);
	}
	*now = edu->state;
	spin_unlock(&edu->lock);
	return err;
}

static uint64_t op_transfer(void *ctx)
{
	struct edu *edu = ctx;
	uint64_t number;

	spin_lock(&edu->lock);
	number = edu->transfer.now;
	spin_unlock(&edu->lock);
	return number;
}

static enum err op_read(void *ctx, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct edu *edu = ctx;
	uint32_t len = 0;
	enum err err = ERR_OK;

	spin_lock(&edu->lock);
	if (edu->state != DEVICE_STOP_COPY || edu->job != EDU_JOB_NONE) {
		err = ERR_BAD_STATE;
	} else if (edu->image_at == edu->image_len) {
		err = ERR_END;
	} else if (cap_bytes == 0) {
		err = ERR_FULL;
	} else {
		len = (uint32_t)MIN(cap_bytes, edu->image_len - edu->image_at);
		for (uint32_t i = 0; i < len; i++) {
			out[i] = edu->image[edu->image_at + i];
		}
		edu->image_at += len;
		*len_bytes = len;
	}
	spin_unlock(&edu->lock);
	return err;
}

/* The header is looked at as soon as it is whole, so that a stranger's image ends early. */
static enum err header_look(struct edu *edu)
{
	const struct image_ident ident = {
		.vendor_id = EDU_VENDOR_ID,
		.device_id = EDU_DEVICE_ID,
		.subsystem_vendor_id = edu->config.subsystem_vendor_id,
		.subsystem_id = edu->config.subsystem_id,
		.state_version = EDU_STATE_VERSION,
	};
	uint32_t body_bytes;
	enum err err = image_header_check(edu->image, &ident, &body_bytes, edu->error);

	if (err == ERR_OK && body_bytes > EDU_IMAGE_BYTES - IMAGE_HEADER_BYTES) {
		EDU_ERROR(edu, "edu image: body of %u bytes, at most %u", body_bytes,
			EDU_IMAGE_BYTES - IMAGE_HEADER_BYTES);
		err = ERR_BAD_RECORD;
	}
	return err;
}

static enum err image_append(struct edu *edu, const uint8_t *bytes, size_t len_bytes)
{
	uint32_t before = edu->image_len;

	if (len_bytes > EDU_IMAGE_BYTES - before) {
		EDU_ERROR(edu, "edu image: longer than %u bytes", (unsigned)EDU_IMAGE_BYTES);
		return ERR_BAD_RECORD;
	}
	for (size_t i = 0; i < len_bytes; i++) {
		edu->image[before + i] = bytes[i];
	}
	edu->image_len = before + (uint32_t)len_bytes;
	if (before < IMAGE_HEADER_BYTES && edu->image_len >= IMAGE_HEADER_BYTES) {
		return header_look(edu);
	}
	return ERR_OK;
}

static enum err op_write(void *ctx, const uint8_t *bytes, size_t len_bytes, size_t *taken, char *reason)
{
	struct edu *edu = ctx;
	enum err err;

	*taken = 0;
	spin_lock(&edu->lock);
	if (edu->state != DEVICE_RESUMING || edu->job != EDU_JOB_NONE) {
		EDU_ERROR(edu, "edu %s: state bytes in state %u", edu->config.id, edu->state);
		err = ERR_BAD_STATE;
	} else {
		err = image_append(edu, bytes, len_bytes);
	}
	if (err == ERR_OK) {
		*taken = len_bytes;
	} else {
		(void)text_copy(reason, REASON_BYTES, edu->error);
	}
	spin_unlock(&edu->lock);
	return err;
}

static enum err op_data_size(void *ctx, uint64_t *bytes)
{
	(void)ctx;
	*bytes = EDU_IMAGE_BYTES;
	return ERR_OK;
}

static const char *op_last_error(void *ctx)
{
	struct edu *edu = ctx;

	return edu->error;
}

static struct dirty op_log(void *ctx)
{
	struct edu *edu = ctx;

	return edu->config.tracker.ops != NULL ? edu->config.tracker
					       : (struct dirty){ .ops = &edu_dirty_ops, .ctx = ctx };
}

/* From any state, over any arc that is open: the function is cut off from memory first. */
static enum err wipe_begin(struct edu *edu, enum device_state to)
{
	enum err err;

	spin_lock(&edu->lock);
	edu->transfer.now = 0;
	err = command_set(edu, false, false);
	if (err == ERR_OK) {
		job_begin(edu, EDU_JOB_WIPE, to);
	} else {
		edu->job = EDU_JOB_NONE;
		edu->state = DEVICE_ERROR;
	}
	spin_unlock(&edu->lock);
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
	struct edu *edu = ctx;
	enum err err;

	spin_lock(&edu->lock);
	if (edu->job == EDU_JOB_WIPE) {
		err = job_poll(edu);
	} else {
		err = edu->state == DEVICE_ERROR ? ERR_IO : ERR_BAD_STATE;
	}
	spin_unlock(&edu->lock);
	return err;
}

const struct device_ops edu_device_ops = {
	.describe = op_describe,
	.state_begin = op_state_begin,
	.state_poll = op_state_poll,
	.transfer = op_transfer,
	.read = op_read,
	.write = op_write,
	.data_size = op_data_size,
	.precopy_info = NULL,
	.last_error = op_last_error,
	.log = op_log,
	.reset_begin = op_reset_begin,
	.reset_poll = op_wipe_poll,
	.scrub_begin = op_scrub_begin,
	.scrub_poll = op_wipe_poll,
};

enum err edu_init(struct edu *edu, const struct edu_config *config)
{
	uint32_t id;

	*edu = (struct edu){ .config = *config, .state = DEVICE_RUNNING };
	edu->stop_us = 2 * EDU_TRANSFER_US;
	edu->load_us = EDU_TRANSFER_US;
	edu->guest.factorial_kept = true;
	id = edu_reg(edu, EDU_ID);
	if ((id & EDU_ID_MASK) != (EDU_ID_VALUE & EDU_ID_MASK)) {
		EDU_ERROR(edu, "edu %s: identification 0x%08x, 0x....00ed expected", edu->config.id, id);
		edu->state = DEVICE_ERROR;
		return ERR_UNSUPPORTED;
	}
	if (command_set(edu, false, false) != ERR_OK) {
		edu->state = DEVICE_ERROR;
		return ERR_IO;
	}
	return ERR_OK;
}

struct device edu_device(struct edu *edu)
{
	return (struct device){ .ops = &edu_device_ops, .ctx = edu };
}
