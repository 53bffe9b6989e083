/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The QMP connection: framing, replies and events. Commands are in qmp_commands.c.
 *
 * A byte is taken only while a whole reply would still fit, so that input stops before output
 * is lost. A value that cannot be followed any more (too long, too deep, broken) is answered at
 * once and the rest of its line skipped; the connection stays up.
 */
#include "migration/control/monitor.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/fmt.h"
#include "migration/control/qmp_call.h"

/* Room that one byte of input may need: one reply, and one error of a stray value before it. */
#define INPUT_ROOM_BYTES (QMP_REPLY_BYTES + 512u)
#define EVENT_ROOM_BYTES 512u
#define US_PER_S	 1000000u

_Static_assert(INPUT_ROOM_BYTES <= sizeof(((struct qmp *)0)->out), "a reply must fit an empty queue");

static size_t out_room(const struct qmp *q)
{
	return sizeof(q->out) - q->out_bytes;
}

/* The free end of the queue, whole: what is queued moves to the front. */
static struct json_out out_begin(struct qmp *q, size_t cap_bytes)
{
	if (q->out_head > 0) {
		memmove(q->out, q->out + q->out_head, q->out_bytes);
		q->out_head = 0;
	}
	ASSERT(cap_bytes <= out_room(q));
	return json_out_over(q->out + q->out_bytes, cap_bytes);
}

/* Ends a line as QEMU does. */
static void out_end(struct qmp *q, struct json_out *o)
{
	json_out_raw(o, "\r\n", 2);
	ASSERT(!o->full);
	q->out_bytes += o->len_bytes;
}

static void call_begin(struct qmp_call *call, struct qmp *q, size_t id_bytes)
{
	*call = (struct qmp_call){ .q = q, .args = JSON_NONE };
	call->out = out_begin(q, QMP_REPLY_BYTES);
	/* Kept back: what call_end() writes behind the value. */
	call->out.cap_bytes -= id_bytes + sizeof(", \"id\": }\r\n");
	json_out_open(&call->out, '{');
	json_out_key(&call->out, "return");
	call->return_at = call->out.len_bytes;
}

static void call_end(struct qmp_call *call, const char *id, size_t id_bytes)
{
	struct json_out *o = &call->out;

	if (o->full) {
		call->failed = false;
		qmp_fail(call, QMP_GENERIC_ERROR, "The reply is longer than %u bytes", QMP_REPLY_BYTES);
	}
	if (!call->failed && o->len_bytes == call->return_at) {
		json_out_open(o, '{');
		json_out_close(o, '}');
	}
	o->cap_bytes += id_bytes + sizeof(", \"id\": }\r\n");
	if (id != NULL) {
		json_out_key(o, "id");
		for (size_t i = 0; i < id_bytes; i++) {
			/* One reply is one line, however the request was laid out. */
			json_out_raw(o, id[i] == '\n' || id[i] == '\r' ? " " : id + i, 1);
		}
	}
	json_out_close(o, '}');
	out_end(call->q, o);
}

void qmp_fail(struct qmp_call *call, const char *class, const char *format, ...)
{
	struct json_out *o = &call->out;
	char desc[QMP_DESC_BYTES];
	va_list args;

	if (call->failed) {
		return;
	}
	call->failed = true;
	va_start(args, format);
	(void)vfmt(desc, sizeof(desc), format, args);
	va_end(args);

	o->len_bytes = 0;
	o->full = false;
	o->comma = false;
	json_out_open(o, '{');
	json_out_key(o, "error");
	json_out_open(o, '{');
	json_out_key_string(o, "class", class);
	json_out_key_string(o, "desc", desc);
	json_out_close(o, '}');
}

static void answer_error(struct qmp *q, const char *text)
{
	struct qmp_call call;

	call_begin(&call, q, 0);
	qmp_fail(&call, QMP_GENERIC_ERROR, "%s", text);
	call_end(&call, NULL, 0);
}

