/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bitmap.h"
#include "core/base/bytes.h"
#include "drivers/vfio/e1000e_priv.h"
#include "tests/fake/e1000e_bench.h"
#include "tests/fake/fake_mmio.h"

#define POLLS_MAX    20000u
#define FRAMES_MAX   4096u
#define SENT_BYTES   60u
#define RDT	     0x2818u
#define TDT	     0x3818u
#define TDH	     0x3810u
#define RDH	     0x2810u

#define CONTEXT(n)   (UINT64_C(0x000e0e0000220e00) | (uint64_t)(n) << 56)
#define CONTEXT_WORD 0x20000000u
#define SEGMENT_WORD 0x24000000u
#define DATA_WORD    0x29100000u /* DEXT, RS, EOP */
#define LEGACY_WORD  0x0b000000u /* RS, IFCS, EOP */
#define CHECKSUM     0x200u	 /* TXSM */

struct fixture {
	uint64_t now_us;
	struct e1000e_bench host[2];
	/* What left, in order. */
	uint32_t sent_count;
	uint32_t sent[FRAMES_MAX];
	uint64_t sent_context[FRAMES_MAX];
};

static struct fixture *world;

static void sent(void *ctx, uint32_t queue, const uint8_t *frame, uint32_t len, const uint8_t *context)
{
	(void)ctx;
	(void)queue;
	assert_true(len >= 4);
	assert_true(world->sent_count < FRAMES_MAX);
	world->sent_context[world->sent_count] = context == NULL ? 0 : load_le64(context);
	world->sent[world->sent_count++] = load_le32(frame);
	for (uint32_t i = 4; i < len; i++) {
		assert_int_equal(frame[i], (uint8_t)(load_le32(frame) + i));
	}
}

static void host_init(struct fixture *fx, uint32_t n)
{
	assert_true(e1000e_bench_init(&fx->host[n], n, &fx->now_us));
	fx->host[n].dev.sent = sent;
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	fake_mmio_reset();
	fx->now_us = 1000;
	world = fx;
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

static void wr(struct e1000e_bench *h, uint32_t offset, uint32_t value)
{
	assert_int_equal(e1000e_bench_write(h, offset, value), ERR_OK);
}

static uint32_t rd(struct e1000e_bench *h, uint32_t offset)
{
	uint32_t value = 0;

	assert_int_equal(e1000e_bench_read(h, offset, &value), ERR_OK);
	return value;
}

static enum err poll_arc(struct fixture *fx, struct e1000e_bench *h, enum device_state *now)
{
	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		enum err err = h->device.ops->state_poll(h->device.ctx, now);

		if (err != ERR_AGAIN) {
			return err;
		}
		fx->now_us += 100;
	}
	fail();
	return ERR_AGAIN;
}

static void go(struct fixture *fx, struct e1000e_bench *h, enum device_state to)
{
	enum device_state now;

	assert_int_equal(h->device.ops->state_begin(h->device.ctx, to), ERR_OK);
	assert_int_equal(poll_arc(fx, h, &now), ERR_OK);
	assert_int_equal(now, to);
}

static enum err go_fails(struct fixture *fx, struct e1000e_bench *h, enum device_state to, enum device_state left_in)
{
	enum device_state now;
	enum err err;

	assert_int_equal(h->device.ops->state_begin(h->device.ctx, to), ERR_OK);
	err = poll_arc(fx, h, &now);
	assert_int_not_equal(err, ERR_OK);
	assert_int_equal(now, left_in);
	assert_true(strlen(h->device.ops->last_error(h->device.ctx)) > 0);
	return err;
}

static void go_stop(struct fixture *fx, struct e1000e_bench *h)
{
	if (h->e.state == DEVICE_RUNNING) {
		go(fx, h, DEVICE_RUNNING_P2P);
	}
	if (h->e.state != DEVICE_STOP) {
		go(fx, h, DEVICE_STOP);
	}
}

static void go_run(struct fixture *fx, struct e1000e_bench *h)
{
	go(fx, h, DEVICE_RUNNING_P2P);
	go(fx, h, DEVICE_RUNNING);
}

static size_t read_image(struct e1000e_bench *h, uint8_t *out, size_t cap)
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

static enum err write_image(struct e1000e_bench *h, const uint8_t *bytes, size_t len, char *reason)
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

static void save(struct fixture *fx, struct e1000e_bench *h, uint8_t *image)
{
	go_stop(fx, h);
	go(fx, h, DEVICE_STOP_COPY);
	assert_int_equal(read_image(h, image, E1000E_IMAGE_BYTES), E1000E_IMAGE_BYTES);
	go(fx, h, DEVICE_STOP);
}

/* Device and RAM; both stopped afterwards. */
static void migrate(struct fixture *fx, struct e1000e_bench *from, struct e1000e_bench *to)
{
	uint8_t image[E1000E_IMAGE_BYTES];
	char reason[REASON_BYTES];

	save(fx, from, image);
	memcpy(to->ram, from->ram, sizeof(to->ram));
	go_stop(fx, to);
	go(fx, to, DEVICE_RESUMING);
	assert_int_equal(write_image(to, image, sizeof(image), reason), ERR_OK);
	go(fx, to, DEVICE_STOP);
	e1000e_guest_command(&to->e, from->e.command);
}

/* ---- what the guest's driver does ---- */

static void frame_fill(struct e1000e_bench *h, uint64_t iova, uint32_t number, uint32_t len)
{
	uint8_t *bytes = e1000e_bench_ram(h, iova);

	store_le32(bytes, number);
	for (uint32_t i = 4; i < len; i++) {
		bytes[i] = (uint8_t)(number + i);
	}
}

/* One frame at ring place *at, which moves on; posted. */
static void send(struct e1000e_bench *h, uint32_t *at, uint32_t number, uint32_t word, uint32_t options)
{
	uint64_t iova = BENCH_TX_BUFFERS + (uint64_t)(*at % 32) * 1024;

	frame_fill(h, iova, number, SENT_BYTES);
	e1000e_bench_tx_desc(h, *at, iova, word | SENT_BYTES, options);
	*at = (*at + 1) % BENCH_DESCS;
	wr(h, TDT, *at);
}

static void send_context(struct e1000e_bench *h, uint32_t *at, uint64_t context, uint32_t word)
{
	e1000e_bench_tx_desc(h, *at, context, word, 0);
	*at = (*at + 1) % BENCH_DESCS;
	wr(h, TDT, *at);
}

static bool receive(struct e1000e_bench *h, uint32_t number, uint32_t len)
{
	uint8_t frame[2048] = { 0 };

	store_le32(frame, number);
	return fake_e1000e_receive(&h->dev, frame, len);
}

/* ---- states ---- */

static void a_function_that_does_not_answer_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct e1000e *e = calloc(1, sizeof(*e));

	memset(fx->host[0].dev.reg, 0xff, sizeof(fx->host[0].dev.reg));
	assert_int_equal(e1000e_init(e, &fx->host[0].e.config), ERR_UNSUPPORTED);
	assert_non_null(strstr(e->error, "CTRL"));
	free(e);
}

