# SPDX-License-Identifier: BSD-2-Clause-Patent

fake-src += tests/fake/e1000e_bench.c
fake-src += tests/fake/fake_e1000e.c
fake-src += tests/fake/fake_edu.c
fake-src += tests/fake/fake_mmio.c
fake-src += tests/fake/fake_virtio.c

unit-tests += tests/unit/drivers/test_e1000e
unit-tests += tests/unit/drivers/test_edu
unit-tests += tests/unit/drivers/test_fw_cfg
unit-tests += tests/unit/drivers/test_pcie
unit-tests += tests/unit/drivers/test_smmuv3
unit-tests += tests/unit/drivers/test_smmuv3_model
unit-tests += tests/unit/drivers/test_smmuv3_model_dirty
unit-tests += tests/unit/drivers/test_smmuv3_model_httu
unit-tests += tests/unit/drivers/test_smmuv3_model_mutants
unit-tests += tests/unit/drivers/test_smmuv3_model_stage1
unit-tests += tests/unit/drivers/test_smmuv3_on_model
unit-tests += tests/unit/drivers/test_virtio
