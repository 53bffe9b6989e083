# SPDX-License-Identifier: BSD-2-Clause-Patent

driver-src += drivers/gicv3/gicv3.c
driver-src += drivers/mmio.c
driver-src += drivers/pcie/pcie.c
driver-src += drivers/pl011/pl011.c
driver-src += drivers/smmuv3_mmio.c

smmu-src += drivers/smmuv3/cmdq.c
smmu-src += drivers/smmuv3/event.c
smmu-src += drivers/smmuv3/init.c
smmu-src += drivers/smmuv3/probe.c
smmu-src += drivers/smmuv3/stream_table.c
smmu-src += drivers/smmuv3/tlb.c
