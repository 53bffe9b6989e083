/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The simulator's program: runs seeds on some workers, shows the first that fails, and sums up what was reached. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/trace.h"
#include "tests/sim/world.h"

#define WORKERS_MAX 8u
#define SHOWN_LINES 60u

struct sums {
	struct trace_sums trace;
	uint64_t seeds, clean_seeds, attempts, completed, failed, cancelled, stuck, by_word, violations, twice;
	uint64_t clean_attempts, clean_completed, moves, looks, instructions, dma, cuts, flips, stalls, restarts;
	uint64_t steps, sim_us, blackouts, over_limit, blackout_us_max;
	uint64_t hash; /* of all seeds, in any order */
	uint64_t bad_seed;
};

static struct world world;
static struct sums *all; /* one for each worker */
static struct sums *mine;
static uint64_t seed_now;

/* NOLINTBEGIN(bugprone-signal-handler): abort() raises it in the one thread there is, outside of printf */
static void on_abort(int signal_number)
{
	(void)signal_number;
	(void)printf(
		"\nseed %llu: the engine or the simulator stopped on an assertion\n", (unsigned long long)seed_now);
	journal_print(&world.journal, SHOWN_LINES);
	(void)printf("replay: make sim SEED=%llu\n", (unsigned long long)seed_now);
	(void)fflush(stdout);
	mine->violations++;
	mine->bad_seed = seed_now;
	_exit(3);
}
/* NOLINTEND(bugprone-signal-handler) */

static void count(void)
{
	const struct operator* op = & world.op;
	bool clean = world.plan.faults == 0;

	mine->seeds++;
	mine->clean_seeds += clean;
	mine->attempts += op->attempts;
	mine->completed += op->completed;
	mine->clean_attempts += clean ? op->attempts : 0;
	mine->clean_completed += clean ? op->completed : 0;
	mine->failed += op->failed;
	mine->cancelled += op->cancelled;
	mine->stuck += op->taken_for_ever ? 1 : 0;
	mine->by_word += op->taken_by_word ? 1 : 0;
	mine->moves += world.ledger.moves;
	mine->looks += world.ledger.looks;
	mine->instructions += world.ledger.instructions;
	mine->dma += world.ledger.dma_writes;
	mine->cuts += world.wire.cuts;
	mine->flips += world.wire.flips;
	mine->stalls += world.wire.stalls;
	for (uint32_t i = 0; i < world.plan.host_count; i++) {
		mine->restarts += world.hosts[i].boots - 1;
	}
	mine->steps += world.steps;
	mine->sim_us += world.now_us;
	mine->blackouts += world.blackouts;
	mine->over_limit += world.over_limit;
	if (world.blackout_us_max > mine->blackout_us_max) {
		mine->blackout_us_max = world.blackout_us_max;
	}
	mine->hash ^= chance_mix(world.journal.hash + seed_now);
}

static void describe(const struct plan *p)
{
	(void)printf("seed %llu: %u hosts, %llu pages in %u regions, %u vCPUs, %u devices, %u channels, faults:",
		(unsigned long long)p->seed, p->host_count, (unsigned long long)p->page_count, p->region_count,
		p->vcpu_count, p->device_count, p->channels);
	for (uint32_t i = 0; i < FAULT_COUNT; i++) {
		if (plan_has(p, (enum plan_fault)i)) {
			(void)printf(" [%s]", plan_fault_name((enum plan_fault)i));
		}
	}
	(void)printf("%s\n", p->faults == 0 ? " none" : "");
	(void)printf("seed %llu: %u segments, sequences from %llu, attempts from %u, gen from %llu, lie %u\n",
		(unsigned long long)p->seed, p->way.segments, (unsigned long long)p->sequence_base, p->number_base,
		(unsigned long long)p->gen_base, p->lie);
}

