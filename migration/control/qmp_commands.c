/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The table of QMP commands, their arguments, and those commands that are not about migration. */
#include "migration/control/qmp_call.h"

#include "core/base/fmt.h"
#include "core/base/text.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

bool qmp_check(struct qmp_call *call, enum err err, const char *reason)
{
	if (err == ERR_OK) {
		return true;
	}
	qmp_fail(call, QMP_GENERIC_ERROR, "%s", reason[0] != 0 ? reason : err_name(err));
	return false;
}

static bool type_fail(struct qmp_call *call, const char *name, const char *expected)
{
	qmp_fail(call, QMP_GENERIC_ERROR, "Invalid parameter type for '%s', expected: %s", name, expected);
	return false;
}

static bool integer_check(struct qmp_call *call, const char *name, enum qmp_type type, int token)
{
	uint64_t value = 0;
	enum err err = json_u64(&call->q->doc, token, &value);

	if (err == ERR_BAD_RECORD) {
		return type_fail(call, name, "integer");
	}
	if (err != ERR_OK || (type == QMP_U32 && value > UINT32_MAX)) {
		qmp_fail(call, QMP_GENERIC_ERROR, "Parameter '%s' expects %s", name,
			type == QMP_U32 ? "uint32" : "uint64");
		return false;
	}
	return true;
}

bool qmp_arg_check(struct qmp_call *call, const char *name, enum qmp_type type, int token)
{
	enum json_kind kind = json_kind(&call->q->doc, token);

	switch (type) {
	case QMP_STRING:
		return kind == JSON_STRING || type_fail(call, name, "string");
	case QMP_STRING_OR_NULL:
		return kind == JSON_STRING || kind == JSON_NULL || type_fail(call, name, "string");
	case QMP_BOOL:
		return kind == JSON_BOOL || type_fail(call, name, "boolean");
	case QMP_ARRAY:
		return kind == JSON_ARRAY || type_fail(call, name, "array");
	case QMP_U32:
	case QMP_U64:
		return integer_check(call, name, type, token);
	}
	return false;
}

static int arg_token(const struct qmp_call *call, const char *name)
{
	return call->args == JSON_NONE ? JSON_NONE : json_member(&call->q->doc, call->args, name);
}

bool qmp_arg_u64(struct qmp_call *call, const char *name, uint64_t *out)
{
	int token = arg_token(call, name);

	return token != JSON_NONE && json_u64(&call->q->doc, token, out) == ERR_OK;
}

bool qmp_arg_bool(struct qmp_call *call, const char *name, bool *out)
{
	int token = arg_token(call, name);

	if (token == JSON_NONE) {
		return false;
	}
	*out = json_bool(&call->q->doc, token);
	return true;
}

bool qmp_arg_string(struct qmp_call *call, const char *name, char *out, size_t cap_bytes)
{
	int token = arg_token(call, name);
	enum err err;

	if (token == JSON_NONE) {
		return false;
	}
	if (json_kind(&call->q->doc, token) == JSON_NULL) {
		out[0] = 0;
		return true;
	}
	err = json_string(&call->q->doc, token, call->q->text, sizeof(call->q->text));
	if (err == ERR_BAD_RECORD) {
		qmp_fail(call, QMP_GENERIC_ERROR,
			"Parameter '%s' expects a string without \\u0000 and half surrogate pairs", name);
		return false;
	}
	if (err != ERR_OK || text_len(call->q->text, sizeof(call->q->text)) >= cap_bytes) {
		qmp_fail(call, QMP_GENERIC_ERROR, "Parameter '%s' expects a string of at most %u bytes", name,
			(unsigned int)(cap_bytes - 1));
		return false;
	}
	return text_copy(out, cap_bytes, call->q->text);
}

/* ---- commands ---- */

void qmp_version_write(struct json_out *out)
{
	/* "qemu" says whose QMP is spoken, as clients look for it; the package is us. */
	json_out_open(out, '{');
	json_out_key(out, "qemu");
	json_out_open(out, '{');
	json_out_key_u64(out, "micro", 2);
	json_out_key_u64(out, "minor", 0);
	json_out_key_u64(out, "major", 10);
	json_out_close(out, '}');
	json_out_key_string(out, "package", "godwit 0.1");
	json_out_close(out, '}');
}

static void query_version(struct qmp_call *call)
{
	qmp_version_write(&call->out);
}

static void query_commands(struct qmp_call *call)
{
	json_out_open(&call->out, '[');
	for (uint32_t i = 0; qmp_command_at(i) != NULL; i++) {
		json_out_open(&call->out, '{');
		json_out_key_string(&call->out, "name", qmp_command_at(i)->name);
		json_out_close(&call->out, '}');
	}
	json_out_close(&call->out, ']');
}

const char *qmp_run_state_name(const struct engine *engine, const struct migration_info *info)
{
	switch (engine_run_state(engine)) {
	case VM_RUNNING:
		return "running";
	case VM_SHUTDOWN:
		return "shutdown";
	case VM_INTERNAL_ERROR:
		return "internal-error";
	case VM_PAUSED:
		break;
	}
	switch (info->owner) {
	case OWNER_GONE:
		return "postmigrate";
	case OWNER_NONE:
	case OWNER_LOADING:
	case OWNER_READY:
	case OWNER_VOID:
		return "inmigrate";
	case OWNER_HELD:
	case OWNER_GIVEN:
		return "finish-migrate";
	default:
		return "paused";
	}
}

static void query_status(struct qmp_call *call)
{
	struct qmp *q = call->q;

	engine_info(q->engine, &q->info);
	json_out_open(&call->out, '{');
	json_out_key_string(&call->out, "status", qmp_run_state_name(q->engine, &q->info));
	json_out_key_bool(&call->out, "running", engine_run_state(q->engine) == VM_RUNNING);
	json_out_close(&call->out, '}');
}

