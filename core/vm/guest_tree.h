/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The device tree that describes our virtual machine to a guest: what docs/memory-map.md, section 2, lists. */
#ifndef CORE_VM_GUEST_TREE_H
#define CORE_VM_GUEST_TREE_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_TREE_BYTES_MAX  65536u
#define GUEST_TREE_SEED_BYTES 64u

struct guest_tree {
	uint64_t ram_ipa, ram_bytes;
	uint32_t vcpu_count;		   /* 1 .. VCPU_COUNT_MAX */
	const char *bootargs;		   /* "" for none */
	uint64_t initrd_start, initrd_end; /* IPAs; equal: no initrd */
	const uint8_t *seed;		   /* GUEST_TREE_SEED_BYTES random bytes for /chosen, or NULL */
};

/** Writes the tree; its size in bytes, 0 if cap_bytes is too small. out is 8-byte aligned. */
size_t guest_tree_write(const struct guest_tree *t, uint8_t *out, size_t cap_bytes);

#endif
