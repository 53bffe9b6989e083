/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#define _GNU_SOURCE
#include "tests/sim/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/sim/trace.h"

#define ANSWER_BYTES  (QMP_REPLY_BYTES + 16u)
#define REQUEST_BYTES 1536u
#define TURNS_MAX     20000u

static struct engine *engine_of(struct world *w, uint32_t host)
{
	return &w->hosts[host].gw->engine;
}

/* ---- lines ---- */

static void event_seen(struct world *w, uint32_t host, const char *line)
{
	static const char status[] = "\"event\": \"MIGRATION\", \"data\": {\"status\": \"";
	struct console *c = &w->hosts[host].console;
	const char *at = strstr(line, status);

	c->events++;
	if (strncmp(line, "{\"timestamp\": {\"seconds\": ", 26) != 0) {
		journal_violation(&w->journal, "%c sends an event that is none: %.100s", "ABC"[host], line);
	}
	if (at != NULL) {
		(void)snprintf(c->status, sizeof(c->status), "%.*s", (int)strcspn(at + sizeof(status) - 1, "\""),
			at + sizeof(status) - 1);
	}
}

/* Take what came; a whole line that is no event goes to answer. True: there was one. */
static bool output_take(struct world *w, uint32_t host, char *answer)
{
	struct sim_host *h = &w->hosts[host];
	struct console *c = &h->console;
	size_t cap = chance_one_in(&h->chance, 3) ? chance_range(&h->chance, 1, 64) : sizeof(c->line) - c->len;
	bool answered = false;
	char *end;

	cap = cap < sizeof(c->line) - c->len ? cap : sizeof(c->line) - c->len;
	c->len += gw_qmp_output(h->gw, w->now_us, (uint8_t *)c->line + c->len, cap);
	end = memmem(c->line, c->len, "\r\n", 2);
	if (end != NULL) {
		*end = '\0';
		if (strncmp(c->line, "{\"timestamp\"", 12) == 0) {
			event_seen(w, host, c->line);
		} else if (answer != NULL) {
			memcpy(answer, c->line, (size_t)(end - c->line) + 1);
			answered = true;
		} else {
			journal_violation(&w->journal, "%c answers what was not asked: %.100s", "ABC"[host], c -> line);
		}
		c->len -= (size_t)(end + 2 - c->line);
		memmove(c->line, end + 2, c->len);
	}
	if (c->len == sizeof(c->line)) {
		journal_violation(&w->journal, "%c sends a line longer than %u bytes", "ABC"[host], ANSWER_BYTES);
		c->len = 0;
	}
	return answered;
}

/* A text in, one line out. */
static void ask(struct world *w, uint32_t host, const char *text, size_t len, char *answer)
{
	struct sim_host *h = &w->hosts[host];
	bool pieces = chance_one_in(&h->chance, 4);
	bool answered = false;
	size_t at = 0;

	answer[0] = '\0';
	trace_host(host);
	for (uint32_t turn = 0; turn < TURNS_MAX; turn++) {
		size_t n = pieces ? chance_range(&h->chance, 1, 40) : len - at;

		if (at < len) {
			at += gw_qmp_input(h->gw, (const uint8_t *)text + at, n < len - at ? n : len - at);
		}
		answered = answered || output_take(w, host, answer);
		if (answered && at == len) {
			trace_host(UINT32_MAX);
			return;
		}
	}
	trace_host(UINT32_MAX);
	journal_violation(&w->journal, "%c does not answer %.60s", "ABC"[host], text);
}

void console_listen(struct world *w, uint32_t host)
{
	struct console *c = &w->hosts[host].console;
	uint64_t events;
	size_t len;

	do {
		events = c->events;
		len = c->len;
		(void)output_take(w, host, NULL);
	} while (c->events != events || c->len != len);
	if (c->len == 0 && c->status[0] != '\0' &&
		strcmp(c->status, migration_status_name(engine_of(w, host)->status)) != 0) {
		journal_violation(&w->journal, "%c: the last MIGRATION event says %s, status is %s", "ABC"[host],
			c -> status, migration_status_name(engine_of(w, host)->status));
	}
}

