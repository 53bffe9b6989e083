/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/filter.h"
#include "net/siphash.h"

static const uint8_t peers[2][4] = { { 10, 0, 0, 1 }, { 10, 0, 0, 9 } };
static const struct filter open_to_all = { .ip = { 10, 0, 0, 2 } };

/* A SYN from 10.0.0.1 to 10.0.0.2, header fields the filter does not look at left zero. */
static const uint8_t syn[54] = {
	[12] = 0x08,
	[14] = 0x45,
	[23] = 6,
	[26] = 10,
	[29] = 1,
	[30] = 10,
	[33] = 2,
	[47] = 0x02,
};

static struct filter with_peers(void)
{
	struct filter f = open_to_all;

	assert_int_equal(filter_set_peers(&f, peers, 2), ERR_OK);
	return f;
}

static bool passes_with(const struct filter *f, size_t at, uint8_t value)
{
	uint8_t frame[sizeof(syn)];

	memcpy(frame, syn, sizeof(syn));
	frame[at] = value;
	return filter_pass(f, frame, sizeof(frame));
}

static void only_peers_open_connections(void **state)
{
	struct filter f = with_peers();

	(void)state;
	assert_true(filter_pass(&f, syn, sizeof(syn)));
	assert_true(passes_with(&f, 29, 9));
	assert_false(passes_with(&f, 29, 3));
	assert_true(passes_with(&open_to_all, 29, 3));
	/* A SYN with more flags is still a SYN; an answer and data are lwIP's to judge. */
	assert_false(filter_pass(&f,
		(uint8_t[54]){ [12] = 8, [14] = 0x45, [23] = 6, [26] = 10, [29] = 3, [30] = 10, [33] = 2, [47] = 0x0b },
		54));
	assert_true(filter_pass(&f,
		(uint8_t[54]){ [12] = 8, [14] = 0x45, [23] = 6, [26] = 10, [29] = 3, [30] = 10, [33] = 2, [47] = 0x12 },
		54));
}

static void what_is_not_ours_or_not_needed_stays_out(void **state)
{
	(void)state;
	assert_true(filter_pass(&open_to_all, syn, sizeof(syn)));
	assert_false(passes_with(&open_to_all, 33, 3));					 /* another address */
	assert_false(passes_with(&open_to_all, 33, 255));				 /* broadcast */
	assert_false(passes_with(&open_to_all, 14, 0x46));				 /* options */
	assert_false(passes_with(&open_to_all, 14, 0x65));				 /* version 6 */
	assert_false(passes_with(&open_to_all, 20, 0x20));				 /* more fragments */
	assert_false(passes_with(&open_to_all, 21, 1));					 /* a later fragment */
	assert_true(passes_with(&open_to_all, 20, 0x40));				 /* do not fragment */
	assert_false(passes_with(&open_to_all, 23, 17));				 /* UDP */
	assert_true(passes_with(&open_to_all, 23, 1));					 /* ICMP */
	assert_false(passes_with(&open_to_all, 12, 0x86));				 /* an unknown type */
	assert_true(filter_pass(&open_to_all, (uint8_t[42]){ [12] = 8, [13] = 6 }, 42)); /* ARP */
}

static void every_truncation_is_looked_at_safely(void **state)
{
	struct filter f = with_peers();

	(void)state;
	for (size_t len = 0; len < sizeof(syn); len++) {
		/* An exact copy, so that a read beyond it is seen. */
		uint8_t frame[sizeof(syn)];

		memcpy(frame + sizeof(syn) - len, syn, len);
		assert_false(filter_pass(&f, frame + sizeof(syn) - len, len));
	}
}

static void too_many_peers_change_nothing(void **state)
{
	static const uint8_t many[FILTER_PEER_COUNT_MAX + 1][4];
	struct filter f = with_peers();

	(void)state;
	assert_int_equal(filter_set_peers(&f, many, FILTER_PEER_COUNT_MAX + 1), ERR_FULL);
	assert_int_equal(f.peer_count, 2);
	assert_true(filter_pass(&f, syn, sizeof(syn)));
	assert_int_equal(filter_set_peers(&f, NULL, 0), ERR_OK);
	assert_true(passes_with(&f, 29, 77));
}

/* The 64 outputs of the paper's reference for keys 00..0f and messages 00, 00 01, ...: the first, and those around a word. */
static void siphash_of_published_vectors(void **state)
{
	uint8_t key[16], message[16];

	(void)state;
	for (uint8_t i = 0; i < 16; i++) {
		key[i] = message[i] = i;
	}
	assert_true(siphash(key, message, 0) == 0x726fdb47dd0e0e31u);
	assert_true(siphash(key, message, 1) == 0x74f839c593dc67fdu);
	assert_true(siphash(key, message, 8) == 0x93f5f5799a932462u);
	assert_true(siphash(key, message, 15) == 0xa129ca6149be45e5u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_peers_open_connections),
		cmocka_unit_test(what_is_not_ours_or_not_needed_stays_out),
		cmocka_unit_test(every_truncation_is_looked_at_safely),
		cmocka_unit_test(too_many_peers_change_nothing),
		cmocka_unit_test(siphash_of_published_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
