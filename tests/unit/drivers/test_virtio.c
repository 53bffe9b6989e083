/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Transport, queues, network and entropy, against a device that may lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/virtio_net/virtio_net.h"
#include "drivers/virtio_rng/virtio_rng.h"
#include "tests/fake/fake_mmio.h"
#include "tests/fake/fake_virtio.h"

#define BASE  ((uintptr_t)0x0a000000)
#define RX    0u
#define TX    1u
#define F_MTU BIT64(3)
#define F_MAC BIT64(5)

struct fixture {
	struct fake_virtio dev;
	struct virtio_net net;
	struct virtio_rng rng;
	struct nic nic;
};

static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x67, 0x77, 1 };

static void net_init(struct fixture *fx, uint64_t features)
{
	fake_mmio_reset();
	fake_virtio_init(&fx->dev, VIRTIO_ID_NET, features | F_MAC);
	memcpy(fx->dev.config, mac, sizeof(mac));
	fake_virtio_map(&fx->dev, BASE);
}

static int setup(void **state)
{
	struct fixture *fx = aligned_alloc(_Alignof(struct fixture), sizeof(struct fixture));

	memset(fx, 0, sizeof(*fx));
	net_init(fx, VIRTIO_F_EVENT_IDX);
	*state = fx;
	return 0;
}

static int setup_net(void **state)
{
	struct fixture *fx;

	(void)setup(state);
	fx = *state;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_OK);
	fx->nic = virtio_net_nic(&fx->net);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void a_slot_without_the_device_is_left_untouched(void **state)
{
	struct fixture *fx = *state;

	fx->dev.device_id = 0;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_MISMATCH);
	fx->dev.device_id = VIRTIO_ID_RNG;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_MISMATCH);
	fx->dev.version = 1;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_UNSUPPORTED);
	fx->dev.magic = 0;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_UNSUPPORTED);
	assert_int_equal(fx->dev.writes, 0);
}

static void features_are_those_both_know_and_the_required_ones_required(void **state)
{
	struct fixture *fx = *state;

	fx->dev.features = UINT64_MAX;
	fx->dev.config[10] = 0xdc;
	fx->dev.config[11] = 0x05;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_OK);
	assert_true(fx->dev.accepted == (F_MTU | F_MAC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1));
	assert_int_equal(fx->dev.status, 0xf);
	fx->dev.features &= ~F_MAC;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_UNSUPPORTED);
	assert_int_equal(fx->dev.status, 0);
	fx->dev.features = F_MAC;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_UNSUPPORTED);
	fx->dev.features = UINT64_MAX;
	fx->dev.refuses_features = true;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_UNSUPPORTED);
	fx->dev.status = 1;
	fx->dev.never_resets = true;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_IO);
}

static void the_mtu_is_what_device_and_buffers_allow(void **state)
{
	static const struct {
		uint16_t offered, want;
	} mtu[] = { { 1400, 1400 }, { 1500, 1500 }, { 9000, 1500 }, { 576, 576 } };
	struct fixture *fx = *state;

	for (uint32_t i = 0; i < ARRAY_SIZE(mtu); i++) {
		net_init(fx, F_MTU);
		fx->dev.config[10] = (uint8_t)mtu[i].offered;
		fx->dev.config[11] = (uint8_t)(mtu[i].offered >> 8);
		assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_OK);
		assert_int_equal(virtio_net_nic(&fx->net).ops->mtu(&fx->net), mtu[i].want);
	}
	fx->dev.config[10] = 100;
	fx->dev.config[11] = 0;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_RANGE);
}

static void configuration_that_changes_under_the_reader_is_read_again(void **state)
{
	struct fixture *fx = *state;
	uint8_t out[6];

	fx->dev.config_moves = 7;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_OK);
	virtio_net_nic(&fx->net).ops->mac(&fx->net, out);
	assert_memory_equal(out, mac, 6);
	fx->dev.config_moves = UINT32_MAX;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_IO);
	assert_int_equal(fx->dev.status, 0);
}

static void all_receive_buffers_are_offered_whole(void **state)
{
	struct fixture *fx = *state;
	struct fake_virtio_chain c;
	uint32_t count = 0;

	while (fake_virtio_pop(&fx->dev, RX, &c)) {
		assert_int_equal(c.count, 1);
		assert_int_equal(c.piece[0].len_bytes, VIRTIO_NET_RX_BYTES);
		assert_true(c.piece[0].device_writes);
		count++;
	}
	assert_int_equal(count, VIRTIO_NET_RX_COUNT);
	assert_true(fx->dev.queue[RX].notified > 0);
}

