/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** e1000e over the fake of its registers. */
#include <string.h>

#include "core/base/bytes.h"
#include "tests/conformance/conformance.h"
#include "tests/fake/e1000e_bench.h"
#include "tests/fake/fake_mmio.h"

#define RX_PLACE     5u
#define CONTEXT_WORD 0x20000000u
#define CONTEXT_LOW  UINT64_C(0x000e0e0000220e0e)
#define DATA_WORD    0x29100000u
#define CHECKSUM     0x200u
#define FRAME_LEN    64u

static struct e1000e_bench host[2];
static uint64_t now_us, context_seen;
static uint32_t frames;

static void sent(void *ctx, uint32_t queue, const uint8_t *frame, uint32_t len, const uint8_t *context)
{
	(void)ctx;
	(void)queue;
	(void)frame;
	(void)len;
	frames++;
	context_seen = context == NULL ? 0 : load_le64(context);
}

static void fresh(void)
{
	fake_mmio_reset();
	now_us = 1000;
	for (uint32_t n = 0; n < 2; n++) {
		(void)e1000e_bench_init(&host[n], n, &now_us);
		host[n].dev.sent = sent;
	}
}

static struct device device(uint32_t n)
{
	return host[n].device;
}

static void pass(uint64_t us)
{
	now_us += us;
	fake_e1000e_update(&host[0].dev);
	fake_e1000e_update(&host[1].dev);
}

static void put(uint32_t n, uint32_t offset, uint32_t value)
{
	(void)!e1000e_bench_write(&host[n], offset, value);
}

static uint32_t get(uint32_t n, uint32_t offset)
{
	uint32_t value = 0;

	(void)!e1000e_bench_read(&host[n], offset, &value);
	return value;
}

static bool receive(uint32_t n)
{
	uint8_t frame[FRAME_LEN] = { 1, 2, 3 };

	return fake_e1000e_receive(&host[n].dev, frame, sizeof(frame));
}

static void work(uint32_t n)
{
	e1000e_bench_open(&host[n]);
	for (uint32_t i = 0; i < 2 * RX_PLACE; i++) {
		e1000e_bench_rx_desc(&host[n], i, BENCH_RX_BUFFERS + i * PAGE_BYTES);
	}
	put(n, 0x2818, 2 * RX_PLACE);
	for (uint32_t i = 0; i < RX_PLACE; i++) {
		(void)receive(n);
	}
	e1000e_bench_tx_desc(&host[n], 0, CONTEXT_LOW, CONTEXT_WORD, 0);
	e1000e_bench_tx_desc(&host[n], 1, BENCH_TX_BUFFERS, DATA_WORD | FRAME_LEN, CHECKSUM);
	put(n, 0x3818, 2);
	put(n, 0x5200, 0x12345678);
	put(n, 0x5604, 0x87654321);
	put(n, 0x2820, 0x20);
}

static bool worked(uint32_t n, const char **what)
{
	uint32_t icr = get(n, 0x00c8), tail = get(n, 0x3818);

	*what = "rings";
	if (get(n, 0x2810) != RX_PLACE || get(n, 0x2818) != 2 * RX_PLACE || get(n, 0x3810) != 2 || tail != 2) {
		return false;
	}
	*what = "filters";
	if (get(n, 0x5200) != 0x12345678 || get(n, 0x5604) != 0x87654321) {
		return false;
	}
	*what = "causes or the interrupt";
	if ((icr & 0x81) != 0x81 || !fake_e1000e_intx(&host[n].dev)) {
		return false;
	}
	*what = "statistics";
	if (get(n, 0x4074) != RX_PLACE || get(n, 0x4074) != 0) {
		return false;
	}
	*what = "the transmit context, or transmission";
	frames = 0;
	e1000e_bench_tx_desc(&host[n], 2, BENCH_TX_BUFFERS, DATA_WORD | FRAME_LEN, CHECKSUM);
	put(n, 0x3818, 3);
	if (frames != 1 || context_seen != CONTEXT_LOW) {
		return false;
	}
	*what = "reception";
	return receive(n) && get(n, 0x2810) == RX_PLACE + 1;
}

static bool silent(uint32_t n)
{
	return !host[n].dev.bus_master && !fake_e1000e_intx(&host[n].dev) && !receive(n);
}

static void dma(uint32_t n, uint64_t *page)
{
	uint32_t tail = get(n, 0x2818);

	*page = (get(n, 0x2810) % 2 + BENCH_RX_BUFFERS - BENCH_RAM_BASE) / PAGE_BYTES;
	memset(host[n].wrote, 0, sizeof(host[n].wrote));
	e1000e_bench_rx_desc(&host[n], tail, BENCH_RX_BUFFERS + (uint64_t)(100 + tail) * PAGE_BYTES);
	put(n, 0x2818, (tail + 1) % BENCH_DESCS);
	(void)receive(n);
	for (uint64_t p = BENCH_RX_BUFFERS / PAGE_BYTES - BENCH_RAM_BASE / PAGE_BYTES; p < BENCH_RAM_PAGES; p++) {
		*page = host[n].wrote[p] ? p : *page;
	}
}

static void copy_memory(void)
{
	memcpy(host[1].ram, host[0].ram, sizeof(host[1].ram));
}

const struct conformance_subject conformance_e1000e = { "e1000e", fresh, device, pass, work, worked, silent, dma,
	copy_memory };
