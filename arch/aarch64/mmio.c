/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "arch/aarch64/mmio.h"

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
	__asm__ volatile("dsb sy" ::: "memory");
}