void console_open(struct world *w, uint32_t host)
{
	struct sim_host *h = &w->hosts[host];
	char answer[ANSWER_BYTES], reason[REASON_BYTES];

	h->console = (struct console){ .next_id = 1 };
	gw_qmp_open(h->gw);
	ask(w, host, "", 0, answer);
	if (strncmp(answer, "{\"QMP\": {\"version\": ", 20) != 0) {
		journal_violation(&w->journal, "%c greets with %.100s", "ABC"[host], answer);
	}
	if (chance_one_in(&h->chance, 8) && console_command(w, host, "query-status", NULL, reason) == ERR_OK) {
		journal_violation(&w->journal, "%c obeys before qmp_capabilities", "ABC"[host]);
	}
	if (chance_one_in(&h->chance, 8) &&
		console_command(w, host, "qmp_capabilities", "{\"enable\": [\"oob\"]}", reason) == ERR_OK) {
		journal_violation(&w->journal, "%c enables what it has not", "ABC"[host]);
	}
	if (console_command(w, host, "qmp_capabilities", NULL, reason) != ERR_OK) {
		journal_violation(&w->journal, "%c refuses qmp_capabilities: %s", "ABC"[host], reason);
	}
}

/* ---- what must come of it ---- */

enum verdict { MAY, MUST, MUST_NOT };

static bool busy_source(const struct engine *e)
{
	return e->role == ROLE_SOURCE && (e->alive || e->src.phase != SRC_IDLE);
}

static enum verdict resolve_verdict(const struct engine *e, const char *arguments)
{
	bool fenced = strstr(arguments, "\"all-fenced\": true") != NULL;
	bool force = strstr(arguments, "\"force\": true") != NULL;

	if (strstr(arguments, "recall") != NULL) {
		return e->owner == OWNER_GIVEN ? MUST : MUST_NOT;
	}
	if (strstr(arguments, "discard") != NULL) {
		return e->owner == OWNER_LOADING || e->owner == OWNER_UNKNOWN || (e->owner == OWNER_READY && force)
			       ? MUST
		       : e->owner == OWNER_GONE ? MAY
						: MUST_NOT;
	}
	if (strstr(arguments, "take-back") != NULL) {
		return fenced && (e->owner == OWNER_GIVEN || (e->owner == OWNER_GONE && !e->src.running_seen))
			       ? MAY
			       : MUST_NOT;
	}
	if (strstr(arguments, "ask") != NULL) {
		return e->owner == OWNER_UNKNOWN ? MAY : MUST_NOT;
	}
	return fenced && (e->owner == OWNER_READY || e->owner == OWNER_TAKEN) ? MUST : MUST_NOT;
}

/* By the owner state of the moment and docs/handover.md; not by the code of the engine. */
static enum verdict verdict_of(const struct engine *e, const char *execute, const char *arguments)
{
	if (strcmp(execute, "migrate") == 0) {
		return e->owner != OWNER_OWN || busy_source(e) ? MUST_NOT : MAY;
	}
	if (strcmp(execute, "migrate-incoming") == 0) {
		return e->incoming || owner_may_run(e->owner) || e->owner == OWNER_HELD || e->owner == OWNER_GIVEN ||
				       e->owner == OWNER_UNKNOWN
			       ? MUST_NOT
			       : MAY;
	}
	if (strcmp(execute, "migrate_cancel") == 0) {
		bool late = e->owner == OWNER_GIVEN || e->owner == OWNER_GONE || e->owner == OWNER_UNKNOWN;

		return e->role == ROLE_SOURCE && e->alive && late ? MUST_NOT : MUST;
	}
	if (strcmp(execute, "stop") == 0 || strcmp(execute, "cont") == 0) {
		return owner_may_run(e->owner) ? MAY : MUST_NOT;
	}
	if (strcmp(execute, "x-migrate-resolve") == 0) {
		return resolve_verdict(e, arguments);
	}
	return MAY;
}

