/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Patterns in V0..V31 and FPCR. The C code of the guest is built for general registers only, so nothing else touches
 * them. The pattern of register n, half h, on a CPU with seed s: s + (2 n + h + 1) * FP_STEP.
 */
	.text

#define FPCR_PATTERN	0x00c00000	/* round towards zero */

	.macro	step_load
	movz	x3, #0x7c15
	movk	x3, #0x7f4a, lsl #16
	movk	x3, #0x79b9, lsl #32
	movk	x3, #0x9e37, lsl #48
	.endm

	.global	fp_fill
fp_fill:
	step_load
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	add	x0, x0, x3
	mov	v\n\().d[0], x0
	add	x0, x0, x3
	mov	v\n\().d[1], x0
	.endr
	mov	x1, #FPCR_PATTERN
	msr	FPCR, x1
	msr	FPSR, xzr
	ret

/* x0: seed. Returns the number of registers that differ. */
	.global	fp_check
fp_check:
	step_load
	mov	x4, #0
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	add	x0, x0, x3
	mov	x1, v\n\().d[0]
	eor	x5, x1, x0
	add	x0, x0, x3
	mov	x1, v\n\().d[1]
	eor	x6, x1, x0
	orr	x5, x5, x6
	cmp	x5, #0
	cinc	x4, x4, ne
	.endr
	mrs	x1, FPCR
	mov	x2, #FPCR_PATTERN
	cmp	x1, x2
	cinc	x4, x4, ne
	mov	x0, x4
	ret
