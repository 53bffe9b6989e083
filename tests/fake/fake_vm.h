/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A VM without a hypervisor: RAM, a few records, a tracker, and a guest that writes a counter where the test's
 * seed says. It guards its own entry by owner_may_run(), as core/vm does, and keeps count of what it was asked.
 */
#ifndef TESTS_FAKE_FAKE_VM_H
#define TESTS_FAKE_FAKE_VM_H

#include <stdbool.h>

#include "core/base/addr.h"
#include "migration/vm.h"
#include "tests/fake/fake_dirty.h"

#define FAKE_VM_PAGES	     1536u /* three chunks of a channel */
#define FAKE_VM_RECORDS	     4u
#define FAKE_VM_RECORD_BYTES 600u

struct fake_vm {
	uint8_t *ram; /* FAKE_VM_PAGES pages */
	uint64_t log[(FAKE_VM_PAGES + 63) / 64];
	struct fake_dirty dirty;
	struct vm_desc desc;
	enum owner owner;
	bool running;
	uint32_t stop_polls; /* polls until parked */
	uint32_t stop_left;
	bool stopping;
	uint8_t records[FAKE_VM_RECORDS][FAKE_VM_RECORD_BYTES]; /* [0] holds the guest's counter */
	uint32_t loaded;					/* bit per staged record */
	uint64_t scrub_page;
	bool scrubbing;
	uint64_t time_added_ns;
	uint64_t seed;
	uint32_t runs, stops, scrubs;
	/* What goes wrong: */
	uint64_t poisoned_page;							   /* UINT64_MAX: none */
	enum err stop_err, run_err, save_err, load_err, complete_err, prepare_err; /* answered once, then cleared */
	uint32_t borrows;							   /* not yet returned */
};

/** Allocates RAM; a guest with seed writes it full of patterns, one page in four stays zero. */
void fake_vm_init(struct fake_vm *vm, uint64_t seed, bool blank);
void fake_vm_free(struct fake_vm *vm);
struct vm fake_vm(struct fake_vm *vm);
/** The guest runs for a moment: counts, and writes count pages of its working set. No-op unless running. */
void fake_vm_guest(struct fake_vm *vm, uint32_t count);
/** A write by somebody else (DMA); marks nothing here. */
void fake_vm_poke(struct fake_vm *vm, uint64_t page, uint64_t value);
uint64_t fake_vm_counter(const struct fake_vm *vm);
bool fake_vm_ram_equal(const struct fake_vm *a, const struct fake_vm *b);
bool fake_vm_ram_blank(const struct fake_vm *vm);

#endif
