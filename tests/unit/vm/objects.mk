# SPDX-License-Identifier: BSD-2-Clause-Patent
# Stage 2 and the dirty log, over a CPU's walker and TLB.
unit-tests += tests/unit/vm/test_stage2
unit-tests += tests/unit/vm/test_dirty_log
unit-tests += tests/unit/vm/test_dirty_dma
tests/unit/vm/test_stage2-src += tests/unit/vm/s2_mmu.c
tests/unit/vm/test_dirty_log-src += tests/unit/vm/s2_mmu.c

# The guest's emulated devices.
unit-tests += tests/unit/vm/test_vgic
tests/unit/vm/test_vgic-src += tests/unit/vm/vgic_cpu.c
unit-tests += tests/unit/vm/test_vgic_record
tests/unit/vm/test_vgic_record-src += tests/unit/vm/vgic_cpu.c tests/unit/vm/record_walk.c
unit-tests += tests/unit/vm/test_mmio
unit-tests += tests/unit/vm/test_vpl011
tests/unit/vm/test_vpl011-src += tests/unit/vm/record_walk.c
unit-tests += tests/unit/vm/test_vpl031
tests/unit/vm/test_vpl031-src += tests/unit/vm/record_walk.c
unit-tests += tests/unit/vm/test_vpci
tests/unit/vm/test_vpci-src += tests/unit/vm/record_walk.c
unit-tests += tests/unit/vm/test_vpsci
tests/unit/vm/test_vpsci-src += tests/unit/vm/record_walk.c
unit-tests += tests/unit/vm/test_vm_records
unit-tests += tests/unit/vm/test_guest_tree
tests/unit/vm/test_guest_tree-src += tests/unit/vm/fdt_look.c
unit-tests += tests/unit/vm/test_vm_reset
