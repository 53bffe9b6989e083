/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A VFIO v2 device with whatever features it is given: every arc takes some polls and may be told to fail; its image is a
 * header, a count of the DMA writes it made, and a pattern, after any number of records: initial ones and dirty ones in
 * PRE_COPY, bulk in STOP_COPY. While RUNNING it writes a page of a fake VM; its own log is the only one that sees that.
 */
#ifndef TESTS_FAKE_FAKE_DEVICE_H
#define TESTS_FAKE_FAKE_DEVICE_H

#include <stdbool.h>

#include "migration/device.h"
#include "tests/fake/fake_vm.h"

#define FAKE_DEVICE_IMAGE_BYTES 40000u /* several chunks */

enum fake_device_failure { FAKE_FAIL_NONE, FAKE_FAIL_STAY, FAKE_FAIL_ERROR, FAKE_FAIL_REFUSE };

#define FAKE_DEVICE_PATH_MAX 16u

struct fake_device {
	struct device_desc desc;
	enum device_state now, to;
	struct device_transfer transfer;
	bool arc_open;
	uint32_t arc_polls, left;		      /* polls of one arc; of the open one */
	enum device_state path[FAKE_DEVICE_PATH_MAX]; /* states reached by arcs, in a ring */
	uint32_t path_len;
	uint64_t opened; /* transfers */
	bool any_image;	 /* leaving RESUMING needs none */
	uint8_t image[FAKE_DEVICE_IMAGE_BYTES];
	size_t at, len; /* read or written so far of what is in image; its bytes */
	bool image_made;
	uint64_t initial_bytes, initial_left; /* in PRE_COPY */
	uint64_t dirt;			      /* work since then that was not read */
	uint64_t bulk_bytes, bulk_left;	      /* before the image, in STOP_COPY */
	uint32_t records_loaded, load_polls, load_left;
	uint64_t reads;
	uint64_t dma_writes;
	bool enabled;				/* the guest set it up; reset and scrub end that, an image brings it */
	void (*arrived)(struct fake_device *d); /* after each arc; may be NULL */
	struct fake_vm *vm;
	uint64_t dma_page; /* first of eight */
	uint64_t log_words[(FAKE_VM_PAGES + 63) / 64];
	struct fake_dirty log;
	uint32_t resets, scrubs;
	uint32_t chore_left, chore_polls; /* polls left of a reset or scrub; polls of one beyond two */
	/* What goes wrong: the arc from -> to fails once, staying where it was or going to ERROR, or is not begun. */
	enum device_state fail_from, fail_to;
	enum fake_device_failure failure;
	bool fail_read, fail_write, fail_reset;
	size_t write_limit; /* bytes taken by one write; 0: all */
};

void fake_device_init(struct fake_device *d, const char *id, uint32_t mig_flags, struct fake_vm *vm, uint64_t dma_page);
struct device fake_device(struct fake_device *d);
/** The device works for a moment: one DMA write, if it may. */
void fake_device_work(struct fake_device *d);
/** Somebody resets it now, whatever it does. */
void fake_device_reset(struct fake_device *d);
/** May it do DMA now? */
bool fake_device_active(const struct fake_device *d);

#endif
