/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/lwip_hooks.h"

#include "core/base/bytes.h"
#include "net/lwip_api.h"
#include "net/siphash.h"

/* lwIP's hooks carry no context, and lwIP is one per image. */
static struct {
	const struct host *host;
	uint8_t key[SIPHASH_KEY_BYTES];
	uint64_t draw_count;
	uint32_t assert_count;
} hooks;

enum err lwip_hooks_start(const struct host *host)
{
	hooks.host = host;
	return host->ops->random(host->ctx, hooks.key, sizeof(hooks.key));
}

uint32_t lwip_hooks_assert_count(void)
{
	return hooks.assert_count;
}

void lwip_hook_assert(void)
{
	hooks.assert_count++;
}

static uint64_t now_us(void)
{
	return hooks.host->ops->time_us(hooks.host->ctx);
}

/** Milliseconds; wraps, as lwIP allows. */
u32_t sys_now(void)
{
	return (u32_t)(now_us() / 1000);
}

/** ISN = M + F(addresses, ports, key), M counting every 4 microseconds: RFC 6528, 3. */
uint32_t lwip_hook_isn(
	const struct ip4_addr *local_ip, uint16_t local_port, const struct ip4_addr *remote_ip, uint16_t remote_port)
{
	uint8_t tuple[12];

	store_le32(tuple, local_ip->addr);
	store_le32(tuple + 4, remote_ip->addr);
	store_le16(tuple + 8, local_port);
	store_le16(tuple + 10, remote_port);
	return (uint32_t)(now_us() / 4) + (uint32_t)siphash(hooks.key, tuple, sizeof(tuple));
}

/** Of port numbers and the like: a counter under the boot's key. Inputs of 8 bytes are not those of a tuple. */
uint32_t lwip_hook_random(void)
{
	uint8_t count[8];

	store_le64(count, hooks.draw_count++);
	return (uint32_t)siphash(hooks.key, count, sizeof(count));
}
