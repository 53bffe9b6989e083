/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The few facts taken from the board's flattened device tree (Devicetree Specification 0.4, chapter 5). */
#ifndef BOARD_QEMU_VIRT_FDT_H
#define BOARD_QEMU_VIRT_FDT_H

#include <stdint.h>

#include "core/base/err.h"

#define FDT_BYTES_MAX 0x200000u
#define FDT_CPUS_MAX  8u

struct fdt_facts {
	uint64_t memory_base, memory_bytes;
	uint64_t cpu_mpidr[FDT_CPUS_MAX];
	uint32_t cpu_count;
	uint64_t initrd_start, initrd_end; /* 0, 0: none */
	const uint8_t *bootargs;	   /* in the tree; NULL: none */
	uint32_t bootargs_bytes;	   /* without the final zero */
};

/** ERR_BAD_RECORD: not a device tree, or cut short. Facts that it does not state stay 0. */
MUST_CHECK enum err fdt_read(const uint8_t *fdt, struct fdt_facts *out);

#endif