struct before {
	enum owner owner;
	enum migration_status status;
	uint64_t gen;
	enum verdict verdict;
};

static struct before look(struct world *w, uint32_t host, const char *execute, const char *arguments)
{
	const struct engine *e = engine_of(w, host);

	return (struct before){ e->owner, e->status, e->gen,
		verdict_of(e, execute, arguments != NULL ? arguments : "") };
}

static void judge(
	struct world *w, uint32_t host, const char *execute, const struct before *b, bool obeyed, const char *reason)
{
	const struct engine *e = engine_of(w, host);

	if (obeyed && b->verdict == MUST_NOT) {
		journal_violation(
			&w->journal, "%s is obeyed by %c, which is %s", execute, "ABC"[host], owner_name(b->owner));
	}
	if (!obeyed && b->verdict == MUST) {
		journal_violation(&w->journal, "%s is refused by %c, which is %s: %.80s", execute, "ABC"[host],
			owner_name(b->owner), reason);
	}
	if (!obeyed && reason[0] == '\0') {
		journal_violation(&w->journal, "%s is refused by %c without a word", execute, "ABC"[host]);
	}
	if (!obeyed && (e->owner != b->owner || e->gen != b->gen || e->status != b->status)) {
		journal_violation(&w->journal, "%s is refused by %c, and yet something changed", execute, "ABC"[host]);
	}
}

static bool reply_read(struct world *w, uint32_t host, const char *answer, const char *id, char *reason)
{
	static const char desc[] = "\"desc\": \"";
	const char *at = strstr(answer, desc);
	bool refused = strncmp(answer, "{\"error\": ", 10) == 0;

	reason[0] = '\0';
	if (!refused && strncmp(answer, "{\"return\": ", 11) != 0) {
		journal_violation(&w->journal, "%c answers %.100s", "ABC"[host], answer);
	}
	if (id != NULL && strstr(answer, id) == NULL) {
		journal_violation(&w->journal, "%c answers another request than %s: %.100s", "ABC"[host], id, answer);
	}
	if (refused && at != NULL) {
		at += sizeof(desc) - 1;
		(void)snprintf(reason, REASON_BYTES, "%.*s", (int)strcspn(at, "\""), at);
	}
	return !refused;
}

static bool by_hand(const char *execute)
{
	return strcmp(execute, "migrate_cancel") == 0 || strcmp(execute, "stop") == 0 || strcmp(execute, "cont") == 0;
}

static bool exchange(
	struct world *w, uint32_t host, const char *execute, const char *arguments, char *answer, char *reason)
{
	struct sim_host *h = &w->hosts[host];
	char request[REQUEST_BYTES], id[40];

	(void)snprintf(id, sizeof(id), "\"id\": %u}", h->console.next_id++);
	(void)snprintf(request, sizeof(request), "{\"execute\": \"%s\"%s%s, %s\n", execute,
		arguments != NULL ? ", \"arguments\": " : "", arguments != NULL ? arguments : "", id);
	ask(w, host, request, strlen(request), answer);
	return reply_read(w, host, answer, id, reason);
}

enum err console_command(struct world *w, uint32_t host, const char *execute, const char *arguments, char *reason)
{
	struct before before = look(w, host, execute, arguments);
	char answer[ANSWER_BYTES], line[96];
	bool obeyed;

	if (by_hand(execute) && chance_one_in(&w->hosts[host].chance, 5)) {
		/* The human monitor says its errors as text. */
		(void)snprintf(line, sizeof(line), "{\"command-line\": \"%s\"}", execute);
		obeyed = exchange(w, host, "human-monitor-command", line, answer, reason);
		if (obeyed && strstr(answer, "\"Error: ") != NULL) {
			obeyed = false;
			(void)snprintf(reason, REASON_BYTES, "%.*s", (int)strcspn(strstr(answer, "Error: "), "\\\""),
				strstr(answer, "Error: "));
		}
	} else {
		obeyed = exchange(w, host, execute, arguments, answer, reason);
	}
	judge(w, host, execute, &before, obeyed, reason);
	return obeyed ? ERR_OK : ERR_REFUSED;
}

