/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * memcpy memmove memset memcmp strlen in general registers: a vCPU's core keeps the guest's FP/SIMD state in place, and
 * newlib's versions would change it. Linked first. Normal memory, any alignment (SCTLR_EL2.A is 0).
 */
	.macro	function name
	.section .text.mem.\name, "ax", %progbits
	.balign	16
	.global	\name
	.type	\name, %function
\name:
	.endm
	.macro	end name
	.size	\name, . - \name
	.endm

function memmove
	sub	x3, x0, x1
	cmp	x3, x2
	b.lo	copy_down		/* 0 <= dst - src < n: from the end */
	b	memcpy
end memmove

function memcpy
	mov	x3, x0
	subs	x2, x2, #64
	b.lo	2f
1:	ldp	x4, x5, [x1]
	ldp	x6, x7, [x1, #16]
	ldp	x8, x9, [x1, #32]
	ldp	x10, x11, [x1, #48]
	add	x1, x1, #64
	stp	x4, x5, [x3]
	stp	x6, x7, [x3, #16]
	stp	x8, x9, [x3, #32]
	stp	x10, x11, [x3, #48]
	add	x3, x3, #64
	subs	x2, x2, #64
	b.hs	1b
2:	tbz	x2, #5, 3f		/* the low six bits of n are intact */
	ldp	x4, x5, [x1], #16
	ldp	x6, x7, [x1], #16
	stp	x4, x5, [x3], #16
	stp	x6, x7, [x3], #16
3:	tbz	x2, #4, 4f
	ldp	x4, x5, [x1], #16
	stp	x4, x5, [x3], #16
4:	tbz	x2, #3, 5f
	ldr	x4, [x1], #8
	str	x4, [x3], #8
5:	tbz	x2, #2, 6f
	ldr	w4, [x1], #4
	str	w4, [x3], #4
6:	tbz	x2, #1, 7f
	ldrh	w4, [x1], #2
	strh	w4, [x3], #2
7:	tbz	x2, #0, 8f
	ldrb	w4, [x1]
	strb	w4, [x3]
8:	ret
end memcpy

function copy_down
	add	x1, x1, x2
	add	x3, x0, x2
	subs	x2, x2, #64
	b.lo	2f
1:	ldp	x4, x5, [x1, #-16]
	ldp	x6, x7, [x1, #-32]
	ldp	x8, x9, [x1, #-48]
	ldp	x10, x11, [x1, #-64]!
	stp	x4, x5, [x3, #-16]
	stp	x6, x7, [x3, #-32]
	stp	x8, x9, [x3, #-48]
	stp	x10, x11, [x3, #-64]!
	subs	x2, x2, #64
	b.hs	1b
2:	tbz	x2, #5, 3f
	ldp	x4, x5, [x1, #-16]
	ldp	x6, x7, [x1, #-32]!
	stp	x4, x5, [x3, #-16]
	stp	x6, x7, [x3, #-32]!
3:	tbz	x2, #4, 4f
	ldp	x4, x5, [x1, #-16]!
	stp	x4, x5, [x3, #-16]!
4:	tbz	x2, #3, 5f
	ldr	x4, [x1, #-8]!
	str	x4, [x3, #-8]!
5:	tbz	x2, #2, 6f
	ldr	w4, [x1, #-4]!
	str	w4, [x3, #-4]!
6:	tbz	x2, #1, 7f
	ldrh	w4, [x1, #-2]!
	strh	w4, [x3, #-2]!
7:	tbz	x2, #0, 8f
	ldrb	w4, [x1, #-1]
	strb	w4, [x3, #-1]
8:	ret
end copy_down

function memset
	and	x1, x1, #0xff
	mov	x4, #0x0101010101010101
	mul	x4, x1, x4
	mov	x3, x0
	subs	x2, x2, #64
	b.lo	2f
1:	stp	x4, x4, [x3]
	stp	x4, x4, [x3, #16]
	stp	x4, x4, [x3, #32]
	stp	x4, x4, [x3, #48]
	add	x3, x3, #64
	subs	x2, x2, #64
	b.hs	1b
2:	tbz	x2, #5, 3f
	stp	x4, x4, [x3], #16
	stp	x4, x4, [x3], #16
3:	tbz	x2, #4, 4f
	stp	x4, x4, [x3], #16
4:	tbz	x2, #3, 5f
	str	x4, [x3], #8
5:	tbz	x2, #2, 6f
	str	w4, [x3], #4
6:	tbz	x2, #1, 7f
	strh	w4, [x3], #2
7:	tbz	x2, #0, 8f
	strb	w4, [x3]
8:	ret
end memset

function memcmp
	subs	x2, x2, #8
	b.lo	2f
1:	ldr	x3, [x0], #8
	ldr	x4, [x1], #8
	cmp	x3, x4
	b.ne	5f
	subs	x2, x2, #8
	b.hs	1b
2:	adds	x2, x2, #8
	b.eq	4f
3:	ldrb	w3, [x0], #1
	ldrb	w4, [x1], #1
	subs	w3, w3, w4
	b.ne	6f
	subs	x2, x2, #1
	b.ne	3b
4:	mov	w0, #0
	ret
5:	rev	x3, x3
	rev	x4, x4
	cmp	x3, x4
	mov	w0, #1
	cneg	w0, w0, lo
	ret
6:	mov	w0, w3
	ret
end memcmp

function strlen
	mov	x1, x0
1:	ldrb	w2, [x1], #1
	cbnz	w2, 1b
	sub	x0, x1, x0
	sub	x0, x0, #1
	ret
end strlen

	.section .note.GNU-stack, "", %progbits
