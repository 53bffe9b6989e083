/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A static Linux program without a C library: the stack holds argc and argv. */
	.text
	.global	_start
	.type	_start, %function
_start:
	mov	x29, #0
	mov	x30, #0
	ldr	x0, [sp]
	add	x1, sp, #8
	bl	program
	brk	#1
	.size	_start, . - _start

	.section .note.GNU-stack, "", %progbits