static void every_pair_of_states_has_an_arc_or_is_refused(void **state)
{
	static const bool arc[DEVICE_STATE_COUNT][DEVICE_STATE_COUNT] = {
		[DEVICE_RUNNING] = { [DEVICE_RUNNING_P2P] = true, [DEVICE_PRE_COPY] = true },
		[DEVICE_RUNNING_P2P] = { [DEVICE_RUNNING] = true, [DEVICE_STOP] = true, [DEVICE_PRE_COPY_P2P] = true },
		[DEVICE_STOP] = { [DEVICE_RUNNING_P2P] = true, [DEVICE_STOP_COPY] = true, [DEVICE_RESUMING] = true },
		[DEVICE_STOP_COPY] = { [DEVICE_STOP] = true },
		[DEVICE_RESUMING] = { [DEVICE_STOP] = true },
		[DEVICE_PRE_COPY] = { [DEVICE_RUNNING] = true, [DEVICE_PRE_COPY_P2P] = true },
		[DEVICE_PRE_COPY_P2P] = { [DEVICE_PRE_COPY] = true,
			[DEVICE_RUNNING_P2P] = true,
			[DEVICE_STOP_COPY] = true },
	};
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	uint32_t count = 0;

	for (uint32_t from = 0; from < DEVICE_STATE_COUNT; from++) {
		for (uint32_t to = 0; to < DEVICE_STATE_COUNT; to++) {
			enum err want = arc[from][to] ? ERR_OK : ERR_NO_ARC;

			count += arc[from][to];
			h->e.state = from;
			h->e.job = E1000E_JOB_NONE;
			assert_int_equal(h->device.ops->state_begin(h->device.ctx, to), want);
			if (want == ERR_OK) {
				assert_int_equal(h->device.ops->state_begin(h->device.ctx, to), ERR_BAD_STATE);
			}
		}
	}
	assert_int_equal(count, 15);
	assert_int_equal(h->device.ops->state_begin(h->device.ctx, DEVICE_STATE_COUNT), ERR_NO_ARC);
}

static void the_table_of_registers_has_as_many_words_as_the_image(void **state)
{
	uint32_t words = 0;

	(void)state;
	for (uint32_t i = 0; i < e1000e_table_count; i++) {
		words += e1000e_table[i].count;
		for (uint32_t j = 0; j < i; j++) {
			assert_true(e1000e_table[i].offset >= e1000e_table[j].offset + 4 * e1000e_table[j].count ||
				    e1000e_table[j].offset >= e1000e_table[i].offset + 4 * e1000e_table[i].count);
		}
	}
	assert_int_equal(words, E1000E_REGISTERS_COUNT);
	assert_int_equal(e1000e_table_at(E1000E_CTRL), 0);
	assert_int_equal(e1000e_table_at(E1000E_RCTL), E1000E_REGISTERS_COUNT - 1);
}

static void p2p_takes_doorbells_and_starts_no_dma(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	uint32_t at = 0;

	e1000e_bench_open(h);
	go(fx, h, DEVICE_RUNNING_P2P);
	e1000e_bench_rx_desc(h, 0, BENCH_RX_BUFFERS);
	wr(h, RDT, 1);
	send(h, &at, 7, LEGACY_WORD, 0);
	assert_int_equal(fx->sent_count, 0);
	assert_false(receive(h, 1, 60));
	assert_int_equal(rd(h, TDT), 1);
	assert_int_equal(rd(h, 0x0100) & 2, 2); /* what the guest wrote */
	assert_int_equal(rd(h, 0x0400) & 2, 2);
	assert_true(h->dev.bus_master);
	wr(h, 0x0100, 0x0002801a); /* other buffers, from here on */
	go(fx, h, DEVICE_RUNNING);
	assert_int_equal(fx->sent_count, 1);
	assert_int_equal(fake_e1000e_get(&h->dev, 0x0100), 0x0002801a);
	assert_true(receive(h, 1, 60));
}

static void a_stopped_device_takes_no_access_and_writes_nothing(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	uint64_t value;

	e1000e_bench_open(h);
	e1000e_bench_rx_desc(h, 0, BENCH_RX_BUFFERS);
	wr(h, RDT, 1);
	go_stop(fx, h);
	assert_int_equal(h->traps, E1000E_TRAP_ALL);
	assert_int_equal(e1000e_mmio_write(&h->e, TDT, 4, 1), ERR_BAD_STATE);
	assert_int_equal(e1000e_mmio_read(&h->e, TDT, 4, &value), ERR_BAD_STATE);
	assert_false(receive(h, 1, 60));
	assert_false(h->dev.bus_master);
	assert_false(h->dev.intx_enabled);
	assert_int_equal(fake_e1000e_get(&h->dev, 0x00d0), 0);
	go_run(fx, h);
	assert_int_equal(h->traps, 0);
	assert_true(receive(h, 1, 60));
	assert_int_equal(fake_e1000e_get(&h->dev, 0x00d0), 0x1f7);
	assert_true(fake_e1000e_intx(&h->dev));
}

static void registers_take_their_width_only(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	uint64_t value;

	go(fx, h, DEVICE_PRE_COPY);
	assert_int_equal(e1000e_mmio_read(&h->e, 8, 8, &value), ERR_BAD_RECORD);
	assert_int_equal(e1000e_mmio_read(&h->e, 9, 1, &value), ERR_BAD_RECORD);
	assert_int_equal(e1000e_mmio_read(&h->e, 10, 4, &value), ERR_BAD_RECORD);
	assert_int_equal(e1000e_mmio_write(&h->e, E1000E_BAR_BYTES, 4, 0), ERR_RANGE);
	assert_int_equal(e1000e_mmio_read(&h->e, E1000E_BAR_BYTES - 4, 4, &value), ERR_OK);
}

static void a_ring_that_does_not_drain_ends_the_arc_where_it_began(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	uint32_t at = 0;

	e1000e_bench_open(h);
	h->dev.hold_tx = true;
	send(h, &at, 1, LEGACY_WORD, 0);
	assert_int_equal(go_fails(fx, h, DEVICE_RUNNING_P2P, DEVICE_RUNNING), ERR_TIMEOUT);
	assert_non_null(strstr(h->e.error, "does not drain: head 0, tail 1"));
	assert_int_equal(h->traps, 0);
	h->dev.hold_tx = false;
	(void)fake_e1000e_get(&h->dev, 8);
	assert_int_equal(fx->sent_count, 1);
	assert_int_equal(fake_e1000e_get(&h->dev, 0x0100) & 2, 2);
}

static void a_ring_that_drains_late_is_waited_for(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	enum device_state now;
	uint32_t at = 0;

	e1000e_bench_open(h);
	h->dev.hold_tx = true;
	send(h, &at, 1, LEGACY_WORD, 0);
	assert_int_equal(h->device.ops->state_begin(h->device.ctx, DEVICE_RUNNING_P2P), ERR_OK);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(h->device.ops->state_poll(h->device.ctx, &now), ERR_AGAIN);
		fx->now_us += 1000;
	}
	h->dev.hold_tx = false;
	assert_int_equal(poll_arc(fx, h, &now), ERR_OK);
	assert_int_equal(fx->sent_count, 1);
}

static void a_bar_that_cannot_be_trapped_ends_the_arc(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	struct dirty log = h->device.ops->log(h->device.ctx);

	h->trap_fails = true;
	assert_int_equal(go_fails(fx, h, DEVICE_RUNNING_P2P, DEVICE_RUNNING), ERR_IO);
	assert_int_equal(log.ops->start(log.ctx), ERR_IO);
	h->trap_fails = false;
	assert_int_equal(log.ops->start(log.ctx), ERR_OK);
	go(fx, h, DEVICE_RUNNING_P2P);
}

static void a_device_that_no_smmu_confines_does_not_become_bus_master(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];

	go_stop(fx, h);
	h->isolated = false;
	assert_int_equal(go_fails(fx, h, DEVICE_RUNNING_P2P, DEVICE_STOP), ERR_REFUSED);
	assert_false(h->dev.bus_master);
}

