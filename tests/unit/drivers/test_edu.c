/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/addr.h"
#include "core/base/bitmap.h"
#include "core/base/bytes.h"
#include "drivers/vfio/edu.h"
#include "tests/fake/fake_edu.h"
#include "tests/fake/fake_mmio.h"

#define RAM_BASE     UINT64_C(0x40000000)
#define RAM_PAGES    64u
#define SCRATCH_IOVA UINT64_C(0x3f000000)
#define REGS(n)	     ((uintptr_t)0x10000000 + (uintptr_t)(n)*0x100000)
#define POLLS_MAX    10000u

/* One host: a device, its VM's RAM, the scratch page. */
struct host {
	struct fake_edu dev;
	struct edu edu;
	struct device device;
	uint8_t ram[RAM_PAGES * PAGE_BYTES];
	uint8_t scratch[PAGE_BYTES];
	bool scratch_mapped, isolated;
};

struct fixture {
	uint64_t now_us;
	struct host host[2];
};

static uint64_t time_us(void *ctx)
{
	struct host *h = ctx;

	return *h->dev.now_us;
}

static enum err ram_page(void *ctx, uint64_t iova, uint64_t len_bytes, uint64_t *page)
{
	(void)ctx;
	assert_in_range(len_bytes, 1, PAGE_BYTES);
	if (iova < RAM_BASE || iova - RAM_BASE > RAM_PAGES * PAGE_BYTES - len_bytes) {
		return ERR_RANGE;
	}
	*page = (iova - RAM_BASE) / PAGE_BYTES;
	return ERR_OK;
}

static enum err command(void *ctx, bool bus_master, bool intx)
{
	struct host *h = ctx;

	if (bus_master && !h->isolated) {
		return ERR_REFUSED;
	}
	h->dev.bus_master = bus_master;
	h->dev.intx_enabled = intx;
	return ERR_OK;
}

static uint64_t dma_faults(void *ctx)
{
	struct host *h = ctx;

	return h->dev.faults;
}

static uint8_t *memory(void *ctx, uint64_t iova, uint64_t len_bytes)
{
	struct host *h = ctx;

	if (iova >= RAM_BASE && iova - RAM_BASE <= sizeof(h->ram) - len_bytes) {
		return &h->ram[iova - RAM_BASE];
	}
	if (h->scratch_mapped && iova >= SCRATCH_IOVA && iova - SCRATCH_IOVA <= PAGE_BYTES - len_bytes) {
		return &h->scratch[iova - SCRATCH_IOVA];
	}
	return NULL;
}

static const struct edu_host_ops host_ops = { time_us, ram_page, command, dma_faults };

static void host_init(struct fixture *fx, uint32_t n)
{
	struct host *h = &fx->host[n];
	struct edu_config config = {
		.ops = &host_ops,
		.ctx = h,
		.regs = REGS(n),
		.id = "0000:00:01.0",
		.subsystem_vendor_id = 0x1af4,
		.subsystem_id = 0x1100,
		.scratch = h->scratch,
		.scratch_iova = SCRATCH_IOVA,
	};

	memset(h, 0, sizeof(*h));
	fake_edu_init(&h->dev, &fx->now_us);
	h->dev.memory = memory;
	h->dev.ctx = h;
	h->dev.compute_us = 500;
	h->scratch_mapped = true;
	h->isolated = true;
	fake_edu_map(&h->dev, REGS(n));
	assert_int_equal(edu_init(&h->edu, &config), ERR_OK);
	h->device = edu_device(&h->edu);
	edu_guest_command(&h->edu, 0x0006);
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	fake_mmio_reset();
	fx->now_us = 1000;
	host_init(fx, 0);
	host_init(fx, 1);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void wr(struct host *h, uint64_t offset, uint64_t value)
{
	assert_int_equal(edu_mmio_write(&h->edu, offset, offset < 0x80 ? 4 : 8, value), ERR_OK);
}

static uint64_t rd(struct host *h, uint64_t offset)
{
	uint64_t value = 0;

	assert_int_equal(edu_mmio_read(&h->edu, offset, offset < 0x80 ? 4 : 8, &value), ERR_OK);
	return value;
}

static enum err poll_arc(struct fixture *fx, struct host *h, enum device_state *now)
{
	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		enum err err = h->device.ops->state_poll(h->device.ctx, now);

		if (err != ERR_AGAIN) {
			return err;
		}
		fx->now_us += 1000;
	}
	fail();
	return ERR_AGAIN;
}

static void go(struct fixture *fx, struct host *h, enum device_state to)
{
	enum device_state now;

	assert_int_equal(h->device.ops->state_begin(h->device.ctx, to), ERR_OK);
	assert_int_equal(poll_arc(fx, h, &now), ERR_OK);
	assert_int_equal(now, to);
}

static size_t read_image(struct host *h, uint8_t *out, size_t cap)
{
	size_t at = 0;

	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		size_t len = 0;
		enum err err = h->device.ops->read(h->device.ctx, out + at, MIN(cap - at, 1000u), &len);

		if (err == ERR_END) {
			return at;
		}
		assert_int_equal(err, ERR_OK);
		assert_true(len > 0);
		at += len;
	}
	fail();
	return 0;
}

