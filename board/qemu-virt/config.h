/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What the operator configures at boot: the fw_cfg file "opt/godwit/config", text lines
 * "key=value". Blank lines and lines that begin with '#' are skipped. Portable, so that
 * the host tests read it too.
 */
#ifndef BOARD_QEMU_VIRT_CONFIG_H
#define BOARD_QEMU_VIRT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"

#define CONFIG_FILE_BYTES_MAX 4096u
#define CONFIG_SELFTEST_MAX   16u

struct board_config {
	char host_id[HOST_ID_MAX];   /* host.id; must equal the certificate's */
	uint8_t ip[4];		     /* net.ip */
	uint8_t mask[4];	     /* net.mask */
	uint8_t gateway[4];	     /* net.gateway; 0.0.0.0: none */
	char slot_name[VM_NAME_MAX]; /* slot.name */
	uint32_t slot_ram_mib;	     /* slot.ram-mib, 2 .. SLOT_RAM_MIB_MAX, even */
	uint32_t slot_vcpus;	     /* slot.vcpus, 1 .. VCPU_COUNT_MAX */
	uint32_t
		slot_devices; /* slot.device, n: the functions at 0000:00:01.0 to n belong to the slot, those known by their IDs */
	bool autostart;			     /* autostart, 1: this host owns the VM and starts it */
	bool mark_flash;		     /* mark.flash, 1: the second flash keeps the owner mark */
	char selftest[CONFIG_SELFTEST_MAX];  /* selftest: empty, or the name of a board test */
	char dirty_log[CONFIG_SELFTEST_MAX]; /* dirty-log: auto, write-protect */
	char dma_log[CONFIG_SELFTEST_MAX];   /* dma-log: auto, or a name of core/vm/dma_policy.h */
};

#define SLOT_RAM_MIB_MAX 128u
#define SLOT_DEVICES_MAX 4u /* each with a pin interrupt of its own */

/** Defaults: no name, 64 MiB, two vCPUs, the device, no autostart. */
void config_default(struct board_config *out);

/**
 * Read a whole file over the defaults.
 *
 * @return ERR_OK; ERR_BAD_RECORD or ERR_RANGE with reason (REASON_BYTES) naming line, key and value.
 *         On error out is partly filled and must not be used.
 */
enum err config_parse(struct board_config *out, const uint8_t *text, size_t len_bytes, char *reason);

#endif
