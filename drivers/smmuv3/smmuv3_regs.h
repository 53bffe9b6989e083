/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Registers and in-memory structures of Arm SMMUv3, Non-secure (Arm IHI 0070). Offsets are
 * from the base of page 0; page 1 lies at + 0x10000. STE, command and event fields are given
 * by 64-bit word (d0 ... d7).
 */
#ifndef DRIVERS_SMMUV3_SMMUV3_REGS_H
#define DRIVERS_SMMUV3_SMMUV3_REGS_H

#include "core/base/bits.h"

/* 6.3.1 SMMU_IDR0 */
#define SMMU_IDR0		     0x0000u
#define SMMU_IDR0_S2P		     BIT32(0)
#define SMMU_IDR0_S1P		     BIT32(1)
#define SMMU_IDR0_TTF		     MASK32(3, 2)
#define SMMU_IDR0_TTF_AARCH32	     1u /* bit 0 of the field */
#define SMMU_IDR0_TTF_AARCH64	     2u /* bit 1 of the field: AArch64 tables */
#define SMMU_IDR0_COHACC	     BIT32(4)
#define SMMU_IDR0_BTM		     BIT32(5)
#define SMMU_IDR0_HTTU		     MASK32(7, 6)
#define SMMU_IDR0_HYP		     BIT32(9)
#define SMMU_IDR0_ATS		     BIT32(10)
#define SMMU_IDR0_MSI		     BIT32(13)
#define SMMU_IDR0_VMID16	     BIT32(18)
#define SMMU_IDR0_TTENDIAN	     MASK32(22, 21)
#define SMMU_IDR0_TTENDIAN_BIG	     3u
#define SMMU_IDR0_STALL_MODEL	     MASK32(25, 24)
#define SMMU_IDR0_STALL_MODEL_FORCED 2u
#define SMMU_IDR0_ST_LEVEL	     MASK32(28, 27)
#define SMMU_IDR0_ST_LEVEL_TWO	     1u

/* 6.3.2 SMMU_IDR1 */
#define SMMU_IDR1		     0x0004u
#define SMMU_IDR1_SIDSIZE	     MASK32(5, 0)
#define SMMU_IDR1_EVENTQS	     MASK32(20, 16)
#define SMMU_IDR1_CMDQS		     MASK32(25, 21)
#define SMMU_IDR1_REL		     BIT32(28)
#define SMMU_IDR1_QUEUES_PRESET	     BIT32(29)
#define SMMU_IDR1_TABLES_PRESET	     BIT32(30)

/* 6.3.4 SMMU_IDR3 */
#define SMMU_IDR3		     0x000cu
#define SMMU_IDR3_FWB		     BIT32(8)
#define SMMU_IDR3_RIL		     BIT32(10)
#define SMMU_IDR3_BBML		     MASK32(12, 11)

/* 6.3.6 SMMU_IDR5 */
#define SMMU_IDR5		     0x0014u
#define SMMU_IDR5_OAS		     MASK32(2, 0)
#define SMMU_IDR5_GRAN4K	     BIT32(4)

#define SMMU_AIDR		     0x001cu

/* 6.3.9 SMMU_CR0, 6.3.10 SMMU_CR0ACK */
#define SMMU_CR0		     0x0020u
#define SMMU_CR0ACK		     0x0024u
#define SMMU_CR0_SMMUEN		     BIT32(0)
#define SMMU_CR0_PRIQEN		     BIT32(1)
#define SMMU_CR0_EVENTQEN	     BIT32(2)
#define SMMU_CR0_CMDQEN		     BIT32(3)
#define SMMU_CR0_ATSCHK		     BIT32(4)
#define SMMU_CR0_VMW		     MASK32(8, 6)
#define SMMU_CR0_FIELDS                                                                                                \
	(SMMU_CR0_SMMUEN | SMMU_CR0_PRIQEN | SMMU_CR0_EVENTQEN | SMMU_CR0_CMDQEN | SMMU_CR0_ATSCHK | SMMU_CR0_VMW)

