/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What the board offers to the host software above it: boot files, randomness, clocks, NIC.
 * One machine, static.
 */
#ifndef BOARD_QEMU_VIRT_MACHINE_H
#define BOARD_QEMU_VIRT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "drivers/gicv3/gicv3.h"
#include "migration/host.h"
#include "net/nic.h"

/** Find fw_cfg, RTC, entropy. What is missing is logged, and fails later where it is needed. */
void machine_init(void);
/** A whole fw_cfg file; ERR_END: not there; ERR_FULL: longer than cap_bytes. */
MUST_CHECK enum err machine_file(const char *name, uint8_t *out, size_t cap_bytes, size_t *len_bytes);
/** The first len_bytes of a file. ERR_END: not there; ERR_RANGE: shorter. */
MUST_CHECK enum err machine_file_begin(const char *name, uint8_t *out, uint32_t len_bytes);
/** Cryptographic randomness: RNDRRS, else virtio-rng. ERR_UNSUPPORTED when there is neither. */
MUST_CHECK enum err machine_random(uint8_t *out, size_t len_bytes);
/** Seconds since 1970; ERR_UNSUPPORTED without a clock. */
MUST_CHECK enum err machine_wall_clock(int64_t *unix_s);
/** The same in microseconds, 0 without a clock. */
uint64_t machine_wall_us(void);
/** Bring the network device up and route its interrupt to the service core. ERR_UNSUPPORTED: none. */
MUST_CHECK enum err machine_nic(struct gicv3 *gic, struct nic *out);

#endif
