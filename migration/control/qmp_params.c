/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Migration parameters and capabilities in QMP: one table each, read for setting and for asking. */
#include "migration/control/qmp_call.h"

#include "core/base/fmt.h"
#include "core/base/text.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define WORD_BYTES   48u

/* ---- parameters ---- */

const struct qmp_arg qmp_param_args[QMP_PARAM_ARGS] = {
	{ "max-bandwidth", QMP_U64, false },
	{ "avail-switchover-bandwidth", QMP_U64, false },
	{ "downtime-limit", QMP_U64, false },
	{ "multifd-channels", QMP_U32, false },
	{ "tls-hostname", QMP_STRING_OR_NULL, false },
	{ "tls-authz", QMP_STRING_OR_NULL, false },
	{ "x-link-timeout", QMP_U64, false },
	{ "x-handover-timeout", QMP_U64, false },
	{ "x-clock", QMP_STRING, false },
	{ "x-round-max", QMP_U32, false },
	{ "x-round-min", QMP_U64, false },
	{ "x-pause-at-commit", QMP_BOOL, false },
};

/* Where a parameter lies; in the order of qmp_param_args. */
static void *param_field(struct migration_params *p, uint32_t index)
{
	void *const fields[QMP_PARAM_ARGS] = {
		&p->max_bandwidth,
		&p->avail_switchover_bandwidth,
		&p->downtime_limit_ms,
		&p->multifd_channels,
		p->tls_hostname,
		p->tls_authz,
		&p->x_link_timeout_ms,
		&p->x_handover_timeout_ms,
		&p->x_clock_freeze,
		&p->x_round_max,
		&p->x_round_min,
		&p->x_pause_at_commit,
	};

	return fields[index];
}

static bool clock_word(struct qmp_call *call, const char *name, bool *freeze)
{
	char word[WORD_BYTES];

	if (!qmp_arg_string(call, name, word, sizeof(word))) {
		return false;
	}
	*freeze = text_equal(word, "freeze");
	if (!*freeze && !text_equal(word, "follow")) {
		qmp_fail(call, QMP_GENERIC_ERROR, "Parameter '%s' does not accept value '%s'", name, word);
		return false;
	}
	return true;
}

static void param_read(struct qmp_call *call, const struct qmp_arg *arg, void *field)
{
	uint64_t value = 0;

	switch (arg->type) {
	case QMP_U64:
		(void)qmp_arg_u64(call, arg->name, field);
		break;
	case QMP_U32:
		if (qmp_arg_u64(call, arg->name, &value)) {
			*(uint32_t *)field = (uint32_t)value; /* checked against its type before */
		}
		break;
	case QMP_BOOL:
		(void)qmp_arg_bool(call, arg->name, field);
		break;
	case QMP_STRING:
		(void)clock_word(call, arg->name, field);
		break;
	case QMP_STRING_OR_NULL:
		(void)qmp_arg_string(call, arg->name, field, HOST_ID_MAX);
		break;
	case QMP_ARRAY:
		break;
	}
}

void qmp_set_parameters(struct qmp_call *call)
{
	struct migration_params params;
	char reason[REASON_BYTES] = "";

	engine_params_get(call->q->engine, &params);
	for (uint32_t i = 0; i < QMP_PARAM_ARGS && !call->failed; i++) {
		param_read(call, &qmp_param_args[i], param_field(&params, i));
	}
	if (!call->failed) {
		(void)qmp_check(call, engine_params_set(call->q->engine, &params, reason), reason);
	}
}

void qmp_query_parameters(struct qmp_call *call)
{
	struct migration_params params;
	struct json_out *o = &call->out;

	engine_params_get(call->q->engine, &params);
	json_out_open(o, '{');
	for (uint32_t i = 0; i < QMP_PARAM_ARGS; i++) {
		const void *field = param_field(&params, i);

		json_out_key(o, qmp_param_args[i].name);
		switch (qmp_param_args[i].type) {
		case QMP_U64:
			json_out_u64(o, *(const uint64_t *)field);
			break;
		case QMP_U32:
			json_out_u64(o, *(const uint32_t *)field);
			break;
		case QMP_BOOL:
			json_out_bool(o, *(const bool *)field);
			break;
		case QMP_STRING:
			json_out_string(o, *(const bool *)field ? "freeze" : "follow");
			break;
		case QMP_STRING_OR_NULL:
		case QMP_ARRAY:
			json_out_string(o, field);
			break;
		}
	}
	json_out_close(o, '}');
}

/* ---- capabilities ---- */

const struct qmp_arg qmp_cap_args[1] = { { "capabilities", QMP_ARRAY, true } };

enum cap_index { CAP_EVENTS, CAP_MULTIFD, CAP_SWITCHOVER_ACK, CAP_VERIFY_RAM, CAP_COUNT };