/* Leave out one kind of fault after the other while the seed still fails: the shortest log tells most. */
static uint32_t shrink(uint64_t seed, uint32_t allowed)
{
	char what[JOURNAL_BYTES];

	memcpy(what, world.journal.violation, sizeof(what));
	for (uint32_t i = 0; i < FAULT_COUNT; i++) {
		uint32_t fewer = allowed & ~(1u << i);

		if (plan_has(&world.plan, (enum plan_fault)i) && !world_run(&world, seed, fewer, false) &&
			strncmp(what, world.journal.violation, 16) == 0) {
			allowed = fewer;
		} else {
			(void)world_run(&world, seed, allowed, false);
		}
	}
	return allowed;
}

static void show_failure(uint64_t seed, uint32_t allowed)
{
	(void)printf("\nseed %llu: %s\n", (unsigned long long)seed, world.journal.violation);
	allowed = shrink(seed, allowed);
	describe(&world.plan);
	journal_print(&world.journal, SHOWN_LINES);
	(void)printf("replay: make sim SEED=%llu MASK=0x%x\n", (unsigned long long)seed, allowed);
	(void)fflush(stdout);
}

static bool run_seed(uint64_t seed, uint32_t allowed, bool twice)
{
	uint64_t hash;

	seed_now = seed;
	trace_begin(&world, &mine->trace);
	if (!world_run(&world, seed, allowed, false)) {
		mine->violations++;
		mine->bad_seed = seed;
		show_failure(seed, allowed);
		return false;
	}
	count();
	if (twice) {
		static struct trace_sums unused;

		hash = world.journal.hash;
		mine->twice++;
		trace_begin(&world, &unused);
		if (!world_run(&world, seed, allowed, false) || world.journal.hash != hash) {
			(void)printf("\nseed %llu: two runs differ: %016llx, %016llx\n", (unsigned long long)seed,
				(unsigned long long)hash, (unsigned long long)world.journal.hash);
			mine->violations++;
			mine->bad_seed = seed;
			return false;
		}
	}
	return true;
}

static void worker(uint32_t index, uint32_t workers, uint64_t first, uint64_t seeds, uint32_t allowed, time_t until)
{
	mine = &all[index];
	for (uint64_t i = index; i < seeds && (until == 0 || time(NULL) < until); i += workers) {
		if (!run_seed(first + i, allowed, (first + i) % 100 == 0)) {
			_exit(1);
		}
	}
	_exit(0);
}

static void add(struct sums *to, const struct sums *from)
{
	const uint64_t *a = (const void *)from;
	uint64_t *b = (void *)to;
	uint64_t hash = to->hash ^ from->hash;
	uint64_t max = to->blackout_us_max > from->blackout_us_max ? to->blackout_us_max : from->blackout_us_max;
	uint64_t bad = from->violations != 0 ? from->bad_seed : to->bad_seed;

	for (size_t i = 0; i < sizeof(*to) / sizeof(uint64_t); i++) {
		b[i] += a[i];
	}
	to->hash = hash;
	to->blackout_us_max = max;
	to->bad_seed = bad;
}

#define ENUM_ERR	  "enum err: "
#define ALL_REACHED_SEEDS 20000u /* so many must reach everything */

struct unreached_arc {
	enum handover_side side;
	enum owner state;
	enum handover_event event;
	const char *why;
};

static const struct unreached_arc unreached_arcs[] = {
	{ HANDOVER_SIDE_COUNT, OWNER_COUNT, HANDOVER_EV_COUNT, "" },
#define UNREACHED_ARC(side, state, event, next, why) { HANDOVER_##side, OWNER_##state, HANDOVER_EV_##event, why },
#include "tests/sim/unreached.def"
};

static const struct {
	const char *key, *why, *test;
} unreached_errors[] = {
	{ "", "", "" },
#define UNREACHED_ERROR(key, why, test) { key, why, test },
#include "tests/sim/unreached.def"
};

static const char *arc_excuse(enum handover_side side, enum owner state, enum handover_event event)
{
	for (uint32_t i = 0; i < sizeof(unreached_arcs) / sizeof(unreached_arcs[0]); i++) {
		const struct unreached_arc *u = &unreached_arcs[i];

		if (u->side == side && u->state == state && u->event == event) {
			return u->why;
		}
	}
	return NULL;
}

