/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The human monitor: one line in, one text out. Words are those of QEMU's HMP. */
#include "migration/control/monitor.h"

#include <stdarg.h>

#include "core/base/addr.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "migration/control/qmp_call.h"

#define WORDS_MAX  4u
#define WORD_BYTES 64u
#define KIB	   1024u

/* One command line, split at blanks. */
struct words {
	char at[WORDS_MAX][WORD_BYTES];
	uint32_t count;
	bool too_many;
};

/* The answer, cut where it does not fit. */
struct answer {
	char *out;
	size_t cap, len;
};

struct monitor_call {
	struct engine *engine;
	const struct words *words;
	struct answer *answer;
	char reason[REASON_BYTES];
};

struct monitor_command {
	const char *name, *short_name;
	const char *args, *help;
	uint32_t words_min, words_max;
	void (*run)(struct monitor_call *call);
};

static void say(struct answer *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct answer *a, const char *format, ...)
{
	size_t room = a->cap - a->len;
	va_list args;
	size_t len;

	va_start(args, format);
	len = vfmt(a->out + a->len, room, format, args);
	va_end(args);
	a->len += len < room ? len : room - 1;
}

static void words_split(struct words *w, const char *line)
{
	size_t used = 0;

	*w = (struct words){ 0 };
	for (size_t i = 0; line[i] != 0; i++) {
		bool blank = line[i] == ' ' || line[i] == '\t' || line[i] == '\r' || line[i] == '\n';

		if (blank) {
			w->count += used > 0 ? 1u : 0u;
			used = 0;
		} else if (w->count == WORDS_MAX || used == WORD_BYTES - 1) {
			w->too_many = true;
			return;
		} else {
			w->at[w->count][used++] = line[i];
		}
	}
	w->count += used > 0 ? 1u : 0u;
}

static void say_err(struct monitor_call *call, enum err err)
{
	if (err != ERR_OK) {
		say(call->answer, "Error: %s\n", call->reason[0] != 0 ? call->reason : err_name(err));
	}
}

/* ---- info ---- */

static void info_ram(struct answer *a, const struct migration_info *info)
{
	say(a, "transferred ram: %llu kbytes\nremaining ram: %llu kbytes\ntotal ram: %llu kbytes\n",
		(unsigned long long)(info->ram.transferred_bytes / KIB),
		(unsigned long long)(info->ram.remaining_bytes / KIB),
		(unsigned long long)(info->ram.total_bytes / KIB));
	say(a, "duplicate: %llu pages\nnormal: %llu pages\ndirty sync count: %llu\ndirty pages rate: %llu pages/s\n",
		(unsigned long long)info->ram.zero_pages, (unsigned long long)info->ram.normal_pages,
		(unsigned long long)info->ram.dirty_sync_count, (unsigned long long)info->ram.dirty_pages_rate);
	say(a, "throughput: %llu kbytes/s\ndevice state: %llu bytes\nvm state: %llu bytes\nrounds: %u\n",
		(unsigned long long)(info->ram.bandwidth / KIB), (unsigned long long)info->ram.device_bytes,
		(unsigned long long)info->ram.vm_state_bytes, info->round_count);
}

static void info_downtime(struct answer *a, const struct migration_info *info)
{
	say(a, "downtime: %llu us\n", (unsigned long long)info->downtime_us);
	say(a, "  stop %llu, device %llu, last pages %llu, vm state %llu, load %llu, commit %llu, run %llu us\n",
		(unsigned long long)info->downtime.stop, (unsigned long long)info->downtime.device,
		(unsigned long long)info->downtime.last_pages, (unsigned long long)info->downtime.vm_state,
		(unsigned long long)info->downtime.load, (unsigned long long)info->downtime.commit,
		(unsigned long long)info->downtime.run);
}

static void info_migrate(struct monitor_call *call)
{
	struct answer *a = call->answer;
	struct migration_info info;

	engine_info(call->engine, &info);
	say(a, "Migration status: %s\nowner: %s\n", migration_status_name(info.status), owner_name(info.owner));
	if (info.peer[0] != 0) {
		say(a, "peer: %s (%s)\n", info.peer, info.incoming ? "incoming" : "outgoing");
	}
	if (info.error_desc[0] != 0) {
		say(a, "error: %s\n", info.error_desc);
	}
	if (info.next_action[0] != 0) {
		say(a, "next action: %s\n", info.next_action);
	}
	if (info.status == MIG_STATUS_NONE) {
		return;
	}
	say(a, "total time: %llu ms\nsetup: %llu ms\nexpected downtime: %llu ms\n", (unsigned long long)info.total_ms,
		(unsigned long long)info.setup_ms, (unsigned long long)info.expected_downtime_ms);
	if (info.forecast[0] != 0) {
		say(a, "forecast: %s\n", info.forecast);
	}
	info_ram(a, &info);
	if (info.downtime_us > 0) {
		info_downtime(a, &info);
	}
}

