/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Every named bound of the engine, session and network. docs/memory-map.md turns them
 * into bytes of RAM.
 */
#ifndef CORE_BASE_LIMITS_H
#define CORE_BASE_LIMITS_H

/* Guest shape. */
#define VM_RAM_REGIONS_MAX     4u
#define VCPU_COUNT_MAX	       8u
#define DEVICE_COUNT_MAX       8u
#define VM_NAME_MAX	       32u /* bytes with the final zero */

/* Data channels and frames. */
#define CHANNEL_COUNT_MAX      8u
#define FRAME_HEADER_BYTES     32u
#define FRAME_TAG_BYTES	       16u
#define FRAME_BYTES	       (63u * 1024u) /* whole frame on the wire; one tcp_write */
#define FRAME_PAYLOAD_MAX      (FRAME_BYTES - FRAME_HEADER_BYTES - FRAME_TAG_BYTES)
#define FRAME_POOL_COUNT       18u /* one pool for both roles: transmit or receive frames; one per credited stream at least */
#define FRAME_PAGES_MAX	       15u  /* 4 KiB pages with contents in one RAM frame */
#define FRAME_PAGE_ENTRIES_MAX 240u /* pages named by one RAM frame, zero pages included */

/* Control channel. */
#define CTRL_MSG_BYTES	       4096u /* one control message with its header */
#define CTRL_QUEUE_COUNT       8u    /* messages that may wait to be sent */
#define HOST_ID_MAX	       64u   /* bytes with the final zero */
#define REASON_BYTES	       192u  /* one error text with the final zero */

/* Strangers: connections that have proved nothing yet. */
#define STRANGERS_MAX	       4u

/* VM records (vCPU, interrupt controller, machine devices). */
#define VM_RECORD_BYTES	       32768u /* largest single record */
#define VM_RECORDS_MAX	       32u

/* Device image. */
#define DEVICE_CHUNK_BYTES     16384u /* one read or write of device state */

/* Control by QMP. */
#define QMP_LINE_BYTES	       4096u
#define QMP_REPLY_BYTES	       8192u
#define QMP_TOKENS_MAX	       256u

#endif