/* ---- round trip ---- */

static uint32_t random_of(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed ^ *seed >> 15;
}

static void every_register_makes_the_round_trip(void **state)
{
	struct fixture *fx = *state;
	uint32_t seed = 5;

	for (uint32_t round = 0; round < 50; round++) {
		struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];
		uint32_t before[E1000E_REGISTERS_COUNT], n = 0, icr, semaphore;

		fake_mmio_reset();
		host_init(fx, 0);
		host_init(fx, 1);
		for (uint32_t i = 0; i < e1000e_table_count; i++) {
			const struct e1000e_entry *t = &e1000e_table[i];

			for (uint32_t k = 0; k < t->count; k++) {
				/* Garbage from another guest at b; anything at a. */
				fake_e1000e_set(
					&b->dev, t->offset + 4 * k, random_of(&seed) & t->bits & ~t->off & ~(1u << 11));
				wr(a, t->offset + 4 * k, random_of(&seed) & t->bits & ~(1u << 11));
			}
		}
		wr(a, 0x2170, rd(a, 0x2170) | 0x0101);
		for (uint32_t q = 0; q < 4; q++) {
			uint32_t regs = q < 2 ? 0x2800 + 0x100 * q : 0x3800 + 0x100 * (q - 2);
			uint32_t place = random_of(&seed) % BENCH_DESCS;

			wr(a, regs, (uint32_t)BENCH_TX_RING);
			wr(a, regs + 4, 0);
			wr(a, regs + 8, BENCH_DESCS * 16);
			wr(a, regs + 0x10, place);
			wr(a, regs + 0x18, q < 2 ? random_of(&seed) % BENCH_DESCS : place);
			wr(b, regs + 8, 0);
			wr(b, regs + 0x10, 0);
			wr(b, regs + 0x18, 0);
		}
		wr(a, 0x00d8, UINT32_MAX);
		wr(a, 0x00d0, random_of(&seed));
		wr(a, 0x00c8, random_of(&seed) & 0x01ffffff);
		wr(a, 0x5b50, random_of(&seed) & 3);
		a->dev.phy[4] = (uint16_t)random_of(&seed);
		a->dev.tidv_reads = true;
		wr(a, 0x3820, random_of(&seed) & 0xffff);
		wr(a, 0x0020, 0x08240000); /* read PHY register 4, not looked at yet */
		wr(a, 0x0014, 1);
		for (uint32_t i = 0; i < e1000e_table_count; i++) {
			for (uint32_t k = 0; k < e1000e_table[i].count; k++) {
				before[n++] = rd(a, e1000e_table[i].offset + 4 * k) & e1000e_table[i].bits;
			}
		}
		icr = rd(a, 0x00c8);
		semaphore = a->dev.reg[0x5b50 / 4];
		a->dev.faults = 0; /* of what was sent from rings of garbage */
		b->dev.faults = 0;
		migrate(fx, a, b);
		assert_false(fake_e1000e_intx(&b->dev));
		go_run(fx, b);
		go_run(fx, a); /* and back to life at the source, as after a cancel */
		for (uint32_t who = 0; who < 2; who++) {
			struct e1000e_bench *h = who == 0 ? b : a;

			n = 0;
			for (uint32_t i = 0; i < e1000e_table_count; i++) {
				for (uint32_t k = 0; k < e1000e_table[i].count; k++, n++) {
					assert_int_equal(fake_e1000e_get(&h->dev, e1000e_table[i].offset + 4 * k) &
								 e1000e_table[i].bits,
						before[n]);
				}
			}
			assert_int_equal(fake_e1000e_get(&h->dev, 0x00c8), icr);
			assert_int_equal(h->dev.phy[4], a->dev.phy[4]);
			assert_int_equal(fake_e1000e_get(&h->dev, 0x0020), 0x18240000u | a->dev.phy[4]);
			assert_int_equal(fake_e1000e_get(&h->dev, 0x0014), 0x54520002);
			assert_int_equal(h->dev.tidv, a->dev.tidv);
			assert_int_equal(h->dev.reg[0x5b50 / 4], semaphore);
			assert_int_equal(h->dev.faults, 0);
		}
		assert_int_equal(b->dev.reg[0xd0 / 4], a->dev.reg[0xd0 / 4]);
	}
}

static void statistics_are_read_once_and_none_is_lost(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];

	e1000e_bench_open(a);
	for (uint32_t i = 0; i < 20; i++) {
		e1000e_bench_rx_desc(a, i, BENCH_RX_BUFFERS + i * PAGE_BYTES);
	}
	wr(a, RDT, 20);
	for (uint32_t i = 0; i < 5; i++) {
		assert_true(receive(a, i, 100));
	}
	a->dev.reg[0x4088 / 4] += 0xfffffff0u;
	a->dev.reg[0x4088 / 4 + 1] = 3;
	migrate(fx, a, b);
	go_run(fx, b);
	assert_int_equal(b->traps, E1000E_TRAP_STATS);
	assert_true(receive(b, 5, 100));
	assert_int_equal(rd(b, 0x4074), 6);
	assert_int_equal(rd(b, 0x4074), 0);
	assert_int_equal(rd(b, 0x4088), (uint32_t)(5 * 104 + 0xfffffff0u + 104));
	assert_int_equal(rd(b, 0x408c), 3); /* the low half had run over before */
	assert_int_equal(rd(b, 0x40d0), 6);
	assert_int_equal(b->traps, 0);
	/* The source keeps its own, should the VM stay. */
	go_run(fx, a);
	assert_int_equal(rd(a, 0x4074), 5);
	assert_int_equal(rd(a, 0x4074), 0);
}

/* ---- interrupts ---- */

static void a_cause_that_is_put_off_is_raised_before_the_stop(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];
	uint32_t at = 0;

	e1000e_bench_open(a);
	wr(a, 0x2820, 0xffff);
	wr(a, 0x3820, 0xffff);
	e1000e_bench_rx_desc(a, 0, BENCH_RX_BUFFERS);
	wr(a, RDT, 1);
	send(a, &at, 1, LEGACY_WORD | 0x80000000u, 0);
	assert_true(receive(a, 1, 60));
	(void)rd(a, 0x00c0);
	assert_false(fake_e1000e_intx(&a->dev));
	migrate(fx, a, b);
	assert_false(fake_e1000e_intx(&b->dev));
	go_run(fx, b);
	assert_true(fake_e1000e_intx(&b->dev));
	assert_int_equal(rd(b, 0x00c0) & 0x81, 0x81);
	assert_int_equal(fake_e1000e_get(&b->dev, 0x2820), 0xffff);
}

static void a_link_that_was_coming_up_is_told(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];

	e1000e_bench_open(a);
	a->dev.reg[8 / 4] &= ~2u;
	migrate(fx, a, b);
	go_run(fx, b);
	assert_int_equal(rd(b, 0x00c0) & 4, 4);
}

/* ---- transmit contexts ---- */

static void context_is_in_force_at_b(struct fixture *fx, uint32_t *at, uint64_t context)
{
	struct e1000e_bench *b = &fx->host[1];

	migrate(fx, &fx->host[0], b);
	go_run(fx, b);
	send(b, at, 99, DATA_WORD, CHECKSUM);
	assert_int_equal(fx->sent[fx->sent_count - 1], 99);
	assert_int_equal(fx->sent_context[fx->sent_count - 1], context);
	assert_int_equal(b->dev.faults, 0);
	for (uint32_t i = 0; i < PAGE_BYTES; i++) {
		assert_int_equal(b->scratch[i], 0);
	}
}