static void query_name(struct qmp_call *call)
{
	struct vm_desc desc;

	engine_vm_desc(call->q->engine, &desc);
	json_out_open(&call->out, '{');
	json_out_key_string(&call->out, "name", desc.name);
	json_out_close(&call->out, '}');
}

static void query_cpus_fast(struct qmp_call *call)
{
	struct vm_cpu_info cpus[VCPU_COUNT_MAX];
	uint32_t count = engine_cpus(call->q->engine, cpus, VCPU_COUNT_MAX);
	char path[32];

	json_out_open(&call->out, '[');
	for (uint32_t i = 0; i < count && i < VCPU_COUNT_MAX; i++) {
		(void)fmt(path, sizeof(path), "/slot/cpu[%u]", cpus[i].index);
		json_out_open(&call->out, '{');
		json_out_key_u64(&call->out, "cpu-index", cpus[i].index);
		json_out_key_string(&call->out, "qom-path", path);
		/* A vCPU is pinned: the core takes the place of QEMU's thread. */
		json_out_key_u64(&call->out, "thread-id", cpus[i].core);
		json_out_key_string(&call->out, "target", "aarch64");
		json_out_key_bool(&call->out, "x-halted", cpus[i].halted);
		json_out_close(&call->out, '}');
	}
	json_out_close(&call->out, ']');
}

static void vm_stop(struct qmp_call *call)
{
	char reason[REASON_BYTES] = "";

	(void)qmp_check(call, engine_vm_stop(call->q->engine, reason), reason);
}

static void vm_cont(struct qmp_call *call)
{
	char reason[REASON_BYTES] = "";

	(void)qmp_check(call, engine_vm_cont(call->q->engine, reason), reason);
}

static void quit(struct qmp_call *call)
{
	call->q->quitting = true;
	engine_quit(call->q->engine);
}

/* Commands that QEMU has and a VM in a static slot does not take: known, so that the reason can be told. */
static void unsupported(struct qmp_call *call)
{
	struct qmp *q = call->q;

	engine_info(q->engine, &q->info);
	if (!owner_may_run(q->info.owner)) {
		qmp_fail(call, QMP_GENERIC_ERROR, "This host may not run the VM: owner is '%s'",
			owner_name(q->info.owner));
		return;
	}
	qmp_fail(call, QMP_GENERIC_ERROR, "this feature or command is not currently supported");
}

static void human_monitor_command(struct qmp_call *call)
{
	struct qmp *q = call->q;
	char line[256];

	if (!qmp_arg_string(call, "command-line", line, sizeof(line))) {
		return;
	}
	(void)monitor_line(q->engine, line, q->text, sizeof(q->text));
	json_out_string(&call->out, q->text);
}

static void negotiated_already(struct qmp_call *call)
{
	qmp_fail(call, QMP_COMMAND_NOT_FOUND, "Capabilities negotiation is already complete, command ignored");
}

static const struct qmp_arg migrate_args[] = {
	{ "uri", QMP_STRING, true }, { "detach", QMP_BOOL, false }, /* QEMU: always so in QMP */
};
static const struct qmp_arg incoming_args[] = { { "uri", QMP_STRING, true } };
static const struct qmp_arg resolve_args[] = {
	{ "action", QMP_STRING, true },
	{ "all-fenced", QMP_BOOL, false },
	{ "force", QMP_BOOL, false },
};
static const struct qmp_arg human_args[] = { { "command-line", QMP_STRING, true }, { "cpu-index", QMP_U64, false } };

static const struct qmp_command commands[] = {
	{ "qmp_capabilities", NULL, 0, negotiated_already },
	{ "query-version", NULL, 0, query_version },
	{ "query-commands", NULL, 0, query_commands },
	{ "query-status", NULL, 0, query_status },
	{ "query-name", NULL, 0, query_name },
	{ "query-cpus-fast", NULL, 0, query_cpus_fast },
	{ "stop", NULL, 0, vm_stop },
	{ "cont", NULL, 0, vm_cont },
	{ "quit", NULL, 0, quit },
	{ "system_reset", NULL, 0, unsupported },
	{ "system_powerdown", NULL, 0, unsupported },
	{ "migrate", migrate_args, COUNT(migrate_args), qmp_migrate },
	{ "migrate-incoming", incoming_args, COUNT(incoming_args), qmp_migrate_incoming },
	{ "migrate_cancel", NULL, 0, qmp_migrate_cancel },
	{ "query-migrate", NULL, 0, qmp_query_migrate },
	{ "migrate-set-parameters", qmp_param_args, QMP_PARAM_ARGS, qmp_set_parameters },
	{ "query-migrate-parameters", NULL, 0, qmp_query_parameters },
	{ "migrate-set-capabilities", qmp_cap_args, 1, qmp_set_capabilities },
	{ "query-migrate-capabilities", NULL, 0, qmp_query_capabilities },
	{ "x-migrate-resolve", resolve_args, COUNT(resolve_args), qmp_migrate_resolve },
	{ "human-monitor-command", human_args, COUNT(human_args), human_monitor_command },
};

const struct qmp_command *qmp_command_at(uint32_t index)
{
	return index < COUNT(commands) ? &commands[index] : NULL;
}

const struct qmp_command *qmp_command_find(const struct json_doc *doc, int name)
{
	for (uint32_t i = 0; i < COUNT(commands); i++) {
		if (json_string_is(doc, name, commands[i].name)) {
			return &commands[i];
		}
	}
	return NULL;
}
