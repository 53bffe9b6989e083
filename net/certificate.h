/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** What a host certificate says beyond X.509: the host id and the migration roles. */
#ifndef NET_CERTIFICATE_H
#define NET_CERTIFICATE_H

#include <stdbool.h>

#include <mbedtls/x509_crt.h>

#include "core/base/err.h"
#include "core/base/limits.h"
#include "migration/session/tls.h"

#define CERTIFICATE_NAMES_MAX 16u /* alternative names and usages looked at */

/** True if the certificate names the usage of that role; neither absence nor "any" counts. */
bool certificate_has_role(const mbedtls_x509_crt *crt, enum tls_role role);

/**
 * The host id: what follows godwit:host/ in the one subjectAltName URI that begins so.
 *
 * @return ERR_OK; ERR_MISMATCH if there is none or more than one; ERR_RANGE if it is empty, has
 *         HOST_ID_MAX characters or more, or others than letters, digits, '.' and '-'. On an error out is "".
 */
enum err certificate_host_id(const mbedtls_x509_crt *crt, char out[HOST_ID_MAX]) MUST_CHECK;

#endif