static enum err write_image(struct host *h, const uint8_t *bytes, size_t len, char *reason)
{
	for (size_t at = 0; at < len;) {
		size_t taken = 0;
		enum err err = h->device.ops->write(h->device.ctx, bytes + at, MIN(len - at, 777u), &taken, reason);

		if (err != ERR_OK) {
			return err;
		}
		at += taken;
	}
	return ERR_OK;
}

static void migrate(struct fixture *fx, struct host *from, struct host *to)
{
	uint8_t image[EDU_IMAGE_BYTES];
	char reason[REASON_BYTES];
	size_t len;

	go(fx, from, DEVICE_STOP);
	go(fx, from, DEVICE_STOP_COPY);
	len = read_image(from, image, sizeof(image));
	assert_int_equal(len, EDU_IMAGE_BYTES);
	go(fx, from, DEVICE_STOP);
	if (to->edu.state != DEVICE_STOP) {
		go(fx, to, DEVICE_STOP);
	}
	go(fx, to, DEVICE_RESUMING);
	assert_int_equal(write_image(to, image, len, reason), ERR_OK);
	go(fx, to, DEVICE_STOP);
}

static void start_transfer(struct host *h, uint64_t src, uint64_t dst, uint64_t count, uint64_t cmd)
{
	wr(h, EDU_DMA_SRC, src);
	wr(h, EDU_DMA_DST, dst);
	wr(h, EDU_DMA_COUNT, count);
	wr(h, EDU_DMA_CMD, cmd | EDU_DMA_RUN);
}

static void another_device_is_refused_by_its_identification(void **state)
{
	struct fixture *fx = *state;
	struct edu edu;

	fx->host[0].dev.id = 0x12345678;
	assert_int_equal(edu_init(&edu, &fx->host[0].edu.config), ERR_UNSUPPORTED);
	assert_non_null(strstr(edu.error, "0x12345678"));
}

static void every_pair_of_states_has_an_arc_or_is_refused(void **state)
{
	static const bool arc[DEVICE_STATE_COUNT][DEVICE_STATE_COUNT] = {
		[DEVICE_RUNNING] = { [DEVICE_STOP] = true },
		[DEVICE_STOP] = { [DEVICE_RUNNING] = true, [DEVICE_STOP_COPY] = true, [DEVICE_RESUMING] = true },
		[DEVICE_STOP_COPY] = { [DEVICE_STOP] = true },
		[DEVICE_RESUMING] = { [DEVICE_STOP] = true },
	};
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];

	for (uint32_t from = 0; from < DEVICE_STATE_COUNT; from++) {
		for (uint32_t to = 0; to < DEVICE_STATE_COUNT; to++) {
			enum err want = arc[from][to] ? ERR_OK : ERR_NO_ARC;

			h->edu.state = from;
			h->edu.job = EDU_JOB_NONE;
			assert_int_equal(h->device.ops->state_begin(h->device.ctx, to), want);
			if (want == ERR_OK) {
				assert_int_equal(h->device.ops->state_begin(h->device.ctx, to), ERR_BAD_STATE);
			}
		}
	}
}

static void leaving_running_waits_for_the_transfer_and_polls(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	enum device_state now;
	uint64_t begun_us;

	memset(h->dev.buffer, 0xab, sizeof(h->dev.buffer));
	start_transfer(h, EDU_BUFFER, RAM_BASE + 100, 4096, EDU_DMA_TO_RAM);
	begun_us = fx->now_us;
	assert_int_equal(h->device.ops->state_begin(h->device.ctx, DEVICE_STOP), ERR_OK);
	assert_int_equal(h->device.ops->state_poll(h->device.ctx, &now), ERR_AGAIN);
	assert_int_equal(now, DEVICE_RUNNING);
	assert_int_equal(fx->now_us, begun_us);
	assert_int_equal(poll_arc(fx, h, &now), ERR_OK);
	assert_int_equal(now, DEVICE_STOP);
	assert_int_equal(h->ram[100], 0xab);
	assert_int_equal(h->ram[100 + 4095], 0xab);
	assert_false(h->dev.bus_master);
	assert_false(h->dev.intx_enabled);
}

static void a_device_that_stays_busy_ends_the_arc_in_running(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	enum device_state now;

	h->dev.compute_us = UINT64_C(100000000);
	wr(h, EDU_FACTORIAL, 5);
	assert_int_equal(h->device.ops->state_begin(h->device.ctx, DEVICE_STOP), ERR_OK);
	assert_int_equal(poll_arc(fx, h, &now), ERR_TIMEOUT);
	assert_int_equal(now, DEVICE_RUNNING);
	assert_true(h->dev.bus_master);
	assert_true(strlen(h->device.ops->last_error(h->device.ctx)) > 0);
}

