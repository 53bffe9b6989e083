# SPDX-License-Identifier: BSD-2-Clause-Patent
# Stage 2 and the dirty log, over a CPU's walker and TLB.
unit-tests += tests/unit/vm/test_stage2
unit-tests += tests/unit/vm/test_dirty_log
tests/unit/vm/test_stage2-src += tests/unit/vm/s2_mmu.c
tests/unit/vm/test_dirty_log-src += tests/unit/vm/s2_mmu.c

# The guest's emulated devices.
unit-tests += tests/unit/vm/test_vgic
tests/unit/vm/test_vgic-src += tests/unit/vm/vgic_cpu.c
