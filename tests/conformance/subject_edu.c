/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** edu over the fake of its registers. */
#include <string.h>

#include "core/base/addr.h"
#include "drivers/vfio/edu.h"
#include "tests/conformance/conformance.h"
#include "tests/fake/fake_edu.h"
#include "tests/fake/fake_mmio.h"

#define RAM_BASE     UINT64_C(0x40000000)
#define RAM_PAGES    64u
#define SCRATCH_IOVA UINT64_C(0x3f000000)
#define REGS(n)	     ((uintptr_t)0x10000000 + (uintptr_t)(n)*0x100000)
#define FILL	     0xabu
#define LEN	     64u
#define TRANSFER_US  200000u

static struct host {
	struct fake_edu dev;
	struct edu edu;
	uint8_t ram[RAM_PAGES * PAGE_BYTES];
	uint8_t scratch[PAGE_BYTES];
} host[2];
static uint64_t now_us;
static uint32_t dma_count;

static uint64_t time_us(void *ctx)
{
	(void)ctx;
	return now_us;
}

static enum err ram_page(void *ctx, uint64_t iova, uint64_t len_bytes, uint64_t *page)
{
	(void)ctx;
	if (iova < RAM_BASE || iova - RAM_BASE > RAM_PAGES * PAGE_BYTES - len_bytes) {
		return ERR_RANGE;
	}
	*page = (iova - RAM_BASE) / PAGE_BYTES;
	return ERR_OK;
}

static enum err command(void *ctx, bool bus_master, bool intx)
{
	struct host *h = ctx;

	h->dev.bus_master = bus_master;
	h->dev.intx_enabled = intx;
	return ERR_OK;
}

static uint64_t dma_faults(void *ctx)
{
	return ((struct host *)ctx)->dev.faults;
}

static uint8_t *memory(void *ctx, uint64_t iova, uint64_t len_bytes)
{
	struct host *h = ctx;

	if (iova >= RAM_BASE && iova - RAM_BASE <= sizeof(h->ram) - len_bytes) {
		return &h->ram[iova - RAM_BASE];
	}
	if (iova >= SCRATCH_IOVA && iova - SCRATCH_IOVA <= PAGE_BYTES - len_bytes) {
		return &h->scratch[iova - SCRATCH_IOVA];
	}
	return NULL;
}

static const struct edu_host_ops host_ops = {
	.time_us = time_us, .ram_page = ram_page, .command = command, .dma_faults = dma_faults
};

static void fresh(void)
{
	fake_mmio_reset();
	now_us = 1000;
	for (uint32_t n = 0; n < 2; n++) {
		struct edu_config config = {
			.ops = &host_ops,
			.ctx = &host[n],
			.regs = REGS(n),
			.id = "0000:00:01.0",
			.subsystem_vendor_id = 0x1af4,
			.subsystem_id = 0x1100,
			.scratch = host[n].scratch,
			.scratch_iova = SCRATCH_IOVA,
		};

		memset(&host[n], 0, sizeof(host[n]));
		fake_edu_init(&host[n].dev, &now_us);
		host[n].dev.memory = memory;
		host[n].dev.ctx = &host[n];
		host[n].dev.compute_us = 500;
		fake_edu_map(&host[n].dev, REGS(n));
		(void)!edu_init(&host[n].edu, &config);
		edu_guest_command(&host[n].edu, 0x0006);
	}
}

static struct device device(uint32_t n)
{
	return edu_device(&host[n].edu);
}

static void pass(uint64_t us)
{
	now_us += us;
	fake_edu_update(&host[0].dev);
	fake_edu_update(&host[1].dev);
}

static void put(uint32_t n, uint64_t offset, uint64_t value)
{
	(void)!edu_mmio_write(&host[n].edu, offset, offset < 0x80 ? 4 : 8, value);
}

static uint64_t get(uint32_t n, uint64_t offset)
{
	uint64_t value = 0;

	(void)!edu_mmio_read(&host[n].edu, offset, offset < 0x80 ? 4 : 8, &value);
	return value;
}

static void transfer(uint32_t n, uint64_t src, uint64_t dst, uint64_t cmd)
{
	put(n, EDU_DMA_SRC, src);
	put(n, EDU_DMA_DST, dst);
	put(n, EDU_DMA_COUNT, LEN);
	put(n, EDU_DMA_CMD, cmd | EDU_DMA_RUN);
	pass(TRANSFER_US);
}

static void work(uint32_t n)
{
	memset(host[n].ram, FILL, PAGE_BYTES);
	transfer(n, RAM_BASE, EDU_BUFFER, EDU_DMA_IRQ);
	put(n, EDU_INVERSE, 0x12345678);
	put(n, EDU_FACTORIAL, 6);
	pass(1000);
}

static bool worked(uint32_t n, const char **what)
{
	*what = "registers";
	if (get(n, EDU_INVERSE) != (uint32_t)~0x12345678u || get(n, EDU_FACTORIAL) != 720 ||
		get(n, EDU_DMA_COUNT) != LEN) {
		return false;
	}
	*what = "the interrupt";
	if (get(n, EDU_IRQ_STATUS) != EDU_IRQ_DMA || !fake_edu_intx(&host[n].dev)) {
		return false;
	}
	*what = "the buffer, or DMA";
	transfer(n, EDU_BUFFER, RAM_BASE + 9 * PAGE_BYTES, EDU_DMA_TO_RAM);
	return host[n].ram[9 * PAGE_BYTES] == FILL && host[n].ram[9 * PAGE_BYTES + LEN - 1] == FILL;
}

static bool silent(uint32_t n)
{
	return !host[n].dev.bus_master && !fake_edu_intx(&host[n].dev);
}

static void dma(uint32_t n, uint64_t *page)
{
	*page = 2 + dma_count++ % 60;
	transfer(n, EDU_BUFFER, RAM_BASE + *page * PAGE_BYTES, EDU_DMA_TO_RAM);
}

static void copy_memory(void)
{
	memcpy(host[1].ram, host[0].ram, sizeof(host[1].ram));
}

const struct conformance_subject conformance_edu = { "edu", fresh, device, pass, work, worked, silent, dma,
	copy_memory };