static void frames_arrive_in_order_round_the_ring(void **state)
{
	struct fixture *fx = *state;

	for (uint32_t i = 0; i < 70000; i++) {
		struct fake_virtio_chain c;
		const uint8_t *bytes;
		size_t len;

		assert_true(fake_virtio_pop(&fx->dev, RX, &c));
		memset(c.piece[0].at, (int)(i & 0xff), VIRTIO_NET_HEADER_BYTES + 60);
		fake_virtio_push(&fx->dev, RX, c.head, VIRTIO_NET_HEADER_BYTES + 60);
		assert_int_equal(fx->nic.ops->receive(fx->nic.ctx, &bytes, &len), ERR_OK);
		assert_int_equal(len, 60);
		assert_int_equal(bytes[0], i & 0xff);
		assert_int_equal(fx->nic.ops->receive(fx->nic.ctx, &bytes, &len), ERR_BAD_STATE);
		fx->nic.ops->receive_done(fx->nic.ctx);
		fx->nic.ops->receive_done(fx->nic.ctx); /* harmless */
		assert_int_equal(fx->nic.ops->receive(fx->nic.ctx, &bytes, &len), ERR_AGAIN);
		/* the driver asks for an interrupt at the very next one */
		assert_int_equal(fake_virtio_used_event(&fx->dev, RX), (uint16_t)(i + 1));
	}
}

static void a_frame_shorter_than_its_headers_is_dropped(void **state)
{
	struct fixture *fx = *state;
	struct fake_virtio_chain c;
	const uint8_t *bytes;
	size_t len;
	uint32_t offered = 0;

	for (uint32_t i = 0; i < VIRTIO_NET_HEADER_BYTES + 14; i++) {
		assert_true(fake_virtio_pop(&fx->dev, RX, &c));
		fake_virtio_push(&fx->dev, RX, c.head, i);
		assert_int_equal(fx->nic.ops->receive(fx->nic.ctx, &bytes, &len), ERR_AGAIN);
	}
	assert_int_equal(fx->net.counts.rx_bad, VIRTIO_NET_HEADER_BYTES + 14);
	while (fake_virtio_pop(&fx->dev, RX, &c)) {
		offered++;
	}
	assert_int_equal(offered, VIRTIO_NET_RX_COUNT); /* none was lost */
}

static void a_device_that_lies_breaks_its_queue_and_nothing_else(void **state)
{
	struct fixture *fx = *state;

	for (uint32_t lie = 0; lie < 7; lie++) {
		struct fake_virtio_chain c;
		const uint8_t *bytes = NULL;
		size_t len = 0;

		net_init(fx, VIRTIO_F_EVENT_IDX);
		assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_OK);
		assert_true(fake_virtio_pop(&fx->dev, RX, &c));
		switch (lie) {
		case 0:
			fake_virtio_push(&fx->dev, RX, 256, 100);
			break;
		case 1:
			fake_virtio_push(&fx->dev, RX, UINT32_MAX, 100);
			break;
		case 2:
			fake_virtio_push(&fx->dev, RX, c.head, VIRTIO_NET_RX_BYTES + 1);
			break;
		case 3:
			fake_virtio_push(&fx->dev, RX, c.head, UINT32_MAX);
			break;
		case 4:
			fake_virtio_push(&fx->dev, RX, VIRTIO_NET_RX_COUNT, 100);
			break; /* never offered */
		case 5:
			fake_virtio_used_idx(&fx->dev, RX, 257);
			break;
		default:
			fake_virtio_push(&fx->dev, RX, c.head, 100);
			assert_int_equal(fx->nic.ops->receive(fx->nic.ctx, &bytes, &len), ERR_OK);
			fake_virtio_push(&fx->dev, RX, c.head, 100); /* twice, while it is lent */
			fx->net.rx_lent = false;
			break;
		}
		assert_int_equal(fx->nic.ops->receive(fx->nic.ctx, &bytes, &len), ERR_IO);
		assert_int_equal(fx->nic.ops->receive(fx->nic.ctx, &bytes, &len), ERR_IO);
		assert_false(fx->net.tx.broken);
	}
}

static void a_frame_goes_out_by_reference_under_a_zero_header(void **state)
{
	static const uint8_t a[14] = "abcdefghijklm";
	static const uint8_t b[100] = "payload";
	const struct nic_segment segments[2] = { { a, sizeof(a) }, { b, sizeof(b) } };
	struct fixture *fx = *state;
	struct fake_virtio_chain c;

	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, segments, 2), ERR_OK);
	assert_int_equal(fx->nic.ops->tx_queued(fx->nic.ctx), 1);
	assert_true(fake_virtio_pop(&fx->dev, TX, &c));
	assert_int_equal(c.count, 3);
	assert_int_equal(c.piece[0].len_bytes, VIRTIO_NET_HEADER_BYTES);
	for (uint32_t i = 0; i < VIRTIO_NET_HEADER_BYTES; i++) {
		assert_int_equal(c.piece[0].at[i], 0);
	}
	assert_ptr_equal(c.piece[1].at, a);
	assert_ptr_equal(c.piece[2].at, b);
	assert_int_equal(c.piece[2].len_bytes, sizeof(b));
	assert_false(c.piece[0].device_writes || c.piece[1].device_writes || c.piece[2].device_writes);
	assert_int_equal(fx->nic.ops->tx_done(fx->nic.ctx), 0);
	fake_virtio_push(&fx->dev, TX, c.head, 0);
	assert_int_equal(fx->nic.ops->tx_done(fx->nic.ctx), 1);
}