static uint32_t error_excuse(const char *key)
{
	for (uint32_t i = 1; i < sizeof(unreached_errors) / sizeof(unreached_errors[0]); i++) {
		if (strcmp(unreached_errors[i].key, key) == 0) {
			return i;
		}
	}
	return 0;
}

/* Named errors; those that were missed for no reason. */
static uint32_t print_errors(const struct sums *s)
{
	const struct reached *r = &s->trace.reached;
	uint32_t reached = 0, missed = 0;

	for (uint32_t i = 0; i < reached_count(); i++) {
		reached += r->texts[i] != 0;
	}
	(void)printf("\nnamed errors of engine, session and control: %u of %u reached\n", reached, reached_count());
	for (uint32_t i = 0; i < reached_count(); i++) {
		uint32_t excuse = error_excuse(reached_text(i));

		if (r->texts[i] == 0 && excuse == 0) {
			(void)printf("  never: %s  %s\n", reached_where(i), reached_text(i));
			missed++;
		}
	}
	for (uint32_t i = 0; i < reached_count(); i++) {
		uint32_t excuse = error_excuse(reached_text(i));

		if (r->texts[i] == 0 && excuse != 0) {
			(void)printf("  not here: %s  %s (%s; %s)\n", reached_where(i), reached_text(i),
				unreached_errors[excuse].why, unreached_errors[excuse].test);
		} else if (excuse != 0) {
			(void)printf("  reached after all: %s\n", reached_text(i));
		}
	}
	for (uint32_t i = 1; i < sizeof(unreached_errors) / sizeof(unreached_errors[0]); i++) {
		if (reached_find(unreached_errors[i].key) == REACHED_MAX &&
			strncmp(unreached_errors[i].key, ENUM_ERR, sizeof(ENUM_ERR) - 1) != 0) {
			(void)printf("  no such error any more: %s\n", unreached_errors[i].key);
			missed++;
		}
	}
	for (uint32_t i = 0; i < ERR_COUNT; i++) {
		char key[64];
		uint32_t excuse;

		(void)snprintf(key, sizeof(key), ENUM_ERR "%s", err_name((enum err)i));
		excuse = error_excuse(key);
		if (r->errs[i] == 0) {
			(void)printf("  %s: %s%s%s\n", excuse == 0 ? "never" : "not here", key, excuse == 0 ? "" : ": ",
				unreached_errors[excuse].why);
			missed += excuse == 0;
		}
	}
	return missed;
}

/* The same of the arcs. */
static uint32_t print_arcs(const struct sums *s)
{
	uint32_t missed = 0;

	uint32_t listed = 0, reached = 0;

	for (uint32_t side = 0; side < HANDOVER_SIDE_COUNT; side++) {
		for (uint32_t st = 0; st < OWNER_COUNT; st++) {
			for (uint32_t ev = 0; ev < HANDOVER_EV_COUNT; ev++) {
				if (trace_listed((enum handover_side)side, (enum owner)st, (enum handover_event)ev)) {
					listed++;
					reached += s->trace.arcs[side][st][ev] != 0;
				}
			}
		}
	}
	(void)printf("\narcs of migration/handover.def: %u of %u reached\n", reached, listed);
	for (uint32_t side = 0; side < HANDOVER_SIDE_COUNT; side++) {
		for (uint32_t st = 0; st < OWNER_COUNT; st++) {
			for (uint32_t ev = 0; ev < HANDOVER_EV_COUNT; ev++) {
				if (trace_listed((enum handover_side)side, (enum owner)st, (enum handover_event)ev) &&
					s->trace.arcs[side][st][ev] == 0) {
					const char *why = arc_excuse(
						(enum handover_side)side, (enum owner)st, (enum handover_event)ev);

					missed += why == NULL;
					(void)printf("  %s: %s %s %s%s%s\n", why == NULL ? "never" : "not here",
						side == HANDOVER_SRC ? "SRC" : "DST", owner_name((enum owner)st),
						handover_event_name((enum handover_event)ev), why == NULL ? "" : ": ",
						why == NULL ? "" : why);
				}
			}
		}
	}
	return missed;
}

