/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "migration/mark.h"

/** A store that ends when it is told to. */
struct slow_store {
	struct owner_mark durable, storing;
	enum err end;
	bool finish;
};

static enum err store_begin(void *ctx, const char *vm, const struct owner_mark *mark)
{
	struct slow_store *s = ctx;

	(void)vm;
	s->storing = *mark;
	return ERR_OK;
}

static enum err store_poll(void *ctx, const char *vm)
{
	struct slow_store *s = ctx;

	(void)vm;
	if (!s->finish) {
		return ERR_AGAIN;
	}
	s->finish = false;
	if (s->end == ERR_OK) {
		s->durable = s->storing;
	}
	return s->end;
}

static const struct host_ops ops = { .mark_store_begin = store_begin, .mark_store_poll = store_poll };

static void put(struct mark_store *m, enum mark_kind kind, uint64_t gen)
{
	mark_put(m, &(struct owner_mark){ .kind = kind, .gen = gen });
}

static bool step(struct mark_store *m, struct slow_store *s, bool finish)
{
	struct host host = { .ops = &ops, .ctx = s };
	enum mark_kind kind;
	enum err result;

	s->finish = finish;
	return mark_step(m, &host, "vm", &kind, &result);
}

/*
 * Found by the model: away(2) was still being stored when the next attempt was refused; going back to the last
 * durable mark, home(1), would let this host start a VM that runs elsewhere.
 */
static void what_is_gone_back_to_is_the_last_owner_mark_even_while_it_is_stored(void **state)
{
	struct mark_store m = { .base = { .kind = MARK_HOME, .gen = 1 } };
	struct slow_store s = { .end = ERR_OK };

	(void)state;
	put(&m, MARK_AWAY, 2);
	assert_false(step(&m, &s, false));
	assert_int_equal(m.base.kind, MARK_AWAY);
	assert_int_equal(m.base.gen, 2);
	put(&m, MARK_IN_DOUBT, 3);
	assert_int_equal(m.base.kind, MARK_AWAY);
	mark_put(&m, &m.base);
	assert_true(step(&m, &s, true));
	assert_false(step(&m, &s, false));
	assert_true(step(&m, &s, true));
	assert_int_equal(s.durable.kind, MARK_AWAY);
	assert_int_equal(s.durable.gen, 2);
}

static void a_failed_store_does_not_bring_an_older_mark_back(void **state)
{
	struct mark_store m = { .base = { .kind = MARK_HOME, .gen = 1 } };
	struct slow_store s = { .end = ERR_IO };

	(void)state;
	put(&m, MARK_AWAY, 2);
	assert_false(step(&m, &s, false));
	assert_true(step(&m, &s, true));
	assert_int_equal(m.base.kind, MARK_AWAY);
	assert_int_equal(m.base.gen, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_gone_back_to_is_the_last_owner_mark_even_while_it_is_stored),
		cmocka_unit_test(a_failed_store_does_not_bring_an_older_mark_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