static void every_combination_of_registers_makes_the_round_trip(void **state)
{
	static const uint32_t irq[] = { 0, 1, 0x100, 0x101, 0x80000000u, UINT32_MAX };
	static const uint32_t status[] = { 0, EDU_STATUS_IRQFACT };
	static const uint32_t inverse[] = { 0, 0x12345678, UINT32_MAX };
	static const uint64_t cmd[] = { 0, 2, 4, 6 };
	static const uint32_t factorial[] = { 0, 5, 12, 33, 34, UINT32_MAX };
	struct fixture *fx = *state;
	uint32_t seed = 1;

	for (uint32_t i = 0; i < ARRAY_SIZE(irq) * ARRAY_SIZE(status) * ARRAY_SIZE(inverse) * ARRAY_SIZE(cmd) *
					 ARRAY_SIZE(factorial);
		i++) {
		struct host *a = &fx->host[0];
		struct host *b = &fx->host[1];
		uint32_t k = i;
		uint32_t irq_bits = irq[k % ARRAY_SIZE(irq)];
		uint64_t before[10];
		static const uint64_t seen[10] = { 0x00, 0x04, 0x08, 0x20, 0x24, 0x80, 0x88, 0x90, 0x98, 0x40 };

		fake_mmio_reset();
		host_init(fx, 0);
		host_init(fx, 1);
		k /= ARRAY_SIZE(irq);
		for (uint32_t n = 0; n < sizeof(a->dev.buffer); n++) {
			seed = seed * 1664525 + 1013904223;
			a->dev.buffer[n] = (uint8_t)(seed >> 24);
			b->dev.buffer[n] = 0x5a;
		}
		b->dev.inverse = 0x77;
		b->dev.irq_status = 0x42;
		wr(a, EDU_STATUS, status[k % ARRAY_SIZE(status)]);
		k /= ARRAY_SIZE(status);
		wr(a, EDU_INVERSE, inverse[k % ARRAY_SIZE(inverse)]);
		k /= ARRAY_SIZE(inverse);
		start_transfer(a, cmd[k % 4] & 2 ? EDU_BUFFER + 8 : RAM_BASE + 3,
			cmd[k % 4] & 2 ? RAM_BASE + 3 : EDU_BUFFER + 8, 17, cmd[k % 4]);
		k /= ARRAY_SIZE(cmd);
		wr(a, EDU_FACTORIAL, factorial[k]);
		fx->now_us += 200000;
		wr(a, EDU_IRQ_ACK, UINT32_MAX);
		wr(a, EDU_IRQ_RAISE, irq_bits);
		for (uint32_t n = 0; n < ARRAY_SIZE(seen); n++) {
			before[n] = rd(a, seen[n]);
		}
		migrate(fx, a, b);
		assert_memory_equal(a->dev.buffer, b->dev.buffer, sizeof(a->dev.buffer));
		assert_int_equal(fake_edu_intx(&b->dev), false);
		go(fx, b, DEVICE_RUNNING);
		for (uint32_t n = 0; n < ARRAY_SIZE(seen); n++) {
			assert_int_equal(rd(b, seen[n]), before[n]);
		}
		assert_int_equal(fake_edu_intx(&b->dev), irq_bits != 0);
		/* and back to life at the source, as after a cancel */
		go(fx, a, DEVICE_RUNNING);
		for (uint32_t n = 0; n < ARRAY_SIZE(seen); n++) {
			assert_int_equal(rd(a, seen[n]), before[n]);
		}
		assert_int_equal(fake_edu_intx(&a->dev), irq_bits != 0);
		assert_int_equal(a->dev.overruns + b->dev.overruns + a->dev.faults + b->dev.faults, 0);
	}
}

static void a_second_migration_keeps_the_factorial_that_was_loaded(void **state)
{
	struct fixture *fx = *state;
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];

	wr(a, EDU_FACTORIAL, 6);
	fx->now_us += 1000;
	migrate(fx, a, b);
	go(fx, b, DEVICE_RUNNING);
	assert_int_equal(rd(b, EDU_FACTORIAL), 720);
	migrate(fx, b, a);
	go(fx, a, DEVICE_RUNNING);
	assert_int_equal(rd(a, EDU_FACTORIAL), 720);
	wr(a, EDU_FACTORIAL, 4);
	fx->now_us += 1000;
	assert_int_equal(rd(a, EDU_FACTORIAL), 24);
}

static void large_factorials_are_zero_and_short(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];

	wr(h, EDU_FACTORIAL, UINT32_MAX);
	assert_int_equal(h->dev.factorial, 34);
	assert_int_equal(rd(h, EDU_FACTORIAL), UINT32_MAX);
	fx->now_us += 1000;
	assert_int_equal(rd(h, EDU_FACTORIAL), 0);
}

static void the_interrupt_of_a_factorial_is_not_lost_between_its_end_and_the_stop(void **state)
{
	struct fixture *fx = *state;
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];

	a->dev.irq_lag_us = 5000;
	wr(a, EDU_STATUS, EDU_STATUS_IRQFACT);
	wr(a, EDU_FACTORIAL, 5);
	fx->now_us += 600; /* computed, the interrupt still to come */
	migrate(fx, a, b);
	go(fx, b, DEVICE_RUNNING);
	assert_int_equal(rd(b, EDU_IRQ_STATUS), 1);
	assert_true(fake_edu_intx(&b->dev));
}

