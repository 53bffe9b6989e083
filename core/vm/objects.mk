# SPDX-License-Identifier: BSD-2-Clause-Patent

# The portable half: emulated devices of the guest.

# The hypervisor itself: console, VMs, vCPUs, stage 2, dirty log.
vm-src += $(addprefix core/vm/,console.c dirty_log.c irq.c stage2.c trap.c vcpu.c vcpu_check.c vm.c vm_ops.c vm_records.c)
vm-src += core/vm/dma_policy.c core/vm/mmio.c
vm-src += core/vm/vgic.c core/vm/vgic_lr.c core/vm/vgic_regs.c core/vm/vgic_record.c
vm-src += core/vm/vpl011.c core/vm/vpl031.c
vm-src += core/vm/vpci.c
vm-src += core/vm/vpsci.c
vm-src += core/vm/fdt_write.c core/vm/guest_tree.c
