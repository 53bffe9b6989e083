# SPDX-License-Identifier: BSD-2-Clause-Patent

driver-src += drivers/mmio.c
arch-src += arch/aarch64/mmio.c
