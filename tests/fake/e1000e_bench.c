/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/e1000e_bench.h"

#include <string.h>

#include "core/base/bytes.h"
#include "tests/fake/fake_mmio.h"

static uint64_t time_us(void *ctx)
{
	return *((struct e1000e_bench *)ctx)->now_us;
}

static bool in_ram(uint64_t iova, uint64_t len_bytes)
{
	return iova >= BENCH_RAM_BASE && len_bytes <= BENCH_RAM_PAGES * PAGE_BYTES &&
	       iova - BENCH_RAM_BASE <= BENCH_RAM_PAGES * PAGE_BYTES - len_bytes;
}

uint8_t *e1000e_bench_ram(struct e1000e_bench *b, uint64_t iova)
{
	return &b->ram[iova - BENCH_RAM_BASE];
}

static enum err ram_page(void *ctx, uint64_t iova, uint64_t len_bytes, uint64_t *page)
{
	(void)ctx;
	if (!in_ram(iova, len_bytes)) {
		return ERR_RANGE;
	}
	*page = (iova - BENCH_RAM_BASE) / PAGE_BYTES;
	return ERR_OK;
}

static enum err ram_read(void *ctx, uint64_t iova, uint8_t *out, uint32_t len_bytes)
{
	if (!in_ram(iova, len_bytes)) {
		return ERR_RANGE;
	}
	memcpy(out, e1000e_bench_ram(ctx, iova), len_bytes);
	return ERR_OK;
}

static enum err command(void *ctx, bool bus_master, bool intx)
{
	struct e1000e_bench *b = ctx;

	if (bus_master && !b->isolated) {
		return ERR_REFUSED;
	}
	b->dev.bus_master = bus_master;
	b->dev.intx_enabled = intx;
	return ERR_OK;
}

static enum err trap(void *ctx, uint32_t pages)
{
	struct e1000e_bench *b = ctx;

	if (b->trap_fails) {
		return ERR_FULL;
	}
	b->traps = pages;
	return ERR_OK;
}

static uint8_t *memory(void *ctx, uint64_t iova, uint64_t len_bytes)
{
	struct e1000e_bench *b = ctx;

	if (in_ram(iova, len_bytes)) {
		return e1000e_bench_ram(b, iova);
	}
	if (iova >= BENCH_SCRATCH_IOVA && iova - BENCH_SCRATCH_IOVA <= PAGE_BYTES - len_bytes) {
		return &b->scratch[iova - BENCH_SCRATCH_IOVA];
	}
	return NULL;
}

static void wrote(void *ctx, uint64_t iova, uint64_t len_bytes)
{
	struct e1000e_bench *b = ctx;

	for (uint64_t at = iova & ~(uint64_t)PAGE_MASK; in_ram(iova, len_bytes) && at < iova + len_bytes;
		at += PAGE_BYTES) {
		b->wrote[(at - BENCH_RAM_BASE) / PAGE_BYTES] = true;
	}
}

static const struct e1000e_host_ops host_ops = { time_us, ram_page, ram_read, command, trap };

bool e1000e_bench_init(struct e1000e_bench *b, uint32_t n, uint64_t *now_us)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	struct e1000e_config config = {
		.ops = &host_ops,
		.ctx = b,
		.regs = BENCH_REGS(n),
		.id = "0000:00:02.0",
		.subsystem_vendor_id = 0x8086,
		.subsystem_id = 0x0000,
		.scratch = b->scratch,
		.scratch_iova = BENCH_SCRATCH_IOVA,
	};

	memset(b, 0, sizeof(*b));
	b->now_us = now_us;
	b->isolated = true;
	fake_e1000e_init(&b->dev, now_us, mac);
	b->dev.memory = memory;
	b->dev.wrote = wrote;
	b->dev.ctx = b;
	fake_e1000e_map(&b->dev, BENCH_REGS(n));
	if (e1000e_init(&b->e, &config) != ERR_OK) {
		return false;
	}
	b->device = e1000e_device(&b->e);
	e1000e_guest_command(&b->e, 0x0006);
	return true;
}

static bool traps(const struct e1000e_bench *b, uint32_t offset)
{
	return (b->traps >> (offset / PAGE_BYTES) & 1) != 0;
}

enum err e1000e_bench_write(struct e1000e_bench *b, uint32_t offset, uint32_t value)
{
	if (traps(b, offset)) {
		return e1000e_mmio_write(&b->e, offset, 4, value);
	}
	fake_e1000e_set(&b->dev, offset, value);
	return ERR_OK;
}

enum err e1000e_bench_read(struct e1000e_bench *b, uint32_t offset, uint32_t *value)
{
	uint64_t wide = 0;
	enum err err = ERR_OK;

	if (traps(b, offset)) {
		err = e1000e_mmio_read(&b->e, offset, 4, &wide);
		*value = (uint32_t)wide;
	} else {
		*value = fake_e1000e_get(&b->dev, offset);
	}
	return err;
}

static void put(struct e1000e_bench *b, uint32_t offset, uint64_t value)
{
	(void)!e1000e_bench_write(b, offset, (uint32_t)value);
}

void e1000e_bench_open(struct e1000e_bench *b)
{
	memset(e1000e_bench_ram(b, BENCH_TX_RING), 0, 2 * PAGE_BYTES);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t regs = i == 0 ? 0x2800 : 0x3800;

		put(b, regs, i == 0 ? BENCH_RX_RING : BENCH_TX_RING);
		put(b, regs + 4, 0);
		put(b, regs + 8, BENCH_DESCS * 16);
		put(b, regs + 0x10, 0);
		put(b, regs + 0x18, 0);
	}
	put(b, 0x00d0, 0x1f7);
	put(b, 0x0400, 0x0103f0fa);
	put(b, 0x0100, 0x0000801a);
}

void e1000e_bench_tx_desc(struct e1000e_bench *b, uint32_t at, uint64_t low, uint32_t word, uint32_t status)
{
	uint8_t *desc = e1000e_bench_ram(b, BENCH_TX_RING + 16ull * (at % BENCH_DESCS));

	store_le64(desc, low);
	store_le32(desc + 8, word);
	store_le32(desc + 12, status);
}

void e1000e_bench_rx_desc(struct e1000e_bench *b, uint32_t at, uint64_t iova)
{
	uint8_t *desc = e1000e_bench_ram(b, BENCH_RX_RING + 16ull * (at % BENCH_DESCS));

	store_le64(desc, iova);
	store_le64(desc + 8, 0);
}