/* Members that QEMU knows beside "execute"; others are refused by name. */
static bool members_check(struct qmp_call *call)
{
	const struct json_doc *doc = &call->q->doc;

	for (int key = json_first(doc, 0); key != JSON_NONE; key = json_next(doc, key)) {
		if (json_string_is(doc, key, "execute") || json_string_is(doc, key, "arguments") ||
			json_string_is(doc, key, "id")) {
			continue;
		}
		(void)json_string(doc, key, call->q->text, sizeof(call->q->text));
		qmp_fail(call, QMP_GENERIC_ERROR, "QMP input member '%s' is unexpected", call->q->text);
		return false;
	}
	return true;
}

static bool argument_known(const struct qmp_command *command, const struct json_doc *doc, int key)
{
	for (uint32_t a = 0; a < command->arg_count; a++) {
		if (json_string_is(doc, key, command->args[a].name)) {
			return true;
		}
	}
	return false;
}

static bool arguments_check(struct qmp_call *call, const struct qmp_command *command)
{
	const struct json_doc *doc = &call->q->doc;

	for (uint32_t a = 0; a < command->arg_count; a++) {
		const struct qmp_arg *arg = &command->args[a];
		int token = call->args == JSON_NONE ? JSON_NONE : json_member(doc, call->args, arg->name);

		if (token == JSON_NONE && arg->required) {
			qmp_fail(call, QMP_GENERIC_ERROR, "Parameter '%s' is missing", arg->name);
			return false;
		}
		if (token != JSON_NONE && !qmp_arg_check(call, arg->name, arg->type, token)) {
			return false;
		}
	}
	if (call->args == JSON_NONE) {
		return true;
	}
	for (int key = json_first(doc, call->args); key != JSON_NONE; key = json_next(doc, key)) {
		if (!argument_known(command, doc, key)) {
			(void)json_string(doc, key, call->q->text, sizeof(call->q->text));
			qmp_fail(call, QMP_GENERIC_ERROR, "Parameter '%s' is unexpected", call->q->text);
			return false;
		}
	}
	return true;
}

static void negotiate(struct qmp_call *call)
{
	struct qmp *q = call->q;
	static const struct qmp_arg enable = { "enable", QMP_ARRAY, false };
	static const struct qmp_command command = { "qmp_capabilities", &enable, 1, NULL };
	int token;

	if (!arguments_check(call, &command)) {
		return;
	}
	token = call->args == JSON_NONE ? JSON_NONE : json_member(&q->doc, call->args, enable.name);
	if (token != JSON_NONE && json_first(&q->doc, token) != JSON_NONE) {
		qmp_fail(call, QMP_GENERIC_ERROR, "Parameter 'enable' expects an empty list: no capability is offered");
		return;
	}
	q->negotiated = true;
}

static void execute(struct qmp_call *call, int name)
{
	struct qmp *q = call->q;
	const struct qmp_command *command;
	bool negotiation = json_string_is(&q->doc, name, "qmp_capabilities");

	if (!q->negotiated) {
		if (!negotiation) {
			qmp_fail(call, QMP_COMMAND_NOT_FOUND,
				"Expecting capabilities negotiation with 'qmp_capabilities'");
			return;
		}
		negotiate(call);
		return;
	}
	if (negotiation) {
		qmp_fail(call, QMP_COMMAND_NOT_FOUND, "Capabilities negotiation is already complete, command ignored");
		return;
	}
	command = qmp_command_find(&q->doc, name);
	if (command == NULL) {
		(void)json_string(&q->doc, name, q->text, sizeof(q->text));
		qmp_fail(call, QMP_COMMAND_NOT_FOUND, "The command %s has not been found", q->text);
		return;
	}
	if (arguments_check(call, command)) {
		command->run(call);
	}
}

