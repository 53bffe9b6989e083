/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Entry at EL2 on one CPU, an identity map, and the way into EL1 and back. */

#define STACK_BYTES	0x4000
#define EL1H_MASKED	0x3c5		/* SPSR_EL2: EL1h, interrupts masked */

	.section .text.head, "ax"
	.global	_start
_start:
	b	1f			/* arm64 Image header: Linux, Documentation/arch/arm64/booting.rst */
	.long	0
	.quad	0x80000			/* text_offset */
	.quad	image_bytes
	.quad	2			/* little-endian, 4 KiB pages */
	.quad	0, 0, 0
	.long	0x644d5241		/* "ARM\x64" */
	.long	0

1:	adrp	x1, bss_start
	add	x1, x1, :lo12:bss_start
	adrp	x2, bss_end
	add	x2, x2, :lo12:bss_end
2:	stp	xzr, xzr, [x1], #16
	cmp	x1, x2
	b.lo	2b
	adrp	x1, stack_top
	add	sp, x1, :lo12:stack_top
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	VBAR_EL2, x1
	bl	mmu_build
	ldr	x1, =0x04ff		/* MAIR: 0 write-back, 1 Device-nGnRE */
	msr	MAIR_EL2, x1
	ldr	x1, =0x80823519		/* T0SZ 25, write-back walks, inner shareable, PS 40 bits, RES1 */
	msr	TCR_EL2, x1
	adrp	x1, mmu_table
	add	x1, x1, :lo12:mmu_table
	msr	TTBR0_EL2, x1
	dsb	ish
	tlbi	alle2
	ic	iallu
	dsb	ish
	isb
	ldr	x1, =0x30c51835		/* SCTLR: RES1, M, C, I */
	msr	SCTLR_EL2, x1
	isb
	bl	board_main
3:	wfi
	b	3b

/*
 * uint64_t el1_run(uint64_t pc, uint64_t x0, uint64_t x1): to EL1 until the next exception; the guest's x1. What runs
 * there leaves every other register alone.
 */
	.global	el1_run
el1_run:
	msr	ELR_EL2, x0
	mov	x3, #EL1H_MASKED
	msr	SPSR_EL2, x3
	mov	x0, x1
	mov	x1, x2
	isb
	eret

	.section .text.vectors, "ax"
	.balign	2048
vectors:
	.rept	8
	b	board_panic
	.balign	128
	.endr
	mov	x0, x1			/* from EL1: back to el1_run's caller */
	ret
	.balign	128
	.rept	7
	b	board_panic
	.balign	128
	.endr

	.section .bss.stack, "aw", %nobits
	.balign	4096
	.space	STACK_BYTES
stack_top:
