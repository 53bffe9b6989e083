/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The operator's terminal at each host: requests are texts to the QMP monitor of that host, in any pieces, and what is believed are
 * the texts that come back. Every answer is held against what the owner state of the moment allows.
 */
#ifndef TESTS_SIM_CONSOLE_H
#define TESTS_SIM_CONSOLE_H

#include "migration/engine.h"
#include "tests/sim/world.h"

/** A command with its arguments as JSON (NULL: none). ERR_REFUSED: reason (REASON_BYTES) is its "desc". */
enum err console_command(struct world *w, uint32_t host, const char *execute, const char *arguments, char *reason);
/** All parameters and the capability x-verify-ram, as two commands. */
enum err console_parameters(
	struct world *w, uint32_t host, const struct migration_params *params, bool verify_ram, char *reason);
/** query-migrate as text, held against engine_info(); the numbers of a completed migration must add up. */
void console_query(struct world *w, uint32_t host);
/** A request that is refused for its words alone. */
void console_nonsense(struct world *w, uint32_t host);
/** Power-on: a new connection. */
void console_open(struct world *w, uint32_t host);
/** Events so far; the last MIGRATION event says what the status is. */
void console_listen(struct world *w, uint32_t host);

#endif
