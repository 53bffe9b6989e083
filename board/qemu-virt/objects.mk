# SPDX-License-Identifier: BSD-2-Clause-Patent

board-src += $(addprefix board/qemu-virt/,map.c halt.c config.c fdt.c slot.c main.c)
