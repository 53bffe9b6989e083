/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A peer that holds all keys and lies: what it seals or writes to TLS is changed before it is sealed. From its first lie on
 * a world is judged for survival alone: no assertion, no page outside RAM, no end that never comes.
 */
#ifndef TESTS_SIM_ROGUE_H
#define TESTS_SIM_ROGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "migration/session/seal.h"
#include "migration/session/tls.h"

/** What a liar lies about: one thing in a world, so that no earlier lie hides it. */
enum rogue_lie {
	ROGUE_ANY, /* any message, any payload */
	ROGUE_HELLO,
	ROGUE_ANSWER,
	ROGUE_SESSION, /* JOINED, CREDIT, PING, BYE; what is none of them */
	ROGUE_ENGINE,  /* messages of the hand-over */
	ROGUE_ECHO,    /* says one twice */
	ROGUE_HEADER,  /* of frames */
	ROGUE_PAYLOAD,
	ROGUE_TOTALS, /* frames that say how much there was */
	ROGUE_STATE,  /* records and device images */
	ROGUE_JOIN,
	ROGUE_RESUME_FIRST,
	ROGUE_RESUME = ROGUE_RESUME_FIRST, /* the hello of a later epoch */
	ROGUE_RESUMED,			   /* its answer */
	ROGUE_LATE,			   /* messages in a later epoch */
	ROGUE_LIES,
	ROGUE_EXACT = ROGUE_LIES, /* one field of one message or frame; all else is in order */
};

/** The lies of ROGUE_EXACT. */
uint32_t rogue_exact_count(void);
/** Is it told to a peer that comes again? */
bool rogue_exact_late(uint32_t number);

/** The seal of all hosts, which lies for the host whose engine is called (trace_host()). */
const struct seal_ops *rogue_seal(void);
/** TLS as tls, which lies likewise. */
struct tls rogue_tls(struct tls tls);

#endif
