/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The generic timer as EL2 uses it: physical counter, and the EL2 physical timer as an alarm (PPI 26). */
#ifndef ARCH_AARCH64_TIMER_H
#define ARCH_AARCH64_TIMER_H

#include <stdint.h>

#define TIMER_PPI_HYP  26u
#define TIMER_PPI_VIRT 27u

/** CNTPCT_EL0, not reordered before what came earlier. */
uint64_t timer_count(void);
/** CNTFRQ_EL0 in Hz; never 0. */
uint64_t timer_hz(void);
/** Ticks to time and back, rounding down, without overflow over the life of a machine. */
uint64_t timer_ticks_to_ns(uint64_t ticks, uint64_t hz);
uint64_t timer_ns_to_ticks(uint64_t ns, uint64_t hz);
uint64_t timer_now_us(void);
uint64_t timer_now_ns(void);
/** Raise PPI 26 on this core once the counter reaches `count`; a later call replaces it. */
void timer_alarm_at(uint64_t count);
/** Raise PPI 26 after so many microseconds. */
void timer_alarm_in_us(uint64_t us);
void timer_alarm_off(void);

#endif