static void info_vm(struct monitor_call *call)
{
	struct vm_cpu_info cpus[VCPU_COUNT_MAX];
	uint32_t count = engine_cpus(call->engine, cpus, VCPU_COUNT_MAX);
	struct migration_info info;
	struct vm_desc desc;

	engine_info(call->engine, &info);
	engine_vm_desc(call->engine, &desc);
	say(call->answer, "VM %s: %s, owner %s, gen %llu\n", desc.name, qmp_run_state_name(call->engine, &info),
		owner_name(info.owner), (unsigned long long)info.gen);
	say(call->answer, "RAM %llu MiB in %u regions, timer %llu Hz, %u vCPUs\n",
		(unsigned long long)(desc.page_count / (1024u * KIB / PAGE_BYTES)), desc.ram_region_count,
		(unsigned long long)desc.timer_hz, desc.vcpu_count);
	for (uint32_t i = 0; i < count && i < VCPU_COUNT_MAX; i++) {
		say(call->answer, "CPU #%u: core %u%s\n", cpus[i].index, cpus[i].core,
			cpus[i].halted ? " (halted)" : "");
	}
}

static void info_status(struct monitor_call *call)
{
	struct migration_info info;

	engine_info(call->engine, &info);
	say(call->answer, "VM status: %s%s%s%s\n", engine_run_state(call->engine) == VM_RUNNING ? "running" : "paused",
		engine_run_state(call->engine) == VM_RUNNING ? "" : " (",
		engine_run_state(call->engine) == VM_RUNNING ? "" : qmp_run_state_name(call->engine, &info),
		engine_run_state(call->engine) == VM_RUNNING ? "" : ")");
}

static void info_version(struct monitor_call *call)
{
	say(call->answer, "godwit 0.1 (QMP of QEMU 10.0.2)\n");
}

/* ---- commands ---- */

static void info(struct monitor_call *call)
{
	static const struct {
		const char *what;
		void (*run)(struct monitor_call *call);
	} subjects[] = {
		{ "migrate", info_migrate },
		{ "vm", info_vm },
		{ "status", info_status },
		{ "version", info_version },
	};

	for (uint32_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		if (call->words->count > 1 && text_equal(call->words->at[1], subjects[i].what)) {
			subjects[i].run(call);
			return;
		}
	}
	say(call->answer, "info migrate|vm|status|version\n");
}

static void migrate(struct monitor_call *call)
{
	/* -d is QEMU's "detached"; here it is always so. */
	const char *uri = call->words->at[text_equal(call->words->at[1], "-d") ? 2 : 1];

	say_err(call, engine_migrate(call->engine, uri, call->reason));
}

static void migrate_incoming(struct monitor_call *call)
{
	say_err(call, engine_incoming(call->engine, call->words->at[1], call->reason));
}

static void migrate_cancel(struct monitor_call *call)
{
	say_err(call, engine_cancel(call->engine, call->reason));
}

static void stop(struct monitor_call *call)
{
	say_err(call, engine_vm_stop(call->engine, call->reason));
}

static void cont(struct monitor_call *call)
{
	say_err(call, engine_vm_cont(call->engine, call->reason));
}

static void quit(struct monitor_call *call)
{
	engine_quit(call->engine);
}

static void help(struct monitor_call *call);

static const struct monitor_command commands[] = {
	{ "help", "?", "", "this list", 1, 2, help },
	{ "info", "i", "migrate|vm|status|version", "show state", 1, 2, info },
	{ "migrate", "", "[-d] tcp:ADDRESS:PORT", "move the VM to another host", 2, 3, migrate },
	{ "migrate_incoming", "", "tcp:ADDRESS:PORT", "wait for a VM", 2, 2, migrate_incoming },
	{ "migrate_cancel", "", "", "keep the VM here", 1, 1, migrate_cancel },
	{ "stop", "s", "", "stop the VM", 1, 1, stop },
	{ "cont", "c", "", "let the VM go on", 1, 1, cont },
	{ "quit", "q", "", "end this host", 1, 1, quit },
};

static void help(struct monitor_call *call)
{
	for (uint32_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		say(call->answer, "%s%s%s -- %s\n", commands[i].name, commands[i].args[0] != 0 ? " " : "",
			commands[i].args, commands[i].help);
	}
}

static void command_run(struct monitor_call *call, const struct monitor_command *command)
{
	if (call->words->count < command->words_min || call->words->count > command->words_max) {
		say(call->answer, "%s: usage: %s %s\n", command->name, command->name, command->args);
		return;
	}
	command->run(call);
}

size_t monitor_line(struct engine *engine, const char *line, char *out, size_t cap)
{
	struct answer answer = { .out = out, .cap = cap };
	struct words words;
	struct monitor_call call = { .engine = engine, .words = &words, .answer = &answer };

	if (cap == 0) {
		return 0;
	}
	out[0] = 0;
	words_split(&words, line);
	if (words.too_many) {
		say(&answer, "too many words, or one too long\n");
	} else if (words.count > 0) {
		uint32_t i = 0;

		while (i < sizeof(commands) / sizeof(commands[0]) && !text_equal(words.at[0], commands[i].name) &&
			!text_equal(words.at[0], commands[i].short_name)) {
			i++;
		}
		if (i < sizeof(commands) / sizeof(commands[0])) {
			command_run(&call, &commands[i]);
		} else {
			say(&answer, "unknown command: '%s'\n", words.at[0]);
		}
	}
	if (answer.len > 0 && out[answer.len - 1] != '\n') {
		out[answer.len - 1] = '\n';
	}
	return answer.len;
}
