/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* migrate, its relatives, and query-migrate with QEMU's MigrationInfo. */
#include "migration/control/qmp_call.h"

#include "core/base/addr.h"
#include "core/base/fmt.h"

#define URI_BYTES	    64u
#define US_PER_MS	    1000u
#define BITS_PER_MEGABYTE_S 125000u /* bytes per second in one megabit per second */
#define ROUND_TEXT_BYTES    192u

void qmp_migrate(struct qmp_call *call)
{
	char uri[URI_BYTES], reason[REASON_BYTES] = "";

	if (qmp_arg_string(call, "uri", uri, sizeof(uri))) {
		(void)qmp_check(call, engine_migrate(call->q->engine, uri, reason), reason);
	}
}

void qmp_migrate_incoming(struct qmp_call *call)
{
	char uri[URI_BYTES], reason[REASON_BYTES] = "";

	if (qmp_arg_string(call, "uri", uri, sizeof(uri))) {
		(void)qmp_check(call, engine_incoming(call->q->engine, uri, reason), reason);
	}
}

void qmp_migrate_cancel(struct qmp_call *call)
{
	char reason[REASON_BYTES] = "";

	(void)qmp_check(call, engine_cancel(call->q->engine, reason), reason);
}

static bool resolve_action(const struct json_doc *doc, int token, enum resolve_action *out)
{
	static const struct {
		const char *word;
		enum resolve_action action;
	} words[] = {
		{ "recall", RESOLVE_RECALL },
		{ "discard", RESOLVE_DISCARD },
		{ "take", RESOLVE_TAKE },
		{ "take-back", RESOLVE_TAKE_BACK },
		{ "ask", RESOLVE_ASK },
	};

	for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (json_string_is(doc, token, words[i].word)) {
			*out = words[i].action;
			return true;
		}
	}
	return false;
}

void qmp_migrate_resolve(struct qmp_call *call)
{
	struct qmp *q = call->q;
	struct resolve how = { 0 };
	char reason[REASON_BYTES] = "";
	int action = json_member(&q->doc, call->args, "action");

	if (!resolve_action(&q->doc, action, &how.action)) {
		(void)json_string(&q->doc, action, q->text, sizeof(q->text));
		qmp_fail(call, QMP_GENERIC_ERROR, "Parameter 'action' does not accept value '%s'", q->text);
		return;
	}
	(void)qmp_arg_bool(call, "all-fenced", &how.all_fenced);
	(void)qmp_arg_bool(call, "force", &how.force);
	(void)qmp_check(call, engine_resolve(q->engine, &how, reason), reason);
}

/* ---- query-migrate ---- */

static void ram_write(struct json_out *o, const struct migration_info *info)
{
	json_out_key(o, "ram");
	json_out_open(o, '{');
	json_out_key_u64(o, "total", info->ram.total_bytes);
	json_out_key_u64(o, "transferred", info->ram.transferred_bytes);
	json_out_key_u64(o, "remaining", info->ram.remaining_bytes);
	json_out_key_u64(o, "duplicate", info->ram.zero_pages);
	json_out_key_u64(o, "normal", info->ram.normal_pages);
	json_out_key_u64(o, "normal-bytes", info->ram.normal_pages * PAGE_BYTES);
	json_out_key_u64(o, "dirty-pages-rate", info->ram.dirty_pages_rate);
	json_out_key_u64(o, "mbps", info->ram.bandwidth / BITS_PER_MEGABYTE_S);
	json_out_key_u64(o, "dirty-sync-count", info->ram.dirty_sync_count);
	json_out_key_u64(o, "postcopy-requests", 0);
	json_out_key_u64(o, "page-size", PAGE_BYTES);
	json_out_key_u64(o, "multifd-bytes", info->ram.transferred_bytes);
	json_out_key_u64(o, "pages-per-second", info->ram.bandwidth / PAGE_BYTES);
	json_out_close(o, '}');
}

static void downtime_write(struct json_out *o, const struct migration_info *info)
{
	json_out_key(o, "x-downtime");
	json_out_open(o, '{');
	json_out_key_u64(o, "stop-us", info->downtime.stop);
	json_out_key_u64(o, "device-us", info->downtime.device);
	json_out_key_u64(o, "last-pages-us", info->downtime.last_pages);
	json_out_key_u64(o, "vm-state-us", info->downtime.vm_state);
	json_out_key_u64(o, "load-us", info->downtime.load);
	json_out_key_u64(o, "commit-us", info->downtime.commit);
	json_out_key_u64(o, "run-us", info->downtime.run);
	json_out_key_u64(o, "total-us", info->downtime_us);
	json_out_close(o, '}');
}