static void print_table(const struct sums *s)
{
	(void)printf("\nowner state x event, times reached (r: refused by the table)\n%-16s", "");
	for (uint32_t st = 0; st < OWNER_COUNT; st++) {
		(void)printf(" %9s", owner_name((enum owner)st));
	}
	for (uint32_t side = 0; side < HANDOVER_SIDE_COUNT; side++) {
		for (uint32_t ev = 0; ev < HANDOVER_EV_COUNT; ev++) {
			uint64_t any = 0;

			for (uint32_t st = 0; st < OWNER_COUNT; st++) {
				any += s->trace.arcs[side][st][ev] + s->trace.refused[side][st][ev];
			}
			if (any == 0) {
				continue;
			}
			(void)printf("\n%s %-12s", side == HANDOVER_SRC ? "SRC" : "DST",
				handover_event_name((enum handover_event)ev));
			for (uint32_t st = 0; st < OWNER_COUNT; st++) {
				uint64_t n = s->trace.arcs[side][st][ev], r = s->trace.refused[side][st][ev];

				if (n + r == 0) {
					(void)printf(" %9s", ".");
				} else {
					(void)printf(
						" %8llu%c", (unsigned long long)(n != 0 ? n : r), n != 0 ? ' ' : 'r');
				}
			}
		}
	}
	(void)printf("\n\nowner state x fault\n%-16s", "");
	for (uint32_t st = 0; st < OWNER_COUNT; st++) {
		(void)printf(" %9s", owner_name((enum owner)st));
	}
	for (uint32_t f = 0; f < FAULT_COUNT; f++) {
		(void)printf("\n%-16s", plan_fault_name((enum plan_fault)f));
		for (uint32_t st = 0; st < OWNER_COUNT; st++) {
			if (s->trace.faults[st][f] == 0) {
				(void)printf(" %9s", ".");
			} else {
				(void)printf(" %9llu", (unsigned long long)s->trace.faults[st][f]);
			}
		}
	}
	(void)printf("\n");
}