static void a_context_is_found_in_the_ring(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	uint32_t at = 0;

	e1000e_bench_open(a);
	send_context(a, &at, CONTEXT(1), CONTEXT_WORD);
	send(a, &at, 1, DATA_WORD, CHECKSUM);
	send_context(a, &at, CONTEXT(2), CONTEXT_WORD);
	for (uint32_t i = 0; i < 40; i++) {
		send(a, &at, 2 + i, DATA_WORD, 0);
	}
	context_is_in_force_at_b(fx, &at, CONTEXT(2));
}

static void a_context_is_found_around_the_end_of_the_ring(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	uint32_t at = 0;

	e1000e_bench_open(a);
	for (uint32_t i = 0; i < 62; i++) {
		send(a, &at, i, DATA_WORD, 0);
	}
	send_context(a, &at, CONTEXT(3), CONTEXT_WORD);
	for (uint32_t i = 0; i < 60; i++) {
		send(a, &at, 100 + i, DATA_WORD, 0);
	}
	context_is_in_force_at_b(fx, &at, CONTEXT(3));
}

static void a_context_that_traps_is_remembered_when_the_ring_forgets_it(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	struct dirty log = a->device.ops->log(a->device.ctx);
	uint32_t at = 0;

	e1000e_bench_open(a);
	assert_int_equal(log.ops->start(log.ctx), ERR_OK);
	send_context(a, &at, CONTEXT(4), CONTEXT_WORD);
	for (uint32_t i = 0; i < 200; i++) {
		send(a, &at, i, DATA_WORD, CHECKSUM);
	}
	context_is_in_force_at_b(fx, &at, CONTEXT(4));
	log.ops->stop(log.ctx);
}

static void both_kinds_of_context_travel(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];
	uint32_t at = 0;

	e1000e_bench_open(a);
	send_context(a, &at, CONTEXT(5), SEGMENT_WORD);
	send_context(a, &at, CONTEXT(6), CONTEXT_WORD);
	send(a, &at, 1, DATA_WORD, CHECKSUM);
	context_is_in_force_at_b(fx, &at, CONTEXT(6));
	send(b, &at, 2, DATA_WORD | 0x04000000u, CHECKSUM);
	assert_int_equal(fx->sent_context[fx->sent_count - 1], CONTEXT(5));
	/* and on, from what the driver remembers of its own load */
	go_stop(fx, a);
	migrate(fx, b, a);
	go_run(fx, a);
	send(a, &at, 3, DATA_WORD, CHECKSUM);
	assert_int_equal(fx->sent_context[fx->sent_count - 1], CONTEXT(6));
}

static void a_context_that_was_written_and_not_posted_is_not_in_force(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	uint32_t at = 0;

	e1000e_bench_open(a);
	for (uint32_t i = 0; i < 64; i++) {
		send(a, &at, i, DATA_WORD, 0);
	}
	e1000e_bench_tx_desc(a, at + 1, CONTEXT(7), CONTEXT_WORD, 0);
	e1000e_bench_tx_desc(a, at + 2, BENCH_TX_BUFFERS, DATA_WORD | SENT_BYTES, CHECKSUM);
	assert_int_equal(go_fails(fx, a, DEVICE_RUNNING_P2P, DEVICE_RUNNING), ERR_UNSUPPORTED);
}

static void a_context_beyond_what_was_ever_posted_is_none(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	uint32_t at = 0;

	e1000e_bench_open(a);
	for (uint32_t i = 0; i < 5; i++) {
		send(a, &at, i, DATA_WORD, 0);
	}
	e1000e_bench_tx_desc(a, at + 1, CONTEXT(7), CONTEXT_WORD, 0);
	go(fx, a, DEVICE_RUNNING_P2P);
	assert_int_equal(a->e.context[0].state, E1000E_CONTEXT_NONE);
}

static void a_ring_that_is_written_out_of_order_is_in_doubt(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	uint32_t at = 0;

	e1000e_bench_open(a);
	send_context(a, &at, CONTEXT(1), CONTEXT_WORD);
	for (uint32_t i = 0; i < BENCH_DESCS - 1; i++) {
		send(a, &at, i, DATA_WORD, CHECKSUM);
	}
	/* the ring begins again at its context, behind which a report is done: in force, but for what stands further on */
	e1000e_bench_tx_desc(a, at + 2, CONTEXT(2), CONTEXT_WORD, 0);
	e1000e_bench_tx_desc(a, at + 3, BENCH_TX_BUFFERS, DATA_WORD | SENT_BYTES, CHECKSUM);
	assert_int_equal(go_fails(fx, a, DEVICE_RUNNING_P2P, DEVICE_RUNNING), ERR_UNSUPPORTED);
}

static void fill_ring_without_context(struct e1000e_bench *h, uint32_t *at)
{
	e1000e_bench_open(h);
	send_context(h, at, CONTEXT(8), CONTEXT_WORD);
	for (uint32_t i = 0; i < BENCH_DESCS; i++) {
		send(h, at, i, DATA_WORD, CHECKSUM);
	}
}

static void an_overwritten_context_is_refused_by_name(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	uint32_t at = 0;

	fill_ring_without_context(a, &at);
	assert_int_equal(go_fails(fx, a, DEVICE_RUNNING_P2P, DEVICE_RUNNING), ERR_UNSUPPORTED);
	assert_non_null(strstr(a->e.error, "transmit context in force on queue 0 was overwritten"));
	send(a, &at, 5, DATA_WORD, CHECKSUM);
	assert_int_equal(fx->sent_context[fx->sent_count - 1], CONTEXT(8));
	/* the next one makes it good */
	send_context(a, &at, CONTEXT(9), CONTEXT_WORD);
	send(a, &at, 6, DATA_WORD, CHECKSUM);
	context_is_in_force_at_b(fx, &at, CONTEXT(9));
}

static void precopy_waits_for_the_next_context_and_not_for_ever(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	uint64_t initial = 0, dirty = 1;
	uint8_t bytes[E1000E_IMAGE_BYTES];
	size_t len;
	uint32_t at = 0;

	fill_ring_without_context(a, &at);
	go(fx, a, DEVICE_PRE_COPY);
	assert_int_equal(a->device.ops->read(a->device.ctx, bytes, sizeof(bytes), &len), ERR_AGAIN);
	assert_int_equal(a->device.ops->precopy_info(a->device.ctx, &initial, &dirty), ERR_OK);
	assert_int_equal(initial, E1000E_INITIAL_BYTES);
	assert_int_equal(dirty, 0);
	fx->now_us += E1000E_CONTEXT_WAIT_US + 1;
	assert_int_equal(a->device.ops->read(a->device.ctx, bytes, sizeof(bytes), &len), ERR_IO);
	assert_non_null(strstr(a->e.error, "none came for"));
	send_context(a, &at, CONTEXT(10), CONTEXT_WORD);
	assert_int_equal(a->device.ops->read(a->device.ctx, bytes, sizeof(bytes), &len), ERR_OK);
	assert_int_equal(len, E1000E_INITIAL_BYTES);
	assert_int_equal(a->device.ops->read(a->device.ctx, bytes, sizeof(bytes), &len), ERR_AGAIN);
	go(fx, a, DEVICE_RUNNING);
	assert_int_equal(a->device.ops->read(a->device.ctx, bytes, sizeof(bytes), &len), ERR_BAD_STATE);
}

