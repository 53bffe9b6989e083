/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Mbed TLS 3.6 as Godwit uses it, given to every file of it as MBEDTLS_CONFIG_FILE: TLS 1.3
 * alone, both roles, X.509 with ECDSA P-256, ECDHE over x25519 and P-256, AES-256-GCM and
 * ChaCha20-Poly1305. No sockets, files, tickets, early data, PSK or TLS 1.2.
 *
 * Memory, time, formatting and randomness come from net/mbedtls/hooks.c.
 */
#ifndef NET_MBEDTLS_CONFIG_H
#define NET_MBEDTLS_CONFIG_H

#include <stddef.h>
#include <stdint.h>

/* ---- our hooks ---- */

void *mbedtls_hook_calloc(size_t count, size_t size_bytes);
void mbedtls_hook_free(void *p);
int64_t mbedtls_hook_time(int64_t *out);
int mbedtls_hook_snprintf(char *out, size_t cap, const char *format, ...);

#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO	mbedtls_hook_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO	mbedtls_hook_free
#define MBEDTLS_PLATFORM_SNPRINTF_MACRO mbedtls_hook_snprintf

#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_TIME_TYPE_MACRO int64_t
#define MBEDTLS_PLATFORM_TIME_MACRO	 mbedtls_hook_time
#define MBEDTLS_PLATFORM_MS_TIME_ALT
#define MBEDTLS_PLATFORM_GMTIME_R_ALT

#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG

/* ---- instructions ---- */

#define MBEDTLS_HAVE_ASM
#if defined(__aarch64__)
/* FEAT_AES, FEAT_PMULL and FEAT_SHA256 are required; nothing is probed. */
#define MBEDTLS_AESCE_C
#define MBEDTLS_AES_USE_HARDWARE_ONLY
#define MBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_ONLY
#elif defined(__x86_64__)
#define MBEDTLS_AESNI_C
#endif

/* ---- primitives ---- */

#define MBEDTLS_AES_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_MD_C
#define MBEDTLS_HKDF_C
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
/*
 * Window 4 halves the tables on the arena; fixed-point 1 uses the constant tables of the base
 * point, so that nothing is cached in the key that several connections share.
 */
#define MBEDTLS_ECP_WINDOW_SIZE	      4
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 1
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C

/* ---- PSA: what TLS 1.3 computes with; keys in RAM only ---- */

#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_USE_PSA_CRYPTO
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS
#define MBEDTLS_PSA_KEY_SLOT_COUNT 48

/* ---- X.509, DER only ---- */

#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_WRITE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_REMOVE_INFO
#define MBEDTLS_X509_MAX_INTERMEDIATE_CA 2

/* ---- TLS 1.3 ---- */

#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define MBEDTLS_SSL_KEYING_MATERIAL_EXPORT
/* One control message is one record; a certificate chain of three fits. */
#define MBEDTLS_SSL_IN_CONTENT_LEN  8192
#define MBEDTLS_SSL_OUT_CONTENT_LEN 8192

#endif
