/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What the slot's VM boots: fw_cfg files of the operator, or QEMU's -initrd.
 *
 * | File | Is |
 * |---|---|
 * | opt/godwit/guest | an arm64 Image (Linux, Documentation/arch/arm64/booting.rst), or bytes that run from the start of RAM |
 * | opt/godwit/cmdline | its command line; with it the guest gets a device tree in X0, as Linux wants it |
 * | opt/godwit/initrd | an initramfs, for a guest with a command line |
 */
#ifndef BOARD_QEMU_VIRT_GUEST_H
#define BOARD_QEMU_VIRT_GUEST_H

#include "board/qemu-virt/fdt.h"
#include "board/qemu-virt/slot.h"
#include "core/base/err.h"

#define GUEST_CMDLINE_BYTES_MAX 1024u /* with the final zero */

/**
 * Put the guest into the slot's RAM and make vCPU 0 start there. The VM is stopped. ERR_RANGE, ERR_FULL: it does not fit;
 * ERR_END: no guest was given; ERR_IO.
 */
MUST_CHECK enum err guest_load(struct slot *s, const struct fdt_facts *facts);

#endif
