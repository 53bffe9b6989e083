/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * What can go wrong, once for the whole tree.
 *
 * An enum err is returned by everything that the world can make fail and must be
 * checked. Broken invariants of our own are not errors: see assert.h.
 */
#ifndef CORE_BASE_ERR_H
#define CORE_BASE_ERR_H

enum err {
	ERR_OK = 0,
	ERR_AGAIN,	 /* not finished: poll again, nothing is wrong */
	ERR_FULL,	 /* no room, no credit or no object left; retry later */
	ERR_RANGE,	 /* a value lies outside what it may be */
	ERR_BAD_RECORD,	 /* bytes that do not follow their format */
	ERR_BAD_STATE,	 /* not possible in the present state */
	ERR_NO_ARC,	 /* no such transition; nothing changed */
	ERR_UNSUPPORTED, /* hardware, version or feature that is missing */
	ERR_MISMATCH,	 /* the two sides differ */
	ERR_AUTH,	 /* identity, role or tag that does not verify */
	ERR_TIMEOUT,	 /* a deadline passed */
	ERR_LOST,	 /* connection, log or transfer is gone */
	ERR_IO,		 /* a device failed or is in ERROR */
	ERR_POISONED,	 /* a page that cannot be read */
	ERR_CANCELLED,	 /* the operator asked for it */
	ERR_REFUSED,	 /* the other side, or policy, says no */
	ERR_END,	 /* nothing more to read */
	ERR_COUNT,
};

#define MUST_CHECK __attribute__((warn_unused_result))

/** Fixed text of an error, for logs: never NULL. */
const char *err_name(enum err err);

#endif
