/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/tls_reason.h"

#include <mbedtls/ssl.h>
#include <mbedtls/x509.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"

struct flag_words {
	uint32_t flags;
	const char *words;
};

/* In the order of what an operator should look at first. */
static const struct flag_words certificate_words[] = {
	{ MBEDTLS_X509_BADCERT_MISSING, "no certificate" },
	{ MBEDTLS_X509_BADCERT_NOT_TRUSTED, "certificate not signed by our CA" },
	{ MBEDTLS_X509_BADCERT_EXPIRED, "certificate expired" },
	{ MBEDTLS_X509_BADCERT_FUTURE, "certificate not valid yet (are both clocks right?)" },
	{ MBEDTLS_X509_BADCERT_REVOKED, "certificate revoked" },
	{ MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
		"certificate with a key or hash we do not take (ECDSA P-256 with SHA-256)" },
	{ MBEDTLS_X509_BADCERT_KEY_USAGE, "certificate not for digital signatures" },
};

void tls_reason_certificate(char *out, size_t cap, uint32_t flags, const char *fault, const char *peer)
{
	const char *words = fault != NULL ? fault : "certificate not for TLS of this role";

	for (size_t i = 0; i < ARRAY_SIZE(certificate_words); i++) {
		if ((flags & certificate_words[i].flags) != 0) {
			words = certificate_words[i].words;
			break;
		}
	}
	if (peer[0] != '\0') {
		(void)fmt(out, cap, "peer \"%s\": %s", peer, words);
	} else {
		(void)fmt(out, cap, "peer: %s", words);
	}
}

struct code_words {
	int code;
	enum err err;
	const char *words;
};

static const struct code_words alert_words[] = {
	{ MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE, ERR_AUTH, "no TLS parameters in common" },
	{ MBEDTLS_SSL_ALERT_MSG_BAD_CERT, ERR_AUTH, "our certificate is bad" },
	{ MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT, ERR_AUTH, "our certificate has the wrong usage or key" },
	{ MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED, ERR_AUTH, "our certificate is revoked" },
	{ MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED, ERR_AUTH, "our certificate expired" },
	{ MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN, ERR_AUTH, "our certificate is not accepted" },
	{ MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA, ERR_AUTH, "our certificate is not signed by its CA" },
	{ MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED, ERR_AUTH, "our certificate lacks the role or the host id" },
	{ MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR, ERR_AUTH, "our signature does not verify" },
	{ MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION, ERR_AUTH, "it speaks no TLS 1.3" },
	{ MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR, ERR_LOST, "it failed internally" },
	{ MBEDTLS_SSL_ALERT_MSG_NO_CERT, ERR_AUTH, "it wants a certificate from us" },
	{ 116 /* certificate_required, RFC 8446, 6.2 */, ERR_AUTH, "it wants a certificate from us" },
	{ MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL, ERR_AUTH, "it does not speak godwit/1" },
};

enum err tls_reason_alert(char *out, size_t cap, uint8_t alert)
{
	for (size_t i = 0; i < ARRAY_SIZE(alert_words); i++) {
		if (alert_words[i].code == alert) {
			(void)fmt(out, cap, "peer refuses: %s", alert_words[i].words);
			return alert_words[i].err;
		}
	}
	(void)fmt(out, cap, "peer refuses: TLS alert %u", alert);
	return ERR_LOST;
}

static const struct code_words library_words[] = {
	{ MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, ERR_AUTH, "peer speaks TLS 1.2 or older" },
	{ MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL, ERR_AUTH, "peer does not speak godwit/1" },
	{ MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE, ERR_AUTH, "peer: no certificate" },
	{ MBEDTLS_ERR_SSL_INVALID_RECORD, ERR_LOST, "peer sends no TLS records" },
	{ MBEDTLS_ERR_SSL_INVALID_MAC, ERR_LOST, "a TLS record does not authenticate" },
	{ MBEDTLS_ERR_SSL_CONN_EOF, ERR_LOST, "connection cut" },
	{ MBEDTLS_ERR_SSL_ALLOC_FAILED, ERR_LOST, "TLS memory of the connection exhausted" },
	{ MBEDTLS_ERR_X509_ALLOC_FAILED, ERR_LOST, "TLS memory of the connection exhausted" },
	{ MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, ERR_LOST, "TLS message out of turn" },
	{ MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, ERR_AUTH,
		"TLS handshake: nothing in common, or a signature that does not verify" },
	{ MBEDTLS_ERR_SSL_DECODE_ERROR, ERR_LOST, "TLS message that does not follow its format" },
	{ MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, ERR_LOST, "TLS message with an illegal value" },
};

enum err tls_reason_library(char *out, size_t cap, int ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(library_words); i++) {
		if (library_words[i].code == ret) {
			(void)fmt(out, cap, "%s", library_words[i].words);
			return library_words[i].err;
		}
	}
	(void)fmt(out, cap, "TLS error -0x%04x", (unsigned int)-ret);
	return ERR_LOST;
}
