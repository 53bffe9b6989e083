/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/uri.h"

#include <string.h>

#include "core/base/fmt.h"
#include "core/base/limits.h"
#include "core/base/text.h"

#define URI_BYTES_MAX	   64u
#define IP_MULTICAST_FIRST 224u /* and above: multicast, reserved, broadcast */

static size_t find(const char *s, size_t from, size_t len, char c)
{
	while (from < len && s[from] != c) {
		from++;
	}
	return from;
}

static bool parse_ip(const char *s, size_t len, uint8_t ip[4])
{
	size_t at = 0;

	for (uint32_t i = 0; i < 4; i++) {
		size_t end = find(s, at, len, '.');
		uint64_t v;

		if (!text_to_u64(s + at, end - at, &v) || v > 255 || end - at > 3 || (end == len) != (i == 3)) {
			return false;
		}
		ip[i] = (uint8_t)v;
		at = end + 1;
	}
	return true;
}

static bool any(const char *s, size_t len)
{
	return len == 0 || (len == 1 && s[0] == '0') || (len == 4 && memcmp(s, "[::]", 4) == 0);
}

enum err uri_parse(const char *uri, struct net_addr *out, bool any_address, char *reason)
{
	size_t len = text_len(uri, URI_BYTES_MAX);
	struct net_addr addr = { { 0 }, 0 };
	size_t colon = len;
	uint64_t port;

	if (len < 4 || memcmp(uri, "tcp:", 4) != 0) {
		fmt(reason, REASON_BYTES, "unknown migration protocol: %s", uri);
		return ERR_UNSUPPORTED;
	}
	while (colon > 4 && uri[colon - 1] != ':') {
		colon--;
	}
	if (colon == 4 || len == URI_BYTES_MAX || !text_to_u64(uri + colon, len - colon, &port) || port == 0 ||
		port > 65535) {
		fmt(reason, REASON_BYTES, "'%s': tcp:ADDRESS:PORT is expected, with a port of 1 to 65535", uri);
		return ERR_RANGE;
	}
	if (!parse_ip(uri + 4, colon - 1 - 4, addr.ip) && !(any_address && any(uri + 4, colon - 1 - 4))) {
		fmt(reason, REASON_BYTES, "'%s': the address must be numeric IPv4", uri);
		return ERR_RANGE;
	}
	if (!any_address && (addr.ip[0] == 0 || addr.ip[0] >= IP_MULTICAST_FIRST)) {
		fmt(reason, REASON_BYTES, "'%s': the address must be one host's", uri);
		return ERR_RANGE;
	}
	addr.port = (uint16_t)port;
	*out = addr;
	return ERR_OK;
}
