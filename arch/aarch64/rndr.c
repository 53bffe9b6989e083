/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/rndr.h"

#include <string.h>

#include "arch/aarch64/features.h"
#include "core/base/bits.h"

#define TRIES_MAX  1000u
#define ISAR0_RNDR 60u

bool rndr_present(void)
{
	return id_field(SYSREG_READ(id_aa64isar0_el1), ISAR0_RNDR) != 0;
}

/** One value; PSTATE.Z says that there was none. */
static bool rndrrs(uint64_t *value)
{
	uint64_t ok;

	__asm__ volatile("mrs %0, S3_3_C2_C4_1\n\t"
			 "cset %1, ne"
			 : "=r"(*value), "=r"(ok)
			 :
			 : "cc");
	return ok != 0;
}

enum err rndr_read(uint8_t *out, size_t len_bytes)
{
	for (size_t at = 0; at < len_bytes;) {
		size_t n = MIN(len_bytes - at, sizeof(uint64_t));
		uint64_t value = 0;
		uint32_t tries = 0;

		while (!rndrrs(&value)) {
			if (++tries == TRIES_MAX) {
				return ERR_IO;
			}
		}
		memcpy(out + at, &value, n);
		at += n;
	}
	return ERR_OK;
}
