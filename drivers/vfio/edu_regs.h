/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** QEMU's edu device (docs/specs/edu.rst of QEMU): PCI 1234:11e8, registers in BAR 0. */
#ifndef DRIVERS_VFIO_EDU_REGS_H
#define DRIVERS_VFIO_EDU_REGS_H

#include "core/base/bits.h"

#define EDU_VENDOR_ID		 0x1234u
#define EDU_DEVICE_ID		 0x11e8u
#define EDU_BAR_BYTES		 0x100000u

#define EDU_ID			 0x00u
#define EDU_INVERSE		 0x04u /* reads as the inverse of what was written */
#define EDU_FACTORIAL		 0x08u
#define EDU_STATUS		 0x20u
#define EDU_STATUS_COMPUTING	 BIT32(0)
#define EDU_STATUS_IRQFACT	 BIT32(7)
#define EDU_IRQ_STATUS		 0x24u
#define EDU_IRQ_FACTORIAL	 BIT32(0)
#define EDU_IRQ_DMA		 BIT32(8)
#define EDU_IRQ_RAISE		 0x60u
#define EDU_IRQ_ACK		 0x64u
#define EDU_DMA_SRC		 0x80u
#define EDU_DMA_DST		 0x88u
#define EDU_DMA_COUNT		 0x90u
#define EDU_DMA_CMD		 0x98u
#define EDU_DMA_RUN		 BIT64(0)
#define EDU_DMA_TO_RAM		 BIT64(1)
#define EDU_DMA_IRQ		 BIT64(2)
#define EDU_DMA_CMD_BITS	 (EDU_DMA_RUN | EDU_DMA_TO_RAM | EDU_DMA_IRQ)

/* Registers below take 4 bytes, from here on 4 or 8. */
#define EDU_WIDE_FROM		 0x80u

/* PCI COMMAND */
#define EDU_COMMAND_MASTER	 BIT32(2)
#define EDU_COMMAND_INTX_DISABLE BIT32(10)

/* The buffer, in device addresses. */
#define EDU_BUFFER		 0x40000u
#define EDU_BUFFER_BYTES	 4096u

#endif
