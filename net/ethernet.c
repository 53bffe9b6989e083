/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/ethernet.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

#define MTU_BYTES_MIN	      576u /* RFC 791 */
#define ETHERNET_HEADER_BYTES 14u

_Static_assert((ETHERNET_TX_COUNT_MAX & (ETHERNET_TX_COUNT_MAX - 1u)) == 0, "ring indices wrap");

/* ---- out ---- */

void ethernet_reap(struct ethernet *e)
{
	uint64_t done = e->nic.ops->tx_done(e->nic.ctx);

	while (e->tx_tail != e->tx_head) {
		struct ethernet_tx *tx = &e->tx[e->tx_tail % ETHERNET_TX_COUNT_MAX];

		if (tx->done_at > done) {
			return;
		}
		if (tx->p != NULL) {
			(void)pbuf_free(tx->p);
		} else {
			tx->join->busy = false;
		}
		e->tx_tail++;
	}
}

static err_t refuse(struct ethernet *e)
{
	e->tx_refused = true;
	e->tx_refused_count++;
	return LWIP_ERR_MEM;
}

static enum err queue(struct ethernet *e, const struct nic_segment *segments, uint32_t count, struct pbuf *p,
	struct ethernet_join *join)
{
	enum err err = e->nic.ops->send(e->nic.ctx, segments, count);

	if (err == ERR_OK) {
		e->tx[e->tx_head % ETHERNET_TX_COUNT_MAX] = (struct ethernet_tx){
			.p = p,
			.join = join,
			.done_at = e->nic.ops->tx_queued(e->nic.ctx),
		};
		e->tx_head++;
		e->tx_count++;
	}
	return err;
}

static enum err queue_pieces(struct ethernet *e, struct pbuf *p)
{
	struct nic_segment segments[NIC_SEGMENTS_MAX];
	uint32_t count = 0;
	enum err err;

	for (const struct pbuf *q = p; q != NULL; q = q->next) {
		if (q->len != 0) {
			ASSERT(count < NIC_SEGMENTS_MAX);
			segments[count++] = (struct nic_segment){ .bytes = q->payload, .len_bytes = q->len };
		}
	}
	err = queue(e, segments, count, p, NULL);
	if (err == ERR_OK) {
		pbuf_ref(p);
	}
	return err;
}

static struct ethernet_join *free_join(struct ethernet *e)
{
	for (uint32_t i = 0; i < ETHERNET_JOIN_COUNT; i++) {
		if (!e->joins[i].busy) {
			return &e->joins[i];
		}
	}
	return NULL;
}

/** Many small messages in one segment. Buffers apart from lwIP's pools, which the messages themselves may have used up. */
static enum err queue_joined(struct ethernet *e, const struct pbuf *p)
{
	struct ethernet_join *join = free_join(e);
	struct nic_segment segment;
	enum err err;

	if (join == NULL || p->tot_len > sizeof(join->bytes)) {
		return ERR_FULL;
	}
	segment.bytes = join->bytes;
	segment.len_bytes = pbuf_copy_partial(p, join->bytes, p->tot_len, 0);
	err = queue(e, &segment, 1, NULL, join);
	if (err == ERR_OK) {
		join->busy = true;
		e->tx_joined_count++;
	}
	return err;
}

/** lwIP's linkoutput. lwIP does not touch what has another reference, ours, until that is gone. */
static err_t link_output(struct netif *netif, struct pbuf *p)
{
	struct ethernet *e = netif->state;
	enum err err;

	if (e->tx_head - e->tx_tail == ETHERNET_TX_COUNT_MAX) {
		ethernet_reap(e);
	}
	if (e->tx_head - e->tx_tail == ETHERNET_TX_COUNT_MAX) {
		return refuse(e);
	}
	err = pbuf_clen(p) > NIC_SEGMENTS_MAX ? queue_joined(e, p) : queue_pieces(e, p);
	return err == ERR_OK ? LWIP_ERR_OK : refuse(e);
}