static void a_pending_dma_interrupt_is_pending_after_the_load_and_not_in_between(void **state)
{
	struct fixture *fx = *state;
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];

	start_transfer(a, EDU_BUFFER, RAM_BASE, 64, EDU_DMA_TO_RAM | EDU_DMA_IRQ);
	go(fx, a, DEVICE_STOP);
	assert_int_equal(a->dev.irq_status, 0x100);
	assert_false(fake_edu_intx(&a->dev));
	go(fx, a, DEVICE_RUNNING);
	assert_true(fake_edu_intx(&a->dev));
	migrate(fx, a, b);
	assert_false(fake_edu_intx(&b->dev));
	go(fx, b, DEVICE_RUNNING);
	assert_true(fake_edu_intx(&b->dev));
	assert_int_equal(b->dev.irq_status, 0x100);
}

static void reading_out_raises_no_interrupt(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];

	go(fx, h, DEVICE_STOP);
	go(fx, h, DEVICE_STOP_COPY);
	assert_int_equal(h->dev.irq_status, 0);
	assert_false(h->dev.bus_master);
}

static void the_guest_sees_nothing_of_transfers_that_were_not_its_own(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];

	wr(h, EDU_DMA_SRC, 0x1111);
	wr(h, EDU_DMA_DST, 0x2222);
	wr(h, EDU_DMA_COUNT, 0x3333);
	go(fx, h, DEVICE_STOP);
	go(fx, h, DEVICE_STOP_COPY);
	go(fx, h, DEVICE_STOP);
	go(fx, h, DEVICE_RUNNING);
	assert_int_equal(rd(h, EDU_DMA_SRC), 0x1111);
	assert_int_equal(rd(h, EDU_DMA_DST), 0x2222);
	assert_int_equal(rd(h, EDU_DMA_COUNT), 0x3333);
	assert_int_equal(rd(h, EDU_DMA_CMD), 0);
	assert_true(h->dev.bus_master);
}

static void every_truncated_image_is_refused_before_a_register_is_written(void **state)
{
	struct fixture *fx = *state;
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];
	uint8_t image[EDU_IMAGE_BYTES];
	char reason[REASON_BYTES];

	go(fx, a, DEVICE_STOP);
	go(fx, a, DEVICE_STOP_COPY);
	(void)read_image(a, image, sizeof(image));
	go(fx, b, DEVICE_STOP);
	b->dev.starts = 0;
	for (size_t len = 0; len < sizeof(image); len++) {
		enum device_state now;

		b->edu.state = DEVICE_STOP;
		go(fx, b, DEVICE_RESUMING);
		assert_int_equal(write_image(b, image, len, reason), ERR_OK);
		assert_int_equal(b->device.ops->state_begin(b->device.ctx, DEVICE_STOP), ERR_OK);
		assert_int_equal(poll_arc(fx, b, &now), ERR_BAD_RECORD);
		assert_int_equal(now, DEVICE_RESUMING);
		assert_true(strlen(b->device.ops->last_error(b->device.ctx)) > 0);
	}
	assert_int_equal(b->dev.starts, 0);
}

static void every_flipped_bit_of_an_image_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];
	uint8_t image[EDU_IMAGE_BYTES];
	char reason[REASON_BYTES];

	go(fx, a, DEVICE_STOP);
	go(fx, a, DEVICE_STOP_COPY);
	(void)read_image(a, image, sizeof(image));
	go(fx, b, DEVICE_STOP);
	b->dev.starts = 0;
	for (size_t at = 0; at < sizeof(image); at++) {
		enum device_state now;
		enum err err;

		b->edu.state = DEVICE_STOP;
		go(fx, b, DEVICE_RESUMING);
		image[at] ^= (uint8_t)(1u << at % 8);
		err = write_image(b, image, sizeof(image), reason);
		if (err == ERR_OK) {
			assert_int_equal(b->device.ops->state_begin(b->device.ctx, DEVICE_STOP), ERR_OK);
			err = poll_arc(fx, b, &now);
		}
		assert_int_not_equal(err, ERR_OK);
		image[at] ^= (uint8_t)(1u << at % 8);
	}
	assert_int_equal(b->dev.starts, 0);
}

static void an_image_longer_than_any_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];
	uint8_t image[EDU_IMAGE_BYTES + 1] = { 0 };
	char reason[REASON_BYTES] = "";

	go(fx, a, DEVICE_STOP);
	go(fx, a, DEVICE_STOP_COPY);
	(void)read_image(a, image, EDU_IMAGE_BYTES);
	go(fx, b, DEVICE_STOP);
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(write_image(b, image, sizeof(image), reason), ERR_BAD_RECORD);
	assert_true(strlen(reason) > 0);
}

