/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What both hosts must agree on before a byte of state moves: the engine's part of hello, compared field by field, so that a
 * mismatch names the field and both values.
 *
 * Bytes: le32 magic, le16 engine protocol lowest, le16 highest; then records of le16 type, le16 length, value. Bit 15
 * of a type says that a reader must know it; unknown records without it are skipped. Each type comes once,
 * but RAM regions, ID registers and devices, which come in order.
 */
#ifndef MIGRATION_GEOMETRY_H
#define MIGRATION_GEOMETRY_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/device.h"
#include "migration/vm.h"

#define GEOMETRY_MAGIC		  0x6f6c6548u /* "Helo" */
#define GEOMETRY_PROTOCOL_LOWEST  1u
#define GEOMETRY_PROTOCOL_HIGHEST 1u
#define GEOMETRY_BYTES_MAX	  (CTRL_MSG_BYTES - 512u)

struct geometry_device {
	char id[16];
	char type[16];
	uint16_t vendor_id, device_id;
	uint32_t state_version;
	uint32_t load_us; /* informative: how long this side takes from the last byte to RUNNING */
};

struct geometry_limits {
	uint32_t page_bytes, frame_bytes, frame_pages, frame_entries, record_bytes;
};

struct geometry {
	uint16_t protocol_lowest, protocol_highest;
	struct vm_desc vm; /* id_reg_names: own only */
	struct geometry_limits limits;
	struct geometry_device devices[DEVICE_COUNT_MAX];
	uint32_t device_count;
};

/** The hello of a VM and its devices with this engine's limits. */
void geometry_make(struct geometry *h, const struct vm_desc *vm);
/** One more device. ERR_FULL. */
enum err geometry_add_device(struct geometry *h, const struct device_desc *desc) MUST_CHECK;

/** ERR_FULL when it does not fit into cap. */
enum err geometry_encode(const struct geometry *h, uint8_t *out, size_t cap_bytes, size_t *len_bytes) MUST_CHECK;
/** ERR_BAD_RECORD or ERR_UNSUPPORTED; reason says what; *out is untouched then. */
enum err geometry_decode(const uint8_t *bytes, size_t len_bytes, struct geometry *out, char *reason) MUST_CHECK;
/** ERR_MISMATCH: reason names the field, what the peer has and what is here. */
enum err geometry_compare(const struct geometry *own, const struct geometry *peer, char *reason) MUST_CHECK;

#endif
