# SPDX-License-Identifier: BSD-2-Clause-Patent

net-src += net/certificate.c
net-src += net/mbedtls/arena.c
net-src += net/mbedtls/hooks.c
net-src += net/seal_port.c
net-src += net/tls_port.c
net-src += net/tls_reason.c
