/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"

enum { EV_LOOK = 32, EV_WRITE, EV_DMA, EV_RESET, EV_BEGIN };

static const char host_names[] = "ABC";

static uint8_t *pages_alloc(uint64_t pages)
{
	uint8_t *ram = calloc(pages, PAGE_BYTES);

	if (ram == NULL) {
		abort();
	}
	return ram;
}

void ledger_init(struct ledger *l, struct journal *j, uint64_t pages, uint32_t vcpus, uint32_t devices)
{
	memset(l, 0, sizeof(*l));
	l->journal = j;
	l->page_count = pages;
	l->vcpu_count = vcpus;
	l->device_count = devices;
	l->seat = LEDGER_NOBODY;
	l->now.ram = pages_alloc(pages);
	l->held.ram = pages_alloc(pages);
	for (uint32_t i = 0; i < LEDGER_HOSTS; i++) {
		l->kept[i].ram = pages_alloc(pages);
	}
}

void ledger_free(struct ledger *l)
{
	free(l->now.ram);
	free(l->held.ram);
	for (uint32_t i = 0; i < LEDGER_HOSTS; i++) {
		free(l->kept[i].ram);
	}
	l->now.ram = NULL;
}

static void image_copy(const struct ledger *l, struct ledger_image *to, const struct ledger_image *from)
{
	uint8_t *ram = to->ram;

	memcpy(ram, from->ram, l->page_count * PAGE_BYTES);
	*to = *from;
	to->ram = ram;
}

static void compare(struct ledger *l, uint32_t host, const struct ledger_image *image, const struct ledger_view *view,
	const char *when)
{
	l->looks++;
	if (memcmp(image->ram, view->ram, l->page_count * PAGE_BYTES) != 0) {
		uint64_t at = 0, bad = 0, first = 0;

		for (uint64_t p = 0; p < l->page_count; p++) {
			if (memcmp(image->ram + p * PAGE_BYTES, view->ram + p * PAGE_BYTES, PAGE_BYTES) != 0) {
				first = bad == 0 ? p : first;
				bad++;
			}
		}
		while (image->ram[first * PAGE_BYTES + at] == view->ram[first * PAGE_BYTES + at]) {
			at++;
		}
		journal_violation(l->journal, "%s: RAM on %c differs in %llu of %llu pages, first page %llu byte %llu",
			when, host_names[host], (unsigned long long)bad, (unsigned long long)l->page_count,
			(unsigned long long)first, (unsigned long long)at);
	}
	for (uint32_t i = 0; i < l->vcpu_count; i++) {
		if (image->counters[i] != view->counters[i]) {
			journal_violation(l->journal, "%s: vCPU %u on %c has counted %llu, not %llu", when, i,
				host_names[host], (unsigned long long)view->counters[i],
				(unsigned long long)image->counters[i]);
		}
	}
	for (uint32_t i = 0; i < l->device_count; i++) {
		if (image->devices[i].enabled != view->devices[i].enabled ||
			image->devices[i].writes != view->devices[i].writes) {
			journal_violation(l->journal, "%s: device %u on %c is %s with %llu writes, not %s with %llu",
				when, i, host_names[host], view->devices[i].enabled ? "on" : "off",
				(unsigned long long)view->devices[i].writes, image->devices[i].enabled ? "on" : "off",
				(unsigned long long)image->devices[i].writes);
		}
	}
}

static void take_view(struct ledger *l, const struct ledger_view *view)
{
	memcpy(l->now.ram, view->ram, l->page_count * PAGE_BYTES);
	memcpy(l->now.counters, view->counters, sizeof(l->now.counters));
	memcpy(l->now.devices, view->devices, sizeof(l->now.devices));
	l->now.guest_ns = view->guest_ns;
	l->now.valid = true;
}

