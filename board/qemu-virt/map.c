/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The memory map of QEMU's virt board: docs/memory-map.md. */
#include "core/vm/board.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

const struct board board = {
	.name = "qemu-virt",
	.ram_base = 0x40000000ull,
	.guest_ram_base = 0x50000000ull,
	.device = {
		{ 0x04000000ull, 0x00200000ull },	/* second flash: the blocks of the owner mark */
		{ 0x08000000ull, 0x01000000ull },	/* GICD, ITS, GICR */
		{ 0x09000000ull, 0x00200000ull },	/* UARTs, RTC, fw_cfg, SMMU */
		{ 0x0A000000ull, 0x00004000ull },	/* virtio-mmio */
		{ 0x10000000ull, 0x2EFF0000ull },	/* PCIe 32-bit MMIO */
		{ 0x4010000000ull, 256 * MIB },		/* ECAM */
		{ 0x8000000000ull, 512 * GIB },		/* PCIe 64-bit MMIO */
	},
	.gicd_base = 0x08000000ull,
	.gicr_base = 0x080A0000ull,
	.gicr_len_bytes = 0x00F60000ull,
	.uart_console_base = 0x09000000ull,
	.uart_control_base = 0x09040000ull,
};
