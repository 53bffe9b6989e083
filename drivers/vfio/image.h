/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The image of a device's state: a header that says whose state it is, then blocks. All
 * little-endian (docs/wire-format.md, device images).
 *
 *   header  0 le32 magic "GDVI", 4 le16 format, 6 le16 header bytes, 8 le16 vendor, 10 le16 device,
 *           12 le16 subsystem vendor, 14 le16 subsystem, 16 le32 state version, 20 le32 body bytes,
 *           24 le32 zero, 28 le32 CRC-32 of the 28 bytes before
 *   block   0 le16 tag (bit 15: mandatory), 2 le16 zero, 4 le32 value bytes,
 *           8 le32 CRC-32 of the 8 bytes before and the value, 12 value
 *
 * The CRC finds accidents; the session's seal is what keeps attackers out. Even so every
 * field is checked, and nothing is handed out before the whole image was.
 */
#ifndef DRIVERS_VFIO_IMAGE_H
#define DRIVERS_VFIO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/err.h"
#include "core/base/limits.h"

#define IMAGE_MAGIC	    0x49564447u
#define IMAGE_FORMAT	    1u
#define IMAGE_HEADER_BYTES  32u
#define IMAGE_BLOCK_BYTES   12u /* of a block, without its value */
#define IMAGE_TAG_MANDATORY 0x8000u
#define IMAGE_BLOCKS_MAX    64u

struct image_ident {
	uint16_t vendor_id, device_id;
	uint16_t subsystem_vendor_id, subsystem_id;
	uint32_t state_version;
};

/** One block that must be there, once, with this length. */
struct image_want {
	uint16_t tag; /* with IMAGE_TAG_MANDATORY, if so written */
	uint32_t len_bytes;
	const uint8_t *bytes; /* out: points into the image */
};

/** CRC-32 (IEEE 802.3, reflected), continued from crc (0 to begin). */
uint32_t image_crc32(uint32_t crc, const uint8_t *bytes, size_t len_bytes);

/** Room for the header; blocks follow. */
void image_begin(struct writer *w);
void image_put(struct writer *w, uint16_t tag, const uint8_t *bytes, uint32_t len_bytes);
/** Fill in the header. ERR_FULL when something did not fit. */
enum err image_end(struct writer *w, const struct image_ident *ident) MUST_CHECK;

/**
 * Check the first IMAGE_HEADER_BYTES bytes.
 *
 * @param body_bytes  Out: bytes that follow.
 * @param reason      REASON_BYTES; names field and value on error.
 * @return ERR_OK; ERR_BAD_RECORD; ERR_UNSUPPORTED (format, state version); ERR_MISMATCH (device).
 */
enum err image_header_check(const uint8_t header[IMAGE_HEADER_BYTES], const struct image_ident *ident,
	uint32_t *body_bytes, char *reason) MUST_CHECK;

/**
 * Check a whole image: header, every block, every wanted block there once and of its length,
 * no unknown mandatory block, not a byte more or less.
 *
 * @return ERR_OK with want[].bytes set; otherwise as above, and want[] is not touched.
 */
enum err image_parse(const uint8_t *bytes, size_t len_bytes, const struct image_ident *ident, struct image_want *want,
	uint32_t want_count, char *reason) MUST_CHECK;

#endif
