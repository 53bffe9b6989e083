/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** BAR 0 as the guest sees it. */
#include "core/base/addr.h"
#include "drivers/vfio/edu_priv.h"

/* From here on every factorial is 0 modulo 2^32; the device would multiply on for seconds. */
#define FACTORIAL_ZERO_FROM 34u

static enum err access_check(const struct edu *edu, uint64_t offset, uint32_t size_bytes)
{
	bool wide = offset >= EDU_WIDE_FROM && size_bytes == 8;

	if (edu->state != DEVICE_RUNNING || edu->job != EDU_JOB_NONE) {
		return ERR_BAD_STATE;
	}
	if ((size_bytes != 4 && !wide) || offset % size_bytes != 0) {
		return ERR_BAD_RECORD;
	}
	return offset <= EDU_BAR_BYTES - size_bytes ? ERR_OK : ERR_RANGE;
}

static uint32_t factorial_read(const struct edu *edu)
{
	if (edu->guest.factorial_kept || edu_computes(edu)) {
		return edu->guest.factorial;
	}
	return edu_reg(edu, EDU_FACTORIAL);
}

static uint64_t register_read(struct edu *edu, uint64_t offset)
{
	switch (offset) {
	case EDU_ID:
	case EDU_INVERSE:
	case EDU_STATUS:
	case EDU_IRQ_STATUS:
		return edu_reg(edu, (uint32_t)offset);
	case EDU_FACTORIAL:
		return factorial_read(edu);
	case EDU_DMA_SRC:
		return edu->guest.dma_src;
	case EDU_DMA_DST:
		return edu->guest.dma_dst;
	case EDU_DMA_COUNT:
		return edu->guest.dma_count;
	case EDU_DMA_CMD:
		edu_flight_update(edu);
		return edu->guest.dma_cmd | (edu->flight.open ? EDU_DMA_RUN : 0);
	default:
		return UINT64_MAX;
	}
}

enum err edu_mmio_read(struct edu *edu, uint64_t offset, uint32_t size_bytes, uint64_t *value)
{
	enum err err;

	spin_lock(&edu->lock);
	err = access_check(edu, offset, size_bytes);
	if (err == ERR_OK) {
		*value = register_read(edu, offset) & (size_bytes == 8 ? UINT64_MAX : UINT32_MAX);
	}
	spin_unlock(&edu->lock);
	return err;
}

static void factorial_write(struct edu *edu, uint32_t n)
{
	if (edu_computes(edu)) {
		return; /* as the device does */
	}
	edu->guest.factorial = n;
	edu->guest.factorial_kept = false;
	edu->guest.factorial_open = true;
	edu_reg_set(edu, EDU_FACTORIAL, n < FACTORIAL_ZERO_FROM ? n : FACTORIAL_ZERO_FROM);
}

static void irq_ack_write(struct edu *edu, uint32_t bits)
{
	if ((bits & edu_reg(edu, EDU_IRQ_STATUS) & EDU_IRQ_FACTORIAL) != 0) {
		edu->guest.factorial_open = false;
	}
	edu_reg_set(edu, EDU_IRQ_ACK, bits);
}

/*
 * Both ends of a transfer must be what it may touch. A count of zero moves nothing, whatever
 * the addresses say; the device is given harmless ones.
 */
static enum err transfer_check(struct edu *edu, uint64_t cmd, struct edu_flight *flight)
{
	const struct edu_guest *g = &edu->guest;
	bool to_ram = (cmd & EDU_DMA_TO_RAM) != 0;
	uint64_t inside = to_ram ? g->dma_src : g->dma_dst;
	uint64_t iova = to_ram ? g->dma_dst : g->dma_src;
	enum err err;

	*flight = (struct edu_flight){ .open = true, .to_ram = to_ram };
	if (g->dma_count == 0) {
		return ERR_OK;
	}
	if (inside < EDU_BUFFER || g->dma_count > EDU_BUFFER_BYTES ||
		inside - EDU_BUFFER > EDU_BUFFER_BYTES - g->dma_count) {
		EDU_REFUSAL(edu, "edu %s: DMA of 0x%llx bytes at device address 0x%llx leaves the buffer",
			edu->config.id, (unsigned long long)g->dma_count, (unsigned long long)inside);
		return ERR_RANGE;
	}
	err = edu->config.ops->ram_page(edu->config.ctx, iova, g->dma_count, &flight->page);
	if (err != ERR_OK) {
		EDU_REFUSAL(edu, "edu %s: DMA of 0x%llx bytes at 0x%llx leaves the VM's RAM", edu->config.id,
			(unsigned long long)g->dma_count, (unsigned long long)iova);
		return ERR_RANGE;
	}
	flight->page_count = (uint32_t)(((iova & PAGE_MASK) + g->dma_count + PAGE_MASK) >> PAGE_SHIFT);
	return ERR_OK;
}