static double share(uint64_t part, uint64_t whole)
{
	return whole != 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

/* How many arcs and named errors were missed for no reason. */
static uint32_t print_sums(const struct sums *s, double seconds, bool table)
{
	uint32_t missed = 0;

	if (table) {
		print_table(s);
		missed = print_arcs(s) + print_errors(s);
	}
	(void)printf("\n%llu seeds (%llu without faults), %llu run twice with equal hashes; all hashes %016llx\n",
		(unsigned long long)s->seeds, (unsigned long long)s->clean_seeds, (unsigned long long)s->twice,
		(unsigned long long)s->hash);
	(void)printf(
		"%llu migrations: %.1f %% completed, %llu failed, %llu cancelled; without faults %.1f %% of %llu\n",
		(unsigned long long)s->attempts, share(s->completed, s->attempts), (unsigned long long)s->failed,
		(unsigned long long)s->cancelled, share(s->clean_completed, s->clean_attempts),
		(unsigned long long)s->clean_attempts);
	(void)printf("%llu worlds ended in taken for ever; in %llu the source could not say RETIRED any more, and the "
		     "operator took\n",
		(unsigned long long)s->stuck, (unsigned long long)s->by_word);
	(void)printf("blackout without faults: %llu measured, longest %.1f ms, %llu over downtime-limit\n",
		(unsigned long long)s->blackouts, (double)s->blackout_us_max / 1000.0,
		(unsigned long long)s->over_limit);
	(void)printf("judge: %llu instructions, %llu DMA writes, %llu whole comparisons, %llu changes of host\n",
		(unsigned long long)s->instructions, (unsigned long long)s->dma, (unsigned long long)s->looks,
		(unsigned long long)s->moves);
	(void)printf("faults: %llu cuts, %llu bits, %llu stalls, %llu restarts\n", (unsigned long long)s->cuts,
		(unsigned long long)s->flips, (unsigned long long)s->stalls, (unsigned long long)s->restarts);
	(void)printf("%.1f s, %.0f migrations a minute, %.0f simulated seconds a second\n", seconds,
		(double)s->attempts * 60.0 / seconds, (double)s->sim_us / 1e6 / seconds);
	return missed;
}

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int replay(uint64_t seed, uint32_t allowed)
{
	bool good;

	mine = &all[0];
	seed_now = seed;
	trace_begin(&world, &mine->trace);
	plan_draw(&world.plan, seed, allowed);
	describe(&world.plan);
	good = world_run(&world, seed, allowed, true);
	(void)printf("seed %llu: %s, %llu events, hash %016llx\n", (unsigned long long)seed,
		good ? "holds" : "VIOLATED", (unsigned long long)world.journal.count,
		(unsigned long long)world.journal.hash);
	return good ? 0 : 1;
}

static int run_many(uint64_t first, uint64_t seeds, uint32_t allowed, uint32_t workers, uint64_t seconds, bool table)
{
	static struct sums total;
	double begun = now_s();
	uint32_t missed;
	int failed = 0;

	for (uint32_t i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			worker(i, workers, first, seeds, allowed, seconds != 0 ? time(NULL) + (time_t)seconds : 0);
		}
	}
	for (uint32_t i = 0; i < workers; i++) {
		int status = 0;

		(void)wait(&status);
		failed |= status != 0;
	}
	for (uint32_t i = 0; i < workers; i++) {
		add(&total, &all[i]);
	}
	missed = print_sums(&total, now_s() - begun, table);
	if (failed != 0 || total.violations != 0) {
		(void)printf("sim: FAILED, seed %llu\n", (unsigned long long)total.bad_seed);
		return 1;
	}
	if (total.clean_completed != total.clean_attempts) {
		(void)printf("sim: FAILED, not every migration without faults completed\n");
		return 1;
	}
	if (missed != 0 && total.seeds >= ALL_REACHED_SEEDS) {
		(void)printf("sim: FAILED, %u arcs or named errors were never reached, and tests/sim/unreached.def has "
			     "no reason\n",
			missed);
		return 1;
	}
	(void)printf("sim: no violation\n");
	return 0;
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 0);
}

int main(int argc, char **argv)
{
	uint64_t first = 1, count_of = 1000, seconds = 0;
	uint32_t allowed = UINT32_MAX, workers = 2;
	bool one = false, table = true;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0) {
			first = number(argv[i + 1]);
			one = true;
		} else if (strcmp(argv[i], "--first") == 0) {
			first = number(argv[i + 1]);
		} else if (strcmp(argv[i], "--count") == 0) {
			count_of = number(argv[i + 1]);
		} else if (strcmp(argv[i], "--mask") == 0) {
			allowed = (uint32_t)number(argv[i + 1]);
		} else if (strcmp(argv[i], "--workers") == 0) {
			workers = (uint32_t)number(argv[i + 1]);
		} else if (strcmp(argv[i], "--seconds") == 0) {
			seconds = number(argv[i + 1]);
		} else if (strcmp(argv[i], "--trace") == 0) {
			FILE *file = fopen(argv[i + 1], "w");

			if (file == NULL) {
				return 2;
			}
			trace_write(file);
		} else if (strcmp(argv[i], "--table") == 0) {
			table = number(argv[i + 1]) != 0;
		} else {
			(void)fprintf(stderr, "usage: sim [--seed N] [--first N] [--count N] [--mask M] [--workers N] "
					      "[--seconds N] [--table 0|1] [--trace FILE]\n");
			return 2;
		}
	}
	workers = workers == 0 || workers > WORKERS_MAX ? 2 : workers;
	all = mmap(NULL, sizeof(*all) * WORKERS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED) {
		return 2;
	}
	mine = &all[0];
	(void)signal(SIGABRT, on_abort);
	(void)signal(SIGILL, on_abort); /* what an ASSERT does */
	(void)signal(SIGTRAP, on_abort);
	(void)signal(SIGSEGV, on_abort);
	return one ? replay(first, allowed) : run_many(first, count_of, allowed, workers, seconds, table);
}