enum err console_parameters(
	struct world *w, uint32_t host, const struct migration_params *params, bool verify_ram, char *reason)
{
	char arguments[REQUEST_BYTES - 128], hold[192] = "";
	const struct migration_params *p = params;
	struct migration_params now;
	enum err err;

	/* Host ids change only when they must: in an attempt that is refused. */
	engine_params_get(engine_of(w, host), &now);
	if (strcmp(now.tls_hostname, p->tls_hostname) != 0 || strcmp(now.tls_authz, p->tls_authz) != 0) {
		(void)snprintf(hold, sizeof(hold), "\"tls-hostname\": \"%s\", \"tls-authz\": \"%s\", ", p->tls_hostname,
			p->tls_authz);
	}
	(void)snprintf(arguments, sizeof(arguments),
		"{%s\"max-bandwidth\": %llu, \"avail-switchover-bandwidth\": %llu, \"downtime-limit\": %llu,"
		" \"multifd-channels\": %u, \"x-link-timeout\": %llu, \"x-handover-timeout\": %llu, \"x-clock\": "
		"\"%s\","
		" \"x-round-max\": %u, \"x-round-min\": %llu, \"x-pause-at-commit\": %s}",
		hold, (unsigned long long)p->max_bandwidth, (unsigned long long)p->avail_switchover_bandwidth,
		(unsigned long long)p->downtime_limit_ms, p->multifd_channels, (unsigned long long)p->x_link_timeout_ms,
		(unsigned long long)p->x_handover_timeout_ms, p->x_clock_freeze ? "freeze" : "follow", p->x_round_max,
		(unsigned long long)p->x_round_min, p->x_pause_at_commit ? "true" : "false");
	err = console_command(w, host, "migrate-set-parameters", arguments, reason);
	engine_params_get(engine_of(w, host), &now);
	if (err == ERR_OK && memcmp(&now, p, sizeof(now)) != 0 && strcmp(now.tls_hostname, p->tls_hostname) == 0 &&
		(now.max_bandwidth != p->max_bandwidth || now.downtime_limit_ms != p->downtime_limit_ms ||
			now.multifd_channels != p->multifd_channels || now.x_round_min != p->x_round_min)) {
		journal_violation(&w->journal, "%c took other parameters than those it was told", "ABC"[host]);
	}
	if (err != ERR_OK) {
		return err;
	}
	(void)snprintf(arguments, sizeof(arguments),
		"{\"capabilities\": [{\"capability\": \"x-verify-ram\", \"state\": %s}]}",
		verify_ram ? "true" : "false");
	return console_command(w, host, "migrate-set-capabilities", arguments, reason);
}

/* ---- query-migrate ---- */

static uint64_t number_at(const char *text, const char *key)
{
	const char *at = text != NULL ? strstr(text, key) : NULL;

	return at != NULL ? strtoull(at + strlen(key), NULL, 10) : UINT64_MAX;
}

static void same(struct world *w, uint32_t host, const char *what, uint64_t told, uint64_t is)
{
	if (told != is) {
		journal_violation(&w->journal, "query-migrate of %c: %s is %llu, it should be %llu", "ABC"[host], what,
			(unsigned long long)told, (unsigned long long)is);
	}
}

static void rounds_add_up(struct world *w, uint32_t host, const char *answer)
{
	const char *at = strstr(answer, "\"x-rounds\": ");
	uint64_t count = number_at(answer, "\"x-round-count\": "), pages = 0, zero = 0, bytes = 0, kept = 0;

	for (at = at != NULL ? strstr(at, "{\"round\": ") : NULL; at != NULL; at = strstr(at + 1, "{\"round\": ")) {
		pages += number_at(at, "\"pages\": ");
		zero += number_at(at, "\"zero\": ");
		bytes += number_at(at, "\"bytes\": ");
		kept++;
	}
	/* What the blackout sent comes on top of the rounds. */
	if (kept == count &&
		(pages > number_at(answer, "\"normal\": ") || zero > number_at(answer, "\"duplicate\": ") ||
			bytes > number_at(answer, "\"transferred\": "))) {
		journal_violation(&w->journal, "query-migrate of %c: %llu rounds sent more than there was", "ABC"[host],
			(unsigned long long)count);
	}
	if (kept > count) {
		journal_violation(&w->journal, "query-migrate of %c: %llu rounds of %llu", "ABC"[host],
			(unsigned long long)kept, (unsigned long long)count);
	}
}

