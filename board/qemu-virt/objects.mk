# SPDX-License-Identifier: BSD-2-Clause-Patent

board-src += $(addprefix board/qemu-virt/,map.c halt.c config.c fdt.c guest.c machine.c mark_flash.c passthrough.c selftest_smmu.c selftest_vm.c serial.c service.c slot.c main.c)
