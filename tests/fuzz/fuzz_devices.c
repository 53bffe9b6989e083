/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Devices and their users: virtqueues whose device writes what it likes into the used ring, and the edu device with a
 * guest that writes any register, in any state of its migration, with any image to load. The device must
 * never be started on a transfer outside its buffer or the VM's RAM.
 */
#include <string.h>

#include "core/base/addr.h"
#include "drivers/vfio/edu.h"
#include "drivers/virtio_net/virtio_net.h"
#include "drivers/virtio_rng/virtio_rng.h"
#include "tests/fake/fake_edu.h"
#include "tests/fake/fake_mmio.h"
#include "tests/fake/fake_virtio.h"
#include "tests/fuzz/program.h"

#define NET_BASE     ((uintptr_t)0x0a000000)
#define RNG_BASE     ((uintptr_t)0x0a001000)
#define EDU_BASE     ((uintptr_t)0x10000000)
#define RAM_BASE     UINT64_C(0x40000000)
#define RAM_PAGES    16u
#define SCRATCH_IOVA UINT64_C(0x3f000000)

static struct {
	struct fake_virtio net_dev, rng_dev;
	struct virtio_net net;
	struct virtio_rng rng;
	struct nic nic;
	bool lent;
	uint64_t now_us;
	struct fake_edu edu_dev;
	struct edu edu;
	struct device device;
	uint8_t ram[RAM_PAGES * PAGE_BYTES], scratch[PAGE_BYTES], image[EDU_IMAGE_BYTES];
	size_t image_len;
} w;

/* ---- virtio ---- */

static const uint8_t frame[1514];

static void net_step(const struct step *s)
{
	struct nic_segment segments[NIC_SEGMENTS_MAX + 1];
	const uint8_t *bytes;
	size_t len;

	switch (s->op % 8) {
	case 0:
		for (uint32_t i = 0; i < ARRAY_SIZE(segments); i++) {
			segments[i] = (struct nic_segment){ frame, 1u + (s->d >> (4 * i)) % 200 };
		}
		(void)!w.nic.ops->send(w.nic.ctx, segments, s->a % ARRAY_SIZE(segments));
		break;
	case 1:
		HOLDS(w.nic.ops->tx_done(w.nic.ctx) <= w.nic.ops->tx_queued(w.nic.ctx));
		break;
	case 2:
		if (w.nic.ops->receive(w.nic.ctx, &bytes, &len) == ERR_OK) {
			HOLDS(!w.lent && len >= 14 && len <= VIRTIO_NET_RX_BYTES - VIRTIO_NET_HEADER_BYTES);
			HOLDS(bytes >= w.net.rx_buffer[0] &&
				bytes + len <= &w.net.rx_buffer[0][0] + sizeof(w.net.rx_buffer));
			w.lent = true;
		}
		break;
	case 3:
		w.nic.ops->receive_done(w.nic.ctx);
		w.lent = false;
		break;
	case 4: {
		struct fake_virtio_chain c;

		/* An honest answer, but for the length. */
		if (fake_virtio_pop(&w.net_dev, s->a % 2, &c)) {
			fake_virtio_push(&w.net_dev, s->a % 2, c.head, s->a % 2 == 0 ? s->b % 2100u : 0);
		}
		break;
	}
	case 5:
		fake_virtio_push(&w.net_dev, s->a % 2, s->c, (uint32_t)s->d);
		break;
	case 6:
		fake_virtio_used_idx(&w.net_dev, s->a % 2, s->b);
		break;
	default:
		fake_virtio_set_avail_event(&w.net_dev, s->a % 2, s->b);
		fake_virtio_set_used_flags(&w.net_dev, s->a % 2, (uint16_t)s->c);
		virtio_net_irq(&w.net);
		break;
	}
}

