/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Shared by the files of the edu driver only. The caller of all of these holds the lock. */
#ifndef DRIVERS_VFIO_EDU_PRIV_H
#define DRIVERS_VFIO_EDU_PRIV_H

#include "core/base/fmt.h"
#include "drivers/mmio.h"
#include "drivers/vfio/edu.h"

#define EDU_ERROR(edu, ...)   ((void)fmt((edu)->error, sizeof((edu)->error), __VA_ARGS__))

/** What the guest asked for and did not get: apart from error, which the engine may be reading. */
#define EDU_REFUSAL(edu, ...) ((void)fmt((edu)->refusal, sizeof((edu)->refusal), __VA_ARGS__))

static inline uint32_t edu_reg(const struct edu *edu, uint32_t offset)
{
	return mmio_read32(edu->config.regs + offset);
}

static inline void edu_reg_set(const struct edu *edu, uint32_t offset, uint32_t value)
{
	mmio_write32(edu->config.regs + offset, value);
}

static inline uint64_t edu_time_us(const struct edu *edu)
{
	return edu->config.ops->time_us(edu->config.ctx);
}

/** Is a transfer under way? */
static inline bool edu_dma_runs(const struct edu *edu)
{
	return (mmio_read64(edu->config.regs + EDU_DMA_CMD) & EDU_DMA_RUN) != 0;
}

static inline bool edu_computes(const struct edu *edu)
{
	return (edu_reg(edu, EDU_STATUS) & EDU_STATUS_COMPUTING) != 0;
}

/** Start a transfer that was checked. The order matters: the command last. */
static inline void edu_dma_start(const struct edu *edu, uint64_t src, uint64_t dst, uint64_t count, uint64_t cmd)
{
	/* What the device will read must be in memory before it is told. */
	mmio_wmb();
	mmio_write64(edu->config.regs + EDU_DMA_SRC, src);
	mmio_write64(edu->config.regs + EDU_DMA_DST, dst);
	mmio_write64(edu->config.regs + EDU_DMA_COUNT, count);
	mmio_write64(edu->config.regs + EDU_DMA_CMD, cmd);
}

/** edu_log.c: a transfer begins; what it will write is posted from now until it was seen to end. */
void edu_log_post(struct edu *edu, const struct edu_flight *flight);
/** Look whether the open transfer has ended. */
void edu_flight_update(struct edu *edu);

extern const struct dirty_ops edu_dirty_ops;

/** edu_image.c: state of the stopped device, its buffer being in the scratch page, into edu->image. */
enum err edu_image_save(struct edu *edu) MUST_CHECK;
/** Check edu->image whole. ERR_OK: *registers and *buffer point into it. */
enum err edu_image_check(struct edu *edu, const uint8_t **registers, const uint8_t **buffer) MUST_CHECK;
/** Write registers that were checked to the idle device, and look that they took. */
enum err edu_registers_load(struct edu *edu, const uint8_t *registers) MUST_CHECK;

#endif
