/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Parameters and capabilities: defaults and ranges. */
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/engine_ctx.h"

#define DOWNTIME_LIMIT_MAX_MS 2000000u /* as QEMU: 2000 s */
#define LINK_TIMEOUT_MIN_MS   100u
#define TIMEOUT_MAX_MS	      3600000u

void params_default(struct migration_params *params)
{
	*params = (struct migration_params){
		.max_bandwidth = 128u << 20,
		.downtime_limit_ms = 300,
		.multifd_channels = 2,
		.x_link_timeout_ms = 3000,
	};
}

void engine_params_get(const struct engine *e, struct migration_params *out)
{
	*out = e->params;
}

/**
 * Not the owner that only goes on listening for the last question of its source, nor a source that has nothing left of the
 * VM and only waits for SETTLED, or that only asks what became of it.
 */
static bool attempt_open(const struct engine *e)
{
	return e->alive && e->owner != OWNER_UNKNOWN && !(e->role == ROLE_DESTINATION && e->owner == OWNER_OWN) &&
	       !(e->role == ROLE_SOURCE && e->owner == OWNER_GONE && e->src.scrubbed);
}

static bool host_id_valid(const char id[HOST_ID_MAX])
{
	return text_len(id, HOST_ID_MAX) < HOST_ID_MAX;
}

/** Numbers and what they may be. */
static const struct range {
	const char *name;
	uint16_t offset;
	uint16_t bytes;
	uint64_t low, high;
} ranges[] = {
#define RANGE(name, field, low, high)                                                                                  \
	{                                                                                                              \
		name, offsetof(struct migration_params, field), sizeof(((struct migration_params *)0)->field), low,    \
			high                                                                                           \
	}
	RANGE("downtime-limit", downtime_limit_ms, 0, DOWNTIME_LIMIT_MAX_MS),
	RANGE("multifd-channels", multifd_channels, 1, CHANNEL_COUNT_MAX),
	RANGE("x-link-timeout", x_link_timeout_ms, LINK_TIMEOUT_MIN_MS, TIMEOUT_MAX_MS),
	RANGE("x-handover-timeout", x_handover_timeout_ms, 0, TIMEOUT_MAX_MS),
	RANGE("max-bandwidth", max_bandwidth, 0, UINT64_C(1) << 40),
	RANGE("avail-switchover-bandwidth", avail_switchover_bandwidth, 0, UINT64_C(1) << 40),
#undef RANGE
};

static enum err check_all(const struct migration_params *p, char *reason)
{
	for (uint32_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const struct range *r = &ranges[i];
		const void *at = (const uint8_t *)p + r->offset;
		uint64_t value = r->bytes == sizeof(uint64_t) ? *(const uint64_t *)at : *(const uint32_t *)at;

		if (value < r->low || value > r->high) {
			fmt(reason, REASON_BYTES,
				"Parameter '%s' expects an integer in the range of %llu to %llu, not %llu", r->name,
				(unsigned long long)r->low, (unsigned long long)r->high, (unsigned long long)value);
			return ERR_RANGE;
		}
	}
	if (!host_id_valid(p->tls_hostname) || !host_id_valid(p->tls_authz)) {
		fmt(reason, REASON_BYTES, "a host id has at most %u characters", HOST_ID_MAX - 1);
		return ERR_RANGE;
	}
	return ERR_OK;
}

enum err engine_params_set(struct engine *e, const struct migration_params *params, char *reason)
{
	enum err err = check_all(params, reason);

	if (err != ERR_OK) {
		return err;
	}
	if (attempt_open(e) && (params->multifd_channels != e->params.multifd_channels ||
				       !text_equal(params->tls_hostname, e->params.tls_hostname) ||
				       !text_equal(params->tls_authz, e->params.tls_authz))) {
		fmt(reason, REASON_BYTES,
			"multifd-channels, tls-hostname and tls-authz cannot change during a migration");
		return ERR_BAD_STATE;
	}
	if (e->role == ROLE_DESTINATION && e->incoming && e->owner != OWNER_OWN &&
		!text_equal(params->tls_authz, e->params.tls_authz)) {
		fmt(reason, REASON_BYTES, "tls-authz cannot change while this host listens");
		return ERR_BAD_STATE;
	}
	e->params = *params;
	e->src.bucket.rate = params->max_bandwidth;
	return ERR_OK;
}

void engine_caps_get(const struct engine *e, struct migration_caps *out)
{
	*out = e->caps;
}

enum err engine_caps_set(struct engine *e, const struct migration_caps *caps, char *reason)
{
	if (!caps->multifd) {
		fmt(reason, REASON_BYTES, "Capability 'multifd' is always on");
		return ERR_UNSUPPORTED;
	}
	if (attempt_open(e) &&
		(caps->x_verify_ram != e->caps.x_verify_ram || caps->switchover_ack != e->caps.switchover_ack)) {
		fmt(reason, REASON_BYTES, "There's a migration process in progress");
		return ERR_BAD_STATE;
	}
	e->caps = *caps;
	return ERR_OK;
}