static void legacy_descriptors_need_no_context(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];
	uint32_t at = 0;

	e1000e_bench_open(a);
	for (uint32_t i = 0; i < 200; i++) {
		send(a, &at, i, LEGACY_WORD, 0);
	}
	migrate(fx, a, b);
	go_run(fx, b);
	send(b, &at, 200, LEGACY_WORD, 0);
	assert_int_equal(fx->sent_count, 201);
}

static void a_frame_posted_in_part_is_sent_once_and_whole(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];
	uint32_t at = 0;

	e1000e_bench_open(a);
	send(a, &at, 1, LEGACY_WORD, 0);
	frame_fill(a, BENCH_TX_BUFFERS, 2, 90);
	e1000e_bench_tx_desc(a, 1, BENCH_TX_BUFFERS, 0x20100000u | 30, 0);
	e1000e_bench_tx_desc(a, 2, BENCH_TX_BUFFERS + 30, 0x20100000u | 30, 0);
	wr(a, TDT, 3);
	assert_int_equal(fx->sent_count, 1);
	migrate(fx, a, b);
	go_run(fx, b);
	e1000e_bench_tx_desc(b, 3, BENCH_TX_BUFFERS + 60, DATA_WORD | 30, 0);
	wr(b, TDT, 4);
	assert_int_equal(fx->sent_count, 2);
	assert_int_equal(fx->sent[1], 2);
	assert_int_equal(rd(b, TDH), 4);
}

/* ---- images that lie ---- */

static void every_truncated_image_is_refused_before_a_register_is_written(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *b = &fx->host[1];
	uint8_t image[E1000E_IMAGE_BYTES];
	char reason[REASON_BYTES];

	e1000e_bench_open(&fx->host[0]);
	save(fx, &fx->host[0], image);
	go_stop(fx, b);
	b->dev.resets = 0;
	for (size_t len = 0; len < sizeof(image); len++) {
		b->e.state = DEVICE_STOP;
		go(fx, b, DEVICE_RESUMING);
		assert_int_equal(write_image(b, image, len, reason), ERR_OK);
		assert_int_equal(go_fails(fx, b, DEVICE_STOP, DEVICE_RESUMING), ERR_BAD_RECORD);
	}
	assert_int_equal(b->dev.resets, 0);
	assert_int_equal(b->dev.reg[0x2808 / 4], 0);
}

static void every_flipped_bit_of_an_image_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *b = &fx->host[1];
	uint8_t image[E1000E_IMAGE_BYTES + 1] = { 0 };
	char reason[REASON_BYTES];

	e1000e_bench_open(&fx->host[0]);
	save(fx, &fx->host[0], image);
	go_stop(fx, b);
	b->dev.resets = 0;
	for (size_t at = 0; at < E1000E_IMAGE_BYTES; at++) {
		enum err err;

		b->e.state = DEVICE_STOP;
		go(fx, b, DEVICE_RESUMING);
		image[at] ^= (uint8_t)(1u << at % 8);
		err = write_image(b, image, E1000E_IMAGE_BYTES, reason);
		if (err == ERR_OK) {
			err = go_fails(fx, b, DEVICE_STOP, DEVICE_RESUMING);
		}
		assert_int_not_equal(err, ERR_OK);
		image[at] ^= (uint8_t)(1u << at % 8);
	}
	b->e.state = DEVICE_STOP;
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(write_image(b, image, sizeof(image), reason), ERR_BAD_RECORD);
	assert_int_equal(b->dev.resets, 0);
}

/* Where the block with this tag has its value; its checksum is made right by reseal(). */
static uint8_t *block_of(uint8_t *image, uint16_t tag)
{
	uint8_t *at = image + IMAGE_HEADER_BYTES;

	while (load_le16(at) != tag) {
		at += IMAGE_BLOCK_BYTES + load_le32(at + 4);
	}
	return at + IMAGE_BLOCK_BYTES;
}

static void reseal(uint8_t *value)
{
	uint8_t *block = value - IMAGE_BLOCK_BYTES;

	store_le32(block + 8, image_crc32(image_crc32(0, block, 8), value, load_le32(block + 4)));
}

/* As a hostile peer would: a value that may not be, under a right checksum. */
static void values_that_cannot_be_are_refused_before_a_register_is_written(void **state)
{
	const struct {
		uint16_t tag;
		uint32_t at, value;
		const char *text;
	} bad[] = {
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x0000), 1u << 26, "register 0x0000" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x0018), 1u << 13, "register 0x0018" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x2800), 8, "register 0x2800" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x2808), 0x100000, "register 0x2808" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x2808), 64, "register 0x2808" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x2810), BENCH_DESCS,
			"ring 0x2800 of 64 descriptors: head 64" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x2818), 0xffff, "ring 0x2800" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x3810), BENCH_DESCS, "ring 0x3800" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x3818), BENCH_DESCS, "ring 0x3800" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x3918), 1, "ring 0x3900 of 0" },
		{ E1000E_TAG_REGISTERS, 4 * e1000e_table_at(0x0100), 2u << 10, "RCTL.DTYP 2" },
		{ E1000E_TAG_CAUSES, 0, 1u << 31, "ICR" },
		{ E1000E_TAG_CAUSES, 8, 0x10000, "TIDV" },
		{ E1000E_TAG_CAUSES, 12, 4, "SWSM" },
		{ E1000E_TAG_CONTEXTS, 0, 3, "3 contexts" },
		{ E1000E_TAG_CONTEXTS, 0, 1, "context 0 of queue 0" },
		{ E1000E_TAG_CONTEXTS, 4, 1, "context 0 of queue 0" },
		{ E1000E_TAG_CONTEXTS, 36 + 20, 1, "context 1 of queue 1" },
		{ E1000E_TAG_PHY, 4, 0x10000, "PHY register 4" },
		{ E1000E_TAG_EEPROM, 0, 0x11111111, "EEPROM word 0x00 is 0x1111" },
	};
	struct fixture *fx = *state;
	struct e1000e_bench *b = &fx->host[1];
	uint8_t good[E1000E_IMAGE_BYTES], image[E1000E_IMAGE_BYTES];
	char reason[REASON_BYTES];

	e1000e_bench_open(&fx->host[0]);
	save(fx, &fx->host[0], good);
	go_stop(fx, b);
	b->dev.resets = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t *value;
		enum err err;

		memcpy(image, good, sizeof(image));
		value = block_of(image, bad[i].tag);
		store_le32(value + bad[i].at, bad[i].value);
		reseal(value);
		b->e.state = DEVICE_STOP;
		go(fx, b, DEVICE_RESUMING);
		err = write_image(b, image, sizeof(image), reason);
		if (err == ERR_OK) {
			err = go_fails(fx, b, DEVICE_STOP, DEVICE_RESUMING);
		}
		assert_int_equal(err, bad[i].tag == E1000E_TAG_EEPROM ? ERR_MISMATCH : ERR_BAD_RECORD);
		if (strstr(b->e.error, bad[i].text) == NULL) {
			fail_msg("%s: %s", bad[i].text, b->e.error);
		}
	}
	assert_int_equal(b->dev.resets, 0);
	assert_int_equal(b->dev.reg[0x2808 / 4], 0);
	/* and contexts with what would report their completion */
	memcpy(image, good, sizeof(image));
	store_le32(block_of(image, E1000E_TAG_CONTEXTS), 1);
	store_le32(block_of(image, E1000E_TAG_CONTEXTS) + 12, CONTEXT_WORD | 1u << 27);
	reseal(block_of(image, E1000E_TAG_CONTEXTS));
	b->e.state = DEVICE_STOP;
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(write_image(b, image, sizeof(image), reason), ERR_OK);
	assert_int_equal(go_fails(fx, b, DEVICE_STOP, DEVICE_RESUMING), ERR_BAD_RECORD);
	/* packet split without a first buffer */
	memcpy(image, good, sizeof(image));
	store_le32(block_of(image, E1000E_TAG_REGISTERS) + 4 * e1000e_table_at(0x0100), 1u << 10);
	store_le32(block_of(image, E1000E_TAG_REGISTERS) + 4 * e1000e_table_at(0x2170), 0x100);
	reseal(block_of(image, E1000E_TAG_REGISTERS));
	b->e.state = DEVICE_STOP;
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(write_image(b, image, sizeof(image), reason), ERR_OK);
	assert_int_equal(go_fails(fx, b, DEVICE_STOP, DEVICE_RESUMING), ERR_BAD_RECORD);
}

