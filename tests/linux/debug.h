/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#ifndef TESTS_LINUX_DEBUG_H
#define TESTS_LINUX_DEBUG_H

#include <stdint.h>

/** Hardware watchpoint and single step, again and again; counts its turns, and those that went wrong. */
_Noreturn void debug_process(uint64_t *turns, uint64_t *errors);

#endif