static const char *const cap_names[CAP_COUNT] = { "events", "multifd", "switchover-ack", "x-verify-ram" };

/* QEMU has them; off is what they are here, so that may be asked for. */
static const char *const caps_off[] = {
	"xbzrle",
	"auto-converge",
	"postcopy-ram",
	"postcopy-blocktime",
	"postcopy-preempt",
	"pause-before-switchover",
	"release-ram",
	"validate-uuid",
	"background-snapshot",
	"zero-copy-send",
	"dirty-limit",
	"mapped-ram",
};

static bool *cap_field(struct migration_caps *caps, uint32_t index)
{
	bool *const fields[CAP_COUNT] = { &caps->events, &caps->multifd, &caps->switchover_ack, &caps->x_verify_ram };

	return fields[index];
}

static void cap_apply(struct qmp_call *call, int name, bool state, struct migration_caps *caps)
{
	const struct json_doc *doc = &call->q->doc;

	for (uint32_t i = 0; i < CAP_COUNT; i++) {
		if (json_string_is(doc, name, cap_names[i])) {
			*cap_field(caps, i) = state;
			return;
		}
	}
	for (uint32_t i = 0; i < COUNT(caps_off); i++) {
		if (json_string_is(doc, name, caps_off[i])) {
			if (state) {
				qmp_fail(call, QMP_GENERIC_ERROR, "Capability '%s' is not supported", caps_off[i]);
			}
			return;
		}
	}
	(void)json_string(doc, name, call->q->text, sizeof(call->q->text));
	qmp_fail(call, QMP_GENERIC_ERROR, "Parameter 'capability' does not accept value '%s'", call->q->text);
}

/* One member of {"capability": word, "state": boolean}; JSON_NONE after qmp_fail(). */
static int cap_member(struct qmp_call *call, uint32_t index, int entry, const char *name, enum qmp_type type)
{
	char path[WORD_BYTES];
	int token = json_member(&call->q->doc, entry, name);

	(void)fmt(path, sizeof(path), "capabilities[%u].%s", index, name);
	if (token == JSON_NONE) {
		qmp_fail(call, QMP_GENERIC_ERROR, "Parameter '%s' is missing", path);
		return JSON_NONE;
	}
	return qmp_arg_check(call, path, type, token) ? token : JSON_NONE;
}

static void cap_entry(struct qmp_call *call, uint32_t index, int entry, struct migration_caps *caps)
{
	const struct json_doc *doc = &call->q->doc;
	int name, state;

	if (json_kind(doc, entry) != JSON_OBJECT) {
		qmp_fail(call, QMP_GENERIC_ERROR, "Invalid parameter type for 'capabilities[%u]', expected: object",
			index);
		return;
	}
	name = cap_member(call, index, entry, "capability", QMP_STRING);
	state = cap_member(call, index, entry, "state", QMP_BOOL);
	for (int key = json_first(doc, entry); key != JSON_NONE && !call->failed; key = json_next(doc, key)) {
		if (!json_string_is(doc, key, "capability") && !json_string_is(doc, key, "state")) {
			(void)json_string(doc, key, call->q->text, sizeof(call->q->text));
			qmp_fail(call, QMP_GENERIC_ERROR, "Parameter 'capabilities[%u].%s' is unexpected", index,
				call->q->text);
		}
	}
	if (!call->failed) {
		cap_apply(call, name, json_bool(doc, state), caps);
	}
}

void qmp_set_capabilities(struct qmp_call *call)
{
	const struct json_doc *doc = &call->q->doc;
	struct migration_caps caps;
	char reason[REASON_BYTES] = "";
	uint32_t index = 0;
	int list = json_member(doc, call->args, qmp_cap_args[0].name);

	engine_caps_get(call->q->engine, &caps);
	for (int entry = json_first(doc, list); entry != JSON_NONE && !call->failed; entry = json_next(doc, entry)) {
		cap_entry(call, index, entry, &caps);
		index++;
	}
	if (!call->failed) {
		(void)qmp_check(call, engine_caps_set(call->q->engine, &caps, reason), reason);
	}
}

static void cap_write(struct json_out *o, const char *name, bool state)
{
	json_out_open(o, '{');
	json_out_key_bool(o, "state", state);
	json_out_key_string(o, "capability", name);
	json_out_close(o, '}');
}

void qmp_query_capabilities(struct qmp_call *call)
{
	struct migration_caps caps;

	engine_caps_get(call->q->engine, &caps);
	json_out_open(&call->out, '[');
	for (uint32_t i = 0; i < CAP_COUNT; i++) {
		cap_write(&call->out, cap_names[i], *cap_field(&caps, i));
	}
	for (uint32_t i = 0; i < COUNT(caps_off); i++) {
		cap_write(&call->out, caps_off[i], false);
	}
	json_out_close(&call->out, ']');
}
