/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Entry of both kinds of CPU, and the vectors. EL1, MMU off, interrupts masked. */

#define STACK_BYTES	0x4000
#define FRAME_BYTES	272		/* struct guest_frame: x0..x30, padding, elr, spsr */

	.section .text.head, "ax"
	.global	_start
_start:
	b	primary			/* arm64 Image header: Linux, Documentation/arch/arm64/booting.rst */
	.long	0
	.quad	0x80000			/* text_offset */
	.quad	image_bytes
	.quad	2			/* little-endian, 4 KiB pages */
	.quad	0, 0, 0
	.long	0x644d5241		/* "ARM\x64" */
	.long	0

primary:
	adrp	x1, bss_start
	add	x1, x1, :lo12:bss_start
	adrp	x2, bss_end
	add	x2, x2, :lo12:bss_end
1:	stp	xzr, xzr, [x1], #16
	cmp	x1, x2
	b.lo	1b
	mov	x19, #0
	bl	cpu_setup
	bl	mmu_build
	bl	mmu_on
	mov	x0, #0
	bl	guest_main
	b	.

/* PSCI CPU_ON: x0 is the context, our CPU index. */
	.global	secondary_start
secondary_start:
	mov	x19, x0
	bl	cpu_setup
	bl	mmu_on
	mov	x0, x19
	bl	guest_secondary
	b	.

/* Stack, vectors and FP for CPU x19. */
cpu_setup:
	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	add	x2, x19, #1
	mov	x3, #STACK_BYTES
	madd	x1, x2, x3, x1
	msr	SPSel, #1
	mov	sp, x1
	msr	TPIDR_EL1, x19
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	VBAR_EL1, x1
	mov	x1, #(3 << 20)		/* CPACR_EL1.FPEN */
	msr	CPACR_EL1, x1
	isb
	ret

/* Identity map: tables of mmu_build. */
mmu_on:
	ldr	x1, =0x04ff		/* MAIR: 0 write-back, 1 Device-nGnRE */
	msr	MAIR_EL1, x1
	ldr	x1, =0x200803519	/* T0SZ 25, write-back walks, inner shareable, EPD1, IPS 40 bits */
	msr	TCR_EL1, x1
	adrp	x1, mmu_table
	add	x1, x1, :lo12:mmu_table
	msr	TTBR0_EL1, x1
	dsb	ish
	tlbi	vmalle1
	ic	iallu
	dsb	ish
	isb
	ldr	x1, =0x30d01805		/* SCTLR: RES1, M, C, I */
	msr	SCTLR_EL1, x1
	isb
	ret

	.macro	vector kind
	.balign	128
	sub	sp, sp, #FRAME_BYTES
	stp	x0, x1, [sp, #0]
	mov	x1, #\kind
	b	exception
	.endm

	.section .text.vectors, "ax"
	.balign	2048
vectors:
	.irp	kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\kind
	.endr

exception:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	str	x30, [sp, #240]
	mrs	x2, ELR_EL1
	mrs	x3, SPSR_EL1
	stp	x2, x3, [sp, #256]
	mov	x0, sp
	bl	guest_exception
	ldp	x2, x3, [sp, #256]
	msr	ELR_EL1, x2
	msr	SPSR_EL1, x3
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldr	x30, [sp, #240]
	ldp	x0, x1, [sp, #0]
	add	sp, sp, #FRAME_BYTES
	eret

	.section .bss.stacks, "aw", %nobits
	.balign	4096
	.global	stacks
stacks:
	.space	STACK_BYTES * 8