static void frames_that_cannot_be_are_refused(void **state)
{
	static const uint8_t a[2000];
	struct nic_segment s[NIC_SEGMENTS_MAX + 1];
	struct fixture *fx = *state;

	for (uint32_t i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = (struct nic_segment){ a, 60 };
	}
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, 0), ERR_RANGE);
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, NIC_SEGMENTS_MAX + 1), ERR_RANGE);
	s[1].len_bytes = 0;
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, 2), ERR_RANGE);
	s[1].len_bytes = SIZE_MAX;
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, 2), ERR_RANGE);
	s[0].len_bytes = 1519;
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, 1), ERR_RANGE);
	s[0].len_bytes = 1518;
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, 1), ERR_OK);
}

static void tx_done_counts_only_what_is_done_without_a_gap(void **state)
{
	static const uint8_t a[60];
	const struct nic_segment s = { a, sizeof(a) };
	struct fixture *fx = *state;

	srand(5);
	for (uint32_t round = 0; round < 3000; round++) {
		uint16_t head[40];
		bool done[40] = { false };
		uint32_t n = 1 + (uint32_t)rand() % 40;
		uint64_t before = fx->nic.ops->tx_done(fx->nic.ctx);

		for (uint32_t i = 0; i < n; i++) {
			struct fake_virtio_chain c;

			assert_int_equal(fx->nic.ops->send(fx->nic.ctx, &s, 1), ERR_OK);
			assert_true(fake_virtio_pop(&fx->dev, TX, &c));
			head[i] = c.head;
		}
		for (uint32_t k = 0; k < n; k++) {
			uint32_t pick = (uint32_t)rand() % n;
			uint32_t gapless = 0;

			while (done[pick]) {
				pick = (pick + 1) % n;
			}
			done[pick] = true;
			fake_virtio_push(&fx->dev, TX, head[pick], 0);
			while (gapless < n && done[gapless]) {
				gapless++;
			}
			assert_int_equal(fx->nic.ops->tx_done(fx->nic.ctx) - before, gapless);
		}
	}
}

static void a_full_transmit_ring_says_so_and_recovers(void **state)
{
	static const uint8_t a[60];
	const struct nic_segment s[3] = { { a, 20 }, { a, 20 }, { a, 20 } };
	struct fixture *fx = *state;
	struct fake_virtio_chain c;
	uint32_t sent = 0;

	while (fx->nic.ops->send(fx->nic.ctx, s, 3) == ERR_OK) {
		sent++;
	}
	assert_int_equal(sent, 256 / 4);
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, 3), ERR_FULL);
	/* an interrupt is asked for, before all of it is done */
	assert_int_equal(fx->nic.ops->tx_done(fx->nic.ctx), 0);
	assert_int_equal(fake_virtio_used_event(&fx->dev, TX), 47);
	assert_true(fake_virtio_pop(&fx->dev, TX, &c));
	fake_virtio_push(&fx->dev, TX, c.head, 0);
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, 3), ERR_OK);
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, s, 3), ERR_FULL);
	assert_int_equal(fx->nic.ops->tx_queued(fx->nic.ctx), 65);
}

static void the_device_is_told_only_when_it_wants_to_be(void **state)
{
	static const uint8_t a[60];
	const struct nic_segment s = { a, sizeof(a) };
	struct fixture *fx = *state;
	uint32_t before;

	before = fx->dev.queue[TX].notified;
	fake_virtio_set_avail_event(&fx->dev, TX, 2); /* tell me at the third */
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(fx->nic.ops->send(fx->nic.ctx, &s, 1), ERR_OK);
		assert_int_equal(fx->dev.queue[TX].notified - before, i >= 2);
	}
	net_init(fx, 0);
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_OK);
	before = fx->dev.queue[TX].notified;
	fake_virtio_set_used_flags(&fx->dev, TX, 1);
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, &s, 1), ERR_OK);
	assert_int_equal(fx->dev.queue[TX].notified, before);
	fake_virtio_set_used_flags(&fx->dev, TX, 0);
	assert_int_equal(fx->nic.ops->send(fx->nic.ctx, &s, 1), ERR_OK);
	assert_int_equal(fx->dev.queue[TX].notified, before + 1);
	assert_int_equal(fake_virtio_avail_flags(&fx->dev, TX), 1);
	assert_int_equal(fake_virtio_avail_flags(&fx->dev, RX), 0);
}

