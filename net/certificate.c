/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/certificate.h"

#include <string.h>

/* 1.3.6.1.4.1.55555.1.x in DER, without tag and length (X.690, 8.19). */
#define ROLE_OID_BYTES 10u
static const uint8_t role_oid[][ROLE_OID_BYTES] = {
	[TLS_SOURCE] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xb2, 0x03, 0x01, 0x01 },
	[TLS_DESTINATION] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xb2, 0x03, 0x01, 0x02 },
};

static const char host_prefix[] = "godwit:host/";
#define HOST_PREFIX_LEN (sizeof(host_prefix) - 1)

bool certificate_has_role(const mbedtls_x509_crt *crt, enum tls_role role)
{
	const mbedtls_x509_sequence *usage = &crt->ext_key_usage;

	for (uint32_t i = 0; i < CERTIFICATE_NAMES_MAX && usage != NULL; i++) {
		const mbedtls_x509_buf *oid = &usage->buf;

		if (oid->p != NULL && oid->len == ROLE_OID_BYTES &&
			memcmp(oid->p, role_oid[role], ROLE_OID_BYTES) == 0) {
			return true;
		}
		usage = usage->next;
	}
	return false;
}

static bool is_id_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

static enum err copy_id(const uint8_t *id, size_t len, char out[HOST_ID_MAX])
{
	if (len == 0 || len >= HOST_ID_MAX) {
		return ERR_RANGE;
	}
	for (size_t i = 0; i < len; i++) {
		if (!is_id_char(id[i])) {
			return ERR_RANGE;
		}
	}
	memcpy(out, id, len);
	out[len] = '\0';
	return ERR_OK;
}

static bool is_host_uri(const mbedtls_x509_buf *name)
{
	return name->p != NULL &&
	       name->tag == (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_UNIFORM_RESOURCE_IDENTIFIER) &&
	       name->len >= HOST_PREFIX_LEN && memcmp(name->p, host_prefix, HOST_PREFIX_LEN) == 0;
}

enum err certificate_host_id(const mbedtls_x509_crt *crt, char out[HOST_ID_MAX])
{
	const mbedtls_x509_sequence *name = &crt->subject_alt_names;
	const mbedtls_x509_buf *found = NULL;

	out[0] = '\0';
	for (uint32_t i = 0; name != NULL; i++) {
		if (i == CERTIFICATE_NAMES_MAX) {
			return ERR_MISMATCH;
		}
		if (is_host_uri(&name->buf)) {
			if (found != NULL) {
				return ERR_MISMATCH;
			}
			found = &name->buf;
		}
		name = name->next;
	}
	if (found == NULL) {
		return ERR_MISMATCH;
	}
	return copy_id(found->p + HOST_PREFIX_LEN, found->len - HOST_PREFIX_LEN, out);
}
