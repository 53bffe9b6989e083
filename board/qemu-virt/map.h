/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Where QEMU's virt board has its devices: hw/arm/virt.c of QEMU 10.0, docs/memory-map.md. */
#ifndef BOARD_QEMU_VIRT_MAP_H
#define BOARD_QEMU_VIRT_MAP_H

#define MAP_FLASH1	     0x04000000u
#define MAP_RTC		     0x09010000u
#define MAP_FW_CFG	     0x09020000u
#define MAP_SMMU	     0x09050000u
#define MAP_VIRTIO	     0x0a000000u
#define MAP_VIRTIO_STRIDE    0x200u
#define MAP_VIRTIO_COUNT     32u
#define MAP_PCIE_MEM32	     0x10000000u
#define MAP_PCIE_MEM32_BYTES 0x2eff0000u
#define MAP_PCIE_ECAM	     0x4010000000ull
#define MAP_PCIE_MEM64	     0x8000000000ull
#define MAP_PCIE_MEM64_BYTES 0x8000000000ull

/* INTIDs: SPI number + 32. */
#define MAP_IRQ_UART0	     33u
#define MAP_IRQ_PCIE_INTX    35u /* first of four */
#define MAP_IRQ_UART1	     40u
#define MAP_IRQ_VIRTIO	     48u /* of transport 0 */
#define MAP_IRQ_SMMU_EVENT   106u
#define MAP_IRQ_SMMU_GERROR  109u

#endif