static void the_interrupt_is_acknowledged(void **state)
{
	struct fixture *fx = *state;

	fx->dev.irq = 3;
	virtio_net_irq(&fx->net);
	assert_int_equal(fx->dev.irq, 0);
	virtio_net_irq(&fx->net); /* nothing to do, nothing written */
	assert_int_equal(fx->net.counts.irqs, 2);
}

static void queues_follow_the_size_the_device_has(void **state)
{
	struct fixture *fx = *state;

	fx->dev.queue_max = 100;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_OK);
	assert_int_equal(fx->dev.queue[RX].size, 64);
	fx->dev.queue_max = 1024;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_OK);
	assert_int_equal(fx->dev.queue[RX].size, 256);
	fx->dev.queue_max = 0;
	assert_int_equal(virtio_net_init(&fx->net, BASE), ERR_UNSUPPORTED);
}

static void rng_answer(struct fixture *fx, uint32_t len_bytes)
{
	struct fake_virtio_chain c;

	assert_true(fake_virtio_pop(&fx->dev, 0, &c));
	assert_int_equal(c.count, 1);
	for (uint32_t i = 0; i < c.piece[0].len_bytes; i++) {
		c.piece[0].at[i] = (uint8_t)(i + 1);
	}
	fake_virtio_push(&fx->dev, 0, c.head, len_bytes);
}

static void rng_init(struct fixture *fx)
{
	fake_mmio_reset();
	fake_virtio_init(&fx->dev, VIRTIO_ID_RNG, 0);
	fake_virtio_map(&fx->dev, BASE);
	assert_int_equal(virtio_rng_init(&fx->rng, BASE), ERR_OK);
}

static void random_bytes_are_handed_out_once(void **state)
{
	struct fixture *fx = *state;
	uint8_t out[40];

	rng_init(fx);
	rng_answer(fx, 64);
	assert_int_equal(virtio_rng_read(&fx->rng, out, 40), ERR_OK);
	assert_int_equal(out[0], 1);
	assert_int_equal(out[39], 40);
	for (uint32_t i = 0; i < 40; i++) {
		assert_int_equal(fx->rng.pool[i], 0);
	}
	assert_int_equal(virtio_rng_read(&fx->rng, out, 24), ERR_OK);
	assert_int_equal(out[0], 41);
	assert_int_equal(out[23], 64);
	rng_answer(fx, 512); /* asked for in advance */
	assert_int_equal(virtio_rng_read(&fx->rng, out, 1), ERR_OK);
	assert_int_equal(virtio_rng_read(&fx->rng, out, VIRTIO_RNG_READ_MAX + 1u), ERR_RANGE);
}

static void an_entropy_source_that_fails_is_an_error_never_bytes(void **state)
{
	struct fixture *fx = *state;
	uint8_t out[8];

	rng_init(fx);
	assert_int_equal(virtio_rng_read(&fx->rng, out, 8), ERR_IO); /* silent */
	rng_init(fx);
	rng_answer(fx, 0);
	assert_int_equal(virtio_rng_read(&fx->rng, out, 8), ERR_IO);
	rng_init(fx);
	rng_answer(fx, VIRTIO_RNG_POOL_BYTES + 1);
	assert_int_equal(virtio_rng_read(&fx->rng, out, 8), ERR_IO);
	assert_int_equal(virtio_rng_read(&fx->rng, out, 8), ERR_IO);
}

#define BARE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define NET(name)  cmocka_unit_test_setup_teardown(name, setup_net, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BARE(a_slot_without_the_device_is_left_untouched),
		BARE(features_are_those_both_know_and_the_required_ones_required),
		BARE(the_mtu_is_what_device_and_buffers_allow),
		BARE(configuration_that_changes_under_the_reader_is_read_again),
		NET(all_receive_buffers_are_offered_whole),
		NET(frames_arrive_in_order_round_the_ring),
		NET(a_frame_shorter_than_its_headers_is_dropped),
		NET(a_device_that_lies_breaks_its_queue_and_nothing_else),
		NET(a_frame_goes_out_by_reference_under_a_zero_header),
		NET(frames_that_cannot_be_are_refused),
		NET(tx_done_counts_only_what_is_done_without_a_gap),
		NET(a_full_transmit_ring_says_so_and_recovers),
		NET(the_device_is_told_only_when_it_wants_to_be),
		NET(the_interrupt_is_acknowledged),
		BARE(queues_follow_the_size_the_device_has),
		BARE(random_bytes_are_handed_out_once),
		BARE(an_entropy_source_that_fails_is_an_error_never_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