/* As a hostile peer would: a value that may not be, under a right checksum. */
static enum err load_with_registers(struct fixture *fx, size_t at, uint64_t value)
{
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];
	uint8_t image[EDU_IMAGE_BYTES];
	uint8_t *block = image + IMAGE_HEADER_BYTES;
	char reason[REASON_BYTES] = "";
	enum device_state now;

	go(fx, a, DEVICE_STOP);
	go(fx, a, DEVICE_STOP_COPY);
	(void)read_image(a, image, sizeof(image));
	store_le64(block + IMAGE_BLOCK_BYTES + at, value);
	store_le32(block + 8, image_crc32(image_crc32(0, block, 8), block + IMAGE_BLOCK_BYTES, EDU_REGISTERS_BYTES));
	go(fx, b, DEVICE_STOP);
	go(fx, b, DEVICE_RESUMING);
	b->dev.starts = 0;
	assert_int_equal(write_image(b, image, sizeof(image), reason), ERR_OK);
	assert_int_equal(b->device.ops->state_begin(b->device.ctx, DEVICE_STOP), ERR_OK);
	return poll_arc(fx, b, &now);
}

static void an_image_whose_dma_runs_is_refused_before_anything_starts(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(load_with_registers(fx, 40, EDU_DMA_RUN | EDU_DMA_TO_RAM), ERR_BAD_RECORD);
	assert_int_equal(fx->host[1].dev.starts, 0);
	assert_non_null(strstr(fx->host[1].device.ops->last_error(&fx->host[1].edu), "is running"));
}

static void an_image_with_a_status_that_cannot_be_is_refused(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(load_with_registers(fx, 8, EDU_STATUS_COMPUTING), ERR_BAD_RECORD);
	assert_int_equal(fx->host[1].dev.starts, 0);
}

static void an_image_of_another_device_is_refused_with_its_header(void **state)
{
	struct fixture *fx = *state;
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];
	uint8_t image[EDU_IMAGE_BYTES];
	char reason[REASON_BYTES] = "";

	b->edu.config.subsystem_id = 0x2222;
	go(fx, a, DEVICE_STOP);
	go(fx, a, DEVICE_STOP_COPY);
	(void)read_image(a, image, sizeof(image));
	go(fx, b, DEVICE_STOP);
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(write_image(b, image, IMAGE_HEADER_BYTES, reason), ERR_MISMATCH);
	assert_non_null(strstr(reason, "subsystem ID 0x1100, 0x2222 expected"));
}

static void a_transfer_that_leaves_the_buffer_or_the_ram_is_not_started(void **state)
{
	static const struct {
		uint64_t src, dst, count, cmd;
	} bad[] = {
		{ EDU_BUFFER, RAM_BASE, 4097, 2 },
		{ EDU_BUFFER + 1, RAM_BASE, 4096, 2 },
		{ EDU_BUFFER + 4096, RAM_BASE, 1, 2 },
		{ EDU_BUFFER - 1, RAM_BASE, 1, 2 },
		{ 0, RAM_BASE, 1, 2 },
		{ UINT64_MAX, RAM_BASE, 1, 2 },
		{ EDU_BUFFER, RAM_BASE, UINT64_MAX, 2 },
		{ EDU_BUFFER + 8, RAM_BASE, UINT64_MAX - 7, 2 },
		{ EDU_BUFFER, RAM_BASE - 1, 16, 2 },
		{ EDU_BUFFER, RAM_BASE + RAM_PAGES * PAGE_BYTES - 15, 16, 2 },
		{ EDU_BUFFER, SCRATCH_IOVA, 16, 2 },
		{ EDU_BUFFER, UINT64_MAX - 3, 16, 2 },
		{ RAM_BASE, EDU_BUFFER, 4097, 0 },
		{ RAM_BASE, EDU_BUFFER + 4095, 2, 0 },
		{ RAM_BASE - 1, EDU_BUFFER, 16, 0 },
		{ SCRATCH_IOVA, EDU_BUFFER, 16, 0 },
		{ EDU_BUFFER, RAM_BASE, 16, 0 },
		{ RAM_BASE, EDU_BUFFER, 16, 2 },
	};
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];

	for (uint32_t i = 0; i < ARRAY_SIZE(bad); i++) {
		wr(h, EDU_DMA_SRC, bad[i].src);
		wr(h, EDU_DMA_DST, bad[i].dst);
		wr(h, EDU_DMA_COUNT, bad[i].count);
		assert_int_equal(edu_mmio_write(&h->edu, EDU_DMA_CMD, 8, bad[i].cmd | 1), ERR_RANGE);
		assert_int_equal(rd(h, EDU_DMA_CMD), 0);
		assert_int_equal(rd(h, EDU_DMA_COUNT), bad[i].count);
	}
	assert_int_equal(h->dev.starts, 0);
	assert_int_equal(h->edu.counts.refused, ARRAY_SIZE(bad));
	/* the last byte of both is fine */
	start_transfer(h, EDU_BUFFER + 4095, RAM_BASE + RAM_PAGES * PAGE_BYTES - 1, 1, 2);
	fx->now_us += 100000;
	assert_int_equal(rd(h, EDU_DMA_CMD), 2);
	/* a count of zero moves nothing, wherever it points */
	start_transfer(h, 0, UINT64_MAX, 0, 6);
	fx->now_us += 100000;
	assert_int_equal(rd(h, EDU_DMA_CMD), 6);
	assert_int_equal(rd(h, EDU_DMA_DST), UINT64_MAX);
	assert_int_equal(h->dev.overruns, 0);
}