static void another_card_is_refused_with_the_initial_bytes(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];
	uint8_t bytes[E1000E_IMAGE_BYTES];
	char reason[REASON_BYTES] = "";
	size_t len;

	b->dev.eeprom[2] ^= 1; /* its MAC address */
	go(fx, a, DEVICE_PRE_COPY);
	assert_int_equal(a->device.ops->read(a->device.ctx, bytes, sizeof(bytes), &len), ERR_OK);
	go_stop(fx, b);
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(b->device.ops->initial_loaded(b->device.ctx, reason), ERR_BAD_RECORD);
	assert_int_equal(write_image(b, bytes, len, reason), ERR_MISMATCH);
	assert_non_null(strstr(reason, "EEPROM word 0x02"));
	b->dev.eeprom[2] ^= 1;
	b->e.state = DEVICE_STOP;
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(write_image(b, bytes, len, reason), ERR_OK);
	assert_int_equal(b->device.ops->initial_loaded(b->device.ctx, reason), ERR_OK);
}

static void a_load_that_does_not_take_ends_in_error_and_reset_leads_out(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];
	uint8_t image[E1000E_IMAGE_BYTES];
	char reason[REASON_BYTES];
	enum device_state now;
	enum err err = ERR_AGAIN;

	e1000e_bench_open(a);
	save(fx, a, image);
	go_stop(fx, b);
	go(fx, b, DEVICE_RESUMING);
	b->dev.deaf_register = 0x2808;
	assert_int_equal(write_image(b, image, sizeof(image), reason), ERR_OK);
	assert_int_equal(go_fails(fx, b, DEVICE_STOP, DEVICE_ERROR), ERR_IO);
	assert_non_null(strstr(b->e.error, "register 0x2808 reads"));
	assert_false(b->dev.bus_master);
	assert_int_equal(b->device.ops->transfer(b->device.ctx), 0);
	assert_int_equal(b->device.ops->state_begin(b->device.ctx, DEVICE_STOP), ERR_NO_ARC);
	b->dev.deaf_register = 0;
	assert_int_equal(b->device.ops->reset_begin(b->device.ctx), ERR_OK);
	for (uint32_t i = 0; i < POLLS_MAX && err == ERR_AGAIN; i++) {
		err = b->device.ops->reset_poll(b->device.ctx);
		fx->now_us += 100;
	}
	assert_int_equal(err, ERR_OK);
	assert_int_equal(b->device.ops->state_poll(b->device.ctx, &now), ERR_OK);
	assert_int_equal(now, DEVICE_RUNNING);
	assert_int_equal(b->traps, 0);
	assert_false(b->dev.bus_master);
	migrate(fx, a, b);
	go_run(fx, b);
}

static void a_reset_that_hangs_ends_in_error(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0], *b = &fx->host[1];
	uint8_t image[E1000E_IMAGE_BYTES];
	char reason[REASON_BYTES];

	save(fx, a, image);
	go_stop(fx, b);
	go(fx, b, DEVICE_RESUMING);
	assert_int_equal(write_image(b, image, sizeof(image), reason), ERR_OK);
	b->dev.reset_hangs = true;
	assert_int_equal(go_fails(fx, b, DEVICE_STOP, DEVICE_ERROR), ERR_TIMEOUT);
}

/** Wiping is work, not a wait: a service core that seldom gets its turn needs long for all of it. */
static void scrub_on_a_busy_machine_is_not_late(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	enum err err = ERR_AGAIN;
	uint64_t begun_us = fx->now_us;

	e1000e_bench_open(h);
	assert_int_equal(h->device.ops->scrub_begin(h->device.ctx), ERR_OK);
	for (uint32_t i = 0; i < POLLS_MAX && err == ERR_AGAIN; i++) {
		err = h->device.ops->scrub_poll(h->device.ctx);
		fx->now_us += E1000E_ARC_TIMEOUT_US / 10;
	}
	assert_int_equal(err, ERR_OK);
	assert_true(fx->now_us - begun_us > E1000E_ARC_TIMEOUT_US);
}

static void scrub_leaves_nothing_of_the_guest(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	enum err err = ERR_AGAIN;
	uint32_t at = 0;

	e1000e_bench_open(h);
	send_context(h, &at, CONTEXT(1), CONTEXT_WORD);
	for (uint32_t i = 0; i < 128; i++) {
		wr(h, 0x5200 + 4 * i, 0xa5a5a5a5);
		wr(h, 0x5600 + 4 * i, 0xa5a5a5a5);
	}
	wr(h, 0x5408, 0xa5a5a5a5);
	for (uint32_t i = 0; i < E1000E_PBM_WORDS; i++) {
		h->dev.reg[0x10000 / 4 + i] = 0xa5a5a5a5;
	}
	assert_int_equal(h->device.ops->scrub_begin(h->device.ctx), ERR_OK);
	assert_false(h->dev.bus_master);
	for (uint32_t i = 0; i < POLLS_MAX && err == ERR_AGAIN; i++) {
		err = h->device.ops->scrub_poll(h->device.ctx);
		fx->now_us += 100;
	}
	assert_int_equal(err, ERR_OK);
	assert_int_equal(h->e.state, DEVICE_STOP);
	for (uint32_t i = 0; i < ARRAY_SIZE(h->dev.reg); i++) {
		assert_int_not_equal(h->dev.reg[i], 0xa5a5a5a5);
	}
	assert_int_equal(h->dev.reg[0x2808 / 4], 0);
	assert_int_equal(load_le64(h->dev.tx[0].context[0]), 0);
	assert_int_equal(h->dev.reg[0x5400 / 4], 0x12005452); /* the card's own address stays */
	go_run(fx, h);
	assert_false(h->dev.bus_master);
	e1000e_guest_command(&h->e, 6);
	e1000e_bench_open(h);
	at = 0;
	send(h, &at, 1, LEGACY_WORD, 0);
	assert_int_equal(fx->sent[fx->sent_count - 1], 1);
}

/* ---- log ---- */

enum shape { SHAPE_LEGACY, SHAPE_EXTENDED, SHAPE_SPLIT, SHAPE_COUNT };

static void shape_set(struct e1000e_bench *h, enum shape shape)
{
	wr(h, 0x0100, 0x00008018);
	wr(h, 0x5008, shape == SHAPE_LEGACY ? 0 : 0x8000);
	wr(h, 0x2170, 0x01010102);
	wr(h, 0x0100, 0x0000801a | (shape == SHAPE_SPLIT ? 1u << 10 : 0));
}

