/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Intel 82574L: PCI 8086:10d3. Registers in BAR 0, 32 bits each; descriptors, little-endian. */
#ifndef DRIVERS_VFIO_E1000E_REGS_H
#define DRIVERS_VFIO_E1000E_REGS_H

#include "core/base/bits.h"

#define E1000E_VENDOR_ID	    0x8086u
#define E1000E_DEVICE_ID	    0x10d3u
#define E1000E_BAR_BYTES	    0x20000u

#define E1000E_CTRL		    0x0000u
#define E1000E_CTRL_RST		    BIT32(26)
#define E1000E_CTRL_PHY_RST	    BIT32(31)
#define E1000E_CTRL_DUP		    0x0004u
#define E1000E_STATUS		    0x0008u
#define E1000E_STATUS_LU	    BIT32(1)
#define E1000E_EERD		    0x0014u
#define E1000E_EERD_START	    BIT32(0)
#define E1000E_EERD_DONE	    BIT32(1)
#define E1000E_EERD_ADDR	    MASK32(15, 2)
#define E1000E_EERD_DATA	    MASK32(31, 16)
#define E1000E_CTRL_EXT		    0x0018u
#define E1000E_CTRL_EXT_EE_RST	    BIT32(13)
#define E1000E_MDIC		    0x0020u
#define E1000E_MDIC_DATA	    MASK32(15, 0)
#define E1000E_MDIC_REG		    MASK32(20, 16)
#define E1000E_MDIC_PHY		    MASK32(25, 21)
#define E1000E_MDIC_OP		    MASK32(27, 26)
#define E1000E_MDIC_OP_WRITE	    1u
#define E1000E_MDIC_OP_READ	    2u
#define E1000E_MDIC_READY	    BIT32(28)
#define E1000E_MDIC_ERROR	    BIT32(30)
#define E1000E_FCAL		    0x0028u
#define E1000E_FCAH		    0x002cu
#define E1000E_FCT		    0x0030u
#define E1000E_VET		    0x0038u
#define E1000E_ICR		    0x00c0u
#define E1000E_ICR_TXDW		    BIT32(0)
#define E1000E_ICR_TXQE		    BIT32(1)
#define E1000E_ICR_LSC		    BIT32(2)
#define E1000E_ICR_RXT0		    BIT32(7)
#define E1000E_ICR_ASSERTED	    BIT32(31)
#define E1000E_ITR		    0x00c4u
#define E1000E_ICS		    0x00c8u /* reads as ICR, without its side effects */
#define E1000E_IMS		    0x00d0u
#define E1000E_IMC		    0x00d8u
#define E1000E_EIAC		    0x00dcu
#define E1000E_IAM		    0x00e0u
#define E1000E_IVAR		    0x00e4u
#define E1000E_EITR		    0x00e8u
#define E1000E_EITR_COUNT	    5u
#define E1000E_RCTL		    0x0100u
#define E1000E_RCTL_EN		    BIT32(1)
#define E1000E_RCTL_DTYP	    MASK32(11, 10)
#define E1000E_RCTL_DTYP_SPLIT	    1u
#define E1000E_RCTL_BSIZE	    MASK32(17, 16)
#define E1000E_RCTL_BSEX	    BIT32(25)
#define E1000E_RCTL_FLXBUF	    MASK32(30, 27) /* KiB, if not zero */
#define E1000E_FCTTV		    0x0170u
#define E1000E_TCTL		    0x0400u
#define E1000E_TCTL_EN		    BIT32(1)
#define E1000E_TIPG		    0x0410u
#define E1000E_AIT		    0x0458u
#define E1000E_LEDCTL		    0x0e00u
#define E1000E_EXTCNF_CTRL	    0x0f00u
#define E1000E_PBA		    0x1000u
#define E1000E_PBS		    0x1008u
#define E1000E_FCRTL		    0x2160u
#define E1000E_FCRTH		    0x2168u
#define E1000E_PSRCTL		    0x2170u
#define E1000E_PSRCTL_BSIZE0	    MASK32(6, 0)  /* 128 bytes */
#define E1000E_PSRCTL_BSIZE1	    MASK32(13, 8) /* KiB, as the next two */
#define E1000E_PSRCTL_BSIZE2	    MASK32(21, 16)
#define E1000E_PSRCTL_BSIZE3	    MASK32(29, 24)

