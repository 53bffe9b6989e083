/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * VM records as a peer may send them: saved ones edited at any place, or any bytes under any id. What is refused has a
 * reason and changed nothing; what is taken is saved again as it came.
 */
#include <string.h>

#include "core/vm/vm.h"
#include "core/vm/vm_records.h"
#include "tests/fake/fake_arch.h"
#include "tests/fuzz/input.h"

#define RECORDS	  7u
#define BYTES_MAX 8192u

static s2_page root[S2_ROOT_PAGES] __attribute__((aligned(S2_ROOT_PAGES * PAGE_BYTES)));
static s2_page pool[8] __attribute__((aligned(PAGE_BYTES)));
static uint8_t ram[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));
static uint64_t words[BITMAP_WORDS(PAGES_PER_BLOCK)];
static struct vm_slot vm, fresh;
static bool is_ready;
static uint8_t good[RECORDS][BYTES_MAX];
static size_t good_len[RECORDS];

static void irq_active_set(void *ctx, uint32_t core, uint32_t pintid, bool active)
{
	(void)ctx;
	(void)core;
	(void)pintid;
	(void)active;
}

static void irqs_drain(void *ctx)
{
	(void)ctx;
}

static uint64_t time_us(void *ctx)
{
	(void)ctx;
	return 1;
}

static const struct vm_hw_ops hw = { .irq_active_set = irq_active_set, .irqs_drain = irqs_drain, .time_us = time_us };

static size_t save(uint32_t i, uint8_t *out)
{
	size_t len = 0;

	HOLDS(vm_records_save(&vm, i, out, BYTES_MAX, &len) == ERR_OK);
	return len;
}

static void start(void)
{
	struct vm_config cfg = { .name = "one",
		.vcpu_count = 2,
		.first_core = 1,
		.ram = pa((uintptr_t)ram),
		.ram_bytes = sizeof(ram),
		.vmid = 1,
		.s2_root = root,
		.s2_pool = pool,
		.s2_pool_count = 8,
		.dirty_words = words,
		.hw = &hw };

	fake_arch_reset();
	fake_arch.pauth = true;
	HOLDS(vm_init(&vm, &cfg) == ERR_OK);
	vm_reset(&vm, VM_RAM_IPA, 0);
	HOLDS(vm_stop_begin(&vm) == ERR_OK && vm_stop_poll(&vm) == ERR_OK);
	HOLDS(vm_records_count(&vm) == RECORDS);
	for (uint32_t i = 0; i < RECORDS; i++) {
		good_len[i] = save(i, good[i]);
	}
	fresh = vm;
	is_ready = true;
}

static uint32_t index_of(const struct vm_record_id *id)
{
	for (uint32_t i = 0; i < RECORDS; i++) {
		struct vm_record_id other;

		vm_records_info(&vm, i, &other);
		if (other.type == id->type && other.instance == id->instance) {
			return i;
		}
	}
	return RECORDS;
}

static void load(const struct vm_record_id *id, const uint8_t *bytes, size_t len)
{
	static uint8_t before[BYTES_MAX], after[BYTES_MAX];
	uint32_t i = index_of(id);
	size_t before_len = i < RECORDS ? save(i, before) : 0, after_len;
	char reason[REASON_BYTES] = "";
	enum err err = vm_records_load(&vm, id, bytes, len, reason);

	HOLDS(memchr(reason, '\0', sizeof(reason)) != NULL);
	if (i == RECORDS) {
		HOLDS(err != ERR_OK && reason[0] != '\0');
		return;
	}
	after_len = save(i, after);
	if (err != ERR_OK) {
		HOLDS(reason[0] != '\0');
		HOLDS(after_len == before_len && memcmp(before, after, after_len) == 0);
	} else {
		HOLDS(after_len == len && memcmp(bytes, after, len) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size }, in_cut;
	struct vm_record_id id;
	uint8_t *bytes;

	if (!is_ready) {
		start();
	}
	vm = fresh;
	while (in.left > 2) {
		uint32_t which = input_u8(&in), how = input_u8(&in);
		size_t len;

		vm_records_info(&vm, which % RECORDS, &id);
		if (how >= 0xf0) {
			id.type = (uint16_t)(how & 0xf);
			id.instance = (uint16_t)(which / 8);
			len = MIN(in.left, (size_t)BYTES_MAX);
			bytes = input_copy(&in, len);
			load(&id, bytes, len);
			free(bytes);
			continue;
		}
		len = good_len[which % RECORDS];
		bytes = malloc(BYTES_MAX);
		HOLDS(bytes != NULL);
		memcpy(bytes, good[which % RECORDS], len);
		for (uint32_t i = 0; i < how % 8; i++) {
			uint32_t at = input_u16(&in), width = 1u << at / 0x4000;
			uint64_t value = input_int(&in, width);

			for (uint32_t k = 0; k < width; k++) {
				bytes[(at % 0x4000 + k) % len] = (uint8_t)(value >> (8 * k));
			}
		}
		if (how / 8 % 16 == 15) {
			size_t cut = input_u8(&in);
			uint8_t *whole = bytes;

			/* Exactly as long as it is said to be, so that a read beyond is seen. */
			in_cut = (struct input){ whole, len - MIN(len, cut) };
			len = in_cut.left;
			bytes = input_copy(&in_cut, len);
			free(whole);
		}
		load(&id, bytes, len);
		free(bytes);
	}
	return 0;
}
