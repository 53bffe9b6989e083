/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The guest's PL011 UART (Arm DDI 0183). Output is collected into lines and handed to a
 * sink; the unfinished line is part of the state that migrates, so no line is ever cut by
 * a migration. Input comes from a ring.
 */
#ifndef CORE_VM_VPL011_H
#define CORE_VM_VPL011_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/err.h"
#include "core/base/limits.h"
#include "core/base/spinlock.h"

struct mmio_space;

#define VPL011_BASE	     UINT64_C(0x09000000)
#define VPL011_BYTES	     UINT64_C(0x1000)
#define VPL011_INTID	     33u  /* SPI 1 */
#define VPL011_LINE_MAX	     240u /* characters; a longer line is handed over in pieces */
#define VPL011_INPUT_MAX     64u  /* bytes waiting for the guest; a power of two */
#define VPL011_STATE_VERSION 1u

/** One line without its end; zero-terminated. May not wait, may not call back. */
typedef void (*vpl011_sink_fn)(void *ctx, const char *line, size_t len_bytes);
/** Interrupt line of the UART; may be called from vpl011_input as well. */
typedef void (*vpl011_irq_fn)(void *ctx, bool level);

struct vpl011 {
	struct spinlock lock;
	vpl011_sink_fn sink;
	void *sink_ctx;
	vpl011_irq_fn irq;
	void *irq_ctx;
	uint32_t ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
	uint32_t line_len;
	uint32_t input_head, input_tail;
	bool level;
	char line[VPL011_LINE_MAX + 1];
	uint8_t input[VPL011_INPUT_MAX];
};

/** sink and irq may be NULL. */
void vpl011_init(struct vpl011 *u, vpl011_sink_fn sink, void *sink_ctx, vpl011_irq_fn irq, void *irq_ctx);
/** Power-on state; lowers the interrupt line. The unfinished line is dropped. */
void vpl011_reset(struct vpl011 *u);
MUST_CHECK enum err vpl011_map(struct vpl011 *u, struct mmio_space *s);
/** Bytes for the guest; returns how many were taken. */
size_t vpl011_input(struct vpl011 *u, const uint8_t *bytes, size_t len_bytes);

void vpl011_save(struct vpl011 *u, struct writer *w);
/** Checks the whole record, then takes it and drives the interrupt line. reason: REASON_BYTES. */
MUST_CHECK enum err vpl011_load(struct vpl011 *u, struct reader *r, char *reason);

#endif