static void rng_step(const struct step *s)
{
	struct fake_virtio_chain c;
	uint8_t out[64];

	if (s->a % 4 == 0 && fake_virtio_pop(&w.rng_dev, 0, &c)) {
		fake_virtio_push(&w.rng_dev, 0, c.head, s->b % 700u);
	} else if (s->a % 4 == 1) {
		fake_virtio_push(&w.rng_dev, 0, s->c, (uint32_t)s->d);
	} else if (!w.rng.asked || w.rng.queue.broken || w.rng.have_bytes - w.rng.used_bytes >= sizeof(out)) {
		/* With a device that never answers this would only spin to its bound. */
		(void)!virtio_rng_read(
			&w.rng, out, MIN((size_t)s->b % sizeof(out), (size_t)(w.rng.have_bytes - w.rng.used_bytes)));
	}
}

/* ---- edu ---- */

static uint64_t time_us(void *ctx)
{
	(void)ctx;
	return w.now_us;
}

static enum err ram_page(void *ctx, uint64_t iova, uint64_t len_bytes, uint64_t *page)
{
	(void)ctx;
	HOLDS(len_bytes >= 1 && len_bytes <= PAGE_BYTES);
	if (iova < RAM_BASE || iova - RAM_BASE > RAM_PAGES * PAGE_BYTES - len_bytes) {
		return ERR_RANGE;
	}
	*page = (iova - RAM_BASE) / PAGE_BYTES;
	return ERR_OK;
}

static enum err command(void *ctx, bool bus_master, bool intx)
{
	(void)ctx;
	w.edu_dev.bus_master = bus_master;
	w.edu_dev.intx_enabled = intx;
	return ERR_OK;
}

static uint8_t *memory(void *ctx, uint64_t iova, uint64_t len_bytes)
{
	(void)ctx;
	if (iova >= RAM_BASE && len_bytes <= sizeof(w.ram) && iova - RAM_BASE <= sizeof(w.ram) - len_bytes) {
		HOLDS(w.edu.state == DEVICE_RUNNING);
		return &w.ram[iova - RAM_BASE];
	}
	HOLDS(iova >= SCRATCH_IOVA && iova + len_bytes <= SCRATCH_IOVA + PAGE_BYTES);
	return &w.scratch[iova - SCRATCH_IOVA];
}

static const struct edu_host_ops host_ops = { time_us, ram_page, command, NULL };

static void edu_start(void)
{
	struct edu_config config = { .ops = &host_ops,
		.regs = EDU_BASE,
		.id = "0000:00:01.0",
		.subsystem_vendor_id = 0x1af4,
		.subsystem_id = 0x1100,
		.scratch = w.scratch,
		.scratch_iova = SCRATCH_IOVA };

	w.now_us = 1000;
	fake_edu_init(&w.edu_dev, &w.now_us);
	w.edu_dev.memory = memory;
	w.edu_dev.compute_us = 500;
	fake_edu_map(&w.edu_dev, EDU_BASE);
	HOLDS(edu_init(&w.edu, &config) == ERR_OK);
	w.device = edu_device(&w.edu);
	edu_guest_command(&w.edu, 0x0006);
}

/* Right checksums for whatever the image holds, as a hostile peer would make them. */
static void image_seal(void)
{
	uint8_t *at = w.image;

	store_le32(at + 28, image_crc32(0, at, 28));
	at += IMAGE_HEADER_BYTES;
	store_le32(at + 8, image_crc32(image_crc32(0, at, 8), at + IMAGE_BLOCK_BYTES, EDU_REGISTERS_BYTES));
	at += IMAGE_BLOCK_BYTES + EDU_REGISTERS_BYTES;
	store_le32(at + 8, image_crc32(image_crc32(0, at, 8), at + IMAGE_BLOCK_BYTES, EDU_BUFFER_BYTES));
}