void ledger_one_runner(struct ledger *l, const struct ledger_view views[LEDGER_HOSTS])
{
	uint32_t may = 0, run = 0, first = 0;

	for (uint32_t i = 0; i < LEDGER_HOSTS; i++) {
		if (views[i].powered && views[i].may_run) {
			first = may == 0 ? i : first;
			may++;
		}
		run += views[i].powered && (views[i].vcpus_run || views[i].devices_run) ? 1 : 0;
	}
	if (may > 1) {
		journal_violation(l->journal, "two hosts may run the VM, %c is one of them", host_names[first]);
	}
	if (run > 1) {
		journal_violation(l->journal, "two hosts run the VM (vCPUs or devices)");
	}
}

void ledger_begin(struct ledger *l, uint32_t host, const struct ledger_view views[LEDGER_HOSTS])
{
	journal_event(l->journal, host, EV_BEGIN, views[host].gen, 0);
	if (views[host].gen < l->gen) {
		journal_violation(l->journal, "%c starts the VM with gen %llu, %llu has run", host_names[host],
			(unsigned long long)views[host].gen, (unsigned long long)l->gen);
	}
	ledger_one_runner(l, views);
	take_view(l, &views[host]);
	l->now.life++;
	l->seat = host;
	l->gen = views[host].gen;
	l->resumed[host] = false;
	l->fall_back[host] = false;
}

static void move(struct ledger *l, uint32_t host, const struct ledger_view views[LEDGER_HOSTS], const char *who)
{
	if (views[host].gen <= l->gen) {
		journal_violation(l->journal, "%s starts on %c with gen %llu, %llu has run elsewhere", who,
			host_names[host], (unsigned long long)views[host].gen, (unsigned long long)l->gen);
	}
	l->blackout_us = *l->journal->now_us - l->stopped_us;
	l->moves++;
	l->seat = host;
}

void ledger_look(struct ledger *l, uint32_t host, const struct ledger_view views[LEDGER_HOSTS], const char *who)
{
	const struct ledger_view *view = &views[host];
	bool moved = host != l->seat;

	if (!moved && !l->resumed[host]) {
		return;
	}
	journal_event(l->journal, host, EV_LOOK, view->gen, moved);
	if (l->fall_back[host]) {
		if (!l->kept[host].valid) {
			journal_violation(
				l->journal, "an operator has %c go on, but it has no image", host_names[host]);
		}
		image_copy(l, &l->now, &l->kept[host]);
		l->fall_back[host] = false;
	}
	if (!l->now.valid) {
		journal_violation(l->journal, "%s starts on %c, and there is no VM", who, host_names[host]);
	}
	if (moved) {
		move(l, host, views, who);
	} else {
		image_copy(l, &l->held, &l->now);
	}
	if (view->gen < l->gen) {
		journal_violation(l->journal, "%s goes on with gen %llu, %llu has run", who,
			(unsigned long long)view->gen, (unsigned long long)l->gen);
	}
	l->gen = view->gen;
	l->resumed[host] = false;
	ledger_one_runner(l, views);
	compare(l, host, &l->now, view, who);
	if (view->guest_ns < l->now.guest_ns) {
		journal_violation(l->journal, "guest time on %c goes back from %llu to %llu ns", host_names[host],
			(unsigned long long)l->now.guest_ns, (unsigned long long)view->guest_ns);
	}
}

void ledger_ready(struct ledger *l, uint32_t host, const struct ledger_view *view)
{
	/* A source that lost the link may have gone on since: then it is what that source had stopped. */
	bool late = l->held.valid && memcmp(l->held.ram, view->ram, l->page_count * PAGE_BYTES) == 0 &&
		    memcmp(l->held.counters, view->counters, sizeof(view->counters)) == 0;
	const struct ledger_image *image = late ? &l->held : &l->now;

	compare(l, host, image, view, "READY");
	image_copy(l, &l->kept[host], image);
	l->kept[host].valid = true;
}

void ledger_given(struct ledger *l, uint32_t host, const struct ledger_view *view)
{
	if (view->vcpus_run || view->devices_run) {
		journal_violation(l->journal, "%c gave the VM away and it still %s there", host_names[host],
			view->vcpus_run ? "runs" : "does DMA");
	}
	compare(l, host, &l->now, view, "GIVEN");
	image_copy(l, &l->kept[host], &l->now);
	l->kept[host].valid = true;
}