static void registers_take_their_widths_only(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8 };
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];

	for (uint64_t offset = 0; offset < 0x100; offset++) {
		for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			bool good = offset % sizes[i] == 0 && (sizes[i] == 4 || (sizes[i] == 8 && offset >= 0x80));
			uint64_t value = 7;

			assert_int_equal(
				edu_mmio_read(&h->edu, offset, sizes[i], &value), good ? ERR_OK : ERR_BAD_RECORD);
			if (!good) {
				assert_int_equal(value, 7);
				assert_int_equal(edu_mmio_write(&h->edu, offset, sizes[i], 1), ERR_BAD_RECORD);
			}
		}
	}
	assert_int_equal(edu_mmio_write(&h->edu, EDU_BAR_BYTES, 4, 1), ERR_RANGE);
	assert_int_equal(edu_mmio_write(&h->edu, EDU_BAR_BYTES - 4, 4, 1), ERR_OK);
	assert_int_equal(edu_mmio_write(&h->edu, UINT64_MAX - 7, 8, 1), ERR_RANGE);
	assert_int_equal(edu_mmio_write(&h->edu, EDU_DMA_SRC, 4, UINT64_MAX), ERR_OK);
	assert_int_equal(rd(h, EDU_DMA_SRC), UINT32_MAX);
}

static void dma_registers_keep_still_while_a_transfer_runs(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];

	start_transfer(h, EDU_BUFFER, RAM_BASE, 64, EDU_DMA_TO_RAM);
	wr(h, EDU_DMA_SRC, 1);
	wr(h, EDU_DMA_COUNT, 100000);
	assert_int_equal(edu_mmio_write(&h->edu, EDU_DMA_CMD, 8, 1), ERR_OK);
	assert_int_equal(rd(h, EDU_DMA_SRC), EDU_BUFFER);
	assert_int_equal(rd(h, EDU_DMA_CMD), 3);
	fx->now_us += 100000;
	assert_int_equal(rd(h, EDU_DMA_CMD), 2);
	wr(h, EDU_DMA_SRC, 1);
	assert_int_equal(rd(h, EDU_DMA_SRC), 1);
	assert_int_equal(h->dev.starts, 1);
}

static void a_stopped_device_takes_no_access_of_the_guest(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	uint64_t value;

	go(fx, h, DEVICE_STOP);
	assert_int_equal(edu_mmio_write(&h->edu, EDU_INVERSE, 4, 1), ERR_BAD_STATE);
	assert_int_equal(edu_mmio_read(&h->edu, EDU_INVERSE, 4, &value), ERR_BAD_STATE);
	edu_guest_command(&h->edu, 0x0402);
	assert_false(h->dev.bus_master);
	go(fx, h, DEVICE_RUNNING);
	assert_false(h->dev.bus_master);
	assert_false(h->dev.intx_enabled);
	edu_guest_command(&h->edu, 0x0006);
	assert_true(h->dev.bus_master);
	assert_true(h->dev.intx_enabled);
}

static void a_scratch_page_out_of_reach_is_noticed(void **state)
{
	struct fixture *fx = *state;
	struct host *a = &fx->host[0];
	struct host *b = &fx->host[1];
	uint8_t image[EDU_IMAGE_BYTES];
	char reason[REASON_BYTES];
	enum device_state now;

	go(fx, a, DEVICE_STOP);
	a->scratch_mapped = false;
	assert_int_equal(a->device.ops->state_begin(a->device.ctx, DEVICE_STOP_COPY), ERR_OK);
	assert_int_equal(poll_arc(fx, a, &now), ERR_IO);
	assert_int_equal(now, DEVICE_STOP);
	a->scratch_mapped = true;
	go(fx, a, DEVICE_STOP_COPY);
	(void)read_image(a, image, sizeof(image));
	go(fx, b, DEVICE_STOP);
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(write_image(b, image, sizeof(image), reason), ERR_OK);
	b->scratch_mapped = false;
	assert_int_equal(b->device.ops->state_begin(b->device.ctx, DEVICE_STOP), ERR_OK);
	assert_int_equal(poll_arc(fx, b, &now), ERR_IO);
	assert_int_equal(now, DEVICE_ERROR);
	assert_false(b->dev.bus_master);
	/* reset leads out of ERROR */
	b->scratch_mapped = true;
	assert_int_equal(b->device.ops->reset_begin(b->device.ctx), ERR_OK);
	for (uint32_t i = 0; i < POLLS_MAX && b->device.ops->reset_poll(b->device.ctx) == ERR_AGAIN; i++) {
		fx->now_us += 1000;
	}
	assert_int_equal(b->device.ops->state_poll(b->device.ctx, &now), ERR_OK);
	assert_int_equal(now, DEVICE_RUNNING);
}

