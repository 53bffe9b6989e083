/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fake/fake_mmio.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "drivers/mmio.h"

struct window {
	uintptr_t base;
	uint64_t size_bytes;
	const struct fake_mmio_ops *ops;
	void *ctx;
};

static struct window windows[FAKE_MMIO_WINDOWS_MAX];
static uint32_t window_count;
static uint64_t reads;
static uint64_t writes;
static uint64_t barriers;
static void (*barrier_fn)(void *ctx);
static void *barrier_ctx;

void fake_mmio_reset(void)
{
	window_count = 0;
	reads = 0;
	writes = 0;
	barriers = 0;
	barrier_fn = NULL;
	barrier_ctx = NULL;
}

void fake_mmio_map(uintptr_t base, uint64_t size_bytes, const struct fake_mmio_ops *ops, void *ctx)
{
	if (window_count == FAKE_MMIO_WINDOWS_MAX) {
		fprintf(stderr, "fake_mmio: more than %u windows\n", FAKE_MMIO_WINDOWS_MAX);
		abort();
	}
	windows[window_count++] = (struct window){ base, size_bytes, ops, ctx };
}

void fake_mmio_on_barrier(void (*fn)(void *ctx), void *ctx)
{
	barrier_fn = fn;
	barrier_ctx = ctx;
}

uint64_t fake_mmio_reads(void)
{
	return reads;
}

uint64_t fake_mmio_writes(void)
{
	return writes;
}

uint64_t fake_mmio_barriers(void)
{
	return barriers;
}

static const struct window *window_of(uintptr_t addr, uint32_t size_bytes)
{
	if (addr % size_bytes != 0) {
		fprintf(stderr, "fake_mmio: unaligned access of %u bytes at 0x%llx\n", size_bytes,
			(unsigned long long)addr);
		abort();
	}
	for (uint32_t i = 0; i < window_count; i++) {
		const struct window *w = &windows[i];

		if (addr >= w->base && addr - w->base < w->size_bytes) {
			return w;
		}
	}
	fprintf(stderr, "fake_mmio: nothing at 0x%llx\n", (unsigned long long)addr);
	abort();
}

static uint64_t access_read(uintptr_t addr, uint32_t size_bytes)
{
	const struct window *w = window_of(addr, size_bytes);

	reads++;
	return w->ops->read(w->ctx, addr - w->base, size_bytes);
}

static void access_write(uintptr_t addr, uint32_t size_bytes, uint64_t value)
{
	const struct window *w = window_of(addr, size_bytes);

	writes++;
	w->ops->write(w->ctx, addr - w->base, size_bytes, value);
}

static void barrier(void)
{
	barriers++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (barrier_fn != NULL) {
		barrier_fn(barrier_ctx);
	}
}

uint8_t mmio_read8(uintptr_t addr)
{
	return (uint8_t)access_read(addr, 1);
}

uint16_t mmio_read16(uintptr_t addr)
{
	return (uint16_t)access_read(addr, 2);
}

uint32_t mmio_read32(uintptr_t addr)
{
	return (uint32_t)access_read(addr, 4);
}

uint64_t mmio_read64(uintptr_t addr)
{
	return access_read(addr, 8);
}

void mmio_write8(uintptr_t addr, uint8_t value)
{
	access_write(addr, 1, value);
}

void mmio_write16(uintptr_t addr, uint16_t value)
{
	access_write(addr, 2, value);
}

void mmio_write32(uintptr_t addr, uint32_t value)
{
	access_write(addr, 4, value);
}

void mmio_write64(uintptr_t addr, uint64_t value)
{
	access_write(addr, 8, value);
}

void mmio_complete(void)
{
	barrier();
}

void mmio_wmb(void)
{
	barrier();
}

void mmio_rmb(void)
{
	barrier();
}

void mmio_mb(void)
{
	barrier();
}