void ledger_instruction(struct ledger *l, uint32_t host, uint32_t vcpu, uint64_t counter, uint64_t guest_ns)
{
	if (host != l->seat) {
		journal_violation(l->journal, "%c executes and the VM is elsewhere", host_names[host]);
	}
	if (counter != l->now.counters[vcpu]) {
		journal_violation(l->journal, "vCPU %u on %c counts from %llu, not %llu", vcpu, host_names[host],
			(unsigned long long)counter, (unsigned long long)l->now.counters[vcpu]);
	}
	if (guest_ns < l->now.guest_ns) {
		journal_violation(l->journal, "guest time on %c goes back by %llu ns", host_names[host],
			(unsigned long long)(l->now.guest_ns - guest_ns));
	}
	l->now.guest_ns = guest_ns;
	l->now.counters[vcpu]++;
	l->instructions++;
	l->stopped_us = *l->journal->now_us;
}

void ledger_write(struct ledger *l, uint32_t host, uint64_t page, uint32_t at, uint64_t old, uint64_t value)
{
	uint8_t *word = l->now.ram + page * PAGE_BYTES + at;
	uint64_t expected;

	memcpy(&expected, word, sizeof(expected));
	if (expected != old) {
		journal_violation(l->journal, "page %llu on %c: word at %u was %016llx, should be %016llx",
			(unsigned long long)page, host_names[host], at, (unsigned long long)old,
			(unsigned long long)expected);
	}
	memcpy(word, &value, sizeof(value));
	journal_event(l->journal, host, EV_WRITE, page, value);
}

void ledger_landed(struct ledger *l, uint32_t host, uint64_t page, uint32_t at, uint64_t value)
{
	if (host != l->seat) {
		journal_violation(
			l->journal, "a write of a device on %c lands, and the VM is elsewhere", host_names[host]);
	}
	memcpy(l->now.ram + page * PAGE_BYTES + at, &value, sizeof(value));
	journal_event(l->journal, host, EV_WRITE, page, value);
}

void ledger_dma(struct ledger *l, uint32_t host, uint32_t device, uint64_t writes)
{
	if (host != l->seat) {
		journal_violation(
			l->journal, "device %u on %c does DMA and the VM is elsewhere", device, host_names[host]);
	}
	if (writes != l->now.devices[device].writes) {
		journal_violation(l->journal, "device %u on %c has made %llu writes, not %llu", device,
			host_names[host], (unsigned long long)writes,
			(unsigned long long)l->now.devices[device].writes);
	}
	l->now.devices[device].writes++;
	l->dma_writes++;
	journal_event(l->journal, host, EV_DMA, device, writes);
}

void ledger_device_reset(struct ledger *l, uint32_t host, uint32_t device, bool after_failure)
{
	if (host != l->seat) {
		return;
	}
	journal_event(l->journal, host, EV_RESET, device, after_failure);
	if (!after_failure) {
		journal_violation(
			l->journal, "device %u on %c was reset, and nothing had failed", device, host_names[host]);
	}
	l->now.devices[device] = (struct ledger_device){ 0 };
}

void ledger_stands(struct ledger *l, uint32_t host)
{
	l->resumed[host] = true;
}

void ledger_power_off(struct ledger *l, uint32_t host)
{
	l->kept[host].valid = false;
	l->fall_back[host] = false;
	l->resumed[host] = true;
}

uint64_t ledger_value(struct ledger *l, uint32_t host)
{
	/* 2 bits of host, 14 of gen, the rest a number never used twice. */
	return (uint64_t)(host + 1) << 62 | (l->gen & 0x3fff) << 48 | (++l->values & 0xffffffffffff);
}

bool ledger_has_image(const struct ledger *l, const struct ledger_view *view)
{
	return view->powered && l->now.valid && memcmp(l->now.ram, view->ram, l->page_count * PAGE_BYTES) == 0;
}
