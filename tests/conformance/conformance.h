/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What every implementation of migration/device.h promises, asked of one of them: docs/device-porting.md. The suite knows
 * the contract and nothing of the device; the subject knows the device.
 */
#ifndef TESTS_CONFORMANCE_CONFORMANCE_H
#define TESTS_CONFORMANCE_CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/device.h"

#define CONFORMANCE_IMAGE_MAX 65536u
#define CONFORMANCE_PAGES_MAX 4096u

/** Two devices of one kind, 0 the source and 1 the destination, and a guest for them. */
struct conformance_subject {
	const char *name;
	/** Both devices as after their bring-up, RUNNING, and the guest's memory empty. */
	void (*fresh)(void);
	struct device (*device)(uint32_t n);
	/** Time passes, for both. */
	void (*pass)(uint64_t us);
	/** The guest fills device n with state that a migration must carry: registers, pending interrupt, memory. */
	void (*work)(uint32_t n);
	/** Device n, which runs, shows the guest what work() left. The memory was copied; what names the first difference. */
	bool (*worked)(uint32_t n, const char **what);
	/** Device n can neither reach memory nor raise an interrupt. */
	bool (*silent)(uint32_t n);
	/** Device n, which runs, writes to the guest's memory and is done; page is one it wrote. */
	void (*dma)(uint32_t n, uint64_t *page);
	/** The guest's memory goes from the source to the destination. */
	void (*copy_memory)(void);
};

extern const struct conformance_subject conformance_edu, conformance_e1000e;

/** All checks; prints a line for each. How many failed. */
uint32_t conformance_run(const struct conformance_subject *s);

#endif
