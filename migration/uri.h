/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** "tcp:ADDR:PORT" of migrate and migrate-incoming. */
#ifndef MIGRATION_URI_H
#define MIGRATION_URI_H

#include <stdbool.h>

#include "core/base/err.h"
#include "migration/session/stream.h"

/**
 * @param any_address  Also "tcp:0:PORT", "tcp::PORT" and "tcp:[::]:PORT": every own address.
 * @return ERR_OK; ERR_RANGE or ERR_UNSUPPORTED with reason (REASON_BYTES); *out is then untouched.
 */
enum err uri_parse(const char *uri, struct net_addr *out, bool any_address, char *reason) MUST_CHECK;

#endif
