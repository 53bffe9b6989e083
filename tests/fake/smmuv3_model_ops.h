/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The SMMUv3 model as the driver's registers, barriers and clock. */
#ifndef TESTS_FAKE_SMMUV3_MODEL_OPS_H
#define TESTS_FAKE_SMMUV3_MODEL_OPS_H

#include "drivers/smmuv3/smmuv3.h"
#include "tests/fake/smmuv3_model_bench.h"

/** ctx is a struct smmu_model. */
extern const struct gw_smmu_ops smmu_model_ops;

/** Config of the bench's memory; two_level: two leaf tables for 2^10 StreamIDs. */
struct gw_smmu_config smmu_model_config(struct smmu_bench *b, bool two_level);

#endif