static void dispatch(struct qmp_call *call)
{
	const struct json_doc *doc = &call->q->doc;
	int name = json_member(doc, 0, "execute");
	int args = json_member(doc, 0, "arguments");

	if (!members_check(call)) {
		return;
	}
	if (name == JSON_NONE) {
		qmp_fail(call, QMP_GENERIC_ERROR, "QMP input lacks member 'execute'");
	} else if (json_kind(doc, name) != JSON_STRING) {
		qmp_fail(call, QMP_GENERIC_ERROR, "QMP input member 'execute' must be a string");
	} else if (args != JSON_NONE && json_kind(doc, args) != JSON_OBJECT) {
		qmp_fail(call, QMP_GENERIC_ERROR, "QMP input member 'arguments' must be an object");
	} else {
		call->args = args;
		execute(call, name);
	}
}

/* The line holds one whole value. */
static void value_complete(struct qmp *q)
{
	const char *error = json_parse(&q->doc, q->line, q->line_bytes);
	struct qmp_call call;
	const char *id = NULL;
	size_t id_bytes = 0;
	int id_token;

	q->line_bytes = 0;
	if (error == NULL && json_kind(&q->doc, 0) != JSON_OBJECT) {
		error = "QMP input must be a JSON object";
	}
	if (error != NULL) {
		answer_error(q, error);
		return;
	}
	id_token = json_member(&q->doc, 0, "id");
	if (id_token != JSON_NONE) {
		id = json_raw(&q->doc, id_token, &id_bytes);
	}
	call_begin(&call, q, id_bytes);
	dispatch(&call);
	call_end(&call, id, id_bytes);
}

