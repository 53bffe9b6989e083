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

static enum err check(const char *name, uint64_t value, uint64_t low, uint64_t high, char *reason)
{
	if (value >= low && value <= high) {
		return ERR_OK;
	}
	fmt(reason, REASON_BYTES, "Parameter '%s' expects an integer in the range of %llu to %llu, not %llu", name,
		(unsigned long long)low, (unsigned long long)high, (unsigned long long)value);
	return ERR_RANGE;
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

static enum err check_all(const struct migration_params *p, char *reason)
{
	enum err err = check("downtime-limit", p->downtime_limit_ms, 0, DOWNTIME_LIMIT_MAX_MS, reason);

	err = err != ERR_OK ? err : check("multifd-channels", p->multifd_channels, 1, CHANNEL_COUNT_MAX, reason);
	err = err != ERR_OK
		      ? err
		      : check("x-link-timeout", p->x_link_timeout_ms, LINK_TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, reason);
	err = err != ERR_OK ? err : check("x-handover-timeout", p->x_handover_timeout_ms, 0, TIMEOUT_MAX_MS, reason);
	err = err != ERR_OK ? err : check("max-bandwidth", p->max_bandwidth, 0, UINT64_C(1) << 40, reason);
	err = err != ERR_OK ? err
			    : check("avail-switchover-bandwidth", p->avail_switchover_bandwidth, 0, UINT64_C(1) << 40,
				      reason);
	if (err == ERR_OK && (!host_id_valid(p->tls_hostname) || !host_id_valid(p->tls_authz))) {
		fmt(reason, REASON_BYTES, "a host id has at most %u characters", HOST_ID_MAX - 1);
		return ERR_RANGE;
	}
	return err;
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
	if (attempt_open(e) && (caps->x_verify_ram != e->caps.x_verify_ram ||
				       caps->switchover_ack != e->caps.switchover_ack)) {
		fmt(reason, REASON_BYTES, "There's a migration process in progress");
		return ERR_BAD_STATE;
	}
	e->caps = *caps;
	return ERR_OK;
}
