/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "tests/fake/sha256.h"
#include "tests/unit/migration/pair.h"

static void engine_start(struct pair *p, uint32_t n, bool own)
{
	struct node *node = &p->node[n];
	struct device devices[PAIR_DEVICES] = { fake_device(&node->device[0]), fake_device(&node->device[1]) };
	struct engine_config config = {
		.host = fake_host(&node->host),
		.vm = fake_vm(&node->vm),
		.devices = devices,
		.device_count = PAIR_DEVICES,
		.link = fake_link(&p->link, n),
		.hash = &fake_sha256,
		.bitmap = node->bitmap,
		.bitmap_words = ENGINE_BITMAP_WORDS(FAKE_VM_PAGES),
		.own = own,
		.autostart = true,
	};
	struct migration_params params;
	char reason[REASON_BYTES];

	assert_int_equal(engine_init(&node->engine, &config, reason), ERR_OK);
	engine_params_get(&node->engine, &params);
	(void)text_copy(params.tls_hostname, sizeof(params.tls_hostname), p->link.end[1 - n].id);
	(void)text_copy(params.tls_authz, sizeof(params.tls_authz), p->link.end[1 - n].id);
	params.max_bandwidth = 0;
	params.x_round_min = 3;
	assert_int_equal(engine_params_set(&node->engine, &params, reason), ERR_OK);
}

static void devices_init(struct node *node, bool enabled, uint32_t flags)
{
	fake_device_init(&node->device[0], "0000:00:01.0", flags != 0 ? flags : DEVICE_MIG_STOP_COPY, &node->vm, 1000);
	fake_device_init(&node->device[1], "0000:00:02.0", flags != 0 ? flags : DEVICE_MIG_STOP_COPY | DEVICE_MIG_P2P,
		&node->vm, 1100);
	for (uint32_t i = 0; i < PAIR_DEVICES; i++) {
		node->device[i].enabled = enabled;
	}
}

static void init(struct pair *p, bool stores, uint32_t mig_flags)
{
	memset(p, 0, sizeof(*p));
	p->mig_flags = mig_flags;
	p->now_us = 1000000;
	p->guest_pages = 1;
	p->stores = stores;
	fake_link_init(&p->link);
	for (uint32_t n = 0; n < 2; n++) {
		fake_host_init(&p->node[n].host, &p->now_us, 77 + n, p->link.end[n].id);
		p->node[n].host.has_store = stores;
		p->node[n].host.store_us = 30;
		fake_vm_init(&p->node[n].vm, 5 + n, n == 1);
		devices_init(&p->node[n], n == 0, mig_flags);
		engine_start(p, n, n == 0);
	}
	pair_run(p, 20);
	assert_true(p->node[0].vm.running);
}

void pair_init(struct pair *p, bool stores)
{
	init(p, stores, 0);
}

void pair_init_features(struct pair *p, uint32_t mig_flags)
{
	init(p, false, mig_flags);
}

void pair_free(struct pair *p)
{
	for (uint32_t n = 0; n < 2; n++) {
		assert_int_equal(p->node[n].vm.borrows, 0);
		fake_vm_free(&p->node[n].vm);
	}
}

void pair_restart(struct pair *p, uint32_t n, bool own)
{
	struct node *node = &p->node[n];

	fake_link_restart(&p->link, n);
	fake_vm_free(&node->vm);
	fake_vm_init(&node->vm, 50 + n, true);
	devices_init(node, false, p->mig_flags);
	node->host.store_busy = false;
	engine_start(p, n, own);
}

static bool dma_active(const struct node *node)
{
	for (uint32_t i = 0; i < PAIR_DEVICES; i++) {
		if (fake_device_active(&node->device[i]) && node->device[i].enabled) {
			return true;
		}
	}
	return false;
}

static void check_never_two(const struct pair *p)
{
	const struct node *a = &p->node[0], *b = &p->node[1];

	if (!p->lied) {
		assert_false(a->vm.running && b->vm.running);
		assert_false(dma_active(a) && dma_active(b));
		assert_false(owner_may_run(a->engine.owner) && owner_may_run(b->engine.owner));
	}
	for (uint32_t n = 0; n < 2; n++) {
		assert_int_equal(p->node[n].vm.owner, p->node[n].engine.owner);
		/* HELD is told first, then the vCPUs park. */
		assert_false(p->node[n].vm.running && !owner_may_run(p->node[n].engine.owner) &&
			     !(p->node[n].engine.owner == OWNER_HELD && p->node[n].vm.stopping));
	}
}