/* Two rings each way; what a ring has lies at the same places in each. */
#define E1000E_QUEUES		    2u
#define E1000E_RX_RING(q)	    (0x2800u + 0x100u * (q))
#define E1000E_TX_RING(q)	    (0x3800u + 0x100u * (q))
#define E1000E_RING_BAL		    0x00u
#define E1000E_RING_BAH		    0x04u
#define E1000E_RING_LEN		    0x08u
#define E1000E_RING_LEN_BITS	    MASK32(19, 7)
#define E1000E_RING_HEAD	    0x10u
#define E1000E_RING_TAIL	    0x18u
#define E1000E_RDTR		    0x2820u   /* RADV and TADV beside: in 1.024 us */
#define E1000E_DELAY_FPD	    BIT32(31) /* of RDTR and TIDV: what was put off happens now */
#define E1000E_DELAY_TIME	    MASK32(15, 0)
#define E1000E_RXDCTL(q)	    (0x2828u + 0x100u * (q))
#define E1000E_RADV		    0x282cu
#define E1000E_RSRPD		    0x2c00u
#define E1000E_RAID		    0x2c08u
#define E1000E_TIDV		    0x3820u /* QEMU's cannot be read */
#define E1000E_TXDCTL(q)	    (0x3828u + 0x100u * (q))
#define E1000E_TADV		    0x382cu
#define E1000E_TARC(q)		    (0x3840u + 0x100u * (q))

/* The same registers at the places of the 82542, in page 0. */
#define E1000E_RX_ALIAS		    0x0110u /* to 0x12f: the ring of queue 0, and RDTR at 0x108 */
#define E1000E_RX_ALIAS_END	    0x0130u
#define E1000E_RDTR_ALIAS	    0x0108u
#define E1000E_TX_ALIAS		    0x0420u /* to 0x443: as 0x3800 */
#define E1000E_TX_ALIAS_END	    0x0444u

#define E1000E_STATS		    0x4000u /* clear on read */
#define E1000E_STATS_COUNT	    74u	    /* to 0x4124 */

#define E1000E_RXCSUM		    0x5000u
#define E1000E_RFCTL		    0x5008u
#define E1000E_RFCTL_EXTEN	    BIT32(15)
#define E1000E_MTA		    0x5200u
#define E1000E_MTA_COUNT	    128u
#define E1000E_RA		    0x5400u
#define E1000E_RA_COUNT		    32u
#define E1000E_VFTA		    0x5600u
#define E1000E_VFTA_COUNT	    128u
#define E1000E_WUC		    0x5800u
#define E1000E_WUFC		    0x5808u
#define E1000E_MRQC		    0x5818u
#define E1000E_MANC		    0x5820u
#define E1000E_IPAV		    0x5838u
#define E1000E_IP4AT		    0x5840u
#define E1000E_IP4AT_COUNT	    7u
#define E1000E_MANC2H		    0x5860u
#define E1000E_IP6AT		    0x5880u
#define E1000E_IP6AT_COUNT	    4u
#define E1000E_SWSM		    0x5b50u
#define E1000E_SWSM_SMBI	    BIT32(0) /* set by being read */
#define E1000E_SWSM_SWESMBI	    BIT32(1)
#define E1000E_RETA		    0x5c00u
#define E1000E_RETA_COUNT	    32u
#define E1000E_RSSRK		    0x5c80u
#define E1000E_RSSRK_COUNT	    10u
#define E1000E_TIMINCA		    0xb608u
#define E1000E_TSYNCTXCTL	    0xb614u
#define E1000E_TSYNCRXCTL	    0xb620u
#define E1000E_RXCFGL		    0xb634u
#define E1000E_RXUDP		    0xb638u
#define E1000E_PBM		    0x10000u /* packet buffer */
#define E1000E_PBM_WORDS	    10240u

/* PHY, at address 1. */
#define E1000E_PHY_ADDRESS	    1u
#define E1000E_PHY_CONTROL	    0u
#define E1000E_PHY_CONTROL_GO	    (BIT32(15) | BIT32(9)) /* reset, restart auto-negotiation */
#define E1000E_PHY_PAGE		    22u

#define E1000E_EEPROM_WORDS	    64u

/* Descriptors: 16 bytes; packet split receive descriptors take two of these. */
#define E1000E_DESC_BYTES	    16u
/* Transmit: the third word. Legacy without DEXT; with it DTYP says context or data. */
#define E1000E_TX_LENGTH	    MASK32(15, 0)
#define E1000E_TX_DTYP		    MASK32(23, 20)
#define E1000E_TX_DTYP_CONTEXT	    0u
#define E1000E_TX_DTYP_DATA	    1u
#define E1000E_TX_EOP		    BIT32(24)
#define E1000E_TX_TSE		    BIT32(26)
#define E1000E_TX_RS		    BIT32(27)
#define E1000E_TX_DEXT		    BIT32(29)
#define E1000E_TX_IDE		    BIT32(31)
/* The fourth. */
#define E1000E_TX_DD		    BIT32(0)

/* PCI COMMAND */
#define E1000E_COMMAND_MASTER	    BIT32(2)
#define E1000E_COMMAND_INTX_DISABLE BIT32(10)

#endif