/* 6.3.11 SMMU_CR1: cacheability 1 is Write-Back, shareability 3 is Inner */
#define SMMU_CR1			   0x0028u
#define SMMU_CR1_QUEUE_IC		   MASK32(1, 0)
#define SMMU_CR1_QUEUE_OC		   MASK32(3, 2)
#define SMMU_CR1_QUEUE_SH		   MASK32(5, 4)
#define SMMU_CR1_TABLE_IC		   MASK32(7, 6)
#define SMMU_CR1_TABLE_OC		   MASK32(9, 8)
#define SMMU_CR1_TABLE_SH		   MASK32(11, 10)
#define SMMU_CR1_WB			   1u
#define SMMU_CR1_ISH			   3u

/* 6.3.12 SMMU_CR2 */
#define SMMU_CR2			   0x002cu
#define SMMU_CR2_RECINVSID		   BIT32(1)
#define SMMU_CR2_PTM			   BIT32(2)

/* 6.3.14 SMMU_GBPA */
#define SMMU_GBPA			   0x0044u
#define SMMU_GBPA_ABORT			   BIT32(20)
#define SMMU_GBPA_UPDATE		   BIT32(31)

/* 6.3.16 SMMU_IRQ_CTRL, 6.3.17 SMMU_IRQ_CTRLACK */
#define SMMU_IRQ_CTRL			   0x0050u
#define SMMU_IRQ_CTRLACK		   0x0054u
#define SMMU_IRQ_CTRL_GERROR		   BIT32(0)
#define SMMU_IRQ_CTRL_PRIQ		   BIT32(1)
#define SMMU_IRQ_CTRL_EVENTQ		   BIT32(2)
#define SMMU_IRQ_CTRL_FIELDS		   (SMMU_IRQ_CTRL_GERROR | SMMU_IRQ_CTRL_PRIQ | SMMU_IRQ_CTRL_EVENTQ)

/* 6.3.18 SMMU_GERROR, 6.3.19 SMMU_GERRORN: active where the two differ */
#define SMMU_GERROR			   0x0060u
#define SMMU_GERRORN			   0x0064u
#define SMMU_GERROR_CMDQ_ERR		   BIT32(0)
#define SMMU_GERROR_EVENTQ_ABT		   BIT32(2)
#define SMMU_GERROR_SFM			   BIT32(8)
#define SMMU_GERROR_FIELDS		   MASK32(10, 0)
#define SMMU_GERROR_IRQ_CFG0		   0x0068u /* 64 bits */

/* 6.3.24 SMMU_STRTAB_BASE, 6.3.25 SMMU_STRTAB_BASE_CFG */
#define SMMU_STRTAB_BASE		   0x0080u /* 64 bits */
#define SMMU_STRTAB_BASE_ADDR		   MASK64(55, 6)
#define SMMU_STRTAB_BASE_RA		   BIT64(62)
#define SMMU_STRTAB_BASE_CFG		   0x0088u
#define SMMU_STRTAB_BASE_CFG_LOG2SIZE	   MASK32(5, 0)
#define SMMU_STRTAB_BASE_CFG_SPLIT	   MASK32(10, 6)
#define SMMU_STRTAB_BASE_CFG_FMT	   MASK32(17, 16)
#define SMMU_STRTAB_BASE_CFG_FMT_LINEAR	   0u
#define SMMU_STRTAB_BASE_CFG_FMT_TWO_LEVEL 1u

/* 6.3.26 to 6.3.28: command queue */
#define SMMU_CMDQ_BASE			   0x0090u /* 64 bits */
#define SMMU_CMDQ_PROD			   0x0098u
#define SMMU_CMDQ_CONS			   0x009cu
#define SMMU_CMDQ_CONS_ERR		   MASK32(30, 24)
#define SMMU_Q_BASE_LOG2SIZE		   MASK64(4, 0)
#define SMMU_Q_BASE_ADDR		   MASK64(55, 5)
#define SMMU_Q_BASE_RAWA		   BIT64(62)

