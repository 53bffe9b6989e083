/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What went wrong in TLS, in words an operator understands. */
#ifndef NET_TLS_REASON_H
#define NET_TLS_REASON_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/**
 * Words for a peer certificate that was refused.
 *
 * @param flags  MBEDTLS_X509_BADCERT_*.
 * @param fault  What our own check found, or NULL; told when the chain itself is good.
 * @param peer   Host id the certificate claims, or "".
 */
void tls_reason_certificate(char *out, size_t cap, uint32_t flags, const char *fault, const char *peer);

/** Words for a fatal alert the peer sent (RFC 8446, 6); ERR_AUTH for those that trying again does not change, else ERR_LOST. */
enum err tls_reason_alert(char *out, size_t cap, uint8_t alert);

/** Words for an error code of the library; ERR_AUTH or ERR_LOST. */
enum err tls_reason_library(char *out, size_t cap, int ret);

#endif