static size_t round_text(const struct migration_info *info, uint32_t number, char out[ROUND_TEXT_BYTES])
{
	const struct migration_round *r = &info->rounds[number % MIGRATION_ROUNDS_KEPT];

	return fmt(out, ROUND_TEXT_BYTES,
		"{\"round\": %u, \"pages\": %llu, \"zero\": %llu, \"bytes\": %llu, \"us\": %llu, \"dirty\": %llu}",
		number, (unsigned long long)r->pages, (unsigned long long)r->zero_pages, (unsigned long long)r->bytes,
		(unsigned long long)r->us, (unsigned long long)r->dirty_after);
}

/* The newest rounds that the reply has room for. */
static void rounds_write(struct json_out *o, const struct migration_info *info)
{
	uint32_t kept = info->round_count < MIGRATION_ROUNDS_KEPT ? info->round_count : MIGRATION_ROUNDS_KEPT;
	uint32_t first = info->round_count;
	char text[ROUND_TEXT_BYTES];
	size_t room;

	json_out_key(o, "x-rounds");
	json_out_open(o, '[');
	room = o->full ? 0 : o->cap_bytes - o->len_bytes;
	room -= room < 2 ? room : 2; /* the brackets that close */
	while (first > info->round_count - kept) {
		size_t need = round_text(info, first - 1, text) + 2;

		if (need > room) {
			break;
		}
		room -= need;
		first--;
	}
	for (uint32_t n = first; n < info->round_count; n++) {
		size_t len = round_text(info, n, text);

		if (n > first) {
			json_out_raw(o, ", ", 2);
		}
		json_out_raw(o, text, len < sizeof(text) ? len : sizeof(text) - 1);
	}
	json_out_close(o, ']');
}

/* As many as there is sure to be room for. */
#define BLOCKERS_TOLD_MAX 8u

static void blockers_write(struct json_out *o, const struct engine *e)
{
	char reason[REASON_BYTES];

	if (!engine_blocker(e, 0, reason)) {
		return;
	}
	json_out_key(o, "blocked-reasons");
	json_out_open(o, '[');
	for (uint32_t n = 0; n < BLOCKERS_TOLD_MAX && engine_blocker(e, n, reason); n++) {
		json_out_string(o, reason);
	}
	json_out_close(o, ']');
}

static void devices_write(struct json_out *o, const struct engine *e)
{
	struct engine_device d;

	json_out_key(o, "x-devices");
	json_out_open(o, '[');
	for (uint32_t k = 0; k < DEVICE_COUNT_MAX && engine_device(e, k, &d); k++) {
		json_out_open(o, '{');
		json_out_key_string(o, "id", d.desc->id);
		json_out_key_string(o, "type", d.desc->type);
		json_out_key_string(o, "state", d.state);
		json_out_key_u64(o, "bytes", d.bytes);
		json_out_key_u64(o, "precopy-bytes", d.precopy_bytes);
		json_out_key_u64(o, "restarts", d.restarts);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

void qmp_query_migrate(struct qmp_call *call)
{
	struct migration_info *info = &call->q->info;
	struct json_out *o = &call->out;

	engine_info(call->q->engine, info);
	json_out_open(o, '{');
	json_out_key_string(o, "status", migration_status_name(info->status));
	json_out_key_string(o, "owner", owner_name(info->owner));
	json_out_key_string(o, "peer", info->peer);
	json_out_key_u64(o, "gen", info->gen);
	json_out_key_bool(o, "x-incoming", info->incoming);
	json_out_key_u64(o, "total-time", info->total_ms);
	json_out_key_u64(o, "setup-time", info->setup_ms);
	if (info->status == MIG_STATUS_COMPLETED || info->downtime_us > 0) {
		json_out_key_u64(o, "downtime", (info->downtime_us + US_PER_MS - 1) / US_PER_MS);
	}
	json_out_key_u64(o, "expected-downtime", info->expected_downtime_ms);
	ram_write(o, info);
	json_out_key(o, "vfio");
	json_out_open(o, '{');
	json_out_key_u64(o, "transferred", info->ram.device_bytes);
	json_out_close(o, '}');
	blockers_write(o, call->q->engine);
	devices_write(o, call->q->engine);
	json_out_key_u64(o, "x-vm-state-bytes", info->ram.vm_state_bytes);
	if (info->error_desc[0] != 0) {
		json_out_key_string(o, "error-desc", info->error_desc);
	}
	if (info->next_action[0] != 0) {
		json_out_key_string(o, "next-action", info->next_action);
	}
	if (info->forecast[0] != 0) {
		json_out_key_string(o, "x-forecast", info->forecast);
	}
	downtime_write(o, info);
	json_out_key_u64(o, "x-round-count", info->round_count);
	rounds_write(o, info);
	json_out_close(o, '}');
}
