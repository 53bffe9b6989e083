/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * One process debugs another: a watchpoint on a word that it writes, then a single step over the write, for ever. Each
 * time the writer must stand at its store, with the word not yet written, and then one instruction on, with it written.
 */
#include "tests/linux/debug.h"

#include <stdbool.h>

#include "tests/linux/sys.h"

#define SYS_kill	     129
#define SYS_getpid	     172
#define SYS_ptrace	     117
#define SYS_wait4	     260

#define PTRACE_TRACEME	     0
#define PTRACE_CONT	     7
#define PTRACE_SINGLESTEP    9
#define PTRACE_GETREGSET     0x4204
#define PTRACE_SETREGSET     0x4205
#define NT_PRSTATUS	     1
#define NT_ARM_HW_WATCH	     0x403
#define SIGSTOP		     19
#define SIGTRAP		     5
#define STATUS_STOPPED(sig)  ((sig) << 8 | 0x7f)

#define WATCH_WRITES_8_BYTES (0xffu << 5 | 2u << 3 | 2u << 1 | 1u) /* BAS, LSC, PAC: EL0, E */
#define INSTRUCTION_BYTES    4u
#define PAUSE_NS	     20000000u

struct user_regs {
	uint64_t x[31], sp, pc, pstate;
};

/** struct user_hwdebug_state, with one entry. */
struct watch {
	uint32_t info, pad;
	uint64_t address;
	uint32_t control, pad2;
};

struct io {
	void *base;
	size_t len_bytes;
};

/** In memory that both share. */
struct word {
	volatile uint64_t value;
};

_Noreturn static void writer(struct word *w)
{
	(void)sys_call(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0, 0, 0);
	(void)sys_call(SYS_kill, sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGSTOP, 0, 0, 0, 0);
	for (;;) {
		w->value = w->value + 1;
	}
}

static bool stops_by(long pid, uint32_t sig)
{
	uint32_t status = 0;

	return sys_call(SYS_wait4, pid, (long)&status, 0, 0, 0, 0) == pid && status == STATUS_STOPPED(sig);
}

static uint64_t pc_of(long pid)
{
	struct user_regs regs = { .pc = 0 };
	struct io io = { &regs, sizeof(regs) };

	return sys_call(SYS_ptrace, PTRACE_GETREGSET, pid, NT_PRSTATUS, (long)&io, 0, 0) < 0 ? 0 : regs.pc;
}

static bool watch(long pid, struct word *w, bool on)
{
	struct watch state = { .address = on ? (uint64_t)(uintptr_t)w : 0, .control = on ? WATCH_WRITES_8_BYTES : 0 };
	struct io io = { &state, sizeof(state) };

	return sys_call(SYS_ptrace, PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (long)&io, 0, 0) == 0;
}

static bool go(long pid, long how)
{
	return sys_call(SYS_ptrace, how, pid, 0, 0, 0, 0) == 0 && stops_by(pid, SIGTRAP);
}

/** To the next store, and over it. False: something was not as it must be. */
static bool turn(long pid, struct word *w)
{
	uint64_t value = w->value, pc;
	bool ok = watch(pid, w, true) && go(pid, PTRACE_CONT);

	pc = pc_of(pid);
	ok = ok && pc != 0 && w->value == value;
	ok = ok && watch(pid, w, false) && go(pid, PTRACE_SINGLESTEP);
	return ok && pc_of(pid) == pc + INSTRUCTION_BYTES && w->value == value + 1;
}

_Noreturn void debug_process(uint64_t *turns, uint64_t *errors)
{
	long memory = sys_memory(sizeof(struct word), MAP_SHARED);
	struct word *w = (struct word *)memory;
	long pid = memory < 0 ? -1 : sys_fork();

	if (pid == 0) {
		writer(w);
	}
	if (pid < 0 || !stops_by(pid, SIGSTOP)) {
		__atomic_store_n(errors, 1u, __ATOMIC_RELAXED);
	}
	for (uint64_t n = 1;; n++) {
		if (!turn(pid, w)) {
			__atomic_fetch_add(errors, 1u, __ATOMIC_RELAXED);
		}
		__atomic_store_n(turns, n, __ATOMIC_RELAXED);
		sys_sleep_ns(PAUSE_NS);
	}
}
