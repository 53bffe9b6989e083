# SPDX-License-Identifier: BSD-2-Clause-Patent

# mem.S first: its functions must be found before newlib's.
arch-src += $(addprefix arch/aarch64/,mem.S head.S vectors.S fpsimd.S \
	arch.c cache.c core.c debug.c fault.c gic_cpu.c id_regs.c inject.c mmio.c panic.c psci.c rndr.c stage1.c sysreg_trap.c \
	timer.c tlb.c vcpu.c)
