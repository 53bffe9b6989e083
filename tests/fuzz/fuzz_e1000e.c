/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The e1000e driver between a guest that writes any register and any descriptor, a wire, and an image of any content, in any state
 * of its migration. What the device writes while the log is on must be in the next harvest, or that harvest says that it knows nothing; a
 * device that is stopped writes nothing and asks for no interrupt.
 */
#include <string.h>

#include "core/base/bitmap.h"
#include "tests/fake/e1000e_bench.h"
#include "tests/fake/fake_mmio.h"
#include "tests/fuzz/program.h"

static struct {
	struct e1000e_bench b;
	uint64_t now_us;
	bool log_on;
	uint8_t image[E1000E_IMAGE_BYTES];
	size_t image_len;
} w;

static uint32_t register_of(const struct step *s)
{
	static const uint16_t regs[] = { 0x0000, 0x0018, 0x0020, 0x0014, 0x00c0, 0x00c8, 0x00d0, 0x00d8, 0x0100, 0x0128,
		0x0400, 0x0438, 0x2170, 0x2800, 0x2804, 0x2808, 0x2810, 0x2818, 0x2820, 0x2908, 0x2918, 0x3800, 0x3808,
		0x3810, 0x3818, 0x3820, 0x3918, 0x4074, 0x4088, 0x408c, 0x5008, 0x5200, 0x5400, 0x5b50 };

	return s->a >= 240 ? (uint32_t)(s->c % FAKE_E1000E_BAR_BYTES) & ~3u : regs[s->a % ARRAY_SIZE(regs)];
}

static void guest_writes(const struct step *s)
{
	uint32_t at = register_of(s), value = (uint32_t)s->d;

	if ((at & ~0x100u) == 0x2800 || (at & ~0x100u) == 0x3800) {
		value = (uint32_t)((at < 0x3800 ? BENCH_RX_RING : BENCH_TX_RING) + (at >> 8 & 1) * 2 * PAGE_BYTES);
	} else if ((at & ~0x100u) == 0x2808 || (at & ~0x100u) == 0x3808) {
		/* Rings that the fake walks in reasonable time. */
		value = (uint32_t)(s->d % 9u) * 128u;
	}
	(void)!e1000e_bench_write(&w.b, at, value);
}

/* Anywhere but in the rings: a guest that changes what it has posted gets a log of what it had posted. */
static void guest_stores(const struct step *s)
{
	size_t at = BENCH_TX_BUFFERS - BENCH_RAM_BASE + s->c % (sizeof(w.b.ram) - 16 * PAGE_BYTES);

	store_le64(&w.b.ram[at], s->d);
}

static void guest_posts(const struct step *s)
{
	static const uint32_t words[] = { 0x0b000000, 0x29100000, 0x20100000, 0x20000000, 0x24000000, 0xa9100000 };
	uint32_t regs = s->a % 2 == 0 ? 0x2800 : 0x3800;
	uint32_t head = w.b.dev.reg[(regs + 0x10) / 4], at = w.b.dev.reg[(regs + 0x18) / 4],
		 count = w.b.dev.reg[(regs + 8) / 4] / 16;

	if (at >= count || (at + 1) % count == head) {
		return;
	}
	if (s->a % 2 == 0) {
		e1000e_bench_rx_desc(&w.b, at, BENCH_TX_BUFFERS + s->d % ((BENCH_RAM_PAGES - 7) * PAGE_BYTES));
	} else {
		e1000e_bench_tx_desc(&w.b, at, BENCH_TX_BUFFERS + s->d % PAGE_BYTES,
			words[s->a / 2 % ARRAY_SIZE(words)] | s->b % 1500u, 0x200);
	}
	(void)!e1000e_bench_write(&w.b, regs + 0x18, (at + 1) % count);
}

static void log_step(const struct step *s)
{
	struct dirty log = w.b.device.ops->log(w.b.device.ctx);
	struct dirty_cursor cursor = { 0 };
	uint64_t map[BITMAP_WORDS(BENCH_RAM_PAGES)] = { 0 };

	if (s->a % 8 == 0) {
		log.ops->stop(log.ctx);
		w.log_on = false;
	} else if (!w.log_on) {
		memset(w.b.wrote, 0, sizeof(w.b.wrote));
		w.log_on = log.ops->start(log.ctx) == ERR_OK;
	} else if (log.ops->harvest(log.ctx, &cursor, map) == ERR_OK) {
		for (uint32_t p = 0; p < BENCH_RAM_PAGES; p++) {
			HOLDS(!w.b.wrote[p] || bitmap_test(map, p));
		}
		memset(w.b.wrote, 0, sizeof(w.b.wrote));
	} else {
		memset(w.b.wrote, 0, sizeof(w.b.wrote));
	}
}

