/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Tests that only the real machine can run, beside a guest that checks itself; chosen by the configuration key "selftest",
 * stepped by the service loop through the same migration/vm.h that the engine uses. The slot has no device (slot.device=0).
 *
 *	records	stop, save every record, forget everything but RAM, load, save again and compare, run; many times
 *	panic	an ASSERT fails: registers are printed, the board goes off
 *	guard	the service core's stack grows into its guard page: the same
 *	dirty	pre-copy into host memory while the guest writes; after the last round the copy equals its RAM
 */
#ifndef BOARD_QEMU_VIRT_SELFTEST_VM_H
#define BOARD_QEMU_VIRT_SELFTEST_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "board/qemu-virt/slot.h"

/** False: no test of that name. It runs once the guest has run for a while; the engine must leave the VM alone meanwhile. */
bool selftest_vm_begin(struct slot *s, const char *name);
/** One bounded step; true while there is more to do. Prints "godwit: selftest NAME ok ..." or "... failed ...". */
bool selftest_vm_step(void);

#endif
