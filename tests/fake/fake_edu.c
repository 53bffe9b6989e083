/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_edu.h"

#include <string.h>

#include "tests/fake/fake_mmio.h"

#define BAR_BYTES 0x100000u
#define BUFFER_AT 0x40000u
#define COMPUTING 1u
#define IRQFACT	  0x80u
#define RUN	  1u
#define TO_RAM	  2u
#define DMA_IRQ	  4u

static void transfer(struct fake_edu *f)
{
	uint64_t inside = (f->dma_cmd & TO_RAM) != 0 ? f->dma_src : f->dma_dst;
	uint64_t iova = (f->dma_cmd & TO_RAM) != 0 ? f->dma_dst : f->dma_src;
	uint8_t *mem;

	if (inside < BUFFER_AT || f->dma_count > FAKE_EDU_BUFFER_BYTES ||
		inside - BUFFER_AT > FAKE_EDU_BUFFER_BYTES - f->dma_count) {
		f->overruns++;
		return;
	}
	if (f->dma_count == 0) {
		return;
	}
	if (!f->bus_master) {
		f->dropped++;
		return;
	}
	mem = f->memory(f->ctx, iova, f->dma_count);
	if (mem == NULL) {
		f->faults++;
		return;
	}
	if ((f->dma_cmd & TO_RAM) != 0) {
		memcpy(mem, &f->buffer[inside - BUFFER_AT], f->dma_count);
	} else {
		memcpy(&f->buffer[inside - BUFFER_AT], mem, f->dma_count);
	}
}

void fake_edu_update(struct fake_edu *f)
{
	if ((f->dma_cmd & RUN) != 0 && *f->now_us >= f->dma_end_us) {
		transfer(f);
		f->dma_cmd &= ~(uint64_t)RUN;
		if ((f->dma_cmd & DMA_IRQ) != 0) {
			f->irq_status |= 0x100;
		}
	}
	if ((f->status & COMPUTING) != 0 && *f->now_us >= f->compute_end_us) {
		uint32_t result = 1;

		for (uint32_t n = f->factorial; n > 0; n--) {
			result *= n;
		}
		f->factorial = result;
		f->status &= ~COMPUTING;
		f->irq_due = (f->status & IRQFACT) != 0;
		f->irq_at_us = f->compute_end_us + f->irq_lag_us;
	}
	if (f->irq_due && *f->now_us >= f->irq_at_us) {
		f->irq_due = false;
		f->irq_status |= 1;
	}
}

static uint64_t reg_read(void *ctx, uint64_t offset, uint32_t size_bytes)
{
	struct fake_edu *f = ctx;

	fake_edu_update(f);
	if (size_bytes != 4 && !(offset >= 0x80 && size_bytes == 8)) {
		return UINT64_MAX;
	}
	switch (offset) {
	case 0x00:
		return f->id;
	case 0x04:
		return f->inverse;
	case 0x08:
		return f->factorial;
	case 0x20:
		return f->status;
	case 0x24:
		return f->irq_status;
	case 0x80:
		return f->dma_src;
	case 0x88:
		return f->dma_dst;
	case 0x90:
		return f->dma_count;
	case 0x98:
		return f->dma_cmd;
	default:
		return UINT64_MAX;
	}
}

static void factorial_start(struct fake_edu *f, uint32_t n)
{
	if ((f->status & COMPUTING) != 0) {
		return;
	}
	f->factorial = n;
	f->status |= COMPUTING;
	f->compute_end_us = *f->now_us + f->compute_us;
}

static void reg_write(void *ctx, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	struct fake_edu *f = ctx;
	bool runs;

	fake_edu_update(f);
	if (size_bytes != 4 && !(offset >= 0x80 && size_bytes == 8)) {
		return;
	}
	runs = (f->dma_cmd & RUN) != 0;
	switch (offset) {
	case 0x04:
		f->inverse = ~(uint32_t)value;
		break;
	case 0x08:
		factorial_start(f, (uint32_t)value);
		break;
	case 0x20:
		f->status = (f->status & ~IRQFACT) | ((uint32_t)value & IRQFACT);
		break;
	case 0x60:
		f->irq_status |= (uint32_t)value;
		break;
	case 0x64:
		f->irq_status &= ~(uint32_t)value;
		break;
	case 0x80:
		f->dma_src = runs ? f->dma_src : value;
		break;
	case 0x88:
		f->dma_dst = runs ? f->dma_dst : value;
		break;
	case 0x90:
		f->dma_count = runs ? f->dma_count : value;
		break;
	case 0x98:
		if (!runs && (value & RUN) != 0) {
			f->dma_cmd = value;
			f->dma_end_us = *f->now_us + FAKE_EDU_TRANSFER_US;
			f->starts++;
		}
		break;
	default:
		break;
	}
	fake_edu_update(f);
}

static const struct fake_mmio_ops ops = { reg_read, reg_write };

void fake_edu_init(struct fake_edu *f, const uint64_t *now_us)
{
	memset(f, 0, sizeof(*f));
	f->now_us = now_us;
	f->id = 0x010000ed;
}

void fake_edu_map(struct fake_edu *f, uintptr_t base)
{
	fake_mmio_map(base, BAR_BYTES, &ops, f);
}

bool fake_edu_intx(struct fake_edu *f)
{
	fake_edu_update(f);
	return f->irq_status != 0 && f->intx_enabled;
}