/* Right checksums for whatever the image holds, as a hostile peer would make them. */
static void image_seal(void)
{
	uint8_t *at = w.image;
	size_t left = sizeof(w.image) - IMAGE_HEADER_BYTES;

	store_le32(at + 28, image_crc32(0, at, 28));
	at += IMAGE_HEADER_BYTES;
	for (uint32_t n = 0; n < E1000E_BLOCKS && left >= IMAGE_BLOCK_BYTES; n++) {
		uint32_t len = load_le32(at + 4);

		if (len > left - IMAGE_BLOCK_BYTES) {
			return;
		}
		store_le32(at + 8, image_crc32(image_crc32(0, at, 8), at + IMAGE_BLOCK_BYTES, len));
		at += IMAGE_BLOCK_BYTES + len;
		left -= IMAGE_BLOCK_BYTES + len;
	}
}

static void image_step(const struct step *s)
{
	const struct device_ops *ops = w.b.device.ops;
	char reason[REASON_BYTES] = "";
	size_t taken = 0, len = 0, at;

	if (device_state_saving(w.b.e.state)) {
		if (w.b.e.image_at == 0) {
			w.image_len = 0;
		}
		if (w.image_len < sizeof(w.image) &&
			ops->read(w.b.device.ctx, w.image + w.image_len, MIN(sizeof(w.image) - w.image_len, 1u + s->b),
				&len) == ERR_OK) {
			HOLDS(len > 0);
			w.image_len += len;
		}
		return;
	}
	if (w.b.e.state != DEVICE_RESUMING) {
		return;
	}
	at = w.b.e.image_len % sizeof(w.image);
	if (s->a % 4 == 3) {
		w.image[s->c % sizeof(w.image)] ^= (uint8_t)s->d;
	} else if (s->a % 4 == 2) {
		w.image[IMAGE_HEADER_BYTES + s->c % (sizeof(w.image) - IMAGE_HEADER_BYTES)] ^= (uint8_t)s->d;
		image_seal();
	}
	if (ops->write(w.b.device.ctx, w.image + at, MIN(sizeof(w.image) - at, 1u + (size_t)s->b), &taken, reason) !=
		ERR_OK) {
		HOLDS(reason[0] != '\0');
	}
	HOLDS(taken <= 1u + (size_t)s->b);
	(void)!ops->initial_loaded(w.b.device.ctx, reason);
}

static void arc_step(const struct step *s)
{
	const struct device_ops *ops = w.b.device.ops;
	enum device_state now;
	uint32_t polls = s->b % 64u;

	if (s->a % 16 == 15) {
		(void)!ops->reset_begin(w.b.device.ctx);
	} else if (s->a % 16 == 14) {
		(void)!ops->scrub_begin(w.b.device.ctx);
	} else {
		(void)!ops->state_begin(w.b.device.ctx, (enum device_state)(s->a % 8));
	}
	for (uint32_t i = 0; i <= polls; i++) {
		w.now_us += 1u + s->c % 100000u;
		(void)!ops->state_poll(w.b.device.ctx, &now);
	}
}

static void step(const struct step *s)
{
	static const uint8_t frame[2000] = { 1 };
	uint32_t value;

	switch (s->op % 10) {
	case 0:
	case 1:
		guest_writes(s);
		break;
	case 2:
		(void)!e1000e_bench_read(&w.b, register_of(s), &value);
		break;
	case 3:
		guest_stores(s);
		break;
	case 4:
		guest_posts(s);
		break;
	case 5:
		w.b.dev.receive_queue = s->a % 2;
		for (uint32_t i = 0; i <= s->b % 8u; i++) {
			(void)fake_e1000e_receive(&w.b.dev, frame, 60 + s->c % 1900u);
		}
		break;
	case 6:
		log_step(s);
		break;
	case 7:
		image_step(s);
		break;
	case 8:
		arc_step(s);
		break;
	default:
		e1000e_guest_command(&w.b.e, s->b & 0x0406);
		(void)e1000e_irq_pending(&w.b.e);
		w.now_us += s->c % 200000u;
		fake_e1000e_update(&w.b.dev);
		break;
	}
	if (w.b.e.state != DEVICE_RUNNING && w.b.e.state != DEVICE_RUNNING_P2P && w.b.e.state != DEVICE_PRE_COPY &&
		w.b.e.state != DEVICE_PRE_COPY_P2P && w.b.e.job == E1000E_JOB_NONE) {
		HOLDS(!w.b.dev.bus_master && !w.b.dev.intx_enabled);
	}
	HOLDS(memchr(w.b.e.error, '\0', sizeof(w.b.e.error)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct step s;

	w.now_us = 1000;
	w.log_on = false;
	w.image_len = 0;
	memset(w.image, 0, sizeof(w.image));
	fake_mmio_reset();
	HOLDS(e1000e_bench_init(&w.b, 0, &w.now_us));
	e1000e_bench_open(&w.b);
	for (uint32_t n = 0; program_step(data, size, n, &s); n++) {
		step(&s);
	}
	return 0;
}
