/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Sizes and offsets that C and assembly share; core.c and frame.c hold them to the structs. */
#ifndef ARCH_AARCH64_LAYOUT_H
#define ARCH_AARCH64_LAYOUT_H

#define CORE_COUNT_MAX	    8
#define GUARD_BYTES	    0x1000
#define STACK_SERVICE_BYTES 0x20000 /* core 0: network, session and engine */
#define STACK_VCPU_BYTES    0x4000
#define STACK_PANIC_BYTES   0x2000
#define STACKS_PANIC_STRIDE (GUARD_BYTES + STACK_PANIC_BYTES)
#define STACKS_VCPU_STRIDE  (GUARD_BYTES + STACK_VCPU_BYTES)

/* struct core */
#define CORE_STACK_TOP	    0
#define CORE_PANIC_TOP	    8

/* struct arch_frame: x0 to x30, then */
#define FRAME_PC	    248
#define FRAME_PSTATE	    256

/* struct panic_frame: x0 to x30, then */
#define PANIC_SP	    248
#define PANIC_ELR	    256
#define PANIC_SPSR	    264
#define PANIC_ESR	    272
#define PANIC_FAR	    280
#define PANIC_KIND	    288
#define PANIC_BYTES	    304

/* enum guest_exit_kind */
#define EXIT_SYNC	    0
#define EXIT_IRQ	    1
#define EXIT_FIQ	    2
#define EXIT_SERROR	    3
#define EXIT_AARCH32	    4

#define SCTLR_EL2_RES1	    0x30C50830
#define SCTLR_EL2_ON	    0x30CD183D /* RES1, M, C, SA, I, WXN */

#endif