static void without_a_fault_count_the_pattern_tells(void **state)
{
	static const struct edu_host_ops blind = { time_us, ram_page, command, NULL };
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	enum device_state now;

	h->edu.config.ops = &blind;
	h->scratch_mapped = false;
	go(fx, h, DEVICE_STOP);
	assert_int_equal(h->device.ops->state_begin(h->device.ctx, DEVICE_STOP_COPY), ERR_OK);
	assert_int_equal(poll_arc(fx, h, &now), ERR_IO);
}

static void a_device_that_no_smmu_confines_does_not_become_bus_master(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	enum device_state now;

	go(fx, h, DEVICE_STOP);
	h->isolated = false;
	assert_int_equal(h->device.ops->state_begin(h->device.ctx, DEVICE_RUNNING), ERR_OK);
	assert_int_equal(poll_arc(fx, h, &now), ERR_REFUSED);
	assert_int_equal(now, DEVICE_STOP);
	assert_false(h->dev.bus_master);
}

static void scrub_leaves_no_guest_data_and_ends_in_stop(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	enum device_state now;
	enum err err = ERR_AGAIN;

	memset(h->dev.buffer, 0x77, sizeof(h->dev.buffer));
	memset(h->ram, 0x11, sizeof(h->ram));
	wr(h, EDU_INVERSE, 0xabcdef);
	wr(h, EDU_STATUS, EDU_STATUS_IRQFACT);
	wr(h, EDU_FACTORIAL, 7);
	wr(h, EDU_IRQ_RAISE, 0x55);
	start_transfer(h, EDU_BUFFER, RAM_BASE, 4096, EDU_DMA_TO_RAM | EDU_DMA_IRQ);
	assert_int_equal(h->device.ops->scrub_begin(h->device.ctx), ERR_OK);
	assert_false(h->dev.bus_master);
	for (uint32_t i = 0; i < POLLS_MAX && err == ERR_AGAIN; i++) {
		fx->now_us += 1000;
		err = h->device.ops->scrub_poll(h->device.ctx);
	}
	assert_int_equal(err, ERR_OK);
	assert_int_equal(h->device.ops->state_poll(h->device.ctx, &now), ERR_OK);
	assert_int_equal(now, DEVICE_STOP);
	for (uint32_t i = 0; i < sizeof(h->dev.buffer); i++) {
		assert_int_equal(h->dev.buffer[i], 0);
		assert_int_equal(h->scratch[i], 0);
	}
	assert_int_equal(h->ram[0], 0x11); /* the transfer under way was cut off */
	assert_int_equal(h->dev.irq_status, 0);
	assert_int_equal(h->dev.status, 0);
	assert_int_equal(h->dev.inverse, 0);
	assert_false(h->dev.bus_master);
	go(fx, h, DEVICE_RUNNING);
	assert_false(h->dev.bus_master);
	assert_int_equal(rd(h, EDU_FACTORIAL), 0);
	assert_int_equal(rd(h, EDU_DMA_DST), 0);
}

/* The engine's view: pages sent at a harvest, and what the device wrote after. */
static void the_log_misses_no_write_under_random_transfers_and_harvests(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	struct dirty log = h->device.ops->log(h->device.ctx);
	uint8_t *copy = malloc(sizeof(h->ram));

	srand(7);
	for (uint32_t round = 0; round < 200; round++) {
		uint64_t map[BITMAP_WORDS(RAM_PAGES)] = { 0 };
		struct dirty_cursor cursor = { 0 };

		if (rand() % 2) {
			/* begin in the middle of a transfer */
			start_transfer(h, EDU_BUFFER,
				RAM_BASE + (uint64_t)(rand() % 60) * 4096 + (uint64_t)(rand() % 4096), 4096, 2);
			fx->now_us += (uint64_t)(rand() % 120000);
		}
		assert_int_equal(log.ops->start(log.ctx), ERR_OK);
		memcpy(copy, h->ram, sizeof(h->ram)); /* the first pass over all RAM */
		for (uint32_t step = 0; step < 40; step++) {
			fx->now_us += (uint64_t)(rand() % 60000);
			for (uint32_t i = 0; i < sizeof(h->dev.buffer); i += 64) {
				h->dev.buffer[i]++;
			}
			if (rand() % 3 == 0) {
				assert_int_equal(
					edu_mmio_write(&h->edu, EDU_DMA_DST, 8,
						RAM_BASE + (uint64_t)(rand() % 60) * 4096 + (uint64_t)(rand() % 4096)),
					ERR_OK);
				assert_int_equal(edu_mmio_write(&h->edu, EDU_DMA_SRC, 8, EDU_BUFFER), ERR_OK);
				assert_int_equal(
					edu_mmio_write(&h->edu, EDU_DMA_COUNT, 8, (uint64_t)(rand() % 4097)), ERR_OK);
				assert_int_equal(edu_mmio_write(&h->edu, EDU_DMA_CMD, 8, 3), ERR_OK);
			}
			if (rand() % 4 == 0) {
				memset(map, 0, sizeof(map));
				assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_OK);
				for (uint32_t p = 0; p < RAM_PAGES; p++) {
					if (bitmap_test(map, p)) {
						memcpy(copy + p * PAGE_BYTES, h->ram + p * PAGE_BYTES, PAGE_BYTES);
					}
				}
			}
		}
		go(fx, h, DEVICE_STOP);
		memset(map, 0, sizeof(map));
		assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_OK);
		for (uint32_t p = 0; p < RAM_PAGES; p++) {
			if (bitmap_test(map, p)) {
				memcpy(copy + p * PAGE_BYTES, h->ram + p * PAGE_BYTES, PAGE_BYTES);
			}
		}
		assert_memory_equal(copy, h->ram, sizeof(h->ram));
		log.ops->stop(log.ctx);
		log.ops->stop(log.ctx);
		go(fx, h, DEVICE_RUNNING);
	}
	free(copy);
}

