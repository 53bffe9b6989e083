/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * lwIP 2.2 as Godwit uses it: raw API without a system, TCP over IPv4 over Ethernet, ARP, ICMP
 * echo; static pools only. docs/memory-map.md counts them.
 */
#ifndef NET_LWIP_LWIPOPTS_H
#define NET_LWIP_LWIPOPTS_H

#include <stdint.h>

/* ---- system ---- */
#define NO_SYS			       1
#define SYS_LIGHTWEIGHT_PROT	       0 /* one service core calls lwIP, no interrupt does */
#define LWIP_TIMERS		       1
#define LWIP_SOCKET		       0
#define LWIP_NETCONN		       0
#define LWIP_STATS		       0
#define LWIP_DISABLE_TCP_SANITY_CHECKS 0

/* ---- memory: pools of fixed size, no heap ---- */
#define MEM_LIBC_MALLOC		       0
#define MEMP_MEM_MALLOC		       0
#define MEM_USE_POOLS		       1
#define MEM_USE_POOLS_TRY_BIGGER_POOL  1
#define MEMP_USE_CUSTOM_POOLS	       1 /* net/lwip/lwippools.h */
#define MEM_ALIGNMENT		       8

/* ---- protocols ---- */
#define LWIP_IPV4		       1
#define LWIP_IPV6		       0
#define LWIP_ARP		       1
#define ETHARP_TRUST_IP_MAC	       0
#define ARP_QUEUEING		       0
#define ARP_TABLE_SIZE		       8
#define IP_REASSEMBLY		       0
#define IP_FRAG			       0
#define IP_FORWARD		       0
#define LWIP_ICMP		       1
#define LWIP_BROADCAST_PING	       0
#define LWIP_RAW		       0
#define LWIP_UDP		       0
#define LWIP_DHCP		       0
#define LWIP_DNS		       0
#define LWIP_IGMP		       0
#define LWIP_NETIF_LOOPBACK	       0
#define LWIP_HAVE_LOOPIF	       0
#define LWIP_SINGLE_NETIF	       1
#define LWIP_NETIF_TX_SINGLE_PBUF      0

/* Checksums are made and checked; the NIC is not trusted with them. */
#define CHECKSUM_GEN_IP		       1
#define CHECKSUM_GEN_TCP	       1
#define CHECKSUM_GEN_ICMP	       1
#define CHECKSUM_CHECK_IP	       1
#define CHECKSUM_CHECK_TCP	       1
#define CHECKSUM_CHECK_ICMP	       1
#define LWIP_CHECKSUM_ON_COPY	       0
#define LWIP_CHKSUM_ALGORITHM	       3

/* ---- TCP ---- */
#define LWIP_TCP		       1
#define LWIP_CALLBACK_API	       1
#define TCP_TMR_INTERVAL	       5   /* ms: a lost last segment costs tens of ms, not seconds */
#define LWIP_TCP_RTO_TIME	       200 /* ms, before the first measured round trip */
#define TCP_MAXRTX		       12
#define TCP_SYNMAXRTX		       12     /* the interval stays: 2.6 s in all */
#define TCP_MSL			       1000UL /* ms: hosts of one data centre */
#define TCP_MSS			       8960   /* MTU 9000; less by the interface's own MTU */
#define TCP_CALCULATE_EFF_SEND_MSS     1
#define LWIP_WND_SCALE		       1
#define TCP_RCV_SCALE		       4
#define TCP_WND			       (256 * 1024)
#define TCP_SND_BUF		       (512 * 1024)
#define TCP_SND_QUEUELEN	       736   /* pbufs: a full TCP_SND_BUF at an MSS of 1460, two a segment */
#define TCP_SNDLOWAT		       16384 /* unused by the raw API, but checked */
#define TCP_OVERSIZE		       0
#define TCP_QUEUE_OOSEQ		       1
#define TCP_OOSEQ_MAX_PBUFS	       96 /* of one connection: half of the receive pool */
#define LWIP_TCP_SACK_OUT	       1
#define LWIP_TCP_MAX_SACK_NUM	       4
#define LWIP_TCP_TIMESTAMPS	       0
#define LWIP_TCP_KEEPALIVE	       0
#define TCP_LISTEN_BACKLOG	       1
#define TCP_DEFAULT_LISTEN_BACKLOG     2
#define SO_REUSE		       1 /* a port may be listened on again while its old connections live */

#define MEMP_NUM_TCP_PCB	       32
#define MEMP_NUM_TCP_PCB_LISTEN	       2
#define MEMP_NUM_TCP_SEG	       768 /* all transmit frames at an MSS of 1460, and some */
#define MEMP_NUM_PBUF		       768 /* as many references to their bytes */
#define MEMP_NUM_SYS_TIMEOUT	       LWIP_NUM_SYS_TIMEOUT_INTERNAL
#define PBUF_POOL_SIZE		       192
#define PBUF_POOL_BUFSIZE	       1536

/* RFC 6528, computed in net/lwip_hooks.c. */
struct ip4_addr;
uint32_t lwip_hook_isn(
	const struct ip4_addr *local_ip, uint16_t local_port, const struct ip4_addr *remote_ip, uint16_t remote_port);
#define LWIP_HOOK_TCP_ISN lwip_hook_isn

#endif