static void blackout_adds_up(struct world *w, uint32_t host, const char *answer)
{
	static const char *const parts[] = { "\"stop-us\": ", "\"device-us\": ", "\"last-pages-us\": ",
		"\"vm-state-us\": ", "\"load-us\": ", "\"commit-us\": ", "\"run-us\": " };
	uint64_t sum = 0, total = number_at(answer, "\"total-us\": ");

	for (uint32_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		sum += number_at(answer, parts[i]);
	}
	if (sum != total) {
		journal_violation(&w->journal,
			"query-migrate of %c: the parts of the blackout are %llu us, the whole %llu us", "ABC"[host],
			(unsigned long long)sum, (unsigned long long)total);
	}
}

void console_query(struct world *w, uint32_t host)
{
	struct migration_info info;
	char answer[ANSWER_BYTES], reason[REASON_BYTES], word[64];

	engine_info(engine_of(w, host), &info);
	if (!exchange(w, host, "query-migrate", NULL, answer, reason)) {
		journal_violation(&w->journal, "query-migrate is refused by %c: %s", "ABC"[host], reason);
		return;
	}
	(void)snprintf(word, sizeof(word), "\"status\": \"%s\", \"owner\": \"%s\"", migration_status_name(info.status),
		owner_name(info.owner));
	if (strstr(answer, word) == NULL ||
		(info.next_action[0] != '\0') != (strstr(answer, "\"next-action\": ") != NULL)) {
		journal_violation(&w->journal, "query-migrate of %c does not say %s", "ABC"[host], word);
	}
	same(w, host, "total", number_at(answer, "\"total\": "), w->plan.page_count * UINT64_C(4096));
	same(w, host, "remaining", number_at(answer, "\"remaining\": "), info.ram.remaining_bytes);
	same(w, host, "normal", number_at(answer, "\"normal\": "), info.ram.normal_pages);
	same(w, host, "duplicate", number_at(answer, "\"duplicate\": "), info.ram.zero_pages);
	same(w, host, "normal-bytes", number_at(answer, "\"normal-bytes\": "), info.ram.normal_pages * 4096u);
	same(w, host, "vfio transferred", number_at(strstr(answer, "\"vfio\": "), "\"transferred\": "),
		info.ram.device_bytes);
	if (!info.incoming) {
		rounds_add_up(w, host, answer);
	}
	if (info.status == MIG_STATUS_COMPLETED && engine_of(w, host)->role == ROLE_SOURCE && info.downtime_us != 0) {
		blackout_adds_up(w, host, answer);
	}
}

/* ---- nonsense ---- */