static const ip4_addr_t *next_hop(const struct netif *netif, const ip4_addr_t *to)
{
	if (!ip4_addr_net_eq(to, netif_ip4_addr(netif), netif_ip4_netmask(netif)) &&
		!ip4_addr_isany_val(*netif_ip4_gw(netif))) {
		return netif_ip4_gw(netif);
	}
	return to;
}

/*
 * Nothing waits in the ARP table. A packet may point at bytes of the session, which are released
 * by what TCP and the NIC hold, and a third holder would not be counted. And lwIP asks for a lost
 * address only once a second. So while the address is unknown the packet stays with TCP, as if the NIC
 * were full, and the question is repeated at a pace of our own.
 */
static err_t output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	struct ethernet *e = netif->state;
	const ip4_addr_t *hop = next_hop(netif, to);
	const ip4_addr_t *found;
	struct eth_addr *mac;

	if (etharp_find_addr(netif, hop, &mac, &found) >= 0) {
		return etharp_output(netif, p, to);
	}
	if (sys_now() - e->arp_asked_ms >= ETHERNET_ARP_PACE_MS) {
		e->arp_asked_ms = sys_now();
		(void)etharp_query(netif, hop, NULL);
	}
	return refuse(e);
}

/* ---- in ---- */

static void input(struct ethernet *e, const uint8_t *bytes, size_t len_bytes)
{
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len_bytes, PBUF_POOL);

	if (p == NULL) {
		e->rx_dropped_count++;
		return;
	}
	if (pbuf_take(p, bytes, (u16_t)len_bytes) != LWIP_ERR_OK || e->netif.input(p, &e->netif) != LWIP_ERR_OK) {
		(void)pbuf_free(p);
		e->rx_dropped_count++;
	}
}

bool ethernet_receive(struct ethernet *e, const struct filter *filter)
{
	const uint8_t *bytes;
	size_t len_bytes;

	if (e->nic.ops->receive(e->nic.ctx, &bytes, &len_bytes) != ERR_OK) {
		return false;
	}
	e->rx_count++;
	if (len_bytes <= NIC_FRAME_BYTES_MAX && filter_pass(filter, bytes, len_bytes)) {
		input(e, bytes, len_bytes);
	} else {
		e->rx_filtered_count++;
	}
	e->nic.ops->receive_done(e->nic.ctx);
	return true;
}

/* ---- start ---- */

static err_t netif_start(struct netif *netif)
{
	struct ethernet *e = netif->state;

	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->hwaddr_len = ETH_HWADDR_LEN;
	e->nic.ops->mac(e->nic.ctx, netif->hwaddr);
	netif->mtu = (u16_t)MIN(e->nic.ops->mtu(e->nic.ctx), NIC_FRAME_BYTES_MAX - ETHERNET_HEADER_BYTES - 4u);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
	netif->output = output;
	netif->linkoutput = link_output;
	return LWIP_ERR_OK;
}

static ip4_addr_t address(const uint8_t ip[4])
{
	ip4_addr_t a;

	IP4_ADDR(&a, ip[0], ip[1], ip[2], ip[3]);
	return a;
}

enum err ethernet_init(
	struct ethernet *e, const struct nic *nic, const uint8_t ip[4], const uint8_t mask[4], const uint8_t gateway[4])
{
	ip4_addr_t own = address(ip), net = address(mask), gw = address(gateway);

	memset(e, 0, sizeof(*e));
	e->nic = *nic;
	e->arp_asked_ms = sys_now() - ETHERNET_ARP_PACE_MS;
	if (nic->ops->mtu(nic->ctx) < MTU_BYTES_MIN) {
		return ERR_RANGE;
	}
	if (netif_add(&e->netif, &own, &net, &gw, e, netif_start, ethernet_input) == NULL) {
		return ERR_UNSUPPORTED;
	}
	netif_set_default(&e->netif);
	netif_set_up(&e->netif);
	return ERR_OK;
}