static void value_broken(struct qmp *q, const char *error, char byte)
{
	q->line_bytes = 0;
	q->depth = 0;
	q->in_string = false;
	q->escaped = false;
	q->discarding = byte != '\n';
	answer_error(q, error);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Does this byte end a number or word that stands outside of any bracket? */
static bool ends_bare_value(const struct qmp *q, char c)
{
	return q->line_bytes > 0 && q->depth == 0 && !q->in_string && (is_space(c) || c == '{' || c == '[' || c == '"');
}

static void string_byte(struct qmp *q, char c)
{
	if (q->escaped) {
		q->escaped = false;
	} else if (c == '\\') {
		q->escaped = true;
	} else if (c == '"') {
		q->in_string = false;
		if (q->depth == 0) {
			value_complete(q);
		}
	}
}

static void structure_byte(struct qmp *q, char c)
{
	switch (c) {
	case '"':
		q->in_string = true;
		break;
	case '{':
	case '[':
		if (q->depth == JSON_DEPTH_MAX) {
			value_broken(q, "JSON nesting depth limit exceeded", c);
			break;
		}
		q->objects = c == '{' ? q->objects | (1u << q->depth) : q->objects & ~(1u << q->depth);
		q->depth++;
		break;
	case '}':
	case ']':
		if (q->depth == 0 || (((q->objects >> (q->depth - 1)) & 1u) != 0) != (c == '}')) {
			value_broken(q, "JSON parse error, expecting value", c);
			break;
		}
		q->depth--;
		if (q->depth == 0) {
			value_complete(q);
		}
		break;
	default:
		break;
	}
}

static void input_byte(struct qmp *q, char c)
{
	if (q->discarding) {
		q->discarding = c != '\n';
		return;
	}
	if (ends_bare_value(q, c)) {
		value_complete(q);
	}
	if (q->line_bytes == 0 && is_space(c)) {
		return;
	}
	if (q->line_bytes == sizeof(q->line)) {
		value_broken(q, "JSON token size limit exceeded", c);
		return;
	}
	/* A line that breaks off inside a string, or what is no text at all, is where a lost reader gets up again. */
	if (((uint8_t)c < 0x20 && (q->in_string || !is_space(c))) || ((uint8_t)c >= 0x7f && !q->in_string)) {
		value_broken(q, "JSON parse error, invalid character", c);
		return;
	}
	q->line[q->line_bytes++] = c;
	if (q->in_string) {
		string_byte(q, c);
	} else {
		structure_byte(q, c);
	}
}

void qmp_open(struct qmp *q, struct engine *engine)
{
	struct json_out o;

	memset(q, 0, sizeof(*q));
	q->engine = engine;
	o = out_begin(q, QMP_REPLY_BYTES);
	json_out_open(&o, '{');
	json_out_key(&o, "QMP");
	json_out_open(&o, '{');
	json_out_key(&o, "version");
	qmp_version_write(&o);
	json_out_key(&o, "capabilities");
	json_out_open(&o, '[');
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	json_out_close(&o, '}');
	out_end(q, &o);
}

size_t qmp_input(struct qmp *q, const uint8_t *bytes, size_t len_bytes)
{
	size_t taken = 0;

	while (taken < len_bytes && out_room(q) >= INPUT_ROOM_BYTES) {
		input_byte(q, (char)bytes[taken]);
		taken++;
	}
	return taken;
}

static void event_data(struct qmp *q, struct json_out *o, const struct engine_note *note)
{
	switch (note->event) {
	case ENGINE_EV_SHUTDOWN:
		json_out_key(o, "data");
		json_out_open(o, '{');
		json_out_key_bool(o, "guest", !q->quitting);
		json_out_key_string(o, "reason", q->quitting ? "host-qmp-quit" : "guest-shutdown");
		json_out_close(o, '}');
		break;
	case ENGINE_EV_STATUS:
		json_out_key(o, "data");
		json_out_open(o, '{');
		json_out_key_string(o, "status",
			note->value < MIG_STATUS_COUNT ? migration_status_name((enum migration_status)note->value)
						       : "none");
		json_out_close(o, '}');
		break;
	case ENGINE_EV_PASS:
		json_out_key(o, "data");
		json_out_open(o, '{');
		json_out_key_u64(o, "pass", note->value);
		json_out_close(o, '}');
		break;
	default:
		break;
	}
}

/* NULL: nothing that QMP would tell. */
static const char *event_name(const struct qmp *q, enum engine_event event)
{
	struct migration_caps caps;

	switch (event) {
	case ENGINE_EV_STOP:
		return "STOP";
	case ENGINE_EV_RESUME:
		return "RESUME";
	case ENGINE_EV_SHUTDOWN:
		return "SHUTDOWN";
	case ENGINE_EV_STATUS:
	case ENGINE_EV_PASS:
		engine_caps_get(q->engine, &caps);
		if (!caps.events) {
			return NULL;
		}
		return event == ENGINE_EV_STATUS ? "MIGRATION" : "MIGRATION_PASS";
	default:
		return NULL;
	}
}

static void event_write(struct qmp *q, const struct engine_note *note, uint64_t wall_us)
{
	const char *name = event_name(q, note->event);
	struct json_out o;

	if (name == NULL) {
		return;
	}
	if (!q->negotiated) {
		q->events_dropped++;
		return;
	}
	o = out_begin(q, EVENT_ROOM_BYTES);
	json_out_open(&o, '{');
	json_out_key(&o, "timestamp");
	json_out_open(&o, '{');
	json_out_key_u64(&o, "seconds", wall_us / US_PER_S);
	json_out_key_u64(&o, "microseconds", wall_us % US_PER_S);
	json_out_close(&o, '}');
	json_out_key_string(&o, "event", name);
	event_data(q, &o, note);
	json_out_close(&o, '}');
	out_end(q, &o);
}

void qmp_step(struct qmp *q, uint64_t wall_us)
{
	struct engine_note note;

	while (out_room(q) >= EVENT_ROOM_BYTES && engine_take_note(q->engine, &note)) {
		event_write(q, &note, wall_us);
	}
}

size_t qmp_output(struct qmp *q, uint8_t *out, size_t cap_bytes)
{
	size_t len = q->out_bytes < cap_bytes ? q->out_bytes : cap_bytes;

	memcpy(out, q->out + q->out_head, len);
	q->out_head += len;
	q->out_bytes -= len;
	if (q->out_bytes == 0) {
		q->out_head = 0;
	}
	return len;
}
