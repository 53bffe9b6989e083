/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The ring between two real threads, under ThreadSanitizer: the slots are plain memory, so its order is what protects them. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/base/ring.h"

#define CAPACITY 8u
#define RECORDS	 200000u

static struct ring ring;
static struct {
	uint32_t value, twice;
} slots[CAPACITY];

static void *produce(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < RECORDS;) {
		uint32_t slot;

		if (!ring_space(&ring, &slot)) {
			sched_yield();
			continue;
		}
		slots[slot].value = i;
		slots[slot].twice = 2u * i;
		ring_produce(&ring);
		i++;
	}
	return NULL;
}

static void records_come_whole_and_in_order(void **state)
{
	pthread_t thread;

	(void)state;
	ring_init(&ring, CAPACITY);
	assert_int_equal(pthread_create(&thread, NULL, produce, NULL), 0);
	for (uint32_t i = 0; i < RECORDS;) {
		uint32_t slot;

		if (!ring_front(&ring, &slot)) {
			sched_yield();
			continue;
		}
		if (slots[slot].value != i || slots[slot].twice != 2u * i) {
			fail_msg("record %u reads %u, %u", i, slots[slot].value, slots[slot].twice);
		}
		ring_consume(&ring);
		i++;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ring_used(&ring), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(records_come_whole_and_in_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
