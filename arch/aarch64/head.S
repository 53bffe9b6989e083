/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The arm64 Image header (Linux Documentation/arch/arm64/booting.rst) and the first instructions of every core. */
#include "arch/aarch64/layout.h"

	.section .text.head, "ax", %progbits
	.global	image_start
image_start:
	b	boot_first
	.word	0
	.quad	0			/* text_offset */
	.quad	image_bytes		/* .bss and the stacks included: keeps DTB and initrd away */
	.quad	0x2			/* little-endian, 4 KiB pages, base as low as possible */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.word	0

	.macro	park
	b	park_forever
	.endm

/* x0: physical address of the device tree. MMU and caches are off, interrupts masked. */
boot_first:
	mov	x19, x0
	mrs	x1, CurrentEL
	cmp	x1, #8
	b.ne	park_forever
	ldr	x1, =SCTLR_EL2_RES1
	msr	sctlr_el2, x1
	msr	tpidr_el2, xzr		/* no struct core yet: a panic uses core 0's stack */
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el2, x1
	isb
	adrp	x1, bss_start
	add	x1, x1, :lo12:bss_start
	adrp	x2, bss_end
	add	x2, x2, :lo12:bss_end
1:	cmp	x1, x2
	b.hs	2f
	stp	xzr, xzr, [x1], #16
	b	1b
2:	adrp	x1, stack_service_top
	add	x1, x1, :lo12:stack_service_top
	mov	sp, x1
	mov	x29, xzr
	mov	x30, xzr
	bl	boot_stage1		/* tables, and struct boot_mmu for everybody */
	bl	mmu_on
	mov	x0, x19
	bl	boot_primary
	b	park_forever

/* x0: struct core of this core, from PSCI CPU_ON; MMU and caches are off. */
	.global	boot_secondary_entry
boot_secondary_entry:
	mov	x19, x0
	ldr	x1, =SCTLR_EL2_RES1
	msr	sctlr_el2, x1
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el2, x1
	msr	tpidr_el2, x19
	isb
	ldr	x1, [x19, #CORE_STACK_TOP]
	mov	sp, x1
	mov	x29, xzr
	mov	x30, xzr
	bl	mmu_on
	mov	x0, x19
	bl	boot_secondary
	b	park_forever

/* Loads struct boot_mmu { mair, tcr, ttbr0 } and turns MMU and caches on. Uses x1 to x4. */
mmu_on:
	adrp	x1, boot_mmu
	add	x1, x1, :lo12:boot_mmu
	ldp	x2, x3, [x1]
	ldr	x4, [x1, #16]
	msr	mair_el2, x2
	msr	tcr_el2, x3
	msr	ttbr0_el2, x4
	isb
	tlbi	alle2
	ic	iallu
	dsb	nsh
	isb
	ldr	x2, =SCTLR_EL2_ON
	msr	sctlr_el2, x2
	isb
	ret

	.global	park_forever
park_forever:
	msr	daifset, #0xf
1:	wfi
	b	1b

	.ltorg

	.section .stacks, "aw", %nobits
	.balign	GUARD_BYTES
	.global	stacks_vcpu, stacks_panic, stack_service_top, stack_service_guard
stack_service_guard:
	.skip	GUARD_BYTES
	.skip	STACK_SERVICE_BYTES
stack_service_top:
stacks_vcpu:
	.rept	CORE_COUNT_MAX - 1	/* cores 1 and up */
	.skip	STACKS_VCPU_STRIDE
	.endr
stacks_panic:
	.rept	CORE_COUNT_MAX
	.skip	STACKS_PANIC_STRIDE
	.endr

	.section .note.GNU-stack, "", %progbits