/* 6.3.29 to 6.3.31: event queue; the indices lie on page 1 */
#define SMMU_EVENTQ_BASE		   0x00a0u /* 64 bits */
#define SMMU_EVENTQ_IRQ_CFG0		   0x00b0u /* 64 bits */
#define SMMU_EVENTQ_PROD		   0x100a8u
#define SMMU_EVENTQ_CONS		   0x100acu
#define SMMU_EVENTQ_OVFLG		   BIT32(31) /* OVFLG of PROD, OVACKFLG of CONS */

/* 5.2 Stream table entry */
#define STE_BYTES			   64u
#define STE_WORDS			   8u
#define STE0_V				   BIT64(0)
#define STE0_CONFIG			   MASK64(3, 1)
#define STE0_CONFIG_S2			   6u
#define STE1_S2FWB			   BIT64(25)
#define STE1_SHCFG			   MASK64(45, 44)
#define STE1_SHCFG_INCOMING		   1u
#define STE2_S2VMID			   MASK64(15, 0)
#define STE2_S2T0SZ			   MASK64(37, 32)
#define STE2_S2SL0			   MASK64(39, 38)
#define STE2_S2IR0			   MASK64(41, 40)
#define STE2_S2OR0			   MASK64(43, 42)
#define STE2_S2WALK_WB			   1u /* Write-Back Read-Allocate Write-Allocate */
#define STE2_S2SH0			   MASK64(45, 44)
#define STE2_S2SH0_ISH			   3u
#define STE2_S2TG			   MASK64(47, 46)
#define STE2_S2TG_4K			   0u
#define STE2_S2PS			   MASK64(50, 48)
#define STE2_S2AA64			   BIT64(51)
#define STE2_S2HD			   BIT64(55)
#define STE2_S2HA			   BIT64(56)
#define STE2_S2R			   BIT64(58)
#define STE3_S2TTB			   MASK64(55, 4)

/* 5.1 Level 1 stream table descriptor */
#define L1STD_SPAN			   MASK64(4, 0)
#define L1STD_L2PTR			   MASK64(51, 6)

/* 4 Commands */
#define CMD_BYTES			   16u
#define CMD0_OP				   MASK64(7, 0)
#define CMD_CFGI_STE			   0x03u
#define CMD_CFGI_ALL			   0x04u
#define CMD_TLBI_EL2_ALL		   0x20u
#define CMD_TLBI_S12_VMALL		   0x28u
#define CMD_TLBI_S2_IPA			   0x2au
#define CMD_TLBI_NSNH_ALL		   0x30u
#define CMD_SYNC			   0x46u
#define CMD0_SID			   MASK64(63, 32)
#define CMD0_VMID			   MASK64(47, 32)
#define CMD0_NUM			   MASK64(16, 12)
#define CMD0_SCALE			   MASK64(24, 20)
#define CMD1_LEAF			   BIT64(0)
#define CMD1_CFGI_ALL_RANGE		   31u
#define CMD1_TG				   MASK64(11, 10)
#define CMD1_TG_4K			   1u
#define CMD1_IPA			   MASK64(51, 12)

/* 7.3 Event records */
#define EVENT_BYTES			   32u
#define EVENT0_TYPE			   MASK64(7, 0)
#define EVENT0_SID			   MASK64(63, 32)
#define EVENT1_STALL			   BIT64(31)
#define EVENT1_RNW			   BIT64(35)
#define EVENT1_S2			   BIT64(39)
#define EVENT1_CLASS			   MASK64(41, 40)
#define EVENT3_FETCH			   MASK64(51, 3)
#define EVENT3_IPA			   MASK64(51, 12)

#endif