static const char *const nonsense[] = {
	"{\"execute\": \"query-status\", \"extra\": 1}",
	"{\"execute\": \"migrate\"}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:1.2.3.4:5\", \"what\": 1}}",
	"{\"execute\": \"qmp_capabilities\"}",
	"{\"execute\": \"blockdev-add\"}",
	"{\"arguments\": {}}",
	"{\"execute\": 7}",
	"{\"execute\": \"query-status\", \"arguments\": []}",
	"\"text\"",
	"[1, 2, 3]",
	"{\"execute\": \"query-status\", \"execute\": \"query-status\"}",
	"{\"execute\": \"query\\q\"}",
	"{\"execute\": \"\xff\xfe\"}",
	"{\"execute\": 01}",
	"{\"execute\": nil}",
	"{\"execute\": ,}",
	"{3: 4}",
	"{\"execute\": \"query-status\" \"id\": 1}",
	"[1 2]",
	"{\"execute\" \"query-status\"}",
	"{\"execute\": [}",
	"[[[[[[[[[[[[[[[[[[[[",
	"{\"execute\": \"query",
	"}",
	"\x01\x02",
	"7 ",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": 7}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"a\\u0000b\"}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"unix:/tmp/socket\"}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:10.0.0.1:0\"}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:there:4444\"}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:0:4444\"}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:255.255.255.255:4444\"}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:0.0.0.0:4444\"}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:224.0.0.1:4444\"}}",
	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": "
	"\"tcp:10.0.0.100.100.100.100.100.100.100.100.100.100.100:44444444444444444444444444444\"}}",
	"{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"fd:3\"}}",
	"{\"execute\": \"system_reset\"}",
	"{\"execute\": \"system_powerdown\"}",
	"{\"execute\": \"x-migrate-resolve\", \"arguments\": {\"action\": \"guess\"}}",
	"{\"execute\": \"x-migrate-resolve\", \"arguments\": {\"action\": \"take\"}}",
	"{\"execute\": \"x-migrate-resolve\", \"arguments\": {\"action\": \"take-back\"}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"downtime-limit\": 99999999}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"multifd-channels\": 9}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"x-link-timeout\": 1}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"x-handover-timeout\": 99999999}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"max-bandwidth\": 9999999999999}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"avail-switchover-bandwidth\": 9999999999999}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"multifd-channels\": -1}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"multifd-channels\": true}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"x-clock\": \"stand\"}}",
	"{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"tls-hostname\":"
	" \"0123456789012345678901234567890123456789012345678901234567890123456789\"}}",
	"{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": [7]}}",
	"{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": [{\"state\": true}]}}",
	"{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": [{\"capability\": \"xbzrle\", "
	"\"state\": true}]}}",
	"{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": [{\"capability\": \"none\", "
	"\"state\": true}]}}",
	"{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": [{\"capability\": \"multifd\", "
	"\"state\": false}]}}",
	"{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\":"
	" [{\"capability\": \"events\", \"state\": true, \"more\": 1}]}}",
};

#define NONSENSE_COUNT (sizeof(nonsense) / sizeof(nonsense[0]))

void console_nonsense(struct world *w, uint32_t host)
{
	struct sim_host *h = &w->hosts[host];
	uint32_t which = (uint32_t)chance_below(&h->chance, NONSENSE_COUNT + 2u);
	const struct engine *e = engine_of(w, host);
	struct before before = look(w, host, "", NULL);
	char answer[ANSWER_BYTES], reason[REASON_BYTES];
	static char text[QMP_LINE_BYTES + 16u];

	if (which < NONSENSE_COUNT) {
		(void)snprintf(text, sizeof(text), "%s\n", nonsense[which]);
	} else if (which == NONSENSE_COUNT) { /* longer than a line may be */
		memset(text, ' ', sizeof(text));
		text[0] = '[';
		memcpy(text + sizeof(text) - 2, "\n", 2);
	} else { /* more tokens than there may be */
		for (uint32_t i = 0; i < 600; i++) {
			memcpy(text + 2 * i, i == 0 ? "[1" : ",1", 2);
		}
		memcpy(text + 1200, "]\n", 3);
	}
	journal_line(&w->journal, host, "> nonsense %u", which);
	ask(w, host, text, strlen(text), answer);
	if (reply_read(w, host, answer, NULL, reason) || reason[0] == '\0') {
		journal_violation(&w->journal, "%c takes nonsense %u: %.100s", "ABC"[host], which, answer);
	}
	if (e->owner != before.owner || e->status != before.status || e->gen != before.gen) {
		journal_violation(&w->journal, "nonsense %u changed something at %c", which, "ABC"[host]);
	}
	/* The line is fit for use after it. A second line may still be owed: "7 " and the like answer once. */
	(void)console_command(w, host, "query-version", NULL, reason);
}