static void image_step(const struct step *s)
{
	char reason[REASON_BYTES] = "";
	size_t taken = 0, len = 0, at;

	if (w.edu.state == DEVICE_STOP_COPY) {
		if (w.image_len == sizeof(w.image)) {
			w.image_len = 0;
		}
		if (w.device.ops->read(w.device.ctx, w.image + w.image_len,
			    MIN(sizeof(w.image) - w.image_len, 1u + s->b), &len) == ERR_OK) {
			w.image_len += len;
		}
		return;
	}
	if (w.edu.state != DEVICE_RESUMING) {
		return;
	}
	at = w.edu.image_len % sizeof(w.image);
	if (s->a % 4 == 3) {
		w.image[s->c % sizeof(w.image)] ^= (uint8_t)s->d;
	} else if (s->a % 4 == 2) {
		w.image[s->c % 100u] ^= (uint8_t)s->d;
		image_seal();
	}
	if (w.device.ops->write(w.device.ctx, w.image + at, MIN(sizeof(w.image) - at, 1u + (size_t)s->b), &taken,
		    reason) != ERR_OK) {
		HOLDS(reason[0] != '\0');
	}
	HOLDS(taken <= 1u + (size_t)s->b);
}

static void edu_step(const struct step *s)
{
	static const uint64_t regs[] = { 0x04, 0x08, 0x20, 0x60, 0x64, 0x80, 0x88, 0x90, 0x98, 0x00 };
	static const uint64_t places[] = { EDU_BUFFER, RAM_BASE, RAM_BASE + RAM_PAGES * PAGE_BYTES, SCRATCH_IOVA };
	enum device_state now;
	uint64_t value = 0, offset = s->a >= 200 ? s->c : regs[s->a % ARRAY_SIZE(regs)];
	uint32_t size = s->b % 8 == 7 ? 1u + s->b / 8 % 8 : offset < 0x80 ? 4 : 8;

	switch (s->op % 8) {
	case 0:
	case 1:
		if (offset == 0x80 || offset == 0x88) {
			value = places[s->c % ARRAY_SIZE(places)] + (uint64_t)(int64_t)(int16_t)(s->d & 0xffff);
		} else {
			value = offset == 0x90 ? s->d % 5000u : s->d;
		}
		(void)!edu_mmio_write(&w.edu, offset, size, value);
		break;
	case 2:
		(void)!edu_mmio_read(&w.edu, offset, size, &value);
		break;
	case 3:
		(void)!w.device.ops->state_begin(w.device.ctx, (enum device_state)(s->a % DEVICE_STATE_COUNT));
		break;
	case 4:
		for (uint32_t i = 0; i <= s->a % 64u; i++) {
			w.now_us += 1u + s->b;
			fake_edu_update(&w.edu_dev);
			(void)!w.device.ops->state_poll(w.device.ctx, &now);
		}
		break;
	case 5:
		image_step(s);
		break;
	case 6:
		edu_guest_command(&w.edu, s->b);
		break;
	default:
		(void)edu_irq_pending(&w.edu);
		w.now_us += s->c % 200000u;
		fake_edu_update(&w.edu_dev);
		break;
	}
	HOLDS(w.edu_dev.overruns == 0 && w.edu_dev.faults == 0);
	HOLDS(memchr(w.edu.error, '\0', sizeof(w.edu.error)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct step s;

	memset(&w, 0, sizeof(w));
	fake_mmio_reset();
	fake_virtio_init(&w.net_dev, VIRTIO_ID_NET, BIT64(5) | (size % 2 == 0 ? VIRTIO_F_EVENT_IDX : 0));
	fake_virtio_map(&w.net_dev, NET_BASE);
	fake_virtio_init(&w.rng_dev, VIRTIO_ID_RNG, 0);
	fake_virtio_map(&w.rng_dev, RNG_BASE);
	HOLDS(virtio_net_init(&w.net, NET_BASE) == ERR_OK);
	HOLDS(virtio_rng_init(&w.rng, RNG_BASE) == ERR_OK);
	w.nic = virtio_net_nic(&w.net);
	edu_start();
	for (uint32_t n = 0; program_step(data, size, n, &s); n++) {
		if (s.op % 32 < 8) {
			net_step(&s);
		} else if (s.op % 32 < 12) {
			rng_step(&s);
		} else {
			edu_step(&s);
		}
	}
	return 0;
}