static void take_notes(struct node *node)
{
	struct engine_note note;

	while (engine_take_note(&node->engine, &note)) {
		node->notes[note.event]++;
		if (note.event == ENGINE_EV_STATUS) {
			node->last_status = note.value;
		}
	}
}

void pair_step(struct pair *p)
{
	p->steps++;
	p->now_us += 10;
	for (uint32_t n = 0; n < 2; n++) {
		struct node *node = &p->node[n];

		fake_vm_guest(&node->vm, p->guest_pages);
		for (uint32_t i = 0; i < PAIR_DEVICES && p->steps % 16 == 0; i++) {
			fake_device_work(&node->device[i]);
		}
		(void)engine_step(&node->engine, 0);
		check_never_two(p);
		take_notes(node);
		if (p->between != NULL) {
			p->between(p);
		}
	}
}

void pair_run(struct pair *p, uint32_t steps)
{
	for (uint32_t i = 0; i < steps; i++) {
		pair_step(p);
	}
}

bool pair_until(struct pair *p, bool (*done)(const struct pair *p))
{
	for (uint32_t i = 0; i < PAIR_STEPS_MAX; i++) {
		if (done(p)) {
			return true;
		}
		pair_step(p);
	}
	return done(p);
}

void pair_begin(struct pair *p, uint32_t from)
{
	char reason[REASON_BYTES] = "";

	if (!p->node[1 - from].engine.incoming) {
		assert_int_equal(engine_incoming(&p->node[1 - from].engine, "tcp:0:4444", reason), ERR_OK);
	}
	if (engine_migrate(&p->node[from].engine, "tcp:10.0.0.2:4444", reason) != ERR_OK) {
		fail_msg("migrate: %s", reason);
	}
}

static bool node_settled(const struct engine *e)
{
	return e->power.phase == POWER_STEADY && e->closing == CLOSE_NONE && !e->marks.busy && !e->marks.queued &&
	       (e->role != ROLE_SOURCE || (!e->alive && e->src.phase == SRC_IDLE)) &&
	       /* An owner whose source has not yet heard SETTLED goes on listening for its question. */
	       (e->role != ROLE_DESTINATION || e->owner == OWNER_OWN ||
		       (!e->alive && !e->dst.scrub_needed && e->dst.phase <= DST_LISTEN));
}

bool pair_settled(const struct pair *p)
{
	return node_settled(&p->node[0].engine) && node_settled(&p->node[1].engine);
}

bool pair_runs_at(const struct pair *p, uint32_t n)
{
	return p->node[n].vm.running && p->node[n].engine.owner == OWNER_OWN;
}

enum migration_status pair_status(const struct pair *p, uint32_t n)
{
	return p->node[n].engine.status;
}

void pair_assert_runs(struct pair *p, uint32_t n)
{
	struct node *node = &p->node[n];
	uint64_t counter = fake_vm_counter(&node->vm), dma = node->device[0].dma_writes;

	assert_true(pair_runs_at(p, n));
	pair_run(p, 64);
	assert_true(fake_vm_counter(&node->vm) > counter);
	assert_true(node->device[0].dma_writes > dma);
	assert_int_equal(node->device[0].now, DEVICE_RUNNING);
	assert_int_equal(node->device[1].now, DEVICE_RUNNING);
	assert_false(node->vm.dirty.on);
	assert_false(node->device[0].log.on);
}

void pair_assert_empty(struct pair *p, uint32_t n)
{
	struct node *node = &p->node[n];

	assert_false(node->vm.running);
	assert_true(fake_vm_ram_blank(&node->vm));
	assert_false(dma_active(node));
}

void pair_migrate(struct pair *p, uint32_t from)
{
	uint64_t counter;

	pair_begin(p, from);
	counter = fake_vm_counter(&p->node[from].vm);
	if (!pair_until(p, pair_settled) || pair_status(p, from) != MIG_STATUS_COMPLETED) {
		struct migration_info info;

		engine_info(&p->node[from].engine, &info);
		fail_msg("status %s owner %s phase %u: %s", migration_status_name(info.status), owner_name(info.owner),
			p->node[from].engine.src.phase, info.error_desc);
	}
	assert_int_equal(p->node[from].engine.owner, OWNER_GONE);
	assert_int_equal(pair_status(p, 1 - from), MIG_STATUS_COMPLETED);
	assert_true(fake_vm_counter(&p->node[1 - from].vm) > counter);
	pair_assert_runs(p, 1 - from);
	pair_assert_empty(p, from);
}
