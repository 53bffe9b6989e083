# SPDX-License-Identifier: BSD-2-Clause-Patent

board-src += $(addprefix board/qemu-virt/,map.c halt.c main.c)
