# SPDX-License-Identifier: BSD-2-Clause-Patent

# mem.S first: its functions must be found before newlib's.
arch-src += $(addprefix arch/aarch64/,mem.S head.S vectors.S core.c cache.c gic_cpu.c mmio.c panic.c psci.c stage1.c timer.c)