static uint64_t any_buffer(void)
{
	return BENCH_RX_BUFFERS + (uint64_t)(rand() % 180) * PAGE_BYTES + (uint64_t)(rand() % 4096);
}

/* Posts n descriptors; none over those that are posted. */
static void post(struct e1000e_bench *h, enum shape shape, uint32_t n)
{
	uint32_t step = shape == SHAPE_SPLIT ? 2 : 1, tail = rd(h, RDT), head = rd(h, RDH);

	for (uint32_t i = 0; i < n && (tail + step) % BENCH_DESCS != head; i++) {
		e1000e_bench_rx_desc(h, tail, any_buffer());
		if (shape == SHAPE_SPLIT) {
			for (uint32_t k = 1; k < 4; k++) {
				store_le64(e1000e_bench_ram(h, BENCH_RX_RING + 16ull * tail + 8 * k), any_buffer());
			}
		}
		tail = (tail + step) % BENCH_DESCS;
	}
	/* By its other place as well. */
	wr(h, rand() % 2 ? RDT : 0x0128, tail);
}

static void the_log_misses_no_write_under_random_traffic_and_harvests(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	struct dirty log = h->device.ops->log(h->device.ctx);
	uint64_t missed = 0, reported = 0;

	srand(11);
	for (uint32_t round = 0; round < 90; round++) {
		enum shape shape = round % SHAPE_COUNT;
		uint32_t at = 0;

		e1000e_bench_open(h);
		shape_set(h, shape);
		post(h, shape, (uint32_t)(rand() % 60)); /* in flight as the log begins */
		for (int i = rand() % 10; i > 0; i--) {
			(void)receive(h, 1, 60 + (uint32_t)(rand() % 1400));
		}
		assert_int_equal(log.ops->start(log.ctx), ERR_OK);
		memset(h->wrote, 0, sizeof(h->wrote));
		for (uint32_t step = 0; step < 60; step++) {
			if (rand() % 3 == 0) {
				post(h, shape, (uint32_t)(rand() % 20));
			}
			for (int i = rand() % 6; i > 0; i--) {
				(void)receive(h, 1, 60 + (uint32_t)(rand() % 1900));
			}
			if (rand() % 3 == 0) {
				send(h, &at, step, rand() % 2 ? DATA_WORD : LEGACY_WORD, 0);
			}
			if (rand() % 4 == 0 || step == 59) {
				uint64_t map[BITMAP_WORDS(BENCH_RAM_PAGES)] = { 0 };
				struct dirty_cursor cursor = { 0 };

				if (step == 59) {
					go(fx, h, DEVICE_RUNNING_P2P);
				}
				assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), ERR_OK);
				for (uint32_t p = 0; p < BENCH_RAM_PAGES; p++) {
					missed += h->wrote[p] && !bitmap_test(map, p);
					reported += bitmap_test(map, p);
				}
				memset(h->wrote, 0, sizeof(h->wrote));
			}
		}
		assert_int_equal(missed, 0);
		log.ops->stop(log.ctx);
		log.ops->stop(log.ctx);
		go(fx, h, DEVICE_RUNNING);
		assert_int_equal(h->traps, 0);
	}
	assert_true(reported > 0);
	assert_int_equal(h->dev.faults, 0);
}

static void harvest(struct dirty log, uint64_t *map, enum err want)
{
	struct dirty_cursor cursor = { 0 };

	memset(map, 0, BITMAP_WORDS(BENCH_RAM_PAGES) * sizeof(*map));
	assert_int_equal(log.ops->harvest(log.ctx, &cursor, map), want);
}

static void a_posted_buffer_is_carried_from_harvest_to_harvest_until_it_was_used(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	struct dirty log = h->device.ops->log(h->device.ctx);
	uint64_t map[BITMAP_WORDS(BENCH_RAM_PAGES)];

	e1000e_bench_open(h);
	shape_set(h, SHAPE_EXTENDED);
	e1000e_bench_rx_desc(h, 0, BENCH_RAM_BASE + 70 * PAGE_BYTES + 3000); /* 2048 bytes: two pages */
	e1000e_bench_rx_desc(h, 1, BENCH_RAM_BASE + 80 * PAGE_BYTES);
	wr(h, RDT, 2);
	harvest(log, map, ERR_LOST); /* not started */
	assert_int_equal(log.ops->start(log.ctx), ERR_OK);
	for (uint32_t i = 0; i < 3; i++) {
		harvest(log, map, ERR_OK);
		assert_true(
			bitmap_test(map, 1) && bitmap_test(map, 70) && bitmap_test(map, 71) && bitmap_test(map, 80));
		assert_false(bitmap_test(map, 0) || bitmap_test(map, 72) || bitmap_test(map, 81));
	}
	assert_true(receive(h, 1, 60));
	harvest(log, map, ERR_OK);
	assert_true(bitmap_test(map, 70) && bitmap_test(map, 80));
	harvest(log, map, ERR_OK);
	assert_true(!bitmap_test(map, 70) && bitmap_test(map, 80));
	assert_true(receive(h, 1, 60));
	harvest(log, map, ERR_OK);
	harvest(log, map, ERR_OK);
	assert_false(bitmap_test(map, 80) || bitmap_test(map, 1));
}

static void a_larger_buffer_size_counts_for_what_is_posted_already(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	struct dirty log = h->device.ops->log(h->device.ctx);
	uint64_t map[BITMAP_WORDS(BENCH_RAM_PAGES)];

	e1000e_bench_open(h);
	e1000e_bench_rx_desc(h, 0, BENCH_RAM_BASE + 70 * PAGE_BYTES);
	wr(h, RDT, 1);
	assert_int_equal(log.ops->start(log.ctx), ERR_OK);
	wr(h, 0x0100, 0x0201801a); /* BSEX, 16 KiB */
	harvest(log, map, ERR_OK);
	harvest(log, map, ERR_OK);
	assert_true(bitmap_test(map, 73) && !bitmap_test(map, 74));
}

static void what_cannot_be_followed_makes_everything_dirty(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *h = &fx->host[0];
	struct dirty log = h->device.ops->log(h->device.ctx);
	uint64_t map[BITMAP_WORDS(BENCH_RAM_PAGES)];

	e1000e_bench_open(h);
	assert_int_equal(log.ops->start(log.ctx), ERR_OK);
	/* a buffer that leaves the RAM at its end, or begins before */
	e1000e_bench_rx_desc(h, 0, BENCH_RAM_BASE + BENCH_RAM_PAGES * PAGE_BYTES - 100);
	wr(h, RDT, 1);
	harvest(log, map, ERR_LOST);
	harvest(log, map, ERR_LOST);
	wr(h, 0x2808, BENCH_DESCS * 16); /* rings anew */
	wr(h, 0x2810, 1);
	harvest(log, map, ERR_OK);
	e1000e_bench_rx_desc(h, 1, BENCH_RAM_BASE - 100);
	wr(h, RDT, 2);
	harvest(log, map, ERR_LOST);
	wr(h, 0x2810, 2);
	harvest(log, map, ERR_OK);
	/* one outside is nothing the device can write */
	e1000e_bench_rx_desc(h, 2, 0x1000);
	e1000e_bench_rx_desc(h, 3, UINT64_MAX - 100);
	wr(h, RDT, 4);
	harvest(log, map, ERR_OK);
	/* a ring longer than what is remembered */
	wr(h, 0x2808, 0xfff80);
	wr(h, 0x2810, 0);
	wr(h, RDT, 3);
	harvest(log, map, ERR_LOST);
	/* too many pages for the set */
	wr(h, 0x2808, 0);
	h->e.log.count = E1000E_LOG_PAGES_MAX;
	wr(h, 0x2810, 0);
	wr(h, 0x2818, 0);
	wr(h, 0x2808, BENCH_DESCS * 16);
	e1000e_bench_rx_desc(h, 0, BENCH_RX_BUFFERS);
	wr(h, RDT, 1);
	harvest(log, map, ERR_LOST);
	harvest(log, map, ERR_OK);
}

