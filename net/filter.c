/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/filter.h"

#include <string.h>

#include "core/base/bytes.h"

#define ETHERNET_HEADER_BYTES 14u
#define ETHERTYPE_AT	      12u
#define ETHERTYPE_IPV4	      0x0800u
#define ETHERTYPE_ARP	      0x0806u

/* RFC 791, 3.1. */
#define IPV4_HEADER_BYTES     20u
#define IPV4_VERSION_IHL      0x45u /* version 4, five words: no options */
#define IPV4_FRAGMENT_AT      6u
#define IPV4_FRAGMENT_MASK    0x3fffu /* more fragments, and the offset */
#define IPV4_PROTOCOL_AT      9u
#define IPV4_SOURCE_AT	      12u
#define IPV4_DESTINATION_AT   16u
#define PROTOCOL_ICMP	      1u
#define PROTOCOL_TCP	      6u

/* RFC 9293, 3.1. */
#define TCP_HEADER_BYTES      20u
#define TCP_FLAGS_AT	      13u
#define TCP_FLAG_SYN	      0x02u
#define TCP_FLAG_ACK	      0x10u

enum err filter_set_peers(struct filter *f, const uint8_t (*peers)[4], size_t count)
{
	if (count > FILTER_PEER_COUNT_MAX) {
		return ERR_FULL;
	}
	for (size_t i = 0; i < count; i++) {
		memcpy(f->peers[i], peers[i], 4);
	}
	f->peer_count = (uint32_t)count;
	return ERR_OK;
}

static bool is_peer(const struct filter *f, const uint8_t *ip)
{
	for (uint32_t i = 0; i < f->peer_count; i++) {
		if (memcmp(f->peers[i], ip, 4) == 0) {
			return true;
		}
	}
	return f->peer_count == 0;
}

static bool pass_tcp(const struct filter *f, const uint8_t *packet, size_t len_bytes)
{
	uint8_t flags;

	if (len_bytes < IPV4_HEADER_BYTES + TCP_HEADER_BYTES) {
		return false;
	}
	flags = packet[IPV4_HEADER_BYTES + TCP_FLAGS_AT];
	if ((flags & TCP_FLAG_SYN) != 0 && (flags & TCP_FLAG_ACK) == 0) {
		return is_peer(f, packet + IPV4_SOURCE_AT);
	}
	return true;
}

static bool pass_ipv4(const struct filter *f, const uint8_t *packet, size_t len_bytes)
{
	if (len_bytes < IPV4_HEADER_BYTES || packet[0] != IPV4_VERSION_IHL ||
		(load_be16(packet + IPV4_FRAGMENT_AT) & IPV4_FRAGMENT_MASK) != 0 ||
		memcmp(packet + IPV4_DESTINATION_AT, f->ip, 4) != 0) {
		return false;
	}
	switch (packet[IPV4_PROTOCOL_AT]) {
	case PROTOCOL_ICMP:
		return true;
	case PROTOCOL_TCP:
		return pass_tcp(f, packet, len_bytes);
	default:
		return false;
	}
}

bool filter_pass(const struct filter *f, const uint8_t *frame, size_t len_bytes)
{
	if (len_bytes < ETHERNET_HEADER_BYTES) {
		return false;
	}
	switch (load_be16(frame + ETHERTYPE_AT)) {
	case ETHERTYPE_ARP:
		return true;
	case ETHERTYPE_IPV4:
		return pass_ipv4(f, frame + ETHERNET_HEADER_BYTES, len_bytes - ETHERNET_HEADER_BYTES);
	default:
		return false;
	}
}