static enum err dma_cmd_write(struct edu *edu, uint64_t cmd)
{
	struct edu_flight flight;
	enum err err;

	if ((cmd & EDU_DMA_RUN) == 0) {
		return ERR_OK; /* as the device does */
	}
	err = transfer_check(edu, cmd, &flight);
	if (err != ERR_OK) {
		edu->counts.refused++;
		return err;
	}
	edu->guest.dma_cmd = cmd & ~EDU_DMA_RUN;
	edu->counts.transfers++;
	/* Posted before it can happen: a harvest on another core must not miss it. */
	edu_log_post(edu, &flight);
	if (edu->guest.dma_count == 0) {
		edu_dma_start(edu, EDU_BUFFER, EDU_BUFFER, 0, cmd & EDU_DMA_CMD_BITS);
	} else {
		edu_dma_start(
			edu, edu->guest.dma_src, edu->guest.dma_dst, edu->guest.dma_count, cmd & EDU_DMA_CMD_BITS);
	}
	return ERR_OK;
}

static enum err dma_write(struct edu *edu, uint64_t offset, uint64_t value)
{
	edu_flight_update(edu);
	if (edu->flight.open) {
		return ERR_OK; /* the device takes nothing while it transfers */
	}
	switch (offset) {
	case EDU_DMA_SRC:
		edu->guest.dma_src = value;
		return ERR_OK;
	case EDU_DMA_DST:
		edu->guest.dma_dst = value;
		return ERR_OK;
	case EDU_DMA_COUNT:
		edu->guest.dma_count = value;
		return ERR_OK;
	default:
		return dma_cmd_write(edu, value);
	}
}

static enum err register_write(struct edu *edu, uint64_t offset, uint64_t value)
{
	switch (offset) {
	case EDU_INVERSE:
	case EDU_STATUS:
	case EDU_IRQ_RAISE:
		edu_reg_set(edu, (uint32_t)offset, (uint32_t)value);
		return ERR_OK;
	case EDU_FACTORIAL:
		factorial_write(edu, (uint32_t)value);
		return ERR_OK;
	case EDU_IRQ_ACK:
		irq_ack_write(edu, (uint32_t)value);
		return ERR_OK;
	case EDU_DMA_SRC:
	case EDU_DMA_DST:
	case EDU_DMA_COUNT:
	case EDU_DMA_CMD:
		return dma_write(edu, offset, value);
	default:
		return ERR_OK;
	}
}

enum err edu_mmio_write(struct edu *edu, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	enum err err;

	spin_lock(&edu->lock);
	err = access_check(edu, offset, size_bytes);
	if (err == ERR_OK) {
		err = register_write(edu, offset, size_bytes == 8 ? value : (uint32_t)value);
	}
	spin_unlock(&edu->lock);
	return err;
}

void edu_guest_command(struct edu *edu, uint16_t command)
{
	spin_lock(&edu->lock);
	edu->guest.command = command;
	if (edu->state == DEVICE_RUNNING && edu->job == EDU_JOB_NONE) {
		/* Refused only when the function lost its stream table entry: then it stays off, which is right. */
		if (edu->config.ops->command(edu->config.ctx, (command & EDU_COMMAND_MASTER) != 0,
			    (command & EDU_COMMAND_INTX_DISABLE) == 0) != ERR_OK) {
			EDU_REFUSAL(edu, "edu %s: bus mastering refused", edu->config.id);
		}
	}
	spin_unlock(&edu->lock);
}

bool edu_irq_pending(struct edu *edu)
{
	bool pending;

	spin_lock(&edu->lock);
	pending = edu_reg(edu, EDU_IRQ_STATUS) != 0;
	spin_unlock(&edu->lock);
	return pending;
}
