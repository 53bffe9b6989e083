/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** A board test that needs the hypervisor's own hands: the key "selftest=smmu" of the configuration. */
#ifndef BOARD_QEMU_VIRT_SELFTEST_SMMU_H
#define BOARD_QEMU_VIRT_SELFTEST_SMMU_H

#include "board/qemu-virt/passthrough.h"

/**
 * An unassigned edu (0000:00:02.0) is made to write to memory; the SMMU must block it and report
 * StreamID and address. Prints "godwit: selftest smmu ok" or "... fail: why". Any other name: nothing.
 */
void selftest_smmu(const char *name, struct passthrough *p);

#endif
