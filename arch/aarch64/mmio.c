/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Assembly, so that each access is exactly one instruction with a syndrome (no writeback, no pairs): a hypervisor below
 * could emulate it, and the compiler cannot merge or split it.
 */
#include "drivers/mmio.h"

#define MMIO_READ(bits, type, insn, reg)                                                                               \
	type mmio_read##bits(uintptr_t addr)                                                                           \
	{                                                                                                              \
		type value;                                                                                            \
		__asm__ volatile(insn " %" reg "0, [%1]" : "=r"(value) : "r"(addr) : "memory");                        \
		return value;                                                                                          \
	}

#define MMIO_WRITE(bits, type, insn, reg)                                                                              \
	void mmio_write##bits(uintptr_t addr, type value)                                                              \
	{                                                                                                              \
		__asm__ volatile(insn " %" reg "0, [%1]" ::"r"(value), "r"(addr) : "memory");                          \
	}

MMIO_READ(8, uint8_t, "ldrb", "w")
MMIO_READ(16, uint16_t, "ldrh", "w")
MMIO_READ(32, uint32_t, "ldr", "w")
MMIO_READ(64, uint64_t, "ldr", "x")
MMIO_WRITE(8, uint8_t, "strb", "w")
MMIO_WRITE(16, uint16_t, "strh", "w")
MMIO_WRITE(32, uint32_t, "str", "w")
MMIO_WRITE(64, uint64_t, "str", "x")

void mmio_complete(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

void mmio_wmb(void)
{
	__asm__ volatile("dmb oshst" ::: "memory");
}

void mmio_rmb(void)
{
	__asm__ volatile("dmb oshld" ::: "memory");
}

void mmio_mb(void)
{
	__asm__ volatile("dmb osh" ::: "memory");
}
