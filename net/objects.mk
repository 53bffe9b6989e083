# SPDX-License-Identifier: BSD-2-Clause-Patent

# TLS and sealing over Mbed TLS.
net-src += net/certificate.c
net-src += net/mbedtls/arena.c
net-src += net/mbedtls/hooks.c
net-src += net/seal_port.c
net-src += net/tls_port.c
net-src += net/tls_reason.c

# Byte streams over lwIP.
net-src += net/ethernet.c
net-src += net/filter.c
net-src += net/lwip_hooks.c
net-src += net/siphash.c
net-src += net/stream_table.c
net-src += net/transport.c
