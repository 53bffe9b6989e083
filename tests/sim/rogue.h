/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A peer that holds all keys and lies: what it seals or writes to TLS is changed before it is sealed. From its first lie on
 * a world is judged for survival alone: no assertion, no page outside RAM, no end that never comes.
 */
#ifndef TESTS_SIM_ROGUE_H
#define TESTS_SIM_ROGUE_H

#include "migration/session/seal.h"
#include "migration/session/tls.h"

/** The seal of all hosts, which lies for the host whose engine is called (trace_host()). */
const struct seal_ops *rogue_seal(void);
/** TLS as tls, which lies likewise. */
struct tls rogue_tls(struct tls tls);

#endif
