/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The system calls of arm64 Linux that the load program makes, without a C library. Results are Linux's: negative errno on errors. */
#ifndef TESTS_LINUX_SYS_H
#define TESTS_LINUX_SYS_H

#include <stddef.h>
#include <stdint.h>

#define SYS_write	      64
#define SYS_exit_group	      94
#define SYS_nanosleep	      101
#define SYS_clock_gettime     113
#define SYS_sched_setaffinity 122
#define SYS_clone	      220
#define SYS_mmap	      222

#define SIGCHLD		      17
#define CLOCK_REALTIME	      0
#define CLOCK_MONOTONIC	      1
#define PROT_READ_WRITE	      3
#define MAP_SHARED	      0x01
#define MAP_PRIVATE	      0x02
#define MAP_ANONYMOUS	      0x20

struct sys_timespec {
	int64_t sec, nsec;
};

static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
	return x0;
}

static inline uint64_t sys_now_ns(long clock)
{
	struct sys_timespec t = { 0, 0 };

	(void)sys_call(SYS_clock_gettime, clock, (long)&t, 0, 0, 0, 0);
	return (uint64_t)t.sec * 1000000000u + (uint64_t)t.nsec;
}

static inline void sys_sleep_ns(uint64_t ns)
{
	struct sys_timespec t = { (int64_t)(ns / 1000000000u), (int64_t)(ns % 1000000000u) };

	(void)sys_call(SYS_nanosleep, (long)&t, 0, 0, 0, 0, 0);
}

static inline long sys_pin(uint64_t cpu)
{
	uint64_t mask = UINT64_C(1) << cpu;

	return sys_call(SYS_sched_setaffinity, 0, sizeof(mask), (long)&mask, 0, 0, 0);
}

/** Anonymous memory; negative errno as a number. */
static inline long sys_memory(size_t len_bytes, long flags)
{
	return sys_call(SYS_mmap, 0, (long)len_bytes, PROT_READ_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}

/** 0 in the child. */
static inline long sys_fork(void)
{
	return sys_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

_Noreturn static inline void sys_exit(long status)
{
	for (;;) {
		(void)sys_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
	}
}

#endif
