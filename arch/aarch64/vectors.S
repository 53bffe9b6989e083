/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The EL2 vectors. From a lower level: save the guest's general registers into its frame and return from guest_enter().
 * From EL2 itself nothing is expected, interrupts being masked: print everything and halt.
 */
#include "arch/aarch64/layout.h"

	.section .text.vectors, "ax", %progbits

	.macro	vector_panic kind
	.balign	0x80
	msr	tpidr_el1, x0		/* the host ends here: a guest's registers are free to use */
	mov	x0, #\kind
	b	panic_entry
	.endm

	.macro	vector_guest kind
	.balign	0x80
	stp	x0, x1, [sp, #-16]!
	mov	x1, #\kind
	b	guest_exit
	.endm

	.balign	0x800
	.global	vectors
vectors:
	vector_panic 0			/* current EL, SP_EL0: sync, IRQ, FIQ, SError */
	vector_panic 1
	vector_panic 2
	vector_panic 3
	vector_panic 4			/* current EL, SP_EL2 */
	vector_panic 5
	vector_panic 6
	vector_panic 7
	vector_guest EXIT_SYNC		/* lower EL, AArch64 */
	vector_guest EXIT_IRQ
	vector_guest EXIT_FIQ
	vector_guest EXIT_SERROR
	vector_guest EXIT_AARCH32	/* lower EL, AArch32: not offered to guests */
	vector_guest EXIT_AARCH32
	vector_guest EXIT_AARCH32
	vector_guest EXIT_AARCH32
	.balign	0x80

/* uint64_t guest_enter(struct arch_frame *frame): runs the guest until it exits; returns enum guest_exit_kind. */
	.global	guest_enter
	.type	guest_enter, %function
guest_enter:
	stp	x29, x30, [sp, #-112]!
	mov	x29, sp
	stp	x27, x28, [sp, #16]
	stp	x25, x26, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x21, x22, [sp, #64]
	stp	x19, x20, [sp, #80]
	str	x0, [sp, #96]
	ldp	x1, x2, [x0, #FRAME_PC]
	msr	elr_el2, x1
	msr	spsr_el2, x2
	ldp	x2, x3, [x0, #16]
	ldp	x4, x5, [x0, #32]
	ldp	x6, x7, [x0, #48]
	ldp	x8, x9, [x0, #64]
	ldp	x10, x11, [x0, #80]
	ldp	x12, x13, [x0, #96]
	ldp	x14, x15, [x0, #112]
	ldp	x16, x17, [x0, #128]
	ldp	x18, x19, [x0, #144]
	ldp	x20, x21, [x0, #160]
	ldp	x22, x23, [x0, #176]
	ldp	x24, x25, [x0, #192]
	ldp	x26, x27, [x0, #208]
	ldp	x28, x29, [x0, #224]
	ldr	x30, [x0, #240]
	ldp	x0, x1, [x0]
	eret
	dsb	nsh			/* no speculation past the ERET */
	isb
	.size	guest_enter, . - guest_enter

/* On the stack: the guest's x0 and x1, above them what guest_enter() pushed. x1: kind. */
	.type	guest_exit, %function
guest_exit:
	ldr	x0, [sp, #16 + 96]
	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	str	x30, [x0, #240]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x0]
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x2, x3, [x0, #FRAME_PC]
	mov	x0, x1
	ldp	x19, x20, [sp, #80]
	ldp	x21, x22, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #32]
	ldp	x27, x28, [sp, #16]
	ldp	x29, x30, [sp], #112
	ret
	.size	guest_exit, . - guest_exit

/*
 * x0: vector, TPIDR_EL1: the old x0. The stack may be what failed (a guard page), so the frame goes onto this core's
 * panic stack.
 */
	.type	panic_entry, %function
panic_entry:
	msr	tpidrro_el0, x0
	mrs	x0, tpidr_el2
	cbz	x0, 1f
	ldr	x0, [x0, #CORE_PANIC_TOP]
	b	2f
1:	adrp	x0, stacks_panic
	add	x0, x0, :lo12:stacks_panic
	add	x0, x0, #STACKS_PANIC_STRIDE
2:	sub	x0, x0, #PANIC_BYTES
	stp	x1, x2, [x0, #8]
	stp	x3, x4, [x0, #24]
	stp	x5, x6, [x0, #40]
	stp	x7, x8, [x0, #56]
	stp	x9, x10, [x0, #72]
	stp	x11, x12, [x0, #88]
	stp	x13, x14, [x0, #104]
	stp	x15, x16, [x0, #120]
	stp	x17, x18, [x0, #136]
	stp	x19, x20, [x0, #152]
	stp	x21, x22, [x0, #168]
	stp	x23, x24, [x0, #184]
	stp	x25, x26, [x0, #200]
	stp	x27, x28, [x0, #216]
	stp	x29, x30, [x0, #232]
	mrs	x1, tpidr_el1
	str	x1, [x0]
	mov	x1, sp
	str	x1, [x0, #PANIC_SP]
	mrs	x1, elr_el2
	mrs	x2, spsr_el2
	stp	x1, x2, [x0, #PANIC_ELR]
	mrs	x1, esr_el2
	mrs	x2, far_el2
	stp	x1, x2, [x0, #PANIC_ESR]
	mrs	x1, tpidrro_el0
	str	x1, [x0, #PANIC_KIND]
	msr	spsel, #1
	mov	sp, x0
	bl	panic_vector
	b	park_forever
	.size	panic_entry, . - panic_entry

	.section .note.GNU-stack, "", %progbits
