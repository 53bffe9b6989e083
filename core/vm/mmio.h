/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The emulated devices of one VM by guest physical address: a fixed table of regions.
 *
 * A stage-2 fault outside RAM is looked up here. The table has a lock of its own, held
 * for the look-up only, so that a BAR may move while another vCPU is in a handler; a
 * handler must stay callable after its region was removed.
 */
#ifndef CORE_VM_MMIO_H
#define CORE_VM_MMIO_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/spinlock.h"

#define MMIO_REGIONS_MAX 32u

/**
 * One access to a region: offset_bytes from its base, size_bytes 1, 2, 4 or 8, wholly inside.
 * ERR_RANGE or ERR_BAD_RECORD for an access that the device does not take (unaligned, odd
 * size): the guest gets an abort. Upper bits of a value read are zero.
 */
typedef enum err (*mmio_read_fn)(void *ctx, uint32_t vcpu, uint64_t offset_bytes, uint32_t size_bytes, uint64_t *value);
typedef enum err (*mmio_write_fn)(void *ctx, uint32_t vcpu, uint64_t offset_bytes, uint32_t size_bytes, uint64_t value);

struct mmio_region {
	uint64_t base;	     /* IPA */
	uint64_t size_bytes; /* 0: free entry */
	mmio_read_fn read;
	mmio_write_fn write;
	void *ctx; /* outlives the space */
};

struct mmio_space {
	struct spinlock lock;
	struct mmio_region regions[MMIO_REGIONS_MAX];
};

void mmio_init(struct mmio_space *s);

/** ERR_FULL; ERR_RANGE for an empty, wrapping or overlapping range. */
MUST_CHECK enum err mmio_add(
	struct mmio_space *s, uint64_t base, uint64_t size_bytes, mmio_read_fn read, mmio_write_fn write, void *ctx);

/** Takes out the region that begins at base. ERR_RANGE when there is none. */
MUST_CHECK enum err mmio_remove(struct mmio_space *s, uint64_t base);

/**
 * One access by a vCPU. ERR_RANGE: nothing there, or it crosses a region's end, or the
 * device refuses it; ERR_BAD_RECORD: size or alignment. *value is written on ERR_OK only.
 */
MUST_CHECK enum err mmio_read(struct mmio_space *s, uint32_t vcpu, uint64_t ipa, uint8_t size_bytes, uint64_t *value);
MUST_CHECK enum err mmio_write(struct mmio_space *s, uint32_t vcpu, uint64_t ipa, uint8_t size_bytes, uint64_t value);

#endif