static void a_guest_that_resets_its_device_starts_again_with_an_empty_log(void **state)
{
	struct fixture *fx = *state;
	struct e1000e_bench *a = &fx->host[0];
	struct dirty log = a->device.ops->log(a->device.ctx);
	uint64_t map[BITMAP_WORDS(BENCH_RAM_PAGES)];
	uint32_t at = 0;

	fill_ring_without_context(a, &at);
	e1000e_bench_rx_desc(a, 0, BENCH_RX_BUFFERS);
	wr(a, RDT, 1);
	assert_int_equal(log.ops->start(log.ctx), ERR_OK);
	wr(a, 0x0000, 1u << 26);
	harvest(log, map, ERR_OK);
	assert_true(bitmap_test(map, 64)); /* may have been written until then */
	harvest(log, map, ERR_OK);
	assert_false(bitmap_test(map, 64));
	/* its transmit context is gone, and known to be */
	e1000e_bench_open(a);
	at = 0;
	go(fx, a, DEVICE_RUNNING_P2P);
	assert_int_equal(a->e.context[0].state, E1000E_CONTEXT_NONE);
}

/* ---- traffic across moves ---- */

static void frames_cross_moves_once_and_in_order(void **state)
{
	struct fixture *fx = *state;
	uint32_t at = 0, number = 0, rx_at = 0, received = 0, rx_number = 0;

	srand(3);
	e1000e_bench_open(&fx->host[0]);
	for (uint32_t move = 0; move < 40; move++) {
		struct e1000e_bench *a = &fx->host[move % 2], *b = &fx->host[(move + 1) % 2];
		struct dirty log = a->device.ops->log(a->device.ctx);

		if (move % 2 == 0) {
			assert_int_equal(log.ops->start(log.ctx), ERR_OK);
			go(fx, a, DEVICE_PRE_COPY);
		}
		for (uint32_t step = 0; step < 50; step++) {
			if (rand() % 2) {
				bool uses = rand() % 2;

				if (uses && rand() % 3) {
					send_context(a, &at, CONTEXT(number & 0xff), CONTEXT_WORD);
				}
				send(a, &at, number++, DATA_WORD, 0);
			}
			if (rand() % 3 == 0) {
				e1000e_bench_rx_desc(a, rx_at, BENCH_RX_BUFFERS + (uint64_t)rx_at * 2048);
				rx_at = (rx_at + 1) % BENCH_DESCS;
				wr(a, RDT, rx_at);
				if (receive(a, rx_number, 64)) {
					rx_number++;
				}
			}
		}
		send_context(a, &at, CONTEXT(move), CONTEXT_WORD);
		if (move % 2 == 0) {
			uint8_t image[E1000E_IMAGE_BYTES];
			char reason[REASON_BYTES];
			size_t len = 0;
			uint64_t transfer = a->device.ops->transfer(a->device.ctx);

			assert_int_equal(a->device.ops->read(a->device.ctx, image, sizeof(image), &len), ERR_OK);
			go(fx, a, DEVICE_PRE_COPY_P2P);
			go(fx, a, DEVICE_STOP_COPY);
			assert_int_equal(a->device.ops->transfer(a->device.ctx), transfer);
			len += read_image(a, image + len, sizeof(image) - len);
			assert_int_equal(len, sizeof(image));
			go(fx, a, DEVICE_STOP);
			memcpy(b->ram, a->ram, sizeof(b->ram));
			go_stop(fx, b);
			go(fx, b, DEVICE_RESUMING);
			assert_int_equal(write_image(b, image, len, reason), ERR_OK);
			go(fx, b, DEVICE_STOP);
			log.ops->stop(log.ctx);
		} else {
			migrate(fx, a, b);
		}
		assert_false(receive(a, 12345, 64)); /* in the blackout: dropped, not taken twice */
		assert_false(receive(b, 12345, 64));
		go_run(fx, b);
		send(b, &at, number++, DATA_WORD, CHECKSUM);
		assert_int_equal(fx->sent_context[fx->sent_count - 1], CONTEXT(move));
		received = (uint32_t)(fx->host[0].dev.frames_received + fx->host[1].dev.frames_received);
		assert_int_equal(received, rx_number);
	}
	assert_int_equal(fx->sent_count, number);
	for (uint32_t i = 0; i < number; i++) {
		assert_int_equal(fx->sent[i], i);
	}
	assert_int_equal(fx->host[0].dev.faults + fx->host[1].dev.faults, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_function_that_does_not_answer_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(every_pair_of_states_has_an_arc_or_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(the_table_of_registers_has_as_many_words_as_the_image, setup, teardown),
		cmocka_unit_test_setup_teardown(p2p_takes_doorbells_and_starts_no_dma, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stopped_device_takes_no_access_and_writes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(registers_take_their_width_only, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_ring_that_does_not_drain_ends_the_arc_where_it_began, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ring_that_drains_late_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bar_that_cannot_be_trapped_ends_the_arc, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_device_that_no_smmu_confines_does_not_become_bus_master, setup, teardown),
		cmocka_unit_test_setup_teardown(every_register_makes_the_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(statistics_are_read_once_and_none_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cause_that_is_put_off_is_raised_before_the_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_that_was_coming_up_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_context_is_found_in_the_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(a_context_is_found_around_the_end_of_the_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_context_that_traps_is_remembered_when_the_ring_forgets_it, setup, teardown),
		cmocka_unit_test_setup_teardown(both_kinds_of_context_travel, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_context_that_was_written_and_not_posted_is_not_in_force, setup, teardown),
		cmocka_unit_test_setup_teardown(a_context_beyond_what_was_ever_posted_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ring_that_is_written_out_of_order_is_in_doubt, setup, teardown),
		cmocka_unit_test_setup_teardown(an_overwritten_context_is_refused_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(precopy_waits_for_the_next_context_and_not_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(legacy_descriptors_need_no_context, setup, teardown),
		cmocka_unit_test_setup_teardown(a_frame_posted_in_part_is_sent_once_and_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(
			every_truncated_image_is_refused_before_a_register_is_written, setup, teardown),
		cmocka_unit_test_setup_teardown(every_flipped_bit_of_an_image_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			values_that_cannot_be_are_refused_before_a_register_is_written, setup, teardown),
		cmocka_unit_test_setup_teardown(another_card_is_refused_with_the_initial_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_load_that_does_not_take_ends_in_error_and_reset_leads_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_that_hangs_ends_in_error, setup, teardown),
		cmocka_unit_test_setup_teardown(scrub_leaves_nothing_of_the_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(scrub_on_a_busy_machine_is_not_late, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_log_misses_no_write_under_random_traffic_and_harvests, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_posted_buffer_is_carried_from_harvest_to_harvest_until_it_was_used, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_larger_buffer_size_counts_for_what_is_posted_already, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_followed_makes_everything_dirty, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_guest_that_resets_its_device_starts_again_with_an_empty_log, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_cross_moves_once_and_in_order, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
