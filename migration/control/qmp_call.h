/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * One QMP command under way: its checked arguments and its reply. Inside the monitor only.
 */
#ifndef MIGRATION_QMP_CALL_H
#define MIGRATION_QMP_CALL_H

#include "migration/control/monitor.h"

/** What qapi calls the errors. */
#define QMP_GENERIC_ERROR     "GenericError"
#define QMP_COMMAND_NOT_FOUND "CommandNotFound"

/** Longest error text; longer ones are cut. */
#define QMP_DESC_BYTES	      320u

struct qmp_call {
	struct qmp *q;
	int args;	     /* token of "arguments", or JSON_NONE */
	struct json_out out; /* the whole reply; on entry of a command, what follows "return": */
	size_t return_at;    /* bytes of out before the value of "return" */
	bool failed;
};

enum qmp_type { QMP_STRING, QMP_STRING_OR_NULL, QMP_U32, QMP_U64, QMP_BOOL, QMP_ARRAY };

struct qmp_arg {
	const char *name;
	enum qmp_type type;
	bool required;
};

struct qmp_command {
	const char *name;
	const struct qmp_arg *args;
	uint32_t arg_count;
	/** Arguments have their types and nothing is missing or unexpected. Writes nothing: returns {}. */
	void (*run)(struct qmp_call *call);
};

/** Replace the reply by an error; the first one counts. */
void qmp_fail(struct qmp_call *call, const char *class, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** The same for an answer of the engine; true when it was ERR_OK. */
bool qmp_check(struct qmp_call *call, enum err err, const char *reason);

/** Check one value against its type, with QEMU's words; false after qmp_fail(). */
bool qmp_arg_check(struct qmp_call *call, const char *name, enum qmp_type type, int token);

/** Arguments by name. They leave out untouched and return false when the argument is absent or has been refused. */
bool qmp_arg_u64(struct qmp_call *call, const char *name, uint64_t *out);
bool qmp_arg_bool(struct qmp_call *call, const char *name, bool *out);
/** null gives "". */
bool qmp_arg_string(struct qmp_call *call, const char *name, char *out, size_t cap_bytes);

const struct qmp_command *qmp_command_find(const struct json_doc *doc, int name);
const struct qmp_command *qmp_command_at(uint32_t index);

/** "version" of greeting and query-version. */
void qmp_version_write(struct json_out *out);

/** Word of QEMU's RunState for where the VM is, and whether it runs. */
const char *qmp_run_state_name(const struct engine *engine, const struct migration_info *info);

/* migration/control/qmp_migrate.c */
void qmp_migrate(struct qmp_call *call);
void qmp_migrate_incoming(struct qmp_call *call);
void qmp_migrate_cancel(struct qmp_call *call);
void qmp_query_migrate(struct qmp_call *call);
void qmp_migrate_resolve(struct qmp_call *call);

/* migration/control/qmp_params.c */
#define QMP_PARAM_ARGS 12u
extern const struct qmp_arg qmp_param_args[QMP_PARAM_ARGS];
extern const struct qmp_arg qmp_cap_args[1];
void qmp_set_parameters(struct qmp_call *call);
void qmp_query_parameters(struct qmp_call *call);
void qmp_set_capabilities(struct qmp_call *call);
void qmp_query_capabilities(struct qmp_call *call);

#endif
