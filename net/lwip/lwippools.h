/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Pools behind lwIP's mem_malloc; included several times, by design of lwIP, so without a guard. */
LWIP_MALLOC_MEMPOOL_START
/* Headers of segments sent by reference, one each; small messages; the rest for acknowledgements, which must not starve. */
LWIP_MALLOC_MEMPOOL(896, 128)
/* Copied bytes: small messages; one segment of an MTU of 1500; one of an MTU of 9000. */
LWIP_MALLOC_MEMPOOL(32, 640)
LWIP_MALLOC_MEMPOOL(48, 1664)
LWIP_MALLOC_MEMPOOL(8, 9216)
LWIP_MALLOC_MEMPOOL_END