static void a_transfer_is_carried_from_harvest_to_harvest_until_it_ended(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	struct dirty log = h->device.ops->log(h->device.ctx);
	struct dirty_cursor cursor = { 0 };
	uint64_t map[1];

	assert_int_equal(log.ops->start(log.ctx), ERR_OK);
	start_transfer(h, EDU_BUFFER, RAM_BASE + 5 * PAGE_BYTES + 4000, 200, EDU_DMA_TO_RAM);
	for (uint32_t i = 0; i < 3; i++) {
		map[0] = 0;
		assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_OK);
		assert_int_equal(map[0], 0x60);
	}
	fx->now_us += 100000;
	map[0] = 0;
	assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_OK);
	assert_int_equal(map[0], 0x60);
	map[0] = 0;
	assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_OK);
	assert_int_equal(map[0], 0);
	/* reads of RAM dirty nothing */
	start_transfer(h, RAM_BASE, EDU_BUFFER, 200, 0);
	assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_OK);
	assert_int_equal(map[0], 0);
}

static void a_log_that_overflows_says_so_once(void **state)
{
	struct fixture *fx = *state;
	struct host *h = &fx->host[0];
	struct dirty log = h->device.ops->log(h->device.ctx);
	struct dirty_cursor cursor = { 0 };
	uint64_t map[BITMAP_WORDS(RAM_PAGES)] = { 0 };

	assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_LOST); /* not started */
	assert_int_equal(log.ops->start(log.ctx), ERR_OK);
	h->edu.log.count = EDU_LOG_PAGES_MAX;
	for (uint32_t i = 0; i < EDU_LOG_PAGES_MAX; i++) {
		h->edu.log.page[i] = 1;
	}
	start_transfer(h, EDU_BUFFER, RAM_BASE + 5 * PAGE_BYTES, 200, EDU_DMA_TO_RAM);
	fx->now_us += 100000;
	assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_LOST);
	assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_device_is_refused_by_its_identification, setup, teardown),
		cmocka_unit_test_setup_teardown(every_pair_of_states_has_an_arc_or_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(leaving_running_waits_for_the_transfer_and_polls, setup, teardown),
		cmocka_unit_test_setup_teardown(a_device_that_stays_busy_ends_the_arc_in_running, setup, teardown),
		cmocka_unit_test_setup_teardown(every_combination_of_registers_makes_the_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_second_migration_keeps_the_factorial_that_was_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(large_factorials_are_zero_and_short, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_interrupt_of_a_factorial_is_not_lost_between_its_end_and_the_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_pending_dma_interrupt_is_pending_after_the_load_and_not_in_between, setup, teardown),
		cmocka_unit_test_setup_teardown(reading_out_raises_no_interrupt, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_guest_sees_nothing_of_transfers_that_were_not_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(
			every_truncated_image_is_refused_before_a_register_is_written, setup, teardown),
		cmocka_unit_test_setup_teardown(every_flipped_bit_of_an_image_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(an_image_longer_than_any_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(an_image_of_another_device_is_refused_with_its_header, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_image_whose_dma_runs_is_refused_before_anything_starts, setup, teardown),
		cmocka_unit_test_setup_teardown(an_image_with_a_status_that_cannot_be_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_transfer_that_leaves_the_buffer_or_the_ram_is_not_started, setup, teardown),
		cmocka_unit_test_setup_teardown(registers_take_their_widths_only, setup, teardown),
		cmocka_unit_test_setup_teardown(dma_registers_keep_still_while_a_transfer_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stopped_device_takes_no_access_of_the_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(a_scratch_page_out_of_reach_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_fault_count_the_pattern_tells, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_device_that_no_smmu_confines_does_not_become_bus_master, setup, teardown),
		cmocka_unit_test_setup_teardown(scrub_leaves_no_guest_data_and_ends_in_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_log_misses_no_write_under_random_transfers_and_harvests, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_transfer_is_carried_from_harvest_to_harvest_until_it_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(a_log_that_overflows_says_so_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
